"""Games in normal form: best replies, equilibria, and where others end up when they adapt.

Payoffs are arrays with an axis a player; more is better. Pure functions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Profile = tuple[int, ...]  # the strategy of each player, by its place
Mix = tuple[float, ...]  # how often a player plays each of its strategies

_NEVER: Final = 1e-9  # a probability that is no more than rounding
_MOST_REPLIES: Final = 100  # of players in turn, before they are said to go round in circles


def best_replies(payoffs: Sequence[Floats], player: int, profile: Profile) -> list[int]:
    """The player's strategies that pay most against the others' in a profile."""
    own = np.moveaxis(payoffs[player], player, -1)[profile[:player] + profile[player + 1 :]]
    return [int(place) for place in np.flatnonzero(own == own.max())]


def pure_equilibria(payoffs: Sequence[Floats]) -> list[Profile]:
    """The profiles from which no player gains by leaving alone (Nash 1951)."""
    return [
        profile
        for profile in product(*map(range, payoffs[0].shape))
        if all(profile[p] in best_replies(payoffs, p, profile) for p in range(len(payoffs)))
    ]


def mixed_equilibria(payoffs: Sequence[Floats]) -> list[tuple[Mix, Mix]]:
    """The equilibria of a game of two players in which at least one of them mixes.

    All of them, by enumeration of supports, unless the game is degenerate (a mix has more best
    replies than strategies): there may be others then.
    """
    import nashpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it says of degenerate games that they are
        found = list(nashpy.Game(*payoffs).support_enumeration())
    pairs = [(tuple(map(float, row)), tuple(map(float, column))) for row, column in found]
    return [pair for pair in pairs if any(_NEVER < share < 1 - _NEVER for share in pair[0])
            or any(_NEVER < share < 1 - _NEVER for share in pair[1])]  # fmt: skip


def adapted(
    payoffs: Sequence[Floats], player: int, strategy: int, start: Profile
) -> Profile | None:
    """Where the others end up who in turn reply best to a player that keeps its strategy.

    Args:
        payoffs: of each player.
        player: who does not adapt.
        strategy: that it keeps.
        start: what all play at first.

    Returns:
        The profile; None where the others go round in circles. Ties stay with what is played.
    """
    profile = (*start[:player], strategy, *start[player + 1 :])
    for _ in range(_MOST_REPLIES):
        before = profile
        for other in range(len(payoffs)):
            replies = best_replies(payoffs, other, profile)
            if other != player and profile[other] not in replies:
                profile = (*profile[:other], replies[0], *profile[other + 1 :])
        if profile == before:
            return profile
    return None
