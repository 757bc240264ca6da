"""Decision rules by role and decision, found by the name that a scenario gives.

Each rule is a frozen dataclass that satisfies a small protocol; its fields are its parameters.
Rules of other packages are loaded when a name is not known, or when all are listed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final

from ...market.negotiation import Tactic
from ...scenarios.schema import Scenario, Strategy
from .capacity import AssetBacked, Borrowing, Capacity, EquityFirst, ForecastLed, PreLet
from .finance import Finance, FinanceOffice, FounderLed
from .financing import Financing, MarketWindow, RunwayTrigger
from .guarding import StrategyError, guarded
from .investing import (
    Bidding,
    Conviction,
    EfficientGrowth,
    FollowOn,
    FreshLook,
    GrowthMultiple,
    MarginOfSafety,
    ProRata,
    ReturnHurdle,
    Valuation,
)
from .negotiation import Boulware, Conceder, Linear
from .parameters import declared
from .plugins import load_plugins
from .pricing import (
    BacklogPricing,
    ChipPricing,
    CloudPricing,
    CostPlus,
    MarketFollower,
    ShareBuilder,
)
from .procurement import Allocation, CoverAhead, Procurement, ResearchFirst, ServeFirst, SpotFirst
from .rationing import BroadBase, Rationing, WeightedAllocation
from .vendor_finance import DemandBuilder, StrategicFund, VendorFinance

__all__ = [
    "PROTOCOLS",
    "REGISTRY",
    "StrategyError",
    "added_strategies",
    "catalogue",
    "decisions",
    "guarded",
    "load_plugins",
    "make",
    "register",
    "rule_named",
    "unknown_strategies",
]

PROTOCOLS: Final[dict[tuple[str, str], type]] = {
    ("labs", "procurement"): Procurement,
    ("labs", "negotiation"): Tactic,
    ("labs", "financing"): Financing,
    ("labs", "allocation"): Allocation,
    ("labs", "finance"): Finance,
    ("clouds", "negotiation"): Tactic,
    ("clouds", "pricing"): CloudPricing,
    ("clouds", "capacity"): Capacity,
    ("clouds", "borrowing"): Borrowing,
    ("clouds", "financing"): Financing,
    ("chipmakers", "pricing"): ChipPricing,
    ("chipmakers", "allocation"): Rationing,
    ("chipmakers", "vendor_finance"): VendorFinance,
    ("investors", "valuation"): Valuation,
    ("investors", "bidding"): Bidding,
    ("investors", "follow_on"): FollowOn,
}

REGISTRY: Final[dict[tuple[str, str], dict[str, type]]] = {
    ("labs", "procurement"): {"cover_ahead": CoverAhead, "spot_first": SpotFirst},
    ("labs", "negotiation"): {"linear": Linear, "boulware": Boulware, "conceder": Conceder},
    ("labs", "financing"): {"runway_trigger": RunwayTrigger, "market_window": MarketWindow},
    ("labs", "allocation"): {"serve_first": ServeFirst, "research_first": ResearchFirst},
    ("labs", "finance"): {"founder_led": FounderLed, "finance_office": FinanceOffice},
    ("clouds", "negotiation"): {"linear": Linear, "boulware": Boulware, "conceder": Conceder},
    ("clouds", "pricing"): {"cost_plus": CostPlus, "market_follower": MarketFollower},
    ("clouds", "capacity"): {"forecast_led": ForecastLed, "pre_let": PreLet},
    ("clouds", "borrowing"): {"asset_backed": AssetBacked, "equity_first": EquityFirst},
    ("clouds", "financing"): {"runway_trigger": RunwayTrigger, "market_window": MarketWindow},
    ("chipmakers", "pricing"): {"backlog_pricing": BacklogPricing, "share_builder": ShareBuilder},
    ("chipmakers", "allocation"): {
        "weighted_allocation": WeightedAllocation,
        "broad_base": BroadBase,
    },
    ("chipmakers", "vendor_finance"): {
        "strategic_fund": StrategicFund,
        "demand_builder": DemandBuilder,
    },
    ("investors", "valuation"): {
        "growth_multiple": GrowthMultiple,
        "return_hurdle": ReturnHurdle,
        "efficient_growth": EfficientGrowth,
    },
    ("investors", "bidding"): {"conviction": Conviction, "margin_of_safety": MarginOfSafety},
    ("investors", "follow_on"): {"fresh_look": FreshLook, "pro_rata": ProRata},
}


_SHIPPED: Final = frozenset(
    (role, decision, name) for (role, decision), known in REGISTRY.items() for name in known
)


def register(role: str, decision: str, name: str) -> Callable[[type], type]:
    """A class decorator that enters a decision rule under a name that scenarios may then give.

    A rule is a frozen dataclass that satisfies the protocol of its decision. One of your own may
    be entered again, as when a cell of a notebook is run twice, but not from another module.

    Raises:
        StrategyError: no such role or decision, the name is that of a shipped rule, or the class is
            no frozen dataclass with defaults that has all that its protocol asks for.
    """
    if (role, decision) not in REGISTRY:
        known = [".".join(pair) for pair in REGISTRY]
        given = f"{role}.{decision}"
        raise StrategyError(f"unknown decision '{given}'{_hint(given, known)}")
    if (role, decision, name) in _SHIPPED:
        raise StrategyError(f"the strategy '{name}' of {role}.{decision} is shipped: name another")

    def enter(rule: type) -> type:
        what = f"the strategy '{name}' of {role}.{decision}"
        _check_rule(rule, PROTOCOLS[role, decision], what)
        before = REGISTRY[role, decision].get(name, rule)
        if before.__module__ != rule.__module__:
            raise StrategyError(
                f"{what} is already that of '{before.__module__}': name another in "
                f"'{rule.__module__}'"
            )
        REGISTRY[role, decision][name] = rule
        return rule

    return enter


def _check_rule(rule: type, protocol: type, what: str) -> None:
    """Raise unless a class can stand where the protocol is asked for."""
    if not (is_dataclass(rule) and rule.__dataclass_params__.frozen):  # type: ignore[attr-defined]
        raise StrategyError(
            f"{what} is no frozen dataclass: write @dataclass(frozen=True) above it"
        )
    if bare := [f.name for f in fields(rule) if f.default is MISSING]:
        raise StrategyError(f"{what} has no default for '{bare[0]}'")
    asked = [n for n in (*vars(protocol), *protocol.__annotations__) if not n.startswith("_")]
    if missing := [name for name in asked if not hasattr(rule, name)]:
        raise StrategyError(f"{what} lacks '{missing[0]}' (see {protocol.__name__})")


def added_strategies(names: Container[str]) -> tuple[tuple[str, str, str, type], ...]:
    """The rules of these names that were registered beside the shipped ones, like `catalogue`."""
    return tuple(entry for entry in _entered() if entry[2] in names and entry[:3] not in _SHIPPED)


def rule_named(role: str, decision: str, name: str) -> type:
    """The class of a decision rule, plug-ins included; StrategyError names those that exist."""
    known = REGISTRY[role, decision]
    if name not in known:
        problems = load_plugins()
    if name not in known:
        lost = f" ({'; '.join(problems)})" if problems else ""
        raise StrategyError(
            f"unknown strategy '{name}'{_hint(name, known)}; "
            f"expected one of: {', '.join(sorted(known))}{lost}"
        )
    return known[name]


def make(role: str, decision: str, given: Strategy) -> Any:
    """Build the decision rule that a scenario names; StrategyError says what is wrong."""
    rule = rule_named(role, decision, given.name)
    if not given.parameters:
        return rule()
    known = {parameter.name: parameter for parameter in declared(rule)}
    for name, value in given.parameters.items():
        if name not in known:
            raise StrategyError(
                f"unknown parameter '{name}' of strategy '{given.name}'{_hint(name, known)}; "
                f"expected one of: {', '.join(known)}"
            )
        low, high = known[name].low, known[name].high
        if not low <= value <= high:
            raise StrategyError(
                f"parameter '{name}' of strategy '{given.name}' is {value}; "
                f"expected a number from {low} to {high}"
            )
    return rule(**given.parameters)


def _hint(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def decisions(role: str) -> list[str]:
    """The decisions of a role that follow a strategy."""
    return [decision for r, decision in REGISTRY if r == role]


def unknown_strategies(scenario: Scenario) -> list[str]:
    """One line for each strategy or parameter of the scenario that does not exist."""
    problems = []
    for role, decision in REGISTRY:
        for firm in getattr(scenario, role):
            try:
                make(role, decision, getattr(firm, decision))
            except StrategyError as error:
                problems.append(f"{role}.{firm.name}.{decision}: {error}")
    for index, event in enumerate(scenario.interventions):
        if event.office is not None:
            try:
                make("labs", "finance", event.office)
            except StrategyError as error:
                problems.append(f"interventions.{index}.office: {error}")
    return problems


def catalogue() -> Iterator[tuple[str, str, str, type]]:
    """All rules, those of plug-ins included, as (role, decision, name, class)."""
    load_plugins()
    return _entered()


def _entered() -> Iterator[tuple[str, str, str, type]]:
    for (role, decision), known in REGISTRY.items():
        for name, rule in known.items():
            yield role, decision, name, rule
