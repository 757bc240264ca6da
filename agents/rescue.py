"""Rescue of a firm about to default, by a partner that would lose more (phase 8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..market.clearing import Estate
from .cloud import Cloud
from .economy import Economy
from .estates import liquidation, recoveries
from .firm import Firm
from .interests import loss_beyond_claims_usd
from .lab import Lab
from .settlement import draw_on_purse
from .solvency import (
    failure_probability_per_year,
    going_concern_usd,
    means_usd,
    outflow_usd,
    overdue_usd,
)
from .tranches import invest

_MONTHS = 6.0  # of outflow beside what is overdue: out of distress
_MEANS_SHARE = 0.25  # of cash and purse that a partner puts into a rescue at most
_DISTRESSED_SHARE = 0.25  # of what it is worth, at which a firm without runway sells shares


class Weighing(NamedTuple):
    """What a partner loses if a firm fails, and gains if it pays for a rescue; US dollars."""

    partner: Firm
    loss_usd: float
    gain_usd: float
    means_usd: float


def rescued(economy: Economy, firm: Firm, failing: Collection[str]) -> bool:
    """Let the partner with most to gain pay in what a firm needs; False where nobody would.

    New shares are worth what they cost unless the firm fails after all; beyond that a partner pays
    for what it would lose by a failure now.

    failing: firms that fail this month as well
    """
    if not economy.market.rules.world.distress.allow_rescue:
        return False
    outflow = max(0, outflow_usd(firm))
    amount = max(1, round(overdue_usd(firm) - firm.cash_usd + _MONTHS * outflow))
    worth = max(0.0, going_concern_usd(economy, firm) - firm.debt_usd)
    pre_money = max(1_000_000, round(_DISTRESSED_SHARE * worth))
    estate = liquidation(economy, firm, failing)
    lost = _lost_claims_usd(economy, estate)
    # who has been rescued before and is back has shown how good the odds are
    risk = 1 - (1 - failure_probability_per_year(economy)) ** (1 + firm.rescues)
    views = []
    for partner in _partners(economy, firm, failing):
        loss = lost.get(partner.name, 0) + loss_beyond_claims_usd(economy, partner, firm)
        gain = (1 - risk) * loss - risk * amount
        means = means_usd(partner, _MEANS_SHARE)
        views.append(Weighing(partner, loss, gain, means))
    able = [view for view in views if view.gain_usd > 0 and view.means_usd >= amount]
    if able:
        best = max(able, key=lambda view: (view.gain_usd, view.partner.name))
        _pay(economy, firm, best, amount, pre_money)
        return True
    if views:
        _tell_why_not(economy, firm, views, amount)
    return False


def _partners(economy: Economy, firm: Firm, failing: Collection[str]) -> list[Firm]:
    """Clouds and chipmakers, as in rounds: labs have no money for others."""
    strategic: list[Firm] = [*economy.clouds.values(), *economy.chipmakers.values()]
    return [
        other
        for other in strategic
        if other is not firm and other.alive and not other.frozen and other.name not in failing
    ]


def _lost_claims_usd(economy: Economy, estate: Estate) -> dict[str, int]:
    """By creditor, what a liquidation would not pay of its claims, damages included."""
    paid = recoveries(economy, estate)
    lost: dict[str, int] = {}
    for index, claim in enumerate(estate.claims):
        if claim.ref != "equity":
            lost[claim.claimant] = lost.get(claim.claimant, 0) + claim.amount_usd - paid[index]
    return lost


def _pay(economy: Economy, firm: Firm, view: Weighing, amount: int, pre_money: int) -> None:
    market, partner = economy.market, view.partner
    firm.rescues += 1
    if partner.backed:
        draw_on_purse(partner, amount)
    invest(economy, partner, firm, amount, pre_money, None, "rescue")
    if isinstance(firm, Lab | Cloud) and firm.valuation_usd > 0:
        firm.valuation_usd = firm.last_post_money_usd = pre_money + amount
    ownership = firm.cap_table.ownership(partner.name)
    market.event(
        "rescue", firm.name, partner.name, amount,
        f"{partner.name} rescues {firm.name} with ${amount / 1e6:,.0f}M for new shares, and holds "
        f"{ownership:.1%} of it: it would lose ${view.loss_usd / 1e6:,.0f}M by its failure",
        pre_money_usd=pre_money, ownership=ownership, loss_usd=view.loss_usd,
        gain_usd=view.gain_usd,
    )  # fmt: skip


def _tell_why_not(economy: Economy, firm: Firm, views: list[Weighing], amount: int) -> None:
    """The partner with most at stake, and what kept it from paying."""
    view = max(views, key=lambda v: (v.loss_usd, v.partner.name))
    if view.loss_usd <= 0:
        return
    why = "it has not the means" if view.gain_usd > 0 else "a rescue would cost it more"
    economy.market.event(
        "rescue_refused", firm.name, view.partner.name, amount,
        f"nobody pays the ${amount / 1e6:,.0f}M that would keep {firm.name} going; "
        f"{view.partner.name} would lose ${view.loss_usd / 1e6:,.0f}M by its failure, but {why}",
        loss_usd=view.loss_usd, gain_usd=view.gain_usd, means_usd=view.means_usd,
    )  # fmt: skip
