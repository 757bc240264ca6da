"""Custom-chip programmes on paper: what each leg is worth, and the rules of the deal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.agents.programmes import (
    HostView,
    LabView,
    LenderView,
    Plant,
    borrower_stance,
    host_ask,
    host_line,
    host_stance,
    lab_limit_usd,
    lender_stance,
)
from computemarket.agents.strategies.negotiation import Linear
from computemarket.market.contracts import Deal, DealStatus
from computemarket.market.negotiation import Stance
from computemarket.market.programmes import (
    Clock,
    Leg,
    LegKind,
    choose_hosts,
    holding_up,
    split_anchor,
)

PLANT = Plant(
    chip_usd=4_500.0, running_usd=0.08, lag_years=2.0, term_years=4.0, life_years=5.0,
    decline_per_year=0.28, default_per_year=0.05, redeployability=0.35, anchor_share=0.4,
    deposit_usd=0.0,
)  # fmt: skip
HOST = HostView(
    cost_of_capital=0.10, exposure=0.2, loan_rate=0.09, rent_usd=1.2, versatile_cost_usd=0.8,
    wear=0.7, density=0.5,
)  # fmt: skip
LAB = LabView(
    alternative_usd=1.6, worth=0.9, use_share=1.0, engineering_usd=250.0, cost_of_capital=0.12
)
shares = st.floats(0.0, 0.9)


def least(plant: Plant, host: HostView = HOST) -> float:
    return host_stance(plant, host, Linear()).limits()[0]


class TestValuations:
    """One leg, all else equal."""

    @given(shares, shares)
    def test_a_host_asks_less_for_chips_that_others_can_use(self, a: float, b: float) -> None:
        low, high = sorted((a, b))
        asks = [least(PLANT._replace(redeployability=share)) for share in (low, high)]
        assert asks[1] <= asks[0] + 1e-12

    @given(st.floats(0, 2_000), st.floats(0, 2_000))
    def test_a_host_asks_less_with_a_deposit(self, a: float, b: float) -> None:
        asks = [least(PLANT._replace(deposit_usd=usd)) for usd in sorted((a, b))]
        assert asks[1] <= asks[0] + 1e-12

    @given(st.floats(0, 0.5), st.floats(0, 0.5))
    def test_a_host_asks_more_of_a_lab_that_may_fail(self, a: float, b: float) -> None:
        asks = [least(PLANT._replace(default_per_year=rate)) for rate in sorted((a, b))]
        assert asks[0] <= asks[1] + 1e-12

    @given(st.floats(0, 1), st.floats(0, 1))
    def test_a_host_asks_more_the_more_hangs_on_one_customer(self, a: float, b: float) -> None:
        asks = [least(PLANT, HOST._replace(exposure=x)) for x in sorted((a, b))]
        assert asks[0] <= asks[1] + 1e-12

    def test_a_host_asks_less_when_it_risks_less_of_its_own(self) -> None:
        assert least(PLANT._replace(anchor_share=0.2)) < least(PLANT)

    def test_a_host_that_could_sell_versatile_capacity_dearly_asks_more(self) -> None:
        assert least(PLANT, HOST._replace(rent_usd=2.4)) > least(PLANT)

    def test_the_parts_of_an_ask_add_up(self) -> None:
        assert sum(host_ask(PLANT, HOST)) == pytest.approx(least(PLANT))

    def test_without_risk_the_ask_is_the_cost_of_plant(self) -> None:
        safe = PLANT._replace(
            redeployability=1.0, default_per_year=0.0, life_years=4.0, anchor_share=1.0
        )
        idle = HOST._replace(rent_usd=0.0)
        intercept, slope = host_line(safe, idle)
        monthly = 4_500 * (0.1 / 12) / (1 - (1 + 0.1 / 12) ** -48)  # the annuity in closed form
        assert slope == 1.0
        assert -intercept == pytest.approx(monthly / 730 + 0.08, rel=1e-6)

    @given(st.floats(0, 0.5), st.floats(0, 0.5), shares, shares)
    def test_a_lender_asks_more_of_risk_and_less_with_security(
        self, a: float, b: float, c: float, d: float
    ) -> None:
        lender = LenderView(0.06, 0.0)

        def rate(**changes: float) -> float:
            return lender_stance(PLANT._replace(**changes), lender, 0.09, Linear()).limits()[0]

        low, high = sorted((a, b))
        assert rate(default_per_year=low) <= rate(default_per_year=high) + 1e-12
        poor, good = sorted((c, d))
        assert rate(redeployability=good) <= rate(redeployability=poor) + 1e-12
        assert rate(anchor_share=0.4) <= rate(anchor_share=0.2) + 1e-12

    def test_a_vendor_lends_for_less_than_a_fund(self) -> None:
        rates = [
            lender_stance(PLANT, LenderView(0.06, margin), 0.09, Linear()).limits()[0]
            for margin in (0.55, 0.0)
        ]
        assert 0.06 <= rates[0] < rates[1]

    def test_a_borrower_pays_more_for_a_loan_that_bears_more_risk(self) -> None:
        limits = [
            borrower_stance(PLANT._replace(default_per_year=p), HOST, Linear()).limits()[0]
            for p in (0.0, 0.1)
        ]
        assert HOST.cost_of_capital < limits[0] < limits[1]

    def test_a_lab_pays_no_more_than_its_alternative_costs(self) -> None:
        limit = lab_limit_usd(PLANT, LAB)
        assert 0 < limit < LAB.alternative_usd * PLANT.price_path
        assert lab_limit_usd(PLANT, LAB._replace(alternative_usd=0.8)) < limit / 1.9
        assert lab_limit_usd(PLANT, LAB._replace(use_share=0.5)) < limit
        assert lab_limit_usd(PLANT._replace(deposit_usd=500.0), LAB) < limit

    def test_redeployability_and_deposit_leave_more_runs_to_agree(self) -> None:
        """Zone of lab and host: wider with each lever, the lab's own cost of it included."""

        def zone(**changes: float) -> float:
            plant = PLANT._replace(**changes)
            return lab_limit_usd(plant, LAB) - least(plant)

        assert zone(anchor_share=0.2) > zone()
        assert zone(redeployability=0.6) > zone()
        assert zone(deposit_usd=450.0) > zone()


class TestRules:
    """The deal itself, without firms."""

    @given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 0.3), min_size=1))
    def test_an_anchor_is_split_in_proportion(self, largest: dict[str, float]) -> None:
        required = 0.7 * sum(largest.values())
        asked = split_anchor(largest, required)
        assert sum(asked.values()) == pytest.approx(required)
        assert all(asked[host] <= largest[host] for host in largest)

    @given(
        st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 0.3), min_size=1),
        st.sets(st.sampled_from("abcdef")),
        st.floats(0.01, 1.0),
    )
    def test_hosts_that_sign_carry_the_anchor_between_them(
        self, largest: dict[str, float], unwilling: set[str], required: float
    ) -> None:
        chosen = choose_hosts(largest, required, lambda host, share: host not in unwilling)
        able = sum(share for host, share in largest.items() if host not in unwilling)
        if not chosen:
            assert able < required
            return
        assert not unwilling & chosen.keys()
        assert sum(chosen.values()) == pytest.approx(min(required, able))

    @staticmethod
    def leg(kind: LegKind = LegKind.HOSTING) -> Leg:
        row = Deal("x", "programme", "lab", "cloud", DealStatus.TALKS, "", 0)
        return Leg(kind, "lab", "cloud", "cloud", row)

    @staticmethod
    def stances(buyer: float, seller: float) -> tuple[Stance, Stance]:
        return (
            Stance((buyer,), (-1.0,), 0.0, 0.5 * buyer, Linear()),
            Stance((-seller,), (1.0,), 0.0, 2 * seller, Linear()),
        )

    def test_a_letter_stands_while_both_would_sign_it(self) -> None:
        leg, last = self.leg(), Clock(27, 3, 30)
        assert leg.bargain(*self.stances(1.0, 0.6), last, 10.0)
        agreed = leg.letter
        assert agreed is not None
        assert not leg.bargain(*self.stances(1.1, 0.5), last, 10.0)
        assert leg.letter == agreed
        leg.bargain(*self.stances(0.5, 0.4), last, 10.0)
        assert leg.letter != agreed  # the buyer would not pay it any more
        leg.bargain(*self.stances(0.3, 0.4), last, 10.0)
        assert leg.letter is None
        assert leg.gap_usd == pytest.approx(1.0)
        assert leg.gap_share == pytest.approx(0.25)

    def test_another_size_needs_another_letter(self) -> None:
        leg = self.leg()
        leg.ask_for(0.2)
        leg.bargain(*self.stances(1.0, 0.6), Clock(27, 3, 30), 1.0)
        leg.ask_for(0.2)
        assert leg.letter is not None
        leg.ask_for(0.3)
        assert leg.letter is None

    def test_a_deal_waits_for_the_largest_gap(self) -> None:
        legs = [self.leg(), self.leg(LegKind.DESIGN), self.leg(LegKind.FINANCE)]
        for leg, (buyer, scale) in zip(legs, ((0.5, 1.0), (0.9, 9.0), (1.2, 99.0)), strict=True):
            leg.bargain(*self.stances(buyer, 1.0), Clock(0, 1, 30), scale)
        assert holding_up(legs) is legs[1]  # 0.9 short, 0.5 short, and one that still bargains
        for leg in legs:
            leg.letter = 1.0
        assert holding_up(legs) is None
