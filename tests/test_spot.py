"""The spot auction against hand-worked books and a brute-force search over prices."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.spot import Bid, Clearing, Offer, clear

CAP = 10.0
Curve = Callable[[float], float]


def nobody(price: float) -> float:
    return 0.0


def linear(at_zero: float, choke: float) -> Curve:
    return lambda price: max(0.0, at_zero * (1.0 - price / choke))


def elastic(at_one: float, elasticity: float) -> Curve:
    return lambda price: at_one * price**-elasticity


curves = st.one_of(
    st.just(nobody),
    st.builds(linear, st.floats(1.0, 2e3), st.floats(0.1, 20.0)),
    st.builds(elastic, st.floats(1.0, 2e3), st.floats(0.1, 4.0)),
)
# Few distinct prices and names, so that ties and repeated parties occur.
price_levels = st.one_of(st.integers(1, 24).map(lambda i: i / 2), st.floats(0.01, 12.0))
offers_lists = st.lists(
    st.builds(Offer, st.sampled_from("ABCDEF"), st.floats(0.0, 500.0), price_levels), max_size=12
)
bids_lists = st.lists(
    st.builds(Bid, st.sampled_from("UVWXYZ"), st.floats(0.0, 500.0), price_levels), max_size=6
)


def traded(result: Clearing) -> tuple[float, float]:
    return sum(result.sold.values()), sum(result.bought.values()) + result.residual_h100e


def test_hand_worked_book_with_an_elastic_margin() -> None:
    # 100 on offer at 1 and 100 at 3; a bid for 60 up to 4; others want 80 - 20 p.
    # At 1 < p < 3: supply 100 = 60 + 80 - 20 p, so p = 2.
    result = clear(
        [Offer("CoreWeave", 100.0, 1.0), Offer("Lambda", 100.0, 3.0)],
        [Bid("OpenAI", 60.0, 4.0)],
        linear(80.0, 4.0),
        CAP,
    )
    assert result.price == pytest.approx(2.0)
    assert result.sold == {"CoreWeave": 100.0, "Lambda": 0.0}
    assert result.bought == {"OpenAI": 60.0}
    assert result.residual_h100e == pytest.approx(40.0)


def test_offers_at_the_price_are_rationed_pro_rata() -> None:
    offers = [Offer("A", 100.0, 1.0), Offer("B", 60.0, 2.0), Offer("C", 20.0, 2.0)]
    result = clear(offers, [Bid("L", 120.0, 5.0)], nobody, CAP)
    assert result.price == 2.0
    assert result.sold == pytest.approx({"A": 100.0, "B": 15.0, "C": 5.0})
    assert result.bought == {"L": 120.0}


def test_bids_at_the_price_are_rationed_pro_rata() -> None:
    bids = [Bid("L", 80.0, 5.0), Bid("M", 60.0, 3.0), Bid("N", 20.0, 3.0)]
    result = clear([Offer("A", 100.0, 1.0)], bids, nobody, CAP)
    assert result.price == 3.0
    assert result.bought == pytest.approx({"L": 80.0, "M": 15.0, "N": 5.0})


def test_at_the_cap_everybody_who_would_pay_it_is_cut_alike() -> None:
    bids = [Bid("L", 100.0, 50.0), Bid("M", 60.0, CAP), Bid("N", 500.0, 9.0)]
    result = clear([Offer("A", 100.0, 1.0)], bids, lambda price: 40.0, CAP)
    assert result.price == CAP
    assert result.bought == pytest.approx({"L": 50.0, "M": 30.0, "N": 0.0})
    assert result.residual_h100e == pytest.approx(20.0)


def test_without_demand_the_lowest_reserve_is_shown() -> None:
    result = clear([Offer("A", 10.0, 2.0), Offer("B", 10.0, 1.5)], [], linear(50.0, 1.0), CAP)
    assert result == Clearing(1.5, {"A": 0.0, "B": 0.0}, {}, 0.0)


def test_without_supply_the_price_is_where_demand_vanishes() -> None:
    bids = [Bid("L", 10.0, 2.0)]
    assert clear([], bids, linear(50.0, 4.0), CAP).price == pytest.approx(4.0)
    assert clear([], bids, linear(50.0, 1.0), CAP) == Clearing(2.0, {}, {"L": 0.0}, 0.0)
    assert clear([], bids, elastic(50.0, 1.0), CAP).price == CAP
    assert clear([], [], nobody, CAP).price == 0.0
    assert clear([Offer("A", 9.0, 11.0)], bids, elastic(5.0, 1.0), CAP).sold == {"A": 0.0}


def test_negative_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        clear([Offer("A", -1.0, 1.0)], [], nobody, CAP)


@given(offers_lists, bids_lists, curves)
def test_agrees_with_brute_force_over_a_fine_grid_of_prices(
    offers: list[Offer], bids: list[Bid], curve: Curve
) -> None:
    result = clear(offers, bids, curve, CAP)
    if not any(offer.h100e and offer.reserve_price <= CAP for offer in offers):
        return

    def short(price: float) -> bool:
        """Whether more is wanted at any higher price than is on offer at this one."""
        supply = sum(o.h100e for o in offers if o.reserve_price <= price)
        wanted = sum(b.h100e for b in bids if b.limit_price > price) + curve(price)
        return wanted > supply * (1 + 1e-9) + 1e-9

    def glut(price: float) -> bool:
        """Whether this price would have cleared the market already."""
        supply = sum(o.h100e for o in offers if o.reserve_price <= price)
        wanted = sum(b.h100e for b in bids if b.limit_price > price) + curve(price)
        return wanted < supply * (1 - 1e-9) - 1e-9

    lowest = min(o.reserve_price for o in offers if o.h100e)
    for step in range(1, 401):
        price = lowest + (CAP - lowest) * step / 400
        if price > result.price + 1e-9:
            assert not short(price)
        elif lowest < price < result.price - 1e-9:
            assert not glut(price)


@given(offers_lists, bids_lists, curves)
def test_nobody_trades_against_its_limits_and_nothing_is_lost(
    offers: list[Offer], bids: list[Bid], curve: Curve
) -> None:
    result = clear(offers, bids, curve, CAP)
    sold, bought = traded(result)
    assert sold == pytest.approx(bought, rel=1e-9, abs=1e-9)
    assert 0.0 <= result.price <= CAP
    for seller, amount in result.sold.items():
        own = [offer for offer in offers if offer.seller == seller]
        ready = sum(o.h100e for o in own if o.reserve_price <= result.price)
        must = sum(o.h100e for o in own if o.reserve_price < result.price)
        assert amount <= ready * (1 + 1e-12)
        if result.price < CAP and sold > 0.0:
            assert amount >= must * (1 - 1e-9)
    for buyer, amount in result.bought.items():
        mine = [bid for bid in bids if bid.buyer == buyer]
        assert amount <= sum(b.h100e for b in mine if b.limit_price >= result.price) * (1 + 1e-12)
        if result.price < CAP and sold > 0.0:
            must = sum(b.h100e for b in mine if b.limit_price > result.price)
            assert amount >= must * (1 - 1e-9)
    if sold > 0.0 and result.price < CAP:
        assert result.residual_h100e == pytest.approx(curve(result.price), rel=1e-6, abs=1e-6)


@given(offers_lists, bids_lists, curves, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    offers: list[Offer], bids: list[Bid], curve: Curve, shuffler: random.Random
) -> None:
    first = clear(offers, bids, curve, CAP)
    shuffler.shuffle(offers)
    shuffler.shuffle(bids)
    second = clear(offers, bids, curve, CAP)
    assert first == second
    assert list(first.sold) == list(second.sold)


def test_a_steep_curve_between_two_offers_is_solved_exactly() -> None:
    curve = elastic(1.0, 12.0)
    result = clear([Offer("A", 1e-6, 0.1), Offer("B", 1e9, 9.0)], [], curve, CAP)
    assert result.price == pytest.approx(1e6 ** (1 / 12), rel=1e-9)
