"""Figures of a batch of runs: the frames of a study in, a matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    Frames,
    cash_by_month,
    cash_probabilities,
    frame_of,
    months_played,
    most_probable,
    over_a_design,
    start_dates,
    switch_probabilities,
    variants_of,
)
from ..ensemble_summary import EXPOSED
from .asked import with_columns
from .contagion import cascades
from .drawing import (
    INK,
    PALETTE,
    Canvas,
    Drawn,
    headline,
    key_outside,
    months_from,
    new_figure,
    nothing,
    run_axis,
    small_multiples,
    style,
)
from .fans import MOST_VARIANTS, not_drawn, price_fans, short

MOST_FIRMS: Final = 12
_NEEDED: Final = ("variant", "firm", "role", "kind", "took_part")
_LINES: Final = {"out_of_cash": "-", "default": ":"}


def cash_risk(firm_outcomes: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """How probable it is that a firm runs out of cash, and that it defaults, with intervals.

    Labs and clouds without a parent are shown in any case, others if they ever run out of cash.
    """
    titles = {"out_of_cash": "Runs out of cash", "default": "Defaults"}
    return _dots(exposed(firm_outcomes), titles, figure)


def exposed(firm_outcomes: pd.DataFrame) -> pd.DataFrame:
    """The probabilities of firms that no parent pays for, and of others that ever ran short."""
    with_columns(firm_outcomes, "firm_outcomes", *_NEEDED, "out_of_cash_month", "default_month")
    table = cash_probabilities(firm_outcomes)
    likely = table.groupby("firm")["out_of_cash_probability"].transform("max")
    return table[table["kind"].isin(EXPOSED) | (likely > 0)]


def switching(firm_outcomes: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """How probable it is that a lab changes its main supplier at least once, with intervals."""
    with_columns(firm_outcomes, "firm_outcomes", *_NEEDED, "switches", "last_main_supplier")
    titles = {"switch": "Switches main supplier"}
    return _dots(switch_probabilities(firm_outcomes), titles, figure)


def cash_over_time(
    firm_outcomes: pd.DataFrame,
    months: int,
    starts: Mapping[str, str] | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """Share of runs in which a firm has run out of cash, or defaulted, by month; a panel a firm.

    Args:
        firm_outcomes: the frame of that name.
        months: length of a run.
        starts: calendar month in which each variant starts; months are numbered without.
        figure: to draw on, by default a new one.
    """
    with_columns(firm_outcomes, "firm_outcomes", *_NEEDED, "out_of_cash_month", "default_month")
    variants = variants_of(firm_outcomes)[:MOST_VARIANTS]
    shares = cash_by_month(firm_outcomes, months)
    shares = shares[shares["variant"].isin(variants)]
    shares = shares[shares["firm"].isin(shares.loc[shares["out_of_cash"] > 0, "firm"])]
    names = most_probable(shares, list(_LINES))[:MOST_FIRMS]
    if not names:
        return nothing(figure or new_figure(10, 2.5), "No firm ran out of cash in any run")
    figure = figure or new_figure(10, 1.4 + 1.9 * -(-len(names) // 3))
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
    key_outside(figure, [*keys, *variant_keys(firm_outcomes)])
    return figure


def ensemble_figures(frames: Frames, start: str | None = None) -> dict[str, Drawn]:
    """The figures that a study has tables for, by name.

    Over a design there are price fans only: what firms do at different points is not the same
    chance. `start` is the calendar month of the first month, if no months table tells.
    """
    runs, months, firms = (frame_of(frames, n) for n in ("runs", "months", "firm_outcomes"))
    design = over_a_design(runs)
    drawn: dict[str, Drawn] = {}
    if not months.empty:
        title = f"Prices of compute{' over the design' if design else ''}"
        drawn["price_fans"] = price_fans(months, title)
    if not (firms.empty or design):
        starts = start_dates(frames, start)
        drawn["cash_risk"] = cash_risk(firms)
        drawn["cash_over_time"] = cash_over_time(firms, months_played(frames), starts)
        drawn["switching"] = switching(firms)
    if not design and set(CASCADES) <= set(runs.columns):
        drawn["cascades"] = cascades(runs)
    return drawn


def _dots(table: pd.DataFrame, titles: Mapping[str, str], figure: Canvas | None) -> Canvas:
    """A dot with its interval a firm and variant; a panel an event, the most probable on top."""
    firms = shown_firms(table, titles)
    if not firms:
        return nothing(figure or new_figure(10, 2.5), "No firm in this study")
    variants = min(MOST_VARIANTS, len(variants_of(table)))
    height = 1.3 + len(firms) * (0.2 + 0.13 * variants)
    figure = figure or new_figure(1.5 + 4 * len(titles), height)
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, (event, title) in zip(panels, titles.items(), strict=True):
        dot_panel(axes, table, firms, event, title)
    if isinstance(figure, Figure):
        figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    key_outside(figure, variant_keys(table))
    return figure


def shown_firms(table: pd.DataFrame, events: Iterable[str], most: int = MOST_FIRMS) -> list[str]:
    """The firms with the most probable events, the first on top."""
    return most_probable(table, [f"{event}_probability" for event in events])[:most]


def dot_panel(axes: Axes, table: pd.DataFrame, firms: list[str], event: str, title: str) -> None:
    """The probability of one event with its interval, a row a firm and a colour a variant."""
    variants = variants_of(table)[:MOST_VARIANTS]
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
    axes.set_ylim(len(firms) - 0.5, -0.5)


def variant_keys(table: pd.DataFrame) -> list[Line2D | Patch]:
    """A colour a variant, where there are several."""
    variants = variants_of(table)
    keys: list[Line2D | Patch] = [
        Patch(color=colour, label=short(variant))
        for colour, variant in zip(PALETTE, variants[:MOST_VARIANTS], strict=False)
        if len(variants) > 1
    ]
    return [*keys, *not_drawn(table)]
