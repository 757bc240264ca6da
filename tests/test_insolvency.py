"""Who is paid what when a firm fails, to the dollar."""

import random
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.insolvency import (
    Claim,
    Rank,
    Status,
    fire_sale_share,
    ladder,
    rejection_damages_usd,
    waterfall,
)


@pytest.mark.parametrize(
    ("runway", "arrears", "status"),
    [
        (24.0, 0, Status.HEALTHY),
        (12.0, 0, Status.HEALTHY),
        (11.9, 0, Status.WATCH),
        (6.0, 0, Status.WATCH),
        (5.9, 0, Status.DISTRESS),
        (0.0, 1, Status.CURE),
        (24.0, 1, Status.CURE),
    ],
)
def test_ladder(runway: float, arrears: int, status: Status) -> None:
    assert ladder(runway, arrears) is status


def test_hand_worked_waterfall() -> None:
    claims = [
        Claim("Blackstone", Rank.SECURED, 600, "fleet-1", "loan-1"),  # own collateral: 400
        Claim("Magnetar", Rank.SECURED, 100, "fleet-2", "loan-2"),  # in full, 50 left over
        Claim("staff", Rank.STAFF_AND_TAX, 30, None, "wages"),
        Claim("OpenAI", Rank.UNSECURED, 100, None, "prepayment"),
        Claim("Dell", Rank.UNSECURED, 300, None, "trade"),
        Claim("founders", Rank.EQUITY, 1_000, None, "shares"),
    ]
    paid = waterfall(70, {"fleet-1": 400, "fleet-2": 150}, claims)
    # Estate 70 + 50 - 30 staff = 90, over open claims of 200 + 100 + 300 = 600: 15 cents.
    assert paid == {0: 400 + 30, 1: 100, 2: 30, 3: 15, 4: 45, 5: 0}
    assert sum(paid.values()) == 70 + 400 + 150


def test_lenders_on_one_fleet_share_it() -> None:
    claims = [
        Claim("A", Rank.SECURED, 300, "fleet", "1"),
        Claim("B", Rank.SECURED, 100, "fleet", "1"),
    ]
    assert waterfall(0, {"fleet": 101}, claims) == {0: 76, 1: 25}


def test_what_is_left_goes_to_the_owners_by_shares() -> None:
    claims = [
        Claim("Dell", Rank.UNSECURED, 50, None, "trade"),
        Claim("founders", Rank.EQUITY, 3, None, "shares"),
        Claim("Thrive", Rank.EQUITY, 1, None, "shares"),
    ]
    assert waterfall(450, {}, claims) == {0: 50, 1: 300, 2: 100}
    assert waterfall(450, {}, claims[:1]) == {0: 50}


def test_collateral_nobody_claims_joins_the_estate() -> None:
    claims = [
        Claim("Dell", Rank.UNSECURED, 50, None, "trade"),
        Claim("A", Rank.SECURED, 50, "lost ship", "loan"),
    ]
    assert waterfall(0, {"fleet": 60}, claims) == {0: 30, 1: 30}


claims_lists = st.lists(
    st.builds(
        Claim,
        st.sampled_from(["A", "B", "C", "D"]),
        st.sampled_from(list(Rank)),
        st.integers(0, 10**6),
        st.sampled_from([None, "f1", "f2", "f3"]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=10,
)
proceeds_maps = st.dictionaries(st.sampled_from(["f1", "f2"]), st.integers(0, 10**6))


@given(st.integers(0, 10**6), proceeds_maps, claims_lists)
def test_every_dollar_is_paid_out_in_the_order_of_rank(
    cash: int, proceeds: dict[str, int], claims: list[Claim]
) -> None:
    paid = waterfall(cash, proceeds, claims)
    total = cash + sum(proceeds.values())
    debts = [i for i, claim in enumerate(claims) if claim.rank != Rank.EQUITY]
    shares = [i for i, claim in enumerate(claims) if claim.rank == Rank.EQUITY]
    assert all(0 <= paid[i] <= claims[i].amount_usd for i in debts)
    owed = sum(claims[i].amount_usd for i in debts)
    if any(claims[i].amount_usd for i in shares):
        assert sum(paid.values()) == total
    else:
        assert sum(paid.values()) == min(total, owed)
    if any(paid[i] for i in shares):
        assert all(paid[i] == claims[i].amount_usd for i in debts)
    staff = [i for i in debts if claims[i].rank == Rank.STAFF_AND_TAX]
    if any(paid[i] for i in debts if claims[i].rank == Rank.UNSECURED):
        assert all(paid[i] == claims[i].amount_usd for i in staff)


@given(st.integers(0, 10**6), proceeds_maps, claims_lists, st.randoms(use_true_random=False))
def test_the_order_of_claims_does_not_matter(
    cash: int, proceeds: dict[str, int], claims: list[Claim], shuffler: random.Random
) -> None:
    def by_creditor(order: list[int]) -> list[tuple[Claim, int]]:
        listed = [claims[i] for i in order]
        paid = waterfall(cash, proceeds, listed)
        return sorted(((listed[i], amount) for i, amount in paid.items()), key=repr)

    order = list(range(len(claims)))
    first = by_creditor(order)
    shuffler.shuffle(order)
    assert by_creditor(order) == first


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_secured_lenders_never_do_worse_than_unsecured_ones(
    cash: int, fleet: int, owed: int
) -> None:
    claims = [
        Claim("bank", Rank.SECURED, owed, "fleet", "loan"),
        Claim("bond", Rank.UNSECURED, owed, None, "note"),
    ]
    paid = waterfall(cash, {"fleet": fleet}, claims)
    assert paid[0] >= paid[1] - 1  # a dollar of rounding


def test_negative_proceeds_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        waterfall(-1, {}, [])


def test_damages_are_the_lesser_of_fee_and_unmitigated_loss() -> None:
    assert rejection_damages_usd(100, 70) == 70
    assert rejection_damages_usd(50, 70) == 50
    assert rejection_damages_usd(50, -70) == 0


def test_fire_sale_prices_fall_with_what_is_on_sale() -> None:
    assert fire_sale_share(0.5, 7.0, 0.0) == 0.5
    assert fire_sale_share(0.5, log(2) / 0.1, 0.1) == pytest.approx(0.25)  # a tenth halves it
    falling = [fire_sale_share(0.5, 7.0, share / 10) for share in range(11)]
    assert falling == sorted(falling, reverse=True)
