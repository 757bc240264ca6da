"""Deals as a run records them: prices between both reservations, and why there was no deal."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.scenario import load_scenario, override

RUNS = [("duopoly", 1), ("duopoly", 2), ("frontier_2024", 1)]
ROUNDS_PER_MONTH = 3  # as both scenarios have it
DEADLINE_MONTHS = 4
TINY = 1e-9


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: f"{run[0]} {run[1]}")
def model(request: pytest.FixtureRequest) -> ComputeMarket:
    name, seed = request.param
    played = ComputeMarket(name, seed=seed).run()
    rules = played.rules.world.bargaining
    assert (rules.rounds_per_month, rules.deadline_months) == (ROUNDS_PER_MONTH, DEADLINE_MONTHS)
    return played


@pytest.fixture
def talks(model: ComputeMarket) -> pd.DataFrame:
    """Compute contracts and refused talks; those in force at the start were not negotiated.

    Capacity on chips made to order is talked over with their maker: tests/test_workloads.py.
    """
    contracts = model.contracts
    to_order = contracts.month_start > contracts.month_signed + 1
    return contracts[(contracts.kind == "compute") & (contracts.month_opened >= 0) & ~to_order]


@pytest.fixture
def signed(talks: pd.DataFrame) -> pd.DataFrame:
    return talks[talks.outcome == "SIGNED"]


@pytest.fixture
def refused(talks: pd.DataFrame) -> pd.DataFrame:
    return talks[talks.outcome != "SIGNED"]


def test_prices_lie_between_both_reservations(signed):
    assert len(signed) > 0
    assert (signed.price_usd <= signed.buyer_reservation_usd * (1 + TINY)).all()
    assert (signed.price_usd >= signed.seller_reservation_usd * (1 - TINY)).all()
    assert (signed.price_usd > 0).all()


def test_gap_is_buyers_less_sellers_reservation(talks):
    gap = talks.buyer_reservation_usd - talks.seller_reservation_usd
    assert gap.notna().all()
    assert (abs(gap - talks.gap_usd) < 1e-9).all()


def test_refused_talks_say_why(refused):
    assert set(refused.outcome) <= {"NO_ZONE", "IMPASSE", "LOST", "WITHDRAWN"}
    assert "LOST" in set(refused.outcome)
    no_zone = refused.outcome == "NO_ZONE"
    assert (refused.gap_usd[no_zone] < 0).all()
    assert (refused.gap_usd[~no_zone] >= 0).all()
    assert (refused.status == "LAPSED").all()
    assert refused.month_signed.isna().all()
    assert refused.price_usd.isna().all()
    assert not refused.binding.any()
    assert (refused.reason != "").all()
    assert (refused.month_ended >= refused.month_opened).all()


def test_rounds_count_the_months_of_talk(signed, refused):
    lasted = signed.month_signed - signed.month_opened + 1
    assert (lasted > 1).any()  # talks can last
    assert (lasted <= DEADLINE_MONTHS).all()
    rounds = signed.rounds
    assert (rounds > ROUNDS_PER_MONTH * (lasted - 1)).all()
    assert (rounds <= ROUNDS_PER_MONTH * lasted).all()
    impasse = refused[refused.outcome == "IMPASSE"]
    assert (impasse.rounds == ROUNDS_PER_MONTH * DEADLINE_MONTHS).all()
    assert (impasse.month_ended - impasse.month_opened == DEADLINE_MONTHS - 1).all()
    assert (refused.rounds[refused.outcome == "LOST"] > 0).all()


def test_a_lost_talk_lost_to_a_contract(signed, refused):
    """Whoever came second did so in the month in which the winner signed."""
    won = set(zip(signed.buyer, signed.workload, signed.month_signed, strict=True))
    lost = refused[refused.outcome == "LOST"]
    assert set(zip(lost.buyer, lost.workload, lost.month_ended, strict=True)) <= won


def test_ids_name_the_parties_the_month_and_the_workload(model, talks):
    dates = model.months.date
    numbers: dict[str, list[int]] = {}
    for deal in model.contracts[model.contracts.kind == "compute"].itertuples():
        match = re.fullmatch(
            r"(.+)>(.+)/(\d{4}-\d{2})/(training|inference)/(\d+)", deal.contract_id
        )
        assert match is not None, deal.contract_id
        buyer, seller, date, workload, number = match.groups()
        assert (buyer, seller, workload) == (deal.buyer, deal.seller, deal.workload)
        month = deal.month_signed if deal.outcome == "SIGNED" else deal.month_ended
        assert date == dates[max(0, int(month))]
        numbers.setdefault(deal.contract_id.rpartition("/")[0], []).append(int(number))
    assert all(sorted(n) == list(range(1, len(n) + 1)) for n in numbers.values())
    assert model.contracts.contract_id.is_unique


def test_events_tell_of_each_deal_in_the_same_words(model, refused):
    events, deals = model.events, model.contracts
    signed = deals[
        (deals.kind == "compute") & (deals.month_opened >= 0) & (deals.outcome == "SIGNED")
    ]
    told = events[events.kind == "contract_signed"]
    details = pd.DataFrame([json.loads(d) for d in told.details]).set_index("contract_id")
    assert sorted(details.index) == sorted(signed.contract_id)
    rows = signed.set_index("contract_id").loc[details.index]
    for column in (
        "price_usd", "h100e", "rounds", "prepaid_share", "take_or_pay_share",
        "termination_fee_share", "buyer_reservation_usd", "seller_reservation_usd",
    ):  # fmt: skip
        assert details[column].to_numpy() == pytest.approx(rows[column].to_numpy(), rel=1e-5)
    reasons = events[(events.kind == "offer_refused") & (events.counterparty != "")]
    outcomes = [json.loads(d)["outcome"] for d in reasons.details]
    assert pd.Series(outcomes).value_counts().to_dict() == refused.outcome.value_counts().to_dict()


def test_terms_are_on_the_menu(model, signed):
    rules = model.rules.world.bargaining
    assert set(signed.term_months) <= set(rules.term_months)
    assert set(signed.take_or_pay_share) <= set(rules.take_or_pay_shares)
    assert set(signed.termination_fee_share) <= set(rules.termination_fee_shares)
    assert signed.prepaid_share.between(0, max(rules.prepaid_shares)).all()
    assert (signed.month_end - signed.month_start == signed.term_months).all()
    assert (signed.month_start == signed.month_signed + 1).all()
    value = signed.price_usd * signed.h100e * 730 * signed.term_months
    assert (signed.amount_usd <= value * (1 + TINY) + 1).all()  # less while it ramps up


def test_a_dearer_move_leaves_no_zone_more_often():
    def no_zone(months: float) -> int:
        path = "world.bargaining.switching_cost_months"
        scenario = override(load_scenario("duopoly"), {path: months})
        runs = [ComputeMarket(scenario, seed=seed).run().contracts for seed in range(4)]
        return sum((run.outcome[run.kind == "compute"] == "NO_ZONE").sum() for run in runs)

    assert no_zone(40) > no_zone(3)
