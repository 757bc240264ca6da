"""What becomes of a failed firm's business: sold going, as a team, or its plant in pieces.

Buyers bid against each other, and the highest pays the second-highest bid (Vickrey 1961), or what
the estate would get without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf, sqrt

from ..market.contracts import ComputeContract
from ..market.ledger import WORLD, Account, Bill
from ..market.ledger import Claim as LedgerClaim
from ..market.market import WORKLOADS
from ..market.world import SEGMENTS
from .cloud import Cloud
from .economy import Economy
from .estates import fire_sale_usd
from .firm import Firm
from .lab import Lab
from .lending import collateral_usd
from .settlement import draw_on_purse
from .solvency import going_concern_usd, means_usd, outflow_usd, overdue_usd

_MEANS_SHARE = 0.25  # of cash and purse that a lab spends on another
_PLANT_CASH_SHARE = 0.5  # of its cash that a cloud spends on another's plant
_STAYING_USERS = 0.8  # of a sold lab's users: a fifth looks around, assumption
_DESPERATE_SHARE = 0.25  # of a team's value, where its firm is gone (cf. agents/hedging.py)
_LEAVING_SHARE = 0.8  # of a team that comes along


def auction(bids: Iterable[tuple[float, str]], reserve_usd: float) -> tuple[str, int] | None:
    """Winner and price of a second-price auction; None if nobody bids the reserve."""
    ranked = sorted([bid for bid in bids if bid[0] >= reserve_usd], reverse=True)
    if not ranked:
        return None
    second = ranked[1][0] if len(ranked) > 1 else reserve_usd
    return ranked[0][1], round(second)


# -- labs -------------------------------------------------------------------------------------


def sell_lab(economy: Economy, lab: Lab) -> None:
    """To another lab: as a going concern, or its team alone where that brings more."""
    buyers = [other for other in economy.living_labs() if not other.frozen]
    worth = going_concern_usd(economy, lab) - lab.debt_usd
    team_usd = _DESPERATE_SHARE * _LEAVING_SHARE * lab.team_value_usd
    burn = max(0, outflow_usd(lab))  # who buys the business has to carry it
    business = [(min(worth, means_usd(b, _MEANS_SHARE, burn)), b.name) for b in buyers]
    team = [(min(team_usd, means_usd(b, _MEANS_SHARE)), b.name) for b in buyers]
    best = max(team, default=(0.0, ""))[0]
    if sold := auction(business, max(1.0, best)):
        _sell_business(economy, lab, economy.labs[sold[0]], sold[1])
    elif sold := auction(team, max(1.0, team_usd / 2)):  # for less they leave by themselves
        _sell_team(economy, lab, economy.labs[sold[0]], sold[1])


def _sell_business(economy: Economy, lab: Lab, buyer: Lab, price_usd: int) -> None:
    """Users, models and the contracts that cost less than the market; the rest is rejected."""
    market = economy.market
    _pay(economy, buyer, lab, price_usd)
    for segment in SEGMENTS:
        buyer.share[segment] += _STAYING_USERS * lab.share[segment]
        lab.share[segment] = 0.0
    buyer.training_stock = max(buyer.training_stock, lab.training_stock)
    taken = [
        contract
        for contract in market.book.of_lab(lab.name)
        if _rent(economy, contract) > contract.price_usd_per_h100e_hour
        and contract.maker not in market.catalogue.redeployability
    ]
    for contract in taken:
        claim = _credit(contract)
        if claim in market.ledger.claims:
            market.ledger.assign(claim, buyer.name, 0)
        market.book.hand_over(contract, lab=buyer.name)
    _tell_sale(economy, lab, buyer, price_usd, taken)


def _sell_team(economy: Economy, lab: Lab, buyer: Lab, price_usd: int) -> None:
    """Researchers alone: what training yields rises with the square root of their number."""
    market = economy.market
    _pay(economy, buyer, lab, price_usd)
    own = max(1.0, buyer.team_value_usd)
    buyer.research_share *= sqrt((own + _LEAVING_SHARE * lab.team_value_usd) / own)
    market.event(
        "team_sold", lab.name, buyer.name, price_usd,
        f"{buyer.name} takes over the team of {lab.name} for ${price_usd / 1e6:,.0f}M",
        research_share=buyer.research_share,
    )  # fmt: skip


def _pay(economy: Economy, buyer: Firm, seller: Firm, price_usd: int) -> None:
    if buyer.backed:
        draw_on_purse(buyer, price_usd)
    economy.market.ledger.pay(Bill(buyer.name, seller.name, price_usd, "firm_sale"))


def _tell_sale(
    economy: Economy, firm: Firm, buyer: Firm, price_usd: int, taken: list[ComputeContract]
) -> None:
    economy.market.event(
        "firm_sold", firm.name, buyer.name, price_usd,
        f"{buyer.name} buys the business of {firm.name} out of bankruptcy for "
        f"${price_usd / 1e6:,.0f}M, with {len(taken) or 'none'} of its contracts",
        contracts=[contract.contract_id for contract in taken],
    )  # fmt: skip


def _credit(contract: ComputeContract) -> LedgerClaim:
    """The lab's prepaid credit under a contract."""
    account = int(Account.PREPAID)
    return LedgerClaim(account, contract.lab, contract.cloud, contract.contract_id)


def _rent(economy: Economy, contract: ComputeContract) -> float:
    """One-year price of a contract's workload, $/H100e-hour."""
    return economy.market.rental[contract.workload].contract_price


# -- clouds -----------------------------------------------------------------------------------


def sell_cloud(economy: Economy, cloud: Cloud, failing: Collection[str]) -> int | None:
    """As a going concern, if a buyer pays more than plant fetches in pieces; returns the price."""
    taken, extra = _worth_taking(economy, cloud, failing)
    worth = collateral_usd(economy, cloud) + extra
    bids = [(min(worth, most), name) for most, name in _plant_buyers(economy, cloud)]
    sold = auction(bids, max(1.0, fire_sale_usd(economy, cloud, failing)))
    if sold is None:
        return None
    buyer, price = economy.clouds[sold[0]], sold[1]
    _pay_for_plant(economy, cloud, buyer.name, price)
    _hand_over(cloud, buyer)
    for contract in taken:
        claim = _credit(contract)
        if claim in economy.market.ledger.claims:
            economy.market.ledger.assume(claim, buyer.name)
        economy.market.book.hand_over(contract, cloud=buyer.name)
    _tell_sale(economy, cloud, buyer, price, taken)
    return price


def _worth_taking(
    economy: Economy, cloud: Cloud, failing: Collection[str]
) -> tuple[list[ComputeContract], float]:
    """Contracts that pay more than others would, beyond the credit still owed on them; by how much.

    A weak lab's promise counts less, by its rating.
    """
    market = economy.market
    default = market.rules.world.credit.default_probability_per_year
    taken, extra = [], 0.0
    for contract in market.book.of_cloud(cloud.name):
        lab = economy.labs[contract.lab]
        if lab.name in failing or contract.maker in market.catalogue.redeployability:
            continue
        margin = contract.price_usd_per_h100e_hour - _rent(economy, contract)
        hours = contract.remaining_h100e_hours(market.month + 1)
        sound = 1 - default[lab.credit_rating]  # type: ignore[index]
        gain = sound * margin * hours - market.ledger.claims.get(_credit(contract), 0)
        if gain > 0:
            taken.append(contract)
            extra += gain
    return taken, extra


def _plant_buyers(economy: Economy, cloud: Cloud) -> list[tuple[float, str]]:
    """Clouds that could use a fleet, with what each can pay."""
    return [
        (_PLANT_CASH_SHARE * max(0, other.cash_usd - overdue_usd(other)), other.name)
        for other in economy.living_clouds()
        if other is not cloud and other.spec.sells and not other.frozen
    ]


def sell_plant(economy: Economy, clouds: list[Cloud], failing: Collection[str]) -> dict[str, int]:
    """Sell fleets in pieces, the largest first, each to the richest cloud; prices by cloud.

    What is on sale together weighs on all prices alike. Without a buyer outsiders take it.
    """
    market = economy.market
    asked = {cloud.name: fire_sale_usd(economy, cloud, failing) for cloud in clouds}
    prices = {}
    for cloud in sorted(clouds, key=lambda c: (-c.h100e, c.name)):
        economy.plant_sold.append((market.month, cloud.h100e))
        most, name = max(_plant_buyers(economy, cloud), default=(inf, WORLD))
        price = prices[cloud.name] = round(min(asked[cloud.name], most))
        buyer = economy.clouds.get(name)
        market.event(
            "plant_sold", cloud.name, name, price,
            f"the plant of {cloud.name} goes to {name if buyer else 'outsiders'} for "
            f"${price / 1e6:,.0f}M in a fire sale",
            collateral_usd=collateral_usd(economy, cloud), h100e=cloud.h100e,
        )  # fmt: skip
        _pay_for_plant(economy, cloud, name, price)
        _hand_over(cloud, buyer)
    return prices


def _pay_for_plant(economy: Economy, cloud: Cloud, buyer: str, price_usd: int) -> None:
    ledger = economy.market.ledger
    ledger.pay(Bill(buyer, cloud.name, price_usd, "fleet_sale"))
    ledger.write_down(cloud.name, Account.PROPERTY, cloud.plant_usd, "liquidation")


def _hand_over(cloud: Cloud, buyer: Cloud | None) -> None:
    """Chips and power go to the buyer; the failed cloud keeps nothing."""
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
