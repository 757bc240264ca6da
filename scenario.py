"""Scenarios: what a run is about, as one frozen object, and every way to get one.

The public face of `scenarios/`: `load_scenario` for shipped names, files and variants,
`synthetic` for worlds of any size, `override` for values by path, `schedule` for what
interventions change, `lint` for what is legal but suspicious.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import blake2b
from os import PathLike
from typing import Any

from .scenarios.calendar import month_index, month_label
from .scenarios.lint import lint
from .scenarios.loading import read, read_text, shipped_files, with_world_defaults
from .scenarios.messages import ScenarioError, nearest
from .scenarios.overrides import (
    branch,
    checked,
    intervened,
    is_checked,
    override,
    parse_assignment,
    plain,
    schedule,
    value_at,
)
from .scenarios.schema import MONTH, Run, Scenario
from .scenarios.synthetic import synthetic

__all__ = [
    "Run",
    "Scenario",
    "ScenarioError",
    "branch",
    "firm_name",
    "from_toml",
    "intervened",
    "json_schema",
    "lint",
    "load_scenario",
    "month_index",
    "month_label",
    "month_of",
    "override",
    "parse_assignment",
    "scenario_hash",
    "schedule",
    "shipped",
    "synthetic",
    "to_toml",
    "value_at",
    "with_months",
]


def load_scenario(
    scenario: str | PathLike[str] | Scenario, overrides: Sequence[str] = ()
) -> Scenario:
    """Load a scenario and check all of it.

    Args:
        scenario: name of a shipped scenario, path to a TOML file, or a scenario made in Python.
        overrides: `"path=value"` each, such as `"labs.OpenAI.cash_usd=2e9"`.

    Raises:
        ScenarioError: one line that names the file, the field, what was given and what was
            expected.
    """
    if isinstance(scenario, Scenario):
        source = scenario.name
        loaded = scenario if is_checked(scenario) else checked(plain(scenario), source)
    else:
        data, source = read(scenario)
        loaded = checked(with_world_defaults(data), source)
    assignments = dict(parse_assignment(text) for text in overrides)
    return override(loaded, assignments, f"{source} with overrides")


def from_toml(text: str, source: str = "text") -> Scenario:
    """A scenario from TOML text, checked like a file.

    Raises:
        ScenarioError: see `load_scenario`.
    """
    return checked(with_world_defaults(read_text(text, source)), source)


def to_toml(scenario: Scenario) -> str:
    """The scenario as TOML with every default written out; `from_toml` gives it back."""
    import tomli_w

    # TOML has no null; every field that may be empty is so by default.
    return tomli_w.dumps(scenario.model_dump(mode="json", exclude_none=True))


def scenario_hash(scenario: Scenario) -> str:
    """A short name for the content: equal for equal scenarios, on every machine."""
    canonical = json.dumps(plain(scenario), sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=16).hexdigest()


def shipped() -> list[tuple[str, str]]:
    """Name and title of each scenario that comes with the package."""
    return [(name, str(read(name)[0].get("title", ""))) for name in shipped_files()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors."""
    schema = Scenario.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Shipped scenario or file that this one varies.",
    }
    return schema


def with_months(scenario: Scenario, months: int) -> Scenario:
    """The same scenario over another number of months.

    Interventions that the shorter run does not reach are left out.

    Raises:
        ScenarioError: the number of months is not allowed.
    """
    data = plain(scenario)
    data["run"]["months"] = months
    data["interventions"] = [
        event
        for event in data["interventions"]
        if month_index(scenario.run, event["month"]) < months
    ]
    return checked(data, f"{scenario.name} over {months} months")


def month_of(scenario: Scenario, given: int | str) -> int:
    """A month counted from the start of the run, from such a number or a date like "2026-01".

    Raises:
        ScenarioError: it is no month of the run.
    """
    text = str(given)
    if text.isascii() and text.isdecimal() and len(text) <= 4:
        month = int(text)
    else:
        month = month_index(scenario.run, text) if re.fullmatch(MONTH, text) else -1
    if not 0 <= month < scenario.run.months:
        first, last = (
            month_label(scenario.run, 0),
            month_label(scenario.run, scenario.run.months - 1),
        )
        raise ScenarioError(
            f"{scenario.name}: month: given '{given}', expected one of the run: "
            f"0 to {scenario.run.months - 1}, or {first} to {last}"
        )
    return month


def firm_name(scenario: Scenario, name: str) -> str:
    """The name of a firm of the scenario, if it is one.

    Raises:
        ScenarioError: there is no such firm; names the nearest.
    """
    known = [firm.name for firm in scenario.firms]
    if name not in known:
        hint = nearest(name, known)
        raise ScenarioError(f"{scenario.name}: firm: given '{name}', expected a firm of it{hint}")
    return name
