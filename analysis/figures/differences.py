"""Variants against a base, for the eye: paired differences with their intervals."""

from __future__ import annotations

from math import isfinite
from textwrap import fill
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..paired import difference
from ..tables import records
from ..wording import outcome_words
from .drawing import (
    GREY,
    HALO,
    INK,
    PALETTE,
    Canvas,
    headline,
    key_outside,
    new_figure,
    nothing,
    style,
)
from .fans import MOST_VARIANTS

COLUMNS: Final = 2
_MOST_OUTCOMES: Final = 7
_CLEAR: Final = (PALETTE[0], PALETTE[0], "interval without 0")
_UNCLEAR: Final = (GREY, "white", "interval with 0, or none")


def comparison_figure(comparison: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
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
    key_outside(figure, handles, 2)
    return figure


def relative_differences(axes: Axes, comparison: pd.DataFrame) -> None:
    """Paired differences of several outcomes in one panel, in per cent of the base's mean."""
    table = comparison[comparison["base_mean"].abs() > 0]
    outcomes = list(dict.fromkeys(table["outcome"]))[:_MOST_OUTCOMES]
    variants = list(dict.fromkeys(comparison["variant"]))[:MOST_VARIANTS]
    for place, variant in enumerate(variants):
        own = table[table["variant"] == variant].set_index("outcome").reindex(outcomes)
        at = np.arange(len(outcomes)) + (place - (len(variants) - 1) / 2) * 0.7 / len(variants)
        of = own["base_mean"].abs()
        colour = PALETTE[place + 1]  # the first stands for the base
        axes.hlines(at, own["lower"] / of, own["upper"] / of, color=colour, linewidth=1.6)
        axes.plot(own["difference"] / of, at, "o", color=colour, markersize=5)
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    style(axes, f"Differences from {comparison['base'].iloc[0]}, paired", "")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_yticks(range(len(outcomes)), [fill(outcome_words(name), 24) for name in outcomes])
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:+.0f} %"))
    level = 100 * comparison["level"].iloc[0]
    axes.set_xlabel(f"Per cent of the base's mean, {level:g} % intervals", fontsize=9, color=INK)


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
