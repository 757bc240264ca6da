"""How long firms last: Kaplan-Meier curves of a batch of runs, a firm or a role at a time.

Kaplan & Meier (1958). A firm that is still there when its run ends is censored: it has lasted at
least that long. Months count from the start of the run, or from the firm's entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from scipy.stats import CensoredData, ecdf

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
from .ensemble import variants_of

Event = Literal["default", "out_of_cash"]
Floats = npt.NDArray[np.floating[Any]]

COLUMNS: Final = ("variant", "name", "month", "at_risk", "survival", "low", "high")
_CONFIDENCE: Final = 0.95
_MOST_VARIANTS: Final = 5
_MOST_PANELS: Final = 12
_ENDED: Final = {"default": "not defaulted", "out_of_cash": "never out of cash"}


def survival(
    firm_outcomes: pd.DataFrame,
    months: int,
    event: Event = "default",
    by: Literal["firm", "role"] = "firm",
) -> pd.DataFrame:
    """Share of firms to which the event has not happened by the end of each month.

    Args:
        firm_outcomes: the frame of a study of that name.
        months: length of a run.
        event: what ends a firm's time: its default, or the first due it cannot pay in full.
        by: a curve a firm over its runs, or a role over its firms and runs.

    Returns:
        A row a variant, name (firm or role) and month: how many were at risk in the month,
        survival at its end, and the 95 % band on the log-log scale, null before the first event.
    """
    taken = firm_outcomes[firm_outcomes["took_part"]] if len(firm_outcomes) else firm_outcomes
    parts = []
    for variant in variants_of(taken):
        own = taken[taken["variant"] == variant]
        for name, group in own.groupby(by, sort=True):
            first = group[f"{event}_month"].astype(float).to_numpy()
            curve = kaplan_meier(first, np.full(len(first), float(months)), months)
            parts.append(curve.assign(variant=variant, name=name))
    empty = pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else empty


def kaplan_meier(first: Floats, last: Floats, months: int) -> pd.DataFrame:
    """The curve of some lives.

    Args:
        first: month of the event, NaN where it did not come.
        last: month in which watching ended, at or after the event.
        months: how many to tell of.

    Returns:
        month, at_risk, survival, low, high, as in `survival`.
    """
    came = np.isfinite(first)
    at = np.arange(months)
    at_risk = (np.where(came, first, last) >= at[:, None]).sum(axis=1)
    if not came.any():
        flat = {"survival": 1.0, "low": np.nan, "high": np.nan}
        return pd.DataFrame({"month": at, "at_risk": at_risk, **flat})
    function = ecdf(CensoredData(uncensored=first[came], right=last[~came])).sf
    with np.errstate(divide="ignore", invalid="ignore"), catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # at zero there is no band, and scipy says so
        band = function.confidence_interval(_CONFIDENCE, method="log-log")
    known = at >= first[came].min()  # before, there is no variance to tell of
    return pd.DataFrame(
        {
            "month": at,
            "at_risk": at_risk,
            "survival": function.evaluate(at),
            "low": np.where(known, band.low.evaluate(at), np.nan),
            "high": np.where(known, band.high.evaluate(at), np.nan),
        }
    )


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
