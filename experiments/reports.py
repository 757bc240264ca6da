"""The report of a folder, whichever kind it is: a run or a study."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ..analysis.ensemble import (
    Frames,
    cash_probabilities,
    failed_runs,
    frame_of,
    months_played,
    over_a_design,
    run_counts,
    start_dates,
    switch_probabilities,
)
from ..analysis.ensemble_summary import ensemble_summary
from ..analysis.figures.differences import comparison_figure
from ..analysis.figures.drawing import Drawn
from ..analysis.figures.runways import real_and_paper_survival
from ..analysis.figures.study import ensemble_figures
from ..analysis.figures.survival import survival_curves
from ..analysis.paired import comparison_table
from ..analysis.report import Page, html, page_figures, page_tables
from ..analysis.run_report import run_page
from ..analysis.runways import NEEDED
from ..analysis.survival import survival
from ..analysis.tables import OutputError, read_manifest, read_run, records
from ..analysis.wording import listed, percent
from ..scenario import load_scenario
from .store import StudyFolder, write_file
from .whatif import variants_compared

FILE: Final = "report.html"
CAPTIONS: Final[Mapping[str, str]] = {
    "differences": "Differences from the base on the same seeds, with 95 % intervals.",
    "price_fans": "Prices over the runs: median, half of the runs, nine tenths of them.",
    "cash_risk": "How probable it is that a firm runs out of cash, and that it defaults.",
    "cash_over_time": "Share of runs in which a firm has run out of cash or defaulted, by month.",
    "survival": "Share of runs in which a firm has not defaulted (Kaplan-Meier, 95 % band).",
    "survival_by_role": "The same over all firms of a role.",
    "runway_survival": "How long takers of letters of intent pay all dues after their first one: "
    "as their runway promised that day, as it did with letters as cash, and in the runs.",
    "cascades": "How many firms default in a run, and how many in a row bring one another down.",
    "switching": "How probable it is that a lab changes its main supplier.",
}
_METHOD: Final = (
    "Many runs of an agent-based model, each with a seed of its own. Replication r has the same "
    "seed in every variant, so that their differences are not noise (common random numbers).",
    "Probabilities are shares of runs with Wilson's 95 % intervals; differences are paired over "
    "seeds, with t intervals of means and Newcombe's of shares; survival curves are Kaplan-Meier "
    "estimates. An interval speaks of the noise of the model, not of how well it fits the world.",
)


def report(folder: str | os.PathLike[str]) -> Path:
    """Write `report.html` into the folder of a run or a study.

    Raises:
        OutputError: it is neither, cannot be read, or cannot be written.
    """
    path = Path(folder)
    page = _study_page(StudyFolder(path)) if _is_study(path) else _run_page(path)
    target = path / FILE
    write_file(target, html(page).encode("utf-8"))
    return target


def _is_study(path: Path) -> bool:
    try:
        read_manifest(path, "study")
    except OutputError:
        return False
    return True


def _run_page(path: Path) -> Page:
    try:
        manifest = read_manifest(path, "run")
    except OutputError:
        raise OutputError(f"'{path}' is not the folder of a run or a study") from None
    return run_page(read_run(path), load_scenario(path / "scenario.toml"), manifest)


def _study_page(folder: StudyFolder) -> Page:
    frames, manifest, study = folder.frames, folder.manifest, folder.study
    start = manifest["start"]
    scenario = listed(dict.fromkeys(folder.runs["scenario"]))
    title = study.title or f"A study of {scenario}"
    compared = variants_compared(folder)
    figures = _figures(frames, start)
    tables = ensemble_summary(frames, start)
    if len(compared):
        figures = {"differences": comparison_figure(compared), **figures}
        tables = [comparison_table(compared), *tables]
    seeds = folder.runs["seed"]
    return Page(
        title,
        f"{len(folder.runs):,} runs of {scenario}: {listed(manifest['variants'])}; "
        f"{study.replications:,} seeds each.",
        list(_answers(frames, compared)),
        page_figures(figures, CAPTIONS),
        page_tables(tables),
        _METHOD,
        {
            "Scenario": scenario,
            "Variants": listed(manifest["variants"]),
            "Seeds": f"{seeds.min()} to {seeds.max()}" if len(seeds) else "none",
            "Runs": _counted(folder.runs),
            "Versions": ", ".join(f"{k} {v}" for k, v in manifest["versions"].items()),
            "Note": "study.toml in this folder is the study as asked; a failed run is listed with "
            "the command that plays it again.",
        },
        "computemarket sweep study.toml --out DIR",
    )


def _figures(frames: Frames, start: str) -> dict[str, Drawn]:
    """Those of the ensemble, survival, and what runway promised the takers of letters."""
    figures = ensemble_figures(frames, start)
    runs, firms = frame_of(frames, "runs"), frame_of(frames, "firm_outcomes")
    if firms.empty or over_a_design(runs):
        return figures
    months, starts = months_played(frames), start_dates(frames, start)
    figures["survival"] = survival_curves(survival(firms, months), starts=starts)
    if firms["default_month"].notna().any():
        by_role = survival(firms, months, by="role")
        figures["survival_by_role"] = survival_curves(by_role, starts=starts)
    if set(NEEDED) <= set(runs.columns) and runs["first_letter_month"].notna().any():
        figures["runway_survival"] = real_and_paper_survival(runs)
    return figures


def _counted(runs: pd.DataFrame) -> str:
    counts = run_counts(runs).drop(columns=["variant", "runs"]).sum()
    words = {"ok": "finished", "not_applicable": "not applicable", "error": "failed"}
    told = [f"{n:,} {words.get(str(s), str(s))}" for s, n in counts.items() if n]
    return f"{len(runs):,} runs: {listed(told)}"


def _answers(frames: Frames, compared: pd.DataFrame) -> Iterator[str]:
    runs = frame_of(frames, "runs")
    yield f"{_counted(runs)}."
    firms = frame_of(frames, "firm_outcomes")
    if not (firms.empty or over_a_design(runs)):
        base = firms[firms["variant"] == firms["variant"].iloc[0]]
        yield from _probable(base)
    clear = compared[(compared["lower"] > 0) | (compared["upper"] < 0)] if len(compared) else None
    if clear is not None:
        told = f"{len(clear)} of {len(compared)} differences have an interval without zero"
        yield f"{told}; the table below has them all."
    failed = failed_runs(runs)
    if len(failed):
        yield f"{len(failed)} runs failed: they are in the counts and listed below."


def _probable(firms: pd.DataFrame) -> Iterator[str]:
    cash = cash_probabilities(firms).sort_values("out_of_cash_probability", ascending=False)
    hit = [row for row in records(cash) if row["out_of_cash_probability"] > 0][:4]
    if hit:
        named = [f"{row['firm']} in {_between(row, 'out_of_cash')}" for row in hit]
        yield f"Most likely to run out of cash: {listed(named)} of runs."
    else:
        yield "No firm runs out of cash in any run."
    labs = switch_probabilities(firms).sort_values("switch_probability", ascending=False)
    moved = [row for row in records(labs) if row["switch_probability"] > 0][:4]
    if moved:
        named = [f"{row['firm']} in {_between(row, 'switch')}" for row in moved]
        yield f"Most likely to change main supplier: {listed(named)} of runs."


def _between(row: Mapping[str, Any], event: str) -> str:
    low, high = (percent(row[f"{event}_{bound}"]) for bound in ("low", "high"))
    return f"{percent(row[f'{event}_probability'])} ({low} to {high})"
