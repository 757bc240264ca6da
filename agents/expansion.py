"""How a cloud looks ahead, and what chips and power it orders on what it sees (phase 3)."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from ..market.chips import user_cost_usd_per_h100e_hour
from .cloud import Cloud
from .plant import PowerProject
from .strategies.capacity import CapacityView

_NO_ORDERS_BELOW = 0.75  # one-year price over user cost at which speculation stops
_NEOCLOUD_MARGIN = 0.25  # more for those without a parent
_FULL_ORDERS_RANGE = 0.35  # above it, until orders are unrestrained
_SPARE_HALLS = 1.15  # leased over used megawatts that a neocloud keeps
_RETURNED_HALLS = 0.15  # of the rest, handed back each month
_HALL_BUDGET_SHARE = 0.30  # of the capital budget one lead time ahead


class Outlook(NamedTuple):
    """What a cloud sells now and sees coming, blended H100e."""

    labs: float  # under contract with labs
    rental: float  # to other users
    captive: float
    lab_trend: float  # log growth a month, damped
    price_pull: float  # of rental demand, by price over cost
    faith: float  # in expected growth, by mood
    restraint: float  # share of what it would build that it dares to
    pipeline: float  # chips ordered and not installed

    @property
    def sold(self) -> float:
        """All that is sold or used."""
        return self.labs + self.rental + self.captive


def look_ahead(cloud: Cloud, lab_trend: float) -> Outlook:
    """Take stock: sales, expected growth, mood, and whether rentals pay."""
    market = cloud.market
    building = market.rules.world.building
    _observe_rentals(cloud)
    labs = cloud.contract_mw * cloud.h100e_per_mw
    rental, captive = cloud.last_rental_h100e, cloud.captive_h100e
    sold = labs + rental + captive
    cloud.gate = return_gate(cloud)
    response = market.rules.world.sentiment.capex_response
    return Outlook(
        labs,
        rental,
        captive,
        0.8 * building.trend_damping * lab_trend,
        max(0.2, market.rent() / market.user_cost) ** building.price_response,
        max(0.0, min(1.3, 1 + response * market.mood)),
        1 - (rental / sold if sold > 0 else 0.0) * (1 - cloud.gate),
        cloud.pipeline_h100e(),
    )


def _observe_rentals(cloud: Cloud) -> None:
    """Update the trend of rentals and the persistent error of the cloud's forecasts."""
    market = cloud.market
    building = market.rules.world.building
    rental = sum(cloud.reserved.values()) + sum(cloud.spot_sold.values())
    if cloud.last_rental_h100e > 0 and rental > 0:
        growth = max(-0.2, min(0.2, log(rental / cloud.last_rental_h100e)))
        cloud.rental_trend += 0.15 * (growth - cloud.rental_trend)
    cloud.last_rental_h100e = rental
    rho = building.forecast_error_persistence
    shock = market.draws.normal("forecast", cloud.name, month=market.month)
    cloud.forecast_error = rho * cloud.forecast_error + (
        building.forecast_error_sd * (1 - rho**2) ** 0.5 * shock
    )


def return_gate(cloud: Cloud) -> float:
    """0 when one-year prices do not earn the cloud's required return, 1 when they do.

    Capacity that is built on speculation has to pay (macro loop, section 2: ROI gate).
    """
    market = cloud.market
    building = market.rules.world.building
    if not cloud.maker_shares():
        return 0.0
    if cloud.leases:
        required, least = building.required_return_neocloud, _NO_ORDERS_BELOW + _NEOCLOUD_MARGIN
    else:
        required, least = building.required_return_hyperscaler, _NO_ORDERS_BELOW
    wear = building.obsolescence_per_year
    cost = user_cost_usd_per_h100e_hour(
        market.rules,
        cloud.chip_usd_per_h100e(),
        cloud.chip_kw_per_h100e(),
        required,
        market.world.power_price_usd_per_mwh,
        max(wear, 0.5 * (wear + market.rent_decline_per_year)),
    )
    if cost <= 0:
        return 0.0
    return max(0.0, min(1.0, (market.rent() / cost - least) / _FULL_ORDERS_RANGE))


def forecast_h100e(cloud: Cloud, outlook: Outlook, months: float) -> float:
    """Capacity it expects to sell `months` ahead (macro loop, equation 19)."""
    return _expected_h100e(cloud, outlook, months, _held_h100e(cloud, outlook, months))


def _held_h100e(cloud: Cloud, outlook: Outlook, months: float) -> float:
    """What labs will have under contract `months` ahead, at least what they have today."""
    return max(outlook.labs, _committed_h100e(cloud, cloud.market.month + round(months)))


def _expected_h100e(cloud: Cloud, outlook: Outlook, months: float, held: float) -> float:
    """The forecast; mood acts on expected growth, not on its level."""
    sold = outlook.sold
    if sold <= 0:
        return 0.0
    building = cloud.market.rules.world.building
    rental_growth = building.trend_damping * cloud.rental_trend * months + cloud.forecast_error
    expected = (
        outlook.captive * exp(cloud.captive_growth * months)
        + held * exp(outlook.lab_trend * months)
        + outlook.rental * exp(rental_growth) * outlook.price_pull
    )
    return sold * (expected / sold) ** outlook.faith * (1 + building.reserve_share)


def _committed_h100e(cloud: Cloud, month: int) -> float:
    """Contracts in force in a future month, blended."""
    held: dict[tuple[str, str], float] = {}
    for contract in cloud.market.book.of_cloud(cloud.name):
        if contract.end > month:
            chips = contract.maker, contract.workload
            full = contract.full_from <= month  # as most are
            h100e = contract.h100e if full else contract.h100e_at(month)
            held[chips] = held.get(chips, 0.0) + h100e
    total = 0.0
    for (maker, workload), h100e in held.items():
        family = cloud.families.get(maker)
        if family:
            per_mw = family.per_mw[workload]
            blend = family.h100e / family.mw
            total += h100e * blend / per_mw if per_mw > 0 else 0.0
    return total


def wanted_chips_h100e(cloud: Cloud, outlook: Outlook) -> float:
    """Chips to order this month, blended H100e, within power in sight."""
    building = cloud.market.rules.world.building
    if cloud.frozen or cloud.h100e <= 0:
        return 0.0
    months = building.planning_months
    replacement = cloud.h100e * (
        building.chip_failure_per_year / 12 + 1 / (12 * building.economic_life_years) / 2
    )
    held = _held_h100e(cloud, outlook, months)
    wanted = outlook.restraint * cloud.capacity_rule.order_h100e(
        CapacityView(
            _expected_h100e(cloud, outlook, months, held),
            cloud.h100e,
            outlook.pipeline,
            cloud.smoothed_order,
            replacement,
            building.adjustment_months,
            building.order_floor_share,
            exp(building.order_growth_cap_per_year / 2),
            held + outlook.captive * exp(cloud.captive_growth * months),
        )
    )
    horizon = cloud.market.month + round(months)
    coming = sum([p.mw for p in cloud.projects if p.due <= horizon])
    in_sight = cloud.energised_mw - cloud.held_mw + coming - cloud.used_mw
    room = in_sight * 1000 / cloud.chip_kw_per_h100e() - outlook.pipeline
    wanted = max(0.0, min(wanted, room))
    cloud.smoothed_order += (max(wanted, 0.2 * cloud.smoothed_order) - cloud.smoothed_order) / 6
    return wanted


def order_power(cloud: Cloud, outlook: Outlook) -> None:
    """Order megawatts for the forecast one lead time ahead; cancel what is not needed."""
    market = cloud.market
    building, power = market.rules.world.building, market.rules.world.power
    if cloud.leases:  # halls that stay empty go back to their owners
        empty = max(0.0, cloud.energised_mw - cloud.held_mw - _SPARE_HALLS * cloud.used_mw)
        cloud.energised_mw -= _RETURNED_HALLS * empty
    if cloud.frozen or cloud.h100e <= 0:
        return
    lead = cloud.lead_months
    missing = max(0.0, forecast_h100e(cloud, outlook, 0.8 * lead) - cloud.h100e)
    # power for no more chips than it would order by then at its fastest growth
    ramp = exp(building.order_growth_cap_per_year * lead / 24)
    chips = outlook.pipeline + lead * cloud.smoothed_order * ramp
    new_mw = outlook.restraint * min(chips, missing) * cloud.chip_kw_per_h100e() / 1000
    need = building.power_margin * (cloud.used_mw + new_mw)
    total = cloud.energised_mw - cloud.held_mw + sum([p.mw for p in cloud.projects])
    cap = cloud.energised_mw * exp(power.growth_cap_per_year * lead / 12)
    gap = min(need, cap) - total
    if not cloud.leases and power.shell_cost_usd_per_mw > 0:
        halls = _HALL_BUDGET_SHARE * cloud.capital_budget_usd
        gap = min(gap, 4 * halls / power.shell_cost_usd_per_mw)
    if gap > 4:
        cloud.start_project(PowerProject(market.month + lead, gap / 4))
    elif total > 1.1 * need:
        for project in cloud.projects:
            if project.due > market.month + 4:
                project.mw *= 0.85
