"""Sharing out what is scarce: sums are exact, nobody gets more than it asked for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.allocation import (
    largest_remainder,
    pro_rata,
    ration,
    round_half_even_usd,
)

names = st.sampled_from(["AWS", "Azure", "CoreWeave", "Lambda", "OpenAI", "xAI"])
amounts = st.integers(0, 10**15)


def test_leftover_dollars_go_to_the_largest_remainders() -> None:
    # Quotas 3.33, 3.33, 3.33: the first name gets the odd dollar.
    assert largest_remainder(10, {"c": 1, "a": 1, "b": 1}) == {"c": 3, "a": 4, "b": 3}
    # Quotas 1.5, 3.5, 5.0.
    assert largest_remainder(10, {"b": 15, "a": 35, "c": 50}) == {"b": 1, "a": 4, "c": 5}


@given(amounts, st.dictionaries(names, st.floats(0.0, 1e12) | st.integers(0, 10**12), min_size=1))
def test_parts_sum_exactly_and_stay_within_one_of_the_quota(
    amount: int, weights: dict[str, float | int]
) -> None:
    total = sum(Fraction(w) for w in weights.values())
    if total == 0:
        if amount:
            with pytest.raises(ValueError, match="weight"):
                largest_remainder(amount, weights)
        return
    parts = largest_remainder(amount, weights)
    assert sum(parts.values()) == amount
    for name, part in parts.items():
        assert abs(part - amount * Fraction(weights[name]) / total) < 1
    assert parts == largest_remainder(amount, dict(reversed(weights.items())))


@given(amounts, st.dictionaries(names, amounts))
def test_pro_rata_pays_claims_never_more(amount: int, claims: dict[str, int]) -> None:
    paid = pro_rata(amount, claims)
    assert sum(paid.values()) == min(amount, sum(claims.values()))
    assert all(0 <= paid[name] <= claim for name, claim in claims.items())


def test_negative_amounts_and_claims_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        largest_remainder(-1, {"a": 1})
    with pytest.raises(ValueError, match="negative"):
        pro_rata(5, {"a": 4, "b": -1})
    with pytest.raises(ValueError, match="negative"):
        pro_rata(5, {"a": 14, "b": -1})


def test_ration_hand_worked() -> None:
    demands = {"a": 10.0, "b": 50.0, "c": 100.0}
    # Equal weights: a is satisfied with 10, the other two share 80.
    equal = dict.fromkeys(demands, 1.0)
    assert ration(90.0, demands, equal) == pytest.approx({"a": 10.0, "b": 40.0, "c": 40.0})
    # Without weights everybody gets the same share of its demand.
    assert ration(80.0, demands) == pytest.approx({"a": 5.0, "b": 25.0, "c": 50.0})
    # Weight zero comes last.
    last = {"a": 0.0, "b": 1.0, "c": 0.0}
    assert ration(105.0, demands, last) == pytest.approx({"a": 5.0, "b": 50.0, "c": 50.0})


@given(
    st.floats(0.0, 1e9),
    st.dictionaries(names, st.tuples(st.floats(0.0, 1e8), st.floats(0.0, 1e3)), min_size=1),
)
def test_ration_uses_all_supply_and_respects_demand(
    supply: float, parties: dict[str, tuple[float, float]]
) -> None:
    demands = {name: demand for name, (demand, _) in parties.items()}
    weights = {name: weight for name, (_, weight) in parties.items()}
    for given_weights in (weights, None):
        served = ration(supply, demands, given_weights)
        assert sum(served.values()) == pytest.approx(
            min(supply, sum(demands.values())), rel=1e-9, abs=1e-9
        )
        for name, demand in demands.items():
            assert 0.0 <= served[name] <= demand * (1 + 1e-9)
        shuffled = dict(reversed(demands.items()))
        assert ration(supply, shuffled, given_weights) == served


@given(
    st.floats(1.0, 1e6),
    st.dictionaries(
        names, st.tuples(st.floats(1.0, 1e6), st.floats(0.01, 100.0)), min_size=2, max_size=6
    ),
)
def test_ration_is_fair_by_weight(supply: float, parties: dict[str, tuple[float, float]]) -> None:
    """Who is left wanting has at least as much per unit of weight as anybody else."""
    demands = {name: demand for name, (demand, _) in parties.items()}
    weights = {name: weight for name, (_, weight) in parties.items()}
    served = ration(supply, demands, weights)
    highest = max(served[name] / weights[name] for name in served)
    for name in served:
        if served[name] < demands[name] * (1 - 1e-9):
            assert served[name] / weights[name] >= highest * (1 - 1e-6)


@pytest.mark.parametrize(("x", "usd"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (3.49, 3)])
def test_halves_round_to_the_even_dollar(x: float, usd: int) -> None:
    assert round_half_even_usd(x) == usd
    assert isinstance(round_half_even_usd(x), int)
