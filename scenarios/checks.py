"""From plain data to a scenario in which nothing contradicts anything else.

`build` applies the schema; `contradictions` finds what no single field shows: names that do not
exist, months outside the run, more capacity sold than installed.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError

from .alliance_checks import alliance_problems
from .calendar import last_month, month_index
from .entry import entry_problems
from .events import OF_LABS
from .letter_checks import letter_problems
from .messages import Problem, path_of, refuse, schema_problems, unknown
from .programme_checks import programme_problems
from .schema import Chip, Cloud, Contract, Credit, Scenario, Section

RESERVED: Final = "world"  # the ledger's owner for users, foundries, staff and power companies
ROUNDING: Final = 1e-6
LARGEST: Final = 2**63 - 1  # of a whole number

S = TypeVar("S", bound=Section)


def build(data: Mapping[str, Any], source: str) -> Scenario:
    """Apply the schema of scenarios to plain data.

    Raises:
        ScenarioError: the first thing that the schema does not allow.
    """
    return validated(Scenario, data, source)


def validated(schema: type[S], data: Mapping[str, Any], source: str) -> S:
    """Plain data of a file as an object of this schema.

    Raises:
        ScenarioError: the first thing that the schema does not allow.
    """
    if numberless := list(_not_plain(data, ())):
        raise refuse(
            source,
            [
                Problem(path_of(place, data, schema)[0], str(value)[:40], "a finite number or text")
                for place, value in numberless
            ],
        )
    try:
        # Strict JSON: lists are tuples and 1 is a float, but "1" and true are no numbers.
        return schema.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise refuse(source, schema_problems(error, data, schema)) from None


def _not_plain(
    value: Any, place: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _not_plain(entry, (*place, key))
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _not_plain(entry, (*place, index))
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield place, value
    elif isinstance(value, int):
        if abs(value) > LARGEST:
            yield place, value
    elif not isinstance(value, str | None):  # TOML dates
        yield place, value


def contradictions(scenario: Scenario) -> Iterator[Problem]:
    """What is wrong between the parts of a scenario that are each well formed."""
    yield from _names(scenario)
    yield from _world(scenario)
    yield from _chips(scenario)
    yield from _contracts(scenario)
    yield from _exclusivity(scenario)
    yield from _capacity(scenario)
    yield from _finance(scenario)
    yield from alliance_problems(scenario)
    yield from _interventions(scenario)
    yield from programme_problems(scenario)
    yield from letter_problems(scenario)
    yield from entry_problems(scenario)


def _names(scenario: Scenario) -> Iterator[Problem]:
    roles = {
        "labs": scenario.labs,
        "clouds": scenario.clouds,
        "chipmakers": scenario.chipmakers,
        "investors": scenario.investors,
    }
    taken: dict[str, str] = {}
    for role, firms in roles.items():
        for firm in firms:
            path = f"{role}.{firm.name}.name"
            if firm.name == RESERVED:
                yield Problem(
                    path, f"'{RESERVED}'", "another name: this one is the outside world's"
                )
            if firm.name in taken:
                yield Problem(
                    path,
                    f"the duplicate name '{firm.name}'",
                    f"a name that is not already in {taken[firm.name]}",
                )
            taken.setdefault(firm.name, role)
    seen: set[str] = set()
    for chip in scenario.chips:
        if chip.name in seen:
            yield Problem(
                f"chips.{chip.name}.name",
                f"the duplicate name '{chip.name}'",
                "a name that no other chip has",
            )
        seen.add(chip.name)


def _world(scenario: Scenario) -> Iterator[Problem]:
    demand = scenario.world.demand
    for name, segment in (
        ("consumer", demand.consumer),
        ("enterprise", demand.enterprise),
        ("private", demand.private),
    ):
        if segment.wave_months is not None:
            first, last = segment.wave_months
            if not 0 <= first <= last:
                path = f"world.demand.{name}.wave_months"
                yield Problem(path, f"[{first}, {last}]", "first and last month, counted from 0")
    credit = scenario.world.credit
    for field in ("spread_per_year", "default_probability_per_year"):
        if missing := [r for r in getattr(Credit(), field) if r not in getattr(credit, field)]:
            yield Problem(f"world.credit.{field}", "a table", f"also a value for {missing[0]}")
    menu = scenario.world.bargaining
    for field in ("term_months", "prepaid_shares", "take_or_pay_shares", "termination_fee_shares"):
        if not getattr(menu, field):
            yield Problem(f"world.bargaining.{field}", "an empty list", "at least one choice")


def _chips(scenario: Scenario) -> Iterator[Problem]:
    makers = [firm.name for firm in scenario.chipmakers]
    chips = [chip.name for chip in scenario.chips]
    buyers = [firm.name for firm in (*scenario.labs, *scenario.clouds)]
    for chip in scenario.chips:
        yield from unknown(f"chips.{chip.name}.maker", chip.maker, "a chipmaker", makers)
        for buyer in chip.sold_to:
            yield from unknown(f"chips.{chip.name}.sold_to", buyer, "a lab or cloud", buyers)
    for cloud in scenario.clouds:
        here = f"clouds.{cloud.name}"
        for stock in cloud.fleet:
            yield from unknown(f"{here}.fleet.{stock.chip}.chip", stock.chip, "a chip", chips)
        for preference in cloud.chip_preferences:
            path = f"{here}.chip_preferences.{preference.maker}.maker"
            yield from unknown(path, preference.maker, "a chipmaker", makers)
        for field, names in (
            ("fleet", [stock.chip for stock in cloud.fleet]),
            ("chip_preferences", [preference.maker for preference in cloud.chip_preferences]),
        ):
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield Problem(f"{here}.{field}", f"'{name}' twice", "each of them once")


def _contracts(scenario: Scenario) -> Iterator[Problem]:
    labs = [firm.name for firm in scenario.labs]
    clouds = [firm.name for firm in scenario.clouds]
    makers = [firm.name for firm in scenario.chipmakers]
    for index, contract in enumerate(scenario.contracts):
        here = f"contracts.{index}"
        yield from unknown(f"{here}.lab", contract.lab, "a lab", labs)
        yield from unknown(f"{here}.cloud", contract.cloud, "a cloud", clouds)
        yield from unknown(f"{here}.maker", contract.maker, "a chipmaker", makers)
        if month_index(scenario.run, contract.end) < 0:
            yield Problem(
                f"{here}.end",
                f'"{contract.end}"',
                f"a month not before the start of the run ({scenario.run.start})",
            )


def _exclusivity(scenario: Scenario) -> Iterator[Problem]:
    for index, contract in enumerate(scenario.contracts):
        if not contract.exclusive:
            continue
        for other in scenario.contracts:
            same = (other.lab, other.workload) == (contract.lab, contract.workload)
            if same and other.cloud != contract.cloud:
                yield Problem(
                    f"contracts.{index}.exclusive",
                    f"true for {contract.lab}'s {contract.workload} at {contract.cloud}",
                    f"no contract of the same lab and workload elsewhere (found {other.cloud})",
                )
                break


class FleetPart(NamedTuple):
    """What a cloud has installed of one maker's chips."""

    mw: float
    training_h100e: float
    inference_h100e: float


def fleet_by_maker(cloud: Cloud, chips: Mapping[str, Chip]) -> dict[str, FleetPart]:
    """The opening fleet of a cloud, added up by maker; unknown chips are left out."""
    parts: dict[str, FleetPart] = defaultdict(lambda: FleetPart(0.0, 0.0, 0.0))
    for stock in cloud.fleet:
        if chip := chips.get(stock.chip):
            mw, training, inference = parts[chip.maker]
            parts[chip.maker] = FleetPart(
                mw + stock.units * chip.kw / 1000,
                training + stock.units * chip.training_h100e,
                inference + stock.units * chip.inference_h100e,
            )
    return dict(parts)


def opening_h100e(contract: Contract) -> float:
    """Capacity that a contract takes in the first month."""
    return contract.ramp.opening_h100e if contract.ramp else contract.h100e


def contract_mw(contract: Contract, part: FleetPart) -> float:
    """Power that a contract takes in the first month, on this part of a fleet."""
    capacity = part.training_h100e if contract.workload == "training" else part.inference_h100e
    wanted = opening_h100e(contract)
    if capacity <= 0:
        return math.inf if wanted > 0 else 0.0
    return wanted * part.mw / capacity


def _capacity(scenario: Scenario) -> Iterator[Problem]:
    chips = {chip.name: chip for chip in scenario.chips}
    sold: dict[tuple[str, str], list[Contract]] = defaultdict(list)
    for contract in scenario.contracts:
        sold[contract.cloud, contract.maker].append(contract)
    for cloud in scenario.clouds:
        fleet = fleet_by_maker(cloud, chips)
        for maker in dict.fromkeys(c.maker for c in scenario.contracts if c.cloud == cloud.name):
            part = fleet.get(maker, FleetPart(0.0, 0.0, 0.0))
            used = sum(contract_mw(contract, part) for contract in sold[cloud.name, maker])
            if used > part.mw * (1 + ROUNDING):
                kinds = {c.workload for c in sold[cloud.name, maker]}
                amount = f"{used:,.1f} MW" if math.isfinite(used) else " and ".join(sorted(kinds))
                yield Problem(
                    f"clouds.{cloud.name}.fleet",
                    f"{part.mw:,.1f} MW of {maker} chips",
                    f"room for the {amount} that opening contracts have sold of it",
                )


def _finance(scenario: Scenario) -> Iterator[Problem]:
    firms = [firm.name for firm in scenario.firms]
    investors = [firm.name for firm in scenario.investors]
    clouds = [firm.name for firm in scenario.clouds]
    for index, loan in enumerate(scenario.loans):
        yield from unknown(f"loans.{index}.lender", loan.lender, "an investor", investors)
        yield from unknown(f"loans.{index}.borrower", loan.borrower, "a cloud", clouds)
    owned: dict[str, float] = defaultdict(float)
    for index, stake in enumerate(scenario.stakes):
        yield from unknown(f"stakes.{index}.investor", stake.investor, "a firm", firms)
        yield from unknown(f"stakes.{index}.firm", stake.firm, "a firm", firms)
        if stake.investor == stake.firm:
            yield Problem(f"stakes.{index}.firm", f"'{stake.firm}'", "not the investor itself")
        owned[stake.firm] += stake.share
        if owned[stake.firm] > 1 + ROUNDING:
            yield Problem(
                f"stakes.{index}.share",
                f"{stake.share:g}, which makes {owned[stake.firm]:g} of {stake.firm}",
                "stakes of one firm that add up to at most 1",
            )


def _interventions(scenario: Scenario) -> Iterator[Problem]:
    firms = [firm.name for firm in scenario.firms]
    labs = [firm.name for firm in scenario.labs]
    roles = {
        "supply_cut": ("a chipmaker", [firm.name for firm in scenario.chipmakers]),
        **dict.fromkeys(OF_LABS, ("a lab", labs)),
    }
    for index, event in enumerate(scenario.interventions):
        here = f"interventions.{index}"
        if not 0 <= month_index(scenario.run, event.month) < scenario.run.months:
            yield Problem(
                f"{here}.month",
                f'"{event.month}"',
                f"a month of the run ({scenario.run.start} to {last_month(scenario.run)})",
            )
        if event.firm is not None:
            what, known = roles.get(event.kind, ("a firm", firms))
            yield from unknown(f"{here}.firm", event.firm, what, known)
        if event.rival is not None:
            yield from unknown(f"{here}.rival", event.rival, "a lab", labs)
        if event.investor is not None:
            yield from unknown(f"{here}.investor", event.investor, "a firm", firms)
            if event.investor == event.firm:
                yield Problem(f"{here}.investor", f'"{event.firm}"', "another firm than its own")


def check(scenario: Scenario, source: str) -> Scenario:
    """Pass a scenario on if its parts agree.

    Raises:
        ScenarioError: the first contradiction.
    """
    if problems := list(contradictions(scenario)):
        raise refuse(source, problems)
    return scenario
