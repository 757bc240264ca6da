"""Steps that several commands share: load a scenario, play, run a study, print, leave."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .cli_exits import RUNS_FAILED
from .cli_options import Running

if TYPE_CHECKING:
    from .experiments.store import StudyFolder
    from .model import ComputeMarket
    from .scenario import Scenario


def loaded(
    name: str,
    assignments: list[str] | None,
    months: int | None = None,
    from_month: str | None = None,
) -> Scenario:
    """The scenario with its overrides, checked down to the names of its strategies."""
    from .agents.strategies import unknown_strategies
    from .scenario import ScenarioError, branch, load_scenario, month_of, with_months

    if from_month is None:
        chosen = load_scenario(name, assignments or ())
    else:
        base = load_scenario(name)
        chosen = branch(base, assigned(assignments), month_of(base, from_month))
    if unknown := unknown_strategies(chosen):
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise ScenarioError(f"{name}: {unknown[0]}{more}")
    return chosen if months is None else with_months(chosen, months)


def assigned(assignments: list[str] | None) -> dict[str, Any]:
    """Values by path."""
    from .scenario import parse_assignment

    return dict(parse_assignment(text) for text in assignments or ())


def print_parts(parts: Iterable[Any]) -> None:
    """Show tables and paragraphs one after the other."""
    from rich.console import Console

    console = Console()
    for part in parts:
        console.print(part)


def studied(
    study: str, out: Path, from_month: str | None, running: Running, quiet: bool
) -> StudyFolder:
    """Run a study, or what is missing of it."""
    from .experiments.runner import run_study
    from .experiments.study import branched, load_study

    chosen = branched(load_study(study), from_month)
    return run_study(chosen, out, progress=not quiet, **vars(running))


def leave_if_failed(folder: StudyFolder) -> None:
    """Exit code 3 tells a script that some runs of a study failed."""
    from .analysis.wording import FAILED

    if folder.runs["status"].isin(FAILED).any():
        raise typer.Exit(RUNS_FAILED)


def played(scenario: Scenario, seed: int | None, quiet: bool) -> ComputeMarket:
    """Run the model, with a progress bar for someone who watches."""
    from .model import ComputeMarket

    model = ComputeMarket(scenario, seed=seed)
    if quiet or not sys.stderr.isatty():
        return model.run()
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(scenario.name, total=scenario.run.months)
        return model.run(lambda _: progress.advance(task))


def explained(
    told: str,
    seed: int | None,
    firm: str | None,
    assignments: list[str] | None,
    from_month: str | None,
    outcome: str | None,
    variant: str | None,
) -> Iterator[str]:
    """A firm's story in a run of a scenario, or the typical and extreme runs of a study."""
    from .analysis.tables import is_a
    from .scenario import firm_name, shipped

    if outcome is not None or (is_a(told, "study") and told not in dict(shipped())):
        _only_for("the folder of a study", ("--outcome", "--firm", "--variant"), {
            "--seed": seed, "--set": assignments or None, "--from-month": from_month,
        })  # fmt: skip
        if outcome is None:
            raise typer.BadParameter("given no --outcome, expected one for the folder of a study")
        from .experiments.stories import stories
        from .experiments.typical import typical_runs

        return stories(typical_runs(told, outcome, firm=firm, variant=variant))
    _only_for("a scenario", ("--seed", "--firm", "--set", "--from-month"), {"--variant": variant})
    if seed is None or firm is None:
        missing = "--seed" if seed is None else "--firm"
        raise typer.BadParameter(f"given no {missing}, expected one for a scenario")
    chosen = loaded(told, assignments, from_month=from_month)
    name = firm_name(chosen, firm)
    from .analysis.explain import story

    return story(chosen, seed, name)


def _only_for(what: str, allowed: tuple[str, ...], others: dict[str, Any]) -> None:
    """Refuse the options that are for something else."""
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise typer.BadParameter(f"given {given[0]}, expected only {', '.join(allowed)} for {what}")
