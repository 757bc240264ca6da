"""Rules of finance offices, of their talks, and of investors who ask for a return, one by one."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.strategies.finance import FinanceOffice, FinanceView, RequestView
from computemarket.agents.strategies.investing import (
    EfficientGrowth,
    FirmView,
    GrowthMultiple,
    burn_multiple,
)
from computemarket.agents.strategies.negotiation import Boulware, Conceder, Linear, Tough
from computemarket.market.negotiation import Outcome, Stance, Talk
from computemarket.scenario import override, with_months
from computemarket.scenarios.schema import Funding

amounts = st.floats(0, 1e11)
shares = st.floats(0, 1)
views = st.builds(
    FinanceView,
    training_h100e=st.floats(0, 1e7),
    capability_profit_usd=amounts,
    decay_per_month=shares,
    adjustment_per_month=shares,
    growth_per_month=st.floats(-0.1, 0.15),
    h100e_usd=st.floats(10, 1e4),
    funds_usd=amounts,
    outflow_usd=st.floats(-1e10, 1e10),
    commitments_usd=amounts,
    expected_revenue_usd=amounts,
    new_commitment_usd=st.floats(100, 1e5),
)
pairs = st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted)


class TestRules:
    @given(views, pairs, shares)
    def test_a_higher_hurdle_plans_for_less_training_within_bounds(
        self, view: FinanceView, hurdles: list[float], protected: float
    ) -> None:
        low, high = (
            FinanceOffice(hurdle_return_per_year=h, protected_training_share=protected)
            for h in hurdles
        )
        much, little = low.training_h100e(view), high.training_h100e(view)
        assert little <= much * (1 + 1e-12)
        for planned in (much, little):
            assert protected * view.training_h100e <= planned <= view.training_h100e

    def test_the_last_unit_earns_the_hurdle(self) -> None:
        # G = $100M a log point, decay 6 %, shares follow at 7.5 %, need grows 4 %, $2000 a month
        view = FinanceView(1e6, 1e8, 0.06, 0.075, 0.04, 2e3, 1e9, 0.0, 0.0, 1e9, 5e4)
        rule = FinanceOffice(hurdle_return_per_year=0.24, protected_training_share=0)
        h100e = rule.training_h100e(view)
        # profit of one H100e more each month: months since it trained, and since users followed
        months = np.arange(4000)
        kernel = np.convolve(np.exp(-0.06 * months), 0.075 * np.exp(-0.075 * months))[:4000]
        gain = 1e8 * (0.06 + 0.04) / h100e * (kernel * np.exp(-0.02 * months)).sum()
        assert gain == pytest.approx(2e3, rel=0.1)  # sums over whole months, the rule integrates

    @given(views, pairs, pairs, st.floats(1, 1e7), st.floats(0, 1e4), shares, amounts)
    def test_a_lower_cap_and_a_higher_floor_allow_less(
        self, view: FinanceView, caps: list[float], floors: list[float], wanted: float, net: float,
        needed: float, before: float,
    ) -> None:  # fmt: skip
        rule = FinanceOffice(commitment_cap=caps[1], runway_floor_months=20 * floors[0])
        request = RequestView(wanted, needed * wanted, net, before)
        allowed, limit = rule.allowed_h100e(view, request)
        assert 0 <= allowed <= wanted
        assert (limit == "") == (allowed == wanted)
        for stricter in (
            replace(rule, commitment_cap=caps[0]),
            replace(rule, runway_floor_months=20 * floors[1]),
        ):
            assert stricter.allowed_h100e(view, request)[0] <= allowed + 1e-9 * wanted

    @given(views, st.floats(1, 1e7), st.floats(1, 1e4))
    def test_what_is_allowed_keeps_both_limits(
        self, view: FinanceView, wanted: float, net: float
    ) -> None:
        rule = FinanceOffice()
        allowed, _ = rule.allowed_h100e(view, RequestView(wanted, 0.0, net, 0.0))
        if allowed > 0:
            promised = view.commitments_usd + allowed * view.new_commitment_usd
            means = view.expected_revenue_usd + view.funds_usd
            assert promised <= rule.commitment_cap * means * (1 + 1e-9) + 1
            outflow = view.outflow_usd + allowed * net
            assert view.funds_usd >= rule.runway_floor_months * outflow - 1e-6 * abs(outflow) - 1

    def test_compute_that_pays_for_itself_passes_the_runway_floor(self) -> None:
        poor = FinanceView(0, 0, 0.06, 0.075, 0, 2e3, 1e6, 1e9, 0, 1e12, 5e4)
        earning, costing = (RequestView(1e4, 0.0, net, 0.0) for net in (-1.0, 1.0))
        assert FinanceOffice().allowed_h100e(poor, earning) == (1e4, "")
        assert FinanceOffice().allowed_h100e(poor, costing) == (0.0, "runway floor")

    def test_what_users_need_today_passes_the_cap_and_comes_before_training(self) -> None:
        full = FinanceView(0, 0, 0.06, 0.075, 0, 2e3, 1e9, 0.0, 2e9, 1e9, 5e4)  # at the cap
        assert FinanceOffice().allowed_h100e(full, RequestView(1e4, 4e3, -1.0, 0.0)) == (
            4e3, "commitment cap",
        )  # fmt: skip
        half = full._replace(commitments_usd=1e9)
        assert FinanceOffice().allowed_h100e(half, RequestView(1e5, 0.0, 0.0, 0.5e9)) == (
            1e4, "commitment cap",
        )  # fmt: skip

    @given(views, st.floats(1, 1e4), st.floats(1, 1e4), st.floats(1, 50), st.floats(1, 50))
    def test_more_is_kept_the_lower_the_rent_and_the_higher_the_threshold(
        self, view: FinanceView, rent: float, other: float, threshold: float, second: float
    ) -> None:
        rule = FinanceOffice(sublet_threshold=min(threshold, second))
        cheap, dear = sorted((rent, other))
        assert rule.kept_h100e(view, cheap) >= rule.kept_h100e(view, dear)
        shy = replace(rule, sublet_threshold=max(threshold, second))
        assert shy.kept_h100e(view, rent) >= rule.kept_h100e(view, rent)
        assert rule.kept_h100e(view, rent) >= rule.protected_training_share * view.training_h100e


tactics = st.one_of(
    st.builds(Linear, final_share=st.floats(0, 0.5)),
    st.builds(Boulware, exponent=st.floats(0.05, 1), final_share=st.floats(0, 0.5)),
    st.builds(Conceder, exponent=st.floats(1, 20), final_share=st.floats(0, 0.5)),
)


class TestToughness:
    @given(tactics, st.floats(0.01, 10), st.lists(shares, min_size=2).map(sorted))
    def test_it_holds_out_longer_and_ends_the_same(
        self, tactic: Any, toughness: float, times: list[float]
    ) -> None:
        tough = Tough(tactic, toughness)
        held = [tough.aspiration(t) for t in times]
        assert all(h >= tactic.aspiration(t) - 1e-12 for h, t in zip(held, times, strict=True))
        assert all(a >= b - 1e-12 for a, b in pairwise(held))
        assert all(0 <= h <= 1 for h in held)
        if tactic.final_share == 0:
            assert tough.aspiration(1) == pytest.approx(0, abs=1e-12)

    @settings(max_examples=300)
    @given(
        tactics, tactics, st.floats(0.1, 10), st.floats(0.5, 10), st.floats(0.5, 10),
        st.floats(0.05, 1), st.floats(1, 4), st.integers(1, 16),
    )  # fmt: skip
    def test_it_never_worsens_the_price_of_a_deal(
        self, tactic: Any, other: Any, toughness: float, limit: float, cost: float,
        low: float, high: float, rounds: int,
    ) -> None:  # fmt: skip
        seller = Stance((-cost,), (1.0,), 0.0, cost * high, other)
        talks = []
        for rule in (tactic, Tough(tactic, toughness)):
            talk = Talk(Stance((limit,), (-1.0,), 0.0, limit * low, rule), seller, rounds)
            if talk.outcome is None:
                talk.advance(rounds)
            talks.append(talk)
        easy, tough = talks
        if tough.package is not None:
            assert easy.package is not None
            assert tough.package.price <= easy.package.price + 1e-9
            assert tough.round >= easy.round
        elif easy.package is not None:
            assert tough.outcome is Outcome.IMPASSE


class TestInvestors:
    firms = st.builds(
        FirmView,
        arr_usd=st.floats(1e6, 1e11),
        growth_per_year=st.floats(0.3, 6),
        gross_margin=st.floats(-0.5, 0.95),
        team_value_usd=st.floats(0, 1e10),
        debt_usd=st.floats(0, 1e8),
        mood=st.floats(-2, 2),
        capital_response=st.just(0.45),
        required_return_per_year=st.just(0.25),
        outflow_usd_per_year=st.floats(-1e11, 1e11),
    )

    @given(firms, shares, st.floats(0, 1e11))
    def test_margin_raises_and_burn_lowers_the_price(
        self, firm: FirmView, margin: float, burn: float
    ) -> None:
        rule, funding = EfficientGrowth(), Funding()
        price = rule.pre_money_usd(firm, funding)
        better = firm._replace(gross_margin=firm.gross_margin + margin)
        assert rule.pre_money_usd(better, funding) >= price * (1 - 1e-12)
        thirsty = firm._replace(outflow_usd_per_year=firm.outflow_usd_per_year + burn)
        assert rule.pre_money_usd(thirsty, funding) <= price * (1 + 1e-12)

    def test_growth_per_dollar_moves_it_and_a_multiple_of_growth_does_not_care(self) -> None:
        firm = FirmView(2e9, 2.0, 0.5, 0.0, 0.0, 0.0, 0.45, 0.25, outflow_usd_per_year=1.5e9)
        assert burn_multiple(firm) == pytest.approx(1.5)  # a billion of new revenue
        lean = firm._replace(outflow_usd_per_year=0.75e9)
        multiple, thrifty = GrowthMultiple(), EfficientGrowth()
        funding = Funding()
        par = thrifty.pre_money_usd(firm, funding)
        assert par == pytest.approx(multiple.pre_money_usd(firm, funding))
        assert thrifty.pre_money_usd(lean, funding) == pytest.approx(2**0.5 * par)
        assert multiple.pre_money_usd(lean, funding) == multiple.pre_money_usd(firm, funding)
        fat = firm._replace(gross_margin=0.75)
        assert thrifty.pre_money_usd(fat, funding) == pytest.approx(1.5 * par)

    def test_burning_without_growth_is_the_worst_and_earning_the_best(self) -> None:
        firm = FirmView(1e9, 0.9, 0.5, 0.0, 0.0, 0.0, 0.45, 0.25, outflow_usd_per_year=1.0)
        assert burn_multiple(firm) == 6.0
        assert burn_multiple(firm._replace(outflow_usd_per_year=-1.0)) == 0.25

    def test_it_prices_a_round_by_what_growth_costs(self) -> None:
        # first year of the large scenario, seeds 1-4: what the lead of OpenAI's first round would
        # pay; it burns more than what is at par for its new revenue, at a margin near one half
        base = with_months(load_scenario("frontier_2024"), 12)
        values: dict[str, list[float]] = {}
        for name in ("growth_multiple", "efficient_growth"):
            paths = {f"investors.{firm.name}.valuation.name": name for firm in base.investors}
            rules = override(base, paths)
            for seed in range(1, 5):
                events = ComputeMarket(rules, seed=seed).run().events
                talks = events[(events.firm == "OpenAI") & events.kind.str.startswith("round_")]
                details = json.loads(talks[talks.counterparty != ""].details.iloc[0])
                values.setdefault(name, []).append(details["buyer_reservation_usd"])
        ratio = np.array(values["efficient_growth"]) / np.array(values["growth_multiple"])
        assert (ratio < 1).all()
        assert ratio.mean() < 0.95
