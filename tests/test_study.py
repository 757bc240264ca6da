"""Study files: what they may say, and the one line that answers a mistake before anything runs."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket import cli
from computemarket.agents.strategies import REGISTRY, register
from computemarket.experiments.plan import make_plan
from computemarket.experiments.store import take_folder
from computemarket.experiments.study import Factor, Study, StudyError, load_study, study_toml
from computemarket.scenario import ScenarioError, load_scenario

SHOCK = '[[factors]]\npath = "world.sentiment.shock"\n'
HEAD = 'scenario = "duopoly"\n'
CRASH = "a:world.sentiment.shock=-1"
FEES = "world.bargaining.termination_fee_shares"
LHS = 'design = {kind = "latin_hypercube", points = 4}\n'

BAD = {
    "broken TOML": ("scenario = \n", ["mine.toml", "line 1"]),
    "no scenario": ("replications = 2\n", ["mine.toml", "scenario", "given nothing"]),
    "unknown scenario": ('scenario = "duopolly"\n', ["duopolly", "did you mean 'duopoly'?"]),
    "unknown field": (HEAD + "replication = 2\n", ["'replication'", "'replications'"]),
    "replications 0": (HEAD + "replications = 0\n", ["replications: given 0", "at least 1"]),
    "replications text": (HEAD + 'replications = "2"\n', ["replications", "a whole number"]),
    "unknown path": (
        HEAD + '[[factors]]\npath = "world.sentiment.shok"\nlow = 0\nhigh = 1\n',
        ["world.sentiment.shok", "did you mean 'shock'?"],
    ),
    "unknown path of a variant": (
        HEAD + '[[variants]]\nname = "v"\nset = {"labs.Aurora.cash" = 1}\n',
        ["variants.v", "labs.Aurora.cash", "'cash_usd'"],
    ),
    "empty range": (HEAD + SHOCK + "low = 1\nhigh = 1\n", ["factors.0", "empty range", "low <"]),
    "no levels": (HEAD + SHOCK, ["world.sentiment.shock", "values, low and high, or distribution"]),
    "half a range": (HEAD + SHOCK + "low = 1\n", ["factors.0", "exactly one of"]),
    "two kinds of levels": (HEAD + SHOCK + "low = 1\nhigh = 2\nvalues = [1]\n", ["exactly one of"]),
    "NaN": (HEAD + SHOCK + "low = nan\nhigh = 1\n", ["factors.0.low", "given nan", "finite"]),
    "log of zero": (HEAD + SHOCK + 'low = 0\nhigh = 1\nscale = "log"\n', ["low above 0"]),
    "level out of range": (
        HEAD + '[[factors]]\npath = "world.demand.noise_sd"\nlow = -1\nhigh = 1\n',
        ["factors.world.demand.noise_sd", "given -1", "at least 0"],
    ),
    "range of text": (
        HEAD + '[[factors]]\npath = "labs.Aurora.procurement.name"\nlow = 0\nhigh = 1\n',
        ["labs.Aurora.procurement.name", "expected a list of values"],
    ),
    "mixed levels": (HEAD + SHOCK + 'values = [1, "a"]\n', ["factors.world.sentiment.shock"]),
    "unknown strategy": (
        HEAD + '[[factors]]\npath = "labs.Aurora.procurement.name"\nvalues = ["cover_ahed"]\n',
        ["'cover_ahed'", "'cover_ahead'"],
    ),
    "design above its cap": (
        HEAD + "max_runs = 10\nreplications = 3\n" + LHS + SHOCK + "low = 0\nhigh = 1\n",
        ["design: given 12 runs", "at most 10", "max_runs"],
    ),
    "huge grid": (
        HEAD
        + "".join(
            f'[[factors]]\nname = "f{k}"\npath = "labs.Aurora.{field}"\nlow = 1e9\nhigh = 2e9\n'
            for k, field in enumerate(("cash_usd", "opening_arr_usd"))
        )
        + '[design]\nlevels = 1000\n',
        ["given 1,000,000 runs", "100,000"],
    ),
    "design without factors": (HEAD + LHS, ["'latin_hypercube'", "factors"]),
    "design without points": (HEAD + '[design]\nkind = "random"\n', ["'random'", "points"]),
    "unknown design": (HEAD + '[design]\nkind = "gird"\n', ["design.kind", '"gird"', "'grid'"]),
    "sobol off a power of two": (
        HEAD + '[design]\nkind = "sobol"\npoints = 10\n', ["sobol design of 10", "power of two"]
    ),
    "unknown outcome": (
        HEAD + 'outcomes = ["defalts"]\n', ["outcomes: given 'defalts'", "did you mean 'defaults'?"]
    ),
    "outcome twice": (HEAD + 'outcomes = ["defaults", "defaults"]\n', ["'defaults'", "once"]),
    "variant twice": (
        HEAD + '[[variants]]\nname = "v"\n[[variants]]\nname = "v"\n', ["variant 'v'", "once"]
    ),
    "variant called base": (HEAD + '[[variants]]\nname = "base"\n', ["'base'", "another"]),
    "factor called like a column": (
        HEAD + SHOCK + 'name = "seed"\nvalues = [1]\n', ["factors", "'seed'", "column"]
    ),
    "month outside the run": (
        HEAD + "from_month = 24\n" + SHOCK + "values = [1]\n",
        ["month: given '24'", "0 to 23", "2024-01 to 2025-12"],
    ),
    "opening balance from a month on": (
        HEAD + 'from_month = 3\n[[factors]]\npath = "labs.Aurora.cash_usd"\nvalues = [1e9]\n',
        ["labs.Aurora.cash_usd", "opening balance"],
    ),
    "other scenario from a month on": (
        HEAD + 'from_month = 3\n[[variants]]\nname = "v"\nscenario = "frontier_2024"\n',
        ["variants.v.scenario", "`set` only"],
    ),
    "no CSV file": (HEAD + SHOCK + '[design]\nkind = "csv"\nfile = "p.csv"\n', ["p.csv", "No "]),
}  # fmt: skip


def refusal(capsys: pytest.CaptureFixture[str], argv: list[str]) -> str:
    code = cli.call(argv)
    captured = capsys.readouterr()
    assert code == cli.USER_FAULT
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("name", BAD)
def test_bad_study_is_refused_in_one_line_before_anything_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text, words = BAD[name]
    Path("mine.toml").write_text(text, encoding="utf-8")
    line = refusal(capsys, ["sweep", "mine.toml", "--out", "out"])
    for word in words:
        assert word in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["sweep", "none.toml", "--out", "o"], ["none.toml", "no such file"]),
        (["sweep", "frontier_ensembel", "--out", "o"], ["did you mean 'frontier_ensemble'?"]),
        (["sweep", "frontier_ensemble"], ["--out"]),
        (["sweep", "frontier_ensemble", "--out", "o", "--workers", "0"], ["workers: given 0"]),
        (["sweep", "frontier_ensemble", "--out", "o", "--engine", "ray"], ["--engine", "'ray'"]),
        (
            ["sweep", "frontier_ensemble", "--out", "o", "--scheduler", "tcp://x:1"],
            ["scheduler", "engine 'dask'"],
        ),
        (["compare", "duopoly"], ["--variant"]),
        (["compare", "duopoly", "--variant", "crash"], ["variant", "NAME:PATH=VALUE"]),
        (["compare", "duopoly", "--variant", "a:labs"], ["expected PATH=VALUE"]),
        (
            ["compare", "duopoly", "--variant", "a:labs.Auror.cash_usd=1"],
            ["variants.a", "'Aurora'"],
        ),
        (
            ["compare", "duopoly", "--variant", CRASH, "--outcome", "deflts"],
            ["outcome: given 'deflts'", "'defaults'"],
        ),
        (
            ["compare", "duopoly", "--variant", CRASH, "--replications", "0"],
            ["replications: given 0"],
        ),
        (
            ["compare", "duopoly", "--variant", CRASH, "--precision", "-1"],
            ["precision: given -1"],
        ),
        (
            [
                "compare", "duopoly", "--variant", CRASH,
                "--precision", "1", "--replications", "4",
            ],
            ["one of them"],
        ),
        (["run", "duopoly", "--from-month", "24"], ["month: given '24'"]),
        (
            ["run", "duopoly", "--from-month", "3", "--set", f"{FEES}=[0.9, 1.0]"],
            [FEES, "given [0.9, 1.0]", "a number, text, true or false"],
        ),
        (["run", "duopoly", "--from-month", "soon"], ["month: given 'soon'"]),
    ],
)  # fmt: skip
def test_bad_arguments(
    argv: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refusal(capsys, argv)
    for word in words:
        assert word in line
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_not_this_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    take_folder("other", make_plan(Study(scenario="duopoly", first_seed=7)))
    Path("mine.toml").write_text(HEAD, encoding="utf-8")
    assert "another study" in refusal(capsys, ["sweep", "mine.toml", "--out", "other"])
    Path("full").mkdir()
    Path("full/letter.txt").write_text("dear", encoding="utf-8")
    assert "not a study folder" in refusal(capsys, ["sweep", "mine.toml", "--out", "full"])
    below = refusal(capsys, ["sweep", "mine.toml", "--out", "full/letter.txt/out"])
    assert "is not a folder" in below
    assert [p.name for p in Path("full").iterdir()] == ["letter.txt"]


def test_a_study_without_a_run_left_keeps_its_factors_names(tmp_path: Path) -> None:
    study = Study(
        scenario="duopoly", factors=(Factor(path="world.sentiment.shock", low=0, high=1),)
    )
    folder = take_folder(tmp_path / "s", make_plan(study))
    assert len(folder.runs) == 0
    assert "world.sentiment.shock" in folder.runs
    assert folder.months is None
    assert len(folder.firm_outcomes) == 0


def test_files_beside_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nested = tmp_path / "deep" / "down"
    nested.mkdir(parents=True)
    (nested / "poor.toml").write_text(
        'extends = "duopoly"\n[[labs]]\nname = "Aurora"\ncash_usd = 1e7\n', encoding="utf-8"
    )
    (nested / "points.csv").write_text("shock\n-1.5\n0.25\n", encoding="utf-8")
    (nested / "study.toml").write_text(
        'scenario = "poor.toml"\n[design]\nkind = "csv"\nfile = "points.csv"\n'
        '[[factors]]\nname = "shock"\npath = "world.sentiment.shock"\n'
        '[[variants]]\nname = "rich"\nscenario = "duopoly"\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    plan = make_plan(load_study("deep/down/study.toml"))
    assert plan.points == [(-1.5,), (0.25,)]
    assert plan.scenarios["base"].labs[0].cash_usd == 1e7
    assert plan.scenarios["rich"] == load_scenario("duopoly")
    # The copy in the study's folder stands on its own.
    take_folder("out", plan)
    for file in nested.iterdir():
        file.unlink()
    assert make_plan(load_study("out/study.toml")).identity() == plan.identity()


@settings(max_examples=40, deadline=None)
@given(
    replications=st.integers(1, 4),
    first_seed=st.integers(0, 1000),
    levels=st.lists(st.floats(-2, 2), min_size=1, max_size=4, unique=True),
    cash=st.lists(st.sampled_from([1e8, 2e8, 3e8]), max_size=2, unique=True),
)
def test_every_run_has_its_own_id_and_every_variant_the_same_seeds(
    replications: int, first_seed: int, levels: list[float], cash: list[float]
) -> None:
    variants = [{"name": f"v{k}", "set": {"labs.Aurora.cash_usd": v}} for k, v in enumerate(cash)]
    factor = Factor(path="world.sentiment.shock", values=tuple(levels))
    study = Study(
        scenario="duopoly",
        replications=replications,
        first_seed=first_seed,
        factors=(factor,),
        variants=variants,  # type: ignore[arg-type]
    )
    jobs = list(make_plan(study).jobs())
    assert len(jobs) == len(levels) * replications * (1 + len(cash)) == make_plan(study).size
    assert len({job.run_id for job in jobs}) == len(jobs)
    by_world = itertools.groupby(
        sorted(jobs, key=lambda job: (job.variant, job.point)), lambda job: (job.variant, job.point)
    )
    for _, group in by_world:
        assert sorted(job.seed for job in group) == [first_seed + r for r in range(replications)]
    # More replications add runs and rename none.
    longer = study.model_copy(update={"replications": replications + 1})
    assert {job.run_id for job in jobs} < {job.run_id for job in make_plan(longer).jobs()}
    assert make_plan(longer).identity() == make_plan(study).identity()


def test_a_study_file_gives_itself_back(tmp_path: Path) -> None:
    study = Study(
        scenario="duopoly",
        title="All there is",
        replications=3,
        from_month="2024-06",
        outcomes=("defaults",),
        factors=(Factor(path="world.sentiment.shock", low=-1, high=1),),
    )
    file = tmp_path / "s.toml"
    file.write_text(study_toml(study), encoding="utf-8")
    assert load_study(file) == study


def test_ids_do_not_depend_on_the_process() -> None:
    code = (
        "from computemarket.experiments.plan import make_plan\n"
        "from computemarket.experiments.study import Study\n"
        "from tests_rule import Timid\n"
        "study = Study(scenario='duopoly', set={'labs.Aurora.procurement.name': 'timid'})\n"
        "print(next(make_plan(study).jobs()).run_id)\n"
    )
    rule = (
        "from dataclasses import dataclass\n"
        "from computemarket.agents.strategies import register\n"
        "@register('labs', 'procurement', 'timid')\n@dataclass(frozen=True)\nclass Timid:\n"
        "    horizon_months: int = 5\n"
        "    def wanted_h100e(self, view):\n"
        "        return 0.5 if view.workload in {'a', 'b', 'c'} else 0.0\n"
        "    def spot_share(self, view):\n"
        "        return 0.5\n"
    )

    def run_id(hash_seed: str, source: str, folder: Path) -> str:
        folder.mkdir()
        (folder / "tests_rule.py").write_text(source, encoding="utf-8")
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(folder)}
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = run_id("0", rule, folder / "a")
        assert run_id("12345", rule, folder / "b") == first
        # Another rule under the same name is another study.
        assert run_id("0", rule.replace("'b'", "'d'"), folder / "c") != first


def test_a_shipped_rule_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="shipped"):
        register("labs", "procurement", "cover_ahead")
    with pytest.raises(ValueError, match=r"unknown decision 'labs.procure'.*labs.procurement"):
        register("labs", "procure", "mine")
    assert ("labs", "procure") not in REGISTRY


def test_python_mistakes_are_study_errors(tmp_path: Path) -> None:
    study = Study(scenario="duopoly", outcomes=("nothing",))
    with pytest.raises(StudyError, match="nothing"):
        make_plan(study)
    with pytest.raises(ScenarioError, match="no such file"):
        load_study(tmp_path / "none.toml")
