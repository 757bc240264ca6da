"""Points of a design: which levels of the factors are run together.

A design is laid out in the unit cube and carried to each factor's own scale by its quantiles, so
that one design serves ranges, lists and distributions alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv
from scipy import stats
from scipy.stats import qmc

from .study import Design, Distribution, Factor, Scalar, Study, StudyError

Cube = npt.NDArray[np.float64]

# Where a design goes to the ends of the unit cube, a distribution without ends is cut here.
TAIL: Final = 0.005


def group_size(study: Study) -> int:
    """Points of one trajectory of a Morris design, or of one block of a Sobol design."""
    factors = len(study.factors)
    if study.design.kind == "morris":
        return factors + 1
    return (2 if study.design.second_order else 1) * factors + 2


def number_of_points(study: Study) -> int:
    """How many points the design has; known without laying it out, except for a CSV file."""
    design, factors = study.design, study.factors
    if design.kind == "csv":
        return len(_csv_rows(design, factors))
    if design.kind in ("morris", "sobol"):
        return (design.trajectories or design.points or 0) * group_size(study)
    if design.kind == "grid":
        size = 1
        for factor in factors:
            size *= design.levels if factor.values is None else len(factor.values)
        return size
    return design.points or 0


def design_points(study: Study, whole: Sequence[bool]) -> list[tuple[Scalar, ...]]:
    """The levels of the factors at each point, in the order of the factors.

    Args:
        study: its factors and design; the same study always has the same points.
        whole: for each factor, whether its values are whole numbers.

    Raises:
        StudyError: the CSV file cannot be read or does not fit the factors; one line.
    """
    design, factors = study.design, study.factors
    if design.kind == "csv":
        return _csv_rows(design, factors)
    if design.kind == "grid":
        at = (np.arange(design.levels) + 0.0) / (design.levels - 1)
        levels = [
            list(f.values) if f.values is not None else _levels(f, at, rounded)
            for f, rounded in zip(factors, whole, strict=True)
        ]
        return list(itertools.product(*levels))
    cube = unit_cube(study)
    columns = [
        _levels(factor, cube[:, index], rounded)
        for index, (factor, rounded) in enumerate(zip(factors, whole, strict=True))
    ]
    return list(zip(*columns, strict=True))


def problem(study: Study) -> dict[str, Any]:
    """The factors as SALib wants them, in the unit cube."""
    size = len(study.factors)
    names = [factor.column for factor in study.factors]
    return {"num_vars": size, "names": names, "bounds": [[0.0, 1.0]] * size}


def unit_cube(study: Study) -> Cube:
    """The sampled design before it is carried to the factors' scales: a row a point."""
    design, size = study.design, len(study.factors)
    if design.kind == "latin_hypercube":
        return np.asarray(qmc.LatinHypercube(size, rng=design.seed).random(design.points))
    if design.kind == "random":
        return np.random.default_rng(design.seed).random((design.points or 0, size))
    try:
        from SALib.sample import morris, sobol
    except ImportError:
        raise StudyError(
            f"design: given kind '{design.kind}', which needs: "
            "pip install 'computemarket[sensitivity]'"
        ) from None
    if design.kind == "morris":
        return np.asarray(
            morris.sample(
                problem(study), design.trajectories, num_levels=design.levels, seed=design.seed
            )
        )
    return np.asarray(
        sobol.sample(
            problem(study),
            design.points,
            calc_second_order=design.second_order,
            seed=design.seed,
        )
    )


def extremes(factor: Factor, whole: bool) -> list[Scalar]:
    """Levels whose validity stands for that of the others: all of a list, the ends of a range."""
    if factor.values is not None:
        return list(factor.values)
    return _levels(factor, np.array([0.0, 1.0]), whole)


def _levels(factor: Factor, at: npt.NDArray[np.float64], whole: bool) -> list[Scalar]:
    """Quantiles of the factor at shares from 0 to 1."""
    if factor.values is not None:
        # Shares such as 3 / 5 may come out a bit too low to reach the value they belong to.
        place = (at * len(factor.values) + 1e-9).astype(int)
        return [factor.values[index] for index in np.minimum(place, len(factor.values) - 1)]
    if factor.distribution is not None:
        values = _quantiles(factor.distribution, at)
        return [int(value) for value in np.rint(values)] if whole else values.tolist()
    low, high = factor.low or 0.0, factor.high or 0.0
    if whole:
        return _whole_levels(factor, at, math.ceil(low), math.floor(high))
    return _between(factor, at, low, high).tolist()


def _whole_levels(factor: Factor, at: npt.NDArray[np.float64], low: int, high: int) -> list[Scalar]:
    """Whole numbers of a range, each with the same share of the cube (on a log scale, of its log).

    Rounding would give both ends half of it.
    """
    if low > high:
        raise StudyError(
            f"factors.{factor.column}: given {factor.low:g} to {factor.high:g}, expected a range "
            "with a whole number in it"
        )
    values = np.floor(_between(factor, at, low, high + 1) + 1e-9)
    return [min(int(value), high) for value in values]


def _between(
    factor: Factor, at: npt.NDArray[np.float64], low: float, high: float
) -> npt.NDArray[np.float64]:
    return low * (high / low) ** at if factor.scale == "log" else low + (high - low) * at


def _quantiles(of: Distribution, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if of.kind == "triangular":
        low, mode, high = of.low or 0.0, of.mode or 0.0, of.high or 0.0
        frozen = stats.triang((mode - low) / (high - low), low, high - low)
        return np.asarray(frozen.ppf(at))
    inside = np.clip(at, TAIL, 1 - TAIL)
    if of.kind == "normal":
        return np.asarray(stats.norm(of.mean, of.sd).ppf(inside))
    return np.asarray(stats.lognorm(of.sigma, scale=of.median).ppf(inside))


def _csv_rows(design: Design, factors: Sequence[Factor]) -> list[tuple[Scalar, ...]]:
    """The points of a CSV file: a column a factor, by its name, in any order."""
    file = design.file or ""
    try:
        table = csv.read_csv(file, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    except (OSError, pa.ArrowInvalid) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise StudyError(f"{file}: cannot be read as CSV: {reason}") from None
    names = [factor.column for factor in factors]
    if sorted(table.column_names) != sorted(names):
        given, expected = ", ".join(table.column_names), ", ".join(names)
        raise StudyError(f"{file}: given the columns {given}, expected the factors: {expected}")
    if not table.num_rows:
        raise StudyError(f"{file}: given no rows, expected a row a point")
    points = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    for line, levels in enumerate(points, start=2):
        if None in levels:
            raise StudyError(f"{file}: line {line}: given an empty field, expected a value")
    return points
