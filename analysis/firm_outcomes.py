"""What became of each firm of a run, and when labs changed supplier: from the run's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from .workload_shares import first_chipmaker_shares

if TYPE_CHECKING:
    from ..scenario import Scenario

Tables = Mapping[str, pd.DataFrame]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

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
    ("first_chipmaker_training_share", "float"),
    ("first_chipmaker_inference_share", "float"),
)


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
            **first_chipmaker_shares(table, at, size),
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
