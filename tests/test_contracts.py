"""What a compute contract promises month by month, what it still costs, and how deals are named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.contracts import (
    HOURS_PER_MONTH,
    ComputeContract,
    ContractBook,
    DealStatus,
)


def contract(**given_: Any) -> ComputeContract:
    terms: dict[str, Any] = {
        "contract_id": "L>C/2024-01/training/1", "lab": "L", "cloud": "C", "workload": "training",
        "maker": "M", "h100e": 1000.0, "price_usd_per_h100e_hour": 2.0, "opened": 0, "signed": 0,
        "start": 1, "end": 13,
    }  # fmt: skip
    return ComputeContract(**terms | given_)


@st.composite
def contracts(draw: st.DrawFn) -> ComputeContract:
    start = draw(st.integers(0, 30))
    capacity = st.floats(0, 1e7)
    return contract(
        start=start,
        end=start + draw(st.integers(0, 60)),
        h100e=draw(capacity),
        opening_h100e=draw(capacity),
        ramp_months=draw(st.integers(1, 80)),
        price_usd_per_h100e_hour=draw(st.floats(0, 50)),
    )


def test_a_ramp_by_hand():
    ramping = contract(start=2, end=8, opening_h100e=200.0, ramp_months=4)
    assert [ramping.h100e_at(m) for m in range(10)] == [
        0, 0, 400, 600, 800, 1000, 1000, 1000, 0, 0,
    ]  # fmt: skip
    assert ramping.remaining_h100e_hours(0) == 4800 * HOURS_PER_MONTH
    assert ramping.remaining_h100e_hours(4) == 3800 * HOURS_PER_MONTH
    assert ramping.remaining_usd(7) == 1000 * HOURS_PER_MONTH * 2.0


@given(contracts(), st.integers(-5, 120))
def test_what_remains_is_the_sum_of_the_months_to_come(given_contract, month):
    to_come = sum(given_contract.h100e_at(m) for m in range(month, given_contract.end + 1))
    hours = given_contract.remaining_h100e_hours(month)
    assert hours == pytest.approx(HOURS_PER_MONTH * to_come, rel=1e-9, abs=1e-6)
    price = given_contract.price_usd_per_h100e_hour
    assert given_contract.remaining_usd(month) == pytest.approx(price * hours)


@given(contracts())
def test_capacity_moves_one_way_to_its_full_level_inside_the_term(given_contract):
    c = given_contract
    path = [c.h100e_at(m) for m in range(c.start, c.end)]
    assert c.h100e_at(c.start - 1) == c.h100e_at(c.end) == 0
    low, high = sorted((c.opening_h100e, c.h100e))
    assert all(low * (1 - 1e-12) <= h <= high * (1 + 1e-12) for h in path)
    assert path == sorted(path, reverse=c.opening_h100e > c.h100e)
    assert all(h == c.h100e for h in path[c.ramp_months - 1 :])


@pytest.mark.parametrize(
    ("used", "share", "due"), [(900, 0.8, 900), (500, 0.8, 800), (0, 0.0, 0), (0, 1.0, 1000)]
)
def test_take_or_pay(used, share, due):
    taken = contract(take_or_pay_share=share)
    taken.delivered_h100e = 1000.0  # the share is of what came, not of what was promised
    assert taken.take_or_pay_h100e(used) == due


def test_numbers_count_per_pair_month_and_kind():
    book = ContractBook()
    ids = [
        book.new_id(*parts)
        for parts in (
            ("L", "C", "2024-01", "training"),
            ("L", "C", "2024-01", "training"),
            ("L", "C", "2024-01", "inference"),
            ("L", "C", "2024-02", "training"),
            ("C", "L", "2024-01", "training"),
            ("L", "C", "2024-01", "training"),
        )
    ]
    assert ids == [
        "L>C/2024-01/training/1",
        "L>C/2024-01/training/2",
        "L>C/2024-01/inference/1",
        "L>C/2024-02/training/1",
        "C>L/2024-01/training/1",
        "L>C/2024-01/training/3",
    ]


def test_an_ended_contract_stays_on_record_alone():
    book = ContractBook()
    first, second = contract(), contract(workload="inference")
    book.sign(first)
    book.sign(second)
    first.delivered_h100e = first.promised_h100e = 10.0
    assert book.of_lab("L") == book.of_cloud("C") == [first, second]
    assert book.of_lab("L", "inference") == [second]
    book.end(first, 5, DealStatus.ENDED, "term over")
    assert book.of_lab("L") == book.of_cloud("C") == [second]
    assert book.compute == [first, second]
    assert (first.status, first.ended, first.reason) == (DealStatus.ENDED, 5, "term over")
    assert first.delivered_h100e == first.promised_h100e == 0
    assert book.of_lab("nobody") == []
