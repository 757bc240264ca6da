"""Real against paper runway: with letters of intent counted as cash a firm seems to last longer.

Of one run month by month, and of many runs as survival after the first letter: what both runways
promised when it was signed, and what happened.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from .ensemble import variants_of
from .letter_outcomes import LONGEST_RUNWAY_MONTHS
from .survival import kaplan_meier
from .tables import Tables
from .wording import OK

NEEDED: Final = (  # outcomes that survival after the first letter is made from
    "months",
    "first_letter_month",
    "first_letter_runway_months",
    "first_letter_paper_runway_months",
    "first_letter_to_out_of_cash_months",
)


def takers(tables: Tables) -> list[str]:
    """Firms that at some time held a letter of intent, by name."""
    firms = tables["firms"]
    longer = firms["runway_with_letters_months"] > firms["runway_months"]
    return sorted(firms.loc[longer, "firm"].unique())


def runways(tables: Tables, firm: str) -> pd.DataFrame:
    """Both runways of a firm in each month, at most 60 months each.

    Returns:
        month, date, runway_months, runway_with_letters_months, and overstated_months between them.
    """
    rows = tables["firms"]
    rows = rows[rows["firm"] == firm].sort_values("month", ignore_index=True)
    columns = ["runway_months", "runway_with_letters_months"]
    table = rows[["month", "date", *columns]].copy()
    table[columns] = table[columns].astype(float).clip(upper=LONGEST_RUNWAY_MONTHS)
    table["overstated_months"] = table[columns[1]] - table[columns[0]]
    return table


def runway_survival(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of takers that pay all their dues so many months after their first letter.

    Args:
        runs: of a study that keeps the outcomes `NEEDED`.

    Returns:
        A row a variant, curve and month since the letter: variant, curve (real: what the runway of
        that day promised, without new money; paper: the same if letters were cash; happened:
        Kaplan-Meier, censored at the end of the run), month, at_risk, survival, low, high.
    """
    parts = []
    signed = runs[(runs["status"] == OK) & runs["first_letter_month"].notna()]
    for variant in variants_of(signed):
        own = signed.loc[signed["variant"] == variant, list(NEEDED)].to_numpy(dtype=float)
        months, month, real, paper, happened = own.T
        at = np.arange(int((months - month).max()))
        for curve, promised in (("real", real), ("paper", paper)):
            lasts = (promised > at[:, None]).mean(axis=1)
            table = pd.DataFrame({"month": at, "at_risk": len(own), "survival": lasts})
            parts.append(table.assign(variant=variant, curve=curve))
        table = kaplan_meier(happened, months - month, len(at))
        parts.append(table.assign(variant=variant, curve="happened"))
    columns = ["variant", "curve", "month", "at_risk", "survival", "low", "high"]
    empty = pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns) if parts else empty
