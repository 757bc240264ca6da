"""What a cloud can offer a lab: families of chips, what they cost, and what nobody has yet."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from ..market.market import Market
from .cloud import Cloud
from .strategies.pricing import PricingView


def megawatts(cloud: Cloud, maker: str, workload: str, h100e: float) -> float:
    """Power that a contract takes on the cloud's present chips of a maker, else on new ones."""
    family = cloud.families.get(maker)
    if family is None:
        mix = cloud.market.mixes[maker]
        return h100e * mix.kw_per_h100e / mix.per_h100e(workload) / 1000
    density = family.per_mw[workload]
    return h100e / density if density > 0 else 0.0


def future_mw(cloud: Cloud) -> dict[str, float]:
    """Megawatts of each family that are uncommitted when a new contract would be at full ramp."""
    if not cloud.families:
        return {}
    market = cloud.market
    rules = market.rules.world.bargaining
    later = market.month + rules.delivery_horizon_months
    coming = sum([p.mw for p in cloud.projects if p.due <= later])
    room = max(0.0, cloud.energised_mw - cloud.held_mw + coming - cloud.used_mw)
    # chips ordered and those it will order within its usual rate, as far as power allows
    shares = cloud.maker_shares()
    months = max(0, rules.delivery_horizon_months - 4)
    ordered = cloud.pipeline_h100e() + cloud.gate * months * cloud.smoothed_order
    families, soon = cloud.families, market.month + 3
    sold = dict.fromkeys(families, 0.0)
    for contract in market.book.of_cloud(cloud.name):
        family = families.get(contract.maker)
        if contract.full_from <= later < contract.end:  # as most are
            peak = contract.h100e
        else:
            peak = contract.h100e_at(later) or contract.h100e_at(soon)
        if family and peak > 0:
            density = family.per_mw[contract.workload]
            if density > 0:
                sold[contract.maker] += peak / density
    captive = 0.85 * cloud.captive_h100e / cloud.used_mw / max(1e-9, cloud.h100e_per_mw)
    future = {}
    for maker, family in families.items():
        density = family.h100e / family.mw
        share = shares.get(maker, 0.0)
        mix = market.mixes.get(maker)
        # new chips do more per megawatt than the family's mean
        density_of_new = 1000 / mix.kw_per_h100e if mix else density
        added = min(share * ordered / density_of_new, room * max(share, 0.05))
        gain = density_of_new / density
        future[maker] = max(0.0, family.mw * (1 - captive) + added * gain - sold[maker])
    # nobody but its lab builds on a custom chip: what is free of it is let from month to month
    future.update(dict.fromkeys(market.catalogue.redeployability.keys() & future, 0.0))
    return future


class Offer(NamedTuple):
    """Chips of one maker that a cloud can offer for a workload, and on what grounds."""

    cloud: Cloud
    maker: str
    quote: float  # asked, $/H100e-hour
    view: PricingView  # what the quote rests on


def all_offers(clouds: list[Cloud], workload: str) -> list[Offer]:
    """What clouds ask of labs for a workload, family by family of their chips, cheapest first.

    A cloud's cost is that of the workload on the maker's current chips. The market price of the
    workload counts as far as a family gives more up for it than the market's mean chip does: chips
    that earn relatively more at the other workload are dearer for this one (opportunity cost), so
    that each family goes where it has the comparative advantage (Ricardo 1817).
    """
    families = [family for cloud in clouds for family in cloud.families.values()]
    training = sum([family.training_h100e for family in families])
    inference = sum([family.inference_h100e for family in families])
    if not clouds or inference <= 0 or (workload == "training" and training <= 0):
        return []
    mean = _given_up(clouds[0].market, workload, training, inference)
    found = [offer for cloud in clouds for offer in _offers(cloud, workload, mean)]
    found.sort(key=lambda offer: (offer.quote, offer.cloud.name, offer.maker))
    return found


def _offers(cloud: Cloud, workload: str, mean: float) -> list[Offer]:
    """mean: `_given_up` for the workload by the market's mean chip."""
    market = cloud.market
    usual, quote = cloud.pricing_view(workload, anchor=True), cloud.pricing_rule.quote
    _, price, spot, list_price, premium, utilisation = usual
    found = []
    for maker, family in cloud.families.items():
        if family.per_mw[workload] <= 0:
            continue
        training, inference = family.training_h100e, family.inference_h100e
        relative = _given_up(market, workload, training, inference) / mean
        cost = market.workload_cost(maker, workload)
        if cost == inf:  # chips that are made no more
            cost = market.user_cost
        view = PricingView(
            cost, price * relative, spot * relative, list_price, premium, utilisation
        )
        found.append(Offer(cloud, maker, quote(view), view))
    return found


def _given_up(market: Market, workload: str, training: float, inference: float) -> float:
    """What chips earn when let to others, over what they would earn at the workload.

    training, inference: H100e if all of them did one workload
    """
    rental = market.rental
    trained = rental["training"].contract_price * training
    inferred = rental["inference"].contract_price * inference
    split = market.training_split if training > 0 else 0.0
    earned = trained if workload == "training" else inferred
    return (split * trained + (1 - split) * inferred) / earned
