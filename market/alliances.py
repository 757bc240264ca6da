"""What an alliance with a lab is worth to a partner: its state, and present values in US dollars.

All of it is arithmetic on what the partner expects; `agents/alliances.py` fills it in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from typing import Final, NamedTuple

from ..scenarios.schema import Alliance as Terms

_HORIZON_YEARS: Final = 5  # plans reach no further
_FADE_YEARS: Final = 2.0  # in which growth falls to a third: few forecasts hold for longer
_FASTEST_GROWTH: Final = log(2.5)  # what can be underwritten, as for investors


@dataclass(slots=True, eq=False)
class Alliance:
    """The state of one alliance.

    in_house: share of the access margin that the partner's own models would keep
    team_since, growth_months: since when it has a team, and how fast that one learns
    ended, reason: month and why; None while it is in force
    lost_share: the lab's share of enterprise users when it ended
    """

    terms: Terms
    in_house: float
    team_since: int | None = None
    growth_months: float = 1.0
    ended: int | None = None
    reason: str = ""
    lost_share: float = 0.0

    @property
    def name(self) -> str:
        """Of the scenario entry."""
        return self.terms.name

    @property
    def partner(self) -> str:
        """The cloud."""
        return self.terms.partner

    @property
    def lab(self) -> str:
        """The lab."""
        return self.terms.lab

    @property
    def in_force(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def learn(self) -> None:
        """A month of the team's work brings its models nearer to what it can reach."""
        gap = self.terms.team_quality - self.in_house
        self.in_house += max(0.0, gap) * (1 - exp(-1 / self.growth_months))


class Outlook(NamedTuple):
    """What a partner expects of an alliance."""

    revenue_share_usd: float  # a year, at today's sales
    access_margin_usd: float  # a year, at today's sales
    growth_per_year: float  # log, of both; fades
    required_return_per_year: float
    agi_hazard_per_year: float  # of losing both to the clause; 0 without one
    break_hazard_per_year: float  # of losing both because the lab fails or turns away

    @property
    def hazard_per_year(self) -> float:
        """Of losing the alliance, for whatever reason."""
        return self.agi_hazard_per_year + self.break_hazard_per_year


class Team(NamedTuple):
    """A team that a partner could have."""

    price_usd: float  # fee or set-up cost, at once
    opening_quality: float  # share of the access margin that its models keep at first
    growth_months: float  # in which two thirds of the way to `quality` are gone
    quality: float  # that it reaches
    cost_usd_per_year: float
    cost_growth_per_year: float  # log


def _years(outlook: Outlook) -> Iterator[tuple[float, float, float]]:
    """Mid-years to the horizon: time, growth of sales since today, discount factor."""
    pace = min(_FASTEST_GROWTH, outlook.growth_per_year) * _FADE_YEARS
    for year in range(_HORIZON_YEARS):
        t = year + 0.5
        grown = exp(pace * (1 - exp(-t / _FADE_YEARS)))
        yield t, grown, exp(-outlook.required_return_per_year * t)


def value_usd(outlook: Outlook, in_house: float) -> float:
    """Present value of what would be lost if the alliance ended today.

    Revenue share and access last as long as no hazard strikes; own models keep `in_house` of the
    access margin in any case, so that part is not the alliance's.
    """
    a_year = outlook.revenue_share_usd + (1 - in_house) * outlook.access_margin_usd
    hazard = outlook.hazard_per_year
    return a_year * sum([g * d * exp(-hazard * t) for t, g, d in _years(outlook)])


def team_value_usd(outlook: Outlook, team: Team) -> float:
    """Present value of a team: expected access margin that it saves, less what it costs.

    It saves nothing while the alliance lasts: it is insurance against the loss of access.
    """
    hazard = outlook.hazard_per_year
    value = -team.price_usd
    for t, grown, discount in _years(outlook):
        missing = (team.quality - team.opening_quality) * exp(-12 * t / team.growth_months)
        saved = (team.quality - missing) * outlook.access_margin_usd * grown
        cost = team.cost_usd_per_year * exp(team.cost_growth_per_year * t)
        value += discount * ((1 - exp(-hazard * t)) * saved - cost)
    return value


def failure_probability(runway_months: float, access_per_month: float) -> float:
    """Chance that a firm meets no investor before its money is gone."""
    return float((1 - access_per_month) ** max(0.0, runway_months))
