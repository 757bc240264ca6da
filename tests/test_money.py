"""Round trips, dependence on customers, vendor funds by firm, and the lever on a firm's giving."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.figures.run import FIGURES
from computemarket.analysis.firm_outcomes import firm_table
from computemarket.analysis.money import (
    largest_customer,
    organic_and_vendor_financed,
    round_trips,
)
from computemarket.analysis.outcomes import firm_outcomes, outcomes
from computemarket.market.money_loops import FINANCE
from computemarket.scenarios.overrides import branch, checked, override
from computemarket.scenarios.schema import Chipmaker, Cloud, Investor, Lab, Scenario

SCENARIO = Scenario(
    labs=(Lab(name="Lab"), Lab(name="Own lab", group="Maker")),
    clouds=(Cloud(name="Cloud"),),
    chipmakers=(Chipmaker(name="Maker"),),
    investors=(Investor(name="Fund", kind="venture"),),
)
ROLES = {"Lab": "lab", "Own lab": "lab", "Cloud": "cloud", "Maker": "chipmaker", "Fund": "investor"}


def paid(month: int, payer: str, payee: str, purpose: str, usd: int) -> dict[str, object]:
    return {"month": month, "payer": payer, "payee": payee, "purpose": purpose, "amount_usd": usd}


@pytest.fixture(scope="module")
def small(build):  # type: ignore[no-untyped-def]
    """Two years in which the maker finances a lab that rents from its customer."""
    firms = [
        {"month": month, "firm": name, "role": role,
         "group": "Maker" if name == "Own lab" else name}
        for month in range(24) for name, role in ROLES.items()
    ]  # fmt: skip
    flows = [
        paid(0, "Maker", "Lab", "equity", 100),
        paid(0, "Fund", "Lab", "equity", 300),
        paid(1, "Lab", "Cloud", "compute", 90),
        paid(1, "world", "Cloud", "reserved_compute", 30),
        paid(2, "Cloud", "Maker", "chips", 80),
        paid(2, "world", "Maker", "chips", 20),
        paid(3, "Maker", "Own lab", "equity", 500),  # within the group
        paid(3, "Own lab", "Maker", "engineering", 500),
        paid(13, "Cloud", "Lab", "equity", 10),
        paid(14, "Lab", "Cloud", "compute", 50),
        paid(14, "Maker", "Fund", "equity", 40),  # which buys nothing
    ]
    return build(months=24, firms=firms, flows=flows)


def test_round_trips_of_a_run(small) -> None:  # type: ignore[no-untyped-def]
    rows = round_trips(small).set_index(["seller", "customer"])
    assert set(rows.index) == {("Maker", "Lab"), ("Cloud", "Lab"), ("Maker", "Fund")}
    # of the cloud's chips for 80, what the lab is of its takings: 140 of 170
    lab = rows.loc[("Maker", "Lab")]
    assert lab["given_usd"] == 100
    assert lab["paid_directly_usd"] == 0
    assert lab["paid_through_clouds_usd"] == pytest.approx(80 * 140 / 170)
    assert lab["round_trip_usd"] == pytest.approx(80 * 140 / 170)
    assert rows.loc[("Cloud", "Lab"), "round_trip_usd"] == 10
    assert rows.loc[("Cloud", "Lab"), "paid_directly_usd"] == 140
    assert rows.loc[("Maker", "Fund"), "round_trip_usd"] == 0


def test_round_trips_by_year(small) -> None:  # type: ignore[no-untyped-def]
    rows = round_trips(small, by_year=True)
    first = rows[rows["year"] == 2024].set_index("customer").loc["Lab"]
    assert first["round_trip_usd"] == pytest.approx(80 * 90 / 120)
    second = rows[rows["year"] == 2025].set_index(["seller", "customer"])["round_trip_usd"]
    assert second.to_dict() == {("Cloud", "Lab"): 10, ("Maker", "Fund"): 0}


def test_largest_customers(small) -> None:  # type: ignore[no-untyped-def]
    rows = largest_customer(small).set_index(["month", "seller"])
    maker = rows.loc[(11, "Maker")]
    assert maker["customer"] == "Cloud"
    assert maker["share"] == 80 / 100  # the world buys the rest, and is no customer
    assert maker["payer"] == "Lab"
    assert maker["payer_share"] == pytest.approx(60 / 100)
    cloud = rows.loc[(11, "Cloud")]
    assert (cloud["customer"], cloud["share"]) == ("Lab", 90 / 120)
    assert rows.loc[(14, "Cloud"), "share"] == 1.0  # the rentals of month 1 are too old by then
    assert (14, "Maker") not in rows.index  # and so are the chips


def test_vendor_funds_of_a_firm(small) -> None:  # type: ignore[no-untyped-def]
    firms = firm_outcomes(small, SCENARIO).set_index("firm")
    assert firms.loc["Lab", "vendor_funds_usd"] == 100 + 10
    assert firms.loc["Lab", "vendor_funds_share"] == pytest.approx(110 / 410)
    assert firms.loc["Own lab", "vendor_funds_usd"] == 0  # its supplier is its sibling
    assert firms.loc["Fund", "vendor_funds_usd"] == 0  # the maker is no supplier of the fund
    assert np.isnan(firms.loc["Cloud", "vendor_funds_share"])  # nobody funded it
    assert outcomes(small, SCENARIO)["vendor_finance_given_usd"] == 110


# -- a whole run -----------------------------------------------------------------------------------


@cache
def tables(scenario: str = "duopoly", *assignments: str) -> dict[str, pd.DataFrame]:
    model = ComputeMarket(load_scenario(scenario, list(assignments)), seed=1).run()
    return {name: table.to_pandas() for name, table in model.tables().items()}


def test_pairs_add_up_to_the_shares_of_the_tables() -> None:
    run = tables()
    trips = round_trips(run, by_year=True)
    receipts = largest_customer(run).set_index(["month", "seller"])["receipts_usd"]
    firms = run["firms"].set_index(["month", "firm"])["vendor_financed_share"]
    found = 0
    for month, year in ((11, 2024), (23, 2025)):  # the year of the shares is a calendar year then
        for seller in ("Silica", "Summit", "Delta"):
            own = trips[(trips["year"] == year) & (trips["seller"] == seller)]
            share = own["round_trip_usd"].sum() / receipts[month, seller]
            assert share == pytest.approx(firms[month, seller])
            found += share > 0
    assert found >= 2


def test_organic_and_vendor_financed_revenue_is_all_revenue() -> None:
    run = tables()
    split = organic_and_vendor_financed(run)
    for role in ("chipmaker", "cloud"):
        own = split[split["role"] == role]
        total = own["organic_usd"] + own["vendor_financed_usd"]
        assert total.to_numpy() == pytest.approx(own["receipts_usd"].to_numpy())
        share = run["months"][f"vendor_financed_share_{role}s"].to_numpy()
        assert own["vendor_financed_share"].to_numpy() == pytest.approx(share)
        assert own["vendor_financed_usd"].sum() > 0


def test_the_figure_is_the_tables() -> None:
    run = tables()
    figure = FIGURES["vendor_finance"](run)
    top = {axes.get_title(loc="left"): axes for axes in figure.axes}["Revenue of chipmakers"]
    split = organic_and_vendor_financed(run)
    own = split[split["role"] == "chipmaker"]
    areas = [area.get_paths()[0].vertices[:, 1].max() for area in top.collections]
    highest = [own[column].max() / 1e9 for column in ("vendor_financed_usd", "receipts_usd")]
    assert areas == pytest.approx(highest)
    ends = [f"{own['vendor_financed_share'].iloc[month]:.1%}" for month in (11, 23)]
    assert [text.get_text() for text in top.texts] == ends


# -- giving ----------------------------------------------------------------------------------------


def given_by(run: dict[str, pd.DataFrame], firm: str) -> pd.DataFrame:
    flows = run["flows"]
    return flows[(flows["payer"] == firm) & flows["purpose"].isin(FINANCE)]


@pytest.mark.parametrize("path", ["chipmakers.Silica", "clouds.Summit"])
def test_a_firm_that_gives_nothing(path: str) -> None:
    firm = path.partition(".")[2]
    assert len(given_by(tables(), firm))
    run = tables("duopoly", f"{path}.giving_share=0")
    assert not len(given_by(run, firm))
    # who gives nothing leads and joins no round
    closed = run["events"].query("kind == 'round_closed'")
    assert len(closed)
    assert not closed["details"].str.contains(f'"{firm}"').any()


def test_less_is_given_the_less_is_meant_to_be() -> None:
    def given_usd(share: float) -> int:
        paths = [f"{path}.giving_share={share}" for path in ("chipmakers.Silica", "clouds.Summit")]
        scenario = load_scenario("duopoly", paths)
        played = (ComputeMarket(scenario, seed=seed).run() for seed in range(1, 7))
        return sum(
            int(firm_table(model.tables(), scenario)["vendor_funds_usd"].to_numpy().sum())
            for model in played
        )

    most, half, nothing = (given_usd(share) for share in (1.0, 0.5, 0.0))
    assert most > half > nothing == 0


def test_a_lender_that_gives_nothing_lends_nothing() -> None:
    assert len(given_by(tables(), "Granite Credit"))
    run = tables("duopoly", "investors.Granite Credit.giving_share=0")
    assert not len(given_by(run, "Granite Credit"))
    assert (run["events"]["kind"] == "loan_refused").any()


def test_letters_backstops_and_stakes_of_a_giver_that_gives_nothing() -> None:
    run = tables("letter_of_intent", "chipmakers.Nvidia.giving_share=0")
    assert not len(given_by(run, "Nvidia"))
    events = run["events"]
    (refused,) = events[events["kind"] == "letter_refused"]["text"]
    assert refused.endswith("Nvidia gives nothing")
    stake = events[events["text"].str.contains("take_stake")]
    assert not stake["details"].str.contains("not_applicable").any()  # the run counts in studies
    backstop = run["contracts"].query("kind == 'backstop'").iloc[0]
    assert (backstop["status"], backstop["h100e"]) == ("LAPSED", 0)


def test_what_was_promised_before_is_paid_if_it_binds() -> None:
    month = 26  # the letter is signed in month 21, rounds have tranches due
    whole = load_scenario("letter_of_intent")
    stopped = branch(whole, {"chipmakers.Nvidia.giving_share": 0}, month)
    model = ComputeMarket(stopped, seed=1).run()
    run = {name: table.to_pandas() for name, table in model.tables().items()}
    late = given_by(run, "Nvidia").query("month >= @month")
    paid = run["events"].query("kind == 'tranche_paid' and counterparty == 'Nvidia'")
    equity = late[late["purpose"] == "equity"]
    assert equity["amount_usd"].sum() == paid[paid["month"] >= month]["amount_usd"].sum() > 0
    declined = run["events"].query("kind == 'tranche_declined' and counterparty == 'Nvidia'")
    assert len(declined)
    assert declined["text"].str.endswith("it gives nothing").all()
    assert not (run["events"]["kind"] == "tranche_converted").any()


def test_a_partner_that_lends_nothing_holds_up_a_programme() -> None:
    easy = ("programmes.Titan.redeployability=0.9", "programmes.Titan.deposit_share=0.2")
    months = "run.months=42"
    assert "programme_signed" in set(
        tables("custom_chip_standoff", *easy, months)["events"]["kind"]
    )
    run = tables("custom_chip_standoff", *easy, months, "chipmakers.Broadcom.giving_share=0")
    events = run["events"]
    assert "programme_signed" not in set(events["kind"])
    (lapsed,) = events[events["kind"] == "programme_lapsed"]["text"]
    assert "Broadcom: it cannot lend so much" in lapsed


def test_owners_that_give_nothing_do_not_found_a_newcomer() -> None:
    entrant = {"name": "Late", "enters": "2024-03", "cash_usd": 1e6}
    scenario = load_scenario("duopoly")
    stake = {"investor": "Harbor Ventures", "firm": "Late", "share": 0.4, "cost_usd": 2e7}
    data = scenario.model_dump(mode="json")
    data["labs"].append(entrant)
    data["stakes"].append(stake)
    for share in (1.0, 0.5, 0.0):
        given = override(checked(data, "late"), {"investors.Harbor Ventures.giving_share": share})
        model = ComputeMarket(given, seed=1)
        for _ in range(3):
            model.step()
        late = model.economy.firm("Late")
        assert late.cap_table.ownership("Harbor Ventures") == pytest.approx(0.4 * share)
        flows = model.flows.query("month == 2 and payer == 'Harbor Ventures' and payee == 'Late'")
        assert flows["amount_usd"].sum() == 2e7 * share
