"""What a firm in trouble earns, owes and is worth: figures behind bridges, rescues and plans."""

from __future__ import annotations

from ..market.credit import mean_decline
from ..market.ledger import Account
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .lab import Lab
from .marks import enterprise_usd

_OWN_MONTHS = 12.0  # of its outflow that a firm keeps for itself: it is on watch with less
_FLEET_YEARS = 3.0  # that a fleet still earns: half of the six over which it is written down


def overdue_usd(firm: Firm) -> int:
    """Dues that it has not paid, US dollars."""
    return -firm.row[Account.PAYABLES]


def cash_flow_usd(firm: Firm) -> int:
    """Operating cash flow of the month, accrued, before debt service; US dollars.

    What was due counts, paid or not: in a firm that does not pay, cash tells too good a story.
    """
    if isinstance(firm, Cloud):
        return firm.revenue_usd - round(firm.running_cost_usd)
    return firm.revenue_usd - firm.cost_usd


def outflow_usd(firm: Firm) -> int:
    """What a month takes from its cash, debt service included, US dollars; below 0 it brings."""
    service = round(firm.debt_service_usd) if isinstance(firm, Cloud) else 0
    return service - cash_flow_usd(firm)


def means_usd(firm: Firm, share: float, added_outflow_usd: int = 0) -> float:
    """What a firm can spend on another without running short itself, US dollars.

    share: of its free cash and purse, at most
    added_outflow_usd: that it takes over with the other, a month
    """
    means = max(0, firm.cash_usd - overdue_usd(firm)) + firm.purse_usd
    outflow = max(0, outflow_usd(firm) + added_outflow_usd)
    return max(0.0, min(share * means, means - _OWN_MONTHS * outflow))


def months_left(firm: Firm) -> float:
    """Months for which cash pays dues and outflow; 0 where it does not pay what is overdue."""
    free, outflow = firm.cash_usd - overdue_usd(firm), outflow_usd(firm)
    if free < 0:
        return 0.0
    return free / outflow if outflow > 0 else 1e3


def going_concern_usd(economy: Economy, firm: Firm) -> float:
    """What a firm is worth free of debt if it goes on, US dollars.

    Labs: what the market would pay. Clouds: that, or the cash flow of the fleet at rents that fall
    as lenders expect, whichever is more. Others: their books.
    """
    if isinstance(firm, Lab):
        return enterprise_usd(firm)
    if isinstance(firm, Cloud):
        world = economy.market.rules.world
        fall = max(0.0, economy.market.rent_decline_per_year)
        fall += world.building.required_return_neocloud
        cash_flow = 12 * _FLEET_YEARS * cash_flow_usd(firm) * mean_decline(fall, _FLEET_YEARS)
        market = enterprise_usd(firm) if firm.leases else 0.0
        return max(market, cash_flow)
    return max(0.0, float(firm.book_equity_usd + firm.debt_usd))


def failure_probability_per_year(economy: Economy) -> float:
    """Chance (0..1) that a firm just saved by a rescue or a plan fails within a year all the same.

    It is rated as low as a living firm can be.
    """
    return economy.market.rules.world.credit.default_probability_per_year["CCC"]
