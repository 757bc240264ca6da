"""Interventions of the scenario that are no change of a path: shocks, cuts, killing, keeping."""

from __future__ import annotations

from typing import Any

from ..scenarios.calendar import month_index
from ..scenarios.schema import Intervention
from .distress import liquidate
from .economy import Economy


def intervene(economy: Economy) -> None:
    """Apply what is due this month and take back what has run its course."""
    market = economy.market
    for event in market.rules.interventions:
        first = month_index(market.rules.run, event.month)
        if first == market.month:
            applies = event.firm is None or economy.firm(event.firm).alive
            _announce(economy, event, applies)
            if applies:
                _apply(economy, event)
        elif event.months is not None and first + event.months == market.month:
            _withdraw(economy, event)


def _announce(economy: Economy, event: Intervention, applies: bool) -> None:
    what = event.path or event.firm or ""
    value = "" if event.value is None else f" {event.value}"
    gone = "" if applies else ": not applicable, the firm is no longer in the market"
    details: dict[str, Any] = {"kind": event.kind, "path": event.path, "value": event.value}
    if not applies:
        details["not_applicable"] = True
    economy.market.event(
        "intervention",
        event.firm or "world",
        text=f"intervention: {event.kind} {what}{value}".rstrip() + gone,
        **details,
    )


def _apply(economy: Economy, event: Intervention) -> None:
    if event.kind == "sentiment_shock":
        economy.market.sentiment.shock(_number(event))
    elif event.kind == "kill" and event.firm is not None:
        liquidate(economy, economy.firm(event.firm), "intervention")
    elif event.kind == "keep_alive" and event.firm is not None:
        economy.firm(event.firm).kept_alive = True
    _multiply(economy)


def _withdraw(economy: Economy, event: Intervention) -> None:
    if event.kind == "sentiment_shock":
        economy.market.sentiment.shock(-_number(event))
    elif event.kind == "keep_alive" and event.firm is not None:
        economy.firm(event.firm).kept_alive = False
    _multiply(economy)


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
