"""Chipmakers: they price, ration, launch generations and invest in customers."""

from __future__ import annotations

from math import exp
from typing import ClassVar

import mesa

from ..market.contracts import ChipOrder
from ..market.market import Market
from ..scenarios import schema
from .firm import Firm
from .strategies.pricing import ChipPricing
from .strategies.rationing import Rationing
from .strategies.vendor_finance import VendorFinance

_CARRIED_OVER = 0.5  # exponent of the predecessor's price level in that of a new generation
_LEAST_MARKUP = 1.15  # of posted price over unit cost


class Chipmaker(Firm):
    """A designer of chips that others fabricate."""

    role: ClassVar[str] = "chipmakers"
    spec: schema.Chipmaker
    pricing_rule: ChipPricing
    allocation_rule: Rationing
    vendor_finance_rule: VendorFinance

    def __init__(self, model: mesa.Model, spec: schema.Chipmaker, market: Market) -> None:
        """Open with the packaging capacity of the scenario and no backlog."""
        super().__init__(model, spec, market)
        self.slots = spec.packaging_slots_per_month  # advanced-packaging capacity, H100 = 1
        self.orders: list[ChipOrder] = []
        self.latest_order: dict[str, ChipOrder] = {}  # by buyer
        self.shipped_h100e = 0.0  # this month
        self.made_h100e = 0.0  # so far
        self.delivered_h100e = 0.0  # so far
        self.bought: dict[str, float] = {}  # by buyer, so far
        self.backlog_months = 4.0

    @property
    def backlog_h100e(self) -> float:
        """Ordered and not shipped."""
        return sum([order.left_h100e for order in self.orders])

    def capacity_h100e(self) -> float:
        """What packaging capacity allows this month, blended H100e."""
        market = self.market
        mix = market.mixes.get(self.name)
        if mix is None:
            return 0.0
        return self.supply_factor() * self.slots / mix.slots_per_h100e

    def supply_factor(self) -> float:
        """Multiple of its own capacity that the maker can use: the scenario's lever, and cuts."""
        cuts = self.market.world.supply_factor
        factor = self.market.rules.world.supply.capacity_multiplier
        return factor * cuts.get("", 1.0) * cuts.get(self.name, 1.0)

    def expand(self) -> None:
        """Packaging capacity follows the backlog within its fastest growth."""
        supply = self.market.rules.world.supply
        if self.name not in self.market.mixes:
            return  # nothing to package yet
        fastest = self.spec.packaging_growth_per_year
        if fastest is None:
            fastest = supply.growth_per_year
        # makers plan for the capacity they build: a windfall (or a cut) of supply is not undone
        planned = self.backlog_months * self.supply_factor()
        pressure = supply.response_per_backlog_month * (planned - supply.comfortable_backlog_months)
        pressure = max(-supply.shrink_per_year / 12, min(fastest / 12, pressure))
        self.slots *= exp(pressure)

    def reprice(self) -> None:
        """Move posted prices of what ships: slow drift, firmer with a long backlog."""
        market = self.market
        supply = market.rules.world.supply
        factor = self.pricing_rule.factor(
            supply.price_drift_per_month, supply.price_response_to_backlog, self.backlog_months
        )
        for chip in market.catalogue.by_maker.get(self.name, ()):
            if market.catalogue.month_of[chip.name] <= market.month:
                floor = _LEAST_MARKUP * chip.unit_cost_usd / chip.price_usd
                level = market.price_factor[chip.name] * factor
                market.price_factor[chip.name] = max(floor, level)

    def launch(self) -> None:
        """A generation goes into volume, dearer or cheaper as the one before it is by now."""
        market = self.market
        level = 1.0
        for chip in market.catalogue.by_maker.get(self.name, ()):
            month = market.catalogue.month_of[chip.name]
            if month == market.month > 0:
                market.price_factor[chip.name] = level**_CARRIED_OVER
                price = chip.price_usd * market.price_factor[chip.name]
                market.event(
                    "chip_launch",
                    self.name,
                    text=f"{self.name} ships {chip.name} in volume at ${price:,.0f}",
                    chip=chip.name,
                    price_usd=price,
                    training_h100e=chip.training_h100e,
                    inference_h100e=chip.inference_h100e,
                )
            level = market.price_factor[chip.name]
