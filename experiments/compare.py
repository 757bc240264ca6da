"""Variants against a base on common random numbers: paired differences with their intervals.

Two runs are a pair if they have the same point and the same seed. What the seed draws is the same
in both, so that their difference is due to the variant, and varies less than the runs do.

To reach a precision: play a first stage, ask `replications_needed`, extend the same study to that
number, and `compare` again with `first_stage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, nan
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..analysis.outcomes import OUTCOMES, Better
from ..analysis.tables import records
from ..analysis.wording import FAILED, NOT_APPLICABLE, OK
from ..market.column import Column, integer, number, text
from .intervals import (
    Interval,
    PairedCounts,
    bootstrap_interval,
    newcombe_interval,
    newcombe_pairs,
    spread,
    stein_interval,
    stein_pairs,
    t_interval,
    wilson_interval,
)
from .measures import check_names, measures_of, numbers

Floats = npt.NDArray[np.float64]
Method = Literal["t", "bootstrap"]

SHARES: Final = ("share", "share of runs")  # units whose precision is absolute
DIRECTIONS: Final[Mapping[Better | None, str]] = {
    "higher": "higher is better",
    "lower": "lower is better",
    None: "higher, good or bad",
}

_PAIR: Final = ["point", "replication", "seed"]
_OWN: Final = "of the outcome"
_OF_SIDE: Final = "bound of its confidence interval, over the pairs"
COMPARISON: Final[tuple[Column, ...]] = (
    text("outcome", "of a run, or of a firm in it: `OpenAI.default`"),
    text("unit", "of the outcome"),
    text("variant", "what is compared with the base"),
    text("base", "what it is compared with"),
    number("level", "share", "of confidence, of all intervals"),
    integer("replications", "seeds", "played"),
    integer("pairs", "pairs", "of runs of one seed that count"),
    integer("failed", "runs", "that raised or took too long, either side"),
    integer("not_applicable", "runs", "whose parties were not in position, either side"),
    integer("undefined", "pairs", "whose runs worked, but one does not define the outcome"),
    number("base_mean", _OWN, "mean of the base over the pairs"),
    number("base_lower", _OWN, f"lower {_OF_SIDE}"),
    number("base_upper", _OWN, f"upper {_OF_SIDE}"),
    number("variant_mean", _OWN, "mean of the variant over the pairs"),
    number("variant_lower", _OWN, f"lower {_OF_SIDE}"),
    number("variant_upper", _OWN, f"upper {_OF_SIDE}"),
    number("difference", _OWN, "mean of variant less base, pair by pair"),
    number("lower", _OWN, "lower bound of the confidence interval of the difference"),
    number("upper", _OWN, "upper bound of the confidence interval of the difference"),
    number("difference_sd", _OWN, "standard deviation of the differences of pairs"),
    text("method", "of the interval of the difference"),
    text("direction", "which way is better, or that higher is neither good nor bad"),
    number("probability_better", "share", "of pairs better in that direction, ties half"),
)


def compare(
    runs: pd.DataFrame,
    base: str,
    outcomes: Sequence[str] | None = None,
    *,
    variants: Sequence[str] | None = None,
    firm_outcomes: pd.DataFrame | None = None,
    level: float = 0.95,
    first_stage: int | None = None,
    method: Method = "t",
) -> pd.DataFrame:
    """Each variant against the base: means, paired differences, and how often it is better.

    An outcome whose values are all 0 or 1 is a proportion. Sides have t intervals of means and
    Wilson's of proportions; differences have paired t, Stein's or bootstrap-t intervals of means
    and Newcombe's of proportions. Each interval stands for itself: of twenty rows, one is expected
    to miss at a level of 0.95. Pairs of several points count as if they were independent.

    Args:
        runs: a row a run, as a study keeps them.
        base: the variant that the others are compared with.
        outcomes: names of outcomes, or of a firm's as `OpenAI.default` (`FIRM_MEASURES`); all
            outcomes of runs if left out.
        variants: which, and in which order; all as they come in `runs` if left out.
        firm_outcomes: a row a run and firm, for outcomes of firms.
        level: of confidence.
        first_stage: how many replications decided on the number of the rest.
        method: for differences of means; "bootstrap" for strongly skewed ones, which Stein's
            procedure does not know.

    Returns:
        A row an outcome and variant, with the columns of `COMPARISON`
        (`computemarket.describe("comparison")`).

    Raises:
        StudyError: a name is not known.
    """
    known = measures_of(runs, firm_outcomes)
    played = [str(name) for name in runs["variant"].unique()]
    names = [name for name in known if name in OUTCOMES] if outcomes is None else list(outcomes)
    others = [name for name in played if name != base] if variants is None else list(variants)
    check_names("outcomes", names, known, "the name of an outcome")
    check_names("base", [base], played, "the name of a variant")
    check_names("variants", others, played, "the name of a variant")

    runs = runs[runs["variant"].isin([base, *others])]
    replications = sorted(runs["replication"].unique())
    deciding = replications if first_stage is None else replications[:first_stage]
    statuses = _by_pair(runs, runs["status"])
    rows = []
    for name in names:
        values = _by_pair(runs, numbers(name, known[name], runs))
        is_share = bool(values.isin([0, 1, nan]).to_numpy().all())
        for variant in others:
            sides, better = values[[base, variant]], known[name].better
            identity = {"outcome": name, "unit": known[name].unit, "variant": variant, "base": base}
            counts = {"level": level, "replications": len(replications)}
            counts |= _counts(statuses[[base, variant]], sides)
            pairs = sides.dropna()
            early = pairs.index.isin(deciding, level="replication")
            pairs = pd.concat([pairs[early], pairs[~early]])
            intervals = _intervals(pairs, is_share, int(early.sum()), level, method)
            rows.append(identity | counts | _estimates(pairs, *intervals) | _gain(pairs, better))
    return pd.DataFrame(rows)


def replications_needed(
    first: pd.DataFrame, precision: float, cap: int, latest: pd.DataFrame | None = None
) -> pd.DataFrame:
    """How many replications each difference needs for a precision.

    The precision is the largest half-width of the interval of the difference: a fraction of the
    base's mean, or an absolute number where the outcome is a proportion or a share. Means take
    Stein's number from the first stage. A number for proportions is a forecast, so ask again with
    the latest table until no more are needed; in simulations that took two extensions on average,
    and Newcombe's interval still covered in 94 % or more. Runs are expected to fail as often as
    they have so far.

    Stein's interval is exact if the spread of differences alone decides on their number, be it the
    largest of many rows. Here the base's mean in the first stage has a say as well; in simulations
    with a spread of up to twice the mean the interval still covered in 95 %.

    Args:
        first: the table of `compare` for the first stage.
        precision: wanted, above 0.
        cap: replications to play at most.
        latest: the table of all that was played, after an extension.

    Returns:
        A row a row of `first`: outcome, variant; half_width so far and the one wanted, in the unit
        of the outcome; needed replications (null where none can be told), replications to play
        within the cap, and a note where these fall short. Play the largest number.
    """
    rows = []
    tables = (first, first if latest is None else latest)
    for early, late in zip(*map(records, tables), strict=True):
        wanted, half_width = _wanted(early, late, precision), (late["upper"] - late["lower"]) / 2
        played = late["replications"]
        needed = played if half_width <= wanted else _needed(early, late, wanted)
        rows.append(
            {
                "outcome": late["outcome"],
                "variant": late["variant"],
                "half_width": half_width,
                "wanted": wanted,
                "needed": needed,
                "replications": played if needed is None else max(played, min(needed, cap)),
                "note": _shortfall(early, needed, cap),
            }
        )
    columns = ["outcome", "variant", "half_width", "wanted", "needed", "replications", "note"]
    return pd.DataFrame(rows, columns=columns).astype({"needed": "Int64"})


def _by_pair(runs: pd.DataFrame, column: pd.Series) -> pd.DataFrame:
    """A column of `runs` with a row a pair and a column a variant."""
    keys = pd.MultiIndex.from_frame(runs[[*_PAIR, "variant"]])
    return column.set_axis(keys).unstack("variant")


def _counts(statuses: pd.DataFrame, sides: pd.DataFrame) -> dict[str, int]:
    """Pairs used, and what was left out; both tables have a row a pair and a column a side."""
    status, known = statuses.to_numpy(dtype=object), sides.notna().to_numpy().all(axis=1)
    return {
        "pairs": int(known.sum()),
        "failed": int(np.isin(status, FAILED).sum()),
        "not_applicable": int((status == NOT_APPLICABLE).sum()),
        "undefined": int(((status == OK).all(axis=1) & ~known).sum()),
    }


def _intervals(
    pairs: pd.DataFrame, is_share: bool, first_stage: int, level: float, method: Method
) -> tuple[Interval, Interval, Interval]:
    """Of the base, of the variant, and of their difference."""
    base, variant = pairs.to_numpy().T
    if is_share:
        return (
            wilson_interval(base.sum(), base.size, level),
            wilson_interval(variant.sum(), variant.size, level),
            newcombe_interval(_paired_counts(base, variant), level),
        )
    differences = variant - base
    of_difference = (
        bootstrap_interval(differences, level)
        if method == "bootstrap"
        else stein_interval(differences, first_stage, level)
    )
    return t_interval(base, level), t_interval(variant, level), of_difference


def _paired_counts(base: Floats, variant: Floats) -> PairedCounts:
    return PairedCounts(
        both=float((base * variant).sum()),
        only_variant=float((variant > base).sum()),
        only_base=float((base > variant).sum()),
        neither=float(((1 - base) * (1 - variant)).sum()),
    )


def _estimates(
    pairs: pd.DataFrame, of_base: Interval, of_variant: Interval, of_difference: Interval
) -> dict[str, float | str]:
    base, variant = pairs.to_numpy().T
    differences = variant - base
    known = differences.size > 0
    return {
        "base_mean": float(base.mean()) if known else nan,
        "base_lower": of_base.lower,
        "base_upper": of_base.upper,
        "variant_mean": float(variant.mean()) if known else nan,
        "variant_lower": of_variant.lower,
        "variant_upper": of_variant.upper,
        "difference": float(differences.mean()) if known else nan,
        "lower": of_difference.lower,
        "upper": of_difference.upper,
        "difference_sd": spread(differences),
        "method": of_difference.method,
    }


def _gain(pairs: pd.DataFrame, better: Better | None) -> dict[str, float | str]:
    """Share of pairs in which the variant is better, ties counted half (Vargha, Delaney 2000)."""
    base, variant = pairs.to_numpy().T
    gain = np.sign(base - variant if better == "lower" else variant - base)
    probability = float((gain + 1).mean() / 2) if gain.size else nan
    return {"direction": DIRECTIONS[better], "probability_better": probability}


def _wanted(early: Mapping[str, Any], late: Mapping[str, Any], precision: float) -> float:
    """The half-width that the precision means, in the unit of the outcome."""
    if late["method"] == "Newcombe" or late["unit"] in SHARES:
        return precision
    return float(precision * abs(early["base_mean"]))


def _needed(early: Mapping[str, Any], late: Mapping[str, Any], wanted: float) -> int | None:
    """How many replications an interval that has not reached a half-width takes.

    Differences that were all equal ask for no more.
    """
    played = int(late["replications"])
    if late["method"] == "Newcombe":
        pairs = newcombe_pairs(_counts_of(late), wanted, late["level"])
    elif late["difference_sd"] == 0:
        return played
    else:
        basis = early if early["difference_sd"] > 0 else late
        pairs = stein_pairs(basis["difference_sd"], basis["pairs"], wanted, basis["level"])
    return None if pairs is None else max(played + 1, ceil(pairs * played / late["pairs"]))


def _counts_of(row: Mapping[str, Any]) -> PairedCounts:
    """The cells of the paired table: they follow from the shares and the difference's variance."""
    pairs, difference = row["pairs"], row["difference"]
    if not pairs:
        return PairedCounts(0, 0, 0, 0)
    sd = row["difference_sd"] if pairs > 1 else 0.0
    unequal = sd**2 * (pairs - 1) / pairs + difference**2
    shares = ((unequal + difference) / 2, (unequal - difference) / 2)
    only_variant, only_base = (round(share * pairs) for share in shares)
    both = round(row["base_mean"] * pairs) - only_base
    return PairedCounts(both, only_variant, only_base, pairs - both - only_variant - only_base)


def _shortfall(early: Mapping[str, Any], needed: int | None, cap: int) -> str:
    if needed is not None:
        return "" if needed <= cap else f"needs {needed:,} replications"
    if early["base_mean"] == 0:
        return "no precision is relative to a base mean of 0"
    return "too few pairs"
