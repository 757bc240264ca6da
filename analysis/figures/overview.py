"""One page on a run, one page on a study: the figures that answer most, and numbers above them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..ensemble import (
    Frames,
    frame_of,
    months_played,
    over_a_design,
    start_dates,
    switch_probabilities,
    variants_of,
)
from ..outcomes import CONTRACT, OUTCOMES, SPOT
from ..paired import amount
from ..survival import survival
from ..tables import Tables
from ..wording import OK, outcome_words, percent, price, usd
from .asked import check, with_columns
from .contagion import cascade_panel
from .differences import relative_differences
from .drawing import (
    INK,
    PALETTE,
    Canvas,
    EndLabel,
    date_axis,
    dates_of,
    empty,
    firm_colours,
    key_outside,
    label_all,
    new_figure,
    nothing,
    run_axis,
    style,
)
from .fans import MOST_VARIANTS, band_keys, fan_lines
from .maps import lever_line, lever_map
from .panels import (
    cash_lines,
    funding_bars,
    main_suppliers,
    most_telling,
    price_lines,
    vendor_shares,
)
from .study import dot_panel, exposed, shown_firms, variant_keys
from .survival import ENDED, curve_lines, hit

A4: Final = (8.27, 11.69)  # inches, upright
_MOST_FIRMS: Final = 8  # of a panel here
_MOST_LABS: Final = 10
_TILES: Final = 6  # numbers in the band on top
_OUTCOMES: Final = (
    "labs_out_of_cash", "defaults", "labs_that_switched", "spot_price_last_24_months",
    "lab_revenue_usd", "capex_usd",
)  # fmt: skip
_MEANS: Final = ("defaults", "labs_out_of_cash", "switches", "spot_price_last_24_months")


def run_overview(tables: Tables, title: str = "One run", figure: Canvas | None = None) -> Canvas:
    """A page on a run: headline numbers, cash, prices, suppliers, funding, vendor finance.

    Args:
        tables: of the run.
        title: of the page, such as the name of the scenario.
        figure: to draw on, by default a new upright A4 page.

    Raises:
        ValueError: a table is missing.
    """
    check(tables, "months", "firms", "contracts", "events")
    figure = figure or new_figure(*A4)
    months, firms = tables["months"], tables["firms"]
    dates = f", {months['date'].iloc[0]} to {months['date'].iloc[-1]}" if len(months) else ""
    body = _page(figure, f"{title}{dates}", _run_numbers(tables))
    if months.empty:
        return nothing(body, "No month was played")
    grid = body.add_gridspec(3, 2)
    colours, to_label = firm_colours(firms), []
    for place, (role, kind) in enumerate((("lab", "independent"), ("cloud", "neocloud"))):
        axes, names = body.add_subplot(grid[0, place]), most_telling(firms, role, kind)
        if names:
            ends = cash_lines(axes, tables, names, colours, f"Cash of {role}s")
            to_label.append((axes, ends))
        else:
            empty(axes, f"No {role} in this run")
    prices, funding, suppliers, vendor = (
        body.add_subplot(grid[1 + place // 2, place % 2]) for place in range(4)
    )
    to_label.append((prices, price_lines(prices, tables)))
    funding_bars(funding, months, dates_of(months["date"]), 2)
    date_axis(funding, dates_of(months["date"]), ticks=5)
    labs = sorted(firms.loc[firms["role"] == "lab", "firm"].unique())[:_MOST_LABS]
    if labs:
        main_suppliers(suppliers, tables, labs)
    else:
        empty(suppliers, "No lab in this run")
    to_label.append((vendor, vendor_shares(vendor, months)))
    label_all(to_label)
    return figure


def study_overview(
    frames: Frames,
    title: str = "A study",
    compared: pd.DataFrame | None = None,
    start: str | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """A page on a study: numbers, prices as fans, cash risk, survival, switches, differences.

    Panels without data say so. Over a design there are no probabilities: its points are chosen.

    Args:
        frames: of the study (`StudyFolder.frames`).
        title: of the page.
        compared: the table of `experiments.compare`, if variants are paired.
        start: calendar month of the first month, if no months table tells.
        figure: to draw on, by default a new upright A4 page.

    Raises:
        ValueError: the frame of runs is missing or lacks a column.
    """
    runs = with_columns(frame_of(frames, "runs"), "runs", "run_id", "variant", "status", "point")
    figure = figure or new_figure(*A4)
    body = _page(figure, title, _study_numbers(runs))
    grid = body.add_gridspec(3, 2)
    panels = [body.add_subplot(grid[place // 2, place % 2]) for place in range(6)]
    if over_a_design(runs):
        _levers(panels, runs)
        return figure
    to_label = _fans(panels[:2], frame_of(frames, "months"))
    _risks(panels[2:5], frames, start)
    _last(panels[5], runs, compared)
    several = runs["variant"].nunique() > 1
    key_outside(body, [*variant_keys(runs), *(band_keys(2) if several and to_label else [])], 4)
    label_all(to_label)
    return figure


def _page(figure: Canvas, title: str, tiles: Sequence[tuple[str, str]]) -> Canvas:
    """Write the title and a band of large numbers, each with what it is; the rest of the page."""
    top, body = figure.subfigures(2, 1, squeeze=False, height_ratios=(0.13, 1)).flat
    top.text(0.03, 0.9, title, fontsize=13, fontweight="bold", color=INK, va="top")
    for place, (value, words) in enumerate(tiles[:_TILES]):
        x = 0.03 + 0.96 * place / _TILES
        top.text(x, 0.42, value, fontsize=15, fontweight="bold", color=PALETTE[0], va="bottom")
        top.text(x, 0.38, fill(words, 19), fontsize=8, color=INK, va="top", linespacing=1.25)
    return body


def _run_numbers(tables: Tables) -> list[tuple[str, str]]:
    months, firms = tables["months"], tables["firms"]
    if months.empty:
        return []
    start, end = months.iloc[0], months.iloc[-1]
    short = firms.loc[firms["arrears_usd"] > 0, "firm"].nunique()
    prices = [
        (_price(end[column]), f"{words} an H100e-hour, from {_price(start[column])}")
        for column, words in ((SPOT, "spot"), (CONTRACT, "contract"))
    ]
    return [
        (str(short), "firms that could not pay all dues in time"),
        (str(int(end["defaults_so_far"])), "defaults"),
        (str(int(end["switches_so_far"])), "changes of labs' main supplier"),
        *prices,
        (
            usd(float(months["lab_revenue_usd"].tail(12).sum())),
            "revenue of labs in the last 12 months",
        ),
    ]


def _price(value: float) -> str:
    return price(value) if np.isfinite(value) else "-"


def _study_numbers(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Of the base: how many runs, and means of what most readers ask first."""
    base = runs[(runs["variant"] == variants_of(runs)[0])] if len(runs) else runs
    ended = base[base["status"] == OK]
    count = runs["variant"].nunique()
    tiles = [(f"{len(runs):,}", f"runs of {count} variant{'s'[: count != 1]}")]
    tiles.append(
        (percent((runs["status"] == OK).mean()) if len(runs) else "-", "came to their end")
    )
    for name in _MEANS:
        if name in ended and ended[name].notna().any():
            value = amount(float(ended[name].astype(float).mean()), OUTCOMES[name].unit)
            tiles.append((value, f"{outcome_words(name)}, mean of the base"))
    return tiles


def _levers(panels: Sequence[Axes], runs: pd.DataFrame) -> None:
    """Of a design, an outcome a panel over its first two levers, or over the only one."""
    columns = list(runs.columns)
    varied = columns[columns.index("seed") + 1 : columns.index("status")]
    base = runs[runs["variant"] == variants_of(runs)[0]]
    levers = [name for name in varied if base[name].nunique() > 1][:2]
    known = [name for name in _OUTCOMES if name in runs]
    for place, axes in enumerate(panels):
        if place >= len(known) or not levers:
            empty(axes, "")
        elif len(levers) == 1:
            lever_line(base, levers[0], known[place], axes)
        else:
            lever_map(base, levers[0], levers[1], known[place], axes)


def _fans(panels: Sequence[Axes], months: pd.DataFrame) -> list[tuple[Axes, list[EndLabel]]]:
    """Spot and contract price, if the months were kept."""
    if months.empty:
        for axes in panels:
            empty(axes, "No run kept its months")
        return []
    return [
        (axes, fan_lines(axes, months, column))
        for axes, column in zip(panels, (SPOT, CONTRACT), strict=True)
    ]


def _risks(panels: Sequence[Axes], frames: Frames, start: str | None) -> None:
    """Who runs out of cash, how long the role most exposed lasts, and who switches."""
    firms = frame_of(frames, "firm_outcomes")
    if firms.empty:
        for axes in panels:
            empty(axes, "No firms were kept")
        return
    cash, last, switch = panels
    risk, turns = exposed(firms), switch_probabilities(firms)
    for axes, table, event, title in (
        (cash, risk, "out_of_cash", "Runs out of cash"),
        (switch, turns, "switch", "Switches main supplier"),
    ):
        if names := shown_firms(table, [event], _MOST_FIRMS):
            dot_panel(axes, table, names, event, title)
        else:
            empty(axes, f"{title}: no firm")
    starts, months = start_dates(frames, start), months_played(frames)
    curves = survival(firms, months, by="role")
    if not (roles := hit(curves)):
        empty(last, "No firm defaults in any run")
        return
    curve_lines(last, curves, roles[0], variants_of(curves)[:MOST_VARIANTS], starts)
    style(last, f"{roles[0].capitalize()}s: {ENDED['default']}", "Share of firms, 95 % band")
    run_axis(last, months, starts.values(), named=True)


def _last(axes: Axes, runs: pd.DataFrame, compared: pd.DataFrame | None) -> None:
    """Differences between variants if they are paired, else how many firms default."""
    if compared is not None and len(compared):
        relative_differences(axes, compared)
    elif "defaults" in runs and (runs["status"] == OK).any():
        cascade_panel(axes, runs, "defaults")
    else:
        empty(axes, "No variants to compare")
