"""The figure of sellers' money: organic and vendor-financed revenue, dependence on customers."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ...market.money_loops import SELLERS
from ..money import largest_customer, organic_and_vendor_financed
from ..tables import Tables
from .asked import check
from .drawing import (
    HALO,
    PALETTE,
    Canvas,
    EndLabel,
    date_axis,
    dates_of,
    firm_colours,
    key_outside,
    label_all,
    line_end,
    new_figure,
    nothing,
    style,
)
from .panels import largest

ORGANIC: Final = "#a6cde6"
VENDOR: Final = PALETTE[1]


def vendor_finance(tables: Tables, figure: Canvas | None = None) -> Canvas:
    """Revenue of chipmakers and clouds by whose money it is; share of each one's main customer."""
    check(tables, "months", "firms", "flows")
    figure = figure or new_figure(10, 7)
    split, customers = organic_and_vendor_financed(tables), largest_customer(tables)
    roles = [role for role in SELLERS if role in set(customers["role"])]
    if not roles:
        return nothing(figure, "No chips or compute are sold in this run")
    dates = dates_of(tables["months"]["date"])
    colours = firm_colours(tables["firms"])
    panels = figure.subplots(2, len(roles), sharex=True, squeeze=False)
    to_label = []
    for role, (above, below) in zip(roles, panels.T, strict=True):
        _areas(above, split[split["role"] == role], dates)
        style(above, f"Revenue of {role}s", "Billion USD a month, received")
        ends = _dependence(below, customers[customers["role"] == role], dates, colours)
        end = "through clouds" if role == "chipmaker" else "outside the group"
        style(
            below, f"{role.capitalize()}s: largest customer, {end}", "Share of receipts, 12 months"
        )
        to_label.append((below, ends))
        for axes in (above, below):
            date_axis(axes, dates)
    keys = [Patch(color=ORGANIC, label="organic"), Patch(color=VENDOR, label="vendor-financed")]
    key_outside(
        figure, [*keys, Patch(color="none", label="per cent: vendor-financed, of twelve months")], 3
    )
    label_all(to_label)
    return figure


def _areas(axes: Axes, split: pd.DataFrame, dates: np.ndarray) -> None:
    """Vendor-financed revenue below organic, with the share of each year's end above both."""
    vendor, receipts = split["vendor_financed_usd"] / 1e9, split["receipts_usd"] / 1e9
    axes.stackplot(dates, vendor, receipts - vendor, colors=[VENDOR, ORGANIC], linewidth=0)
    top = receipts.to_numpy()
    for place in range(11, len(dates), 12):
        share = split["vendor_financed_share"].iloc[place]
        if np.isfinite(share):
            axes.annotate(
                f"{share:.1%}", (dates[place], top[max(0, place - 3) : place + 4].max()),
                xytext=(0, 4), textcoords="offset points", ha="center", va="bottom",
                fontsize=8, color=VENDOR, fontweight="bold", path_effects=HALO,
            )  # fmt: skip
    axes.set_ylim(0, 1.12 * max(1e-9, float(top.max(initial=0.0))))


def _dependence(
    axes: Axes, customers: pd.DataFrame, dates: np.ndarray, colours: dict[str, str]
) -> list[EndLabel]:
    """A line a seller, named at its end with its customer there."""
    ends: list[EndLabel] = []
    for seller in largest(customers, "seller", "receipts_usd"):
        own = customers[customers["seller"] == seller]
        share = pd.Series(np.nan, index=range(len(dates)))
        share[own["month"]] = own["payer_share"].to_numpy()
        axes.plot(dates, share, color=colours[seller], linewidth=1.6)
        text = ": ".join(name for name in (seller, own["payer"].iloc[-1]) if name)
        ends += line_end(dates, share, text, colours[seller])
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return ends
