"""A lab's finance office at work: what it sees, what it cuts from plans, what it refuses."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

from ..market.contracts import HOURS_PER_MONTH
from ..market.world import SEGMENTS
from .strategies.finance import FinanceView, RequestView

if TYPE_CHECKING:
    from .lab import Lab

_REMINDER_MONTHS = 12  # after which the same refusal is news again


def finance_view(
    lab: Lab, training: float, inference: float, signed_usd: float, missing: float
) -> FinanceView:
    """What the office knows this month.

    training, inference: H100e that the lab wants at its planning horizon
    signed_usd: compute bill of the contracts at the horizon, a month
    missing: inference not signed yet, H100e
    """
    market, spec = lab.market, lab.spec
    technology = market.rules.world.technology
    horizon = lab.procurement_rule.horizon_months
    growth = max(-0.1, min(0.15, 0.6 * lab.need_trend))  # as the lab plans
    revenue = lab.recurring_usd[-1] if lab.recurring_usd else 0.0
    more = revenue * (exp(growth * horizon) - 1) * (1 - spec.sales_cost_share)
    with_staff = 1 + spec.other_cost_share + lab.finance_rule.efficiency_share
    price = max(0.01, market.lab_contract_price) * HOURS_PER_MONTH
    compute = signed_usd - lab.contract_cost_usd(market.month) + missing * price
    margin = max(0.0, 1 - spec.sales_cost_share - lab.unit_cost_usd / lab.price_index)
    terms = market.rules.world.bargaining
    years_bound = sum(terms.term_months) / len(terms.term_months)
    bound = sum(terms.take_or_pay_shares) / len(terms.take_or_pay_shares)
    commitments = [
        c.take_or_pay_share * c.remaining_usd(market.month)
        for c in market.book.by_lab.get(lab.name, ())
    ]
    contested = technology.capability_weight * margin * _contested_usd(lab)
    return FinanceView(
        training,
        contested * exp(growth * horizon),
        technology.capability_decay_per_month,
        technology.share_adjustment_per_month,
        growth,
        with_staff * price,
        lab.cash_usd + lab.funds_due_usd,
        lab.mean_outflow_usd + with_staff * compute - more,
        sum(commitments),
        12 * revenue * exp(6 * growth),
        bound * years_bound * price,
    )


def _contested_usd(lab: Lab) -> float:
    """Revenue a month times what others hold of its segments: slope of a logit share in utility."""
    units, share = lab.asked, lab.share
    return lab.price_index * sum([units[s] * share[s] * (1 - share[s]) for s in SEGMENTS])


def review_training(lab: Lab, view: FinanceView) -> float:
    """Training to plan for: what earns the hurdle."""
    allowed = lab.finance_rule.training_h100e(view)
    cut = 1 - allowed / view.training_h100e if view.training_h100e > 0 else 0.0
    if cut > 0.01:
        _tell(
            lab, "training", "hurdle",
            f"{lab.name}'s finance office cuts the training it plans for by {cut:.0%} to "
            f"{allowed:,.0f} H100e: more would not earn the hurdle",
            wanted_h100e=view.training_h100e, allowed_h100e=allowed,
        )  # fmt: skip
    return allowed


def review_request(lab: Lab, workload: str, wanted: float) -> float:
    """How much of a request the office lets pass, H100e of the workload."""
    view = lab.finances
    assert view is not None  # plans are made before requests
    held = lab.committed_h100e("inference", lab.market.month + lab.procurement_rule.horizon_months)
    needed = before = 0.0
    net = view.h100e_usd
    if workload == "inference":
        needed = max(0.0, 1.05 * lab.need_h100e - held)
        net -= lab.price_index * HOURS_PER_MONTH / lab.compute_per_unit  # what serving earns
    else:  # users come first
        before = max(0.0, lab.target["inference"] - held) * view.new_commitment_usd
    request = RequestView(wanted, needed, net, before)
    allowed, limit = lab.finance_rule.allowed_h100e(view, request)
    if limit:
        first = f" and ${before / 1e9:,.2f}B for users to come" if before else ""
        why = {
            "commitment cap": f"take-or-pay of ${view.commitments_usd / 1e9:,.2f}B{first} stands "
            f"against ${(view.expected_revenue_usd + view.funds_usd) / 1e9:,.2f}B of cash and a "
            "year's expected revenue",
            "runway floor": f"${view.funds_usd / 1e9:,.2f}B must last for the floor at an outflow "
            f"of ${view.outflow_usd / 1e6:,.0f}M a month to come",
        }[limit]
        _tell(
            lab, workload, limit,
            f"{lab.name}'s finance office lets {allowed:,.0f} of {wanted:,.0f} {workload} H100e be "
            f"asked for ({limit}): {why}",
            wanted_h100e=wanted, allowed_h100e=allowed, commitments_usd=view.commitments_usd,
            funds_usd=view.funds_usd, outflow_usd=view.outflow_usd,
        )  # fmt: skip
    return allowed


def _tell(lab: Lab, workload: str, limit: str, text: str, **details: Any) -> None:
    """Record a refusal once, and again when it still stands a year later."""
    month = lab.market.month
    key = f"{workload} {limit == 'hurdle'}"
    before, since = lab.refusals.get(key, ("", 0))
    if limit == before and month - since < _REMINDER_MONTHS:
        return
    lab.refusals[key] = limit, month
    lab.market.event(
        "spending_refused", lab.name, text=text, reason=limit, workload=workload, **details
    )
