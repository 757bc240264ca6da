"""The right of first refusal: an incumbent cloud may match what a rival agreed with its lab.

The rival's package lies with the incumbent as a letter of intent until the next month. It matches
if it has the capacity and the package is worth at least its alternative by its own stance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..market.contracts import ComputeContract, Deal, DealStatus
from ..market.negotiation import Package, Stance
from .economy import Economy

_ENOUGH = 0.98  # of the package's volume that the incumbent must be able to promise
_WHY: Final = {"capacity": "it lacks the capacity", "price": "the price is too low for it"}


@dataclass(slots=True, eq=False)
class Matching:
    """A package that waits for the incumbent's answer.

    incumbent: the cloud that holds the right
    letter: the row of the contracts table, a letter of intent until the answer
    """

    incumbent: str
    lab: str
    rival: str
    workload: str
    package: Package
    h100e: float
    letter: Deal

    def lapse(self, economy: Economy) -> None:
        """The lab or the rival no longer trades: nobody has to answer."""
        self.settle(economy, DealStatus.LAPSED, "WITHDRAWN", "a party in distress withdrew")

    def settle(self, economy: Economy, status: DealStatus, outcome: str, reason: str) -> None:
        """End the letter of intent; the contract that may come of it has a row of its own."""
        self.letter.status, self.letter.outcome = status, outcome
        self.letter.values |= {"month_ended": economy.market.month, "reason": reason}


def holder_of_right(
    economy: Economy, lab: str, workload: str, rival: str
) -> ComputeContract | None:
    """The live contract whose cloud may match a rival's package; the largest where several."""
    live = economy.market.book.by_lab.get(lab, ())
    rights = [c for c in live if c.first_refusal and c.workload == workload]
    if not rights or any(c.cloud == rival for c in rights):
        return None
    largest = max(rights, key=lambda c: (c.h100e, c.contract_id))
    cloud = economy.clouds[largest.cloud]
    return largest if cloud.alive and not cloud.frozen else None


def put_before(
    economy: Economy, right: ComputeContract, rival: str, package: Package, h100e: float,
    opened: int,
) -> Matching:  # fmt: skip
    """Put a rival's package before the holder of the right."""
    market = economy.market
    lab, workload = right.lab, right.workload
    letter = Deal(
        market.book.new_id(lab, rival, market.date, "first_refusal"),
        "first_refusal",
        lab,
        rival,
        DealStatus.LETTER_OF_INTENT,
        "PENDING",
        opened,
        {"workload": workload, "h100e": h100e, "price_usd": package.price, "first_refusal": True},
    )
    market.book.deals.append(letter)
    market.event(
        "first_refusal_offered",
        lab,
        right.cloud,
        text=f"{lab} has a letter of intent with {rival} for {h100e:,.0f} {workload} H100e at "
        f"${package.price:.2f}/h; {right.cloud} may match it within a month",
        rival=rival,
        workload=workload,
        h100e=h100e,
        price_usd=package.price,
    )
    return Matching(right.cloud, lab, rival, workload, package, h100e, letter)


def answer(
    economy: Economy, matching: Matching, stance: Stance | None, capacity_h100e: float
) -> bool:
    """Whether the incumbent matches; the letter of intent is over either way.

    stance: the incumbent's, as of any sale to this lab; None where it sells no more
    """
    price, item = matching.package
    least = stance.limits()[item] if stance else None
    reason = ""
    if least is None or capacity_h100e < _ENOUGH * matching.h100e:
        reason = "capacity"
    elif price < least:
        reason = "price"
    if reason:
        does = f"does not match, as {_WHY[reason]}"
        matching.settle(economy, DealStatus.SIGNED, "DECLINED", _WHY[reason])
    else:
        does = "matches"
        matching.settle(economy, DealStatus.LAPSED, "MATCHED", "the incumbent took the package")
    asks = f"asks at least ${least:.2f}/h and " if least is not None else ""
    economy.market.event(
        "first_refusal_declined" if reason else "first_refusal_matched",
        matching.incumbent,
        matching.lab,
        text=f"{matching.incumbent} {does}: {matching.rival}'s package of {matching.h100e:,.0f} "
        f"{matching.workload} H100e at ${price:.2f}/h for {matching.lab} "
        f"({matching.incumbent} {asks}could promise {capacity_h100e:,.0f} H100e)",
        rival=matching.rival,
        workload=matching.workload,
        h100e=matching.h100e,
        price_usd=price,
        seller_reservation_usd=least,
        reason=reason,
    )
    return not reason
