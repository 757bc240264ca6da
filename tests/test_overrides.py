"""Values set by path, from Python and from the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.scenario import Scenario, ScenarioError, load_scenario, override
from computemarket.scenarios.overrides import parse_assignment, parse_value


@pytest.fixture(scope="module")
def frontier() -> Scenario:
    return load_scenario("frontier_2024")


def get(scenario: Scenario, path: str) -> Any:
    """An independent reader of paths."""
    here: Any = scenario
    for part in path.split("."):
        if isinstance(here, tuple):
            names = [
                next((str(getattr(e, k)) for k in ("name", "chip") if hasattr(e, k)), str(i))
                for i, e in enumerate(here)
            ]
            here = here[names.index(part)]
        elif isinstance(here, dict):
            here = here[part]
        else:
            here = getattr(here, part)
    return here


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("labs.OpenAI.cash_usd", 2e9),
        ("world.sentiment.shock", -2.0),
        ("clouds.Google Cloud.brand_premium", 1.3),
        ("chips.H100.price_usd", 30_000.0),
        ("labs.OpenAI.procurement.cover_months", 14),  # a parameter not in the file
        ("run.months", 12),
        ("world.demand.consumer.growth_per_year", 0.5),
        ("world.credit.spread_per_year.BB", 0.07),
        ("contracts.0.price_usd_per_h100e_hour", 2.5),
        ("clouds.Azure.fleet.H100.units", 1e6),
        ("loans.0.months_left", 12),
        ("title", "Another"),
    ],
)
def test_every_path_of_the_interface(frontier: Scenario, path: str, value: Any) -> None:
    changed = override(frontier, {path: value})
    assert get(changed, path) == value
    assert override(changed, {}) is changed


def test_only_the_path_changes(frontier: Scenario) -> None:
    changed = override(frontier, {"labs.OpenAI.cash_usd": 1.0})
    back = override(changed, {"labs.OpenAI.cash_usd": get(frontier, "labs.OpenAI.cash_usd")})
    assert back == frontier
    assert changed != frontier


def test_another_strategy_starts_from_its_own_parameters(frontier: Scenario) -> None:
    first = override(frontier, {"labs.OpenAI.procurement.horizon_months": 9})
    assert first.labs[0].procurement.parameters["horizon_months"] == 9
    second = override(
        first,
        # whatever the order in which they are given
        {"labs.OpenAI.procurement.base_share": 0.4, "labs.OpenAI.procurement.name": "spot_first"},
    )
    assert second.labs[0].procurement.name == "spot_first"
    assert second.labs[0].procurement.parameters == {"base_share": 0.4}


def test_a_table_is_merged_and_a_list_replaced(frontier: Scenario) -> None:
    changed = override(
        frontier,
        {
            "world.power": {"price_usd_per_mwh": 99.0},
            "world.bargaining.term_months": (24, 48),
            "labs.xAI": {"cash_usd": 7.0},
        },
    )
    assert changed.world.power == frontier.world.power.model_copy(
        update={"price_usd_per_mwh": 99.0}
    )
    assert changed.world.bargaining.term_months == (24, 48)
    assert get(changed, "labs.xAI.cash_usd") == 7
    assert get(changed, "labs.xAI.consumer_brand") == get(frontier, "labs.xAI.consumer_brand")


def test_a_table_may_start_to_exist(frontier: Scenario) -> None:
    index = next(i for i, c in enumerate(frontier.contracts) if c.ramp is None)
    ramp = {"opening_h100e": 1.0, "months": 3}
    changed = override(frontier, {f"contracts.{index}.ramp": ramp})
    assert changed.contracts[index].ramp is not None


@pytest.mark.parametrize("value", [np.float64(3e9), np.int64(3_000_000_000), np.float32(3e9)])
def test_numpy_scalars_are_numbers(frontier: Scenario, value: Any) -> None:
    assert override(frontier, {"labs.OpenAI.cash_usd": value}).labs[0].cash_usd == 3e9


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("labs.OpenAi.cash_usd", "labs has no 'OpenAi', did you mean 'OpenAI'?"),
        ("labs.OpenAI.cash", "did you mean 'cash_usd'?"),
        ("lab.OpenAI.cash_usd", "the scenario has no 'lab', did you mean 'labs'?"),
        ("world.demand.consumer.growth", "did you mean 'growth_per_year'?"),
        ("contracts.999.h100e", "contracts has no '999'"),
        ("contracts.-1.h100e", "contracts has no '-1'"),
        ("run.months.x", "run.months has no 'x'"),
        ("labs.OpenAI.procurement.a.b", "labs.OpenAI.procurement.a has no 'b'"),
        ("labs.OpenAI.procurement.bad name", "has no 'bad name'"),
        ("world.credit.spread_per_year.BBBB", "did you mean 'BBB'?"),
        ("extends", "the scenario has no 'extends'"),
        ("labs..cash_usd", "labs has no ''"),
    ],
)
def test_a_path_that_does_not_exist(frontier: Scenario, path: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        override(frontier, {path: 1})
    assert path in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "much", None, [1], 10**400])
def test_bad_values_are_refused(frontier: Scenario, value: Any) -> None:
    with pytest.raises(ScenarioError, match=r"labs\.OpenAI\.cash_usd: given"):
        override(frontier, {"labs.OpenAI.cash_usd": value})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e9", 2e9),
        ("-2", -2),
        ("true", True),
        ("spot_first", "spot_first"),
        ('"spot_first"', "spot_first"),
        ("[12, 36]", [12, 36]),
        ("{name = 'a', b = 1}", {"name": "a", "b": 1}),
        ("2024-07", "2024-07"),
        ("2024-07-01", "2024-07-01"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values_are_toml_or_text(text: str, value: Any) -> None:
    assert parse_value(text) == value


@given(st.text())
def test_any_text_is_a_value(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize("text", ["labs.OpenAI.cash_usd", "=3", "", " =3"])
def test_an_assignment_needs_path_and_value(text: str) -> None:
    with pytest.raises(ScenarioError, match="expected PATH=VALUE"):
        parse_assignment(text)


def test_overrides_of_load_scenario() -> None:
    scenario = load_scenario(
        "duopoly",
        [
            "labs.Aurora.cash_usd=2e9",
            "world.sentiment.shock=-2",
            "labs.Aurora.procurement.name=spot_first",
            "clouds.Delta.cash_usd = 3",
        ],
    )
    assert scenario.labs[0].cash_usd == 2e9
    assert scenario.world.sentiment.shock == -2
    assert scenario.labs[0].procurement.name == "spot_first"
    assert scenario.clouds[1].cash_usd == 3


def test_a_refused_override_names_the_scenario_and_the_path() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("duopoly", ["labs.Aurora.cash_usd=-1"])
    assert str(caught.value) == (
        "duopoly.toml with overrides: labs.Aurora.cash_usd: given -1, "
        "expected a number of at least 0"
    )
