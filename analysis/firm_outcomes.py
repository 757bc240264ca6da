"""What became of each firm of a run, and when labs changed supplier: from the run's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..market.column import Column, flag, integer, number, schema_of, text
from ..market.money_loops import FIRM_COLUMNS as MONEY_OF_FIRMS
from ..market.money_loops import FLOW_COLUMNS, add_up, funds_usd, ratio
from ..market.recorder import ARROW
from .firm_finance import FINANCE_COLUMNS, FINANCE_SERIES, finance_columns
from .tables import AnyTables, columns, events_of
from .workload_shares import SHARE_SERIES, first_chipmaker_shares

if TYPE_CHECKING:
    from ..scenario import Scenario

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.integer[Any]]

SWITCH_COLUMNS: Final = ("month", "month_from", "lab", "from", "to", "reason", "forced")

FIRM_OUTCOMES: Final[tuple[Column, ...]] = (
    text("firm", "name"),
    text("role", "lab, cloud, chipmaker, investor"),
    text("kind", "as in `firms`"),
    flag("took_part", "whether it was ever in the market"),
    integer("out_of_cash_month", "", "first month with dues that it could not pay in full"),
    integer("first_runway_below_one_month", "", "first month with less than a month of runway"),
    integer("default_month", "", "month of its default"),
    integer("switches", "switches", "changes of main supplier over all workloads"),
    text("first_main_supplier", "group that was its main supplier first"),
    text("last_main_supplier", "group that was its main supplier last"),
    integer("rounds_closed", "rounds", "equity rounds closed"),
    integer("rounds_failed", "rounds", "refused by the firm or left without enough bids"),
    integer("funds_raised_usd", "USD", "equity paid in"),
    number("minimum_cash_usd", "USD", "lowest cash at the end of a month"),
    number("final_arr_usd", "USD", "recurring revenue a year, in the last month; 0 once failed"),
    number("cumulative_burn_usd", "USD", "sum of the months' burn"),
    *FINANCE_COLUMNS,
    number(
        "first_chipmaker_training_share",
        "share",
        "labs: of training delivered under contract in the last 12 months, on chips of the maker "
        "with most packaging capacity at the start",
    ),
    number(
        "first_chipmaker_inference_share",
        "share",
        "labs: of inference delivered under contract in the last 12 months, on chips of that maker",
    ),
    integer("vendor_funds_usd", "USD", "equity, loans and guarantees from its suppliers"),
    number("vendor_funds_share", "share", "of such funds from anyone, those from its suppliers"),
)
FIRM_COLUMNS: Final = schema_of(FIRM_OUTCOMES)
_OWN: Final = ("arr_usd", "cash_usd", "runway_months", "arrears_usd", "main_supplier")
_SERIES: Final = (*_OWN, "burn_usd", *FINANCE_SERIES, *SHARE_SERIES)  # of `firms`


def firm_outcomes(tables: AnyTables, scenario: Scenario) -> pd.DataFrame:
    """A row a firm of the scenario: when it ran short, whom it bought from, what it raised.

    Months are numbers of the run, null where the thing never happened; money is in USD.
    A firm that never entered has its row too, with `took_part` False.
    """
    return firm_frame(firm_table(tables, scenario))


def firm_frame(table: pa.Table) -> pd.DataFrame:
    """The frame of a `firm_table`; months are integers that may be null."""
    months = [name for name, _ in FIRM_COLUMNS if name.endswith("_month")]
    return table.to_pandas().astype(dict.fromkeys(months, "Int64"))


def firm_table(tables: AnyTables, scenario: Scenario) -> pa.Table:
    """`firm_outcomes` as Arrow, which a study needs of each of its runs."""
    roles = roles_of(scenario)
    names = list(roles)
    switched = pa.array([turn["lab"] for turn in _turns(tables)], pa.string())
    flows = columns(tables, "flows", *FLOW_COLUMNS)
    found: dict[str, Any] = {
        "firm": names,
        "role": list(roles.values()),
        "kind": [getattr(firm, "kind", "") for firm in scenario.firms],
        **_from_firms(columns(tables, "firms", "firm", "month", *_SERIES), names),
        **_from_events(columns(tables, "events", "kind", "firm", "month", "amount_usd"), names),
        "switches": _per_firm(names, switched),
        "funds_raised_usd": _raised(flows, names),
        **_vendor_funds(flows, columns(tables, "firms", *MONEY_OF_FIRMS), names),
    }
    arrays = [pa.array(found[name], ARROW[kind], from_pandas=True) for name, kind in FIRM_COLUMNS]
    return pa.Table.from_arrays(arrays, [name for name, _ in FIRM_COLUMNS])


def roles_of(scenario: Scenario) -> dict[str, str]:
    """The role of each firm of a scenario, in its order."""
    roles = {"lab": scenario.labs, "cloud": scenario.clouds}
    roles |= {"chipmaker": scenario.chipmakers, "investor": scenario.investors}
    return {firm.name: role for role, firms in roles.items() for firm in firms}


def switches(tables: AnyTables) -> pd.DataFrame:
    """A row a change of a lab's main supplier over all workloads, in the order they counted.

    `month` is the month in which the switch counted, `month_from` the first with the new supplier;
    `forced` says that the old one had defaulted.
    """
    return pd.DataFrame(_turns(tables), columns=list(SWITCH_COLUMNS))


def _turns(tables: AnyTables) -> list[dict[str, Any]]:
    """The rows of `switches`."""
    turns = []
    for event in events_of(tables, "switch"):
        details = event["details"]
        if details.get("workload") == "overall":
            turns.append(
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
    return turns


def _from_firms(rows: pa.Table, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """What the monthly rows of firms tell."""
    size = len(names)
    if not (np.diff(np.asarray(rows["month"])) >= 0).all():
        rows = rows.sort_by("month")
    at, rows = _placed(names, rows, "firm")
    month, *series = (np.asarray(rows[name]) for name in ("month", *_OWN))
    arr, cash, runway, arrears, supplier = series
    final_arr, lowest_cash = np.full(size, np.nan), np.full(size, np.inf)
    final_arr[at] = arr  # the last row of a firm wins
    np.minimum.at(lowest_cash, at, cash)
    supplied = np.asarray(pc.fill_null(pc.not_equal(rows["main_supplier"], ""), False))
    where, supplier = at[supplied], supplier[supplied]
    first_supplier, last_supplier = (np.full(size, "", dtype=object) for _ in range(2))
    first_supplier[where[::-1]] = supplier[::-1]
    last_supplier[where] = supplier
    return {
        "took_part": np.isin(np.arange(size), at),
        "out_of_cash_month": _first_month(size, at[arrears > 0], month[arrears > 0]),
        "first_runway_below_one_month": _first_month(size, at[runway < 1], month[runway < 1]),
        "first_main_supplier": first_supplier,
        "last_main_supplier": last_supplier,
        "minimum_cash_usd": np.where(np.isfinite(lowest_cash), lowest_cash, np.nan),
        "final_arr_usd": final_arr,
        "cumulative_burn_usd": np.bincount(at, np.asarray(rows["burn_usd"]), size),
        **finance_columns(size, at, rows),
        **first_chipmaker_shares(rows, at, size),
    }


def _from_events(events: pa.Table, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """What events of defaults and rounds tell."""

    def of(*kinds: str) -> pa.Table:
        return events.filter(pc.is_in(events["kind"], pa.array(kinds)))

    at, defaults = _placed(names, of("default"), "firm")
    signer, signed = _placed(names, of("contract_signed"), "firm")
    return {
        "default_month": _first_month(len(names), at, np.asarray(defaults["month"])),
        "rounds_closed": _per_firm(names, of("round_closed")["firm"]),
        "rounds_failed": _per_firm(names, of("round_failed", "round_refused")["firm"]),
        "commitments_signed_usd": np.bincount(signer, np.asarray(signed["amount_usd"]), len(names)),
    }


def _raised(flows: pa.Table, names: list[str]) -> Places:
    """Equity paid in to each firm, USD."""
    at, equity = _placed(names, flows.filter(pc.equal(flows["purpose"], "equity")), "payee")
    raised = np.zeros(len(names), dtype=np.int64)
    np.add.at(raised, at, np.asarray(equity["amount_usd"]))
    return raised


def _vendor_funds(flows: pa.Table, firms: pa.Table, names: list[str]) -> dict[str, Floats]:
    """Equity, loans and guarantees that each firm got from its suppliers, USD, and their share."""
    payments = add_up(flows, firms, np.zeros(len(flows), dtype=np.int64))
    vendor, funds = (usd.sum(axis=0) for usd in funds_usd(payments))
    at = _places(names, pa.array(payments.names, pa.string()))
    known = np.asarray(pc.is_valid(at))
    places = np.asarray(at.drop_null())
    usd, share = np.zeros(len(names)), np.full(len(names), np.nan)
    usd[places], share[places] = vendor[known], ratio(vendor, funds)[known]
    return {"vendor_funds_usd": usd, "vendor_funds_share": share}


def _per_firm(names: list[str], named: pa.Array | pa.ChunkedArray) -> Places:
    """How often each firm is named."""
    return np.bincount(np.asarray(_places(names, named).drop_null()), minlength=len(names))


def _placed(names: list[str], rows: pa.Table, column: str) -> tuple[Places, pa.Table]:
    """The rows that name a firm in a column, and the place of each one's firm."""
    places = _places(names, rows[column])
    known = pc.is_valid(places)
    return np.asarray(places.filter(known)), rows.filter(known)


def _places(names: list[str], named: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The place of each name given among all names, null where it is not there."""
    return pc.index_in(named, value_set=pa.array(names, pa.string()))


def _first_month(size: int, at: Places, month: Places) -> Floats:
    """The lowest month of each of `size` rows, NaN for rows that `at` does not name."""
    first = np.full(size, np.inf)
    np.minimum.at(first, at, month)
    return np.where(np.isfinite(first), first, np.nan)
