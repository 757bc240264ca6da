"""DebtRank on networks worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from computemarket.analysis.debt_rank import debt_rank, debt_ranks, impact, spread

EQUAL = np.ones(3)


def test_impact_is_exposure_over_equity_at_most_one() -> None:
    exposure = np.array([[0.0, 40.0, 500.0], [0.0, 0.0, 30.0], [0.0, 0.0, 0.0]])
    weights = impact(exposure, np.array([10.0, 80.0, 100.0]))
    assert weights.tolist() == [[0.0, 0.5, 1.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.0]]


def test_a_chain_by_hand() -> None:
    # A fails. B loses half its equity; C loses 0.3 of it through B, that is 0.15.
    weights = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.0]])
    assert spread(weights, np.array([1.0, 0.0, 0.0])) == pytest.approx([1.0, 0.5, 0.15])
    # beside A itself, 0.65 of three equal firms
    assert debt_rank(weights, EQUAL, np.array([1.0, 0.0, 0.0])) == pytest.approx(0.65 / 3)


def test_in_a_ring_everybody_passes_distress_on_once() -> None:
    # A hits B by 0.5, B hits C by 0.25, C hits A, which is lost already; nothing goes round again.
    ring = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.5, 0.0, 0.0]])
    assert spread(ring, np.array([1.0, 0.0, 0.0])) == pytest.approx([1.0, 0.5, 0.25])
    # with half the distress at A, what comes back from C raises it, and A passes nothing on again
    assert spread(ring, np.array([0.5, 0.0, 0.0])) == pytest.approx([0.5625, 0.25, 0.125])


def test_two_roads_add_up_and_stop_at_one() -> None:
    # A hits B and C by 0.6; both hit D by 0.9: 1.08 is all of D.
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[0, 2] = 0.6
    weights[1, 3] = weights[2, 3] = 0.9
    assert spread(weights, np.eye(4)[0]) == pytest.approx([1.0, 0.6, 0.6, 1.0])


def test_a_published_example() -> None:
    """Three banks, with the results in the guide of the R package NetworkRiskMeasures.

    Cinelli & Silva, version of January 2016, which followed Battiston et al. (2012).
    """
    exposure = np.array([[0.0, 10.0, 3.0], [1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    buffer, value = np.array([2.0, 5.0, 2.0]), np.array([10.0, 100.0, 30.0])
    ranks = debt_ranks("abc", exposure, buffer, value)
    assert ranks == pytest.approx({"a": 0.9285714, "b": 0.25, "c": 0.6642857}, abs=1e-7)
    # a tenth of all equity is lost at once: another 16.07 % is lost after that
    weights, shock = impact(exposure, buffer), np.full(3, 0.1)
    assert spread(weights, shock) == pytest.approx([0.15, 0.26, 0.30])
    assert debt_rank(weights, value, shock) == pytest.approx(0.1607, abs=5e-5)


def test_ranks_of_all_firms() -> None:
    exposure = np.array([[0.0, 50.0], [0.0, 0.0]])  # B has lent A 50
    ranks = debt_ranks(["A", "B"], exposure, np.array([100.0, 100.0]), np.array([300.0, 100.0]))
    assert ranks == {"A": pytest.approx(0.5 * 100 / 400), "B": 0.0}


@given(
    arrays.arrays(float, (5, 5), elements=st.floats(0, 1e12)),
    arrays.arrays(float, 5, elements=st.floats(-1e9, 1e12)),
    arrays.arrays(float, 5, elements=st.floats(0, 1)),
)
def test_distress_stays_within_bounds_and_only_rises(
    exposure: np.ndarray, equity: np.ndarray, start: np.ndarray
) -> None:
    level = spread(impact(exposure, equity), start)
    assert ((level >= start - 1e-12) & (level <= 1)).all()
