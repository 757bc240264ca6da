"""Other users of accelerators: one-year rentals at posted prices and what they take on spot.

One book a workload. A book remembers past prices: users adapt slowly to a new price level, so the
long-run elasticity is above the short-run one.
"""

from __future__ import annotations

from math import exp

from ..scenarios.schema import Renters, Scenario
from .randomness import Draws
from .spot import Curve

_LARGEST_RESERVED_SHARE = 0.8  # of rentable capacity on one-year terms
_PRICE_RANGE_FLOOR = 0.01  # $/H100e-hour, keeps powers finite


class RentalBook:
    """Start-ups, enterprises and researchers who rent one workload's H100e."""

    def __init__(self, rules: Scenario, workload: str) -> None:
        """Open at the scenario's prices; `calibrate` sets the scale."""
        renters = rules.world.renters
        self.workload = workload
        self.opening_price = renters.opening_spot_price_usd_per_h100e_hour
        self.spot_price = self.opening_price
        self.contract_price = renters.opening_contract_price_usd_per_h100e_hour
        self.remembered_price = renters.remembered_price_usd_per_h100e_hour
        self.reserved_h100e = 0.0
        self.signed_h100e = 0.0  # one-year terms begun or renewed this month
        self.scale = 0.0
        self.open_weights_h100e = 0.0  # rented to serve open weights, whatever the price
        self.growth_log = 0.0
        self.noise = 0.0
        self.mood_log = 0.0
        self.shift = 0.0

    def calibrate(self, renters: Renters, pool_h100e: float) -> None:
        """Solve the scale so that demand meets the opening pool at the opening spot price."""
        gap = renters.long_run_elasticity - renters.short_run_elasticity
        self.scale = (
            max(0.0, pool_h100e - self.open_weights_h100e)
            * (self.remembered_price / self.opening_price) ** gap
        )
        self.shift = (self.remembered_price / self.opening_price) ** -gap
        self.reserved_h100e = renters.reserved_share * pool_h100e

    def advance(self, rules: Scenario, draws: Draws, month: int, mood: float) -> None:
        """Growth that decays, persistent noise, and memory of prices."""
        renters = rules.world.renters
        years = month / 12
        self.growth_log += (
            renters.growth_per_year
            * rules.world.demand.growth_multiplier
            * exp(-renters.growth_decay_per_year * years)
            / 12
        )
        self.noise = renters.noise_persistence * self.noise + renters.noise_sd * draws.normal(
            "renters", item=self.workload, month=month
        )
        self.mood_log = 0.12 * mood
        one_year = self.contract_price / (1 - renters.one_year_discount)
        target = 0.7 * one_year + 0.3 * self.spot_price
        self.remembered_price *= (target / self.remembered_price) ** renters.memory_per_month
        gap = renters.long_run_elasticity - renters.short_run_elasticity
        self.shift = (self.remembered_price / self.opening_price) ** -gap

    def demand(self, renters: Renters, factor: float = 1.0) -> Curve:
        """H100e wanted at a price by one-year and spot users together, this month."""
        scale = self.scale * self.shift * exp(self.growth_log + self.noise + self.mood_log)
        wanted, opening_price = factor * scale, self.opening_price
        fixed = factor * self.open_weights_h100e
        exponent = -renters.short_run_elasticity

        def h100e(price: float) -> float:
            relative = (price if price > _PRICE_RANGE_FLOOR else _PRICE_RANGE_FLOOR) / opening_price
            at_price: float = wanted * relative**exponent + fixed
            return at_price

        return h100e

    def demand_h100e(self, renters: Renters, price: float, factor: float = 1.0) -> float:
        """H100e wanted at one price."""
        return self.demand(renters, factor)(price)

    def reserve(self, renters: Renters, pool_h100e: float, factor: float) -> None:
        """Move one-year rentals towards what is wanted at the posted price, within the pool."""
        spot_equivalent = self.contract_price / (1 - renters.one_year_discount)
        wanted = renters.reserved_share * self.demand_h100e(renters, spot_equivalent, factor)
        before = self.reserved_h100e
        moved = before + (wanted - before) / renters.reserved_adjustment_months
        self.reserved_h100e = max(0.0, min(moved, _LARGEST_RESERVED_SHARE * pool_h100e))
        # a twelfth of the rentals falls due each month and is signed anew
        self.signed_h100e = max(0.0, self.reserved_h100e - before * 11 / 12)

    def post_contract_price(self, renters: Renters, user_cost: float) -> None:
        """The one-year price follows spot and cost slowly."""
        target = 0.75 * (1 - renters.one_year_discount) * self.spot_price + 0.25 * 1.15 * user_cost
        self.contract_price *= (target / self.contract_price) ** renters.contract_index_adjustment
