"""Each firm's money and compute over a run: runway, compute a unit of service, sublets."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..market.column import number

Floats = npt.NDArray[np.float64]

FINANCE_COLUMNS: Final = (  # of `firm_outcomes`
    number(
        "mean_runway_months",
        "months",
        "mean runway of the last 24 months, at most 60 in each, 0 once failed",
    ),
    number("commitments_signed_usd", "USD", "price over the term of compute contracts signed"),
    number(
        "final_compute_per_unit",
        "H100e-hours per unit",
        "labs: inference for a unit of service, in the last month",
    ),
    number("sublet_h100e_hours", "H100e-hours", "labs: compute let to others, both workloads"),
)
SUBLETS: Final = ("sublet_training_h100e", "sublet_inference_h100e")
FINANCE_SERIES: Final = ("status", "inference_h100e_hours_per_unit", *SUBLETS)  # of `firms`
LONG_RUNWAY_MONTHS: Final = 60.0  # five years: what lasts longer, or for ever, counts as this
_LAST_MONTHS = 24
HOURS_PER_MONTH: Final = 730.0


def finance_columns(
    size: int, at: npt.NDArray[np.integer[Any]], rows: pa.Table
) -> dict[str, Floats]:
    """The columns by firm.

    Args:
        size: number of firms.
        at: the number of each row's firm.
        rows: of `firms`, in order of months.
    """
    month = np.asarray(rows["month"])
    runway = np.minimum(np.asarray(rows["runway_months"]), LONG_RUNWAY_MONTHS)
    runway = np.where(np.asarray(rows["status"]) == "DEFAULTED", 0.0, runway)
    recent = month > month.max(initial=0) - _LAST_MONTHS
    counts = np.bincount(at[recent], minlength=size)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(at[recent], runway[recent], size) / counts
    last_unit = np.full(size, np.nan)
    last_unit[at] = rows["inference_h100e_hours_per_unit"]  # the last row of a firm wins
    return {
        "mean_runway_months": mean,
        "final_compute_per_unit": last_unit,
        "sublet_h100e_hours": HOURS_PER_MONTH * np.bincount(at, sublet_h100e(rows), size),
    }


def sublet_h100e(rows: pa.Table) -> Floats:
    """H100e let, row by row of `firms`; 0 for firms that are no labs."""
    let = [np.nan_to_num(np.asarray(rows[name], dtype=float)) for name in SUBLETS]
    return np.asarray(let[0] + let[1])
