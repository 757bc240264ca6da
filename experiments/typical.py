"""The typical and the extreme runs of a study for an outcome, found in its tables.

`replay` plays one of them again; `stories.py` tells what happened in them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from math import inf
from typing import Any, Final, NamedTuple

import pandas as pd

from ..agents.strategies import unknown_strategies
from ..analysis.outcomes import OUTCOMES, Played
from ..analysis.tables import records
from ..analysis.typical import chosen_runs, closest, differences, quantiles
from ..analysis.wording import BASE, FAILED, NOT_APPLICABLE, OK, listed
from ..scenario import load_scenario, month_of
from .measures import Measure, check_names, measures_of, numbers
from .plan import varied
from .play import played, replay_command
from .store import StudyFolder, variant_file
from .study import Scalar, StudyError

_RUN: Final = ["variant", "point", "replication", "seed", "run_id"]
_DIFFERENCES: Final = [
    "kind", "outcome", "unit", "value", "reference_value", "quantile", "reference_quantile",
]  # fmt: skip


class TypicalRuns(NamedTuple):
    """The runs of a study that are typical and extreme for an outcome.

    outcome, unit: what was asked for. size: how many runs of the variants have it; left_out: how
    many have not, by reason (failed, not applicable, without the outcome).

    runs: a row a run; the others are held against the first. kind: `typical`, `lowest`, `highest`,
        or `with 0` and `with 1` of an outcome that is 0 or 1; variant, point, replication, seed,
        run_id; a column a factor; value; its quantile: the share of runs that have less, plus half
        of those that have as much; same: runs with this value; command: that plays the run alone
        (empty where the outcome is that of a function of the user's).
    differences: a row a run but the first, and other outcome that both define (of the run, and of
        the firm if there is one): kind, outcome, unit, value, reference_value, quantile,
        reference_quantile. Within a run the largest difference of quantiles is first.
    firm: whose story is told; None: that of the whole market. closest: the outcome of the firm
        that goes with the one asked for, and their rank correlation, where the firm was found so.
    """

    folder: StudyFolder
    outcome: str
    unit: str
    variants: tuple[str, ...]
    size: int
    left_out: Mapping[str, int]
    runs: pd.DataFrame
    differences: pd.DataFrame
    firm: str | None
    closest: tuple[str, float] | None


def typical_runs(
    folder: StudyFolder | str | os.PathLike[str],
    outcome: str,
    *,
    firm: str | None = None,
    variant: str | None = None,
) -> TypicalRuns:
    """Find the typical and the extreme runs of a study for an outcome.

    Args:
        folder: of a study that has run.
        outcome: of a run, such as `defaults`, or of a firm in it, as `OpenAI.out_of_cash`.
        firm: whose outcomes count beside those of the run, and whose story is told; by default
            that of the outcome, else one whose own outcomes go with it, if there is any.
        variant: look at its runs only; by default at those of all variants together.

    Raises:
        OutputError: this is not the folder of a study.
        StudyError: a name is not known, or no run that finished has the outcome; one line.
    """
    folder = folder if isinstance(folder, StudyFolder) else StudyFolder(folder)
    known = measures_of(folder.runs, folder.firm_outcomes)
    variants = _checked(folder, known, outcome, firm, variant)
    runs = folder.runs[folder.runs["variant"].isin(variants)]
    values = numbers(outcome, known[outcome], runs)
    left_out = _left_out(runs, values)
    if not values.notna().any():
        raise StudyError(
            f"outcome: given '{outcome}', expected one that some run has: none of {len(runs):,} "
            f"does ({reasons(left_out) or 'none was played yet'})"
        )
    values = values.dropna()
    runs = runs.loc[values.index]
    found = None
    firm = firm or outcome.rpartition(".")[0] or None
    if firm is None:
        found = closest(values, _values(known, runs, [name for name in known if "." in name]))
        firm = found[0].rpartition(".")[0] if found else None
    others = [name for name in known if name.rpartition(".")[0] in ("", firm) and name != outcome]
    table = _values(known, runs, others)
    kinds = chosen_runs(values, table, found[0] if found else None)
    return TypicalRuns(
        folder, outcome, known[outcome].unit, variants, len(runs), left_out,
        _rows(folder, runs, values, kinds, outcome, firm), _differences(table, kinds, known),
        firm, found,
    )  # fmt: skip


def replay(found: TypicalRuns, kind: str) -> Played:
    """Play one of the runs again.

    Args:
        found: what `typical_runs` found.
        kind: of the run, such as `typical`.

    Raises:
        ScenarioError: a strategy of the study is not known here; one line.
    """
    row = next(row for row in records(found.runs) if row["kind"] == kind)
    file = variant_file(found.folder.path, row["variant"])
    levels = _levels(found.folder, row)
    scenario = varied(load_scenario(file), levels, _branch_month(found.folder), "the factors")
    if unknown := unknown_strategies(scenario):
        raise StudyError(f"{file}: {unknown[0]}")
    return played(scenario, row["seed"], inf)


def reasons(left_out: Mapping[str, int]) -> str:
    """Why some runs have no value, in words."""
    return listed(f"{count:,} {reason}" for reason, count in left_out.items())


def _checked(
    folder: StudyFolder,
    known: Mapping[str, Measure],
    outcome: str,
    firm: str | None,
    variant: str | None,
) -> tuple[str, ...]:
    """The variants to look at; raises StudyError where a name is not known."""
    check_names("outcome", [outcome], known, "the name of an outcome")
    if firm is not None:
        check_names("firm", [firm], folder.firm_outcomes["firm"].unique(), "a firm of the study")
    variants = tuple(folder.manifest["variants"])
    if variant is None:
        return variants
    check_names("variant", [variant], variants, "the name of a variant")
    return (variant,)


def _left_out(runs: pd.DataFrame, values: pd.Series) -> dict[str, int]:
    """How many runs have no value, by reason."""
    status = runs["status"]
    counts = {
        "failed": status.isin(FAILED),
        "not applicable": status == NOT_APPLICABLE,
        "without it": (status == OK) & values.isna(),
    }
    return {reason: int(flags.sum()) for reason, flags in counts.items() if flags.any()}


def _values(known: Mapping[str, Measure], runs: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """A row a run, a column an outcome."""
    return pd.DataFrame({name: numbers(name, known[name], runs) for name in names}, runs.index)


def _rows(
    folder: StudyFolder,
    runs: pd.DataFrame,
    values: pd.Series,
    kinds: Mapping[Any, Any],
    outcome: str,
    firm: str | None,
) -> pd.DataFrame:
    """The table `runs` of what was found."""
    factors = [factor.column for factor in folder.study.factors]
    table = runs.loc[list(kinds.values()), [*_RUN, *factors]]
    table.insert(0, "kind", list(kinds))
    table["value"] = values
    table["quantile"] = quantiles(values.to_frame()).iloc[:, 0]
    table["same"] = [int((values == value).sum()) for value in table["value"]]
    month, own = _branch_month(folder), outcome in OUTCOMES or "." in outcome
    table["command"] = [_command(folder, row, month, firm) if own else "" for row in records(table)]
    return table.reset_index(drop=True)


def _command(
    folder: StudyFolder, row: Mapping[str, Any], month: int | None, firm: str | None
) -> str:
    file, levels = variant_file(folder.path, row["variant"]), _levels(folder, row)
    words = replay_command("explain" if firm else "run", file, row["seed"], levels, month)
    return shlex.join(words + (["--firm", firm] if firm else []))


def _differences(
    table: pd.DataFrame, kinds: Mapping[Any, Any], known: Mapping[str, Measure]
) -> pd.DataFrame:
    """The table `differences` of what was found."""
    (_, reference), *others = kinds.items()
    parts = [differences(table, label, reference).assign(kind=kind) for kind, label in others]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_DIFFERENCES)
    return rows.assign(unit=[known[name].unit for name in rows["outcome"]])[_DIFFERENCES]


def _levels(folder: StudyFolder, row: Mapping[str, Any]) -> dict[str, Scalar]:
    """The levels of the factors of a run, by path."""
    return {factor.path: row[factor.column] for factor in folder.study.factors}


def _branch_month(folder: StudyFolder) -> int | None:
    """From which month of the run the factors act; None: from the start."""
    given = folder.study.from_month
    if given is None or not folder.study.factors:
        return None
    return month_of(load_scenario(variant_file(folder.path, BASE)), given)
