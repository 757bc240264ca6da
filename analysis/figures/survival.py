"""How long firms last, for the eye: Kaplan-Meier curves, a panel a firm or role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..ensemble import variants_of
from ..survival import Event
from .drawing import (
    INK,
    PALETTE,
    headline,
    months_from,
    new_figure,
    nothing,
    run_axis,
    small_multiples,
    style,
)

_MOST_VARIANTS: Final = 5
_MOST_PANELS: Final = 12
_ENDED: Final = {"default": "not defaulted", "out_of_cash": "never out of cash"}


def survival_curves(
    curves: pd.DataFrame,
    event: Event = "default",
    starts: Mapping[str, str] | None = None,
) -> Figure:
    """A panel a firm or role with its curves, a colour a variant, and their 95 % bands.

    Names to which the event never happened are left out.

    Args:
        curves: what `survival` returns.
        event: the same as there.
        starts: calendar month in which each variant starts; months are numbered without.
    """
    variants = variants_of(curves)[:_MOST_VARIANTS]
    names = _hit(curves[curves["variant"].isin(variants)])[:_MOST_PANELS]
    if not names:
        return nothing(new_figure(10, 2.5), "It happened to no firm in any run")
    figure = new_figure(10, 1.4 + 1.9 * -(-len(names) // 3))
    panels = small_multiples(figure, len(names), columns=3)
    headline(figure, panels, f"Survival: {_ENDED[event]}", "Share of runs")
    last = int(curves["month"].max()) + 1
    for axes, name in zip(panels, names, strict=True):
        for colour, variant in zip(PALETTE, variants, strict=False):
            own = curves[(curves["variant"] == variant) & (curves["name"] == name)]
            when = months_from(np.arange(len(own) + 1), (starts or {}).get(variant))
            if own.empty:
                continue
            axes.stairs(own["survival"], when, baseline=None, color=colour, linewidth=1.6)
            low, high = (np.append(own[b], own[b].iloc[-1:]).astype(float) for b in ("low", "high"))
            axes.fill_between(when, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
        style(axes, name, axes.get_ylabel())
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        run_axis(axes, last, (starts or {}).values(), named=axes in panels[-3:])
    figure.legend(
        handles=_keys(variants), loc="outside lower center", ncols=5, fontsize=8, frameon=False
    )
    return figure


def _hit(curves: pd.DataFrame) -> list[str]:
    """Names to which it happened, the most exposed first."""
    lowest = curves.groupby("name")["survival"].min()
    return [str(name) for name in lowest[lowest < 1].sort_values(kind="stable").index]


def _keys(variants: Iterable[str]) -> list[Line2D | Patch]:
    lines: list[Line2D | Patch] = [
        Line2D([], [], color=colour, label=variant)
        for colour, variant in zip(PALETTE, variants, strict=False)
    ]
    return [*lines, Patch(color=INK, alpha=0.18, label="95 % band")]
