"""What investors think a firm is worth, and how much of a round they take."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import NamedTuple, Protocol

from ...scenarios.schema import Funding
from .parameters import parameter

_LEAST_MARGIN = (
    0.05  # below, a multiple of revenue means nothing: the name and team carry the price
)
_BURN_MULTIPLES = (0.25, 6.0)  # beyond either end nobody pays more, or less


class FirmView(NamedTuple):
    """What a bidder sees of a firm on the road."""

    arr_usd: float
    growth_per_year: float  # factor, 2 = doubling
    gross_margin: float
    team_value_usd: float
    debt_usd: float  # comes before equity
    mood: float
    capital_response: float  # of valuations to mood
    required_return_per_year: float
    outflow_usd_per_year: float = 0.0  # net, operation and debt, at the pace of the last quarter


class Valuation(Protocol):
    """Puts a value on a firm before new money."""

    def pre_money_usd(self, view: FirmView, funding: Funding) -> float:
        """Highest pre-money valuation at which the investor would still buy."""
        ...


@dataclass(frozen=True, slots=True)
class GrowthMultiple:
    """Pays a multiple of recurring revenue that rises with growth and mood, falls with scale."""

    multiple_scale: float = parameter(1.0, 0.1, 10, "", "times the market's multiple")

    def pre_money_usd(self, view: FirmView, funding: Funding) -> float:
        """Multiple of revenue plus what team and name are worth."""
        growth = max(0.1, view.growth_per_year / funding.reference_growth)
        scale = (1 + view.arr_usd / funding.scale_discount_arr_usd) ** 0.5
        multiple = self.multiple_scale * funding.arr_multiple * growth**funding.growth_elasticity
        value = view.arr_usd * multiple / scale + view.team_value_usd
        return max(1e6, value * exp(view.capital_response * view.mood) - view.debt_usd)


@dataclass(frozen=True, slots=True)
class ReturnHurdle:
    """Pays what the firm's profit some years out is worth at the return it must earn."""

    years: float = parameter(4, 1, 10, "years", "to the exit")
    exit_multiple: float = parameter(14, 1, 100, "", "of gross profit at the exit")

    def pre_money_usd(self, view: FirmView, funding: Funding) -> float:
        """Discounted exit value; growth fades towards 1.2 a year."""
        arr, growth = view.arr_usd, min(2.5, view.growth_per_year)  # what can be underwritten
        for _ in range(round(self.years)):
            arr *= growth
            growth = 1.2 + 0.45 * (growth - 1.2)
        margin = max(0.1, min(0.7, view.gross_margin))
        exit_value = arr * margin * self.exit_multiple
        discounted = exit_value / (1 + view.required_return_per_year) ** self.years
        # half the caution on team value: an option that only revenue redeems
        value = discounted + 0.5 * view.team_value_usd
        return max(1e6, value * exp(0.5 * view.capital_response * view.mood) - view.debt_usd)


@dataclass(frozen=True, slots=True)
class EfficientGrowth:
    """A multiple of revenue for those who keep a margin and grow for little money.

    Growth for money is the burn multiple, net outflow over net new recurring revenue (Sacks 2020):
    below 1 is excellent, 1 to 1.5 great, 2 to 3 suspect, above 3 bad.
    """

    reference_margin: float = parameter(0.5, 0.05, 0.95, "share", "gross margin at par")
    margin_weight: float = parameter(1.0, 0, 3, "", "elasticity of the multiple to gross margin")
    reference_burn_multiple: float = parameter(1.5, 0.25, 6, "", "burn multiple at par")
    burn_weight: float = parameter(0.5, 0, 3, "", "elasticity to growth per dollar burned")

    def pre_money_usd(self, view: FirmView, funding: Funding) -> float:
        """The market's multiple, times margin and growth per dollar over par, each to its power."""
        margin = max(_LEAST_MARGIN, view.gross_margin) / self.reference_margin
        thrift = self.reference_burn_multiple / burn_multiple(view)
        scale = margin**self.margin_weight * thrift**self.burn_weight
        return GrowthMultiple(scale).pre_money_usd(view, funding)


def burn_multiple(view: FirmView) -> float:
    """Dollars burned for a dollar of net new recurring revenue, within what investors tell apart.

    The least where nothing is burned, the most where money is burned without growth.
    """
    low, high = _BURN_MULTIPLES
    if view.outflow_usd_per_year <= 0:
        return low
    new = view.arr_usd * (1 - 1 / view.growth_per_year) if view.growth_per_year > 1 else 0.0
    return max(low, min(high, view.outflow_usd_per_year / new)) if new > 0 else high


class Bidding(Protocol):
    """Decides how much of a round to take."""

    def bid_usd(self, dry_powder_usd: float, value_over_price: float, ticket_share: float) -> float:
        """Amount offered at the agreed price."""
        ...


@dataclass(frozen=True, slots=True)
class Conviction:
    """Bids nothing above its own value, and up to its largest ticket well below it."""

    full_bid_discount: float = parameter(0.3, 0.01, 2, "share", "at which it bids in full")

    def bid_usd(self, dry_powder_usd: float, value_over_price: float, ticket_share: float) -> float:
        """Grows with the discount of the price to its own value."""
        if value_over_price < 1:
            return 0.0
        keenness = min(1.0, 0.4 + (value_over_price - 1) / self.full_bid_discount)
        return ticket_share * dry_powder_usd * keenness


@dataclass(frozen=True, slots=True)
class MarginOfSafety:
    """Bids nothing until the price is well below its own value, and then in full (Graham 1949)."""

    margin: float = parameter(0.3, 0, 2, "share", "own value over the price, at least")

    def bid_usd(self, dry_powder_usd: float, value_over_price: float, ticket_share: float) -> float:
        """All or nothing."""
        return ticket_share * dry_powder_usd if value_over_price >= 1 + self.margin else 0.0


class HolderView(NamedTuple):
    """What an investor looks at when a firm that it owns a part of raises again."""

    bid_usd: float  # what it would bid for a firm that it does not know
    stake_share: float  # of the firm, before the round
    round_usd: float
    dry_powder_usd: float
    value_over_price: float  # its own value over the price


class FollowOn(Protocol):
    """Decides how much of a later round of a firm that it holds it takes."""

    def follow_usd(self, view: HolderView) -> float:
        """Amount offered at the agreed price."""
        ...


@dataclass(frozen=True, slots=True)
class FreshLook:
    """Looks at each round as if it held nothing."""

    def follow_usd(self, view: HolderView) -> float:
        """What it would bid anyway."""
        return view.bid_usd


@dataclass(frozen=True, slots=True)
class ProRata:
    """Keeps its share of the firm, also at a price somewhat above its own value."""

    tolerated_loss: float = parameter(0.2, 0, 1, "share", "of the price that it may lose in value")
    largest_share: float = parameter(0.4, 0, 1, "share", "of its dry powder for one round")

    def follow_usd(self, view: HolderView) -> float:
        """At least its part of the round, within its means."""
        if view.value_over_price < 1 - self.tolerated_loss:
            return view.bid_usd
        part = min(view.stake_share * view.round_usd, self.largest_share * view.dry_powder_usd)
        return max(view.bid_usd, part)
