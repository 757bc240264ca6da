"""Tournaments: known games have their known equilibria, and tables say what the runs said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from computemarket.experiments.games import (
    adapted,
    best_replies,
    mixed_equilibria,
    pure_equilibria,
)
from computemarket.experiments.plan import make_plan
from computemarket.experiments.standings import described, payoffs_frame, save
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import StudyError
from computemarket.experiments.tournament import (
    Played,
    Tournament,
    adaptations,
    equilibria,
    load_tournament,
    play_tournament,
    profiles,
    robust,
    study_of,
)
from computemarket.scenario import load_scenario, override

ROW = np.array([[3.0, 0.0], [5.0, 1.0]])
DILEMMA = [ROW, ROW.T]  # cooperate, defect
BEATS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
ROCK_PAPER_SCISSORS = [BEATS, -BEATS]
SEXES = [np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])]


def tournament(**changed: Any) -> Tournament:
    """Borealis against Delta with two tactics each."""
    tactics = {name: {"negotiation": {"name": name}} for name in ("boulware", "conceder")}
    lab = {"name": "lab", "firms": ["Borealis"], "payoff": "final_arr_usd", "strategies": tactics}
    cloud = lab | {"name": "cloud", "firms": ["Delta"]}
    return Tournament(
        **{"scenario": "duopoly", "replications": 3, "players": [lab, cloud]} | changed
    )


def played(payoffs: list[np.ndarray], noise: float = 0.0, seeds: int = 20) -> Played:
    """A tournament with these mean payoffs and noise that is common to all profiles."""
    common = noise * np.random.default_rng(3).normal(size=seeds)
    return Played(
        tournament(), [own[..., None] + common for own in payoffs], 0, None  # type: ignore[arg-type]
    )  # fmt: skip


class TestKnownGames:
    def test_the_dilemma_ends_in_defection(self) -> None:
        assert pure_equilibria(DILEMMA) == [(1, 1)]
        assert mixed_equilibria(DILEMMA) == []
        assert [best_replies(DILEMMA, 0, (0, other)) for other in (0, 1)] == [[1], [1]]

    def test_rock_paper_scissors_is_mixed_evenly(self) -> None:
        assert pure_equilibria(ROCK_PAPER_SCISSORS) == []
        ((row, column),) = mixed_equilibria(ROCK_PAPER_SCISSORS)
        assert row == pytest.approx((1 / 3,) * 3)
        assert column == pytest.approx((1 / 3,) * 3)

    def test_the_battle_of_the_sexes_has_three(self) -> None:
        assert pure_equilibria(SEXES) == [(0, 0), (1, 1)]
        ((row, column),) = mixed_equilibria(SEXES)
        assert row == pytest.approx((2 / 3, 1 / 3))
        assert column == pytest.approx((1 / 3, 2 / 3))

    def test_three_players(self) -> None:
        majority = np.zeros((2, 2, 2))
        majority[0, 0, 0] = majority[1, 1, 1] = 1.0  # all want to agree
        assert pure_equilibria([majority] * 3)[0] == (0, 0, 0)
        assert (1, 1, 1) in pure_equilibria([majority] * 3)
        assert adapted([majority] * 3, 0, 1, (0, 1, 1)) == (1, 1, 1)

    def test_others_adapt_or_go_round_in_circles(self) -> None:
        assert adapted(DILEMMA, 0, 0, (0, 0)) == (0, 1)
        assert adapted(ROCK_PAPER_SCISSORS, 0, 1, (0, 0)) == (1, 2)  # paper is cut
        # Of three, the two others play matching pennies whatever the first does.
        pennies = np.broadcast_to(np.array([[1.0, -1.0], [-1.0, 1.0]]), (2, 2, 2))
        assert adapted([np.zeros((2, 2, 2)), pennies, -pennies], 0, 1, (0, 0, 0)) is None


class TestWhatIsSaid:
    def test_a_lead_that_does_not_survive_replies(self) -> None:
        lab, cloud = adaptations(played(DILEMMA))

        assert (lab.player, lab.strategy, lab.reply) == ("lab", "conceder", ("conceder",))
        assert (lab.stays, lab.adapts) == (2.0, -2.0)
        assert (cloud.stays, cloud.adapts) == (2.0, -2.0)
        said = " ".join(described(played(DILEMMA)))
        assert "Equilibrium: lab conceder and cloud conceder (in 100 % of the draws" in said
        assert "once they reply best, with conceder, it is -$2 in each seed" in said

    def test_noise_that_decides_is_told(self) -> None:
        flat = [np.zeros((2, 2)), np.zeros((2, 2))]
        noisy = [own[..., None] + np.random.default_rng(5).normal(size=(2, 2, 30)) for own in flat]
        shares = robust(Played(tournament(), noisy, 0, None))  # type: ignore[arg-type]
        assert max(shares.values()) < 0.99
        assert robust(played(DILEMMA, noise=5.0)) == {(1, 1): 1.0}  # common noise decides nothing

    def test_less_is_better_where_a_player_minimises(self) -> None:
        lab, cloud = (p.model_dump() for p in tournament().players)
        both = [lab | {"direction": "minimise"}, cloud | {"direction": "minimise"}]
        costs = Played(
            tournament(players=both), [-own[..., None] + [0.0, 0.1] for own in DILEMMA], 0, None  # type: ignore[arg-type]
        )  # fmt: skip
        assert equilibria(costs)[0] == [(1, 1)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = tmp_path_factory.mktemp("tournament") / "t"
    return play_tournament(tournament(), out, workers=1, progress=False)


class TestOnTheMarket:
    def test_payoffs_are_means_over_common_seeds(self, small: Played) -> None:
        runs = StudyFolder(small.folder.path).runs
        firms = small.folder.firm_outcomes.set_index("run_id")
        table = payoffs_frame(small)

        assert len(table) == 2 * 2 * 2
        for row in table.to_dict("records"):
            own = runs[runs["variant"] == f"{row['lab']} | {row['cloud']}"]
            assert sorted(own["seed"]) == [1, 2, 3]
            firm = {"lab": "Borealis", "cloud": "Delta"}[row["player"]]
            of_firm = firms[firms["firm"] == firm].loc[own["run_id"], "final_arr_usd"]
            assert row["mean"] == pytest.approx(of_firm.mean())
        assert table["best_reply"].sum() >= 4  # one a player and strategy of the other

    def test_strategies_reach_the_firms(self) -> None:
        asked = tournament()
        base = load_scenario("duopoly")
        variants = {variant.name: variant for variant in study_of(asked).variants}
        assert list(variants) == [name for name, _ in profiles(asked)]
        mixed = override(base, variants["boulware | conceder"].set)
        own = {firm.name: firm.negotiation.name for firm in (*mixed.labs, *mixed.clouds)}
        assert own == {"Aurora": "linear", "Borealis": "boulware", "Summit": "boulware",
                       "Delta": "conceder"}  # fmt: skip

    def test_files_are_left(self, small: Played) -> None:
        assert [path.name for path in save(small)] == ["payoffs.csv", "summary.txt", "payoffs.png"]

    def test_the_shipped_ones_can_be_played(self) -> None:
        shipped = load_tournament("negotiators")
        assert len(study_of(shipped).variants) == 9
        assert {label for p in shipped.players for label in p.strategies} == {
            "linear", "boulware", "conceder"
        }  # fmt: skip
        assert make_plan(study_of(load_tournament("openai_rivals"))).size == (4 + 1) * 40


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"firms": ["Boreals"]}, "did you mean 'Borealis'"),
        ({"payoff": "final_ar_usd"}, "final_arr_usd"),
        ({"payoff": "switches"}, "'maximise' or 'minimise'"),
        ({"strategies": {"a": {"negotiation": {"name": "bolware"}},
                         "b": {"negotiation": {"name": "linear"}}}}, "did you mean 'boulware'"),
        ({"strategies": {"a": {"negotiate": {"name": "boulware"}},
                         "b": {"negotiation": {"name": "linear"}}}}, "negotiation"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(changed: Any, said: str, tmp_path: Path) -> None:
    lab, cloud = (player.model_dump() for player in tournament().players)
    with pytest.raises(Exception, match=said) as refusal:
        play_tournament(tournament(players=[lab | changed, cloud]), tmp_path / "t", workers=1)
    assert type(refusal.value).__name__ in (StudyError.__name__, "ScenarioError")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "t").exists()
