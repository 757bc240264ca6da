"""Labs let what earns less by use than by letting: to other labs first, the rest on spot.

Both sides know last month's spot price. Who lets on spot places only a part of what it offers
(`spot_friction`); who rents there pays the price. A month's lease between two labs splits that
difference by halves (Nash 1950, equal power).
"""

from __future__ import annotations

from ..market.contracts import HOURS_PER_MONTH
from ..market.market import WORKLOADS
from .compute_market import spot_bids
from .economy import Economy
from .lab import Lab

_SMALLEST_LEASE_H100E = 50.0


def share_compute(economy: Economy) -> None:
    """Labs with a finance office offer what they do not need (phase 4, before rentals)."""
    lenders = [lab for lab in economy.living_labs() if lab.finance_rule.checks]
    for lab in lenders:
        if lab.frozen:  # distress has its own rule
            continue
        spare = spare_h100e(lab)
        tenants: set[tuple[str, str]] = set()
        for workload in WORKLOADS:
            left = spare[workload]
            if left >= _SMALLEST_LEASE_H100E:
                left -= _lend(economy, lab, workload, left, tenants)
            else:
                left = 0.0
            lab.sublet[workload] = left * economy.market.rules.world.renters.spot_friction
            if left > 0:
                _note(lab, "", workload, left, tenants)
        lab.tenants = tenants


def spare_h100e(lab: Lab) -> dict[str, float]:
    """What a lab would let at the present spot price, H100e of each workload.

    Inference above what users need is let first. Training stays as far as it earns more than rent,
    and as far as it has to serve users.
    """
    view = lab.finances
    assert view is not None  # plans are made before capacity is let
    got = lab.got
    idle = max(0.0, got["inference"] - 1.1 * lab.need_h100e)
    missing = max(0.0, 1.05 * lab.need_h100e - got["inference"])
    serving = lab.allocation_rule.diverted_h100e(missing, got["training"])
    rent = lab.market.rental["training"].spot_price * HOURS_PER_MONTH
    kept = lab.finance_rule.kept_h100e(view, rent) + serving
    training = max(0.0, got["training"] + idle - kept)
    from_inference = min(training, idle)  # idle inference would train
    return {"training": min(training - from_inference, got["training"]),
            "inference": from_inference}  # fmt: skip


def _lend(
    economy: Economy, lab: Lab, workload: str, spare: float, tenants: set[tuple[str, str]]
) -> float:
    """Leases of a month to labs that would rent on spot; returns what is let, H100e."""
    market = economy.market
    spot = market.rental[workload].spot_price
    price = 0.5 * (1 + market.rules.world.renters.spot_friction) * spot
    let = 0.0
    for other in economy.living_labs():
        if other is lab or other.lent[workload] > 0 or let >= spare:
            continue
        wanted = sum([bid.h100e for bid in spot_bids(other, workload) if bid.limit_price >= spot])
        h100e = min(wanted, spare - let)
        if h100e < _SMALLEST_LEASE_H100E:
            continue
        let += h100e
        lab.lent[workload] += h100e
        other.borrowed[workload] += h100e
        usd = h100e * price * HOURS_PER_MONTH
        other.compute_cost_usd += usd
        market.bill(other.name, lab.name, usd, "sublet_compute")
        _note(lab, other.name, workload, h100e, tenants, price)
    return let


def _note(
    lab: Lab, tenant: str, workload: str, h100e: float, tenants: set[tuple[str, str]],
    price: float | None = None,
) -> None:  # fmt: skip
    """Record who rents what, in the first month of a spell."""
    tenants.add((workload, tenant))
    if (workload, tenant) in lab.tenants:
        return
    terms = f"lets {tenant} use {h100e:,.0f} {workload} H100e at ${price:.2f}/h" if tenant else (
        f"offers {h100e:,.0f} {workload} H100e on spot"
    )  # fmt: skip
    lab.market.event(
        "capacity_let", lab.name, tenant,
        text=f"{lab.name} {terms}: rent pays more than its own use of them",
        workload=workload, h100e=h100e, price_usd=price,
    )  # fmt: skip
