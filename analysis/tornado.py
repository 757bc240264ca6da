"""Which factors matter, for the eye: tables on screen, tornado charts, indices, and regions.

All take rows of the tables of `experiments.sensitivity` and `experiments.discovery`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, nan
from textwrap import fill
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from rich.table import Table
from rich.text import Text

from .drawing import GREY, HALO, INK, PALETTE, new_figure, nothing, style
from .paired import amount, difference
from .summary import MOST_ROWS, more, note, plain_table
from .tables import records
from .wording import BASE, outcome_words, percent

BLUE, VERMILLION, GREEN = PALETTE[:3]
MOST_FACTORS: Final = 15
NAME_WIDTH: Final = 30  # characters of a factor's name on a line
_SPAN: Final = 0.38  # of a bar, in rows
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


def tornado(ends: pd.DataFrame, figure: Figure | None = None) -> Figure:
    """The mean outcome at both ends of each factor, from the mean over all points."""
    ends = ends.head(MOST_FACTORS)
    if ends.empty:
        return nothing(figure or new_figure(9, 2.5), "No factor varies")
    figure = figure or new_figure(9, 1.6 + 0.62 * len(ends))
    axes = figure.add_subplot()
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
        figure,
        Patch(color=VERMILLION, label="at the low end"),
        Patch(color=BLUE, label="at the high end"),
        Line2D([], [], color=INK, linewidth=1, label=interval),
    )
    return figure


def screening_bars(screening: pd.DataFrame, figure: Figure | None = None) -> Figure:
    """Morris screening: mu* of each factor with its interval, and sigma."""
    shown = screening.head(MOST_FACTORS)
    figure = figure or new_figure(9, 1.6 + 0.42 * len(shown))
    axes = figure.add_subplot()
    for place, row in enumerate(records(shown)):
        colour = BLUE if row["mu"] >= 0 else VERMILLION
        axes.barh(place, row["mu_star"], 2 * _SPAN, color=colour)
        _whisker(axes, row["mu_star"], row["mu_star_confidence"], place)
        axes.plot(row["sigma"], place, "D", color="white", markeredgecolor=INK, markersize=6)
    first = shown.iloc[0]
    title = f"{heading(first)}: effect of each factor from its lowest to its highest level"
    style(axes, _no_math(title), "")
    _rows_of(axes, shown["factor"])
    _value_axis(axes, first["unit"], _effect, pad=0.05)
    _legend(
        figure,
        Patch(color=BLUE, label="mu*, raises it on average"),
        Patch(color=VERMILLION, label="mu*, lowers it on average"),
        Line2D([], [], color=INK, linewidth=1, label=f"{100 * first['level']:g} % interval"),
        Line2D([], [], linestyle="", marker="D", color="white", markeredgecolor=INK,
               label="sigma: how much effects differ"),
    )  # fmt: skip
    return figure


def index_bars(indices: pd.DataFrame, figure: Figure | None = None) -> Figure:
    """Sobol indices of each factor: alone and with its interactions, with intervals."""
    shown = indices.head(MOST_FACTORS)
    if shown["total"].isna().all():
        return nothing(figure or new_figure(9, 2.5), f"{heading(indices.iloc[0])} does not vary")
    figure = figure or new_figure(9, 1.6 + 0.5 * len(shown))
    axes = figure.add_subplot()
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
        figure,
        Patch(color=BLUE, label="alone (first order)"),
        Patch(color=GREEN, label="with its interactions (total)"),
        Line2D([], [], color=INK, linewidth=1, label=f"{100 * first['level']:g} % interval"),
    )
    return figure


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
    title = f"{_interest(box)}: {percent(box['base_share'])} of {box['all_runs']} runs"
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


def region(boxes: pd.DataFrame, limits: pd.DataFrame, figure: Figure | None = None) -> Figure:
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
        _no_math(_interest(chosen)), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK
    )
    return figure


def _interest(box: Mapping[str, Any] | pd.Series) -> str:
    """Which runs are of interest; of what happens or not, no bound is named."""
    if box["unit"] == "share of runs":
        return heading(box) if box["side"] == "above" else f"{heading(box)} (never)"
    return f"{heading(box)} {box['side']} {amount(box['bound'], box['unit'])}"


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
    shown = _effect if name in ("mu_star", "sigma") else amount
    unit = "share" if name in ("first", "total") else unit
    text = shown(row[name], unit, margin)
    if not margin > 0:
        return text
    bare = text.removesuffix(" %").removesuffix(" pp")
    return f"{bare} ± {shown(margin, unit, margin)}"


def _effect(value: float, unit: str, margin: float = nan) -> str:
    """The size of a difference; of shares in percentage points (`pp`)."""
    return amount(value, unit, margin).replace(" %", " pp")


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


def _legend(figure: Figure, *handles: Patch | Line2D) -> None:
    figure.legend(
        handles=list(handles), loc="outside lower center", ncols=4, fontsize=8, frameon=False
    )
