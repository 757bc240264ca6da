"""Custom-chip programmes: all sign together or nobody does, and who kept whom waiting."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket import ComputeMarket
from computemarket.agents.programmes import (
    HostView,
    LabView,
    LenderView,
    Plant,
    borrower_stance,
    host_ask,
    host_line,
    host_stance,
    lab_limit_usd,
    lender_stance,
)
from computemarket.agents.strategies.negotiation import Linear
from computemarket.analysis.outcomes import OUTCOMES
from computemarket.analysis.played import Played
from computemarket.market.contracts import Deal, DealStatus
from computemarket.market.negotiation import Stance
from computemarket.market.programmes import (
    Clock,
    Leg,
    LegKind,
    choose_hosts,
    holding_up,
    split_anchor,
)
from computemarket.scenario import Scenario, ScenarioError, from_toml, override

PROGRAMME = """
extends = "duopoly"

[[chips]]
name = "Own"
maker = "Silica"
line = "Own"
launch = "2024-09"
price_usd = 30_000
unit_cost_usd = 13_500
training_h100e = 0
inference_h100e = 4.0
kw = 1.7

[[programmes]]
name = "Own"
lab = "Aurora"
maker = "Silica"
chip = "Own"
opens = "2024-02"
deadline = "2024-07"
engineering_cost_usd = 10_000_001
first_batch_units = 6_000
minimum_batch_units = 3_000
anchor_share = 0.4
hosts = [{ name = "Summit", largest_share = 0.5 }, { name = "Delta", largest_share = 0.1 }]
financing_partner = "Silica"
term_months = 36
development_months = 6
delivery_months = 4

[world.power]
hyperscaler_lead_months = 6
neocloud_lead_months = 6
"""
HERE = "programmes.Own."
LAPSES = {"chips.Own.price_usd": 160_000.0, "chips.Own.unit_cost_usd": 75_000.0}
CONTESTED = {"chips.Own.price_usd": 122_000.0, "chips.Own.unit_cost_usd": 54_900.0}
OPENS, SIGNED, DEADLINE, TERM = 1, 3, 6, 36  # months of the run; signed under seed 1


@cache
def world() -> Scenario:
    return from_toml(PROGRAMME, "own.toml")


def played(changes: dict[str, Any] | None = None, seed: int = 1, months: int = 24) -> ComputeMarket:
    return ComputeMarket(override(world(), changes or {}), seed=seed, months=months).run()


@cache
def once(what: str) -> ComputeMarket:
    """A run that several tests look at, and none changes."""
    killed = {"month": "2025-01", "kind": "kill", "firm": "Aurora"}
    changes = {"signs": {}, "lapses": LAPSES, "is stranded": {"interventions": [killed]}}
    return played(changes[what])


def told(model: ComputeMarket, kind: str) -> list[dict[str, Any]]:
    """Details of the events of a kind, with month, counterparty and text."""
    events = model.events[model.events["kind"] == kind]
    return [
        {**json.loads(e.details), "month": e.month, "other": e.counterparty, "text": e.text}
        for e in events.itertuples()
    ]


def paid(model: ComputeMarket, purpose: str) -> Any:
    flows = model.flows
    return flows[flows["purpose"] == purpose].groupby(["payer", "payee"])["amount_usd"].sum()


class TestSigning:
    """The small world with a programme that signs."""

    @pytest.fixture
    def model(self) -> ComputeMarket:
        return once("signs")

    def test_nothing_is_billed_before_all_sign(self) -> None:
        model = ComputeMarket(world(), seed=1)
        for _ in range(SIGNED):
            model.step()
            book = model.economy.market.book
            assert [c for c in book.compute if c.maker == "Own"] == []
            assert [o for o in book.orders if o.line] == []
            assert [x for x in book.loans if x.programme] == []
        legs = model.contracts[model.contracts["kind"] == "programme"]
        assert set(legs["status"]) == {"TALKS", "LETTER_OF_INTENT"}
        assert not legs["binding"].any()
        assert "engineering" not in set(model.flows["purpose"])
        twin = ComputeMarket("duopoly", seed=1)  # letters of intent move no money at all
        slow = override(world(), {"world.power": twin.rules.world.power})
        model = ComputeMarket(slow, seed=1)
        for _ in range(SIGNED):
            model.step()
            twin.step()
        assert model.flows.equals(twin.flows)
        model.step()
        assert "engineering" in set(model.flows["purpose"])

    def test_all_sign_in_one_month(self, model: ComputeMarket) -> None:
        deals = model.contracts
        legs = deals[deals["kind"] == "programme"]
        assert len(legs) == 5  # the design; hosting and finance of two clouds
        assert set(legs["status"]) == {"SIGNED"}
        assert set(legs["month_signed"]) == {SIGNED}
        assert legs["binding"].all()
        assert set(deals[deals["chip"] == "Own"]["month_signed"]) == {SIGNED}
        (signed,) = told(model, "programme_signed")
        assert signed["month"] == SIGNED
        assert signed["standoff_months"] == SIGNED - OPENS
        assert sum(signed["hosts"].values()) == pytest.approx(0.4)

    def test_no_leg_is_signed_beyond_a_reservation_price(self, model: ComputeMarket) -> None:
        legs = model.contracts[model.contracts["kind"] == "programme"]
        assert (legs["price_usd"] <= legs["buyer_reservation_usd"]).all()
        assert (legs["price_usd"] >= legs["seller_reservation_usd"]).all()

    def test_engineering_is_paid_to_the_dollar(self, model: ComputeMarket) -> None:
        assert paid(model, "engineering").to_dict() == {("Aurora", "Silica"): 10_000_001}

    def test_the_partner_lends_what_the_anchor_leaves(self, model: ComputeMarket) -> None:
        (signed,) = told(model, "programme_signed")
        cost = 6_000 * signed["unit_price_usd"]
        drawn = paid(model, "loan_draw")
        assert drawn["Silica"].sum() == pytest.approx(0.6 * cost, rel=1e-5)
        assert set(drawn["Silica"].index) == {"Delta", "Summit"}  # vendor finance, seen as such

    def test_chips_are_made_once_and_powered(self) -> None:
        model = ComputeMarket(world(), seed=1)
        while model.running:
            model.step()
            for plant in model.programmes.plants:
                for site in plant.sites:
                    total = site.left + site.waiting + site.installed
                    assert total == pytest.approx(site.units)
                    fleet = site.cloud.fleet.get("Own", 0.0)
                    assert fleet <= site.installed + 1e-9
        (plant,) = model.programmes.plants
        assert sum(site.installed for site in plant.sites) == pytest.approx(6_000)
        assert [site.order.status for site in plant.sites] == [DealStatus.ENDED] * 2

    def test_the_lab_serves_users_on_its_own_chips(self, model: ComputeMarket) -> None:
        contracts = [c for c in model.economy.market.book.of_lab("Aurora") if c.maker == "Own"]
        assert {c.cloud for c in contracts} == {"Delta", "Summit"}
        for contract in contracts:
            assert contract.start >= SIGNED + 6  # development
            assert contract.end - contract.start == TERM
            assert contract.delivered_h100e > 0.9 * contract.promised_h100e
        assert paid(model, "compute")["Aurora", "Summit"] > 0

    def test_others_never_get_more_of_it_than_is_redeployable(self) -> None:
        model = ComputeMarket(world(), seed=1)
        seen = 0
        while model.running:
            model.step()
            for cloud in model.economy.clouds.values():
                if (family := cloud.families.get("Own")) is None:
                    continue
                held = model.economy.market.book.of_cloud(cloud.name)
                used = sum(
                    c.delivered_h100e / family.per_mw["inference"] for c in held if c.maker == "Own"
                )
                assert cloud.free_mw.get("Own", 0.0) <= 0.35 * (family.mw - used) + 1e-9
                seen += 1
        assert seen > 10

    def test_the_chip_is_in_nobody_elses_market(self, model: ComputeMarket) -> None:
        assert {c.name for c, _ in model.economy.market.mixes["Silica"].shares} == {"S2"}
        assert "Own" not in set(model.prices["generation"])
        labs = model.contracts[model.contracts["chip"] == "Own"]["buyer"]
        assert set(labs) <= {"Aurora", "Delta", "Summit"}  # the lab, and hosts as buyers of chips

    def test_a_deposit_is_a_prepayment_that_hosting_uses_up(self) -> None:
        model = played({HERE + "deposit_share": 0.1})
        (signed,) = told(model, "programme_signed")
        cost = 6_000 * signed["unit_price_usd"]
        own = [c for c in model.economy.market.book.of_lab("Aurora") if c.maker == "Own"]
        book = model.economy.market.ledger
        left = sum(book.prepaid_usd("Aurora", c.cloud, c.contract_id) for c in own)
        assert 0 < left < 0.1 * cost
        assert {round(c.prepaid_share * c.remaining_usd(c.start)) for c in own} != {0}

    def test_outcomes(self, model: ComputeMarket) -> None:
        found = outcomes_of(model)
        assert found["programme_signed"] == 1
        assert found["programme_month_signed"] == SIGNED
        assert found["programme_standoff_months"] == SIGNED - OPENS
        assert found["programme_gap_share"] is None
        assert found["programme_lapsed_for_host"] == 0


def outcomes_of(model: ComputeMarket) -> dict[str, Any]:
    tables = {name: model.frame(name) for name in ("months", "firms", "events", "flows")}
    run = Played(tables, model.rules)
    return {name: OUTCOMES[name].compute(run) for name in OUTCOMES if name.startswith("programme")}


class TestStandoff:
    """The small world with a chip that is too dear for what it does."""

    @pytest.fixture
    def model(self) -> ComputeMarket:
        return once("lapses")

    def test_it_is_tried_every_month_and_lapses_at_the_deadline(self, model: ComputeMarket) -> None:
        (lapsed,) = told(model, "programme_lapsed")
        assert lapsed["month"] == DEADLINE
        assert lapsed["standoff_months"] == DEADLINE - OPENS + 1
        assert sum(lapsed["months_blocked"].values()) == lapsed["standoff_months"]

    def test_who_blocked_is_named_with_the_gap(self, model: ComputeMarket) -> None:
        (lapsed,) = told(model, "programme_lapsed")
        assert lapsed["blocker"] in {"Summit", "Delta", "Aurora"}
        assert lapsed["gap_usd"] > 0
        assert 0 < lapsed["gap_share"] < 1
        assert lapsed["blocker"] in lapsed["text"]
        blocked = told(model, "programme_blocked")
        assert blocked
        assert blocked[-1]["other"] == lapsed["blocker"]
        legs = model.contracts[model.contracts["kind"] == "programme"]
        assert set(legs["status"]) == {"LAPSED"}
        worst = legs[legs["outcome"] == "NO_ZONE"]
        assert (worst["gap_usd"] < 0).all()
        assert len(worst)

    def test_a_lapsed_programme_leaves_no_trace_in_the_books(self, model: ComputeMarket) -> None:
        assert "engineering" not in set(model.flows["purpose"])
        assert "Own" not in set(model.contracts[model.contracts["kind"] != "programme"]["chip"])

    def test_outcomes(self, model: ComputeMarket) -> None:
        found = outcomes_of(model)
        assert found["programme_signed"] == 0
        assert found["programme_month_signed"] is None
        assert found["programme_gap_share"] > 0
        roles = ("host", "lab", "designer", "financing_partner")
        assert sum(found[f"programme_lapsed_for_{role}"] for role in roles) == 1

    def test_a_programme_that_never_opens_changes_nothing(self) -> None:
        usual = ComputeMarket("duopoly", seed=1)
        power = usual.rules.world.power
        late = {HERE + "opens": "2026-05", HERE + "deadline": "2026-09", "world.power": power}
        model = played(late)
        usual.run()
        for table in ("months", "firms", "prices", "contracts", "events", "flows"):
            assert model.frame(table).equals(usual.frame(table)), table
        assert outcomes_of(model)["programme_signed"] is None

    def test_a_lab_that_is_gone_ends_the_talks(self) -> None:
        event = {"month": "2024-03", "kind": "kill", "firm": "Aurora"}
        data = override(world(), {"interventions": [event]})
        model = ComputeMarket(data, seed=1).run()
        (lapsed,) = told(model, "programme_lapsed")
        assert lapsed["reason"] == "Aurora is no longer in the market"

    def test_an_exclusive_contract_keeps_other_hosts_out(self) -> None:
        bound = override(world(), {"contracts.1.exclusive": True, "contracts.2.cloud": "Summit"})
        hosts = [{"name": "Delta", "largest_share": 0.9}]
        model = ComputeMarket(override(bound, {HERE + "hosts": hosts}), seed=1, months=6).run()
        assert {e["why"] for e in told(model, "programme_blocked")} == {"it may not host"}


class TestStranded:
    """The lab fails when its chips are half delivered."""

    @pytest.fixture
    def model(self) -> ComputeMarket:
        return once("is stranded")

    def test_hosts_keep_the_plant_and_the_partner_takes_its_loss(
        self, model: ComputeMarket
    ) -> None:
        (stranded,) = told(model, "programme_stranded")
        assert stranded["mw"] > 0
        assert [
            c for c in model.economy.market.book.compute if c.maker == "Own" and not c.ended
        ] == []
        for site in model.programmes.plants[0].sites:
            assert site.cloud.fleet["Own"] > 0
            assert site.cloud.held_mw == 0
            loan = site.loan
            assert loan.undrawn_usd == 0
            # of 60 % lent, 35 % is worth something to others; the rest is written off
            assert loan.outstanding_usd <= loan.drawn_usd * 0.35 / 0.6 + 1
        assert stranded["text"].startswith("Own has lost its lab")

    def test_a_lab_that_fails_later_leaves_the_loss_with_the_partner_too(self) -> None:
        event = {"month": "2025-09", "kind": "kill", "firm": "Aurora"}
        model = played({"interventions": [event]})
        (stranded,) = told(model, "programme_stranded")
        assert stranded["mw"] > 9  # all of it
        events = model.events[model.events["kind"] == "programme_stranded"]
        assert events["amount_usd"].iloc[0] > 0

    def test_books_still_balance(self, model: ComputeMarket) -> None:
        assert model.manifest()["ledger"] == "ok"

    @pytest.mark.parametrize("firm", ["Silica", "Summit", "Delta"])
    @pytest.mark.parametrize("month", ["2024-06", "2025-01"])
    def test_any_party_may_fail(self, firm: str, month: str) -> None:
        event = {"month": month, "kind": "kill", "firm": firm}
        model = ComputeMarket(override(world(), {"interventions": [event]}), seed=1).run()
        assert model.manifest()["ledger"] == "ok"


PLANT = Plant(
    chip_usd=4_500.0, running_usd=0.08, lag_years=2.0, term_years=4.0, life_years=5.0,
    decline_per_year=0.28, default_per_year=0.05, redeployability=0.35, anchor_share=0.4,
    deposit_usd=0.0,
)  # fmt: skip
HOST = HostView(
    cost_of_capital=0.10, exposure=0.2, loan_rate=0.09, rent_usd=1.2, versatile_cost_usd=0.8,
    wear=0.7, density=0.5,
)  # fmt: skip
LAB = LabView(
    alternative_usd=1.6, worth=0.9, use_share=1.0, engineering_usd=250.0, cost_of_capital=0.12
)
shares = st.floats(0.0, 0.9)


def least(plant: Plant, host: HostView = HOST) -> float:
    return host_stance(plant, host, Linear()).limits()[0]


class TestValuations:
    """One leg, all else equal."""

    @given(shares, shares)
    def test_a_host_asks_less_for_chips_that_others_can_use(self, a: float, b: float) -> None:
        low, high = sorted((a, b))
        asks = [least(PLANT._replace(redeployability=share)) for share in (low, high)]
        assert asks[1] <= asks[0] + 1e-12

    @given(st.floats(0, 2_000), st.floats(0, 2_000))
    def test_a_host_asks_less_with_a_deposit(self, a: float, b: float) -> None:
        asks = [least(PLANT._replace(deposit_usd=usd)) for usd in sorted((a, b))]
        assert asks[1] <= asks[0] + 1e-12

    @given(st.floats(0, 0.5), st.floats(0, 0.5))
    def test_a_host_asks_more_of_a_lab_that_may_fail(self, a: float, b: float) -> None:
        asks = [least(PLANT._replace(default_per_year=rate)) for rate in sorted((a, b))]
        assert asks[0] <= asks[1] + 1e-12

    @given(st.floats(0, 1), st.floats(0, 1))
    def test_a_host_asks_more_the_more_hangs_on_one_customer(self, a: float, b: float) -> None:
        asks = [least(PLANT, HOST._replace(exposure=x)) for x in sorted((a, b))]
        assert asks[0] <= asks[1] + 1e-12

    def test_a_host_asks_less_when_it_risks_less_of_its_own(self) -> None:
        assert least(PLANT._replace(anchor_share=0.2)) < least(PLANT)

    def test_a_host_that_could_sell_versatile_capacity_dearly_asks_more(self) -> None:
        assert least(PLANT, HOST._replace(rent_usd=2.4)) > least(PLANT)

    def test_the_parts_of_an_ask_add_up(self) -> None:
        assert sum(host_ask(PLANT, HOST)) == pytest.approx(least(PLANT))

    def test_without_risk_the_ask_is_the_cost_of_plant(self) -> None:
        safe = PLANT._replace(
            redeployability=1.0, default_per_year=0.0, life_years=4.0, anchor_share=1.0
        )
        idle = HOST._replace(rent_usd=0.0)
        intercept, slope = host_line(safe, idle)
        monthly = 4_500 * (0.1 / 12) / (1 - (1 + 0.1 / 12) ** -48)  # the annuity in closed form
        assert slope == 1.0
        assert -intercept == pytest.approx(monthly / 730 + 0.08, rel=1e-6)

    @given(st.floats(0, 0.5), st.floats(0, 0.5), shares, shares)
    def test_a_lender_asks_more_of_risk_and_less_with_security(
        self, a: float, b: float, c: float, d: float
    ) -> None:
        lender = LenderView(0.06, 0.0)

        def rate(**changes: float) -> float:
            return lender_stance(PLANT._replace(**changes), lender, 0.09, Linear()).limits()[0]

        low, high = sorted((a, b))
        assert rate(default_per_year=low) <= rate(default_per_year=high) + 1e-12
        poor, good = sorted((c, d))
        assert rate(redeployability=good) <= rate(redeployability=poor) + 1e-12
        assert rate(anchor_share=0.4) <= rate(anchor_share=0.2) + 1e-12

    def test_a_vendor_lends_for_less_than_a_fund(self) -> None:
        rates = [
            lender_stance(PLANT, LenderView(0.06, margin), 0.09, Linear()).limits()[0]
            for margin in (0.55, 0.0)
        ]
        assert 0.06 <= rates[0] < rates[1]

    def test_a_borrower_pays_more_for_a_loan_that_bears_more_risk(self) -> None:
        limits = [
            borrower_stance(PLANT._replace(default_per_year=p), HOST, Linear()).limits()[0]
            for p in (0.0, 0.1)
        ]
        assert HOST.cost_of_capital < limits[0] < limits[1]

    def test_a_lab_pays_no_more_than_its_alternative_costs(self) -> None:
        limit = lab_limit_usd(PLANT, LAB)
        assert 0 < limit < LAB.alternative_usd * PLANT.price_path
        assert lab_limit_usd(PLANT, LAB._replace(alternative_usd=0.8)) < limit / 1.9
        assert lab_limit_usd(PLANT, LAB._replace(use_share=0.5)) < limit
        assert lab_limit_usd(PLANT._replace(deposit_usd=500.0), LAB) < limit

    def test_redeployability_and_deposit_leave_more_runs_to_agree(self) -> None:
        """Zone of lab and host: wider with each lever, the lab's own cost of it included."""

        def zone(**changes: float) -> float:
            plant = PLANT._replace(**changes)
            return lab_limit_usd(plant, LAB) - least(plant)

        assert zone(anchor_share=0.2) > zone()
        assert zone(redeployability=0.6) > zone()
        assert zone(deposit_usd=450.0) > zone()


class TestRules:
    """The deal itself, without firms."""

    @given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 0.3), min_size=1))
    def test_an_anchor_is_split_in_proportion(self, largest: dict[str, float]) -> None:
        required = 0.7 * sum(largest.values())
        asked = split_anchor(largest, required)
        assert sum(asked.values()) == pytest.approx(required)
        assert all(asked[host] <= largest[host] for host in largest)

    @given(
        st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 0.3), min_size=1),
        st.sets(st.sampled_from("abcdef")),
        st.floats(0.01, 1.0),
    )
    def test_hosts_that_sign_carry_the_anchor_between_them(
        self, largest: dict[str, float], unwilling: set[str], required: float
    ) -> None:
        chosen = choose_hosts(largest, required, lambda host, share: host not in unwilling)
        able = sum(share for host, share in largest.items() if host not in unwilling)
        if not chosen:
            assert able < required
            return
        assert not unwilling & chosen.keys()
        assert sum(chosen.values()) == pytest.approx(min(required, able))

    @staticmethod
    def leg(kind: LegKind = LegKind.HOSTING) -> Leg:
        row = Deal("x", "programme", "lab", "cloud", DealStatus.TALKS, "", 0)
        return Leg(kind, "lab", "cloud", "cloud", row)

    @staticmethod
    def stances(buyer: float, seller: float) -> tuple[Stance, Stance]:
        return (
            Stance((buyer,), (-1.0,), 0.0, 0.5 * buyer, Linear()),
            Stance((-seller,), (1.0,), 0.0, 2 * seller, Linear()),
        )

    def test_a_letter_stands_while_both_would_sign_it(self) -> None:
        leg, last = self.leg(), Clock(27, 3, 30)
        assert leg.bargain(*self.stances(1.0, 0.6), last, 10.0)
        agreed = leg.letter
        assert agreed is not None
        assert not leg.bargain(*self.stances(1.1, 0.5), last, 10.0)
        assert leg.letter == agreed
        leg.bargain(*self.stances(0.5, 0.4), last, 10.0)
        assert leg.letter != agreed  # the buyer would not pay it any more
        leg.bargain(*self.stances(0.3, 0.4), last, 10.0)
        assert leg.letter is None
        assert leg.gap_usd == pytest.approx(1.0)
        assert leg.gap_share == pytest.approx(0.25)

    def test_another_size_needs_another_letter(self) -> None:
        leg = self.leg()
        leg.ask_for(0.2)
        leg.bargain(*self.stances(1.0, 0.6), Clock(27, 3, 30), 1.0)
        leg.ask_for(0.2)
        assert leg.letter is not None
        leg.ask_for(0.3)
        assert leg.letter is None

    def test_a_deal_waits_for_the_largest_gap(self) -> None:
        legs = [self.leg(), self.leg(LegKind.DESIGN), self.leg(LegKind.FINANCE)]
        for leg, (buyer, scale) in zip(legs, ((0.5, 1.0), (0.9, 9.0), (1.2, 99.0)), strict=True):
            leg.bargain(*self.stances(buyer, 1.0), Clock(0, 1, 30), scale)
        assert holding_up(legs) is legs[1]  # 0.9 short, 0.5 short, and one that still bargains
        for leg in legs:
            leg.letter = 1.0
        assert holding_up(legs) is None


@cache
def signatures(**lever: float) -> dict[int, int]:
    """Whether a programme of a dear chip is signed, by seed."""
    levers = {HERE + path: value for path, value in lever.items()}
    rules = override(world(), {**CONTESTED, **levers})
    models = {s: ComputeMarket(rules, seed=s, months=DEADLINE + 2).run() for s in range(1, 21)}
    return {s: len(told(model, "programme_signed")) for s, model in models.items()}


@pytest.mark.parametrize(
    "lever", [{"anchor_share": 0.2}, {"redeployability": 0.6}, {"deposit_share": 0.15}]
)
def test_levers_let_more_programmes_go_ahead(lever: dict[str, float]) -> None:
    """Seeds 1-20 of the small world with a dear chip: the same months up to the signature."""
    with_lever = signatures(**lever)
    paired = [with_lever[seed] - signatures()[seed] for seed in with_lever]
    assert np.mean(paired) > 0
    assert min(paired) >= 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {HERE + "hosts.Summit.largest_share": 0.95},
            "programmes.Own.hosts: given shares that add up to 1.05, expected shares of one batch",
        ),
        ({HERE + "anchor_share": 0.7}, "programmes.Own.anchor_share: given 0.7, expected at most"),
        ({HERE + "lab": "Auror"}, "programmes.Own.lab: given 'Auror'"),
        ({HERE + "hosts.Summit.name": "Sumit"}, "did you mean 'Summit'?"),
        ({HERE + "maker": "Granite Credit"}, "programmes.Own.maker: given 'Granite Credit'"),
        ({HERE + "financing_partner": "Summit"}, "a chipmaker or an investor"),
        ({HERE + "chip": "S1"}, "programmes.Own.chip: given 'S1'|chips.S1.line: given nothing"),
        ({HERE + "deadline": "2024-01"}, "programmes.Own.deadline"),
        ({HERE + "opens": "2023-01"}, "programmes.Own.opens"),
        ({HERE + "minimum_batch_units": 7e3}, "at most first_batch_units (6000)"),
        ({HERE + "hosts": [{"name": "Summit", "largest_share": 0.4}] * 2}, "'Summit' twice"),
        ({HERE + "hosts": []}, "programmes.Own.hosts"),
        ({HERE + "redeployability": 1.2}, "programmes.Own.redeployability: given 1.2"),
        ({"programmes": []}, "one programme that makes the chip (found 0)"),
        ({"chips.Own.line": "Silica"}, "a name that no chipmaker"),
        (
            {"clouds.Delta.fleet": [{"chip": "Own", "units": 5}]},
            "a chip that is made at the start|room for",
        ),
    ],
)
def test_bad_input_is_answered_in_one_line(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ScenarioError) as error:
        override(world(), changes)
    message = str(error.value)
    assert "\n" not in message
    assert any(part in message for part in expected.split("|")), message
