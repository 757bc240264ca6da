"""The rules in force from month to month, as the interventions of a scenario change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from computemarket.scenario import Scenario, override, schedule, with_months

Refusal = Callable[..., str]


def with_interventions(scenario: Scenario, *events: dict[str, Any]) -> Scenario:
    return override(scenario, {"interventions": list(events)})


def test_schedule_sets_and_scales_from_a_month_on(duopoly: Scenario) -> None:
    scenario = with_interventions(
        duopoly,
        {"month": "2024-07", "kind": "set", "path": "world.sentiment.shock", "value": -1},
        {"month": "2025-01", "kind": "scale", "path": "clouds.Delta.brand_premium", "value": 2},
        {"month": "2024-03", "kind": "kill", "firm": "Delta"},
    )
    rules = schedule(scenario)
    assert sorted(rules) == [6, 12]
    assert rules[6].world.sentiment.shock == -1
    assert rules[6].clouds[1].brand_premium == 1
    assert rules[12].world.sentiment.shock == -1
    assert rules[12].clouds[1].brand_premium == 2
    assert scenario.world.sentiment.shock == 0


def test_an_intervention_with_months_ends(duopoly: Scenario) -> None:
    path = "world.power.price_usd_per_mwh"
    rules = schedule(
        with_interventions(
            duopoly,
            {"month": "2024-03", "kind": "set", "path": path, "value": 100, "months": 6},
            {"month": "2024-05", "kind": "scale", "path": path, "value": 2, "months": 2},
            {"month": "2025-12", "kind": "scale", "path": path, "value": 3, "months": 9},
        )
    )
    prices = {month: rule.world.power.price_usd_per_mwh for month, rule in rules.items()}
    assert prices == {2: 100, 4: 200, 6: 100, 8: 80, 23: 240}


def test_a_lasting_change_outlives_a_passing_one(duopoly: Scenario) -> None:
    path = "world.supply.capacity_multiplier"
    rules = schedule(
        with_interventions(
            duopoly,
            {"month": "2024-02", "kind": "scale", "path": path, "value": 0.5, "months": 4},
            {"month": "2024-03", "kind": "scale", "path": path, "value": 0.8},
        )
    )
    assert {m: r.world.supply.capacity_multiplier for m, r in rules.items()} == {
        1: 0.5,
        2: pytest.approx(0.4),
        5: pytest.approx(0.8),
    }


def test_interventions_reach_strategies_and_whole_numbers(duopoly: Scenario) -> None:
    rules = schedule(
        with_interventions(
            duopoly,
            {"month": "2024-02", "kind": "set", "path": "labs.Aurora.procurement.name",
             "value": "spot_first"},
            {"month": "2024-02", "kind": "set", "path": "labs.Aurora.procurement.base_share",
             "value": 0.4},
            {"month": "2024-02", "kind": "scale", "path": "world.power.neocloud_lead_months",
             "value": 1.3},
        )
    )  # fmt: skip
    assert rules[1].labs[0].procurement.name == "spot_first"
    assert rules[1].labs[0].procurement.parameters == {"base_share": 0.4}
    assert rules[1].world.power.neocloud_lead_months == 16


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("labs.Aurora.cash_usd", 5, "part of the opening balance"),
        ("world.sentiment.opening", 5, "part of the opening balance"),
        ("clouds.Delta.fleet.S1.units", 5, "part of the opening balance"),
        ("contracts.0.h100e", 5, "read once"),
        ("run.months", 5, "read once"),
        ("labs.Aurora.name", "X", "read once"),
        ("chips.S1.maker", "X", "read once"),
        ("world.sentimant.shock", 5, "did you mean 'sentiment'?"),
        ("labs.Auror.sales_cost_share", 5, "did you mean 'Aurora'?"),
        ("labs.Aurora.sales_cost_share", -5, "given -5"),
        ("labs.Aurora.sales_cost_share", "a", 'given "a"'),
        ("world.sentiment", 5, "expected a table"),
    ],
)
def test_bad_set_interventions(
    duopoly: Scenario, path: str, value: float | str, expected: str, refusal: Refusal
) -> None:
    event = {"month": "2024-03", "kind": "set", "path": path, "value": value}
    assert expected in refusal(with_interventions, duopoly, event)


@pytest.mark.parametrize("path", ["labs.Aurora.listed", "labs.Aurora.group", "world.power"])
def test_only_numbers_scale(duopoly: Scenario, path: str, refusal: Refusal) -> None:
    event = {"month": "2024-03", "kind": "scale", "path": path, "value": 2}
    assert refusal(with_interventions, duopoly, event)


def test_with_months_drops_interventions_that_are_not_reached(
    duopoly: Scenario, refusal: Refusal
) -> None:
    scenario = with_interventions(
        duopoly,
        {"month": "2024-03", "kind": "kill", "firm": "Delta"},
        {"month": "2025-03", "kind": "kill", "firm": "Summit"},
    )
    short = with_months(scenario, 12)
    assert short.run.months == 12
    assert [event.firm for event in short.interventions] == ["Delta"]
    assert "run.months" in refusal(with_months, scenario, 0)
