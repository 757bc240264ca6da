"""What is known of a column of a table: name, kind, unit and meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["int", "float", "str", "bool"]
Columns = tuple[tuple[str, Kind], ...]


class Column(NamedTuple):
    """A column of a table.

    unit: "share" is 0 to 1; empty for names, texts, flags and months counted from the start.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str


def integer(name: str, unit: str, meaning: str) -> Column:
    """A column of whole numbers."""
    return Column(name, "int", unit, meaning)


def number(name: str, unit: str, meaning: str) -> Column:
    """A column of numbers."""
    return Column(name, "float", unit, meaning)


def text(name: str, meaning: str) -> Column:
    """A column of texts."""
    return Column(name, "str", "", meaning)


def flag(name: str, meaning: str) -> Column:
    """A column of true and false."""
    return Column(name, "bool", "", meaning)


def schema_of(columns: Iterable[Column]) -> Columns:
    """Names and kinds."""
    return tuple((column.name, column.kind) for column in columns)
