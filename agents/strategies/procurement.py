"""How a lab buys compute: how much under contract, how far ahead; and how it splits what it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .parameters import parameter


class ProcurementView(NamedTuple):
    """What a lab looks at before it asks for offers, for one workload."""

    workload: str
    target_h100e: float  # wanted at the end of the planning horizon
    committed_h100e: float  # under contract then
    spot_price: float  # $/H100e-hour
    contract_price: float  # $/H100e-hour, what labs sign at
    utilisation: float
    runway_months: float


class Procurement(Protocol):
    """Decides what to contract and what to leave to spot."""

    horizon_months: int

    def wanted_h100e(self, view: ProcurementView) -> float:
        """Additional capacity to ask offers for; 0 for none."""
        ...

    def spot_share(self, view: ProcurementView) -> float:
        """Share of a missing training H100e that the lab bids for on spot."""
        ...


@dataclass(frozen=True, slots=True)
class CoverAhead:
    """Contracts the whole forecast well ahead; spot only for what is missing."""

    horizon_months: int = parameter(8, 1, 24, "months", "how far ahead needs are covered")
    cover_share: float = parameter(1.0, 0.1, 1.5, "share", "of the target kept under contract")
    tolerance: float = parameter(0.15, 0, 1, "share", "gap that is left alone")
    training_spot_share: float = parameter(0.12, 0, 1, "share", "of missing training bought spot")

    def wanted_h100e(self, view: ProcurementView) -> float:
        """The gap to the covered target, once it is large enough."""
        gap = self.cover_share * view.target_h100e - view.committed_h100e
        return gap if gap > self.tolerance * view.target_h100e else 0.0

    def spot_share(self, view: ProcurementView) -> float:
        """A small share, whatever the price."""
        return self.training_spot_share


@dataclass(frozen=True, slots=True)
class SpotFirst:
    """Contracts a base load only and rents the rest by the hour, more so when spot is cheap."""

    horizon_months: int = parameter(3, 1, 24, "months", "how far ahead needs are covered")
    base_share: float = parameter(0.6, 0, 1, "share", "of the target kept under contract")
    tolerance: float = parameter(0.20, 0, 1, "share", "gap that is left alone")
    training_spot_share: float = parameter(0.5, 0, 1, "share", "of missing training bought spot")

    def wanted_h100e(self, view: ProcurementView) -> float:
        """The gap to the base load; the whole target when spot costs more than a contract."""
        dear = view.spot_price > 1.5 * view.contract_price
        share = max(self.base_share, 0.85) if dear else self.base_share
        gap = share * view.target_h100e - view.committed_h100e
        return gap if gap > self.tolerance * view.target_h100e else 0.0

    def spot_share(self, view: ProcurementView) -> float:
        """Much, and all of it when spot is below the contract price."""
        return 1.0 if view.spot_price < view.contract_price else self.training_spot_share


class Allocation(Protocol):
    """Splits a lab's compute between training and serving users."""

    def diverted_h100e(self, missing: float, training: float) -> float:
        """Training capacity that serves users this month, H100e."""
        ...


@dataclass(frozen=True, slots=True)
class ServeFirst:
    """Users before research: training gives way to inference up to a limit."""

    largest_share: float = parameter(0.35, 0, 1, "share", "of training that may serve users")

    def diverted_h100e(self, missing: float, training: float) -> float:
        """What is missing, within the limit."""
        return min(max(0.0, missing), self.largest_share * training)


@dataclass(frozen=True, slots=True)
class ResearchFirst:
    """Research before users: training gives a part of what users lack, and little of itself."""

    answered_share: float = parameter(0.25, 0, 1, "share", "of missing inference that is answered")
    largest_share: float = parameter(0.08, 0, 1, "share", "of training that may serve users")

    def diverted_h100e(self, missing: float, training: float) -> float:
        """A part of what is missing, within the limit."""
        return min(self.answered_share * max(0.0, missing), self.largest_share * training)
