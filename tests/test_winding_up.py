"""Firms wound up: what is sold to whom, who is paid what, and several failures at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket import ComputeMarket
from computemarket.agents.disposals import auction
from computemarket.agents.invariants import check_plant
from computemarket.agents.solvency import overdue_usd
from computemarket.agents.winding_up import clear_arrears, liquidate
from computemarket.market.ledger import WORLD, Bill
from computemarket.scenario import Scenario, load_scenario, month_label, override, synthetic

BASE = load_scenario("duopoly")


def events_of(model: ComputeMarket, firm: str, *kinds: str) -> pd.DataFrame:
    events = model.events
    return events[(events.firm == firm) & events.kind.isin(kinds)]


def played(months: int = 10, seed: int = 1, scenario: Scenario = BASE) -> ComputeMarket:
    """A market under way, between two months."""
    model = ComputeMarket(scenario, seed=seed)
    for _ in range(months):
        model.step()
    return model


def leave_cash(model: ComputeMarket, firm: str, usd: int) -> None:
    """Let a firm spend all its cash but for some dollars."""
    cash = model.economy.firm(firm).cash_usd
    model.economy.market.ledger.pay(Bill(firm, WORLD, cash - usd, "operations"))


def owe(model: ComputeMarket, firm: str, creditor: str, usd: int, purpose: str = "compute") -> None:
    """A due that a firm has not paid."""
    model.economy.market.ledger.defer(Bill(firm, creditor, usd, purpose))


def estate_usd(model: ComputeMarket, firm: str, month: int) -> int:
    """Cash at default, what was sold and what other estates paid, less what bankruptcy cost."""
    cash = json.loads(events_of(model, firm, "default").details.item())["cash_usd"]
    cost = json.loads(events_of(model, firm, "liquidation").details.item())["cost_usd"]
    flows = model.flows[(model.flows.month == month) & (model.flows.payee == firm)]
    means = flows.purpose.isin(["fleet_sale", "firm_sale", "assignment", "liquidation"])
    return int(cash + flows.amount_usd[means].sum() - cost)


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
    liquidate(model.economy, {"Delta": "made up"}, forced=True)
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


# -- sales ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bids", "reserve", "sold"),
    [
        ([(10.0, "A"), (7.0, "B")], 5.0, ("A", 7)),  # the second-highest bid
        ([(10.0, "A"), (4.0, "B")], 5.0, ("A", 5)),  # the reserve
        ([(10.0, "A"), (10.0, "B")], 5.0, ("B", 10)),  # a tie: by name
        ([(4.0, "A")], 5.0, None),
        ([], 0.0, None),
    ],
)
def test_the_highest_bidder_pays_the_second_price(bids, reserve, sold):
    assert auction(bids, reserve) == sold
    assert auction(reversed(bids), reserve) == sold


def test_a_cloud_is_sold_as_a_going_concern():
    model = played()
    economy = model.economy
    summit, delta = economy.clouds["Summit"], economy.clouds["Delta"]
    mw, chips = summit.energised_mw + delta.energised_mw, sum(delta.fleet.values())
    before = sum(summit.fleet.values()) + sum(summit.waiting.values())
    live = {c.contract_id: c for c in economy.market.book.of_cloud("Delta")}
    liquidate(economy, {"Delta": "made up"})
    sale = events_of(model, "Delta", "firm_sold").iloc[0]
    taken = json.loads(sale.details)["contracts"]
    assert sale.counterparty == "Summit"
    assert sale.amount_usd <= economy.market.ledger.flows["Summit", "Delta", "fleet_sale"]
    assert summit.energised_mw == pytest.approx(mw)
    after = sum(summit.fleet.values()) + sum(summit.waiting.values())
    assert after == pytest.approx(before + chips)
    for name, contract in live.items():
        rent = economy.market.rental[contract.workload].contract_price
        if name in taken:  # it pays more than the market, and goes on with the new cloud
            assert (contract.cloud, contract.ended) == ("Summit", None)
            assert contract.price_usd_per_h100e_hour > rent
        else:
            assert contract.status == "DEFAULTED"
    assert taken
    economy.market.ledger.check()
    check_plant(economy)
    while model.running:
        model.step()


def test_a_lab_is_sold_with_its_users_and_its_cheap_contracts():
    model = played()
    economy = model.economy
    aurora, borealis = economy.labs["Aurora"], economy.labs["Borealis"]
    users = {s: (aurora.share[s], borealis.share[s]) for s in aurora.share}
    liquidate(economy, {"Borealis": "made up"})
    sale = events_of(model, "Borealis", "firm_sold").iloc[0]
    assert sale.counterparty == "Aurora"
    assert economy.market.ledger.flows["Aurora", "Borealis", "firm_sale"] == sale.amount_usd > 0
    for segment, (own, other) in users.items():
        assert aurora.share[segment] == pytest.approx(own + 0.8 * other)
        assert borealis.share[segment] == 0
    for contract in economy.market.book.compute:
        if contract.contract_id in json.loads(sale.details)["contracts"]:
            rent = economy.market.rental[contract.workload].contract_price
            assert contract.lab == "Aurora"
            assert contract.price_usd_per_h100e_hour < rent
    while model.running:
        model.step()
    flows = model.flows  # those of a sale between two months count in the next
    assert not ((flows.payer == "Borealis") & (flows.month > 10)).any()


def test_nobody_buys_a_business_that_it_could_not_carry():
    model = played()
    borealis = model.economy.labs["Borealis"]
    borealis.cost_usd = 10**11  # a month
    liquidate(model.economy, {"Borealis": "made up"})
    assert events_of(model, "Borealis", "firm_sold").empty
    team = events_of(model, "Borealis", "team_sold").iloc[0]
    assert team.counterparty == "Aurora"
    assert model.economy.labs["Aurora"].research_share > 1


def test_no_sale_where_the_scenario_forbids_it_or_an_intervention_kills():
    frozen = override(BASE, {"world.distress.allow_sale": False})
    for scenario, forced in ((frozen, False), (BASE, True)):
        model = played(scenario=scenario)
        liquidate(model.economy, {"Borealis": "made up", "Delta": "made up"}, forced=forced)
        assert not model.events.kind.isin(["firm_sold", "team_sold"]).any()
        assert len(events_of(model, "Delta", "plant_sold")) == 1


def fire_sales(*clouds: str, **rules: float) -> dict[str, int]:
    """What fleets of `frontier_2024` fetch when these clouds fail in one month."""
    terms = {f"world.distress.{name}": value for name, value in rules.items()}
    model = played(
        3, scenario=load_scenario("frontier_2024", [f"{k}={v}" for k, v in terms.items()])
    )
    liquidate(model.economy, dict.fromkeys(clouds, "made up"), forced=True)
    sold = model.events[model.events.kind == "plant_sold"]
    return dict(zip(sold.firm, sold.amount_usd, strict=True))


def test_plant_fetches_less_when_others_sell_too():
    alone = fire_sales("CoreWeave") | fire_sales("Lambda")
    together = fire_sales("CoreWeave", "Lambda")
    assert together["CoreWeave"] < alone["CoreWeave"]
    assert together["Lambda"] < alone["Lambda"]
    no_impact = fire_sales("CoreWeave", "Lambda", fire_sale_impact=0)
    assert no_impact == fire_sales("CoreWeave", fire_sale_impact=0) | fire_sales(
        "Lambda", fire_sale_impact=0
    )
    steep = fire_sales("CoreWeave", "Lambda", fire_sale_impact=14)
    assert all(steep[name] < usd for name, usd in together.items())


def test_what_was_sold_lately_still_weighs_on_the_price():
    model = played(3, scenario=load_scenario("frontier_2024"))
    liquidate(model.economy, {"CoreWeave": "made up"}, forced=True)
    model.step()
    liquidate(model.economy, {"Lambda": "made up"}, forced=True)
    sold = events_of(model, "Lambda", "plant_sold")
    other = played(4, scenario=load_scenario("frontier_2024"))
    liquidate(other.economy, {"Lambda": "made up"}, forced=True)
    unhurried = events_of(other, "Lambda", "plant_sold")
    value, before = (json.loads(e.details.item())["collateral_usd"] for e in (sold, unhurried))
    assert sold.amount_usd.item() / value < unhurried.amount_usd.item() / before


def test_loans_of_a_failed_lender_go_on_with_outsiders():
    model = ComputeMarket(killing(BASE, "Granite Credit", 8), seed=1).run()
    paid = model.flows[(model.flows.payer == "Delta") & (model.flows.purpose == "interest")]
    assert (paid.payee[paid.month < 8] == "Granite Credit").all()
    assert set(paid.payee[paid.month > 8]) == {"world"}  # nothing is forgiven
    debt = model.firms[model.firms.firm == "Delta"].set_index("month").debt_usd
    assert 0 < debt[8] <= debt[7]
    loans = model.contracts[(model.contracts.kind == "loan") & (model.contracts.month_signed < 8)]
    assert set(loans.seller) == {"world"}


def test_shares_of_a_failed_fund_are_sold():
    model = ComputeMarket(killing(BASE, "Harbor Ventures", 8), seed=1).run()
    sold = model.flows[(model.flows.payee == "Harbor Ventures") & (model.flows.month == 8)]
    assert sold.amount_usd[sold.purpose == "assignment"].sum() > 0
    holders = model.economy.labs["Borealis"].cap_table.holders
    assert "Harbor Ventures" not in holders


# -- clearing on the books --------------------------------------------------------------------


def test_arrears_are_cleared_with_what_others_pay_in_the_same_month():
    # Delta has 60 of the 100 it owes Borealis. Borealis has 10 and owes Silica 80: it pays 70.
    model = played()
    for firm, usd in (("Delta", 60), ("Borealis", 10)):
        leave_cash(model, firm, usd * 10**6)
    owe(model, "Delta", "Borealis", 100 * 10**6)
    owe(model, "Borealis", "Silica", 80 * 10**6)
    clear_arrears(model.economy)
    overdue = {name: overdue_usd(model.economy.firm(name)) for name in ("Delta", "Borealis")}
    assert overdue == {"Delta": 40 * 10**6, "Borealis": 10 * 10**6}
    assert model.economy.labs["Borealis"].cash_usd == 0
    model.economy.market.ledger.check()


def test_a_ring_of_arrears_clears_itself():
    model = played()
    ring = ["Aurora", "Borealis", "Delta", "Aurora"]
    for firm, creditor in pairwise(ring):
        leave_cash(model, firm, 0)
        owe(model, firm, creditor, 50 * 10**6, "sublet_compute")
    clear_arrears(model.economy)
    assert [overdue_usd(model.economy.firm(name)) for name in ring] == [0, 0, 0, 0]
    model.economy.market.ledger.check()


def both_fail(order: Iterable[str]) -> ComputeMarket:
    """A lab and its cloud fail in one month, each with claims on the other."""
    model = played()
    owe(model, "Borealis", "Delta", 300 * 10**6)
    leave_cash(model, "Borealis", 120 * 10**6)
    leave_cash(model, "Delta", 0)
    liquidate(model.economy, dict.fromkeys(order, "made up"), forced=True)
    return model


def test_both_sides_of_a_contract_fail_in_one_month():
    model = both_fail(["Borealis", "Delta"])
    model.economy.market.ledger.check()
    lab, cloud = (
        json.loads(events_of(model, name, "liquidation").details.item())
        for name in ("Borealis", "Delta")
    )
    # what Borealis pays Delta is part of what Delta hands out
    passed_on = lab["payouts"]["Delta"]
    assert 0 < passed_on < lab["owed"]["Delta"]
    plant = events_of(model, "Delta", "plant_sold").amount_usd.item()
    assert sum(cloud["payouts"].values()) == plant + passed_on - cloud["cost_usd"]
    assert (cloud["payouts"]["Granite Credit"]) <= cloud["owed"]["Granite Credit"]
    while model.running:
        model.step()


def test_the_order_in_which_firms_fail_does_not_matter():
    one, other = both_fail(["Borealis", "Delta"]), both_fail(["Delta", "Borealis"])
    assert one.events.equals(other.events)
    assert one.economy.market.ledger.books == other.economy.market.ledger.books


def test_bankruptcy_costs_lower_what_creditors_get():
    def recovered(share: float) -> int:
        rules = override(
            killing(BASE, "Aurora", 8), {"world.distress.bankruptcy_cost_share": share}
        )
        return int(
            events_of(ComputeMarket(rules, seed=1).run(), "Aurora", "liquidation").amount_usd.iloc[
                0
            ]
        )

    # creditors of Aurora are not paid in full, so they bear all of it
    assert recovered(0.1) == pytest.approx(0.9 * recovered(0.0), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.integers(0, 9), min_size=2, max_size=5), st.integers(2, 8))
def test_many_fail_at_once_and_no_dollar_is_lost(seed: int, which: set[int], month: int) -> None:
    world = synthetic(10, seed % 50)
    names = [world.firms[i].name for i in sorted(which)]
    date = month_label(world.run, month)
    kills: list[dict[str, Any]] = [{"month": date, "kind": "kill", "firm": n} for n in names]
    model = ComputeMarket(override(world, {"interventions": kills}), seed=seed, months=12).run()
    check_liquidations(model)
    assert model.manifest()["ledger"] == "ok"
    late = model.flows[model.flows.month > month]
    dead = set(names)
    assert not late.payer.isin(dead).any()
    assert not late.payee.isin(dead).any()
    backwards = ComputeMarket(
        override(world, {"interventions": kills[::-1]}), seed=seed, months=12
    ).run()
    assert backwards.flows.equals(model.flows)
