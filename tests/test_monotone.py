"""Responses that must have a sign: paired runs on common seeds, and one negotiation.

Statistical tests use the 95 % two-sided t interval of the mean paired difference, so that each
one-sided claim passes for a true effect of zero with a chance of 2.5 %; the seeds are fixed and a
run is reproducible, so a test that passes stays so until the model changes. What needs more than
seconds is in benchmarks/monotone.py: the same claims on `frontier_2024` over 72 months.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.cloud import Cloud
from computemarket.agents.lab import Lab
from computemarket.agents.stances import Menu, buyer_stance, seller_stance
from computemarket.agents.strategies.negotiation import Boulware, Linear
from computemarket.analysis.outcomes import OUTCOMES, Played
from computemarket.market.credit import RATINGS
from computemarket.market.negotiation import Outcome, Talk
from computemarket.scenario import Scenario, override, with_months

SEEDS = range(1, 31)
FEW = range(1, 13)
DUOPOLY, FRONTIER = ("duopoly", 48), ("frontier_2024", 72)  # scenario and months
CRASH = {"month": "2024-06", "kind": "sentiment_shock", "value": -2.0}
CHANGES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "more demand": {"world.demand.growth_multiplier": 2.0},
    "more chips": {"world.supply.capacity_multiplier": 2.0},
    "crash": {"interventions": [CRASH]},
    "low fees": {"world.bargaining.termination_fee_shares": [0.0, 0.2]},
    "high fees": {"world.bargaining.termination_fee_shares": [0.9, 1.0]},
}


@cache
def scenario(world: tuple[str, int], change: str) -> Scenario:
    name, months = world
    return override(with_months(load_scenario(name), months), CHANGES[change])


@cache
def run(world: tuple[str, int], change: str, seed: int) -> dict[str, float]:
    rules = scenario(world, change)
    model = ComputeMarket(rules, seed=seed).run()
    played = Played(model.tables(), rules)
    names = ("spot_price_last_24_months", "funds_raised_usd", "labs_out_of_cash", "switches")
    return {name: float(OUTCOMES[name].compute(played)) for name in names}  # type: ignore[arg-type]


def interval(
    outcome: str,
    change: str,
    base: str = "as shipped",
    world: tuple[str, int] = DUOPOLY,
    seeds: range = SEEDS,
) -> tuple[float, float]:
    """95 % t interval of the mean paired difference that a change makes to an outcome."""
    pairs = [(run(world, change, seed), run(world, base, seed)) for seed in seeds]
    paired = [changed[outcome] - unchanged[outcome] for changed, unchanged in pairs]
    half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
    return float(np.mean(paired) - half), float(np.mean(paired) + half)


class TestEnsembles:
    """Seeds 1-30 of `duopoly` over 48 months, where nothing else is said."""

    def test_twice_the_demand_growth_raises_the_spot_price(self) -> None:
        assert interval("spot_price_last_24_months", "more demand")[0] > 0

    def test_twice_the_chip_supply_lowers_the_spot_price(self) -> None:
        assert interval("spot_price_last_24_months", "more chips")[1] < 0

    def test_a_crash_of_sentiment_lowers_funds_raised(self) -> None:
        assert interval("funds_raised_usd", "crash")[1] < 0

    def test_a_crash_of_sentiment_drains_independent_labs(self) -> None:
        # a share of two labs is too coarse: the six of the large scenario, seeds 1-12
        assert interval("labs_out_of_cash", "crash", world=FRONTIER, seeds=FEW)[0] > 0

    def test_higher_termination_fees_lower_switches(self) -> None:
        # two labs hardly switch at all: the large scenario again. Labs that could leave for little
        # are offered better prices instead, so the effect takes all seeds to show
        assert interval("switches", "high fees", "low fees", FRONTIER)[1] < 0


class TestOneNegotiation:
    """All else equal: the same lab, cloud, month, alternative and terms but the price."""

    @pytest.fixture
    def model(self) -> ComputeMarket:
        """The small world after three months, with one term sheet; every test has its own."""
        terms = {
            "term_months": [36],
            "prepaid_shares": [0.0],
            "take_or_pay_shares": [0.8],
            "termination_fee_shares": [0.6],
            "allow_exclusivity": False,
        }
        rules = override(load_scenario("duopoly"), {"world.bargaining": terms})
        model = ComputeMarket(rules, seed=1)
        for _ in range(3):
            model.step()
        return model

    @staticmethod
    def talk(lab: Lab, cloud: Cloud, outside: float) -> Talk:
        """Talks to their end when the lab could have the compute elsewhere at a price."""
        rules = lab.market.rules
        menu = Menu(rules)
        held = lab.market.book.of_lab(lab.name)
        incumbent = cloud.name in [contract.cloud for contract in held]
        talk = Talk(
            buyer_stance(menu, lab, incumbent, outside),
            seller_stance(menu, cloud, lab, cloud.pricing_view("inference", anchor=True)),
            rules.world.bargaining.rounds_per_month * rules.world.bargaining.deadline_months,
        )
        talk.advance(talk.deadline_rounds)
        return talk

    @staticmethod
    def pairs(model: ComputeMarket) -> list[tuple[Lab, Cloud]]:
        economy = model.economy
        return [(lab, cloud) for lab in economy.labs.values() for cloud in economy.clouds.values()]

    def test_a_worse_rating_pays_more_or_gets_no_deal(self, model: ComputeMarket) -> None:
        deals = dearer = 0
        for lab, cloud in self.pairs(model):
            for outside in (1.5, 2.5, 4.0, 8.0):
                limit, price, prices = 0.0, 0.0, []
                for rating in RATINGS[: RATINGS.index("CCC") + 1]:  # best first; D does not trade
                    lab.credit_rating = rating
                    talk = self.talk(lab, cloud, outside)
                    assert talk.seller_reservation_price > limit, (lab.name, cloud.name, rating)
                    limit = talk.seller_reservation_price
                    if talk.package is None:
                        price = np.inf  # nor will anyone rated worse have a deal
                    else:
                        assert talk.package.price >= price, (lab.name, cloud.name, rating)
                        price = talk.package.price
                        deals += 1
                    prices.append(price)
                # where the cloud's opening demand is met at once, the rating is worth nothing
                dearer += prices[-1] > prices[0]
        assert deals > 10
        assert dearer > 4

    def test_a_boulware_seller_gets_more_or_no_deal(self, model: ComputeMarket) -> None:
        higher = 0
        for lab, cloud in self.pairs(model):
            for outside in (1.5, 2.5, 4.0, 8.0):
                cloud.negotiation_rule = Linear()
                easy = self.talk(lab, cloud, outside)
                cloud.negotiation_rule = Boulware()
                tough = self.talk(lab, cloud, outside)
                if easy.package is None:
                    assert tough.package is None
                elif tough.package is not None:
                    assert tough.round >= easy.round
                    assert tough.package.price >= easy.package.price
                    higher += tough.package.price > easy.package.price
                else:
                    assert tough.outcome is Outcome.IMPASSE
        assert higher > 3
