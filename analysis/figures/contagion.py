"""Figures of contagion: how many firms fail in a run and how deep, and who falls with a firm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from ..ensemble import cascade_shares, variants_of
from ..tables import records
from .drawing import (
    GREY,
    INK,
    PALETTE,
    Canvas,
    empty,
    headline,
    key_outside,
    new_axes,
    new_figure,
    nothing,
    style,
)

_TITLES: Final[Mapping[str, str]] = {
    "defaults": "Firms that default",
    "cascade_depth": "Depth of the longest cascade",
}
_MOST_VARIANTS: Final = 5
_MOST_FIRMS: Final = 16


def cascades(runs: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """Share of runs by number of defaults and by depth of cascade, a colour a variant."""
    shares = cascade_shares(runs)
    variants = variants_of(shares)[:_MOST_VARIANTS]
    if not variants:
        return nothing(figure or new_figure(10, 2.5), "No run of this study counts its defaults")
    outcomes = list(dict.fromkeys(shares["outcome"]))
    figure = figure or new_figure(10, 3.6)
    panels = list(figure.subplots(1, len(outcomes), sharey=True, squeeze=False)[0])
    headline(figure, panels, "Defaults and cascades, with 95 % intervals", "Share of runs")
    for axes, outcome in zip(panels, outcomes, strict=True):
        cascade_panel(axes, runs, outcome, shares)
        axes.set_ylabel("Share of runs" if axes is panels[0] else "", fontsize=9, color=INK)
        axes.set_ylim(0, min(1.03, 1.1 * float(shares["high"].max())))
    keys = [Patch(color=c, label=name) for c, name in zip(PALETTE, variants, strict=False)]
    if len(variants) > 1:
        key_outside(figure, keys, 5)
    return figure


def cascade_panel(
    axes: Axes, runs: pd.DataFrame, outcome: str, shares: pd.DataFrame | None = None
) -> None:
    """Share of runs by the value of one outcome, a colour a variant."""
    shares = cascade_shares(runs) if shares is None else shares
    own = shares[shares["outcome"] == outcome]
    variants = variants_of(own)[:_MOST_VARIANTS]
    most = int(own["value"].max())
    capped = bool((runs[outcome] > most).any())
    for place, variant in enumerate(variants):
        _bars(axes, own[own["variant"] == variant], place, len(variants))
    style(axes, _TITLES[outcome], "Share of runs")
    labels = [str(value) for value in range(most)] + [f"{most}+" if capped else str(most)]
    axes.set_xticks(range(most + 1), labels)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, min(1.03, 1.1 * float(own["high"].max())))


def firm_differences(
    firms: pd.DataFrame, firm: str, date: str, within: int | None = None, axes: Axes | None = None
) -> Axes:
    """By how much the failure of one firm raises each other's chance to run out of cash.

    Args:
        firms: the table of that name of `experiments.contagion`, the most raised first.
        firm: who failed.
        date: and when.
        within: in how many months after; None: to the end.
        axes: to draw on, by default those of a new figure.
    """
    if firms.empty:
        return empty(axes or new_axes(10, 2.5), "No other firm's chance to run out of cash differs")
    rows = records(firms)
    half = _MOST_FIRMS // 2
    shown = rows if len(rows) <= _MOST_FIRMS else [*rows[:half], *rows[-half:]]
    axes = axes or new_axes(7.5, 1.3 + 0.3 * len(shown))
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    for place, row in enumerate(shown):
        clear = row["lower"] > 0 or row["upper"] < 0
        colour = PALETTE[0] if clear else GREY
        axes.plot([row["lower"], row["upper"]], [place, place], color=colour, linewidth=2)
        face = colour if clear else "white"
        axes.plot(row["difference"], place, "o", color=colour, markerfacecolor=face, markersize=6)
    span = "" if within is None else f" within {within} months"
    style(axes, f"Chance to run out of cash{span} if {firm} fails in {date}", "")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_yticks(range(len(shown)), [row["outcome"] for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(_points))
    pairs = int(firms["pairs"].max())
    axes.set_xlabel(
        f"Percentage points, {firm} killed less kept alive; {pairs} pairs of runs, 95 % intervals",
        fontsize=8,
        color=INK,
    )
    return axes


def _points(value: float, _: object = None) -> str:
    """Percentage points with their sign."""
    return f"{100 * value:+.0f}" if abs(value) > 1e-9 else "0"


def _bars(axes: Axes, rows: pd.DataFrame, place: int, variants: int) -> None:
    """The bars of one variant beside those of the others, each with its interval."""
    width = 0.8 / variants
    at = rows["value"].to_numpy() + (place - (variants - 1) / 2) * width
    axes.bar(at, rows["share"], width=0.92 * width, color=PALETTE[place], alpha=0.75)
    reach = np.array([rows["share"] - rows["low"], rows["high"] - rows["share"]]).clip(min=0)
    axes.errorbar(at, rows["share"], reach, fmt="none", ecolor=INK, elinewidth=0.9)
