"""Spot market for compute: one uniform-price call auction per workload and month.

Offers are steps of supply, bids steps of demand, and the other users of accelerators a
continuous curve. The price is the lowest at which the market clears. Capacity is in
H100e of one workload, prices in $/H100e-hour.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple


class Offer(NamedTuple):
    """Capacity for sale at `reserve_price` or more."""

    seller: str
    h100e: float
    reserve_price: float


class Bid(NamedTuple):
    """Capacity wanted at `limit_price` or less."""

    buyer: str
    h100e: float
    limit_price: float


class Clearing(NamedTuple):
    """Result of an auction; what is sold equals what is bought plus the residual.

    Every seller and buyer has an entry, those left out with 0.
    """

    price: float
    sold: dict[str, float]
    bought: dict[str, float]
    residual_h100e: float


Curve = Callable[[float], float]
"""H100e demanded at a price; continuous and not rising."""

_TOLERANCE = 1e-13  # of the quantity or the price
_LOWEST_PRICE = 1e-6  # constant-elasticity curves are not defined at a price of 0
_MOST_STEPS = 150  # three a halving: enough for any bracket; about eight are used


def clear(
    offers: Sequence[Offer], bids: Sequence[Bid], residual_demand: Curve, price_cap: float
) -> Clearing:
    """Clear the market at the lowest price at which it can clear.

    Offers below the price are sold out and bids above it filled; those at the price are
    rationed pro rata. When demand exceeds supply at the cap, all who would pay the cap,
    the residual included, are cut by the same share. Without supply the price is the
    one at which demand vanishes, or the cap. Without demand it is the lowest reserve.

    residual_demand: must be finite from the lowest reserve price to the cap
    """
    if any(offer.h100e < 0.0 for offer in offers) or any(bid.h100e < 0.0 for bid in bids):
        raise ValueError("offers and bids cannot be negative")
    book = _Book(offers, bids, residual_demand, price_cap)
    sold = dict.fromkeys(sorted([offer.seller for offer in offers]), 0.0)
    bought = dict.fromkeys(sorted([bid.buyer for bid in bids]), 0.0)
    if not book.asks:
        return Clearing(book.choke_price(), sold, bought, 0.0)

    price = book.crossing()
    supply_below, supply = book.supply_below(price), book.supply_up_to(price)
    demand_above, demand = book.demand_above(price), book.demand_from(price)
    residual = book.residual(price)
    traded = min(supply, demand + residual)

    if price >= price_cap:
        bid_share = _share(traded, demand + residual)
    else:
        bid_share = _share(traded - residual - demand_above, demand - demand_above)
    offer_share = _share(traded - supply_below, supply - supply_below)
    for reserve, seller, h100e in book.asks:
        if reserve > price:
            break
        sold[seller] += h100e if reserve < price else h100e * offer_share
    for minus_limit, buyer, h100e in book.wants:
        if -minus_limit < price:
            break
        bought[buyer] += h100e if -minus_limit > price else h100e * bid_share
    bought_h100e = demand_above + bid_share * (demand - demand_above)
    return Clearing(price, sold, bought, max(0.0, traded - bought_h100e))


class _Book:
    """Orders by price, then name (so that no sum depends on arrival), with running totals.

    asks: (reserve price, seller, h100e), cheapest first, without those above the cap
    wants: (minus limit price, buyer, h100e), dearest first, limits cut to the cap
    """

    __slots__ = ("_curve", "_demand", "_limits", "_reserves", "_supply", "asks", "cap", "wants")

    def __init__(
        self, offers: Iterable[Offer], bids: Iterable[Bid], curve: Curve, cap: float
    ) -> None:
        self.cap = cap
        self.asks = sorted(
            [
                (reserve, seller, h100e)
                for seller, h100e, reserve in offers
                if h100e > 0.0 and reserve <= cap
            ]
        )
        self.wants = sorted(
            [(-min(limit, cap), buyer, h100e) for buyer, h100e, limit in bids if h100e > 0.0]
        )
        self._curve = curve
        self._reserves = [ask[0] for ask in self.asks]
        self._limits = [want[0] for want in self.wants]
        self._supply = [0.0, *accumulate([ask[2] for ask in self.asks])]
        self._demand = [0.0, *accumulate([want[2] for want in self.wants])]

    def supply_below(self, price: float) -> float:
        return self._supply[bisect_left(self._reserves, price)]

    def supply_up_to(self, price: float) -> float:
        return self._supply[bisect_right(self._reserves, price)]

    def demand_above(self, price: float) -> float:
        return self._demand[bisect_left(self._limits, -price)]

    def demand_from(self, price: float) -> float:
        return self._demand[bisect_right(self._limits, -price)]

    def residual(self, price: float) -> float:
        h100e = self._curve(price)
        return h100e if h100e > 0.0 else 0.0

    def crossing(self) -> float:
        """The lowest price at which the steps of supply cover what is wanted above it."""
        cheapest = self._reserves[0]
        steps = {*self._reserves, *(-minus for minus in self._limits), self.cap}
        prices = sorted([price for price in steps if price >= cheapest])
        low, high = 0, len(prices) - 1
        while low < high:
            middle = (low + high) // 2
            if self._covered(prices[middle]):
                high = middle
            else:
                low = middle + 1
        price = prices[low]
        if low == 0 or not self._covered(price):
            return price  # the cheapest offer serves all, or even the cap leaves a shortage
        target = self.supply_below(price) - self.demand_from(price)
        if self.residual(price) >= target:
            return price  # the margin is an order at this price
        # Between two steps only the curve moves.
        return _root(self.residual, target, prices[low - 1], price)

    def choke_price(self) -> float:
        """Price at which nobody would want anything, at most the cap."""
        dearest = max(0.0, -self._limits[0]) if self._limits else 0.0
        if self.residual(self.cap) > 0.0:
            return self.cap
        low, high = max(dearest, _LOWEST_PRICE), self.cap
        if self.residual(low) <= 0.0:
            return dearest
        while high - low > _TOLERANCE * high:
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            if self.residual(middle) > 0.0:
                low = middle
            else:
                high = middle
        return high

    def _covered(self, price: float) -> bool:
        return self.supply_up_to(price) >= self.demand_above(price) + self.residual(price)


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0.0 else 0.0


def _root(curve: Curve, target: float, low: float, high: float) -> float:
    """Price between `low` and `high` at which a falling curve meets the target.

    Secant steps (the Illinois rule), with a halving in every third against curves that
    mislead the secant.
    """
    above, below = curve(low) - target, curve(high) - target
    enough = _TOLERANCE * target
    price = high
    side = 0  # on which side of the root the last price lay; twice on one halves the other
    for step in range(_MOST_STEPS):
        if high - low <= _TOLERANCE * high:
            break
        if step % 3 == 2:
            price = 0.5 * (low + high)
        else:
            price = low + (high - low) * above / (above - below)
        miss = curve(price) - target
        if abs(miss) <= enough:
            break
        if miss > 0.0:
            low, above = price, miss
            if side > 0:
                below *= 0.5
            side = 1
        else:
            high, below = price, miss
            if side < 0:
                above *= 0.5
            side = -1
    return price
