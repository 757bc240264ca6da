"""Who has how much at stake with whom at a month of a run, and DebtRank on that network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from .debt_rank import debt_ranks
from .firm_finance import HOURS_PER_MONTH
from .firm_outcomes import roles_of
from .payments import Floats, given_before, payments_of
from .tables import Tables, records

if TYPE_CHECKING:
    from ..scenario import Scenario

_YEAR: Final = 12


def exposures_at(tables: Tables, scenario: Scenario, month: int) -> pd.DataFrame:
    """What each firm (column) would lose if another (row) failed, at the end of a month; USD.

    Loans outstanding, shares at cost, prepaid credit for compute that is still to come, and a
    year's sales to it at the pace of the last twelve months, as if nothing were sold again for a
    year. Nothing is recovered. Deposits on chips are left out: no table says what of them is used.
    Rows and columns are the firms in the market at the end of the month, in order of the scenario.

    Raises:
        ValueError: the run has no such month.
    """
    here = _here(tables, scenario, month)
    payments, given = payments_of(tables, scenario), given_before(scenario)
    past = slice(month + 1)
    loans = given.loans + payments.loans[past].sum(axis=0) - payments.repaid[past].sum(axis=0).T
    shares = given.shares + payments.shares[past].sum(axis=0)
    year = payments.sales[max(0, month + 1 - _YEAR) : month + 1]
    sales = year.sum(axis=0) * _YEAR / len(year)  # payer x payee, as who fails x who loses
    owned = np.maximum(loans, 0.0) + shares + _credit(tables, scenario, month)
    at = [payments.names.index(name) for name in here["firm"]]
    return pd.DataFrame((sales + owned.T)[np.ix_(at, at)], here["firm"], here["firm"])


def debt_ranks_at(tables: Tables, scenario: Scenario, month: int) -> pd.DataFrame:
    """DebtRank of each firm in the market at the end of a month, the highest first.

    Returns:
        firm, role; debt_rank: share of the value of all firms that its failure would destroy at
        others; equity_usd: its buffer, the book equity; value_usd: its weight in the total, equity
        and debt, at least 0; exposed_usd: what others have at stake with it.

    Raises:
        ValueError: the run has no such month.
    """
    here = _here(tables, scenario, month)
    exposure = exposures_at(tables, scenario, month).to_numpy()
    equity = here["book_equity_usd"].to_numpy(dtype=float)
    value = np.maximum(equity + here["debt_usd"].to_numpy(dtype=float), 0.0)
    ranks = debt_ranks(list(here["firm"]), exposure, equity, value)
    table = pd.DataFrame(
        {
            "firm": here["firm"],
            "role": here["firm"].map(roles_of(scenario)),
            "debt_rank": here["firm"].map(ranks),
            "equity_usd": here["book_equity_usd"],
            "value_usd": value,
            "exposed_usd": exposure.sum(axis=1),
        }
    )
    return table.sort_values(["debt_rank", "firm"], ascending=[False, True], ignore_index=True)


def _here(tables: Tables, scenario: Scenario, month: int) -> pd.DataFrame:
    """The month's rows of the firms that are in the market, in order of the scenario."""
    firms = tables["firms"]
    rows = firms[(firms["month"] == month) & (firms["status"] != "DEFAULTED")]
    if not (firms["month"] == month).any():
        last = firms["month"].max()
        raise ValueError(f"month: given {month}, expected one of the run, 0 to {last}")
    order = {name: place for place, name in enumerate(roles_of(scenario))}
    return rows.sort_values("firm", key=lambda names: names.map(order), ignore_index=True)


def _credit(tables: Tables, scenario: Scenario, month: int) -> Floats:
    """Prepaid compute still to come, giver x taker: each month takes its share of the credit.

    Credit of the opening is used up first, at the price of the contract that it came with.
    """
    place = {name: at for at, name in enumerate(roles_of(scenario))}
    left = np.zeros((len(place) + 1, len(place) + 1))
    for given in scenario.contracts:
        used = (month + 1) * HOURS_PER_MONTH * given.h100e * given.price_usd_per_h100e_hour
        left[place[given.lab], place[given.cloud]] += max(0.0, given.prepaid_usd - used)
    deals = tables["contracts"]
    paid = deals[(deals["kind"] == "compute") & (deals["prepaid_share"] > 0)]
    live = paid[(paid["month_signed"] <= month) & ~(paid["month_ended"] <= month)]
    for deal in records(live):
        months = min(deal["term_months"], max(0, deal["month_end"] - 1 - month))
        credit = deal["prepaid_share"] * deal["amount_usd"] * months / deal["term_months"]
        left[place[deal["buyer"]], place[deal["seller"]]] += credit
    return left
