"""Shortfalls of several firms at once: clearing payments against worked examples and laws."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computemarket.market.clearing import Estate, clear
from computemarket.market.insolvency import Claim, Rank

OUTSIDE = "outside"


def estate(cash: int, owes: dict[str, int], rank: Rank = Rank.UNSECURED) -> Estate:
    claims = [Claim(name, rank, usd, None, "loan") for name, usd in owes.items()]
    return Estate(cash, {}, claims)


def total(cleared: dict[str, object], name: str) -> int:
    return sum(cleared[name].paid_usd.values())  # type: ignore[attr-defined]


def test_three_banks_of_elsinger_lehar_and_summer() -> None:
    # Elsinger, Lehar & Summer (2006), "Risk assessment for banking systems", section 2:
    # dues (2, 4, 4), income of one each, clearing payments (2, 28/15, 52/15), here in millions.
    unit = 15 * 10**6
    cleared = clear(
        {
            "1": estate(unit, {"3": 2 * unit}),
            "2": estate(unit, {"1": 3 * unit, "3": unit}),
            "3": estate(unit, {"1": 3 * unit, "2": unit}),
        }
    )
    for name, published in (("1", Fraction(2)), ("2", Fraction(28, 15)), ("3", Fraction(52, 15))):
        assert total(cleared, name) == pytest.approx(float(published * unit), abs=5)


def test_hand_worked_chain() -> None:
    # A has 60 and owes B 100: pays 60. B has 10 + 60 and owes C 80 and outside 20: 56 and 14.
    # C has 30 + 56 and owes 50: pays in full and keeps 36.
    cleared = clear(
        {
            "A": estate(60, {"B": 100}),
            "B": estate(10, {"C": 80, OUTSIDE: 20}),
            "C": estate(30, {OUTSIDE: 50}),
        }
    )
    assert cleared["A"].paid_usd == {0: 60}
    assert cleared["B"].paid_usd == {0: 56, 1: 14}
    assert cleared["C"].paid_usd == {0: 50}
    assert (cleared["B"].received_usd, cleared["C"].received_usd) == (60, 56)


def test_a_ring_of_equal_debts_pays_itself() -> None:
    # Nobody has a dollar, all owe the same in a circle: the greatest solution pays everything.
    ring = {name: estate(0, {other: 500}) for name, other in ("AB", "BC", "CA")}
    assert all(cleared.paid_usd == {0: 500} for cleared in clear(ring).values())


def test_hand_worked_costs_of_failure() -> None:
    # A has 80 of 100: it fails, half of its assets are lost, B gets 40. B has 50 + 40 of 100:
    # it fails too: half of 50 and three quarters of 40.
    cleared = clear(
        {"A": estate(80, {"B": 100}), "B": estate(50, {OUTSIDE: 100})},
        realised_share=0.5,
        recovered_share=0.75,
    )
    assert cleared["A"].paid_usd == {0: 40}
    assert cleared["A"].cost_usd == 40
    assert cleared["B"].paid_usd == {0: 25 + 30}
    assert cleared["B"].cost_usd == 25 + 10
    # without costs B would not have failed
    assert clear({"A": estate(80, {"B": 100}), "B": estate(50, {OUTSIDE: 100})})["B"].paid_usd == {
        0: 100
    }


def test_a_firm_that_goes_on_bears_no_cost_of_bankruptcy() -> None:
    # A is in its cure month: it hands out all of its 80. Were it bankrupt, 40 would be lost.
    living = estate(80, {"B": 100})._replace(bankrupt=False)
    cleared = clear({"A": living, "B": estate(50, {OUTSIDE: 130})}, realised_share=0.5)
    assert cleared["A"].paid_usd == {0: 80}
    assert cleared["A"].cost_usd == 0
    assert cleared["B"].paid_usd == {0: 130}


def test_secured_claims_come_first_across_estates() -> None:
    # A's lender takes the fleet, then its staff; B shares 20 of 100 with the rest and passes it on.
    a = Estate(
        10,
        {"fleet": 60},
        [
            Claim("lender", Rank.SECURED, 40, "fleet", "loan"),
            Claim("staff", Rank.STAFF_AND_TAX, 10, None, "wages"),
            Claim("B", Rank.UNSECURED, 50, None, "prepaid"),
            Claim(OUTSIDE, Rank.UNSECURED, 50, None, "trade"),
        ],
    )
    cleared = clear({"A": a, "B": estate(0, {OUTSIDE: 30})})
    assert cleared["A"].paid_usd == {0: 40, 1: 10, 2: 10, 3: 10}
    assert cleared["B"].paid_usd == {0: 10}


def test_shares_of_owners_are_no_means() -> None:
    # B owns all of A: what is left of A reaches it, but B's creditors wait for no dividend here.
    a = Estate(100, {}, [Claim("B", Rank.EQUITY, 1000, None, "equity")])
    cleared = clear({"A": a, "B": estate(5, {OUTSIDE: 50})})
    assert cleared["A"].paid_usd == {0: 100}
    assert cleared["B"].paid_usd == {0: 5}


NETWORKS = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 10_000), min_size=n, max_size=n),
        st.lists(
            st.lists(st.integers(0, 10_000), min_size=n + 1, max_size=n + 1),
            min_size=n,
            max_size=n,
        ),
    )
)


def network(cash: list[int], dues: list[list[int]]) -> dict[str, Estate]:
    names = [f"F{i}" for i in range(len(cash))]
    return {
        name: estate(
            cash[i],
            {other: usd for other, usd in zip([*names, OUTSIDE], dues[i], strict=True)
             if other != name and usd},
        )
        for i, name in enumerate(names)
    }  # fmt: skip


@given(NETWORKS, st.sampled_from([(1.0, 1.0), (0.7, 0.9), (0.0, 0.0)]))
def test_laws_of_clearing(
    given_network: tuple[list[int], list[list[int]]], kept: tuple[float, float]
) -> None:
    estates = network(*given_network)
    cleared = clear(estates, realised_share=kept[0], recovered_share=kept[1])
    for name, estate_ in estates.items():
        paid = cleared[name].paid_usd
        # recoveries never exceed claims; nobody pays more than it has
        assert all(0 <= usd <= estate_.claims[i].amount_usd for i, usd in paid.items())
        means = estate_.cash_usd + cleared[name].received_usd - cleared[name].cost_usd
        assert sum(paid.values()) <= means
        # limited liability, absolute priority: it pays in full or all it has
        assert sum(paid.values()) == min(means, estate_.owed_usd)
        # what it counts as received is paid by somebody, but for a dollar of rounding a debtor
        got = sum(
            usd
            for other in estates
            for i, usd in cleared[other].paid_usd.items()
            if estates[other].claims[i].claimant == name
        )
        assert 0 <= got - cleared[name].received_usd <= len(estates)


@given(NETWORKS, st.randoms(use_true_random=False))
def test_the_order_of_firms_does_not_matter(
    given_network: tuple[list[int], list[list[int]]], shuffler: random.Random
) -> None:
    estates = network(*given_network)
    names = list(estates)
    shuffler.shuffle(names)
    assert clear({name: estates[name] for name in names}) == clear(estates)


@given(NETWORKS, st.integers(0, 5_000))
def test_more_cash_never_pays_less(
    given_network: tuple[list[int], list[list[int]]], gift: int
) -> None:
    estates = network(*given_network)
    richer = {**estates, "F0": estates["F0"]._replace(cash_usd=estates["F0"].cash_usd + gift)}
    before, after = clear(estates), clear(richer)
    for name in estates:  # up to a dollar of rounding for each debtor
        less = sum(before[name].paid_usd.values()) - sum(after[name].paid_usd.values())
        assert less <= len(estates) ** 2


def test_bad_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        clear({"A": estate(1, {OUTSIDE: 2})}, realised_share=1.5)
