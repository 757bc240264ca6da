"""Which factors matter, and where in the levels things go wrong: tables on screen.

All take rows of the tables of `experiments.sensitivity` and `experiments.discovery`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any, Final

import pandas as pd
from rich.table import Table
from rich.text import Text

from .paired import amount, difference
from .summary import MOST_ROWS, more, note, plain_table
from .tables import records
from .wording import BASE, outcome_words, percent

_MEASURES: Final = {
    "mu": "mu",
    "mu_star": "mu*",
    "sigma": "sigma",
    "first": "First order",
    "total": "Total",
}


def level_text(level: Any, path: str) -> str:
    """A level of a factor as people read it: `0.25`, `$1.2B`, `true`."""
    if isinstance(level, bool | str):
        return str(level).lower() if isinstance(level, bool) else level
    return amount(float(level), "USD" if "usd" in path.rpartition(".")[2].split("_") else "")


def heading(row: Mapping[str, Any] | pd.Series) -> str:
    """The outcome of a row in words, and its variant unless it is the base."""
    outcome = outcome_words(row["outcome"])
    variant = "" if row["variant"] == BASE else f", {row['variant']}"
    return f"{outcome[:1].upper()}{outcome[1:]}{variant}"


def effects_table(ends: pd.DataFrame, *measured: pd.DataFrame) -> Table:
    """One outcome of one variant: both ends of each factor, and what else the design tells.

    Args:
        ends: rows of the table of that name.
        measured: rows of `screening` and `indices`, either of them empty.
    """
    first = ends.iloc[0]
    own = next((rows.set_index("factor") for rows in measured if len(rows)), pd.DataFrame())
    heads = [name for name in _MEASURES if name in own]
    by_factor = {row["factor"]: row for row in records(ends)}
    order = [name for name in own.index if name in by_factor] if heads else list(by_factor)
    title = f"{heading(first)}, {amount(first['mean'], first['unit'])} on average"
    names = [_MEASURES[head] for head in heads] or [f"Difference ({100 * first['level']:g} %)"]
    table = plain_table(title, "Factor", "Low end", "High end", *names, numbers=2 + len(names))
    table.columns[0].min_width = 12
    for column in table.columns[3:]:
        column.no_wrap = True
    for name in order[:MOST_ROWS]:
        row = by_factor[name]
        # A trajectory takes a step of each factor, seldom to both ends: its effects tell more.
        means = "mu" not in heads
        cells = [_end_cell(row, end, means) for end in ("low", "high")]
        cells += [_measure_cell(own.loc[name], head, first["unit"]) for head in heads]
        table.add_row(*map(Text, (name, *cells, *([] if heads else [_difference_cell(row)]))))
    lost = f"Left out: {first['dropped']} of {first['points'] + first['dropped']} points"
    notes = [more(len(order) - MOST_ROWS, "factor", "factors"), lost if first["dropped"] else ""]
    table.caption = note("\n".join(filter(None, notes)))
    return table


def region_text(limit: Mapping[str, Any]) -> str:
    """A box's limits of one factor: `at most $1.2B`, `0.1 to 0.3`, `small, large`."""
    if limit["values"]:
        return str(limit["values"])
    low, high = (level_text(limit[end], limit["path"]) for end in ("low", "high"))
    if pd.isna(limit["quasi_p_low"]):
        return f"at most {high}"
    return f"at least {low}" if pd.isna(limit["quasi_p_high"]) else f"{low} to {high}"


def region_table(box: Mapping[str, Any], limits: pd.DataFrame) -> Table:
    """A box in which runs of interest lie: its limits and how sure each of them is.

    Args:
        box: a row of the table of boxes.
        limits: rows of the table of limits, of that box.
    """
    title = f"{interest(box)}: {percent(box['base_share'])} of {box['all_runs']} runs"
    table = plain_table(title, "Factor", "In the box", "In the study", "Quasi-p", numbers=1)
    for limit in records(limits):
        ends = (level_text(limit[end], limit["path"]) for end in ("lowest", "highest"))
        everything = limit["all_values"] or " to ".join(ends)
        chances = [limit[f"quasi_p_{end}"] for end in ("low", "high")]
        shown = ", ".join(f"{chance:.2g}" for chance in chances if pd.notna(chance))
        table.add_row(*map(Text, (limit["factor"], region_text(limit), everything, shown)))
    inside = (
        f"{box['runs']} runs are in the box, {percent(box['density'])} of them of interest "
        f"(density); these are {percent(box['coverage'])} of all such runs (coverage)"
        if len(limits)
        else "No limit sets the runs of interest apart"
    )
    lost = f"Left out, without the outcome: {box['dropped']} runs" if box["dropped"] else ""
    table.caption = note("\n".join(filter(None, (inside, lost))))
    return table


def interest(box: Mapping[str, Any] | pd.Series) -> str:
    """Which runs are of interest; of what happens or not, no bound is named."""
    if box["unit"] == "share of runs":
        return heading(box) if box["side"] == "above" else f"{heading(box)} (never)"
    return f"{heading(box)} {box['side']} {amount(box['bound'], box['unit'])}"


def _end_cell(row: Mapping[str, Any], end: str, means: bool) -> str:
    """The levels at an end, with the mean outcome there if wanted."""
    if not means:
        return str(row[end])
    margin = (row[f"{end}_upper"] - row[f"{end}_lower"]) / 2
    return f"{row[end]}: {amount(row[f'{end}_mean'], row['unit'], margin)}"


def _difference_cell(row: Mapping[str, Any]) -> str:
    unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
    text = difference(row["difference"], unit, margin)
    if margin > 0:
        low, high = (difference(row[bound], unit, margin) for bound in ("lower", "upper"))
        text += f" ({low.removesuffix(' pp')} to {high.removesuffix(' pp')})"
    return text


def _measure_cell(row: pd.Series, name: str, unit: str) -> str:
    margin = row.get(f"{name}_confidence", nan)
    if name == "mu":
        return difference(row[name], unit)
    shown = effect if name in ("mu_star", "sigma") else amount
    unit = "share" if name in ("first", "total") else unit
    text = shown(row[name], unit, margin)
    if not margin > 0:
        return text
    bare = text.removesuffix(" %").removesuffix(" pp")
    return f"{bare} ± {shown(margin, unit, margin)}"


def effect(value: float, unit: str, margin: float = nan) -> str:
    """The size of a difference; of shares in percentage points (`pp`)."""
    return amount(value, unit, margin).replace(" %", " pp")
