"""Studies whose workers die: no run is lost, and one that no worker survives is a row."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from computemarket.experiments.plan import Toy, make_plan
from computemarket.experiments.runner import FIRST_BATCH, run_study
from computemarket.experiments.study import Factor, Study
from computemarket.scenario import Scenario


def study(replications: int) -> Study:
    """Runs of a toy: three points, each with so many seeds."""
    shock = Factor(name="shock", path="world.sentiment.shock", values=(-1.0, 0.0, 1.0))
    return Study(
        scenario="duopoly", outcomes=("value",), replications=replications, factors=(shock,)
    )


def dies_once(marker: Path, fatal: int = 3) -> Toy:
    """The first worker to play a fatal seed is killed; the next lives."""

    def play(scenario: Scenario, seed: int) -> Mapping[str, float]:
        if seed == fatal and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"value": seed + scenario.world.sentiment.shock}

    return play


def always_dies(scenario: Scenario, seed: int) -> Mapping[str, float]:
    if seed == 3 and scenario.world.sentiment.shock == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": seed + scenario.world.sentiment.shock}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Dask's nanny, on the worker it restarts
def test_a_killed_worker_of_a_dask_cluster_loses_nothing(cluster: object, tmp_path: Path) -> None:
    address = cluster.scheduler_address  # type: ignore[attr-defined]
    toy = dies_once(tmp_path / "marker")
    runs = run_study(study(4), tmp_path / "s", engine="dask", scheduler=address, toy=toy).runs
    assert (tmp_path / "marker").exists()
    assert (runs["status"] == "ok").all()
    assert (runs["value"] == runs["seed"] + runs["shock"]).all()
    assert len(runs) == 12


def test_a_run_that_kills_its_worker_is_a_row(tmp_path: Path) -> None:
    runs = run_study(study(4), tmp_path / "s", workers=2, toy=always_dies).runs
    assert len(runs) == 12
    assert runs["status"].value_counts().to_dict() == {"ok": 11, "error": 1}
    (failed,) = runs[runs["status"] == "error"].to_dict("records")
    assert (failed["seed"], failed["shock"]) == (3, 0.0)
    assert "worker died" in failed["error"]


def test_a_killed_worker_loses_nothing_and_batches_get_smaller_towards_the_end(
    tmp_path: Path,
) -> None:
    """Two workers: a batch has at most a sixth of the runs that are left when it is handed out."""
    toy = dies_once(tmp_path / "marker", fatal=20)
    folder = run_study(study(40), tmp_path / "s", workers=2, toy=toy)
    assert (tmp_path / "marker").exists()
    runs = folder.runs
    assert (runs["status"] == "ok").all()
    assert (runs["value"] == runs["seed"] + runs["shock"]).all()
    place = {job.run_id: n for n, job in enumerate(make_plan(study(40), toy).jobs())}
    parts = [
        pq.read_table(file, partitioning=None)["run_id"].to_pylist()
        for file in (folder.path / "runs").glob("*.parquet")
    ]
    assert sum(map(len, parts)) == len(runs) == len(place) == 120
    for part in filter(None, parts):
        left = len(place) - min(place[run_id] for run_id in part)
        assert len(part) <= max(FIRST_BATCH, left // 6)
