"""A tuning and a tournament for the eye: history, importance, slices, Pareto front, payoffs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..paired import amount
from ..wording import outcome_words, percent
from .drawing import INK, PALETTE, Canvas, cells, key_below, new_axes, new_figure, style

COLUMNS: Final = 3  # of panels
_PRUNED: Final = "#c9c9c9"


def tuning_history(
    trials: pd.DataFrame, default: float, outcome: str, unit: str, lower: bool,
    axes: Axes | None = None,
) -> Axes:  # fmt: skip
    """The score of each trial as it came, the best so far, and the scenario as it is.

    Args:
        trials: number, score, pruned.
        default: score of the scenario as it is on the same seeds.
        outcome: what the score is of.
        unit: of the outcome.
        lower: whether less is better.
        axes: to draw on, by default those of a new figure.
    """
    axes = axes or new_axes(8, 3.6)
    stopped = trials["pruned"].to_numpy(dtype=bool)
    place = np.arange(1, len(trials) + 1)
    score = trials["score"].to_numpy(dtype=float)
    axes.scatter(place[stopped], score[stopped], s=14, color=_PRUNED, label="stopped early")
    axes.scatter(place[~stopped], score[~stopped], s=16, color=PALETTE[0], label="played in full")
    whole = np.where(stopped, np.inf if lower else -np.inf, score)
    best = np.minimum.accumulate(whole) if lower else np.maximum.accumulate(whole)
    shown = np.isfinite(best)
    axes.step(place[shown], best[shown], where="post", color=PALETTE[1], label="best so far")
    axes.axhline(default, color=INK, linestyle="--", linewidth=0.9, label="as it is")
    style(axes, f"Trials: {outcome_words(outcome)}", "Score on the seeds of the trials")
    axes.set_xlabel("Trial", fontsize=9)
    _units(axes, unit)
    key_below(axes, axes.get_legend_handles_labels()[0])
    return axes


def tuning_importance(shares: Mapping[str, float], axes: Axes | None = None) -> Axes:
    """How much of being among the best trials is due to each parameter, largest on top."""
    axes = axes or new_axes(6.5, 1.0 + 0.32 * len(shares))
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [shares[name] for name in names], color=PALETTE[0], height=0.6)
    for name in names:
        axes.annotate(
            percent(shares[name]), (shares[name], name), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=8, color=INK,
        )  # fmt: skip
    style(axes, "What the best tenth of trials owe to each parameter", "")
    axes.grid(visible=False)
    axes.set_xlim(0, 1.12 * max(shares.values()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    return axes


def tuning_slices(
    trials: pd.DataFrame, defaults: Mapping[str, float], outcome: str, unit: str,
    figure: Canvas | None = None,
) -> Canvas:  # fmt: skip
    """The score over each parameter, a panel each; a dashed line is the parameter as it is.

    Args:
        trials: score, pruned and a column a parameter.
        defaults: the value of each parameter today.
        outcome: what the score is of.
        unit: of the outcome.
        figure: to draw on, by default a new one.
    """
    columns = min(COLUMNS, len(defaults))
    rows = ceil(len(defaults) / columns)
    figure = figure or new_figure(3.4 * columns, 0.5 + 2.4 * rows)
    stopped = trials["pruned"].to_numpy(dtype=bool)
    first: Axes | None = None
    for place, (name, today) in enumerate(defaults.items()):
        axes = figure.add_subplot(rows, columns, place + 1, sharey=first)
        first = first or axes
        for chosen, colour in ((stopped, _PRUNED), (~stopped, PALETTE[0])):
            axes.scatter(trials[name][chosen], trials["score"][chosen], s=12, color=colour)
        axes.axvline(today, color=INK, linestyle="--", linewidth=0.9)
        style(axes, name, "")
        _units(axes, unit)
        axes.tick_params(labelleft=place % columns == 0)
    figure.suptitle(
        f"{outcome_words(outcome)} over each parameter; grey: stopped early",
        x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK,
    )  # fmt: skip
    return figure


def tuning_pareto(
    trials: pd.DataFrame, front: Sequence[int], default: Sequence[float],
    outcomes: Sequence[str], units: Sequence[str], axes: Axes | None = None,
) -> Axes:  # fmt: skip
    """The first two objectives of all trials; those that no other beats in all are marked.

    Args:
        trials: number and a column an outcome.
        front: numbers of the trials on the Pareto front.
        default: the objectives of the scenario as it is.
        outcomes: of the objectives.
        units: of the outcomes.
        axes: to draw on, by default those of a new figure.
    """
    axes = axes or new_axes(6.5, 4.5)
    across, up = outcomes[:2]
    chosen = trials["number"].isin(front).to_numpy()
    axes.scatter(trials[across], trials[up], s=14, color=_PRUNED, label="trials")
    best = trials[chosen].sort_values(across)
    axes.plot(best[across], best[up], "o-", color=PALETTE[0], markersize=5, label="Pareto front")
    axes.plot(default[0], default[1], "D", color=PALETTE[1], label="as it is")
    style(axes, "What can be had together", outcome_words(up))
    axes.set_xlabel(outcome_words(across), fontsize=9, color=INK)
    _units(axes, units[1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, units[0])))
    axes.legend(fontsize=8, frameon=False)
    return axes


def payoff_map(
    payoffs: Sequence[npt.NDArray[np.float64]], players: Sequence[str],
    labels: Sequence[Sequence[str]], outcomes: Sequence[str], units: Sequence[str],
    equilibria: Sequence[tuple[int, int]], figure: Canvas | None = None,
) -> Canvas:  # fmt: skip
    """Payoffs of two players as heat maps, a panel a player; equilibria in pure strategies framed.

    Args:
        payoffs: of each player, rows the first player's strategies, columns the second's.
        players: names.
        labels: of the strategies of each.
        outcomes: what each is paid in, in words.
        units: of the outcomes.
        equilibria: places of equilibria in pure strategies.
        figure: to draw on, by default a new one.
    """
    rows, columns = payoffs[0].shape
    figure = figure or new_figure(2 * (1.8 + 1.1 * columns), 1.6 + 0.6 * rows)
    for place, (player, table) in enumerate(zip(players, payoffs, strict=True)):
        axes = figure.add_subplot(1, 2, place + 1)
        texts = [[amount(float(value), units[place]) for value in row] for row in table]
        rows_named = labels[0] if not place else [""] * rows
        cells(axes, table, texts, rows_named, labels[1])
        for row, column in equilibria:
            frame = ((column - 0.47, column + 0.47), (row - 0.45, row + 0.45))
            (left, right), (top, bottom) = frame
            axes.plot(
                [left, right, right, left, left], [top, top, bottom, bottom, top],
                color=PALETTE[1], linewidth=2.2,
            )  # fmt: skip
        style(axes, f"{player}: {outcomes[place]}", players[0] if not place else "")
        axes.grid(visible=False)
        axes.set_xlabel(players[1], fontsize=9, color=INK)
    return figure


def _units(axes: Axes, unit: str) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, unit)))
