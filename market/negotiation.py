"""How two parties bargain over a deal: alternating offers on price and one menu of terms.

A talk serves any deal with one price and a few standard term sheets: compute
contracts (price in $/H100e-hour), equity rounds (price is the pre-money; the
investor is the "buyer") and loans (price is the rate; the borrower is the buyer).
Nothing here knows what is traded: each party brings a `Stance`, its net present
value of each item of the menu as a line in the price.

Sources: Faratin, Sierra & Jennings 1998 (time-dependent tactics), Rubinstein 1982
and Nash 1950 (closed forms).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from operator import add, mul, sub, truediv
from typing import NamedTuple, Protocol


class Terms(NamedTuple):
    """Non-price terms of a compute contract.

    Shares are 0..1: prepaid of the whole price, take-or-pay of the capacity,
    termination fee of what remains to be paid.
    """

    term_months: int
    prepaid_share: float
    take_or_pay_share: float
    termination_fee_share: float
    exclusive: bool


class Tactic(Protocol):
    """How a party concedes as time runs out (implemented in `agents/strategies`)."""

    def aspiration(self, elapsed: float) -> float:
        """Share (0..1) of the way from reservation to opening still held.

        elapsed: share of the deadline gone, 0..1. Must not rise with it. A party
        under more pressure than its counterpart concedes earlier on this clock.
        """
        ...


@dataclass(slots=True)
class Stance:
    """One party's view of a talk: value of item i at price p is intercept[i] + slope[i] * p.

    It does not change, so several talks may share one: what follows from it is worked out once.

    intercept_usd: per item of the menu; -inf where the party refuses the item
    slope_usd_per_price: per item; below 0 for the buyer, above 0 for the seller
    batna_usd: net present value of the best alternative to an agreement
    opening_price: the first price it would name on its own favourite terms
    """

    intercept_usd: tuple[float, ...]
    slope_usd_per_price: tuple[float, ...]
    batna_usd: float
    opening_price: float
    tactic: Tactic
    _limits: list[float] | None = field(default=None, init=False, repr=False)
    _steps: list[float] | None = field(default=None, init=False, repr=False)

    def limits(self) -> list[float]:
        """The price of each item that leaves the party at its alternative."""
        if self._limits is None:
            self._limits = _prices_worth(self, self.batna_usd)
        return self._limits

    def steps(self) -> list[float]:
        """How far above the limit of each item (the buyer: below) the party opens.

        An opening below the alternative leaves no room to concede.
        """
        if self._steps is None:
            reach = max(0.0, self.opening_usd() - self.batna_usd)
            self._steps = [reach / slope for slope in self.slope_usd_per_price]
        return self._steps

    def prices(self, elapsed: float) -> list[float]:
        """Prices that hold a share of the way from reservation to opening.

        elapsed: share of the deadline gone, 0..1
        """
        held = self.held(elapsed)
        way = zip(self.limits(), self.steps(), strict=True)
        return [limit + held * step for limit, step in way]

    def held(self, elapsed: float) -> float:
        """Share of the way from reservation to opening that it still holds."""
        return max(0.0, self.tactic.aspiration(elapsed))

    def value_usd(self, package: "Package") -> float:
        """Net present value of a package to this party."""
        item = package.item
        return self.intercept_usd[item] + self.slope_usd_per_price[item] * package.price

    def opening_usd(self) -> float:
        """Value of the opening demand: the opening price on the favourite item."""
        price = self.opening_price
        earned = [slope * price for slope in self.slope_usd_per_price]
        values: list[float] = [*map(add, self.intercept_usd, earned)]
        return max(values)


class Package(NamedTuple):
    """A whole deal: a price (0 or more) and an item of the menu (its index)."""

    price: float
    item: int


class Outcome(StrEnum):
    """How a talk ended."""

    SIGNED = "SIGNED"
    IMPASSE = "IMPASSE"
    NO_ZONE = "NO_ZONE"


class Talk:
    """One negotiation in progress.

    Each round the seller proposes and the buyer answers; if it refuses, it counters
    and the seller answers. An offer is accepted when it is worth at least what the
    answering party would propose itself at its next move. The clock runs from 0 at
    the first proposal to 1 at the last counter-offer, so a seller's and a buyer's
    move are one step apart: that step bounds the advantage of either.

    A proposer picks, among the packages worth its present aspiration to itself (one
    price per item), the one its counterpart values most. This assumes that term
    sheets disclose how the other side values non-price terms; its alternatives, and
    so its reservation price, stay private.

    Accepting is decided in prices, item by item, which is the same as in values
    (both are lines) and exact: no signed price is beyond either reservation price,
    not even by rounding.

    round: rounds played so far
    deadline_rounds: may be shortened while the talk goes on
    package, outcome: None while the talk goes on; package only if SIGNED
    buyer_reservation_price, seller_reservation_price: the prices that leave each party
        at its alternative, on the item signed, until then on the item with the widest zone;
        below 0 for a buyer who would not take the item as a gift, never below 0 for a seller
    gap: buyer's less seller's reservation price; below 0 there is no zone
    """

    __slots__ = (
        "_buyer",
        "_buyer_limits",
        "_seller",
        "_seller_limits",
        "buyer_reservation_price",
        "deadline_rounds",
        "gap",
        "outcome",
        "package",
        "round",
        "seller_reservation_price",
    )

    buyer_reservation_price: float
    seller_reservation_price: float
    gap: float

    def __init__(self, buyer: Stance, seller: Stance, deadline_rounds: int) -> None:
        if deadline_rounds < 1:
            raise ValueError(f"a talk needs at least one round, not {deadline_rounds}")
        self.deadline_rounds = deadline_rounds
        self.round = 0
        self.package: Package | None = None
        self.outcome: Outcome | None = None
        self._sit_down(buyer, seller)

    def revise(self, buyer: Stance, seller: Stance) -> None:
        """Go on with new stances: alternatives moved. Ends the talk if the zone is gone."""
        if self.outcome is not None:
            raise ValueError(f"the talk is over ({self.outcome}); open a new one")
        self._sit_down(buyer, seller)

    def advance(self, rounds: int) -> Outcome | None:
        """Play up to `rounds` rounds; None means that talks go on."""
        if self.outcome is not None or rounds < 1:
            return self.outcome
        end = self.round + max(1, min(rounds, self.deadline_rounds - self.round))
        if self._too_far_apart(end):
            self.round = end
        asks: list[float] | None = None
        while self.package is None and self.round < end:
            self.round += 1
            self.package, asks = self._play_round(asks)
        if self.package is not None:
            self.outcome = Outcome.SIGNED
            self._look_at(self.package.item)
        elif self.round >= self.deadline_rounds:
            self.outcome = Outcome.IMPASSE
        return self.outcome

    def _too_far_apart(self, end: int) -> bool:
        """Whether no round up to `end` can bring agreement.

        Nobody takes a concession back, so it is enough to look at the last.
        """
        last = 2 * self.deadline_rounds - 1
        buyer, seller = self._buyer, self._seller
        bid = buyer.held(min(1.0, (2 * end - 1) / last))
        ask = seller.held(min(1.0, 2 * end / last))
        # item by item, as in `prices`: most months of talks end here
        way = zip(seller.limits(), seller.steps(), buyer.limits(), buyer.steps(), strict=True)
        for low, rise, high, fall in way:
            price = low + ask * rise
            if (price if price > 0.0 else 0.0) <= high + bid * fall:
                return False
        return True

    def _sit_down(self, buyer: Stance, seller: Stance) -> None:
        _check(buyer, seller)
        self._buyer = buyer
        self._seller = seller
        self._buyer_limits = buyer.limits()
        self._seller_limits = seller.limits()
        gaps = [*map(sub, self._buyer_limits, _not_below_zero(self._seller_limits))]
        self.gap = max(gaps)
        widest = gaps.index(self.gap)
        self.buyer_reservation_price = self._buyer_limits[widest]
        self.seller_reservation_price = max(0.0, self._seller_limits[widest])
        if self.gap < 0.0:
            self.outcome = Outcome.NO_ZONE
            return

    def _look_at(self, item: int) -> None:
        """Report the reservation prices on one item."""
        self.buyer_reservation_price = self._buyer_limits[item]
        self.seller_reservation_price = max(0.0, self._seller_limits[item])
        self.gap = self.buyer_reservation_price - self.seller_reservation_price

    def _play_round(self, asks: list[float] | None) -> tuple[Package | None, list[float] | None]:
        """What is agreed, if anything, and what the seller asks next, if it got so far.

        asks: where known from the round before
        """
        move = 2 * (self.round - 1)
        last = 2 * self.deadline_rounds - 1
        asks = asks or self._seller_prices(min(1.0, move / last))
        bids = self._buyer.prices(min(1.0, (move + 1) / last))
        offer = _proposal(asks, self._buyer)
        if offer is not None and offer.price <= bids[offer.item]:
            return offer, None
        counter = _proposal(bids, self._seller)
        next_asks = self._seller_prices(min(1.0, (move + 2) / last))
        if counter is not None and counter.price >= next_asks[counter.item]:
            return counter, None
        return None, next_asks

    def _seller_prices(self, elapsed: float) -> list[float]:
        """Prices of the seller's present aspiration, never below 0."""
        return _not_below_zero(self._seller.prices(elapsed))


def nash_price(buyer: Stance, seller: Stance, buyer_power: float = 0.5) -> Package | None:
    """Asymmetric Nash bargaining solution over the menu; None without a zone.

    Maximises gain_buyer ** power * gain_seller ** (1 - power). On one item both gains
    are lines in the price, so the price splits the zone in that proportion.

    buyer_power: 0 (buyer at its reservation) .. 1 (seller at its reservation)
    """
    _check(buyer, seller)
    best: Package | None = None
    best_product = -inf
    for item, (highest, lowest) in enumerate(zip(buyer.limits(), seller.limits(), strict=True)):
        if highest < max(0.0, lowest):
            continue
        price = min(highest, max(0.0, lowest + (1.0 - buyer_power) * (highest - lowest)))
        buyer_gain = -buyer.slope_usd_per_price[item] * (highest - price)
        seller_gain = seller.slope_usd_per_price[item] * max(0.0, price - lowest)
        product = buyer_gain**buyer_power * seller_gain ** (1.0 - buyer_power)
        if product > best_product:
            best, best_product = Package(price, item), product
    return best


def rubinstein_share(discount_first: float, discount_second: float) -> float:
    """Share of the pie (0..1) that the first proposer gets, horizon without end.

    Rubinstein 1982: (1 - d2) / (1 - d1 d2), with discount factors 0..1 per offer.
    Undefined when neither side minds waiting.
    """
    if not (0.0 <= discount_first <= 1.0 and 0.0 <= discount_second <= 1.0):
        raise ValueError("discount factors lie between 0 and 1")
    if discount_first * discount_second == 1.0:
        raise ValueError("without impatience any split is an equilibrium")
    return (1.0 - discount_second) / (1.0 - discount_first * discount_second)


def _prices_worth(stance: Stance, value_usd: float) -> list[float]:
    """The price of each item at which it is worth `value_usd` (an iso-utility line)."""
    above = [value_usd - intercept for intercept in stance.intercept_usd]
    return [*map(truediv, above, stance.slope_usd_per_price)]


def _not_below_zero(prices: list[float]) -> list[float]:
    return prices if min(prices) >= 0.0 else [max(0.0, price) for price in prices]


def _proposal(prices: list[float], counterpart: Stance) -> Package | None:
    """Of one price per item, the package the counterpart values most; first item on ties.

    None when no item has a price of 0 or more that either side could name.
    """
    by_price = map(mul, counterpart.slope_usd_per_price, prices)
    values = [*map(add, counterpart.intercept_usd, by_price)]
    if min(prices) < 0.0:
        values = [v if p >= 0.0 else -inf for v, p in zip(values, prices, strict=True)]
    best = max(values)
    if best == -inf:
        return None
    item = values.index(best)
    return Package(prices[item], item)


def _check(buyer: Stance, seller: Stance) -> None:
    worths, slopes = buyer.intercept_usd, buyer.slope_usd_per_price
    values, rises = seller.intercept_usd, seller.slope_usd_per_price
    if not len(worths) == len(slopes) == len(values) == len(rises) > 0:
        sizes = [*map(len, (worths, slopes, values, rises))]
        raise ValueError(f"buyer and seller must value the same menu of terms, sizes {sizes}")
    if max(slopes) >= 0.0 or min(rises) <= 0.0:
        raise ValueError("a higher price must cost the buyer and pay the seller")
