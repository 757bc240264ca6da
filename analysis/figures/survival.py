"""How long firms last, for the eye: Kaplan-Meier curves, a panel a firm or role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..ensemble import variants_of
from ..survival import COLUMNS, Event
from .asked import known_name, with_columns
from .drawing import (
    INK,
    PALETTE,
    Canvas,
    headline,
    key_below,
    key_outside,
    months_from,
    new_axes,
    new_figure,
    nothing,
    run_axis,
    small_multiples,
    style,
)
from .fans import not_drawn, short

_MOST_VARIANTS: Final = 5
_MOST_PANELS: Final = 12
ENDED: Final = {"default": "not defaulted", "out_of_cash": "never out of cash"}


def survival_curve(
    curves: pd.DataFrame,
    name: str,
    event: Event = "default",
    starts: Mapping[str, str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """The curves of one firm or role, a colour a variant, and their 95 % bands.

    Args:
        curves: what `analysis.survival.survival` returns.
        name: of the firm or role.
        event: the same as there.
        starts: calendar month in which each variant starts; months are numbered without.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: there is no curve of that name.
    """
    with_columns(curves, "curves", *COLUMNS)
    known_name(name, curves["name"], "curves")
    axes = axes or new_axes(7, 4)
    variants = variants_of(curves)[:_MOST_VARIANTS]
    curve_lines(axes, curves, name, variants, starts or {})
    style(axes, f"{name}: {ENDED[event]}", "Share of runs")
    run_axis(axes, int(curves["month"].max()) + 1, (starts or {}).values(), named=True)
    key_below(axes, _keys(curves))
    return axes


def survival_curves(
    curves: pd.DataFrame,
    event: Event = "default",
    starts: Mapping[str, str] | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """A panel a firm or role with its curves, a colour a variant, and their 95 % bands.

    Names to which the event never happened are left out.

    Args:
        curves: what `survival` returns.
        event: the same as there.
        starts: calendar month in which each variant starts; months are numbered without.
        figure: to draw on, by default a new one.
    """
    variants = variants_of(curves)[:_MOST_VARIANTS]
    with_columns(curves, "curves", *COLUMNS)
    names = hit(curves[curves["variant"].isin(variants)])[:_MOST_PANELS]
    if not names:
        return nothing(figure or new_figure(10, 2.5), "It happened to no firm in any run")
    figure = figure or new_figure(10, 1.4 + 1.9 * -(-len(names) // 3))
    panels = small_multiples(figure, len(names), columns=3)
    headline(figure, panels, f"Survival: {ENDED[event]}", "Share of runs")
    last = int(curves["month"].max()) + 1
    for axes, name in zip(panels, names, strict=True):
        curve_lines(axes, curves, name, variants, starts or {})
        style(axes, name, axes.get_ylabel())
        run_axis(axes, last, (starts or {}).values(), named=axes in panels[-3:])
    key_outside(figure, _keys(curves))
    return figure


def curve_lines(
    axes: Axes, curves: pd.DataFrame, name: str, variants: list[str], starts: Mapping[str, str]
) -> None:
    """The curve and the band of each variant."""
    for colour, variant in zip(PALETTE, variants, strict=False):
        own = curves[(curves["variant"] == variant) & (curves["name"] == name)]
        when = months_from(np.arange(len(own) + 1), starts.get(variant))
        if own.empty:
            continue
        axes.stairs(own["survival"], when, baseline=None, color=colour, linewidth=1.6)
        low, high = (np.append(own[b], own[b].iloc[-1:]).astype(float) for b in ("low", "high"))
        axes.fill_between(when, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def hit(curves: pd.DataFrame) -> list[str]:
    """Names to which it happened, the most exposed first."""
    lowest = curves.groupby("name")["survival"].min()
    return [str(name) for name in lowest[lowest < 1].sort_values(kind="stable").index]


def _keys(curves: pd.DataFrame) -> list[Line2D | Patch]:
    lines: list[Line2D | Patch] = [
        Line2D([], [], color=colour, label=short(variant))
        for colour, variant in zip(PALETTE, variants_of(curves)[:_MOST_VARIANTS], strict=False)
    ]
    return [*lines, Patch(color=INK, alpha=0.18, label="95 % band"), *not_drawn(curves)]
