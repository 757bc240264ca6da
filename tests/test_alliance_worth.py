"""What an alliance and a team are worth: on paper, and in runs of `troubled_alliance`.

Statistical tests are paired on common seeds with the 95 % t interval of the mean difference, so
that a one-sided claim passes for a true effect of zero with a chance of 2.5 %: seeds 1-24 over two
years. The study of that name makes the same claims over 100 seeds and six years.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.outcomes import OUTCOMES, Played
from computemarket.market.alliances import (
    Outlook,
    Team,
    failure_probability,
    team_value_usd,
    value_usd,
)
from computemarket.scenario import Scenario, override, with_months

# -- on paper ---------------------------------------------------------------------------------

usd = st.floats(0, 1e11)
hazard = st.floats(0, 3)
share = st.floats(0, 1)


@given(usd, usd, st.floats(-1, 2), hazard, hazard, share, share)
def test_an_alliance_is_worth_less_with_more_hazard_and_better_own_models(
    revenue, margin, growth, agi, other, quality, better
):
    view = Outlook(revenue, margin, growth, 0.09, agi, other)
    worse = view._replace(agi_hazard_per_year=agi + 0.1)
    low, high = sorted((quality, better))
    assert value_usd(worse, low) <= value_usd(view, low)
    assert value_usd(view, high) <= value_usd(view, low)
    assert value_usd(view, low) >= 0


@given(usd, st.floats(-1, 2), hazard, share, st.floats(1, 60))
def test_a_team_is_worth_more_with_more_hazard_and_nothing_without(margin, growth, agi, q, months):
    team = Team(1e8, 0.0, months, q, 1e8, 0.2)
    view = Outlook(0.0, margin, growth, 0.09, agi, 0.0)
    safe = team_value_usd(view._replace(agi_hazard_per_year=0.0), team)
    more = team_value_usd(view._replace(agi_hazard_per_year=agi + 0.1), team)
    assert safe < 0  # an insurance against what cannot happen only costs
    assert more >= team_value_usd(view, team) >= safe


def test_the_value_of_a_constant_payment_is_an_annuity():
    view = Outlook(1.0, 0.0, 0.0, 0.09, 0.01, 0.02)
    expected = sum(np.exp(-0.12 * (year + 0.5)) for year in range(5))
    assert value_usd(view, 0.0) == pytest.approx(expected)


def test_a_hired_team_is_worth_more_than_one_from_nothing():
    view = Outlook(0.0, 1e9, 0.5, 0.09, 0.2, 0.0)
    founded = Team(0.0, 0.0, 24, 0.6, 1e8, 0.2)
    hired = founded._replace(opening_quality=0.1, growth_months=9)
    assert team_value_usd(view, hired) > team_value_usd(view, founded)


def test_money_is_likelier_to_come_in_time_with_more_time():
    chances = [failure_probability(months, 0.35) for months in (0, 1, 6, 12, 999)]
    assert chances[0] == 1
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 1e-9


# -- the situation, paired --------------------------------------------------------------------

SEEDS = range(1, 25)
TROUBLED = "alliances.Microsoft-OpenAI"
CHANGES: dict[str, dict[str, Any]] = {
    "base": {},
    "no shock": {"interventions.0.value": 0.0},
    "high hazard": {"world.technology.agi_hazard_per_year": 0.2},
    "no team": {f"{TROUBLED}.builds_models": False},
}
NAMES = ("follow_on_after_shock_usd", "hedge_month", "partner_reservation_usd")


@cache
def scenario(change: str, months: int) -> Scenario:
    return override(with_months(load_scenario("troubled_alliance"), months), CHANGES[change])


@cache
def outcomes(change: str, seed: int, months: int) -> dict[str, Any]:
    rules = scenario(change, months)
    model = ComputeMarket(rules, seed=seed).run()
    tables = {name: model.table(name) for name in ("months", "firms", "events", "flows")}
    played = Played(tables, rules)
    return {name: OUTCOMES[name].compute(played) for name in NAMES}


def interval(outcome: str, change: str, months: int) -> tuple[float, float]:
    """95 % t interval of the mean paired difference to the base, where both are defined."""
    sides = [[outcomes(side, seed, months)[outcome] for seed in SEEDS] for side in (change, "base")]
    paired = [a - b for a, b in zip(*sides, strict=True) if a is not None and b is not None]
    assert len(paired) >= len(SEEDS) / 2
    half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
    return float(np.mean(paired) - half), float(np.mean(paired) + half)


def test_a_governance_shock_lowers_the_follow_on():
    assert interval("follow_on_after_shock_usd", "no shock", 24)[0] > 0


def test_a_higher_hazard_makes_the_partner_hedge_earlier():
    assert interval("hedge_month", "high hazard", 24)[1] < 0


def test_the_in_house_team_lowers_what_the_lab_can_ask():
    assert interval("partner_reservation_usd", "no team", 24)[0] > 0
