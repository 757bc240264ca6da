"""Payments between the firms of a run, month by month, as arrays; and what was given before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..scenarios.entry import entry_month
from .tables import AnyTables, columns

if TYPE_CHECKING:
    from ..scenario import Scenario

Floats = npt.NDArray[np.float64]

# What a customer pays month by month; lump sums (prepayment, deposit, fee) tell no monthly level.
SALES: Final = (
    "compute", "spot_compute", "sublet_compute", "reserved_compute", "chips", "engineering",
    "revenue_share", "backstop",
)  # fmt: skip
CREDIT: Final = ("prepayment", "chip_deposit")
_KIND: Final = (
    dict.fromkeys(SALES, 0)
    | dict.fromkeys(CREDIT, 1)
    # a bridge is meant to become shares
    | {"loan_draw": 2, "principal": 3, "equity": 4, "bridge": 4, "rescue": 4}
)


class Payments(NamedTuple):
    """Cash between firms in US dollars, months x payer x payee; the world is the last of `names`.

    sales: regular payments for goods and services; credit: prepaid; loans: drawn; repaid:
    principal; shares: paid for new shares.
    """

    names: list[str]
    sales: Floats
    credit: Floats
    loans: Floats
    repaid: Floats
    shares: Floats


class Given(NamedTuple):
    """What was given before the start, which no payment shows; US dollars, giver x taker."""

    credit: Floats
    loans: Floats
    shares: Floats


def payments_of(tables: AnyTables, scenario: Scenario) -> Payments:
    """The payments of a run, from its flows and months."""
    names = [firm.name for firm in scenario.firms]
    months = columns(tables, "months", "month").num_rows
    flows = columns(tables, "flows", "month", "payer", "payee", "purpose", "amount_usd")
    kind = pc.index_in(flows["purpose"], value_set=pa.array(list(_KIND)))
    known = pc.is_valid(kind)
    flows = flows.filter(known)
    sort = np.array(list(_KIND.values()))[np.asarray(kind.filter(known), dtype=np.int64)]
    size = len(names) + 1
    payer, payee = (_places(names, flows[side]) for side in ("payer", "payee"))
    at = ((sort * months + np.asarray(flows["month"])) * size + payer) * size + payee
    cubes = np.bincount(at, np.asarray(flows["amount_usd"]), 5 * months * size * size)
    return Payments([*names, "world"], *cubes.reshape(5, months, size, size))


def given_before(scenario: Scenario) -> Given:
    """Credit, loans and shares of the opening; those of firms that enter later are in the flows."""
    place = {firm.name: at for at, firm in enumerate(scenario.firms)}
    late = {firm.name for firm in scenario.firms if entry_month(scenario, firm) > 0}
    credit, loans, shares = np.zeros((3, len(place) + 1, len(place) + 1))
    for contract in scenario.contracts:
        credit[place[contract.lab], place[contract.cloud]] += round(contract.prepaid_usd)
    for loan in scenario.loans:
        loans[place[loan.lender], place[loan.borrower]] += round(loan.principal_usd)
    for stake in scenario.stakes:
        if stake.firm not in late:
            shares[place[stake.investor], place[stake.firm]] += round(stake.cost_usd)
    return Given(credit, loans, shares)


def _places(names: Sequence[str], named: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The place of each name; the world, after all firms, where it is none of them."""
    found = pc.index_in(named, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, len(names)), dtype=np.int64)
