"""What a study may say: a base scenario, factors, a design, named variants, replications.

A study file is TOML and only data. `load_study` reads one; a `Study` may as well be made in Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from ..analysis.wording import BASE
from ..market.column import Column, integer, number, text
from ..scenarios.checks import validated
from ..scenarios.events import Intervention
from ..scenarios.fields import Month, Name, Positive, Section
from ..scenarios.loading import read_plain, shipped_files
from ..scenarios.messages import ScenarioError
from ..scenarios.short import counted, few

Scalar = float | int | bool | str
Moment = Annotated[int, Field(ge=0)] | Month  # months into the run, or a date such as "2026-01"

# Columns that every table of runs has: before those of the factors, and between these and the
# outcomes. A factor may not be called like one.
RUN_IDENTITY: Final[tuple[Column, ...]] = (
    text("run_id", "of variant, point and seed; the same in all tables of the study"),
    text("scenario", "name"),
    text("variant", "`base`: the scenario itself"),
    integer("point", "", "of the design, from 0"),
    integer("replication", "", "from 0"),
    integer("seed", "", "`first_seed` of the study plus `replication`"),
)
RUN_ENDING: Final[tuple[Column, ...]] = (
    text("status", "ok, error, timeout; not_applicable: a firm was not in position"),
    text("error", "what was raised"),
    text("command", "plays the run again"),
    number("seconds", "s", "that the run took"),
)
RUN_COLUMNS: Final = tuple(column.name for column in (*RUN_IDENTITY, *RUN_ENDING))

# What each kind of distribution and design is described by.
_PARAMETERS: Final = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sigma"),
    "triangular": ("low", "mode", "high"),
}
_SIZES: Final = {
    "grid": (),
    "latin_hypercube": ("points",),
    "random": ("points",),
    "sobol": ("points",),
    "morris": ("trajectories",),
    "csv": ("file",),
}


class StudyError(ScenarioError):
    """A study that cannot be run; the message is one line for the user."""


def _exactly(section: Section, needed: Mapping[str, tuple[str, ...]], what: str) -> None:
    """Raise unless the section gives all that its kind is described by, and nothing else."""
    kind = getattr(section, "kind")  # noqa: B009
    own = {field for fields in needed.values() for field in fields}
    given = {field for field in own if getattr(section, field) is not None}
    if given != set(needed[kind]):
        only = " and ".join(needed[kind]) or "none of " + ", ".join(sorted(own))
        raise ValueError(f"a {what} of kind '{kind}' needs {only}")


class Distribution(Section):
    """How likely the values of a factor are.

    Of a normal distribution mean and sd; of a lognormal one the median and the sd of the logarithm
    (sigma); of a triangular one low, mode and high.
    """

    kind: Literal["normal", "lognormal", "triangular"]
    mean: float | None = None
    sd: Positive | None = None
    median: Positive | None = None
    sigma: Positive | None = None
    low: float | None = None
    mode: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _exactly(self, _PARAMETERS, "distribution")
        low, mode, high = self.low or 0.0, self.mode or 0.0, self.high or 0.0
        if self.kind == "triangular" and not (low <= mode <= high and low < high):
            raise ValueError("an empty range needs low <= mode <= high and low < high")
        return self


class Factor(Section):
    """A value of the scenario that the study varies, by its path.

    Its levels are a list (`values`), a range (`low` to `high`, on a linear or log scale), or
    follow a distribution.
    """

    path: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)] | None = None  # of the column; by default the path
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"
    distribution: Distribution | None = None

    @property
    def column(self) -> str:
        """What the factor is called in the tables."""
        return self.name or self.path

    @property
    def open(self) -> bool:
        """Whether the levels are left to a CSV file."""
        return self.values is None and self.low is None and self.distribution is None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = sum(x is not None for x in (self.values, self.low, self.distribution))
        if given > 1 or (self.low is None) != (self.high is None):
            raise ValueError("a factor needs exactly one of values, low and high, distribution")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"an empty range ({self.low:g} to {self.high:g}) needs low < high")
            if self.scale == "log" and self.low <= 0:
                raise ValueError(f"a log scale from {self.low:g} needs low above 0")
        if self.values is not None and len(set(map(repr, self.values))) < len(self.values):
            raise ValueError("a list with a value given twice needs each value once")
        return self


class Design(Section):
    """Which points of the factors' space are run.

    grid: every combination; `levels` of each range. latin_hypercube, random: `points` of them.
    sobol: Saltelli's scheme on `points` (a power of two) base points. morris: `trajectories` on a
    grid of `levels`. csv: the rows of a `file`, a column a factor.
    """

    kind: Literal["grid", "latin_hypercube", "random", "sobol", "morris", "csv"] = "grid"
    levels: Annotated[int, Field(ge=2, le=1000)] = 4
    points: Annotated[int, Field(ge=1)] | None = None
    trajectories: Annotated[int, Field(ge=2)] | None = None
    second_order: bool = False
    file: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _exactly(self, _SIZES, "design")
        if self.kind == "sobol" and self.points is not None and self.points & (self.points - 1):
            raise ValueError(f"a sobol design of {self.points} points needs a power of two")
        if self.kind == "morris" and self.levels % 2:
            raise ValueError(f"a morris design on {self.levels} levels needs an even number")
        return self


class Variant(Section):
    """The scenario, or another one, with other values at some paths and more interventions."""

    name: Name
    scenario: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()  # after those of the scenario
    from_month: Moment | None = None  # play the base until then

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name == BASE:
            raise ValueError(f"the name '{BASE}' needs another: it is the scenario itself")
        return self


class Discovery(Section):
    """What scenario discovery (PRIM) looks for: runs with an outcome above or below a bound."""

    outcome: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("a discovery needs exactly one of above, below")
        return self


class Study(Section):
    """A batch of runs: each variant at each point of the design, with each seed.

    Replication r has seed `first_seed + r` in all variants and at all points, so that differences
    between them are not noise (common random numbers).
    """

    title: str = ""
    scenario: str
    set: dict[str, Any] = Field(default_factory=dict)
    replications: Annotated[int, Field(ge=1)] = 1
    first_seed: Annotated[int, Field(ge=0, le=2**62)] = 1
    from_month: Moment | None = None  # variants and factors act from then; the base plays until
    outcomes: tuple[str, ...] | None = None  # all of them if left out
    months: bool = False  # keep the months table of each run
    time_limit_seconds: Positive = 600.0  # of one run
    max_runs: Annotated[int, Field(ge=1)] = 100_000
    design: Design = Design()
    factors: tuple[Factor, ...] = ()
    variants: tuple[Variant, ...] = ()
    discovery: Discovery | None = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        for what, names in (
            ("variant", [v.name for v in self.variants]),
            ("factor", [f.column for f in self.factors]),
            ("factor of the path", [f.path for f in self.factors]),
            ("outcome", list(self.outcomes or ())),
        ):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"two times the {what} '{twice[0]}' needs each once")
        if not self.factors and self.design.kind != "grid":
            raise ValueError(f"a design of kind '{self.design.kind}' needs factors")
        for factor in self.factors:
            if factor.open != (self.design.kind == "csv"):
                what = f"the factor '{factor.column}' in a design of kind '{self.design.kind}'"
                levels = "values, low and high, or distribution"
                raise ValueError(f"{what} needs {'no ' if not factor.open else ''}{levels}")
        return self

    def __repr__(self) -> str:
        """What is played: scenario, variants, factors and seeds."""
        title = f", '{self.title}'" if self.title else ""
        variants = few([BASE, *(variant.name for variant in self.variants)])
        factors = few(factor.column for factor in self.factors)
        return "; ".join(
            [
                f"<Study of {self.scenario}{title}: {variants}",
                *([f"{self.design.kind} over {factors}"] if factors else []),
                f"{counted(self.replications, 'seed')} from {self.first_seed}>",
            ]
        )

    __str__ = __repr__


def load_study(file: str | PathLike[str]) -> Study:
    """A study from a TOML file, or one that comes with the package, by its name.

    Files that it names are meant relative to its own folder.

    Raises:
        ScenarioError: the first thing wrong, in one line with file and field.
    """
    data, folder, source = read_plain(file, shipped_studies(), "study")
    study = validated(Study, data, source)
    if folder is None:
        return study
    variants = tuple(
        v if v.scenario is None else v.model_copy(update={"scenario": beside(folder, v.scenario)})
        for v in study.variants
    )
    design = study.design
    if design.file is not None:
        design = design.model_copy(update={"file": str(folder / design.file)})
    scenario = beside(folder, study.scenario)
    return study.model_copy(update={"scenario": scenario, "variants": variants, "design": design})


def branched(study: Study, from_month: str | None) -> Study:
    """The study with its variants and factors acting from a month on, if one is given."""
    if from_month is None:
        return study
    # Written to the study's folder as a file would have it; what is no month, the plan refuses.
    moment = int(from_month) if re.fullmatch(r"[0-9]{1,4}", from_month) else from_month
    return study.model_copy(update={"from_month": moment})


def shipped_studies() -> dict[str, Traversable]:
    """The study files of the package, by name."""
    folder = resources.files(__package__ or "computemarket.experiments") / "studies"
    return shipped_files(folder)


def study_toml(study: Study) -> str:
    """The study as TOML with every default written out."""
    import tomli_w

    return tomli_w.dumps(study.model_dump(mode="json", exclude_none=True))


def beside(folder: Path, scenario: str) -> str:
    """The name of a shipped scenario, or the path of a file seen from the folder of a study."""
    return scenario if scenario in shipped_files() else str(folder / scenario)
