"""What a lab is worth to a cloud beyond the price of its contracts: its shares, and an alliance."""

from __future__ import annotations

from .alliances import alliance_value_usd, of_pair
from .cloud import Cloud
from .economy import Economy
from .lab import Lab


def share_of_gains(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """Share of a dollar that the lab gains which reaches the cloud: by equity and revenue share."""
    alliance = of_pair(economy, cloud.name, lab.name)
    revenue_share = alliance.terms.revenue_share if alliance is not None else 0.0
    return lab.cap_table.ownership(cloud.name) + revenue_share


def interest_usd(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """What the cloud loses beyond its contracts if the lab fails, USD: stake and alliance."""
    stake = lab.cap_table.ownership(cloud.name) * lab.valuation_usd
    return stake + alliance_value_usd(economy, cloud.name, lab.name)
