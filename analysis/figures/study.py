"""Figures of a batch of runs: the frames of a study in, a matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..ensemble import (
    CASCADES,
    PRICES,
    Frames,
    cash_by_month,
    cash_probabilities,
    frame_of,
    months_played,
    most_probable,
    over_a_design,
    price_paths,
    start_dates,
    switch_probabilities,
    variants_of,
)
from ..ensemble_summary import EXPOSED
from ..summary import more
from .contagion import cascades
from .drawing import (
    GREY,
    INK,
    PALETTE,
    date_axis,
    dates_of,
    headline,
    log_dollars,
    months_from,
    new_figure,
    nothing,
    run_axis,
    small_multiples,
    style,
    write_png,
)

MOST_VARIANTS: Final = 5  # more cannot be told apart
MOST_FIRMS: Final = 12
_LINES: Final = {"out_of_cash": "-", "default": ":"}
_BANDS: Final = (("p5", "p95", 0.18), ("p25", "p75", 0.32))


def price_fans(months: pd.DataFrame, title: str = "Prices of compute") -> Figure:
    """Quantiles of spot, contract and list price by month, a row of panels a variant.

    One run is drawn too, since no run is as smooth as the median.
    """
    variants = variants_of(months)[:MOST_VARIANTS]
    if not variants:
        return nothing(new_figure(10, 2.5), "No run of this study kept its months")
    paths = price_paths(months[months["variant"].isin(variants)])
    figure = new_figure(10, 1.2 + 2.5 * len(variants))
    panels = small_multiples(figure, 3 * len(variants), columns=3)
    unit = "USD per H100e-hour (log)"
    headline(figure, panels, f"{title}, {_runs_of(paths)}", unit)
    for row, variant in enumerate(variants):
        runs = months[months["variant"] == variant]
        one = runs[runs["run_id"] == runs.sort_values("seed", kind="stable")["run_id"].iloc[0]]
        for axes, (price, column) in zip(panels[3 * row :], PRICES.items(), strict=False):
            own = paths[paths["price"] == price]
            _fan(axes, own[own["variant"] == variant], PALETTE[row])
            if row:
                first = own[own["variant"] == variants[0]]
                axes.plot(dates_of(first["date"]), first["p50"], "--", color=GREY, linewidth=1.2)
            axes.plot(dates_of(one["date"]), one[column], color=INK, linewidth=0.7)
            style(axes, price.capitalize(), axes.get_ylabel())
        if len(variants) > 1:
            panels[3 * row].set_ylabel(f"{_short(variant)}\n{unit}", fontsize=9, color=INK)
    dates = dates_of(paths["date"].drop_duplicates().sort_values())
    for axes in panels:
        log_dollars(axes, lambda value: f"${value:.10g}")
        date_axis(axes, dates, ticks=5)
    _legend(figure, [*_fan_keys(variants), *_not_drawn(months)])
    return figure


def cash_risk(firm_outcomes: pd.DataFrame) -> Figure:
    """How probable it is that a firm runs out of cash, and that it defaults, with intervals.

    Labs and clouds without a parent are shown in any case, others if they ever run out of cash.
    """
    table = cash_probabilities(firm_outcomes)
    likely = table.groupby("firm")["out_of_cash_probability"].transform("max")
    table = table[table["kind"].isin(EXPOSED) | (likely > 0)]
    return _dots(table, {"out_of_cash": "Runs out of cash", "default": "Defaults"})


def switching(firm_outcomes: pd.DataFrame) -> Figure:
    """How probable it is that a lab changes its main supplier at least once, with intervals."""
    return _dots(switch_probabilities(firm_outcomes), {"switch": "Switches main supplier"})


def cash_over_time(
    firm_outcomes: pd.DataFrame, months: int, starts: Mapping[str, str] | None = None
) -> Figure:
    """Share of runs in which a firm has run out of cash, or defaulted, by month; a panel a firm.

    Args:
        firm_outcomes: the frame of that name.
        months: length of a run.
        starts: calendar month in which each variant starts; months are numbered without.
    """
    variants = variants_of(firm_outcomes)[:MOST_VARIANTS]
    shares = cash_by_month(firm_outcomes, months)
    shares = shares[shares["variant"].isin(variants)]
    shares = shares[shares["firm"].isin(shares.loc[shares["out_of_cash"] > 0, "firm"])]
    names = most_probable(shares, list(_LINES))[:MOST_FIRMS]
    if not names:
        return nothing(new_figure(10, 2.5), "No firm ran out of cash in any run")
    figure = new_figure(10, 1.4 + 1.9 * -(-len(names) // 3))
    panels = small_multiples(figure, len(names), columns=3)
    headline(figure, panels, "Out of cash and default by month", "Share of runs")
    top = min(1.03, 1.15 * float(shares["out_of_cash"].max()))
    for axes, name in zip(panels, names, strict=True):
        own = shares[shares["firm"] == name]
        for colour, variant in zip(PALETTE, variants, strict=False):
            curve = own[own["variant"] == variant]
            when = months_from(np.arange(months + 1), (starts or {}).get(variant))
            for event, line in _LINES.items() if len(curve) else ():
                share = curve[event].to_numpy()  # of a month, over which it is drawn
                axes.stairs(share, when, baseline=None, color=colour, linestyle=line, linewidth=1.5)
        style(axes, name, axes.get_ylabel())
        axes.set_ylim(0, top)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        run_axis(axes, months, (starts or {}).values(), named=axes in panels[-3:])
    keys = [Line2D([], [], color=INK, linestyle="-", label="out of cash so far")]
    keys += [Line2D([], [], color=INK, linestyle=":", label="defaulted so far")]
    _legend(figure, [*keys, *_variant_keys(firm_outcomes)])
    return figure


def ensemble_figures(frames: Frames, start: str | None = None) -> dict[str, Figure]:
    """The figures that a study has tables for, by name.

    Over a design there are price fans only: what firms do at different points is not the same
    chance. `start` is the calendar month of the first month, if no months table tells.
    """
    runs, months, firms = (frame_of(frames, n) for n in ("runs", "months", "firm_outcomes"))
    design = over_a_design(runs)
    figures: dict[str, Figure] = {}
    if not months.empty:
        title = f"Prices of compute{' over the design' if design else ''}"
        figures["price_fans"] = price_fans(months, title)
    if not (firms.empty or design):
        starts = start_dates(frames, start)
        figures["cash_risk"] = cash_risk(firms)
        figures["cash_over_time"] = cash_over_time(firms, months_played(frames), starts)
        figures["switching"] = switching(firms)
    if not design and set(CASCADES) <= set(runs.columns):
        figures["cascades"] = cascades(runs)
    return figures


def save_ensemble_figures(
    frames: Frames, directory: str | Path, start: str | None = None
) -> list[Path]:
    """Write the figures as PNG files into a folder, made if there are any; return their paths."""
    paths: list[Path] = []
    for name, figure in ensemble_figures(frames, start).items():
        Path(directory).mkdir(parents=True, exist_ok=True)
        paths.append(Path(directory) / f"{name}.png")
        write_png(figure, paths[-1])
    return paths


def _fan(axes: Axes, path: pd.DataFrame, colour: str) -> None:
    """The bands and the median of one price."""
    dates = dates_of(path["date"])
    for low, high, alpha in _BANDS:
        axes.fill_between(dates, path[low], path[high], color=colour, alpha=alpha, linewidth=0)
    axes.plot(dates, path["p50"], color=colour, linewidth=2)


def _fan_keys(variants: Sequence[str]) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [
        Patch(color=PALETTE[0], alpha=_BANDS[0][2], label="5-95 % of runs"),
        Patch(color=PALETTE[0], alpha=sum(band[2] for band in _BANDS), label="25-75 %"),
        Line2D([], [], color=PALETTE[0], linewidth=2, label="median"),
        Line2D([], [], color=INK, linewidth=0.7, label="one run (lowest seed)"),
    ]
    if len(variants) > 1:
        base = f"median of {_short(variants[0])}"
        keys.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label=base))
    return keys


def _dots(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """A dot with its interval a firm and variant; a panel an event, the most probable on top."""
    variants = variants_of(table)[:MOST_VARIANTS]
    shares = [f"{event}_probability" for event in titles]
    firms = most_probable(table, shares)[:MOST_FIRMS]
    if not firms:
        return nothing(new_figure(10, 2.5), "No firm in this study")
    figure = new_figure(1.5 + 4 * len(titles), 1.3 + len(firms) * (0.2 + 0.13 * len(variants)))
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, (event, title) in zip(panels, titles.items(), strict=True):
        for place, variant in enumerate(variants):
            own = table[table["variant"] == variant].set_index("firm").reindex(firms)
            at = np.arange(len(firms)) + (place - (len(variants) - 1) / 2) * 0.7 / len(variants)
            axes.hlines(at, own[f"{event}_low"], own[f"{event}_high"], color=PALETTE[place])
            share = own[f"{event}_probability"]
            axes.plot(share, at, "o", color=PALETTE[place], markersize=5, clip_on=False, zorder=3)
        style(axes, title, "")
        axes.grid(visible=False, axis="y")
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("Share of runs, with 95 % interval", fontsize=9, color=INK)
        axes.set_yticks(np.arange(len(firms)), firms)
        axes.tick_params(axis="y", length=0, pad=7)
    panels[0].set_ylim(len(firms) - 0.5, -0.5)
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    _legend(figure, _variant_keys(table))
    return figure


def _variant_keys(table: pd.DataFrame) -> list[Line2D | Patch]:
    """A colour a variant, where there are several."""
    variants = variants_of(table)
    keys: list[Line2D | Patch] = [
        Patch(color=colour, label=_short(variant))
        for colour, variant in zip(PALETTE, variants[:MOST_VARIANTS], strict=False)
        if len(variants) > 1
    ]
    return [*keys, *_not_drawn(table)]


def _not_drawn(table: pd.DataFrame) -> list[Patch]:
    """A line of the legend that says how many variants are left out."""
    rest = more(len(variants_of(table)) - MOST_VARIANTS, "variant", "variants")
    return [Patch(color="none", label=f"{rest}, not drawn")] if rest else []


def _legend(figure: Figure, keys: Sequence[Line2D | Patch]) -> None:
    if keys:
        columns = int(figure.get_figwidth() / 2)
        figure.legend(
            handles=keys, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
        )


def _runs_of(paths: pd.DataFrame) -> str:
    """`40 runs`, or `40 runs a variant`; the most that a variant has."""
    most = int(paths["runs"].max())
    each = " a variant" if paths["variant"].nunique() > 1 else ""
    return f"{most} run{'s'[: most > 1]}{each}"


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"
