"""The report of a study: how its runs ended, how probable things are, what its variants change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from .ensemble import (
    Frames,
    cash_probabilities,
    failed_runs,
    frame_of,
    outcome_quantiles,
    over_a_design,
    run_counts,
    start_dates,
    switch_probabilities,
    variants_of,
)
from .figures.differences import comparison_figure
from .figures.drawing import Drawn
from .figures.study import ensemble_figures
from .paired import difference
from .report import Answer, PageTable, page_table
from .summary import more
from .tables import records
from .wording import FAILED, NOT_APPLICABLE, OK, listed, outcome_words, percent, price

CAPTIONS: Final[Mapping[str, str]] = {
    "differences": "Differences from the base on the same seeds, with 95 % intervals.",
    "price_fans": "Prices over the runs: median, half of the runs, nine tenths of them.",
    "cash_risk": "How probable it is that a firm runs out of cash, and that it defaults.",
    "cash_over_time": "Share of runs in which a firm has run out of cash or defaulted, by month.",
    "survival": "Share of runs in which a firm has not defaulted (Kaplan-Meier, 95 % band).",
    "survival_by_role": "Share of firms of a role that have not defaulted, over all runs.",
    "runway_survival": "How long takers of letters of intent pay all dues after their first one: "
    "as their runway promised that day, as it did with letters as cash, and in the runs.",
    "cascades": "How many firms default in a run, and how many in a row bring one another down.",
    "switching": "How probable it is that a lab changes its main supplier.",
}
METHOD: Final = (
    "Many runs of an agent-based model, each with a seed of its own. Replication r has the same "
    "seed in every variant, so that their differences are not noise (common random numbers).",
    "Probabilities are shares of runs with Wilson's 95 % intervals; differences are paired over "
    "seeds, with t intervals of means and Newcombe's of shares; survival curves are Kaplan-Meier "
    "estimates. An interval speaks of the noise of the model, not of how well it fits the world. "
    "All terms are defined in docs/model.md and docs/experiments.md of the package.",
)
READING: Final = (
    "Of all runs of a variant; in brackets 95 % intervals, and the median month of the runs in "
    "which it happens. Prices in USD per H100e-hour over the last 24 months: median of the runs, "
    "and 5 to 95 % of them."
)
MOST_FAILED: Final = 500  # of one page
MOST_FIRMS: Final = 4  # of one sentence
MOST_VARIANTS: Final = 4
MOST_COMPARED: Final = 8
PRICES: Final = {"spot_price_last_24_months": "spot", "contract_price_last_24_months": "contracts"}


def counted(runs: pd.DataFrame) -> str:
    """`8 runs: 7 finished and 1 failed`."""
    counts = run_counts(runs).drop(columns=["variant", "runs"]).sum()
    words = {OK: "finished", NOT_APPLICABLE: "not applicable", "error": "failed"}
    told = [f"{n:,} {words.get(str(s), str(s))}" for s, n in counts.items() if n]
    return f"{len(runs):,} runs{': ' if told else ''}{listed(told)}"


def study_answers(
    frames: Frames, compared: pd.DataFrame, planned: int, start: str | None = None
) -> list[Answer]:
    """The headlines of a study.

    Args:
        frames: of the study.
        compared: its variants against the base, as `experiments.compare` has them; may be empty.
        planned: number of runs asked for.
        start: calendar month of the first month, such as "2024-01".
    """
    runs, firms = frame_of(frames, "runs"), frame_of(frames, "firm_outcomes")
    answers = [Answer("Runs", list(_runs(runs, planned)))]
    if over_a_design(runs):
        points = runs["point"].nunique()
        line = f"{points:,} points of a design: runs differ in what is assumed, too, so that shares"
        answers.append(Answer("Design", [f"{line} of them are no probabilities."]))
    elif not firms.empty:
        dates = start_dates(frames, start)
        several = len(variants_of(runs)) > 1
        leads = {name: f"{name}: " if several else "" for name in variants_of(runs)}
        answers.append(Answer("Out of cash", list(_cash(firms, leads, dates))))
        answers.append(Answer("Suppliers", list(_switches(firms, leads))))
        answers.append(Answer("Prices", list(_prices(runs, leads))))
    answers.append(Answer("Differences", list(difference_lines(compared))))
    return [answer for answer in answers if answer.lines]


def difference_lines(compared: pd.DataFrame) -> Iterator[str]:
    """A sentence a variant: the differences whose intervals leave out zero, then the others."""
    variants = [] if compared.empty else list(dict.fromkeys(compared["variant"]))
    for variant in variants[:MOST_COMPARED]:
        rows = compared[compared["variant"] == variant]
        is_clear = (rows["lower"] > 0) | (rows["upper"] < 0)
        told = [_difference(row) for row in records(rows[is_clear])]
        others = listed(outcome_words(name) for name in rows.loc[~is_clear, "outcome"])
        none = "no difference has an interval without zero"
        first = listed(told) or (none if rows["pairs"].any() else "no pair of runs to compare")
        rest = f"; not distinct from zero, or without an interval: {others}" if others else ""
        against = f"{variant} against {rows['base'].iloc[0]}"
        yield f"{against}: {first}{rest if told else ''}."
    if rest := more(len(variants) - MOST_COMPARED, "variant", "variants"):
        yield f"{rest} in the tables."


def failed_table(runs: pd.DataFrame) -> PageTable | None:
    """The runs that failed, with their errors and the commands that play them again."""
    failed = failed_runs(runs)
    if failed.empty:
        return None
    shown = failed.head(MOST_FAILED).sort_index().fillna({"error": "", "command": ""})
    rows = [
        [row["variant"], str(row["seed"]), row["status"], " ".join(row["error"].split()),
         row["command"]]
        for row in records(shown)
    ]  # fmt: skip
    last = "Plays it again"
    note = more(len(failed) - MOST_FAILED, "failed run is in runs/", "failed runs are in runs/")
    heads = ["Variant", "Seed", "Status", "Error", last]
    return page_table(f"{len(failed):,} of {len(runs):,} runs", heads, rows, note, code=last)


def study_figures(frames: Frames, compared: pd.DataFrame, start: str | None) -> dict[str, Drawn]:
    """Differences, where variants are compared, and what the ensemble has tables for."""
    figures: dict[str, Drawn] = {}
    if len(compared):
        figures["differences"] = comparison_figure(compared)
    return figures | ensemble_figures(frames, start)


def _runs(runs: pd.DataFrame, planned: int) -> Iterator[str]:
    yield f"{counted(runs)}."
    if len(runs) < planned:
        yield f"The study is not complete: {planned:,} runs were asked for."
    failed = int(runs["status"].isin(FAILED).sum())
    if failed:
        yield f"{failed:,} failed: they are listed below with the commands that play them again."
    if (runs["status"] == NOT_APPLICABLE).any():
        yield (
            "Not applicable: a firm was not in position for an intervention. Such runs count in "
            "no statistic."
        )


def _cash(firms: pd.DataFrame, leads: Mapping[str, str], dates: Mapping[str, str]) -> Iterator[str]:
    def words(row: Mapping[str, Any]) -> str:
        month = int(row["out_of_cash_median_month"])
        start = dates.get(row["variant"])
        when = str(pd.Period(start, "M") + month) if start else f"month {month}"
        return f"{row['firm']} in {_between(row, 'out_of_cash', when)}"

    table = cash_probabilities(firms)
    for variant, lead in _shown(table, leads):
        rows = _happened(table, variant, "out_of_cash_probability")
        rest = more(len(rows) - MOST_FIRMS, "firm", "firms").lower()
        less = f", {rest} less often" if rest else ""
        named = listed(words(row) for row in rows[:MOST_FIRMS])
        yield f"{lead}{named} of runs{less}." if named else _sentence(lead, "no firm in any run.")


def _switches(firms: pd.DataFrame, leads: Mapping[str, str]) -> Iterator[str]:
    table = switch_probabilities(firms)
    for variant, lead in _shown(table, leads):
        rows = _happened(table, variant, "switch_probability")[:MOST_FIRMS]
        named = listed(f"{row['firm']} in {_between(row, 'switch')}" for row in rows)
        yield (
            f"{lead}{named} of runs change main supplier."
            if named
            else _sentence(lead, "no lab changes its main supplier.")
        )


def _prices(runs: pd.DataFrame, leads: Mapping[str, str]) -> Iterator[str]:
    priced = runs[["variant", "status", *(name for name in PRICES if name in runs)]]
    known = outcome_quantiles(priced).query("runs > 0")
    for variant, lead in _shown(known, leads):
        told = [
            f"{PRICES[row['outcome']]} {price(row['p50'])} ({price(row['p5'])} to "
            f"{price(row['p95'])})"
            for row in records(known[known["variant"] == variant])
        ]
        yield _sentence(lead, f"{listed(told)}.")


def _shown(table: pd.DataFrame, leads: Mapping[str, str]) -> list[tuple[str, str]]:
    """Some variants of a table, each with what its sentence begins with."""
    return [(variant, leads[variant]) for variant in variants_of(table)[:MOST_VARIANTS]]


def _happened(table: pd.DataFrame, variant: str, share: str) -> list[dict[str, Any]]:
    """The firms of a variant to which something happens, most often first."""
    rows = table[(table["variant"] == variant) & (table[share] > 0)]
    return records(rows.sort_values(share, ascending=False, kind="stable"))


def _sentence(lead: str, words: str) -> str:
    return f"{lead}{words}" if lead else f"{words[:1].upper()}{words[1:]}"


def _between(row: Mapping[str, Any], event: str, when: str = "") -> str:
    """`33 % (10 to 70 %; 2028-07)`."""
    low, high = (percent(row[f"{event}_{bound}"]) for bound in ("low", "high"))
    share = percent(row[f"{event}_probability"])
    return f"{share} ({low.removesuffix(' %')} to {high}{'; ' if when else ''}{when})"


def _difference(row: Mapping[str, Any]) -> str:
    """`lab revenue -$47B (-$74B to -$21B)`."""
    unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
    value, low, high = (difference(row[n], unit, margin) for n in ("difference", "lower", "upper"))
    return f"{outcome_words(row['outcome'])} {value} ({low.removesuffix(' pp')} to {high})"
