"""How outcomes answer to a lever, for the eye: a panel an outcome, a line a variant."""

from __future__ import annotations

from textwrap import fill
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from ..paired import amount
from ..wording import outcome_words
from .drawing import INK, PALETTE, Canvas, headline, key_outside, new_figure, nothing, style

MOST_PANELS: Final = 9
_COLUMNS: Final = 3
_TITLE_WIDTH: Final = 30  # characters, of a third of the page
_MARKERS: Final = "osD^vP"  # lines are told apart without their colours too


def response_curves(responses: pd.DataFrame, figure: Canvas | None = None) -> Canvas:
    """The mean of each outcome by the level of a lever, with its interval.

    Args:
        responses: rows of `experiments.responses`.
        figure: to draw on, by default a new one.
    """
    outcomes = list(dict.fromkeys(responses["outcome"]))[:MOST_PANELS]
    if not outcomes:
        return nothing(figure or new_figure(10, 2.5), "No outcome answers to the lever")
    lines = list(dict.fromkeys(responses["line"]))
    columns = min(_COLUMNS, len(outcomes))
    height = 1.1 + 2.3 * -(-len(outcomes) // columns)
    figure = figure or new_figure(max(4.5, 3.4 * columns), height)
    panels = [figure.add_subplot(-(-len(outcomes) // columns), columns, place + 1)
              for place in range(len(outcomes))]  # fmt: skip
    for axes, outcome in zip(panels, outcomes, strict=True):
        own = responses[responses["outcome"] == outcome]
        for place, line in enumerate(lines):
            _line(axes, own[own["line"] == line].sort_values("level"), place)
        style(axes, fill(outcome_words(outcome), _TITLE_WIDTH), "")
        unit = own["unit"].iloc[0]
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _, u=unit: amount(value, u)))
        axes.set_ylabel("" if unit == "USD" else unit, fontsize=8, color=INK)
        if own["lower"].min() >= 0:
            axes.set_ylim(bottom=0)
        axes.set_xticks(sorted(own["level"].unique()))
        axes.set_xlabel(outcome_words(own["lever"].iloc[0]), fontsize=8, color=INK)
    headline(figure, [], f"Answers to {outcome_words(responses['lever'].iloc[0])}, 95 % intervals",
             "")  # fmt: skip
    if len(lines) > 1:
        keys = [Line2D([], [], color=PALETTE[place], marker=_MARKERS[place], label=line)
                for place, line in enumerate(lines)]  # fmt: skip
        key_outside(figure, keys)
    return figure


def _line(axes: Axes, rows: pd.DataFrame, place: int) -> None:
    known = rows[rows["lower"].notna()]
    colour = PALETTE[place]
    axes.fill_between(known["level"], known["lower"], known["upper"], color=colour, alpha=0.15,
                      linewidth=0)  # fmt: skip
    axes.plot(rows["level"], rows["mean"], color=colour, marker=_MARKERS[place], markersize=4.5)
