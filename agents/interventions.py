"""Interventions of the scenario that are no change of a path: shocks, cuts, killing, keeping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..market.ledger import Bill
from ..scenarios.calendar import month_index
from ..scenarios.schema import Intervention
from .distress import liquidate
from .economy import Economy


def intervene(economy: Economy) -> None:
    """Apply what is due this month and take back what has run its course."""
    market = economy.market
    for event in market.rules.interventions:
        first = month_index(market.rules.run, event.month)
        begins = first == market.month
        if not begins and (event.months is None or first + event.months != market.month):
            continue
        applies = event.firm is None or economy.firm(event.firm).alive
        if event.investor is not None:
            holder = economy.firm(event.investor)
            applies &= holder.alive and holder.cash_usd >= event.amount_usd
        if begins:
            _announce(economy, event, applies)
        act = (_BEGIN if begins else _END).get(event.kind)
        if act and (applies or not begins):
            act(economy, event)
        _multiply(economy)


def _announce(economy: Economy, event: Intervention, applies: bool) -> None:
    what = event.path or event.firm or ""
    value = "" if event.value is None else f" {event.value}"
    if event.investor is not None:
        what = f"{event.investor} in {what}"
    gone = "" if applies else ": not applicable, the firm is no longer in the market"
    if event.investor is not None and not applies:
        gone += " or its investor has no cash"
    details: dict[str, Any] = {"kind": event.kind, "path": event.path, "value": event.value}
    if not applies:
        details["not_applicable"] = True
    economy.market.event(
        "intervention",
        event.firm or "world",
        text=f"intervention: {event.kind} {what}{value}".rstrip() + gone,
        **details,
    )


def _shock_mood(economy: Economy, event: Intervention) -> None:
    economy.market.sentiment.shock(_number(event))


def _calm_mood(economy: Economy, event: Intervention) -> None:
    economy.market.sentiment.shock(-_number(event))


def _kill(economy: Economy, event: Intervention) -> None:
    liquidate(economy, economy.firm(event.firm or ""), "intervention")


def _keep_alive(economy: Economy, event: Intervention) -> None:
    economy.firm(event.firm or "").kept_alive = True


def _take_stake(economy: Economy, event: Intervention) -> None:
    """New shares of a firm for an investor, paid at once."""
    firm, holder = economy.firm(event.firm or ""), economy.firm(event.investor or "")
    share, usd = _number(event), round(event.amount_usd)
    if usd:
        economy.market.ledger.pay(Bill(holder.name, firm.name, usd, "equity", firm.name))
    firm.cap_table.issue(holder.name, round(firm.cap_table.total * share / (1 - share)))


def _let_go(economy: Economy, event: Intervention) -> None:
    economy.firm(event.firm or "").kept_alive = False


Act = Callable[[Economy, Intervention], None]

# What a kind does when it begins and when it ends, beside the factors of `_multiply`.
_BEGIN: Final[dict[str, Act]] = {
    "sentiment_shock": _shock_mood,
    "kill": _kill,
    "keep_alive": _keep_alive,
    "take_stake": _take_stake,
}
_END: Final[dict[str, Act]] = {"sentiment_shock": _calm_mood, "keep_alive": _let_go}


def _multiply(economy: Economy) -> None:
    """Factors of demand, cost and supply: the product of all shocks in force."""
    market = economy.market
    world = market.world
    world.demand_factor = world.cost_factor = 1.0
    world.supply_factor = {}
    for event in market.rules.interventions:
        since = market.month - month_index(market.rules.run, event.month)
        if since < 0 or (event.months is not None and since >= event.months):
            continue
        if event.kind == "demand_shock":
            world.demand_factor *= 1 + _number(event)
        elif event.kind == "cost_shock":
            world.cost_factor *= 1 + _number(event)
        elif event.kind == "supply_cut":
            key = event.firm or ""
            world.supply_factor[key] = world.supply_factor.get(key, 1.0) * (1 - _number(event))


def _number(event: Intervention) -> float:
    return float(event.value) if isinstance(event.value, int | float) else 0.0
