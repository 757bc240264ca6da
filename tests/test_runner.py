"""Running studies: batches finish, whatever a run does, and may be killed and resumed."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
import pandas as pd
import pytest

from computemarket import ComputeMarket, cli, load_scenario
from computemarket.agents.strategies import REGISTRY, register
from computemarket.analysis.outcomes import OUTCOMES, firm_outcomes, outcomes
from computemarket.analysis.tables import OutputError
from computemarket.experiments.runner import StudyInterrupt, run_study
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Factor, Study, Variant, study_toml
from computemarket.scenario import Scenario, branch, override

COMMAND = [sys.executable, "-P", "-m", "computemarket"]
SHOCK = Factor(name="shock", path="world.sentiment.shock", values=(-1.0, 0.0, 1.0))


def small(**changes: object) -> Study:
    """Twelve runs of the duopoly over six months."""
    given = {
        "scenario": "duopoly",
        "set": {"run.months": 6, "interventions": []},
        "replications": 4,
        "months": True,
        "factors": (SHOCK,),
    }
    return Study(**(given | changes))  # type: ignore[arg-type]


def assert_equal_tables(one: StudyFolder, other: StudyFolder) -> None:
    """Equal without `seconds`; `StudyFolder` has sorted them."""
    for name, frame in one.frames.items():
        against = other.frames[name]
        assert (frame is None) == (against is None)
        if frame is not None and against is not None:
            frames = [f.drop(columns="seconds", errors="ignore") for f in (frame, against)]
            pd.testing.assert_frame_equal(*frames, check_exact=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(small(), tmp_path_factory.mktemp("studies") / "one", workers=1)


# -- what is in the tables --------------------------------------------------------------------


def test_rows_are_those_of_single_runs(reference: StudyFolder) -> None:
    assert len(reference.runs) == 12
    assert (reference.runs["status"] == "ok").all()
    row = reference.runs[(reference.runs["seed"] == 3) & (reference.runs["shock"] == 1.0)].iloc[0]
    scenario = override(
        load_scenario("duopoly"),
        {"run.months": 6, "interventions": [], "world.sentiment.shock": 1.0},
    )
    model = ComputeMarket(scenario, seed=3).run()
    tables = {name: getattr(model, name) for name in ("months", "firms", "events", "flows")}
    for name, value in outcomes(tables, scenario).items():
        assert (pd.isna(row[name]) and value is None) or row[name] == value
    months, firms = reference.months, reference.firm_outcomes
    assert months is not None
    mine = months[months["run_id"] == row["run_id"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine[list(model.months)], model.months)
    mine = firms[firms["run_id"] == row["run_id"]].set_index("firm")
    expected = firm_outcomes(tables, scenario).set_index("firm").loc[mine.index]
    assert mine["minimum_cash_usd"].tolist() == expected["minimum_cash_usd"].tolist()


def test_only_the_outcomes_asked_for(tmp_path: Path) -> None:
    folder = run_study(
        small(outcomes=("switches", "defaults"), months=False, replications=1), tmp_path / "s",
        workers=1,
    )  # fmt: skip
    assert list(folder.runs)[-3:] == ["seconds", "switches", "defaults"]
    assert not set(OUTCOMES) - {"switches", "defaults"} & set(folder.runs)
    assert folder.months is None


def test_duckdb_reads_the_folder(reference: StudyFolder) -> None:
    query = f"""
        SELECT shock, count(*) AS n, avg(m.spot_price_usd_per_h100e_hour) AS spot
        FROM '{reference.path}/runs/*.parquet' JOIN '{reference.path}/months/*.parquet' m
        USING (run_id) GROUP BY shock ORDER BY shock
    """
    found = duckdb.sql(query).df()
    months = reference.months
    assert months is not None
    joined = reference.runs[["run_id", "shock"]].merge(months, on="run_id")
    expected = joined.groupby("shock")["spot_price_usd_per_h100e_hour"].mean()
    assert found["n"].tolist() == [24, 24, 24]
    assert found["spot"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_the_base_plays_until_the_month_of_the_branch(tmp_path: Path) -> None:
    study = small(
        factors=(),
        from_month="2024-04",
        variants=(Variant(name="tight", set={"world.demand.growth_multiplier": 3.0}),),
    )
    months = run_study(study, tmp_path / "s", workers=1).months
    assert months is not None
    base, tight = (
        months[months["variant"] == name]
        .sort_values(["seed", "month"])
        .drop(columns=["run_id", "variant"])
        .reset_index(drop=True)
        for name in ("base", "tight")
    )
    early = base["month"] < 3
    pd.testing.assert_frame_equal(base[early], tight[early])
    assert (base[~early]["demand_service_units"] < tight[~early]["demand_service_units"]).all()
    by_hand = branch(
        override(load_scenario("duopoly"), study.set), {"world.demand.growth_multiplier": 3.0}, 3
    )
    played = ComputeMarket(by_hand, seed=2).run().months
    assert (
        tight[tight["seed"] == 2]["lab_revenue_usd"].tolist() == played["lab_revenue_usd"].tolist()
    )


@pytest.mark.parametrize("month", ["3", "2024-04"])
def test_a_month_from_the_command_line_is_kept_with_the_study(
    month: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(study_toml(small(replications=1)), encoding="utf-8")
    words = ["sweep", str(file), "--out", str(tmp_path / "s"), "--workers", "1", "--no-plots"]
    for _ in range(2):  # run, then resumed
        assert cli.call([*words, "--from-month", month]) == 0
    assert capsys.readouterr().err == ""
    assert str(StudyFolder(tmp_path / "s").study.from_month) == month


def test_a_study_with_variants_says_how_they_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "study.toml", tmp_path / "s"
    crash = Variant(name="crash", set={"world.sentiment.shock": -2})
    names = ("defaults", "Borealis.minimum_cash_usd")
    study = small(replications=3, factors=(), variants=(crash,), outcomes=names)
    file.write_text(study_toml(study), encoding="utf-8")
    assert cli.call(["sweep", str(file), "--out", str(out), "--workers", "1", "--no-plots"]) == 0
    assert "3 pairs of runs" in capsys.readouterr().out
    table = pd.read_csv(out / "comparison.csv")
    assert set(table["variant"]) == {"crash"}
    assert set(table["outcome"]) == set(names)
    assert (out / "comparison.png").stat().st_size > 1000


# -- engines and resuming ---------------------------------------------------------------------


def test_two_workers_give_the_same_tables(reference: StudyFolder, tmp_path: Path) -> None:
    assert_equal_tables(run_study(small(), tmp_path / "s", workers=2), reference)


def test_dask_gives_the_same_tables_and_resumes_what_another_engine_began(
    reference: StudyFolder, cluster: object, tmp_path: Path
) -> None:
    address = cluster.scheduler_address  # type: ignore[attr-defined]
    half = small(replications=2)
    run_study(half, tmp_path / "s", workers=1)
    dask = run_study(small(), tmp_path / "s", engine="dask", scheduler=address)
    assert_equal_tables(dask, reference)
    run_study(half, tmp_path / "t", engine="dask", scheduler=address)
    assert_equal_tables(run_study(small(), tmp_path / "t", workers=2), reference)


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Ctrl-C arrives during the fifth run; what is played is kept, and the message tells."""
    played = tmp_path / "played"
    played.mkdir()

    def interrupted(scenario: Scenario, seed: int) -> Mapping[str, float]:
        (played / uuid4().hex).touch()
        if len(list(played.iterdir())) == 5:
            raise KeyboardInterrupt
        return {"value": seed + scenario.world.sentiment.shock}

    study = small(outcomes=("value",), months=False)
    with pytest.raises(StudyInterrupt, match=r"interrupted: 4 of 12 runs .* same command resumes"):
        run_study(study, tmp_path / "s", workers=1, toy=interrupted)
    folder = run_study(study, tmp_path / "s", workers=1, toy=interrupted)
    assert len(list(played.iterdir())) == 13
    assert len(folder.runs) == 12
    assert (folder.runs["value"] == folder.runs["seed"] + folder.runs["shock"]).all()


def sweep(study: Path, out: Path, *more: str) -> list[str]:
    words = ["sweep", str(study), "--out", str(out), "--workers", "2", "--no-plots", "--quiet"]
    return [*COMMAND, *words, *more]


@pytest.mark.slow
def test_killed_ten_times_and_resumed(tmp_path: Path) -> None:
    """SIGKILL at ten moments drawn with seed 20, from the start to well into the runs."""
    study = small(replications=40)
    file = tmp_path / "study.toml"
    file.write_text(study_toml(study), encoding="utf-8")
    moments = random.Random(20)
    for _ in range(10):
        process = subprocess.Popen(sweep(file, tmp_path / "s"))
        time.sleep(moments.uniform(0.2, 3.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(sweep(file, tmp_path / "s"), check=True)
    uninterrupted = run_study(study, tmp_path / "whole", workers=2)
    assert len(uninterrupted.runs) == 120
    assert_equal_tables(StudyFolder(tmp_path / "s"), uninterrupted)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    study = small(replications=1000, months=False)
    file = tmp_path / "study.toml"
    file.write_text(study_toml(study), encoding="utf-8")
    # Tests that run in the background may have been told to ignore Ctrl-C, and would hand that on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        sweep(file, tmp_path / "s"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, before)
    until = time.monotonic() + 60
    while not (tmp_path / "s").exists() or not StudyFolder(tmp_path / "s").statuses():
        assert time.monotonic() < until
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers, too
    _, message = process.communicate(timeout=60)
    assert process.returncode == cli.INTERRUPTED
    assert message.startswith("error: interrupted: ")
    assert "of 3000 runs" in message
    assert message.endswith("the same command resumes\n")
    assert message.count("\n") == 1


# -- failures ---------------------------------------------------------------------------------


def test_one_run_of_fifty_fails_and_its_command_shows_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Growth of e to the power of 10,000 a year passes the schema, and overflows in the model."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{0.5 + k / 100}" for k in range(49)] + ["1e4"]
    Path("points.csv").write_text("growth\n" + "\n".join(rows), encoding="utf-8")
    Path("study.toml").write_text(
        'scenario = "duopoly"\nset = {"run.months" = 3, interventions = []}\n'
        '[design]\nkind = "csv"\nfile = "points.csv"\n'
        '[[factors]]\nname = "growth"\npath = "world.demand.enterprise.growth_per_year"\n',
        encoding="utf-8",
    )
    assert cli.call(["sweep", "study.toml", "--out", "s", "--workers", "2"]) == cli.RUNS_FAILED
    screen = capsys.readouterr().out
    runs = StudyFolder("s").runs
    assert runs["status"].value_counts().to_dict() == {"ok": 49, "error": 1}
    (failed,) = runs[runs["status"] == "error"].to_dict("records")
    assert failed["growth"] == 1e4
    assert failed["error"].startswith("OverflowError: ")
    assert "OverflowError" in screen
    words = shlex.split(failed["command"])
    assert words[:2] == ["computemarket", "run"]
    again = subprocess.run([*COMMAND, *words[1:]], capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert failed["error"] in again.stderr
    # Resuming leaves it alone and still says so.
    assert cli.call(["sweep", "study.toml", "--out", "s", "--quiet"]) == cli.RUNS_FAILED


def test_a_failed_run_of_a_branch_is_reproduced_from_its_month(tmp_path: Path) -> None:
    factor = Factor(path="world.demand.enterprise.growth_per_year", values=(1e4,))
    study = small(factors=(factor,), from_month=2, replications=1)
    (row,) = run_study(study, tmp_path / "s", workers=1).runs.to_dict("records")
    words = shlex.split(row["command"])
    assert "--from-month" in words
    again = subprocess.run([*COMMAND, *words[1:]], capture_output=True, text=True, check=False)
    assert row["error"] in again.stderr


def test_levels_that_contradict_each_other_are_rows_not_the_end(tmp_path: Path) -> None:
    study = small(
        replications=1,
        factors=(
            Factor(path="world.demand.enterprise.wave_months.0", values=(0, 30)),
            Factor(path="world.demand.enterprise.wave_months.1", values=(20, 40)),
        ),
        set={"run.months": 6, "interventions": [], "world.demand.enterprise.wave_months": [0, 40]},
    )
    runs = run_study(study, tmp_path / "s", workers=1).runs
    assert runs["status"].value_counts().to_dict() == {"ok": 3, "error": 1}
    assert runs["error"].dropna().item().startswith("ScenarioError: ")


def test_a_kill_of_the_dead_is_not_applicable(tmp_path: Path) -> None:
    """Killed twice: the second finds nobody. The run is counted apart, and is no failure."""
    kill = {"kind": "kill", "firm": "Borealis"}
    twice = [kill | {"month": "2024-02"}, kill | {"month": "2024-04"}]
    variant = Variant(name="twice", set={"interventions": twice})
    study = small(factors=(), replications=2, variants=(variant,))
    folder = run_study(study, tmp_path / "s", workers=1)
    by_variant = folder.runs.groupby("variant")["status"].unique()
    assert by_variant["base"].tolist() == ["ok"]
    assert by_variant["twice"].tolist() == ["not_applicable"]
    assert folder.firm_outcomes["variant"].unique().tolist() == ["base"]
    assert folder.runs["error"].isna().all()


def test_retry_failed_plays_them_again(tmp_path: Path) -> None:
    mended = tmp_path / "mended"

    def flaky(scenario: Scenario, seed: int) -> Mapping[str, float]:
        if seed == 2 and not mended.exists():
            raise RuntimeError("out of luck\nfor now")
        return {"value": float(seed)}

    study = small(outcomes=("value",), months=False, factors=())
    first = run_study(study, tmp_path / "s", workers=1, toy=flaky)
    assert first.runs["error"].dropna().tolist() == ["RuntimeError: out of luck for now"]
    mended.touch()
    assert (
        run_study(study, tmp_path / "s", workers=1, toy=flaky).runs["status"] != "ok"
    ).sum() == 1
    again = run_study(study, tmp_path / "s", workers=1, toy=flaky, retry_failed=True)
    assert (again.runs["status"] == "ok").all()
    rows = duckdb.sql(f"SELECT run_id FROM '{again.path}/runs/*.parquet'").df()
    assert len(rows) == 4


def test_a_run_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    runs = run_study(small(time_limit_seconds=1e-6), tmp_path / "s", workers=1).runs
    assert (runs["status"] == "timeout").all()
    assert runs["error"].str.contains("stopped after 1 of 6 months").all()


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Path]:
    """A file system of 400 kB, where mounting is allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_a_study_that_can_go_on(tmp_path: Path) -> None:
    study = small(replications=60)
    with tiny_disk(tmp_path / "disk") as disk:
        with pytest.raises(OutputError, match=r"^cannot write '.*': No space left on device$"):
            run_study(study, disk / "s", workers=2)
        done = len(StudyFolder(disk / "s").statuses())
        assert 0 < done < 180
        shutil.copytree(disk / "s", tmp_path / "s")
    folder = run_study(study, tmp_path / "s", workers=2)
    assert len(folder.runs) == 180
    assert (folder.runs["status"] == "ok").all()


# -- strategies of the user's own -------------------------------------------------------------


def test_a_strategy_of_a_notebook_travels_to_the_workers(tmp_path: Path) -> None:
    @register("labs", "financing", "never_raises")
    @dataclass(frozen=True)
    class NeverRaises:
        """Lives on what it has."""

        def raise_usd(self, view: object, maximum_dilution: float) -> float:
            return 0.0

    try:
        study = small(
            factors=(),
            replications=6,
            variants=(Variant(name="proud", set={"labs.Borealis.financing.name": "never_raises"}),),
        )
        folder = run_study(study, tmp_path / "s", workers=2)
    finally:
        del REGISTRY["labs", "financing"]["never_raises"]
    assert (folder.runs["status"] == "ok").all()
    raised = folder.firm_outcomes.query("firm == 'Borealis'").groupby("variant")["funds_raised_usd"]
    assert raised.sum()["proud"] == 0 < raised.sum()["base"]
