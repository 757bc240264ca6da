"""Alliances: money to the dollar, the AGI clause, shocks, hedging, and bad input."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.alliances import agi_hazard_per_year, alliance_value_usd, support_usd
from computemarket.scenario import Scenario, ScenarioError, month_label, override, with_months

BASE = load_scenario("duopoly")
SEED, AT = 4, 6  # AT: the month in which things happen
PACT = {
    "name": "Pact", "partner": "Summit", "lab": "Aurora", "revenue_share": 0.2,
    "access_revenue_ratio": 1.5, "ends_on_agi": True, "builds_models": False,
}  # fmt: skip
PAID = ("revenue_share", "model_access")


def pact(*events: dict[str, Any], values: dict[str, Any] | None = None, **terms: Any) -> Scenario:
    """Duopoly with Summit and Aurora allied; `at` of an event counts months from the start."""
    listed = [
        {"month": month_label(BASE.run, event.get("at", AT))}
        | {key: value for key, value in event.items() if key != "at"}
        for event in events
    ]
    changes = {"alliances": [PACT | terms], "interventions": listed, **(values or {})}
    return override(BASE, changes)


def play(rules: Scenario, seed: int = SEED) -> ComputeMarket:
    return ComputeMarket(rules, seed=seed).run()


@cache
def undisturbed() -> ComputeMarket:
    return play(pact())


def monthly(model: ComputeMarket, purpose: str) -> pd.Series:
    """Dollars paid for a purpose, by month."""
    flows = model.flows[model.flows.purpose == purpose]
    months = range(len(model.months))
    return flows.groupby("month").amount_usd.sum().reindex(months, fill_value=0)


def kinds(model: ComputeMarket, kind: str) -> pd.DataFrame:
    return model.events[model.events.kind == kind]


# -- money ------------------------------------------------------------------------------------


def test_the_revenue_share_is_paid_to_the_dollar():
    model = undisturbed()
    flows = model.flows
    sold = flows[(flows.purpose == "services") & (flows.payee == "Aurora")]
    paid = flows[flows.purpose == "revenue_share"]
    assert set(zip(paid.payer, paid.payee, strict=True)) == {("Aurora", "Summit")}
    due = [round(0.2 * usd) for usd in sold.amount_usd]
    assert paid.amount_usd.tolist() == due
    assert len(due) == BASE.run.months


def test_access_brings_its_multiple_of_enterprise_sales():
    once, twice = (play(pact(access_revenue_ratio=ratio)) for ratio in (1.0, 2.0))
    first = [monthly(model, "model_access")[0] for model in (once, twice)]
    assert first[0] > 0
    assert abs(first[1] - 2 * first[0]) <= 1


def test_the_share_is_no_longer_the_labs_to_spend():
    alone = play(override(BASE, {}))
    with_share = play(pact(access_revenue_ratio=0.0))

    def lab(model: ComputeMarket) -> pd.DataFrame:
        return model.firms[model.firms.firm == "Aurora"].set_index("month")

    assert lab(with_share).gross_margin[0] == pytest.approx(lab(alone).gross_margin[0] - 0.2)


def test_terms_are_levers_in_the_middle_of_a_run():
    path = "alliances.Pact.revenue_share"
    model = play(pact({"kind": "set", "path": path, "value": 0.1, "months": 3}))
    ratio = monthly(model, "revenue_share") / monthly(model, "services")
    assert model.flows.payee.eq("Aurora").any()
    base = monthly(undisturbed(), "revenue_share")
    assert monthly(model, "revenue_share")[AT] == pytest.approx(base[AT] / 2, rel=1e-6)
    assert ratio[AT + 3] > 1.5 * ratio[AT + 2]


def test_who_is_allied_cannot_change():
    with pytest.raises(ScenarioError, match="read once"):
        pact({"kind": "set", "path": "alliances.Pact.partner", "value": "Delta"})


def test_the_order_of_the_file_does_not_matter():
    other = PACT | {"name": "Bond", "partner": "Delta", "lab": "Borealis"}
    one, two = (
        play(override(BASE, {"alliances": entries})) for entries in ([PACT, other], [other, PACT])
    )
    for name in ("months", "firms", "events", "flows"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)


# -- AGI --------------------------------------------------------------------------------------


def test_a_scheduled_declaration_ends_payments_in_that_month_and_for_good():
    model = play(pact({"kind": "declare_agi", "firm": "Aurora"}, in_house_quality=0.3))
    for purpose in PAID:
        paid = monthly(model, purpose)
        assert (paid[:AT] > 0).all()
        assert (paid[AT:] == 0).all()
    assert kinds(model, "agi_declared").month.tolist() == [AT]
    ended = kinds(model, "alliance_ended")
    assert ended.firm.tolist() == ["Summit"]
    assert ended.counterparty.tolist() == ["Aurora"]
    own = monthly(model, "in_house_sales")  # its own models keep a part of the customers
    assert (own[:AT] == 0).all()
    assert (own[AT:] > 0).all()
    assert own[AT] == pytest.approx(0.3 * monthly(undisturbed(), "model_access")[AT], rel=0.1)


def test_without_the_clause_a_declaration_ends_nothing():
    event = {"kind": "declare_agi", "firm": "Aurora"}
    model = play(pact(event, ends_on_agi=False))
    assert len(kinds(model, "agi_declared")) == 1
    assert kinds(model, "alliance_ended").empty
    for purpose in PAID:
        assert (monthly(model, purpose) > 0).all()


def test_agi_is_declared_once():
    event = {"kind": "declare_agi", "firm": "Aurora"}
    model = play(pact(event, event | {"at": AT + 2}))
    assert kinds(model, "agi_declared").month.tolist() == [AT]


def first_declaration(hazard: float, seed: int = SEED, elasticity: float = 0.4) -> float:
    technology = {
        "agi_hazard_per_year": hazard,
        "agi_reference_h100e_months": 1.0,  # all that has been trained is far above
        "agi_capability_elasticity": elasticity,
    }
    rules = pact(values={f"world.technology.{key}": value for key, value in technology.items()})
    declared = kinds(play(with_months(rules, 12), seed), "agi_declared")
    return float(declared.month.min()) if len(declared) else np.inf


def test_the_hazard_strikes_sooner_where_it_is_higher():
    for seed in (1, 2, 3):
        months = [first_declaration(hazard, seed) for hazard in (0.0, 1e-3, 1e-2, 1e-1, 1e4)]
        assert months == sorted(months, reverse=True)
        assert months[0] == np.inf
        assert months[-1] == 0


def test_the_hazard_grows_with_capability():
    technology = {"agi_hazard_per_year": 0.02, "agi_reference_h100e_months": 1e6}
    changes = {f"world.technology.{key}": value for key, value in technology.items()}
    lab = ComputeMarket(pact(values=changes), seed=SEED).economy.labs["Aurora"]
    hazards = []
    for stock in (1e5, 1e6, 1e7):
        lab.training_stock = stock
        hazards.append(agi_hazard_per_year(lab))
    assert hazards[1] == pytest.approx(0.02)
    assert hazards[2] / hazards[1] == pytest.approx(10**0.4)
    assert hazards[0] < hazards[1] < hazards[2]


# -- what a partner would give -----------------------------------------------------------------


def test_what_a_partner_would_give_falls_with_hazard_trust_and_runway():
    model = ComputeMarket(pact(), seed=SEED)
    for _ in range(3):
        model.step()
    economy = model.economy
    lab = economy.labs["Aurora"]
    economy.clouds["Summit"].purse_usd = 1e13  # as much as it wants

    def support(runway: float, trust: float) -> float:
        lab.runway_months, lab.trust = runway, trust
        return support_usd(economy, "Summit", lab)

    assert support(3, 1.0) > support(6, 1.0) > support(12, 1.0) > 0
    assert support(3, 1.0) > support(3, 0.5) > support(3, 0.0) == 0
    lab.trust = 1.0
    worth = alliance_value_usd(economy, "Summit", "Aurora")
    economy.alliances[0].in_house = 0.5
    assert 0 < alliance_value_usd(economy, "Summit", "Aurora") < worth
    assert support(3, 1.0) > 0
    assert alliance_value_usd(economy, "Delta", "Aurora") == 0
    assert support_usd(economy, "Delta", lab) == 0


# -- shocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "months"), [(10_000_001, 7), (5_000_000, None), (3, 5)])
def test_liability_is_paid_in_instalments_that_add_up(total, months):
    event = {"kind": "liability", "firm": "Aurora", "value": total, "months": months}
    paid = monthly(play(pact(event)), "liability").to_numpy()
    assert paid.sum() == total
    parts = months or 1
    due = paid[AT : AT + parts]
    assert due.max() - due.min() <= 1
    assert due.sum() == total


def test_the_dead_pay_no_instalments():
    event = {"kind": "liability", "firm": "Aurora", "value": 1e7, "months": 10}
    model = play(pact(event, {"kind": "kill", "firm": "Aurora", "at": AT + 3}))
    paid = monthly(model, "liability")
    assert (paid[AT : AT + 2] == 1e6).all()
    assert paid[AT + 3 :].sum() == 0


def test_a_governance_shock_costs_trust_that_comes_back():
    event = {"kind": "governance_shock", "firm": "Aurora", "value": 0.6, "months": 4}
    model = ComputeMarket(pact(event), seed=SEED)
    lab = model.economy.labs["Aurora"]
    trust, team = [], []
    for _ in range(AT + 6):
        model.step()
        trust.append(lab.trust)
        team.append(lab.team_value_usd)
    assert trust[AT - 1 :] == pytest.approx([1, 0.4, 0.55, 0.7, 0.85, 1, 1])
    assert team[AT] < 0.5 * team[AT - 1] < team[AT + 5]
    assert lab.brand_shift == 0
    assert kinds(model, "governance_shock").month.tolist() == [AT]


def test_a_shock_of_no_size_changes_nothing_but_the_record():
    event = {"kind": "governance_shock", "firm": "Aurora", "value": 0.0, "months": 4}
    model = play(pact(event))
    for name in ("months", "firms", "flows", "contracts"):
        pd.testing.assert_frame_equal(
            getattr(model, name), getattr(undisturbed(), name), check_exact=True
        )


def test_a_listed_partner_loses_face_and_recovers():
    event = {"kind": "governance_shock", "firm": "Aurora", "value": 0.5, "months": 4}

    def prices(fall: float) -> pd.Series:
        rules = pact(event, values={"world.funding.loss_of_face": fall})
        model = play(rules)
        assert len(kinds(model, "loss_of_face")) == (fall > 0)
        return model.firms[model.firms.firm == "Summit"].set_index("month").share_price_index

    kept, fallen = prices(0.0), prices(0.1)
    gap = (kept - fallen)[AT:]
    assert gap[AT] == pytest.approx(0.1 * kept[AT - 1] * 0.7)  # 0.3 of it closes at once
    assert gap[AT + 3] == pytest.approx(gap[AT] * 0.7**3)


def test_missed_payments_and_default_of_a_lab_cost_its_holders_face():
    rules = pact({"kind": "kill", "firm": "Aurora"}, values={"world.funding.loss_of_face": 0.1})
    rules = override(rules, {"alliances": []})  # the stake of 18 % makes Summit a partner too
    lost = kinds(play(rules), "loss_of_face")
    assert lost.firm.tolist() == ["Summit"]
    assert lost.month.tolist() == [AT]
    small = override(rules, {"world.funding.partner_stake_share": 0.2})
    assert kinds(play(small), "loss_of_face").empty


@pytest.mark.parametrize("dead", ["Aurora", "Summit"])
def test_an_alliance_ends_with_a_dead_party(dead):
    model = play(pact({"kind": "kill", "firm": dead}, in_house_quality=0.3))
    ended = kinds(model, "alliance_ended")
    assert ended.month.tolist() == [AT]
    assert dead in ended.text.item()
    for purpose in PAID:
        assert monthly(model, purpose)[AT:].sum() == 0
    own = monthly(model, "in_house_sales")[AT + 1 :]
    assert (own > 0).all() if dead == "Aurora" else (own == 0).all()
    assert kinds(model, "alliance_review").month.max() < AT


# -- hedging ----------------------------------------------------------------------------------

# Borealis is soon short of money, and a team is cheap beside what Summit has to lose.
HUNGRY = {
    "labs.Borealis.cash_usd": 30e6,
    "labs.Borealis.team_value_usd": 50e6,
    "chipmakers.Silica.strategic_fund_share": 0,
    "world.funding.access_hazard_per_month": 0.0,
}
CHEAP = {
    "builds_models": True, "access_revenue_ratio": 20.0, "team_cost_usd_per_year": 1e6,
    "team_setup_cost_usd": 1e12,
}  # fmt: skip
SHOCK = {"kind": "governance_shock", "firm": "Aurora", "value": 0.5, "months": 12, "at": 0}


def test_a_team_is_hired_for_money_and_the_rival_suffers():
    model = play(pact(SHOCK, values=HUNGRY, **CHEAP))
    hired = kinds(model, "team_hired")
    assert hired.counterparty.tolist() == ["Borealis"]  # the same people are hired once
    month = int(hired.month.item())
    paid = model.flows[model.flows.purpose == "team_hire"]
    assert paid[["month", "payer", "payee", "amount_usd"]].to_numpy().tolist() == [
        [month, "Summit", "Borealis", hired.amount_usd.item()]
    ]
    rival = model.economy.labs["Borealis"]
    assert rival.team_share == pytest.approx(0.2)
    assert rival.research_share == pytest.approx(0.2**0.5)
    assert model.manifest()["ledger"] == "ok"
    assert (monthly(model, "in_house_team")[month + 1 :] > 0).all()
    without = play(pact(SHOCK, values=HUNGRY, **(CHEAP | {"builds_models": False})))
    assert kinds(without, "team_hired").empty


def test_a_lab_that_lost_its_team_learns_less_from_the_same_compute():
    grown = []
    for kept in (1.0, 0.45):
        model = ComputeMarket(pact(), seed=SEED)
        model.step()
        lab = model.economy.labs["Borealis"]
        before, lab.research_share = lab.training_stock, kept
        model.step()
        grown.append(lab.training_stock - 0.94 * before)
    assert grown[1] == pytest.approx(0.45 * grown[0])


def test_own_models_get_better_and_the_alliance_worth_less():
    terms = CHEAP | {"team_setup_cost_usd": 1e6}
    reviews = [
        json.loads(details)
        for details in kinds(play(pact(SHOCK, **terms)), "alliance_review").details
    ]
    quality = [review["in_house"] for review in reviews]
    assert quality == sorted(quality)
    assert 0.2 < quality[-1] <= 0.6
    alone = kinds(play(pact(SHOCK, **(terms | {"builds_models": False}))), "alliance_review")
    last = json.loads(alone.details.iloc[-1])
    assert reviews[-1]["reservation_usd"] < last["reservation_usd"]


def test_nobody_insures_against_what_cannot_happen():
    safe = {f"world.credit.default_probability_per_year.{rating}": 0.0 for rating in ("A", "AA")}
    rules = override(pact(**CHEAP), safe)
    model = ComputeMarket(rules, seed=SEED)
    model.step()  # a quarter's review, at an A rating without default
    assert kinds(model, "alliance_review").month.tolist() == [0]
    assert kinds(model, "team_founded").empty


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([PACT | {"lab": "Auror"}], ["alliances.Pact.lab", "'Auror'", "'Aurora'"]),
        ([PACT | {"partner": "Aurora"}], ["alliances.Pact.partner", "the name of a cloud"]),
        ([PACT | {"partner": "Granite Credit"}], ["alliances.Pact.partner", "a cloud"]),
        ([PACT | {"revenue_share": 1.5}], ["alliances.Pact.revenue_share", "1.5", "at most 1"]),
        (
            [PACT | {"revenue_share": 0.6}, PACT | {"name": "B", "partner": "Delta",
                                                    "revenue_share": 0.6}],
            ["alliances.B.revenue_share", "1.2", "at most 1"],
        ),
        ([PACT, PACT | {"name": "Second"}], ["alliances.Second.lab", "second alliance", "'Pact'"]),
        ([PACT, PACT | {"partner": "Delta"}], ["alliances.Pact.name", "duplicate"]),
        ([PACT | {"access_revenue_share": 1}], ["access_revenue_share", "access_revenue_ratio"]),
    ],
)  # fmt: skip
def test_bad_alliances_are_refused_in_one_line(entries, words):
    with pytest.raises(ScenarioError) as error:
        override(BASE, {"alliances": entries})
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "declare_agi"}, ["declare_agi", "firm"]),
        ({"kind": "declare_agi", "firm": "Summit"}, ["'Summit'", "the name of a lab"]),
        ({"kind": "governance_shock", "firm": "Aurora"}, ["a number"]),
        ({"kind": "governance_shock", "firm": "Aurora", "value": 1.5}, ["0 to 1"]),
        ({"kind": "liability", "firm": "Aurora", "value": -1}, ["US dollars"]),
        ({"kind": "liability", "firm": "Auror", "value": 1e6}, ["'Auror'", "'Aurora'"]),
        ({"kind": "liability", "value": 1e6}, ["'liability'", "firm"]),
    ],
)
def test_bad_shocks_are_refused_in_one_line(event, words):
    with pytest.raises(ScenarioError) as error:
        pact(event)
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
