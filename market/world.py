"""The world outside the firms: users of AI services, technology, interest and power prices."""

from __future__ import annotations

from math import exp, log
from typing import Final

from ..scenarios.schema import Scenario, Segment
from .on_premise import Served, split
from .randomness import Draws

SEGMENTS: Final = ("consumer", "enterprise", "private")
_OPEN_WEIGHT_HEAD_START: Final = 0.3  # share of the long-run leak there from the first month
_ABSORPTION_MONTHS: Final = 6
_OPEN_WEIGHT_YEARS: Final = 4.0


class World:
    """Demand by segment, efficiency and rates; moves once a month before any firm acts."""

    def __init__(self, rules: Scenario) -> None:
        """Open at the scenario's first month."""
        demand = rules.world.demand
        self.size_usd = {s: getattr(demand, s).opening_usd_per_month for s in SEGMENTS}
        self.noise = dict.fromkeys(SEGMENTS, 0.0)
        self.price_index = dict.fromkeys(SEGMENTS, 1.0)  # of labs' services, start = 1
        self.on_premise_preference = 1.0  # follows that of the scenario, as machines are bought
        self.served: dict[str, Served] = {}  # this month's use by segment
        self.efficiency_log = 0.0
        self.base_rate_per_year = rules.world.credit.base_rate_per_year
        self.power_price_usd_per_mwh = rules.world.power.price_usd_per_mwh
        self.demand_factor = 1.0  # demand shocks
        self.cost_factor = 1.0  # shocks to the cost of power and operation
        self.supply_factor: dict[str, float] = {}  # cuts of chip supply by maker; "" is all
        self.recent_defaults = 0.0  # decays by a tenth a month

    def advance(self, rules: Scenario, draws: Draws, month: int) -> None:
        """Move demand, efficiency and rates by a month (docs/model.md, "Demand")."""
        demand, technology = rules.world.demand, rules.world.technology
        for name in SEGMENTS:
            segment: Segment = getattr(demand, name)
            opening = segment.opening_usd_per_month
            if opening <= 0:
                continue
            growth = segment.growth_per_year * demand.growth_multiplier
            if segment.wave_months and segment.wave_months[0] <= month <= segment.wave_months[1]:
                growth *= segment.wave_growth_multiple
            noise = self.noise[name] = demand.noise_persistence * self.noise[name] + (
                demand.noise_sd * draws.normal("demand", item=name, month=month)
            )
            fill = self.size_usd[name] / (opening * segment.saturation_multiple)
            self.size_usd[name] *= exp((growth * (1 - fill)) / 12 + noise / 2)
        self.on_premise_preference += (
            demand.on_premise_preference - self.on_premise_preference
        ) / demand.on_premise_adjustment_months
        self.efficiency_log += technology.efficiency_growth_per_year / 12
        credit, power = rules.world.credit, rules.world.power
        self.base_rate_per_year += credit.base_rate_adjustment_per_month * (
            credit.long_run_base_rate_per_year - self.base_rate_per_year
        )
        self.power_price_usd_per_mwh = (
            power.price_usd_per_mwh * exp(power.price_growth_per_year * month / 12)
        ) * self.cost_factor
        self.recent_defaults *= 0.9

    def use(self, rules: Scenario, name: str, month: int) -> Served:
        """Service units of a segment this month, at current prices, by where they are served."""
        segment: Segment = getattr(rules.world.demand, name)
        share = segment.open_weight_share
        leak = share * min(1.0, _OPEN_WEIGHT_HEAD_START + month / 12 / _OPEN_WEIGHT_YEARS)
        units: float = (
            self.size_usd[name]
            * self.demand_factor
            * self.price_index[name] ** -segment.price_elasticity
        )
        return split(units, leak, segment.on_premise_share, self.on_premise_preference)

    def service_usd_per_h100e_month(self, rules: Scenario) -> float:
        """Service units that an inference H100e gives in a month."""
        technology = rules.world.technology
        return technology.service_usd_per_inference_h100e_month * exp(self.efficiency_log)

    def spread_per_year(self, rules: Scenario, rating: str, mood: float) -> float:
        """Credit spread of a rating: wider after defaults and in a poor mood."""
        credit = rules.world.credit
        base = credit.spread_per_year[rating]  # type: ignore[index]
        stress = 1 + 0.25 * max(0.0, -mood)
        return base * stress + credit.default_spread_widening * self.recent_defaults


class Sentiment:
    """Mood of the capital market, in standard deviations: momentum, news and shocks."""

    def __init__(self, rules: Scenario) -> None:
        """Open at the scenario's mood; a shock of the scenario is absorbed over six months."""
        self.level = rules.world.sentiment.opening
        self.shocks: list[tuple[float, int]] = []  # a month's part, and months left
        self.news = 0.0  # of this month
        self._static_shock = 0.0
        self.expected_growth: float | None = None
        self._last_revenue = 0.0

    def report(self, weight: float) -> None:
        """A piece of news: a round, a down round, a default."""
        self.news += weight

    def growth_news(self, revenue_usd: float) -> None:
        """Labs' revenue growth against what adaptive expectations held (news of the month)."""
        if self._last_revenue > 0 and revenue_usd > 0:
            growth = log(revenue_usd / self._last_revenue)
            if self.expected_growth is None:
                self.expected_growth = growth
            surprise = max(-2.0, min(2.0, (growth - self.expected_growth) / 0.05))
            self.expected_growth += 0.15 * (growth - self.expected_growth)
            self.news += 0.06 * surprise
        self._last_revenue = revenue_usd

    def shock(self, size: float) -> None:
        """A shock in standard deviations; the market takes it in evenly over some months."""
        self.shocks.append((size / _ABSORPTION_MONTHS, _ABSORPTION_MONTHS))

    def advance(self, rules: Scenario, draws: Draws, month: int) -> None:
        """Move the mood by a month."""
        s = rules.world.sentiment
        if s.shock != self._static_shock:
            self.shock(s.shock - self._static_shock)
            self._static_shock = s.shock
        absorbed = sum([part for part, _ in self.shocks])
        self.shocks = [(part, left - 1) for part, left in self.shocks if left > 1]
        noise = s.noise_sd * draws.normal("sentiment", month=month)
        self.level = s.persistence * self.level + absorbed + s.news_weight * self.news + noise
        self.level = max(-4.0, min(3.0, self.level))
        self.news = 0.0
