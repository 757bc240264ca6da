"""Which default came from which, and what each cost: against cases worked out by hand."""

from __future__ import annotations

import json
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket import ComputeMarket
from computemarket.analysis.contagion import attributed, cascade_table, depths_of
from computemarket.analysis.outcomes import outcomes
from computemarket.scenario import load_scenario
from computemarket.scenarios.schema import (
    Chipmaker,
    Cloud,
    Contract,
    Investor,
    Lab,
    Loan,
    Scenario,
    Stake,
)

# Ada (lab) pays Bay (neocloud) 100 a month, Bay pays Cee (chipmaker) 200, users pay Bay 40.
SCENARIO = Scenario(
    labs=(Lab(name="Ada"), Lab(name="Dot")),
    clouds=(Cloud(name="Bay", kind="neocloud"), Cloud(name="Fog", kind="neocloud")),
    chipmakers=(Chipmaker(name="Cee"),),
    investors=(Investor(name="Fund", kind="venture"), Investor(name="Bank", kind="private_credit")),
    stakes=(
        Stake(investor="Fund", firm="Ada", share=0.2, cost_usd=50),
        Stake(investor="Bay", firm="Ada", share=0.1, cost_usd=7),
    ),
)


def paid(payer: str, payee: str, purpose: str, usd: int, *months: int) -> list[dict[str, Any]]:
    return [
        {"month": m, "payer": payer, "payee": payee, "purpose": purpose, "amount_usd": usd}
        for m in months
    ]


def unpaid(firm: str, *months: int) -> list[dict[str, Any]]:
    """Rows of firms in the months in which dues were not paid."""
    return [{"month": m, "firm": firm, "arrears_usd": 1, "runway_months": 0.0} for m in months]


FLOWS = [
    *paid("Ada", "Bay", "compute", 100, *range(5)),
    *paid("world", "Bay", "spot_compute", 40, *range(5)),
    *paid("world", "Bay", "spot_compute", 50, *range(5, 9)),  # 10 a month is let again
    *paid("Bay", "Cee", "chips", 200, *range(7)),
    *paid("Fund", "Ada", "equity", 30, 2),
]
FIRMS = [*unpaid("Ada", 5, 6), *unpaid("Bay", 7, 8), *unpaid("Cee", 8, 9), *unpaid("Dot", 8, 9)]


def chain(row) -> list[dict[str, Any]]:
    """Ada fails in month 6, Bay in 8, Cee and Dot in 9."""
    return [
        row(6, "default", "Ada", amount_usd=500, reason="could not pay"),
        row(6, "liquidation", "Ada", amount_usd=20, owed_usd=310,
            owed={"Bay": 300, "world": 10}, payouts={"Bay": 20}),
        row(8, "default", "Bay", amount_usd=340, reason="could not pay"),
        row(8, "liquidation", "Bay", amount_usd=80, owed_usd=80,
            owed={"Cee": 80}, payouts={"Cee": 80, "Fund": 5}),
        row(9, "default", "Cee", amount_usd=520, reason="could not pay"),
        row(9, "liquidation", "Cee", amount_usd=0, owed_usd=0, owed={}, payouts={}),
        row(9, "default", "Dot", amount_usd=1, reason="could not pay"),
        row(9, "liquidation", "Dot", amount_usd=0, owed_usd=40, owed={"world": 40}, payouts={}),
    ]  # fmt: skip


def falls(tables: dict[str, pd.DataFrame], scenario: Scenario = SCENARIO) -> pd.DataFrame:
    return cascade_table(tables, scenario).set_index("firm")


def test_a_chain_of_three_and_one_that_came_from_none(build, row):
    tables = build(months=12, firms=FIRMS, flows=FLOWS, events=chain(row))
    table = falls(tables)
    assert list(table.index) == ["Ada", "Bay", "Cee", "Dot"]
    assert list(table["caused_by"]) == ["", "Ada", "Bay", ""]
    assert list(table["depth"]) == [1, 2, 3, 1]
    assert list(table["role"]) == ["lab", "cloud", "chipmaker", "lab"]
    # Months 5 to 8: 4 x 100 that Ada no longer paid, less 4 x 10 from others, less 20 of its estate
    assert table.loc["Bay", "cost_by_others_usd"] == 340
    # Months 7 to 9: 3 x 200, less 80 out of Bay's estate
    assert table.loc["Cee", "cost_by_others_usd"] == 520
    found = outcomes(tables, SCENARIO)
    assert (found["cascade_depth"], found["defaults_by_contagion"], found["defaults"]) == (3, 2, 4)


def test_a_dollar_more_unpaid_and_it_came_from_none(build, row):
    events = chain(row)
    events[2] |= {"amount_usd": 341}
    table = falls(build(months=12, firms=FIRMS, flows=FLOWS, events=events))
    assert list(table["caused_by"]) == ["", "", "Bay", ""]
    assert list(table["depth"]) == [1, 1, 2, 1]


def test_losses_to_the_dollar(build, row):
    tables = build(months=12, firms=FIRMS, flows=FLOWS, events=chain(row))
    table = falls(tables)
    assert list(table["direct_loss_usd"]) == [310 - 20, 0, 0, 40]
    # Ada: Fund's 50 before the start and 30 since, Bay's 7; and Bay's sales of months 5 to 8, in
    # which it failed itself: 4 x 100 - 4 x 10, beyond its claim of 300
    # Bay: Cee's sales of months 7 to 9: 3 x 200, beyond its claim of 80
    assert list(table["indirect_loss_usd"]) == [50 + 30 + 7 + 60, 520, 0, 0]
    found = outcomes(tables, SCENARIO)
    assert (found["direct_losses_usd"], found["indirect_losses_usd"]) == (330, 667)


def test_sales_of_a_year_that_are_not_let_again(build, row):
    """A lab pays 100 a month and dies in month 4; others then pay 60 more, later 150 more."""
    flows = [
        *paid("Ada", "Bay", "compute", 100, *range(4)),
        *paid("world", "Bay", "reserved_compute", 40, *range(4)),
        *paid("world", "Bay", "reserved_compute", 100, *range(4, 10)),
        *paid("world", "Bay", "reserved_compute", 190, *range(10, 30)),
    ]
    events = [
        row(4, "default", "Ada", reason="intervention"),
        row(4, "liquidation", "Ada", owed={"Bay": 70}, payouts={}),
    ]
    bare = SCENARIO.model_copy(update={"stakes": ()})
    # Months 4 to 9 lack 40 each; in 10 to 16 others pay 50 more than Ada did: 240 - 350 < 0
    assert falls(build(months=30, flows=flows, events=events), bare).loc["Ada"].to_dict() == {
        "role": "lab", "month": 4, "unpaid_usd": 0, "cost_by_others_usd": 0, "caused_by": "",
        "depth": 1, "direct_loss_usd": 70, "indirect_loss_usd": 0,
    }  # fmt: skip
    # a run that ends in month 9 sees 6 x 40, of which 70 is claimed
    short = [flow for flow in flows if flow["month"] < 10]
    table = falls(build(months=10, flows=short, events=events), bare)
    assert table.loc["Ada", "indirect_loss_usd"] == 6 * 40 - 70


def test_money_lent_and_paid_ahead(build, row):
    """What Dot had prepaid to Bay, before the start and since, and did not get back."""
    contract = Contract(lab="Dot", cloud="Bay", workload="training", maker="Cee", h100e=1,
                        price_usd_per_h100e_hour=1, end="2030-01", prepaid_usd=60)  # fmt: skip
    loan = Loan(lender="Bank", borrower="Bay", principal_usd=900, rate_per_year=0, months_left=9)
    scenario = SCENARIO.model_copy(update={"contracts": (contract,), "loans": (loan,)})
    events = [
        row(6, "default", "Bay", amount_usd=5, reason="could not pay"),
        row(6, "liquidation", "Bay", owed={"Dot": 95, "Bank": 900}, payouts={"Dot": 5}),
        row(8, "default", "Dot", amount_usd=90, reason="could not pay"),
        row(8, "liquidation", "Dot", owed={}, payouts={}),
        row(9, "default", "Bank", amount_usd=900, reason="could not pay"),
        row(9, "liquidation", "Bank", owed={}, payouts={}),
    ]
    flows = paid("Dot", "Bay", "prepayment", 40, 1)
    table = falls(build(months=12, flows=flows, events=events), scenario)
    assert list(table["caused_by"]) == ["", "Bay", "Bay"]
    assert list(table["cost_by_others_usd"]) == [0, 90, 900]
    # damages that a supplier claims are no money that it had: sales are what counts there
    events[1] = row(6, "liquidation", "Bay", owed={"Dot": 195, "Bank": 900}, payouts={})
    assert falls(build(months=12, flows=flows, events=events), scenario).loc[
        "Dot", "cost_by_others_usd"
    ] == (60 + 40)


def test_a_pair_of_one_month(build, row):
    """Bay would have failed anyway; Cee only because Bay stopped paying for chips."""
    flows = [*paid("Bay", "Cee", "chips", 50, *range(7)), *paid("Ada", "Bay", "compute", 9, 5)]
    firms = [*unpaid("Bay", 7, 8), *unpaid("Cee", 7, 8)]
    events = [
        row(8, "default", "Cee", amount_usd=100, reason="could not pay"),
        row(8, "default", "Bay", amount_usd=30, reason="could not pay"),
        row(8, "liquidation", "Cee", owed={"Bay": 10}, payouts={}),
        row(8, "liquidation", "Bay", owed={"Cee": 100}, payouts={}),
    ]
    table = falls(build(months=12, firms=firms, flows=flows, events=events))
    assert list(table["caused_by"]) == ["", "Bay"]
    assert list(table["depth"]) == [1, 2]


def test_a_year_later_it_is_no_cause(build, row):
    flows = [*paid("Ada", "Bay", "compute", 100, *range(5))]
    events = [
        row(5, "default", "Ada", amount_usd=5),
        row(5, "liquidation", "Ada", owed={}, payouts={}),
        row(17, "default", "Bay", amount_usd=5),
        row(18, "default", "Fog", amount_usd=5),
    ]
    assert falls(build(months=20, flows=flows, events=events)).loc["Bay", "caused_by"] == "Ada"
    events[2] = row(18, "default", "Bay", amount_usd=5)
    assert falls(build(months=20, flows=flows, events=events)).loc["Bay", "caused_by"] == ""


def test_a_firm_that_was_saved_and_failed_later(build, row):
    """What a restructuring takes is the loss of the first default, the estate that of the last."""
    events = [
        row(3, "default", "Bay", amount_usd=50),
        row(3, "restructured", "Bay", extension_months=12, haircut_usd=30, losses={"Bank": 30}),
        row(9, "default", "Bay", amount_usd=60),
        row(9, "liquidation", "Bay", owed={"Bank": 200}, payouts={"Bank": 80}),
        row(5, "default", "Fog", amount_usd=9),
        row(5, "rescue", "Fog", counterparty="Fund", amount_usd=9),
    ]
    table = cascade_table(build(months=12, events=events), SCENARIO)
    assert list(table["firm"]) == ["Bay", "Fog", "Bay"]
    assert list(table["direct_loss_usd"]) == [30, 0, 120]


def test_runs_without_defaults(build):
    tables = build(months=6)
    assert cascade_table(tables, SCENARIO).empty
    found = outcomes(tables, SCENARIO)
    assert (found["cascade_depth"], found["direct_losses_usd"]) == (0, 0)
    assert found["neoclouds_out_of_cash"] is None  # none took part


def test_shares_of_firms_out_of_cash(build, row):
    firms = [
        {"month": 0, "firm": name, "arrears_usd": usd}
        for name, usd in {"Bay": 5, "Fog": 0, "Cee": 0, "Ada": 9}.items()
    ]
    found = outcomes(build(months=1, firms=firms), SCENARIO)
    assert (found["neoclouds_out_of_cash"], found["chipmakers_out_of_cash"]) == (0.5, 0.0)


def test_a_ring_fell_together_and_brought_down_a_third():
    # A and B need each other, C needs A; D needs nobody
    cost = [[0, 9, 9, 0], [9, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    causes = attributed([3, 3, 3, 3], [9, 9, 9, 9], cost)
    assert causes == [None, None, 0, None]
    assert depths_of(causes) == [1, 1, 2, 1]


def test_the_costliest_of_several_causes():
    # neither of the first two alone would have brought down the third
    cost = [[0, 0, 40], [0, 0, 60], [0, 0, 0]]
    assert attributed([1, 2, 4], [0, 5, 100], cost) == [None, None, 1]
    assert attributed([1, 2, 4], [0, 5, 101], cost) == [None, None, None]


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[int], list[int], list[list[int]]]:
    size = draw(st.integers(1, 7))
    months = sorted(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    unpaid_usd = draw(st.lists(st.integers(0, 20), min_size=size, max_size=size))
    cell = st.integers(0, 12)
    cost = [[draw(cell) if months[i] <= months[j] else 0 for j in range(size)] for i in range(size)]
    return months, unpaid_usd, cost


@given(networks())
def test_causes_come_first_and_never_go_round(
    network: tuple[list[int], list[int], list[list[int]]],
) -> None:
    months, unpaid_usd, cost = network
    causes = attributed(months, unpaid_usd, cost)
    depths = depths_of(causes)  # would not end in a cycle
    for place, cause in enumerate(causes):
        assert depths[place] >= 1
        if cause is None:
            continue
        assert months[cause] <= months[place]
        assert depths[place] == depths[cause] + 1
        assert unpaid_usd[place] > 0
        assert cost[cause][place] > 0
        assert sum(row[place] for row in cost) - cost[place][place] >= unpaid_usd[place]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_matter(build, row, seed: int):
    events, flows = chain(row), list(FLOWS)
    tables = build(months=12, firms=FIRMS, flows=flows, events=events)
    shuffle = random.Random(seed).shuffle
    shuffle(events)
    shuffle(flows)
    mixed = build(months=12, firms=FIRMS[::-1], flows=flows, events=events)
    assert cascade_table(mixed, SCENARIO).equals(cascade_table(tables, SCENARIO))


def test_a_run_of_the_model():
    """Kill duopoly's leader: its default is told, and creditors lose what the estate lacks."""
    scenario = load_scenario("duopoly")
    kill = {"month": "2024-09", "kind": "kill", "firm": "Aurora"}
    killed = scenario.model_validate(scenario.model_dump() | {"interventions": [kill]})
    model = ComputeMarket(killed, seed=1).run()
    tables = model.tables()
    table = falls(tables, killed)
    assert (table.loc["Aurora", "month"], table.loc["Aurora", "unpaid_usd"]) == (8, 0)
    end = model.events[model.events["kind"] == "liquidation"].iloc[0]
    owed = json.loads(end["details"])["owed_usd"]
    assert table.loc["Aurora", "direct_loss_usd"] == owed - end["amount_usd"]
    assert table.loc["Aurora", "indirect_loss_usd"] >= 1_500_000_000  # Summit's shares
