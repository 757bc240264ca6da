"""Who gets scarce chips first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .parameters import parameter


class BuyerView(NamedTuple):
    """What a chipmaker weighs when it rations."""

    ordered_h100e: float
    deposit_share: float
    bought_share: float  # of the maker's past sales
    stake_share: float  # the maker's stake in the buyer
    rating_rank: int  # 0 best


class Rationing(Protocol):
    """Weighs buyers when supply falls short."""

    def weight(self, view: BuyerView) -> float:
        """Relative weight of a buyer; equal weights per H100e ordered are pro rata."""
        ...


@dataclass(frozen=True, slots=True)
class WeightedAllocation:
    """Pro rata to orders, tilted to those who prepay, bought before, or are partly its own."""

    history_weight: float = parameter(0.3, 0, 5, "", "of past purchases")
    deposit_weight: float = parameter(0.3, 0, 5, "", "of deposits")
    stake_weight: float = parameter(1.0, 0, 20, "", "of the maker's own stake")
    credit_weight: float = parameter(0.03, 0, 1, "", "per notch of rating")

    def weight(self, view: BuyerView) -> float:
        """Orders times the tilt."""
        tilt = (
            1
            + self.history_weight * view.bought_share
            + self.deposit_weight * view.deposit_share
            + self.stake_weight * view.stake_share
            - self.credit_weight * view.rating_rank
        )
        return view.ordered_h100e * max(0.1, tilt)


@dataclass(frozen=True, slots=True)
class BroadBase:
    """Favours buyers that have had little so far, so that none becomes too important."""

    spread: float = parameter(3.0, 0, 20, "", "how much less the largest past buyers count")

    def weight(self, view: BuyerView) -> float:
        """Orders, less for those with a large part of past sales."""
        return view.ordered_h100e * max(0.02, 1 - view.bought_share) ** self.spread
