"""Strategies against strategies: the payoffs of all their combinations, and what holds of them.

Empirical game theory (Wellman 2006): the model is played for each combination of strategies on
common seeds, and the table of mean payoffs is solved as a game.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import product
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ..analysis.outcomes import OUTCOMES
from ..scenario import Scenario, load_scenario, override
from ..scenarios.checks import validated
from ..scenarios.fields import Name, Positive, Section, Strategy
from ..scenarios.loading import read_plain, shipped_files
from .games import Floats, Profile, adapted, best_replies, mixed_equilibria, pure_equilibria
from .intervals import Interval, t_interval
from .measures import FIRM_MEASURES, check_names, measure_named, measure_names, measures_of, numbers
from .runner import run_study
from .store import StudyFolder
from .study import Study, StudyError, Variant, beside
from .tuning import needs, role_of

RESAMPLES: Final = 1000
SEED: Final = 0  # of resampling
JOINT: Final = " | "  # between the strategies of a profile, in the names of variants


class Player(Section):
    """Firms that choose one strategy together, and what they are paid in.

    payoff: an outcome of a run, of a firm (`OpenAI.final_arr_usd`), or one that firms have
    (`final_arr_usd`), summed over the player's. strategies: by label, the strategy of each
    decision; gains are told against all playing their first.
    """

    name: Name
    firms: Annotated[tuple[Name, ...], Field(min_length=1)]
    payoff: str
    direction: Literal["maximise", "minimise"] | None = None  # None: as the outcome is better
    strategies: Annotated[dict[Name, dict[str, Strategy]], Field(min_length=2)]


class Tournament(Section):
    """Who plays, with which strategies, for what, and on how many seeds."""

    title: str = ""
    scenario: str
    set: dict[str, Any] = Field(default_factory=dict)
    replications: Annotated[int, Field(ge=2)] = 30
    first_seed: Annotated[int, Field(ge=0, le=2**62)] = 1
    time_limit_seconds: Positive = 600.0  # of one run
    players: Annotated[tuple[Player, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [player.name for player in self.players]
        firms = [firm for player in self.players for firm in player.firms]
        for what, given in (("player", names), ("firm", firms)):
            if twice := [name for name in given if given.count(name) > 1]:
                raise ValueError(f"two times the {what} '{twice[0]}' needs each once")
        return self


class Played(NamedTuple):
    """A tournament that was played.

    payoffs: of each player, an axis a player and the last one the seeds; as they are, so that less
    is better where the player minimises. dropped: seeds of which some run failed.
    """

    tournament: Tournament
    payoffs: list[Floats]
    dropped: int
    folder: StudyFolder

    @property
    def labels(self) -> list[list[str]]:
        """The strategies of each player."""
        return [list(player.strategies) for player in self.tournament.players]

    @property
    def games(self) -> list[Floats]:
        """Mean payoffs of each player, with more always better."""
        return self.solved(np.arange(self.payoffs[0].shape[-1]))

    def solved(self, seeds: npt.NDArray[Any]) -> list[Floats]:
        """The game that some of the seeds show."""
        return [
            signed(player) * own[..., seeds].mean(axis=-1)
            for player, own in zip(self.tournament.players, self.payoffs, strict=True)
        ]


class Adaptation(NamedTuple):
    """What a strategy gains over today's, while the others stay and once they have adapted to it.

    Gains are against what all play today, in the unit of the payoff; more is better where the
    player maximises. reply: what the others play in the end, None where they go round in circles,
    and no gain is known then.
    """

    player: str
    strategy: str
    stays: float
    stays_interval: Interval
    reply: tuple[str, ...] | None
    adapts: float
    adapts_interval: Interval


def load_tournament(file: str | os.PathLike[str]) -> Tournament:
    """A tournament from a TOML file, or one that comes with the package, by its name.

    A scenario file that it names is meant relative to its own folder.

    Raises:
        ScenarioError: the first thing wrong, in one line with file and field.
    """
    root = resources.files(__package__ or "computemarket.experiments")
    data, folder, source = read_plain(file, shipped_files(root / "tournaments"), "tournament")
    found = validated(Tournament, data, source)
    if folder is None:
        return found
    return found.model_copy(update={"scenario": beside(folder, found.scenario)})


def play_tournament(
    tournament: Tournament | str | os.PathLike[str], out: str | os.PathLike[str], **running: Any
) -> Played:
    """Play what is missing of a tournament and return its payoffs.

    Args:
        tournament: a tournament, or the path or name of its file.
        out: folder of the study that it is, new or to be resumed.
        running: workers, engine and the like, for `run_study`.

    Raises:
        ScenarioError: it cannot be played; one line, before anything ran.
        OutputError: the folder cannot be written.
    """
    given = tournament if isinstance(tournament, Tournament) else load_tournament(tournament)
    chosen = _checked(given)
    if len(chosen.players) == 2:
        needs("nashpy")
    folder = run_study(study_of(chosen), out, **running)
    payoffs, dropped = payoffs_of(chosen, folder)
    return Played(chosen, payoffs, dropped, folder)


def study_of(tournament: Tournament) -> Study:
    """The study that plays each profile as a variant, all on the same seeds."""
    scenario = override(load_scenario(tournament.scenario), tournament.set, "set")
    return Study(
        title=tournament.title,
        scenario=tournament.scenario,
        set=tournament.set,
        replications=tournament.replications,
        first_seed=tournament.first_seed,
        time_limit_seconds=tournament.time_limit_seconds,
        variants=tuple(
            Variant(name=name, set=_settings(tournament, scenario, labels))
            for name, labels in profiles(tournament)
        ),
    )


def profiles(tournament: Tournament) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All combinations of strategies, with the names of their variants."""
    for labels in product(*(player.strategies for player in tournament.players)):
        yield JOINT.join(labels), labels


def payoffs_of(tournament: Tournament, folder: StudyFolder) -> tuple[list[Floats], int]:
    """The payoffs in the runs of a study (see `Played`), and how many seeds are left out.

    Raises:
        StudyError: fewer than two seeds have all their runs.
    """
    runs = folder.runs.sort_values("replication", kind="stable")
    known = measures_of(runs, folder.firm_outcomes)
    shape = tuple(len(player.strategies) for player in tournament.players)
    names = [name for name, _ in profiles(tournament)]
    found = []
    for player in tournament.players:
        parts = [numbers(name, known[name], runs).to_numpy() for name in _outcomes(player)]
        values = np.sum(parts, axis=0)
        by_variant = [values[runs["variant"] == name] for name in names]
        found.append(np.stack(by_variant).reshape(*shape, -1))
    whole = np.all([np.isfinite(own).reshape(-1, own.shape[-1]).all(axis=0) for own in found], 0)
    if whole.sum() < 2:
        raise StudyError(
            f"{int(whole.sum())} of {whole.size} seeds have all their runs and payoffs, expected "
            "at least two"
        )
    return [own[..., whole] for own in found], int((~whole).sum())


def signed(player: Player) -> float:
    """1 where more is better, -1 where less is."""
    return -1.0 if player.direction == "minimise" else 1.0


def unit_of(player: Player) -> str:
    """The unit of a player's payoff."""
    return measure_named(_outcomes(player)[0]).unit


def robust(played: Played) -> dict[Profile, float]:
    """How often a profile is an equilibrium in pure strategies when the seeds are drawn again.

    A bootstrap over seeds, common to all profiles: near 1, noise does not decide on it. The empty
    profile stands for draws without any.
    """
    rng, size = np.random.default_rng(SEED), played.payoffs[0].shape[-1]
    counts: dict[Profile, int] = {}
    for _ in range(RESAMPLES):
        found = pure_equilibria(played.solved(rng.integers(0, size, (size,))))
        for profile in found or [()]:
            counts[profile] = counts.get(profile, 0) + 1
    return {profile: count / RESAMPLES for profile, count in counts.items()}


def adaptations(played: Played) -> list[Adaptation]:
    """What each strategy that is not today's gains, before and after the others adapt.

    Paired differences on common seeds. Replies are chosen on the same seeds.
    """
    games, labels = played.games, played.labels
    today: Profile = (0,) * len(labels)
    found = []
    for player, own in enumerate(labels):
        for strategy in range(1, len(own)):
            stays = (*today[:player], strategy, *today[player + 1 :])
            after = adapted(games, player, strategy, today)
            now = played.payoffs[player][today]
            gain, later = played.payoffs[player][stays] - now, np.full_like(now, np.nan)
            reply = None
            if after is not None:
                later = played.payoffs[player][after] - now
                reply = tuple(labels[other][s] for other, s in enumerate(after) if other != player)
            found.append(
                Adaptation(
                    played.tournament.players[player].name, own[strategy],
                    float(gain.mean()), t_interval(gain),
                    reply, float(later.mean()), t_interval(later),
                )
            )  # fmt: skip
    return found


def equilibria(played: Played) -> tuple[list[Profile], list[tuple[tuple[float, ...], ...]]]:
    """Of the mean payoffs: those in pure strategies, and of two players those with a mix."""
    games = played.games
    mixed = mixed_equilibria(games) if len(games) == 2 else []
    return pure_equilibria(games), list(mixed)


def replies(played: Played, player: int, profile: Profile) -> list[str]:
    """The best replies of a player to the others' strategies in a profile."""
    return [played.labels[player][s] for s in best_replies(played.games, player, profile)]


def _outcomes(player: Player) -> list[str]:
    """The outcomes whose sum is the payoff."""
    if player.payoff in FIRM_MEASURES and player.payoff not in OUTCOMES:
        return [f"{firm}.{player.payoff}" for firm in player.firms]
    return [player.payoff]


def _checked(tournament: Tournament) -> Tournament:
    """The tournament with all directions.

    Raises:
        StudyError: an unknown firm or outcome, or a payoff that is neither good nor bad in itself.
    """
    scenario = load_scenario(tournament.scenario)
    players = []
    for player in tournament.players:
        where = f"players.{player.name}.payoff"
        known = measure_names([scenario])
        for firm in player.firms:
            role_of(scenario, firm)
        check_names(where, _outcomes(player), [*known, *FIRM_MEASURES], "the name of an outcome")
        better = measure_named(_outcomes(player)[0]).better
        if player.direction is None and better is None:
            raise StudyError(
                f"{where}: given '{player.payoff}' without a direction, expected 'maximise' or "
                "'minimise': neither is good in itself"
            )
        own = player.direction or ("minimise" if better == "lower" else "maximise")
        players.append(player.model_copy(update={"direction": own}))
    return tournament.model_copy(update={"players": tuple(players)})


def _settings(
    tournament: Tournament, scenario: Scenario, labels: Sequence[str]
) -> Mapping[str, Any]:
    """Values by path that give all firms of all players their strategies."""
    found: dict[str, Any] = {}
    for player, label in zip(tournament.players, labels, strict=True):
        for firm in player.firms:
            role = role_of(scenario, firm)
            for decision, strategy in player.strategies[label].items():
                path = f"{role}.{firm}.{decision}"
                found[f"{path}.name"] = strategy.name
                found |= {f"{path}.{name}": value for name, value in strategy.parameters.items()}
    return found
