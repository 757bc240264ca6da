"""What a tuning may say: a firm, the decision rules to tune, what is better, and the budget.

A tuning file is TOML and only data. `load_tuning` reads one; `search_space` turns it into the
numbers that are varied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, resources
from math import isinf
from os import PathLike
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from ..agents.strategies import REGISTRY, StrategyError, rule_named
from ..agents.strategies.parameters import Declared, declared
from ..scenario import Scenario
from ..scenarios.checks import validated
from ..scenarios.fields import Name, NonNegative, Positive, Section, Strategy
from ..scenarios.loading import read_plain, shipped_files
from ..scenarios.messages import nearest
from ..scenarios.short import counted, few
from .study import StudyError, beside

BEST: Final = 5  # candidates that are scored again on unseen seeds
FIRM_ROLES: Final = ("labs", "clouds", "chipmakers", "investors")


class Range(Section):
    """Where a parameter may lie; what is left out is the range that its strategy declares."""

    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"


class TunedDecision(Section):
    """A decision of the firm, the strategy that takes it, and which of its parameters vary.

    All parameters of the strategy vary if none is named. Others keep the value that the scenario
    gives, if it names the same strategy, or else their default.
    """

    decision: str
    strategy: str
    parameters: dict[str, Range] = Field(default_factory=dict)


class Objective(Section):
    """What is better: an outcome's mean over the runs, or its mean and its bad tail.

    With a `risk_weight` of lambda the score is mean(x) - lambda * CVaR(-x) where more is better,
    and mean(x) + lambda * CVaR(x) where less is: CVaR is the mean of the worst `tail` of the runs
    (Rockafellar and Uryasev 2000).
    """

    outcome: str
    direction: Literal["maximise", "minimise"] | None = None  # None: as the outcome is better
    risk_weight: NonNegative = 0.0
    tail: Annotated[float, Field(gt=0, le=1)] = 0.1


class Tuning(Section):
    """A search for better parameters of one firm's strategies.

    A trial plays one set of parameters with seeds `first_seed` and on, the same in all trials
    (common random numbers), in each of the scenarios. The best of them are scored again with the
    `unseen` seeds that follow: the best of many trials owes part of its score to luck.
    """

    title: str = ""
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)
    firm: Name
    decisions: Annotated[tuple[TunedDecision, ...], Field(min_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1, le=100_000)] = 100
    seeds: Annotated[int, Field(ge=2)] = 16
    unseen: Annotated[int, Field(ge=2)] = 100
    first_seed: Annotated[int, Field(ge=0, le=2**62)] = 1
    sampler_seed: Annotated[int, Field(ge=0, le=2**31)] = 0
    prune: bool = True  # stop trials that are clearly worse; of a single mean only
    time_limit_seconds: Positive = 600.0  # of one run
    toy: str | None = None  # a model of `experiments.toys` in place of the market

    @property
    def first_unseen(self) -> int:
        """The first seed that no trial has played."""
        return self.first_seed + self.seeds

    @property
    def prunes(self) -> bool:
        """Whether trials may be stopped early: the Wilcoxon test is about a mean."""
        return self.prune and len(self.objectives) == 1 and not self.objectives[0].risk_weight

    @model_validator(mode="after")
    def _once(self) -> Self:
        for what, names in (
            ("scenario", self.scenarios),
            ("decision", [d.decision for d in self.decisions]),
            ("outcome", [o.outcome for o in self.objectives]),
        ):
            if twice := [name for name in names if list(names).count(name) > 1]:
                raise ValueError(f"two times the {what} '{twice[0]}' needs each once")
        return self

    def __repr__(self) -> str:
        """Whose decisions are tuned, where, for what, and how long."""
        title = f", '{self.title}'" if self.title else ""
        decisions = few(f"{d.decision} by {d.strategy}" for d in self.decisions)
        return "; ".join(
            [
                f"<Tuning of {self.firm} in {few(self.scenarios)}{title}: {decisions}",
                f"for {few(objective.outcome for objective in self.objectives)}",
                f"{counted(self.trials, 'trial')} of {counted(self.seeds, 'seed')}>",
            ]
        )

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Dimension:
    """A parameter that varies: where it stands, what it may be, and what it is today."""

    name: str  # decision.parameter
    path: str
    low: float
    high: float
    default: float  # of the scenario, or of the strategy
    whole: bool
    log: bool
    unit: str
    meaning: str


def load_tuning(file: str | PathLike[str]) -> Tuning:
    """A tuning from a TOML file, or one that comes with the package, by its name.

    Scenario files that it names are meant relative to its own folder.

    Raises:
        ScenarioError: the first thing wrong, in one line with file and field.
    """
    shipped = shipped_files(resources.files(__package__ or "computemarket.experiments") / "tunings")
    data, folder, source = read_plain(file, shipped, "tuning")
    tuning = validated(Tuning, data, source)
    if folder is None:
        return tuning
    scenarios = tuple(beside(folder, name) for name in tuning.scenarios)
    return tuning.model_copy(update={"scenarios": scenarios})


def needs(package: str) -> None:
    """Raise unless a package of the extra `tune` is installed; runs take time, so ask before.

    Raises:
        StudyError: it is not.
    """
    try:
        import_module(package)
    except ImportError:
        raise StudyError(f"{package} is missing: pip install 'computemarket[tune]'") from None


def role_of(scenario: Scenario, firm: str) -> str:
    """The section of the scenario that holds a firm: `labs` and so on.

    Raises:
        StudyError: there is no such firm.
    """
    for role in FIRM_ROLES:
        if any(entry.name == firm for entry in getattr(scenario, role)):
            return role
    hint = nearest(firm, [entry.name for entry in scenario.firms])
    raise StudyError(f"firm: given '{firm}', expected a firm of '{scenario.name}'{hint}")


def search_space(tuning: Tuning, scenario: Scenario) -> list[Dimension]:
    """The parameters that vary, in the order of the file.

    Raises:
        StudyError: no such firm, decision, strategy or parameter, or an empty range.
    """
    role = role_of(scenario, tuning.firm)
    entry = next(firm for firm in getattr(scenario, role) if firm.name == tuning.firm)
    space = []
    for tuned in tuning.decisions:
        where = f"decisions.{tuned.decision}"
        decided = [decision for r, decision in REGISTRY if r == role]
        if tuned.decision not in decided:
            hint = nearest(tuned.decision, decided)
            raise StudyError(
                f"decisions: given '{tuned.decision}', expected a decision of {role}{hint}"
            )
        try:
            rule = rule_named(role, tuned.decision, tuned.strategy)
        except StrategyError as error:
            raise StudyError(f"{where}.strategy: {error}") from None
        given: Strategy = getattr(entry, tuned.decision)
        own = given.parameters if given.name == tuned.strategy else {}
        known = {parameter.name: parameter for parameter in declared(rule)}
        for name in tuned.parameters:
            if name not in known:
                raise StudyError(
                    f"{where}.parameters: given '{name}', expected a parameter of "
                    f"'{tuned.strategy}'{nearest(name, known)}"
                )
        for name in tuned.parameters or known:
            path = f"{role}.{tuning.firm}.{tuned.decision}.{name}"
            space.append(
                _dimension(
                    f"{tuned.decision}.{name}",
                    path,
                    known[name],
                    tuned.parameters.get(name, Range()),
                    own.get(name),
                )
            )
    if not space:
        raise StudyError("decisions: given strategies without parameters, expected one to vary")
    return space


def settings(
    tuning: Tuning, role: str, space: list[Dimension], values: Mapping[str, float]
) -> dict[str, Any]:
    """Values by path that give the firm its strategies with these parameters."""
    firm = f"{role}.{tuning.firm}"
    named = {f"{firm}.{d.decision}.name": d.strategy for d in tuning.decisions}
    return named | {
        dimension.path: int(values[dimension.name]) if dimension.whole else values[dimension.name]
        for dimension in space
    }


def _dimension(
    name: str, path: str, parameter: Declared, wanted: Range, own: float | None
) -> Dimension:
    low = parameter.low if wanted.low is None else wanted.low
    high = parameter.high if wanted.high is None else wanted.high
    if isinf(low) or isinf(high):
        raise StudyError(f"{name}: given no range, expected low and high: it declares none")
    if not parameter.low <= low < high <= parameter.high:
        raise StudyError(
            f"{name}: given a range from {low:g} to {high:g}, expected one within "
            f"{parameter.low:g} to {parameter.high:g}, low below high"
        )
    log = wanted.scale == "log"
    if log and low <= 0:
        raise StudyError(f"{name}: given a log scale from {low:g}, expected low above 0")
    return Dimension(
        name, path, low, high, parameter.default if own is None else own,
        isinstance(parameter.default, int), log, parameter.unit, parameter.meaning,
    )  # fmt: skip
