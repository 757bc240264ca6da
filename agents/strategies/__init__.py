"""Decision rules by role and decision, found by the name that a scenario gives.

Each rule is a frozen dataclass that satisfies a small protocol; its fields are its parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final

from ...scenarios.schema import Scenario, Strategy
from .capacity import AssetBacked, ForecastLed
from .finance import FinanceOffice, FounderLed
from .financing import RunwayTrigger
from .investing import Conviction, EfficientGrowth, GrowthMultiple, ReturnHurdle
from .negotiation import Boulware, Conceder, Linear
from .pricing import BacklogPricing, CostPlus, MarketFollower
from .procurement import CoverAhead, ServeFirst, SpotFirst
from .rationing import WeightedAllocation

REGISTRY: Final[dict[tuple[str, str], dict[str, type]]] = {
    ("labs", "procurement"): {"cover_ahead": CoverAhead, "spot_first": SpotFirst},
    ("labs", "negotiation"): {"linear": Linear, "boulware": Boulware, "conceder": Conceder},
    ("labs", "financing"): {"runway_trigger": RunwayTrigger},
    ("labs", "allocation"): {"serve_first": ServeFirst},
    ("labs", "finance"): {"founder_led": FounderLed, "finance_office": FinanceOffice},
    ("clouds", "negotiation"): {"linear": Linear, "boulware": Boulware, "conceder": Conceder},
    ("clouds", "pricing"): {"cost_plus": CostPlus, "market_follower": MarketFollower},
    ("clouds", "capacity"): {"forecast_led": ForecastLed},
    ("clouds", "borrowing"): {"asset_backed": AssetBacked},
    ("clouds", "financing"): {"runway_trigger": RunwayTrigger},
    ("chipmakers", "pricing"): {"backlog_pricing": BacklogPricing},
    ("chipmakers", "allocation"): {"weighted_allocation": WeightedAllocation},
    ("investors", "valuation"): {
        "growth_multiple": GrowthMultiple,
        "return_hurdle": ReturnHurdle,
        "efficient_growth": EfficientGrowth,
    },
    ("investors", "bidding"): {"conviction": Conviction},
}


_SHIPPED: Final = frozenset(
    (role, decision, name) for (role, decision), known in REGISTRY.items() for name in known
)


class StrategyError(ValueError):
    """A strategy or a parameter of it that does not exist, or a value out of range."""


def register(role: str, decision: str, name: str) -> Callable[[type], type]:
    """A class decorator that enters a decision rule under a name that scenarios may then give.

    A rule is a frozen dataclass that satisfies the protocol of its decision. One of your own may
    be entered again, as when a cell of a notebook is run twice.

    Raises:
        StrategyError: no such role or decision, or the name is that of a shipped rule.
    """
    if (role, decision) not in REGISTRY:
        known = [".".join(pair) for pair in REGISTRY]
        given = f"{role}.{decision}"
        raise StrategyError(f"unknown decision '{given}'{_hint(given, known)}")
    if (role, decision, name) in _SHIPPED:
        raise StrategyError(f"the strategy '{name}' of {role}.{decision} is shipped: name another")

    def enter(rule: type) -> type:
        REGISTRY[role, decision][name] = rule
        return rule

    return enter


def added_strategies() -> tuple[tuple[str, str, str, type], ...]:
    """The rules that were registered beside the shipped ones, like `catalogue`."""
    return tuple(entry for entry in catalogue() if entry[:3] not in _SHIPPED)


def rule_named(role: str, decision: str, name: str) -> type:
    """The class of a decision rule; StrategyError names those that exist."""
    known = REGISTRY[role, decision]
    if name not in known:
        raise StrategyError(
            f"unknown strategy '{name}'{_hint(name, known)}; "
            f"expected one of: {', '.join(sorted(known))}"
        )
    return known[name]


def make(role: str, decision: str, given: Strategy) -> Any:
    """Build the decision rule that a scenario names; StrategyError says what is wrong."""
    rule = rule_named(role, decision, given.name)
    names = [f.name for f in fields(rule)]
    for name, value in given.parameters.items():
        if name not in names:
            raise StrategyError(
                f"unknown parameter '{name}' of strategy '{given.name}'{_hint(name, names)}; "
                f"expected one of: {', '.join(names)}"
            )
        low, high = next(f.metadata["range"] for f in fields(rule) if f.name == name)
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
    """All rules as (role, decision, name, class)."""
    for (role, decision), known in REGISTRY.items():
        for name, rule in known.items():
            yield role, decision, name, rule
