"""A run as its outcomes see it, and the registry of outcomes.

A study computes all outcomes for thousands of runs, hence the numpy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from .contagion import Default, cascade
from .firm_outcomes import Flags, Floats, firm_frame, firm_table
from .tables import AnyTables, Tables, columns

if TYPE_CHECKING:
    from ..scenario import Scenario

Value = float | int | str | None
Compute = Callable[["Played"], Value]
Better = Literal["higher", "lower"]


class Played:
    """A run as the outcomes see it: columns as arrays, each derived table made once."""

    def __init__(self, tables: AnyTables, scenario: Scenario) -> None:
        """`tables` are the months, firms, events and flows of the run."""
        self.given = tables
        self.scenario = scenario

    @cached_property
    def tables(self) -> Tables:
        """The tables as frames, each made when it is first asked for."""
        return _Frames(self.given)

    def month(self, column: str) -> Floats:
        """A column of `months`, first month first."""
        return np.asarray(self._column("months", column), dtype=float)[self._order]

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        """Where the rows of the first, second ... month stand in `months`."""
        return np.argsort(np.asarray(self._column("months", "month")))

    def _column(self, table: str, name: str) -> pa.ChunkedArray:
        return columns(self.given, table, name)[name]

    def outcomes(self, names: Iterable[str]) -> dict[str, Value]:
        """These outcomes, by name; None where the run does not define one."""
        return {name: OUTCOMES[name].compute(self) for name in names}

    @cached_property
    def event_counts(self) -> dict[str, int]:
        """Number of events of each kind."""
        counts = self._column("events", "kind").value_counts()
        return {count["values"]: count["counts"] for count in counts.to_pylist()}

    def firm(self, column: str) -> npt.NDArray[Any]:
        """A column of `firm_outcomes`; months are NaN where the thing never happened."""
        return np.asarray(self.firm_table[column])

    def lab(self, column: str) -> npt.NDArray[Any]:
        """The same of the independent labs that took part."""
        return self.firm(column)[self._labs]

    @cached_property
    def firm_table(self) -> pa.Table:
        """`firm_outcomes` of this run, as Arrow."""
        return firm_table(self.given, self.scenario)

    @cached_property
    def cascade(self) -> list[Default]:
        """The defaults of this run, with what each came from and cost."""
        return cascade(self.given, self.scenario)

    @cached_property
    def _labs(self) -> Flags:
        return (self.firm("kind") == "independent") & self.firm("took_part")

    @cached_property
    def firms(self) -> pd.DataFrame:
        """`firm_outcomes` of this run."""
        return firm_frame(self.firm_table)

    @cached_property
    def labs(self) -> pd.DataFrame:
        """`firm_outcomes` of the independent labs that took part."""
        return self.firms[self._labs]


class _Frames(Mapping[str, pd.DataFrame]):
    """Tables as frames: turning all of them into frames takes longer than most outcomes."""

    def __init__(self, tables: AnyTables) -> None:
        self._tables = dict(tables)

    def __getitem__(self, name: str) -> pd.DataFrame:
        table = self._tables[name]
        if isinstance(table, pa.Table):
            self._tables[name] = table = table.to_pandas()
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One number about a run.

    unit: of the number; meaning: one sentence; compute: from the run's tables. better: which way is
    good; None where that depends on whom one asks, as with prices.
    """

    name: str
    unit: str
    meaning: str
    compute: Compute
    better: Better | None = None


OUTCOMES: Final[dict[str, Outcome]] = {}


def outcome(unit: str, better: Better | None = None) -> Callable[[Compute], Compute]:
    """Enter the function under its own name, with its docstring as the meaning."""

    def enter(compute: Compute) -> Compute:
        name = compute.__name__.strip("_")
        OUTCOMES[name] = Outcome(name, unit, (compute.__doc__ or "").strip(), compute, better)
        return compute

    return enter


def mean(values: Floats) -> float | None:
    """Mean of what is known; None where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
