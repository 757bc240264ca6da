"""What a prompt or a notebook shows of an object: what it is and how far, in a few lines."""

from __future__ import annotations

import shutil
from pathlib import Path

from computemarket import (
    ComputeMarket,
    Study,
    StudyFolder,
    Tuning,
    load_scenario,
    run_study,
    synthetic,
    what_if,
)


def test_a_model_tells_how_far_it_is() -> None:
    model = ComputeMarket("duopoly", seed=3, months=2)
    assert repr(model) == "<ComputeMarket duopoly seed=3 month=0 of 2>"
    model.run()
    assert repr(model) == "<ComputeMarket duopoly seed=3 month=2 of 2, done>"


def test_a_scenario_names_its_firms_by_role() -> None:
    lines = repr(load_scenario("duopoly")).splitlines()

    assert lines[0].startswith("<Scenario duopoly: Two labs")
    assert [line.strip() for line in lines[1:4]] == [
        "24 months from 2024-01", "labs: Aurora, Borealis", "clouds: Summit, Delta",
    ]  # fmt: skip
    assert str(load_scenario("duopoly")).splitlines() == lines


def test_a_large_scenario_stays_short() -> None:
    shown = repr(synthetic(200, 1))

    assert "more" in shown
    assert len(shown) < 800


def test_a_study_and_its_folder(tmp_path: Path) -> None:
    study = Study(
        scenario="duopoly", set={"run.months": 2, "interventions": []}, replications=2,
        variants=[{"name": "crash", "set": {"world.sentiment.shock": -2}}], outcomes=["defaults"],
    )  # fmt: skip
    assert repr(study) == "<Study of duopoly: base, crash; 2 seeds from 1>"

    folder = run_study(study, tmp_path / "s", workers=1)
    shown = f"<StudyFolder {tmp_path / 's'}: 4 of 4 runs; variants base, crash; 1 outcome>"
    assert repr(folder) == shown
    compared = what_if(study, tmp_path / "s", ["defaults"], workers=1)
    assert repr(compared).startswith("crash against base, 2 pairs of runs\n")
    again = StudyFolder(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    assert "4 runs asked for, which cannot be read" in repr(again)


def test_a_tuning_tells_what_it_is_about() -> None:
    tuning = Tuning(
        scenarios=["duopoly"], firm="Borealis", trials=30, seeds=8,
        decisions=[{"decision": "financing", "strategy": "runway_trigger"}],
        objectives=[{"outcome": "Borealis.final_arr_usd"}],
    )  # fmt: skip

    assert repr(tuning) == (
        "<Tuning of Borealis in duopoly: financing by runway_trigger; "
        "for Borealis.final_arr_usd; 30 trials of 8 seeds>"
    )
