"""What a cloud can offer a lab: megawatts of each family of chips that nobody has yet."""

from __future__ import annotations

from .cloud import Cloud


def megawatts(cloud: Cloud, maker: str, workload: str, h100e: float) -> float:
    """Power that a contract takes on the cloud's present chips of a maker."""
    density = cloud.families[maker].per_mw[workload]
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
