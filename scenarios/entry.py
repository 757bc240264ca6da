"""Firms that enter during the run: when, and what a scenario cannot say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .calendar import month_index
from .firms import Firm
from .messages import Problem
from .schema import Scenario

_ARR: Final = ("consumer_arr_usd", "enterprise_arr_usd", "private_arr_usd")


def entry_month(scenario: Scenario, firm: Firm) -> int:
    """Month of the run in which a firm enters; 0 for one that is there from the start."""
    return 0 if firm.enters is None else month_index(scenario.run, firm.enters)


def entry_problems(scenario: Scenario) -> Iterator[Problem]:
    """What contradicts the months in which firms enter."""
    late = {firm.name: entry_month(scenario, firm) for firm in scenario.firms if firm.enters}
    if not late:
        return
    yield from _too_early(scenario, late)
    there = _Presence(scenario, late)
    for index, contract in enumerate(scenario.contracts):
        for field in ("lab", "cloud", "maker"):
            yield from there.at_start(f"contracts.{index}.{field}", getattr(contract, field))
    for index, loan in enumerate(scenario.loans):
        for field in ("lender", "borrower"):
            yield from there.at_start(f"loans.{index}.{field}", getattr(loan, field))
    for index, stake in enumerate(scenario.stakes):
        if late.get(stake.investor, 0) > late.get(stake.firm, 0):
            yield there.problem(
                f"stakes.{index}.investor", stake.investor, f"an investor as old as {stake.firm}"
            )
    makers = {chip.name: chip.maker for chip in scenario.chips}
    for cloud in scenario.clouds:
        for stock in cloud.fleet:
            maker = makers.get(stock.chip, "")
            if stock.units and late.get(maker, 0) > late.get(cloud.name, 0):
                path = f"clouds.{cloud.name}.fleet.{stock.chip}"
                yield there.problem(path, maker, "chips of a maker that is there by then")


def _too_early(scenario: Scenario, late: dict[str, int]) -> Iterator[Problem]:
    roles: dict[str, Sequence[Firm]] = {
        "labs": scenario.labs,
        "clouds": scenario.clouds,
        "chipmakers": scenario.chipmakers,
        "investors": scenario.investors,
    }
    for role, firms in roles.items():
        for firm in firms:
            if late.get(firm.name, 0) < 0:
                expected = f"a month not before the start of the run ({scenario.run.start})"
                yield Problem(f"{role}.{firm.name}.enters", f'"{firm.enters}"', expected)
    for lab in scenario.labs:
        for field in _ARR:
            if late.get(lab.name, 0) > 0 and getattr(lab, field) > 0:
                expected = f"0: a lab that enters in {lab.enters} has no users yet"
                yield Problem(f"labs.{lab.name}.{field}", f"{getattr(lab, field):g}", expected)


class _Presence:
    """Who is there from the start, and what to say of those who are not."""

    def __init__(self, scenario: Scenario, late: dict[str, int]) -> None:
        self.late = late
        self.enters = {firm.name: firm.enters for firm in scenario.firms}

    def at_start(self, path: str, name: str) -> Iterator[Problem]:
        if self.late.get(name, 0) > 0:
            yield self.problem(path, name, "a firm that is there from the start")

    def problem(self, path: str, name: str, expected: str) -> Problem:
        return Problem(path, f"'{name}', which enters in {self.enters[name]}", expected)
