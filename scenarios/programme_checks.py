"""What no single field of a custom-chip programme shows: unknown names, shares above one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from .calendar import month_index
from .messages import Problem, unknown
from .programmes import Programme
from .schema import Scenario

ROUNDING: Final = 1e-6


def programme_problems(scenario: Scenario) -> Iterator[Problem]:
    """Contradictions between programmes, chips, firms and opening positions."""
    taken: set[str] = set()
    for programme in scenario.programmes:
        here = f"programmes.{programme.name}"
        if programme.name in taken:
            given = f"the duplicate name '{programme.name}'"
            yield Problem(f"{here}.name", given, "a name that no other programme has")
        taken.add(programme.name)
        yield from _parties(scenario, programme, here)
        yield from _shares(programme, here)
        yield from _dates(scenario, programme, here)
        yield from _chip(scenario, programme, here)
    yield from _lines(scenario)


def _parties(scenario: Scenario, programme: Programme, here: str) -> Iterator[Problem]:
    labs, clouds, makers, investors = (
        [firm.name for firm in firms]
        for firms in (scenario.labs, scenario.clouds, scenario.chipmakers, scenario.investors)
    )
    yield from unknown(f"{here}.lab", programme.lab, "a lab", labs)
    yield from unknown(f"{here}.maker", programme.maker, "a chipmaker", makers)
    lenders = [*makers, *investors]
    partner = programme.financing_partner
    yield from unknown(f"{here}.financing_partner", partner, "a chipmaker or an investor", lenders)
    for host in programme.hosts:
        yield from unknown(f"{here}.hosts.{host.name}.name", host.name, "a cloud", clouds)


def _shares(programme: Programme, here: str) -> Iterator[Problem]:
    names = [host.name for host in programme.hosts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(f"{here}.hosts", f"'{name}' twice", "each cloud once")
    total = sum(host.largest_share for host in programme.hosts)
    if total > 1 + ROUNDING:
        given = f"shares that add up to {total:g}"
        yield Problem(f"{here}.hosts", given, "shares of one batch that add up to at most 1")
    elif total < programme.anchor_share - ROUNDING:
        expected = f"at most {total:g}, which is all that its hosts may pre-commit to"
        yield Problem(f"{here}.anchor_share", f"{programme.anchor_share:g}", expected)
    if programme.minimum_batch_units > programme.first_batch_units:
        given = f"{programme.minimum_batch_units:g}"
        expected = f"at most first_batch_units ({programme.first_batch_units:g})"
        yield Problem(f"{here}.minimum_batch_units", given, expected)


def _dates(scenario: Scenario, programme: Programme, here: str) -> Iterator[Problem]:
    if month_index(scenario.run, programme.opens) < 0:
        expected = f"a month not before the start of the run ({scenario.run.start})"
        yield Problem(f"{here}.opens", f'"{programme.opens}"', expected)
    if programme.deadline < programme.opens:
        expected = f'a month not before opens ("{programme.opens}")'
        yield Problem(f"{here}.deadline", f'"{programme.deadline}"', expected)


def _chip(scenario: Scenario, programme: Programme, here: str) -> Iterator[Problem]:
    chips = {chip.name: chip for chip in scenario.chips}
    yield from unknown(f"{here}.chip", programme.chip, "a chip", list(chips))
    chip = chips.get(programme.chip)
    if chip is None:
        return
    if chip.maker != programme.maker:
        expected = f"a chip of {programme.maker}; this one is {chip.maker}'s"
        yield Problem(f"{here}.chip", f"'{chip.name}'", expected)
    if chip.line is None:
        expected = "a line: a custom chip is a family apart from its maker's other chips"
        yield Problem(f"chips.{chip.name}.line", "nothing", expected)


def _lines(scenario: Scenario) -> Iterator[Problem]:
    custom = [chip for chip in scenario.chips if chip.line is not None]
    makers = {firm.name for firm in scenario.chipmakers}
    programmes = Counter(programme.chip for programme in scenario.programmes)
    lines = Counter(chip.line for chip in custom)
    for chip in custom:
        here = f"chips.{chip.name}.line"
        if programmes[chip.name] != 1:
            expected = f"one programme that makes the chip (found {programmes[chip.name]})"
            yield Problem(here, f"'{chip.line}'", expected)
        if chip.line in makers or lines[chip.line] > 1:
            expected = "a name that no chipmaker and no other chip's line has"
            yield Problem(here, f"'{chip.line}'", expected)
        for cloud in scenario.clouds:
            if chip.name in [stock.chip for stock in cloud.fleet]:
                path = f"clouds.{cloud.name}.fleet.{chip.name}.chip"
                yield Problem(path, f"'{chip.name}'", "a chip that is made at the start")
