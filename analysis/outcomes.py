"""What a run came to: each outcome defined once, computed from the run's tables.

`OUTCOMES` is the registry: a name, a unit, a meaning and a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from ..market.columns import MONTHS
from . import (  # noqa: F401 (each enters its outcomes)
    alliance_outcomes,
    contagion_outcomes,
    contract_outcomes,
    entry_outcomes,
    finance_outcomes,
    letter_outcomes,
    programme_outcomes,
    workload_outcomes,
)
from .firm_outcomes import FIRM_COLUMNS, SWITCH_COLUMNS, Flags, Floats, firm_outcomes, switches
from .played import OUTCOMES, Better, Outcome, Played, Value, mean, outcome
from .tables import AnyTables, Tables

if TYPE_CHECKING:
    from ..scenario import Scenario

__all__ = [
    "FIRM_COLUMNS",
    "OUTCOMES",
    "SWITCH_COLUMNS",
    "Better",
    "Outcome",
    "Played",
    "Value",
    "firm_outcomes",
    "outcomes",
    "switches",
    "yearly",
]

SPOT: Final = "spot_price_usd_per_h100e_hour"
CONTRACT: Final = "contract_price_usd_per_h100e_hour"

_SUMS: Final = tuple(name for name, _ in MONTHS if name.endswith("_usd"))
_YEAR_ENDS: Final = ("installed_mw", "installed_training_h100e", "installed_inference_h100e")
_MEANS: Final = (SPOT, CONTRACT, "list_price_usd_per_h100e_hour", "utilisation")


def outcomes(tables: AnyTables, scenario: Scenario) -> dict[str, Value]:
    """All outcomes of a run, by name; None where the run does not define one."""
    return Played(tables, scenario).outcomes(OUTCOMES)


@outcome("months")
def _months(run: Played) -> int:
    """Months played."""
    return len(run.month("month"))


@outcome("firms", better="lower")
def _defaults(run: Played) -> int:
    """Firms that defaulted."""
    return int(np.isfinite(run.firm("default_month")).sum())


@outcome("labs", better="lower")
def _lab_defaults(run: Played) -> int:
    """Independent labs that defaulted."""
    return int(np.isfinite(run.lab("default_month")).sum())


@outcome("month of the run")
def _first_default_month(run: Played) -> int | None:
    """Month of the first default; None without one."""
    months = run.firm("default_month")
    return None if np.isnan(months).all() else int(np.nanmin(months))


@outcome("share", better="lower")
def _labs_out_of_cash(run: Played) -> float | None:
    """Share of independent labs that at some time could not pay some due in full."""
    return _share(np.isfinite(run.lab("out_of_cash_month")))


@outcome("firms", better="lower")
def _firms_out_of_cash(run: Played) -> int:
    """Firms that at some time could not pay some due in full."""
    return int(np.isfinite(run.firm("out_of_cash_month")).sum())


@outcome("switches")
def _switches(run: Played) -> int:
    """Changes of main supplier over all workloads, of all labs."""
    return int(run.firm("switches").sum())


@outcome("share")
def _labs_that_switched(run: Played) -> float | None:
    """Share of independent labs that changed main supplier at least once."""
    return _share(run.lab("switches") > 0)


@outcome("USD per H100e-hour")
def _spot_price_last_24_months(run: Played) -> float | None:
    """Mean spot price of the last 24 months."""
    return mean(run.month(SPOT)[-24:])


@outcome("USD per H100e-hour")
def _contract_price_last_24_months(run: Played) -> float | None:
    """Mean contract price of the last 24 months."""
    return mean(run.month(CONTRACT)[-24:])


@outcome("share")
def _spot_price_worst_12_month_change(run: Played) -> float | None:
    """Lowest relative change of the spot price over twelve months; -0.2 is a fall of 20 %."""
    return _extreme(np.min, _changes(run.month(SPOT), 12))


@outcome("share")
def _spot_price_best_6_month_change(run: Played) -> float | None:
    """Highest relative change of the spot price over six months; 0.1 is a rise of 10 %."""
    return _extreme(np.max, _changes(run.month(SPOT), 6))


@outcome("contracts")
def _contracts_signed(run: Played) -> int:
    """Compute contracts signed during the run, renewals included."""
    return int(run.event_counts.get("contract_signed", 0))


@outcome("talks")
def _talks_refused(run: Played) -> int:
    """Talks on compute that ended without a deal."""
    return int(run.event_counts.get("offer_refused", 0))


@outcome("rounds")
def _rounds_closed(run: Played) -> int:
    """Equity rounds closed."""
    return int(run.firm("rounds_closed").sum())


@outcome("rounds", better="lower")
def _rounds_failed(run: Played) -> int:
    """Equity rounds refused by the firm or left without enough bids."""
    return int(run.firm("rounds_failed").sum())


@outcome("USD")
def _funds_raised_usd(run: Played) -> float:
    """Equity paid in during the run, all firms; no parent funding, loans or grants."""
    return float(run.firm("funds_raised_usd").sum())


@outcome("USD")
def _loans_drawn_usd(run: Played) -> float:
    """Loans drawn during the run, all firms."""
    return float(run.month("loans_drawn_usd").sum())


@outcome("USD", better="higher")
def _lab_revenue_usd(run: Played) -> float:
    """Revenue of all labs over the run."""
    return float(run.month("lab_revenue_usd").sum())


@outcome("USD")
def _capex_usd(run: Played) -> float:
    """Capital expenditure of all firms over the run."""
    return float(run.month("capex_usd").sum())


@outcome("H100e")
def _final_installed_training_h100e(run: Played) -> float | None:
    """Training throughput installed in the last month."""
    return _last(run.month("installed_training_h100e"))


@outcome("H100e")
def _final_installed_inference_h100e(run: Played) -> float | None:
    """Inference throughput installed in the last month."""
    return _last(run.month("installed_inference_h100e"))


@outcome("MW")
def _final_installed_mw(run: Played) -> float | None:
    """Power of the chips installed in the last month."""
    return _last(run.month("installed_mw"))


@outcome("share")
def _mean_utilisation(run: Played) -> float | None:
    """Mean over the months of the share of installed compute that is used."""
    return mean(run.month("utilisation"))


@outcome("share", better="lower")
def _mean_unmet_demand_share(run: Played) -> float | None:
    """Mean over the months of the share of demand for AI services left unserved."""
    return mean(run.month("unmet_demand_share"))


def yearly(tables: Tables) -> pd.DataFrame:
    """A row a calendar year: sums of flows, stocks at the year's end, means of prices.

    `months` says how many months of the year the run played; units are in the names.
    """
    months = tables["months"].sort_values("month")
    by_year = months.groupby(months["date"].str[:4].astype(int).rename("year"))
    return pd.concat(
        [
            by_year.size().rename("months"),
            by_year[list(_SUMS)].sum(),
            by_year[list(_YEAR_ENDS)].last(),
            by_year[list(_MEANS)].mean(),
        ],
        axis="columns",
    )


def _changes(series: Floats, lag: int) -> Floats:
    """Relative changes over `lag` months; empty where the run is too short."""
    before, after = series[:-lag], series[lag:]
    known = (before > 0) & np.isfinite(after)
    return after[known] / before[known] - 1


def _extreme(pick: Callable[[Floats], np.float64], values: Floats) -> float | None:
    return float(pick(values)) if values.size else None


def _last(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else None


def _share(flags: Flags) -> float | None:
    return float(flags.mean()) if len(flags) else None
