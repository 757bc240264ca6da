"""The ladder of distress: costs cut, owners and partners asked, cure month, default (phase 8)."""

from __future__ import annotations

from ..market.clearing import clear
from ..market.insolvency import Status, ladder
from ..market.ledger import WORLD, Bill
from .alliances import lose_face
from .bridges import seek_bridges
from .chipmaker import Chipmaker
from .economy import Economy
from .estates import going_on, liquidation
from .firm import Firm
from .lab import Lab
from .rescue import rescued
from .solvency import overdue_usd
from .winding_up import clear_arrears, indebted, liquidate
from .workouts import extend_loans, restructured

_COST_CUT = 0.7  # staff and the rest after cuts in distress
_TRAINING_CUT = 0.2  # of training capacity that a lab in distress does without
_SUBLET_ABOVE = 0.3  # spot over the price paid at which letting beats leaving unused


def resolve_distress(economy: Economy) -> None:
    """Help where somebody helps, wind up who is past cure, clear arrears, move the rest."""
    for firm in economy.firms():
        if firm.alive and firm.kept_alive:
            _keep_alive(economy, firm)
    seek_bridges(economy)
    for cloud in economy.living_clouds():
        extend_loans(economy, cloud)
    before = {firm.name: firm.status for firm in economy.firms() if firm.alive}
    reasons = _beyond_help(economy)
    if reasons:
        liquidate(economy, reasons)
    else:
        clear_arrears(economy)
    for firm in economy.firms():
        if firm.alive:
            _move(economy, firm, before[firm.name])


def _beyond_help(economy: Economy) -> dict[str, str]:
    """Firms past their cure month that nobody saves, and what each could not pay.

    Who fails may take others along, as what it owes them is lost: rounds go on until no further
    firm does (the fictitious defaults of Eisenberg & Noe 2001, section 3).
    """
    reasons: dict[str, str] = {}
    while True:
        short = _short(economy, reasons)
        if not short:
            return reasons
        for firm in short:
            if rescued(economy, firm, reasons) or restructured(economy, firm, reasons):
                continue
            firm.arrears_usd = overdue_usd(firm) - firm.cash_usd
            unpaid = f"${firm.arrears_usd / 1e6:,.1f}M"
            reasons[firm.name] = f"could not pay {unpaid} after its cure month"


def _short(economy: Economy, failing: dict[str, str]) -> list[Firm]:
    """Firms past cure that a clearing leaves with arrears, the largest debtors first."""
    living = indebted(economy)
    past_cure = [f for f in living if f.status is Status.CURE and f.name not in failing]
    if not past_cure:
        return []
    estates = {firm.name: going_on(economy, firm) for firm in living}
    for name in failing:
        estates[name] = liquidation(economy, economy.firm(name), failing)
    kept = 1 - economy.market.rules.world.distress.bankruptcy_cost_share
    cleared = clear(estates, realised_share=kept, recovered_share=kept)
    short = [
        firm for firm in past_cure if sum(cleared[firm.name].paid_usd.values()) < overdue_usd(firm)
    ]
    return sorted(short, key=lambda firm: (-overdue_usd(firm), firm.name))


def _move(economy: Economy, firm: Firm, before: Status) -> None:
    """A firm's place on the ladder at the end of the month."""
    firm.arrears_usd = overdue_usd(firm)
    firm.refresh_runway()
    status = ladder(firm.runway_months, firm.arrears_usd)
    if status is not before:
        firm.status = status
        _announce(economy, firm, before)
    _cut_costs(firm)
    if isinstance(firm, Lab):
        _cut_training(firm)


def _announce(economy: Economy, firm: Firm, before: Status) -> None:
    kinds = {Status.WATCH: "watch", Status.DISTRESS: "distress", Status.CURE: "cure"}
    order = list(Status)
    kind = kinds.get(firm.status)
    if kind is None or order.index(firm.status) < order.index(before):
        return
    if firm.status is Status.CURE:
        lose_face(economy, firm, f"{firm.name} cannot pay what is due")
    runway = f"{firm.runway_months:.1f} months of runway"
    text = {
        "watch": f"{firm.name} is on watch: {runway}",
        "distress": f"{firm.name} is in distress: {runway}; new commitments are frozen",
        "cure": f"{firm.name} is out of cash: ${firm.arrears_usd / 1e6:,.1f}M of dues unpaid",
    }[kind]
    economy.market.event(
        kind, firm.name, "", firm.arrears_usd, text, runway_months=firm.runway_months,
        cash_usd=firm.cash_usd,
    )  # fmt: skip


def _cut_costs(firm: Firm) -> None:
    """In distress labs cut staff and the rest, chipmakers research; recovery undoes it."""
    if not isinstance(firm, Lab | Chipmaker):
        return
    if firm.frozen and firm.cost_cut == 1.0:
        what = "staff and other cost" if isinstance(firm, Lab) else "research and sales"
        less = " and trains less" if isinstance(firm, Lab) else ""
        firm.market.event(
            "costs_cut", firm.name, text=f"{firm.name} cuts {what} by {1 - _COST_CUT:.0%}{less}"
        )
    firm.cost_cut = _COST_CUT if firm.frozen else 1.0


def _cut_training(lab: Lab) -> None:
    """A lab in distress trains less; recovery undoes it.

    Capacity for training is let to others while spot pays for it, else left unused down to what
    take-or-pay leaves due.
    """
    spot = lab.market.rental["training"].spot_price
    lets = lab.frozen and spot > _SUBLET_ABOVE * lab.paid_price
    lab.sublet["training"] = _TRAINING_CUT * lab.got["training"] if lets else 0.0
    lab.idle["training"] = _TRAINING_CUT if lab.frozen and not lets else 0.0


def _keep_alive(economy: Economy, firm: Firm) -> None:
    """A grant from outside, equal to the shortfall (an intervention)."""
    short = max(0, overdue_usd(firm) - firm.cash_usd)
    if short:
        economy.market.ledger.pay(Bill(WORLD, firm.name, short, "grant"))
        economy.market.event(
            "intervention", firm.name, "world", short,
            f"{firm.name} is kept alive with a grant of ${short / 1e6:,.1f}M", kind="keep_alive",
        )  # fmt: skip
