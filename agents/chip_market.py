"""Chips: what makers ship to whom, and what clouds and direct buyers order."""

from __future__ import annotations

from math import exp

from ..market.allocation import ration
from ..market.chips import Mix
from ..market.contracts import ChipOrder, DealStatus
from ..market.credit import NOTCHES
from ..market.ledger import WORLD
from ..market.market import Market
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .expansion import look_ahead, order_power, wanted_chips_h100e
from .strategies.rationing import BuyerView

_CHIP_BUDGET_SHARE = 0.65  # of a month's capital budget; the rest builds halls
_RESERVE_MONTHS = 6  # of running cost and debt service that a neocloud keeps
_ORDER_MONTHS = 5  # of that budget in open orders at most


def deliver_chips(economy: Economy) -> None:
    """Ship what capacity and lead time allow; scarce supply is rationed (phase 2)."""
    economy.market.wear_on_premise()
    for maker in economy.chipmakers.values():
        maker.shipped_h100e = 0.0
        if maker.alive:
            _ship(economy, maker)
    entrants = economy.market.entrants
    if entrants:
        shipped = {maker.name: maker.shipped_h100e for maker in economy.chipmakers.values()}
        total = sum(shipped.values()) or 1.0
        for name in entrants:
            entrants[name] = shipped[name] / total


def _ship(economy: Economy, maker: Chipmaker) -> None:
    market = economy.market
    supply = market.rules.world.supply
    backlog = maker.backlog_h100e
    capacity = maker.capacity_h100e()
    production = min(backlog / supply.minimum_lead_months, capacity)
    maker.backlog_months = backlog / capacity if capacity > 0 else 12.0
    maker.made_h100e += production
    if production <= 0:
        return
    demands: dict[str, float] = {}
    for order in maker.orders:
        demands[order.buyer] = demands.get(order.buyer, 0.0) + order.left_h100e
    # what a buyer is due this month: its backlog over the lead time, before rationing
    due = {b: d / supply.minimum_lead_months for b, d in demands.items()}
    sold = sum(maker.bought.values()) or 1.0
    weights = {b: _weight(economy, maker, b, d, sold) for b, d in demands.items()}
    granted = ration(production, due, weights)
    shares = market.mixes[maker.name].shares
    units = [(chip.name, share / chip.h100e) for chip, share in shares]  # to an H100e
    cost = sum([n * chip.unit_cost_usd for (_, n), (chip, _) in zip(units, shares, strict=True)])
    for order in maker.orders:  # first come, first served within a buyer
        h100e = min(order.left_h100e, granted[order.buyer])
        if h100e > 0:
            granted[order.buyer] -= h100e
            _deliver(economy, maker, order, h100e, [(chip, n * h100e) for chip, n in units])
    market.bill(maker.name, WORLD, cost * maker.shipped_h100e, "foundry")
    maker.orders = [o for o in maker.orders if o.status is DealStatus.SIGNED]


def _weight(economy: Economy, maker: Chipmaker, buyer: str, ordered: float, sold: float) -> float:
    cloud = economy.clouds.get(buyer)
    view = BuyerView(
        ordered,
        economy.market.rules.world.supply.deposit_share if cloud else 0.0,
        maker.bought.get(buyer, 0.0) / sold,
        cloud.cap_table.ownership(maker.name) if cloud else 0.0,
        NOTCHES[cloud.credit_rating if cloud else "BBB"],
    )
    return maker.allocation_rule.weight(view)


def _deliver(
    economy: Economy,
    maker: Chipmaker,
    order: ChipOrder,
    h100e: float,
    units: list[tuple[str, float]],
) -> None:
    market, buyer = economy.market, order.buyer
    last = order.left_h100e - h100e < 1.0  # a remainder below one H100e is let go
    order.left_h100e = 0.0 if last else order.left_h100e - h100e
    order.units += round(sum([n for _, n in units]))
    maker.shipped_h100e += h100e
    maker.delivered_h100e += h100e
    maker.bought[buyer] = maker.bought.get(buyer, 0.0) + h100e
    due = round(h100e * market.mixes[maker.name].price_usd_per_h100e)
    if order.deposit_usd:
        due -= draw_deposit(market, order, h100e, due, last)
    market.bill(buyer, maker.name, due, "chips")
    if order.on_premise_h100e:
        market.on_premise.receive(order, h100e)
    cloud = economy.clouds.get(buyer)
    if cloud is not None:
        cloud.receive_chips(units)
    if last:
        order.status, order.ended = DealStatus.ENDED, market.month
        if cloud is not None:
            cloud.orders.remove(order)
    elif not order.late and market.month > order.expected and cloud is not None:
        order.late = True
        market.event(
            "slip",
            maker.name,
            buyer,
            text=f"{maker.name} is late with {order.left_h100e:,.0f} H100e for {buyer}",
            h100e=order.left_h100e,
            contract_id=order.contract_id,
        )


def draw_deposit(market: Market, order: ChipOrder, h100e: float, due: int, last: bool) -> int:
    """Dollars of a delivery that the deposit pays, in proportion; the last one refunds the rest."""
    buyer, maker, ref = order.buyer, order.maker, order.contract_id
    deposit = market.ledger.prepaid_usd(buyer, maker, ref)
    part = deposit if last else min(deposit, round(order.deposit_usd * h100e / order.h100e))
    part = min(part, due)
    market.ledger.draw_prepaid(buyer, maker, part, "chips", ref)
    if last and deposit > part:
        market.bill(maker, buyer, deposit - part, "deposit_refund", ref)
    return part


def order_chips(economy: Economy, lab_trend: float) -> None:
    """Makers set prices and capacity; clouds and direct buyers order (phase 3)."""
    market = economy.market
    for maker in economy.chipmakers.values():
        if maker.alive:
            maker.reprice()
            maker.expand()
    for cloud in economy.living_clouds():
        outlook = look_ahead(cloud, lab_trend)
        wanted = wanted_chips_h100e(cloud, outlook)
        budget = affordable_h100e(cloud, wanted)
        for name, share in cloud.maker_shares().items():
            if budget * share >= 1 and economy.chipmakers[name].alive:
                place_order(economy, cloud.name, economy.chipmakers[name], budget * share)
        order_power(cloud, outlook)
    _order_direct(economy)
    market.refresh_chips()


def affordable_h100e(cloud: Cloud, wanted: float) -> float:
    """What own funds allow: a parent's for hyperscalers, equity beside loans for neoclouds."""
    price = cloud.chip_usd_per_h100e()
    if wanted <= 0 or price <= 0:
        return 0.0
    open_orders = sum([o.left_h100e * o.price_usd_per_h100e - o.deposit_usd for o in cloud.orders])
    open_orders += cloud.bound_usd
    if cloud.backed:
        budget = _CHIP_BUDGET_SHARE * cloud.capital_budget_usd
        return min(wanted, max(0.0, _ORDER_MONTHS * budget - open_orders) / price)
    loan = cloud.advance_share
    inflow = max(0.0, -cloud.mean_outflow_usd)
    # equity for open orders falls due over the lead time, out of cash and earnings until then;
    # some months of running cost and debt service stay at hand
    reserve = _RESERVE_MONTHS * (cloud.running_cost_usd + cloud.debt_service_usd)
    equity = cloud.cash_usd + 3 * inflow - (1 - loan) * open_orders - reserve
    own = (1 - loan) * price
    if own <= 0:  # lenders advance the whole price
        return wanted if equity > 0 else 0.0
    return max(0.0, min(wanted, 0.5 * equity / own))


def place_order(
    economy: Economy, buyer: str, maker: Chipmaker, h100e: float, *, opening: bool = False
) -> None:
    """Order at the posted price, with a deposit unless it is the opening backlog.

    What a buyer orders within a quarter is one order, as long as nothing of it has shipped.
    """
    market = economy.market
    price = market.mixes[maker.name].price_usd_per_h100e
    lead = max(market.rules.world.supply.minimum_lead_months, maker.backlog_months) + 6
    expected = market.month + round(lead)
    order = maker.latest_order.get(buyer)
    if order is not None and order.can_grow(market.month):
        order.grow(h100e, price, expected)
    else:
        order = ChipOrder(
            market.book.new_id(buyer, maker.name, market.date, "chips"),
            buyer,
            maker.name,
            h100e,
            market.month,
            expected,
            price,
            left_h100e=h100e,
        )
        maker.orders.append(order)
        maker.latest_order[buyer] = order
        if buyer != WORLD:
            market.book.orders.append(order)
            economy.clouds[buyer].orders.append(order)
    if buyer != WORLD and not opening:
        deposit = round(market.rules.world.supply.deposit_share * h100e * price)
        order.deposit_usd += deposit
        market.bill(buyer, maker.name, deposit, "chip_deposit", order.contract_id)


def _order_direct(economy: Economy) -> None:
    """Firms outside the model buy chips for themselves (macro loop, equation 25).

    Those who serve themselves are among them: what they order at a preference of 1 is part of the
    calibrated purchases, what they order beyond it (or short of it) is not.
    """
    market = economy.market
    supply = market.rules.world.supply
    sellers = _sellers_to_direct_buyers(economy)
    if not sellers:
        return
    own, at_base = market.on_premise.order()
    years = market.month / 12
    growth = exp(supply.direct_buyers_growth_per_year * years + 0.4 * min(0.0, market.mood))
    stated = sum([share for _, _, share, _ in sellers])
    whole = stated if stated > 1 + 1e-9 else 1.0  # a newcomer takes its share from the others
    total = sum([share * tilt for _, _, share, tilt in sellers])
    for maker, mix, share, tilt in sellers:
        part = share * tilt / total
        others = supply.direct_buyers_h100e_per_month * share * growth * tilt / whole
        blended = part / mix.inference_per_h100e  # H100e ordered for an inference H100e
        wanted = max(own * blended, others + (own - at_base) * blended)
        if wanted >= 1:
            place_order(economy, WORLD, maker, wanted)
            maker.latest_order[WORLD].on_premise_h100e += own * part


def _sellers_to_direct_buyers(economy: Economy) -> list[tuple[Chipmaker, Mix, float, float]]:
    """Makers that direct buyers order from: share at opening prices, and how price tilts it."""
    market = economy.market
    elasticity = market.rules.world.supply.direct_buyers_elasticity
    sellers = []
    for maker in economy.chipmakers.values():
        share = maker.spec.direct_buyer_share
        mix = market.mixes.get(maker.name)
        if share > 0 and mix is not None and maker.alive:
            relative = mix.price_usd_per_h100e / market.opening_chip_price[maker.name]
            sellers.append((maker, mix, share, relative**-elasticity))
    return sellers


def order_backlog(economy: Economy, cloud: Cloud) -> None:
    """What a cloud has on order when it opens its books."""
    h100e = cloud.spec.backlog_months * cloud.spec.chip_deliveries_h100e_per_month
    preferences = {p.maker: p.weight for p in cloud.spec.chip_preferences}
    total = sum(preferences.values())
    for name, weight in sorted(preferences.items()):
        maker = economy.chipmakers.get(name)
        if maker is None or not maker.alive or name not in economy.market.mixes:
            continue  # not there yet, or no more
        if h100e * weight / total >= 1:
            place_order(economy, cloud.name, maker, h100e * weight / total, opening=True)


def open_backlog(economy: Economy) -> None:
    """Orders placed before the start, of clouds and of direct buyers."""
    market = economy.market
    for cloud in economy.clouds.values():
        order_backlog(economy, cloud)
    direct = market.rules.world.supply.direct_buyers_h100e_per_month
    for maker in economy.chipmakers.values():
        if direct * maker.spec.direct_buyer_share >= 1 and maker.name in market.mixes:
            h100e = 5.2 * direct * maker.spec.direct_buyer_share
            place_order(economy, WORLD, maker, h100e, opening=True)
        capacity = maker.capacity_h100e()
        maker.backlog_months = maker.backlog_h100e / capacity if capacity > 0 else 12.0
