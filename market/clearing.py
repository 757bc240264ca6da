"""Shortfalls of several firms cleared together: what each pays when its debtors fail as well.

The clearing payments of Eisenberg & Noe (2001): every firm pays in full, or all that it has by rank
and pro rata, and what it has includes what the others pay it. Of several solutions the greatest is
taken, found from above. A firm that fails may lose a part of what it has to the failure itself
(Rogers & Veraart 2013). Money is in whole US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .insolvency import Claim, Rank, waterfall


class Estate(NamedTuple):
    """What a firm can pay with, without what the others owe it, and who claims it.

    cash_usd: at hand
    collateral_usd: proceeds of pledged assets, by key
    claims: on the firm, of any rank; claimants may be other estates
    bankrupt: whether a shortfall costs a part of its means; a firm in its cure month pays what it
        can and goes on
    """

    cash_usd: int
    collateral_usd: Mapping[str, int]
    claims: Sequence[Claim]
    bankrupt: bool = True

    @property
    def owed_usd(self) -> int:
        """All claims but those of the owners."""
        return sum([c.amount_usd for c in self.claims if c.rank is not Rank.EQUITY])


class Cleared(NamedTuple):
    """How an estate came out.

    paid_usd: by index of the claim
    received_usd: from the other estates
    cost_usd: lost to the failure
    """

    paid_usd: dict[int, int]
    received_usd: int
    cost_usd: int


def clear(
    estates: Mapping[str, Estate],
    *,
    realised_share: float = 1.0,
    recovered_share: float = 1.0,
) -> dict[str, Cleared]:
    """Clear the estates together; the order in which they are given does not matter.

    realised_share: of its own assets that a firm which cannot pay in full realises (alpha)
    recovered_share: of what others pay it that such a firm keeps (beta)

    Raises:
        ValueError: a share is not within 0 and 1, or an estate has negative means.
    """
    if not (0 <= realised_share <= 1 and 0 <= recovered_share <= 1):
        raise ValueError("shares that survive a failure lie between 0 and 1")
    names = sorted(estates)
    owed = {name: estates[name].owed_usd for name in names}
    # Never above what it was the round before: rounding could otherwise go round in circles.
    received = {name: _claimed_of_others(name, estates) for name in names}
    while True:
        cleared = {}
        for name in names:
            estate = estates[name]
            own = estate.cash_usd + sum(estate.collateral_usd.values())
            fails = estate.bankrupt and own + received[name] < owed[name]
            kept = (realised_share, recovered_share) if fails else (1.0, 1.0)
            cleared[name] = _pay_out(estate, received[name], *kept)
        lower = {
            name: min(received[name], _received(name, names, estates, cleared)) for name in names
        }
        if lower == received:
            return cleared
        received = lower


def _claimed_of_others(name: str, estates: Mapping[str, Estate]) -> int:
    """What the other estates owe a firm, and nothing for its shares in them."""
    return sum(
        [
            claim.amount_usd
            for other, estate in estates.items()
            if other != name
            for claim in estate.claims
            if claim.claimant == name and claim.rank is not Rank.EQUITY
        ]
    )


def _received(
    name: str,
    names: Sequence[str],
    estates: Mapping[str, Estate],
    cleared: Mapping[str, Cleared],
) -> int:
    """What the other estates pay a firm on its claims."""
    return sum(
        [
            cleared[other].paid_usd[index]
            for other in names
            if other != name
            for index, claim in enumerate(estates[other].claims)
            if claim.claimant == name and claim.rank is not Rank.EQUITY
        ]
    )


def _pay_out(estate: Estate, received_usd: int, realised: float, recovered: float) -> Cleared:
    """Pay an estate's means out by rank, less what the failure costs."""
    cash = int(realised * estate.cash_usd) + int(recovered * received_usd)
    collateral = {key: int(realised * usd) for key, usd in estate.collateral_usd.items()}
    means = estate.cash_usd + received_usd + sum(estate.collateral_usd.values())
    cost = means - cash - sum(collateral.values())
    return Cleared(waterfall(cash, collateral, estate.claims), received_usd, cost)
