"""A firm short of money: the ladder, the cure month, default, and who gets what is left."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.agents.distress import liquidate
from computemarket.agents.invariants import check_plant
from computemarket.scenario import Scenario, load_scenario, month_label, override, synthetic

BASE = load_scenario("duopoly")
# Borealis spends far more than it earns, has money for a few months, and nobody who buys equity
# has any to give.
STARVED = override(
    BASE,
    {
        "labs.Borealis.cash_usd": 90e6,
        "labs.Borealis.other_cost_share": 1.5,
        "chipmakers.Silica.strategic_fund_share": 0,
        **{
            f"investors.{investor.name}.{field}": 0
            for investor in BASE.investors
            if investor.kind != "private_credit"
            for field in ("cash_usd", "inflow_usd_per_year")
        },
    },
)
LADDER = ["distress", "cure", "default", "liquidation"]
SEEDS = range(4)


@cache
def starved(seed: int) -> ComputeMarket:
    return ComputeMarket(STARVED, seed=seed).run()


def events_of(model: ComputeMarket, firm: str, *kinds: str) -> pd.DataFrame:
    events = model.events
    return events[(events.firm == firm) & events.kind.isin(kinds)]


def month_of(model: ComputeMarket, kind: str, firm: str = "Borealis") -> int:
    """The last month in which that happened to the firm."""
    return int(events_of(model, firm, kind).month.iloc[-1])


@pytest.mark.parametrize("seed", SEEDS)
def test_down_the_ladder_one_step_after_the_other(seed):
    model = starved(seed)
    assert events_of(model, "Borealis", *LADDER).kind.tolist()[-4:] == LADDER
    cure, default = (month_of(model, kind) for kind in ("cure", "default"))
    assert default == cure + 1
    rows = model.firms[model.firms.firm == "Borealis"].set_index("month")
    assert rows.status[cure] == "CURE"
    assert (rows.status[default:] == "DEFAULTED").all()
    assert rows.arrears_usd[cure] > 0
    assert rows.cash_usd[cure] == 0  # all it had went to those it owes
    assert rows.runway_months[cure] == 0


def test_a_step_of_the_ladder_is_a_length_of_runway():
    firms = ComputeMarket("frontier_2024", seed=1).run().firms
    assert set(firms.status) >= {"HEALTHY", "WATCH", "DISTRESS"}
    paying = firms[~firms.status.isin(["CURE", "DEFAULTED"])]
    expected = pd.cut(
        paying.runway_months, [-1, 6, 12, 1e9], right=False, labels=["DISTRESS", "WATCH", "HEALTHY"]
    )
    assert (paying.status == expected.astype(str)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_distress_freezes_new_commitments(seed):
    model = starved(seed)
    rows = model.firms[model.firms.firm == "Borealis"].set_index("month")
    frozen = {month + 1 for month in rows.index[rows.status.isin(["DISTRESS", "CURE"])]}
    signed = events_of(model, "Borealis", "contract_signed")
    assert frozen
    assert not frozen & set(signed.month)


@pytest.mark.parametrize("seed", SEEDS)
def test_contracts_of_the_failed_are_rejected_and_capacity_comes_back(seed):
    model = starved(seed)
    default = month_of(model, "default")
    contracts = model.contracts
    ours = (contracts.kind == "compute") & (contracts.buyer == "Borealis")
    rejected = contracts[ours & (contracts.status == "DEFAULTED")]
    assert len(rejected) > 0
    assert (rejected.month_ended == default).all()
    assert (rejected.reason == "Borealis defaulted").all()
    told = events_of(model, "Borealis", "contract_rejected")
    ids = [json.loads(details)["contract_id"] for details in told.details]
    assert sorted(ids) == sorted(rejected.contract_id)
    assert not contracts[ours].status.isin(["SIGNED", "ACTIVE", "TALKS"]).any()
    # what Delta holds for labs falls by what Borealis had
    clouds = model.firms[model.firms.role == "cloud"]
    held = clouds.groupby("month")[
        ["contracted_training_h100e", "contracted_inference_h100e"]
    ].sum()
    lab = model.firms[(model.firms.firm == "Borealis") & (model.firms.month == default - 1)]
    had = lab.contracted_training_h100e.item() + lab.contracted_inference_h100e.item()
    fall = (held.loc[default - 1] - held.loc[default]).sum()
    others = model.firms[(model.firms.firm == "Aurora")].set_index("month")
    grown = sum(
        others[f"contracted_{w}_h100e"][default] - others[f"contracted_{w}_h100e"][default - 1]
        for w in ("training", "inference")
    )
    assert had > 0
    assert fall == pytest.approx(had - grown)


def estate_usd(model: ComputeMarket, firm: str, month: int) -> int:
    """Cash at default and what the plant was sold for."""
    cash = json.loads(events_of(model, firm, "default").details.item())["cash_usd"]
    flows = model.flows[(model.flows.month == month) & (model.flows.payee == firm)]
    return int(cash + flows.amount_usd[flows.purpose == "fleet_sale"].sum())


def check_liquidations(model: ComputeMarket) -> list[str]:
    """Payouts sum to the estate and to the flows; nobody gets more than is owed."""
    roles = model.firms.drop_duplicates("firm").set_index("firm").role
    failed = model.events[model.events.kind == "liquidation"]
    for event in failed.itertuples():
        details = json.loads(event.details)
        payouts = details["payouts"]
        assert sum(payouts.values()) == estate_usd(model, event.firm, event.month)
        assert event.amount_usd <= details["owed_usd"]
        assert event.amount_usd <= sum(payouts.values())
        if event.amount_usd < details["owed_usd"]:  # owners come last
            assert event.amount_usd == sum(payouts.values())
        flows = model.flows
        out = flows[
            (flows.month == event.month)
            & (flows.payer == event.firm)
            & (flows.purpose == "liquidation")
        ]
        assert out.groupby("payee").amount_usd.sum().to_dict() == payouts
        row = model.firms[(model.firms.firm == event.firm) & (model.firms.month == event.month)]
        assert (row.cash_usd.item(), row.debt_usd.item()) == (0, 0)
    return [roles[name] for name in failed.firm]


def killing(base: Scenario, firm: str, month: int) -> Scenario:
    event = {"month": month_label(base.run, month), "kind": "kill", "firm": firm}
    return override(base, {"interventions": [event]})


@pytest.mark.parametrize("firm", [firm.name for firm in BASE.firms])
def test_an_estate_is_paid_out_to_the_dollar(firm):
    model = ComputeMarket(killing(BASE, firm, 8), seed=1).run()
    check_liquidations(model)
    details = json.loads(events_of(model, firm, "liquidation").details.item())
    assert sum(details["payouts"].values()) > 0


def test_estates_of_random_worlds():
    roles: list[str] = []
    for seed in range(16):
        world = synthetic(14, seed)
        firm = world.firms[seed % len(world.firms)].name
        roles += check_liquidations(ComputeMarket(killing(world, firm, 12), seed=seed).run())
    assert set(roles) == {"lab", "cloud", "chipmaker", "investor"}


def test_a_failed_owner_gets_nothing_more():
    """What an estate leaves to a holder that is gone itself goes to outsiders."""
    summit, aurora = (
        killing(BASE, *kill).interventions[0] for kill in (("Summit", 3), ("Aurora", 7))
    )
    model = ComputeMarket(BASE.model_copy(update={"interventions": (summit, aurora)}), seed=1).run()
    payouts = json.loads(events_of(model, "Aurora", "liquidation").details.item())["payouts"]
    assert payouts["Harbor Ventures"] > 0
    assert "Summit" not in payouts
    check_liquidations(model)
    assert not ((model.flows.payee == "Summit") & (model.flows.month > 3)).any()


def test_a_sale_of_a_fleet_costs_no_chips():
    """The month's wear is over by then: it must not be taken of the buyer a second time."""
    model = ComputeMarket("duopoly", seed=1)
    for _ in range(9):
        model.step()
    summit, delta = (model.economy.clouds[name] for name in ("Summit", "Delta"))
    summit.sold_mw = summit.used_mw  # sold out, and what it buys adds next to nothing
    delta.fleet = {chip: 1e-3 * units for chip, units in delta.fleet.items()}
    chips = {
        chip: sum(
            stock.get(chip, 0.0)
            for cloud in (summit, delta)
            for stock in (cloud.fleet, cloud.waiting)
        )
        for chip in model.economy.market.catalogue.chips
    }
    model.economy.market.ledger.month = model.month
    liquidate(model.economy, delta, "made up")
    after = {c: summit.fleet.get(c, 0.0) + summit.waiting.get(c, 0.0) for c in chips}
    assert after == pytest.approx(chips)
    assert summit.used_mw >= summit.sold_mw
    check_plant(model.economy)


def test_lenders_come_before_owners():
    model = ComputeMarket(killing(BASE, "Delta", 8), seed=1).run()
    payouts = json.loads(events_of(model, "Delta", "liquidation").details.item())["payouts"]
    assert payouts["Granite Credit"] > 0
    debt = model.firms[(model.firms.firm == "Delta") & (model.firms.month == 7)].debt_usd.item()
    assert payouts["Granite Credit"] <= 1.1 * debt  # with a month's interest
    dead = model.contracts[(model.contracts.kind == "loan") & (model.contracts.buyer == "Delta")]
    assert dead.status.isin(["DEFAULTED", "ENDED"]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_money_in_the_cure_month_saves_the_firm(seed):
    cure = month_of(starved(seed), "cure")
    rescue: dict[str, Any] = {
        "month": month_label(BASE.run, cure + 1),
        "kind": "set",
        "path": "labs.Borealis.parent_funding_usd_per_year",
        "value": 5e9,
    }
    model = ComputeMarket(override(STARVED, {"interventions": [rescue]}), seed=seed).run()
    rows = model.firms[model.firms.firm == "Borealis"].set_index("month")
    assert rows.status[cure] == "CURE"
    assert rows.arrears_usd[cure + 1] == 0
    assert (rows.status[cure + 1 :] == "HEALTHY").all()
    assert (rows.arrears_usd[cure + 1 :] == 0).all()
    owed = rows.arrears_usd[cure]
    paid = model.flows[(model.flows.month == cure + 1) & (model.flows.payer == "Borealis")]
    assert paid.amount_usd.sum() >= owed


def test_a_parent_pays_arrears_however_large():
    """A lab without revenue or cash owes a month's bills in full; then its parent steps in."""
    rescue = {
        "month": month_label(BASE.run, 1),
        "kind": "set",
        "path": "labs.Borealis.parent_funding_usd_per_year",
        "value": 5e9,
    }
    poor = {"labs.Borealis.cash_usd": 0} | {
        f"labs.Borealis.{segment}_arr_usd": 1e6 for segment in ("consumer", "enterprise", "private")
    }
    model = ComputeMarket(override(STARVED, poor | {"interventions": [rescue]}), seed=1).run()
    rows = model.firms[model.firms.firm == "Borealis"].set_index("month")
    assert rows.arrears_usd[0] > 0.9 * rows.cost_usd[0]
    assert rows.status[0] == "CURE"
    assert (rows.arrears_usd[1:] == 0).all()
    assert not rows.status[1:].isin(["CURE", "DEFAULTED"]).any()


def test_damages_are_the_fee_or_what_cannot_be_let_again_whichever_is_less():
    model = ComputeMarket(killing(BASE, "Aurora", 8), seed=1).run()
    rejected = [c for c in model.economy.market.book.compute if c.lab == "Aurora" and c.ended == 8]
    damages = {
        c.contract_id: min(c.termination_fee_share, 0.4 * c.take_or_pay_share) * c.remaining_usd(9)
        for c in rejected
    }
    assert len(damages) > 1
    assert sum(damages.values()) > 1e7
    liquidation = json.loads(events_of(model, "Aurora", "liquidation").details.item())
    assert liquidation["owed_usd"] == pytest.approx(sum(damages.values()), abs=len(damages))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_dead_trade_no_more(seed):
    model = starved(seed)
    default = month_of(model, "default")
    flows = model.flows[(model.flows.payer == "Borealis") | (model.flows.payee == "Borealis")]
    assert flows.month.max() <= default
    kinds = {"contract_signed", "round_closed", "offer_refused", "watch", "distress", "cure"}
    later = events_of(model, "Borealis", *kinds)
    assert (later.month <= default + (later.kind == "offer_refused")).all()
    rows = model.firms[(model.firms.firm == "Borealis") & (model.firms.month > default)]
    assert len(rows) > 0
    for column in ("cash_usd", "revenue_usd", "cost_usd", "capex_usd", "burn_usd", "arr_usd"):
        assert (rows[column] == 0).all()
    assert (rows.credit_rating == "D").all()
    assert rows[["training_h100e", "inference_h100e", "mw"]].eq(0).all(axis=None)
