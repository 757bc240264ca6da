"""Networks at a month: who pays whom, and whose chips and clouds labs have their compute from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import networkx as nx
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Patch

from ..cash_flow import FINANCING, OTHER, SALE, payments_between
from ..supply import deliveries
from ..tables import Tables, records
from ..wording import h100e, usd
from .asked import check, month_number
from .drawing import GREY, HALO, INK, PALETTE, empty, firm_colours, key_below, new_axes, style

WINDOW_MONTHS: Final = 12  # of payments, up to the month asked for
MOST_NODES: Final = 14
_WIDEST: Final = 9.0  # of an arrow, in points
_NARROWEST: Final = 0.5
_ALPHA: Final = 0.55
_LEAST: Final = 0.003  # of the widest arrow, below which none is drawn
_NODE: Final = 90.0  # area, in square points
_HEADS: Final = {
    "investor": "Investors",
    "lab": "Labs",
    "cloud": "Clouds",
    "chipmaker": "Chipmakers",
}
_KINDS: Final = {  # colour, words
    SALE: (PALETTE[0], "goods and services"),
    FINANCING: (PALETTE[1], "equity, loans, guarantees"),
    OTHER: (GREY, "interest, repayment and the rest"),
}
_BENDS: Final = {SALE: 0.08, FINANCING: -0.14, OTHER: 0.22}  # so that arrows of a pair lie apart


class _Network(NamedTuple):
    """What is drawn.

    arrows: source, target, kind, amount
    columns: names from left to right, each column top down
    heads: of the columns
    """

    arrows: pd.DataFrame
    columns: list[list[str]]
    heads: list[str]


def money_network(tables: Tables, month: int | str | None = None, axes: Axes | None = None) -> Axes:
    """Who paid whom in the twelve months to a month; the outside world is left out.

    Args:
        tables: of a run.
        month: its number, or its date, such as "2027-05"; by default the last.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: a table is missing, or the run has no such month.
    """
    check(tables, "months", "firms", "flows")
    months = tables["months"]
    last = month_number(months, month, -1)
    first = max(last - WINDOW_MONTHS + 1, int(months["month"].iloc[0]))
    axes = axes or new_axes(10, 6)
    paid = payments_between(tables, first, last)
    paid = paid.set_axis(["source", "target", "kind", "amount"], axis="columns")
    pairs = tables["firms"][["firm", "role"]].drop_duplicates("firm")
    role = dict(zip(pairs["firm"], pairs["role"], strict=True))
    network = _network(
        paid[paid["source"].isin(list(role)) & paid["target"].isin(list(role))], role
    )
    if network is None:
        return empty(axes, "No firm paid another in these months")
    got = network.arrows.groupby("target")["amount"].sum()
    notes = {str(name): f"gets {usd(amount)}" for name, amount in got.items()}
    colours = {kind: colour for kind, (colour, _) in _KINDS.items()}
    _draw(axes, network, network.arrows["kind"].map(colours), notes)
    dates = dict(zip(months["month"], months["date"], strict=True))
    style(axes, f"Payments between firms, USD, {dates[first]} to {dates[last]}", "")
    keys = [Patch(color=c, alpha=_ALPHA, label=text) for c, text in _KINDS.values()]
    key_below(axes, [*keys, _widest(usd(network.arrows["amount"].max()))])
    return axes


def supplier_network(
    tables: Tables, month: int | str | None = None, axes: Axes | None = None
) -> Axes:
    """Compute delivered under contract in a month: on whose chips, by which cloud, to which lab.

    Args:
        tables: of a run.
        month: its number, or its date, such as "2027-05"; by default the last.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: a table is missing, or the run has no such month.
    """
    check(tables, "months", "firms", "contracts")
    at = month_number(tables["months"], month, -1)
    axes = axes or new_axes(10, 6)
    got = deliveries(tables, at)
    steps = [("chip", "cloud"), ("cloud", "lab")]
    parts = [
        got.groupby([source, target], as_index=False)["h100e"].sum()
        .set_axis(["source", "target", "amount"], axis="columns").assign(kind=source)
        for source, target in steps
    ]  # fmt: skip
    role = dict.fromkeys(got["chip"], "chipmaker") | dict.fromkeys(got["cloud"], "cloud")
    role |= dict.fromkeys(got["lab"], "lab")
    network = _network(pd.concat(parts, ignore_index=True), role, ("chipmaker", "cloud", "lab"))
    if network is None:
        return empty(axes, "No compute was delivered under contract in this month")
    sums = network.arrows.groupby("source")["amount"].sum().to_dict()
    into = network.arrows[network.arrows["kind"] == "cloud"].groupby("target")["amount"].sum()
    notes = {str(name): h100e(amount) for name, amount in (sums | into.to_dict()).items()}
    colours = network.arrows["source"].map(firm_colours(tables["firms"])).fillna(GREY)
    _draw(axes, network, colours, notes)
    months = tables["months"]
    date = months.loc[months["month"] == at, "date"].iloc[0]
    style(axes, f"Compute delivered to labs under contract, H100e, {date}", "")
    key_below(axes, [_widest(h100e(network.arrows["amount"].max()))])
    return axes


def _network(
    arrows: pd.DataFrame, role: Mapping[str, str], order: Sequence[str] = tuple(_HEADS)
) -> _Network | None:
    """The largest firms in columns by role, the others of each role as one; None without any."""
    arrows = arrows[arrows["amount"] > 0]
    if arrows.empty:
        return None
    graph = nx.from_pandas_edgelist(arrows, edge_attr="amount", create_using=nx.MultiDiGraph)
    size = sorted(graph.degree(weight="amount"), key=lambda pair: (-pair[1], pair[0]))
    roles = [name for name in order if name in {role[firm] for firm, _ in size}]
    most = MOST_NODES if len(size) <= MOST_NODES else MOST_NODES - len(roles)
    # Two of each role before the largest of all, which are clouds and chipmakers as a rule.
    first = [firm for name in roles for firm in [f for f, _ in size if role[f] == name][:2]]
    kept = list(dict.fromkeys([*first, *(firm for firm, _ in size)]))[:most]
    named = {firm: firm if firm in kept else f"other {role[firm]}s" for firm, _ in size}
    ends = {end: arrows[end].map(named) for end in ("source", "target")}
    keys = ["source", "target", "kind"]
    arrows = arrows.assign(**ends).groupby(keys)["amount"].sum().reset_index()
    arrows = arrows[arrows["source"] != arrows["target"]]
    shown = {*arrows["source"], *arrows["target"]}
    columns = [
        list(dict.fromkeys(named[f] for f, _ in size if role[f] == name and named[f] in kept))
        + [other for other in [f"other {name}s"] if other in shown]
        for name in roles
    ]
    heads = [_HEADS[name] for name, column in zip(roles, columns, strict=True) if column]
    return _Network(arrows, [column for column in columns if column], heads)


def _draw(axes: Axes, network: _Network, colours: pd.Series, notes: Mapping[str, str]) -> None:
    """Nodes in columns, each named with a note below, and arrows as wide as they are large."""
    arrows, columns, _ = network
    at = {
        name: (float(x), 1 - (place + 0.5) / len(column))
        for x, column in enumerate(columns)
        for place, name in enumerate(column)
    }
    most = float(arrows["amount"].max())
    for row, colour in zip(records(arrows), colours, strict=True):
        (x, y), (to_x, to_y) = at[row["source"]], at[row["target"]]
        width = max(_NARROWEST, _WIDEST * row["amount"] / most)
        if row["amount"] < _LEAST * most:
            continue
        bend = 0.45 if x == to_x else _BENDS.get(row["kind"], 0.0)
        head = 4 + 1.6 * width
        shape = f"simple,tail_width={width},head_width={head},head_length={head}"
        axes.add_patch(
            FancyArrowPatch(
                (x, y), (to_x, to_y), arrowstyle=shape, mutation_scale=1, color=colour,
                alpha=_ALPHA, linewidth=0, shrinkA=6, shrinkB=6, connectionstyle=f"arc3,rad={bend}",
            )
        )  # fmt: skip
    _name(axes, network, at, notes)


def _name(
    axes: Axes, network: _Network, at: Mapping[str, tuple[float, float]], notes: Mapping[str, str]
) -> None:
    """The nodes with their names, and the head of each column."""
    last = len(network.columns) - 1
    across, up = zip(*at.values(), strict=True)
    axes.scatter(across, up, s=_NODE, color=INK, zorder=3)
    for name, (x, y) in at.items():
        place = -1 if x == 0 else 1 if x == last else 0  # beside the outer columns, above others
        axes.annotate(
            f"{name}\n{notes.get(name, '')}".rstrip(), (x, y),
            xytext=(9 * place, 0 if place else 7), textcoords="offset points", fontsize=8,
            ha=("center", "left", "right")[place], va="center" if place else "bottom",
            color=INK, linespacing=1.1, path_effects=HALO, zorder=4, annotation_clip=False,
        )  # fmt: skip
    for x, head in enumerate(network.heads):
        axes.annotate(
            head, (x, 1.04), ha=("left", "right", "center")[0 if x == 0 else 1 if x == last else 2],
            va="bottom", fontsize=9, fontweight="bold", color=GREY, annotation_clip=False,
        )  # fmt: skip
    axes.set_xlim(-0.55, last + 0.55)
    axes.set_ylim(0.03, 1.1)
    axes.set_axis_off()


def _widest(text: str) -> Patch:
    return Patch(color="none", label=f"widest arrow: {text}")
