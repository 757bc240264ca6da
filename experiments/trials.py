"""What a worker does in a tuning: plays one trial, run by run, and enters it in the journal.

A trial always gets a finite score. A run that raises, takes too long or does not define an outcome
counts with a value worse than any run of the scenario as it is (`stand_ins`).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ..scenario import override
from .measures import measured
from .plan import Plan
from .play import LONGEST_ERROR, Tally, applies, played, unpack
from .study import StudyError
from .tuning import Dimension, Objective, Tuning, settings

if TYPE_CHECKING:
    import optuna

Floats = npt.NDArray[np.float64]

PRUNE_BELOW: Final = 0.1  # p-value of the signed-rank test at which a trial is stopped
PRUNE_FROM: Final = 4  # runs: fewer cannot reach that p-value
NAME: Final = "tuning"  # of the study in the journal
_KNOWN_ERRORS: Final = 5  # kept of a trial


@dataclass(frozen=True)
class Bench:
    """All that is the same in all trials; it travels with each.

    packed: the plan of the default runs, with scenarios, strategies and toy (`play.pack`).
    stand_ins: what a failed run counts as, an entry an objective.
    """

    packed: bytes
    tuning: Tuning
    role: str
    space: tuple[Dimension, ...]
    stand_ins: tuple[float, ...]
    journal: str


class Score:
    """The values of a trial's runs, a row a run and a column an objective."""

    def __init__(self, stand_ins: Sequence[float]) -> None:
        """No runs yet."""
        self.stand_ins = stand_ins
        self.rows: list[list[float]] = []
        self.failed = 0
        self.errors: list[str] = []

    def add(self, values: Sequence[float], error: str) -> None:
        """Enter a run; what it does not define counts as its stand-in."""
        filled = [
            value if math.isfinite(value) else worst
            for value, worst in zip(values, self.stand_ins, strict=True)
        ]
        if error or filled != list(values):
            self.failed += 1
            self.errors.append(error or "the run does not define the outcome")
        self.rows.append(filled)


def scores(tuning: Tuning, rows: Sequence[Sequence[float]]) -> list[float]:
    """The score of each objective, from the values of the runs."""
    columns = np.asarray(rows, dtype=float).T
    return [score(o, column) for o, column in zip(tuning.objectives, columns, strict=True)]


def score(objective: Objective, values: Floats) -> float:
    """Mean of an outcome, less what its tail weighs (see `Objective`)."""
    mean = float(values.mean())
    if not objective.risk_weight:
        return mean
    sign = 1.0 if objective.direction == "minimise" else -1.0
    return mean + sign * objective.risk_weight * cvar(sign * values, objective.tail)


def cvar(losses: Floats, tail: float) -> float:
    """Mean of the worst share of losses (Rockafellar and Uryasev 2000).

    The loss at the edge counts with the part of it that belongs to the tail.
    """
    worst = np.sort(losses)[::-1]
    weights = np.clip(tail * len(worst) - np.arange(len(worst)), 0.0, 1.0)
    return float(worst @ weights / weights.sum())


def stand_ins(tuning: Tuning, values: Mapping[str, Floats]) -> tuple[float, ...]:
    """What a failed run counts as: the worst run of the default, made worse by their whole range.

    The range counts as at least the size of the worst value, and as at least 1.

    Raises:
        StudyError: no run of the default defines an outcome.
    """
    found = []
    for objective in tuning.objectives:
        known = values[objective.outcome]
        known = known[np.isfinite(known)]
        if not known.size:
            raise StudyError(
                f"objectives: given '{objective.outcome}', expected an outcome that some run of "
                "the scenario as it is defines"
            )
        sign = 1.0 if objective.direction == "minimise" else -1.0
        worst = sign * float((sign * known).max())
        found.append(worst + sign * max(float(np.ptp(known)), abs(worst), 1.0))
    return tuple(found)


def looks(runs: int) -> bool:
    """Whether the pruner is asked after so many runs: 4, 8, 16 and so on.

    Each look may stop a good trial by chance, so that there are few; and with ties, which equal
    runs bring, the exact test of 9 to 13 runs takes as long as a run.
    """
    return runs >= PRUNE_FROM and runs & (runs - 1) == 0


def instances(tuning: Tuning, plan: Plan) -> list[tuple[str, int]]:
    """The runs of a trial, scenario and seed: the same in all trials, seed by seed."""
    seeds = range(tuning.first_seed, tuning.first_unseen)
    return [(variant, seed) for seed in seeds for variant in plan.scenarios]


def play_trial(bench: Bench, index: int) -> Tally:
    """Play the next trial and enter it in the journal.

    Args:
        bench: what is tuned.
        index: of the trial, which seeds what the sampler draws.
    """
    plan, tuning = unpack(bench.packed), bench.tuning
    with quiet_optuna():
        study = open_journal(bench.journal, tuning, index)
        trial = study.ask(distributions(bench.space))
        values = settings(tuning, bench.role, list(bench.space), trial.params)
        scenarios = {
            variant: override(scenario, values) for variant, scenario in plan.scenarios.items()
        }
        runs, kept, pruned = instances(tuning, plan), Score(bench.stand_ins), False
        started = time.perf_counter()
        for step, (variant, seed) in enumerate(runs):
            kept.add(*_run(plan, tuning, scenarios[variant], seed))
            if tuning.prunes:
                trial.report(kept.rows[-1][0], step)
                if pruned := step + 1 < len(runs) and looks(step + 1) and trial.should_prune():
                    break
        seconds = time.perf_counter() - started
        enter(study, trial, tuning, kept, pruned=pruned, seconds=seconds)
    tally = Tally.of("error" if kept.failed == len(kept.rows) else "ok")
    tally.seconds = seconds
    return tally


def enter(
    study: optuna.Study,
    trial: optuna.Trial,
    tuning: Tuning,
    kept: Score,
    *,
    pruned: bool,
    seconds: float,
) -> None:
    """Finish a trial: its score, and what became of its runs.

    A trial that was stopped is finished with the mean of what it played: the pruner stops none
    whose mean is above the best.
    """
    played = {
        "runs": len(kept.rows), "failed": kept.failed, "errors": kept.errors[:_KNOWN_ERRORS],
        "pruned": pruned, "seconds": round(seconds, 3),
    }  # fmt: skip
    trial.set_user_attr("played", played)
    study.tell(trial, scores(tuning, kept.rows))


def open_journal(journal: str, tuning: Tuning, index: int = 0) -> optuna.Study:
    """The trials so far, with a sampler of its own draws and the pruner."""
    import optuna

    objectives = tuning.objectives
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if tuning.prunes:
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=PRUNE_BELOW, n_startup_steps=PRUNE_FROM)
    return optuna.create_study(
        storage=_storage(journal),
        sampler=optuna.samplers.TPESampler(
            seed=1_000_003 * tuning.sampler_seed + index, multivariate=True
        ),
        pruner=pruner,
        study_name=NAME,
        directions=["minimize" if o.direction == "minimise" else "maximize" for o in objectives],
        load_if_exists=True,
    )


@lru_cache(maxsize=2)
def _storage(journal: str) -> optuna.storages.BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(journal))


def distributions(space: Sequence[Dimension]) -> dict[str, Any]:
    """The space as Optuna knows it."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        d.name: IntDistribution(math.ceil(d.low), math.floor(d.high), log=d.log)
        if d.whole
        else FloatDistribution(d.low, d.high, log=d.log)
        for d in space
    }


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna without its lines on every trial, and without warnings that parts of it may change."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _run(plan: Plan, tuning: Tuning, scenario: Any, seed: int) -> tuple[list[float], str]:
    """The outcomes of a run, and what went wrong; the outcomes are nan then."""
    names = [objective.outcome for objective in tuning.objectives]
    try:
        if plan.toy is not None:
            found = plan.toy(scenario, seed)
            return [float(found[name]) for name in names], ""
        run = played(scenario, seed, tuning.time_limit_seconds)
        if not applies(run.given):
            return [math.nan] * len(names), "not applicable"
        return [measured(run, name) for name in names], ""
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return [math.nan] * len(names), words[:LONGEST_ERROR]
