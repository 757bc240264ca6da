"""Made-up worlds are valid, sensible and the same each time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket.agents.strategies import unknown_strategies
from computemarket.scenario import (
    ScenarioError,
    from_toml,
    lint,
    load_scenario,
    scenario_hash,
    synthetic,
    to_toml,
)

_draw = random.Random(7)
SIZES = [4, 5, 6, 7, 8, 9, 10, 29, 30, 300]
PAIRS = [(n, seed) for n in SIZES for seed in range(10)] + [
    (_draw.randint(4, 120), _draw.getrandbits(63)) for _ in range(100)
]


def test_two_hundred_worlds_are_valid_and_not_suspicious() -> None:
    assert len(PAIRS) == 200
    for n, seed in PAIRS:
        scenario = synthetic(n, seed)
        assert len(scenario.firms) == n
        assert min(map(len, (scenario.labs, scenario.clouds, scenario.investors))) >= 1
        assert 1 <= len(scenario.chipmakers) <= 3
        assert load_scenario(scenario) == scenario
        assert lint(scenario) == []
        assert unknown_strategies(scenario) == []


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(4, 60), seed=st.integers(-(2**70), 2**70), months=st.sampled_from([1, 36, 600])
)
def test_round_trip_through_toml(n: int, seed: int, months: int) -> None:
    scenario = synthetic(n, seed, months)
    assert scenario.run.months == months
    again = from_toml(to_toml(scenario))
    assert again == scenario
    assert scenario_hash(again) == scenario_hash(scenario)


def test_same_arguments_same_world_and_no_global_state() -> None:
    state = random.getstate()
    assert synthetic(20, 5) == synthetic(20, 5)
    assert synthetic(20, 5) != synthetic(20, 6)
    assert random.getstate() == state


def test_larger_worlds_hold_every_kind_of_firm_and_claim() -> None:
    scenario = synthetic(40, 1)
    kinds = {investor.kind for investor in scenario.investors}
    assert kinds == {"venture", "crossover", "sovereign", "private_credit"}
    assert {cloud.kind for cloud in scenario.clouds} == {"hyperscaler", "neocloud"}
    assert {lab.kind for lab in scenario.labs} == {"independent", "internal"}
    assert scenario.contracts
    assert scenario.loans
    assert scenario.stakes


@pytest.mark.parametrize(("n", "months"), [(3, 36), (301, 36), (-1, 36), (10, 0), (10, 601)])
def test_sizes_out_of_range(n: int, months: int) -> None:
    with pytest.raises(ScenarioError, match="synthetic"):
        synthetic(n, 1, months)
