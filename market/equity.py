"""Who owns a firm and how a funding round is filled.

Shares are whole numbers, so stakes sum to one exactly. Money is in whole US dollars.
"""

from collections.abc import Mapping

from .allocation import largest_remainder, pro_rata


class CapTable:
    """Shares of one firm by holder.

    holders: whole shares by name
    total: shares outstanding
    """

    __slots__ = ("holders", "total")

    def __init__(self, holders: Mapping[str, int]) -> None:
        if not holders or min(holders.values()) < 0 or not any(holders.values()):
            raise ValueError("a firm needs a holder, and holdings of 0 shares or more")
        self.holders: dict[str, int] = dict(holders)
        self.total: int = sum(holders.values())

    @classmethod
    def from_stakes(
        cls,
        stakes: Mapping[str, float],
        rest: str = "world",
        total_shares: int = 1_000_000_000,
    ) -> "CapTable":
        """Cap table from fractions of the firm; `rest` holds what they leave."""
        given = sum(sorted(stakes.values()))
        if given > 1.0 + 1e-9:
            raise ValueError(f"stakes sum to {given:.6f}, more than the whole firm")
        weights = dict(stakes)
        weights[rest] = weights.get(rest, 0.0) + max(0.0, 1.0 - given)
        parts = largest_remainder(total_shares, weights)
        return cls({holder: shares for holder, shares in parts.items() if shares})

    def issue(self, holder: str, shares: int) -> None:
        """Create new shares; everybody else is diluted."""
        if shares < 0:
            raise ValueError(f"cannot issue {shares} shares")
        self.holders[holder] = self.holders.get(holder, 0) + shares
        self.total += shares

    def transfer(self, holder: str, to: str) -> None:
        """All shares of a holder change hands."""
        shares = self.holders.pop(holder)
        self.holders[to] = self.holders.get(to, 0) + shares

    def ownership(self, holder: str) -> float:
        """Share of the firm (0..1) that a holder owns."""
        return self.holders.get(holder, 0) / self.total


def new_shares(amount_usd: int, pre_money_usd: int, outstanding: int) -> int:
    """Shares that an amount buys at a pre-money valuation, halves to the even share."""
    if amount_usd < 0 or pre_money_usd <= 0 or outstanding <= 0:
        raise ValueError("shares are sold for money, at a valuation, by a firm that has some")
    shares, rest = divmod(amount_usd * outstanding, pre_money_usd)
    round_up = 2 * rest > pre_money_usd or (2 * rest == pre_money_usd and shares % 2 == 1)
    return shares + round_up


def fill_book(
    amount_usd: int, bids: Mapping[str, int], minimum_share: float
) -> dict[str, int] | None:
    """Fill a round from the bids of investors, in whole dollars by name.

    Too many bids are cut pro rata to the amount; fewer are taken in full, down to
    `minimum_share` (0..1) of the amount; below that the round fails (None).
    """
    if sum(bids.values()) < minimum_share * amount_usd:
        return None
    return pro_rata(amount_usd, bids)
