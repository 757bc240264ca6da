"""A rule of another package is found, used in a scenario, played in parallel, and told of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from computemarket import load_scenario
from computemarket.agents.strategies import REGISTRY, StrategyError, make, register
from computemarket.analysis.explain import story
from computemarket.experiments.store import StudyFolder
from computemarket.scenario import override
from computemarket.scenarios.schema import Strategy

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "small_rounds"
GUIDE = (ROOT / "docs" / "your_own_strategy.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example installed by pip, as in an environment of its own."""
    base = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, base / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(base / "site")]
    subprocess.run([*pip, *alone, str(base / "source")], check=True, capture_output=True)
    return base / "site"


def command(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`computemarket` where the packages of a folder are installed too."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "computemarket", *arguments],
        env=os.environ | {"PYTHONPATH": str(site)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_listed_with_its_parameters(site: Path, tmp_path: Path) -> None:
    done = command(site, "strategies", cwd=tmp_path)

    assert done.returncode == 0
    assert "labs.financing: small_rounds\n    Raises a little whenever" in done.stdout
    assert "every_months = 6 months (1 to 36): between rounds" in done.stdout
    assert done.stderr == ""


def test_a_scenario_runs_it_in_a_parallel_study(site: Path, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        f'scenario = "duopoly"\nreplications = 3\n'
        f'[[variants]]\nname = "small"\nscenario = "{EXAMPLE / "patient.toml"}"\n',
        encoding="utf-8",
    )
    options = ["--workers", "2", "--no-plots", "--quiet", "--out", "s"]
    done = command(site, "sweep", "study.toml", *options, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    folder = StudyFolder(tmp_path / "s")
    assert (folder.runs["status"] == "ok").all()
    own = folder.firm_outcomes[folder.firm_outcomes["firm"] == "Borealis"]
    rounds = own.groupby("variant")["rounds_closed"].mean()
    assert rounds["small"] > rounds["base"]


def test_explain_tells_of_it(site: Path, tmp_path: Path) -> None:
    scenario = str(EXAMPLE / "patient.toml")
    asked = ["explain", scenario, "--seed", "1", "--firm", "Borealis"]
    done = command(site, *asked, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "financing small_rounds (every_months 4);" in done.stdout.splitlines()[1]


def test_without_the_package_the_name_is_unknown(tmp_path: Path) -> None:
    done = command(tmp_path, "check", str(EXAMPLE / "patient.toml"), cwd=tmp_path)

    assert done.returncode == 2
    assert "labs.Borealis.financing: unknown strategy 'small_rounds'" in done.stderr


def test_a_broken_plug_in_is_named_and_stops_nobody(tmp_path: Path) -> None:
    info = tmp_path / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[computemarket.strategies]\nodd = broken_rules\n")
    (tmp_path / "site" / "broken_rules.py").write_text("import there_is_no_such_thing\n")
    why = (
        "plug-in 'odd' of package 'broken': ModuleNotFoundError: No module named "
        "'there_is_no_such_thing'"
    )

    listed = command(tmp_path / "site", "strategies", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, f"not loaded: {why}\n")
    unknown = "labs.Aurora.pricing"
    refused = command(
        tmp_path / "site",
        *["run", "duopoly", "--quiet", "--set", "labs.Aurora.financing.name=odd_rule"],
        cwd=tmp_path,
    )
    assert refused.returncode == 2
    assert why in refused.stderr
    assert unknown not in refused.stderr
    fine = command(tmp_path / "site", *["run", "duopoly", "--seed", "1", "--quiet"], cwd=tmp_path)
    assert (fine.returncode, fine.stderr) == (0, "")


def test_two_packages_cannot_have_one_name() -> None:
    @dataclass(frozen=True)
    class Mine:
        def raise_usd(self, view: object, maximum_dilution: float) -> float:
            return 0.0

    theirs = type("Theirs", (Mine,), {"__module__": "another_package"})
    try:
        register("labs", "financing", "shared")(theirs)
        with pytest.raises(StrategyError, match="already that of 'another_package'"):
            register("labs", "financing", "shared")(Mine)
        register("labs", "financing", "shared")(theirs)  # the same again
    finally:
        REGISTRY["labs", "financing"].pop("shared", None)


class TestTheGuide:
    def test_its_code_runs_and_the_rule_is_told_of(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
        assert len(blocks) == 2
        names = {"__name__": "__main__"}
        try:
            for block in blocks:
                exec(compile(block, "guide", "exec"), names)
            said = capsys.readouterr().out
            assert said.count("shortest runway") == 2
            assert len(set(re.findall(r"runway ([\d.]+)", said))) == 2  # it changes something
            scenario = override(
                load_scenario("duopoly"), {"labs.Borealis.financing.name": "small_rounds"}
            )
            assert "financing small_rounds;" in list(story(scenario, 1, "Borealis"))[1]
        finally:
            REGISTRY["labs", "financing"].pop("small_rounds", None)

    def test_it_shows_the_files_of_the_example(self) -> None:
        (project,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
        assert project == (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
        rule = (EXAMPLE / "small_rounds.py").read_text(encoding="utf-8")
        assert rule[rule.index("@register") :] in GUIDE.replace("\n\n\nown =", "\n```\nown =")

    def test_a_scenario_cannot_bring_code(self) -> None:
        for name in ("os.system", "small_rounds:SmallRounds", "../rules.py"):
            with pytest.raises(StrategyError, match="unknown strategy"):
                make("labs", "financing", Strategy(name=name))
