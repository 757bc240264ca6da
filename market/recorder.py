"""Collects the rows of the result tables during a run and hands them out as Arrow tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from .columns import TABLES

_as_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one a call
ARROW = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}


def arrow_schema(table: str) -> pa.Schema:
    """The fixed Arrow schema of a table."""
    return pa.schema([(name, ARROW[kind]) for name, kind in TABLES[table]])


def as_table(name: str, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Rows in the order of the table's columns, as an Arrow table."""
    schema = arrow_schema(name)
    # column by column: zip(*rows) would hand the garbage collector an iterator for each row
    arrays = [pa.array([row[k] for row in rows], type=f.type) for k, f in enumerate(schema)]
    return pa.Table.from_arrays(arrays, schema=schema)


def plain(value: Any) -> Any:
    """Round floats of an event's details: readers want six digits, not seventeen."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


class Recorder:
    """Rows of a run, by table."""

    def __init__(self, dates: Sequence[str]) -> None:
        """`dates` are the labels of the months."""
        self.dates = dates
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self.month = 0

    def event(
        self,
        kind: str,
        firm: str,
        /,
        counterparty: str = "",
        amount_usd: float = 0,
        text: str = "",
        **details: Any,
    ) -> None:
        """Enter something that happened this month."""
        self.rows["events"].append(
            (
                self.month,
                self.dates[self.month],
                kind,
                firm,
                counterparty,
                round(amount_usd),
                text,
                _as_json(plain(details)) if details else "{}",
            )
        )

    def flows(self, flows: dict[tuple[str, str, str], int]) -> None:
        """Enter the month's cash flows in order of the parties."""
        month = self.month
        self.rows["flows"].extend([(month, *who, flows[who]) for who in sorted(flows)])

    def tables(self) -> dict[str, pa.Table]:
        """All tables so far."""
        return {name: as_table(name, rows) for name, rows in self.rows.items()}
