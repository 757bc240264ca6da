"""What the market would pay for a firm that raises equity, and its mark between rounds."""

from __future__ import annotations

from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .lab import Lab
from .strategies.investing import FirmView, GrowthMultiple

CONSENSUS = GrowthMultiple()
_CONSENSUS_WEIGHT = 0.10  # of the mark moved towards consensus each month


def issuers(economy: Economy) -> list[Lab | Cloud]:
    """Firms that raise equity: labs without a parent, and neoclouds."""
    labs = [lab for lab in economy.living_labs() if lab.independent]
    return [*labs, *(c for c in economy.living_clouds() if c.leases)]


def firm_view(lab: Lab | Cloud) -> FirmView:
    """What bidders see of a firm; debt comes before equity."""
    market = lab.market
    team = lab.team_value_usd if isinstance(lab, Lab) else 0.0
    return FirmView(
        lab.recurring_profit_base_usd,
        lab.growth_per_year,
        lab.gross_margin,
        team,
        lab.debt_usd,
        market.mood,
        market.rules.world.sentiment.capital_response,
        0.25,
        12 * lab.mean_outflow_usd,
    )


def consensus_usd(firm: Firm) -> float:
    """Pre-money value of a lab or neocloud by the market's usual multiple, in today's mood."""
    assert isinstance(firm, Lab | Cloud)
    return CONSENSUS.pre_money_usd(firm_view(firm), firm.market.rules.world.funding)


def enterprise_usd(firm: Lab | Cloud) -> float:
    """The same before debt: what the market would pay for the whole business, US dollars."""
    view = firm_view(firm)._replace(debt_usd=0.0)
    return CONSENSUS.pre_money_usd(view, firm.market.rules.world.funding)


def mark(lab: Lab | Cloud) -> None:
    """The private mark: the last post-money, moved slowly towards what the market would pay."""
    history = lab.recurring_usd if isinstance(lab, Lab) else lab.revenues
    if len(history) > 3:
        growth = (max(1.0, history[-1]) / max(1.0, history[0])) ** (12 / (len(history) - 1))
        lab.growth_per_year = max(0.2, min(6.0, growth))
    consensus = consensus_usd(lab)
    if lab.valuation_usd == 0:
        lab.valuation_usd = lab.last_post_money_usd = consensus
    lab.valuation_usd += _CONSENSUS_WEIGHT * (consensus - lab.valuation_usd)


def walk_away_usd(lab: Lab | Cloud) -> float:
    """Lowest pre-money the lab accepts: near its last round, much lower when cash runs out."""
    patience = max(0.0, min(1.0, lab.runway_months / 10))
    return max(1e6, lab.last_post_money_usd * (0.25 + 0.65 * patience))
