"""Loading, inheritance, cross checks, lint and the schedule of interventions."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
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
    schedule,
    shipped,
    to_toml,
    with_months,
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="module")
def duopoly() -> Scenario:
    return load_scenario("duopoly")


def refusal(call: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        call(*args)
    message = str(caught.value)
    assert "\n" not in message
    return message


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


# ------------------------------------------------------------------ files and extends


def test_a_partial_segment_keeps_its_other_defaults(write: Write) -> None:
    path = write("[world.demand.consumer]\nopening_usd_per_month = 5\n")
    consumer = load_scenario(path).world.demand.consumer
    assert consumer.opening_usd_per_month == 5
    assert consumer.growth_per_year == Scenario().world.demand.consumer.growth_per_year != 1.0


def test_a_partial_rating_table_keeps_the_other_ratings(write: Write) -> None:
    path = write("[world.credit.spread_per_year]\nB = 0.2\n")
    spread = load_scenario(path).world.credit.spread_per_year
    assert spread["B"] == 0.2
    assert spread["AA"] == Scenario().world.credit.spread_per_year["AA"]


def test_name_is_the_file_name_unless_stated(write: Write) -> None:
    assert load_scenario(write("", "plain.toml")).name == "plain"
    assert load_scenario(write("extends = 'duopoly'\n", "child.toml")).name == "child"
    assert load_scenario(str(write("name = 'stated'"))).name == "stated"


def test_extends_merges_tables_named_lists_and_appends_the_rest(
    write: Write, duopoly: Scenario
) -> None:
    path = write(
        """
        extends = "duopoly"
        [world.sentiment]
        shock = -2.0
        [[labs]]
        name = "Borealis"
        cash_usd = 5
        [[labs]]
        name = "Cygnus"
        [[contracts]]
        lab = "Cygnus"
        cloud = "Delta"
        workload = "inference"
        maker = "Silica"
        h100e = 10
        price_usd_per_h100e_hour = 2
        end = "2024-06"
        """
    )
    child = load_scenario(path)
    assert [lab.name for lab in child.labs] == ["Aurora", "Borealis", "Cygnus"]
    assert child.labs[1].model_copy(update={"cash_usd": 1.1e8}) == duopoly.labs[1]
    assert child.labs[1].cash_usd == 5
    assert child.contracts[:-1] == duopoly.contracts
    assert child.world.sentiment.shock == -2
    assert child.world.demand == duopoly.world.demand


def test_extends_reaches_files_beside_and_through_several_steps(write: Write) -> None:
    write("extends = 'duopoly'\n[run]\nmonths = 12\n", "first.toml")
    last = load_scenario(write("extends = 'first.toml'\n[world.sentiment]\nshock = 1\n"))
    assert last.run.months == 12
    assert last.world.sentiment.shock == 1
    assert len(last.labs) == 2


def test_lists_inside_a_table_are_replaced(write: Write) -> None:
    path = write(
        "extends = 'duopoly'\n[[clouds]]\nname = 'Delta'\n"
        "fleet = [{chip = 'S1', units = 70_000}]\n"
        "[world.bargaining]\nterm_months = [24]\n"
    )
    child = load_scenario(path)
    assert len(child.clouds[1].fleet) == 1
    assert child.clouds[1].fleet[0].units == 70_000
    assert child.world.bargaining.term_months == (24,)


def test_another_strategy_does_not_inherit_parameters(write: Write) -> None:
    write(
        "extends = 'duopoly'\n[[labs]]\nname = 'Aurora'\n"
        "procurement = {name = 'cover_ahead', horizon_months = 9}\n",
        "base.toml",
    )
    same = load_scenario(
        write(
            "extends = 'base.toml'\n[[labs]]\nname = 'Aurora'\nprocurement = {cover_share = 0.9}\n"
        )
    )
    assert same.labs[0].procurement.parameters == {"horizon_months": 9, "cover_share": 0.9}
    other = load_scenario(
        write(
            "extends = 'base.toml'\n[[labs]]\nname = 'Aurora'\nprocurement = {name='spot_first'}\n"
        )
    )
    assert other.labs[0].procurement.parameters == {}


def test_cycles_are_refused(write: Write) -> None:
    write("extends = 'b.toml'", "a.toml")
    assert "extends itself" in refusal(load_scenario, write("extends = 'a.toml'", "b.toml"))


def test_a_fault_in_a_parent_names_the_parent(write: Write) -> None:
    write("[run]\nmonths = 0\n", "parent.toml")
    message = refusal(load_scenario, write("extends = 'parent.toml'", "child.toml"))
    assert "parent.toml: run.months: given 0" in message


def test_an_unknown_parent_names_child_and_parent(write: Write) -> None:
    message = refusal(load_scenario, write("extends = 'duopol'", "child.toml"))
    assert "child.toml: extends" in message
    assert "did you mean 'duopoly'?" in message


def test_a_name_given_twice_in_a_child_is_still_a_duplicate(write: Write) -> None:
    path = write("extends='duopoly'\n[[labs]]\nname='Aurora'\n[[labs]]\nname='Aurora'\n")
    assert "duplicate name 'Aurora'" in refusal(load_scenario, path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cash = 1", "unknown field 'cash'"),
        ("[[labs]]\nname='A'\ncash_us=1", "labs.A.cash_us: given the unknown field 'cash_us', "
         "expected a known field, did you mean 'cash_usd'?"),
        ("[[labs]]\ncash_usd=1", "labs.0.name: given nothing, expected a value"),
        ("[[labs]]\nname='A'\ncash_usd='1e9'", 'given "1e9", expected a number'),
        ("[[labs]]\nname='A'\ncash_usd=true", "given true, expected a number"),
        ("[[labs]]\nname='A'\ncash_usd=inf", "labs.A.cash_usd: given inf, expected a finite"),
        ("[[labs]]\nname='A'\nfinancing={name='x', y=nan}", "labs.A.financing.y: given nan"),
        ("[[labs]]\nname='A'\nfinancing={name='x', y='z'}", "labs.A.financing.y: given \"z\""),
        ("[[labs]]\nname='a.b'", "a name without"),
        ("[[labs]]\nname=' a'", "a name without"),
        ("[[labs]]\nname='A'\nkind='intern'", "did you mean 'internal'?"),
        ("labs = 3", "labs: given 3, expected a list"),
        ("labs = [3]", "labs.0: given 3, expected a table"),
        ("world = 3", "world: given 3, expected a table"),
        ("[world]\nsentimant = 1", "did you mean 'sentiment'?"),
        ("[world.credit.spread_per_year]\nAAA = 1", "world.credit.spread_per_year.AAA"),
        ("[run]\nstart = 2024-01-01", "run.start: given 2024-01-01"),
        ("[run]\nstart = '2024-13'", 'given "2024-13", expected a month like "2024-07"'),
        ("[run]\nmonths = 12.5", "expected a whole number"),
        ("[run]\nmonths = 99999999999999999999", "run.months: given 99999999999999999999"),
        ("[run]\nmonths = 1e400", "run.months: given inf"),
        ("extends = 3", "extends: given 3"),
        ("[world.demand.private]\nwave_months = [5, 3]", "first and last month"),
        ("[[labs]]\nname='world'", "another name"),
    ],
)  # fmt: skip
def test_schema_refusals_name_field_given_and_expected(
    write: Write, text: str, expected: str
) -> None:
    message = refusal(load_scenario, write(text))
    assert "mine.toml: " in message
    assert expected in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = [" * 3000, b"a = " + b"9" * 5000, b"a ="])
def test_what_is_no_toml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    assert "bad.toml: not" in refusal(load_scenario, path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in refusal(load_scenario, tmp_path / "none.toml")
    assert "given a folder" in refusal(load_scenario, tmp_path)
    assert "did you mean 'duopoly'?" in refusal(load_scenario, "duopolly")


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
    duopoly: Scenario, changes: dict[str, Any], expected: str
) -> None:
    assert expected in refusal(override, duopoly, changes)


def test_an_opening_contract_may_outlast_the_run(duopoly: Scenario) -> None:
    assert override(duopoly, {"contracts.2.end": "2031-01"}).contracts[2].end == "2031-01"


def test_sold_capacity_counts_power_by_workload(duopoly: Scenario) -> None:
    """93 MW of Delta; inference at half the throughput takes twice the power."""
    full = {"contracts.2.h100e": 51_000}  # with 9,000 more: just the 60,000 installed
    assert override(duopoly, full)
    slower = {"chips.S1.inference_h100e": 0.5, "chips.S2.inference_h100e": 1.0}
    assert "clouds.Delta.fleet" in refusal(override, duopoly, full | slower)


def test_a_ramp_counts_from_its_opening(duopoly: Scenario) -> None:
    grown = {"contracts.0.h100e": 500_000}
    assert override(duopoly, grown).contracts[0].h100e == 500_000


def test_scenarios_made_in_python_are_checked_too(duopoly: Scenario) -> None:
    wrong = duopoly.model_copy(update={"clouds": ()})
    assert "contracts.0.cloud" in refusal(load_scenario, wrong)


# ------------------------------------------------------------------ interventions


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
    duopoly: Scenario, path: str, value: float | str, expected: str
) -> None:
    event = {"month": "2024-03", "kind": "set", "path": path, "value": value}
    assert expected in refusal(with_interventions, duopoly, event)


@pytest.mark.parametrize("path", ["labs.Aurora.listed", "labs.Aurora.group", "world.power"])
def test_only_numbers_scale(duopoly: Scenario, path: str) -> None:
    event = {"month": "2024-03", "kind": "scale", "path": path, "value": 2}
    assert refusal(with_interventions, duopoly, event)


def test_with_months_drops_interventions_that_are_not_reached(duopoly: Scenario) -> None:
    scenario = with_interventions(
        duopoly,
        {"month": "2024-03", "kind": "kill", "firm": "Delta"},
        {"month": "2025-03", "kind": "kill", "firm": "Summit"},
    )
    short = with_months(scenario, 12)
    assert short.run.months == 12
    assert [event.firm for event in short.interventions] == ["Delta"]
    assert "run.months" in refusal(with_months, scenario, 0)


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
