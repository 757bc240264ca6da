"""Scenarios: those that are shipped, contradictions, lint, and small things."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from computemarket.scenario import (
    Run,
    Scenario,
    ScenarioError,
    from_toml,
    json_schema,
    lint,
    load_scenario,
    month_index,
    month_label,
    override,
    scenario_hash,
    shipped,
    to_toml,
)

Refusal = Callable[..., str]


# ------------------------------------------------------------------ shipped scenarios


@pytest.mark.parametrize("name", [name for name, _ in shipped()])
def test_shipped_scenarios_are_sound(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.title
    assert lint(scenario) == []
    assert from_toml(to_toml(scenario)) == scenario


def test_duopoly_is_what_its_name_says(duopoly: Scenario) -> None:
    assert duopoly.run.months == 24
    assert len(duopoly.labs) == len(duopoly.clouds) == 2
    assert len(duopoly.chipmakers) == 1
    assert len(duopoly.chips) == 2
    assert "private_credit" in {investor.kind for investor in duopoly.investors}
    ends = [month_index(duopoly.run, contract.end) for contract in duopoly.contracts]
    assert any(0 < end < 12 for end in ends), "suppliers could not switch within the run"


@pytest.mark.parametrize("name", [name for name, _ in shipped()])
def test_opening_demand_is_what_labs_serve(name: str) -> None:
    scenario = load_scenario(name)
    for segment in ("consumer", "enterprise", "private"):
        sold = sum(getattr(lab, f"{segment}_arr_usd") for lab in scenario.labs) / 12
        opening = getattr(scenario.world.demand, segment).opening_usd_per_month
        assert opening == pytest.approx(sold, rel=0.01)


# ------------------------------------------------------------------ cross checks

VARIANTS: list[tuple[dict[str, Any], str]] = [
    ({"labs.Aurora.name": "Summit"}, "duplicate name 'Summit'"),
    ({"chips.S2.name": "S1"}, "duplicate name 'S1'"),
    ({"contracts.0.lab": "Auror"}, "contracts.0.lab: given 'Auror', expected the name of a lab, "
     "did you mean 'Aurora'?"),
    ({"contracts.0.cloud": "Aurora"}, "contracts.0.cloud"),
    ({"contracts.0.maker": "Silicon"}, "contracts.0.maker"),
    ({"contracts.0.end": "2023-12"}, "not before the start of the run (2024-01)"),
    ({"contracts.2.workload": "training"}, "contracts.0.exclusive"),
    ({"contracts.1.h100e": 190_000}, "clouds.Summit.fleet: given 310.0 MW of Silica chips"),
    ({"clouds.Delta.fleet": []}, "clouds.Delta.fleet: given 0.0 MW"),
    ({"clouds.Delta.fleet.S1.chip": "S9"}, "clouds.Delta.fleet.S9.chip"),
    ({"clouds.Delta.chip_preferences.Silica.maker": "Sillica"}, "did you mean 'Silica'?"),
    ({"chips.S1.maker": "Sil"}, "chips.S1.maker"),
    ({"chips.S1.sold_to": ["Harbor Ventures"]}, "chips.S1.sold_to"),
    ({"loans.0.lender": "Granit Credit"}, "did you mean 'Granite Credit'?"),
    ({"loans.0.borrower": "Granite Credit"}, "the name of a cloud"),
    ({"loans.0.lender": "Summit"}, "the name of an investor"),
    ({"stakes.0.investor": "Nobody"}, "stakes.0.investor"),
    ({"stakes.1.share": 0.9}, "stakes of one firm that add up to at most 1"),
    ({"world.bargaining.term_months": []}, "world.bargaining.term_months"),
    ({"interventions": [{"month": "2026-01", "kind": "kill", "firm": "Delta"}]},
     'interventions.0.month: given "2026-01", expected a month of the run (2024-01 to 2025-12)'),
    ({"interventions": [{"month": "2023-12", "kind": "kill", "firm": "Delta"}]}, "of the run"),
    ({"interventions": [{"month": "2024-05", "kind": "kill", "firm": "Dalta"}]}, "mean 'Delta'?"),
    ({"interventions": [{"month": "2024-05", "kind": "kill"}]}, "expected firm"),
    ({"interventions": [{"month": "2024-05", "kind": "supply_cut", "value": 0.5,
      "firm": "Delta"}]}, "a chipmaker"),
    ({"interventions": [{"month": "2024-05", "kind": "cost_shock", "value": True}]}, "a number"),
    ({"interventions": [{"month": "2024-05", "kind": "kil", "firm": "Delta"}]}, "mean 'kill'?"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), VARIANTS)
def test_contradictions_are_refused(
    duopoly: Scenario, changes: dict[str, Any], expected: str, refusal: Refusal
) -> None:
    assert expected in refusal(override, duopoly, changes)


def test_an_opening_contract_may_outlast_the_run(duopoly: Scenario) -> None:
    assert override(duopoly, {"contracts.2.end": "2031-01"}).contracts[2].end == "2031-01"


def test_sold_capacity_counts_power_by_workload(duopoly: Scenario, refusal: Refusal) -> None:
    """93 MW of Delta; inference at half the throughput takes twice the power."""
    full = {"contracts.2.h100e": 51_000}  # with 9,000 more: just the 60,000 installed
    assert override(duopoly, full)
    slower = {"chips.S1.inference_h100e": 0.5, "chips.S2.inference_h100e": 1.0}
    assert "clouds.Delta.fleet" in refusal(override, duopoly, full | slower)


def test_a_ramp_counts_from_its_opening(duopoly: Scenario) -> None:
    grown = {"contracts.0.h100e": 500_000}
    assert override(duopoly, grown).contracts[0].h100e == 500_000


def test_scenarios_made_in_python_are_checked_too(duopoly: Scenario, refusal: Refusal) -> None:
    wrong = duopoly.model_copy(update={"clouds": ()})
    assert "contracts.0.cloud" in refusal(load_scenario, wrong)


# ------------------------------------------------------------------ lint

SUSPICIOUS: list[tuple[dict[str, Any], str]] = [
    ({"labs.Borealis.cash_usd": 1e6}, "labs.Borealis.cash_usd: $1.0M is under one month"),
    ({"clouds.Summit.energised_mw": 0.369}, "looks like GW"),
    ({"clouds.Summit.energised_mw": 100}, "far above the 100 MW energised"),
    ({"clouds.Delta.captive_h100e": 58_000}, "clouds.Delta.captive_h100e"),
    ({"labs.Borealis.enterprise_arr_usd": 8e9}, "over ten times"),
    ({"contracts.4.workload": "training"}, "no contract gives any"),
    ({"contracts.4.price_usd_per_h100e_hour": 0.2}, "contracts.4.price_usd_per_h100e_hour: 0.2"),
    ({"chips.S2.launch": "2026-01"}, "chips.S2.launch: 2026-01 is after the end of the run"),
    ({"chips.S1.launch": "2024-02"}, "clouds.Summit.fleet.S1: installed before its launch"),
    ({"chips.S1.price_usd": 100}, "below its unit cost"),
    ({"clouds.Summit.sells": False}, "clouds.Summit.sells: false, but Aurora"),
    ({"clouds.Summit.sells": False, "clouds.Delta.sells": False, "contracts": []}, "no cloud"),
    ({"chipmakers": [{"name": "Idle"}, {"name": "Silica"}]}, "chipmakers.Idle"),
    ({"investors": [], "loans": [], "stakes": []}, "nobody invests"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), SUSPICIOUS)
def test_lint_warns(duopoly: Scenario, changes: dict[str, Any], expected: str) -> None:
    warnings = lint(override(duopoly, changes))
    assert any(expected in warning for warning in warnings), warnings


# ------------------------------------------------------------------ small things


@pytest.mark.parametrize(
    ("start", "label", "index"),
    [("2024-01", "2024-07", 6), ("2024-11", "2025-02", 3), ("2024-01", "2023-12", -1)],
)
def test_months(start: str, label: str, index: int) -> None:
    run = Run(start=start)
    assert month_index(run, label) == index
    assert month_label(run, index) == label


def test_hash_follows_content(duopoly: Scenario) -> None:
    assert scenario_hash(load_scenario("duopoly")) == scenario_hash(duopoly)
    other = override(duopoly, {"labs.Aurora.cash_usd": math.nextafter(1.7e9, 2e9)})
    assert scenario_hash(other) != scenario_hash(duopoly)


def test_json_schema_describes_files() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert {"labs", "world", "extends"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


def test_loading_needs_neither_mesa_nor_pandas() -> None:
    code = (
        "import sys, computemarket.scenario as s; s.load_scenario('duopoly'); s.json_schema();"
        "sys.exit(bool({'mesa', 'pandas', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_a_changed_copy_of_a_checked_scenario_is_checked_again(duopoly: Scenario) -> None:
    assert load_scenario(duopoly) is duopoly
    twice = duopoly.model_copy(update={"labs": (*duopoly.labs, duopoly.labs[0])})
    with pytest.raises(ScenarioError, match="duplicate"):
        load_scenario(twice)
