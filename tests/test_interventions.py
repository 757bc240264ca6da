"""Each kind of intervention does what it says, from its month on and for as long as it lasts."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.scenario import Scenario, ScenarioError, load_scenario, month_label, override

BASE = load_scenario("duopoly")
SEED = 4
AT = 6  # the month in which interventions start
FIRMS = [firm.name for firm in BASE.firms]


def with_events(*events: dict[str, Any], base: Scenario = BASE) -> Scenario:
    """Duopoly with interventions; `at` counts months from the start."""
    listed = [
        {"month": month_label(base.run, event.get("at", AT))}
        | {name: value for name, value in event.items() if name != "at"}
        for event in events
    ]
    return override(base, {"interventions": listed})


def play(*events: dict[str, Any], base: Scenario = BASE, seed: int = SEED) -> ComputeMarket:
    return ComputeMarket(with_events(*events, base=base), seed=seed).run()


@cache
def undisturbed() -> ComputeMarket:
    return ComputeMarket(BASE, seed=SEED).run()


def assert_same_before(model: ComputeMarket, month: int = AT) -> None:
    """Nothing is different before the intervention, in any table that has months."""
    for name in ("months", "firms", "prices", "events", "flows"):
        one, other = (
            table[table.month < month]
            for table in (getattr(undisturbed(), name), getattr(model, name))
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def ratio(model: ComputeMarket, column: str, month: int) -> float:
    return model.months[column][month] / undisturbed().months[column][month]


def paid(model: ComputeMarket, purposes: tuple[str, ...], month: int, payer: str = "Summit") -> int:
    flows = model.flows
    rows = (flows.month == month) & (flows.payer == payer) & flows.purpose.isin(purposes)
    return int(flows.amount_usd[rows].sum())


KINDS = [
    {"kind": "sentiment_shock", "value": -2},
    {"kind": "demand_shock", "value": 0.5},
    {"kind": "supply_cut", "value": 0.5},
    {"kind": "cost_shock", "value": 0.5},
    {"kind": "kill", "firm": "Borealis"},
    {"kind": "set", "path": "world.power.price_usd_per_mwh", "value": 160},
    {"kind": "scale", "path": "world.supply.capacity_multiplier", "value": 0.5},
    {"kind": "set", "path": "clouds.Delta.pricing.name", "value": "cost_plus"},
    {"kind": "scale", "path": "chips.S1.price_usd", "value": 1.5},
]


@pytest.mark.parametrize("event", KINDS, ids=lambda e: f"{e['kind']} {e.get('path', '')}".strip())
def test_nothing_differs_before_and_something_after(event):
    model = play(event)
    assert_same_before(model)
    base = undisturbed().firms
    assert not model.firms[model.firms.month >= AT].equals(base[base.month >= AT])
    news = model.events[(model.events.kind == "intervention") & (model.events.month == AT)]
    assert json.loads(news.details.item())["kind"] == event["kind"]


def test_a_sentiment_shock_sinks_in_over_months():
    model = play({"kind": "sentiment_shock", "value": -2})
    gap = model.months.sentiment - undisturbed().months.sentiment
    assert gap[AT] == pytest.approx(-2 / 6, abs=0.1)
    assert gap[AT] > gap[AT + 2] > gap[AT + 4]
    assert gap[AT + 4] < -1


def test_a_temporary_sentiment_shock_is_taken_back():
    lasting = play({"kind": "sentiment_shock", "value": -2})
    short = play({"kind": "sentiment_shock", "value": -2, "months": 3})
    assert short.months.sentiment[: AT + 3].equals(lasting.months.sentiment[: AT + 3])
    base = undisturbed().months.sentiment
    last = slice(AT + 9, None)
    assert (short.months.sentiment[last] > lasting.months.sentiment[last]).all()
    near, far = (abs((m.months.sentiment - base)[last]).mean() for m in (short, lasting))
    assert near < far


@pytest.mark.parametrize("value", [0.5, -0.5])
def test_a_demand_shock_moves_what_users_need_at_once(value):
    model = play({"kind": "demand_shock", "value": value})
    assert ratio(model, "demand_service_units", AT) == pytest.approx(1 + value)
    assert ratio(model, "required_inference_h100e", AT) == pytest.approx(1 + value)
    spot = model.months.spot_price_usd_per_h100e_hour - (
        undisturbed().months.spot_price_usd_per_h100e_hour
    )
    assert spot[AT] * value > 0


def test_a_temporary_demand_shock_ends():
    model = play({"kind": "demand_shock", "value": 0.5, "months": 2})
    assert ratio(model, "demand_service_units", AT + 1) > 1.3
    assert ratio(model, "demand_service_units", AT + 2) == pytest.approx(1, abs=0.15)


def shipped(model: ComputeMarket) -> pd.Series:
    chips = model.prices[model.prices.market == "chip"]
    throughput = {chip.name: chip.h100e for chip in BASE.chips}
    return (chips.volume * chips.generation.map(throughput)).groupby(chips.month).sum()


@pytest.mark.parametrize("firm", [None, "Silica"])
def test_a_supply_cut_halves_what_ships_while_it_lasts(firm):
    model = play({"kind": "supply_cut", "value": 0.5, "firm": firm, "months": 3})
    base, cut = shipped(undisturbed()), shipped(model)
    assert cut[AT] == pytest.approx(0.5 * base[AT], rel=0.02)
    assert (cut[AT : AT + 2] < 0.7 * base[AT : AT + 2]).all()
    assert (cut[AT + 3 : AT + 6] > 0.95 * base[AT + 3 : AT + 6]).all()


def test_shocks_that_overlap_end_one_by_one():
    long = {"kind": "supply_cut", "value": 0.5, "firm": "Silica", "months": 6}
    short = {"kind": "supply_cut", "value": 0.5, "firm": "Silica", "months": 2}
    one, both = shipped(play(long)), shipped(play(long, short))
    assert both[AT] == pytest.approx(0.5 * one[AT], rel=0.02)
    assert both[AT + 2] < 0.7 * shipped(undisturbed())[AT + 2]  # the longer one still holds


def test_demand_that_vanishes_for_a_month_comes_back():
    model = play({"kind": "demand_shock", "value": -1, "months": 1})
    assert model.months.demand_service_units[AT] == 0
    assert ratio(model, "demand_service_units", AT + 1) > 0.5


def test_a_cost_shock_doubles_the_bills_for_power_and_operation():
    model = play({"kind": "cost_shock", "value": 1.0, "months": 2})
    bills = "power", "operations"
    for purpose in bills:
        before = paid(undisturbed(), (purpose,), AT)
        assert paid(model, (purpose,), AT) == pytest.approx(2 * before, rel=1e-6)
    after = paid(model, bills, AT + 2) / paid(undisturbed(), bills, AT + 2)
    assert after == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("firm", FIRMS)
def test_a_killed_firm_is_gone(firm):
    model = play({"kind": "kill", "firm": firm})
    default = model.events[(model.events.kind == "default") & (model.events.firm == firm)]
    assert default.month.tolist() == [AT]
    rows = model.firms[model.firms.firm == firm]
    assert (rows.status.to_numpy()[AT:] == "DEFAULTED").all()
    flows = model.flows[(model.flows.payer == firm) | (model.flows.payee == firm)]
    assert flows.month.max() <= AT
    of_estates = {"liquidation", "fleet_sale", "assignment", "bankruptcy_costs"}
    assert set(flows.purpose[flows.month == AT]) <= of_estates
    live = undisturbed().contracts
    ours = (live.buyer == firm) | (live.seller == firm)
    ours &= (live.month_signed < AT) & (live.month_ended.isna() | (live.month_ended >= AT))
    # a stake is no contract that runs, and what it had lent is sold to outsiders
    ours &= (live.kind != "equity") & ~((live.kind == "loan") & (live.seller == firm))
    ended = model.contracts[model.contracts.contract_id.isin(live.contract_id[ours])]
    assert len(ended) == ours.sum()
    assert (ended.month_ended <= AT).all()
    assert (ended.status[ended.kind == "compute"].isin(["DEFAULTED", "ENDED"])).all()
    loans = model.contracts[(model.contracts.kind == "loan") & (model.contracts.seller == firm)]
    assert not (loans.status == "ACTIVE").any()
    assert len(model.months) == BASE.run.months  # life goes on


def test_a_firm_dies_once():
    model = play({"kind": "kill", "firm": "Delta"}, {"kind": "kill", "firm": "Delta", "at": AT + 2})
    events = model.events
    assert ((events.kind == "default") & (events.firm == "Delta")).sum() == 1


STARVED = override(
    BASE,
    {
        "labs.Borealis.cash_usd": 90e6,
        "labs.Borealis.other_cost_share": 1.5,
        "chipmakers.Silica.strategic_fund_share": 0,
        **{
            f"investors.{investor.name}.{field}": 0
            for investor in BASE.investors
            for field in ("cash_usd", "inflow_usd_per_year")
        },
    },
)


def test_a_firm_kept_alive_gets_its_shortfall_and_never_defaults():
    alone = play(base=STARVED)
    kept = play({"kind": "keep_alive", "firm": "Borealis", "at": 0}, base=STARVED)
    assert "Borealis" in alone.events.firm[alone.events.kind == "default"].tolist()
    assert "Borealis" not in kept.events.firm[kept.events.kind == "default"].tolist()
    ours = kept.firms[kept.firms.firm == "Borealis"].set_index("month")
    assert not ours.status.isin(["CURE", "DEFAULTED"]).any()
    grants = kept.flows[kept.flows.purpose == "grant"]
    assert len(grants) > 0
    assert set(zip(grants.payer, grants.payee, strict=True)) == {("world", "Borealis")}
    assert (ours.cash_usd[grants.month] == 0).all()  # what was short, and not a dollar more
    assert ours.arrears_usd[grants.month].tolist() == grants.amount_usd.tolist()
    assert ours.arrears_usd.sum() == grants.amount_usd.sum()
    first = grants.month.iloc[0]
    news = kept.events[(kept.events.kind == "intervention") & (kept.events.amount_usd > 0)]
    assert news.amount_usd.tolist() == grants.amount_usd.tolist()
    assert kept.months.equity_raised_usd[first] == alone.months.equity_raised_usd[first]
    assert kept.months.parent_funding_usd[first] == alone.months.parent_funding_usd[first]


def test_keeping_alive_ends():
    forever = play({"kind": "keep_alive", "firm": "Borealis", "at": 0}, base=STARVED)
    last = int(forever.flows.month[forever.flows.purpose == "grant"].iloc[1])
    short = play({"kind": "keep_alive", "firm": "Borealis", "at": 0, "months": last}, base=STARVED)
    assert short.flows.month[short.flows.purpose == "grant"].max() < last
    assert "Borealis" in short.events.firm[short.events.kind == "default"].tolist()


def test_a_path_is_scaled_for_a_while():
    model = play(
        {"kind": "scale", "path": "world.power.price_usd_per_mwh", "value": 2, "months": 3}
    )
    base = [paid(undisturbed(), ("power",), month) for month in range(AT + 4)]
    bills = [paid(model, ("power",), month) for month in range(AT + 4)]
    assert bills[AT - 1] == base[AT - 1]
    assert bills[AT] == pytest.approx(2 * base[AT], rel=1e-6)
    assert bills[AT + 2] > 1.6 * base[AT + 2]
    assert bills[AT + 3] == pytest.approx(base[AT + 3], rel=0.1)


def test_a_run_too_short_for_an_intervention_leaves_it_out():
    scenario = with_events({"kind": "kill", "firm": "Delta"})
    model = ComputeMarket(scenario, seed=SEED, months=AT).run()
    assert len(model.months) == AT
    assert_same_before(model)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"kind": "demand_shock", "value": -1.5}, "at least -1"),
        ({"kind": "cost_shock", "value": -2}, "at least -1"),
        ({"kind": "supply_cut", "value": 1.1}, "at most 1"),
        ({"kind": "supply_cut", "value": 0.5, "firm": "Delta"}, "a chipmaker"),
        ({"kind": "kill"}, "'kill', expected firm"),
        ({"kind": "set", "path": "labs.Aurora.cash_usd", "value": 1}, "opening balance"),
    ],
)
def test_what_makes_no_sense_is_refused(event, message):
    with pytest.raises(ScenarioError, match=message):
        with_events(event)


def test_power_that_is_faster_to_have_comes_on_line_before_what_was_ordered_earlier():
    lead = "world.power.hyperscaler_lead_months"
    model = ComputeMarket(with_events({"kind": "set", "path": lead, "value": 4}), seed=SEED)
    overtaken = 0
    while model.running:
        before = [p for cloud in model.economy.clouds.values() for p in cloud.projects]
        model.step()
        for cloud in model.economy.clouds.values():
            dues = [p.due for p in cloud.projects]
            assert dues == sorted(dues)  # also within the month: sums run over them in this order
            assert not cloud.alive or not dues or dues[0] >= model.month
            new = [p.due for p in cloud.projects if p not in before and p.due == p.promised]
            overtaken += any(due < max(dues) for due in new)
    assert overtaken
