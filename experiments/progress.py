"""The progress of a study on screen: rate, time left, failures so far."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .play import Tally


@contextmanager
def follow(
    total: int, done: int, wanted: bool, what: str = "runs"
) -> Iterator[Callable[[Tally], None]]:
    """A bar on stderr where someone watches, a terminal or a notebook; else nothing is shown.

    Args:
        total: runs of the study.
        done: runs that were there already.
        wanted: whether to show anything at all.
        what: is counted.

    Yields:
        What to tell of each batch of runs that is finished.
    """
    console = Console(stderr=True)
    # In a notebook rich draws with ipywidgets, and warns where they are missing.
    in_notebook = console.is_jupyter and find_spec("ipywidgets") is not None
    if not wanted or not (sys.stderr.isatty() or in_notebook):
        yield lambda tally: None
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("[red]{task.fields[failures]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total, completed=done, rate="", failures="")
        so_far = Tally()

        def tell(tally: Tally) -> None:
            so_far.add(tally)
            progress.advance(task, tally.played)
            seconds = progress.tasks[0].elapsed or 0.0
            rate = f"{so_far.played / seconds:.1f} a second" if seconds else ""
            failures = f"{so_far.failed} failed" if so_far.failed else ""
            progress.update(task, rate=rate, failures=failures)

        yield tell
