"""Exposures between firms and DebtRank at a month, on a handful of firms worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.analysis.exposures import debt_ranks_at, exposures_at
from computemarket.scenario import load_scenario
from computemarket.scenarios.schema import Chipmaker, Cloud, Investor, Lab, Loan, Scenario, Stake

SCENARIO = Scenario(
    labs=(Lab(name="Ada"), Lab(name="Dot"), Lab(name="Ebb")),
    clouds=(Cloud(name="Bay"),),
    chipmakers=(Chipmaker(name="Cee"),),
    investors=(Investor(name="Fund", kind="venture"), Investor(name="Bank", kind="private_credit")),
    loans=(Loan(lender="Bank", borrower="Bay", principal_usd=900, rate_per_year=0, months_left=9),),
    stakes=(Stake(investor="Fund", firm="Ada", share=0.2, cost_usd=50),),
)
EQUITY = {"Ada": 500, "Dot": 1000, "Bay": 3000, "Cee": 100, "Fund": 400, "Bank": 2000}


@pytest.fixture(scope="module")
def tables(build) -> dict[str, pd.DataFrame]:
    """Six months; Ebb has failed, and its month has a row all the same."""
    flows = [
        *({"month": m, "payer": "Ada", "payee": "Bay", "purpose": "compute", "amount_usd": 100}
          for m in range(6)),
        {"month": 3, "payer": "Bank", "payee": "Bay", "purpose": "loan_draw", "amount_usd": 100},
        {"month": 4, "payer": "Bay", "payee": "Bank", "purpose": "principal", "amount_usd": 200},
        {"month": 2, "payer": "Fund", "payee": "Ada", "purpose": "equity", "amount_usd": 30},
        {"month": 0, "payer": "Dot", "payee": "Bay", "purpose": "prepayment", "amount_usd": 600},
    ]  # fmt: skip
    firms = [
        {"month": 5, "firm": name, "status": "HEALTHY", "book_equity_usd": usd,
         "debt_usd": 800 if name == "Bay" else 0}
        for name, usd in EQUITY.items()
    ] + [{"month": 5, "firm": "Ebb", "status": "DEFAULTED"}]  # fmt: skip
    deal = {
        "kind": "compute",
        "buyer": "Dot",
        "seller": "Bay",
        "month_signed": 0,
        "month_end": 12,
        "month_ended": None,
        "amount_usd": 1200,
        "prepaid_share": 0.5,
        "term_months": 12,
    }
    contracts = [deal | {"contract_id": "running"}, deal | {"contract_id": "over"}]
    made = build(months=6, firms=firms, flows=flows)
    made["contracts"] = build(contracts=[d | {"month_ended": 0} for d in contracts])["contracts"]
    made["contracts"]["month_ended"] = [float("nan"), 4.0]
    return made  # fmt: skip


def test_what_is_at_stake(tables: dict[str, pd.DataFrame]) -> None:
    stake = exposures_at(tables, SCENARIO, 5)
    assert list(stake.index) == list(stake.columns) == ["Ada", "Dot", "Bay", "Cee", "Fund", "Bank"]
    found = {(i, j): stake.loc[i, j] for i in stake for j in stake if stake.loc[i, j]}
    assert found == {
        ("Ada", "Bay"): 1200,  # a year's sales at the pace of six months
        ("Ada", "Fund"): 80,  # shares at cost, 50 of them older than the run
        ("Bay", "Bank"): 800,  # 900 before the start, 100 since, 200 repaid
        ("Bay", "Dot"): 300,  # half of what was prepaid: six of twelve months are to come
    }


def test_debt_ranks_by_hand(tables: dict[str, pd.DataFrame]) -> None:
    ranks = debt_ranks_at(tables, SCENARIO, 5)
    assert list(ranks["firm"][:2]) == ["Ada", "Bay"]
    assert ranks["debt_rank"][2:].eq(0).all()
    total = 500 + 1000 + 3800 + 100 + 400 + 2000
    # Ada fails: Bay loses 0.4 of its equity, Fund 0.2; by Bay's, Bank 0.4 x 0.4, Dot 0.4 x 0.3
    lost = 0.4 * 3800 + 0.2 * 400 + 0.16 * 2000 + 0.12 * 1000
    assert ranks["debt_rank"][0] == pytest.approx(lost / total)
    assert ranks["debt_rank"][1] == pytest.approx((0.4 * 2000 + 0.3 * 1000) / total)
    assert ranks.loc[0, ["role", "equity_usd", "value_usd", "exposed_usd"]].tolist() == [
        "lab", 500, 500, 1280,
    ]  # fmt: skip


def test_a_month_that_is_none(tables: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="given 6, expected one of the run, 0 to 5"):
        exposures_at(tables, SCENARIO, 6)


def test_a_run_of_the_model() -> None:
    """In duopoly the leader and the cloud with the loan are what others depend on."""
    scenario = load_scenario("duopoly")
    model = ComputeMarket(scenario, seed=1).run()
    tables = {name: model.frame(name) for name in ("months", "firms", "flows", "contracts")}
    ranks = debt_ranks_at(tables, scenario, 11).set_index("firm")["debt_rank"]
    assert ranks.between(0, 1).all()
    assert ranks["Aurora"] > ranks["Borealis"] > 0
    assert ranks["Delta"] > 0  # Granite Credit has lent to it
    assert ranks["Granite Credit"] == 0  # it owes nobody
