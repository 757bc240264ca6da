"""Contracts talked over again: waivers, better prices, relief, late delivery, matching rights."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.agents import amending
from computemarket.agents.first_refusal import answer, holder_of_right, put_before
from computemarket.agents.interests import interest_usd
from computemarket.agents.renegotiation import Renegotiations
from computemarket.agents.stances import Menu, seller_stance
from computemarket.agents.strategies.negotiation import Boulware, Linear
from computemarket.agents.suppliers import _freed
from computemarket.analysis.contract_outcomes import bond
from computemarket.analysis.outcomes import OUTCOMES, Played
from computemarket.market.amendments import (
    Staying,
    staying_stances,
)
from computemarket.market.contracts import ComputeContract, DealStatus
from computemarket.market.insolvency import Status
from computemarket.market.negotiation import Package, Talk
from computemarket.scenario import ScenarioError, override, with_months

MONTHS = 24  # exclusivity of OpenAI at Azure ends in month 19
SEEDS = range(1, 17)
POWER = "clouds.Azure.power_pipeline_mw_per_month"
CHANGES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "shortage": {POWER: 8},
    "shortage, no waivers": {POWER: 8, "world.bargaining.allow_waivers": False},
    "first refusal": {"world.bargaining.first_refusal": True},
}


@cache
def played(change: str, seed: int) -> ComputeMarket:
    rules = override(with_months(load_scenario("frontier_2024"), MONTHS), CHANGES[change])
    return ComputeMarket(rules, seed=seed).run()


@cache
def waived() -> ComputeMarket:
    """The first run in which Azure lets OpenAI go."""
    runs = (played("shortage", seed) for seed in SEEDS)
    return next(run for run in runs if (run.events.kind == "waiver_signed").any())


def told(model: ComputeMarket, kind: str) -> pd.DataFrame:
    return model.events[model.events.kind == kind]


# ------------------------------------------------------------------ waivers in runs


class TestWaiversInRuns:
    def test_a_shortage_raises_the_chance_of_a_waiver(self) -> None:
        """Seeds 1-16; one-sided, false-alarm rate 2.5 %."""

        def waivers(change: str, seed: int) -> bool:
            return bool((played(change, seed).events.kind == "waiver_signed").any())

        paired = [waivers("shortage", s) - float(waivers("as shipped", s)) for s in SEEDS]
        half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
        assert np.mean(paired) - half > 0

    def test_the_fee_moves_from_lab_to_cloud_to_the_dollar(self) -> None:
        total = 0
        for seed in SEEDS:
            model = played("shortage", seed)
            paid = model.flows[model.flows.purpose == "waiver_fee"]
            due = told(model, "waiver_signed")
            assert (due.firm == "OpenAI").all()
            assert set(zip(paid.month, paid.payer, paid.payee, paid.amount_usd, strict=True)) == {
                row for row in zip(due.month, due.firm, due.counterparty, due.amount_usd,
                                   strict=True) if row[3] > 0
            }  # fmt: skip
            total += int(paid.amount_usd.sum())
        assert total > 0

    def test_the_relaxed_contract_stays_on_the_books_and_serves(self) -> None:
        model = waived()
        month = int(told(model, "waiver_signed").month.iloc[0])
        contracts = model.contracts[model.contracts.kind == "compute"]
        own = contracts[(contracts.buyer == "OpenAI") & contracts.exclusive]
        live = own[own.month_ended.isna() | (own.month_ended > month)]
        assert len(live) > 0
        assert (live.month_amended >= month).all()
        unfinished = live[live.month_ended.isna()]
        assert (unfinished.status == "AMENDED").all()
        flows = model.flows
        bills = flows[(flows.payer == "OpenAI") & (flows.payee == "Azure") & (flows.month > month)]
        assert (bills.purpose == "compute").any()
        rows = model.contracts[model.contracts.kind == "waiver"]
        signed = rows[rows.outcome == "SIGNED"].iloc[0]
        assert (signed.status, signed.buyer, signed.seller) == ("AMENDED", "OpenAI", "Azure")
        assert signed.amount_usd == told(model, "waiver_signed").amount_usd.iloc[0]
        assert signed.seller_reservation_usd <= signed.amount_usd + 1
        assert signed.amount_usd <= signed.buyer_reservation_usd + 1

    def test_without_a_waiver_exclusivity_binds(self) -> None:
        for seed in SEEDS[:5]:
            model = played("shortage, no waivers", seed)
            assert not model.events.kind.str.startswith("waiver").any()
            early = told(model, "contract_signed")
            early = early[(early.firm == "OpenAI") & (early.month < 19)]
            assert set(early.counterparty) <= {"Azure"}

    def test_a_refusal_changes_nothing_and_names_the_gap(self) -> None:
        changes = {
            "contracts.0.end": "2026-06", "clouds.Summit.captive_h100e": 150_000,
            "clouds.Summit.power_pipeline_mw_per_month": 1,
        }  # fmt: skip
        rules = override(load_scenario("duopoly"), changes)
        model = ComputeMarket(rules, seed=1).run()
        refused = model.contracts[model.contracts.kind == "waiver"]
        assert len(refused) > 0
        assert (refused.outcome == "NO_ZONE").all()
        assert (refused.gap_usd < 0).all()
        assert (refused.status == "LAPSED").all()
        assert len(told(model, "waiver_refused")) == len(refused)
        held = model.market.book.of_lab("Aurora", "training")
        assert [c.exclusive for c in held if c.signed == -1] == [True]

    def test_the_same_seed_gives_the_same_tables(self) -> None:
        one = waived()
        two = ComputeMarket(one.rules, seed=one.entropy).run()
        for name, table in one.tables().items():
            assert table.equals(two.tables()[name]), name

    def test_a_move_after_a_waiver_is_the_end_of_exclusivity(self) -> None:
        contract = a_contract(exclusive=True)
        assert not _freed(contract, 5)
        contract.signed_terms = contract.as_signed()
        contract.exclusive, contract.month_waived = False, 5
        assert _freed(contract, 10)
        assert not _freed(contract, 40)

    def test_outcomes_tell_of_the_second_cloud(self) -> None:
        model = waived()
        pair = bond(model.rules)
        assert pair is not None
        assert (pair.lab, pair.cloud) == ("OpenAI", "Azure")
        names = ("months", "firms", "events", "flows")
        found = Played({n: model.frame(n) for n in names}, model.rules)
        value = {n: OUTCOMES[n].compute(found) for n in OUTCOMES}
        assert value["waivers_signed"] == len(told(model, "waiver_signed"))
        signed = told(model, "contract_signed")
        elsewhere = signed[(signed.firm == "OpenAI") & (signed.counterparty != "Azure")]
        if elsewhere.empty:
            assert value["second_cloud_contract_usd"] is None
        else:
            assert value["second_cloud_month"] == elsewhere.month.min()
            assert value["second_cloud_contract_usd"] in set(elsewhere.amount_usd)


# ------------------------------------------------------------------ hand-made worlds

H100E = 1_000.0  # little, so that any cloud could take it over


def a_contract(**terms: Any) -> ComputeContract:
    return ComputeContract(
        "Aurora>Summit/2024-01/training/9", "Aurora", "Summit", "training", "Silica", H100E,
        3.0, 0, 0, 1, 12, **terms,
    )  # fmt: skip


class World:
    """Duopoly after four months, with one contract of Aurora at Summit put in by hand."""

    def __init__(self, **terms: Any) -> None:
        # nothing but price ties the lab, so that the cloud believes that it would leave
        free = {"world.bargaining.incumbent_advantage": 0.0}
        self.model = ComputeMarket(override(load_scenario("duopoly"), free), seed=1)
        for _ in range(4):
            self.model.step()
        self.economy, self.market = self.model.economy, self.model.market
        self.lab, self.cloud = self.economy.labs["Aurora"], self.economy.clouds["Summit"]
        for contract in self.market.book.of_lab("Aurora"):
            self.market.book.end(contract, self.market.month, DealStatus.ENDED)
        self.contract = a_contract(**terms)
        self.market.book.sign(self.contract)
        self.contract.promised_h100e = self.contract.delivered_h100e = H100E
        self.talks = Renegotiations()
        self.market.bills.clear()

    def review(self, months: int = 1) -> None:
        """Let the lab look at its contracts, as in so many months without change."""
        outside = self.model.procurement.alternatives
        for _ in range(months):
            self.talks.review(self.economy, self.lab, outside)

    def deliver(self, share: float) -> None:
        """Leave the cloud with chips for this share of all that it has promised."""
        family = self.cloud.families["Silica"]
        live = self.market.book.of_cloud("Summit")
        family.mw = share * sum(c.promised_h100e / family.per_mw[c.workload] for c in live)

    def terms(self) -> dict[str, Any]:
        return {f.name: getattr(self.contract, f.name) for f in fields(self.contract)}


class TestByHand:
    def test_a_contract_nobody_has_cause_to_change_stays_as_it_is(self) -> None:
        world = World(termination_fee_share=0.9, exclusive=True)
        before = world.terms()
        world.review(6)
        assert world.terms() == before

    def test_a_review_changes_the_price_and_nothing_else(self) -> None:
        month = 3  # of the model: the fourth
        world = World(price_review_months=month - 1, termination_fee_share=1.0)
        world.contract.price_usd_per_h100e_hour = 9.0
        world.cloud.negotiation_rule = Linear()  # it gives in at the last moment
        before = world.terms()
        world.review(5)
        after = world.terms()
        assert after["price_usd_per_h100e_hour"] < 9.0
        moved = {name for name in before if before[name] != after[name]}
        assert moved == {"price_usd_per_h100e_hour", "status", "month_amended", "signed_terms"}
        assert world.contract.status is DealStatus.AMENDED
        assert world.contract.as_signed().price_usd_per_h100e_hour == 9.0
        assert not any(world.market.bills.values())  # no fee

    def test_a_dear_contract_is_made_cheaper_before_the_lab_leaves(self) -> None:
        world = World(termination_fee_share=0.0)
        world.contract.price_usd_per_h100e_hour = 9.0  # three times what anyone asks
        world.cloud.negotiation_rule = Linear()
        world.review(5)
        assert world.contract.ended is None
        assert world.contract.price_usd_per_h100e_hour < 9.0
        assert world.contract.status is DealStatus.AMENDED

    def test_without_amendments_it_leaves(self) -> None:
        world = World(termination_fee_share=0.0)
        rules = override(load_scenario("duopoly"), {"world.bargaining.allow_amendments": False})
        world.market.rules = rules
        world.contract.price_usd_per_h100e_hour = 9.0
        world.review()
        assert world.contract.ended == world.market.month

    def test_late_delivery_ends_a_contract_without_a_fee(self) -> None:
        world = World(delay_exit_months=3, termination_fee_share=1.0)
        world.contract.short_months = 3
        world.deliver(0.05)
        world.review()
        assert world.contract.ended is None  # Delta asks more than the missing part is worth
        world.market.rental["training"].spot_price = world.lab.paid_price = 10.0
        world.review()
        assert world.contract.ended == world.market.month
        assert world.contract.reason == "terminated: late delivery"
        fees = [due for dues in world.market.bills.values() for due in dues]
        assert not [due for due in fees if due[1] == "termination_fee"]

    @pytest.mark.parametrize(("months", "right"), [(2, 3), (9, 0)])
    def test_it_stays_before_the_time_or_without_the_right(self, months: int, right: int) -> None:
        world = World(delay_exit_months=right, termination_fee_share=1.0)
        world.contract.short_months = months
        world.deliver(0.05)
        world.market.rental["training"].spot_price = world.lab.paid_price = 10.0
        world.review()
        assert world.contract.ended is None

    def test_relief_lowers_the_dues_of_a_lab_in_distress(self) -> None:
        world = World()
        lab, month = world.lab, world.market.month
        before = world.contract.remaining_usd(month)
        lab.cap_table = type(lab.cap_table).from_stakes({"Summit": 0.5})
        lab.valuation_usd = 30e9
        assert interest_usd(world.economy, world.cloud, lab) == pytest.approx(15e9)
        lab.status, lab.credit_rating = Status.DISTRESS, "CCC"
        lab.outflows.clear()
        lab.outflows.extend([10_000_000] * 3)
        world.review(3)
        assert world.contract.remaining_usd(month) < before
        assert world.contract.status is DealStatus.AMENDED

    def test_nothing_is_amended_by_the_dead(self) -> None:
        world = World(termination_fee_share=0.0)
        world.contract.price_usd_per_h100e_hour = 6.0
        world.review()
        talks = Renegotiations()
        view = Staying(1e6, 0.0, 3.0, 1.5, 1.4, 0.8, 4e5, 2e5, 1.0)
        talk = Talk(*staying_stances(view, Boulware(), Boulware()), 12)
        talks.talks["x"] = amending.Amendment(
            amending.PRICE, "Aurora", "Summit", world.contract, talk, 3
        )
        world.lab.status = Status.DEFAULTED
        price = world.contract.price_usd_per_h100e_hour
        talks.drop_the_dead(world.economy)
        assert talks.talks == {}
        assert world.contract.price_usd_per_h100e_hour == price
        deal = world.market.book.deals[-1]
        assert (deal.kind, deal.outcome) == ("amendment", "WITHDRAWN")


# ------------------------------------------------------------------ right of first refusal


class TestFirstRefusal:
    @staticmethod
    def world() -> tuple[World, Any]:
        world = World(first_refusal=True)
        menu = Menu(world.market.rules)
        view = world.cloud.pricing_view("training", anchor=True)
        return world, seller_stance(menu, world.cloud, world.lab, view)

    def test_it_matches_what_is_worth_its_alternative(self) -> None:
        world, stance = self.world()
        least = stance.limits()[0]
        for price, able, matches, reason in (
            (least * 1.01, 5e4, True, ""),
            (least * 0.99, 5e4, False, "price"),
            (least * 1.01, 4e4, False, "capacity"),
        ):
            right = holder_of_right(world.economy, "Aurora", "training", "Delta")
            assert right is world.contract
            pending = put_before(world.economy, right, "Delta", Package(price, 0), 5e4, 3)
            assert pending.letter.status is DealStatus.LETTER_OF_INTENT
            assert answer(world.economy, pending, stance, able) is matches
            assert pending.letter.status is (DealStatus.LAPSED if matches else DealStatus.SIGNED)
            kind = "first_refusal_matched" if matches else "first_refusal_declined"
            last = world.market.recorder.rows["events"][-1]
            assert kind in last
            assert json.loads(last[-1])["reason"] == reason

    def test_nobody_holds_a_right_over_another_workload_or_himself(self) -> None:
        world, _ = self.world()
        assert holder_of_right(world.economy, "Aurora", "inference", "Delta") is None
        assert holder_of_right(world.economy, "Aurora", "training", "Summit") is None
        world.cloud.status = Status.DEFAULTED
        assert holder_of_right(world.economy, "Aurora", "training", "Delta") is None

    def test_in_runs_the_incumbent_or_the_rival_signs_a_month_later(self) -> None:
        answers = 0
        for seed in SEEDS[:4]:
            model = played("first refusal", seed)
            signed = told(model, "contract_signed")
            for kind, lab_of, winner_of in (
                ("first_refusal_matched", "counterparty", "firm"),
                ("first_refusal_declined", "counterparty", None),
            ):
                for event in told(model, kind).to_dict("records"):
                    details = json.loads(event["details"])
                    winner = event["firm"] if winner_of else details["rival"]
                    deal = signed[
                        (signed.firm == event[lab_of])
                        & (signed.counterparty == winner)
                        & (signed.month == event["month"])
                    ]
                    prices = [json.loads(d)["price_usd"] for d in deal.details]
                    assert any(abs(p - details["price_usd"]) < 1e-4 for p in prices)
                    answers += 1
            rows = model.contracts[model.contracts.kind == "first_refusal"]
            ended = rows[rows.outcome.isin(["MATCHED", "DECLINED"])]
            assert (ended.month_ended >= ended.month_opened + 1).all()
        assert answers > 0


# ------------------------------------------------------------------ bad input


def test_a_contract_elsewhere_beside_an_exclusive_one_is_refused_in_one_line() -> None:
    with pytest.raises(ScenarioError) as error:
        override(load_scenario("duopoly"), {"contracts.2.workload": "training"})
    message = str(error.value)
    assert "\n" not in message
    assert "contracts.0.exclusive: given true for Aurora's training at Summit" in message
    assert "no contract of the same lab and workload elsewhere (found Delta)" in message


def test_terms_have_bounds() -> None:
    for field in ("delay_exit_months", "price_review_months"):
        with pytest.raises(ScenarioError, match=field):
            override(load_scenario("duopoly"), {f"world.bargaining.{field}": -1})
        with pytest.raises(ScenarioError, match=field):
            override(load_scenario("duopoly"), {f"contracts.0.{field}": 1.5})
