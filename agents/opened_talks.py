"""Talks over capacity that a scenario opens: a lab sits down with named clouds (`open_talks`)."""

from __future__ import annotations

from ..market.negotiation import Talk
from ..scenarios import schema
from .availability import Offer
from .cloud import Cloud
from .economy import Economy
from .lab import Lab
from .procurement import Negotiation, Procurement, Request
from .warrants import warrant_value_usd_per_h100e_hour

_TYPICAL_TERM_MONTHS = 36  # over which warrants are spread when a lab compares prices


def open_purchases(economy: Economy, procurement: Procurement) -> None:
    """Begin the talks that are due this month; they go on with those of the lab's own asking."""
    for terms in economy.market.due_talks("purchase"):
        _open(economy, procurement, terms)


def _open(economy: Economy, procurement: Procurement, terms: schema.Purchase) -> None:
    market = economy.market
    lab, workload = economy.labs[terms.lab], terms.workload
    wanted = terms.h100e or lab.wanted_h100e(workload)
    key = lab.name, workload
    request = procurement.requests.get(key)
    fresh = request is None
    if request is None:
        request = Request(lab.name, workload, wanted, market.month, renewal=False)
    talking = {negotiation.offer.cloud.name for negotiation in request.talks}
    for name in sorted(set(terms.clouds)):
        cloud = economy.clouds[name]
        offer, available = _capacity(procurement, cloud, workload, terms.maker)
        h100e = min(wanted, available)
        bound = lab.exclusive_cloud(workload) not in (None, name)
        if offer is None or h100e < 1 or name in talking or bound:
            _tell_why_not(economy, terms, name, wanted, available)
            continue
        request.talks.append(_sit_down(economy, procurement, lab, offer, workload, h100e))
    if fresh and request.talks:
        procurement.requests[key] = request


def _capacity(
    procurement: Procurement, cloud: Cloud, workload: str, maker: str | None
) -> tuple[Offer | None, float]:
    """What the cloud will have free of a maker's chips, or of those it has most of."""
    alternatives = procurement.alternatives
    if maker is None:
        return alternatives.largest(cloud, workload)
    for offer in alternatives.on_offer(workload):
        if offer.cloud is cloud and offer.maker == maker:
            return offer, alternatives.available(offer, workload)
    return None, 0.0


def _sit_down(
    economy: Economy, procurement: Procurement, lab: Lab, offer: Offer, workload: str, h100e: float
) -> Negotiation:  # fmt: skip
    """Open one talk; what warrants on the maker's shares bring makes its compute worth more."""
    rules = economy.market.rules.world.bargaining
    density = offer.cloud.families[offer.maker].per_mw[workload]
    bonus = warrant_value_usd_per_h100e_hour(
        economy, lab.name, offer.maker, density, _TYPICAL_TERM_MONTHS
    )
    elsewhere = procurement.alternatives.elsewhere(lab, workload)
    worth = [(price + bonus, rival) for price, rival in elsewhere]
    stances = procurement.stances(lab, offer, workload, worth)
    talk = Talk(*stances, rules.rounds_per_month * rules.deadline_months)
    return Negotiation(talk, offer, h100e)


def _tell_why_not(
    economy: Economy, terms: schema.Purchase, cloud: str, wanted: float, available: float
) -> None:
    chips = f" on {terms.maker} chips" if terms.maker else ""
    if economy.labs[terms.lab].exclusive_cloud(terms.workload) not in (None, cloud):
        why = f"an exclusive contract binds {terms.lab}"
    elif wanted < 1:
        why = f"{terms.lab} lacks no {terms.workload} capacity"
    elif available < 1:
        why = f"{cloud} has no {terms.workload} capacity{chips} to offer"
    else:
        why = "they are talking already"
    economy.market.event(
        "offer_refused", terms.lab, cloud,
        text=f"no talks between {terms.lab} and {cloud}: {why}",
        outcome="NO_CAPACITY", workload=terms.workload, h100e=wanted,
    )  # fmt: skip
