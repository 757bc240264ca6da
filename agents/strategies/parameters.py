"""How a decision rule declares a parameter: default, range, unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, fields
from math import inf
from typing import Any, NamedTuple, cast


def parameter(default: float, low: float, high: float, unit: str, meaning: str) -> Any:
    """A dataclass field that carries what a user needs to set it."""
    return field(default=default, metadata={"range": (low, high), "unit": unit, "doc": meaning})


class Declared(NamedTuple):
    """What a decision rule says of a parameter; one without a range may be any number."""

    name: str
    default: float
    low: float
    high: float
    unit: str
    meaning: str


def declared(rule: type) -> list[Declared]:
    """The parameters of a decision rule."""
    found = []
    for one in fields(rule):
        told, default = one.metadata, cast(float, one.default)
        low, high = told.get("range", (-inf, inf))
        found.append(
            Declared(one.name, default, low, high, told.get("unit", ""), told.get("doc", ""))
        )
    return found


def explained(rule: type) -> Iterator[str]:
    """A line a parameter of a decision rule: default, unit, range and meaning."""
    for name, default, low, high, unit, meaning in declared(rule):
        span = f" ({low:g} to {high:g})" if low > -inf or high < inf else ""
        line = f"{name} = {default:g} {unit}".rstrip() + span
        yield f"{line}: {meaning}" if meaning else line
