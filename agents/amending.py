"""What becomes of renegotiations: terms that change, fees that are due, refusals on record."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Final

from ..market.amendments import WAIVER_WITH_FIRST_REFUSAL
from ..market.contracts import ComputeContract, Deal, DealStatus
from ..market.negotiation import Talk
from .economy import Economy
from .grievances import GIVEN_BACK

EXTENSION_MONTHS = 12  # of blend-and-extend
_LEAST_CHANGE = 0.01  # of the price, else nothing is amended

WAIVER, PRICE, REVIEW, RELIEF = "waiver", "price", "review", "relief"
_ASKED: Final = {
    PRICE: "a better price, as rivals ask less",
    REVIEW: "the market price, as the contract allows",
    RELIEF: "relief in distress",
}
_IN_VAIN: Final = {
    "NO_ZONE": "nothing suits both better than what they have",
    "IMPASSE": "no agreement before the deadline",
    "WITHDRAWN": "there is no cause any more",
}


@dataclass(slots=True, eq=False)
class Amendment:
    """Talks of a lab and a cloud about a contract in force, or about all of a kind.

    contract: of a waiver, the exclusive one that lasts longest; of relief, any
    """

    topic: str
    lab: str
    cloud: str
    contract: ComputeContract
    talk: Talk
    opened: int


def record_refusal(economy: Economy, amendment: Amendment, outcome: str) -> None:
    """Nothing changes; both reservations and the reason are recorded."""
    market, topic = economy.market, amendment.topic
    lab, cloud = amendment.lab, amendment.cloud
    waiver, reason = topic == WAIVER, _IN_VAIN[outcome]
    asked = f"a waiver of {cloud}'s exclusivity" if waiver else _ASKED[topic]
    text = f"{lab} asks {cloud} for {asked}, in vain: {reason} {_limits(amendment)}"
    if outcome == "WITHDRAWN":
        text = f"{lab} no longer asks {cloud} for {asked}: {reason}"
    values = _values(amendment)
    _enter(economy, amendment, DealStatus.LAPSED, outcome, {**values, "reason": reason})
    kind = "waiver_refused" if waiver else "amendment_refused"
    details = {**values, "topic": topic, "outcome": outcome, "reason": reason}
    market.event(kind, lab, cloud, text=text, **details)


def waive(economy: Economy, amendment: Amendment) -> list[str]:
    """End exclusivity between the two for a fee, the contracts stay; returns what is free now."""
    market, talk = economy.market, amendment.talk
    assert talk.package is not None
    month, fee = market.month, round(talk.package.price)
    keeps = talk.package.item == WAIVER_WITH_FIRST_REFUSAL
    lab, cloud = amendment.lab, amendment.cloud
    freed = []
    for contract in market.book.of_lab(lab):
        if contract.cloud == cloud and contract.exclusive:
            market.book.amend(
                contract, month, exclusive=False, first_refusal=keeps, month_waived=month
            )
            freed.append(contract.workload)
    market.bill(lab, cloud, fee, "waiver_fee")
    values = _values(amendment)
    how = "and keeps a right of first refusal" if keeps else "in full"
    row = {**values, "amount_usd": fee, "first_refusal": keeps, "reason": f"waived {how}"}
    _enter(economy, amendment, DealStatus.AMENDED, "SIGNED", row)
    market.event(
        "waiver_signed",
        lab,
        cloud,
        fee,
        f"{cloud} waives its exclusivity with {lab} {how} for a fee of ${fee / 1e6:,.1f}M, as "
        f"{lab} lacks compute that {cloud} has not delivered {_limits(amendment)}",
        first_refusal=keeps,
        contracts=len(freed),
        **values,
    )
    return sorted(set(freed))


def amend(economy: Economy, amendment: Amendment) -> None:
    """Put the agreed price, over an extension too where that was agreed, into a contract."""
    talk, contract = amendment.talk, amendment.contract
    assert talk.package is not None
    price, item = talk.package
    terms: dict[str, float] = {"price_usd_per_h100e_hour": price}
    words = ""
    if item == 1:
        terms["end"] = contract.end + EXTENSION_MONTHS
        words = f" and run {EXTENSION_MONTHS} months longer"
    elif abs(price / contract.price_usd_per_h100e_hour - 1) < _LEAST_CHANGE:
        return
    _change(economy, amendment, [contract], price, [terms], words)


def relieve(economy: Economy, amendment: Amendment, contracts: list[ComputeContract]) -> None:
    """Cut the prices of all contracts alike; part of the training may go back to the cloud."""
    talk, month = amendment.talk, economy.market.month
    assert talk.package is not None
    price, item = talk.package
    hours = sum([c.remaining_h100e_hours(month) for c in contracts])
    mean = sum([c.remaining_usd(month) for c in contracts]) / hours
    if item == 0 and price > mean * (1 - _LEAST_CHANGE):
        return
    changes = []
    for contract in contracts:
        terms = {"price_usd_per_h100e_hour": contract.price_usd_per_h100e_hour * price / mean}
        if item == 1 and contract.workload == "training":
            for field in ("h100e", "opening_h100e", "mw"):
                terms[field] = (1 - GIVEN_BACK) * getattr(contract, field)
        changes.append(terms)
    words = f" and {GIVEN_BACK:.0%} of the training is given back" if item == 1 else ""
    _change(economy, amendment, contracts, price, changes, words)


def _change(
    economy: Economy, amendment: Amendment, contracts: list[ComputeContract], price: float,
    changes: list[dict[str, float]], words: str,
) -> None:  # fmt: skip
    """Amend contracts and tell of it."""
    market, month, topic = economy.market, economy.market.month, amendment.topic
    lab, cloud = amendment.lab, amendment.cloud
    before = sum([c.remaining_usd(month) for c in contracts])
    old = before / sum([c.remaining_h100e_hours(month) for c in contracts])
    for contract, terms in zip(contracts, changes, strict=True):
        market.book.amend(contract, month, **terms)
    saved = round(before - sum([c.remaining_usd(month) for c in contracts]))
    values = {**_values(amendment), "h100e": sum([c.h100e for c in contracts]), "price_usd": price}
    row = {**values, "amount_usd": saved, "reason": _ASKED[topic]}
    _enter(economy, amendment, DealStatus.AMENDED, "SIGNED", row)
    market.event(
        "contract_amended",
        lab,
        cloud,
        saved,
        f"{lab} asks {cloud} for {_ASKED[topic]}: {values['h100e']:,.0f} H100e under contract now "
        f"cost ${price:.2f}/h instead of ${old:.2f}/h{words} {_limits(amendment)}",
        topic=topic,
        contracts=[c.contract_id for c in contracts],
        old_price_usd=old,
        **values,
    )


def _limits(amendment: Amendment) -> str:
    """Both reservation prices in words: a fee in millions, or a price an hour."""
    talk = amendment.talk
    prices = talk.buyer_reservation_price, talk.seller_reservation_price
    if amendment.topic == WAIVER:
        most, least = (f"${p / 1e6:,.1f}M" for p in prices)
    else:
        most, least = (f"${p:.2f}/h" for p in prices)
    if prices[1] == inf:
        return f"({amendment.cloud} would at no price)"
    return f"({amendment.lab} would pay at most {most}, {amendment.cloud} asks at least {least})"


def _values(amendment: Amendment) -> dict[str, Any]:
    """Columns of the contracts table that events tell of too."""
    talk, contract = amendment.talk, amendment.contract
    least: float | None = talk.seller_reservation_price
    gap: float | None = talk.gap
    if least == inf:  # there is no price at which the cloud would
        least = gap = None
    values: dict[str, Any] = {
        "h100e": contract.h100e,
        "buyer_reservation_usd": talk.buyer_reservation_price,
        "seller_reservation_usd": least,
        "gap_usd": gap,
        "rounds": talk.round,
    }
    if amendment.topic in (PRICE, REVIEW):
        values["workload"] = contract.workload
    return values


def _enter(
    economy: Economy, amendment: Amendment, status: DealStatus, outcome: str,
    values: dict[str, Any],
) -> None:  # fmt: skip
    """A row of the contracts table."""
    market = economy.market
    what = "waiver" if amendment.topic == WAIVER else "amendment"
    end = "month_signed" if outcome == "SIGNED" else "month_ended"
    market.book.deals.append(
        Deal(
            market.book.new_id(amendment.lab, amendment.cloud, market.date, what),
            what,
            amendment.lab,
            amendment.cloud,
            status,
            outcome,
            amendment.opened,
            {**values, end: market.month},
        )
    )
