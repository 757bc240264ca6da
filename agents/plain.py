"""The scenario in force as plain values.

Rules are read a quarter of a million times a run, and an attribute of a pydantic model takes six
times as long to look up as one of a plain object.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from ..scenarios.schema import Section

T = TypeVar("T")


class Values:
    """A section of a scenario: its fields and properties; like the section, it never changes."""

    def __init__(self, section: Section) -> None:
        values = vars(self)
        values.update({name: plain(value) for name, value in section})
        for kind in type(section).__mro__[: -len(Section.__mro__)]:
            for name, value in vars(kind).items():
                if isinstance(value, property) and value.fget:
                    values[name] = value.fget(self)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a scenario in force does not change: {name}")


def plain(value: T) -> T:
    """The same value, typed as what it stands for, with `Values` in place of sections."""
    if isinstance(value, Section):
        return Values(value)  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(map(plain, value))  # type: ignore[return-value]
    return value
