"""The report of a folder, whichever kind it is: a run or a study.

A comparison, a contagion, a sensitivity study and a tournament are studies; what their commands
found on top of the runs is on the page, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..analysis.ensemble_summary import findings, run_table
from ..analysis.figures.drawing import Drawn
from ..analysis.figures.responses import response_curves
from ..analysis.paired import amount, comparison_table
from ..analysis.report import Answer, Page, PageTable, html, page_figures, page_table, page_tables
from ..analysis.response_table import ends_told, response_tables
from ..analysis.run_report import run_page
from ..analysis.sensitivity_tables import heading
from ..analysis.study_report import (
    CAPTIONS,
    METHOD,
    READING,
    counted,
    failed_table,
    study_answers,
    study_figures,
)
from ..analysis.tables import OutputError, failure_reason, is_a, read_manifest, read_run, records
from ..analysis.wording import listed, outcome_words
from ..scenario import load_scenario
from . import sensitivity
from .responses import responses
from .store import StudyFolder, write_file, writing
from .study import StudyError
from .whatif import variants_compared

FILE: Final = "report.html"
_FACTOR_FIGURES: Final = {
    "ends": "Ends of the factors",
    "screening": "Morris screening",
    "indices": "Sobol indices",
    "region": "Region of interest",
}
MOST_NAMED: Final = 6  # variants in the first sentence


class _More(NamedTuple):
    """What a command found besides the runs of its study."""

    answers: list[Answer]
    parts: list[RenderableType]
    figures: dict[str, Drawn]
    tables: list[PageTable]


def report(folder: str | os.PathLike[str]) -> Path:
    """Write `report.html` into the folder of a run or a study.

    Raises:
        OutputError: it is neither, cannot be read, or cannot be written.
    """
    path = Path(folder)
    if is_a(path, "study"):
        page = _study_page(StudyFolder(path))
    elif is_a(path, "run"):
        page = run_page(
            read_run(path), load_scenario(path / "scenario.toml"), read_manifest(path, "run")
        )
    elif is_a(path, "tuning"):
        raise OutputError(
            f"'{path}' is the folder of a tuning: summary.txt in it tells what was found, and "
            "the folders in 'unseen' are studies that have a report"
        )
    else:
        raise OutputError(f"'{path}' is not the folder of a run or a study")
    target = path / FILE
    with writing(path):
        write_file(target, html(page).encode("utf-8"))
    return target


def _study_page(folder: StudyFolder) -> Page:
    frames, manifest, study, runs = folder.frames, folder.manifest, folder.study, folder.runs
    start, names = manifest["start"], manifest["variants"]
    killed = folder.path / "contagion.csv"
    compared = _csv(killed) if killed.exists() else variants_compared(folder)
    more = _more(folder)
    tables: list[RenderableType] = [comparison_table(compared)] if len(compared) else []
    tables += [*more.parts, run_table(runs), *findings(frames, start)]
    seeds = runs["seed"]
    variants = listed(names) if len(names) <= MOST_NAMED else f"{len(names)} variants"
    return Page(
        title=study.title or f"A study of {manifest['scenario']}",
        lead=f"{len(runs):,} runs of {manifest['scenario']}: {variants}; "
        f"{study.replications:,} seeds each.",
        answers=[*more.answers, *study_answers(frames, compared, manifest["runs"], start)],
        reading="" if study.factors else READING,
        failed=failed_table(runs),
        figures=page_figures(more.figures | study_figures(frames, compared, start), CAPTIONS),
        tables=[*more.tables, *page_tables(tables)],
        method=METHOD,
        facts={
            "Scenario": manifest["scenario"],
            "Variants": listed(names),
            "Seeds": f"{seeds.min()} to {seeds.max()}" if len(seeds) else "none",
            "Runs": counted(runs),
            "Hash": f"{manifest['identity']} (of scenarios, values, outcomes and version)",
            "Versions": ", ".join(f"{k} {v}" for k, v in manifest["versions"].items()),
            "Files": "study.toml in the folder of the study is the study as asked, scenarios/ has "
            "each variant with every default and value written out.",
        },
        command="computemarket sweep study.toml --out DIR",
    )


def _more(folder: StudyFolder) -> _More:
    """What the commands `contagion`, `tournament` and `sensitivity` add to a study."""
    firms, game = folder.path / "contagion_firms.csv", folder.path / "payoffs.csv"
    if firms.exists():
        rows = _csv(firms)
        named = rows.assign(variant="Out of cash: " + rows["variant"]) if len(rows) else rows
        return _More([], [comparison_table(named)] if len(rows) else [], {}, [])
    if game.exists():
        lines = (folder.path / "summary.txt").read_text(encoding="utf-8").splitlines()
        return _More([Answer("Game", lines)], [], {}, [_payoffs(_csv(game))])
    if not folder.study.factors:
        return _More([], [], {}, [])
    levers = responses(folder)
    return _factors(folder) if levers.empty else _levers(levers)


def _levers(levers: pd.DataFrame) -> _More:
    """How outcomes answer to each level of a lever."""
    title = f"Answers to {outcome_words(levers['lever'].iloc[0])}"
    answer = Answer(title, list(ends_told(levers)))
    return _More([answer], list(response_tables(levers)), {title: response_curves(levers)}, [])


def _factors(folder: StudyFolder) -> _More:
    """Which factors matter, where the design tells."""
    try:
        found = sensitivity.analyse(folder)
    except StudyError as error:
        return _More([], [Text(f"Nothing is told about factors: {error}")], {}, [])
    drawn = sensitivity.figures(found)
    if found.discovery is not None:
        drawn |= found.discovery.figures()
    figures = {}
    for stem, figure in drawn.items():
        kind, _, rest = stem.partition("_")
        figures[": ".join(filter(None, (_FACTOR_FIGURES[kind], rest.removesuffix("_usd"))))] = (
            figure
        )
    lines = list(_matter(found))
    return _More([Answer("Factors", lines)], sensitivity.screen(found), figures, [])


def _matter(found: sensitivity.Sensitivity) -> Iterator[str]:
    """The first factor of each outcome, by the best measure that the design gives."""
    tables = (found.indices, found.screening, found.ends)
    ranked = next(table for table in tables if len(table))
    for _, rows in ranked[ranked["outcome"].isin(found.shown)].groupby(
        ["variant", "outcome"], sort=False
    ):
        first = rows.iloc[0]
        yield f"{heading(first)}: {first['factor']} matters most."


def _payoffs(rows: pd.DataFrame) -> PageTable:
    """The payoffs of a tournament: a row a profile and player."""
    players = list(rows.columns[: rows.columns.get_loc("player")])

    def cells(row: dict[str, Any]) -> list[str]:
        unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
        low, value, high = (amount(row[n], unit, margin) for n in ("lower", "mean", "upper"))
        told = [str(row[name]) for name in (*players, "player")]
        return [*told, value, f"{low} to {high}", "yes" if row["best_reply"] else "no"]

    heads = [*players, "Payoff of", "Mean", "95 % interval", "Best reply"]
    return page_table("Payoffs", heads, map(cells, records(rows)))


def _csv(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, keep_default_na=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read '{file}': {failure_reason(error)}") from error
