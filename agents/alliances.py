"""Alliances month by month: AGI, revenue share and access, what a partner would give for them.

A partner (a cloud) takes a share of a lab's revenue and sells the lab's models to customers of its
own. Both end for good when the lab or the partner fails, or when the lab declares AGI and the terms
say so. What a partner does to stand on its own feet is in `agents/hedging.py`.
"""

from __future__ import annotations

from math import exp, log

from ..market.alliances import Alliance, Outlook, failure_probability, value_usd
from ..market.ledger import WORLD
from ..market.market import Market
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .lab import Lab

_BREAK_HAZARD = 0.5  # per year, that a lab without any governance left turns away from its partner
_PRICE_TO_SALES = 10.0  # of a listed firm's sales in this market: big clouds trade at 8 to 14 times
# A dip that closes by 0.3 a month costs those who sell meanwhile: with half of all shares changing
# hands in a year, about a seventh of them.
_SELLERS_SHARE = 0.15
_SUPPORT_MEANS_SHARE = 0.10  # of cash and purse that a partner puts in at most to support its lab


def open_alliances(economy: Economy) -> None:
    """The alliances of the scenario, in order of name."""
    for terms in sorted(economy.market.rules.alliances, key=lambda a: a.name):
        economy.alliances.append(Alliance(terms, terms.in_house_quality))
    _tell_labs(economy)


def follow_alliances(economy: Economy) -> None:
    """Take the terms in force from now on."""
    terms = {entry.name: entry for entry in economy.market.rules.alliances}
    for alliance in economy.alliances:
        alliance.terms = terms[alliance.name]
    _tell_labs(economy)


def _tell_labs(economy: Economy) -> None:
    """Labs budget with what is left to them of their sales."""
    for alliance in economy.alliances:
        economy.labs[alliance.lab].revenue_share = 0.0
    for alliance in economy.alliances:
        if alliance.in_force:
            economy.labs[alliance.lab].revenue_share += alliance.terms.revenue_share


def run_alliances(economy: Economy, units: dict[str, float]) -> None:
    """Labs bound by the clause may declare AGI; what alliances pay is billed (phase 5)."""
    for alliance in economy.alliances:
        _end_with_the_dead(economy, alliance)
        if alliance.in_force and alliance.terms.ends_on_agi:
            _draw_agi(economy, economy.labs[alliance.lab])
    for alliance in economy.alliances:
        if alliance.in_force:
            _bill(economy, alliance)
        elif economy.clouds[alliance.partner].alive:
            _sell_own_models(economy, alliance, units["enterprise"])


def of_pair(economy: Economy, partner: str, lab: str) -> Alliance | None:
    """The alliance in force between a cloud and a lab, if there is one."""
    for alliance in economy.alliances:
        if alliance.in_force and (alliance.partner, alliance.lab) == (partner, lab):
            return alliance
    return None


def _end(economy: Economy, alliance: Alliance, reason: str) -> None:
    market = economy.market
    alliance.ended, alliance.reason = market.month, reason
    alliance.lost_share = economy.labs[alliance.lab].share["enterprise"]
    _tell_labs(economy)
    own = f"; its own models keep {alliance.in_house:.0%} of that" if alliance.in_house > 0 else ""
    market.event(
        "alliance_ended", alliance.partner, alliance.lab, 0,
        f"{alliance.partner} loses its share in the revenue of {alliance.lab} and the right to "
        f"sell its models: {reason}{own}",
        alliance=alliance.name, reason=reason, in_house=alliance.in_house,
    )  # fmt: skip


def _end_with_the_dead(economy: Economy, alliance: Alliance) -> None:
    for name in (alliance.lab, alliance.partner):
        if alliance.in_force and not economy.firm(name).alive:
            _end(economy, alliance, f"{name} has failed")


# -- money ------------------------------------------------------------------------------------


def _bill(economy: Economy, alliance: Alliance) -> None:
    """This month's revenue share, and the partner's sales of the lab's models."""
    market, terms = economy.market, alliance.terms
    services = market.bills[WORLD].get((alliance.lab, "services", ""), 0)
    share = terms.revenue_share * services
    market.bill(alliance.lab, alliance.partner, share, "revenue_share")
    sales = terms.access_revenue_ratio * economy.labs[alliance.lab].enterprise_sales_usd
    market.bill(WORLD, alliance.partner, sales, "model_access")


def _sell_own_models(economy: Economy, alliance: Alliance, enterprise_units: float) -> None:
    """What the partner's own models keep of the customers it had with the lab's."""
    market = economy.market
    market_usd = enterprise_units * market.world.price_index["enterprise"]
    lost = alliance.terms.access_revenue_ratio * alliance.lost_share * market_usd
    market.bill(WORLD, alliance.partner, alliance.in_house * lost, "in_house_sales")


# -- AGI --------------------------------------------------------------------------------------


def agi_hazard_per_year(lab: Lab) -> float:
    """Rate at which a lab declares AGI: an elastic function of its accumulated training."""
    technology = lab.market.rules.world.technology
    if lab.declared_agi or technology.agi_hazard_per_year == 0:
        return 0.0
    ratio = lab.training_stock / technology.agi_reference_h100e_months
    return float(technology.agi_hazard_per_year * ratio**technology.agi_capability_elasticity)


def _draw_agi(economy: Economy, lab: Lab) -> None:
    market = economy.market
    hazard = agi_hazard_per_year(lab)
    if market.draws.uniform("agi", lab.name, month=market.month) < 1 - exp(-hazard / 12):
        declare_agi(
            economy, lab, f"its models have come that far, at a hazard of {hazard:.1%} a year"
        )


def declare_agi(economy: Economy, lab: Lab, why: str) -> None:
    """A lab declares AGI, once; alliances with the clause end at once and for good."""
    if lab.declared_agi:
        return
    economy.market.event(
        "agi_declared", lab.name, "", 0, f"{lab.name} declares AGI: {why}",
        capability=lab.training_stock,
    )  # fmt: skip
    lab.declared_agi = True
    for alliance in economy.alliances:
        if alliance.in_force and alliance.lab == lab.name and alliance.terms.ends_on_agi:
            _end(economy, alliance, f"{lab.name} has declared AGI")


# -- what it is worth -------------------------------------------------------------------------


def outlook(economy: Economy, alliance: Alliance) -> Outlook:
    """What the partner expects: today's sales, growth and hazards; no month ahead is known."""
    rules = economy.market.rules
    lab, partner = economy.labs[alliance.lab], economy.clouds[alliance.partner]
    terms, building = alliance.terms, rules.world.building
    access = 12 * terms.access_revenue_ratio * lab.enterprise_sales_usd
    default = rules.world.credit.default_probability_per_year
    return Outlook(
        terms.revenue_share * lab.arr_usd,
        terms.access_margin * access,
        log(lab.growth_per_year),
        building.required_return_neocloud
        if partner.kind == "neocloud"
        else building.required_return_hyperscaler,
        agi_hazard_per_year(lab) if terms.ends_on_agi else 0.0,
        default[lab.credit_rating] + _BREAK_HAZARD * (1 - lab.trust),  # type: ignore[index]
    )


def alliance_value_usd(economy: Economy, cloud: str, lab: str) -> float:
    """What a cloud would lose at most if its alliance with a lab ended today; 0 without one.

    This is what it would forgo to keep it: the most that the lab can ask for in relief.
    """
    alliance = of_pair(economy, cloud, lab)
    return 0.0 if alliance is None else value_usd(outlook(economy, alliance), alliance.in_house)


def support_usd(economy: Economy, cloud: str, lab: Lab) -> float:
    """What a partner puts up at most, beside its ordinary ticket, so that its lab goes on.

    The chance that the lab's money ends before anybody else's comes, times what the partner would
    lose then: the alliance, its stake and its face. Money helps only as far as governance holds.
    """
    alliance = of_pair(economy, cloud, lab.name)
    if alliance is None or not lab.alive or economy.clouds[cloud].frozen:
        return 0.0
    market, partner = economy.market, economy.clouds[cloud]
    at_stake = (
        value_usd(outlook(economy, alliance), alliance.in_house)
        + lab.cap_table.ownership(cloud) * lab.valuation_usd
        + face_usd(partner)
    )
    wanted = failure_risk(market, lab.runway_months) * lab.trust * at_stake
    return min(wanted, _SUPPORT_MEANS_SHARE * (partner.cash_usd + partner.purse_usd))


def failure_risk(market: Market, months: float) -> float:
    """Chance (0..1) that a firm whose money lasts for some months meets no investor in time."""
    hazard = market.rules.world.funding.access_hazard_per_month
    return failure_probability(months, 1 - (1 - hazard) ** exp(0.9 * market.mood))


# -- face -------------------------------------------------------------------------------------


def face_usd(partner: Cloud) -> float:
    """What owners of a partner lose when its share price falls with its lab and recovers."""
    if not partner.spec.listed:
        return 0.0
    fall = partner.market.rules.world.funding.loss_of_face
    sales = sum(list(partner.revenues)[-12:])
    return float(fall * _SELLERS_SHARE * _PRICE_TO_SALES * sales)


def lose_face(economy: Economy, lab: Firm, why: str) -> None:
    """A lab fails in public: listed partners fall, and recover as `mark_shares` goes on."""
    funding = economy.market.rules.world.funding
    if not isinstance(lab, Lab) or funding.loss_of_face == 0:
        return
    allies = {a.partner for a in economy.alliances if a.in_force and a.lab == lab.name}
    for firm in economy.firms():
        stake = lab.cap_table.ownership(firm.name)
        if not (firm.spec.listed and firm.alive and firm is not lab):
            continue
        if firm.name in allies or stake >= funding.partner_stake_share:
            firm.share_price_index *= 1 - funding.loss_of_face
            economy.market.event(
                "loss_of_face", firm.name, lab.name, 0,
                f"the share price of {firm.name} falls by {funding.loss_of_face:.0%}: {why}",
                share_price_fall=funding.loss_of_face, stake=stake,
            )  # fmt: skip
