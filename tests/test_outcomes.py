"""Outcomes against tables small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.outcomes import (
    OUTCOMES,
    Played,
    firm_outcomes,
    outcomes,
    switches,
    yearly,
)
from computemarket.scenarios.schema import Lab, Scenario

SCENARIO = Scenario(labs=(Lab(name="Ada"), Lab(name="Bob"), Lab(name="In", kind="internal")))


def rows(firm: str, *months: dict, start: int = 0) -> list[dict]:
    """Rows of `firms`, one a month; healthy unless said otherwise."""
    return [
        {"month": start + m, "firm": firm, "role": "lab", "runway_months": 999.0} | values
        for m, values in enumerate(months)
    ]


def spot(*prices: float) -> list[dict]:
    return [
        {"month": m, "date": f"{2024 + m // 12}-{m % 12 + 1:02d}"}
        | {"spot_price_usd_per_h100e_hour": price}
        for m, price in enumerate(prices)
    ]


def of(firms: pd.DataFrame, name: str) -> dict:
    return firms.set_index("firm").loc[name].to_dict()


def test_registry_explains_each_outcome(run_tables, made_up_scenario):
    found = outcomes(run_tables, made_up_scenario)
    assert list(found) == list(OUTCOMES)
    for outcome in OUTCOMES.values():
        assert outcome.unit
        assert outcome.meaning.endswith(".") or ";" in outcome.meaning
    assert all(value is None or type(value) in (int, float, str) for value in found.values())
    assert not any(isinstance(value, float) and np.isnan(value) for value in found.values())


def test_cash_story_of_a_firm(build, row):
    tables = build(
        months=4,
        firms=[
            *rows(
                "Ada",
                {"cash_usd": 50, "runway_months": 2.0, "arr_usd": 7},
                {"cash_usd": 9, "runway_months": 0.5, "arr_usd": 8},
                {"cash_usd": 0, "runway_months": 0.2, "arr_usd": 9, "arrears_usd": 3},
                {"cash_usd": 4, "runway_months": 1.0, "arr_usd": 10, "arrears_usd": 1},
            ),
            *rows("Bob", {"cash_usd": 70}, {"cash_usd": 71}),
        ],
        events=[row(3, "default", "Ada", amount_usd=5), row(3, "default", "Stranger")],
        flows=[
            {"month": 1, "payer": "Fund", "payee": "Ada", "purpose": "equity", "amount_usd": 30},
            {"month": 2, "payer": "Fund", "payee": "Ada", "purpose": "equity", "amount_usd": 12},
            {"month": 2, "payer": "World", "payee": "Ada", "purpose": "grant", "amount_usd": 99},
            {"month": 2, "payer": "Ada", "payee": "Bob", "purpose": "compute", "amount_usd": 5},
        ],
    )
    firms = firm_outcomes(tables, SCENARIO)
    ada = of(firms, "Ada")
    assert ada["out_of_cash_month"] == 2
    assert ada["first_runway_below_one_month"] == 1
    assert ada["default_month"] == 3
    assert ada["minimum_cash_usd"] == 0
    assert ada["final_arr_usd"] == 10
    assert ada["funds_raised_usd"] == 42
    bob = of(firms, "Bob")
    assert pd.isna(bob["out_of_cash_month"])
    assert pd.isna(bob["default_month"])
    assert (bob["minimum_cash_usd"], bob["funds_raised_usd"]) == (70, 0)
    found = outcomes(tables, SCENARIO)
    assert found["labs_out_of_cash"] == 0.5  # Ada of Ada and Bob; In has a parent
    assert found["defaults"] == 1
    assert found["first_default_month"] == 3
    assert found["funds_raised_usd"] == 42


def test_a_firm_that_never_entered_counts_nowhere(build):
    tables = build(firms=rows("Ada", {"arrears_usd": 1}))
    firms = firm_outcomes(tables, SCENARIO)
    assert list(firms["firm"]) == ["Ada", "Bob", "In"]
    assert list(firms["took_part"]) == [True, False, False]
    assert np.isnan(of(firms, "Bob")["minimum_cash_usd"])
    assert outcomes(tables, SCENARIO)["labs_out_of_cash"] == 1.0


def test_only_overall_switches_count(build, row):
    moved = {"from_": "Azure", "to": "AWS", "reason": "price"}
    tables = build(
        months=9,
        events=[
            row(5, "switch", "Ada", workload="overall", month_from=3, forced=False, **moved),
            row(5, "switch", "Ada", workload="training", month_from=3, forced=False, **moved),
            row(6, "chip_switch", "Ada", workload="overall", **moved),
            row(8, "switch", "In", workload="overall", month_from=6, forced=True, **moved),
        ],
        firms=[
            *rows("Ada", {"main_supplier": ""}, *2 * [{"main_supplier": "Azure"}]),
            *rows("Ada", {"main_supplier": "AWS"}, {"main_supplier": ""}, start=3),
            *rows("Bob", {}),
        ],
    )
    table = switches(tables)
    assert list(table["month_from"]) == [3, 6]
    assert list(table["month"]) == [5, 8]
    assert list(table["forced"]) == [False, True]
    assert set(table["to"]) == {"AWS"}
    ada = of(firm_outcomes(tables, SCENARIO), "Ada")
    assert ada["switches"] == 1
    assert (ada["first_main_supplier"], ada["last_main_supplier"]) == ("Azure", "AWS")
    found = outcomes(tables, SCENARIO)
    assert found["switches"] == 2
    assert found["labs_that_switched"] == 0.5


def test_price_outcomes(build):
    prices = [4.0] * 6 + [6.0] * 6 + [3.0] * 12 + [2.0] * 12
    found = outcomes(build(months=spot(*prices)), SCENARIO)
    assert found["spot_price_last_24_months"] == pytest.approx(2.5)
    assert found["spot_price_worst_12_month_change"] == pytest.approx(-0.5)  # 6 to 3
    assert found["spot_price_best_6_month_change"] == pytest.approx(0.5)  # 4 to 6
    assert found["months"] == 36


@pytest.mark.parametrize(
    ("prices", "fall", "rise"),
    [
        ([5.0], None, None),
        ([5.0] * 6 + [4.0], None, -0.2),
        ([0.0] * 6 + [4.0] * 6 + [1.0], None, -0.75),  # no change is defined from a price of zero
        ([float("nan")] * 13, None, None),
    ],
)
def test_prices_of_short_and_odd_runs(build, prices, fall, rise):
    found = outcomes(build(months=spot(*prices)), SCENARIO)
    assert found["spot_price_worst_12_month_change"] == (fall and pytest.approx(fall))
    assert found["spot_price_best_6_month_change"] == (rise and pytest.approx(rise))


def test_talks_contracts_and_rounds_are_counted(build, row):
    tables = build(
        events=[
            *2 * [row(0, "contract_signed", "Ada", workload="training")],
            *3 * [row(0, "offer_refused", "Ada", outcome="NO_ZONE")],
            row(0, "round_closed", "Ada", amount_usd=5),
            row(0, "round_failed", "Bob"),
            row(0, "round_refused", "Bob"),
        ]
    )
    found = outcomes(tables, SCENARIO)
    assert (found["contracts_signed"], found["talks_refused"]) == (2, 3)
    assert (found["rounds_closed"], found["rounds_failed"]) == (1, 2)
    firms = firm_outcomes(tables, SCENARIO)
    assert list(firms["rounds_failed"]) == [0, 2, 0]


def test_years(build):
    months = [
        {"month": m, "date": date, "lab_revenue_usd": 10 * (m + 1), "installed_mw": float(m)}
        for m, date in enumerate(("2024-11", "2024-12", "2025-01"))
    ]
    table = yearly(build(months=months[::-1]))
    assert list(table.index) == [2024, 2025]
    assert list(table["months"]) == [2, 1]
    assert list(table["lab_revenue_usd"]) == [30, 30]
    assert list(table["installed_mw"]) == [1.0, 2.0]


def test_order_of_rows_does_not_matter(run_tables, made_up_scenario):
    mixed = {
        name: table.sample(frac=1, random_state=3).reset_index(drop=True)
        for name, table in run_tables.items()
    }
    straight = outcomes(run_tables, made_up_scenario)
    assert outcomes(mixed, made_up_scenario) == pytest.approx(straight)
    left = firm_outcomes(mixed, made_up_scenario)
    pd.testing.assert_frame_equal(left, firm_outcomes(run_tables, made_up_scenario))


def test_tables_without_rows_and_other_string_types(build, run_tables, made_up_scenario):
    empty = build(months=[])
    found = outcomes(empty, Scenario())
    assert found["months"] == 0
    assert found["labs_out_of_cash"] is None
    assert found["spot_price_last_24_months"] is None
    assert switches(empty).empty
    assert yearly(empty).empty
    python = {name: table.convert_dtypes() for name, table in run_tables.items()}
    assert outcomes(python, made_up_scenario) == pytest.approx(
        outcomes(run_tables, made_up_scenario)
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_arrow_and_pandas_tables_give_the_same(seed):
    scenario = load_scenario("duopoly")
    arrow = ComputeMarket(scenario, seed=seed).run().tables()
    frames = {name: table.to_pandas() for name, table in arrow.items()}
    found = outcomes(arrow, scenario)
    assert found == outcomes(frames, scenario)
    assert [type(value) for value in found.values()] == [
        type(value) for value in outcomes(frames, scenario).values()
    ]
    firms = firm_outcomes(arrow, scenario)
    pd.testing.assert_frame_equal(firms, firm_outcomes(frames, scenario), check_exact=True)
    pd.testing.assert_frame_equal(switches(arrow), switches(frames))
    run = Played(arrow, scenario)
    pd.testing.assert_frame_equal(run.firms, firms)
    assert run.firm("switches").tolist() == firms["switches"].tolist()
    assert run.lab("switches").tolist() == run.labs["switches"].tolist()
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(run.tables[name], frame)
    assert run.event_counts == frames["events"]["kind"].value_counts().to_dict()
    assert run.month("capex_usd").tolist() == frames["months"]["capex_usd"].tolist()
