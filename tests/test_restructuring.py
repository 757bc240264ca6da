"""A plan for debts and the vote on it, worked by hand and as laws."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.insolvency import Claim, Rank
from computemarket.market.restructuring import Ballot, propose, vote

BANK = Claim("bank", Rank.SECURED, 600, "fleet", "loan")
STAFF = Claim("world", Rank.STAFF_AND_TAX, 30, None, "staff")
TRADE = Claim("maker", Rank.UNSECURED, 300, None, "chips")
CLAIMS = [BANK, STAFF, TRADE]


def test_hand_worked_plan_with_little_cash_flow() -> None:
    # Cash flow carries 400. Of a worth of 700, 300 are left for shares: the bank's other 200, then
    # 100 of the 300 owed for chips; 200 are cut. Old owners are left with nothing.
    plan = propose(CLAIMS, 400, 700)
    assert plan.kept_usd == {0: 400}
    assert plan.paid_usd == {1: 30}
    assert plan.swapped_usd == {0: 200, 2: 100}
    assert plan.cut_usd == {0: 0, 2: 200}
    assert plan.creditors_share == 1.0


def test_hand_worked_plan_of_a_sound_firm() -> None:
    # All of the loan is carried; of the 400 beyond it the maker gets 300 for what it is owed.
    plan = propose(CLAIMS, 5_000, 1_000)
    assert plan.kept_usd == {0: 600}
    assert plan.swapped_usd == {0: 0, 2: 300}
    assert plan.cut_usd == {0: 0, 2: 0}
    assert plan.creditors_share == 0.75


def test_a_firm_worth_nothing_has_only_cuts_to_offer() -> None:
    plan = propose(CLAIMS, 400, 0)
    assert plan.kept_usd == {0: 0}
    assert plan.cut_usd == {0: 600, 2: 300}
    assert plan.creditors_share == 0.0


def ballot(now: dict[int, int], later: dict[int, int], **rest: float) -> Ballot:
    plan = propose(CLAIMS, 600, 700)  # the bank keeps its loan, the maker gets shares for 100
    beyond = {"maker": rest.get("beyond", 0.0)}
    return vote(CLAIMS, plan, now, later, beyond, 0.75, rest.get("premium", 0.01))


def test_hand_worked_votes() -> None:
    # Bank: 0.75 x 606 + 0.25 x 600 = 604.5 against 600: for. Maker: 0.75 x 100 + 0.25 x 20 = 80
    # against 90: against, unless it would lose another 20 of business: 0.75 x 20 more.
    secured = {0: 600, 1: 30, 2: 90}
    later = {0: 600, 1: 0, 2: 20}
    assert ballot(secured, later) == Ballot(600, 300)
    assert ballot(secured, later, beyond=20.0) == Ballot(900, 0)
    # without a premium a lender that a liquidation pays in full does not wait
    assert ballot(secured, later, premium=0.0) == Ballot(0, 900)


@pytest.mark.parametrize(
    ("votes", "majority", "passes"),
    [
        (Ballot(2, 1), 0.66, True),
        (Ballot(2, 1), 0.667, False),
        (Ballot(0, 0), 0.5, False),
        (Ballot(1, 0), 1.0, True),
    ],
)
def test_majority_is_by_amount(votes: Ballot, majority: float, passes: bool) -> None:
    assert votes.passes(majority) is passes


CLAIM_LISTS = st.lists(
    st.builds(
        Claim,
        st.sampled_from("ABCD"),
        st.sampled_from([Rank.SECURED, Rank.STAFF_AND_TAX, Rank.UNSECURED]),
        st.integers(0, 10**9),
        st.none(),
        st.sampled_from(["x", "y"]),
    ),
    max_size=8,
)
USD = st.integers(0, 3 * 10**9)


@given(CLAIM_LISTS, USD, USD)
def test_laws_of_a_plan(claims: list[Claim], capacity: int, worth: int) -> None:
    plan = propose(claims, capacity, worth)
    for index, claim in enumerate(claims):
        parts = [
            part.get(index, 0)
            for part in (plan.kept_usd, plan.swapped_usd, plan.cut_usd, plan.paid_usd)
        ]
        assert min(parts) >= 0
        assert sum(parts) == claim.amount_usd  # every dollar of every claim is accounted for
    kept, given_away = sum(plan.kept_usd.values()), sum(plan.swapped_usd.values())
    assert kept <= min(capacity, worth)
    assert kept + given_away <= worth
    assert 0 <= plan.creditors_share <= 1
    unsecured = [i for i, c in enumerate(claims) if c.rank is Rank.UNSECURED]
    if any(plan.swapped_usd[i] for i in unsecured):  # secured before unsecured
        assert not any(plan.cut_usd[i] for i, c in enumerate(claims) if c.rank is Rank.SECURED)
    if plan.creditors_share < 1 and worth > kept:  # owners keep something only if all are served
        assert not any(plan.cut_usd.values())


@given(CLAIM_LISTS, USD, USD, st.randoms(use_true_random=False))
def test_the_order_of_claims_moves_no_more_than_a_dollar(
    claims: list[Claim], capacity: int, worth: int, shuffler: random.Random
) -> None:
    order = list(range(len(claims)))
    shuffler.shuffle(order)
    one, other = (
        propose(claims, capacity, worth),
        propose([claims[i] for i in order], capacity, worth),
    )
    for place, index in enumerate(order):
        assert abs(one.kept_usd.get(index, 0) - other.kept_usd.get(place, 0)) <= 1
        assert abs(one.cut_usd.get(index, 0) - other.cut_usd.get(place, 0)) <= 2
