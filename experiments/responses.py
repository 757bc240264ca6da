"""How outcomes answer to a lever: their mean at each level of it, variant by variant.

For a grid over one factor or two. The second, and the variants of the study, are the lines that are
told apart: "scarce_chips", or "redeployability 0.6".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from ..analysis.sensitivity_tables import level_text
from .intervals import Interval, t_interval, wilson_interval
from .measures import Measure, check_names, measures_of, numbers
from .store import StudyFolder, writing
from .study import Study

COLUMNS: Final = (
    "outcome", "unit", "lever", "level", "line", "runs", "mean", "lower", "upper",
)  # fmt: skip
MOST_LEVELS: Final = 12
MOST_LINES: Final = 6


def _asks_a_lever(study: Study) -> bool:
    """Whether the study is a grid over a lever with numbers for levels, few enough to draw."""
    factors = study.factors
    if study.design.kind != "grid" or not 1 <= len(factors) <= 2:
        return False
    levels = [len(f.values) if f.values else study.design.levels for f in factors]
    lines = (len(study.variants) + 1) * (levels[1] if len(levels) > 1 else 1)
    numeric = all(type(value) in (int, float) for value in factors[0].values or ())
    return numeric and levels[0] <= MOST_LEVELS and lines <= MOST_LINES


def responses(
    folder: StudyFolder, outcomes: Sequence[str] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """The mean of outcomes at each level of a study's first factor.

    Empty for a study that is no grid over one factor or two, or has too many levels to tell apart.

    Args:
        folder: of a study that has run.
        outcomes: names of outcomes, or of a firm's as `OpenAI.out_of_cash`; by default those that
            the study names.
        level: of confidence.

    Returns:
        A row an outcome, line and level: outcome, unit, lever (the factor), level, line (variant
        and level of the second factor), runs that define the outcome, mean with lower and upper:
        t intervals of means, Wilson's of shares.

    Raises:
        StudyError: a name is not known.
    """
    study = folder.study
    if not _asks_a_lever(study):
        return pd.DataFrame(columns=list(COLUMNS))
    known = measures_of(folder.runs, folder.firm_outcomes)
    names = list(outcomes if outcomes is not None else study.outcomes or ())
    check_names("outcomes", names, known, "the name of an outcome")
    runs = folder.runs.assign(line=_lines(folder.runs, study))
    lever = study.factors[0].column
    parts = [_of_outcome(runs, lever, name, known[name], level) for name in names]
    return pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS))


def _lines(runs: pd.DataFrame, study: Study) -> pd.Series:
    """What a run's line is called: by its variant, its level of the second factor, or both."""
    variant = runs["variant"].astype(str)
    if len(study.factors) < 2:
        return variant
    second = study.factors[1]
    level = second.column + " " + runs[second.column].map(lambda x: level_text(x, second.path))
    return variant + ", " + level if study.variants else level


def _of_outcome(
    runs: pd.DataFrame, lever: str, name: str, measure: Measure, level: float
) -> list[dict[str, object]]:
    values = numbers(name, measure, runs)
    is_share = bool(values.dropna().isin([0, 1]).all())
    rows = []
    for (line, at), own in values.groupby([runs["line"], runs[lever]], sort=False):
        told = own.dropna()
        interval = _interval(told, is_share, level)
        rows.append(
            {"outcome": name, "unit": measure.unit, "lever": lever, "level": at, "line": line}
            | {"runs": len(told), "mean": told.mean()}
            | {"lower": interval.lower, "upper": interval.upper}
        )
    return rows


def _interval(values: pd.Series, is_share: bool, level: float) -> Interval:
    if is_share:
        return wilson_interval(values.sum(), len(values), level)
    return t_interval(values, level)


def save(
    answers: pd.DataFrame, folder: str | os.PathLike[str], *, figure: bool = True
) -> list[Path]:
    """Write the table as `responses.csv`, and its figure if it is wanted, whose path is returned.

    Nothing is written of an empty table.

    Raises:
        OutputError: the folder cannot be written.
    """
    from ..analysis.figures.drawing import write_png
    from ..analysis.figures.responses import response_curves

    if answers.empty:
        return []
    drawn = [Path(folder) / "responses.png"] if figure else []
    with writing(Path(folder)):
        answers.to_csv(Path(folder) / "responses.csv", index=False)
        for path in drawn:
            write_png(response_curves(answers), path)
    return drawn
