"""What is wrong with the alliances of a scenario that are each well formed."""

from __future__ import annotations

from collections.abc import Iterator

from .messages import Problem, unknown
from .schema import Scenario


def alliance_problems(scenario: Scenario) -> Iterator[Problem]:
    """What contradicts the rest of the scenario: unknown parties, shares above the whole."""
    labs = [firm.name for firm in scenario.labs]
    clouds = [firm.name for firm in scenario.clouds]
    names: set[str] = set()
    pairs: dict[tuple[str, str], str] = {}
    paid: dict[str, float] = {}
    for alliance in scenario.alliances:
        here = f"alliances.{alliance.name}"
        if alliance.name in names:
            given = f"the duplicate name '{alliance.name}'"
            yield Problem(f"{here}.name", given, "a name that no other alliance has")
        names.add(alliance.name)
        for field, name, what, known in (
            ("partner", alliance.partner, "a cloud", clouds),
            ("lab", alliance.lab, "a lab", labs),
        ):
            yield from unknown(f"{here}.{field}", name, what, known)
        pair = alliance.partner, alliance.lab
        if pair in pairs:
            given = f"a second alliance of {alliance.partner} and {alliance.lab}"
            yield Problem(f"{here}.lab", given, f"one of a pair (see '{pairs[pair]}')")
        pairs[pair] = alliance.name
        paid[alliance.lab] = paid.get(alliance.lab, 0.0) + alliance.revenue_share
        if paid[alliance.lab] > 1:
            given = f"{alliance.revenue_share:g}, which makes {paid[alliance.lab]:g} of its sales"
            yield Problem(
                f"{here}.revenue_share", given, "shares of a lab that add up to at most 1"
            )
