"""What a letter of intent does to mood and to the shares of the giver and the taker's suppliers.

The market holds a letter worth the share that letters turn into money in the long run; signing,
payment and lapse move what it expects the taker to buy, and shares move with a year's sales.
"""

from __future__ import annotations

from math import exp

from ..market.letters import PRIOR, Letter
from .chipmaker import Chipmaker
from .economy import Economy
from .firm import Firm
from .lab import Lab
from .letter_views import CHIP_PART, supplied_share

_SHARE_RESPONSE = 0.5  # log price per expected sales over a year's sales: with a $100B letter the
# giver gained 4 % on the day [OK], which is what this gives at the prior
_MOST_SHARE_STEP = 0.10  # log points, at one piece of news
_SIGNED_MOOD = 0.05  # as a round that closes
_CONVERTED_MOOD = 0.05
_GIVEN_UP_MOOD = -0.20  # between a down round and a default; calibration 4 names it a trigger
_WHOLE_MOOD_USD = 10e9  # sums from here on move the mood in full


def signed(economy: Economy, letter: Letter) -> dict[str, float]:
    """A letter is announced; returns by how much shares of whom move, log points."""
    return _tell(economy, letter, letter.amount_usd, PRIOR, _SIGNED_MOOD)


def converted(economy: Economy, letter: Letter, usd: int) -> dict[str, float]:
    """A tranche is paid."""
    return _tell(economy, letter, usd, 1 - PRIOR, _CONVERTED_MOOD)


def given_up(economy: Economy, letter: Letter, usd: int) -> dict[str, float]:
    """A tranche is declined, or what is left of a letter lapses."""
    return _tell(economy, letter, usd, -PRIOR, _GIVEN_UP_MOOD)


def _tell(
    economy: Economy, letter: Letter, usd: int, surprise: float, mood: float
) -> dict[str, float]:
    economy.market.sentiment.report(mood * min(1.0, usd / _WHOLE_MOOD_USD))
    moved: dict[str, float] = {}
    for firm, sales in _sales(economy, letter, usd):
        year = sum(list(firm.revenues)[-12:])
        if sales <= 0 or year <= 0:
            continue
        step = _SHARE_RESPONSE * surprise * sales / year
        step = moved[firm.name] = max(-_MOST_SHARE_STEP, min(_MOST_SHARE_STEP, step))
        firm.share_price_index *= exp(step)
        firm.share_news += step
    return moved


def _sales(economy: Economy, letter: Letter, usd: int) -> list[tuple[Firm, float]]:
    """What listed firms would sell for the money: chips and compute, US dollars."""
    taker = economy.firm(letter.taker)
    listed = [
        firm
        for firm in (*economy.chipmakers.values(), *economy.clouds.values())
        if firm.alive and firm.spec.listed
    ]
    if not isinstance(taker, Lab):
        orders = taker.maker_shares() if hasattr(taker, "maker_shares") else {}
        return [(firm, usd * orders.get(firm.name, 0.0)) for firm in listed]
    spent = usd / (1 + taker.spec.other_cost_share)
    return [
        (
            firm,
            spent
            * supplied_share(economy, taker, firm)
            * (CHIP_PART if isinstance(firm, Chipmaker) else 1.0),
        )
        for firm in listed
    ]
