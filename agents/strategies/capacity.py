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
