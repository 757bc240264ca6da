"""A plan for the debts of a firm that cannot pay, and the creditors' vote on it.

Priority is absolute: secured lenders keep as much debt as the firm's cash flow carries, over an
extended term; what they and then the unsecured creditors give up for shares is covered by what the
firm is worth beyond that debt; the rest is cut. Staff and tax are paid in cash. A plan stands if
enough of the claims, by amount, gain by it over a liquidation. Money is in whole US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .allocation import pro_rata
from .insolvency import Claim, Rank


class Plan(NamedTuple):
    """What becomes of each claim, by its index.

    kept_usd: stays a secured debt, on an extended term
    swapped_usd: worth of the shares that it is exchanged for
    cut_usd: given up
    paid_usd: in cash, at once (staff and tax)
    creditors_share: of the firm that the new shares make up, 0..1
    """

    kept_usd: dict[int, int]
    swapped_usd: dict[int, int]
    cut_usd: dict[int, int]
    paid_usd: dict[int, int]
    creditors_share: float


class Ballot(NamedTuple):
    """How creditors vote; US dollars of their claims."""

    for_usd: int
    against_usd: int

    def passes(self, majority: float) -> bool:
        """Whether the claims in favour reach the majority (0..1)."""
        total = self.for_usd + self.against_usd
        return total > 0 and self.for_usd >= majority * total


def propose(claims: Sequence[Claim], capacity_usd: int, enterprise_usd: int) -> Plan:
    """The plan that absolute priority gives.

    Args:
        claims: all but those of the owners.
        capacity_usd: debt that the firm's cash flow carries over the extended term.
        enterprise_usd: what the firm is worth if it goes on, free of debt.
    """
    secured = _of(claims, Rank.SECURED)
    paid = _of(claims, Rank.STAFF_AND_TAX)
    kept = pro_rata(max(0, min(capacity_usd, enterprise_usd)), secured)
    equity = max(0, enterprise_usd - sum(kept.values()))
    junior = {index: usd - kept[index] for index, usd in secured.items()}
    swapped = pro_rata(equity, junior)
    unsecured = _of(claims, Rank.UNSECURED)
    swapped |= pro_rata(equity - sum(swapped.values()), unsecured)
    given = sum(swapped.values())
    cut = {index: usd - swapped[index] for index, usd in (junior | unsecured).items()}
    return Plan(kept, swapped, cut, paid, given / equity if equity > 0 else 0.0)


def vote(
    claims: Sequence[Claim],
    plan: Plan,
    now_usd: Mapping[int, int],
    later_usd: Mapping[int, int],
    beyond_usd: Mapping[str, float],
    survival: float,
    premium: float,
) -> Ballot:
    """Each creditor votes for what is worth more to it; those paid in cash do not vote.

    Args:
        claims: as given to `propose`.
        plan: the plan.
        now_usd: what each claim recovers in a liquidation today, by index.
        later_usd: the same if the firm fails under the plan after all.
        beyond_usd: by creditor, what it loses in a liquidation beyond its claims: business, stakes.
        survival: chance that the firm lasts under the plan, 0..1.
        premium: present value of the higher rate on debt that is kept, share of it.
    """
    worth: dict[str, float] = {}
    owed: dict[str, int] = {}
    for index, claim in enumerate(claims):
        if index in plan.paid_usd:
            continue
        going_on = (1 + premium) * plan.kept_usd.get(index, 0) + plan.swapped_usd.get(index, 0)
        gain = survival * going_on + (1 - survival) * later_usd[index] - now_usd[index]
        worth[claim.claimant] = worth.get(claim.claimant, 0.0) + gain
        owed[claim.claimant] = owed.get(claim.claimant, 0) + claim.amount_usd
    in_favour = sum(
        [usd for name, usd in owed.items() if worth[name] + survival * beyond_usd.get(name, 0) > 0]
    )
    return Ballot(in_favour, sum(owed.values()) - in_favour)


def _of(claims: Sequence[Claim], rank: Rank) -> dict[int, int]:
    return {index: claim.amount_usd for index, claim in enumerate(claims) if claim.rank is rank}
