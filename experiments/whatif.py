"""What if? One scenario against variants of it, on as many seeds as the answer needs."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
from rich.console import Console

from ..analysis.wording import BASE
from ..scenario import load_scenario, parse_assignment
from ..scenarios.checks import validated
from .compare import compare, replications_needed
from .measures import check_names, measure_names
from .runner import run_study
from .store import StudyFolder, writing
from .study import Study, StudyError, branched

REPLICATIONS: Final = 30
CAP: Final = 500
HEADLINES: Final = (
    "labs_out_of_cash",
    "defaults",
    "labs_that_switched",
    "spot_price_last_24_months",
    "contract_price_last_24_months",
    "lab_revenue_usd",
    "capex_usd",
    "funds_raised_usd",
)


class Comparison(NamedTuple):
    """The table of `compare` for the outcomes asked for, and what could not be reached."""

    table: pd.DataFrame
    shortfalls: tuple[str, ...]
    folder: StudyFolder

    def __repr__(self) -> str:
        """The table as the command prints it, and what could not be reached."""
        from ..analysis.paired import comparison_table

        # Plain text: in a notebook rich would show a page of its own.
        screen = Console(
            file=io.StringIO(), width=88, color_system=None, force_terminal=False,
            force_jupyter=False,
        )  # fmt: skip
        with screen.capture() as shown:
            screen.print(comparison_table(self.table), *self.shortfalls, sep="\n")
        return "\n".join(line.rstrip() for line in shown.get().splitlines()).rstrip()


def what_if(
    study: Study,
    out: str | os.PathLike[str],
    outcomes: Sequence[str] = HEADLINES,
    *,
    precision: float | None = None,
    cap: int = CAP,
    **running: Any,
) -> Comparison:
    """Play a study's variants on common seeds and compare them with the scenario itself.

    Args:
        study: base and variants; its replications are the first stage where a precision is asked.
        out: folder of the study, new or to be resumed.
        outcomes: what to compare (see `compare`).
        precision: half-width of the 95 % intervals of the differences, at most: a fraction of the
            base's mean, or absolute for shares. Replications are added until it is reached
            (Stein's two-stage procedure), or the cap.
        cap: replications at most.
        running: workers, engine and the like, for `run_study`.

    Raises:
        ScenarioError: the study or an outcome is not valid.
        OutputError: the folder cannot be written.
    """
    if not study.variants:
        raise StudyError("variants: given none, expected at least one to compare with the base")
    if precision is not None and not precision > 0:
        raise StudyError(f"precision: given {precision:g}, expected a number above 0")
    known = measure_names([load_scenario(study.scenario)])
    check_names("outcome", outcomes, known, "the name of an outcome")
    stage = None if precision is None else study.replications
    folder = run_study(study, out, **running)
    table = _compared(study, folder, folder.runs, outcomes, stage)
    if precision is None or stage is None:
        return Comparison(table, (), folder)
    # A folder that is resumed may hold more than the first stage.
    early = folder.runs[folder.runs["replication"] < stage]
    first = _compared(study, folder, early, outcomes, stage)
    while True:
        plan = replications_needed(first, precision, cap, table)
        wanted = int(plan["replications"].max())
        if wanted <= table["replications"].max():
            break
        study = study.model_copy(update={"replications": wanted})
        folder = run_study(study, out, **running)
        table = _compared(study, folder, folder.runs, outcomes, stage)
    short = plan[plan["note"] != ""]
    shortfalls = short["outcome"] + ", " + short["variant"] + ": " + short["note"]
    return Comparison(table, tuple(shortfalls), folder)


def _compared(
    study: Study,
    folder: StudyFolder,
    runs: pd.DataFrame,
    outcomes: Sequence[str],
    first_stage: int | None,
) -> pd.DataFrame:
    return compare(
        runs,
        BASE,
        outcomes,
        variants=[variant.name for variant in study.variants],
        firm_outcomes=folder.firm_outcomes,
        first_stage=first_stage,
    )


def comparison_study(
    scenario: str,
    variants: Sequence[str],
    assignments: Mapping[str, Any],
    replications: int,
    from_month: str | None = None,
) -> Study:
    """The study of a comparison asked for on the command line.

    Args:
        scenario: name or file.
        variants: `NAME:PATH=VALUE[,PATH=VALUE...]` each; one name may be given several times.
        assignments: values by path, in all variants and the base.
        replications: number of seeds.
        from_month: when the variants begin to differ, if not at the start.

    Raises:
        ScenarioError: a variant is not of this form, or a number is out of range.
    """
    settings: dict[str, dict[str, Any]] = {}
    for text in variants:
        name, colon, values = text.partition(":")
        if not colon or not name.strip() or not values.strip():
            raise StudyError(f"variant: given '{text}', expected NAME:PATH=VALUE[,PATH=VALUE...]")
        pairs = (parse_assignment(part) for part in _split(values))
        settings.setdefault(name.strip(), {}).update(pairs)
    data = {
        "scenario": scenario,
        "set": assignments,
        "replications": replications,
        "variants": [{"name": name, "set": values} for name, values in settings.items()],
    }
    return branched(validated(Study, data, "compare"), from_month)


def variants_compared(folder: StudyFolder) -> pd.DataFrame:
    """The table of `compare` for all variants of a study, on the outcomes that it names.

    Empty without variants, and over a design: there runs differ in more than the variant.
    """
    study, runs = folder.study, folder.runs
    if not study.variants or study.factors or BASE not in set(runs["variant"]):
        return pd.DataFrame()
    known = [name for name in HEADLINES if name in runs.columns]
    return _compared(study, folder, runs, list(study.outcomes or known), None)


def save(comparison: pd.DataFrame, folder: str | os.PathLike[str]) -> None:
    """Write the table as `comparison.csv` and its figure as `comparison.png`.

    Raises:
        OutputError: the folder cannot be written.
    """
    from ..analysis.figures.differences import comparison_figure
    from ..analysis.figures.drawing import write_png

    target = Path(folder)
    with writing(target):
        comparison.to_csv(target / "comparison.csv", index=False)
        write_png(comparison_figure(comparison), target / "comparison.png")


def _split(text: str) -> list[str]:
    """Parts between commas that stand outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += sign
    return parts
