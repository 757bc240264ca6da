"""Bad input is answered by one line on stderr and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from computemarket import cli

FIRM = '[[labs]]\nname = "A"\n'
CONTRACT = (
    "extends = 'duopoly'\n[[contracts]]\nlab = 'Auror'\ncloud = 'Delta'\nworkload = 'training'\n"
    "maker = 'Silica'\nh100e = 1\nprice_usd_per_h100e_hour = 1\nend = '2024-12'\n"
)
LATE = "extends = 'duopoly'\n[[interventions]]\nmonth = '2031-01'\nkind = 'kill'\nfirm = 'Delta'\n"

FILES = {
    "broken TOML": ("[run\n", ["mine.toml", "line 1"]),
    "unknown field": (FIRM + "cash_us = 1\n", ["mine.toml", "labs.A.cash_us", "'cash_usd'"]),
    "negative price": (
        "extends = 'duopoly'\n[[chips]]\nname = 'S1'\nprice_usd = -1\n",
        ["mine.toml", "chips.S1.price_usd", "given -1", "expected a number above 0"],
    ),
    "NaN": (FIRM + "cash_usd = nan\n", ["mine.toml", "labs.A.cash_usd", "given nan", "finite"]),
    "duplicate name": (FIRM + FIRM, ["mine.toml", "labs.A.name", "duplicate", "'A'"]),
    "unknown firm": (CONTRACT, ["mine.toml", "contracts.5.lab", "'Auror'", "'Aurora'"]),
    "unknown strategy": (
        FIRM + "procurement = {name = 'cover_ahed'}\n",
        ["mine.toml", "labs.A.procurement", "'cover_ahed'", "'cover_ahead'"],
    ),
    "unknown strategy parameter": (
        FIRM + "procurement = {name = 'cover_ahead', horizon = 3}\n",
        ["mine.toml", "labs.A.procurement", "'horizon'", "'horizon_months'"],
    ),
    "month outside the horizon": (
        LATE,
        ["mine.toml", "interventions.0.month", '"2031-01"', "2024-01 to 2025-12"],
    ),
}
ARGUMENTS = {
    "missing file": (["none.toml"], ["none.toml", "no such file"]),
    "unknown scenario": (["duopolly"], ["duopolly", "did you mean 'duopoly'?"]),
    "override of no path": (
        ["duopoly", "--set", "labs.Aurora.cash=1"],
        ["duopoly", "labs.Aurora.cash", "did you mean 'cash_usd'?"],
    ),
    "override of no value": (["duopoly", "--set", "labs"], ["labs", "expected PATH=VALUE"]),
    "seed": (["duopoly", "--seed", "x"], ["--seed", "given 'x'", "expected a whole number"]),
    "negative seed": (["duopoly", "--seed=-1"], ["--seed", "given '-1'"]),
    "no months": (["duopoly", "--months", "0"], ["run.months", "given 0", "at least 1"]),
    "many months": (["duopoly", "--months", "601"], ["given 601", "at most 600"]),
    "unknown option": (["duopoly", "--sed", "1"], ["--sed"]),
    "no scenario": ([], ["SCENARIO"]),
}


def fault(capsys: pytest.CaptureFixture[str], argv: list[str]) -> str:
    """The one line that a bad command line is answered with."""
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("text", "parts"), FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, text: str, parts: list[str]
) -> None:
    (tmp_path / "mine.toml").write_text(text)
    out = ["--out", "result"] if command == "run" else []
    message = fault(capsys, [command, "mine.toml", *out])
    assert [part for part in parts if part not in message] == [], message
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(("argv", "parts"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_bad_arguments(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str], parts: list[str]
) -> None:
    message = fault(capsys, ["run", "--out", "result", *argv])
    assert [part for part in parts if part not in message] == [], message
    assert list(tmp_path.iterdir()) == []


def test_out_that_is_not_a_run_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep me")
    message = fault(capsys, ["run", "duopoly", "--out", "notes"])
    assert "notes" in message
    assert "not a run folder" in message
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


def test_out_that_is_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep me")
    assert "file" in fault(capsys, ["run", "duopoly", "--out", "file"])
    assert (tmp_path / "file").read_text() == "keep me"


def test_explain_asks_for_a_firm_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    message = fault(capsys, ["explain", "duopoly", "--seed", "1", "--firm", "Auror"])
    assert "did you mean 'Aurora'?" in message


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'chek'" in fault(capsys, ["chek", "duopoly"])


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["run", "none.toml", "--out", "result"], "none.toml"),
        (["run", "duopoly", "--seed", "x", "--out", "result"], "--seed"),
    ],
)
def test_through_a_real_process(tmp_path: Path, argv: list[str], part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "computemarket", *argv],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_one_line_and_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("computemarket.scenario.load_scenario", interrupt)
    assert cli.call(["run", "duopoly"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_bug_is_not_passed_off_as_a_fault_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("computemarket.scenario.load_scenario", bug)
    with pytest.raises(ValueError, match="a bug"):
        cli.call(["run", "duopoly"])


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -P -m computemarket schema | head -n 1",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_light_commands_import_neither_mesa_nor_pandas(tmp_path: Path) -> None:
    code = (
        "import sys; from computemarket import cli\n"
        "for argv in (['--help'], ['check', 'duopoly'], ['schema'], ['scenarios']):\n"
        "    assert cli.call(argv) == 0\n"
        "heavy = {'mesa', 'pandas', 'numpy', 'matplotlib'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("argv", [["--version"], ["check", "duopoly"], ["strategies"]])
def test_commands_that_work(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    out, err = capsys.readouterr()
    assert caught.value.code == 0
    assert out
    assert err == ""


def test_check_prints_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.call(["check", "duopoly", "--set", "clouds.Summit.energised_mw=0.369"]) == 0
    assert "looks like GW" in capsys.readouterr().out
