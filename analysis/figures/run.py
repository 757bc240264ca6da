"""The figures of a run: tables in, a matplotlib `Figure` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..outcomes import switches
from ..tables import Tables
from .drawing import (
    GREY,
    INK,
    PALETTE,
    date_axis,
    dates_of,
    firm_colours,
    headline,
    label_all,
    line_end,
    log_dollars,
    new_figure,
    nothing,
    small_multiples,
    style,
    write_png,
)
from .money import vendor_finance
from .panels import (
    cash_lines,
    contracted_shares,
    dot_sizes,
    funding_bars,
    generation_lines,
    largest,
    mood,
    most_telling,
    rounds_closed,
    runway_map,
    signed_contracts,
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


def cash_and_runway(tables: Tables, figure: Figure | None = None) -> Figure:
    """Cash of the firms that can run out of it, and their runway month by month."""
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
    label_all(figure, to_label)
    return figure


def compute_prices(tables: Tables, figure: Figure | None = None) -> Figure:
    """Spot, contract and list price of an H100e-hour, with each contract signed as a dot."""
    figure = figure or new_figure(9, 5)
    axes = figure.add_subplot()
    months = tables["months"]
    dates = dates_of(months["date"])
    unit = "usd_per_h100e_hour"
    deals = signed_contracts(tables["contracts"], months)
    axes.scatter(
        deals["date"],
        deals["price_usd"],
        s=dot_sizes(deals["h100e"]),
        color=VERMILLION,
        alpha=0.25,
        linewidths=0,
        label="a contract signed, by size",
        zorder=1,
    )
    ends = []
    for column, text, colour, drawn in (
        (f"list_price_{unit}", "List", GREEN, "steps-post"),
        (f"contract_price_{unit}", "Contract", VERMILLION, "default"),
        (f"spot_price_{unit}", "Spot", BLUE, "default"),
    ):
        axes.plot(dates, months[column], color=colour, linewidth=2, drawstyle=drawn)
        ends += line_end(dates, months[column], text, colour)
    style(axes, "Rental and contract prices of compute", "USD per H100e-hour (log scale)")
    log_dollars(axes, lambda value: f"${value:.10g}")
    date_axis(axes, dates)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    label_all(figure, [(axes, ends)])
    return figure


def chip_prices(tables: Tables, figure: Figure | None = None) -> Figure:
    """Price of a chip by generation, a panel a maker."""
    prices = tables["prices"]
    chips = prices[prices["market"] == "chip"]
    makers = largest(chips.assign(value=chips["price_usd"] * chips["volume"]), "provider", "value")
    figure = figure or new_figure(10, 1 + 2.2 * ((len(makers) + 2) // 3))
    if not makers:
        return nothing(figure, "No chip is sold in this run")
    dates = dates_of(tables["months"]["date"])
    panels = small_multiples(figure, len(makers), columns=3, same_scale=False)
    for axes, maker in zip(panels, makers, strict=True):
        generation_lines(axes, chips[chips["provider"] == maker], tables["months"])
        style(axes, str(maker), "")
        axes.margins(y=0.3)
        log_dollars(axes, lambda value: f"{value:.10g}")
        date_axis(axes, dates, ticks=5)
    headline(figure, panels, "Chip prices by generation", "Thousand USD per chip (log)")
    return figure


def capacity_and_demand(tables: Tables, figure: Figure | None = None) -> Figure:
    """Power, inference compute, demand and utilisation."""
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
    label_all(figure, to_label)
    return figure


def supplier_shares(tables: Tables, figure: Figure | None = None) -> Figure:
    """Each independent lab's contracted compute by supplier; triangles mark switches."""
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
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    headline(figure, panels, "Suppliers of compute under contract", "Share of H100e, fully ramped")
    return figure


def funding_and_sentiment(tables: Tables, figure: Figure | None = None) -> Figure:
    """Money raised by kind, valuations at each round, and investors' mood with the defaults."""
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
    label_all(figure, to_label)
    return figure


FIGURES: Final[Mapping[str, Callable[[Tables], Figure]]] = {
    "cash_and_runway": cash_and_runway,
    "compute_prices": compute_prices,
    "chip_prices": chip_prices,
    "capacity_and_demand": capacity_and_demand,
    "supplier_shares": supplier_shares,
    "funding_and_sentiment": funding_and_sentiment,
    "vendor_finance": vendor_finance,
}


def save_figures(tables: Tables, directory: str | Path) -> list[Path]:
    """Write all figures as PNG files into a folder, made if need be; return their paths."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        path = Path(directory) / f"{name}.png"
        write_png(draw(tables), path)
        paths.append(path)
    return paths
