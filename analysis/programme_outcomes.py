"""What came of custom-chip programmes: outcomes of runs of scenarios that have one."""

from __future__ import annotations

from typing import Any

from .played import Played, outcome
from .tables import parse_details, records

_ENDINGS = ("programme_signed", "programme_lapsed")


def _ending(run: Played) -> dict[str, Any] | None:
    """How the first programme to end did so: kind, month and details; None without one."""
    if not any(run.event_counts.get(kind, 0) for kind in _ENDINGS):
        return None
    events = run.tables["events"]
    first = records(events[events["kind"].isin(_ENDINGS)].iloc[:1])[0]
    return {**parse_details(first["details"]), "kind": first["kind"], "month": first["month"]}


@outcome("share of runs")
def _programme_signed(run: Played) -> int | None:
    """1 where a custom-chip programme was signed, 0 where it lapsed; None where neither was."""
    ending = _ending(run)
    return None if ending is None else int(ending["kind"] == "programme_signed")


@outcome("month of the run")
def _programme_month_signed(run: Played) -> int | None:
    """Month in which the programme was signed."""
    ending = _ending(run)
    signed = ending is not None and ending["kind"] == "programme_signed"
    return int(ending["month"]) if ending is not None and signed else None


@outcome("months")
def _programme_standoff_months(run: Played) -> int | None:
    """Months of talks on the programme that ended without signature."""
    ending = _ending(run)
    return None if ending is None else int(ending.get("standoff_months", 0))


@outcome("share")
def _programme_gap_share(run: Played) -> float | None:
    """Gap at the lapse of the leg that was waited for, of the price asked; 0 without one."""
    ending = _ending(run)
    if ending is None or ending["kind"] == "programme_signed":
        return None
    return max(0.0, float(ending.get("gap_share", 0.0)))


@outcome("USD")
def _programme_gap_usd(run: Played) -> float | None:
    """The same gap in dollars over the term of the leg."""
    ending = _ending(run)
    if ending is None or ending["kind"] == "programme_signed":
        return None
    return max(0.0, float(ending.get("gap_usd", 0.0)))


@outcome("share of runs")
def _programme_lapsed_for_host(run: Played) -> int | None:
    """1 where the programme lapsed and had waited for a cloud at the end."""
    return _lapsed_for(run, "host")


@outcome("share of runs")
def _programme_lapsed_for_lab(run: Played) -> int | None:
    """1 where the programme lapsed and had waited for its own lab at the end."""
    return _lapsed_for(run, "lab")


@outcome("share of runs")
def _programme_lapsed_for_designer(run: Played) -> int | None:
    """1 where the programme lapsed and had waited for the chip's designer at the end."""
    return _lapsed_for(run, "designer")


@outcome("share of runs")
def _programme_lapsed_for_financing_partner(run: Played) -> int | None:
    """1 where the programme lapsed and had waited for the financing partner at the end."""
    return _lapsed_for(run, "financing_partner")


@outcome("months")
def _programme_months_waiting_for_host(run: Played) -> int | None:
    """Months of standoff in which a cloud was waited for."""
    return _months_waiting_for(run, "host")


@outcome("months")
def _programme_months_waiting_for_lab(run: Played) -> int | None:
    """Months of standoff in which the lab itself was waited for."""
    return _months_waiting_for(run, "lab")


def _lapsed_for(run: Played, role: str) -> int | None:
    ending = _ending(run)
    if ending is None:
        return None
    return int(ending["kind"] == "programme_lapsed" and ending.get("role") == role)


def _months_waiting_for(run: Played, role: str) -> int | None:
    ending = _ending(run)
    return None if ending is None else int(ending.get("months_blocked", {}).get(role, 0))
