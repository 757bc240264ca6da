"""What strikes a lab: a governance shock, liability, a declaration of AGI set in the scenario."""

from __future__ import annotations

from ..market.ledger import WORLD
from ..scenarios.calendar import month_index
from ..scenarios.schema import Intervention
from .alliances import declare_agi, lose_face
from .economy import Economy
from .lab import Lab

_GOVERNANCE_NEWS = -0.2  # of the mood, for a lab that loses all trust: two down-rounds' worth
# Utility that a lab without any trust loses with each user: enough to lose a quarter of its share
# to equal rivals. Its size is uncertain by half: a keyed draw a month.
_BRAND_LOSS = 0.3
_BRAND_NOISE = 0.15


def announce_agi(economy: Economy, event: Intervention) -> None:
    """The scenario has a lab declare AGI this month."""
    declare_agi(economy, _struck(economy, event), "its board says so")


def shake_governance(economy: Economy, event: Intervention) -> None:
    """The board of a lab and its management fall out; news, and partners lose face."""
    lab = _struck(economy, event)
    size = float(event.value or 0)
    months = f"for {event.months} months" if event.months else "for good"
    economy.market.event(
        "governance_shock", lab.name, "", 0,
        f"Board and management of {lab.name} fall out: it loses {size:.0%} of the trust of staff, "
        f"users and partners, {months}", trust_lost=size,
    )  # fmt: skip
    if size > 0:
        economy.market.sentiment.report(_GOVERNANCE_NEWS * size)
        lose_face(economy, lab, f"{lab.name} is in a crisis of governance")


def impose_liability(economy: Economy, event: Intervention) -> None:
    """A court or a settlement lays a sum on a lab, due in equal monthly instalments."""
    total, parts = round(float(event.value or 0)), event.months or 1
    how = f"in {parts} monthly instalments" if parts > 1 else "at once"
    economy.market.event(
        "liability", event.firm or "", "", total,
        f"{event.firm} has to pay ${total / 1e6:,.0f}M of damages, {how}", instalments=parts,
    )  # fmt: skip


def follow_incidents(economy: Economy) -> None:
    """Trust comes back in a straight line; instalments fall due (phase 1)."""
    market = economy.market
    shaken: dict[str, float] = {}
    for event in market.rules.interventions:
        if event.kind not in ("governance_shock", "liability"):
            continue
        since = market.month - month_index(market.rules.run, event.month)
        lab = _struck(economy, event)
        if event.kind == "liability":
            if lab.alive:
                market.bill(lab.name, WORLD, _instalment_usd(event, since), "liability")
            continue
        shaken.setdefault(lab.name, 1.0)
        if since >= 0 and (event.months is None or since < event.months):
            left = 1 - since / event.months if event.months else 1.0
            shaken[lab.name] *= 1 - float(event.value or 0) * left
    for name, trust in sorted(shaken.items()):
        lab = economy.labs[name]
        noise = market.draws.normal("governance", name, month=market.month)
        lab.trust = trust
        lab.brand_shift = (1 - trust) * (_BRAND_NOISE * noise - _BRAND_LOSS)


def _instalment_usd(event: Intervention, since: int) -> int:
    """Due this month: whole dollars that add up to the sum."""
    total, parts = round(float(event.value or 0)), event.months or 1
    if not 0 <= since < parts:
        return 0
    return total * (since + 1) // parts - total * since // parts


def _struck(economy: Economy, event: Intervention) -> Lab:
    return economy.labs[event.firm or ""]
