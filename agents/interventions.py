"""Interventions of the scenario that are no change of a path: shocks, cuts, killing, keeping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..market.ledger import Bill
from ..scenarios.calendar import month_index
from ..scenarios.schema import Intervention, Strategy
from .economy import Economy
from .incidents import announce_agi, follow_incidents, impose_liability, shake_governance
from .winding_up import liquidate


def intervene(economy: Economy) -> None:
    """Apply what is due this month and take back what has run its course."""
    market = economy.market
    killed: dict[str, str] = {}
    for event in market.rules.interventions:
        first = month_index(market.rules.run, event.month)
        begins = first == market.month
        if not begins and (event.months is None or first + event.months != market.month):
            continue
        obstacle = _obstacle(economy, event)
        if begins:
            _announce(economy, event, obstacle)
        act = (_BEGIN if begins else _END).get(event.kind)
        there = all(economy.find(name) is not None for name in event.parties)
        if act and (not obstacle or (there and not begins)):
            act(economy, event)
        if event.kind == "kill" and begins and not obstacle:
            killed[event.firm or ""] = "intervention"
        _multiply(economy)
    if killed:  # together: neither gets the other's fleet
        liquidate(economy, killed, forced=True)
    follow_incidents(economy)


def _obstacle(economy: Economy, event: Intervention) -> str:
    """Why its parties are not in position for it; empty if they are."""
    firms = {name: economy.find(name) for name in event.parties}
    absent = [name for name, firm in firms.items() if firm is None]
    if absent and event.kind != "supply_cut":  # which waits for a maker to come
        return f"not yet in the market: {', '.join(absent)}"
    if gone := [name for name, firm in firms.items() if firm is not None and not firm.alive]:
        return f"no longer in the market: {', '.join(gone)}"
    if event.rival is not None and not economy.labs[event.rival].finance_rule.checks:
        return f"{event.rival} has no finance office"
    if event.investor is not None and economy.firm(event.investor).cash_usd < event.amount_usd:
        return f"{event.investor} has not the cash"
    return ""


def _announce(economy: Economy, event: Intervention, obstacle: str) -> None:
    what = event.path or event.firm or ""
    if event.kind == "open_talks":
        what = f"between {', '.join(event.parties)}"
    value = "" if event.value is None else f" {event.value}"
    why = f": not applicable, {obstacle}" if obstacle else ""
    if event.investor is not None:
        what = f"{event.investor} in {what}"
    details: dict[str, Any] = {"kind": event.kind, "path": event.path, "value": event.value}
    if obstacle:
        details["not_applicable"] = True
    economy.market.event(
        "intervention",
        (event.parties or ("world",))[0],
        text=f"intervention: {event.kind} {what}{value}".rstrip() + why,
        **details,
    )


def _shock_mood(economy: Economy, event: Intervention) -> None:
    economy.market.sentiment.shock(_number(event))


def _calm_mood(economy: Economy, event: Intervention) -> None:
    economy.market.sentiment.shock(-_number(event))


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


def _hire_finance_office(economy: Economy, event: Intervention) -> None:
    lab = economy.labs[event.firm or ""]
    source = ""
    if event.rival is not None:
        economy.labs[event.rival].hire(_NO_OFFICE)
        source = f" away from {event.rival}, which is led by its founders again"
    office = event.office or _OFFICE
    lab.hire(office)
    economy.market.event(
        "finance_office_hired", lab.name, event.rival or "",
        text=f"{lab.name} hires a finance office{source}",
        rule=office.name, parameters=office.parameters,
    )  # fmt: skip


def _end_finance_office(economy: Economy, event: Intervention) -> None:
    for name, office in ((event.firm, event.office or _OFFICE), (event.rival, _NO_OFFICE)):
        # what has been hired since stays
        if name is not None and economy.labs[name].hired is office:
            economy.labs[name].hire(None)


_OFFICE: Final = Strategy(name="finance_office")
_NO_OFFICE: Final = Strategy(name="founder_led")


def _open_talks(economy: Economy, event: Intervention) -> None:
    economy.market.talks_due.append(event)


Act = Callable[[Economy, Intervention], None]

# What a kind does when it begins and when it ends, beside the factors of `_multiply`.
_BEGIN: Final[dict[str, Act]] = {
    "sentiment_shock": _shock_mood,
    "keep_alive": _keep_alive,
    "declare_agi": announce_agi,
    "governance_shock": shake_governance,
    "liability": impose_liability,
    "hire_finance_office": _hire_finance_office,
    "open_talks": _open_talks,
    "take_stake": _take_stake,
}
_END: Final[dict[str, Act]] = {
    "sentiment_shock": _calm_mood,
    "keep_alive": _let_go,
    "hire_finance_office": _end_finance_office,
}


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
