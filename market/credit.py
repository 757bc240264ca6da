"""Loans: what a borrower pays each month, how it is rated, and what its covenants measure.

Rates are per year, charged monthly as a twelfth. Money is in whole US dollars.
"""

from bisect import bisect_left, bisect_right
from math import exp, expm1, inf, log1p
from typing import NamedTuple

from .allocation import round_half_even_usd

RATINGS = ("AA", "A", "BBB", "BB", "B", "CCC", "D")
NOTCHES = {name: notch for notch, name in enumerate(RATINGS)}  # below the best

# Our own scorecard: agencies publish none for firms that burn cash. The runway steps
# meet the ladder of insolvency.py (12 months WATCH, 6 months DISTRESS).
_RUNWAY_STEPS_MONTHS = (6.0, 12.0, 24.0, 36.0, 48.0)  # CCC below, then B, BB, BBB, A; above AA
_LEVERAGE_STEPS = (0.2, 0.4, 0.6, 0.8)  # one notch down above each
_OVERINDEBTED = 1.0


class Instalment(NamedTuple):
    """What falls due in one month of a loan."""

    interest_usd: int
    principal_usd: int


def annuity_payment_usd(principal_usd: int, rate_per_year: float, months: int) -> float:
    """Level monthly payment that repays a loan over `months`: P r / (1 - (1 + r)^-n)."""
    if months < 1 or principal_usd < 0 or rate_per_year < 0.0:
        raise ValueError("a loan needs a term of a month or more, principal and rate of 0 or more")
    monthly_rate = rate_per_year / 12.0
    # expm1 and log1p keep 1 - (1 + r)^-n exact for rates near zero.
    discounted_away = -expm1(-months * log1p(monthly_rate))
    if discounted_away == 0.0:
        return principal_usd / months
    return principal_usd * (monthly_rate / discounted_away)


def instalment(outstanding_usd: int, rate_per_year: float, months_left: int) -> Instalment:
    """Next payment of an annuity in whole dollars; the last one repays the rest."""
    interest = round_half_even_usd(outstanding_usd * rate_per_year / 12.0)
    if months_left <= 1:
        return Instalment(interest, outstanding_usd)
    level = annuity_payment_usd(outstanding_usd, rate_per_year, months_left)
    principal = round_half_even_usd(level) - interest
    return Instalment(interest, min(outstanding_usd, max(0, principal)))


def schedule(principal_usd: int, rate_per_year: float, months: int) -> list[Instalment]:
    """All payments of a loan; together they repay it exactly."""
    payments = []
    for month in range(months):
        payments.append(instalment(principal_usd, rate_per_year, months - month))
        principal_usd -= payments[-1].principal_usd
    return payments


def rating(runway_months: float, leverage: float, listed_parent: bool) -> str:
    """Credit rating by a simple scorecard: never worse with more runway or less debt.

    Runway sets the grade, leverage takes notches off it. A firm with a listed parent is
    A or better, BBB or better once it owes more than it owns: parents support, but do
    not guarantee. "D" is never scored; it belongs to firms in default.

    leverage: debt over total assets
    """
    runway_steps = len(_RUNWAY_STEPS_MONTHS) - bisect_right(_RUNWAY_STEPS_MONTHS, runway_months)
    notches = bisect_left(_LEVERAGE_STEPS, leverage)
    worst = NOTCHES["CCC"]
    if listed_parent:
        worst = NOTCHES["BBB" if leverage > _OVERINDEBTED else "A"]
    return RATINGS[min(worst, runway_steps + notches)]


def loan_to_value(debt_usd: int, collateral_usd: int) -> float:
    """Debt over the value of its collateral; infinite for a debt without any."""
    if debt_usd <= 0:
        return 0.0
    return debt_usd / collateral_usd if collateral_usd > 0 else inf


def debt_service_cover(cash_flow_usd: int, service_usd: int) -> float:
    """Operating cash flow over interest and principal due; infinite if nothing is due."""
    return cash_flow_usd / service_usd if service_usd > 0 else inf


def mean_decline(rate_per_year: float, years: float) -> float:
    """Mean over a term of what falls exponentially from 1, as a share of its start."""
    fall = rate_per_year * years
    return (1 - exp(-fall)) / fall if fall > 1e-9 else 1.0
