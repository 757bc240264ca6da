"""Investors: they value, bid, follow on and pull back; private credit lends."""

from __future__ import annotations

from math import exp
from typing import ClassVar

from ..market.ledger import WORLD
from ..scenarios import schema
from .firm import Firm
from .strategies.investing import Bidding, FirmView, FollowOn, Valuation


class Investor(Firm):
    """A fund with money of limited partners."""

    role: ClassVar[str] = "investors"
    spec: schema.Investor
    valuation_rule: Valuation
    bidding_rule: Bidding
    follow_on_rule: FollowOn

    @property
    def lends(self) -> bool:
        """Whether the fund buys debt rather than equity."""
        return self.spec.kind == "private_credit"

    @property
    def free_cash_usd(self) -> int:
        """Cash that is not promised to anyone."""
        return max(0, self.cash_usd - self.committed_usd)

    @property
    def dry_powder_usd(self) -> int:
        """What of that the fund may put into firms."""
        return int(self.spec.giving_share * self.free_cash_usd)

    def call_capital(self) -> None:
        """Limited partners pay in commitments, less in a poor mood."""
        market, spec = self.market, self.spec
        years = (market.month - self.entered) / 12
        response = market.rules.world.sentiment.capital_response
        inflow = spec.inflow_usd_per_year / 12 * exp(spec.inflow_growth_per_year * years)
        market.bill(
            WORLD, self.name, inflow * exp(1.5 * response * market.mood), "limited_partners"
        )

    def pre_money_usd(self, view: FirmView) -> float:
        """Highest pre-money valuation at which it would buy."""
        funding = self.market.rules.world.funding
        seen = view._replace(required_return_per_year=self.spec.required_return_per_year)
        return self.valuation_rule.pre_money_usd(seen, funding)
