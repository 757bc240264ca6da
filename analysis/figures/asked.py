"""Whether the tables hold what a figure is asked for; what is missing is told in one line."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ...market.columns import TABLES
from ...scenarios.messages import one_of


def with_columns(frame: pd.DataFrame, table: str, *names: str) -> pd.DataFrame:
    """The frame itself, if it has these columns.

    Args:
        frame: a result table, or a frame of a study.
        table: what it is called.
        names: of the columns.

    Raises:
        ValueError: it is no frame, or lacks a column.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"{table}: given {type(frame).__name__}, expected a DataFrame")
    for name in names:
        if name not in frame:
            known = one_of("one of its columns", name, map(str, frame.columns))
            raise ValueError(f"{table}: given the column '{name}', expected {known}")
    return frame


def table_of(tables: Mapping[str, pd.DataFrame], table: str, *names: str) -> pd.DataFrame:
    """A table of a run by its name, if it is there and has these columns.

    Raises:
        ValueError: it is not, or lacks one.
    """
    if not isinstance(tables, Mapping):  # a frame, say, of someone who does not check types
        given = type(tables).__name__  # type: ignore[unreachable]
        raise ValueError(f"tables: given {given}, expected the tables of a run by name (read_run)")
    if table not in tables:
        given = ", ".join(map(str, tables)) or "nothing"
        raise ValueError(f"tables: given {given}, expected '{table}' among them")
    return with_columns(tables[table], table, *names)


def check(tables: Mapping[str, pd.DataFrame], *names: str) -> None:
    """Raise `ValueError` unless these tables of a run are there with all their columns."""
    for name in names:
        table_of(tables, name, *(column for column, _ in TABLES[name]))


def known_name(name: str, known: pd.Series, table: str, what: str = "firm") -> str:
    """The name, if the table has it.

    Raises:
        ValueError: it does not.
    """
    names = sorted(known.dropna().astype(str).unique())
    if name not in names:
        expected = one_of(f"one of its {what}s", str(name), names)
        raise ValueError(f"{table}: given the {what} '{name}', expected {expected}")
    return name


def month_number(months: pd.DataFrame, month: int | str | None, default: int) -> int:
    """A month of a run, given by number or date; by default the one at a place of the table.

    Args:
        months: the table of that name.
        month: its number from 0, or its date, such as "2027-05".
        default: the place of the month in the table if none is given, -1 for the last.

    Raises:
        ValueError: the run has no such month.
    """
    if months.empty:
        raise ValueError("months: given no rows, expected a row a month of the run")
    if month is None:
        return int(months["month"].iloc[default])
    column = "date" if isinstance(month, str) else "month"
    found = months.loc[months[column] == month, "month"]
    if found.empty:
        first, last = months[column].iloc[0], months[column].iloc[-1]
        raise ValueError(f"months: given the month {month}, expected one from {first} to {last}")
    return int(found.iloc[0])
