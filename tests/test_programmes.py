"""Custom-chip programmes: all sign together or nobody does, and who kept whom waiting."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from computemarket import ComputeMarket
from computemarket.analysis.outcomes import OUTCOMES
from computemarket.analysis.played import Played
from computemarket.market.contracts import DealStatus
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
