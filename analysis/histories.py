"""Two runs side by side, month by month, and the telling months of a firm's story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from .explain import concerns, tell
from .outcomes import SPOT
from .summary import important_events
from .tables import Tables

APART: Final = 1.5  # from this ratio on, two series count as apart
LEAST_MONTHS: Final = 3  # for so long at least, to the end
MOST_EVENTS: Final = 6  # of a story that is cut short
MONTHS_BEFORE: Final = 6  # in which a failed round tells of the trouble that follows

_COMPARED: Final = ("months", "firms", "events", "flows")
_FAILED_ROUNDS: Final = ("round_failed", "round_refused")
_OF_FIRM: Final = {"arr_usd": ("annual revenue", "USD"), "cash_usd": ("cash", "USD")}
_OF_MARKET: Final = {
    SPOT: ("spot price", "USD per H100e-hour"),
    "lab_revenue_usd": ("monthly revenue of labs", "USD"),
    "installed_mw": ("installed power in MW", "MW"),
}


class Drift(NamedTuple):
    """A series that is apart from that of another run from a month on, to the end of both.

    Months are of the run; the last ones are those at the end of the shorter history.
    """

    words: str
    unit: str
    month: int
    above: bool
    last_month: int
    last: float
    other_last: float


def first_difference(one: Tables, other: Tables) -> int | None:
    """The month in which two runs begin to differ, counted from 0; None if they never do."""
    found = []
    for name in _COMPARED:
        sums = [_digests(tables[name]) for tables in (one, other)]
        both = pd.concat(sums, axis="columns").fillna(0)
        found += both.index[both.iloc[:, 0] != both.iloc[:, 1]].tolist()
    return min(found, default=None)


def drifts(one: Tables, other: Tables, firm: str | None) -> list[Drift]:
    """What of a firm, or of the market, is 1.5 times as high or low as in another run for good."""
    found = []
    for column, (words, unit) in (_OF_MARKET if firm is None else _OF_FIRM).items():
        series = [_series(tables, firm, column) for tables in (one, other)]
        both = pd.concat(series, axis="columns", join="inner").dropna().sort_index()
        mine, its = both.iloc[:, 0], both.iloc[:, 1]
        for above, apart in ((True, mine > APART * its), (False, its > APART * mine)):
            steady = apart[::-1].cummin()[::-1]  # apart in this month and in all that follow
            if steady.sum() >= LEAST_MONTHS:
                since, last = (int(both.index[place]) for place in (-steady.sum(), -1))
                ends = float(mine.iloc[-1]), float(its.iloc[-1])
                found.append(Drift(words, unit, since, above, last, *ends))
    return found


def digest(tables: Tables, firm: str, role: str) -> Iterator[str]:
    """A firm's story with its most important events only, and all other months merged.

    Its first unpaid due is always told, and rounds that failed in the half year before that or
    before its default.

    Args:
        tables: at least `months`, `firms`, `events` and `flows`.
        firm: its name.
        role: lab, cloud, chipmaker or investor.

    Raises:
        ValueError: the run has no such firm.
    """
    firms, events = tables["firms"], tables["events"]
    unpaid = (firms["firm"] == firm) & (firms["arrears_usd"] > 0)
    first = firms.loc[unpaid, "month"].min()
    told = firms.assign(
        arrears_usd=firms["arrears_usd"].where(~unpaid | (firms["month"] == first), 0)
    )
    end = _end(tables, firm)
    own = events[concerns(events, firm) & (events["month"] <= end)]
    trouble = min(first, end) if unpaid.any() else end
    before = own["month"].between(trouble - MONTHS_BEFORE, trouble)
    failed = own[own["kind"].isin(_FAILED_ROUNDS) & before & (own["firm"] == firm)]
    kept = important_events(own, MOST_EVENTS).index.union(failed.index)
    return tell({**tables, "firms": told, "events": events.loc[kept.sort_values()]}, firm, role)


def _digests(table: pd.DataFrame) -> pd.Series:
    """A number a month that tells its rows from others, in whatever order they are."""
    hashes = pd.util.hash_pandas_object(table, index=False)
    return hashes.groupby(table["month"].to_numpy()).sum()


def _series(tables: Tables, firm: str | None, column: str) -> pd.Series:
    """A column by month; of a firm until its default."""
    if firm is None:
        return tables["months"].set_index("month")[column]
    rows = tables["firms"]
    own = rows[(rows["firm"] == firm) & (rows["month"] <= _end(tables, firm))]
    return own.set_index("month")[column]


def _end(tables: Tables, firm: str) -> float:
    """The month of a firm's default; infinite without one."""
    events = tables["events"]
    month = events.loc[(events["kind"] == "default") & (events["firm"] == firm), "month"].min()
    return float(month) if pd.notna(month) else np.inf
