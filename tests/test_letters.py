"""Letters of intent, tranches, warrants, backstops, and talks that a scenario opens."""

from __future__ import annotations

import json
from functools import cache
from math import exp
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from computemarket import ComputeMarket
from computemarket.agents.tranches import deployed_gw
from computemarket.agents.warrants import warrant_value_usd_per_h100e_hour
from computemarket.analysis.explain import tell
from computemarket.analysis.outcomes import OUTCOMES, Played
from computemarket.scenario import Scenario, load_scenario, override

BASE = load_scenario("duopoly")
SEED = 4
LATE = "2026-12"  # after the end of a run
MONTHS = list(range(24))


def date(month: int) -> str:
    return f"{2024 + month // 12}-{month % 12 + 1:02d}"


def tranche(usd: float = 1e8, **terms: Any) -> dict[str, Any]:
    return {"amount_usd": usd, "trigger": "date", **terms}


def letter(*tranches: dict[str, Any], **terms: Any) -> dict[str, Any]:
    named = {"giver": "Silica", "taker": "Borealis", "expires": LATE}
    return {**named, **terms, "tranches": list(tranches)}


NEVER = tranche(trigger="gw_deployed", gw=1000)


def with_(base: Scenario = BASE, **lists: list[dict[str, Any]]) -> Scenario:
    return override(base, lists)


def play(scenario: Scenario, seed: int = SEED) -> ComputeMarket:
    return ComputeMarket(scenario, seed=seed).run()


@cache
def undisturbed() -> ComputeMarket:
    return play(BASE)


def told(model: ComputeMarket, *kinds: str) -> pd.DataFrame:
    return model.events[model.events.kind.isin(kinds)]


def of(model: ComputeMarket, firm: str) -> pd.DataFrame:
    return model.firms[model.firms.firm == firm].set_index("month")


def row_of(model: ComputeMarket, kind: str = "letter") -> pd.Series:
    contracts = model.contracts
    return contracts[contracts.kind == kind].iloc[0]


# -- a letter is no money ---------------------------------------------------------------------


def test_a_letter_touches_no_ledger_and_no_runway():
    model = play(with_(letters=[letter(NEVER, expires="2027-12")]))
    base = undisturbed()
    in_force = of(model, "Borealis").index  # unless the giver walked back
    pd.testing.assert_frame_equal(model.flows, base.flows)
    before = told(model, "letter_lapsed").month.min()
    same = in_force[: int(before)] if pd.notna(before) else in_force
    columns = [c for c in base.firms.columns if c != "runway_with_letters_months"]
    pd.testing.assert_frame_equal(
        model.firms.loc[model.firms.month.isin(same), columns],
        base.firms.loc[base.firms.month.isin(same), columns],
    )


def test_two_runways_differ_by_what_is_promised_over_the_outflow():
    economy_of: list[tuple[int, float, float]] = []
    model = ComputeMarket(with_(letters=[letter(NEVER)]), seed=SEED)
    for month in range(4):
        model.step()
        lab = model.economy.labs["Borealis"]
        economy_of.append((month, lab.letters_usd, lab.mean_outflow_usd))
    rows = of(model, "Borealis")
    for month, promised, outflow in economy_of:
        assert promised == 1e8
        row = rows.loc[month]
        assert row.runway_months < 999
        gap = row.runway_with_letters_months - row.runway_months
        assert gap == pytest.approx(promised / outflow)


def test_binding_money_due_on_a_date_is_runway_and_no_letter():
    due = tranche(month="2024-12", binding=True)
    rows = of(play(with_(letters=[letter(due)])), "Borealis")
    base = of(undisturbed(), "Borealis")
    assert rows.runway_months[0] > base.runway_months[0]
    assert rows.runway_with_letters_months[0] == rows.runway_months[0]


def test_a_lab_that_counts_letters_as_money_spends_them():
    promised = [letter(tranche(1e9, trigger="gw_deployed", gw=1000), taker="Aurora")]
    prudent = with_(letters=promised)
    bold = override(prudent, {"labs.Aurora.financing.letter_weight": 1.0})
    burn = [of(play(s), "Aurora").burn_usd[:12].sum() for s in (prudent, bold)]
    assert burn[1] > burn[0]


# -- triggers ---------------------------------------------------------------------------------


def first(months: pd.Series) -> int:
    return int(months.index[months][0])


@pytest.mark.parametrize("giver", ["Silica", "Summit", "Harbor Ventures"])
def test_gigawatts_are_those_of_the_giver_beyond_the_start(giver):
    terms = letter(
        tranche(5e7, trigger="gw_deployed", gw=0.002, binding=True), giver=giver, taker="Aurora"
    )
    model = ComputeMarket(with_(letters=[terms]), seed=SEED)
    reached: list[float] = []
    while model.running:
        model.step()
        economy = model.economy
        reached.append(deployed_gw(economy, economy.firm("Aurora"), economy.firm(giver)))
    gained = pd.Series(reached) - reached[0]
    paid = told(model, "tranche_paid").query("counterparty == @giver and amount_usd == 50_000_000")
    assert list(paid.month) == [first(gained >= 0.002)]


def test_recurring_revenue_triggers_once_in_the_month_in_which_it_is_reached():
    arr = of(undisturbed(), "Aurora").arr_usd
    level = float(arr[5:15].max())
    terms = letter(tranche(5e7, trigger="arr", arr_usd=level, binding=True), taker="Aurora")
    model = play(with_(letters=[terms]))
    paid = told(model, "tranche_paid").query("counterparty == 'Silica' and firm == 'Aurora'")
    paid = paid[paid.amount_usd == 5e7]
    assert list(paid.month) == [first(of(model, "Aurora").arr_usd >= level)]


@pytest.mark.parametrize(
    ("event", "firm"), [("contract_signed", "Borealis"), ("chip_launch", "Silica")]
)
def test_an_event_triggers_once(event, firm):
    terms = letter(tranche(5e7, trigger="event", event=event, binding=True))
    model = play(with_(letters=[terms]))
    paid = told(model, "tranche_paid").query("amount_usd == 50_000_000")
    happened = told(model, event).query("firm == @firm")
    assert list(paid.month) == [happened.month.min()]
    assert row_of(model).status == "ENDED"
    assert row_of(model).converted_share == 1


def test_dates_pay_to_the_dollar_in_shares_and_cash():
    terms = letter(
        tranche(3e7 + 1, month="2024-03", binding=True),
        tranche(4e7, month="2024-05", binding=True),
        pre_money_usd=3e9,
    )
    model = ComputeMarket(with_(letters=[terms]), seed=SEED)
    shares = []
    while model.running:
        model.step()
        shares.append(model.economy.labs["Borealis"].cap_table.holders.get("Silica", 0))
    paid = model.flows.query("purpose == 'equity' and payer == 'Silica' and payee == 'Borealis'")
    at = paid.set_index("month").amount_usd
    assert at[2] == 30_000_001
    assert at[4] >= 40_000_000  # a round may close in the same month
    assert shares[2] > shares[1]
    assert shares[2] - shares[1] == pytest.approx(1e9 * 30_000_001 / 3e9, rel=0.02)


def test_what_binds_lapses_where_the_giver_has_not_the_cash():
    terms = letter(tranche(1e12, month="2024-03", binding=True))
    model = play(with_(letters=[terms]))
    assert list(told(model, "tranche_lapsed").month) == [2]
    assert row_of(model).status == "LAPSED"
    assert row_of(model).converted_share == 0


# -- conversion -------------------------------------------------------------------------------

DATES = [tranche(2e7, month=date(m)) for m in range(8, 24)]


def mean_difference(
    variant: dict[str, Any], usd: float = 2e7, seeds: int = 12
) -> tuple[float, float]:
    """Paired difference of the share converted, with the half width of a 99 % t interval.

    A claim of a sign fails by chance in at most 1 of 200 tries where there is no effect.
    """
    base = with_(letters=[letter(*({**due, "amount_usd": usd} for due in DATES))])
    other = override(base, variant)
    gaps = np.array([
        row_of(play(other, s)).converted_share - row_of(play(base, s)).converted_share
        for s in range(1, seeds + 1)
    ])  # fmt: skip
    width = t.ppf(0.995, seeds - 1) * gaps.std(ddof=1) / seeds**0.5
    return float(gaps.mean()), float(width)


def test_fewer_tranches_are_paid_in_a_poor_mood():
    gap, width = mean_difference({"world.sentiment.shock": -2.5})
    assert gap + width < 0


def test_fewer_tranches_are_paid_by_a_giver_short_of_cash():
    poor = {"chipmakers.Silica.cash_usd": 5e8, "chipmakers.Silica.operating_cost_share": 0.66}
    gap, width = mean_difference(poor, usd=1.5e8, seeds=24)
    assert gap + width < 0


# -- talks, signing, lapse --------------------------------------------------------------------


def talks(month: int = 3, **about: Any) -> Scenario:
    return with_(interventions=[{"month": date(month), "kind": "open_talks", **about}])


@cache
def signed() -> ComputeMarket:
    return play(talks(letter=letter(*DATES, expires="2025-06")))


def test_talks_over_a_letter_end_with_both_reservations():
    model = signed()
    row, news = row_of(model), told(model, "letter_signed").iloc[0]
    assert (row.buyer, row.seller, row.outcome) == ("Silica", "Borealis", "SIGNED")
    assert not row.binding
    assert row.month_opened == 3
    assert row.seller_reservation_usd <= row.price_usd <= row.buyer_reservation_usd
    assert row.amount_usd == news.amount_usd == 16 * 20_000_000
    by_letter = model.months.set_index("month").commitments_by_letter_usd
    assert by_letter[news.month] == news.amount_usd == by_letter.sum()


def test_a_price_that_one_side_would_not_take_is_refused_with_the_gap():
    model = play(talks(letter=letter(*DATES, pre_money_usd=1e13)))
    row = row_of(model)
    assert (row.status, row.outcome) == ("LAPSED", "NO_ZONE")
    assert row.buyer_reservation_usd < 1e13
    assert "Silica would buy at" in told(model, "letter_refused").text.iloc[0]


def test_a_letter_closes_when_it_runs_out_and_is_paid_or_lapsed():
    model = signed()
    row = row_of(model)
    ends = told(model, "letter_lapsed", "letter_closed")
    assert len(ends) == 1
    assert row.status == ("ENDED" if row.converted_share == 1 else "LAPSED")
    paid = told(model, "tranche_converted").amount_usd.sum()
    assert row.converted_share == pytest.approx(paid / row.amount_usd)
    assert (
        of(model, "Borealis").runway_with_letters_months.iloc[-1]
        == (of(model, "Borealis").runway_months.iloc[-1])
    )


def test_a_lapse_lowers_shares_of_the_giver_and_of_the_takers_supplier():
    kept, lapsed = (
        play(with_(letters=[letter(tranche(3e9, trigger="gw_deployed", gw=1000),
                                   taker="Aurora", expires=expires)]))
        for expires in ("2026-01", "2024-09")
    )  # fmt: skip
    assert told(kept, "letter_lapsed").empty or told(kept, "letter_lapsed").month.min() > 8
    assert list(told(lapsed, "letter_lapsed").month) == [8]
    moved = json.loads(told(lapsed, "letter_lapsed").details.iloc[0])["share_price_change"]
    for firm in ("Silica", "Summit"):
        before, after = (of(m, firm).share_price_index for m in (kept, lapsed))
        pd.testing.assert_series_equal(before[:8], after[:8])
        assert after[8] < before[8]
        assert moved[firm] < 0
        assert after[8] / before[8] == pytest.approx(exp(moved[firm]), rel=0.01)


@pytest.mark.parametrize("dead", ["Silica", "Borealis"])
def test_a_letter_lapses_with_its_giver_or_taker(dead):
    killed = {"month": date(6), "kind": "kill", "firm": dead}
    model = play(with_(letters=[letter(NEVER)], interventions=[killed]))
    lapse = told(model, "letter_lapsed").iloc[0]
    assert lapse.month == 6
    assert f"{dead} is no longer in the market" in lapse.text


def test_talks_with_a_party_that_died_are_not_applicable():
    poor = override(
        BASE,
        {
            "labs.Borealis.cash_usd": 1e6,
            "world.funding.access_hazard_per_month": 0.0,
            "world.distress": {"bridge_months": 0, "allow_rescue": False},
        },
    )
    model = play(override(poor, {"interventions": [
        {"month": date(12), "kind": "open_talks", "letter": letter(NEVER)}
    ]}))  # fmt: skip
    assert of(model, "Borealis").status[11] == "DEFAULTED"
    news = told(model, "intervention").iloc[0]
    assert json.loads(news.details)["not_applicable"]
    assert "Borealis" in news.text
    assert told(model, "letter_signed", "letter_refused").empty


def test_named_investors_alone_are_asked_in_a_round():
    about = {"firm": "Aurora", "amount_usd": 2e8, "investors": ["Meridian Growth", "Silica"]}
    model = play(talks(2, round=about))
    news = told(model, "round_closed", "round_refused", "round_failed")
    news = news[(news.month == 2) & (news.firm == "Aurora")]
    assert len(news) == 1
    details = json.loads(news.details.iloc[0])
    assert set(details.get("bids", {})) <= {"Meridian Growth", "Silica"}
    assert news.counterparty.iloc[0] in ("Meridian Growth", "Silica", "")


def test_named_clouds_are_asked_for_capacity():
    about = {"lab": "Aurora", "clouds": ["Delta"], "workload": "inference", "h100e": 500,
             "maker": "Silica"}  # fmt: skip
    model = play(talks(4, purchase=about))
    contracts = model.contracts
    parties = (contracts.buyer == "Aurora") & (contracts.seller == "Delta")
    opened = contracts[parties & (contracts.workload == "inference") & (contracts.h100e == 500)]
    assert len(opened) == 1
    assert opened.month_opened.iloc[0] == 4


def test_the_story_names_parties_sums_and_reasons():
    model = signed()
    tables = {name: getattr(model, name) for name in ("months", "firms", "events", "flows")}
    story = "\n".join(tell(tables, "Borealis", "lab"))
    assert "Silica signs a letter of intent to invest up to $320.0M in Borealis" in story
    assert "under the letter" in story


# -- warrants and backstops -------------------------------------------------------------------

WARRANT = {"issuer": "Silica", "holder": "Aurora", "share": 0.1, "gw": 0.02,
           "issuer_value_usd": 1e11, "expires": LATE}  # fmt: skip


def test_warrants_vest_with_what_runs_on_the_issuers_chips():
    model = ComputeMarket(with_(warrants=[WARRANT]), seed=SEED)
    held, gw = [], []
    while model.running:
        model.step()
        economy = model.economy
        issuer = economy.chipmakers["Silica"]
        held.append(issuer.cap_table.holders.get("Aurora", 0))
        gw.append(deployed_gw(economy, economy.firm("Aurora"), issuer))
    vested = told(model, "warrant_vested")
    counts = [json.loads(d)["shares"] for d in vested.details]
    assert len(counts) > 0
    assert sum(counts) == held[-1] <= 100_000_000  # a tenth of 10^9
    quarters = np.array([value if month % 3 == 0 else gw[0] for month, value in enumerate(gw)])
    best = np.maximum.accumulate(quarters - gw[0])
    expected = np.floor(np.clip(best / 0.02, 0, 1) * 100_000_000)
    np.testing.assert_allclose(held, expected, atol=1)
    value = model.economy.market.promises.warrants[0].value_usd(counts[0], 100)
    assert value == pytest.approx(1e10 * counts[0] / 1e8)


def test_warrants_lower_what_the_issuers_compute_costs_the_holder():
    model = ComputeMarket(with_(warrants=[WARRANT]), seed=SEED)
    model.step()
    economy = model.economy
    worth = warrant_value_usd_per_h100e_hour(economy, "Aurora", "Silica", 645, 36)
    assert worth == pytest.approx(1e10 / 20 / 645 / 730 / 36, rel=0.2)
    assert warrant_value_usd_per_h100e_hour(economy, "Borealis", "Silica", 645, 36) == 0


def test_a_backstop_pays_for_what_is_unsold_to_the_dollar():
    terms = {"guarantor": "Silica", "cloud": "Delta", "workload": "training", "h100e": 900,
             "price_usd_per_h100e_hour": 1.25, "granted": date(3), "expires": date(15)}  # fmt: skip
    model = ComputeMarket(with_(backstops=[terms]), seed=SEED)
    due = {}
    while model.running:
        month = model.month
        model.step()
        cloud = model.economy.clouds["Delta"]
        sold = cloud.reserved["training"] + cloud.spot_sold["training"]
        unsold = max(0.0, cloud.pool["training"] - sold)
        due[month] = round(min(900, unsold) * 1.25 * 730) if 3 <= month < 15 else 0
    paid = model.flows.query("purpose == 'backstop'").set_index("month").amount_usd
    assert {m: usd for m, usd in due.items() if usd} == paid.to_dict()
    assert len(paid) > 0
    assert max(paid) <= round(900 * 1.25 * 730)


# -- the scenario and its outcomes ------------------------------------------------------------


def test_outcomes_of_letters():
    model = signed()
    tables = {name: getattr(model, name) for name in ("months", "firms", "events", "flows")}
    names = [
        name for name in OUTCOMES if "letter" in name or "warrant" in name or "backstop" in name
    ]
    assert len(names) == 15
    found = Played(tables, model.rules).outcomes(names)
    row = row_of(model)
    assert found["letters_signed"] == 1
    assert found["letter_converted_share"] == pytest.approx(row.converted_share)
    assert found["letter_converted_usd"] == round(row.converted_share * row.amount_usd)
    assert 0 < found["letter_runway_overstatement_months"] <= 60
    nothing = undisturbed()
    tables = {name: getattr(nothing, name) for name in ("months", "firms", "events", "flows")}
    found = Played(tables, nothing.rules).outcomes(names)
    assert all(value in (0, None) for value in found.values())


def test_the_situation_holds_its_books_and_overstates_runway():
    model = ComputeMarket("letter_of_intent", seed=1).run()
    assert model.manifest()["ledger"] == "ok"
    assert not told(model, "letter_signed", "letter_refused").empty
    tables = {name: getattr(model, name) for name in ("months", "firms", "events", "flows")}
    gap = Played(tables, model.rules).outcomes(["letter_runway_overstatement_months"])
    if not told(model, "letter_signed").empty:
        assert gap["letter_runway_overstatement_months"] > 1
