"""Stakes sum to one, new money dilutes, and rounds fill to the dollar."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.equity import CapTable, fill_book, new_shares

names = st.sampled_from(["Microsoft", "Nvidia", "SoftBank", "Thrive", "world"])


@given(st.dictionaries(names, st.floats(0.0, 0.2), max_size=5), st.integers(1, 10**10))
def test_stakes_become_shares_that_sum_to_one(stakes: dict[str, float], total: int) -> None:
    table = CapTable.from_stakes(stakes, total_shares=total)
    assert table.total == total
    assert sum(Fraction(n, table.total) for n in table.holders.values()) == 1
    for holder, stake in stakes.items():
        if holder != "world":
            assert table.ownership(holder) == pytest.approx(stake, abs=1.0 / total + 1e-9)


def test_the_rest_belongs_to_the_world() -> None:
    table = CapTable.from_stakes({"Microsoft": 0.49, "world": 0.01})
    assert table.ownership("Microsoft") == 0.49
    assert table.ownership("world") == pytest.approx(0.51)
    assert table.ownership("nobody") == 0.0
    assert CapTable.from_stakes({}, rest="founders").holders == {"founders": 1_000_000_000}


def test_more_than_the_whole_firm_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        CapTable.from_stakes({"a": 0.7, "b": 0.4})
    with pytest.raises(ValueError, match="holder"):
        CapTable({})
    with pytest.raises(ValueError, match="issue"):
        CapTable({"a": 1}).issue("b", -1)


@given(st.integers(10**6, 10**11), st.integers(10**8, 10**12))
def test_a_round_sells_amount_over_post_money(amount: int, pre_money: int) -> None:
    table = CapTable.from_stakes({"founders": 1.0})
    table.issue("Thrive", new_shares(amount, pre_money, table.total))
    assert table.ownership("Thrive") == pytest.approx(amount / (pre_money + amount), abs=1e-9)
    assert sum(table.holders.values()) == table.total


def test_new_shares_round_half_to_even() -> None:
    assert new_shares(1, 2, 1) == 0  # 0.5
    assert new_shares(3, 2, 1) == 2  # 1.5
    assert new_shares(5, 3, 1) == 2  # 1.67
    with pytest.raises(ValueError, match="valuation"):
        new_shares(1, 0, 1)


def test_a_round_is_cut_filled_in_part_or_fails() -> None:
    bids = {"Thrive": 4_000, "SoftBank": 4_000, "Nvidia": 2_000}
    assert fill_book(5_001, bids, 0.5) == {"Thrive": 2_000, "SoftBank": 2_001, "Nvidia": 1_000}
    assert fill_book(12_000, bids, 0.8) == bids
    assert fill_book(12_600, bids, 0.8) is None
    assert fill_book(1, {}, 0.5) is None


@given(st.integers(0, 10**11), st.dictionaries(names, st.integers(0, 10**11)), st.floats(0.0, 1.0))
def test_a_book_never_takes_more_than_asked_or_bid(
    amount: int, bids: dict[str, int], minimum: float
) -> None:
    book = fill_book(amount, bids, minimum)
    offered = sum(bids.values())
    assert (book is None) == (offered < minimum * amount)
    if book is not None:
        assert sum(book.values()) == min(amount, offered)
        assert all(book[name] <= bids[name] for name in book)


def test_all_shares_of_a_holder_change_hands() -> None:
    table = CapTable({"Fund": 30, "world": 70})
    table.transfer("Fund", "world")
    assert (table.holders, table.total) == ({"world": 100}, 100)
