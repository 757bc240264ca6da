"""Users who serve themselves: nobody's service is lost, their chips are ordered and paid for.

The statistical test uses the 95 % t interval of the mean paired difference over the seeds named, so
that it passes for a true effect of zero with a chance of 2.5 %; the seeds are fixed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from computemarket import ComputeMarket, load_scenario
from computemarket.market.columns import TABLES
from computemarket.market.contracts import ChipOrder
from computemarket.market.ledger import WORLD
from computemarket.market.on_premise import OnPremise, split
from computemarket.market.rental import RentalBook
from computemarket.scenario import Scenario, ScenarioError, lint, override, with_months

SHARES = {
    "world.demand.enterprise.on_premise_share": 0.2,
    "world.demand.private.on_premise_share": 0.5,
}
PREFERENCE = "world.demand.on_premise_preference"
UNITS = ("demand_service_units", "open_weight_service_units", "on_premise_service_units")


@cache
def world(preference: float = 1.0, months: int = 24) -> Scenario:
    rules = with_months(load_scenario("duopoly"), months)
    return override(rules, {**SHARES, PREFERENCE: preference})


@cache
def played(preference: float, seed: int = 1, months: int = 24) -> ComputeMarket:
    return ComputeMarket(world(preference, months), seed=seed).run()


# -- who serves what ------------------------------------------------------------------------------

share = st.floats(0, 1)
own = st.floats(0, 0.95)


@given(st.floats(0, 1e15), share, own, st.floats(0, 1000))
def test_a_unit_of_service_is_served_once(units, open_share, on_premise, preference):
    served = split(units, open_share, on_premise, preference)
    total = served.labs + served.open_weights + served.on_premise
    assert total == pytest.approx(units / (1 - on_premise), rel=1e-9)
    assert min(served) >= 0


@given(share, st.floats(0.01, 0.95), st.floats(0.01, 100))
def test_a_preference_multiplies_the_odds_of_own_chips(open_share, on_premise, preference):
    base, served = (split(1.0, open_share, on_premise, p) for p in (1.0, preference))
    rest, at_base = (s.labs + s.open_weights for s in (served, base))
    assert served.on_premise / rest == pytest.approx(preference * base.on_premise / at_base)
    assert served.labs == pytest.approx(rest * (1 - open_share))
    assert served.on_premise_at_base == base.on_premise


@given(st.floats(0, 1e15), share, own)
def test_a_preference_of_one_leaves_labs_what_they_had(units, open_share, on_premise):
    assert split(units, open_share, on_premise, 1.0).labs == units * (1 - open_share)


@given(share, st.floats(0.01, 0.95), st.floats(0, 100), st.floats(0.01, 10))
def test_labs_and_clouds_lose_what_own_chips_win(open_share, on_premise, preference, more):
    one, other = (split(1.0, open_share, on_premise, p) for p in (preference, preference + more))
    assert other.labs <= one.labs
    assert other.open_weights <= one.open_weights
    assert other.on_premise > one.on_premise


# -- chips that users own -------------------------------------------------------------------------


def test_orders_follow_growth_and_replace_what_wears_out():
    chips = OnPremise()
    chips.need = chips.need_at_base = 1000.0
    chips.open()
    chips.wear(0.02)
    assert chips.order() == (pytest.approx(20.0), pytest.approx(20.0))
    chips.need = 1500.0
    chips.wear(0.02)
    assert chips.order() == (pytest.approx(520.0), pytest.approx(20.0))
    chips.need = 100.0
    assert chips.order()[0] == 0.0  # nobody sells chips; they wear out


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.floats(0, 0.5))
def test_users_never_hold_less_than_they_need(needs, wear):
    chips = OnPremise()
    for need in needs:
        chips.wear(wear)
        chips.need = need
        assert chips.order()[0] >= 0
        assert chips.held >= need * (1 - 1e-12)


def test_what_a_failed_maker_owes_is_ordered_anew():
    chips = OnPremise()
    chips.need = 100.0
    ordered, _ = chips.order()
    order = ChipOrder("id", WORLD, "Maker", 400.0, 0, 5, 3e4, left_h100e=400.0)
    order.on_premise_h100e = ordered
    chips.receive(order, 100.0)
    order.left_h100e = 300.0
    assert chips.fleet_h100e == pytest.approx(25.0)
    chips.cancel([order])
    assert chips.order()[0] == pytest.approx(75.0)


def test_at_a_preference_of_one_nothing_changes_but_what_is_shown():
    plain = ComputeMarket("duopoly", seed=1).run()
    shown = ["on_premise_service_units", "on_premise_h100e"]
    for name in TABLES:
        one, other = (getattr(m, name) for m in (plain, played(1.0)))
        if name == "months":
            assert (other[shown] > 0).all(axis=None)
            one, other = one.drop(columns=shown), other.drop(columns=shown)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_users_who_leave_take_their_service_with_them():
    """In the first month prices are the same, so the sum must be."""
    base, more = (played(p).months.loc[0, list(UNITS)].astype(float) for p in (1.0, 6.0))
    assert more.sum() == pytest.approx(base.sum(), rel=1e-12)
    assert (more < base).tolist() == [True, True, False]


@pytest.mark.parametrize("preference", [0.0, 1.0, 6.0])
def test_every_chip_on_premise_is_paid_for(preference):
    """The world pays the posted price of all that direct buyers get, own chips among it."""
    model = ComputeMarket(world(preference), seed=2)
    maker, market = model.economy.chipmakers["Silica"], model.economy.market
    owed = {}
    while model.running:
        before = maker.bought.get(WORLD, 0.0)
        model.step()
        rows = model.prices[model.prices.market == "chip"].groupby("month").get_group(market.month)
        h100e = rows.generation.map({chip.name: chip.h100e for chip in model.rules.chips})
        sold, worth = (rows.volume * h100e).sum(), (rows.volume * rows.price_usd).sum()
        owed[market.month] = (maker.bought[WORLD] - before) * worth / sold
    flows = model.flows
    paid = flows[(flows.payer == WORLD) & (flows.purpose == "chips")].set_index("month").amount_usd
    # the price of the month's deliveries is posted before makers reprice: a few per cent apart
    assert paid.to_numpy() == pytest.approx(list(owed.values()), rel=0.08)


def test_the_fleet_is_what_was_delivered():
    lasting = {"world.building.chip_failure_per_year": 0.0}
    lasting |= {"world.building.economic_life_years": 1e9}
    model = ComputeMarket(override(world(4.0), lasting), seed=1)
    chips = model.economy.market.on_premise
    opening, maker = chips.fleet_h100e, model.economy.chipmakers["Silica"]
    orders = {}
    while model.running:
        model.step()
        orders |= {id(o): o for o in maker.orders if o.buyer == WORLD}
    came = sum(o.on_premise_h100e * (1 - o.left_h100e / o.h100e) for o in orders.values())
    assert came > opening
    assert chips.fleet_h100e == pytest.approx(opening + came)
    coming = sum(o.on_premise_h100e * o.left_h100e / o.h100e for o in orders.values())
    assert chips.held == pytest.approx(chips.fleet_h100e + coming)


def test_a_preference_that_changes_mid_run_takes_time():
    event = {"month": "2024-07", "kind": "set", "path": PREFERENCE, "value": 3.0}
    base = played(1.0).months
    later = ComputeMarket(override(world(), {"interventions": [event]}), seed=1).run().months
    pd.testing.assert_frame_equal(base[:6], later[:6], check_exact=True)
    ratio = (later.on_premise_service_units / later.demand_service_units) / (
        base.on_premise_service_units / base.demand_service_units
    )
    assert 1.05 < ratio[6] < 1.3
    assert ratio[6] < ratio[12] < ratio[23] < 3.2


def test_without_other_direct_buyers_users_order_all_the_same():
    rules = override(world(2.0), {"world.supply.direct_buyers_h100e_per_month": 0.0})
    months = ComputeMarket(rules, seed=1).run().months
    assert months.on_premise_h100e.iloc[-1] > 2 * months.on_premise_h100e.iloc[0]


def test_nobody_wants_own_chips():
    months = played(0.0).months
    share = months.on_premise_service_units / months.demand_service_units
    assert share.iloc[-1] < 0.2 * share.iloc[0]
    assert (months.on_premise_h100e >= 0).all()


# -- open weights in clouds -----------------------------------------------------------------------


def test_open_weights_rent_whatever_the_price():
    renters = load_scenario("duopoly").world.renters
    book = RentalBook(load_scenario("duopoly"), "inference")
    book.open_weights_h100e = 300.0
    book.calibrate(renters, 1000.0)
    assert book.demand_h100e(renters, book.opening_price) == pytest.approx(1000.0)
    others = book.demand_h100e(renters, 2.0) - 300.0
    book.open_weights_h100e = 500.0
    assert book.demand_h100e(renters, 2.0) == pytest.approx(others + 500.0)
    assert book.demand_h100e(renters, 1e9) == pytest.approx(500.0, rel=1e-3)
    assert book.demand_h100e(renters, 2.0, 0.5) == pytest.approx((others + 500.0) / 2)


def test_open_weights_take_service_from_labs_and_capacity_from_clouds():
    rules = override(load_scenario("duopoly"), {"world.demand.enterprise.open_weight_share": 0.5})
    base, more = (ComputeMarket(r, seed=1).run().months for r in ("duopoly", rules))
    assert (more.open_weight_h100e > 3 * base.open_weight_h100e).all()
    assert more.demand_service_units[0] < 0.95 * base.demand_service_units[0]
    sums = [m[list(UNITS)].iloc[0].sum() for m in (base, more)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-12)


# -- claims, in small -----------------------------------------------------------------------------


def revenue(preference: float, seed: int) -> float:
    return float(played(preference, seed, 36).months.lab_revenue_usd.sum())


def test_more_preference_for_own_chips_lowers_api_revenue():
    """Seeds 1-8, 36 months of the small world, preference 4 against 1."""
    paired = [revenue(4.0, seed) / revenue(1.0, seed) - 1 for seed in range(1, 9)]
    half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
    assert np.mean(paired) + half < 0


# -- what a file may say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("world.demand.private.on_premise_share", 0.99, "0.95"),
        (PREFERENCE, -1.0, "greater than or equal to 0|at least 0|0 or more"),
        ("world.demand.on_premise_adjustment_months", 0.0, "1"),
        ("world.demand.on_premise_utilisation", 0.0, "0.01"),
    ],
)
def test_bad_input_is_refused_in_one_line(path, value, expected):
    with pytest.raises(ScenarioError, match=expected) as error:
        override(world(), {path: value})
    assert path in str(error.value)
    assert "\n" not in str(error.value)


def test_the_share_at_base_cannot_change_mid_run():
    path = "world.demand.private.on_premise_share"
    event = {"month": "2024-07", "kind": "set", "path": path, "value": 0.1}
    with pytest.raises(ScenarioError, match="opening balance"):
        override(world(), {"interventions": [event]})


def test_a_preference_for_nothing_is_suspicious():
    assert not [line for line in lint(world(2.0)) if "on_premise" in line]
    empty = override(load_scenario("duopoly"), {PREFERENCE: 2.0})
    assert [line for line in lint(empty) if line.startswith(PREFERENCE)]
