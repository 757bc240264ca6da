"""How long firms last: Kaplan-Meier curves of a batch of runs, a firm or a role at a time.

Kaplan & Meier (1958). A firm that is still there when its run ends is censored: it has lasted at
least that long. Months count from the start of the run, or from the firm's entry.
"""

from __future__ import annotations

from typing import Any, Final, Literal
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import CensoredData, ecdf

from .ensemble import took_part, variants_of

Event = Literal["default", "out_of_cash"]
Floats = npt.NDArray[np.floating[Any]]

COLUMNS: Final = ("variant", "name", "month", "at_risk", "survival", "low", "high")
_CONFIDENCE: Final = 0.95


def survival(
    firm_outcomes: pd.DataFrame,
    months: int,
    event: Event = "default",
    by: Literal["firm", "role"] = "firm",
) -> pd.DataFrame:
    """Share of firms to which the event has not happened by the end of each month.

    Args:
        firm_outcomes: the frame of a study of that name.
        months: length of a run.
        event: what ends a firm's time: its default, or the first due it cannot pay in full.
        by: a curve a firm over its runs, or a role over its firms and runs.

    Returns:
        A row a variant, name (firm or role) and month: how many were at risk in the month,
        survival at its end, and the 95 % band on the log-log scale, null before the first event.
    """
    taken = took_part(firm_outcomes)
    if len(taken):
        taken = taken[["variant", by, f"{event}_month"]]
    parts = []
    for variant in variants_of(taken):
        own = taken[taken["variant"] == variant]
        for name, group in own.groupby(by, sort=True):
            first = group[f"{event}_month"].astype(float).to_numpy()
            curve = kaplan_meier(first, np.full(len(first), float(months)), months)
            parts.append(curve.assign(variant=variant, name=name))
    empty = pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else empty


def kaplan_meier(first: Floats, last: Floats, months: int) -> pd.DataFrame:
    """The curve of some lives.

    Args:
        first: month of the event, NaN where it did not come.
        last: month in which watching ended, at or after the event.
        months: how many to tell of.

    Returns:
        month, at_risk, survival, low, high, as in `survival`.
    """
    came = np.isfinite(first)
    at = np.arange(months)
    at_risk = (np.where(came, first, last) >= at[:, None]).sum(axis=1)
    if not came.any():
        flat = {"survival": 1.0, "low": np.nan, "high": np.nan}
        return pd.DataFrame({"month": at, "at_risk": at_risk, **flat})
    function = ecdf(CensoredData(uncensored=first[came], right=last[~came])).sf
    with np.errstate(divide="ignore", invalid="ignore"), catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # at zero there is no band, and scipy says so
        band = function.confidence_interval(_CONFIDENCE, method="log-log")
    known = at >= first[came].min()  # before, there is no variance to tell of
    return pd.DataFrame(
        {
            "month": at,
            "at_risk": at_risk,
            "survival": function.evaluate(at),
            "low": np.where(known, band.low.evaluate(at), np.nan),
            "high": np.where(known, band.high.evaluate(at), np.nan),
        }
    )
