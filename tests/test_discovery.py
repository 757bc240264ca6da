"""Scenario discovery: boxes that were planted are found, whatever the version of the workbench."""

from __future__ import annotations

import io
import itertools
import sys
import warnings
from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from computemarket.analysis.figures import region
from computemarket.analysis.tables import records
from computemarket.experiments.discovery import Discovered, discover
from computemarket.experiments.runner import run_study
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Discovery, Study, StudyError
from computemarket.scenario import Scenario, value_at

CASH = {"path": "labs.Aurora.cash_usd", "name": "cash", "low": 1e8, "high": 1e10, "scale": "log"}
DEMAND = {"path": "world.demand.growth_multiplier", "name": "demand", "low": 0.5, "high": 1.5}
ROUNDS = {"path": "world.bargaining.rounds_per_month", "name": "rounds", "low": 1, "high": 5}
STYLE = {
    "path": "labs.Aurora.negotiation.name",
    "name": "style",
    "values": ["linear", "boulware", "conceder"],
}
EXCLUSIVE = {
    "path": "world.bargaining.allow_exclusivity",
    "name": "exclusive",
    "values": [False, True],
}
MOOD = {"path": "world.sentiment.opening", "name": "mood", "low": -1, "high": 1}
FACTORS = (DEMAND, ROUNDS, STYLE, MOOD, CASH, EXCLUSIVE)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def in_the_box(scenario: Scenario) -> bool:
    return (
        0.8 <= value_at(scenario, DEMAND["path"]) <= 1.2
        and value_at(scenario, ROUNDS["path"]) >= 3
        and value_at(scenario, STYLE["path"]) != "linear"
    )


def planted(scenario: Scenario, seed: int) -> dict[str, float]:
    return {"y": 7.0 if in_the_box(scenario) else 2.0}


def noisy(scenario: Scenario, seed: int) -> dict[str, float]:
    """In the box in nine of ten runs, elsewhere in one."""
    demand = value_at(scenario, DEMAND["path"])
    rng = np.random.default_rng([seed, int(demand * 1e9)])
    return {"y": float(rng.random() < (0.9 if in_the_box(scenario) else 0.1))}


def mere_chance(scenario: Scenario, seed: int) -> dict[str, float]:
    demand = value_at(scenario, DEMAND["path"])
    return {"y": float(np.random.default_rng([seed, int(demand * 1e9)]).random() < 0.3)}


def with_gaps(scenario: Scenario, seed: int) -> dict[str, float]:
    mood = value_at(scenario, MOOD["path"])
    if mood > 0.9:
        raise ArithmeticError("no solution here")
    return {"y": nan if mood < -0.9 else planted(scenario, seed)["y"]}


def nothing_varies(scenario: Scenario, seed: int) -> dict[str, float]:
    return {"y": 1.0}


def played(out: Path, toy: Any, points: int = 400, **more: Any) -> StudyFolder:
    asked: dict[str, Any] = {
        "scenario": "duopoly",
        "factors": FACTORS,
        "outcomes": ["y"],
        "design": {"kind": "latin_hypercube", "points": points},
        "discovery": {"outcome": "y", "above": 0.5},
    }
    return run_study(Study.model_validate(asked | more), out, workers=1, toy=toy)


@pytest.fixture(scope="module")
def box_folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """400 points with a planted box; the study says what it looks for."""
    out = tmp_path_factory.mktemp("discovery") / "planted"
    return played(out, planted, discovery={"outcome": "y", "above": 5})


@pytest.fixture(scope="module")
def noisy_folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """600 points: more noise takes more of them."""
    return played(tmp_path_factory.mktemp("discovery") / "noisy", noisy, 600)


def chosen(found: Discovered) -> tuple[dict[str, Any], pd.DataFrame]:
    (box,) = records(found.boxes[found.boxes["chosen"]])
    return box, found.limits[found.limits["box"] == box["box"]].set_index("factor")


def printed(found: Discovered) -> str:
    text = io.StringIO()
    for part in found.screen():
        Console(file=text, width=80).print(part)
    return text.getvalue()


@pytest.mark.parametrize("wanted", [None, Discovery(outcome="y", above=2)])
def test_a_planted_box_is_found(
    box_folder: StudyFolder, wanted: Discovery | None, capfd: pytest.CaptureFixture[str]
) -> None:
    found = discover(box_folder, wanted)
    box, limits = chosen(found)
    assert box["coverage"] > 0.97
    assert box["density"] > 0.97
    assert box["restricted"] == 3
    assert box["of_interest"] == pytest.approx(box["coverage"] * box["base_share"] * 400)
    assert set(limits.index) == {"demand", "rounds", "style"}
    assert 0.79 <= limits.loc["demand", "low"] <= 0.82
    assert 1.18 <= limits.loc["demand", "high"] <= 1.21
    assert limits.loc["demand", "share_below_low"] == pytest.approx(0.3, abs=0.02)
    assert limits.loc["demand", "share_up_to_high"] == pytest.approx(0.7, abs=0.02)
    assert (limits.loc["rounds", "low"], limits.loc["rounds", "high"]) == (3, 5)
    assert limits.loc["style", "values"] == "boulware, conceder"
    assert limits.loc["style", "all_values"] == "boulware, conceder, linear"
    surer = limits[["quasi_p_low", "quasi_p_high"]].min(axis="columns")
    assert (surer < 1e-6).all()
    assert np.isnan(limits.loc["rounds", "quasi_p_high"])  # no limit there
    assert capfd.readouterr() == ("", "")


def test_the_other_side_of_a_bound(box_folder: StudyFolder) -> None:
    """Outside of the box are most runs: the box found lies beside the planted one."""
    box, limits = chosen(discover(box_folder, Discovery(outcome="y", below=5)))
    assert box["base_share"] > 0.7
    assert box["density"] == 1
    assert box["side"] == "below"
    inside = box_folder.runs
    for factor, limit in limits.iterrows():
        allowed = (
            inside[factor].isin(limit["values"].split(", "))
            if limit["values"]
            else inside[factor].between(limit["low"], limit["high"])
        )
        inside = inside[allowed]
    assert len(inside) == box["runs"]
    assert (inside["y"] < 5).all()


def test_a_noisy_box_is_found_without_limits_that_mean_nothing(noisy_folder: StudyFolder) -> None:
    """600 runs, design seed 0, run seed 1.

    Of 50 other pairs of seeds 2 would fail, by the lower limit of demand; none has another factor.
    The box can cover no more than 63 % on average: one in ten runs elsewhere is of interest, too.
    """
    box, limits = chosen(discover(noisy_folder))
    assert set(limits.index) == {"demand", "rounds", "style"}
    assert box["density"] > 0.7
    assert box["coverage"] > 0.5
    assert limits.loc["demand", "low"] == pytest.approx(0.8, abs=0.12)
    assert limits.loc["demand", "high"] == pytest.approx(1.2, abs=0.12)


def test_mere_chance_has_no_box(tmp_path: Path) -> None:
    """300 runs, design seed 0, run seed 1; of 50 pairs of seeds 3 have a limit all the same."""
    found = discover(played(tmp_path, mere_chance, 300))
    box, limits = chosen(found)
    assert limits.empty
    assert (box["coverage"], box["restricted"]) == (1, 0)
    assert len(found.boxes) > 10  # peeled on noise, and given back
    assert "No limit sets the runs of interest apart" in printed(found)


def test_runs_without_the_outcome_are_left_out(tmp_path: Path) -> None:
    found = discover(played(tmp_path, with_gaps, discovery={"outcome": "y", "above": 5}))
    box, limits = chosen(found)
    assert box["dropped"] == 40
    assert box["all_runs"] == 360
    assert {"demand", "rounds", "style"} <= set(limits.index)
    assert "Left out, without the outcome: 40 runs" in printed(found)


def test_another_box_may_be_chosen(box_folder: StudyFolder) -> None:
    box, limits = chosen(discover(box_folder, box=0))
    assert (box["coverage"], len(limits)) == (1, 0)
    with pytest.raises(StudyError, match="box: given 999, expected 0 to"):
        discover(box_folder, box=999)


def test_variants_have_boxes_of_their_own(tmp_path: Path) -> None:
    """In the second variant the factor that the box needs is fixed outside of it."""

    def toy(scenario: Scenario, seed: int) -> dict[str, float]:
        calm = value_at(scenario, "world.demand.noise_sd") == 0
        return {"y": 0.0 if calm else planted(scenario, seed)["y"]}

    calm = {"name": "calm", "set": {"world.demand.noise_sd": 0.0}}
    folder = played(
        tmp_path / "study", toy, 200, variants=[calm], discovery={"outcome": "y", "above": 5}
    )
    found = discover(folder)
    assert set(found.boxes["variant"]) == {"base"}
    (skipped,) = records(found.skipped)
    assert skipped["variant"] == "calm"
    assert "0 of 200 runs have y above 5, expected some and not all" in printed(found)
    paths = found.save(tmp_path / "out")
    assert [path.name for path in paths] == ["boxes.csv", "limits.csv", "region.png"]
    assert pd.read_csv(paths[0])["chosen"].sum() == 1


def test_what_cannot_be_found_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = played(tmp_path / "1", planted, 50)
    for wanted, words in (
        (Discovery(outcome="y", above=7), "0 of 50 runs have y above 7"),
        (Discovery(outcome="y", above=0), "50 of 50 runs have y above 0"),
        (Discovery(outcome="z", above=0), "discovery.outcome: given 'z'"),
    ):
        with pytest.raises(StudyError, match=words):
            discover(folder, wanted)
    silent = played(tmp_path / "2", planted, 50, discovery=None)
    with pytest.raises(StudyError, match="discovery: given none"):
        discover(silent)
    still = {"path": MOOD["path"], "values": [0.0]}
    one = played(
        tmp_path / "3", lambda scenario, seed: {"y": seed % 2}, factors=[still],
        design={"kind": "grid"}, replications=4,
    )  # fmt: skip
    with pytest.raises(StudyError, match="no factor varies"):
        discover(one)
    monkeypatch.setitem(sys.modules, "ema_workbench.analysis", None)
    with pytest.raises(StudyError, match=r"needs: pip install 'computemarket\[sensitivity\]'"):
        discover(folder, Discovery(outcome="y", above=5))


def test_no_text_of_the_figure_overlaps_another(noisy_folder: StudyFolder) -> None:
    found = discover(noisy_folder)
    for number in (0, int(found.boxes["restricted"].to_numpy().argmax())):
        again = discover(noisy_folder, box=number)
        figure = region(again.boxes, again.limits)
        figure.draw_without_rendering()
        left, right = figure.axes
        texts = [
            *right.texts,
            *right.get_yticklabels(),
            right._left_title,
            left._left_title,
            figure._suptitle,
            left.yaxis.label,
        ]
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        for one, other in itertools.combinations(boxes, 2):
            assert not one.overlaps(other)
