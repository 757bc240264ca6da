"""What a run came to: each outcome defined once, computed from the run's tables.

`OUTCOMES` is the registry: a name, a unit, a meaning and a function. A study computes all of them
for thousands of runs, hence the numpy arrays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from ..scenario import Scenario

Tables = Mapping[str, pd.DataFrame]
Value = float | int | str | None
Compute = Callable[["Played"], Value]
Better = Literal["higher", "lower"]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SPOT: Final = "spot_price_usd_per_h100e_hour"
CONTRACT: Final = "contract_price_usd_per_h100e_hour"

SWITCH_COLUMNS: Final = ("month", "month_from", "lab", "from", "to", "reason", "forced")

FIRM_COLUMNS: Final = (  # of `firm_outcomes`, with their kinds
    ("firm", "str"),
    ("role", "str"),
    ("kind", "str"),
    ("took_part", "bool"),
    ("out_of_cash_month", "int"),
    ("first_runway_below_one_month", "int"),
    ("default_month", "int"),
    ("switches", "int"),
    ("first_main_supplier", "str"),
    ("last_main_supplier", "str"),
    ("rounds_closed", "int"),
    ("rounds_failed", "int"),
    ("funds_raised_usd", "int"),
    ("minimum_cash_usd", "float"),
    ("final_arr_usd", "float"),
)

_SUMS: Final = (
    "lab_revenue_usd",
    "cloud_revenue_usd",
    "chip_revenue_usd",
    "capex_usd",
    "ai_capex_hyperscalers_usd",
    "equity_raised_usd",
    "strategic_equity_usd",
    "loans_drawn_usd",
    "parent_funding_usd",
    "commitments_signed_usd",
)
_YEAR_ENDS: Final = ("installed_mw", "installed_training_h100e", "installed_inference_h100e")
_MEANS: Final = (SPOT, CONTRACT, "list_price_usd_per_h100e_hour", "utilisation")


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


def outcomes(tables: Tables, scenario: Scenario) -> dict[str, Value]:
    """All outcomes of a run, by name; None where the run does not define one."""
    return Played(tables, scenario).outcomes(OUTCOMES)


def _outcome(unit: str, better: Better | None = None) -> Callable[[Compute], Compute]:
    """Enter the function under its own name, with its docstring as the meaning."""

    def enter(compute: Compute) -> Compute:
        name = compute.__name__.strip("_")
        OUTCOMES[name] = Outcome(name, unit, (compute.__doc__ or "").strip(), compute, better)
        return compute

    return enter


@_outcome("months")
def _months(run: Played) -> int:
    """Months played."""
    return len(run.tables["months"])


@_outcome("firms", better="lower")
def _defaults(run: Played) -> int:
    """Firms that defaulted."""
    return int(run.firms["default_month"].notna().sum())


@_outcome("labs", better="lower")
def _lab_defaults(run: Played) -> int:
    """Independent labs that defaulted."""
    return int(run.labs["default_month"].notna().sum())


@_outcome("month of the run")
def _first_default_month(run: Played) -> int | None:
    """Month of the first default; None without one."""
    month = run.firms["default_month"].min()
    return None if pd.isna(month) else int(month)


@_outcome("share", better="lower")
def _labs_out_of_cash(run: Played) -> float | None:
    """Share of independent labs that at some time could not pay some due in full."""
    return _share(run.labs["out_of_cash_month"].notna())


@_outcome("firms", better="lower")
def _firms_out_of_cash(run: Played) -> int:
    """Firms that at some time could not pay some due in full."""
    return int(run.firms["out_of_cash_month"].notna().sum())


@_outcome("switches")
def _switches(run: Played) -> int:
    """Changes of main supplier over all workloads, of all labs."""
    return int(run.firms["switches"].sum())


@_outcome("share")
def _labs_that_switched(run: Played) -> float | None:
    """Share of independent labs that changed main supplier at least once."""
    return _share(run.labs["switches"] > 0)


@_outcome("USD per H100e-hour")
def _spot_price_last_24_months(run: Played) -> float | None:
    """Mean spot price of the last 24 months."""
    return _mean(run.month(SPOT)[-24:])


@_outcome("USD per H100e-hour")
def _contract_price_last_24_months(run: Played) -> float | None:
    """Mean contract price of the last 24 months."""
    return _mean(run.month(CONTRACT)[-24:])


@_outcome("share")
def _spot_price_worst_12_month_change(run: Played) -> float | None:
    """Lowest relative change of the spot price over twelve months; -0.2 is a fall of 20 %."""
    return _extreme(np.min, _changes(run.month(SPOT), 12))


@_outcome("share")
def _spot_price_best_6_month_change(run: Played) -> float | None:
    """Highest relative change of the spot price over six months; 0.1 is a rise of 10 %."""
    return _extreme(np.max, _changes(run.month(SPOT), 6))


@_outcome("contracts")
def _contracts_signed(run: Played) -> int:
    """Compute contracts signed during the run, renewals included."""
    return int(run.event_counts.get("contract_signed", 0))


@_outcome("talks")
def _talks_refused(run: Played) -> int:
    """Talks on compute that ended without a deal."""
    return int(run.event_counts.get("offer_refused", 0))


@_outcome("rounds")
def _rounds_closed(run: Played) -> int:
    """Equity rounds closed."""
    return int(run.firms["rounds_closed"].sum())


@_outcome("rounds", better="lower")
def _rounds_failed(run: Played) -> int:
    """Equity rounds refused by the firm or left without enough bids."""
    return int(run.firms["rounds_failed"].sum())


@_outcome("USD")
def _funds_raised_usd(run: Played) -> float:
    """Equity paid in during the run, all firms; no parent funding, loans or grants."""
    return float(run.firms["funds_raised_usd"].sum())


@_outcome("USD")
def _loans_drawn_usd(run: Played) -> float:
    """Loans drawn during the run, all firms."""
    return float(run.month("loans_drawn_usd").sum())


@_outcome("USD", better="higher")
def _lab_revenue_usd(run: Played) -> float:
    """Revenue of all labs over the run."""
    return float(run.month("lab_revenue_usd").sum())


@_outcome("USD")
def _capex_usd(run: Played) -> float:
    """Capital expenditure of all firms over the run."""
    return float(run.month("capex_usd").sum())


@_outcome("H100e")
def _final_installed_training_h100e(run: Played) -> float | None:
    """Training throughput installed in the last month."""
    return _last(run.month("installed_training_h100e"))


@_outcome("H100e")
def _final_installed_inference_h100e(run: Played) -> float | None:
    """Inference throughput installed in the last month."""
    return _last(run.month("installed_inference_h100e"))


@_outcome("MW")
def _final_installed_mw(run: Played) -> float | None:
    """Power of the chips installed in the last month."""
    return _last(run.month("installed_mw"))


@_outcome("share")
def _mean_utilisation(run: Played) -> float | None:
    """Mean over the months of the share of installed compute that is used."""
    return _mean(run.month("utilisation"))


@_outcome("share", better="lower")
def _mean_unmet_demand_share(run: Played) -> float | None:
    """Mean over the months of the share of demand for AI services left unserved."""
    return _mean(run.month("unmet_demand_share"))


def firm_outcomes(tables: Tables, scenario: Scenario) -> pd.DataFrame:
    """A row a firm of the scenario: when it ran short, whom it bought from, what it raised.

    Months are numbers of the run, null where the thing never happened; money is in USD.
    A firm that never entered has its row too, with `took_part` False.
    """
    roles = {"lab": scenario.labs, "cloud": scenario.clouds}
    roles |= {"chipmaker": scenario.chipmakers, "investor": scenario.investors}
    listed = [(firm, role) for role, firms in roles.items() for firm in firms]
    index = pd.Index([firm.name for firm, _ in listed], dtype=object)
    size = len(index)

    table = tables["firms"]
    at = _positions(index, table["firm"])
    month = table["month"].to_numpy()
    if not (np.diff(month) >= 0).all():
        order = np.argsort(month, kind="stable")
        table, at, month = table.iloc[order], at[order], month[order]
    present = at >= 0

    def first(flags: Flags) -> pd.api.extensions.ExtensionArray:
        return _first_month(size, at[flags & present], month[flags & present])

    def series(column: str) -> Floats:
        return table[column].to_numpy(dtype=float)

    final_arr, lowest_cash = np.full(size, np.nan), np.full(size, np.inf)
    final_arr[at[present]] = series("arr_usd")[present]  # the last row of a firm wins
    np.minimum.at(lowest_cash, at[present], series("cash_usd")[present])

    supplier = table["main_supplier"].fillna("").to_numpy(dtype=object)
    supplied = present & (supplier != "")
    first_supplier, last_supplier = (np.full(size, "", dtype=object) for _ in range(2))
    first_supplier[at[supplied][::-1]] = supplier[supplied][::-1]
    last_supplier[at[supplied]] = supplier[supplied]

    events = tables["events"]
    kind = events["kind"].to_numpy(dtype=object)
    named = _positions(index, events["firm"])
    default = (kind == "default") & (named >= 0)

    def count(*kinds: str) -> npt.NDArray[np.int64]:
        flags = np.isin(kind, kinds) & (named >= 0)
        return np.bincount(named[flags], minlength=size)

    equity = tables["flows"].loc[tables["flows"]["purpose"] == "equity", ["payee", "amount_usd"]]
    payee = _positions(index, equity["payee"])
    raised = np.zeros(size, dtype=np.int64)
    np.add.at(raised, payee[payee >= 0], equity["amount_usd"].to_numpy()[payee >= 0])

    switched = _positions(index, switches(tables)["lab"])
    return pd.DataFrame(
        {
            "firm": index.to_numpy(),
            "role": [role for _, role in listed],
            "kind": [getattr(firm, "kind", "") for firm, _ in listed],
            "took_part": np.isin(np.arange(size), at),
            "out_of_cash_month": first(table["arrears_usd"].to_numpy() > 0),
            "first_runway_below_one_month": first(series("runway_months") < 1),
            "default_month": _first_month(
                size, named[default], events["month"].to_numpy()[default]
            ),
            "switches": np.bincount(switched[switched >= 0], minlength=size),
            "first_main_supplier": first_supplier,
            "last_main_supplier": last_supplier,
            "rounds_closed": count("round_closed"),
            "rounds_failed": count("round_failed", "round_refused"),
            "funds_raised_usd": raised,
            "minimum_cash_usd": np.where(np.isfinite(lowest_cash), lowest_cash, np.nan),
            "final_arr_usd": final_arr,
        }
    )


def switches(tables: Tables) -> pd.DataFrame:
    """A row a change of a lab's main supplier over all workloads, in the order they counted.

    `month` is the month in which the switch counted, `month_from` the first with the new supplier;
    `forced` says that the old one had defaulted.
    """
    events = tables["events"]
    rows = []
    for event in records(events[events["kind"] == "switch"]):
        details = parse_details(event["details"])
        if details.get("workload") == "overall":
            rows.append(
                {
                    "month": event["month"],
                    "month_from": details.get("month_from", event["month"]),
                    "lab": event["firm"],
                    "from": details.get("from", ""),
                    "to": details.get("to", event["counterparty"]),
                    "reason": details.get("reason", ""),
                    "forced": bool(details.get("forced", False)),
                }
            )
    return pd.DataFrame(rows, columns=list(SWITCH_COLUMNS))


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


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return cast("list[dict[str, Any]]", table.to_dict("records"))


def parse_details(text: object) -> dict[str, Any]:
    """The details of an event; empty where there are none."""
    details = json.loads(text) if isinstance(text, str) and text else {}
    return details if isinstance(details, dict) else {}


def _positions(index: pd.Index, names: pd.Series) -> npt.NDArray[np.intp]:
    """The place of each name in the index, -1 where it is not there."""
    return index.get_indexer(pd.Index(names, dtype=object))


def _first_month(
    size: int, at: npt.NDArray[np.intp], month: npt.NDArray[np.int64]
) -> pd.api.extensions.ExtensionArray:
    """The lowest month of each of `size` rows, null for rows that `at` does not name."""
    first = np.full(size, np.inf)
    np.minimum.at(first, at, month)
    return pd.array(np.where(np.isfinite(first), first, np.nan), dtype="Int64")


def _changes(series: Floats, lag: int) -> Floats:
    """Relative changes over `lag` months; empty where the run is too short."""
    before, after = series[:-lag], series[lag:]
    known = (before > 0) & np.isfinite(after)
    return after[known] / before[known] - 1


def _extreme(pick: Callable[[Floats], np.float64], values: Floats) -> float | None:
    return float(pick(values)) if values.size else None


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _last(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else None


def _share(flags: pd.Series) -> float | None:
    return float(flags.mean()) if len(flags) else None
