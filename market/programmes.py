"""Conditional deals of several parties: legs agreed one by one, signed together or not at all.

A custom-chip programme has a leg on the design (lab and designer), one on hosting with each cloud,
and one on finance with each of them. Each leg is negotiated as if the others would sign. A leg on
which both sides agree is a letter of intent: it binds nobody and moves no money. Only when every
leg has its letter and the hosts together pre-commit to the share of the batch that the deal asks
for are all signed, at once. Until the deadline the talks go on month by month.

Nothing here knows the firms: what a leg is worth to a side comes as its `Stance`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .contracts import Deal, DealStatus
from .negotiation import Outcome, Stance, Talk

_ROUNDING = 1e-9


class LegKind(StrEnum):
    """What a leg is about, and so what its price is."""

    DESIGN = "design"  # US dollars a unit
    HOSTING = "hosting"  # $/H100e-hour over the term
    FINANCE = "finance"  # rate per year


class Clock(NamedTuple):
    """How far the talks are, in rounds."""

    played: int
    a_month: int
    deadline: int


@dataclass(slots=True, eq=False)
class Leg:
    """Talks of two parties within a programme.

    party: the side that can withhold what the programme needs; the other is its sponsor, or a host
    letter: the price of the letter of intent; None while there is none
    share: of the batch that a host pre-commits to
    gap_usd: what the seller asks at least less what the buyer pays at most, over the whole leg;
        below 0 there is a zone
    """

    kind: LegKind
    buyer: str
    seller: str
    party: str
    deal: Deal
    share: float = 0.0
    letter: float | None = None
    buyer_reservation: float = 0.0
    seller_reservation: float = 0.0
    gap_usd: float = 0.0
    rounds: int = 0
    blocker: str = ""
    why: str = ""

    @property
    def has_zone(self) -> bool:
        """Whether there is a price that both would accept."""
        return self.seller_reservation <= self.buyer_reservation

    @property
    def gap_share(self) -> float:
        """The gap relative to the price: the least that the seller asks."""
        asked = max(self.seller_reservation, 1e-9)
        return (self.seller_reservation - self.buyer_reservation) / asked

    def ask_for(self, share: float) -> None:
        """Put another size on the table; a letter was about the old one."""
        if abs(share - self.share) > _ROUNDING:
            self.share, self.letter = share, None

    def bargain(self, buyer: Stance, seller: Stance, clock: Clock, scale_usd: float) -> bool:
        """A month of talks; returns whether a letter of intent was newly agreed.

        A letter stands as long as both sides would still sign it.

        scale_usd: what a price of 1 comes to over the whole leg
        """
        low, high = max(0.0, seller.limits()[0]), buyer.limits()[0]
        self.seller_reservation, self.buyer_reservation = low, high
        self.gap_usd = (low - high) * scale_usd
        if self.letter is not None and low <= self.letter <= high:
            return False
        self.letter = None
        talk = Talk(buyer, seller, clock.deadline)
        talk.round = clock.played
        outcome = talk.outcome or talk.advance(clock.a_month)
        self.rounds = talk.round
        if outcome is Outcome.SIGNED and talk.package is not None:
            self.letter = talk.package.price
        return self.letter is not None

    def record(self, status: DealStatus, outcome: str, month: int, **values: object) -> None:
        """Bring the row of the contracts table up to date."""
        self.deal.status, self.deal.outcome = status, outcome
        self.deal.values.update(
            buyer_reservation_usd=self.buyer_reservation,
            seller_reservation_usd=self.seller_reservation,
            gap_usd=self.buyer_reservation - self.seller_reservation,
            rounds=self.rounds,
            price_usd=self.letter,
            reason=self.why,
            month_ended=month if status is DealStatus.LAPSED else None,
            **values,
        )


@dataclass(slots=True, eq=False)
class ConditionalDeal:
    """A programme under negotiation.

    batch_units: chips of the first batch
    standoff_months: months of talks that ended without signature
    blocker, role, why: what the last month's signature failed for
    months_blocked: of that standoff, by role of who was waited for
    """

    name: str
    opened: int
    deadline: int  # last month of talks
    batch_units: float
    design: Leg
    hosting: dict[str, Leg]  # by cloud
    finance: dict[str, Leg]
    status: DealStatus = DealStatus.TALKS
    standoff_months: int = 0
    blocker: str = ""
    role: str = ""
    why: str = ""
    gap_usd: float = 0.0
    gap_share: float = 0.0
    months_blocked: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether talks go on."""
        return self.status in (DealStatus.TALKS, DealStatus.LETTER_OF_INTENT)

    def clock(self, month: int, rounds_per_month: int) -> Clock:
        """Where the talks stand in a month; the deadline is the end of the last one."""
        months = self.deadline - self.opened + 1
        return Clock(
            (month - self.opened) * rounds_per_month, rounds_per_month, months * rounds_per_month
        )

    def legs(self, hosts: Iterable[str]) -> list[Leg]:
        """The legs that have to sign if these clouds host the batch."""
        own = [(self.hosting[host], self.finance[host]) for host in hosts]
        return [self.design, *(leg for pair in own for leg in pair)]

    def block(self, blocker: str, role: str, why: str, gap_usd: float, gap_share: float) -> bool:
        """Note what this month's signature failed for; returns whether that is news."""
        news = (blocker, why) != (self.blocker, self.why)
        self.standoff_months += 1
        self.months_blocked[role] = self.months_blocked.get(role, 0) + 1
        self.blocker, self.role, self.why = blocker, role, why
        self.gap_usd, self.gap_share = gap_usd, gap_share
        return news


def split_anchor(largest: Mapping[str, float], required: float) -> dict[str, float]:
    """Shares of the batch asked of each host: all are asked for the same part of their largest."""
    total = sum(largest.values())
    part = min(1.0, required / total) if total > 0 else 0.0
    return {host: part * share for host, share in sorted(largest.items())}


def choose_hosts(
    largest: Mapping[str, float], required: float, able: Callable[[str, float], bool]
) -> dict[str, float]:
    """Hosts that carry the anchor between them, with their shares; empty if none do.

    Who sees no zone for what it is asked for is left out, and the others are asked for more.
    """
    asked = dict(largest)
    while asked and sum(asked.values()) >= required - _ROUNDING:
        shares = split_anchor(asked, required)
        willing = {host: asked[host] for host, share in shares.items() if able(host, share)}
        if len(willing) == len(asked):
            return shares
        asked = willing
    return {}


def holding_up(legs: Iterable[Leg]) -> Leg | None:
    """The leg that a deal waits for: the largest gap of those without a zone, else any open one."""
    waiting = [leg for leg in legs if leg.letter is None]
    return max(waiting, key=lambda leg: (not leg.has_zone, leg.gap_usd, leg.party), default=None)
