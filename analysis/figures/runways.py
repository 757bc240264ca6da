"""Real against paper runway, for the eye: of one run, and as survival over many."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..ensemble import variants_of
from ..letter_outcomes import LONGEST_RUNWAY_MONTHS
from ..runways import runway_survival, runways
from ..tables import Tables
from .asked import check
from .drawing import (
    GREY,
    INK,
    PALETTE,
    Canvas,
    date_axis,
    dates_of,
    empty,
    headline,
    key_below,
    key_outside,
    new_axes,
    new_figure,
    nothing,
    small_multiples,
    style,
)

_BAND: Final = ("low", "high")
_NEWS: Final = {
    "letter_signed": "signed",
    "tranche_converted": "a tranche paid",
    "tranche_declined": "one declined",
    "letter_lapsed": "lapsed",
}
_MOST_VARIANTS: Final = 6
_REAL, _PAPER = PALETTE[0], PALETTE[1]
_LOOKS: Final = {  # colour, width, opacity, words; the curves may lie on one another
    "paper": (_PAPER, 4.0, 0.5, "as runway promised with letters as cash"),
    "real": (_REAL, 1.6, 1.0, "as runway promised"),
    "happened": (INK, 1.6, 1.0, "what happened, 95 % band"),
}


def real_and_paper_runway(tables: Tables, firm: str, axes: Axes | None = None) -> Axes:
    """Both runways of a firm over a run, and what became of its letters."""
    check(tables, "firms", "events")
    table = runways(tables, firm)
    axes = axes or new_axes(9, 4)
    if table.empty:
        return empty(axes, f"{firm} took no part in this run")
    dates = dates_of(table["date"])
    real, paper = table["runway_months"], table["runway_with_letters_months"]
    axes.fill_between(dates, real, paper, color=_PAPER, alpha=0.18, linewidth=0)
    axes.plot(dates, paper, color=_PAPER, linewidth=1.6)
    axes.plot(dates, real, color=_REAL, linewidth=1.8)
    keys: list[Line2D | Patch] = [
        Line2D([], [], color=_REAL, label="runway"),
        Line2D([], [], color=_PAPER, label="if letters were cash"),
        *_letter_news(axes, tables, firm),
    ]
    title = f"{firm}: real and paper runway"
    style(axes, title, f"Months (at most {LONGEST_RUNWAY_MONTHS:g})")
    axes.set_ylim(0, 1.1 * LONGEST_RUNWAY_MONTHS)
    date_axis(axes, dates)
    key_below(axes, keys, 6)
    return axes


def real_and_paper_survival(runs: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """`runway_survival`, a panel a variant."""
    table = runway_survival(runs)
    variants = variants_of(table)[:_MOST_VARIANTS]
    if not variants:
        return nothing(figure or new_figure(10, 2.5), "No letter of intent was signed in any run")
    figure = figure or new_figure(10, 1.4 + 2.2 * -(-len(variants) // 3))
    panels = small_multiples(figure, len(variants), columns=3)
    title = "Takers of letters of intent: all dues paid so far, since their first letter"
    headline(figure, panels, title, "Share of runs")
    for axes, variant in zip(panels, variants, strict=True):
        own = table[table["variant"] == variant]
        for curve, (colour, width, alpha, _) in _LOOKS.items():
            rows = own[own["curve"] == curve]
            edges, share = np.arange(len(rows) + 1), rows["survival"]
            axes.stairs(share, edges, baseline=None, color=colour, linewidth=width, alpha=alpha)
            low, high = (np.append(rows[b], rows[b].iloc[-1:]).astype(float) for b in _BAND)
            axes.fill_between(edges, low, high, step="post", color=GREY, alpha=0.3, linewidth=0)
        style(axes, variant, axes.get_ylabel())
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("Months since the letter" if axes in panels[-3:] else "", fontsize=9)
    keys = [
        Line2D([], [], color=colour, linewidth=width, alpha=alpha, label=text)
        for colour, width, alpha, text in _LOOKS.values()
    ]
    key_outside(figure, keys, 3)
    return figure


def _letter_news(axes: Axes, tables: Tables, firm: str) -> list[Line2D]:
    """A mark above the lines for each piece of news of a firm's letters; their keys."""
    events = tables["events"]
    own = events[(events["firm"] == firm) & events["details"].str.contains("/letter/", na=False)]
    keys = []
    for (kind, text), mark in zip(_NEWS.items(), "^ovX", strict=True):
        when = dates_of(own.loc[own["kind"] == kind, "date"])
        if when.size:
            at = np.full(when.size, 1.05 * LONGEST_RUNWAY_MONTHS)
            axes.plot(when, at, mark, color=INK, markersize=6, clip_on=False)
            keys.append(Line2D([], [], marker=mark, color=INK, linestyle="", label=text))
    return keys
