"""A study made ready to run: its scenarios resolved and checked, and its runs with their ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

from .. import __version__
from ..agents.strategies import added_strategies, unknown_strategies
from ..analysis.outcomes import OUTCOMES
from ..analysis.wording import BASE
from ..market.column import Kind
from ..scenario import (
    Scenario,
    ScenarioError,
    branch,
    intervened,
    load_scenario,
    month_of,
    override,
    scenario_hash,
    value_at,
)
from ..scenarios.overrides import plain
from .designs import design_points, extremes, number_of_points
from .measures import check_names, measure_names
from .study import RUN_COLUMNS, Factor, Moment, Scalar, Study, StudyError, Variant

# A model of the user's own in place of the market: outcomes from a scenario and a seed.
Toy = Callable[[Scenario, int], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a study, named by a hash of all that decides its results."""

    run_id: str
    variant: str
    point: int
    replication: int
    seed: int
    levels: tuple[Scalar, ...]  # of the factors, in their order


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to know; small, as it travels with each batch of runs.

    scenarios: what each variant plays. branch_month: from when the factors act, if not from the
    start. outcomes: columns to keep. points: levels of the factors, point by point. strategies:
    decision rules that are not the package's own, which workers may not know.
    """

    study: Study
    scenarios: Mapping[str, Scenario]
    branch_month: int | None
    outcomes: tuple[str, ...]
    points: Sequence[tuple[Scalar, ...]]
    kinds: tuple[Kind, ...]  # of each factor's levels
    strategies: tuple[tuple[str, str, str, type], ...]
    toy: Toy | None = None

    @property
    def size(self) -> int:
        """Number of runs."""
        return len(self.scenarios) * len(self.points) * self.study.replications

    def identity(self) -> str:
        """A hash of what the tables are about; only the number of replications may grow."""
        kept = self.study.model_dump(mode="json", include={"months", "first_seed"})
        factors = [(f.column, f.path) for f in self.study.factors]
        parts = [self._digests, factors, self.points, self.outcomes, kept, self.branch_month]
        return _hash(parts)

    def jobs(self) -> Iterator[Job]:
        """All runs, one seed after the other, so that an unfinished study is balanced."""
        digests = self._digests
        paths = [factor.path for factor in self.study.factors]
        for replication in range(self.study.replications):
            seed = self.study.first_seed + replication
            for point, levels in enumerate(self.points):
                for variant, digest in digests.items():
                    parts = [digest, variant, self.branch_month, paths, levels, point, seed]
                    yield Job(_hash(parts), variant, point, replication, seed, levels)

    def scenario_of(self, job: Job) -> Scenario:
        """What a run plays.

        Raises:
            ScenarioError: the levels of its factors contradict each other.
        """
        return varied(
            self.scenarios[job.variant], self.assignments(job), self.branch_month, "the factors"
        )

    def assignments(self, job: Job) -> dict[str, Scalar]:
        """The levels of the factors of a run, by path."""
        return {f.path: v for f, v in zip(self.study.factors, job.levels, strict=True)}

    @property
    def _digests(self) -> dict[str, str]:
        """What decides the results of each variant beside factors and seed."""
        rules = {f"{role}.{what}.{name}": _code(rule) for role, what, name, rule in self.strategies}
        toy = _code(self.toy) if self.toy else ""
        return {
            variant: _hash([scenario_hash(scenario), rules, toy, __version__])
            for variant, scenario in self.scenarios.items()
        }


def make_plan(study: Study, toy: Toy | None = None) -> Plan:
    """Check all of a study that can be checked before anything runs.

    Args:
        study: what to run.
        toy: a function of scenario and seed to run in place of the market (for tests of methods,
            or for a model of your own); its outcomes are the study's `outcomes`.

    Raises:
        StudyError: unknown path, outcome or strategy, a level that is not allowed, too many runs.
    """
    base = _scenario(study.scenario, study.set, "set")
    scenarios = {BASE: base, **{v.name: _variant(study, v, base) for v in study.variants}}
    size = number_of_points(study) * len(scenarios) * study.replications
    if size > study.max_runs:
        raise StudyError(
            f"design: given {size:,} runs, expected at most {study.max_runs:,} (max_runs)"
        )
    outcomes = (study.outcomes or ()) if toy else _outcomes(study, scenarios.values())
    _check_columns(study, outcomes)
    whole = [_is_whole(factor, base) for factor in study.factors]
    points = design_points(study, whole)
    month = _month(base, study.from_month)
    for index, factor in enumerate(study.factors):
        levels = _csv_extremes(points, index) if factor.open else extremes(factor, whole[index])
        _check_levels(factor, levels, scenarios, month)
    kinds = tuple(_kind(f, [levels[k] for levels in points]) for k, f in enumerate(study.factors))
    # Rules that are registered and not named change nothing, and name no other runs.
    strategies = added_strategies(set(_texts([*map(plain, scenarios.values()), points])))
    return Plan(study, scenarios, month, outcomes, points, kinds, strategies, toy)


def varied(
    scenario: Scenario, assignments: Mapping[str, Any], month: int | None, source: str
) -> Scenario:
    """A scenario with other values at some paths, from the start or from a month of the run.

    Raises:
        ScenarioError: a path or value is not allowed, or cannot change during the run.
    """
    if month is None:
        return override(scenario, assignments, source)
    return branch(scenario, assignments, month, source)


def _scenario(name: str, assignments: Mapping[str, Any], where: str) -> Scenario:
    scenario = override(load_scenario(name), assignments, f"{where} of {name}")
    _check_strategies(scenario, name)
    return scenario


def _variant(study: Study, variant: Variant, base: Scenario) -> Scenario:
    where = f"variants.{variant.name}"
    from_month = study.from_month if variant.from_month is None else variant.from_month
    if variant.scenario is not None:
        if from_month is not None:
            raise StudyError(
                f"{where}.scenario: given another scenario from a month on, expected `set` only"
            )
        scenario = override(
            _scenario(variant.scenario, study.set, "set"), variant.set, f"{where}.set"
        )
    else:
        scenario = varied(base, variant.set, _month(base, from_month), f"{where}.set")
    scenario = intervened(scenario, variant.interventions, where)
    _check_strategies(scenario, where)
    return scenario


def _month(scenario: Scenario, given: Moment | None) -> int | None:
    return None if given is None else month_of(scenario, given)


def _check_strategies(scenario: Scenario, where: str) -> None:
    if unknown := unknown_strategies(scenario):
        raise StudyError(f"{where}: {unknown[0]}")


def _outcomes(study: Study, scenarios: Iterable[Scenario]) -> tuple[str, ...]:
    """The columns of outcomes in the table of runs; those of firms are kept in any case."""
    asked = list(OUTCOMES if study.outcomes is None else study.outcomes)
    asked += [study.discovery.outcome] if study.discovery else []
    check_names("outcomes", asked, measure_names(scenarios), "the name of an outcome")
    return tuple(dict.fromkeys(name for name in asked if name in OUTCOMES))


def _check_columns(study: Study, outcomes: Sequence[str]) -> None:
    for factor in study.factors:
        if factor.column in (*RUN_COLUMNS, *outcomes):
            raise StudyError(
                f"factors: given the name '{factor.column}', expected one that is no column of "
                "the table of runs"
            )


def _is_whole(factor: Factor, base: Scenario) -> bool:
    """Whether the factor's path holds a whole number; refuses a range where no number is."""
    value = value_at(base, factor.path)
    ranged = factor.low is not None or factor.distribution is not None
    if ranged and (isinstance(value, bool) or not isinstance(value, int | float | None)):
        raise StudyError(
            f"factors.{factor.column}: given a range, expected a list of values: "
            f"'{factor.path}' holds no number"
        )
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(factor: Factor, levels: Sequence[Scalar]) -> Kind:
    """What the factor's column holds."""
    kinds = {type(level) for level in levels}
    if kinds <= {int, float}:
        return "float" if float in kinds else "int"
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "str"
    raise StudyError(
        f"factors.{factor.column}: given values of several kinds, expected numbers only, text "
        "only, or true and false"
    )


def _csv_extremes(points: Sequence[tuple[Scalar, ...]], index: int) -> list[Scalar]:
    column = [levels[index] for levels in points]
    if any(isinstance(value, bool | str) for value in column):
        return list(dict.fromkeys(column))
    return [min(column), max(column)]


def _check_levels(
    factor: Factor, levels: Sequence[Scalar], scenarios: Mapping[str, Scenario], month: int | None
) -> None:
    where = f"factors.{factor.column}"
    for scenario in scenarios.values():
        for level in levels:
            try:
                tried = varied(scenario, {factor.path: level}, month, where)
            except StudyError:
                raise
            except ScenarioError as error:
                raise StudyError(str(error)) from None
            _check_strategies(tried, where)


def _texts(parts: Any) -> Iterator[str]:
    """All text among some plain data; the names of strategies are some of it."""
    if isinstance(parts, str):
        yield parts
    elif isinstance(parts, Mapping):
        yield from _texts(list(parts.values()))
    elif isinstance(parts, list | tuple):
        for part in parts:
            yield from _texts(part)


def _hash(parts: Any) -> str:
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=12).hexdigest()


def _code(rule: Any) -> str:
    """A fingerprint of what a class or function does, equal in every process.

    Its byte code and constants: the source is out of reach for a class of a notebook.
    """
    if isinstance(rule, FunctionType):
        return _hash(_code_parts(rule.__code__))
    members = vars(rule) if isinstance(rule, type) else vars(type(rule))
    parts: list[Any] = []
    for name in sorted(members):
        member = members[name]
        if isinstance(member, FunctionType):
            parts.append([name, _code_parts(member.__code__), repr(member.__defaults__)])
        elif isinstance(member, bool | int | float | str):
            parts.append([name, repr(member)])
    return _hash(parts)


def _code_parts(code: CodeType) -> list[Any]:
    constants: list[Any] = []
    for value in code.co_consts:
        if isinstance(value, CodeType):
            constants.append(_code_parts(value))
        elif isinstance(value, frozenset):  # its order differs between processes
            constants.append(sorted(map(repr, value)))
        else:
            constants.append(repr(value))
    return [code.co_code.hex(), code.co_names, constants]
