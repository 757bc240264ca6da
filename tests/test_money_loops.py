"""Vendor finance and circular money: payment graphs drawn by hand, invariants, and a whole run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket import ComputeMarket
from computemarket.market.money_loops import (
    FINANCE,
    MEMORY_MONTHS,
    SALES,
    Shares,
    add_up,
    attribute,
    circular_usd,
    opening_cash_usd,
    shares,
    trailing,
    vendor_financed_usd,
)

MAKER, CLOUD, LAB, FUND = "Maker", "Cloud", "Lab", "Fund"
FIRMS = {
    MAKER: ("chipmaker", MAKER),
    CLOUD: ("cloud", CLOUD),
    LAB: ("lab", LAB),
    FUND: ("investor", FUND),
}
Row = tuple[int, str, str, str, int]
Firms = dict[str, tuple[str, str]]


def tables(
    rows: Iterable[Row], months: int = 1, cash: dict[str, int] | None = None, firms: Firms = FIRMS
) -> tuple[pa.Table, pa.Table]:
    """Flows and firms of a run with these payments; `cash` is what a firm had before them."""
    rows = list(rows)
    flows = pa.table(
        {
            "month": pa.array([row[0] for row in rows], pa.int64()),
            **{
                name: pa.array([row[i] for row in rows], pa.string())
                for i, name in enumerate(("payer", "payee", "purpose"), start=1)
            },
            "amount_usd": pa.array([row[4] for row in rows], pa.int64()),
        }
    )
    lines = [
        {"month": month, "firm": name, "role": role, "group": group,
         "cash_usd": (cash or {}).get(name, 0)
         + sum(((row[2] == name) - (row[1] == name)) * row[4] for row in rows if row[0] <= month)}
        for month in range(months)
        for name, (role, group) in firms.items()
    ]  # fmt: skip
    return flows, pa.Table.from_pylist(lines)


def returned(
    rows: Iterable[Row], cash: dict[str, int], months: int = 1, firms: Firms = FIRMS
) -> dict[str, float]:
    """Share of each seller's receipts over all months that had left it before."""
    flows, firm_rows = tables(rows, months, cash, firms)
    payments = add_up(flows, firm_rows)
    receipts, back = circular_usd(payments, opening_cash_usd(payments, firm_rows))
    groups = sorted({group for role, group in firms.values() if role in ("chipmaker", "cloud")})
    return {
        group: back[:, i].sum() / receipts[:, i].sum()
        for i, group in enumerate(groups)
        if receipts[:, i].any()
    }


def financed(rows: Iterable[Row], months: int = 1, firms: Firms = FIRMS) -> dict[str, list[float]]:
    """Vendor-financed receipts of twelve months, by firm; those that have none are left out."""
    payments = trailing(add_up(*tables(rows, months, firms=firms)))
    usd = vendor_financed_usd(payments)
    return {name: list(usd[:, i]) for i, name in enumerate(payments.names) if usd[:, i].any()}


# -- three graphs drawn by hand --------------------------------------------------------------------


def test_a_chain_without_a_loop_is_not_circular() -> None:
    # users -> lab -> cloud -> maker, month after month
    chain = [
        row
        for month in range(36)
        for row in (
            (month, "world", LAB, "services", 100),
            (month, LAB, CLOUD, "compute", 80),
            (month, CLOUD, MAKER, "chips", 60),
        )
    ]
    assert returned(chain, {}, 36) == {MAKER: 0.0, CLOUD: 0.0}
    assert shares(*tables(chain, 36)).circular == pytest.approx(np.zeros(36))


def test_a_pure_loop_is_all_circular() -> None:
    # The maker's 100 pay the lab, which pays the cloud, which pays the maker, and so on.
    laps = [
        row
        for month in range(0, 36, 3)
        for row in (
            (month, MAKER, LAB, "equity", 100),
            (month + 1, LAB, CLOUD, "compute", 100),
            (month + 2, CLOUD, MAKER, "chips", 100),
        )
    ]
    first = returned(laps[:3], {MAKER: 100}, 3)
    assert first == {MAKER: pytest.approx(1.0), CLOUD: 0.0}  # the cloud never had it before
    circular = shares(*tables(laps, 36, {MAKER: 100})).circular
    assert circular[2] == pytest.approx(0.5)  # 100 that came back, of 200
    assert circular[-1] == pytest.approx(1.0)  # and from the second lap on all of it


def test_a_pure_loop_within_a_month_becomes_all_circular_as_it_goes_on() -> None:
    # A month's payments are at once: at first the cloud's own dollars are half of the maker's pool.
    loop = [
        row
        for month in range(36)
        for row in (
            (month, MAKER, LAB, "equity", 100),
            (month, LAB, CLOUD, "compute", 100),
            (month, CLOUD, MAKER, "chips", 100),
        )
    ]
    first = returned(loop[:3], {MAKER: 100})
    assert first == {MAKER: pytest.approx(1.0), CLOUD: pytest.approx(0.5)}
    assert shares(*tables(loop, 36, {MAKER: 100})).circular[-1] == pytest.approx(1.0, abs=1e-6)


def test_a_loop_mixed_with_users_money() -> None:
    # The lab's pool of 200 is half the maker's: of 150 that reach the maker, 75 had left it.
    rows = [
        (0, MAKER, LAB, "equity", 100),
        (0, "world", LAB, "services", 100),
        (0, LAB, CLOUD, "compute", 150),
        (0, CLOUD, MAKER, "chips", 150),
    ]
    assert returned(rows, {MAKER: 100})[MAKER] == pytest.approx(0.5)


# -- further rules ---------------------------------------------------------------------------------


def test_money_that_waits_in_a_pool_is_diluted_there() -> None:
    # 100 given in month 0 lie beside 300 of the lab's own: a quarter of what it pays in month 1.
    rows = [
        (0, MAKER, LAB, "equity", 100),
        (1, LAB, CLOUD, "compute", 200),
        (1, CLOUD, MAKER, "chips", 200),
    ]
    assert returned(rows, {MAKER: 100, LAB: 300}, 2)[MAKER] == pytest.approx(0.25)


@pytest.mark.parametrize(("month", "share"), [(MEMORY_MONTHS - 1, 1.0), (MEMORY_MONTHS, 0.0)])
def test_money_is_followed_for_two_years(month: int, share: float) -> None:
    rows = [(0, MAKER, LAB, "equity", 100), (month, LAB, MAKER, "engineering", 100)]
    assert returned(rows, {MAKER: 100}, month + 1)[MAKER] == pytest.approx(share)


def test_money_that_went_outside_does_not_come_back() -> None:
    rows = [
        (0, MAKER, "world", "research", 100),
        (0, "world", LAB, "services", 100),
        (0, LAB, MAKER, "engineering", 100),
    ]
    assert returned(rows, {MAKER: 100})[MAKER] == 0.0


def test_a_fund_passes_on_what_sellers_pay_it() -> None:
    rows = [
        (0, CLOUD, FUND, "interest", 100),
        (0, FUND, LAB, "equity", 100),
        (0, LAB, CLOUD, "compute", 100),
    ]
    assert returned(rows, {CLOUD: 100})[CLOUD] == pytest.approx(1.0)


def test_payments_inside_a_group_are_left_out() -> None:
    family = FIRMS | {CLOUD: ("cloud", MAKER)}
    rows = [(0, MAKER, CLOUD, "equity", 100), (0, CLOUD, MAKER, "chips", 100)]
    assert returned(rows, {MAKER: 100}, firms=family) == {}
    assert financed(rows, firms=family) == {}
    found = shares(*tables(rows, firms=family))
    assert np.isnan(found.by_firm).all()
    assert np.isnan(found.circular).all()


def test_a_customers_part_is_the_smaller_of_given_and_bought() -> None:
    rows = [(0, MAKER, CLOUD, "loan_draw", 50), (0, CLOUD, MAKER, "chips", 80)]
    assert financed(rows) == {MAKER: [50.0]}
    rows = [(0, MAKER, CLOUD, "bridge", 120), (0, CLOUD, MAKER, "chips", 80)]
    assert financed(rows) == {MAKER: [80.0]}


def test_a_lab_pays_makers_through_its_clouds() -> None:
    # The cloud takes in 120, half of it from the lab, so half of its chips for 80 are the lab's: of
    # 60 that the maker gave the lab, 40. The cloud itself gave 10 of the 60 that the lab pays it.
    rows = [
        (0, MAKER, LAB, "equity", 60),
        (0, CLOUD, LAB, "equity", 10),
        (0, LAB, CLOUD, "compute", 60),
        (0, "world", CLOUD, "reserved_compute", 60),
        (0, CLOUD, MAKER, "chips", 80),
    ]
    assert financed(rows) == {MAKER: [40.0], CLOUD: [10.0]}
    found = shares(*tables(rows, cash={MAKER: 60, CLOUD: 10}))
    assert found.by_role["chipmaker"] == pytest.approx([40 / 80])
    assert found.by_role["cloud"] == pytest.approx([10 / 120])


def test_no_dollar_of_revenue_counts_twice() -> None:
    # 50 of the 80 are the maker's own loan; half of the other 30 is the lab's, who was given 40.
    rows = [
        (0, MAKER, CLOUD, "loan_draw", 50),
        (0, MAKER, LAB, "equity", 40),
        (0, LAB, CLOUD, "compute", 60),
        (0, "world", CLOUD, "reserved_compute", 60),
        (0, CLOUD, MAKER, "chips", 80),
    ]
    assert financed(rows) == {MAKER: [50.0 + 15.0]}


def test_vendor_finance_forgets_after_a_year() -> None:
    rows = [(0, MAKER, CLOUD, "equity", 50), (0, CLOUD, MAKER, "chips", 70)]
    assert financed(rows, 14) == {MAKER: [50.0] * 12 + [0.0] * 2}
    share = shares(*tables(rows, 14, {MAKER: 50, CLOUD: 20})).by_role["chipmaker"]
    assert share[:12] == pytest.approx([50 / 70] * 12)
    assert np.isnan(share[12:]).all()  # nothing sold in a year


# -- invariants ------------------------------------------------------------------------------------

CROWD: Firms = {
    "M1": ("chipmaker", "M1"), "M2": ("chipmaker", "G"),
    "C1": ("cloud", "C1"), "C2": ("cloud", "G"),
    "L1": ("lab", "L1"), "L2": ("lab", "L2"), "F": ("investor", "F"),
}  # fmt: skip
PURPOSES = ("equity", "loan_draw", "backstop", "chips", "compute", "interest", "deposit_refund")
payment = st.tuples(
    st.integers(0, 27), st.sampled_from([*CROWD, "world"]), st.sampled_from([*CROWD, "world"]),
    st.sampled_from(PURPOSES), st.integers(1, 10**9),
).filter(lambda row: row[1] != row[2])  # fmt: skip
graphs = st.lists(payment, min_size=1, max_size=40)


def crowd(rows: list[Row]) -> tuple[pa.Table, pa.Table]:
    """A run of 28 months in which everybody can pay."""
    rich = {name: sum(row[4] for row in rows if row[1] == name) for name in CROWD}
    return tables(rows, 28, rich, CROWD)


def all_shares(found: Shares) -> np.ndarray:
    return np.concatenate([found.by_firm.ravel(), *found.by_role.values(), found.circular])


@settings(max_examples=60, deadline=None)
@given(rows=graphs, factor=st.integers(2, 1000), order=st.randoms())
def test_shares_of_any_payments(rows: list[Row], factor: int, order) -> None:  # type: ignore[no-untyped-def]
    flows, firms = crowd(rows)
    found = all_shares(shares(flows, firms))
    known = found[np.isfinite(found)]
    assert (known >= 0).all()
    assert (known <= 1 + 1e-9).all()
    larger = all_shares(shares(*crowd([(*row[:4], factor * row[4]) for row in rows])))
    np.testing.assert_allclose(larger, found, rtol=1e-9, atol=1e-12)
    shuffled = list(rows)
    order.shuffle(shuffled)
    again = all_shares(shares(*crowd(shuffled)))
    np.testing.assert_allclose(again, found, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(rows=graphs)
def test_vendor_financed_revenue_is_bounded(rows: list[Row]) -> None:
    payments = trailing(add_up(*crowd(rows)))
    usd, paid = vendor_financed_usd(payments), attribute(payments)
    given_usd = (payments.finance * payments.strangers)[:, :-1, :-1].sum(axis=2)
    assert (usd <= payments.receipts_usd * (1 + 1e-9)).all()
    assert (usd <= given_usd * (1 + 1e-9)).all()
    # whoever pays in the end, it is no more than what was paid
    attributed = (paid.direct + paid.through).sum(axis=1)
    assert (attributed <= payments.receipts_usd * (1 + 1e-9) + 1e-6).all()
    gifts = [row for row in rows if row[3] not in FINANCE]
    if gifts:
        assert not vendor_financed_usd(trailing(add_up(*crowd(gifts)))).any()


# -- a whole run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> ComputeMarket:
    return ComputeMarket("duopoly", seed=1, months=30).run()


def slow_vendor_shares(
    flows: pd.DataFrame, firms: pd.DataFrame, month: int
) -> dict[str, tuple[float, float]]:
    """Vendor-financed dollars and receipts of each seller in the year up to a month, by hand."""
    role = dict(zip(firms["firm"], firms["role"], strict=True))
    group = dict(zip(firms["firm"], firms["group"], strict=True)) | {"world": "world"}
    year = flows[(flows["month"] <= month) & (flows["month"] > month - 12)]
    bought: dict[tuple[str, str], float] = defaultdict(float)
    gave: dict[tuple[str, str], float] = defaultdict(float)
    takings: dict[str, float] = defaultdict(float)
    for row in year.itertuples():
        if row.purpose in SALES:
            takings[row.payee] += row.amount_usd
            bought[row.payer, row.payee] += row.amount_usd
        elif row.purpose in FINANCE and group[row.payer] != group[row.payee]:
            gave[row.payer, row.payee] += row.amount_usd
    found = {}
    for seller in [name for name in role if role[name] in ("chipmaker", "cloud")]:
        paid = {
            buyer: usd
            for (buyer, payee), usd in bought.items()
            if payee == seller and group[buyer] != group[seller]
        }
        part = 0.0
        through: dict[str, float] = defaultdict(float)
        for buyer, usd in paid.items():
            if role.get(buyer) == "cloud":
                own = min(usd, gave[seller, buyer])
                part += own
                for (customer, cloud), spent in bought.items():
                    if cloud == buyer and role.get(customer) != "cloud":
                        through[customer] += (usd - own) * spent / takings[cloud]
            else:
                through[buyer] += usd
        part += sum(min(usd, gave[seller, name]) for name, usd in through.items())
        found[seller] = part, sum(paid.values())
    return found


def test_a_runs_vendor_financed_shares_are_those_worked_out_slowly(model: ComputeMarket) -> None:
    firms, months = model.firms, model.months
    found = 0
    for month in (0, 5, 11, 12, 20, 29):
        slow = slow_vendor_shares(model.flows, firms, month)
        rows = firms[firms["month"] == month].set_index("firm")
        for name, share in rows["vendor_financed_share"].items():
            part, receipts = slow.get(str(name), (0.0, 0.0))
            found += part > 0
            assert np.isnan(share) if not receipts else share == pytest.approx(part / receipts)
        for role in ("chipmaker", "cloud"):
            own = [slow[name] for name in rows.index[rows["role"] == role]]
            share = months.loc[month, f"vendor_financed_share_{role}s"]
            parts, receipts = (sum(column) for column in zip(*own, strict=True))
            assert share == pytest.approx(parts / receipts)
    assert found  # there is vendor finance in this run


def slow_circular(flows: pd.DataFrame, firms: pd.DataFrame) -> list[tuple[float, float]]:
    """What came back to sellers each month, and their receipts: each month's money followed alone.

    Where the module asks what pools are made of, this follows what left one seller in one month
    from pool to pool (a Neumann series), until it is home, outside or two years old.
    """
    group = dict(zip(firms["firm"], firms["group"], strict=True))
    names = sorted(set(group.values()))
    place = {name: i for i, name in enumerate(names)}
    months, size, world = int(firms["month"].max()) + 1, len(names), len(names)
    every, sold = np.zeros((2, months, size + 1, size + 1))
    for row in flows.itertuples():
        ends = [place[group[end]] if end in group else world for end in (row.payer, row.payee)]
        if ends[0] != ends[1]:
            every[row.month, ends[0], ends[1]] += row.amount_usd
            sold[row.month, ends[0], ends[1]] += row.amount_usd * (row.purpose in SALES)
    cash = firms.assign(group=firms["firm"].map(group)).pivot_table(
        index="month", columns="group", values="cash_usd", aggfunc="sum"
    )[names].fillna(0.0).to_numpy(dtype=float)  # fmt: skip
    pool = np.maximum(cash + every[:, :-1].sum(axis=2), 1.0)
    sells = {place[group[n]] for n, r in zip(firms["firm"], firms["role"], strict=True)
             if r in ("chipmaker", "cloud")}  # fmt: skip
    back = np.zeros(months)
    for seller in sells:
        for left in range(months):
            waiting = np.zeros(size)
            for month in range(left, min(months, left + MEMORY_MONTHS)):
                arriving = waiting + (every[left, seller, :-1] if month == left else 0.0)
                onward = every[month, :-1, :-1] / pool[month][:, None]
                onward[seller] = 0.0
                here = np.zeros(size)
                while arriving.sum() > 1e-9:
                    here += arriving
                    arriving = arriving @ onward
                here[seller] = 0.0
                back[month] += here @ (sold[month, :-1, seller] / pool[month])
                waiting = here * (1 - every[month, :-1].sum(axis=1) / pool[month])
    receipts = sold.sum(axis=1)[:, sorted(sells)].sum(axis=1)
    return list(zip(back, receipts, strict=True))


def test_a_runs_circular_share_is_that_of_money_followed_dollar_by_dollar(
    model: ComputeMarket,
) -> None:
    slow = slow_circular(model.flows, model.firms)
    share = model.months["circular_share"]
    for month in range(len(slow)):
        year = slow[max(0, month - 11) : month + 1]
        back, receipts = (sum(column) for column in zip(*year, strict=True))
        assert share[month] == pytest.approx(back / receipts, rel=1e-6, abs=1e-12)
    assert share.max() > 0


def test_shares_are_there_mid_run_and_do_not_depend_on_what_comes_later(
    model: ComputeMarket,
) -> None:
    running = ComputeMarket("duopoly", seed=1, months=30)
    assert running.months["circular_share"].empty
    for _ in range(14):
        running.step()
    for name in ("vendor_financed_share_chipmakers", "circular_share"):
        assert running.months[name].tolist() == pytest.approx(model.months[name][:14].tolist())
    early = running.firms["vendor_financed_share"]
    late = model.firms["vendor_financed_share"][: len(early)]
    np.testing.assert_allclose(early, late)
    running.step()
    assert len(running.months) == len(running.months["circular_share"].dropna()) == 15


def test_opening_cash_follows_from_the_tables() -> None:
    model = ComputeMarket("duopoly", seed=2)
    before = {firm.name: firm.cash_usd for firm in model.economy.firms()}
    model.run()
    payments = add_up(model.table("flows"), model.table("firms"))
    found = opening_cash_usd(payments, model.table("firms"))
    assert dict(zip(payments.names, found, strict=True)) == before
