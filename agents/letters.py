"""Letters of intent month by month: talks, signing, conversion, walking back, lapse (phase 7).

A letter is an option of both sides: each tranche whose trigger is met is paid if it binds, else
only if the giver still gains by the stake and by the sales that its money brings, and the taker by
the money. What becomes of it is news for mood and for the shares of all who sell to the taker.
"""

from __future__ import annotations

from typing import Any

from ..market.contracts import Deal, DealStatus
from ..market.letters import (
    GiverView,
    Letter,
    LetterTalk,
    PendingTranche,
    TakerView,
    converts,
    giver_gain,
    is_met,
    taker_gain,
    walk_back_chance,
)
from ..market.negotiation import Outcome, Stance, Talk
from ..scenarios import schema
from ..scenarios.calendar import month_index
from .economy import Economy
from .firm import Firm
from .letter_news import converted, given_up, signed
from .letter_views import (
    for_tranche_usd,
    free_cash_usd,
    giver_view,
    reservation_giver_usd,
    reservation_taker_usd,
    taker_view,
    why,
)
from .marks import consensus_usd
from .stances import hurried
from .strategies.negotiation import Linear
from .tranches import deployed_gw, pay_in, progress, promise, release

_ASKED_AGAIN_MONTHS = 6  # after the taker left a tranche for later


def follow_letters(economy: Economy) -> None:
    """Open and go on with talks, then see what becomes of each letter in force."""
    market = economy.market
    promises = market.promises
    promises.signed_usd = 0
    if market.month == 0:
        for given in market.rules.letters:
            _enter(economy, given, None)
    for terms in market.due_talks("letter"):
        promises.talks.append(_open(economy, terms))
    for talk in list(promises.talks):
        _talk(economy, talk)
    for letter in list(promises.letters):
        _follow(economy, letter)


def money(usd: float) -> str:
    """A sum as people read it: billions, or millions below one."""
    return f"${usd / 1e9:,.1f}B" if usd >= 0.95e9 else f"${usd / 1e6:,.1f}M"


# -- talks -----------------------------------------------------------------------------------------


def _open(economy: Economy, terms: schema.Letter) -> LetterTalk:
    """Sit down: the price is the pre-money, the giver is the buyer of shares."""
    giver, taker = economy.firm(terms.giver), economy.firm(terms.taker)
    rules = economy.market.rules.world.bargaining
    deadline = rules.rounds_per_month * rules.deadline_months
    buyer, seller = _stances(economy, giver, taker, terms)
    talk = Talk(buyer, seller, deadline)
    return LetterTalk(terms, talk, economy.market.month, consensus_usd(taker))


def _stances(
    economy: Economy, giver: Firm, taker: Firm, terms: schema.Letter
) -> tuple[Stance, Stance]:
    largest = round(max([t.amount_usd for t in terms.tranches]))
    amount = sum([t.amount_usd for t in terms.tranches])
    most = reservation_giver_usd(economy, giver, taker, largest)
    least = reservation_taker_usd(economy, giver, taker)
    opening = 1.3 * max(least, taker.valuation_usd)
    tactic = hurried(getattr(taker, "negotiation_rule", Linear()), taker.runway_months)
    buyer = Stance(
        (amount,), (-amount / most,), 0.0, 0.6 * most, getattr(giver, "negotiation_rule", Linear())
    )
    return buyer, Stance((-amount,), (amount / least,), 0.0, opening, tactic)


def _talk(economy: Economy, talk: LetterTalk) -> None:
    """A month of talks; a pre-money that the terms fix is taken or left."""
    promises, terms = economy.market.promises, talk.terms
    giver, taker = economy.firm(terms.giver), economy.firm(terms.taker)
    if not (giver.alive and taker.alive) or giver.frozen:
        _refuse(economy, talk, "WITHDRAWN", "a party in distress withdrew")
        return
    rules = economy.market.rules.world.bargaining
    fixed = terms.pre_money_usd
    if fixed is not None:
        most, least = talk.talk.buyer_reservation_price, talk.talk.seller_reservation_price
        outcome: Outcome | None = Outcome.SIGNED if least <= fixed <= most else Outcome.NO_ZONE
    else:
        outcome = talk.talk.outcome or talk.talk.advance(rules.rounds_per_month)
    if outcome is None:
        return
    if outcome is Outcome.SIGNED:
        promises.talks.remove(talk)
        _enter(economy, terms, talk)
        return
    most, least = talk.talk.buyer_reservation_price, talk.talk.seller_reservation_price
    reason = (
        f"{giver.name} would buy at {money(most)} pre-money at most, {taker.name} would sell "
        f"at {money(least)} at least"
    )
    if fixed is not None:
        reason += f", and {money(fixed)} is on the table"
    _refuse(economy, talk, str(outcome), reason)


def _refuse(economy: Economy, talk: LetterTalk, outcome: str, reason: str) -> None:
    """Record talks that came to nothing, with both reservations and the gap."""
    market, terms = economy.market, talk.terms
    market.promises.talks.remove(talk)
    amount = round(sum([t.amount_usd for t in terms.tranches]))
    values = _bargain(talk)
    market.book.deals.append(
        Deal(
            market.book.new_id(terms.giver, terms.taker, market.date, "letter"),
            "letter", terms.giver, terms.taker, DealStatus.LAPSED, outcome, talk.opened,
            {**values, "amount_usd": amount, "month_ended": market.month, "reason": reason},
        )
    )  # fmt: skip
    market.event(
        "letter_refused", terms.taker, terms.giver, amount,
        f"{terms.giver} and {terms.taker} part over a letter of intent of "
        f"{money(amount)}: {reason}", outcome=outcome, **values,
    )  # fmt: skip


def _bargain(talk: LetterTalk) -> dict[str, Any]:
    return {
        "buyer_reservation_usd": talk.talk.buyer_reservation_price,
        "seller_reservation_usd": talk.talk.seller_reservation_price,
        "gap_usd": talk.talk.gap,
        "rounds": talk.talk.round,
    }


# -- signing ---------------------------------------------------------------------------------------


def _enter(economy: Economy, terms: schema.Letter, talk: LetterTalk | None) -> None:
    """A letter comes into force: signed after talks, or given at the start of the run."""
    market = economy.market
    giver, taker = economy.firm(terms.giver), economy.firm(terms.taker)
    amount = sum([round(t.amount_usd) for t in terms.tranches])
    price = of_mark = None
    if talk is not None and terms.pre_money_usd is None and talk.talk.package is not None:
        of_mark = talk.talk.package.price / talk.fair_usd
        price = talk.talk.package.price
    opened = -1 if talk is None else talk.opened
    expires = month_index(market.rules.run, terms.expires)
    deal = Deal(
        market.book.new_id(giver.name, taker.name, market.date, "letter"),
        "letter", giver.name, taker.name, DealStatus.LETTER_OF_INTENT, "SIGNED", opened,
        {**({} if talk is None else _bargain(talk)), "binding": False,
         "month_signed": -1 if talk is None else market.month, "month_end": expires,
         "price_usd": terms.pre_money_usd or price, "amount_usd": amount, "converted_share": 0.0},
    )  # fmt: skip
    market.book.deals.append(deal)
    tranches = _tranches(economy, terms, deal.contract_id, of_mark)
    letter = Letter(deal, giver.name, taker.name, amount, market.month, expires, tranches)
    for tranche in tranches:
        promise(economy, tranche)
    market.promises.letters.append(letter)
    if talk is None:
        market.event(
            "letter_in_force", taker.name, giver.name, amount,
            f"a letter of intent of {giver.name} to {taker.name} over {money(amount)} is in "
            f"force at the start", contract_id=deal.contract_id,
        )  # fmt: skip
        return
    market.promises.signed_usd += amount
    binding = sum([t.amount_usd for t in tranches if t.binding])
    at = "at the value of the day"
    if terms.pre_money_usd is not None:
        at = f"at {money(terms.pre_money_usd)} pre-money"
    elif of_mark is not None:
        at = f"at {of_mark:.2f} times its value of the day"
    bound = f"; {money(binding)} binds" if binding else "; nothing binds"
    waits = "" if not tranches else f", the first on {tranches[0].condition()}"
    market.event(
        "letter_signed", taker.name, giver.name, amount,
        f"{giver.name} signs a letter of intent to invest up to {money(amount)} in {taker.name} "
        f"{at} in {len(tranches)} tranche{'s'[: len(tranches) != 1]}{waits}{bound}",
        contract_id=deal.contract_id, tranches=len(tranches), binding_usd=binding,
        expires=terms.expires, share_price_change=signed(economy, letter), **_bargain(talk),
    )  # fmt: skip


def _tranches(
    economy: Economy, terms: schema.Letter, deal_id: str, of_mark: float | None
) -> list[PendingTranche]:
    giver, taker = economy.firm(terms.giver), economy.firm(terms.taker)
    run = economy.market.rules.run
    running = deployed_gw(economy, taker, giver)
    fixed = terms.pre_money_usd
    return [
        PendingTranche(
            taker.name,
            giver.name,
            round(given.amount_usd),
            deal_id,
            given.trigger,
            due=0 if given.month is None else month_index(run, given.month),
            gw=given.gw or 0.0,
            opening_gw=running,
            arr_usd=given.arr_usd or 0.0,
            event=given.event or "",
            promised=None if given.promised is None else month_index(run, given.promised),
            binding=given.binding,
            pre_money_usd=None if fixed is None else round(fixed),
            of_mark=of_mark or 1.0,
            number=number,
        )
        for number, given in enumerate(terms.tranches, start=1)
    ]


# -- what becomes of it ----------------------------------------------------------------------------


def _follow(economy: Economy, letter: Letter) -> None:
    """Pay or decline what is due; then the letter goes on, is fulfilled, or lapses."""
    market = economy.market
    giver, taker = economy.firm(letter.giver), economy.firm(letter.taker)
    for firm in (giver, taker):
        if not firm.alive:
            _lapse(economy, letter, firm.name, f"{firm.name} is no longer in the market")
            return
    news = any(tranche.trigger == "event" for tranche in letter.tranches)
    now = progress(economy, taker, giver, news)
    for tranche in list(letter.tranches):
        if tranche.met is None and is_met(tranche, now):
            tranche.met = market.month
        if tranche.met is None or market.month < tranche.again:
            continue
        if tranche.binding:
            _pay_binding(economy, letter, tranche)
        else:
            _decide(economy, letter, tranche, giver, taker)
    letter.deal.values["converted_share"] = letter.converted_share
    if not letter.tranches:
        _close(economy, letter)
    elif market.month >= letter.expires:
        _lapse(economy, letter, "", "it ran out")
    elif market.month > letter.signed:
        _consider_walking_back(economy, letter, giver, taker)


def _pay_binding(economy: Economy, letter: Letter, tranche: PendingTranche) -> None:
    letter.tranches.remove(tranche)
    if pay_in(economy, tranche, for_tranche_usd(economy.firm(letter.taker), tranche)):
        letter.paid_usd += tranche.amount_usd
        converted(economy, letter, tranche.amount_usd)
    else:
        given_up(economy, letter, tranche.amount_usd)


def _decide(
    economy: Economy, letter: Letter, tranche: PendingTranche, giver: Firm, taker: Firm
) -> None:
    """A tranche whose trigger is met: the taker may leave it for later, the giver may decline."""
    market = economy.market
    for_giver, for_taker = _views(economy, giver, taker, tranche)
    item = f"{letter.deal.contract_id}/{tranche.number}"
    taker_draw = market.draws.uniform("letter", taker.name, giver.name, market.month, item)
    if taker_draw >= converts(taker_gain(for_taker)):
        tranche.again = market.month + _ASKED_AGAIN_MONTHS
        _tell(economy, letter, tranche, "tranche_postponed", for_taker)
        return
    letter.tranches.remove(tranche)
    giver_draw = market.draws.uniform("letter", giver.name, taker.name, market.month, item)
    unable = giver.frozen or free_cash_usd(giver) < tranche.amount_usd
    if unable or giver_draw >= converts(giver_gain(for_giver)):
        release(economy, tranche)
        change = given_up(economy, letter, tranche.amount_usd)
        _tell(economy, letter, tranche, "tranche_declined", None if unable else for_giver, change)
        return
    pay_in(economy, tranche, for_tranche_usd(taker, tranche))
    letter.paid_usd += tranche.amount_usd
    change = converted(economy, letter, tranche.amount_usd)
    _tell(economy, letter, tranche, "tranche_converted", for_giver, change)


_VERBS = {
    "tranche_postponed": "leaves for later",
    "tranche_declined": "declines to pay",
    "tranche_converted": "turns its letter into money:",
}


def _tell(
    economy: Economy,
    letter: Letter,
    tranche: PendingTranche,
    kind: str,
    view: GiverView | TakerView | None,
    change: dict[str, float] | None = None,
) -> None:
    """What became of a tranche, and why; without a view its giver lacks the cash."""
    who, other = letter.giver, letter.taker
    if isinstance(view, TakerView):
        who, other = other, who
    paid = kind == "tranche_converted"
    reason = "" if paid else "it has not the cash" if view is None else why(view)
    gain = taker_gain(view) if isinstance(view, TakerView) else view and giver_gain(view)
    text = f"{who} {_VERBS[kind]} {money(tranche.amount_usd)} that were due on "
    text += f"{tranche.condition()} under the letter {'with' if who == letter.taker else 'to'} "
    economy.market.event(
        kind, letter.taker, letter.giver, tranche.amount_usd,
        text + other + (f": {reason}" if reason else ""), contract_id=letter.deal.contract_id,
        tranche=tranche.number, by=who, reason=reason, gain=gain, share_price_change=change or {},
    )  # fmt: skip


def _views(
    economy: Economy, giver: Firm, taker: Firm, tranche: PendingTranche
) -> tuple[GiverView, TakerView]:
    price = for_tranche_usd(taker, tranche)
    late = tranche.months_late(economy.market.month)
    return (
        giver_view(economy, giver, taker, tranche.amount_usd, price, late),
        taker_view(economy, giver, taker, price),
    )


def _consider_walking_back(economy: Economy, letter: Letter, giver: Firm, taker: Firm) -> None:
    """The giver may give up what is left, the likelier the less it gains by it.

    The taker has no reason to: it may decline a tranche when it is due, and owes nothing until
    then.
    """
    market = economy.market
    following = letter.tranches[0]
    price = for_tranche_usd(taker, following)
    late = letter.months_late(market.month)
    view = giver_view(economy, giver, taker, following.amount_usd, price, late)
    draw = market.draws.uniform(
        "walk_back", giver.name, taker.name, market.month, letter.deal.contract_id
    )
    if draw < walk_back_chance(giver_gain(view)):
        _lapse(economy, letter, giver.name, f"{giver.name} walks back: {why(view)}")


def _close(economy: Economy, letter: Letter) -> None:
    """Nothing is open any more: fulfilled, or what was declined leaves it lapsed."""
    whole = letter.paid_usd == letter.amount_usd
    status = DealStatus.ENDED if whole else DealStatus.LAPSED
    share = f"{letter.converted_share:.0%} was paid"
    reason = "paid in full" if whole else f"no tranche is left, {share}"
    _strike(economy, letter, status, reason)
    economy.market.event(
        "letter_closed", letter.taker, letter.giver, letter.paid_usd,
        f"The letter of intent of {letter.giver} to {letter.taker} is over: {reason}",
        contract_id=letter.deal.contract_id, converted_share=letter.converted_share,
    )  # fmt: skip


def _lapse(economy: Economy, letter: Letter, who: str, reason: str) -> None:
    """What is left of a letter is given up: news for mood and for the taker's suppliers."""
    usd = letter.open_usd
    for tranche in letter.tranches:
        release(economy, tranche)
    change = given_up(economy, letter, usd)
    _strike(economy, letter, DealStatus.LAPSED, reason)
    economy.market.event(
        "letter_lapsed", letter.taker, letter.giver, usd,
        f"The letter of intent of {letter.giver} to {letter.taker} lapses with "
        f"{money(usd)} of {money(letter.amount_usd)} unpaid: {reason}",
        contract_id=letter.deal.contract_id, walked_back_by=who, reason=reason,
        converted_share=letter.converted_share, share_price_change=change,
    )  # fmt: skip


def _strike(economy: Economy, letter: Letter, status: DealStatus, reason: str) -> None:
    economy.market.promises.letters.remove(letter)
    deal = letter.deal
    deal.status = status
    deal.values |= {
        "month_ended": economy.market.month,
        "reason": reason,
        "converted_share": letter.converted_share,
    }
