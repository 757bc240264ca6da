"""Runway tests, the cure month, default and liquidation (phase 8 of the month)."""

from __future__ import annotations

from ..market.contracts import ComputeContract, DealStatus
from ..market.insolvency import Claim, Rank, Status, ladder, rejection_damages_usd, waterfall
from ..market.ledger import WORLD, Account, Bill
from ..market.ledger import Claim as LedgerClaim
from ..market.market import WORKLOADS
from .alliances import lose_face
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .investor import Investor
from .lab import Lab
from .lending import collateral_usd
from .settlement import clear

_FIRE_SALE_SHARE = 0.5  # of collateral value, in a liquidation
_COST_CUT = 0.7  # staff and the rest after cuts in distress
_TRAINING_CUT = 0.2  # of training capacity that a lab in distress does without
_SUBLET_ABOVE = 0.3  # spot over the price paid at which letting beats leaving unused
_MITIGATION = 0.6  # of a rejected contract that the cloud re-lets
_DEFAULT_NEWS = -0.3
_MAJOR_USD = 1e9


def resolve_distress(economy: Economy) -> None:
    """Clear what arrears remain, move firms on the ladder, liquidate those past cure."""
    failing: list[Firm] = []
    for firm in economy.firms():
        if not firm.alive:
            continue
        before = firm.status
        if firm.kept_alive:
            _keep_alive(economy, firm)
        firm.arrears_usd = clear(economy, firm.name)
        firm.refresh_runway()
        status = ladder(firm.runway_months, firm.arrears_usd, before is Status.CURE)
        if status is not before:
            firm.status = status
            if status is Status.DEFAULTED:
                failing.append(firm)
            else:
                _announce(economy, firm, before)
        if isinstance(firm, Lab):
            _adjust(firm)
    for firm in failing:
        unpaid = f"${firm.arrears_usd / 1e6:,.1f}M"
        liquidate(economy, firm, f"could not pay {unpaid} after its cure month")


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


def _adjust(lab: Lab) -> None:
    """Distress cuts other cost and training; recovery undoes both.

    Capacity for training is let to others while spot pays for it, else left unused down to what
    take-or-pay leaves due.
    """
    distressed = lab.frozen and lab.alive
    if distressed and lab.cost_cut == 1.0:
        lab.market.event(
            "costs_cut", lab.name, text=f"{lab.name} cuts staff and other cost by "
            f"{1 - _COST_CUT:.0%} and trains less",
        )  # fmt: skip
    lab.cost_cut = _COST_CUT if distressed else 1.0
    spot = lab.market.rental["training"].spot_price
    lets = distressed and spot > _SUBLET_ABOVE * lab.paid_price
    lab.sublet["training"] = _TRAINING_CUT * lab.got["training"] if lets else 0.0
    lab.idle["training"] = _TRAINING_CUT if distressed and not lets else 0.0


def _keep_alive(economy: Economy, firm: Firm) -> None:
    """A grant from outside, equal to the shortfall (an intervention)."""
    ledger = economy.market.ledger
    owed = ledger.balance_usd(firm.name, Account.PAYABLES)
    short = max(0, owed - firm.cash_usd)
    if short:
        ledger.pay(Bill(WORLD, firm.name, short, "grant"))
        economy.market.event(
            "intervention", firm.name, "world", short,
            f"{firm.name} is kept alive with a grant of ${short / 1e6:,.1f}M", kind="keep_alive",
        )  # fmt: skip


def liquidate(economy: Economy, firm: Firm, reason: str) -> None:
    """Default: contracts are rejected, assets sold, creditors paid by rank, books closed."""
    market = economy.market
    market.event(
        "default", firm.name, "", firm.arrears_usd, f"{firm.name} defaults: {reason}",
        cash_usd=firm.cash_usd, debt_usd=firm.debt_usd, reason=reason,
    )  # fmt: skip
    lose_face(economy, firm, f"{firm.name} defaults")
    firm.status = Status.DEFAULTED
    proceeds = _sell_fleet(economy, firm) if isinstance(firm, Cloud) else 0
    if isinstance(firm, Lab):
        firm.got, firm.spot, firm.sublet, firm.let, firm.borrowed, firm.lent = (
            dict.fromkeys(WORKLOADS, 0.0) for _ in range(6)
        )
    ledger_claims = market.ledger.owed_by(
        firm.name, Account.RECEIVABLES, Account.PREPAID, Account.LOANS
    )
    claims = [_ranked(claim, usd) for claim, usd in ledger_claims]
    claims += _reject_contracts(economy, firm)
    known = len(ledger_claims)
    claims += [
        # what a failed holder owned went to outsiders with its estate
        Claim(
            WORLD if holder in market.ledger.closed else holder, Rank.EQUITY, shares, None, "equity"
        )
        for holder, shares in sorted(firm.cap_table.holders.items())
    ]
    cash = firm.cash_usd
    paid = waterfall(cash - min(cash, proceeds), {"fleet": min(cash, proceeds)}, claims)
    for index, (claim, usd) in enumerate(ledger_claims):
        market.ledger.redeem(claim, paid[index])
        market.ledger.write_off(claim, usd - paid[index])
    for index in range(known, len(claims)):
        market.ledger.pay(Bill(firm.name, claims[index].claimant, paid[index], "liquidation"))
    if firm.cash_usd > 0:
        market.ledger.pay(Bill(firm.name, WORLD, firm.cash_usd, "liquidation"))
    _write_off_rest(economy, firm)
    payouts: dict[str, int] = {}
    claimed: dict[str, int] = {}
    for index, (claimant, rank, usd, _, _) in enumerate(claims):
        if paid[index]:
            payouts[claimant] = payouts.get(claimant, 0) + paid[index]
        if usd and rank is not Rank.EQUITY:
            claimed[claimant] = claimed.get(claimant, 0) + usd
    owed = sum(claimed.values())
    recovered = sum(paid[i] for i, c in enumerate(claims) if c.rank is not Rank.EQUITY)
    market.event(
        "liquidation", firm.name, "", recovered,
        f"{firm.name} is liquidated: creditors recover ${recovered / 1e6:,.1f}M of "
        f"${owed / 1e6:,.1f}M", owed_usd=owed, owed=claimed, payouts=payouts,
    )  # fmt: skip
    size = max(owed, firm.valuation_usd)
    market.defaults += 1
    market.sentiment.report(_DEFAULT_NEWS * (1.0 if size >= _MAJOR_USD else 0.3))
    market.world.recent_defaults += 1.0 if size >= _MAJOR_USD else 0.3
    firm.arrears_usd = max(firm.arrears_usd, 0)
    market.ledger.closed.add(firm.name)


def _ranked(claim: LedgerClaim, usd: int) -> Claim:
    if claim.account == Account.LOANS or claim.ref in ("principal", "interest"):
        return Claim(claim.creditor, Rank.SECURED, usd, "fleet", claim.ref)
    rank = Rank.STAFF_AND_TAX if claim.ref == "staff" else Rank.UNSECURED
    return Claim(claim.creditor, rank, usd, None, claim.ref)


def _reject_contracts(economy: Economy, firm: Firm) -> list[Claim]:
    """End the estate's contracts; the other side claims damages where the lab failed."""
    market = economy.market
    damages = []
    live: list[ComputeContract] = []
    if isinstance(firm, Lab):
        live = market.book.of_lab(firm.name)
    elif isinstance(firm, Cloud):
        live = list(market.book.of_cloud(firm.name))
    for contract in live:
        if isinstance(firm, Lab):
            remaining = contract.remaining_usd(market.month + 1)
            usd = rejection_damages_usd(
                round(contract.termination_fee_share * remaining),
                round(contract.take_or_pay_share * (1 - _MITIGATION) * remaining),
            )
            damages.append(Claim(contract.cloud, Rank.UNSECURED, usd, None, contract.contract_id))
        market.book.end(contract, market.month, DealStatus.DEFAULTED, f"{firm.name} defaulted")
        market.event(
            "contract_rejected",
            contract.lab,
            contract.cloud,
            contract.remaining_usd(market.month),
            f"{contract.h100e:,.0f} {contract.workload} H100e of {contract.lab} at "
            f"{contract.cloud} are back on the market: {firm.name} defaulted",
            contract_id=contract.contract_id,
        )
    return damages


def _sell_fleet(economy: Economy, cloud: Cloud) -> int:
    """Sell plant at a fire-sale price to the richest cloud, for what it can pay at most."""
    market = economy.market
    price = round(_FIRE_SALE_SHARE * collateral_usd(economy, cloud))
    buyers = [
        c for c in economy.living_clouds() if c is not cloud and c.spec.sells and not c.frozen
    ]
    buyer = max(buyers, key=lambda c: (c.cash_usd, c.name)) if buyers else None
    if buyer is not None:
        price = min(price, buyer.cash_usd // 2)
    name = buyer.name if buyer else WORLD
    market.ledger.pay(Bill(name, cloud.name, price, "fleet_sale"))
    market.ledger.write_down(cloud.name, Account.PROPERTY, cloud.plant_usd, "liquidation")
    if buyer is not None:
        for stock, into in ((cloud.fleet, buyer.fleet), (cloud.waiting, buyer.waiting)):
            for chip, units in stock.items():
                into[chip] = into.get(chip, 0.0) + units
        buyer.energised_mw += cloud.energised_mw
        buyer.power_chips()  # a month's wear is taken once, in phase 2
    cloud.fleet, cloud.waiting, cloud.projects = {}, {}, []
    cloud.energised_mw = cloud.captive_h100e = cloud.held_mw = cloud.bound_usd = 0.0
    cloud.free_mw = {}
    cloud.pool = dict.fromkeys(WORKLOADS, 0.0)
    cloud.reserved = dict.fromkeys(WORKLOADS, 0.0)
    cloud.spot_sold = dict.fromkeys(WORKLOADS, 0.0)
    cloud.sold_mw = cloud.contract_mw = 0.0
    cloud.power_chips()
    return price


def _write_off_rest(economy: Economy, firm: Firm) -> None:
    """What others owe the dead is not collected; equity in it is worth nothing."""
    ledger = economy.market.ledger
    for claim, usd in sorted(ledger.claims.items()):
        if firm.name in claim[1:3]:  # creditor, debtor
            ledger.write_off(claim, usd)
    if isinstance(firm, Chipmaker):
        economy.market.on_premise.cancel(firm.orders)
    for maker in economy.chipmakers.values():
        maker.orders = [o for o in maker.orders if firm.name not in (o.buyer, o.maker)]
    if isinstance(firm, Chipmaker):
        for cloud in economy.clouds.values():
            cloud.orders = [o for o in cloud.orders if o.maker != firm.name]
    for order in economy.market.book.orders:
        if firm.name in (order.buyer, order.maker) and order.status is DealStatus.SIGNED:
            order.status, order.ended = DealStatus.DEFAULTED, economy.market.month
    for loan in economy.market.book.loans:
        if firm.name in (loan.borrower, loan.lender) and loan.status is DealStatus.ACTIVE:
            economy.firm(loan.lender).committed_usd -= loan.undrawn_usd
            economy.clouds[loan.borrower].loans.remove(loan)
            loan.status, loan.ended = DealStatus.DEFAULTED, economy.market.month
    if isinstance(firm, Cloud):
        firm.orders, firm.loans = [], []
    if isinstance(firm, Investor):
        firm.committed_usd = 0
    bills = economy.market.bills
    bills.pop(firm.name, None)
    for dues in bills.values():
        for due in [due for due in dues if due[0] == firm.name]:
            del dues[due]
