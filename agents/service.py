"""The users' side of the month: what they ask, whom they choose, what is served and earned."""

from __future__ import annotations

from math import exp, log

from ..market.market import Market
from ..market.world import SEGMENTS
from .economy import Economy


def ask_users(economy: Economy) -> dict[str, float]:
    """Service units asked in each segment at current prices, and what each lab would need."""
    market = economy.market
    world = market.world
    labs = economy.living_labs()
    for segment in SEGMENTS:
        weight = sum([lab.share[segment] for lab in labs])
        if weight > 0:
            logs = sum([lab.share[segment] * log(lab.price_index) for lab in labs])
            world.price_index[segment] = exp(logs / weight)
    observe_use(market)
    units = {s: world.served[s].labs for s in SEGMENTS}
    for lab in labs:
        lab.compute_cost_usd = 0.0
        lab.ask_users(units)
    return units


def observe_use(market: Market) -> None:
    """What is used where this month, and the chips that use outside the labs takes."""
    rules, world = market.rules, market.world
    world.served = {s: world.use(rules, s, market.month) for s in SEGMENTS}
    per_h100e = world.service_usd_per_h100e_month(rules)
    uses = world.served.values()
    rented = sum([use.open_weights for use in uses]) / per_h100e
    # a shock to demand is laid on all that others rent
    factor = world.demand_factor
    market.rental["inference"].open_weights_h100e = rented / factor if factor > 0 else 0.0
    per_own_h100e = per_h100e * rules.world.demand.on_premise_utilisation
    own = market.on_premise
    own.need = sum([use.on_premise for use in uses]) / per_own_h100e
    own.need_at_base = sum([use.on_premise_at_base for use in uses]) / per_own_h100e


def serve_users(economy: Economy, units: dict[str, float]) -> None:
    """Labs serve, reprice and win or lose users (phase 5)."""
    labs = economy.living_labs()
    for lab in labs:
        lab.serve(units)
        lab.bill_costs()
        lab.reprice()
    _choose(economy)


def _choose(economy: Economy) -> None:
    """Shares move towards a logit in capability, brand, price and reliability (McFadden 1974)."""
    labs = economy.living_labs()
    speed = economy.market.rules.world.technology.share_adjustment_per_month
    for segment in SEGMENTS:
        utilities = [lab.appeal(segment) for lab in labs]
        best = max(utilities, default=0.0)
        weights = [exp(u - best) for u in utilities]
        total = sum(weights)
        for lab, weight in zip(labs, weights, strict=True):
            lab.share[segment] += speed * (weight / total - lab.share[segment])


def open_shares(economy: Economy) -> None:
    """Opening shares, and labs' training so far, from the opening revenues and contracts."""
    labs = list(economy.labs.values())
    for segment in SEGMENTS:
        arr = {lab.name: getattr(lab.spec, f"{segment}_arr_usd") for lab in labs}
        total = sum(arr.values())
        for lab in labs:
            lab.share[segment] = arr[lab.name] / total if total > 0 else 1 / len(labs)
    for lab in labs:
        lab.training_stock = max(1.0, 8 * lab.committed_h100e("training", 0))
        lab.got = {w: lab.committed_h100e(w, 0) for w in lab.got}
        arr_usd = sum([getattr(lab.spec, f"{s}_arr_usd") for s in SEGMENTS])
        lab.recurring_usd.append(round(arr_usd / 12))
