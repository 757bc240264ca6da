"""What changes of a contract are worth to both sides, on paper: waivers, prices, relief."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.agents.strategies.negotiation import Boulware, Linear
from computemarket.market.amendments import (
    Need,
    Relief,
    Staying,
    lowest_relief_price,
    relief_stances,
    staying_stances,
    waiver_stances,
    waiver_values,
)
from computemarket.market.negotiation import Outcome, Talk

# ------------------------------------------------------------------ what a waiver is worth


def zone(missing_share: float, relet: float = 2.0, share: float = 0.3) -> tuple[float, float]:
    """Most that the lab would pay, least that the cloud asks, for a full waiver."""
    wanted = 100_000.0
    need = Need(missing_share * wanted, (1 - missing_share) * wanted, 4.0, 2.6, 3.0, relet, 0.2)
    values = waiver_values([need], 12, 300_000.0, 40_000.0, 0.6)
    buyer, seller = waiver_stances(values, 1e12, share, Linear(), Linear())
    return buyer.limits()[0], max(0.0, seller.limits()[0])


class TestWaiverValues:
    def test_a_shortage_opens_the_zone(self) -> None:
        zones = [most - least for most, least in map(zone, np.linspace(0, 1, 11))]
        assert zones == sorted(zones)
        assert zones[0] < 0 < zones[-1]

    def test_a_full_cloud_asks_less(self) -> None:
        asked = [zone(0.3, relet)[1] for relet in (0.5, 1.5, 2.5)]
        assert asked == sorted(asked, reverse=True)
        assert asked[-1] < asked[0]

    def test_a_shareholder_asks_less(self) -> None:
        assert zone(0.5, share=0.5)[1] < zone(0.5, share=0.0)[1]

    def test_without_missing_volume_a_lower_price_is_only_handed_over(self) -> None:
        """What the lab would save on the rest is the cloud's loss: there is nothing to trade."""
        for share in (0.0, 0.3, 0.8):
            most, least = zone(0.0, relet=2.6, share=share)  # others pay what rivals ask
            assert most == pytest.approx(least)
            most, least = zone(0.0, relet=2.0, share=share)
            assert most < least

    def test_a_right_to_match_is_worth_less_to_the_lab_and_costs_the_cloud_less(self) -> None:
        need = Need(50_000.0, 50_000.0, 4.0, 2.6, 3.0, 1.0, 0.2)
        gains, losses = waiver_values([need], 12, 300_000.0, 40_000.0, 0.6)
        assert gains[1] < gains[0]
        assert losses[1] < losses[0]

    @given(
        cash=st.floats(0, 1e12), share=st.floats(0, 0.9), missing=st.floats(0, 1),
        relet=st.floats(0, 5),
    )  # fmt: skip
    def test_a_fee_is_never_beyond_what_either_side_stands_for(
        self, cash: float, share: float, missing: float, relet: float
    ) -> None:
        need = Need(missing * 1e5, (1 - missing) * 1e5, 4.0, 2.6, 3.0, relet, 0.2)
        values = waiver_values([need], 12, 3e5, 4e4, 0.6)
        talk = Talk(*waiver_stances(values, cash, share, Linear(), Boulware()), 12)
        talk.advance(12)
        if talk.package is not None:
            fee, item = talk.package
            assert 0 <= fee <= min(cash, values.gains_usd[item])
            worth = (1 - share) * fee + share * values.gains_usd[item]
            assert worth >= values.losses_usd[item] * (1 - 1e-9) - 1e-3
        else:
            assert talk.outcome in (Outcome.NO_ZONE, Outcome.IMPASSE)


# ------------------------------------------------------------------ price and relief, on paper


def staying(**other: float) -> Staying:
    figures = {
        "hours": 1e6, "extra_hours": 0.0, "price": 3.0, "outside": 1.5, "relet": 1.4, "later": 0.8,
        "leaving_usd": 4e5, "fee_usd": 2e5, "risk": 1.0,
    }  # fmt: skip
    return Staying(**{**figures, **other})


class TestPrices:
    def test_both_sides_stand_where_leaving_would_put_them(self) -> None:
        buyer, seller = staying_stances(staying(), Linear(), Linear())
        assert buyer.limits() == pytest.approx([1.9])  # rival's price, fee and move
        assert seller.limits() == pytest.approx([1.6])  # others' price and the fee

    def test_a_threat_that_is_not_believed_moves_nothing(self) -> None:
        asked = [
            staying_stances(staying(risk=risk), Linear(), Linear())[1].limits()[0]
            for risk in (0.0, 0.5, 1.0)
        ]
        assert asked[0] == pytest.approx(3.0)
        assert asked == sorted(asked, reverse=True)
        talk = Talk(*staying_stances(staying(risk=0.0), Linear(), Linear()), 12)
        assert talk.outcome is Outcome.NO_ZONE

    def test_an_extension_is_a_second_item(self) -> None:
        buyer, seller = staying_stances(staying(extra_hours=5e5), Linear(), Linear())
        assert len(buyer.limits()) == len(seller.limits()) == 2
        assert buyer.limits()[1] < buyer.limits()[0]  # prices fall meanwhile


def relief(**other: float) -> Relief:
    figures = {
        "monthly_h100e_hours": 1e7, "hours": 1.2e8, "price": 2.0, "relet": 1.5, "idle_worth": 0.0,
        "given_back": 0.2, "outflow_usd": 4e7, "default_probability": 0.25, "loss_usd": 5e8,
    }  # fmt: skip
    return Relief(**{**figures, **other})


class TestRelief:
    def test_more_at_stake_gives_more(self) -> None:
        prices = [lowest_relief_price(relief(loss_usd=x), 0.0) for x in (0, 5e8, 1e9, 1e10)]
        assert prices == sorted(prices, reverse=True)
        assert prices[0] == pytest.approx(2.0)  # nothing at stake, nothing given
        assert prices[-1] < 1.5

    def test_who_could_let_it_dearer_takes_volume_back(self) -> None:
        assert lowest_relief_price(relief(loss_usd=0, relet=2.5), 0.2) <= 2.0

    def test_volume_that_nobody_else_wants_is_not_taken_back_for_nothing(self) -> None:
        assert lowest_relief_price(relief(loss_usd=0, relet=0.5), 0.2) == inf

    def test_agreed_relief_lowers_dues(self) -> None:
        talk = Talk(*relief_stances(relief(loss_usd=5e9), Linear(), Linear()), 6)
        assert talk.advance(6) is Outcome.SIGNED
        assert talk.package is not None
        assert talk.package.price < 2.0
