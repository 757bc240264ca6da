"""What a firm is worth to those it deals with beyond what it owes them: shares, business, face."""

from __future__ import annotations

from .alliances import alliance_value_usd, face_usd, of_pair
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .lab import Lab
from .stances import loss_severity


def share_of_gains(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """Share of a dollar that the lab gains which reaches the cloud: by equity and revenue share."""
    alliance = of_pair(economy, cloud.name, lab.name)
    revenue_share = alliance.terms.revenue_share if alliance is not None else 0.0
    return lab.cap_table.ownership(cloud.name) + revenue_share


def interest_usd(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    """What the cloud loses beyond its contracts if the lab fails, USD: stake and alliance."""
    stake = lab.cap_table.ownership(cloud.name) * lab.valuation_usd
    return stake + alliance_value_usd(economy, cloud.name, lab.name)


def holding_usd(holder: Firm, firm: Firm) -> float:
    """What a holder's shares in a firm are worth, at its private mark, else at book, USD."""
    owned = firm.cap_table.ownership(holder.name)
    worth = firm.valuation_usd if firm.valuation_usd > 0 else firm.book_equity_usd
    return owned * max(0.0, worth)


def loss_beyond_claims_usd(economy: Economy, partner: Firm, firm: Firm) -> float:
    """What a partner loses beyond its claims if a firm is liquidated, USD.

    Its shares and an alliance; and business: what a cloud cannot let again of its contracts with a
    lab, a chipmaker's margin on chips that a cloud has on order.
    """
    if isinstance(partner, Cloud) and isinstance(firm, Lab):
        return _of_cloud_usd(economy, partner, firm)
    loss = holding_usd(partner, firm)
    if isinstance(partner, Chipmaker) and isinstance(firm, Cloud):
        ordered = sum([o.left_h100e for o in firm.orders if o.maker == partner.name])
        return loss + ordered * _margin_usd_per_h100e(partner)
    return loss


def _margin_usd_per_h100e(maker: Chipmaker) -> float:
    """What is left of the posted price of its chips after their cost."""
    mix = maker.market.mixes.get(maker.name)
    if mix is None:
        return 0.0
    cost = sum([share * chip.unit_cost_usd / chip.h100e for chip, share in mix.shares])
    return max(0.0, mix.price_usd_per_h100e - cost)


def _of_cloud_usd(economy: Economy, cloud: Cloud, lab: Lab) -> float:
    market = economy.market
    severity = loss_severity(market.rules.world.credit)
    live = [c for c in market.book.of_lab(lab.name) if c.cloud == cloud.name]
    contracts = severity * sum([c.remaining_usd(market.month + 1) for c in live])
    face = face_usd(cloud) if of_pair(economy, cloud.name, lab.name) is not None else 0.0
    return contracts + interest_usd(economy, cloud, lab) + face
