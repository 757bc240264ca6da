"""The figures of a run: tables in, a matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..outcomes import switches
from ..supply import contracted_shares
from ..tables import Tables
from .asked import check
from .drawing import (
    GREY,
    INK,
    PALETTE,
    Canvas,
    Drawn,
    date_axis,
    dates_of,
    firm_colours,
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
from .money import vendor_finance
from .panels import (
    cash_lines,
    funding_bars,
    generation_lines,
    largest,
    mood,
    most_telling,
    price_lines,
    rounds_closed,
    runway_map,
    supplier_colours,
    valuations,
)

BLUE, VERMILLION, GREEN, PINK, ORANGE = PALETTE[:5]
MOST_SUPPLIERS: Final = 9

_POWER: Final = (
    ("installed_mw", "Installed", BLUE),
    ("contracted_mw", "Contracted", VERMILLION),
    ("sold_mw", "Sold", GREEN),
)
_INFERENCE: Final = (
    ("installed_inference_h100e", "Installed", BLUE),
    ("contracted_inference_h100e", "Contracted", VERMILLION),
    ("required_inference_h100e", "Required", PINK),
)
_DEMAND: Final = (
    ("demand_service_units", "Demand at opening prices", PINK),
    ("lab_revenue_usd", "Lab revenue", BLUE),
)
_USE: Final = (
    ("utilisation", "Utilisation", GREEN),
    ("unmet_demand_share", "Unmet demand", VERMILLION),
)


def cash_and_runway(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Cash of the firms that can run out of it, and their runway month by month."""
    check(tables, "months", "firms", "events")
    figure = figure or new_figure(10, 7.5)
    firms = tables["firms"]
    groups = {
        "labs": most_telling(firms, "lab", "independent"),
        "clouds": most_telling(firms, "cloud", "neocloud"),
    }
    groups = {title: names for title, names in groups.items() if names}
    if not groups:
        return nothing(figure, "No lab or cloud in this run")
    colours = firm_colours(firms)
    grid = figure.add_gridspec(2, len(groups), height_ratios=(1.15, 1))
    to_label = []
    for column, (title, names) in enumerate(groups.items()):
        axes = figure.add_subplot(grid[0, column])
        to_label.append((axes, cash_lines(axes, tables, names, colours, f"Cash of {title}")))
    runway_map(
        figure.add_subplot(grid[1, :]), tables, [*groups.get("labs", ()), *groups.get("clouds", ())]
    )
    label_all(to_label)
    return figure


def compute_prices(tables: Tables, axes: Axes | None = None) -> Axes:
    """Spot, contract and list price of an H100e-hour, with each contract signed as a dot."""
    check(tables, "months", "contracts")
    axes = axes or new_axes(9, 5)
    ends = price_lines(axes, tables)
    key_below(axes, axes.get_legend_handles_labels()[0])
    label_all([(axes, ends)])
    return axes


def chip_prices(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Price of a chip by generation, a panel a maker."""
    check(tables, "months", "prices")
    prices = tables["prices"]
    chips = prices[prices["market"] == "chip"]
    makers = largest(chips.assign(value=chips["price_usd"] * chips["volume"]), "provider", "value")
    figure = figure or new_figure(10, 1 + 2.2 * ((len(makers) + 2) // 3))
    if not makers:
        return nothing(figure, "No chip is sold in this run")
    dates = dates_of(tables["months"]["date"])
    panels = small_multiples(figure, len(makers), columns=3, same_scale=False)
    to_label = []
    for axes, maker in zip(panels, makers, strict=True):
        ends = generation_lines(axes, chips[chips["provider"] == maker], tables["months"])
        to_label.append((axes, ends))
        style(axes, str(maker), "")
        axes.margins(y=0.3)
        log_dollars(axes, lambda value: f"{value:.10g}")
        date_axis(axes, dates, ticks=5)
    headline(figure, panels, "Chip prices by generation", "Thousand USD per chip (log)")
    label_all(to_label, size=6.5)
    return figure


def capacity_and_demand(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Power, inference compute, demand and utilisation."""
    check(tables, "months")
    figure = figure or new_figure(10, 6.5)
    months = tables["months"]
    dates = dates_of(months["date"])
    panels = figure.subplots(2, 2).ravel()
    to_label = []
    for axes, title, label, scale, lines in (
        (panels[0], "Data-centre power", "GW", 1e-3, _POWER),
        (panels[1], "Inference compute", "Million H100e (log scale)", 1e-6, _INFERENCE),
        (panels[2], "Demand for AI services", "Billion USD a month (log scale)", 1e-9, _DEMAND),
        (panels[3], "Use of capacity", "Share of capacity, of demand", 1.0, _USE),
    ):
        ends = []
        for column, text, colour in lines:
            series = months[column] * scale
            axes.plot(dates, series, color=colour, linewidth=1.8)
            ends += line_end(dates, series, text, colour)
        style(axes, title, label)
        if "log" in label:
            log_dollars(axes, lambda value: f"{value:.10g}")
        else:
            axes.set_ylim(bottom=0)
        date_axis(axes, dates)
        to_label.append((axes, ends))
    panels[3].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panels[3].set_ylim(0, 1.02)
    label_all(to_label)
    return figure


def supplier_shares(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Each independent lab's contracted compute by supplier; triangles mark switches."""
    check(tables, "months", "firms", "contracts", "events")
    labs = most_telling(tables["firms"], "lab", "independent")
    shares = contracted_shares(tables)
    labs = [lab for lab in labs if lab in set(shares["lab"])]
    figure = figure or new_figure(10, 1.2 + 2.2 * ((len(labs) + 2) // 3))
    if not labs:
        return nothing(figure, "No lab holds a compute contract in this run")
    shares = shares[shares["lab"].isin(labs)]
    suppliers = sorted(largest(shares, "supplier", "h100e", MOST_SUPPLIERS))
    colours = supplier_colours(tables["firms"])
    dates = dates_of(tables["months"]["date"])
    turns = switches(tables)
    first = int(tables["months"]["month"].iloc[0])
    panels = small_multiples(figure, len(labs), columns=3)
    for axes, lab in zip(panels, labs, strict=True):
        wide = (
            shares[shares["lab"] == lab]
            .pivot(index="month", columns="supplier", values="share")
            .reindex(tables["months"]["month"])
            .fillna(0.0)
        )
        others = wide.drop(columns=suppliers, errors="ignore").sum(axis="columns")
        wide = wide.reindex(columns=suppliers, fill_value=0.0).assign(others=others)
        axes.stackplot(
            dates,
            wide.to_numpy().T,
            colors=[*(colours.get(name, GREY) for name in suppliers), "#d0d0d0"],
            linewidth=0,
        )
        when = turns.loc[turns["lab"] == lab, "month_from"].to_numpy(dtype=int) - first
        if when.size:  # an empty line that is not clipped upsets the layout
            axes.plot(
                dates[when], np.full(when.size, 1.05), "v", color=INK, markersize=5, clip_on=False
            )
        style(axes, lab, "")
        axes.set_title(lab, loc="left", fontsize=10, fontweight="bold", pad=13)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        date_axis(axes, dates, ticks=5)
    handles: list[Patch | Line2D] = [Patch(color=colours.get(n, GREY), label=n) for n in suppliers]
    if shares["supplier"].nunique() > len(suppliers):
        handles.append(Patch(color="#d0d0d0", label="others"))
    if turns["lab"].isin(labs).any():
        turn = Line2D([], [], marker="v", color=INK, linestyle="", label="new main supplier")
        handles.append(turn)
    key_outside(figure, handles, 6)
    headline(figure, panels, "Suppliers of compute under contract", "Share of H100e, fully ramped")
    return figure


def funding_and_sentiment(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Money raised by kind, valuations at each round, and investors' mood with the defaults."""
    check(tables, "months", "firms", "events")
    figure = figure or new_figure(10, 8)
    months, events = tables["months"], tables["events"]
    dates = dates_of(months["date"])
    rounds = rounds_closed(events)
    panels = list(figure.subplots(3 if len(rounds) else 2, 1, sharex=True))
    funding_bars(panels[0], months, dates)
    to_label = []
    if len(rounds):
        ends = valuations(panels[1], rounds, firm_colours(tables["firms"]))
        to_label.append((panels[1], ends))
    mood(panels[-1], months, dates, events)
    for axes in panels:
        date_axis(axes, dates)
    label_all(to_label)
    return figure


FIGURES: Final[Mapping[str, Callable[[Tables], Drawn]]] = {
    "cash_and_runway": cash_and_runway,
    "compute_prices": compute_prices,
    "chip_prices": chip_prices,
    "capacity_and_demand": capacity_and_demand,
    "supplier_shares": supplier_shares,
    "funding_and_sentiment": funding_and_sentiment,
    "vendor_finance": vendor_finance,
}
