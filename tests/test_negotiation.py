"""Bargaining: who gets which price, and why there was no deal."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from computemarket.market.negotiation import (
    Outcome,
    Package,
    Stance,
    Talk,
    nash_price,
    rubinstein_share,
)


@dataclass(frozen=True)
class Concede:
    """Faratin et al. 1998: exponent < 1 gives in late (boulware), > 1 early (conceder)."""

    exponent: float = 1.0
    floor: float = 0.0  # never gives in below this aspiration

    def aspiration(self, elapsed: float) -> float:
        return max(self.floor, 1.0 - elapsed ** (1.0 / self.exponent))


LINEAR = Concede()


def buyer(limit: float, opening: float, tactic: Concede = LINEAR, hours: float = 1e6) -> Stance:
    """A buyer who would pay up to `limit` for one kind of contract."""
    return Stance((limit * hours,), (-hours,), 0.0, opening, tactic)


def seller(cost: float, opening: float, tactic: Concede = LINEAR, hours: float = 1e6) -> Stance:
    return Stance((-cost * hours,), (hours,), 0.0, opening, tactic)


def finished(buyer: Stance, seller: Stance, rounds: int = 12) -> Talk:
    talk = Talk(buyer, seller, rounds)
    talk.advance(rounds)
    return talk


money = st.floats(-1e11, 1e11)
slope = st.floats(1e3, 1e9)
prices = st.floats(0.0, 50.0)
tactics = st.builds(Concede, st.floats(0.05, 20.0), st.sampled_from([0.0, 0.0, 0.1]))


@st.composite
def stances(draw: st.DrawFn) -> tuple[Stance, Stance]:
    """Two parties who value a menu of one to five term sheets, near agreement or not."""
    items = draw(st.integers(1, 5))
    level = draw(st.floats(0.1, 40.0))
    sides = []
    for sign in (-1.0, 1.0):
        slopes = [sign * draw(slope) for _ in range(items)]
        limits = [level * draw(st.floats(0.3, 1.7)) for _ in range(items)]
        batna = draw(money)
        intercepts = [batna - s * limit for s, limit in zip(slopes, limits, strict=True)]
        sides.append(Stance(tuple(intercepts), tuple(slopes), batna, draw(prices), draw(tactics)))
    return sides[0], sides[1]


def test_hand_worked_linear_talk() -> None:
    # Six rounds, twelve moves, clock in elevenths. Seller 10 -> 4, buyer 2 -> 8.
    # Move 6: the seller asks 10 - 6 * 6/11 = 6.727 and the buyer would bid 5.818: refused.
    # Move 7: the buyer bids 2 + 6 * 7/11 = 5.818; the seller would ask 5.636 next: signed.
    talk = finished(buyer(8.0, 2.0), seller(4.0, 10.0), rounds=6)
    assert talk.outcome is Outcome.SIGNED
    assert talk.round == 4
    assert talk.package == Package(pytest.approx(2 + 6 * 7 / 11), 0)
    assert (talk.buyer_reservation_price, talk.seller_reservation_price) == (8.0, 4.0)
    assert talk.gap == 4.0


@pytest.mark.parametrize("rounds", [3, 6, 12, 48])
@pytest.mark.parametrize("cost", [0.5, 2.0, 7.0])
def test_symmetric_linear_bargainers_settle_near_the_nash_price(rounds: int, cost: float) -> None:
    limit = cost + 3.0
    one, other = buyer(limit, cost - 0.5), seller(cost, limit + 0.5)
    agreed, nash = finished(one, other, rounds).package, nash_price(one, other)
    assert agreed is not None
    assert nash is not None
    # Tolerance: what either side concedes in one move.
    assert agreed.price == pytest.approx(nash.price, abs=3.5 / (2 * rounds - 1))


def test_talks_can_last_months_and_end_the_same() -> None:
    whole = finished(buyer(8.0, 2.0), seller(4.0, 10.0))
    monthly = Talk(buyer(8.0, 2.0), seller(4.0, 10.0), 12)
    outcomes = [monthly.advance(3) for _ in range(4)]
    assert outcomes[0] is None
    assert outcomes[-1] is Outcome.SIGNED
    assert monthly.package == whole.package
    assert monthly.round == whole.round


@given(stances(), st.integers(1, 30))
def test_every_deal_leaves_both_at_or_above_their_alternative(
    pair: tuple[Stance, Stance], rounds: int
) -> None:
    one, other = pair
    talk = finished(one, other, rounds)
    assert talk.outcome is not None
    assert (talk.gap < 0.0) == (talk.outcome is Outcome.NO_ZONE)
    assert (talk.package is not None) == (talk.outcome is Outcome.SIGNED)
    for package in (talk.package, nash_price(one, other, 0.3)):
        if package is None:
            continue
        assert package.price >= 0.0
        for side in pair:
            scale = abs(side.intercept_usd[package.item]) + abs(side.batna_usd) + 1.0
            assert side.value_usd(package) >= side.batna_usd - 1e-12 * scale
    assert (nash_price(one, other) is None) == (talk.gap < 0.0)


@given(stances(), st.integers(1, 30))
def test_who_concedes_fully_by_the_deadline_always_finds_the_deal(
    pair: tuple[Stance, Stance], rounds: int
) -> None:
    one, other = (replace(side, tactic=Concede(side.tactic.exponent)) for side in pair)  # type: ignore[attr-defined]
    talk = finished(one, other, rounds)
    assert talk.outcome is (Outcome.SIGNED if talk.gap >= 0.0 else Outcome.NO_ZONE)


@given(stances(), st.floats(0.05, 1.0), st.floats(1.0, 20.0), st.integers(1, 30))
def test_a_tougher_seller_gains_more_or_gets_no_deal(
    pair: tuple[Stance, Stance], tough: float, soft: float, rounds: int
) -> None:
    one, other = pair
    hard = finished(one, replace(other, tactic=Concede(tough)), rounds)
    mild = finished(one, replace(other, tactic=Concede(soft)), rounds)
    assume(hard.package is not None)
    assert hard.package is not None
    assert mild.package is not None  # giving in earlier never loses a deal
    assert mild.round <= hard.round
    values = other.value_usd(hard.package), other.value_usd(mild.package)
    assert values[0] >= values[1] - 1e-9 * (abs(values[1]) + abs(other.batna_usd) + 1.0)
    if hard.package.item == mild.package.item:
        assert hard.package.price >= mild.package.price - 1e-9 * mild.package.price


@given(st.floats(1.0, 9.0), st.floats(0.0, 3.0), st.integers(2, 24))
def test_a_boulware_seller_gets_a_higher_price(cost: float, room: float, rounds: int) -> None:
    one = buyer(cost + room, 0.5 * cost)
    hard = finished(one, seller(cost, 2 * cost, Concede(0.2)), rounds).package
    mild = finished(one, seller(cost, 2 * cost, Concede(5.0)), rounds).package
    assert hard is not None
    assert mild is not None
    assert hard.price >= mild.price


def test_a_poorly_rated_buyer_pays_more() -> None:
    # The seller's expected loss if the buyer fails enters as a cost: a lower intercept.
    agreed = []
    for expected_loss in (0.0, 0.5, 1.0):
        talk = finished(buyer(8.0, 2.0), seller(4.0 + expected_loss, 10.0), rounds=48)
        assert talk.package is not None
        agreed.append(talk.package.price)
    assert agreed == sorted(agreed)
    assert agreed[2] > agreed[0] + 0.2


def test_a_better_alternative_gets_a_better_price() -> None:
    weak, strong = buyer(8.0, 2.0), replace(buyer(8.0, 2.0), batna_usd=2e6)
    prices = [finished(side, seller(4.0, 10.0), 24).package for side in (weak, strong)]
    assert prices[0] is not None
    assert prices[1] is not None
    assert prices[1].price < prices[0].price


def test_a_party_in_a_hurry_gets_a_worse_price() -> None:
    # Pressure shows in the tactic: this buyer must agree in half the time.
    @dataclass(frozen=True)
    class Hurried:
        def aspiration(self, elapsed: float) -> float:
            return max(0.0, 1.0 - 2.0 * elapsed)

    calm, hurried = buyer(8.0, 2.0), replace(buyer(8.0, 2.0), tactic=Hurried())
    prices = [finished(side, seller(4.0, 10.0), 24).package for side in (calm, hurried)]
    assert prices[0] is not None
    assert prices[1] is not None
    assert prices[1].price > prices[0].price


def test_a_shorter_deadline_brings_the_deal_forward() -> None:
    rounds = [finished(buyer(8.0, 2.0), seller(4.0, 10.0), n).round for n in (24, 12, 6, 3)]
    assert rounds == sorted(rounds, reverse=True)
    assert rounds[0] > rounds[-1]


def test_no_zone_is_seen_at_once_and_records_both_reservations() -> None:
    talk = Talk(buyer(3.0, 1.0), seller(4.0, 6.0), 12)
    assert talk.advance(3) is Outcome.NO_ZONE
    assert talk.round == 0
    assert talk.package is None
    assert (talk.buyer_reservation_price, talk.seller_reservation_price) == (3.0, 4.0)
    assert talk.gap == -1.0


def test_impasse_records_both_reservations() -> None:
    stubborn = Concede(1.0, floor=0.9)
    talk = finished(buyer(8.0, 2.0, stubborn), seller(4.0, 10.0, stubborn))
    assert talk.outcome is Outcome.IMPASSE
    assert talk.round == 12
    assert talk.package is None
    assert (talk.buyer_reservation_price, talk.seller_reservation_price) == (8.0, 4.0)
    assert talk.gap == 4.0


def test_a_deal_that_leaves_no_gain_is_still_signed() -> None:
    talk = finished(buyer(4.1, 1.0), seller(4.1, 9.0))
    assert talk.outcome is Outcome.SIGNED
    assert talk.package == Package(4.1, 0)


def test_a_price_below_zero_is_no_zone() -> None:
    # The buyer would only take this for money; the seller gains even at no price.
    talk = Talk(buyer(-1.0, 0.0), seller(-2.0, 1.0), 5)
    assert talk.outcome is Outcome.NO_ZONE
    assert talk.seller_reservation_price == 0.0
    assert nash_price(buyer(-1.0, 0.0), seller(-2.0, 1.0)) is None


def test_revision_moves_the_price_or_ends_the_talk() -> None:
    talk = Talk(buyer(8.0, 2.0), seller(4.0, 10.0), 12)
    assert talk.advance(3) is None
    talk.revise(buyer(8.0, 2.0), seller(6.0, 10.0))
    assert talk.seller_reservation_price == 6.0
    talk.advance(9)
    assert talk.package is not None
    assert talk.package.price >= 6.0

    lost = Talk(buyer(8.0, 2.0), seller(4.0, 10.0), 12)
    lost.advance(3)
    lost.revise(buyer(3.0, 2.0), seller(4.0, 10.0))
    assert lost.outcome is Outcome.NO_ZONE
    assert lost.round == 3
    with pytest.raises(ValueError, match="over"):
        lost.revise(buyer(8.0, 2.0), seller(4.0, 10.0))


def test_parties_trade_terms_that_one_of_them_values_more() -> None:
    # Item 1 is prepaid: worth 2 $/hour to the seller, costs the buyer 0.5.
    hours = 1e6
    one = Stance((8.0 * hours, 7.5 * hours), (-hours, -hours), 0.0, 1.0, LINEAR)
    other = Stance((-4.0 * hours, -2.0 * hours), (hours, hours), 0.0, 9.0, LINEAR)
    talk = finished(one, other)
    nash = nash_price(one, other)
    assert talk.package is not None
    assert nash is not None
    assert talk.package.item == nash.item == 1
    assert talk.gap == pytest.approx(5.5)


def test_a_refused_item_is_never_signed() -> None:
    one = Stance((8e6, 9e6), (-1e6, -1e6), 0.0, 2.0, LINEAR)
    other = Stance((-4e6, float("-inf")), (1e6, 1e6), 0.0, 10.0, LINEAR)
    talk = finished(one, other)
    nash = nash_price(one, other)
    assert talk.package is not None
    assert nash is not None
    assert talk.package.item == nash.item == 0


@given(stances(), st.integers(1, 20))
def test_the_signed_package_wastes_little(pair: tuple[Stance, Stance], rounds: int) -> None:
    """No other item makes both better off: offers sit on the frontier of the menu."""
    one, other = pair
    package = finished(one, other, rounds).package
    assume(package is not None)
    assert package is not None
    kept = one.value_usd(package), other.value_usd(package)
    for item in range(len(one.intercept_usd)):
        price = (kept[0] - one.intercept_usd[item]) / one.slope_usd_per_price[item]
        if price >= 0.0:
            rival = other.value_usd(Package(price, item))
            scale = abs(rival) + abs(kept[1]) + abs(other.intercept_usd[item]) + 1.0
            ratio = abs(other.slope_usd_per_price[item] / one.slope_usd_per_price[item])
            scale += ratio * (abs(kept[0]) + abs(one.intercept_usd[item]))
            assert rival <= kept[1] + 1e-9 * scale


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 1.0])
def test_nash_splits_the_zone_by_power(power: float) -> None:
    deal = nash_price(buyer(8.0, 2.0), seller(4.0, 10.0), power)
    assert deal == Package(pytest.approx(8.0 - 4.0 * power), 0)


def test_nash_price_maximises_the_product_of_gains() -> None:
    one = Stance((9e6, 20e6), (-1e6, -3e6), 0.5e6, 1.0, LINEAR)
    other = Stance((-3e6, -6e6), (0.9e6, 2.5e6), 0.2e6, 9.0, LINEAR)
    packages = [Package(step / 1000, item) for step in range(12000) for item in (0, 1)]
    gains = [(one.value_usd(p) - 0.5e6, other.value_usd(p) - 0.2e6) for p in packages]
    best = max(a**0.3 * b**0.7 for a, b in gains if a >= 0 and b >= 0)
    deal = nash_price(one, other, 0.3)
    assert deal is not None
    product = (one.value_usd(deal) - 0.5e6) ** 0.3 * (other.value_usd(deal) - 0.2e6) ** 0.7
    assert product >= best
    assert product == pytest.approx(best, rel=1e-5)


@given(st.floats(0.05, 0.97), st.floats(0.05, 0.97))
def test_backward_induction_converges_to_rubinstein(first: float, second: float) -> None:
    # At the last of many rounds the proposer takes all; before it, the proposer leaves
    # the other exactly what it could get by waiting a round.
    proposer = 1.0
    for rounds_left in range(600):
        waiting = second if rounds_left % 2 else first
        proposer = 1.0 - waiting * proposer
    assert proposer == pytest.approx(rubinstein_share(first, second), abs=1e-6)


def test_rubinstein_limits() -> None:
    assert rubinstein_share(0.9, 0.9) == pytest.approx(1 / 1.9)
    assert rubinstein_share(0.0, 0.0) == 1.0
    assert rubinstein_share(0.99, 0.5) > rubinstein_share(0.5, 0.5)
    with pytest.raises(ValueError, match="impatience"):
        rubinstein_share(1.0, 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Stance((1.0,), (1.0,), 0.0, 1.0, LINEAR), seller(1.0, 2.0)),
        (buyer(1.0, 1.0), Stance((1.0,), (0.0,), 0.0, 1.0, LINEAR)),
        (buyer(1.0, 1.0), Stance((1.0, 2.0), (1.0, 1.0), 0.0, 1.0, LINEAR)),
        (Stance((), (), 0.0, 1.0, LINEAR), Stance((), (), 0.0, 1.0, LINEAR)),
    ],
)
def test_stances_that_make_no_sense_are_refused(one: Stance, other: Stance) -> None:
    with pytest.raises(ValueError, match=r"menu|higher price"):
        Talk(one, other, 3)
