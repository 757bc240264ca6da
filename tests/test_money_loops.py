"""Vendor finance and circular money on payment graphs drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from computemarket.market.money_loops import (
    Party,
    Payments,
    add_up,
    circular_usd,
    vendor_financed_usd,
)

MAKER, CLOUD, LAB = "Maker", "Cloud", "Lab"
PARTIES = {
    MAKER: Party("chipmakers", MAKER),
    CLOUD: Party("clouds", CLOUD),
    LAB: Party("labs", LAB),
}
Row = tuple[int, str, str, str, int]


def cubes(rows: list[Row], months: int = 1, parties: dict[str, Party] = PARTIES):  # type: ignore[no-untyped-def]
    return add_up(Payments(*map(list, zip(*rows, strict=True))), list(parties), months)


def circular(rows: list[Row], cash: dict[str, float], months: int = 1) -> dict[str, float]:
    receipts, returned = circular_usd(
        cubes(rows, months), PARTIES, {MAKER: 0.0, CLOUD: 0.0, LAB: 0.0} | cash
    )
    sellers = sorted(name for name in PARTIES if PARTIES[name].role != "labs")
    total = receipts.sum(axis=0)
    return {s: returned[:, i].sum() / total[i] for i, s in enumerate(sellers) if total[i]}


def test_a_chain_without_a_loop_is_not_circular() -> None:
    # users -> lab -> cloud -> maker
    rows = [
        (0, "world", LAB, "services", 100),
        (0, LAB, CLOUD, "compute", 80),
        (0, CLOUD, MAKER, "chips", 60),
    ]
    assert circular(rows, {}) == {MAKER: 0.0, CLOUD: 0.0}


def test_a_pure_loop_is_all_circular() -> None:
    # the maker's own 100 pays the lab, which pays the cloud, which pays the maker
    rows = [
        (0, MAKER, LAB, "equity", 100),
        (0, LAB, CLOUD, "compute", 100),
        (0, CLOUD, MAKER, "chips", 100),
    ]
    shares = circular(rows, {MAKER: 100.0})
    assert shares[MAKER] == pytest.approx(1.0)
    # The month's payments are at once: half of the maker's pool is what the cloud has paid it.
    assert shares[CLOUD] == pytest.approx(0.5)


def test_a_loop_mixed_with_users_money() -> None:
    # The lab's pool of 200 is half the maker's: of 150 that reach the maker, 75 had left it.
    rows = [
        (0, MAKER, LAB, "equity", 100),
        (0, "world", LAB, "services", 100),
        (0, LAB, CLOUD, "compute", 150),
        (0, CLOUD, MAKER, "chips", 150),
    ]
    assert circular(rows, {MAKER: 100.0})[MAKER] == pytest.approx(0.5)


def test_a_loop_over_two_months_waits_in_the_pools() -> None:
    # 100 given in month 0 lie beside 300 of the lab's own: a quarter of what it pays in month 1.
    rows = [
        (0, MAKER, LAB, "equity", 100),
        (1, LAB, CLOUD, "compute", 200),
        (1, CLOUD, MAKER, "chips", 200),
    ]
    assert circular(rows, {MAKER: 100.0, LAB: 300.0}, 2)[MAKER] == pytest.approx(0.25)


def test_old_money_is_no_longer_followed() -> None:
    rows = [(0, MAKER, LAB, "equity", 100), (30, LAB, MAKER, "chips", 100)]
    assert circular(rows, {MAKER: 100.0}, 31)[MAKER] == 0.0
    soon = [(0, MAKER, LAB, "equity", 100), (20, LAB, MAKER, "chips", 100)]
    assert circular(soon, {MAKER: 100.0}, 31)[MAKER] == pytest.approx(1.0)


def test_money_that_went_outside_does_not_come_back() -> None:
    rows = [
        (0, MAKER, "world", "research", 100),
        (0, "world", LAB, "services", 100),
        (0, LAB, MAKER, "chips", 100),
    ]
    assert circular(rows, {MAKER: 100.0})[MAKER] == 0.0


def test_payments_inside_a_group_are_left_out() -> None:
    family = PARTIES | {CLOUD: Party("clouds", MAKER)}
    rows = [(0, MAKER, CLOUD, "equity", 100), (0, CLOUD, MAKER, "chips", 100)]
    given = cubes(rows, parties=family)
    receipts, returned = circular_usd(given, family, {MAKER: 100.0, CLOUD: 0.0, LAB: 0.0})
    assert not receipts.any()
    assert not returned.any()
    assert not vendor_financed_usd(given, family).any()


def test_vendor_finance_is_the_smaller_of_given_and_bought() -> None:
    # The maker gives the cloud 50 and sells it 80: 50. It gives the lab 40; the lab pays the cloud
    # 60 of the 120 it takes in, hence half of the 80 in chips: 40 of 40.
    rows = [
        (0, MAKER, CLOUD, "loan_draw", 50),
        (0, MAKER, LAB, "equity", 40),
        (0, LAB, CLOUD, "compute", 60),
        (0, "world", CLOUD, "reserved_compute", 60),
        (0, CLOUD, MAKER, "chips", 80),
    ]
    financed = dict(zip(PARTIES, vendor_financed_usd(cubes(rows), PARTIES)[0], strict=True))
    assert financed == {MAKER: pytest.approx(50 + 40), CLOUD: 0.0, LAB: 0.0}


def test_vendor_finance_forgets_after_a_year() -> None:
    rows = [(0, MAKER, CLOUD, "equity", 50), (0, CLOUD, MAKER, "chips", 70)]
    financed = vendor_financed_usd(cubes(rows, 14), PARTIES)[:, 0]
    assert np.array_equal(financed, [50.0] * 12 + [0.0] * 2)
