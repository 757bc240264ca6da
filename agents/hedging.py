"""A partner that stands on its own feet: it hires a distressed rival's team, or founds its own."""

from __future__ import annotations

from math import exp

from ..market.alliances import Alliance, Outlook, Team, team_value_usd, value_usd
from ..market.ledger import WORLD
from .alliances import outlook, support_usd
from .economy import Economy
from .lab import Lab

_REVIEW_MONTHS = 3  # boards look at their alliances once a quarter
_FOUNDED_MONTHS = 24.0  # a team founded from nothing first has to be recruited
_HIRED_MONTHS = 9.0  # one that has worked together needs data, chips and users only
_LEAVING_SHARE = 0.8  # of a lab's team: most of Inflection's people went to Microsoft in March 2024
# Research output to researchers: halving a team costs less than half of what it finds, as ideas
# and code stay (idea production with diminishing returns to people, Jones 1995).
_RESEARCHERS_ELASTICITY = 0.5


def hedge(economy: Economy) -> None:
    """Teams learn and are paid; partners without one look at what it would be worth (phase 5)."""
    market = economy.market
    for alliance in economy.alliances:
        partner = economy.clouds[alliance.partner]
        if not partner.alive:
            continue
        if alliance.team_since is not None:
            _run_team(economy, alliance)
        if alliance.in_force and market.month % _REVIEW_MONTHS == 0:
            view = outlook(economy, alliance)
            _report(economy, alliance, view)
            may = alliance.terms.builds_models and not partner.frozen
            if alliance.team_since is None and may:
                _consider(economy, alliance, view)


def _run_team(economy: Economy, alliance: Alliance) -> None:
    market = economy.market
    terms = alliance.terms
    years = (market.month - (alliance.team_since or 0)) / 12
    cost_usd = terms.team_cost_usd_per_year * exp(terms.team_cost_growth_per_year * years)
    market.bill(alliance.partner, WORLD, cost_usd / 12, "in_house_team")
    alliance.learn()


def _report(economy: Economy, alliance: Alliance, view: Outlook) -> None:
    lab = economy.labs[alliance.lab]
    value = value_usd(view, alliance.in_house)
    support = support_usd(economy, alliance.partner, lab)
    economy.market.event(
        "alliance_review", alliance.partner, alliance.lab, round(value),
        f"{alliance.partner} would forgo ${value / 1e9:,.2f}B at most to keep its alliance with "
        f"{alliance.lab}, and put up ${support / 1e9:,.2f}B to see it through; it expects AGI at "
        f"{view.agi_hazard_per_year:.1%} a year and its loss otherwise at "
        f"{view.break_hazard_per_year:.1%}",
        alliance=alliance.name, reservation_usd=value, support_usd=support,
        agi_hazard_per_year=view.agi_hazard_per_year,
        break_hazard_per_year=view.break_hazard_per_year, in_house=alliance.in_house,
    )  # fmt: skip


# -- founding or hiring -----------------------------------------------------------------------


def founded(alliance: Alliance) -> Team:
    """A team from nothing."""
    terms = alliance.terms
    return Team(
        terms.team_setup_cost_usd, alliance.in_house, _FOUNDED_MONTHS, terms.team_quality,
        terms.team_cost_usd_per_year, terms.team_cost_growth_per_year,
    )  # fmt: skip


def hired(alliance: Alliance, lab: Lab, rival: Lab, price_usd: float) -> Team:
    """The team of a rival: what it knows, measured by its training against the lab's."""
    terms = alliance.terms
    known = terms.team_quality * min(1.0, rival.training_stock / lab.training_stock)
    return Team(
        price_usd, max(alliance.in_house, known), _HIRED_MONTHS, terms.team_quality,
        terms.team_cost_usd_per_year, terms.team_cost_growth_per_year,
    )  # fmt: skip


def _consider(economy: Economy, alliance: Alliance, view: Outlook) -> None:
    """Have a team if what it saves is worth more than it costs; the better of two ways."""
    lab = economy.labs[alliance.lab]
    own = founded(alliance)
    outside = max(0.0, team_value_usd(view, own))
    best: tuple[float, str, float] | None = None
    for rival in _for_hire(economy, alliance):
        most = team_value_usd(view, hired(alliance, lab, rival, 0.0)) - outside
        least = _least_usd(rival)
        if most >= least and (best is None or most - least > best[0]):
            best = most - least, rival.name, (most + least) / 2  # equal powers (Nash 1950)
    if best is not None:
        _hire(economy, alliance, economy.labs[best[1]], round(best[2]))
    elif outside > 0:
        _found(economy, alliance, own)


def _for_hire(economy: Economy, alliance: Alliance) -> list[Lab]:
    """Labs in distress that nobody stands behind and whose people are still there."""
    return [
        lab
        for lab in economy.living_labs()
        if lab.independent and lab.frozen and lab.team_share == 1.0 and lab.name != alliance.lab
    ]


def _least_usd(rival: Lab) -> float:
    """What a lab's owners want for its people: less, the sooner these would leave for nothing."""
    patience = max(0.0, min(1.0, rival.runway_months / 10))
    return rival.team_value_usd * _LEAVING_SHARE * (0.25 + 0.65 * patience)


def _hire(economy: Economy, alliance: Alliance, rival: Lab, price_usd: int) -> None:
    market = economy.market
    team = hired(alliance, economy.labs[alliance.lab], rival, price_usd)
    _start(market.month, alliance, team)
    market.bill(alliance.partner, rival.name, price_usd, "team_hire")
    rival.team_share = 1 - _LEAVING_SHARE
    rival.research_share = rival.team_share**_RESEARCHERS_ELASTICITY
    market.event(
        "team_hired", alliance.partner, rival.name, price_usd,
        f"{alliance.partner} hires most of the team of {rival.name}, which is in distress, for "
        f"${price_usd / 1e6:,.0f}M, to stand on its own feet beside {alliance.lab}",
        alliance=alliance.name, lab=alliance.lab, in_house=alliance.in_house,
    )  # fmt: skip


def _found(economy: Economy, alliance: Alliance, team: Team) -> None:
    market = economy.market
    _start(market.month, alliance, team)
    market.bill(alliance.partner, WORLD, team.price_usd, "in_house_team")
    market.event(
        "team_founded", alliance.partner, alliance.lab, round(team.price_usd),
        f"{alliance.partner} founds a team of its own, for ${team.price_usd / 1e6:,.0f}M, to stand "
        f"on its own feet beside {alliance.lab}",
        alliance=alliance.name, in_house=alliance.in_house,
    )  # fmt: skip


def _start(month: int, alliance: Alliance, team: Team) -> None:
    alliance.team_since = month
    alliance.in_house = team.opening_quality
    alliance.growth_months = team.growth_months
