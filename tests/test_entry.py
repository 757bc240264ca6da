"""Firms that enter during the run: nowhere before their month, then on the books as others are.

The statistical test uses the 95 % t interval of the mean paired difference over the seeds named, so
that it passes for a true effect of zero with a chance of 2.5 %; the seeds are fixed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.agents import chip_market
from computemarket.analysis.explain import story
from computemarket.analysis.outcomes import OUTCOMES, Played, firm_outcomes
from computemarket.market.chips import with_trials
from computemarket.market.columns import TABLES
from computemarket.market.ledger import WORLD
from computemarket.scenario import (
    Scenario,
    ScenarioError,
    from_toml,
    lint,
    override,
    with_months,
)

MONTH = 7  # August 2024
LATE = """
extends = "duopoly"
[[chipmakers]]
name = "Newcomer"
enters = "2024-08"
cash_usd = 2e8
packaging_slots_per_month = 3000
packaging_growth_per_year = 1.0
direct_buyer_share = 0.1
[[chips]]
name = "N0"
maker = "Newcomer"
launch = "2024-02"
price_usd = 20000
unit_cost_usd = 9000
training_h100e = 0.9
inference_h100e = 1.1
kw = 1.4
[[chips]]
name = "N1"
maker = "Newcomer"
launch = "2025-02"
price_usd = 36000
unit_cost_usd = 15000
training_h100e = 2.3
inference_h100e = 2.9
kw = 2.3
[[labs]]
name = "Later"
enters = "2024-08"
cash_usd = 4e8
enterprise_brand = 2.0
team_value_usd = 2e9
[[clouds]]
name = "Later Cloud"
enters = "2024-08"
cash_usd = 2e8
fleet = [{ chip = "S1", units = 5000 }]
energised_mw = 10
chip_deliveries_h100e_per_month = 500
power_pipeline_mw_per_month = 1
chip_preferences = [{ maker = "Silica", weight = 3 }, { maker = "Newcomer", weight = 1 }]
[[investors]]
name = "Later Fund"
kind = "sovereign"
enters = "2024-08"
cash_usd = 1e9
inflow_usd_per_year = 1e9
[[stakes]]
investor = "Harbor Ventures"
firm = "Later"
share = 0.2
cost_usd = 5e7
"""
NAMES = ("Newcomer", "Later", "Later Cloud", "Later Fund")
PLACES = ("chipmakers.Newcomer", "labs.Later", "clouds.Later Cloud", "investors.Later Fund")


@cache
def late(**values: Any) -> Scenario:
    return override(from_toml(LATE), values)


def never() -> Scenario:
    return override(late(), {f"{place}.enters": "2099-01" for place in PLACES})


@cache
def played(seed: int = 1) -> ComputeMarket:
    return ComputeMarket(late(), seed=seed).run()


def naming(table: pd.DataFrame) -> pd.Series:
    """Rows in which one of the newcomers appears."""
    columns = [c for c in ("firm", "payer", "payee", "buyer", "seller", "provider") if c in table]
    return table[columns].isin(NAMES).any(axis=1)


# -- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_firm_enters_in_its_month(name):
    model = played()
    own = model.firms[model.firms.firm == name]
    assert own.month.tolist() == list(range(MONTH, 24))
    events = model.events[model.events.firm == name]
    assert events[events.kind == "entry"].month.tolist() == [MONTH]
    text = events[events.kind == "entry"].text.item()
    assert text.startswith(f"{name} enters the market as ")
    flows = model.flows[(model.flows.payee == name) & (model.flows.purpose == "founding")]
    assert flows.month.tolist() == [MONTH]
    spec = next(firm for firm in model.rules.firms if firm.name == name)
    assert flows.amount_usd.item() == spec.cash_usd


def test_before_its_month_the_world_is_as_without_it():
    base, model = ComputeMarket("duopoly", seed=1).run(), played()
    for name in TABLES:
        one, other = (getattr(m, name) for m in (base, model))
        if name == "contracts":
            columns = ["contract_id", "month_opened", "h100e", "price_usd"]
            one, other = (t.loc[t.month_opened < MONTH - 3, columns] for t in (one, other))
        else:
            one, other = (t[t.month < MONTH].reset_index(drop=True) for t in (one, other))
        assert not naming(other).any()
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert not base.months.equals(model.months)


def test_who_enters_after_the_end_never_was():
    base, model = (ComputeMarket(rules, seed=3).run() for rules in ("duopoly", never()))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(base, name), getattr(model, name), check_exact=True)
    outcomes = firm_outcomes({name: getattr(model, name) for name in TABLES}, model.rules)
    took_part = outcomes.set_index("firm").took_part
    assert not took_part[list(NAMES)].any()
    assert took_part.drop(list(NAMES)).all()
    lines = list(story(never(), 1, "Newcomer"))
    assert lines == ["Newcomer (chipmaker) never entered the market in this run."]


def test_the_start_is_no_entry():
    """Who enters in the first month is there from the start."""
    assert override(load_scenario("duopoly"), {"labs.Aurora.enters": "2024-01"})
    rules = override(load_scenario("duopoly"), {"chipmakers.Silica.enters": "2024-01"})
    base, model = (ComputeMarket(s, seed=1, months=6).run() for s in ("duopoly", rules))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(base, name), getattr(model, name), check_exact=True)


def test_the_order_of_the_file_does_not_matter():
    lists = ("chips", "labs", "clouds", "chipmakers", "investors", "contracts", "loans", "stakes")
    turned = late().model_copy(
        update={name: tuple(reversed(getattr(late(), name))) for name in lists}
    )
    assert turned != late()
    other = ComputeMarket(turned, seed=1).run()
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(played(), name), getattr(other, name), check_exact=True
        )


# -- what becomes of them -------------------------------------------------------------------------


def test_a_lab_starts_without_users_and_wins_some():
    own = played().firms.set_index("month").query("firm == 'Later'")
    assert own.arr_usd[MONTH] == 0
    assert own.arr_usd.iloc[-1] > 1e6
    assert own.price_index[MONTH] < 0.9  # it asks what others ask by now, not what they asked once
    events = played().events
    signed = events[(events.kind == "contract_signed") & (events.firm == "Later")]
    assert len(signed) >= 1
    switches = events[(events.kind == "switch") & (events.firm == "Later")]
    assert (switches.month > signed.month.min() + 3).all()  # a first supplier is no switch


def test_a_lab_that_comes_late_is_worth_what_the_file_says():
    """Growth of the value of a team counts from its entry, not from the start of the run."""
    own = played().firms.set_index("month").query("firm == 'Later'")
    assert own.valuation_usd[MONTH] == pytest.approx(2e9, rel=0.1)


def test_who_holds_a_stake_pays_for_it_on_entry():
    model = played()
    flows = model.flows[(model.flows.payee == "Later") & (model.flows.month == MONTH)]
    equity = flows[flows.purpose == "equity"]
    assert equity[["payer", "amount_usd"]].to_numpy().tolist() == [["Harbor Ventures", 50_000_000]]
    table = ComputeMarket(late(), seed=1)
    while table.month <= MONTH:
        table.step()
    assert table.economy.labs["Later"].cap_table.ownership("Harbor Ventures") == pytest.approx(0.2)


def test_nobody_pays_for_a_stake_more_than_is_free():
    entries = [{"investor": "Harbor Ventures", "firm": "Later", "share": 0.2, "cost_usd": 1e14}]
    model = ComputeMarket(override(late(), {"stakes": entries}), seed=1).run()
    equity = model.flows[(model.flows.payee == "Later") & (model.flows.month == MONTH)]
    paid = equity[equity.purpose == "equity"].amount_usd.sum()
    cash = model.firms.query("firm == 'Harbor Ventures'").set_index("month").cash_usd
    assert 0 < paid < 1e11
    assert cash[MONTH] >= 0


def test_a_supplier_ships_from_its_entry_and_not_before():
    """A launch stated for before its entry counts from there; its packaging grows as it can."""
    prices = played().prices
    chips = prices[(prices.market == "chip") & (prices.provider == "Newcomer")]
    assert chips.month.min() == MONTH
    assert chips.generation[chips.month == MONTH].tolist() == ["N0"]
    assert "N1" in set(chips.generation)
    revenue = played().firms.query("firm == 'Newcomer'").revenue_usd
    assert revenue.sum() > 0
    slots = played().economy.chipmakers["Newcomer"].slots
    assert slots <= 3000 * np.exp(1.0 * (24 - MONTH) / 12) * (1 + 1e-9)


def test_a_stated_preference_holds_at_the_prices_of_the_entry():
    model = ComputeMarket(late(), seed=1)
    while model.month <= MONTH:
        model.step()
    shares = model.economy.clouds["Later Cloud"].maker_shares()
    assert shares["Newcomer"] == pytest.approx(0.25, abs=0.02)


def test_a_newcomers_chips_count_in_the_cost_of_compute_as_far_as_one_can_get_them():
    model = ComputeMarket(late(), seed=1)
    while model.month <= MONTH + 3:
        model.step()
    market = model.economy.market
    costs = []
    for share in (0.0, 0.3, 0.6):
        market.entrants["Newcomer"] = share
        market.refresh_chips()
        costs.append(market.user_cost)
    assert costs[0] > costs[1] > costs[2]
    assert costs[0] - costs[1] == pytest.approx(costs[1] - costs[2])


@given(
    st.dictionaries(st.sampled_from("ABCD"), st.floats(0.01, 1), min_size=1),
    st.dictionaries(st.sampled_from("XYZ"), st.floats(1, 1e5)),
    st.floats(0, 1),
)
def test_trials_take_what_they_may_and_no_more(weights, newcomers, most):
    total = sum(weights.values())
    shares = {maker: weight / total for maker, weight in weights.items()}
    prices = dict.fromkeys(shares, 1000.0) | newcomers
    tried = with_trials(shares, prices, sorted(newcomers), most)
    assert sum(tried.values()) == pytest.approx(1)
    given_away = sum([share for maker, share in tried.items() if maker in newcomers])
    assert given_away <= most + 1e-12
    for maker, price in newcomers.items():
        assert (tried.get(maker, 0) > 0) <= (price < 1000.0)
    for maker, share in shares.items():
        assert tried[maker] == pytest.approx(share * (1 - given_away))


def test_the_cheaper_the_newcomer_the_more_is_tried():
    shares, prices = {"A": 1.0}, {"A": 100.0}
    tried = [with_trials(shares, prices | {"X": p}, ["X"], 0.1).get("X", 0) for p in range(70, 121)]
    assert tried == sorted(tried, reverse=True)
    assert tried[0] == pytest.approx(0.1)
    assert tried[-1] == 0


def test_clouds_without_a_preference_try_a_cheaper_newcomer():
    def bought(share: float) -> float:
        rules = override(late(), {"world.supply.entrant_trial_share": share})
        model = ComputeMarket(rules, seed=1).run()
        orders = model.contracts.query("kind == 'chip_order' and seller == 'Newcomer'")
        return float(orders[orders.buyer.isin(["Summit", "Delta"])].h100e.sum())

    assert bought(0.0) == 0
    assert 0 < bought(0.05) < bought(0.3)


def test_a_newcomer_takes_its_share_of_direct_buyers_from_the_others(monkeypatch):
    def ordered(rules: Scenario) -> dict[str, float]:
        """What direct buyers order in the month of the entry, by maker."""
        orders: dict[str, float] = {}
        place = chip_market.place_order

        def note(economy: Any, buyer: str, maker: Any, h100e: float, **more: Any) -> None:
            if buyer == WORLD and economy.market.month == MONTH:
                orders[maker.name] = h100e
            place(economy, buyer, maker, h100e, **more)

        with monkeypatch.context() as patch:
            patch.setattr(chip_market, "place_order", note)
            ComputeMarket(rules, seed=1, months=MONTH + 1).run()
        return orders

    alone, together = ordered(never()), ordered(late())
    assert sum(together.values()) == pytest.approx(sum(alone.values()), rel=0.02)
    assert together["Newcomer"] == pytest.approx(0.1 * together["Silica"], rel=0.02)


# -- interventions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_who_is_not_there_cannot_be_killed(name):
    events = [{"month": "2024-03", "kind": kind, "firm": name} for kind in ("kill", "keep_alive")]
    events[1]["months"] = 2
    model = ComputeMarket(override(late(), {"interventions": events}), seed=1, months=12).run()
    told = model.events[model.events.kind == "intervention"]
    assert told.text.str.contains("not applicable, not yet in the market").all()
    assert told.details.str.contains("not_applicable").all()
    assert set(model.firms[model.firms.firm == name].status) != {"DEFAULTED"}
    assert model.firms[model.firms.firm == name].month.min() == MONTH


@pytest.mark.parametrize("name", NAMES)
def test_who_entered_can_be_killed(name):
    event = {"month": "2024-11", "kind": "kill", "firm": name}
    model = ComputeMarket(override(late(), {"interventions": [event]}), seed=1).run()
    dead = model.firms[(model.firms.firm == name) & (model.firms.status == "DEFAULTED")]
    assert dead.month.min() == 10
    assert model.manifest()["ledger"] == "ok"


def test_what_is_set_before_its_entry_holds_from_there():
    path = "investors.Later Fund.inflow_usd_per_year"
    event = {"month": "2024-03", "kind": "set", "path": path, "value": 0.0}
    model = ComputeMarket(override(late(), {"interventions": [event]}), seed=1, months=12).run()
    flows = model.flows[model.flows.payee == "Later Fund"]
    assert not (flows.purpose == "limited_partners").any()


def test_a_cut_of_supply_waits_for_the_supplier():
    cut = {"month": "2024-03", "kind": "supply_cut", "firm": "Newcomer", "value": 1.0}
    model = ComputeMarket(override(late(), {"interventions": [cut]}), seed=1).run()
    assert "not_applicable" not in model.events[model.events.kind == "intervention"].details.item()
    assert model.firms.query("firm == 'Newcomer'").revenue_usd.sum() == 0


def test_a_world_may_begin_without_labs():
    rules = load_scenario("duopoly")
    values: dict[str, Any] = {"contracts": [], "stakes": []}
    for lab in ("Aurora", "Borealis"):
        values |= {f"labs.{lab}.{s}_arr_usd": 0 for s in ("consumer", "enterprise", "private")}
        values[f"labs.{lab}.enters"] = "2024-04"
    months = ComputeMarket(override(rules, values), seed=1).run().months
    assert (months.lab_revenue_usd[:3] == 0).all()
    assert months.lab_revenue_usd.iloc[-1] > 0


# -- claims, in small -----------------------------------------------------------------------------


def test_a_new_supplier_lowers_chip_prices():
    """Seeds 1-6 of the small world, the last twelve of 36 months, with the newcomer and without."""
    paired = []
    rules = override(
        with_months(late(), 36), {"chipmakers.Newcomer.packaging_slots_per_month": 2e4}
    )
    without = override(rules, {"chipmakers.Newcomer.enters": "2099-01"})
    for seed in range(1, 7):
        one, other = (ComputeMarket(r, seed=seed).run().months for r in (rules, without))
        column = "chip_price_usd_per_h100e"
        paired.append(one[column].iloc[-12:].mean() - other[column].iloc[-12:].mean())
    half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
    assert np.mean(paired) + half < 0


def test_outcomes_of_a_run_with_latecomers():
    names = ("entries", "entrants_share_of_chip_revenue", "chip_price_last_24_months")
    names += ("on_premise_h100e_last_24_months", "cloud_inference_h100e_last_24_months")
    for model, entered in ((played(), True), (ComputeMarket("duopoly", seed=1).run(), False)):
        tables = {name: model.frame(name) for name in ("months", "firms", "events", "flows")}
        values = {name: OUTCOMES[name].compute(Played(tables, model.rules)) for name in names}
        assert values["entries"] == (4 if entered else 0)
        assert (values["entrants_share_of_chip_revenue"] > 0) is entered
        assert values["chip_price_last_24_months"] == pytest.approx(
            model.months.chip_price_usd_per_h100e.mean()
        )


# -- what a file may say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"labs.Later.enters": "2023-12"}, ["labs.Later.enters", "start of the run"]),
        ({"labs.Later.enters": "soon"}, ["labs.Later.enters"]),
        ({"labs.Later.consumer_arr_usd": 5.0}, ["consumer_arr_usd", "no users yet"]),
        ({"labs.Borealis.enters": "2024-09", "stakes": []}, ["labs.Borealis", "no users yet"]),
        ({"chipmakers.Silica.enters": "2024-09"}, ["contracts.0.maker", "enters in 2024-09"]),
        ({"investors.Granite Credit.enters": "2024-09"}, ["loans.0.lender", "from the start"]),
        ({"investors.Harbor Ventures.enters": "2024-09"}, ["stakes.", "as old as Aurora"]),
        (
            {"clouds.Delta.fleet": [{"chip": "N1", "units": 5}], "contracts": [], "loans": []},
            ["clouds.Delta.fleet.N1", "Newcomer"],
        ),
        ({"chipmakers.Newcomer.packaging_growth_per_year": -1.0}, ["packaging_growth_per_year"]),
        ({"world.supply.entrant_trial_share": 1.5}, ["entrant_trial_share"]),
    ],
)
def test_bad_input_is_one_clear_line(values, words):
    with pytest.raises(ScenarioError) as error:
        override(late(), values)
    line = str(error.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_the_month_of_entry_cannot_change_mid_run():
    event = {"month": "2024-03", "kind": "set", "path": "labs.Later.enters", "value": "2024-04"}
    with pytest.raises(ScenarioError, match="opening balance"):
        override(late(), {"interventions": [event]})


def test_an_entry_after_the_end_is_suspicious():
    assert not [line for line in lint(late()) if "enters" in line]
    assert len([line for line in lint(never()) if line.count(".enters: 2099-01")]) == 4
