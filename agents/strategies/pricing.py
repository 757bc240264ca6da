"""What clouds and chipmakers ask: list prices in steps, quotes, spot reserve prices."""

from __future__ import annotations

from dataclasses import dataclass
from math import tanh
from typing import NamedTuple, Protocol

from .parameters import parameter


class PricingView(NamedTuple):
    """What a cloud looks at when it sets its prices, $/H100e-hour."""

    user_cost: float
    contract_price: float  # the market's one-year price
    spot_price: float
    list_price: float  # its own
    brand_premium: float
    utilisation: float  # its own


class CloudPricing(Protocol):
    """Sets a cloud's list price, its one-year quote and the reserve prices of its spot offers."""

    def list_price(self, view: PricingView, draw: float) -> float:
        """List price from now on; `draw` is uniform, as prices are reviewed now and then."""
        ...

    def quote(self, view: PricingView) -> float:
        """One-year price asked of a buyer."""
        ...

    def reserve_scale(self, view: PricingView) -> float:
        """Multiple of the usual reserve prices on spot."""
        ...


@dataclass(frozen=True, slots=True)
class CostPlus:
    """Prices from cost: keeps a margin, reviews the list price seldom and cuts it deep."""

    margin: float = parameter(0.25, 0, 5, "share", "over user cost, floor of quotes")
    cut: float = parameter(0.42, 0, 0.95, "share", "of a list price cut")
    tolerated_ratio: float = parameter(3.1, 1, 20, "", "list over one-year price before a cut")
    review_probability: float = parameter(0.12, 0, 1, "1/month", "of a review")

    def list_price(self, view: PricingView, draw: float) -> float:
        """A deep cut once the list has lost touch; a rise when one-year prices reach it."""
        reference = view.contract_price * view.brand_premium
        if draw < self.review_probability:
            if view.list_price > self.tolerated_ratio / 1.6 * reference:
                return view.list_price * (1 - self.cut)
            if view.list_price < 1.25 * reference:
                return view.list_price * 1.25
        return view.list_price

    def quote(self, view: PricingView) -> float:
        """Cost and margin, or most of the brand's market price where that is more."""
        return max(
            view.user_cost * (1 + self.margin), 0.95 * view.contract_price * view.brand_premium
        )

    def reserve_scale(self, view: PricingView) -> float:
        """The usual reserve prices."""
        return 1.0


@dataclass(frozen=True, slots=True)
class MarketFollower:
    """Prices from the market: follows it in small frequent steps, undercuts to fill the fleet."""

    undercut: float = parameter(0.08, 0, 0.9, "share", "below the market when half empty")
    step: float = parameter(0.20, 0.01, 0.9, "share", "of a list price change")
    review_probability: float = parameter(0.25, 0, 1, "1/month", "of a review")

    def list_price(self, view: PricingView, draw: float) -> float:
        """A step towards one and a half times the one-year price when it has moved away."""
        reference = 1.5 * view.contract_price * view.brand_premium
        if draw < self.review_probability:
            if view.list_price > (1 + 1.5 * self.step) * reference:
                return view.list_price * (1 - self.step)
            if view.list_price < (1 - 1.5 * self.step) * reference:
                return view.list_price * (1 + self.step)
        return view.list_price

    def quote(self, view: PricingView) -> float:
        """The market's price, dearer when full and cheaper when not."""
        slack = max(0.0, min(1.0, (0.95 - view.utilisation) / 0.45))
        return view.contract_price * view.brand_premium * (1.04 - 2 * self.undercut * slack)

    def reserve_scale(self, view: PricingView) -> float:
        """Lower reserve prices: an empty machine earns nothing."""
        return 0.8


class ChipPricing(Protocol):
    """Moves a chipmaker's posted prices."""

    def factor(self, drift: float, response: float, backlog_months: float) -> float:
        """Multiple of last month's posted prices."""
        ...


@dataclass(frozen=True, slots=True)
class BacklogPricing:
    """Posted prices drift down slowly and firm when the backlog is long."""

    comfortable_months: float = parameter(2.8, 0, 60, "months", "backlog at which prices hold")

    def factor(self, drift: float, response: float, backlog_months: float) -> float:
        """Slow, and bounded whatever the backlog."""
        return 1 + drift + response * tanh((backlog_months - self.comfortable_months) / 3)


@dataclass(frozen=True, slots=True)
class ShareBuilder:
    """Buys its way into fleets: prices fall each month unless it cannot deliver anyway."""

    cut_per_month: float = parameter(0.02, 0, 0.2, "per month", "fall of posted prices")
    full_months: float = parameter(9, 0, 60, "months", "backlog from which prices hold")

    def factor(self, drift: float, response: float, backlog_months: float) -> float:
        """Cheaper while the order book has room, unchanged when it is full."""
        return 1.0 if backlog_months >= self.full_months else 1 + drift - self.cut_per_month
