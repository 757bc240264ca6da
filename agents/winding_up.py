"""Liquidation: what failed firms have is sold, their shortfalls are cleared together, books close.

All firms that fail in a month are wound up at once, and what firms in their cure month owe is
cleared with them, so that the order of firms does not matter (Eisenberg & Noe 2001).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..market.clearing import Cleared, Estate, clear
from ..market.contracts import DealStatus
from ..market.insolvency import Rank, Status
from ..market.ledger import WORLD, Account, Bill
from ..market.ledger import Claim as LedgerClaim
from ..market.market import WORKLOADS
from .alliances import lose_face
from .chipmaker import Chipmaker
from .cloud import Cloud
from .disposals import sell_cloud, sell_lab, sell_plant
from .economy import Economy
from .estates import FLEET, Owed, damages, going_on, owed_by, owners
from .firm import Firm
from .interests import holding_usd
from .investor import Investor
from .lab import Lab
from .lending import release_undrawn
from .solvency import overdue_usd

_DEFAULT_NEWS = -0.3
_MINOR = 0.3  # of the news and of the spreads that a small default makes
_MAJOR_USD = 1e9


class Failure(NamedTuple):
    """A firm that is wound up: what it owes on the ledger, and all claims on its estate.

    The claims on the ledger come first, in the same order.
    """

    firm: Firm
    owed: list[Owed]
    estate: Estate


def liquidate(economy: Economy, reasons: Mapping[str, str], *, forced: bool = False) -> None:
    """Wind up firms: contracts are rejected, assets sold, creditors paid by rank, books closed.

    Args:
        economy: the firms.
        reasons: why each fails, by name.
        forced: by an intervention in the middle of a month: nobody may buy the business as a going
            concern, and the arrears of others wait for their settlement.
    """
    firms = [economy.firm(name) for name in sorted(reasons)]
    for firm in firms:
        _announce(economy, firm, reasons[firm.name])
    going = economy.market.rules.world.distress.allow_sale and not forced
    proceeds = _sell(economy, firms, going)
    failures = [_open_estate(economy, firm, proceeds.get(firm.name, 0), reasons) for firm in firms]
    cleared = _clear(economy, failures, [] if forced else indebted(economy))
    for failure in failures:
        _pay_out(economy, failure, cleared[failure.firm.name])
    for failure in failures:
        _close(economy, failure, cleared[failure.firm.name])


def clear_arrears(economy: Economy) -> None:
    """Firms with arrears pay what they can, counting what they receive of each other."""
    if owing := indebted(economy):
        _clear(economy, [], owing)


def indebted(economy: Economy) -> list[Firm]:
    """Firms that go on with arrears."""
    return [firm for firm in economy.firms() if firm.alive and overdue_usd(firm)]


def _announce(economy: Economy, firm: Firm, reason: str) -> None:
    economy.market.event(
        "default", firm.name, "", firm.arrears_usd, f"{firm.name} defaults: {reason}",
        cash_usd=firm.cash_usd, debt_usd=firm.debt_usd, reason=reason,
    )  # fmt: skip
    lose_face(economy, firm, f"{firm.name} defaults")
    firm.status = Status.DEFAULTED
    firm.runway_months = 0.0


# -- selling ----------------------------------------------------------------------------------


def _sell(economy: Economy, firms: list[Firm], going: bool) -> dict[str, int]:
    """Sell what the firms have; what their plant brought, by name."""
    names = {firm.name for firm in firms}
    clouds = [firm for firm in firms if isinstance(firm, Cloud)]
    proceeds: dict[str, int] = {}
    if going:
        for lab in [firm for firm in firms if isinstance(firm, Lab)]:
            sell_lab(economy, lab)
        for cloud in sorted(clouds, key=lambda c: (-c.h100e, c.name)):
            price = sell_cloud(economy, cloud, names)
            if price is not None:
                proceeds[cloud.name] = price
    left = [cloud for cloud in clouds if cloud.name not in proceeds]
    proceeds |= sell_plant(economy, left, names)
    for firm in firms:
        _sell_claims(economy, firm, names)
    return proceeds


def _sell_claims(economy: Economy, firm: Firm, failing: Collection[str]) -> None:
    """What others owe the firm, and its shares, go to outside funds at a fire-sale price.

    Prepaid credit is lost to those who hold it.
    """
    market = economy.market
    share = market.rules.world.distress.fire_sale_share
    sold = (Account.RECEIVABLES, Account.LOANS)
    for claim, usd in sorted(market.ledger.claims.items()):
        account, creditor, debtor, _ = claim
        if creditor == firm.name and account in sold and debtor not in failing:
            market.ledger.assign(claim, WORLD, round(share * usd))
    for loan in market.book.loans:
        if loan.lender == firm.name and loan.status is DealStatus.ACTIVE:
            release_undrawn(economy, loan)
            loan.lender = WORLD
    for note in market.book.notes:
        if note.holder == firm.name:
            note.holder = WORLD
    for other in economy.firms():
        if firm.name in other.cap_table.holders and other is not firm:
            _sell_shares(economy, firm, other, share * (other.name not in failing))


def _sell_shares(economy: Economy, holder: Firm, firm: Firm, price_share: float) -> None:
    ledger = economy.market.ledger
    price = round(price_share * holding_usd(holder, firm)) if firm.alive else 0
    claim = LedgerClaim(int(Account.EQUITY_HELD), holder.name, firm.name, firm.name)
    if claim in ledger.claims:
        ledger.assign(claim, WORLD, price)
    else:  # shares that cost nothing: warrants, opening stakes
        ledger.pay(Bill(WORLD, holder.name, price, "assignment"))
    firm.cap_table.transfer(holder.name, WORLD)


# -- clearing ---------------------------------------------------------------------------------


def _open_estate(economy: Economy, firm: Firm, proceeds: int, failing: Collection[str]) -> Failure:
    """What is claimed of a firm once its business is sold, and what there is to pay with."""
    owed = owed_by(economy, firm)
    claims = [entry.ranked for entry in owed]
    claims += damages(economy, firm) + owners(economy, firm, failing)
    plant = min(firm.cash_usd, proceeds)
    _reject_contracts(economy, firm)
    return Failure(firm, owed, Estate(firm.cash_usd - plant, {FLEET: plant}, claims))


def _clear(economy: Economy, failures: list[Failure], owing: list[Firm]) -> dict[str, Cleared]:
    """Clear estates, and firms that go on with arrears, together; these pay at once."""
    ledger = economy.market.ledger
    estates = {failure.firm.name: failure.estate for failure in failures}
    for firm in owing:
        estates[firm.name] = going_on(economy, firm)
    kept = 1 - economy.market.rules.world.distress.bankruptcy_cost_share
    cleared = clear(estates, realised_share=kept, recovered_share=kept)
    for firm in owing:
        paid = cleared[firm.name].paid_usd
        for index, claim in enumerate(estates[firm.name].claims):
            key = LedgerClaim(int(Account.RECEIVABLES), claim.claimant, firm.name, claim.ref)
            ledger.redeem(key, paid[index], claim.ref)
    return cleared


def _pay_out(economy: Economy, failure: Failure, cleared: Cleared) -> None:
    """Pay the cost of bankruptcy and what each claim gets; write off the rest."""
    ledger, name, paid = economy.market.ledger, failure.firm.name, cleared.paid_usd
    ledger.pay(Bill(name, WORLD, cleared.cost_usd, "bankruptcy_costs"))
    known = len(failure.owed)
    for index, (claim, ranked) in enumerate(failure.owed):
        ledger.redeem(claim, paid[index])
        ledger.write_off(claim, ranked.amount_usd - paid[index])
    for index, claim_on_estate in enumerate(failure.estate.claims[known:], known):
        ledger.pay(Bill(name, claim_on_estate.claimant, paid[index], "liquidation"))


def _close(economy: Economy, failure: Failure, cleared: Cleared) -> None:
    """Tell what creditors got, and close the books."""
    market, firm = economy.market, failure.firm
    claims, paid = failure.estate.claims, cleared.paid_usd
    if firm.cash_usd > 0:
        market.ledger.pay(Bill(firm.name, WORLD, firm.cash_usd, "liquidation"))
    payouts: dict[str, int] = {}
    claimed: dict[str, int] = {}
    recovered = 0
    for index, (claimant, rank, usd, _, _) in enumerate(claims):
        if paid[index]:
            payouts[claimant] = payouts.get(claimant, 0) + paid[index]
        if usd and rank is not Rank.EQUITY:
            claimed[claimant] = claimed.get(claimant, 0) + usd
            recovered += paid[index]
    owed = sum(claimed.values())
    _write_off_rest(economy, firm)
    market.event(
        "liquidation", firm.name, "", recovered,
        f"{firm.name} is liquidated: creditors recover ${recovered / 1e6:,.1f}M of "
        f"${owed / 1e6:,.1f}M", owed_usd=owed, owed=claimed, payouts=payouts,
        cost_usd=cleared.cost_usd,
    )  # fmt: skip
    weight = 1.0 if max(owed, firm.valuation_usd) >= _MAJOR_USD else _MINOR
    market.defaults += 1
    market.sentiment.report(_DEFAULT_NEWS * weight)
    market.world.recent_defaults += weight
    market.ledger.closed.add(firm.name)


def _reject_contracts(economy: Economy, firm: Firm) -> None:
    """End the contracts that no buyer took over."""
    market = economy.market
    live = market.book.of_lab(firm.name) if isinstance(firm, Lab) else []
    if isinstance(firm, Cloud):
        live = list(market.book.of_cloud(firm.name))
    for contract in live:
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


def _write_off_rest(economy: Economy, firm: Firm) -> None:
    """Credit of the dead is lost, shares in it are worth nothing; its open business ends."""
    market = economy.market
    for claim, usd in sorted(market.ledger.claims.items()):
        if firm.name in claim[1:3]:  # creditor, debtor
            market.ledger.write_off(claim, usd)
    _end_orders(economy, firm)
    market.book.notes = [note for note in market.book.notes if note.firm != firm.name]
    for loan in market.book.loans:
        if loan.borrower == firm.name and loan.status is DealStatus.ACTIVE:
            release_undrawn(economy, loan)
            loan.status, loan.ended = DealStatus.DEFAULTED, market.month
    if isinstance(firm, Cloud):
        firm.orders, firm.loans = [], []
    if isinstance(firm, Investor):
        firm.committed_usd = 0
    if isinstance(firm, Lab):
        firm.got, firm.spot, firm.sublet, firm.let, firm.borrowed, firm.lent = (
            dict.fromkeys(WORKLOADS, 0.0) for _ in range(6)
        )
    market.bills.pop(firm.name, None)
    for dues in market.bills.values():
        for due in [due for due in dues if due[0] == firm.name]:
            del dues[due]


def _end_orders(economy: Economy, firm: Firm) -> None:
    """Chips that the dead had ordered are not made, those it had to make are ordered anew."""
    market = economy.market
    if isinstance(firm, Chipmaker):
        market.on_premise.cancel(firm.orders)
        for cloud in economy.clouds.values():
            cloud.orders = [o for o in cloud.orders if o.maker != firm.name]
    for maker in economy.chipmakers.values():
        maker.orders = [o for o in maker.orders if firm.name not in (o.buyer, o.maker)]
    for order in market.book.orders:
        if firm.name in (order.buyer, order.maker) and order.status is DealStatus.SIGNED:
            order.status, order.ended = DealStatus.DEFAULTED, market.month
