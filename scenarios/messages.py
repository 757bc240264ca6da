"""What a user is told about a bad scenario: one line with place, what was given, what was expected.

Also the way from a path such as `labs.OpenAI.cash_usd` through the schema, which messages and
overrides share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .schema import Scenario, Strategy

KEY_FIELDS: Final = ("name", "chip", "maker")  # what names an entry of a list of tables

_EXPECTED: Final = {
    "missing": "a value",
    "model_type": "a table",
    "dict_type": "a table",
    "tuple_type": "a list",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "text that is not empty",
}


class ScenarioError(Exception):
    """A scenario that cannot be used; the message is one line for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Problem(NamedTuple):
    """One thing wrong with a scenario."""

    path: str
    given: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: given {self.given}, expected {self.expected}"


def refuse(source: str, problems: Sequence[Problem]) -> ScenarioError:
    """The error for a scenario from `source` with these problems: the first one in full."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ScenarioError(f"{source}: {problems[0]}{more}")


def shown(value: object) -> str:
    """A value as a user wrote it, cut to a length that fits a line."""
    if isinstance(value, Mapping):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def nearest(given: str, known: Iterable[str]) -> str:
    """`", did you mean 'X'?"` for the known name most like the one given, else a list of a few."""
    names = list(dict.fromkeys(known))
    by_lower = {name.lower(): name for name in reversed(names)}
    close = get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    close = close or [name for name in by_lower if given and name.startswith(given.lower())]
    if close:
        return f", did you mean '{by_lower[close[0]]}'?"
    if not names:
        return ""
    return f" ({', '.join(names[:8])}{', ...' if len(names) > 8 else ''})"


def one_of(what: str, given: str, known: Iterable[str]) -> str:
    """The expectation that a name is one of the known ones."""
    names = list(known)
    return f"{what}{nearest(given, names)}" if names else f"{what}, of which there are none"


def unknown(path: str, name: str, what: str, known: Sequence[str]) -> Iterator[Problem]:
    """A problem if a name at `path` is none of the known ones."""
    if name not in known:
        yield Problem(path, f"'{name}'", one_of(f"the name of {what}", name, known))


def item_type(annotation: Any) -> Any:
    """What a field holds, without `None`: its model, its entries' model, or the annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return item_type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return item_type(next(a for a in get_args(annotation) if a is not type(None)))
    if origin is tuple:
        return item_type(get_args(annotation)[0])
    return annotation


def known_fields(kind: Any) -> list[str]:
    """The names that may stand below a table of this type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    if get_origin(kind) is dict:
        keys = get_args(kind)[0]
        return list(get_args(keys)) if get_origin(keys) is Literal else []
    return []


def below(kind: Any, name: str) -> Any:
    """The type of what stands under a name in a table of this type; None if free."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields:
        return item_type(kind.model_fields[name].annotation)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return None


def entry_name(entry: object) -> str | None:
    """What names an entry of a list of tables, if anything does."""
    if isinstance(entry, Mapping):
        for field in KEY_FIELDS:
            # A contract and a chip have a maker too, but are not named by it.
            named = field == "name" or not {"lab", "cloud", "launch"} & entry.keys()
            if named and isinstance(entry.get(field), str):
                return str(entry[field])
    return None


def path_of(
    location: Sequence[int | str], data: Any, root: type[BaseModel] = Scenario
) -> tuple[str, Any]:
    """A pydantic location as an override path, and the type of the table that holds its end.

    What pydantic adds to a location for the members of a union is left out.
    """
    names: list[str] = []
    kind: Any = root
    holder: Any = root
    for step in location:
        if isinstance(step, int):
            if not isinstance(data, list | tuple) or step >= len(data):
                break
            names.append(entry_name(data[step]) or str(step))
            data = data[step]
            continue
        if not isinstance(data, Mapping):
            break
        names.append(step)
        holder, kind, data = kind, below(kind, step), data.get(step)
    return ".".join(names), holder


def schema_problems(error: ValidationError, data: Any, root: type[BaseModel]) -> list[Problem]:
    """What pydantic found in data for this model, one problem for each path."""
    found: dict[str, Problem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(details, data, root)
        found.setdefault(problem.path, problem)
    return list(found.values())


def _problem(details: ErrorDetails, data: Any, root: type[BaseModel]) -> Problem:
    path, holder = path_of(details["loc"], data, root)
    kind, given = details["type"], shown(details["input"])
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        field = path.rpartition(".")[2]
        expected = one_of("a known field", field, known_fields(holder))
        return Problem(path, f"the unknown field '{field}'", expected)
    if kind == "missing":
        return Problem(path, "nothing", "a value")
    if kind == "value_error":
        what, _, needed = str(context.get("error")).partition(" needs ")
        return Problem(path or root.__name__.lower(), what, needed or "something else")
    if kind == "literal_error":
        options = details["msg"].removeprefix("Input should be ")
        hint = nearest(
            str(details["input"]), options.replace("'", "").replace(" or ", ", ").split(", ")
        )
        return Problem(path, given, f"{options}{hint if hint.startswith(', did') else ''}")
    if kind == "string_pattern_mismatch":
        month = "\\d" in str(context.get("pattern"))
        return Problem(
            path, given, 'a month like "2024-07"' if month else "a name without . > / = [ ]"
        )
    if bounds := [f"{text} {context[key]:g}" for key, text in _BOUNDS if key in context]:
        return Problem(path, given, f"a number {bounds[0]}")
    if holder is Strategy and kind.endswith("_type") and not path.endswith(".name"):
        return Problem(path, given, "a number, true or false, as strategy parameters are")
    expected = _EXPECTED.get(kind) or details["msg"].removeprefix("Input should be ")
    return Problem(path or root.__name__.lower(), given, expected)


_BOUNDS: Final = (
    ("ge", "of at least"),
    ("gt", "above"),
    ("le", "of at most"),
    ("lt", "below"),
)
