"""How a cloud turns its forecast into orders, and how it borrows for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .parameters import parameter


class CapacityView(NamedTuple):
    """What a cloud knows when it orders chips, all in blended H100e."""

    forecast: float  # sold at the end of the planning horizon
    installed: float
    pipeline: float  # ordered and not installed
    smoothed_order: float  # per month
    replacement: float  # per month
    adjustment_months: float
    floor_share: float
    growth_cap: float
    signed: float = 0.0  # of the forecast, what contracts and its own use will take


class Capacity(Protocol):
    """Orders chips."""

    def order_h100e(self, view: CapacityView) -> float:
        """Chips to order this month, blended H100e."""
        ...


@dataclass(frozen=True, slots=True)
class ForecastLed:
    """Closes the gap to its forecast over some months; orders change within bounds."""

    caution: float = parameter(1.0, 0.1, 3, "", "weight of what is already in the pipeline")

    def order_h100e(self, view: CapacityView) -> float:
        """Gap closing plus replacement, between a floor and a ceiling of recent orders."""
        gap = view.forecast - view.installed - self.caution * view.pipeline
        wanted = gap / view.adjustment_months + view.replacement
        low = view.floor_share * view.smoothed_order
        return max(low, min(wanted, view.growth_cap * view.smoothed_order))


@dataclass(frozen=True, slots=True)
class PreLet:
    """Builds for contracts and its own use alone, and a little on speculation."""

    speculative_share: float = parameter(0.15, 0, 1, "share", "of expected sales beyond contracts")
    months: float = parameter(6, 1, 36, "months", "over which a gap is closed")

    def order_h100e(self, view: CapacityView) -> float:
        """Gap to what is signed, and replacement, as fast as orders may grow; nothing by habit."""
        beyond = max(0.0, view.forecast - view.signed)
        let = min(view.signed, view.forecast) + self.speculative_share * beyond
        gap = let - view.installed - view.pipeline
        wanted = gap / self.months + view.replacement
        return max(0.0, min(wanted, view.growth_cap * view.smoothed_order))


class Borrowing(Protocol):
    """Decides how much of a chip purchase is financed by debt."""

    def loan_share(self, loan_to_value: float, leverage: float) -> float:
        """Share of the purchase to borrow, at most what lenders advance."""
        ...


@dataclass(frozen=True, slots=True)
class AssetBacked:
    """Borrows what lenders advance on the hardware until debt nears its plant."""

    largest_leverage: float = parameter(0.75, 0, 2, "share", "debt over plant, no loans above")

    def loan_share(self, loan_to_value: float, leverage: float) -> float:
        """The full advance, less as leverage nears its limit."""
        room = max(0.0, min(1.0, (self.largest_leverage - leverage) / 0.15))
        return loan_to_value * room


@dataclass(frozen=True, slots=True)
class EquityFirst:
    """Borrows a part of what lenders would advance, and nothing once it owes a little."""

    advance_share: float = parameter(0.5, 0, 1, "share", "of what lenders advance that it takes")
    largest_leverage: float = parameter(0.3, 0, 2, "share", "debt over plant, no loans above")

    def loan_share(self, loan_to_value: float, leverage: float) -> float:
        """The same part of each advance until the limit."""
        return self.advance_share * loan_to_value if leverage < self.largest_leverage else 0.0
