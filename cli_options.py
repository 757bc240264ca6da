"""Arguments and options that several commands of the command line take, each declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Signature, signature
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def whole(text: str) -> int:
    """A whole number from 0 on; the parser's own message does not repeat what was given."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise typer.BadParameter(f"given '{text}', expected a whole number of at least 0")
    return int(text)


ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Name of a shipped scenario, or a TOML file.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Change a value, e.g. labs.OpenAI.cash_usd=2e9."
    ),
]
Study = Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or a shipped one.")]
StudyOut = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the study.")]
Outcomes = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="E.g. defaults or OpenAI.out_of_cash; may be repeated."),
]
FromMonth = Annotated[
    str | None,
    typer.Option(
        metavar="MONTH", help="Play the base until this month of the run (24, or 2026-01)."
    ),
]
Replications = Annotated[
    int | None, typer.Option(parser=whole, metavar="N", help="Seeds; by default 30.")
]
FirmName = Annotated[str, typer.Option("--firm", metavar="NAME", help="The firm to tell of.")]
KeptIn = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for runs, table and figure.")
]
NoPlots = Annotated[bool, typer.Option("--no-plots", help="Write no figures.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing.")]


@dataclass(frozen=True)
class Running:
    """How the runs of a study are played: options of each command that plays one."""

    workers: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Runs at once; by default one a core."),
    ] = None
    engine: Annotated[
        Literal["local", "dask"],
        typer.Option(help="Processes of this machine, or a Dask cluster."),
    ] = "local"
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a Dask scheduler, tcp://HOST:8786.")
    ] = None
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Play failed runs again.")
    ] = False


def plays_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Running` in place of its parameter `running`."""
    own, shared = (signature(made, eval_str=True).parameters for made in (command, Running))

    @wraps(command)
    def with_options(**given: Any) -> None:
        running = Running(**{name: given.pop(name) for name in shared})
        command(running=running, **given)

    places = [shared.values() if name == "running" else [own[name]] for name in own]
    by_name = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in chain(*places)]
    # Typer reads the options of a command from its signature.
    with_options.__signature__ = Signature(by_name)  # type: ignore[attr-defined]
    return with_options
