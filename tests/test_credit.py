"""Loans repay exactly; ratings never improve when a firm gets worse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.credit import (
    RATINGS,
    annuity_payment_usd,
    debt_service_cover,
    loan_to_value,
    rating,
    schedule,
)

runways = st.floats(0.0, 999.0)
leverages = st.floats(0.0, 3.0)


def test_annuity_of_a_textbook_loan() -> None:
    # 100,000 at 6 % over 360 months: 599.55 a month.
    assert annuity_payment_usd(100_000, 0.06, 360) == pytest.approx(599.5505, abs=1e-4)
    assert annuity_payment_usd(1200, 0.0, 12) == 100.0
    assert annuity_payment_usd(1200, 1e-15, 12) == pytest.approx(100.0)


@given(st.integers(1, 10**11), st.floats(0.0, 0.5), st.integers(1, 120))
def test_payments_discount_back_to_the_principal(principal: int, rate: float, months: int) -> None:
    payment = annuity_payment_usd(principal, rate, months)
    worth = math.fsum(payment * (1 + rate / 12) ** -month for month in range(1, months + 1))
    assert worth == pytest.approx(principal, rel=1e-6)


@given(st.integers(0, 10**11), st.floats(0.0, 0.5), st.integers(1, 120))
def test_schedule_repays_to_the_dollar(principal: int, rate: float, months: int) -> None:
    plan = schedule(principal, rate, months)
    assert len(plan) == months
    assert sum(instalment.principal_usd for instalment in plan) == principal
    balance = principal
    for interest_usd, principal_usd in plan:
        assert 0 <= principal_usd <= balance
        assert abs(interest_usd - balance * rate / 12) <= 0.5 + 1e-6
        balance -= principal_usd


@given(st.integers(10**6, 10**11), st.floats(0.0, 0.3), st.integers(2, 84))
def test_all_payments_but_the_last_equal_the_annuity(
    principal: int, rate: float, months: int
) -> None:
    plan = [interest + repaid for interest, repaid in schedule(principal, rate, months)]
    payment = annuity_payment_usd(principal, rate, months)
    # each payment is the annuity on what is left in whole dollars: rounding never piles up
    assert all(abs(paid - payment) <= 2.0 for paid in plan[:-1])
    # Half a dollar of rounding a month in payment and interest, compounded to the end.
    assert abs(plan[-1] - payment) <= months * (1 + rate / 12) ** months + 1


def test_impossible_loans_are_refused() -> None:
    for principal, rate, months in ((1, 0.1, 0), (-1, 0.1, 5), (1, -0.1, 5)):
        with pytest.raises(ValueError, match="loan"):
            annuity_payment_usd(principal, rate, months)


@pytest.mark.parametrize(
    ("runway", "leverage", "parent", "expected"),
    [
        (999.0, 0.1, False, "AA"),
        (5.9, 0.0, False, "CCC"),
        (11.9, 0.0, False, "B"),
        (12.0, 0.0, False, "BB"),
        (999.0, 0.65, False, "BB"),
        (2.0, 0.9, True, "A"),
        (2.0, 1.1, True, "BBB"),
        (0.0, 5.0, False, "CCC"),
    ],
)
def test_scorecard(runway: float, leverage: float, parent: bool, expected: str) -> None:
    assert rating(runway, leverage, parent) == expected


@given(runways, runways, leverages, leverages, st.booleans())
def test_more_runway_or_less_debt_never_hurts(
    runway: float, other_runway: float, leverage: float, other_leverage: float, parent: bool
) -> None:
    good = rating(max(runway, other_runway), min(leverage, other_leverage), parent)
    bad = rating(min(runway, other_runway), max(leverage, other_leverage), parent)
    assert RATINGS.index(good) <= RATINGS.index(bad)
    assert RATINGS.index(rating(runway, leverage, True)) <= RATINGS.index(
        rating(runway, leverage, False)
    )


def test_covenants() -> None:
    assert loan_to_value(60, 100) == 0.6
    assert loan_to_value(0, 0) == 0.0
    assert loan_to_value(1, 0) == math.inf
    assert debt_service_cover(130, 100) == 1.3
    assert debt_service_cover(-5, 100) == -0.05
    assert debt_service_cover(-5, 0) == math.inf
