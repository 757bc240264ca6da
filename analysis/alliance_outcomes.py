"""What became of alliances between clouds and labs in a run: follow-on, access, hedging, AGI.

All are None for a scenario without alliances, and sums or means over all alliances it has.
"""

from __future__ import annotations

import pandas as pd

from .played import Played, outcome
from .tables import parse_details, records

_YEAR = 12


@outcome("USD")
def _follow_on_usd(run: Played) -> float | None:
    """Equity that partners and firms of their groups paid to their labs over the run."""
    return float(_follow_on(run)["amount_usd"].sum()) if run.scenario.alliances else None


@outcome("USD")
def _follow_on_after_shock_usd(run: Played) -> float | None:
    """The same in the twelve months from the first governance shock on; None without one."""
    first = _first(run, "governance_shock")
    if first is None or not run.scenario.alliances:
        return None
    paid = _follow_on(run)
    return float(paid["amount_usd"][paid["month"].between(first, first + _YEAR - 1)].sum())


@outcome("share of runs")
def _agi_declared(run: Played) -> int | None:
    """Whether a lab declared AGI: 1 or 0."""
    if not run.scenario.alliances:
        return None
    return int(run.event_counts.get("agi_declared", 0) > 0)


@outcome("month of the run")
def _agi_month(run: Played) -> int | None:
    """Month of the first declaration of AGI; None without one."""
    return _first(run, "agi_declared")


@outcome("USD")
def _access_revenue_usd(run: Played) -> float | None:
    """What partners earned with their labs' models over the run."""
    return float(_access(run)["amount_usd"].sum()) if run.scenario.alliances else None


@outcome("months")
def _access_months(run: Played) -> int | None:
    """Months in which some partner earned with its lab's models."""
    return int(_access(run)["month"].nunique()) if run.scenario.alliances else None


@outcome("USD")
def _access_after_agi_usd(run: Played) -> float | None:
    """Access and revenue share paid from the first AGI declaration on; None without one."""
    first = _first(run, "agi_declared")
    if first is None:
        return None
    flows = run.tables["flows"]
    late = flows["purpose"].isin(("model_access", "revenue_share")) & (flows["month"] >= first)
    return float(flows["amount_usd"][late].sum())


@outcome("month of the run")
def _hedge_month(run: Played) -> int | None:
    """Month in which a partner first hired or founded a team of its own; None if none did."""
    months = [_first(run, kind) for kind in ("team_hired", "team_founded")]
    return min((month for month in months if month is not None), default=None)


@outcome("USD")
def _team_price_usd(run: Played) -> float | None:
    """What a partner paid for the first rival's team that was hired; None without one."""
    if not run.event_counts.get("team_hired", 0):
        return None
    events = run.tables["events"]
    return float(events["amount_usd"][events["kind"] == "team_hired"].iloc[0])


@outcome("USD")
def _partner_reservation_usd(run: Played) -> float | None:
    """What a lab could ask its partner for: the most it would forgo to keep the alliance, mean."""
    return _mean_of_reviews(run, "reservation_usd")


@outcome("USD")
def _partner_support_usd(run: Played) -> float | None:
    """The most that a partner would put up to see its lab through, mean over its reviews."""
    return _mean_of_reviews(run, "support_usd")


def _mean_of_reviews(run: Played, what: str) -> float | None:
    if not run.event_counts.get("alliance_review", 0):
        return None
    events = run.tables["events"]
    reviews = records(events[events["kind"] == "alliance_review"])
    values = [float(parse_details(review["details"]).get(what, 0.0)) for review in reviews]
    return sum(values) / len(values)


def _first(run: Played, kind: str) -> int | None:
    if not run.event_counts.get(kind, 0):
        return None
    events = run.tables["events"]
    return int(events["month"][events["kind"] == kind].min())


def _access(run: Played) -> pd.DataFrame:
    flows = run.tables["flows"]
    return flows[flows["purpose"] == "model_access"]


def _follow_on(run: Played) -> pd.DataFrame:
    """Payments for equity from a partner's group to its lab."""
    groups = {firm.name: firm.group or firm.name for firm in run.scenario.firms}
    pairs = {(groups[a.partner], a.lab) for a in run.scenario.alliances}
    flows = run.tables["flows"]
    equity = flows[flows["purpose"] == "equity"]
    payers = equity["payer"].map(groups)
    paid = [pair in pairs for pair in zip(payers, equity["payee"], strict=True)]
    return equity[paid]
