"""Compute month by month: contracts are served, captive use, one-year rentals, spot."""

from __future__ import annotations

from math import exp, log

from ..market.contracts import HOURS_PER_MONTH, ComputeContract, DealStatus
from ..market.ledger import WORLD
from ..market.market import WORKLOADS, Market
from ..market.spot import Bid, Offer, clear
from .cloud import Cloud
from .economy import Economy
from .lab import Lab

_RESERVE_STEPS = 3  # price steps of a cloud's spot offer
_REBALANCING = 0.1  # a month, per log point of price: faster makes the two prices chase each other
_LEAST_SPLIT = 1e-9  # a scenario may open with all chips on one workload: odds stay finite
_ENOUGH = 0.98  # of what was promised: a delivery of that much is not short
_NOTICE_MONTHS = 2  # short deliveries in a row that make news


def serve_contracts(economy: Economy) -> None:
    """Clouds deliver: contracts before captive use, captive use before rentals."""
    for cloud in economy.living_clouds():
        cloud.grow_captive()
        _serve(economy, cloud)
    for lab in economy.living_labs():
        lab.take_delivery(economy.market.book.of_lab(lab.name))


def _serve(economy: Economy, cloud: Cloud) -> None:
    """What contracts and captive use leave free, by maker."""
    _deliver_contracts(economy, cloud, economy.market.month)
    free = {m: f.mw - cloud.free_mw.get(m, 0.0) for m, f in cloud.families.items()}
    for family, share in economy.market.catalogue.redeployability.items():
        if family in free:  # a custom chip does for others what its lab's software left general
            free[family] *= share
    blended = sum([free[m] / f.mw * f.h100e for m, f in cloud.families.items() if f.mw > 0])
    cloud.captive_served_h100e = min(cloud.captive_h100e, blended)
    left = 1 - cloud.captive_served_h100e / blended if blended > 0 else 0.0
    cloud.free_mw = {m: mw * left for m, mw in free.items()}


def open_rentals(economy: Economy) -> None:
    """Scale other users' demand to what the opening fleet leaves them at the opening prices."""
    market = economy.market
    clouds = [c for c in economy.living_clouds() if c.spec.sells]
    for cloud in clouds:
        _serve(economy, cloud)
    _split_pools(economy, clouds)
    for workload, book in market.rental.items():
        book.calibrate(market.rules.world.renters, sum([c.pool[workload] for c in clouds]))


def _deliver_contracts(economy: Economy, cloud: Cloud, month: int) -> None:
    """Serve contracts by family of chips; what falls short is shared in proportion."""
    needs: dict[str, float] = {}
    live = economy.market.book.of_cloud(cloud.name)
    families = cloud.families
    for contract in live:
        promised = contract.promised_h100e = contract.h100e_at(month)
        if promised > 0:
            maker = contract.maker
            family = families.get(maker)
            density = family.per_mw[contract.workload] if family else 0.0
            mw = promised / density if density > 0 else 0.0
            needs[maker] = needs.get(maker, 0.0) + mw
    cloud.follow_customers(needs)
    ratio = {}
    for maker, mw in needs.items():
        family = families.get(maker)
        ratio[maker] = min(1.0, family.mw / mw) if family and mw > 0 else 0.0
    cloud.free_mw = {m: needs[m] * ratio[m] for m in needs}  # used, for the moment
    cloud.contract_mw = sum(cloud.free_mw.values())
    active = DealStatus.ACTIVE
    for contract in live:
        promised = contract.promised_h100e
        if promised > 0:
            delivered = contract.delivered_h100e = promised * ratio[contract.maker]
            if contract.month_amended is None:
                contract.status = active
            if delivered >= _ENOUGH * promised:
                contract.short_months = 0
            else:
                _note_shortfall(economy, contract)
        else:
            contract.delivered_h100e = 0.0


def _note_shortfall(economy: Economy, contract: ComputeContract) -> None:
    """Another month with less than promised; some in a row make news."""
    contract.short_months += 1
    if contract.short_months == _NOTICE_MONTHS:
        missing = 1 - contract.delivered_h100e / contract.promised_h100e
        economy.market.event(
            "slip",
            contract.cloud,
            contract.lab,
            text=f"{contract.cloud} delivers {missing:.0%} less {contract.workload} capacity "
            f"than promised to {contract.lab}",
            contract_id=contract.contract_id,
            missing_share=missing,
        )


def rent(economy: Economy) -> None:
    """One-year rentals at posted prices, then the spot auction, workload by workload."""
    market = economy.market
    clouds = [c for c in economy.living_clouds() if c.spec.sells]
    _split_pools(economy, clouds)
    for workload in WORKLOADS:
        pool = sum([c.pool[workload] for c in clouds])
        book = market.rental[workload]
        if market.month > 0:
            book.advance(market.rules, market.draws, market.month, market.mood)
        book.reserve(market.rules.world.renters, pool, market.world.demand_factor)
        _rent_reserved(economy, clouds, workload, pool)
        _clear_spot(economy, clouds, workload)
        book.post_contract_price(market.rules.world.renters, market.user_cost)
    _rebalance(economy)
    market.learn_rent_decline()
    for cloud in economy.living_clouds():
        _measure_use(economy, cloud)
        if cloud.spec.sells:
            cloud.review_prices()
    installed = sum([c.used_mw for c in economy.living_clouds()])
    sold = sum([c.sold_mw for c in economy.living_clouds()])
    market.utilisation = sold / installed if installed > 0 else 1.0


def _split_pools(economy: Economy, clouds: list[Cloud]) -> None:
    """Uncommitted chips go to training or inference; inference-only ones have no choice."""
    training = economy.market.training_split
    for cloud in clouds:
        pool = dict.fromkeys(WORKLOADS, 0.0)
        for maker, mw in cloud.free_mw.items():
            family = cloud.families[maker]
            split = training if family.training_h100e > 0 else 0.0
            pool["training"] += mw * split * family.per_mw["training"]
            pool["inference"] += mw * (1 - split) * family.per_mw["inference"]
        cloud.pool = pool


def _rebalance(economy: Economy) -> None:
    """Owners move uncommitted chips towards the workload that paid better."""
    market = economy.market
    ratio = market.rental["training"].spot_price / market.rental["inference"].spot_price
    split = max(_LEAST_SPLIT, min(1 - _LEAST_SPLIT, market.training_split))
    odds = log(split / (1 - split)) + _REBALANCING * log(ratio)
    market.training_split = max(0.05, min(0.95, 1 / (1 + exp(-odds))))


def _rent_reserved(economy: Economy, clouds: list[Cloud], workload: str, pool: float) -> None:
    market = economy.market
    book = market.rental[workload]
    if pool <= 0:
        for cloud in clouds:
            cloud.reserved[workload] = 0.0
        return
    market.mean_premium = (
        sum([c.pool[workload] * c.spec.brand_premium for c in clouds]) / pool
    ) or 1.0
    rows = market.recorder.rows["prices"]
    for cloud in clouds:
        h100e = cloud.reserved[workload] = book.reserved_h100e * cloud.pool[workload] / pool
        price = book.contract_price * cloud.spec.brand_premium / market.mean_premium
        market.bill(WORLD, cloud.name, h100e * price * HOURS_PER_MONTH, "reserved_compute")
        if h100e > 0:
            rows.append((market.month, "contract", workload, "", cloud.name, price, h100e))
        rows.append(
            (market.month, "list", workload, "", cloud.name, cloud.list_price[workload], 0.0)
        )


def _clear_spot(economy: Economy, clouds: list[Cloud], workload: str) -> None:
    """Uniform-price call auction of what is idle against labs, sublets and other users."""
    market = economy.market
    renters = market.rules.world.renters
    book = market.rental[workload]
    offers: list[Offer] = []
    low = renters.spot_floor_share
    step = (renters.spot_full_offer_share - low) / _RESERVE_STEPS
    for cloud in clouds:
        idle = (cloud.pool[workload] - cloud.reserved[workload]) * renters.spot_friction
        if idle <= 0:
            continue
        scale = cloud.pricing_rule.reserve_scale(cloud.pricing_view(workload))
        for k in range(_RESERVE_STEPS):
            reserve = scale * market.user_cost * (low + step * (k + 0.5))
            offers.append(Offer(cloud.name, idle / _RESERVE_STEPS, reserve))
    bids: list[Bid] = []
    floor = 0.3 * renters.spot_floor_share * market.user_cost
    for lab in economy.living_labs():
        if lab.sublet[workload] > 0:
            offers.append(Offer(lab.name, lab.sublet[workload], floor))
        bids.extend(spot_bids(lab, workload))
    on_spot = 1 - renters.reserved_share
    factor = market.world.demand_factor * on_spot
    result = clear(
        offers,
        bids,
        book.demand(renters, factor),
        renters.spot_price_cap_usd_per_h100e_hour,
    )
    book.spot_price = max(0.01, result.price)
    _bill_spot(economy, workload, result.price, result.sold, result.bought)
    market.recorder.rows["prices"].append(
        (
            market.month, "spot", workload, "", "", book.spot_price,
            result.residual_h100e + sum(result.bought.values()),
        )
    )  # fmt: skip


def spot_bids(lab: Lab, workload: str) -> list[Bid]:
    """What a lab lacks: users up to what serving them earns, training while it is cheap."""
    market = lab.market
    if workload == "inference":
        missing = 1.05 * lab.need_h100e - lab.got["inference"] - lab.borrowed["inference"]
        # training chips can serve a part; what they cannot is worth its revenue
        missing -= 0.5 * lab.allocation_rule.diverted_h100e(missing, lab.got["training"])
        service = market.world.service_usd_per_h100e_month(market.rules)
        limit = lab.price_index * service / HOURS_PER_MONTH
        return [Bid(lab.name, missing, limit)] if missing > 1 else []
    if lab.frozen or lab.sublet["training"] + lab.lent["training"] > 0:
        return []
    missing = lab.target["training"] - lab.got["training"]
    view = lab.procurement_view(workload)
    wanted = missing * lab.procurement_rule.spot_share(view) - lab.borrowed["training"]
    if wanted <= 1:
        return []
    price = max(lab.paid_price, market.lab_contract_price)
    return [
        Bid(lab.name, wanted / 3, 1.6 * price),
        Bid(lab.name, wanted / 3, 1.25 * price),
        Bid(lab.name, wanted / 3, 1.0 * price),
    ]


def _bill_spot(
    economy: Economy, workload: str, price: float, sold: dict[str, float], bought: dict[str, float]
) -> None:
    """Match buyers to sellers in order of name; the world pays for the rest."""
    market = economy.market
    hours = price * HOURS_PER_MONTH
    left = sorted((name, h) for name, h in sold.items() if h > 0)
    for lab in economy.labs.values():
        lab.spot[workload] = bought.get(lab.name, 0.0)
        lab.let[workload] = sold.get(lab.name, 0.0)
    for buyer, wanted in sorted(bought.items()):
        while wanted > 1e-9 and left:
            seller, h100e = left[-1]
            part = min(wanted, h100e)
            if buyer != seller:
                market.bill(buyer, seller, part * hours, "spot_compute")
            economy.labs[buyer].compute_cost_usd += part * hours
            wanted -= part
            if h100e - part > 1e-9:
                left[-1] = (seller, h100e - part)
            else:
                left.pop()
    for seller, h100e in left:
        market.bill(WORLD, seller, h100e * hours, "spot_compute")
    for name, cloud in economy.clouds.items():
        cloud.spot_sold[workload] = sold.get(name, 0.0)


def _measure_use(economy: Economy, cloud: Cloud) -> None:
    """Megawatts sold: contracts, captive use, rentals and spot."""
    rented = 0.0
    free = sum(cloud.free_mw.values())
    for workload in WORKLOADS:
        pool = cloud.pool[workload]
        if pool > 0:
            used = (cloud.reserved[workload] + cloud.spot_sold[workload]) / pool
            split = economy.market.training_split
            rented += used * free * (split if workload == "training" else 1 - split)
    captive = cloud.captive_served_h100e / cloud.h100e_per_mw if cloud.h100e > 0 else 0.0
    cloud.sold_mw = min(cloud.used_mw, cloud.contract_mw + captive + rented)
    cloud.utilisation = cloud.sold_mw / cloud.used_mw if cloud.used_mw > 0 else 0.0


def bill_contracts(economy: Economy) -> None:
    """Take-or-pay: what is used, at least the agreed share; prepaid credit is drawn first."""
    market = economy.market
    for lab in economy.living_labs():
        lab.compute_cost_usd += sum(
            [
                _bill_contract(market, lab, contract)
                for contract in market.book.by_lab.get(lab.name, ())
                if contract.delivered_h100e > 0
            ]
        )


def _bill_contract(market: Market, lab: Lab, contract: ComputeContract) -> float:
    name, cloud, ref = lab.name, contract.cloud, contract.contract_id
    used = contract.delivered_h100e * (1 - lab.idle[contract.workload])
    h100e = contract.take_or_pay_h100e(used)
    due = round(h100e * contract.price_usd_per_h100e_hour * HOURS_PER_MONTH)
    credit = market.ledger.prepaid_usd(name, cloud, ref)
    drawn = 0
    if credit:
        drawn = min(credit, round(due * (contract.prepaid_share or 1.0)))
        market.ledger.draw_prepaid(name, cloud, drawn, "compute", ref)
    market.bill(name, cloud, due - drawn, "compute")
    return float(due)
