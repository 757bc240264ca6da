"""Fan charts: how far apart the runs of a study lie, month by month; and scenarios side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..ensemble import LEVELS, PRICES, price_paths, quantile_paths, variants_of
from ..summary import more
from .asked import with_columns
from .drawing import (
    GREY,
    INK,
    PALETTE,
    Canvas,
    EndLabel,
    Key,
    date_axis,
    dates_of,
    headline,
    key_below,
    key_outside,
    label_all,
    line_end,
    log_dollars,
    new_axes,
    new_figure,
    nothing,
    small_multiples,
    style,
)
from .units import number_axis, title_of, unit_of

MOST_VARIANTS: Final = 5  # more cannot be told apart
_BANDS: Final = (("p5", "p95", 0.18), ("p25", "p75", 0.32))
_MOST_SCENARIOS: Final = 9
_ONE: Final = "one run (lowest seed)"


def fan_chart(months: pd.DataFrame, column: str, axes: Axes | None = None) -> Axes:
    """Quantiles over the runs of a column of the months, a colour a variant.

    Args:
        months: the frame of that name of a study that kept its months.
        column: one of the table `months`, such as `spot_price_usd_per_h100e_hour`.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: the frame has no such column.
    """
    axes = axes or new_axes(8, 4.5)
    ends = fan_lines(axes, months, column)
    variants = variants_of(months)[:MOST_VARIANTS]
    one = [Line2D([], [], color=INK, linewidth=0.7, label=_ONE)] if len(variants) == 1 else []
    key_below(axes, [*band_keys(len(variants)), *one, *not_drawn(months)])
    label_all([(axes, ends)])
    return axes


def fan_lines(axes: Axes, months: pd.DataFrame, column: str) -> list[EndLabel]:
    """`fan_chart` without its key; the names at the ends of its lines are left to be written."""
    with_columns(months, "months", "run_id", "variant", "seed", "month", "date", column)
    paths = quantile_paths(months, column)
    unit = unit_of(column, float(np.nanmax(np.abs(paths[["p5", "p95"]]), initial=0.0)))
    variants = variants_of(paths)[:MOST_VARIANTS]
    ends: list[EndLabel] = []
    for colour, variant in zip(PALETTE, variants, strict=False):
        own = paths[paths["variant"] == variant].copy()
        own[list(LEVELS)] /= unit.scale
        # Both bands of several variants would hide one another.
        fan(axes, own, colour, _BANDS if len(variants) == 1 else _BANDS[1:])
        name = variant if len(variants) > 1 else "median"
        ends += line_end(dates_of(own["date"]), own["p50"], name, colour)
    if len(variants) == 1:
        one = lowest_seed(months)
        axes.plot(dates_of(one["date"]), one[column] / unit.scale, color=INK, linewidth=0.7)
    runs = runs_of(paths) if len(paths) else "no runs"
    style(axes, f"{title_of(column)}, {runs}", unit.label)
    number_axis(axes, unit)
    if (paths["p5"] >= 0).all():
        axes.set_ylim(bottom=0)
    if len(paths):
        date_axis(axes, dates_of(sorted(paths["date"].unique())))
    return ends


def price_fans(
    months: pd.DataFrame, title: str = "Prices of compute", figure: Canvas | None = None
) -> Canvas:
    """Quantiles of spot, contract and list price by month, a row of panels a variant.

    One run is drawn too, since no run is as smooth as the median.
    """
    variants = variants_of(months)[:MOST_VARIANTS]
    if not variants:
        return nothing(figure or new_figure(10, 2.5), "No run of this study kept its months")
    with_columns(months, "months", "run_id", "variant", "seed", "month", "date", *PRICES.values())
    paths = price_paths(months[months["variant"].isin(variants)])
    figure = figure or new_figure(10, 1.2 + 2.5 * len(variants))
    panels = small_multiples(figure, 3 * len(variants), columns=3)
    unit = "USD per H100e-hour (log)"
    headline(figure, panels, f"{title}, {runs_of(paths)}", unit)
    for row, variant in enumerate(variants):
        one = lowest_seed(months[months["variant"] == variant])
        for axes, (price, column) in zip(panels[3 * row :], PRICES.items(), strict=False):
            own = paths[paths["price"] == price]
            fan(axes, own[own["variant"] == variant], PALETTE[row])
            if row:
                first = own[own["variant"] == variants[0]]
                axes.plot(dates_of(first["date"]), first["p50"], "--", color=GREY, linewidth=1.2)
            axes.plot(dates_of(one["date"]), one[column], color=INK, linewidth=0.7)
            style(axes, price.capitalize(), axes.get_ylabel())
        if len(variants) > 1:
            panels[3 * row].set_ylabel(f"{short(variant)}\n{unit}", fontsize=9, color=INK)
    dates = dates_of(paths["date"].drop_duplicates().sort_values())
    for axes in panels:
        log_dollars(axes, lambda value: f"${value:.10g}")
        date_axis(axes, dates, ticks=5)
    base = [f"median of {short(variants[0])}"] if len(variants) > 1 else []
    dashes = [Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label=b) for b in base]
    keys = [*band_keys(1), _median("median"), Line2D([], [], color=INK, linewidth=0.7, label=_ONE)]
    key_outside(figure, [*keys, *dashes, *not_drawn(months)])
    return figure


def scenario_panels(
    months: Mapping[str, pd.DataFrame], column: str, figure: Canvas | None = None
) -> Canvas:
    """One column of the months in several scenarios, a panel a scenario, all on one scale.

    Args:
        months: by the name of the scenario its table `months`: of one run, or of a study, of which
            the base is drawn as a fan.
        column: of these tables.
        figure: to draw on, by default a new one.

    Raises:
        ValueError: no scenario is given, or a table has no such column.
    """
    if not months:
        raise ValueError("months: given no scenario, expected at least one with its table")
    shown = dict(list(months.items())[:_MOST_SCENARIOS])
    for name, table in shown.items():
        with_columns(table, f"months of {name}", "month", "date", column)
    figure = figure or new_figure(10, 1.2 + 2.2 * -(-len(shown) // 3))
    panels = small_multiples(figure, len(shown), columns=3)
    peak = max(float(table[column].abs().max()) for table in shown.values() if len(table))
    unit = unit_of(column, peak)
    headline(figure, panels, title_of(column), unit.label)
    dates = dates_of(sorted({date for table in shown.values() for date in table["date"]}))
    many = False
    for axes, (name, table) in zip(panels, shown.items(), strict=True):
        many |= (fanned := "run_id" in table)
        if fanned:
            own = table[table["variant"] == variants_of(table)[0]]
            path = quantile_paths(own, column)
            path[list(LEVELS)] /= unit.scale
            fan(axes, path, PALETTE[0])
        else:
            line = table[column] / unit.scale
            axes.plot(dates_of(table["date"]), line, color=PALETTE[0], linewidth=1.6)
        style(axes, short(name), axes.get_ylabel())
        number_axis(axes, unit)
        date_axis(axes, dates, ticks=5)
    key_outside(figure, [*band_keys(1), _median("median")] if many else [], 3)
    return figure


def fan(
    axes: Axes, path: pd.DataFrame, colour: str, bands: Sequence[tuple[str, str, float]] = _BANDS
) -> None:
    """The bands and the median of one path of quantiles."""
    dates = dates_of(path["date"])
    for low, high, alpha in bands:
        axes.fill_between(dates, path[low], path[high], color=colour, alpha=alpha, linewidth=0)
    axes.plot(dates, path["p50"], color=colour, linewidth=2)


def band_keys(variants: int) -> list[Key]:
    """What the bands of a fan stand for; of several variants the inner ones only."""
    inner = Patch(color=PALETTE[0], alpha=_BANDS[1][2], label="25-75 % of runs")
    if variants > 1:
        return [inner]
    return [
        Patch(color=PALETTE[0], alpha=_BANDS[0][2], label="5-95 % of runs"),
        Patch(color=PALETTE[0], alpha=sum(band[2] for band in _BANDS), label="25-75 %"),
    ]


def _median(label: str) -> Line2D:
    return Line2D([], [], color=PALETTE[0], linewidth=2, label=label)


def not_drawn(table: pd.DataFrame) -> list[Key]:
    """A line of the legend that says how many variants are left out."""
    rest = more(len(variants_of(table)) - MOST_VARIANTS, "variant", "variants")
    return [Patch(color="none", label=f"{rest}, not drawn")] if rest else []


def lowest_seed(months: pd.DataFrame) -> pd.DataFrame:
    """The months of the run with the lowest seed."""
    run = months["run_id"].iloc[int(np.argmin(months["seed"]))]
    return months[months["run_id"] == run].sort_values("month")


def runs_of(paths: pd.DataFrame) -> str:
    """`40 runs`, or `40 runs a variant`; the most that a variant has."""
    most = int(paths["runs"].max())
    each = " a variant" if paths["variant"].nunique() > 1 else ""
    return f"{most} run{'s'[: most > 1]}{each}"


def short(name: str) -> str:
    """A name cut to what a panel has room for."""
    return name if len(name) <= 26 else f"{name[:25]}…"
