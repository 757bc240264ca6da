"""Variants against a base, for the eye: the table of a comparison on screen and as a figure.

Both take the table of `experiments.compare`: a row an outcome and variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite, isnan, log10, nan
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from rich.console import Group
from rich.table import Table

from .drawing import GREY, HALO, INK, PALETTE, headline, new_figure, nothing, style
from .summary import note, plain_table
from .tables import records
from .wording import SCALES, outcome_words

COLUMNS: Final = 2
_CLEAR: Final = (PALETTE[0], PALETTE[0], "interval without 0")
_UNCLEAR: Final = (GREY, "white", "interval with 0, or none")


def comparison_table(comparison: pd.DataFrame) -> Group:
    """A table a variant: means, paired differences with intervals, how many seeds it is better in.

    The interval is missing where all pairs differ by the same.
    """
    if comparison.empty:
        return Group("Nothing to compare")
    variants = comparison["variant"].unique()
    return Group(*(_table(comparison[comparison["variant"] == name]) for name in variants))


def comparison_figure(comparison: pd.DataFrame, figure: Figure | None = None) -> Figure:
    """Paired difference of each variant with its interval, a panel an outcome in its own unit."""
    if comparison.empty:
        return nothing(figure or new_figure(10, 2.5), "Nothing to compare")
    outcomes = list(dict.fromkeys(comparison["outcome"]))
    variants = list(dict.fromkeys(comparison["variant"]))
    height = -(-len(outcomes) // COLUMNS) * (0.85 + 0.42 * len(variants))
    figure = figure or new_figure(10, 0.9 + height)
    columns = min(COLUMNS, len(outcomes))
    grid = figure.add_gridspec(-(-len(outcomes) // columns), columns)
    panels = []
    for place, outcome in enumerate(outcomes):
        axes = figure.add_subplot(grid[divmod(place, columns)])
        rows = comparison[comparison["outcome"] == outcome].set_index("variant")
        _differences(axes, rows.reindex(variants))
        axes.tick_params(labelleft=place % columns == 0)
        panels.append(axes)
    level, base = comparison["level"].iloc[0], comparison["base"].iloc[0]
    headline(
        figure, panels, f"Difference from {base} on the same seeds, {100 * level:g} % intervals", ""
    )
    handles = [
        Line2D([], [], marker="o", color=edge, markerfacecolor=face, label=text)
        for edge, face, text in (_CLEAR, _UNCLEAR)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def amount(value: float, unit: str, margin: float = nan) -> str:
    """A value in its unit: `$1.2B`, `$4.39`, `12.5 %`, `1.4M`, `12.6`; `-` where it is missing.

    It has the decimals that a margin of error leaves a meaning, or three digits without one.
    """
    if not isfinite(value):
        return "-"
    is_share, is_price = unit.startswith("share"), unit.startswith("USD per")
    factor = 100.0 if is_share else 1.0
    size = abs(factor * value)
    scale, letter = next(((s, letter) for s, letter in SCALES if size >= 0.9995 * s), (1.0, ""))
    step = factor * margin / 10 if margin > 0 else size / 100
    decimals = ceil(-log10(step / scale)) if step > 0 else 0
    decimals = min(max(decimals, 2 if is_price else 0), 6)
    if isnan(margin):
        text = f"{size / scale:.2f}" if is_price else f"{size / scale:.{decimals}f}"
        text = text if is_price or "." not in text else text.rstrip("0").rstrip(".")
    else:  # a bound close to 0 shows on which side it is
        texts = [f"{size / scale:.{decimals + more}f}" for more in range(3)]
        text = next((text for text in texts if float(text)), texts[0])
    sign = "-" if value < 0 and float(text) else ""
    return f"{sign}{'$' if unit.startswith('USD') else ''}{text}{letter}{' %' if is_share else ''}"


def difference(value: float, unit: str, margin: float = nan) -> str:
    """A difference with its sign; of shares in percentage points (`pp`)."""
    text = amount(value, unit, margin).replace(" %", " pp")
    return f"+{text}" if value > 0 and set(text) & set("123456789") else text


def _table(rows: pd.DataFrame) -> Table:
    first, most = rows.iloc[0], int(rows["pairs"].max())
    heads = ["Base", "Variant", "Difference", f"{100 * first['level']:g} % interval", "Seeds"]
    title = f"{first['variant']} against {first['base']}, {most} pairs of runs"
    table = plain_table(title, "Outcome", *heads, numbers=len(heads))
    table.columns[0].min_width = 12
    for column in table.columns[1:-2]:
        column.no_wrap = True
    for row in records(rows):
        unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
        fewer = "" if row["pairs"] == most else f" ({row['pairs']} pairs)"
        table.add_row(
            outcome_words(row["outcome"]) + fewer,
            amount(row["base_mean"], unit),
            amount(row["variant_mean"], unit),
            difference(row["difference"], unit, margin),
            _interval(row, margin),
            _seeds(row),
        )
    lost = [f"{first[s]} {s.replace('_', ' ')}" for s in ("failed", "not_applicable") if first[s]]
    table.caption = note(f"Runs left out: {', '.join(lost)}" if lost else "")
    return table


def _differences(axes: Axes, rows: pd.DataFrame) -> None:
    """One panel: a line a variant, top down."""
    unit, direction = rows["unit"].dropna().iloc[0], rows["direction"].dropna().iloc[0]
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    for place, row in enumerate(records(rows)):
        value, margin = row["difference"], (row["upper"] - row["lower"]) / 2
        edge, face, _ = _CLEAR if row["lower"] > 0 or row["upper"] < 0 else _UNCLEAR
        if isfinite(margin):
            axes.plot([row["lower"], row["upper"]], [place, place], color=edge, linewidth=2)
        axes.plot(value, place, "o", color=edge, markerfacecolor=face, markersize=6)
        axes.annotate(
            difference(value, unit, margin) if isfinite(value) else "no pairs",
            (value if isfinite(value) else 0.0, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK,
            path_effects=HALO,
        )
    style(axes, outcome_words(rows["outcome"].dropna().iloc[0]), "")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    shown = "Percentage points" if unit.startswith("share") else unit
    known = direction if direction.endswith("better") else ""
    axes.set_xlabel("; ".join(filter(None, (shown, known))), fontsize=8, color=INK)
    axes.set_yticks(range(len(rows)), [str(name) for name in rows.index])
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.margins(x=0.18)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: difference(value, unit).removesuffix(" pp"))
    )


def _interval(row: Mapping[str, Any], margin: float) -> str:
    if isnan(margin):
        return "-"
    low, high = (amount(row[bound], row["unit"], margin) for bound in ("lower", "upper"))
    return f"{low.removesuffix(' %')} to {high}".replace(" %", " pp")


def _seeds(row: Mapping[str, Any]) -> str:
    """In how many pairs the variant is better, or higher where neither is good."""
    if isnan(row["probability_better"]):
        return "-"
    which = "better" if row["direction"].endswith("better") else "higher"
    return f"{100 * row['probability_better']:.0f} % {which}"
