"""Finance offices in runs: they change what they say and no more; hiring."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.strategies import unknown_strategies
from computemarket.analysis.outcomes import firm_outcomes
from computemarket.scenario import Scenario, ScenarioError, month_label, override, with_months

OFF: dict[str, Any] = {
    "name": "finance_office",
    "hurdle_return_per_year": 0,
    "protected_training_share": 1,
    "commitment_cap": 100,
    "runway_floor_months": 0,
    "efficiency_share": 0,
    "toughness": 0,
    "sublet_threshold": 100,
}
LAB, RIVAL, AT = "Aurora", "Borealis", 6
BASE = with_months(load_scenario("duopoly"), 36)
SEEDS = range(1, 9)
READ = ("months", "firms", "events", "flows")


def hired(month: int = AT, base: Scenario = BASE, **event: Any) -> Scenario:
    """The small world in which a lab hires an office."""
    when = month_label(base.run, month)
    entry = {"month": when, "kind": "hire_finance_office", "firm": LAB} | event
    return override(base, {"interventions": [entry]})


def office(**parameters: Any) -> dict[str, Any]:
    """An office with nothing but these checks."""
    return {**OFF, **parameters}


@cache
def played(seed: int, *parameters: tuple[str, float]) -> ComputeMarket:
    """The small world; with parameters, Aurora hires an office with those and the defaults."""
    if not parameters:
        return ComputeMarket(BASE, seed=seed).run()
    chosen = dict(parameters)
    rules = hired(office={"name": "finance_office", **chosen})
    return ComputeMarket(rules, seed=seed).run()


def lab_rows(model: ComputeMarket) -> pd.DataFrame:
    return model.firms[model.firms.firm == LAB].set_index("month")


class TestSwitchedOff:
    def test_an_office_that_checks_nothing_changes_nothing(self) -> None:
        both = [
            ComputeMarket(rules, seed=3).run()
            for rules in (BASE, override(BASE, {f"labs.{LAB}.finance": OFF}))
        ]
        for table in ("months", "firms", "prices", "contracts", "events", "flows"):
            one, other = (getattr(model, table) for model in both)
            pd.testing.assert_frame_equal(one, other, check_exact=True)

    def test_nothing_changes_before_the_hire(self) -> None:
        model = ComputeMarket(hired(), seed=3).run()
        base = played(3)
        for table in ("months", "firms", "flows", "events"):
            one, other = getattr(base, table), getattr(model, table)
            pd.testing.assert_frame_equal(one[one.month < AT], other[other.month < AT])
        assert not base.firms.equals(model.firms)


@cache
def race(office: bool) -> Scenario:
    """Sixty months of the shipped scenario, with OpenAI's office or without."""
    rules = with_months(load_scenario("compute_finance"), 60)
    if office:
        return rules
    others = [e for e in rules.interventions if e.kind != "hire_finance_office"]
    return override(rules, {"interventions": others})


@cache
def raced(seed: int, office: bool) -> pd.DataFrame:
    """What became of the firms of the race."""
    model = ComputeMarket(race(office), seed=seed).run()
    return firm_outcomes({t: model.table(t) for t in READ}, model.rules).set_index("firm")


def differences(column: str) -> np.ndarray:
    """What OpenAI's office changes for it, seed by seed."""
    sides = [[float(raced(seed, office)[column]["OpenAI"]) for seed in SEEDS]
             for office in (False, True)]  # fmt: skip
    return np.array(sides[1]) - np.array(sides[0])


def interval(changes: np.ndarray) -> tuple[float, float]:
    """95 % two-sided t interval of the mean: 2.5 % false alarms a claim."""
    changes = changes[np.isfinite(changes)]  # not defined where the lab failed
    assert len(changes) > 5
    half = stats.t.ppf(0.975, len(changes) - 1) * stats.sem(changes)
    return float(changes.mean() - half), float(changes.mean() + half)


class TestInRuns:
    """The race: seeds 1-8 of `compute_finance` over 60 months. Else `duopoly` over 36 months."""

    def test_hiring_lengthens_runway(self) -> None:
        assert interval(differences("mean_runway_months"))[0] > 0

    def test_hiring_lowers_commitments(self) -> None:
        assert interval(differences("commitments_signed_usd"))[1] < 0

    def test_engineers_lower_compute_per_unit(self) -> None:
        assert interval(differences("final_compute_per_unit"))[1] < 0

    def test_efficiency_lowers_compute_per_unit_by_its_closed_form(self) -> None:
        share, month = 0.08, 18
        rich = override(BASE, {f"labs.{LAB}.cash_usd": 3e10})  # distress would cut the spending
        base, model = (
            ComputeMarket(rules, seed=1, months=month).run()
            for rules in (rich, hired(base=rich, office=office(efficiency_share=share)))
        )
        assert set(lab_rows(model).status) == {"HEALTHY"}
        column = "inference_h100e_hours_per_unit"
        ratio = lab_rows(model)[column] / lab_rows(base)[column]
        assert (ratio[:AT] == 1).all()
        # the month's spending lowers the need of the next, and the row is as of the month's end
        stock = share * (1 - 0.96 ** (month - AT)) / 0.04
        assert ratio[month - 1] == pytest.approx((1 + stock) ** -0.25, rel=1e-9)

    def test_efficiency_costs_what_it_says(self) -> None:
        share = 0.08
        model = ComputeMarket(hired(office=office(efficiency_share=share)), seed=2).run()
        flows = model.flows[(model.flows.payer == LAB) & (model.flows.month >= AT)]
        paid = flows[flows.purpose == "efficiency"].set_index("month").amount_usd
        staff = flows[flows.purpose == "staff"].set_index("month").amount_usd
        per_compute = model.economy.labs[LAB].spec.other_cost_share
        assert set(flows.payee[flows.purpose == "efficiency"]) == {"world"}
        assert len(paid) == BASE.run.months - AT
        np.testing.assert_allclose(paid, staff * share / per_compute, atol=2)

    def test_refusals_are_told_with_their_sums(self) -> None:
        events = played(1, ("hurdle_return_per_year", 0.25)).events
        told = events[events.kind == "spending_refused"]
        assert set(told.firm) == {LAB}
        reasons = {json.loads(d)["reason"] for d in told.details}
        assert reasons <= {"hurdle", "commitment cap", "runway floor"}
        assert "hurdle" in reasons
        for details in map(json.loads, told.details):
            assert details["allowed_h100e"] < details["wanted_h100e"]


class TestHiring:
    WITH_RIVAL = override(BASE, {f"labs.{RIVAL}.finance": {"name": "finance_office"}})

    def test_it_takes_the_office_from_the_rival(self) -> None:
        rules = hired(base=self.WITH_RIVAL, rival=RIVAL, office=office(efficiency_share=0.05))
        model = ComputeMarket(rules, seed=1)
        offices = []
        while model.running:
            model.step()
            labs = model.economy.labs
            offices.append((labs[LAB].finance_rule.checks, labs[RIVAL].finance_rule.checks))
        assert set(offices[:AT]) == {(False, True)}
        assert set(offices[AT:]) == {(True, False)}
        flows = model.flows[model.flows.purpose == "efficiency"]
        assert flows.month[flows.payer == RIVAL].max() == AT - 1
        assert flows.month[flows.payer == LAB].min() == AT
        told = model.events[model.events.kind == "finance_office_hired"]
        assert told[["month", "firm", "counterparty"]].to_numpy().tolist() == [[AT, LAB, RIVAL]]

    def test_for_some_months(self) -> None:
        rules = hired(base=self.WITH_RIVAL, rival=RIVAL, months=4)
        model = ComputeMarket(rules, seed=1)
        while model.running:
            model.step()
            labs = model.economy.labs
            here = AT < model.month <= AT + 4
            assert labs[LAB].finance_rule.checks is here
            assert labs[RIVAL].finance_rule.checks is not here

    def test_a_later_change_of_the_path_has_the_last_word(self) -> None:
        later = {"kind": "set", "path": f"labs.{LAB}.finance.efficiency_share", "value": 0.2}
        other = {"kind": "scale", "path": "world.power.price_usd_per_mwh", "value": 1.5}
        base = override(BASE, {f"labs.{LAB}.finance": OFF})
        events = [
            {"month": month_label(BASE.run, AT), "kind": "hire_finance_office", "firm": LAB},
            {"month": month_label(BASE.run, AT + 2), **other},
            {"month": month_label(BASE.run, AT + 4), **later},
        ]
        model = ComputeMarket(override(base, {"interventions": events}), seed=1)
        shares = []
        while model.running:
            model.step()
            shares.append(model.economy.labs[LAB].finance_rule.efficiency_share)
        assert shares[AT - 1 : AT + 5] == [0.0, 0.03, 0.03, 0.03, 0.03, 0.2]

    @pytest.mark.parametrize("case", ["no office", "dead rival", "dead firm"])
    def test_out_of_position_nothing_happens_and_it_says_so(self, case: str) -> None:
        base = BASE if case == "no office" else self.WITH_RIVAL
        dead = {"dead rival": RIVAL, "dead firm": LAB}.get(case)
        events: list[dict[str, Any]] = [
            {
                "month": month_label(BASE.run, AT),
                "kind": "hire_finance_office",
                "firm": LAB,
                "rival": RIVAL,
            }
        ]
        if dead:
            early = month_label(BASE.run, AT - 2)
            events.append({"month": early, "kind": "kill", "firm": dead})
        model = ComputeMarket(override(base, {"interventions": events}), seed=1).run()
        labs = model.economy.labs
        assert not labs[LAB].finance_rule.checks
        assert labs[RIVAL].finance_rule.checks is (case != "no office")
        assert "finance_office_hired" not in set(model.events.kind)
        news = model.events[(model.events.kind == "intervention") & (model.events.month == AT)]
        assert json.loads(news.details.item())["not_applicable"] is True
        assert "not applicable" in news.text.item()

    @pytest.mark.parametrize(
        ("event", "message"),
        [
            ({"firm": None}, "expected firm"),
            (
                {"firm": "Summit"},
                "interventions.0.firm: given 'Summit', expected the name of a lab",
            ),
            ({"rival": "Boreal"}, "interventions.0.rival: .* did you mean 'Borealis'"),
            ({"rival": LAB}, "another lab as rival"),
            ({"kind": "kill", "rival": RIVAL}, "expected kind 'hire_finance_office'"),
            ({"office": {"efficiency_share": 0.1}}, "interventions.0.office.name"),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_one_line(
        self, event: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ScenarioError, match=message) as refusal:
            hired(**event)
        assert "\n" not in str(refusal.value)

    def test_an_office_with_an_unknown_parameter_is_found_before_the_run(self) -> None:
        rules = hired(office={"name": "finance_office", "hurdle": 0.3})
        (problem,) = unknown_strategies(rules)
        assert problem.startswith("interventions.0.office: unknown parameter 'hurdle'")
