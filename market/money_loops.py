"""Money that goes round: how much of a seller's revenue is its own or other sellers' money.

Sellers are chipmakers and clouds. Two measures of the payments between firms, as defined in
docs/mechanisms/money.md:

- Vendor finance: what a seller gave its customers as equity, loans and guarantees, as far as they
  paid it for its goods, directly or through the clouds they rent from.
- Circularity: the share of sellers' receipts that had left them within two years. A dollar is
  followed through the cash of groups, each pool mixed evenly, until it comes back, goes to the
  outside world or is too old.

Payments inside a group are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WINDOW_MONTHS: Final = 12  # that the shares look back on
MEMORY_MONTHS: Final = 24  # for which money that left is followed

# What customers pay for, when they pay it; interest, refunds and prices of teams are no sales.
SALES: Final = (
    "chips", "chip_deposit", "engineering", "compute", "prepayment", "spot_compute",
    "sublet_compute", "reserved_compute", "termination_fee", "waiver_fee", "revenue_share",
    "model_access", "in_house_sales",
)  # fmt: skip
FINANCE: Final = ("equity", "rescue", "loan_draw", "bridge", "backstop")
SELLERS: Final = ("chipmaker", "cloud")  # roles
_SLACK: Final = 1 + 1e-12  # of pools, so that a ring without any cash can be solved too

FLOW_COLUMNS: Final = ("month", "payer", "payee", "purpose", "amount_usd")
FIRM_COLUMNS: Final = ("month", "firm", "role", "group", "cash_usd")


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments between firms, US dollars; of each in turn its role and the number of its group.

    sales, finance, everything: periods x payers x payees; the last place is the outside world
    """

    names: list[str]
    role: npt.NDArray[Any]
    group: Ints
    sales: Floats
    finance: Floats
    everything: Floats

    @property
    def sellers(self) -> npt.NDArray[np.bool_]:
        """Which firms sell chips or compute."""
        return np.isin(self.role, SELLERS)

    @property
    def strangers(self) -> npt.NDArray[np.bool_]:
        """Which payers and payees belong to different groups; the world does to none."""
        groups = np.append(self.group, -1)
        return np.asarray(np.not_equal.outer(groups, groups))

    @property
    def receipts_usd(self) -> Floats:
        """From sales outside the own group; periods x firms."""
        return np.asarray((self.sales * self.strangers).sum(axis=1)[:, :-1])


class Attributed(NamedTuple):
    """What sellers were paid, by the customer that pays in the end; periods x customers x sellers.

    direct: of clouds, what is not looked through; through: by customers of clouds
    """

    direct: Floats
    through: Floats

    @property
    def usd(self) -> Floats:
        """Both together."""
        return self.direct + self.through


class Shares(NamedTuple):
    """What goes round by month, of the receipts of twelve months; NaN where there are none.

    by_firm: months x firms, for sellers alone; by_role: of all sellers of a role
    """

    names: list[str]
    by_firm: Floats
    by_role: dict[str, Floats]
    circular: Floats


def add_up(flows: pa.Table, firms: pa.Table, period: Ints | None = None) -> Payments:
    """Sort payments by what they are for.

    Args:
        flows: with `FLOW_COLUMNS`.
        firms: with `FIRM_COLUMNS`; a row a firm and month, from month 0, in order of months.
        period: number of the period of each flow; by default its month.
    """
    names, last = _listed(firms)
    months = [np.asarray(table["month"]) for table in (flows, firms)]
    numbers = months if period is None else [period]
    size, count = len(names) + 1, 1 + max(int(number.max(initial=-1)) for number in numbers)
    kind = np.repeat([0, 1, 2], [len(SALES), len(FINANCE), 1])
    kind = kind[_places(flows["purpose"], pa.array([*SALES, *FINANCE]))]
    payer, payee = (_places(flows[side], names) for side in ("payer", "payee"))
    at = ((kind * count + numbers[0]) * size + payer) * size + payee
    usd = np.asarray(flows["amount_usd"])
    sums = np.bincount(at, usd, 3 * count * size * size).astype(float, copy=False)
    cubes = sums.reshape(3, count, size, size)
    role, group = (np.asarray(firms[column])[last].astype(str) for column in ("role", "group"))
    group = np.unique(np.where(group == "", np.asarray(names), group), return_inverse=True)[1]
    return Payments(names.to_pylist(), role, group, cubes[0], cubes[1], cubes.sum(axis=0))


def opening_cash_usd(payments: Payments, firms: pa.Table) -> Floats:
    """Cash of each firm before the first month: what it has in its last row less what came in."""
    last = _listed(firms)[1]
    flows = payments.everything.sum(axis=0)
    came = flows.sum(axis=0) - flows.sum(axis=1)
    return np.asarray(np.asarray(firms["cash_usd"])[last] - came[:-1])


def _listed(firms: pa.Table) -> tuple[pa.Array, Ints]:
    """The names of firms, and the last row of each."""
    names = firms["firm"].unique()
    last = np.zeros(len(names), dtype=np.int64)
    last[_places(firms["firm"], names)] = np.arange(len(firms))  # the last one wins
    return names, last


def _places(column: pa.ChunkedArray, names: pa.Array) -> Ints:
    """The place of each value among some names; behind them where it is none of them."""
    return np.asarray(pc.index_in(column, value_set=names).fill_null(len(names)), dtype=np.int64)


# -- vendor finance --------------------------------------------------------------------------------


def trailing(payments: Payments) -> Payments:
    """Sales and finance of the twelve months up to each month."""
    return replace(payments, sales=_trailing(payments.sales), finance=_trailing(payments.finance))


def attribute(payments: Payments) -> Attributed:
    """Whose money sellers' receipts are.

    What a cloud pays a seller is its own as far as the seller financed it. The rest is paid by the
    cloud's customers that are no clouds, in proportion to what they pay it, and by the cloud.
    """
    strangers = payments.strangers
    direct = (payments.sales * strangers)[:, :-1, :-1]
    given = payments.finance[:, :-1, :-1].transpose(0, 2, 1)
    clouds = np.flatnonzero(payments.role == "cloud")
    own = np.minimum(direct[:, clouds], given[:, clouds])
    takings = payments.sales.sum(axis=1)[:, clouds]
    custom = payments.sales[:, :-1, clouds] / np.maximum(takings, 1.0)[:, None, :]
    custom[:, clouds] = 0.0
    passed_on = direct[:, clouds] - own
    through = np.matmul(custom, passed_on)
    kept = np.maximum(1 - custom.sum(axis=1), 0.0)
    direct[:, clouds] = own + kept[:, :, None] * passed_on
    return Attributed(direct, through * strangers[:-1, :-1])


def vendor_financed_usd(payments: Payments) -> Floats:
    """Of each seller's receipts, what it had given its customers; periods x firms.

    A customer's part is the smaller of what the seller gave it and what it paid the seller.
    """
    paid = attribute(payments).usd
    given = (payments.finance * payments.strangers)[:, :-1, :-1].transpose(0, 2, 1)
    return np.asarray(np.minimum(given, paid).sum(axis=1) * payments.sellers)


def funds_usd(payments: Payments) -> tuple[Floats, Floats]:
    """Equity, loans and guarantees that each firm got, from its suppliers and in all.

    Suppliers are chipmakers and clouds that it paid in the period, directly or through clouds.
    Returns two arrays, periods x firms.
    """
    bought = attribute(payments).usd.transpose(0, 2, 1) > 0
    supplied = bought & payments.sellers[:, None] & payments.strangers[:-1, :-1]
    from_suppliers = (payments.finance[:, :-1, :-1] * supplied).sum(axis=1)
    return from_suppliers, payments.finance.sum(axis=1)[:, :-1]


# -- circularity -----------------------------------------------------------------------------------


def circular_usd(payments: Payments, opening_cash_usd: Floats) -> tuple[Floats, Floats]:
    """Sellers' receipts of each month, and how much of them had left the seller before; USD.

    A month's payments happen at once: a pool is what a group had and what it received, and what
    pools are made of solves a system of linear equations (Leontief 1941).

    Args:
        payments: of each month.
        opening_cash_usd: of each firm, before the first month.

    Returns:
        Two arrays, months x groups that sell.
    """
    member, sellers = _pools(payments)
    every, sold = (_by_pool(cube, member) for cube in (payments.everything, payments.sales))
    came, went = every.sum(axis=1)[:, :-1], every.sum(axis=2)[:, :-1]
    left = np.maximum(opening_cash_usd @ member[:-1, :-1] + np.cumsum(came - went, axis=0), 0.0)
    pool = _SLACK * np.maximum(left + went, 1.0)
    mixing = np.linalg.inv(pool[:, :, None] * np.eye(len(pool.T)) - every[:, :-1, :-1])
    of_seller = np.arange(len(sellers)), sellers
    returned = np.zeros((len(every), len(sellers)))
    paid = np.zeros((MEMORY_MONTHS, len(sellers), len(pool.T)))  # by month, seller and where it is
    for month, mix in enumerate(mixing):
        now = month % MEMORY_MONTHS
        paid[now] = 0.0  # too old by now: its place is taken by what leaves this month
        share = _made_of(paid, mix, of_seller, now)
        returned[month] = (share.sum(axis=0) * sold[month, :-1, sellers]).sum(axis=1)
        paid = share * left[month]
        paid[:, *of_seller] = 0.0  # back home: no longer followed
    return sold.sum(axis=1)[:, sellers], returned


def _made_of(paid: Floats, mix: Floats, of_seller: tuple[Ints, Ints], now: int) -> Floats:
    """Share of each pool that is money of each seller, by the month in which it left it.

    The seller's own pool is the boundary: all that it pays out is new, nothing of it is old.
    """
    share = (paid.reshape(-1, len(mix)) @ mix).reshape(paid.shape)
    source = -share[:, *of_seller]
    source[now] += 1.0
    sellers = of_seller[1]
    share += source[:, :, None] * (mix[sellers] / mix[sellers, sellers, None])
    return share


def _pools(payments: Payments) -> tuple[Floats, Ints]:
    """Whose cash is in which pool, the last one that of the world; and the pools of sellers.

    Groups that no other firm pays anything, as most funds, are as the world: what they give never
    left a seller.
    """
    paid = (payments.everything * payments.strangers)[:, :-1, :-1].any(axis=(0, 1))
    sell = np.unique(payments.group[payments.sellers])
    pools = np.union1d(sell, payments.group[paid])
    group = np.where(np.isin(payments.group, pools), payments.group, -1)
    member = np.equal.outer(np.append(group, -1), np.append(pools, -1))
    return member.astype(float), np.flatnonzero(np.isin(pools, sell))


def _by_pool(cube: Floats, member: Floats) -> Floats:
    """Payments between pools, none inside one."""
    merged = member.T @ cube @ member
    inside = np.arange(member.shape[1] - 1)
    merged[:, inside, inside] = 0.0
    return np.asarray(merged)


# -- shares ----------------------------------------------------------------------------------------


def shares(flows: pa.Table, firms: pa.Table) -> Shares:
    """Both measures month by month; arguments as of `add_up`."""
    monthly = add_up(flows, firms)
    yearly = trailing(monthly)
    financed, receipts = vendor_financed_usd(yearly), yearly.receipts_usd
    sold, returned = circular_usd(monthly, opening_cash_usd(monthly, firms))
    return Shares(
        monthly.names,
        ratio(financed, np.where(monthly.sellers, receipts, 0.0)),
        {
            role: ratio(*(usd[:, monthly.role == role].sum(axis=1) for usd in (financed, receipts)))
            for role in SELLERS
        },
        ratio(*(_trailing(usd.sum(axis=1)) for usd in (returned, sold))),
    )


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part over whole; NaN where the whole is nothing."""
    nothing = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0))


def _trailing(usd: Floats) -> Floats:
    """Sums over the twelve months up to each; the first axis is that of months."""
    total = np.cumsum(usd, axis=0)
    total[WINDOW_MONTHS:] -= total[:-WINDOW_MONTHS].copy()
    return total
