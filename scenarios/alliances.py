"""Alliances at the start: what a cloud has of a lab beside its contracts and its shares."""

from __future__ import annotations

from pydantic import Field

from .fields import OPENING, Growth, Multiple, Name, Section, Share, Usd


class Alliance(Section):
    """A cloud that shares in a lab's revenue and sells the lab's models to its own customers."""

    name: Name
    partner: Name  # a cloud
    lab: Name
    revenue_share: Share = 0.0  # of the lab's sales, paid to the partner
    access_revenue_ratio: Multiple = 0.0  # partner's sales of the models, over the lab's to firms
    access_margin: Share = 0.5  # of those, left after what the compute would earn elsewhere
    ends_on_agi: bool = False  # revenue share and access end when the lab declares AGI
    in_house_quality: Share = Field(0.0, json_schema_extra=OPENING)  # see team_quality
    builds_models: bool = True  # the partner may found or hire a team of its own
    team_quality: Share = 0.6  # share of the access margin that a grown team's models keep
    team_cost_usd_per_year: Usd = 0.25e9
    team_cost_growth_per_year: Growth = 0.25
    team_setup_cost_usd: Usd = 1.0e9  # of a team founded from nothing
