"""What a tournament showed, in tables, sentences and a heat map of payoffs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis.figures.drawing import write_png
from ..analysis.figures.tuning import payoff_map
from ..analysis.paired import amount, difference
from ..analysis.summary import note, plain_table
from ..analysis.wording import listed, outcome_words, percent
from .intervals import Interval, t_interval
from .store import writing
from .tournament import Played, Player, adaptations, equilibria, replies, robust, signed, unit_of


def payoffs_frame(played: Played) -> pd.DataFrame:
    """A row a profile and player.

    Returns:
        A column a player with its strategy; player, payoff, unit, mean, lower, upper (95 %, t),
        seeds; best_reply: whether the player's strategy is its best reply to the others'.
    """
    rows = []
    names = [player.name for player in played.tournament.players]
    for profile in product(*map(range, played.payoffs[0].shape[:-1])):
        chosen = [own[s] for own, s in zip(played.labels, profile, strict=True)]
        for place, player in enumerate(played.tournament.players):
            values = played.payoffs[place][profile]
            interval = t_interval(values)
            rows.append(
                dict(zip(names, chosen, strict=True))
                | {"player": player.name, "payoff": player.payoff, "unit": unit_of(player)}
                | {"mean": float(values.mean()), "lower": interval.lower, "upper": interval.upper}
                | {"seeds": values.size}
                | {"best_reply": chosen[place] in replies(played, place, profile)}
            )
    return pd.DataFrame(rows)


def described(played: Played) -> list[str]:
    """In words: equilibria, how far noise decides on them, and whose lead survives replies."""
    players, labels = played.tournament.players, played.labels
    pure, mixed = equilibria(played)
    shares = robust(played)
    lines = []
    for profile in pure:
        who = [f"{p.name} {own[s]}" for p, own, s in zip(players, labels, profile, strict=True)]
        lines.append(
            f"Equilibrium: {listed(who)} (in {percent(shares.get(profile, 0.0))} of the draws of "
            "seeds)."
        )
    for mix in mixed:
        parts = [
            f"{player.name} "
            + listed(f"{label} {percent(s)}" for label, s in zip(own, one, strict=True) if s > 0)
            for player, own, one in zip(players, labels, mix, strict=True)
        ]
        lines.append(f"Mixed equilibrium: {'; '.join(parts)}.")
    if not pure:
        lines.append(
            f"No equilibrium in pure strategies ({percent(shares.get((), 0.0))} of the draws of "
            "seeds have none)."
        )
    return [*lines, *_adapting(played)]


def _adapting(played: Played) -> Iterator[str]:
    by_name = {player.name: player for player in played.tournament.players}
    today = {player.name: next(iter(player.strategies)) for player in by_name.values()}
    for found in adaptations(played):
        player = by_name[found.player]
        stays = _gain(player, found.stays, found.stays_interval)
        line = (
            f"{found.player}: {found.strategy} instead of {today[found.player]} brings {stays} "
            "while the others stay as they are"
        )
        if found.reply is None:
            yield f"{line}; the others' replies go round in circles."
            continue
        adapts = _gain(player, found.adapts, found.adapts_interval)
        yield f"{line}; once they reply best, with {listed(found.reply)}, it is {adapts}."


def _gain(player: Player, value: float, interval: Interval) -> str:
    """A gain with its interval, and whether it is one."""
    unit, margin = unit_of(player), interval.half_width
    low, high = sorted((signed(player) * interval.lower, signed(player) * interval.upper))
    if np.isnan(margin):
        return f"{difference(value, unit)} in each seed"
    verdict = "a gain" if low > 0 else "a loss" if high < 0 else "not distinct from 0"
    bounds = (difference(bound, unit, margin) for bound in interval[:2])
    return f"{difference(value, unit, margin)} ({' to '.join(bounds)}: {verdict})"


def screen(played: Played) -> list[RenderableType]:
    """A table of payoffs a player, then what follows from them."""
    tables = [_table(played, place) for place in range(len(played.tournament.players))]
    return [*tables, *map(Text, described(played))]


def _table(played: Played, place: int) -> Table:
    """The payoffs of one player: rows its own strategies, columns what the others play."""
    player = played.tournament.players[place]
    unit = unit_of(player)
    shape = played.payoffs[place].shape[:-1]
    others = [range(size) for other, size in enumerate(shape) if other != place]
    heads = []
    for rest in product(*others):
        profile = (*rest[:place], 0, *rest[place:])
        heads.append(
            ", ".join(
                own[s] for other, (own, s) in enumerate(zip(played.labels, profile, strict=True))
                if other != place
            )
        )  # fmt: skip
    title = f"{player.name}: {_payoff(player)}"
    table = plain_table(title, "", *heads, numbers=len(heads))
    for strategy, label in enumerate(played.labels[place]):
        cells = []
        for rest in product(*others):
            profile = (*rest[:place], strategy, *rest[place:])
            values = played.payoffs[place][profile]
            margin = t_interval(values).half_width
            best = "*" if label in replies(played, place, profile) else ""
            text = amount(float(values.mean()), unit, margin)
            spread = "" if np.isnan(margin) else f" ±{amount(margin, unit, margin)}"
            cells.append(f"{best}{text}{spread}")
        table.add_row(label, *cells)
    left_out = f"; {played.dropped} seeds with a failed run are left out" if played.dropped else ""
    seeds = played.payoffs[place].shape[-1]
    table.caption = note(f"* best reply; mean of {seeds} seeds ± 95 %{left_out}")
    return table


def _payoff(player: Player) -> str:
    """What a player is paid in, and which way it wants it."""
    word = "less" if player.direction == "minimise" else "more"
    return f"{outcome_words(player.payoff)}, {word} is better"


def save(played: Played) -> list[Path]:
    """Write payoffs.csv, summary.txt and, of two players, figures/payoffs.png.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = played.folder.path
    paths = [folder / "payoffs.csv", folder / "summary.txt"]
    with writing(folder):
        payoffs_frame(played).to_csv(paths[0], index=False)
        paths[1].write_text("\n".join(described(played)) + "\n", encoding="utf-8")
        if len(played.payoffs) == 2:
            players = played.tournament.players
            (folder / "figures").mkdir(exist_ok=True)
            paths.append(folder / "figures" / "payoffs.png")
            pure = [(row, column) for row, column in equilibria(played)[0]]
            figure = payoff_map(
                [own.mean(axis=-1) for own in played.payoffs], [p.name for p in players],
                played.labels, [*map(_payoff, players)], [*map(unit_of, players)], pure,
            )  # fmt: skip
            write_png(figure, paths[-1])
    return paths
