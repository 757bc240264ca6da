"""What a lab is worth to a cloud beyond the price of its contracts."""

from __future__ import annotations

from .cloud import Cloud
from .economy import Economy
from .lab import Lab


def share_of_gains(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """Share of a dollar that the lab gains which reaches the cloud: its equity."""
    del economy  # other ties of an alliance may ask for it
    return lab.cap_table.ownership(cloud.name)


def interest_usd(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """What the cloud loses beyond its contracts if the lab fails, US dollars: its stake at mark."""
    return share_of_gains(economy, cloud, lab) * lab.valuation_usd
