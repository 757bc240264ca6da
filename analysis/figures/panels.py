"""The panels that figures are made of, and the table work behind them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from ..supply import SIGNED, groups_of
from ..tables import Tables, parse_details
from ..wording import number
from .drawing import (
    GREY,
    HALO,
    INK,
    PALETTE,
    EndLabel,
    date_axis,
    dates_of,
    firm_colours,
    key_below,
    line_end,
    log_dollars,
    style,
)

BLUE, VERMILLION, GREEN = PALETTE[:3]
MOST_LINES: Final = 8  # of a panel; more cannot be told apart

_UNPAID: Final = -1.0  # stands for a month with unpaid dues, whatever the runway
_RUNWAY_BANDS: Final = (-2, 0, 1, 3, 6, 12, 24, 1e6)
_RUNWAY_KEYS: Final = (
    ("some due unpaid", "#1a1a1a"),
    ("< 1", "#8e0f20"),
    ("1-3", "#d6372c"),
    ("3-6", "#f4794e"),
    ("6-12", "#fdbb84"),
    ("12-24", "#fee8c8"),
    ("24 or more", "#eef3f7"),
)
_ABSENT: Final = "#bdbdbd"
_OTHERS: Final = "#d0d0d0"
_NONE: Final = "#f4f4f4"
_VENDOR: Final = (
    ("vendor_financed_share_chipmakers", "chipmakers", PALETTE[1]),
    ("vendor_financed_share_clouds", "clouds", PALETTE[0]),
    ("circular_share", "circular", PALETTE[2]),
)

_FUNDING: Final = (
    ("equity_raised_usd", "equity from investors", PALETTE[0]),
    ("strategic_equity_usd", "equity from clouds and chipmakers", PALETTE[5]),
    ("loans_drawn_usd", "loans", PALETTE[4]),
    ("parent_funding_usd", "parents", PALETTE[2]),
)


def most_telling(firms: pd.DataFrame, role: str, kind: str) -> list[str]:
    """Up to `MOST_LINES` firms of a role, by name; firms with unpaid dues first, then the largest.

    Only firms of the given kind count, unless the role has none.
    """
    own = firms[firms["role"] == role]
    own = own[own["kind"] == kind] if (own["kind"] == kind).any() else own
    rank = own.groupby("firm")[["arrears_usd", "cash_usd"]].max()
    rank = rank.assign(short=rank["arrears_usd"] > 0).sort_values(
        ["short", "cash_usd"], ascending=False, kind="stable"
    )
    return sorted(rank.index[:MOST_LINES])


def largest(table: pd.DataFrame, key: str, value: str, count: int = MOST_LINES) -> list[str]:
    """The keys with the largest sums of `value`, largest first, ties by name."""
    sums = table.groupby(key)[value].sum()
    return list(sums.sort_values(ascending=False, kind="stable").index[:count])


def cash_lines(
    axes: Axes, tables: Tables, names: list[str], colours: dict[str, str], title: str
) -> list[EndLabel]:
    """A line a firm on a log axis, named at its last cash; a cross where it defaulted."""
    months = tables["months"]
    dates = dates_of(months["date"])
    wide = _by_month(tables["firms"], names, "cash_usd", months) / 1e9
    failed = _defaults(tables["events"])
    ends = []
    for name in names:
        series = wide[name]
        if name in failed:
            series = series.where(series.index <= failed[name])
        axes.plot(dates, series, color=colours[name], linewidth=1.6)
        ends += line_end(dates, series.where(series > 0), name, colours[name])
    floor = max(1e-3, float(np.nanmin(wide.where(wide > 0).to_numpy(), initial=1e3)) / 2)
    axes.set_ylim(floor, max(2 * floor, float(np.nanmax(wide.to_numpy(), initial=0)) * 1.6))
    style(axes, title, "Billion USD (log scale)")
    log_dollars(axes, lambda value: f"{value:.10g}")
    for name in sorted(failed.keys() & set(names)):
        when = dates[months["month"].to_numpy() == failed[name]]
        mark = np.full(when.size, floor)
        axes.plot(when, mark, "X", color=colours[name], markersize=7, clip_on=False)
    if failed.keys() & set(names):
        axes.set_xlabel("cross: default", fontsize=8, color=INK, loc="right")
    date_axis(axes, dates)
    return ends


def runway_map(axes: Axes, tables: Tables, names: list[str]) -> None:
    """Runway by firm and month in bands; months with unpaid dues are a band of their own."""
    months = tables["months"]
    dates = dates_of(months["date"])
    edges = np.append(dates, dates[-1] + np.timedelta64(31, "D"))
    runway = _by_month(tables["firms"], names, "runway_months", months).clip(lower=0.0)
    unpaid = _by_month(tables["firms"], names, "arrears_usd", months) > 0
    runway = runway.mask(unpaid, _UNPAID)
    for name, month in _defaults(tables["events"]).items():
        if name in names:
            runway[name] = runway[name].where(runway.index <= month)
    colours = [colour for _, colour in _RUNWAY_KEYS]
    axes.pcolormesh(
        edges,
        np.arange(len(names) + 1),
        np.ma.masked_invalid(runway.to_numpy(dtype=float).T),
        cmap=ListedColormap(colours).with_extremes(bad=_ABSENT),
        norm=BoundaryNorm(_RUNWAY_BANDS, len(colours)),
    )
    style(axes, "Months of runway", "")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.hlines(np.arange(1, len(names)), edges[0], edges[-1], color="white", linewidth=1.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.invert_yaxis()
    date_axis(axes, edges)
    keys = [
        Patch(facecolor=colour, edgecolor="#cccccc", linewidth=0.5, label=name)
        for name, colour in (*_RUNWAY_KEYS, ("defaulted or absent", _ABSENT))
    ]
    key_below(axes, keys, len(keys))


def price_lines(axes: Axes, tables: Tables) -> list[EndLabel]:
    """Spot, contract and list price on a log axis, with each contract signed as a dot."""
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
    return ends


def generation_lines(axes: Axes, chips: pd.DataFrame, months: pd.DataFrame) -> list[EndLabel]:
    """A line a chip generation of one maker, named at its end."""
    date = dict(zip(months["month"], dates_of(months["date"]), strict=True))
    names = chips.groupby("generation")["month"].min().sort_values(kind="stable").index
    ends: list[EndLabel] = []
    for place, name in enumerate(names):
        rows = chips[chips["generation"] == name].sort_values("month")
        when = np.array([date[month] for month in rows["month"]])
        dollars, colour = rows["price_usd"] / 1e3, PALETTE[place % len(PALETTE)]
        axes.plot(when, dollars, color=colour, linewidth=1.8)
        ends += line_end(when, dollars, str(name), colour)
    return ends


def signed_contracts(contracts: pd.DataFrame, months: pd.DataFrame) -> pd.DataFrame:
    """Compute contracts signed during the run, with the date of signing."""
    date = dict(zip(months["month"], dates_of(months["date"]), strict=True))
    own = contracts[(contracts["kind"] == "compute") & contracts["status"].isin(SIGNED)]
    own = own[own["month_signed"].isin(list(date)) & (own["price_usd"] > 0)]
    return own.assign(date=own["month_signed"].map(date))


def dot_sizes(h100e: pd.Series) -> np.ndarray:
    """Areas in square points that grow with the square root of a contract's size."""
    size = np.sqrt(h100e.fillna(0).to_numpy(dtype=float))
    return 6 + 90 * size / max(1.0, float(size.max(initial=1.0)))


def funding_bars(axes: Axes, months: pd.DataFrame, dates: np.ndarray, columns: int = 4) -> None:
    """Stacked bars a month: equity, loans and money from parents."""
    base = np.zeros(len(months))
    strategic = months["strategic_equity_usd"].to_numpy(dtype=float)
    for column, text, colour in _FUNDING:
        height = months[column].to_numpy(dtype=float) / 1e9
        if column == "equity_raised_usd":  # which counts strategic money too
            height = height - strategic / 1e9
        axes.bar(
            dates, height, 31, bottom=base, color=colour, label=text, align="edge", linewidth=0
        )
        base += height
    style(axes, "Money raised by kind", "Billion USD a month")
    key_below(axes, axes.get_legend_handles_labels()[0], columns)


def rounds_closed(events: pd.DataFrame) -> pd.DataFrame:
    """Equity rounds with the valuation they set: date, firm, `post_money_usd`."""
    rounds = events[events["kind"] == "round_closed"]
    details = [parse_details(text) for text in rounds["details"]]
    post = [number(entry, "post_money_usd") for entry in details]
    table = rounds.assign(post_money_usd=np.array(post, dtype=float))
    return table[table["post_money_usd"] > 0].sort_values("month")


def valuations(axes: Axes, rounds: pd.DataFrame, colours: dict[str, str]) -> list[EndLabel]:
    """Post-money valuation at each round, a line a firm; the dot grows with the round."""
    ends: list[EndLabel] = []
    sizes = pd.Series(dot_sizes(rounds["amount_usd"]), index=rounds.index)
    for name in largest(rounds, "firm", "post_money_usd"):
        own = rounds[rounds["firm"] == name]
        dates, post = dates_of(own["date"]), own["post_money_usd"] / 1e9
        colour = colours.get(name, GREY)
        axes.plot(dates, post, color=colour, linewidth=1.2)
        axes.scatter(dates, post, s=sizes[own.index], color=colour, alpha=0.6, linewidths=0)
        ends += line_end(dates, post, name, colour)
    style(axes, "Valuation at each round (dot: its size)", "Billion USD, post-money (log)")
    log_dollars(axes, lambda value: f"{value:.10g}")
    return ends


def mood(axes: Axes, months: pd.DataFrame, dates: np.ndarray, events: pd.DataFrame) -> None:
    """Sentiment about its mean of zero, with a rule and a name at each default."""
    series = months["sentiment"].to_numpy(dtype=float)
    axes.plot(dates, series, color=INK, linewidth=1.4)
    for side, colour in ((series.clip(min=0), PALETTE[0]), (series.clip(max=0), PALETTE[1])):
        axes.fill_between(dates, side, 0, color=colour, alpha=0.35, linewidth=0)
    axes.axhline(0, color=GREY, linewidth=0.8)
    style(axes, "Sentiment of investors, and defaults", "Standard deviations")
    axes.margins(y=0.15)
    failed = events[events["kind"] == "default"].sort_values("month")
    for place, (date, firm) in enumerate(
        zip(dates_of(failed["date"]), failed["firm"], strict=True)
    ):
        axes.axvline(date, color=PALETTE[6], linewidth=0.9, linestyle=(0, (3, 2)))
        axes.annotate(
            f" {firm}",
            (date, 0.98 - 0.11 * (place % 4)),
            xycoords=("data", "axes fraction"),
            fontsize=8,
            color=PALETTE[6],
            va="top",
            path_effects=HALO,
        )


def supplier_colours(firms: pd.DataFrame) -> dict[str, str]:
    """A colour for each group that has a cloud: that of its first cloud by name."""
    colours = firm_colours(firms)
    clouds = sorted(set(firms.loc[firms["role"] == "cloud", "firm"]), reverse=True)
    groups = groups_of(firms)
    return {groups.get(cloud, cloud): colours[cloud] for cloud in clouds}


def _defaults(events: pd.DataFrame) -> dict[str, int]:
    """Month of default by firm."""
    failed = events[events["kind"] == "default"]
    return {str(firm): int(month) for firm, month in failed.groupby("firm")["month"].min().items()}


def _by_month(
    firms: pd.DataFrame, names: list[str], column: str, months: pd.DataFrame
) -> pd.DataFrame:
    """One column of `firms`, a row a month of the run and a column a firm."""
    own = firms[firms["firm"].isin(names)]
    wide = own.pivot(index="month", columns="firm", values=column).astype(float)
    return wide.reindex(index=months["month"], columns=names)


def main_suppliers(axes: Axes, tables: Tables, names: list[str]) -> None:
    """The main supplier of each lab by month: a row a lab, a colour a supplier."""
    months = tables["months"]
    dates = dates_of(months["date"])
    edges = np.append(dates, dates[-1] + np.timedelta64(31, "D"))
    own = tables["firms"][tables["firms"]["firm"].isin(names)]
    wide = own.pivot(index="month", columns="firm", values="main_supplier")
    wide = wide.reindex(index=months["month"], columns=names).replace("", None)
    held = wide.stack().value_counts().sort_index().sort_values(ascending=False, kind="stable")
    shown = sorted(held.index[:MOST_LINES])
    colours = supplier_colours(tables["firms"])
    palette = [*(colours.get(name, GREY) for name in shown), _OTHERS]
    number = {name: place for place, name in enumerate(shown)}
    codes = wide.map(lambda name: number.get(name, len(shown)) if isinstance(name, str) else np.nan)
    axes.pcolormesh(
        edges,
        np.arange(len(names) + 1),
        np.ma.masked_invalid(codes.to_numpy(dtype=float).T),
        cmap=ListedColormap(palette).with_extremes(bad=_NONE),
        norm=BoundaryNorm(np.arange(len(palette) + 1) - 0.5, len(palette)),
    )
    style(axes, "Main supplier of each lab", "")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.hlines(np.arange(1, len(names)), edges[0], edges[-1], color="white", linewidth=1.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.invert_yaxis()
    date_axis(axes, edges)
    keys = [Patch(color=colour, label=name) for name, colour in zip(shown, palette, strict=False)]
    keys += [Patch(color=_OTHERS, label="others")] if len(held) > len(shown) else []
    key_below(axes, keys, 5)


def vendor_shares(axes: Axes, months: pd.DataFrame) -> list[EndLabel]:
    """How much of sellers' receipts was their own money, and how much of it went round."""
    dates = dates_of(months["date"])
    ends = []
    for column, text, colour in _VENDOR:
        axes.plot(dates, months[column], color=colour, linewidth=1.6)
        ends += line_end(dates, months[column], text, colour)
    style(axes, "Vendor-financed and circular revenue", "Share of receipts, 12 months")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    date_axis(axes, dates, ticks=5)
    return ends
