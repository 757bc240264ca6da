"""Who supplies whom with compute in a month, and from whom labs move to whom."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from .ensemble import took_part
from .firm_outcomes import switches
from .tables import Tables

SIGNED: Final = ("SIGNED", "ACTIVE", "AMENDED", "ENDED", "DEFAULTED")  # contracts that came about
_WORKLOADS: Final = ("training", "inference")


def contracted_shares(tables: Tables) -> pd.DataFrame:
    """Compute under contract by month, lab and supplier: H100e and share of the lab's total.

    A supplier is a group of firms. A contract counts from its first month to its end at full size,
    both workloads alike; spot does not count.
    """
    deals, months = tables["contracts"], tables["months"]["month"].to_numpy()
    deals = deals[(deals["kind"] == "compute") & deals["status"].isin(SIGNED)]
    start, until = _span(deals)
    deal, month = np.nonzero((start[:, None] <= months) & (months < until[:, None]))
    supplier = deals["seller"].map(groups_of(tables["firms"])).fillna(deals["seller"])
    long = pd.DataFrame(
        {
            "month": months[month],
            "lab": deals["buyer"].to_numpy()[deal],
            "supplier": supplier.to_numpy()[deal],
            "h100e": deals["h100e"].to_numpy()[deal],
        }
    )
    table = long.groupby(["month", "lab", "supplier"], as_index=False)["h100e"].sum()
    table = table[table["h100e"] > 0]
    total = table.groupby(["month", "lab"])["h100e"].transform("sum")
    return table.assign(share=table["h100e"] / total).reset_index(drop=True)


def deliveries(tables: Tables, month: int) -> pd.DataFrame:
    """Compute delivered to labs under contract in a month.

    What a lab got of a workload is split over its contracts in force by their full size.

    Returns:
        A row a lab, cloud and chip family (the maker, or a custom chip): lab, cloud, chip, h100e.
    """
    deals, firms = tables["contracts"], tables["firms"]
    deals = deals[(deals["kind"] == "compute") & deals["status"].isin(SIGNED)]
    start, until = _span(deals)
    deals = deals[(start <= month) & (month < until) & (deals["h100e"] > 0)]
    rows = firms[(firms["month"] == month) & (firms["role"] == "lab")].set_index("firm")
    got = pd.Series(0.0, index=deals.index)
    for workload in _WORKLOADS:
        own = deals[deals["workload"] == workload]
        whole = own.groupby("buyer")["h100e"].transform("sum")
        delivered = own["buyer"].map(rows[f"contracted_{workload}_h100e"]).fillna(0.0)
        got[own.index] = own["h100e"] / whole * delivered
    table = pd.DataFrame(
        {"lab": deals["buyer"], "cloud": deals["seller"], "chip": deals["chip"], "h100e": got}
    )
    table = table.groupby(["lab", "cloud", "chip"])["h100e"].sum().reset_index()
    return table[table["h100e"] > 0].reset_index(drop=True)


def supplier_switches(tables: Tables) -> pd.DataFrame:
    """How often labs left one main supplier for another: from, to, switches."""
    turns = switches(tables)
    return turns.groupby(["from", "to"], as_index=False).size().rename(columns={"size": "switches"})


def supplier_moves(firm_outcomes: pd.DataFrame) -> pd.DataFrame:
    """Labs' first main supplier against their last one, over the labs and runs of a study.

    Returns:
        A row a pair: from, to, runs (of labs: two labs of one run count twice), and their share of
        the labs and runs that began with `from`. Labs without any main supplier do not count.
    """
    labs = took_part(firm_outcomes)
    labs = labs[labs["role"] == "lab"] if len(labs) else labs
    columns = ["from", "to", "runs", "share"]
    if labs.empty:
        return pd.DataFrame(columns=columns)
    names = {"first_main_supplier": "from", "last_main_supplier": "to"}
    pairs = labs[list(names)].rename(columns=names).replace("", np.nan).dropna()
    table = pairs.groupby(["from", "to"], as_index=False).size().rename(columns={"size": "runs"})
    total = table.groupby("from")["runs"].transform("sum")
    return table.assign(share=table["runs"] / total)[columns]


def groups_of(firms: pd.DataFrame) -> dict[str, str]:
    """The group of each firm; a firm without one is its own."""
    pairs = firms[["firm", "group"]].drop_duplicates()
    return {firm: group or firm for firm, group in zip(pairs["firm"], pairs["group"], strict=True)}


def _span(deals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """First month of each contract, and the first without it."""
    ended = deals["month_ended"].where(deals["month_ended"] >= 0, np.inf).fillna(np.inf)
    until = ended.clip(upper=deals["month_end"].fillna(np.inf))
    return deals["month_start"].to_numpy(dtype=float), until.to_numpy(dtype=float)
