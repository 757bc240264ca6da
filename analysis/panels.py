"""The panels that figures are made of, and the table work behind them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .drawing import (
    GREY,
    INK,
    PALETTE,
    EndLabel,
    date_axis,
    dates_of,
    line_end,
    log_dollars,
    style,
)
from .outcomes import Tables, parse_details
from .wording import number

MOST_LINES: Final = 8  # of a panel; more cannot be told apart
_SIGNED: Final = ("SIGNED", "ACTIVE", "AMENDED", "ENDED", "DEFAULTED")

_RUNWAY_BANDS: Final = (0, 1, 3, 6, 12, 24, 1e6)
_RUNWAY_NAMES: Final = ("< 1", "1-3", "3-6", "6-12", "12-24", "24 or more")
_RUNWAY_COLOURS: Final = ("#67001f", "#b2182b", "#ef6548", "#fdbb84", "#fee8c8", "#eef3f7")
_ABSENT: Final = "#bdbdbd"
_UNPAID: Final[dict[str, Any]] = {
    "marker": "o",
    "color": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 0.5,
    "markersize": 3.2,
    "linestyle": "",
}

_FUNDING: Final = (
    ("equity_raised_usd", "equity", PALETTE[0]),
    ("strategic_equity_usd", "strategic equity", PALETTE[5]),
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
    """A line a firm on a log axis; a cross where it defaulted."""
    firms, events = tables["firms"], tables["events"]
    months = tables["months"]
    dates = dates_of(months["date"])
    wide = _by_month(firms, names, "cash_usd", months) / 1e9
    failed = events[events["kind"] == "default"].groupby("firm")["month"].min()
    ends = []
    for name in names:
        series = wide[name]
        if name in failed.index:
            series = series.where(series.index <= failed[name])
        axes.plot(dates, series, color=colours[name], linewidth=1.6)
        ends += line_end(dates, series, name, colours[name])
    floor = max(1e-3, float(np.nanmin(wide.where(wide > 0).to_numpy(), initial=1e3)) / 2)
    axes.set_ylim(floor, max(2 * floor, float(np.nanmax(wide.to_numpy(), initial=0)) * 1.6))
    style(axes, title, "Billion USD (log scale)")
    log_dollars(axes, lambda value: f"{value:.10g}")
    for end in (end for end in ends if end.text in failed.index):
        mark = max(end.value, floor)
        axes.plot([end.date], [mark], "X", color=end.colour, markersize=7, clip_on=False)
    date_axis(axes, dates)
    return ends


def runway_map(axes: Axes, tables: Tables, names: list[str]) -> None:
    """Runway by firm and month in six bands; dots mark months with unpaid dues."""
    months = tables["months"]
    dates = dates_of(months["date"])
    edges = np.append(dates, dates[-1] + np.timedelta64(31, "D"))
    runway = _by_month(tables["firms"], names, "runway_months", months)
    failed = tables["events"][tables["events"]["kind"] == "default"].groupby("firm")["month"].min()
    unpaid = _by_month(tables["firms"], names, "arrears_usd", months) > 0
    for name in failed.index.intersection(names):
        runway[name] = runway[name].where(runway.index <= failed[name])
        unpaid[name] &= unpaid.index <= failed[name]
    colours = ListedColormap(_RUNWAY_COLOURS).with_extremes(bad=_ABSENT)
    axes.pcolormesh(
        edges,
        np.arange(len(names) + 1),
        np.ma.masked_invalid(runway.to_numpy(dtype=float).T),
        cmap=colours,
        norm=BoundaryNorm(_RUNWAY_BANDS, len(_RUNWAY_COLOURS)),
    )
    when, who = np.nonzero(unpaid.to_numpy())
    axes.plot(dates[when] + np.timedelta64(15, "D"), who + 0.5, **_UNPAID)
    style(axes, "Months of runway", "")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.hlines(np.arange(1, len(names)), edges[0], edges[-1], color="white", linewidth=1.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.invert_yaxis()
    date_axis(axes, edges)
    keys: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor="#cccccc", linewidth=0.5, label=name)
        for colour, name in zip(_RUNWAY_COLOURS, _RUNWAY_NAMES, strict=True)
    ]
    keys.append(Patch(color=_ABSENT, label="defaulted or absent"))
    keys.append(Line2D([], [], **_UNPAID, label="some due not paid in full"))
    axes.legend(
        handles=keys,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        ncols=len(keys),
        fontsize=8,
        frameon=False,
        handlelength=1.3,
        columnspacing=1.4,
    )


def signed_contracts(contracts: pd.DataFrame, months: pd.DataFrame) -> pd.DataFrame:
    """Compute contracts signed during the run, with the date of signing."""
    date = dict(zip(months["month"], dates_of(months["date"]), strict=True))
    own = contracts[(contracts["kind"] == "compute") & contracts["status"].isin(_SIGNED)]
    own = own[own["month_signed"].isin(list(date)) & (own["price_usd"] > 0)]
    return own.assign(date=own["month_signed"].map(date))


def dot_sizes(h100e: pd.Series) -> np.ndarray:
    """Areas in square points that grow with the square root of a contract's size."""
    size = np.sqrt(h100e.fillna(0).to_numpy(dtype=float))
    return 6 + 90 * size / max(1.0, float(size.max(initial=1.0)))


def funding_bars(axes: Axes, months: pd.DataFrame, dates: np.ndarray) -> None:
    """Stacked bars a month: equity, loans and money from parents."""
    base = np.zeros(len(months))
    for column, text, colour in _FUNDING:
        height = months[column].to_numpy(dtype=float) / 1e9
        axes.bar(
            dates, height, 25, bottom=base, color=colour, label=text, align="edge", linewidth=0
        )
        base += height
    style(axes, "Money raised by kind", "Billion USD a month")
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)


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
    axes.fill_between(
        dates, series, 0, where=series >= 0, color=PALETTE[0], alpha=0.35, linewidth=0
    )
    axes.fill_between(dates, series, 0, where=series < 0, color=PALETTE[1], alpha=0.35, linewidth=0)
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
        )


def contracted_shares(tables: Tables) -> pd.DataFrame:
    """Compute under contract by month, lab and supplier: MW and share of the lab's total.

    A contract counts from its first month to its end, at full size; spot does not count.
    """
    contracts = tables["contracts"]
    deals = contracts[(contracts["kind"] == "compute") & contracts["status"].isin(_SIGNED)]
    months = tables["months"]["month"].to_numpy()
    ended = deals["month_ended"].where(deals["month_ended"] >= 0, np.inf).fillna(np.inf)
    until = ended.clip(upper=deals["month_end"].fillna(np.inf)).to_numpy(dtype=float)
    start = deals["month_start"].to_numpy(dtype=float)
    active = (start[:, None] <= months) & (months < until[:, None])
    deal, month = np.nonzero(active)
    long = pd.DataFrame(
        {
            "month": months[month],
            "lab": deals["buyer"].to_numpy()[deal],
            "supplier": deals["seller"].to_numpy()[deal],
            "mw": deals["mw"].to_numpy()[deal],
        }
    )
    table = long.groupby(["month", "lab", "supplier"], as_index=False)["mw"].sum()
    table = table[table["mw"] > 0]
    total = table.groupby(["month", "lab"])["mw"].transform("sum")
    return table.assign(share=table["mw"] / total).reset_index(drop=True)


def _by_month(
    firms: pd.DataFrame, names: list[str], column: str, months: pd.DataFrame
) -> pd.DataFrame:
    """One column of `firms`, a row a month of the run and a column a firm."""
    own = firms[firms["firm"].isin(names)]
    wide = own.pivot(index="month", columns="firm", values=column).astype(float)
    return wide.reindex(index=months["month"], columns=names)
