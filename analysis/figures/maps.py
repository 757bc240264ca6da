"""Heat maps with a number in each cell: two levers of a study, and moves between suppliers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ..outcomes import OUTCOMES
from ..paired import amount
from ..sensitivity_tables import level_text
from ..supply import supplier_moves, supplier_switches
from ..tables import Tables
from ..wording import OK, outcome_words, percent
from .asked import check, with_columns
from .drawing import INK, PALETTE, cells, empty, new_axes, style

MOST_SUPPLIERS: Final = 9
_MOST_LEVELS: Final = 8  # of a lever; more are put into bins
_BINS: Final = 5


def lever_map(runs: pd.DataFrame, x: str, y: str, outcome: str, axes: Axes | None = None) -> Axes:
    """Mean of an outcome over two levers of a study, with the number of runs in each cell.

    Levers with more than eight levels are put into five bins with about as many runs each.

    Args:
        runs: the frame of that name.
        x: the column of the lever across.
        y: the column of the lever upwards.
        outcome: the column of the outcome.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: the frame lacks a column.
    """
    with_columns(runs, "runs", "status", x, y, outcome)
    played = runs[(runs["status"] == OK) & runs[outcome].notna()]
    axes = axes or new_axes(7, 4.5)
    if played.empty:
        return empty(axes, f"No run of this study has '{outcome}'")
    across, up = _levels(played[x]), _levels(played[y])
    values = played[outcome].astype(float).groupby([up, across], observed=True)
    mean, count = values.mean().unstack().sort_index(ascending=False), values.size().unstack()
    count = count.reindex(mean.index).fillna(0).astype(int)
    unit = OUTCOMES[outcome].unit if outcome in OUTCOMES else ""
    texts = [
        [f"{amount(m, unit)}\nn = {n}" for m, n in zip(means, counts, strict=True)]
        for means, counts in zip(mean.to_numpy(dtype=float), count.to_numpy(), strict=True)
    ]
    rows, columns = [_level(row, y) for row in mean.index], [_level(column, x) for column in mean]
    cells(axes, mean.to_numpy(dtype=float), texts, rows, columns)
    said = "" if unit.startswith(("USD", "share")) or not unit else f", {unit}"
    style(axes, f"Mean {outcome_words(outcome)}{said}", _lever(y))
    axes.set_xlabel(_lever(x), fontsize=9, color=INK)
    axes.grid(visible=False)
    return axes


def lever_line(runs: pd.DataFrame, x: str, outcome: str, axes: Axes | None = None) -> Axes:
    """An outcome over one lever of a study: a dot a run, and a line through the means.

    Args:
        runs: the frame of that name.
        x: the column of the lever.
        outcome: the column of the outcome.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: the frame lacks a column.
    """
    with_columns(runs, "runs", "status", x, outcome)
    played = runs[(runs["status"] == OK) & runs[outcome].notna()]
    axes = axes or new_axes(7, 4.5)
    if played.empty:
        return empty(axes, f"No run of this study has '{outcome}'")
    values, levels = played[outcome].astype(float), played[x]
    named = (
        levels.map(lambda level: level_text(level, x)) if levels.dtype.kind not in "if" else levels
    )
    mean = values.groupby(named).mean()
    axes.plot(named, values, "o", color=PALETTE[0], markersize=3, alpha=0.3)
    axes.plot(mean.index, mean, "-", color=PALETTE[0], linewidth=2)
    unit = OUTCOMES[outcome].unit if outcome in OUTCOMES else ""
    title = outcome_words(outcome)
    style(axes, title[:1].upper() + title[1:], unit)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, unit)))
    axes.set_xlabel(_lever(x), fontsize=9, color=INK)
    return axes


def switching_matrix(tables: Tables, axes: Axes | None = None) -> Axes:
    """How often labs left one main supplier for another in a run: rows from, columns to.

    Raises:
        ValueError: the events are missing.
    """
    check(tables, "events")
    table = supplier_switches(tables)
    axes = axes or new_axes(7, 4.8)
    if table.empty:
        return empty(axes, "No lab changed its main supplier in this run")
    wide = _matrix(table, "switches")
    texts = [[f"{value:.0f}" if value > 0 else "" for value in row] for row in wide.to_numpy()]
    style(axes, "Changes of labs' main supplier: number of switches", "From")
    _square(axes, wide.where(wide > 0), texts)
    return axes


def supplier_matrix(firm_outcomes: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Main suppliers of labs first and last, over the runs of a study.

    A cell has the share of the labs and runs that began with the row's supplier, and their number.

    Args:
        firm_outcomes: the frame of that name, of one variant.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: the frame lacks a column.
    """
    needed = ("role", "took_part", "first_main_supplier", "last_main_supplier")
    with_columns(firm_outcomes, "firm_outcomes", *needed)
    table = supplier_moves(firm_outcomes)
    axes = axes or new_axes(7.5, 4.8)
    if table.empty:
        return empty(axes, "No lab of this study had a main supplier")
    count = _matrix(table, "runs")
    share = count.div(count.sum(axis="columns"), axis="index").where(count > 0)
    texts = [
        [f"{percent(s)}\n{n:.0f}" if n else "" for s, n in zip(shares, counts, strict=True)]
        for shares, counts in zip(share.to_numpy(), count.to_numpy(), strict=True)
    ]
    style(axes, "Labs' main supplier: share of labs and runs, and number", "First")
    _square(axes, share, texts)
    axes.set_xlabel("Last", fontsize=9, color=INK)
    return axes


def _matrix(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """`from` down and `to` across; all but the most frequent suppliers as one."""
    size = pd.concat([table.groupby(end)[value].sum() for end in ("from", "to")])
    size = size.groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    kept = sorted(size.index[:MOST_SUPPLIERS])
    named = {name: name if name in kept else "others" for name in size.index}
    table = table.assign(**{end: table[end].map(named) for end in ("from", "to")})
    wide = table.pivot_table(index="from", columns="to", values=value, aggfunc="sum", fill_value=0)
    names = [name for name in (*kept, "others") if name in {*table["from"], *table["to"]}]
    rows = [name for name in names if name in wide.index]
    columns = [name for name in names if name in wide]
    return wide.loc[rows, columns].astype(float)


def _square(axes: Axes, wide: pd.DataFrame, texts: list[list[str]]) -> None:
    cells(axes, wide.to_numpy(dtype=float), texts, list(wide.index), list(wide.columns), "Blues")
    axes.tick_params(axis="x", labelrotation=25)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    axes.set_xlabel("To", fontsize=9, color=INK)
    axes.grid(visible=False)


def _levels(lever: pd.Series) -> pd.Series:
    """The levels themselves, or bins where there are too many."""
    if lever.nunique() <= _MOST_LEVELS or not pd.api.types.is_numeric_dtype(lever):
        return lever
    return pd.qcut(lever.astype(float), _BINS, duplicates="drop")


def _level(level: Any, lever: str) -> str:
    if isinstance(level, pd.Interval):
        return f"{level_text(level.left, lever)} to {level_text(level.right, lever)}"
    return level_text(bool(level) if isinstance(level, np.bool_) else level, lever)


def _lever(name: str) -> str:
    return name.replace("_", " ")
