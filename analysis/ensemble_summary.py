"""The closing summary of a batch of runs: failures, who runs out of cash, who switches, prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .ensemble import (
    PRICES,
    Frames,
    cash_probabilities,
    failed_runs,
    frame_of,
    most_probable,
    outcome_quantiles,
    over_a_design,
    price_paths,
    run_counts,
    start_dates,
    switch_probabilities,
    variants_of,
)
from .summary import MOST_ROWS, more, note, plain_table
from .tables import records
from .wording import FAILED, NOT_APPLICABLE, OK, h100e, listed, percent, price, usd

EXPOSED: Final = ("independent", "neocloud")  # kinds of firm that no parent pays for
MOST_FAILURES: Final = 4
WIDTH: Final = 76  # of a command, which must survive being copied


def ensemble_summary(frames: Frames, start: str | None = None) -> list[RenderableType]:
    """Short tables to print one after the other.

    A study of one world tells how probable things are in each variant. Over a design runs differ in
    what is assumed, too: then quantiles of the outcomes stand in for probabilities.

    Args:
        frames: `runs`, `firm_outcomes` and, if they were kept, `months` of the study.
        start: calendar month of the first month, such as "2024-01", if no months table tells.
    """
    runs = frame_of(frames, "runs")
    failed = failed_runs(runs)
    failures = [failure_list(failed)] if len(failed) else []
    return [run_table(runs), *failures, *findings(frames, start)]


def findings(frames: Frames, start: str | None = None) -> list[RenderableType]:
    """What the runs that came to their end show; arguments as of `ensemble_summary`."""
    runs, months = frame_of(frames, "runs"), frame_of(frames, "months")
    if runs.empty or not (runs["status"] == OK).any():
        return []
    quantiles = outcome_quantiles(runs)
    if over_a_design(runs):
        title = f"Outcomes over the design ({runs['point'].nunique()} points)"
        return [outcome_table(quantiles, title)]
    firms = frame_of(frames, "firm_outcomes")
    dates = start_dates(frames, start)
    parts = [
        cash_table(cash_probabilities(firms), dates),
        switching_table(switch_probabilities(firms)),
    ]
    if not months.empty:
        return [*parts, price_table(price_paths(months))]
    prices = quantiles[quantiles["unit"] == "USD per H100e-hour"]
    return [*parts, outcome_table(prices, "Prices")] if len(prices) else parts


def run_table(runs: pd.DataFrame) -> Table:
    """How many runs each variant asked for, and how they ended."""
    counts = run_counts(runs)
    others = [name for name in (*FAILED, NOT_APPLICABLE) if counts[name].any()]
    heads = ["Asked for", "Finished", *(name.replace("_", " ").capitalize() for name in others)]
    table = plain_table("Runs", "Variant", *heads, numbers=len(heads))
    for row in records(counts):
        _add(table, row["variant"], *(str(row[name]) for name in ("runs", OK, *others)))
    return table


def failure_list(failed: pd.DataFrame) -> Text:
    """Some failed runs, each with its error and the command that plays it again."""
    text = Text().append("Runs that failed\n", style="bold")
    shown = failed.head(MOST_FAILURES).fillna({"error": "", "command": ""})
    for row in records(shown):
        error = " ".join(row["error"].split())
        text.append(f"\n {row['variant']}, seed {row['seed']}: {row['status']}")
        text.append(f", {error[:200]}" if error else "")
        text.append(f"\n   {_on_lines(row['command'])}" if row["command"] else "")
    if rest := more(len(failed) - MOST_FAILURES, "run", "runs"):
        text.append(f"\n {rest}")
    return text.append("\n")


def cash_table(probabilities: pd.DataFrame, dates: dict[str, str]) -> RenderableType:
    """Who runs out of cash and who defaults, the most probable first; the others in one line."""
    title = "Out of cash, default: share of runs (95 % interval)"
    heads = ("Out of cash", "Median", "Default", "Median")
    table = _table(title, "Firm", probabilities, *heads)
    shares = ["out_of_cash_probability", "default_probability"]
    hit = probabilities.loc[(probabilities[shares] > 0).any(axis="columns"), "firm"]
    order = most_probable(probabilities[probabilities["firm"].isin(hit)], shares)

    def cells(row: dict[str, Any]) -> list[str]:
        words = []
        for event in ("out_of_cash", "default"):
            median = row[f"{event}_median_month"]
            words += [_probability(row, event), _month(dates, row["variant"], median)]
        return words

    _fill(table, probabilities, "firm", order[:MOST_ROWS], cells)
    safe = probabilities[~probabilities["firm"].isin(order)].drop_duplicates("firm")
    named = sorted(safe.loc[safe["kind"].isin(EXPOSED), "firm"])
    others = len(safe) - len(named)
    never = listed([*named, *([f"{others} other firm{'s'[: others > 1]}"] if others else [])])
    notes = [more(len(order) - MOST_ROWS, "firm", "firms"), f"Never: {never}" if never else ""]
    table.caption = caption = _caption(*notes, _seldom_there(probabilities))
    return table if order else Text.assemble((f"{title}\n\n", "bold"), caption)


def switching_table(probabilities: pd.DataFrame) -> Table:
    """How often each lab changes its main supplier, and whom it most often buys from at the end."""
    title = "Switch of main supplier: share of runs (95 % interval)"
    heads = ("Switches", "Mean number", "Most often last")
    table = _table(title, "Lab", probabilities, *heads)
    labs = most_probable(probabilities, ["switch_probability"])

    def cells(row: dict[str, Any]) -> list[str]:
        supplier = row["last_main_supplier"] or "none"
        last = f"{supplier} {percent(row['last_main_supplier_share'])}"
        return [_probability(row, "switch"), f"{row['mean_switches']:.1f}", last]

    _fill(table, probabilities, "firm", labs[:MOST_ROWS], cells)
    rest = more(len(labs) - MOST_ROWS, "lab", "labs")
    table.caption = _caption(rest, _seldom_there(probabilities))
    return table


def price_table(paths: pd.DataFrame) -> Table:
    """Median and 5-95 % of each price, in the first month and at the end of each year."""
    title = "Prices, USD per H100e-hour: median of the runs (5-95 %)"
    table = _table(title, "Month", paths, *(name.capitalize() for name in PRICES))
    dates = paths["date"].drop_duplicates().sort_values()
    ends = dates[~dates.str[:4].duplicated(keep="last")]
    shown = list(pd.concat([dates.head(1), ends]).drop_duplicates())
    told = paths[paths["date"].isin(shown)]
    wide = (
        told.assign(cell=[_band(row) for row in records(told)])
        .pivot(index=["variant", "date"], columns="price", values="cell")
        .loc[variants_of(told)]
        .reset_index()
    )
    _fill(table, wide, "date", shown, lambda row: [row[name] for name in PRICES])
    return table


def outcome_table(quantiles: pd.DataFrame, title: str) -> Table:
    """Quantiles of outcomes over the runs that define them."""
    table = _table(title, "Outcome", quantiles, "Runs", "5 %", "Median", "95 %")

    def cells(row: dict[str, Any]) -> list[str]:
        levels = (_amount(row[level], row["unit"]) for level in ("p5", "p50", "p95"))
        return [str(row["runs"]), *levels]

    _fill(table, quantiles, "outcome", list(quantiles["outcome"].drop_duplicates()), cells)
    return table


def _table(title: str, key: str, rows: pd.DataFrame, *heads: str) -> Table:
    """An empty table; where there are several variants, each is a line below its key."""
    lead = key if len(variants_of(rows)) < 2 else f"{key}, variant"
    table = plain_table(title, lead, *heads, numbers=len(heads))
    for column in table.columns[1:]:
        column.no_wrap = True  # rather fold a name than a number
    return table


def _fill(
    table: Table,
    rows: pd.DataFrame,
    key: str,
    shown: Sequence[str],
    cells: Callable[[dict[str, Any]], list[str]],
) -> None:
    """A line a key shown, or one a variant under the key's name."""
    several = len(variants_of(rows)) > 1
    for name in shown:
        if several:
            _add(table, name)
        for row in records(rows[rows[key] == name]):
            _add(table, f"  {row['variant']}" if several else name, *cells(row))


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))  # names are not markup, whatever brackets they have


def _caption(*notes: str) -> Text:
    return Text(note("\n".join(filter(None, notes))) or "")


def _seldom_there(probabilities: pd.DataFrame) -> str:
    """Who took part in fewer runs than others did; its shares are of those."""
    told = probabilities.assign(most=probabilities.groupby("variant")["runs"].transform("max"))
    fewer = told[told["runs"] < told["most"]]
    named = [f"{row['firm']} ({row['runs']} of {row['most']})" for row in records(fewer)]
    return f"Took part in fewer runs: {', '.join(dict.fromkeys(named))}" if named else ""


def _probability(row: dict[str, Any], event: str) -> str:
    low, high = (100 * row[f"{event}_{bound}"] for bound in ("low", "high"))
    return f"{percent(row[f'{event}_probability'])} ({low:.0f}-{high:.0f})"


def _band(row: dict[str, Any]) -> str:
    return "-" if pd.isna(row["p50"]) else f"{row['p50']:.2f} ({row['p5']:.2f}-{row['p95']:.2f})"


def _month(dates: dict[str, str], variant: str, month: Any) -> str:
    if pd.isna(month):
        return "-"
    start = dates.get(variant)
    return str(pd.Period(start, "M") + int(month)) if start else f"month {int(month)}"


def _amount(value: float, unit: str) -> str:
    if np.isnan(value):
        return "-"
    forms: dict[str, Callable[[float], str]] = {
        "USD": usd,
        "USD per H100e-hour": price,
        "H100e": h100e,
        "share": percent,
        "MW": lambda power: f"{power:,.0f} MW",
    }
    return forms.get(unit, "{:,.3g}".format)(value)


def _on_lines(command: str) -> str:
    """A command on as many lines as it needs, still one command to a shell."""
    first, *options = command.split(" --")
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) + 3 > WIDTH:
            lines.append(f"     --{option}")
        else:
            lines[-1] += f" --{option}"
    return " \\\n".join(lines)
