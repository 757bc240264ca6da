"""Tuning: a planted optimum is found, nothing finished is lost, and every trial has a score."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from computemarket import parameter, register
from computemarket.agents.strategies import REGISTRY
from computemarket.cli import call
from computemarket.experiments import toys
from computemarket.experiments.study import StudyError
from computemarket.experiments.toys import BEST_COVERAGE, newsvendor
from computemarket.experiments.trials import cvar, looks, score, stand_ins
from computemarket.experiments.tune import Trial, Tuned, candidates, pareto_front, tune
from computemarket.experiments.tuned import described, save, saved, scored, trials_frame
from computemarket.experiments.tuning import Objective, Tuning, load_tuning, search_space
from computemarket.scenario import load_scenario

NEWSVENDOR = load_tuning("newsvendor")


def tuning(**changed: Any) -> Tuning:
    """A small tuning of Borealis in `duopoly`."""
    asked: dict[str, Any] = {
        "scenarios": ("duopoly",), "firm": "Borealis", "trials": 4, "seeds": 3, "unseen": 2,
        "decisions": ({"decision": "financing", "strategy": "runway_trigger",
                       "parameters": {"trigger_months": {}}},),
        "objectives": ({"outcome": "Borealis.final_arr_usd"},),
    }  # fmt: skip
    return Tuning(**asked | changed)


def smaller(**changed: Any) -> Tuning:
    return NEWSVENDOR.model_copy(update={"trials": 12, "seeds": 16, "unseen": 8} | changed)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(smaller(), tmp_path_factory.mktemp("small") / "t", workers=1)


class TestFinding:
    def test_a_planted_optimum_is_found_within_five_per_cent(self, tmp_path: Path) -> None:
        found = tune(smaller(trials=40, seeds=32), tmp_path / "t", workers=1)

        assert pytest.approx(1.08) == BEST_COVERAGE
        share = found.best[0].parameters["procurement.cover_share"]
        assert abs(share / BEST_COVERAGE - 1) < 0.05
        spared = saved(found)
        assert spared["stopped"] > 5
        assert spared["runs"] + spared["runs_avoided"] == 40 * 32

    def test_the_planted_optimum_is_one(self) -> None:
        duopoly = load_scenario("duopoly")

        def bill(share: float) -> float:
            own = [f"labs.Aurora.procurement.cover_share={share}"]
            scenario = load_scenario(duopoly, own)
            return float(np.mean([newsvendor(scenario, seed)["bill_usd"] for seed in range(400)]))

        best = bill(BEST_COVERAGE)
        # By hand: 2 * 1.08 on contract, 5 on spot for a mean of 0.32^2 / 2 / 0.8 = 0.064.
        assert best == pytest.approx(2 * 1.08 + 5 * 0.064, rel=2e-3)
        assert best < min(bill(0.95 * BEST_COVERAGE), bill(1.05 * BEST_COVERAGE))

    def test_one_worker_finds_the_same_twice(self, small: Tuned, tmp_path: Path) -> None:
        again = tune(smaller(), tmp_path / "t", workers=1)

        assert [(t.parameters, t.values) for t in again.trials] == [
            (t.parameters, t.values) for t in small.trials
        ]

    def test_the_first_trial_is_the_firm_as_it_is(self, tmp_path: Path) -> None:
        found = tune(tuning(), tmp_path / "t", workers=1)

        runs = found.default.runs.merge(found.default.firm_outcomes, on="run_id")
        own = runs[runs["firm"] == "Borealis"]["final_arr_usd"]
        assert found.trials[0].parameters == {"financing.trigger_months": 10}
        assert found.trials[0].values[0] == pytest.approx(own.mean())

    def test_both_scores_are_told_and_unseen_seeds_are_unseen(self, small: Tuned) -> None:
        found, rows = small, scored(small)

        assert list(rows["rank"]) == [1, 2, 3, 4, 5]
        assert rows["seen"].is_monotonic_increasing  # the bill: less is better
        assert list(rows["seen"]) == [trial.values[0] for trial in found.best]
        assert not set(found.unseen.runs["seed"]) & set(found.default.runs["seed"])
        own = found.unseen.runs.groupby("variant")["bill_usd"].mean()
        assert rows["unseen"][0] == pytest.approx(own["best_1"])
        assert rows["difference"][0] == pytest.approx(own["best_1"] - own["base"])
        assert rows["lower"][0] < rows["difference"][0] < rows["upper"][0]
        said = " ".join(described(found))
        assert "procurement.cover_share" in said
        assert "instead of 1 (of the target kept under contract)" in said
        assert "unseen seeds" in said


class TestScores:
    def test_the_tail_by_hand(self) -> None:
        losses = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
        assert cvar(losses, 0.2) == 10
        assert cvar(losses, 0.3) == pytest.approx((10 + 0.5 * 4) / 1.5)
        assert cvar(losses, 1.0) == pytest.approx(4)

    def test_mean_less_what_the_tail_weighs(self) -> None:
        gains, tail = np.array([0.0, 10.0, 20.0, 30.0]), {"risk_weight": 0.5, "tail": 0.25}
        up = Objective(outcome="x", direction="maximise", **tail)
        down = Objective(outcome="x", direction="minimise", **tail)
        assert score(up, gains) == 15 + 0.5 * 0  # the worst gain is 0
        assert score(up, gains - 10) == 5 - 0.5 * 10
        assert score(down, gains) == 15 + 0.5 * 30

    def test_a_failed_run_counts_as_worse_than_any(self) -> None:
        asked = tuning(objectives=({"outcome": "x", "direction": "maximise"},
                                   {"outcome": "y", "direction": "minimise"}))  # fmt: skip
        values = {"x": np.array([5.0, np.nan, 3.0]), "y": np.array([0.0, 0.0, 0.0])}
        assert stand_ins(asked, values) == (0.0, 1.0)
        values["y"][:] = np.nan
        with pytest.raises(StudyError, match=r"'y'.*some run of the scenario"):
            stand_ins(asked, values)

    def test_trials_whose_runs_fail_have_a_score_and_are_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fragile(scenario: Any, seed: int) -> dict[str, float]:
            share = scenario.labs[0].procurement.parameters.get("cover_share", 1.0)
            if share > 1.2:
                raise RuntimeError("too much of it")
            return {"bill_usd": float("nan") if share < 0.5 and seed == 2 else 3.0 - share}

        monkeypatch.setitem(toys.TOYS, "fragile", fragile)  # type: ignore[arg-type]
        found = tune(smaller(toy="fragile", trials=20), tmp_path / "t", workers=1)

        table = trials_frame(found)
        assert np.isfinite(table["bill_usd"]).all()
        share = table["procurement.cover_share"]
        assert (table["failed"][share > 1.2] == table["runs"][share > 1.2]).all()
        assert (share > 1.2).any()
        assert (table["failed"][(share < 0.5)] == 1).all()
        assert "too much of it" in table["errors"][(share > 1.2).idxmax()]
        assert found.best[0].parameters["procurement.cover_share"] <= 1.2
        assert f"{int(table['failed'].sum()):,} runs of the trials failed" in " ".join(
            described(found)
        )

    def test_a_firm_that_defaults_has_a_score(self, tmp_path: Path) -> None:
        broke = {"labs.Borealis.cash_usd": 1e6, "world.sentiment.shock": -4}
        found = tune(tuning(set=broke), tmp_path / "t", workers=1)

        outcomes = found.default.firm_outcomes
        failed = outcomes[outcomes["firm"] == "Borealis"]["default_month"].notna()
        assert failed.any()
        assert all(np.isfinite(trial.values).all() for trial in found.trials)

    def test_looks_are_few(self) -> None:
        assert [n for n in range(70) if looks(n)] == [4, 8, 16, 32, 64]

    def test_a_front_by_hand(self) -> None:
        asked = tuning(objectives=({"outcome": "x", "direction": "maximise"},
                                   {"outcome": "y", "direction": "minimise"}))  # fmt: skip
        points = [(3, 3), (2, 1), (1, 2), (3, 4), (0, 0)]
        trials = [Trial(n, {}, list(p), 1, 0, [], False, 0.0) for n, p in enumerate(points)]
        assert [t.number for t in pareto_front(asked, trials)] == [0, 1, 4]
        stopped = trials[1]._replace(pruned=True)
        assert [t.number for t in candidates(asked, [trials[0], stopped, trials[4]])] == [0, 4]


class TestFolder:
    def test_killed_and_resumed_loses_no_finished_trial(self, tmp_path: Path) -> None:
        out, spec = tmp_path / "t", tmp_path / "spec.toml"
        spec.write_text(
            'scenarios = ["duopoly"]\nfirm = "Borealis"\ntrials = 400\nseeds = 4\nunseen = 2\n'
            '[[decisions]]\ndecision = "negotiation"\nstrategy = "boulware"\n'
            '[[objectives]]\noutcome = "Borealis.final_arr_usd"\n'
        )  # fmt: skip
        command = [sys.executable, "-P", "-m", "computemarket", "tune", str(spec), "--workers", "2"]
        started = subprocess.Popen([*command, "--quiet", "--out", str(out)])
        journal = out / "journal.log"
        deadline = time.monotonic() + 60
        while not journal.exists() or len(_finished(journal)) < 3:
            assert started.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started.send_signal(signal.SIGKILL)
        started.wait()
        time.sleep(1.5)  # workers end when they see that their parent has
        before = _finished(journal)
        with journal.open("ab") as file:
            file.write(b'{"op_code": 6, "half')  # a line that the kill cut off

        budget = len(before) + 2
        asked = load_tuning(spec).model_copy(update={"trials": budget})
        found = tune(asked, out, workers=1)

        after = {trial.number: trial.values for trial in found.trials}
        assert len(after) >= budget
        assert {number: after[number] for number in before} == before

    def test_more_trials_may_be_asked_for_later(self, small: Tuned, tmp_path: Path) -> None:
        shutil.copytree(small.folder, tmp_path / "t")
        longer = tune(smaller(trials=14), tmp_path / "t", workers=1)

        assert [t.values for t in longer.trials[:12]] == [t.values for t in small.trials]
        assert len(longer.trials) == 14

    def test_a_strategy_of_a_notebook_is_tuned_by_workers(self, tmp_path: Path) -> None:
        @register("labs", "financing", "fixed_rounds")
        @dataclass(frozen=True)
        class FixedRounds:
            """Raises the same each time."""

            usd: float = parameter(1e8, 1e6, 1e9, "USD", "of a round")

            def raise_usd(self, view: Any, maximum_dilution: float) -> float:
                return self.usd if view.runway_months < 9 else 0.0

        try:
            own = ({"decision": "financing", "strategy": "fixed_rounds"},)
            found = tune(tuning(decisions=own), tmp_path / "t", workers=2)
        finally:
            del REGISTRY["labs", "financing"]["fixed_rounds"]
        assert len(found.trials) == 4
        assert not any(trial.failed for trial in found.trials)
        assert "financing by fixed_rounds instead of runway_trigger" in " ".join(described(found))

    def test_another_tuning_is_refused(self, small: Tuned, capsys: Any) -> None:
        assert call(["tune", "openai_money", "--out", str(small.folder)]) == 2
        assert "holds another tuning" in capsys.readouterr().err

    def test_the_command_leaves_tables_and_figures(self, small: Tuned, capsys: Any) -> None:
        names = {path.relative_to(small.folder).as_posix() for path in save(small)}

        assert names == {
            "trials.csv", "best.csv", "best.toml", "summary.txt", "figures/history.png",
            "figures/importance.png", "figures/slice.png",
        }  # fmt: skip
        assert json.loads((small.folder / "manifest.json").read_text())["kind"] == "tuning"

    def test_several_objectives_give_a_front(self, tmp_path: Path, capsys: Any) -> None:
        asked = tuning(
            trials=5,
            objectives=({"outcome": "Borealis.final_arr_usd"}, {"outcome": "Borealis.out_of_cash"}),
        )
        found = tune(asked, tmp_path / "t", workers=1)

        assert {o.direction for o in found.tuning.objectives} == {"maximise", "minimise"}
        assert not any(trial.pruned for trial in found.trials)
        assert set(scored(found)["outcome"]) == {"Borealis.final_arr_usd", "Borealis.out_of_cash"}
        assert any(path.name == "pareto.png" for path in save(found))


class TestRefusals:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"firm": "Borealiss"}, "did you mean 'Borealis'"),
            ({"decisions": ({"decision": "financin", "strategy": "runway_trigger"},)},
             "did you mean 'financing'"),
            ({"decisions": ({"decision": "financing", "strategy": "runway_triger"},)},
             "unknown strategy 'runway_triger'"),
            ({"decisions": ({"decision": "financing", "strategy": "runway_trigger",
                             "parameters": {"quarter": {}}},)}, "did you mean 'quarters'"),
            ({"decisions": ({"decision": "financing", "strategy": "runway_trigger",
                             "parameters": {"quarters": {"low": 30.0}}},)}, "within 1 to 20"),
            ({"decisions": ({"decision": "finance", "strategy": "founder_led"},)},
             "without parameters"),
            ({"objectives": ({"outcome": "Borealis.final_ar"},)}, "final_arr_usd"),
            ({"objectives": ({"outcome": "switches"},)}, "'maximise' or 'minimise'"),
            ({"toy": "newsvender"}, "did you mean 'newsvendor'"),
        ],
    )  # fmt: skip
    def test_a_mistake_is_one_line(self, changed: Any, said: str, tmp_path: Path) -> None:
        with pytest.raises(StudyError) as refusal:
            tune(tuning(**changed), tmp_path / "t", workers=1)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert not (tmp_path / "t").exists()

    def test_without_optuna_it_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        monkeypatch.setitem(sys.modules, "optuna", None)
        assert call(["tune", "newsvendor", "--out", str(tmp_path / "t")]) == 2
        assert "optuna is missing: pip install 'computemarket[tune]'" in capsys.readouterr().err
        monkeypatch.setitem(sys.modules, "nashpy", None)
        assert call(["tournament", "negotiators", "--out", str(tmp_path / "t")]) == 2
        assert "nashpy is missing: pip install 'computemarket[tune]'" in capsys.readouterr().err
        assert not (tmp_path / "t").exists()

    def test_shipped_tunings_have_a_space(self) -> None:
        for name, size in (("newsvendor", 1), ("openai_money", 10)):
            asked = load_tuning(name)
            space = search_space(asked, load_scenario(asked.scenarios[0]))
            assert len(space) == size
            assert all(d.low <= d.default <= d.high for d in space)


def _finished(journal: Path) -> dict[int, list[float]]:
    """The trials that a journal says are complete, by number, with their values."""
    numbers: dict[int, list[float]] = {}
    for line in journal.read_bytes().splitlines(keepends=True):
        entry = json.loads(line) if line.endswith(b"\n") else {}
        if entry.get("state") == 1 and entry.get("values"):
            numbers[entry["trial_id"]] = entry["values"]
    return numbers
