"""Money that goes round: how much of a seller's revenue is its own or other sellers' money.

Two measures of the payments between firms (docs/model.md, "Measures"):

- Vendor finance: what a seller gave its customers as equity, loans and guarantees, as far as they
  paid it for its goods, directly or through the clouds they rent from.
- Circularity: the share of sellers' receipts that had left them before. A dollar is followed
  through the cash pools of firms, each mixed evenly, until it comes back, goes to the outside world
  or is too old. A month's payments happen at once, so that a pool is what a firm had and what it
  received (Leontief 1941: a system of linear equations a month).

Payments inside a group are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WINDOW_MONTHS: Final = 12  # that the shares look back on
COHORT_MONTHS: Final = 3  # money that left within a quarter is followed together
COHORTS: Final = 8  # for two years

# For goods and services; what is no sale and no finance (interest, refunds) is neither.
SALES: Final = frozenset(
    {"chips", "chip_deposit", "compute", "prepayment", "spot_compute", "reserved_compute",
     "sublet_compute", "termination_fee"}
)  # fmt: skip
FINANCE: Final = frozenset({"equity", "loan_draw", "backstop"})


class Party(NamedTuple):
    """A firm as payments show it."""

    role: str  # "labs", "clouds", "chipmakers" or "investors"
    group: str


class Payments(NamedTuple):
    """The payments of a run: one entry each, US dollars."""

    month: Sequence[int]
    payer: Sequence[str]
    payee: Sequence[str]
    purpose: Sequence[str]
    amount_usd: Sequence[int]


class Cubes(NamedTuple):
    """Payments between firms by month, payer and payee; the last place is the outside world."""

    names: list[str]
    sales: Floats
    finance: Floats
    everything: Floats


def add_up(payments: Payments, names: Sequence[str], months: int) -> Cubes:
    """Sort payments by what they are for; shape months x (firms + 1) x (firms + 1)."""
    place = {name: i for i, name in enumerate(names)}
    outside = len(names)
    size = outside + 1
    kind = dict.fromkeys(SALES, 0) | dict.fromkeys(FINANCE, 1)
    payer = np.array([place.get(name, outside) for name in payments.payer], dtype=np.int64)
    payee = np.array([place.get(name, outside) for name in payments.payee], dtype=np.int64)
    what = np.array([kind.get(purpose, 2) for purpose in payments.purpose], dtype=np.int64)
    at = ((what * months + np.array(payments.month, dtype=np.int64)) * size + payer) * size + payee
    amounts = np.array(payments.amount_usd, dtype=float)
    cubes = np.bincount(at, amounts, 3 * months * size * size).reshape(3, months, size, size)
    return Cubes(list(names), cubes[0], cubes[1], cubes.sum(axis=0))


def vendor_financed_usd(cubes: Cubes, parties: Mapping[str, Party]) -> Floats:
    """Vendor-financed revenue of each firm over the last twelve months; months x firms, USD.

    A customer's part is the smaller of what the seller gave it and what it paid the seller. A lab
    pays chipmakers through its clouds: a cloud's chips are paid by its customers in proportion to
    what they pay it.
    """
    sales = _trailing(cubes.sales)[:, :-1, :-1]
    finance = _trailing(cubes.finance)[:, :-1, :-1]
    cloud = np.array([parties[name].role == "clouds" for name in cubes.names])
    receipts = _trailing(cubes.sales).sum(axis=1)[:, :-1]  # of each firm, the world's included
    with np.errstate(divide="ignore", invalid="ignore"):
        custom = np.where(receipts > 0, 1 / receipts, 0.0) * cloud
    through = np.matmul(sales * custom[:, None, :], sales)  # customer -> cloud -> maker
    paid = sales + through
    strangers = _strangers(cubes.names, parties)
    financed = np.minimum(finance.transpose(0, 2, 1) * strangers, paid * strangers)
    return np.asarray(financed.sum(axis=1))


def circular_usd(
    cubes: Cubes, parties: Mapping[str, Party], opening_cash_usd: Mapping[str, float]
) -> tuple[Floats, Floats]:
    """Sellers' receipts of each month, and how much of them had left the seller before; USD.

    Sellers are the groups of clouds and chipmakers. Returns two arrays, months x sellers.
    """
    groups = sorted({parties[name].group for name in cubes.names})
    of = np.array([groups.index(parties[name].group) for name in cubes.names], dtype=np.int64)
    sellers = sorted({of[i] for i, n in enumerate(cubes.names)
                      if parties[n].role in ("clouds", "chipmakers")})  # fmt: skip
    every = _by_group(cubes.everything, of, len(groups))
    sold = _by_group(cubes.sales, of, len(groups))
    cash = np.bincount(of, [opening_cash_usd[n] for n in cubes.names], len(groups))
    months = len(every)
    receipts = sold.sum(axis=1)[:, sellers]
    returned = np.zeros((months, len(sellers)))
    tagged = np.zeros((len(sellers), COHORTS, len(groups)))  # USD in each pool, by who paid it out
    for month in range(months):
        if month % COHORT_MONTHS == 0:
            tagged = np.roll(tagged, 1, axis=1)
            tagged[:, 0] = 0.0
        between = every[month, :-1, :-1]
        pool = np.maximum(cash + every[month, :, :-1].sum(axis=0), 1.0)
        share = _shares(pool, between, tagged, sellers)
        returned[month] = [
            share[k, :, :].sum(axis=0) @ sold[month, :-1, s] for k, s in enumerate(sellers)
        ]
        left = pool - every[month, :-1, :].sum(axis=1)
        tagged = share * np.maximum(left, 0.0)
        tagged[range(len(sellers)), :, sellers] = 0.0  # back home: no longer followed
        cash = np.maximum(
            cash + every[month, :, :-1].sum(axis=0) - every[month, :-1].sum(axis=1), 0
        )
    return receipts, returned


def _shares(pool: Floats, between: Floats, tagged: Floats, sellers: Sequence[Any]) -> Floats:
    """Share of each pool that is money of each seller and cohort; sellers x cohorts x groups.

    The seller's own pool is the boundary: all that it pays out is new, nothing of it is old.
    """
    inverse = np.linalg.inv(np.diag(pool * (1 + 1e-12)) - between.T)
    free = tagged @ inverse.T
    rows = np.arange(len(sellers))
    wanted = np.zeros(tagged.shape[:2])
    wanted[:, 0] = 1.0
    source = (wanted - free[rows, :, sellers]) / inverse[sellers, sellers][:, None]
    return np.asarray(free + source[:, :, None] * inverse[:, sellers].T[:, None, :])


def _by_group(cube: Floats, of: Ints, count: int) -> Floats:
    """Payments between groups, none inside one; the last place is the outside world."""
    member = np.zeros((len(of) + 1, count + 1))
    member[np.arange(len(of)), of] = 1.0
    member[-1, -1] = 1.0
    merged = member.T @ cube @ member
    merged[:, np.arange(count), np.arange(count)] = 0.0
    return np.asarray(merged)


def _strangers(names: Sequence[str], parties: Mapping[str, Party]) -> Floats:
    groups = np.array([parties[name].group for name in names])
    return np.asarray(groups[:, None] != groups[None, :], dtype=float)


def _trailing(cube: Floats) -> Floats:
    """Sums over the last twelve months."""
    total = np.cumsum(cube, axis=0)
    total[WINDOW_MONTHS:] -= total[:-WINDOW_MONTHS].copy()
    return total


def trailing_share(part: Floats, whole: Floats) -> Floats:
    """Part over whole, each summed over the last twelve months; NaN where nothing came in."""
    parts, wholes = _trailing(part), _trailing(whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(wholes > 0, parts / wholes, np.nan)
