"""What happened in the typical and the extreme runs of a study: each is played again and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any, Final

from ..analysis.firm_outcomes import roles_of
from ..analysis.histories import Drift, digest, drifts, first_difference
from ..analysis.outcomes import Played
from ..analysis.paired import amount
from ..analysis.summary import event_words, important_events
from ..analysis.tables import records
from ..analysis.wording import listed, outcome_words
from ..scenario import month_label
from .measures import measured
from .typical import TypicalRuns, reasons, replay

MOST_DIFFERENCES: Final = 5
MOST_EVENTS: Final = 8  # of a run that is told without a firm
HAPPENS: Final = "share of runs"  # unit of what happens in a run or does not


def stories(found: TypicalRuns) -> Iterator[str]:
    """What was found, and each of the runs played again and told, a line at a time.

    Raises:
        ScenarioError: see `replay`.
    """
    yield from _opening(found)
    first: Played | None = None
    for row in records(found.runs):
        yield ""
        yield _heading(found, row)
        yield from _against(found, row)
        if not row["command"]:
            yield "Its outcomes are those of a function of your own: there is no story to tell."
            continue
        run = replay(found, row["kind"])
        if first is not None:
            yield from _histories(found, run, first)
        first = first or run
        yield from _changed(found, row, run)
        yield from _story(found, run)
        whole = "Month by month" if found.firm else "Alone"
        yield f"{whole}: {row['command']}"


def _opening(found: TypicalRuns) -> Iterator[str]:
    """The outcome over all runs, and what was left out."""
    runs = found.runs
    of = f"{found.size:,} run{'s'[: found.size != 1]} of {listed(found.variants)}"
    name = outcome_words(found.outcome)
    if len(runs) == 1:
        many = " in all of them" if found.size > 1 else ""
        yield f"{name}: {of}; {_text(runs['value'][0], found.unit)}{many}."
    else:
        told = [f"{_text(row['value'], found.unit)} {_place(row)}" for row in records(runs)]
        yield f"{name}: {of}; {', '.join(told)}."
    if found.left_out:
        yield f"Left out: {reasons(found.left_out)}."
    if found.firm is None:
        yield "Told of the whole market; --firm NAME tells of a firm."
    elif found.closest is not None:
        name, correlation = found.closest
        yield (
            f"Told of {found.firm}: of all outcomes of firms its "
            f"'{outcome_words(name.rpartition('.')[2])}' goes with this one most "
            f"(rank correlation {correlation:.2f})."
        )


def _place(row: Mapping[str, Any]) -> str:
    if row["kind"].startswith("with"):
        return f"in {row['same']:,}"
    return {"typical": "in the typical one"}.get(row["kind"], f"in the {row['kind']}")


def _heading(found: TypicalRuns, row: Mapping[str, Any]) -> str:
    """Which run this is of."""
    text = _text(row["value"], found.unit)
    if row["kind"].startswith("with"):
        one = f"The only one with {text}"
        which = one if row["same"] == 1 else f"Typical of the {row['same']:,} with {text}"
    elif found.size == 1:
        which = "The only run"
    else:
        many = row["same"] - 1
        alike = f", as in {many:,} other{'s'[: many != 1]}" if many else ""
        which = f"{row['kind'].capitalize()}, {text} (quantile {row['quantile']:.2f}{alike})"
    factors = [f", {f.column} {row[f.column]}" for f in found.folder.study.factors]
    return f"{which}: {row['variant']}, seed {row['seed']}{''.join(factors)}"


def _against(found: TypicalRuns, row: Mapping[str, Any]) -> Iterator[str]:
    """The other outcomes in which a run differs most from the first."""
    table = found.differences
    own = table[(table["kind"] == row["kind"]) & (table["quantile"] != table["reference_quantile"])]
    if own.empty:
        return
    yield f"It differs most from {_reference(found)} in:"
    for other in records(own.head(MOST_DIFFERENCES)):
        here, there = (_text(other[name], other["unit"]) for name in ("value", "reference_value"))
        yield (
            f"  - {outcome_words(other['outcome'])}: {here} against {there} "
            f"(quantile {other['quantile']:.2f} against {other['reference_quantile']:.2f})"
        )


def _histories(found: TypicalRuns, run: Played, first: Played) -> Iterator[str]:
    """When a run parts from the first, and what is far apart from then to the end."""
    parting = first_difference(run.tables, first.tables)
    if parting is None:
        yield f"Month by month it is {_reference(found)} over again."
    elif parting > 0:
        month = month_label(run.scenario.run, parting)
        yield f"Until {month} its history is that of {_reference(found)}."
    for drift in drifts(run.tables, first.tables, found.firm):
        yield _drift(found, run, drift)


def _drift(found: TypicalRuns, run: Played, drift: Drift) -> str:
    since, last = (month_label(run.scenario.run, m) for m in (drift.month, drift.last_month))
    whose = f"{found.firm}'s {drift.words}" if found.firm else f"the {drift.words}"
    ratio = "more than 1.5 times" if drift.above else "less than two thirds of"
    here, there = (amount(value, drift.unit) for value in (drift.last, drift.other_last))
    return (
        f"From {since} on {whose} is {ratio} that of {_reference(found)}: "
        f"in {last} {here} against {there}."
    )


def _changed(found: TypicalRuns, row: Mapping[str, Any], run: Played) -> Iterator[str]:
    """A warning where the run, played again, is not what the study has."""
    value = measured(run, found.outcome)
    if not isclose(value, row["value"], rel_tol=1e-9):
        stored, now = (_text(v, found.unit) for v in (row["value"], value))
        versions = found.folder.manifest["versions"]
        yield (
            f"Played again it has {now} and not {stored}: the study is of another version "
            f"({', '.join(f'{k} {v}' for k, v in versions.items())}). What follows is of this one."
        )


def _story(found: TypicalRuns, run: Played) -> Iterator[str]:
    """The telling months of the firm, or the most important events of the run."""
    if found.firm is not None:
        role = roles_of(run.scenario).get(found.firm)
        if role is None:
            yield f"{found.firm} is no firm of this variant's scenario."
        else:
            yield from digest(run.tables, found.firm, role)
        return
    yield "Most important events"
    for event in records(important_events(run.tables["events"], MOST_EVENTS)):
        yield f"{event['date']}: {event_words(event)}."


def _reference(found: TypicalRuns) -> str:
    return "the typical run" if found.runs["kind"][0] == "typical" else "the first run"


def _text(value: float, unit: str) -> str:
    """A value as people read it; of what happens or does not, yes or no."""
    if unit == HAPPENS:
        return "yes" if value else "no"
    return amount(value, unit)
