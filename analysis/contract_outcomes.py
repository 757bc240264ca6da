"""Outcomes of contracts talked over again: waivers, amendments, matching rights, second clouds.

The bound lab is the one with the most compute under exclusive contracts at the start; outcomes
about it are None in a scenario without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from .played import Played, outcome
from .tables import columns, parse_details

if TYPE_CHECKING:
    from ..scenario import Scenario

WINDOW_MONTHS: Final = 36  # pattern 14 of the calibration looks at month 36


class Bond(NamedTuple):
    """A lab that is bound at the start, the cloud, and all clouds of that cloud's group."""

    lab: str
    cloud: str
    group: frozenset[str]


def bond(scenario: Scenario) -> Bond | None:
    """The pair with the most exclusive compute at the start; first by name on ties."""
    held: dict[tuple[str, str], float] = {}
    for contract in scenario.contracts:
        if contract.exclusive:
            key = contract.lab, contract.cloud
            held[key] = held.get(key, 0.0) + contract.h100e
    if not held:
        return None
    lab, cloud = min(held, key=lambda pair: (-held[pair], pair))
    groups = {c.name: c.group or c.name for c in scenario.clouds}
    return Bond(lab, cloud, frozenset(n for n, g in groups.items() if g == groups[cloud]))


@outcome("waivers")
def _waivers_signed(run: Played) -> int:
    """Waivers of exclusivity agreed."""
    return int(run.event_counts.get("waiver_signed", 0))


@outcome("waivers")
def _waivers_refused(run: Played) -> int:
    """Talks on a waiver of exclusivity that came to nothing."""
    return int(run.event_counts.get("waiver_refused", 0))


@outcome("month of the run")
def _first_waiver_month(run: Played) -> int | None:
    """Month of the first waiver; None without one."""
    events = _of(run, "waiver_signed")
    return None if events is None else int(events["month"].min())


@outcome("USD")
def _waiver_fees_usd(run: Played) -> float:
    """Fees agreed for waivers of exclusivity, in total."""
    events = _of(run, "waiver_signed")
    return 0.0 if events is None else float(events["amount_usd"].sum())


@outcome("contracts")
def _amendments_signed(run: Played) -> int:
    """Renegotiations of price or volume that changed contracts."""
    return int(run.event_counts.get("contract_amended", 0))


@outcome("contracts")
def _amendments_refused(run: Played) -> int:
    """Renegotiations of price or volume that came to nothing."""
    return int(run.event_counts.get("amendment_refused", 0))


@outcome("contracts")
def _first_refusals_matched(run: Played) -> int:
    """Packages of rivals that an incumbent with a right of first refusal took over."""
    return int(run.event_counts.get("first_refusal_matched", 0))


@outcome("contracts")
def _first_refusals_declined(run: Played) -> int:
    """Packages of rivals that an incumbent with a right of first refusal let go."""
    return int(run.event_counts.get("first_refusal_declined", 0))


@outcome("contracts")
def _delay_exits(run: Played) -> int:
    """Contracts that labs left without a fee because the cloud delivered short."""
    events = _of(run, "contract_terminated")
    if events is None:
        return 0
    reasons = [parse_details(details).get("reason") for details in events["details"]]
    return reasons.count("late delivery")


@outcome("month of the run")
def _second_cloud_month(run: Played) -> int | None:
    """Month in which the bound lab first signs with a cloud of another group; None if never."""
    first = _second_cloud(run)
    return None if first is None else int(first["month"])


@outcome("USD")
def _second_cloud_contract_usd(run: Played) -> float | None:
    """Price over the term of the bound lab's first contract elsewhere; None without one."""
    first = _second_cloud(run)
    return None if first is None else float(first["amount_usd"])


@outcome("USD")
def _second_cloud_first_year_usd(run: Played) -> float | None:
    """Price over the term of all that it signs elsewhere within a year of the first; or None."""
    signed = _signed_elsewhere(run)
    if signed is None or signed.empty:
        return None
    first = signed["month"].min()
    return float(signed.loc[signed["month"] < first + 12, "amount_usd"].sum())


@outcome("0 or 1")
def _two_clouds_by_month_18(run: Played) -> int | None:
    """Whether the bound lab has signed with a second group of clouds before month 18."""
    if bond(run.scenario) is None:
        return None
    first = _second_cloud(run)
    return int(first is not None and int(first["month"]) < 18)


@outcome("share")
def _exclusive_cloud_share(run: Played) -> float | None:
    """Share of what the bound lab pays for contracts in 36 months that its first cloud gets."""
    pair = bond(run.scenario)
    if pair is None:
        return None
    flows = columns(run.given, "flows", "month", "payer", "payee", "purpose", "amount_usd")
    paid = flows.filter(
        (pc.field("payer") == pair.lab)
        & pc.field("purpose").isin(["compute", "prepayment"])
        & (pc.field("month") < WINDOW_MONTHS)
    )
    total = pc.sum(paid["amount_usd"]).as_py() or 0
    if total <= 0:
        return None
    own = paid.filter(pc.field("payee").isin(sorted(pair.group)))
    return float((pc.sum(own["amount_usd"]).as_py() or 0) / total)


@outcome("H100e")
def _bound_lab_compute_h100e(run: Played) -> float | None:
    """Mean compute of the bound lab over 36 months, contracts and spot, both workloads."""
    return _mean_of_lab(run, "training_h100e", "inference_h100e")


@outcome("H100e")
def _bound_lab_contracted_h100e(run: Played) -> float | None:
    """Mean compute delivered to the bound lab under contract over 36 months."""
    return _mean_of_lab(run, "contracted_training_h100e", "contracted_inference_h100e")


def _mean_of_lab(run: Played, *names: str) -> float | None:
    pair = bond(run.scenario)
    if pair is None:
        return None
    firms = columns(run.given, "firms", "month", "firm", *names)
    own = firms.filter((pc.field("firm") == pair.lab) & (pc.field("month") < WINDOW_MONTHS))
    total = sum([np.asarray(own[name], dtype=float) for name in names])
    return float(np.mean(total)) if len(own) else None


def _of(run: Played, kind: str) -> pd.DataFrame | None:
    """The events of a kind; None where there are none."""
    if not run.event_counts.get(kind, 0):
        return None
    events = run.tables["events"]
    return events[events["kind"] == kind]


def _second_cloud(run: Played) -> Any:
    """The bound lab's first contract with a cloud of another group; None without one."""
    signed = _signed_elsewhere(run)
    if signed is None or signed.empty:
        return None
    # two workloads may sign in one month: the larger
    return signed.sort_values(["month", "amount_usd"], ascending=[True, False]).iloc[0]


def _signed_elsewhere(run: Played) -> pd.DataFrame | None:
    pair = bond(run.scenario)
    events = _of(run, "contract_signed")
    if pair is None or events is None:
        return None
    return events[(events["firm"] == pair.lab) & ~events["counterparty"].isin(pair.group)]
