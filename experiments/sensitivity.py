"""Which factors of a study matter: Morris screening, Sobol indices, and outcomes at their ends.

A point without the outcome takes its Morris trajectory or Sobol block with it; how many were
dropped is told.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from math import nan
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..analysis.figures.drawing import Drawn, write_png
from ..analysis.figures.sensitivity import index_bars, screening_bars, tornado
from ..analysis.sensitivity_tables import effects_table, heading
from ..analysis.tables import records
from ..analysis.wording import BASE
from .designs import group_size, problem, unit_cube
from .discovery import Discovered, discover
from .ends import Answers, Floats, answers, ends
from .measures import check_names, measures_of
from .store import StudyFolder, writing
from .study import Study, StudyError
from .whatif import HEADLINES

LEAST_SHARE: Final = 0.5  # of trajectories or blocks: fewer tell of where the model works only
RESAMPLES: Final = 200  # they know a confidence to within some 5 %
SEED: Final = 1  # of resampling; SALib takes 0 for no seed
MOST_OUTCOMES: Final = 4  # on screen, where neither the study nor the user names any

_KEY: Final = ["variant", "outcome", "unit", "level", "factor", "path"]
_MEANS: Final = [f"{end}_{what}" for end in ("low", "high") for what in ("mean", "lower", "upper")]
COLUMNS: Final = {
    "ends": [*_KEY, "low", "high", *_MEANS, "difference", "lower", "upper", "mean", "points",
             "dropped"],
    "screening": [*_KEY, "mu", "mu_star", "mu_star_confidence", "sigma", "trajectories", "dropped"],
    "indices": [*_KEY, "first", "first_confidence", "total", "total_confidence", "blocks",
                "dropped"],
    "pairs": [*_KEY, "other", "second", "second_confidence", "blocks", "dropped"],
    "skipped": ["variant", "outcome", "reason"],
}  # fmt: skip


class Sensitivity(NamedTuple):
    """What a study tells about its factors; tables that its design does not give have no rows.

    All begin with variant, outcome, unit (of the outcome), level (of confidence), factor, path.
    Within an outcome the factor that matters most is first. Confidences are half-widths.

    ends: a row a factor that varies. low and high: the levels at its ends, as text. `low_mean`,
        `high_mean` and the mean over all points, in the unit of the outcome, with intervals
        `_lower` and `_upper`; difference (high less low) with lower and upper. points: that have
        the outcome; dropped: that have not.
    screening: Morris (1991) with mu* of Campolongo et al. (2007). An effect is the outcome's change
        per step of a factor, scaled to a step from its lowest to its highest level. mu: mean of
        the effects over the trajectories; mu_star: of their sizes; sigma: their standard
        deviation, all in the unit of the outcome. trajectories: used; dropped: that were not.
    indices: Sobol indices (estimators of Saltelli et al. 2010), shares of the outcome's variance
        over the points. first: due to the factor alone; total: with all its interactions. Null for
        an outcome that does not vary. blocks of the sample used; dropped: that were not.
    pairs: second-order indices: the share that `factor` and `other` have only together.
    skipped: what has no result, and why.
    discovery: where the runs of interest are, if the study says which these are.
    """

    ends: pd.DataFrame
    screening: pd.DataFrame
    indices: pd.DataFrame
    pairs: pd.DataFrame
    skipped: pd.DataFrame
    discovery: Discovered | None
    shown: tuple[str, ...]  # outcomes for the screen and the figures


def analyse(
    folder: StudyFolder, outcomes: Sequence[str] | None = None, *, level: float = 0.95
) -> Sensitivity:
    """All that the study's design tells about its factors.

    Args:
        folder: of a study that has run.
        outcomes: names of outcomes, or of a firm's as `OpenAI.out_of_cash` (`FIRM_MEASURES`); by
            default those of the study, all if it names none.
        level: of confidence.

    Raises:
        StudyError: a name is not known, nothing varies, or no outcome has enough runs; one line.
    """
    study = folder.study
    if not study.factors:
        raise StudyError("factors: given none, expected at least one to tell the effect of")
    known = measures_of(folder.runs, folder.firm_outcomes)
    names = _names(folder, outcomes)
    check_names("outcomes", names, known, "the name of an outcome")
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}
    for variant in folder.manifest["variants"]:
        for name in names:
            key = {"variant": variant, "outcome": name}
            try:
                found = _of_outcome(answers(folder, known[name], name, variant), level)
            except StudyError as error:
                rows["skipped"].append(key | {"reason": str(error)})
                continue
            for table, own in found.items():
                rows[table] += [
                    key | {"unit": known[name].unit, "level": level} | row for row in own
                ]
    if not rows["ends"]:
        raise StudyError(rows["skipped"][0]["reason"])
    named = outcomes is not None or study.outcomes is not None
    tables = {name: pd.DataFrame(rows[name], columns=columns) for name, columns in COLUMNS.items()}
    shown = names if named else _telling(tables["ends"], names)
    region = None
    if study.discovery:
        shown = list(dict.fromkeys([*shown, study.discovery.outcome]))
        try:
            region = discover(folder)
        except StudyError as error:
            key = {"variant": BASE, "outcome": study.discovery.outcome}
            tables["skipped"].loc[len(tables["skipped"])] = key | {"reason": str(error)}
    return Sensitivity(**tables, discovery=region, shown=tuple(shown))


def screening(given: Answers, level: float = 0.95) -> list[dict[str, Any]]:
    """Morris screening: a row a factor (see `Sensitivity`).

    Raises:
        StudyError: too few trajectories without a gap.
    """
    study, means = given.study, given.means
    whole = _whole_groups(means, group_size(study), "trajectories")
    kept = np.repeat(whole, group_size(study))
    found = _salib("morris").analyze(
        problem(study), unit_cube(study)[kept], means[kept], num_levels=study.design.levels,
        num_resamples=RESAMPLES, conf_level=level, seed=SEED,
    )  # fmt: skip
    columns = {
        "mu": found["mu"], "mu_star": found["mu_star"],
        "mu_star_confidence": found["mu_star_conf"], "sigma": found["sigma"],
    }  # fmt: skip
    return _ranked(study, columns, "mu_star", {"trajectories": whole})


def indices(given: Answers, level: float = 0.95) -> tuple[list[Any], list[Any]]:
    """Sobol indices: a row a factor, and a row a pair where the design has the points for it.

    Raises:
        StudyError: too few blocks of the sample without a gap.
    """
    study, means = given.study, given.means
    whole = _whole_groups(means, group_size(study), "blocks")
    kept = means[np.repeat(whole, group_size(study))]
    found = _sobol(study, kept, level)
    columns = {
        "first": found["S1"], "first_confidence": found["S1_conf"],
        "total": found["ST"], "total_confidence": found["ST_conf"],
    }  # fmt: skip
    pairs = []
    if study.design.second_order:
        for one, other in zip(*np.triu_indices(len(study.factors), 1), strict=True):
            pairs.append(
                {
                    "factor": study.factors[one].column,
                    "path": study.factors[one].path,
                    "other": study.factors[other].column,
                    "second": found["S2"][one, other],
                    "second_confidence": found["S2_conf"][one, other],
                    **_counts("blocks", whole),
                }
            )
    return _ranked(study, columns, "total", {"blocks": whole}), pairs


def screen(found: Sensitivity) -> list[RenderableType]:
    """A table an outcome (and variant) to print one after the other, then what was skipped."""
    parts: list[RenderableType] = []
    variants = found.ends["variant"].unique()
    for name in found.shown:
        for variant in variants:
            ends = _rows(found.ends, variant, name)
            if len(ends):
                measured = [_rows(t, variant, name) for t in (found.screening, found.indices)]
                parts.append(effects_table(ends, *measured))
    parts += [
        Text(f"{heading(row)}: {row['reason']}\n")
        for row in records(found.skipped)
        if row["outcome"] in found.shown
    ]
    return parts if found.discovery is None else [*parts, *found.discovery.screen()]


def save(found: Sensitivity, directory: str | os.PathLike[str]) -> list[Path]:
    """Write the tables as CSV files, and a figure an outcome shown; return their paths.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder, paths = Path(directory), []
    variants = found.ends["variant"].unique()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for table in COLUMNS:
            rows = getattr(found, table)
            if len(rows):
                paths.append(folder / f"{table}.csv")
                rows.to_csv(paths[-1], index=False)
        for variant in variants:
            for name in found.shown:
                for kind, figure in _figures(found, variant, name).items():
                    own = f"_{variant}" if len(variants) > 1 else ""
                    paths.append(folder / f"{kind}_{_file_name(name)}{own}.png")
                    write_png(figure, paths[-1])
    return paths if found.discovery is None else [*paths, *found.discovery.save(folder)]


def _of_outcome(given: Answers, level: float) -> dict[str, list[dict[str, Any]]]:
    """Rows of all tables that the design gives."""
    kind = given.study.design.kind
    found = {"ends": ends(given, level)}
    if kind == "morris":
        found["screening"] = screening(given, level)
    if kind == "sobol":
        found["indices"], found["pairs"] = indices(given, level)
    return found


def _names(folder: StudyFolder, outcomes: Sequence[str] | None) -> list[str]:
    """The outcomes to analyse; that of the discovery is one of them."""
    if outcomes is not None:
        return list(dict.fromkeys(outcomes))
    study = folder.study
    names = list(study.outcomes or folder.manifest["outcomes"])
    return list(dict.fromkeys([*names, *([study.discovery.outcome] if study.discovery else [])]))


def _telling(ends: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """A few outcomes that vary, the most asked for first."""
    varying = set(ends.loc[ends["difference"] != 0, "outcome"])
    ordered = [name for name in dict.fromkeys([*HEADLINES, *names]) if name in varying]
    return ordered[:MOST_OUTCOMES]


def _whole_groups(means: Floats, size: int, what: str) -> npt.NDArray[np.bool_]:
    """Which trajectories or blocks of so many points have no gap."""
    whole = np.asarray(np.isfinite(means).reshape(-1, size).all(axis=1))
    if whole.sum() < max(2, LEAST_SHARE * whole.size):
        raise StudyError(
            f"{whole.sum()} of {whole.size} {what} have all their runs and the outcome in each, "
            f"expected at least half of them and two"
        )
    return whole


def _sobol(study: Study, kept: Floats, level: float) -> Any:
    """SALib's indices; nan for an outcome that does not vary at the base points."""
    size, step = len(study.factors), group_size(study)
    if np.ptp(kept[::step]) == 0 and np.ptp(kept[step - 1 :: step]) == 0:
        none, square = np.full(size, nan), np.full((size, size), nan)
        return {"S1": none, "S1_conf": none, "ST": none, "ST_conf": none, "S2": square,
                "S2_conf": square}  # fmt: skip
    with warnings.catch_warnings():
        # Of a rare outcome a resample may hold no case; its indices are 0 then.
        warnings.simplefilter("ignore")
        return _salib("sobol").analyze(
            problem(study), kept, calc_second_order=study.design.second_order,
            num_resamples=RESAMPLES, conf_level=level, seed=SEED,
        )  # fmt: skip


def _salib(method: str) -> Any:
    """SALib's analyser of a method."""
    try:
        return import_module(f"SALib.analyze.{method}")
    except ImportError:
        raise StudyError(
            f"design: given kind '{method}', which needs: pip install 'computemarket[sensitivity]'"
        ) from None


def _ranked(
    study: Study, columns: dict[str, Any], by: str, whole: dict[str, npt.NDArray[np.bool_]]
) -> list[dict[str, Any]]:
    """A row a factor, largest first."""
    ((what, kept),) = whole.items()
    rows = [
        {"factor": factor.column, "path": factor.path}
        | {name: float(values[place]) for name, values in columns.items()}
        | _counts(what, kept)
        for place, factor in enumerate(study.factors)
    ]
    return sorted(rows, key=lambda row: -row[by])


def _counts(what: str, whole: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {what: int(whole.sum()), "dropped": int((~whole).sum())}


def _figures(found: Sensitivity, variant: str, outcome: str) -> dict[str, Drawn]:
    """The figures of an outcome by kind; what Morris screening shows takes the tornado's place."""
    draws = {"screening": screening_bars, "indices": index_bars, "ends": tornado}
    rows = {kind: _rows(getattr(found, kind), variant, outcome) for kind in draws}
    if len(rows["screening"]):
        del rows["ends"]
    return {kind: draws[kind](own) for kind, own in rows.items() if len(own)}


def _rows(table: pd.DataFrame, variant: str, outcome: str) -> pd.DataFrame:
    return table[(table["variant"] == variant) & (table["outcome"] == outcome)]


def _file_name(outcome: str) -> str:
    """The outcome's name without what a file system may not like."""
    return re.sub(r"[^\w.-]+", "_", outcome)
