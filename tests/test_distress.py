"""A firm short of money: the ladder, the cure month, default, and who gets what is left."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.scenario import load_scenario, month_label, override

BASE = load_scenario("duopoly")
# Borealis spends far more than it earns, has money for a few months, nobody who buys equity has any
# to give, and nobody helps.
STARVED = override(
    BASE,
    {
        "labs.Borealis.cash_usd": 90e6,
        "labs.Borealis.other_cost_share": 1.5,
        "chipmakers.Silica.strategic_fund_share": 0,
        "world.distress": {"bridge_months": 0, "allow_rescue": False, "allow_sale": False},
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
