"""Outcomes of runs and of the firms in them, by the names that studies and comparisons use.

An outcome of a run is a column of the table of runs (`defaults`); one of a firm has its name before
it (`OpenAI.out_of_cash`) and comes from `firm_outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from ..analysis.outcomes import OUTCOMES, Better, Played
from ..analysis.wording import OK
from ..scenario import Scenario
from ..scenarios.messages import nearest
from .study import RUN_COLUMNS, StudyError


class Measure(NamedTuple):
    """An outcome of a run, or of one firm in it, as comparisons know it."""

    unit: str
    better: Better | None
    of: Callable[[pd.DataFrame], pd.Series]  # from a table of runs, or from `firm_outcomes`


def _column(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda table: table[name]


def _ever(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda table: table[name].notna()


FIRM_MEASURES: Final[Mapping[str, Measure]] = {
    "out_of_cash": Measure("share of runs", "lower", _ever("out_of_cash_month")),
    "runway_below_one_month": Measure(
        "share of runs", "lower", _ever("first_runway_below_one_month")
    ),
    "default": Measure("share of runs", "lower", _ever("default_month")),
    "switched": Measure("share of runs", None, lambda table: table["switches"] > 0),
    "out_of_cash_month": Measure("month of the run", None, _column("out_of_cash_month")),
    "default_month": Measure("month of the run", None, _column("default_month")),
    "switches": Measure("switches", None, _column("switches")),
    "rounds_closed": Measure("rounds", None, _column("rounds_closed")),
    "rounds_failed": Measure("rounds", "lower", _column("rounds_failed")),
    "funds_raised_usd": Measure("USD", None, _column("funds_raised_usd")),
    "minimum_cash_usd": Measure("USD", "higher", _column("minimum_cash_usd")),
    "final_arr_usd": Measure("USD", "higher", _column("final_arr_usd")),
    "cumulative_burn_usd": Measure("USD", "lower", _column("cumulative_burn_usd")),
    "mean_runway_months": Measure("months", "higher", _column("mean_runway_months")),
    "commitments_signed_usd": Measure("USD", None, _column("commitments_signed_usd")),
    "final_compute_per_unit": Measure(
        "H100e-hours per unit", "lower", _column("final_compute_per_unit")
    ),
    "sublet_h100e_hours": Measure("H100e-hours", None, _column("sublet_h100e_hours")),
    "first_chipmaker_training_share": Measure(
        "share", None, _column("first_chipmaker_training_share")
    ),
    "first_chipmaker_inference_share": Measure(
        "share", None, _column("first_chipmaker_inference_share")
    ),
    "vendor_funds_usd": Measure("USD", None, _column("vendor_funds_usd")),
    "vendor_funds_share": Measure("share", None, _column("vendor_funds_share")),
}


def measure_names(scenarios: Iterable[Scenario]) -> list[str]:
    """All outcomes that these scenarios can have: of runs, then of firms."""
    firms = dict.fromkeys(firm.name for scenario in scenarios for firm in scenario.firms)
    return [*OUTCOMES, *(f"{firm}.{name}" for firm in firms for name in FIRM_MEASURES)]


def measures_of(runs: pd.DataFrame, firm_outcomes: pd.DataFrame | None) -> dict[str, Measure]:
    """All outcomes that the tables of a study hold, by name."""
    measures = {}
    for name in runs.columns.drop(list(RUN_COLUMNS), errors="ignore"):
        outcome = OUTCOMES.get(name)
        unit, better = (outcome.unit, outcome.better) if outcome else ("", None)
        measures[str(name)] = Measure(unit, better, _column(name))
    if firm_outcomes is not None:
        for firm, table in firm_outcomes.groupby("firm", sort=True):
            for name, measure in FIRM_MEASURES.items():
                measures[f"{firm}.{name}"] = measure._replace(of=_of_firm(table, measure))
    return measures


def _of_firm(table: pd.DataFrame, measure: Measure) -> Callable[[pd.DataFrame], pd.Series]:
    """A firm's outcome in each run; null where it did not take part."""

    def of(runs: pd.DataFrame) -> pd.Series:
        present = table[table["took_part"]].set_index("run_id")
        return runs["run_id"].map(measure.of(present).astype(float))

    return of


def measure_named(name: str) -> Measure:
    """An outcome by its name; of a firm, without saying which run it is of."""
    _, dot, own = name.rpartition(".")
    if dot:
        return FIRM_MEASURES[own]
    return Measure(OUTCOMES[name].unit, OUTCOMES[name].better, _column(name))


def measured(run: Played, name: str) -> float:
    """An outcome of one run; nan where the run does not define it."""
    firm, dot, own = name.rpartition(".")
    if not dot:
        value = OUTCOMES[name].compute(run)
        return np.nan if value is None else float(value)
    row = run.firms[(run.firms["firm"] == firm) & run.firms["took_part"]]
    values = FIRM_MEASURES[own].of(row).astype("Float64").to_numpy(float, na_value=np.nan)
    return float(values[0]) if len(values) else np.nan


def check_names(where: str, given: Iterable[str], known: Iterable[str], expected: str) -> None:
    """Raise StudyError unless all names are known; the message names the nearest."""
    names = list(known)
    for name in given:
        if name not in names:
            hint = nearest(name, names)
            raise StudyError(f"{where}: given '{name}', expected {expected}{hint}")


def numbers(name: str, measure: Measure, runs: pd.DataFrame) -> pd.Series:
    """A measure of each run as a number; null where the run failed or does not define it."""
    try:
        numbers = pd.to_numeric(measure.of(runs)).astype(float)
        return numbers.where(np.isfinite(numbers) & (runs["status"] == OK))
    except (TypeError, ValueError):
        raise StudyError(f"outcomes: given '{name}', which is text, expected a number") from None
