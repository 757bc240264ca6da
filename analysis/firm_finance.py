"""Each firm's money and compute over a run: runway, promises to pay, compute a unit, sublets."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

FINANCE_COLUMNS: Final = (  # of `firm_outcomes`, with their kinds
    ("mean_runway_months", "float"),
    ("commitments_signed_usd", "float"),
    ("final_compute_per_unit", "float"),
    ("sublet_h100e_hours", "float"),
)
LONG_RUNWAY_MONTHS: Final = 60.0  # five years: what lasts longer, or for ever, counts as this
_LAST_MONTHS = 24
HOURS_PER_MONTH: Final = 730.0


def finance_columns(
    size: int,
    at: npt.NDArray[np.intp],
    table: pd.DataFrame,
    named: npt.NDArray[np.intp],
    events: pd.DataFrame,
) -> dict[str, Floats]:
    """The columns by firm.

    Args:
        size: number of firms.
        at: of each row of `table` the firm's number, -1 for none.
        table: `firms`, in order of months.
        named: of each event the number of its firm, -1 for none.
        events: `events`.
    """
    month = table["month"].to_numpy()
    present = at >= 0
    runway = np.minimum(table["runway_months"].to_numpy(dtype=float), LONG_RUNWAY_MONTHS)
    runway = np.where(table["status"].to_numpy(dtype=object) == "DEFAULTED", 0.0, runway)
    recent = present & (month > month.max(initial=0) - _LAST_MONTHS)
    with np.errstate(invalid="ignore"):
        mean = _sums(size, at[recent], runway[recent]) / np.bincount(at[recent], minlength=size)
    unit = table["inference_h100e_hours_per_unit"].to_numpy(dtype=float)
    last_unit = np.full(size, np.nan)
    last_unit[at[present]] = unit[present]  # the last row of a firm wins
    let = sublet_h100e(table)
    signed = (events["kind"].to_numpy(dtype=object) == "contract_signed") & (named >= 0)
    amounts = events["amount_usd"].to_numpy(dtype=float)
    return {
        "mean_runway_months": mean,
        "commitments_signed_usd": _sums(size, named[signed], amounts[signed]),
        "final_compute_per_unit": last_unit,
        "sublet_h100e_hours": HOURS_PER_MONTH * _sums(size, at[present], let[present]),
    }


def sublet_h100e(firms: pd.DataFrame) -> Floats:
    """H100e let, row by row; 0 for firms that are no labs."""
    columns = ["sublet_training_h100e", "sublet_inference_h100e"]
    return np.nan_to_num(firms[columns].to_numpy(dtype=float)).sum(axis=1)


def _sums(size: int, at: npt.NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(at, weights=values, minlength=size).astype(float)
