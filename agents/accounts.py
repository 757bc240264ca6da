"""A firm's month in figures: income, cost and cash flow from the ledger, rating, share price."""

from __future__ import annotations

from math import exp

from ..market.credit import rating
from ..market.ledger import Account
from .economy import Economy
from .firm import CAPEX_PURPOSES, CAPITAL_PURPOSES
from .lab import Lab


def account(economy: Economy) -> None:
    """Income, cost and cash flow of each firm this month, from the ledger (before distress)."""
    ledger = economy.market.ledger
    operating = dict.fromkeys(ledger.books, 0)
    capex = dict.fromkeys(ledger.books, 0)
    drawn: dict[str, int] = {}
    for (payer, payee, purpose), usd in ledger.flows.items():
        if purpose not in CAPITAL_PURPOSES:
            operating[payer] += usd
            operating[payee] -= usd
            continue
        if purpose == "loan_draw":
            drawn[payee] = drawn.get(payee, 0) + usd
        elif purpose in CAPEX_PURPOSES:
            capex[payer] += usd
            if purpose != "data_centre":
                operating[payee] -= usd
    for firm in economy.firms():
        name, income = firm.name, ledger.income[firm.name]
        firm.revenue_usd = sum([usd for k, usd in income.items() if k in _REVENUE])
        expense = ledger.expense[name]
        cost = cost_of_sales = 0
        for purpose, usd in expense.items():
            if purpose not in _NOT_COST:
                cost += usd
                if purpose in _COST_OF_SALES:
                    cost_of_sales += usd
        firm.cost_usd, firm.cost_of_sales_usd = cost, cost_of_sales
        if isinstance(firm, Lab):
            # training is research: users are served by the rest
            firm.cost_of_sales_usd = round(firm.cost_of_sales_usd * firm.serving_share)
            firm.cost_of_sales_usd += expense.get("revenue_share", 0)
            firm.recurring_usd.append(income.get("services", 0))
        firm.capex_usd = capex[name]
        firm.burn_usd = operating[name] + capex[name]
        if firm.alive:
            firm.outflows.append(operating[name])
            firm.burns.append(firm.burn_usd - drawn.get(name, 0))
            firm.revenues.append(firm.revenue_usd)


_REVENUE = frozenset(
    {"services", "compute", "spot_compute", "sublet_compute", "reserved_compute", "chips",
     "termination_fee", "interest", "engineering", "revenue_share", "model_access",
     "in_house_sales", "waiver_fee", "backstop"}
)  # fmt: skip
_NOT_COST = frozenset({"liquidation", "founding", "assignment", "firm_sale"})
_COST_OF_SALES = frozenset(
    {
        "compute",
        "spot_compute",
        "sublet_compute",
        "power",
        "operations",
        "lease",
        "depreciation",
        "foundry",
    }
)


_ASSETS = slice(Account.CASH, Account.EQUITY_HELD + 1)


def rate(economy: Economy) -> None:
    """Public credit rating of each firm."""
    for firm in economy.firms():
        if not firm.alive:
            firm.credit_rating = "D"
            continue
        assets = sum(firm.row[_ASSETS])
        leverage = firm.debt_usd / assets if assets > 0 else 2.0
        firm.credit_rating = rating(firm.runway_months, leverage, firm.backed or firm.spec.listed)


_NEWS_KEPT = 0.9  # a month: what news did to a share price fades as sales come in or do not


def mark_shares(economy: Economy) -> None:
    """Share-price indices of listed firms: revenue growth, mood and news, start = 100."""
    market = economy.market
    for firm in economy.firms():
        if not firm.spec.listed:
            continue
        recent = list(firm.revenues)[-3:]
        if firm.opening_revenue_usd <= 1 or not firm.alive or not recent:  # nothing sold yet
            firm.opening_revenue_usd = max(1.0, float(firm.revenue_usd))
            continue
        growth = max(0.05, sum(recent) / len(recent) / firm.opening_revenue_usd)
        fair = 100 * growth**0.6 * exp(0.25 * market.mood + firm.share_news)
        firm.share_news *= _NEWS_KEPT
        firm.share_price_index += 0.3 * (fair - firm.share_price_index)
