"""What happens when a firm cannot pay: the ladder of distress and who gets what is left.

Default is cash-flow default. Money is in whole US dollars.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from math import exp
from typing import NamedTuple

from .allocation import largest_remainder, pro_rata

WATCH_BELOW_MONTHS = 12.0
DISTRESS_BELOW_MONTHS = 6.0


class Status(StrEnum):
    """How close a firm is to default."""

    HEALTHY = "HEALTHY"
    WATCH = "WATCH"
    DISTRESS = "DISTRESS"
    CURE = "CURE"
    DEFAULTED = "DEFAULTED"


class Rank(IntEnum):
    """Order of payment out of a failed firm, first to last."""

    SECURED = 0
    STAFF_AND_TAX = 1
    UNSECURED = 2
    EQUITY = 3


class Claim(NamedTuple):
    """What somebody is owed by a failed firm.

    amount_usd: what is owed; for EQUITY the number of shares, which sets proportions only
    collateral: key of the asset that secures the claim (SECURED only), else None
    ref: the contract or loan behind the claim
    """

    claimant: str
    rank: Rank
    amount_usd: int
    collateral: str | None
    ref: str


def ladder(runway_months: float, arrears_usd: int) -> Status:
    """Status at the end of a month of a firm that goes on.

    arrears_usd: dues that stay unpaid after rescue
    """
    if arrears_usd > 0:
        return Status.CURE
    if runway_months < DISTRESS_BELOW_MONTHS:
        return Status.DISTRESS
    return Status.WATCH if runway_months < WATCH_BELOW_MONTHS else Status.HEALTHY


def waterfall(
    estate_cash_usd: int,
    collateral_proceeds_usd: Mapping[str, int],
    claims: Sequence[Claim],
) -> dict[int, int]:
    """Pay out a failed firm in whole dollars, by index of the claim.

    Secured claims take their own collateral first, sharing it pro rata; what it leaves
    open is unsecured, what it leaves over joins the estate. Then staff and tax,
    unsecured, and all the rest to equity pro rata to shares. The payments sum to all
    proceeds, less only where every claim is paid and there is no equity.
    """
    if estate_cash_usd < 0 or min(collateral_proceeds_usd.values(), default=0) < 0:
        raise ValueError("an estate cannot hand out negative proceeds")
    paid = dict.fromkeys(range(len(claims)), 0)
    estate_usd = estate_cash_usd + sum(collateral_proceeds_usd.values())

    by_collateral: dict[str, list[int]] = defaultdict(list)
    for index in _of_rank(claims, Rank.SECURED):
        collateral = claims[index].collateral
        if collateral is not None and collateral in collateral_proceeds_usd:
            by_collateral[collateral].append(index)
    for collateral, secured in by_collateral.items():
        estate_usd -= _pay(collateral_proceeds_usd[collateral], claims, secured, paid)

    estate_usd -= _pay(estate_usd, claims, _of_rank(claims, Rank.STAFF_AND_TAX), paid)
    unsecured = _of_rank(claims, Rank.SECURED, Rank.UNSECURED)
    estate_usd -= _pay(estate_usd, claims, unsecured, paid)

    shares = {_key(claims, i): claims[i].amount_usd for i in _of_rank(claims, Rank.EQUITY)}
    if any(shares.values()):
        for key, amount_usd in largest_remainder(estate_usd, shares).items():
            paid[key[-1]] = amount_usd
    return paid


def rejection_damages_usd(termination_fee_usd: int, unmitigated_take_or_pay_usd: int) -> int:
    """Claim of a supplier whose contract the estate rejects: the lesser of the two."""
    return max(0, min(termination_fee_usd, unmitigated_take_or_pay_usd))


def fire_sale_share(alone: float, impact: float, on_sale_share: float) -> float:
    """Share of its value that plant fetches when others have to sell theirs too.

    The log price falls in proportion to what is on sale (Cifuentes, Ferrucci & Shin 2005), as those
    who could use it best are short of money themselves (Shleifer & Vishny 1992).

    alone: share that a single small seller gets
    impact: fall of the log price per unit of `on_sale_share`
    on_sale_share: of all plant of the market that is on sale at the time, 0..1
    """
    return alone * exp(-impact * on_sale_share)


def _of_rank(claims: Sequence[Claim], *ranks: Rank) -> list[int]:
    return [index for index, claim in enumerate(claims) if claim.rank in ranks]


def _key(claims: Sequence[Claim], index: int) -> tuple[str, str, int, int, str, int]:
    """Breaks ties by claimant and contract; the index only keeps equal claims apart."""
    claimant, rank, amount_usd, collateral, ref = claims[index]
    return (claimant, ref, rank, amount_usd, collateral or "", index)


def _pay(
    available_usd: int, claims: Sequence[Claim], indices: list[int], paid: dict[int, int]
) -> int:
    """Pay what is still open on some claims pro rata; returns what was paid."""
    still_owed = {_key(claims, i): claims[i].amount_usd - paid[i] for i in indices}
    spent_usd = 0
    for key, amount_usd in pro_rata(available_usd, still_owed).items():
        paid[key[-1]] += amount_usd
        spent_usd += amount_usd
    return spent_usd
