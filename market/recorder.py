"""Collects the rows of the result tables during a run and hands them out as Arrow tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any

import pyarrow as pa

from .columns import TABLES

_encode = json.JSONEncoder(separators=(",", ":")).encode
ARROW = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}


def arrow_schema(table: str) -> pa.Schema:
    """The fixed Arrow schema of a table."""
    return pa.schema([(name, ARROW[kind]) for name, kind in TABLES[table]])


def as_table(name: str, columns: Sequence[Sequence[Any]]) -> pa.Table:
    """The values of a table's columns, in their order, as an Arrow table."""
    schema = arrow_schema(name)
    arrays = [
        pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def as_json(value: Any) -> str:
    """Compact JSON, floats rounded: readers want six digits, not seventeen."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is float and isfinite(value):
        text = f"{value:.6g}"
        if "e" in text:
            return repr(float(text))
        return text if "." in text else text + ".0"
    if kind is int:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, float):
        return _encode(float(f"{value:.6g}"))
    if isinstance(value, dict):
        pairs = [f"{encode_basestring_ascii(k)}:{as_json(v)}" for k, v in value.items()]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(as_json, value)) + "]"
    return _encode(value)


class Recorder:
    """What a run leaves behind, by table.

    rows: of the month under way. Those of earlier months are kept by column: as rows they would be
        tens of thousands of objects for the garbage collector to visit.
    """

    def __init__(self, dates: Sequence[str]) -> None:
        """`dates` are the labels of the months."""
        self.dates = dates
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._columns: dict[str, list[list[Any]]] = {
            name: [[] for _ in columns] for name, columns in TABLES.items()
        }
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
                as_json(details),
            )
        )

    def flows(self, flows: dict[tuple[str, str, str], int]) -> None:
        """Enter the month's cash flows in order of the parties."""
        parties = sorted(flows)
        if parties:
            given = zip(*parties, strict=True)
            values = [self.month] * len(parties), *given, [flows[who] for who in parties]
            for column, added in zip(self._columns["flows"], values, strict=True):
                column.extend(added)

    def columns(self, table: str) -> list[list[Any]]:
        """All that is recorded so far, column by column."""
        rows, columns = self.rows[table], self._columns[table]
        if rows:
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
            rows.clear()
        return columns

    def close_month(self) -> None:
        """File the month's rows."""
        for table in self.rows:
            self.columns(table)
