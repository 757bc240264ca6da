"""What a study answers at its points, and the outcome at both ends of each factor (tornado).

An outcome of a point is its mean over the replications, which have the same seeds at all points
(common random numbers). A point where a run failed or does not define the outcome has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from ..analysis.sensitivity_tables import level_text
from .designs import group_size
from .intervals import t_interval
from .measures import Measure, numbers
from .store import StudyFolder
from .study import Study, StudyError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """One outcome of one variant, at the points of a study.

    levels: a row a point, a column a factor. values: a row a point, a column a replication; null
    where a run failed or does not define the outcome.
    """

    study: Study
    levels: pd.DataFrame
    values: pd.DataFrame

    @property
    def means(self) -> Floats:
        """The outcome at each point; nan where some replication has none."""
        return self.values.mean(axis="columns", skipna=False).to_numpy(dtype=float)


def answers(folder: StudyFolder, measure: Measure, name: str, variant: str) -> Answers:
    """One outcome of one variant at the points of a study; runs that are missing have none.

    Raises:
        StudyError: the outcome is text.
    """
    study = folder.study
    runs = folder.runs[folder.runs["variant"] == variant]
    played = numbers(name, measure, runs)
    keys = pd.MultiIndex.from_frame(runs[["point", "replication"]])
    values = played.set_axis(keys).unstack("replication")
    columns = [factor.column for factor in study.factors]
    levels = runs.drop_duplicates("point").set_index("point")[columns]
    points, replications = range(folder.manifest["points"]), range(study.replications)
    return Answers(study, levels.reindex(points), values.reindex(points, columns=replications))


def ends(given: Answers, level: float = 0.95) -> list[dict[str, Any]]:
    """The outcome at both ends of each factor: a row a factor that varies (see `Sensitivity`).

    An end is the lowest or highest quarter of the factor's levels, at least one. Levels that are
    text have no order but that of the outcome: their ends are the levels with the lowest and the
    highest mean, so that with many of them chance alone sets the ends apart.

    Intervals are over what the design draws, as if independent: points, trajectories of a Morris
    design, both base points of each block of a Sobol design; replications of a grid or CSV file,
    whose points are given (no interval with fewer than two). Differences within the same
    replications are paired; others have Welch's (1947) interval.
    """
    drawn = _drawn(given)
    if drawn.empty:
        raise StudyError("no point has all its runs and the outcome in each")
    counts = {"points": int(np.isfinite(given.means).sum())}
    counts["dropped"] = len(given.means) - counts["points"]
    rows = []
    for factor in given.study.factors:
        levels = given.levels[factor.column].loc[drawn.index]
        if levels.nunique() < 2:
            continue
        chosen = _ends(levels, drawn["value"])
        low, high = (
            drawn[levels.isin(end).to_numpy()].groupby("group")["value"].mean() for end in chosen
        )
        lower, upper = _difference_interval(low, high, level)
        row = {"factor": factor.column, "path": factor.path, "lower": lower, "upper": upper}
        row["difference"] = float(high.mean() - low.mean())
        for name, end, sample in zip(("low", "high"), chosen, (low, high), strict=True):
            interval = t_interval(sample, level)
            row |= {name: _end_text(name, end, factor.path), f"{name}_mean": float(sample.mean())}
            row |= {f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
        rows.append(row | {"mean": float(drawn["value"].mean())} | counts)
    if not rows:
        raise StudyError("no factor has two levels at points that have the outcome")
    return sorted(rows, key=lambda row: -abs(row["difference"]))


def _drawn(given: Answers) -> pd.DataFrame:
    """The outcome at each point that has it: value, and the group whose draw it shares."""
    kind, step = given.study.design.kind, group_size(given.study)
    if kind in ("grid", "csv"):
        by_seed = given.values[np.isfinite(given.means)]
        return by_seed.melt(var_name="group", value_name="value", ignore_index=False)
    points = given.values.index
    table = pd.DataFrame({"group": points, "value": given.means}, index=points)
    if kind == "morris":
        table["group"] //= step
    if kind == "sobol":
        table = table[(points % step == 0) | (points % step == step - 1)]
    return table.dropna()


def _ends(levels: pd.Series, values: pd.Series) -> tuple[list[Any], list[Any]]:
    """The levels at the lower and at the upper end of a factor."""
    if pd.api.types.is_numeric_dtype(levels):
        ordered = sorted(levels.unique().tolist())
        count = max(1, len(ordered) // 4)
    else:
        ordered = values.groupby(levels.to_numpy()).mean().sort_values(kind="stable").index.tolist()
        count = 1
    return ordered[:count], ordered[-count:]


def _end_text(name: str, levels: Sequence[Any], path: str) -> str:
    """The levels at an end: `0.5`, or `≤ 0.75` and `≥ 1.25` of several."""
    inner = level_text(levels[-1 if name == "low" else 0], path)
    return inner if len(levels) == 1 else f"{'≤' if name == 'low' else '≥'} {inner}"


def _difference_interval(low: pd.Series, high: pd.Series, level: float) -> tuple[float, float]:
    """Of high less low, by group: paired where both have the same groups, else Welch's (1947)."""
    if low.index.equals(high.index):
        paired = t_interval(high - low, level)
        return paired.lower, paired.upper
    if min(low.size, high.size) < 2 or np.ptp(low) == np.ptp(high) == 0:
        return nan, nan
    errors, freedoms = zip(*((s.var() / s.size, s.size - 1) for s in (low, high)), strict=True)
    error = sum(errors)
    freedom = error**2 / sum(e**2 / f for e, f in zip(errors, freedoms, strict=True))
    margin = float(stdtrit(freedom, 0.5 + level / 2) * sqrt(error))
    difference = float(high.mean() - low.mean())
    return difference - margin, difference + margin
