"""Promised money: tranches and their triggers, letters of intent, warrants and backstops.

One mechanism of tranches serves equity rounds and letters alike. What a letter is worth to its two
sides is a sum of gains per dollar, from which follow the terms at signing and, later, whether it is
turned into money. A letter is a status: nothing here touches the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import NamedTuple

from ..scenarios import schema
from .contracts import Deal
from .negotiation import Talk

_DISTRUST = 0.015  # of stake and sales, per month that a milestone is late: 18 % a year, what
# late-stage money asks for waiting (calibration 4)
_LEAST_TRUST = 0.4
_CASH_PRESSURE = 1.0  # cost of a dollar, per share of the giver's free cash that it takes
# Shareholders grant a firm room for stakes in customers as limited partners answer capital calls:
# the exponent is that of `Investor.call_capital`.
_MOOD_OF_BUDGET = 1.5
_SCARCITY = 0.5  # worth of a dollar beyond its face to a firm at the end of its runway
_COMFORTABLE_RUNWAY_MONTHS = 24.0
_SPREAD = 0.12  # per dollar: what boards, regulators and politics add, which no model knows
_WALK_BACK_PER_MONTH = 0.004  # chance that a giver walks back a letter that gains it nothing
_MOST_WALK_BACK_PER_MONTH = 0.25
PRIOR = 0.3  # share of letters that the market expects to become money, calibration 7


@dataclass(slots=True, eq=False)
class PendingTranche:
    """Part of a round or of a letter that is due later, from one investor.

    pre_money_usd, outstanding_shares: of the round; None: as of the day of payment
    of_mark: price as a multiple of the taker's value that day, where no pre-money is agreed
    due: month, where the trigger is a date
    gw, arr_usd, event: the milestone otherwise; gw on top of `opening_gw`, which ran at signing
    promised: month by which the milestone is expected, if any
    """

    firm: str
    investor: str
    amount_usd: int
    deal_id: str
    trigger: str = "date"
    due: int = 0
    gw: float = 0.0
    opening_gw: float = 0.0
    arr_usd: float = 0.0
    event: str = ""
    promised: int | None = None
    binding: bool = True
    pre_money_usd: int | None = None
    of_mark: float = 1.0
    outstanding_shares: int | None = None
    number: int = 0  # within the letter, from 1
    met: int | None = None  # month in which its trigger was met
    again: int = 0  # not before this month, where the taker left it for later

    @property
    def on_date(self) -> bool:
        """Whether it is due on a date whatever happens: such money counts in runway."""
        return self.binding and self.trigger == "date"

    def months_late(self, month: int) -> int:
        """By how many months its milestone is, or was, behind what was promised."""
        reached = month if self.met is None else self.met
        return 0 if self.promised is None else max(0, reached - self.promised)

    def condition(self) -> str:
        """What it waits for, in words."""
        match self.trigger:
            case "gw_deployed":
                return f"{self.gw:.3g} GW more deployed"
            case "arr":
                return f"${self.arr_usd / 1e9:,.3g}B of recurring revenue"
            case "event":
                return self.event.replace("_", " ")
        return "the date agreed"


class Progress(NamedTuple):
    """Where the taker stands this month, as triggers see it."""

    month: int
    gw: float
    arr_usd: float
    events: frozenset[str]


def is_met(tranche: PendingTranche, now: Progress) -> bool:
    """Whether a tranche is due."""
    match tranche.trigger:
        case "date":
            return now.month >= tranche.due
        case "gw_deployed":
            return now.gw >= tranche.opening_gw + tranche.gw
        case "arr":
            return now.arr_usd >= tranche.arr_usd
    return tranche.event in now.events


@dataclass(slots=True, eq=False)
class Letter:
    """A letter of intent in force."""

    deal: Deal  # its row of the contracts table
    giver: str
    taker: str
    amount_usd: int
    signed: int
    expires: int
    tranches: list[PendingTranche]  # still open
    paid_usd: int = 0

    @property
    def open_usd(self) -> int:
        """What may still come."""
        return sum([t.amount_usd for t in self.tranches])

    @property
    def converted_share(self) -> float:
        """Share of the money promised that was paid."""
        return self.paid_usd / self.amount_usd

    def months_late(self, month: int) -> int:
        """By how many months what is still open is late, at worst."""
        return max([t.months_late(month) for t in self.tranches], default=0)


@dataclass(slots=True, eq=False)
class LetterTalk:
    """Talks over a letter of intent.

    opened: month; fair_usd: what the market would pay for the taker then. The price agreed is a
        share of that, and is paid as the same share of the value of the day of payment.
    """

    terms: schema.Letter
    talk: Talk
    opened: int
    fair_usd: float


@dataclass(slots=True, eq=False)
class Warrant:
    """Shares that vest as the holder runs the issuer's chips."""

    issuer: str
    holder: str
    shares: int  # that all of it would give
    share: float  # of the issuer when granted
    gw: float  # beyond `opening_gw`, that earn all
    opening_gw: float
    issuer_value_usd: float  # when granted
    opening_index: float  # share price then
    granted: int
    expires: int
    vested_shares: int = 0

    def due_shares(self, gw: float) -> int:
        """Shares earned with so much on the issuer's chips; whole, rounded down."""
        earned = max(0.0, min(1.0, (gw - self.opening_gw) / self.gw))
        return int(earned * self.shares)

    def value_usd(self, shares: float, share_price_index: float) -> float:
        """What shares are worth at today's price."""
        price = self.issuer_value_usd * self.share * share_price_index / self.opening_index
        return price * shares / self.shares


@dataclass(slots=True, eq=False)
class Backstop:
    """A guarantor's promise to buy unsold capacity."""

    guarantor: str
    cloud: str
    workload: str
    h100e: float
    price_usd_per_h100e_hour: float
    granted: int
    expires: int
    deal: Deal  # its row of the contracts table
    paying: bool = False  # last month


@dataclass(slots=True, eq=False)
class Promises:
    """All letters, warrants and backstops of a run, and what was signed this month."""

    talks: list[LetterTalk] = field(default_factory=list)  # over letters
    letters: list[Letter] = field(default_factory=list)
    warrants: list[Warrant] = field(default_factory=list)
    backstops: list[Backstop] = field(default_factory=list)
    signed_usd: int = 0  # by letter, this month


# -- what a letter is worth, per dollar of it --------------------------------------------------


class GiverView(NamedTuple):
    """What a giver weighs when it is to pay a tranche."""

    value_over_price: float  # of the stake, as the giver sees the taker in today's mood
    default_risk: float  # chance that the taker fails before its next round
    sales_share: float  # of a dollar given that comes back to it as margin on its sales
    cash_share: float  # of its free cash that the tranche takes
    mood: float
    capital_response: float  # of capital to mood
    months_late: int  # of the milestone


class TakerView(NamedTuple):
    """What a taker weighs when it may draw a tranche."""

    value_over_price: float  # of the shares it gives, as it sees itself
    runway_months: float
    tied_share: float  # of a dollar that goes back to the giver for inference
    dissatisfaction: float  # log cost of the giver's compute for inference over the best rival's


def trust(view: GiverView) -> float:
    """Weight of what is promised: a milestone that is late puts the rest in doubt."""
    return max(_LEAST_TRUST, 1 - _DISTRUST * view.months_late)


def giver_worth(view: GiverView) -> float:
    """What the giver gets for a dollar: the stake, and the sales that the money brings."""
    stake = view.value_over_price * (1 - view.default_risk)
    return trust(view) * (stake + view.sales_share)


def giver_cost(view: GiverView) -> float:
    """What a dollar costs the giver: dearer the more of its cash is asked for, and in bad times."""
    budget = exp(_MOOD_OF_BUDGET * view.capital_response * view.mood)
    return 1 + _CASH_PRESSURE * view.cash_share / budget


def giver_gain(view: GiverView) -> float:
    """Net gain of the giver per dollar."""
    return giver_worth(view) - giver_cost(view)


def scarcity(view: TakerView) -> float:
    """Worth of a dollar beyond its face to a firm that runs short."""
    return _SCARCITY * max(0.0, 1 - view.runway_months / _COMFORTABLE_RUNWAY_MONTHS)


def taker_worth(view: TakerView) -> float:
    """What a dollar is worth to the taker, less what being tied to dear compute costs it."""
    return 1 + scarcity(view) - view.tied_share * (exp(view.dissatisfaction) - 1)


def taker_gain(view: TakerView) -> float:
    """Net gain of the taker per dollar: the dollar's worth less that of the shares it gives."""
    return taker_worth(view) - view.value_over_price


def converts(gain: float) -> float:
    """Chance that a side goes ahead with a tranche: one half where it breaks even, logistic."""
    return 1 / (1 + exp(-max(-50.0, min(50.0, gain / _SPREAD))))


def walk_back_chance(gain: float) -> float:
    """Chance a month that the giver gives a letter up, which falls with what it gains."""
    odds = exp(-max(-50.0, min(50.0, gain / _SPREAD)))
    return min(_MOST_WALK_BACK_PER_MONTH, _WALK_BACK_PER_MONTH * odds)
