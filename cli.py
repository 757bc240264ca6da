"""The `computemarket` command: parses, calls, prints; no logic.

Whatever is slow to import is imported inside the command that needs it, so that `--help`, `check`
and `schema` start at once. A fault of the user is one line on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .cli_exits import INTERRUPTED, RUNS_FAILED, USER_FAULT, outcome_of
from .cli_options import (
    Assignments,
    FirmName,
    FromMonth,
    KeptIn,
    NoPlots,
    Outcomes,
    Quiet,
    Replications,
    Running,
    ScenarioName,
    Study,
    StudyOut,
    plays_runs,
    whole,
)
from .cli_steps import assigned, leave_if_failed, loaded, played, print_parts, studied

if TYPE_CHECKING:
    pass

__all__ = ["INTERRUPTED", "RUNS_FAILED", "USER_FAULT", "app", "call", "main"]

app = typer.Typer(
    name="computemarket",
    help="Simulate the market for AI compute: labs, clouds, chip makers and investors.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        typer.echo(f"computemarket {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    scenario: ScenarioName,
    seed: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Seed of all chance; fresh if left out."),
    ] = None,
    months: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="Months to play.")
    ] = None,
    assignments: Assignments = None,
    from_month: FromMonth = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for tables and figures.")
    ] = None,
    no_plots: NoPlots = False,
    quiet: Quiet = False,
) -> None:
    """Play a scenario once and show who ran out of cash, who switched, and how prices moved."""
    from .scenario import to_toml

    chosen = loaded(scenario, assignments, months, from_month)
    if out is not None:
        from .analysis.tables import check_output

        check_output(out)
    model = played(chosen, seed, quiet)
    frames = {
        name: getattr(model, name)
        for name in ("months", "firms", "prices", "contracts", "events", "flows")
    }
    if out is not None:
        from .analysis.tables import write_run

        def add_figures(folder: Path) -> None:
            from .analysis.figures import save_figures

            save_figures(frames, folder / "figures", chosen.title or chosen.name)

        # Figures are made inside the draft of the folder, which appears whole or not at all.
        figures = None if no_plots else add_figures
        write_run(out, model.tables(), model.manifest(), to_toml(chosen), figures)
    if not quiet:
        from .analysis.summary import closing_summary

        print_parts(closing_summary(frames, chosen))
        typer.echo(f"Seed {model.entropy}")
        if out is not None:
            typer.echo(f"Tables{'' if no_plots else ' and figures'} in {out}")


@app.command()
@plays_runs
def sweep(
    study: Study,
    out: StudyOut,
    from_month: FromMonth = None,
    no_plots: NoPlots = False,
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Run a study: many seeds, variants, points of a design. The same command resumes."""
    folder = studied(study, out, from_month, running, quiet)
    from .analysis.ensemble import save_ensemble_tables
    from .analysis.ensemble_summary import ensemble_summary
    from .analysis.figures import save_ensemble_figures
    from .analysis.paired import comparison_table
    from .experiments.store import writing
    from .experiments.whatif import save, variants_compared

    frames, start, compared = folder.frames, folder.manifest["start"], variants_compared(folder)
    if not quiet:
        print_parts(ensemble_summary(frames, start))
        if len(compared):
            print_parts([comparison_table(compared)])
    with writing(out):
        save_ensemble_tables(frames, out / "tables")
        if len(compared):
            save(compared, out)
        title = folder.study.title or folder.manifest["scenario"]
        drawn = (
            []
            if no_plots
            else save_ensemble_figures(frames, out / "figures", start, title, compared)
        )
    if not quiet:
        typer.echo(f"{'Runs, tables and figures' if drawn else 'Runs and tables'} in {out}")
    leave_if_failed(folder)


@app.command()
@plays_runs
def compare(
    scenario: ScenarioName,
    variant: Annotated[
        list[str],
        typer.Option(metavar="NAME:PATH=VALUE[,...]", help="What to compare; may be repeated."),
    ],
    replications: Replications = None,
    precision: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Add seeds until intervals reach +-X of the base's mean (absolute for shares).",
        ),
    ] = None,
    max_replications: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Seeds at most, with --precision; 500."),
    ] = None,
    outcome: Outcomes = None,
    assignments: Assignments = None,
    from_month: FromMonth = None,
    out: KeptIn = None,
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Compare variants with a scenario on the same seeds: differences with their intervals."""
    import tempfile

    from .experiments.whatif import CAP, HEADLINES, REPLICATIONS, comparison_study, save, what_if

    if precision is not None and replications is not None:
        raise typer.BadParameter("given --precision and --replications, expected one of them")
    first_stage = REPLICATIONS if replications is None else replications
    study = comparison_study(scenario, variant, assigned(assignments), first_stage, from_month)
    with tempfile.TemporaryDirectory() as scratch:
        compared = what_if(
            study, out or Path(scratch) / "study", outcome or HEADLINES, precision=precision,
            cap=max_replications or CAP, progress=not quiet, **vars(running),
        )  # fmt: skip
        if not quiet:
            from .analysis.paired import comparison_table

            print_parts([comparison_table(compared.table)])
            for line in compared.shortfalls:
                typer.echo(f"Not reached: {line}")
        if out is not None:
            save(compared.table, out)
            if not quiet:
                typer.echo(f"Runs, comparison.csv and comparison.png in {out}")
        leave_if_failed(compared.folder)


@app.command()
@plays_runs
def contagion(
    scenario: ScenarioName,
    firm: FirmName,
    month: Annotated[
        str | None,
        typer.Option(metavar="MONTH", help="Of the run (36, or 2027-01); by default half-way."),
    ] = None,
    within: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Count what happens in N months after."),
    ] = None,
    replications: Replications = None,
    assignments: Assignments = None,
    out: KeptIn = None,
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Tell who falls with a firm: the same seeds with it killed, and with it kept alive."""
    import tempfile

    from .experiments.contagion import contagion, save, screen
    from .experiments.whatif import REPLICATIONS

    with tempfile.TemporaryDirectory() as scratch:
        found = contagion(
            scenario, firm, out or Path(scratch) / "study", month=month, within=within,
            replications=REPLICATIONS if replications is None else replications,
            assignments=assigned(assignments), progress=not quiet, **vars(running),
        )  # fmt: skip
        if not quiet:
            print_parts(screen(found))
        if out is not None:
            save(found, out)
            if not quiet:
                typer.echo(f"Runs, contagion.csv and contagion.png in {out}")
        leave_if_failed(found.folder)


@app.command()
@plays_runs
def sensitivity(
    study: Study,
    out: StudyOut,
    outcome: Outcomes = None,
    from_month: FromMonth = None,
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Run a study and tell which of its factors matter, and where its outcome of interest lies."""
    from .experiments.sensitivity import analyse, save, screen

    folder = studied(study, out, from_month, running, quiet)
    found = analyse(folder, outcome or None)
    save(found, out / "sensitivity")
    if not quiet:
        print_parts(screen(found))
        typer.echo(f"Runs in {out}, tables and figures in {out / 'sensitivity'}")
    leave_if_failed(folder)


@app.command()
@plays_runs
def tune(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A tuning file, or a shipped one.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the tuning.")],
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Search better parameters for a firm's strategies, and score the best on unseen seeds."""
    from .experiments.tune import tune as play_tuning
    from .experiments.tuned import save, screen

    tuned = play_tuning(spec, out, progress=not quiet, **vars(running))
    save(tuned)
    if not quiet:
        print_parts(screen(tuned))
        typer.echo(f"Trials, tables and figures in {out}")


@app.command()
@plays_runs
def tournament(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A tournament file, or a shipped one.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the tournament.")],
    *,
    running: Running,
    quiet: Quiet = False,
) -> None:
    """Play strategies against strategies: payoffs, best replies, equilibria."""
    from .experiments.standings import save, screen
    from .experiments.tournament import play_tournament

    played = play_tournament(spec, out, progress=not quiet, **vars(running))
    save(played)
    if not quiet:
        print_parts(screen(played))
        typer.echo(f"Runs, payoffs and figure in {out}")
    leave_if_failed(played.folder)


@app.command()
def scenarios() -> None:
    """List the scenarios that come with the package."""
    from .scenario import shipped

    for name, title in shipped():
        typer.echo(f"{name:<20} {title}")


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A TOML file, or a shipped scenario.")
    ],
    assignments: Assignments = None,
) -> None:
    """Check a scenario and warn of what is legal but suspicious."""
    from .scenario import lint

    chosen = loaded(file, assignments)
    warnings = lint(chosen)
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    counts = ", ".join(
        f"{len(getattr(chosen, role))} {role}"
        for role in ("labs", "clouds", "chipmakers", "investors", "contracts")
    )
    typer.echo(f"{file}: valid, {len(warnings)} warnings ({counts}, {chosen.run.months} months)")


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    import json

    from .scenario import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def strategies() -> None:
    """List the decision rules by role and decision, with their parameters."""
    from .agents.strategies import catalogue, load_plugins
    from .agents.strategies.parameters import explained

    for role, decision, name, rule in catalogue():
        first_line = (rule.__doc__ or "").strip().partition("\n")[0]
        typer.echo(f"{role}.{decision}: {name}\n    {first_line}")
        for line in explained(rule):
            typer.echo(f"    {line}")
    for problem in load_plugins():
        typer.echo(f"not loaded: {problem}", err=True)


@app.command()
def explain(
    scenario: ScenarioName,
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Seed of the run to tell of.")
    ],
    firm: FirmName,
    assignments: Assignments = None,
) -> None:
    """Replay a run and tell the story of one firm, month by month."""
    from .scenario import firm_name

    chosen = loaded(scenario, assignments)
    name = firm_name(chosen, firm)
    from .analysis.explain import story

    for line in story(chosen, seed, name):
        typer.echo(line)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run or a study.")],
) -> None:
    """Write one page that tells what a run or a study found; it needs no network."""
    from .experiments.reports import report as write_report

    typer.echo(f"Report in {write_report(folder)}")


def call(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    return outcome_of(typer.main.get_command(app), argv)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the command line.

    Exits with 0, 2 (bad input), 3 (some runs of a study failed) or 130 (Ctrl-C).
    """
    sys.exit(call(sys.argv[1:] if argv is None else argv))
