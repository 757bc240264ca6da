"""Options that several commands take: the same ones, with the same effect, in each."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from computemarket import cli
from computemarket.cli_options import Running

STUDY = 'scenario = "duopoly"\n[[factors]]\npath = "world.sentiment.shock"\nvalues = [0, 1]\n'
COMMANDS = {
    "sweep": ["sweep", "study.toml", "--out", "s"],
    "sensitivity": ["sensitivity", "study.toml", "--out", "s"],
    "compare": ["compare", "duopoly", "--variant", "crash:world.sentiment.shock=-2"],
    "contagion": ["contagion", "duopoly", "--firm", "Aurora"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_play_runs_list_how(name: str) -> None:
    group: Any = typer.main.get_command(cli.app)
    listed = {option.name: option.default for option in group.commands[name].params}
    assert {field.name: field.default for field in fields(Running)}.items() <= listed.items()
    assert "running" not in listed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "workers: given 0, expected at least 1"),
        (["--workers", "two"], "given 'two', expected a whole number of at least 0"),
        (["--scheduler", "tcp://x:1"], "scheduler: given with the local engine"),
        (["--engine", "dask", "--scheduler", "nonsense"], "scheduler: given 'nonsense'"),
    ],
)
@pytest.mark.parametrize("name", COMMANDS)
def test_what_they_say_reaches_the_study(
    name: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.toml").write_text(STUDY, encoding="utf-8")
    assert cli.call([*COMMANDS[name], *options]) == cli.USER_FAULT
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("s").exists()
