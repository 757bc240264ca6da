"""Values set by path (`labs.OpenAI.cash_usd`), at the start or, by interventions, at a month.

A path names tables by field and entries of lists by their name (by number where they have none).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

from .calendar import month_index, month_label
from .checks import build, check
from .messages import (
    Problem,
    ScenarioError,
    below,
    entry_name,
    known_fields,
    nearest,
    refuse,
    shown,
)
from .schema import Intervention, Scenario, Strategy

# What is read once, when the model is built; an intervention could not change it any more.
_READ_ONCE: Final = (
    "name", "title", "run", "contracts", "loans", "stakes", "letters", "warrants", "backstops",
    "interventions",
)  # fmt: skip
# Scenarios known to be valid: each run of a batch would check the same one again. By identity, as
# to hash one takes as long.
_CHECKED: Final[WeakValueDictionary[int, Scenario]] = WeakValueDictionary()
_IDENTITY: Final = ("name", "kind", "group", "maker", "lab", "partner", "chip", "line")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path ends in the plain data of a scenario."""

    holder: Any  # the dict or list that holds the value
    key: Any
    kind: Any  # type of the holder in the schema
    opening: bool  # part of the opening balance


def plain(scenario: Scenario) -> dict[str, Any]:
    """The scenario as dicts, lists, text and numbers, every default written out."""
    return scenario.model_dump(mode="json")


def checked(data: Mapping[str, Any], source: str) -> Scenario:
    """Build a scenario from plain data and try its interventions.

    Raises:
        ScenarioError: the first thing wrong, in one line.
    """
    scenario = check(build(data, source), source)
    schedule(scenario, source)
    _CHECKED[id(scenario)] = scenario
    return scenario


def is_checked(scenario: Scenario) -> bool:
    """Whether this very object came out of `checked`; it cannot have changed since."""
    return _CHECKED.get(id(scenario)) is scenario


def parse_assignment(text: str) -> tuple[str, Any]:
    """`"path=value"` as path and value; a value that is not TOML is taken as text.

    Raises:
        ScenarioError: there is no `=` or no path.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ScenarioError(f"override: given {shown(text)}, expected PATH=VALUE")
    return path.strip(), parse_value(value.strip())


def parse_value(text: str) -> Any:
    """A value from the command line: TOML if it is, else the text itself."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # also digits without end
        return text
    value = parsed["value"]
    # A second line would be a second field, and a date is meant as the text it is.
    readable = len(parsed) == 1 and isinstance(value, int | float | str | list | dict)
    return value if readable else text


def override(
    scenario: Scenario, assignments: Mapping[str, Any], source: str | None = None
) -> Scenario:
    """A copy of the scenario with other values at some paths.

    Args:
        scenario: the scenario to vary; it stays as it is.
        assignments: new value by path. A table is merged into the one that is there.
        source: what a message names as the origin; by default the scenario's name.

    Raises:
        ScenarioError: a path does not exist, or the result is no valid scenario.
    """
    if not assignments:
        return scenario
    origin = source or f"override of {scenario.name}"
    data = plain(scenario)
    # Another strategy starts from its own defaults, so names go before parameters.
    for path in sorted(assignments, key=lambda path: not path.endswith(".name")):
        _assign(data, path, _builtin(assignments[path]), origin)
    return checked(data, origin)


def branch(
    scenario: Scenario, assignments: Mapping[str, Any], month: int, source: str | None = None
) -> Scenario:
    """A scenario that is the same until a month, and has other values at some paths from then.

    Args:
        scenario: what is played until then.
        assignments: new value by path: a number, text, true or false.
        month: of the run, from 0.
        source: what a message names as the origin; by default the scenario's name.

    Raises:
        ScenarioError: a path does not exist or cannot change during the run, or a value is not
            allowed.
    """
    if not assignments:
        return scenario
    origin = source or f"branch of {scenario.name}"
    data = plain(scenario)
    start = month_label(scenario.run, month)
    for path, value in assignments.items():
        if not isinstance(_builtin(value), int | float | str):
            expected = f"a number, text, true or false from a month on; '{path}.' and the name"
            expected += " or number of an entry leads into it"
            raise refuse(f"{origin}, from {start}", [Problem(path, shown(value), expected)])
        event = {"month": start, "kind": "set", "path": path, "value": _builtin(value)}
        data["interventions"].append(event)
    return checked(data, f"{origin}, from {start}")


def intervened(
    scenario: Scenario, events: Sequence[Intervention], source: str | None = None
) -> Scenario:
    """A copy of the scenario with more interventions, after its own.

    Raises:
        ScenarioError: one of them contradicts the scenario.
    """
    if not events:
        return scenario
    data = plain(scenario)
    data["interventions"] += [event.model_dump(mode="json") for event in events]
    return checked(data, source or f"interventions on {scenario.name}")


def value_at(scenario: Scenario, path: str) -> Any:
    """What a scenario holds at a path, as plain data.

    Raises:
        ScenarioError: the path does not exist.
    """
    return _value(find(plain(scenario), path, scenario.name))


def _builtin(value: Any) -> Any:
    """NumPy scalars and models as the plain values they stand for."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _builtin(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_builtin(entry) for entry in value]
    if hasattr(value, "item") and not isinstance(value, str | int | bool):
        return value.item()
    return value


def _assign(data: dict[str, Any], path: str, value: Any, source: str) -> None:
    place = find(data, path, source)
    renamed = place.kind is Strategy and place.key == "name" and place.holder["name"] != value
    if renamed:
        place.holder.clear()
    old = _value(place)
    if isinstance(old, dict) and isinstance(value, dict):
        value = merge_tables(old, value)
    place.holder[place.key] = value


def merge_tables(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another, deeply; lists are replaced.

    A strategy of another name replaces the old one whole: its parameters mean something else.
    """
    if "name" in base and "name" in top and base["name"] != top["name"]:
        return dict(top)
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge_tables(old, value)
        merged[key] = value
    return merged


def find(data: dict[str, Any], path: str, source: str) -> Place:
    """Follow a path through a scenario's plain data.

    Raises:
        ScenarioError: a part of the path does not exist; names the nearest that does.
    """
    here: Any = data
    kind: Any = Scenario
    place = Place(data, None, kind, False)
    parts = path.split(".")
    for depth, part in enumerate(parts):
        before = ".".join(parts[:depth]) or "the scenario"
        if isinstance(here, list):
            names = [entry_name(entry) or str(index) for index, entry in enumerate(here)]
            if part in names:
                key: Any = names.index(part)
            elif part.isdecimal() and int(part) < len(here):
                key = int(part)
            else:
                raise _no_path(source, path, part, before, names)
            place = Place(here, key, kind, place.opening)
            here = here[key]
            continue
        fields = known_fields(kind)
        free = isinstance(kind, type) and issubclass(kind, Strategy)
        if not (part in fields or (free and part.isidentifier())):
            raise _no_path(source, path, part, before, fields)
        place = Place(here, part, kind, place.opening or _is_opening(kind, part))
        kind = below(kind, part)
        if here.get(part) is None and depth + 1 < len(parts):
            here[part] = {}
        here = here.get(part)
    return place


def _value(place: Place) -> Any:
    return (
        place.holder[place.key] if isinstance(place.holder, list) else place.holder.get(place.key)
    )


def _no_path(source: str, path: str, part: str, before: str, names: Sequence[str]) -> ScenarioError:
    expected = f"a path that exists; {before} has no '{part}'{nearest(part, names)}"
    return refuse(source, [Problem(path, "an unknown path", expected)])


def _is_opening(kind: Any, field: str) -> bool:
    info = kind.model_fields.get(field) if hasattr(kind, "model_fields") else None
    extra = info.json_schema_extra if info else None  # a strategy's parameters are in no schema
    return isinstance(extra, dict) and extra.get("opening") is True


def schedule(scenario: Scenario, source: str | None = None) -> dict[int, Scenario]:
    """The rules in force from each month in which a set or scale intervention starts or ends.

    Interventions act in the order of their months; a later one acts on what an earlier one left.
    One that lasts `months` is taken out again after them, whatever came on top meanwhile.

    Args:
        scenario: the scenario as loaded, its interventions included.
        source: what a message names as the origin; by default the scenario's name.

    Returns:
        Month, counted from 0 at the start of the run, to the scenario whose values rule from then.

    Raises:
        ScenarioError: a path does not exist or is part of the opening balance, or a value that it
            would take on is not allowed.
    """
    origin = source or scenario.name
    acting: list[tuple[int, float, int, Intervention]] = []
    for index, event in enumerate(scenario.interventions):
        if event.kind in ("set", "scale"):
            start = month_index(scenario.run, event.month)
            end = start + event.months if event.months else float("inf")
            acting.append((start, end, index, event))
    acting.sort(key=lambda entry: (entry[0], entry[2]))
    turns = {int(m) for start, end, *_ in acting for m in (start, end) if m < scenario.run.months}
    rules: dict[int, Scenario] = {}
    for month in sorted(turns):
        data = plain(scenario)
        for start, end, index, event in acting:
            if start <= month < end:
                _intervene(data, event, f"interventions.{index}", origin)
        rules[month] = build(data, f"{origin}, from {month} months into the run")
    return rules


def _intervene(data: dict[str, Any], event: Intervention, where: str, source: str) -> None:
    path = event.path or ""
    place = find(data, path, f"{source}: {where}.path")
    if place.opening:
        why = "a value that can change during the run; this one is part of the opening balance"
        raise refuse(source, [Problem(f"{where}.path", f"'{path}'", why)])
    names_firm = place.key in _IDENTITY and place.kind is not Strategy
    if path.split(".")[0] in _READ_ONCE or names_firm:
        why = "a value that can change during the run; this one is read once, at its start"
        raise refuse(source, [Problem(f"{where}.path", f"'{path}'", why)])
    if event.kind == "set":
        _assign(data, path, event.value, source)
        return
    old = _value(place)
    if isinstance(old, bool) or not isinstance(old, int | float):
        expected = f"a path to a number; '{path}' is {shown(old)}"
        raise refuse(source, [Problem(f"{where}.path", "kind 'scale'", expected)])
    assert isinstance(event.value, int | float)  # the schema sees to it
    scaled = old * event.value
    whole = isinstance(old, int) and (place.kind is not Strategy or scaled == int(scaled))
    place.holder[place.key] = round(scaled) if whole else scaled
