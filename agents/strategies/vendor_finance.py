"""How much of a customer's equity a chipmaker takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .parameters import parameter

_CASH_SHARE = 0.10  # of its cash that a maker puts in one round at most


class VendorView(NamedTuple):
    """What a chipmaker looks at when a customer asks for equity."""

    cash_usd: float
    revenue_usd: float  # of its last twelve months
    fund_share: float  # of revenue that its board lets it invest
    backlog_months: float  # of its order book
    value_over_price: float  # what the stake is worth to it over what it costs


class VendorFinance(Protocol):
    """Decides how much of a customer's round the maker takes."""

    def stake_usd(self, view: VendorView) -> float:
        """Amount that it offers at the price of the round; 0 for none."""
        ...


@dataclass(frozen=True, slots=True)
class StrategicFund:
    """A fund of fixed size: takes part wherever the stake is worth its price."""

    fund_scale: float = parameter(1.0, 0, 10, "", "times the share of revenue in the scenario")

    def stake_usd(self, view: VendorView) -> float:
        """The whole fund, within a share of cash."""
        if view.value_over_price < 1:
            return 0.0
        return min(
            _CASH_SHARE * view.cash_usd, self.fund_scale * view.fund_share * view.revenue_usd
        )


@dataclass(frozen=True, slots=True)
class DemandBuilder:
    """Finances customers when its own order book runs thin, even above what a stake is worth.

    As suppliers of telecommunication gear did in 1999-2001 (Lazonick and March 2011).
    """

    thin_months: float = parameter(4.0, 0.5, 36, "months", "backlog below which it finances")
    most: float = parameter(4.0, 0, 20, "", "times the fund of the scenario, without a backlog")
    premium: float = parameter(0.25, 0, 1, "share", "that it pays above what a stake is worth")

    def stake_usd(self, view: VendorView) -> float:
        """More, the thinner the book; nothing while it is full."""
        thin = max(0.0, 1 - view.backlog_months / self.thin_months)
        if view.value_over_price * (1 + self.premium) < 1:
            return 0.0
        fund = self.most * thin * view.fund_share * view.revenue_usd
        return min(_CASH_SHARE * view.cash_usd, fund)
