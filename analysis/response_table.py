"""How outcomes answer to a lever, for the terminal: a table an outcome, a row a level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import pandas as pd
from rich.table import Table

from .paired import amount
from .summary import plain_table
from .tables import records
from .wording import outcome_words


def response_tables(responses: pd.DataFrame) -> Iterator[Table]:
    """Means with intervals of `experiments.responses`; a column a line, a row a level."""
    for outcome, own in responses.groupby("outcome", sort=False):
        lines = list(dict.fromkeys(own["line"]))
        lever = own["lever"].iloc[0]
        name = outcome_words(str(outcome)).replace(": ", " ")  # no heading with a part to cut off
        title = f"{name} by {outcome_words(lever)}, mean (95 % interval)"
        table = plain_table(title, outcome_words(lever), *lines, numbers=len(lines))
        for level, at in own.groupby("level", sort=True):
            cells = {row["line"]: _cell(row) for row in records(at)}
            table.add_row(f"{level:g}", *(cells.get(line, "-") for line in lines))
        yield table


def ends_told(responses: pd.DataFrame) -> Iterator[str]:
    """What each outcome is at both ends of the lever: a sentence an outcome."""
    lines = responses["line"].nunique()
    for outcome, own in responses.groupby("outcome", sort=False):
        told = []
        for line, rows in own.groupby("line", sort=False):
            known = rows[rows["runs"] > 0].sort_values("level")
            if known.empty:
                continue
            first, last = known.iloc[0], known.iloc[-1]
            ends = [f"{_cell(row)} at {row['level']:g}" for row in (first, last)]
            told.append(f"{line}: {' and '.join(ends)}" if lines > 1 else " and ".join(ends))
        if told:
            yield f"{outcome_words(str(outcome))}: {'; '.join(told)}."


def _cell(row: Mapping[str, Any] | pd.Series) -> str:
    if not row["runs"]:
        return "-"
    if not isfinite(row["lower"]):
        return amount(row["mean"], row["unit"])
    margin = (row["upper"] - row["lower"]) / 2
    mean, low, high = (
        amount(row[name], row["unit"], margin) for name in ("mean", "lower", "upper")
    )
    return f"{mean} ({low.removesuffix(' %')} to {high})"
