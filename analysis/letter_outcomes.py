"""Outcomes of letters of intent: what became money, how they flatter runway, what a lapse does.

Share prices around a lapse are those of an event study (MacKinlay 1997): the log return of the
month less that of listed firms which have nothing to do with the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import log
from typing import Any, Final

import numpy as np
import pandas as pd

from .played import Played, outcome
from .tables import parse_details, records

LONGEST_RUNWAY_MONTHS: Final = 60.0  # beyond five years, and without any burn, nobody plans
_PROMISED: Final = ("letter_signed", "letter_in_force")
_PAID: Final = ("tranche_converted", "tranche_paid")


@outcome("letters")
def _letters_signed(run: Played) -> int:
    """Letters of intent signed during the run."""
    return int(run.event_counts.get("letter_signed", 0))


@outcome("letters")
def _letters_lapsed(run: Played) -> int:
    """Letters of intent that ran out or were walked back."""
    return int(run.event_counts.get("letter_lapsed", 0))


@outcome("share")
def _letter_converted_share(run: Played) -> float | None:
    """Share of the money promised by letters of intent that was paid; None without letters."""
    promised = sum(event["amount_usd"] for event in _events(run, _PROMISED))
    return _paid_usd(run) / promised if promised else None


@outcome("USD")
def _letter_converted_usd(run: Played) -> int:
    """Money paid under letters of intent."""
    return _paid_usd(run)


@outcome("months", better="lower")
def _letter_runway_overstatement_months(run: Played) -> float | None:
    """Runway with letters counted as cash less runway, at most 60 each; mean over their months."""
    if not _known(run, _PROMISED):
        return None
    firms = run.tables["firms"]
    longer = firms["runway_with_letters_months"].to_numpy(dtype=float)
    runway = firms["runway_months"].to_numpy(dtype=float)
    takers = {event["firm"] for event in _events(run, _PROMISED)}
    held = np.zeros(len(firms), dtype=bool)
    month, name = firms["month"].to_numpy(), firms["firm"].to_numpy()
    for taker in takers:
        for first, last in _in_force(run, taker):
            held |= (name == taker) & (month >= first) & (month < last)
    if not held.any():
        return None
    gap = np.minimum(longer, LONGEST_RUNWAY_MONTHS) - np.minimum(runway, LONGEST_RUNWAY_MONTHS)
    return float(gap[held].mean())


@outcome("month of the run")
def _first_letter_month(run: Played) -> int | None:
    """Month in which the first letter of intent was signed; 0 if before the start."""
    first = _first_letter(run)
    return int(first["month"]) if first else None


@outcome("months", better="higher")
def _first_letter_runway_months(run: Played) -> float | None:
    """Runway of its taker at the end of that month, at most 60; None without a letter."""
    return _runway_at_first_letter(run, "runway_months")


@outcome("months", better="higher")
def _first_letter_paper_runway_months(run: Played) -> float | None:
    """The same if letters of intent were cash; None without a letter."""
    return _runway_at_first_letter(run, "runway_with_letters_months")


@outcome("months", better="higher")
def _first_letter_to_out_of_cash_months(run: Played) -> int | None:
    """Months from there to a due that the taker could not pay; None if it paid all, or without."""
    first = _first_letter(run)
    if first is None:
        return None
    firms = run.tables["firms"]
    short = firms[(firms["firm"] == first["firm"]) & (firms["arrears_usd"] > 0)]
    since = short["month"] - int(first["month"])
    return int(since[since >= 0].min()) if (since >= 0).any() else None


@outcome("log points")
def _letter_lapse_giver_return(run: Played) -> float | None:
    """Return of the giver's shares in the month of a lapse, less that of firms not concerned."""
    return _mean(
        _abnormal(run, event, [event["counterparty"]]) for event in _events(run, ("letter_lapsed",))
    )


@outcome("log points")
def _letter_lapse_supplier_return(run: Played) -> float | None:
    """Return of the shares of the taker's listed clouds in that month, less that of others."""
    return _mean(
        _abnormal(run, event, sorted(_suppliers(run, event, -1, 0)))
        for event in _events(run, ("letter_lapsed",))
    )


@outcome("index")
def _letter_giver_share_price(run: Played) -> float | None:
    """Giver's share price index, mean over the second year after the first letter was signed."""
    return _second_year(run, lambda event: [event["counterparty"]])


@outcome("index")
def _letter_supplier_share_price(run: Played) -> float | None:
    """The same of the listed clouds that the taker paid in the first year."""
    return _second_year(run, lambda event: sorted(_suppliers(run, event, 1, 12)))


@outcome("USD")
def _warrants_vested_usd(run: Played) -> int:
    """Worth of the warrants that vested, at the share price of the day."""
    return sum(event["amount_usd"] for event in _events(run, ("warrant_vested",)))


@outcome("USD")
def _backstops_paid_usd(run: Played) -> int:
    """Paid by guarantors for capacity that clouds could not sell."""
    if not _known(run, ("backstop_paid",)):
        return 0
    flows = run.tables["flows"]
    return int(flows.loc[flows["purpose"] == "backstop", "amount_usd"].sum())


def _first_letter(run: Played) -> dict[str, Any] | None:
    """The event of the first letter, signed or in force at the start."""
    return next(iter(_events(run, _PROMISED)), None)


def _runway_at_first_letter(run: Played, column: str) -> float | None:
    first = _first_letter(run)
    if first is None:
        return None
    firms = run.tables["firms"]
    row = firms[(firms["firm"] == first["firm"]) & (firms["month"] == first["month"])]
    return float(row[column].clip(upper=LONGEST_RUNWAY_MONTHS).iloc[0]) if len(row) else None


def _contract(event: dict[str, Any]) -> str:
    return str(parse_details(event["details"]).get("contract_id"))


def _known(run: Played, kinds: Iterable[str]) -> bool:
    return any(run.event_counts.get(kind, 0) for kind in kinds)


def _events(run: Played, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    if not _known(run, kinds):
        return []
    events = run.tables["events"]
    return records(events[events["kind"].isin(kinds)])


def _paid_usd(run: Played) -> int:
    """Paid under letters: what bound nobody, and binding tranches; rounds have tranches too."""
    return sum(e["amount_usd"] for e in _events(run, _PAID) if "/letter/" in e["details"])


def _in_force(run: Played, taker: str) -> Iterator[tuple[int, int]]:
    """First month of each letter of a taker, and the month in which it was over."""
    last = int(run.tables["months"]["month"].max()) + 1
    ends = {
        _contract(event): int(event["month"])
        for event in _events(run, ("letter_lapsed", "letter_closed"))
    }
    for event in _events(run, _PROMISED):
        if event["firm"] == taker:
            yield int(event["month"]), ends.get(_contract(event), last)


def _suppliers(run: Played, event: dict[str, Any], first: int, last: int) -> set[str]:
    """Clouds that the taker paid for compute, some months around an event."""
    flows = run.tables["flows"]
    month = flows["month"] - event["month"]
    paid = (flows["payer"] == event["firm"]) & (flows["purpose"] == "compute")
    return set(flows.loc[paid & month.between(first, last), "payee"]) - {event["counterparty"]}


def _indices(run: Played) -> pd.DataFrame:
    """Share price indices, a row a month and a column a listed firm."""
    firms = run.tables["firms"]
    listed = firms[firms["share_price_index"].notna()]
    return listed.pivot(index="month", columns="firm", values="share_price_index").astype(float)


def _abnormal(run: Played, event: dict[str, Any], concerned: list[str]) -> float | None:
    """Log return in the month of an event of the firms concerned, less that of all others."""
    indices, month = _indices(run), int(event["month"])
    if month - 1 not in indices.index or month not in indices.index:
        return None
    before, now = (indices.loc[m].to_dict() for m in (month - 1, month))
    returns = {str(firm): log(now[firm] / before[firm]) for firm in now}
    own = [returns[name] for name in concerned if name in returns]
    moved = {*concerned, event["counterparty"], *_suppliers(run, event, -1, 0)}
    others = [value for name, value in sorted(returns.items()) if name not in moved]
    return float(np.mean(own) - np.mean(others)) if own and others else None


def _second_year(run: Played, of: Callable[[dict[str, Any]], list[str]]) -> float | None:
    signed = _events(run, ("letter_signed",))
    if not signed:
        return None
    indices = _indices(run)
    names = [name for name in of(signed[0]) if name in indices.columns]
    since = indices.index - int(signed[0]["month"])
    window = indices.loc[(since > 12) & (since <= 24), names]
    return float(window.to_numpy().mean()) if window.size else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
