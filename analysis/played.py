"""A run as its outcomes see it, and the registry of outcomes.

A study computes all outcomes for thousands of runs, hence the numpy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from .firm_outcomes import Floats, Tables, firm_outcomes

if TYPE_CHECKING:
    from ..scenario import Scenario

Value = float | int | str | None
Compute = Callable[["Played"], Value]
Better = Literal["higher", "lower"]


class Played:
    """A run as the outcomes see it: columns as arrays, each derived table made once."""

    def __init__(self, tables: Tables, scenario: Scenario) -> None:
        self.tables = tables
        self.scenario = scenario

    def month(self, column: str) -> Floats:
        """A column of `months`, first month first."""
        table = self.tables["months"]
        values = table[column].to_numpy(dtype=float)
        order = table["month"].to_numpy()
        return values if (np.diff(order) > 0).all() else values[np.argsort(order)]

    def outcomes(self, names: Iterable[str]) -> dict[str, Value]:
        """These outcomes, by name; None where the run does not define one."""
        return {name: OUTCOMES[name].compute(self) for name in names}

    @cached_property
    def event_counts(self) -> dict[str, int]:
        """Number of events of each kind."""
        return dict(self.tables["events"]["kind"].value_counts())

    @cached_property
    def firms(self) -> pd.DataFrame:
        """`firm_outcomes` of this run."""
        return firm_outcomes(self.tables, self.scenario)

    @cached_property
    def labs(self) -> pd.DataFrame:
        """`firm_outcomes` of the independent labs that took part."""
        firms = self.firms
        return firms[(firms["kind"] == "independent") & firms["took_part"]]


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
