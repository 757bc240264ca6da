"""Where a firm's cash comes from and goes to, and who pays whom."""

from __future__ import annotations

from typing import Final

import pandas as pd

from ..market.money_loops import FINANCE, SALES
from .tables import Tables

MOST_STEPS: Final = 8  # purposes that a bridge tells apart
SALE, FINANCING, OTHER = "sales", "finance", "other"  # why firms pay one another


def cash_bridge(tables: Tables, firm: str, start: int, end: int) -> pd.DataFrame:
    """What took a firm's cash from what it was before a month to what it was at the end of another.

    Args:
        tables: of a run.
        firm: its name.
        start: first month that counts.
        end: last one.

    Returns:
        A row a step: step (`cash`, then a purpose with `inflow` or `outflow`, the largest first,
        the rest as `other`, then `cash`), kind (cash, inflow, outflow), amount_usd (outflows below
        0). The first row and all flows add up to the last row, to the dollar.
    """
    flows = tables["flows"]
    flows = flows[flows["payer"] != flows["payee"]]
    during = flows[flows["month"].between(start, end)]
    sums = [("inflow", "payee", 1), ("outflow", "payer", -1)]
    parts = [
        (sign * during[during[side] == firm].groupby("purpose")["amount_usd"].sum())
        .rename("amount_usd").rename_axis("step").reset_index().assign(kind=kind)
        for kind, side, sign in sums
    ]  # fmt: skip
    steps = pd.concat(parts, ignore_index=True)
    steps = steps[steps["amount_usd"] != 0]
    order = steps["amount_usd"].abs().sort_values(ascending=False, kind="stable").index
    largest, rest = steps.loc[order[:MOST_STEPS]], steps.loc[order[MOST_STEPS:]]
    others = rest.groupby("kind", as_index=False)["amount_usd"].sum().assign(step="other")
    body = pd.concat([largest, others], ignore_index=True)
    body["rest"] = body["step"] == "other"
    body = body.sort_values(["kind", "rest"], kind="stable").drop(columns="rest")
    closing = _cash(tables, firm, end)
    opening = _cash(tables, firm, start - 1)
    if opening is None:  # nothing is told of the time before the run, nor before a firm enters
        opening = (closing or 0) - int(steps["amount_usd"].sum())
    ends = [
        pd.DataFrame([{"step": "cash", "kind": "cash", "amount_usd": cash or 0}])
        for cash in (opening, closing)
    ]
    table = pd.concat([ends[0], body, ends[1]], ignore_index=True)
    return table[["step", "kind", "amount_usd"]].astype({"amount_usd": "int64"})


def payments_between(tables: Tables, first: int, last: int) -> pd.DataFrame:
    """What firms paid one another from one month to another, both included.

    Returns:
        A row a payer, payee and kind (`sales`: for goods and services, `finance`: equity, loans and
        guarantees, `other`: interest, repayment and the rest): payer, payee, kind, amount_usd. The
        outside world is left out.
    """
    flows = tables["flows"]
    flows = flows[flows["month"].between(first, last) & (flows["payer"] != flows["payee"])]
    flows = flows[(flows["payer"] != "world") & (flows["payee"] != "world")]
    known = dict.fromkeys(SALES, SALE) | dict.fromkeys(FINANCE, FINANCING)
    kind = flows["purpose"].map(known).fillna(OTHER)
    keys = ["payer", "payee", "kind"]
    return flows.assign(kind=kind).groupby(keys)["amount_usd"].sum().reset_index()


def _cash(tables: Tables, firm: str, month: int) -> int | None:
    """Cash of a firm at the end of a month; None where the table has no row."""
    rows = tables["firms"]
    found = rows.loc[(rows["firm"] == firm) & (rows["month"] == month), "cash_usd"]
    return int(found.iloc[0]) if len(found) else None
