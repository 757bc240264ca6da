"""Money that goes round, pair by pair: round trips, dependence on customers, organic revenue.

Definitions and sums are those of `market/money_loops.py` (docs/mechanisms/money.md); sellers are
chipmakers and clouds, and nothing inside a group counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..market.money_loops import (
    FIRM_COLUMNS,
    FLOW_COLUMNS,
    SELLERS,
    Floats,
    Payments,
    add_up,
    attribute,
    ratio,
    trailing,
    vendor_financed_usd,
)
from .tables import AnyTables, columns

ROUND_TRIP_COLUMNS: Final = (
    "seller", "customer", "given_usd", "paid_directly_usd", "paid_through_clouds_usd",
    "round_trip_usd",
)  # fmt: skip


def payments_of(tables: AnyTables, period: npt.NDArray[np.int64] | None = None) -> Payments:
    """The payments of a run, by month or by the period given for each flow."""
    flows = columns(tables, "flows", *FLOW_COLUMNS)
    return add_up(flows, columns(tables, "firms", *FIRM_COLUMNS), period)


def round_trips(tables: AnyTables, *, by_year: bool = False) -> pd.DataFrame:
    """What sellers gave their customers, and how much of it came back as sales.

    A row a seller and firm to whom it gave something, the largest round trip first; with `by_year`
    by calendar year. The round trip is the smaller of what was given and what was paid for goods.
    What a cloud's customers pay through it is theirs and not the cloud's (`attribute`).
    """
    months = columns(tables, "months", "month", "date").to_pylist()
    year = {row["month"]: int(row["date"][:4]) for row in months}
    first = min(year.values(), default=0)
    month = columns(tables, "flows", "month")["month"].to_pylist()
    number = [year[m] - first if by_year else 0 for m in month]
    payments = payments_of(tables, np.array(number, dtype=np.int64))
    paid = attribute(payments)
    given = (payments.finance * payments.strangers)[:, :-1, :-1] * payments.sellers[:, None]
    period, seller, customer = np.nonzero(given)
    names = np.array(payments.names)
    table = pd.DataFrame(
        {
            "year": first + period,
            "seller": names[seller],
            "customer": names[customer],
            "given_usd": given[period, seller, customer],
            "paid_directly_usd": paid.direct[period, customer, seller],
            "paid_through_clouds_usd": paid.through[period, customer, seller],
        }
    )
    back = table["paid_directly_usd"] + table["paid_through_clouds_usd"]
    table["round_trip_usd"] = np.minimum(table["given_usd"], back)
    table = table.sort_values(["year", "round_trip_usd"], ascending=[True, False], kind="stable")
    return table[[*(["year"] if by_year else []), *ROUND_TRIP_COLUMNS]].reset_index(drop=True)


def largest_customer(tables: AnyTables) -> pd.DataFrame:
    """How much of each seller's receipts of twelve months comes from its largest customer.

    A row a month and seller with receipts (`receipts_usd`, of twelve months): `customer` and
    `share` by who pays, `payer` and `payer_share` by who pays in the end, which looks through
    clouds to the labs that rent from them. The world is no customer: it stands for many. Ties go
    to the first by name.
    """
    payments = trailing(payments_of(tables))
    names, receipts = np.array(payments.names, dtype=object), payments.receipts_usd
    order = np.argsort(names)
    nobody = np.zeros((len(receipts), 1, len(names)))
    direct = (payments.sales * payments.strangers)[:, :-1, :-1]
    found = {}
    for who, share, usd in (
        ("customer", "share", direct),
        ("payer", "payer_share", attribute(payments).usd),
    ):
        paid = np.concatenate([nobody, usd[:, order]], axis=1)
        found[who] = np.array(["", *names[order]], dtype=object)[paid.argmax(axis=1)]
        found[share] = ratio(paid.max(axis=1), receipts)
    month, seller = np.nonzero((receipts > 0) & payments.sellers)
    return pd.DataFrame(
        {
            "month": month,
            "seller": names[seller],
            "role": payments.role[seller],
            "receipts_usd": receipts[month, seller],
            **{name: values[month, seller] for name, values in found.items()},
        }
    )


def organic_and_vendor_financed(tables: AnyTables) -> pd.DataFrame:
    """Sellers' receipts from sales by month and role, split by whose money they are.

    The split is that of twelve months: a month's vendor-financed dollars are its receipts times the
    role's `vendor_financed_share`. Columns: month, role, `receipts_usd`, `vendor_financed_usd`,
    `organic_usd`, `vendor_financed_share`.
    """
    monthly = payments_of(tables)
    yearly = trailing(monthly)
    financed = vendor_financed_usd(yearly)
    parts = []
    for role in SELLERS:
        own = monthly.role == role
        receipts = _total(monthly.receipts_usd, own)
        share = ratio(_total(financed, own), _total(yearly.receipts_usd, own))
        vendor = receipts * np.nan_to_num(share)
        parts.append(
            pd.DataFrame(
                {
                    "month": np.arange(len(receipts)),
                    "role": role,
                    "receipts_usd": receipts,
                    "vendor_financed_usd": vendor,
                    "organic_usd": receipts - vendor,
                    "vendor_financed_share": share,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _total(usd: Floats, own: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(usd[:, own].sum(axis=1))
