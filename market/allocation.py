"""How a scarce total is shared out: whole dollars, chips or shares that must sum exactly.

Money and counts go by largest remainder (Hamilton's method), ties by name; capacity
goes by weighted water-filling (weighted max-min fairness, Bertsekas & Gallager 1992).
"""

from collections.abc import Mapping
from itertools import accumulate
from math import lcm
from typing import Any, Protocol, TypeVar


class Sortable(Protocol):
    """A key whose order breaks ties: a name, or a tuple of names."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __hash__(self) -> int: ...


K = TypeVar("K", bound=Sortable)


def largest_remainder(amount: int, weights: Mapping[K, float | int]) -> dict[K, int]:
    """Split a whole amount in proportion to weights; the parts sum to it exactly.

    Leftover units go to the largest remainders, ties to the first name. Computed in
    whole numbers (every float is a fraction), so no order of inputs can matter.
    """
    if amount < 0:
        raise ValueError(f"cannot split a negative amount: {amount}")
    whole = _as_integers(weights)
    total = sum(whole.values())
    if total == 0:
        if amount:
            raise ValueError(f"nobody has a weight to receive {amount}")
        return dict.fromkeys(weights, 0)
    parts: dict[K, int] = {}
    remainders: list[tuple[int, K]] = []
    for name, weight in whole.items():
        parts[name], remainder = divmod(amount * weight, total)
        remainders.append((-remainder, name))
    leftover = amount - sum(parts.values())
    if leftover:
        remainders.sort()
        for _, name in remainders[:leftover]:
            parts[name] += 1
    return parts


def pro_rata(amount: int, claims: Mapping[K, int]) -> dict[K, int]:
    """Pay claims out of an amount: in full if it suffices, else in proportion.

    Nobody gets more than the claim; the parts sum to min(amount, all claims).
    """
    if amount >= sum(claims.values()):
        if any(claim < 0 for claim in claims.values()):
            raise ValueError("claims cannot be negative")
        return dict(claims)
    return largest_remainder(amount, claims)


def ration(
    supply: float,
    demands: Mapping[K, float],
    weights: Mapping[K, float] | None = None,
) -> dict[K, float]:
    """Share out a divisible supply by weight, nobody above its demand.

    What a satisfied party leaves goes to the others by their weights. Weight zero
    waits until all the others are satisfied.

    weights: None means in proportion to demand (pro rata)
    """
    if supply >= sum(demands.values()):
        return dict(demands)
    if weights is None:
        weights = demands
    served = dict.fromkeys(demands, 0.0)
    left = max(0.0, supply)
    # First who is satisfied first; the share of the others can only rise from there.
    in_line = sorted(
        (demands[name] / weights[name], name) for name in demands if weights[name] > 0.0
    )
    still_in_line = [*accumulate(weights[name] for _, name in reversed(in_line))]
    for _, name in in_line:
        fair = left * (weights[name] / still_in_line.pop())
        served[name] = min(demands[name], fair)
        left = max(0.0, left - served[name])
    waiting = {name: demand for name, demand in demands.items() if weights[name] <= 0.0 < demand}
    if waiting and left > 0.0:
        served.update(ration(left, waiting))
    return served


def round_half_even_usd(x: float) -> int:
    """Whole dollars, halves to the even dollar, so that rounding does not drift."""
    return round(x)


def _as_integers(weights: Mapping[K, float | int]) -> dict[K, int]:
    """The same proportions in whole numbers, exactly."""
    if all(type(weight) is int for weight in weights.values()):
        whole = {name: int(weight) for name, weight in weights.items()}
    else:
        ratios = {name: weight.as_integer_ratio() for name, weight in weights.items()}
        common = lcm(*(bottom for _, bottom in ratios.values()))
        whole = {name: top * (common // bottom) for name, (top, bottom) in ratios.items()}
    if whole and min(whole.values()) < 0:
        raise ValueError("weights cannot be negative")
    return whole
