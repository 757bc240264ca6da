"""When a firm goes on the road for equity, and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .parameters import parameter


class FinancingView(NamedTuple):
    """What a firm knows of its own money when it decides whether to raise."""

    runway_months: float
    burn_usd_per_month: float
    valuation_usd: float
    last_post_money_usd: float
    months_since_round: int
    mood: float


class Financing(Protocol):
    """Decides when to raise and how much."""

    def raise_usd(self, view: FinancingView, maximum_dilution: float) -> float:
        """Amount to seek this month; 0 for none."""
        ...


@dataclass(frozen=True, slots=True)
class RunwayTrigger:
    """Raises when runway falls below a trigger: some quarters of burn, at least a fixed stake."""

    trigger_months: float = parameter(10, 1, 36, "months", "runway below which it raises")
    quarters: float = parameter(6, 1, 20, "quarters", "of burn that a round should pay")
    smallest_share: float = parameter(0.06, 0, 0.5, "share", "of its value, smallest round")
    pause_months: int = parameter(4, 0, 36, "months", "between rounds at least")
    courted_months: int = parameter(18, 0, 120, "months", "after a round, before it is courted")
    courted_ratio: float = parameter(2.0, 1, 20, "", "of its value to the last that it accepts")
    letter_weight: float = parameter(0, 0, 1, "share", "of letters of intent it counts as money")

    def raise_usd(self, view: FinancingView, maximum_dilution: float) -> float:
        """The smaller of what the burn asks for and what dilution allows.

        A firm that is worth far more than at its last round takes money it does not need yet.
        """
        courted = (
            view.months_since_round >= self.courted_months
            and view.valuation_usd >= self.courted_ratio * view.last_post_money_usd
        )
        if view.runway_months >= self.trigger_months and not courted:
            return 0.0
        if view.months_since_round < self.pause_months:
            return 0.0
        need = max(
            3 * self.quarters * view.burn_usd_per_month, self.smallest_share * view.valuation_usd
        )
        return min(need, maximum_dilution * view.valuation_usd)


@dataclass(frozen=True, slots=True)
class MarketWindow:
    """Raises when money is cheap, needed or not; in a poor mood only to survive (market timing).

    Firms issue equity when it is dear to buyers (Baker and Wurgler 2002).
    """

    open_mood: float = parameter(0.25, -2, 3, "sd", "mood from which it raises")
    sold_share: float = parameter(0.10, 0.01, 0.5, "share", "of its value sold in good times")
    pause_months: int = parameter(9, 0, 60, "months", "between rounds in good times at least")
    survival_months: float = parameter(5, 0, 36, "months", "runway below which it must raise")
    survival_quarters: float = parameter(3, 1, 20, "quarters", "of burn that it raises then")
    letter_weight: float = parameter(0, 0, 1, "share", "of letters of intent it counts as money")

    def raise_usd(self, view: FinancingView, maximum_dilution: float) -> float:
        """A fixed stake while the window is open, and what it cannot do without when it is shut."""
        most = maximum_dilution * view.valuation_usd
        if view.mood >= self.open_mood and view.months_since_round >= self.pause_months:
            return min(self.sold_share * view.valuation_usd, most)
        if view.runway_months < self.survival_months:
            return min(3 * self.survival_quarters * view.burn_usd_per_month, most)
        return 0.0
