"""Help for a firm in trouble: bridges, rescues, more time, sweeps, plans that creditors take."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.agents.bridges import Offer, bill_notes, convert_notes, seek_bridges
from computemarket.agents.rescue import rescued
from computemarket.agents.solvency import means_usd, months_left, outflow_usd, overdue_usd
from computemarket.agents.workouts import extend_loans, restructured
from computemarket.market.equity import new_shares
from computemarket.market.insolvency import Status
from computemarket.market.ledger import WORLD, Bill
from computemarket.scenario import Scenario, load_scenario, override

BASE = load_scenario("duopoly")
MILLION = 10**6


def played(scenario: Scenario = BASE, months: int = 10) -> ComputeMarket:
    """A market under way, between two months."""
    model = ComputeMarket(scenario, seed=1)
    for _ in range(months):
        model.step()
    return model


def trouble(model: ComputeMarket, firm: str, status: Status, cash_usd: int, **owed: int) -> Any:
    """Leave a firm some cash, and dues to others that it has not paid."""
    economy = model.economy
    ledger, found = economy.market.ledger, economy.firm(firm)
    if found.cash_usd > cash_usd:
        ledger.pay(Bill(firm, WORLD, found.cash_usd - cash_usd, "operations"))
    for creditor, usd in owed.items():
        ledger.defer(Bill(firm, creditor.replace("_", " "), usd, "compute"))
    found.status = status
    return found


def told(model: ComputeMarket, kind: str) -> pd.Series:
    """The only event of a kind, with its details."""
    (row,) = model.events[model.events.kind == kind].to_dict("records")
    return pd.Series(row | json.loads(row["details"]))


class TestBridges:
    def test_an_owner_lends_what_its_stake_gains(self) -> None:
        # The bridge saves 0.2 of a stake of 100. A dollar lent is lost with 0.5, and else becomes
        # 1 / 0.8 of shares: 1 - 0.5 / 0.8 = 0.375 is lost of it, so 20 / 0.375 are lent.
        assert Offer(0.2, 0.5, 0.2).most_usd(100) == pytest.approx(20 / 0.375)
        assert Offer(0.2, 0.1, 0.2).most_usd(100) == float("inf")  # the discount pays for the risk

    def test_owners_bridge_a_lab_and_their_notes_become_shares(self) -> None:
        model = played()
        economy = model.economy
        lab = trouble(model, "Borealis", Status.DISTRESS, 10 * MILLION)
        outflow = outflow_usd(lab)
        assert months_left(lab) == pytest.approx(10 * MILLION / outflow)
        seek_bridges(economy)
        signed = told(model, "bridge_signed")
        assert signed.amount_usd == 3 * outflow - 10 * MILLION  # three months, less what is there
        assert lab.cash_usd == 3 * outflow
        assert set(signed.notes) == {"Harbor Ventures", "Silica"}  # its owners but the public
        assert lab.debt_usd == signed.amount_usd
        seek_bridges(economy)  # one bridge at a time
        assert len(model.events[model.events.kind == "bridge_signed"]) == 1
        outstanding, before = lab.cap_table.total, lab.cap_table.holders["Silica"]
        convert_notes(economy, lab, 1_000 * MILLION)
        shares = new_shares(signed.notes["Silica"], 800 * MILLION, outstanding)  # 20 % off
        assert lab.cap_table.holders["Silica"] == before + shares
        assert lab.debt_usd == 0
        assert not economy.market.book.notes
        economy.market.ledger.check()

    def test_owners_do_not_bridge_what_is_worth_nothing_to_them(self) -> None:
        model = played()
        lab = trouble(model, "Borealis", Status.DISTRESS, 0, Summit=100 * MILLION)
        lab.valuation_usd = 1e6
        seek_bridges(model.economy)
        refused = told(model, "bridge_refused")
        assert refused.offered_usd < refused.least_usd
        assert lab.debt_usd == 0

    def test_a_note_that_no_round_converts_is_due_in_cash(self) -> None:
        model = played(override(BASE, {"world.distress.note_term_months": 1}))
        economy = model.economy
        trouble(model, "Borealis", Status.DISTRESS, 10 * MILLION)
        seek_bridges(economy)
        lent = told(model, "bridge_signed").amount_usd
        economy.market.month += 1
        bill_notes(economy)
        due = economy.market.bills["Borealis"]
        assert (
            sum(usd for (_, purpose, _), usd in due.items() if purpose == "note_redemption") == lent
        )

    def test_no_bridges_where_the_scenario_has_none(self) -> None:
        model = played(override(BASE, {"world.distress.bridge_months": 0}))
        trouble(model, "Borealis", Status.DISTRESS, 10 * MILLION)
        seek_bridges(model.economy)
        assert not model.economy.market.book.notes


class TestRescue:
    def in_need(self) -> tuple[ComputeMarket, Any]:
        """Aurora, of which Summit holds a sixth and serves most of its compute."""
        model = played()
        return model, trouble(model, "Aurora", Status.CURE, 0, Summit=100 * MILLION)

    def test_a_partner_pays_if_it_would_lose_more(self) -> None:
        model, lab = self.in_need()
        wanted = 100 * MILLION + 6 * outflow_usd(lab)
        assert rescued(model.economy, lab, ())
        rescue = told(model, "rescue")
        assert (rescue.counterparty, rescue.amount_usd) == ("Summit", wanted)
        assert lab.cash_usd == wanted
        # a quarter of what it is worth: pre-money over post-money is the old owners' part
        new = rescue.amount_usd / (rescue.pre_money_usd + rescue.amount_usd)
        old = 0.181915463 / sum((0.08, 0.181915463, 0.74, 0.019699977, 0.006342791))
        assert rescue.ownership == pytest.approx(new + (1 - new) * old, rel=1e-6)
        # 25 % a year fail all the same: 0.75 of the loss is avoided for 0.25 of the money
        assert rescue.gain_usd == pytest.approx(0.75 * rescue.loss_usd - 0.25 * wanted, rel=1e-5)
        model.economy.market.ledger.check()

    def test_nobody_pays_who_has_little_to_lose(self) -> None:
        model, lab = self.in_need()
        for holder in ("Summit", "Silica"):
            lab.cap_table.transfer(holder, WORLD)
        for contract in model.economy.market.book.of_lab("Aurora"):
            model.economy.market.book.end(contract, 9, contract.status.ENDED)
        lab.cost_usd = lab.revenue_usd + 10**9  # and it would take much
        assert not rescued(model.economy, lab, ())
        assert told(model, "rescue_refused").gain_usd < 0

    def test_nobody_pays_who_has_not_the_means(self) -> None:
        model, lab = self.in_need()
        lab.cost_usd = lab.revenue_usd + 10**9
        assert not rescued(model.economy, lab, ())
        refused = told(model, "rescue_refused")
        assert refused.gain_usd > 0
        assert refused.means_usd < refused.amount_usd

    def test_good_money_is_not_thrown_after_bad_for_ever(self) -> None:
        model, lab = self.in_need()
        lab.rescues = 30
        assert not rescued(model.economy, lab, ())

    def test_means_leave_a_year_of_the_partners_own_outflow(self) -> None:
        model = played()
        lab = model.economy.labs["Borealis"]
        assert means_usd(lab, 1.0) == lab.cash_usd - 12 * outflow_usd(lab)
        lab.cost_usd = 10**12
        assert means_usd(lab, 1.0) == 0


class TestMoreTime:
    def stretched(self, scenario: Scenario = BASE) -> tuple[ComputeMarket, Any]:
        """Delta, whose rents no longer pay for its debt service."""
        model = played(scenario)
        cloud = trouble(model, "Delta", Status.DISTRESS, 40 * MILLION)
        cloud.revenue_usd = round(cloud.running_cost_usd + 0.6 * cloud.debt_service_usd)
        return model, cloud

    def test_lenders_extend_what_would_else_fail(self) -> None:
        model, cloud = self.stretched()
        ends = {x.contract_id: (x.end, x.rate_per_year) for x in cloud.loans if x.outstanding_usd}
        extend_loans(model.economy, cloud)
        told_of = told(model, "loan_extended")
        assert told_of.failure_risk_after < told_of.failure_risk_before
        for loan in cloud.loans:
            if loan.contract_id in ends:
                end, rate = ends[loan.contract_id]
                assert loan.end == end + 24
                assert loan.rate_per_year == pytest.approx(rate + 0.01)
        extend_loans(model.economy, cloud)  # once
        assert told(model, "loan_extended").months == 24

    def test_lenders_do_not_wait_for_a_firm_that_loses_money_anyway(self) -> None:
        model, cloud = self.stretched()
        cloud.revenue_usd = 0
        trouble(model, "Delta", Status.DISTRESS, 0)
        extend_loans(model.economy, cloud)
        assert "loan_extended" not in set(model.events.kind)

    def test_no_extension_where_the_scenario_has_none(self) -> None:
        model, cloud = self.stretched(override(BASE, {"world.distress.extension_months": 0}))
        extend_loans(model.economy, cloud)
        assert "loan_extended" not in set(model.events.kind)


class TestSweep:
    def run(self, **distress: float) -> ComputeMarket:
        """Delta breaches a covenant from the start."""
        rules = {"world.credit.maximum_loan_to_value": 0.01, "world.distress": distress}
        return ComputeMarket(override(BASE, rules), seed=1).run()

    def test_excess_cash_flow_goes_to_the_lenders_while_a_covenant_is_breached(self) -> None:
        swept, spared = self.run(), self.run(cash_sweep_share=0.0)
        events = swept.events[swept.events.kind == "cash_sweep"]
        assert len(events) > 3
        assert set(events.firm) == {"Delta"}
        assert "cash_sweep" not in set(spared.events.kind)
        breach = swept.events[swept.events.kind == "covenant_breach"].month.min()
        assert events.month.min() >= breach
        paid = swept.flows[(swept.flows.payer == "Delta") & (swept.flows.purpose == "principal")]
        scheduled = spared.flows[
            (spared.flows.payer == "Delta") & (spared.flows.purpose == "principal")
        ]
        first = events.month.min()
        extra = (paid.amount_usd[paid.month == first].sum()
                 - scheduled.amount_usd[scheduled.month == first].sum())  # fmt: skip
        assert extra == events.amount_usd[events.month == first].sum()

    def test_no_sweep_without_a_breach(self) -> None:
        rules = {
            "world.credit.maximum_loan_to_value": 1e6,
            "world.credit.minimum_debt_service_cover": 0,
        }
        model = ComputeMarket(override(BASE, rules), seed=1).run()
        assert not {"cash_sweep", "covenant_breach"} & set(model.events.kind)


class TestRestructuring:
    def in_default(self, scenario: Scenario = BASE) -> tuple[ComputeMarket, Any]:
        """Delta is short of 150M this month, and earns well."""
        model = played(scenario)
        return model, trouble(model, "Delta", Status.CURE, 50 * MILLION, Silica=200 * MILLION)

    def test_creditors_extend_and_swap(self) -> None:
        model, cloud = self.in_default()
        debt, ends = cloud.debt_usd, {x.contract_id: x.end for x in cloud.loans}
        assert restructured(model.economy, cloud, ())
        plan = told(model, "restructured")
        assert plan.kept_usd == cloud.debt_usd == debt  # its cash flow carries all of it
        assert plan.swapped_usd == 200 * MILLION
        assert plan.haircut_usd == 0
        assert overdue_usd(cloud) == 0
        assert cloud.cash_usd == 50 * MILLION  # old debts are stayed
        for loan in cloud.loans:
            if loan.outstanding_usd:
                assert loan.end == ends[loan.contract_id] + 24
        assert cloud.cap_table.ownership("Silica") == pytest.approx(plan.creditors_share, rel=1e-6)
        assert plan.for_usd >= 0.667 * (plan.for_usd + plan.against_usd)
        model.economy.market.ledger.check()
        while model.running:
            model.step()

    def test_overdue_interest_stays_debt(self) -> None:
        model, cloud = self.in_default()
        model.economy.market.ledger.defer(Bill("Delta", "Granite Credit", 7 * MILLION, "interest"))
        debt = cloud.debt_usd
        assert restructured(model.economy, cloud, ())
        assert cloud.debt_usd == debt + 7 * MILLION
        added = [x for x in cloud.loans if x.month == 9 and x.outstanding_usd == 7 * MILLION]
        assert [x.end for x in added] == [9 + 24]
        assert sum(x.outstanding_usd for x in cloud.loans) == cloud.debt_usd
        model.economy.market.ledger.check()

    def test_what_cash_flow_does_not_carry_is_cut_or_swapped(self) -> None:
        model, cloud = self.in_default(override(BASE, {"world.distress.fire_sale_share": 0.05}))
        cloud.revenue_usd = round(cloud.running_cost_usd + 20 * MILLION)
        debt = cloud.debt_usd
        assert restructured(model.economy, cloud, ())
        plan = told(model, "restructured")
        assert plan.kept_usd == cloud.debt_usd < debt
        assert plan.kept_usd + plan.swapped_usd + plan.haircut_usd == debt + 200 * MILLION
        assert sum(plan.losses.values()) == plan.haircut_usd
        assert sum(x.outstanding_usd for x in cloud.loans) == cloud.debt_usd

    def test_lenders_who_a_sale_pays_in_full_refuse_shares(self) -> None:
        rules = {"world.distress": {"fire_sale_share": 1.0, "fire_sale_impact": 0.0}}
        model, cloud = self.in_default(override(BASE, rules))
        cloud.revenue_usd = round(cloud.running_cost_usd + 20 * MILLION)
        assert not restructured(model.economy, cloud, ())
        assert "in favour" in told(model, "plan_refused").reason

    def test_no_plan_for_a_firm_that_loses_money_without_old_debts(self) -> None:
        model, cloud = self.in_default()
        cloud.revenue_usd = round(cloud.running_cost_usd - 20 * MILLION)
        assert not restructured(model.economy, cloud, ())
        assert "a month without old debts" in told(model, "plan_refused").reason

    def test_staff_are_paid_in_cash(self) -> None:
        model = played()
        lab = trouble(model, "Borealis", Status.CURE, 200 * MILLION, Summit=300 * MILLION)
        model.economy.market.ledger.defer(Bill("Borealis", WORLD, 30 * MILLION, "staff"))
        assert restructured(model.economy, lab, ())
        assert lab.cash_usd == 170 * MILLION
        assert told(model, "restructured").swapped_usd == 300 * MILLION
        assert overdue_usd(lab) == 0

    def test_no_plan_where_the_scenario_allows_none(self) -> None:
        model, cloud = self.in_default(
            override(BASE, {"world.distress.allow_restructuring": False})
        )
        assert not restructured(model.economy, cloud, ())
        assert overdue_usd(cloud) == 200 * MILLION
