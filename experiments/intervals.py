"""Intervals of means and proportions, and how many pairs a wanted precision takes.

Pure functions. Where the data define no interval both bounds are nan, without a warning: of a mean
with fewer than two values, with values that are all equal (they tell nothing of the spread) or not
all finite; of a proportion without a trial.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, isfinite, nan, sqrt
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

RESAMPLES: Final = 2000
MOST_PAIRS: Final = 2**53  # no number of pairs is said to be larger


class Interval(NamedTuple):
    """An interval and the name of the method that made it."""

    lower: float
    upper: float
    method: str

    @property
    def half_width(self) -> float:
        """Half of the interval's length; of an interval off centre, the mean of both sides."""
        return (self.upper - self.lower) / 2


def t_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Student's (1908) interval of a mean; of paired differences, the paired t interval.

    Exact for normal data. In simulations with n = 100 it covered the mean in 92 % of samples of a
    lognormal (sigma 1), but in 95 % of samples of the difference of two such: the differences of a
    pair are less skewed than its sides, hence t unless a bootstrap is asked for.
    """
    sample = np.asarray(values, dtype=float)
    return _around(sample, spread(sample), sample.size, level, "t")


def bootstrap_interval(values: npt.ArrayLike, level: float = 0.95, seed: int = 0) -> Interval:
    """Bootstrap-t interval of a mean (Efron 1982; Hall 1988), for skewed differences.

    Each of `RESAMPLES` resamples is studentised by its own spread, so that the interval leans the
    way the data are skewed. In simulations it covered in 94 % of samples of n = 100 of a lognormal
    (sigma 1; BCa and t: 92 %), in 92 % of the difference of two such (BCa 91 %, t 95 %) and in 95 %
    of normal samples of n = 30 (BCa 93 %); see also Hesterberg (2015). With values so tied that
    resamples without spread decide a bound, it is the t interval. The same values in the same order
    give the same interval.
    """
    sample = np.asarray(values, dtype=float)
    if not spread(sample) > 0:
        return t_interval(sample, level)
    size = sample.size
    draws = sample[np.random.default_rng(seed).integers(0, size, (RESAMPLES, size))]
    shift = draws.mean(axis=1) - sample.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = shift * sqrt(size) / draws.std(axis=1, ddof=1)
        low, high = np.quantile(studentised, (0.5 - level / 2, 0.5 + level / 2))
    if not (isfinite(low) and isfinite(high)):
        return t_interval(sample, level)
    mean, error = float(sample.mean()), spread(sample) / sqrt(size)
    return Interval(mean - float(high) * error, mean - float(low) * error, "bootstrap-t")


def stein_interval(values: npt.ArrayLike, first_stage: int, level: float = 0.95) -> Interval:
    """Interval of a mean whose sample was extended to reach a precision (Stein 1945).

    The mean of all values, with the spread and the degrees of freedom of the first stage alone:
    the size of the sample depends on that spread, so that the spread of all values would be
    too small on average. Exact for normal data, however far the sample was extended. Heavy tails
    take a long first stage, as few values rarely show them: after 30 (100) values it covered in
    90 % (93 %) of samples of the difference of two lognormals (sigma 1).

    Args:
        values: first stage first.
        first_stage: how many of them decided on the size of the sample.
        level: of confidence.

    Returns:
        The interval; that of t where nothing was added, or where the first stage has no spread.
    """
    sample = np.asarray(values, dtype=float)
    known = spread(sample[:first_stage])
    if not known > 0 or first_stage >= sample.size:
        return t_interval(sample, level)
    return _around(sample, known, first_stage, level, "Stein")


def stein_pairs(sd: float, pairs: int, half_width: float, level: float = 0.95) -> int | None:
    """How many pairs a mean difference needs for a half-width, the first stage's included.

    Args:
        sd: standard deviation of the differences in the first stage.
        pairs: of the first stage.
        half_width: wanted, in the unit of the differences.
        level: of confidence.

    Returns:
        Stein's (1945) number; None where the first stage tells no spread or no half-width is given.
    """
    if pairs < 2 or not sd > 0 or not half_width > 0:
        return None
    root = min(_t(level, pairs) * sd / half_width, sqrt(MOST_PAIRS))
    return max(pairs, ceil(root**2))


def wilson_interval(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927), without continuity correction.

    As `binomtest(...).proportion_ci(method="wilson")` of scipy, for numbers that need not be whole.
    """
    if not trials > 0:
        return Interval(nan, nan, "Wilson")
    z, share = _z(level), successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2) / scale
    return Interval(
        max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)), "Wilson"
    )


class PairedCounts(NamedTuple):
    """Pairs by whether the thing happened on both sides, on one of them, or on neither.

    Numbers may be fractions where a plan scales them.
    """

    both: float
    only_variant: float
    only_base: float
    neither: float

    @property
    def pairs(self) -> float:
        """All of them."""
        return sum(self)


def newcombe_interval(counts: PairedCounts, level: float = 0.95) -> Interval:
    """Interval of the difference of two paired proportions, variant less base.

    Method 10 of Newcombe (1998, Statistics in Medicine 17, 2635-2650): Wilson's limits of both
    proportions, joined with the correlation phi, whose numerator is corrected for continuity.
    """
    pairs = counts.pairs
    if not pairs > 0:
        return Interval(nan, nan, "Newcombe")
    both, only_variant, only_base, neither = counts
    variant, base = (both + only_variant) / pairs, (both + only_base) / pairs
    low_variant, high_variant, _ = wilson_interval(both + only_variant, pairs, level)
    low_base, high_base, _ = wilson_interval(both + only_base, pairs, level)

    excess = both * neither - only_variant * only_base
    if excess > 0:
        excess = max(excess - pairs / 2, 0.0)
    margins = (both + only_variant) * (only_base + neither)
    margins *= (both + only_base) * (only_variant + neither)
    phi = excess / sqrt(margins) if margins > 0 else 0.0

    def reach(of_one: float, of_other: float) -> float:
        return sqrt(max(of_one**2 - 2 * phi * of_one * of_other + of_other**2, 0.0))

    difference = (only_variant - only_base) / pairs
    return Interval(
        max(-1.0, difference - reach(variant - low_variant, high_base - base)),
        min(1.0, difference + reach(base - low_base, high_variant - variant)),
        "Newcombe",
    )


def newcombe_pairs(counts: PairedCounts, half_width: float, level: float = 0.95) -> int | None:
    """How many pairs a difference of proportions needs for a half-width, as far as one can tell.

    Newcombe's interval at the shares of the first stage, with half a pair added to each cell
    (Agresti and Min 2005): what has not happened in the first stage may still happen.

    Args:
        counts: of the first stage.
        half_width: wanted, as a share.
        level: of confidence.

    Returns:
        The number, the first stage's pairs included; None where it cannot be told.
    """
    if not (counts.pairs > 0 and half_width > 0):
        return None
    shares = [(cell + 0.5) / (counts.pairs + 2) for cell in counts]

    def reached(pairs: int) -> bool:
        scaled = PairedCounts(*(share * pairs for share in shares))
        return newcombe_interval(scaled, level).half_width <= half_width

    first = int(counts.pairs)
    return first + bisect_left(range(first, MOST_PAIRS), True, key=reached)


def spread(values: npt.ArrayLike) -> float:
    """Standard deviation: exactly 0 of equal values, nan where it is not defined."""
    sample = np.asarray(values, dtype=float)
    if sample.size < 2 or not np.isfinite(sample).all():
        return nan
    return float(sample.std(ddof=1)) if np.ptp(sample) > 0 else 0.0


def _around(
    sample: npt.NDArray[np.float64], sd: float, known_from: int, level: float, method: str
) -> Interval:
    """The mean with a margin from a standard deviation that is known from so many values."""
    if not sd > 0 or not np.isfinite(sample).all():
        return Interval(nan, nan, method)
    mean, margin = float(sample.mean()), _t(level, known_from) * sd / sqrt(sample.size)
    return Interval(mean - margin, mean + margin, method)


def _t(level: float, size: int) -> float:
    return float(stdtrit(size - 1, 0.5 + level / 2))


def _z(level: float) -> float:
    return float(ndtri(0.5 + level / 2))
