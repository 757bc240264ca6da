"""Which factors matter, for the eye: tornado charts, indices, and regions.

All take rows of the tables of `experiments.sensitivity` and `experiments.discovery`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from textwrap import fill
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..paired import amount
from ..sensitivity_tables import effect, heading, interest, region_text
from ..tables import records
from .drawing import (
    GREY,
    HALO,
    INK,
    PALETTE,
    Canvas,
    Key,
    empty,
    key_below,
    new_axes,
    new_figure,
    style,
)

BLUE, VERMILLION, GREEN = PALETTE[:3]
MOST_FACTORS: Final = 15
NAME_WIDTH: Final = 30  # characters of a factor's name on a line
_SPAN: Final = 0.38  # of a bar, in rows


def tornado(ends: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """The mean outcome at both ends of each factor, from the mean over all points."""
    ends = ends.head(MOST_FACTORS)
    if ends.empty:
        return empty(axes or new_axes(9, 2.5), "No factor varies")
    axes = axes or new_axes(9, 1.6 + 0.62 * len(ends))
    centre, unit = float(ends["mean"].iloc[0]), ends["unit"].iloc[0]
    labels: list[tuple[float, float, str, str, bool]] = []
    for place, row in enumerate(records(ends)):
        for end, shift, colour in (("low", -_SPAN / 2, VERMILLION), ("high", _SPAN / 2, BLUE)):
            mean, low, high = (row[f"{end}_{what}"] for what in ("mean", "lower", "upper"))
            axes.barh(place + shift, mean - centre, _SPAN, left=centre, color=colour)
            if isfinite(low):
                axes.plot([low, high], [place + shift] * 2, color=INK, linewidth=1)
            rightward = mean > centre or (mean == centre and end == "high")
            known = [value for value in (mean, low, high, centre) if isfinite(value)]
            edge = max(known) if rightward else min(known)
            labels.append((edge, place + shift, row[end], colour, rightward))
    axes.axvline(centre, color=INK, linewidth=1)
    _rows_of(axes, ends["factor"])
    for edge, height, text, colour, rightward in labels:
        axes.annotate(
            text, (edge, height), xytext=(4 if rightward else -4, 0), textcoords="offset points",
            ha="left" if rightward else "right", va="center", fontsize=7.5, color=colour,
            path_effects=HALO, parse_math=False,
        )  # fmt: skip
    title = f"{heading(ends.iloc[0])}, at the ends of each factor"
    style(axes, _no_math(f"{title} (mean {amount(centre, unit)})"), "")
    _value_axis(axes, unit, amount, pad=0.22)
    interval = f"{100 * ends['level'].iloc[0]:g} % interval"
    _legend(
        axes,
        Patch(color=VERMILLION, label="at the low end"),
        Patch(color=BLUE, label="at the high end"),
        Line2D([], [], color=INK, linewidth=1, label=interval),
    )
    return axes


def screening_bars(screening: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Morris screening: mu* of each factor with its interval, and sigma."""
    shown = screening.head(MOST_FACTORS)
    axes = axes or new_axes(9, 1.6 + 0.42 * len(shown))
    for place, row in enumerate(records(shown)):
        colour = BLUE if row["mu"] >= 0 else VERMILLION
        axes.barh(place, row["mu_star"], 2 * _SPAN, color=colour)
        _whisker(axes, row["mu_star"], row["mu_star_confidence"], place)
        axes.plot(row["sigma"], place, "D", color="white", markeredgecolor=INK, markersize=6)
    first = shown.iloc[0]
    title = f"{heading(first)}: effect of each factor from its lowest to its highest level"
    style(axes, _no_math(title), "")
    _rows_of(axes, shown["factor"])
    _value_axis(axes, first["unit"], effect, pad=0.05)
    _legend(
        axes,
        Patch(color=BLUE, label="mu*, raises it on average"),
        Patch(color=VERMILLION, label="mu*, lowers it on average"),
        Line2D([], [], color=INK, linewidth=1, label=f"{100 * first['level']:g} % interval"),
        Line2D([], [], linestyle="", marker="D", color="white", markeredgecolor=INK,
               label="sigma: how much effects differ"),
    )  # fmt: skip
    return axes


def index_bars(indices: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Sobol indices of each factor: alone and with its interactions, with intervals."""
    shown = indices.head(MOST_FACTORS)
    if shown["total"].isna().all():
        return empty(axes or new_axes(9, 2.5), f"{heading(indices.iloc[0])} does not vary")
    axes = axes or new_axes(9, 1.6 + 0.5 * len(shown))
    for place, row in enumerate(records(shown)):
        for name, shift, colour in (("first", -_SPAN / 2, BLUE), ("total", _SPAN / 2, GREEN)):
            axes.barh(place + shift, row[name], _SPAN, color=colour)
            _whisker(axes, row[name], row[f"{name}_confidence"], place + shift)
    first = shown.iloc[0]
    title = f"{heading(first)}: share of its variance that is due to each factor"
    style(axes, _no_math(title), "")
    _rows_of(axes, shown["factor"])
    _value_axis(axes, "share", amount, pad=0.05)
    _legend(
        axes,
        Patch(color=BLUE, label="alone (first order)"),
        Patch(color=GREEN, label="with its interactions (total)"),
        Line2D([], [], color=INK, linewidth=1, label=f"{100 * first['level']:g} % interval"),
    )
    return axes


def region(boxes: pd.DataFrame, limits: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """Coverage against density of the boxes that PRIM went through, and limits of the chosen one.

    Args:
        boxes: rows of that table, of one variant.
        limits: rows of the table of limits, of the same variant.
        figure: to draw on, by default a new one.
    """
    chosen = boxes[boxes["chosen"]].iloc[0]
    limits = limits[limits["box"] == chosen["box"]]
    figure = figure or new_figure(10, max(4.2, 1.4 + 0.5 * len(limits)))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _trade_off(left, boxes, chosen)
    _box_limits(right, limits)
    figure.suptitle(
        _no_math(interest(chosen)), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK
    )
    return figure


def _trade_off(axes: Axes, boxes: pd.DataFrame, chosen: pd.Series) -> None:
    for place, count in enumerate(sorted(boxes["restricted"].unique())):
        own = boxes[boxes["restricted"] == count]
        colour = PALETTE[place % len(PALETTE)]
        axes.plot(own["coverage"], own["density"], "o", color=colour, markersize=5, label=count)
    axes.plot(
        chosen["coverage"], chosen["density"], "o", markersize=12, markerfacecolor="none",
        markeredgecolor=INK, label="chosen",
    )  # fmt: skip
    axes.axhline(chosen["base_share"], color=GREY, linestyle=":", label="all runs")
    style(axes, "The boxes tried", "Density: share of the box's runs")
    axes.set_xlabel("Coverage: share of the runs of interest", fontsize=9, color=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_xlim(-0.02, 1.04)
    axes.set_ylim(0, 1.04)
    axes.legend(
        title="Factors limited", title_fontsize=8, fontsize=8, ncols=2, loc="lower left",
        framealpha=1, edgecolor="none",
    )  # fmt: skip


def _box_limits(axes: Axes, limits: pd.DataFrame) -> None:
    """Each limited factor's part of its levels, by the share of runs below."""
    style(axes, "The chosen box", "")
    if limits.empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no factor is limited", ha="center", color=GREY, fontsize=9)
        return
    for place, limit in enumerate(records(limits)):
        axes.barh(place, 1, 0.34, color="#e6e6e6")
        start, end = limit["share_below_low"], limit["share_up_to_high"]
        axes.barh(place, end - start, 0.34, left=start, color=BLUE)
        axes.annotate(
            region_text(limit), (0, place - 0.2), xytext=(3, 0), textcoords="offset points",
            fontsize=8, color=INK, va="bottom", parse_math=False,
        )  # fmt: skip
    _rows_of(axes, limits["factor"])
    axes.set_ylim(len(limits) - 0.5, -0.75)
    axes.grid(visible=False)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["lowest level", "median", "highest"])


def _rows_of(axes: Axes, names: pd.Series) -> None:
    """A row a factor, top down, with long names on several lines."""
    wrapped = [fill(name.replace("_", " "), NAME_WIDTH) for name in names]
    axes.set_yticks(range(len(names)), wrapped, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _no_math(text: str) -> str:
    """Dollars are no formula."""
    return text.replace("$", r"\$")


def _value_axis(axes: Axes, unit: str, shown: Callable[[float, str], str], pad: float) -> None:
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.margins(x=pad)
    axes.autoscale_view(scaley=False)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    if unit and not unit.startswith("share"):
        axes.set_xlabel(unit, fontsize=9, color=INK)


def _whisker(axes: Axes, value: float, margin: float, height: float) -> None:
    if margin > 0:
        axes.plot([value - margin, value + margin], [height] * 2, color=INK, linewidth=1)


def _legend(axes: Axes, *handles: Key) -> None:
    key_below(axes, handles)
