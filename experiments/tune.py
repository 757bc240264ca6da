"""Searches better parameters for a firm's strategies, and tells how much of the gain is luck.

Trials are played by workers that share a journal: a tuning that is killed goes on where it was,
without a finished trial lost. The best are scored again on seeds that no trial has played.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import joblib
import numpy as np

from .. import __version__
from ..agents.strategies import added_strategies
from ..analysis.tables import MANIFEST, OutputError, check_output, read_manifest
from ..analysis.wording import BASE
from ..scenario import load_scenario
from ..scenarios.short import counted
from .measures import check_names, measure_named, measure_names, measures_of, numbers
from .plan import Plan, make_plan
from .play import Tally, pack
from .progress import follow
from .runner import Engine, Pool, StudyInterrupt, run_study, worker_pool
from .store import StudyFolder, write_file, writing
from .study import Study, StudyError, Variant
from .toys import TOYS
from .trials import (
    Bench,
    Floats,
    Score,
    enter,
    open_journal,
    play_trial,
    quiet_optuna,
    stand_ins,
)
from .tuning import (
    BEST,
    Dimension,
    Tuning,
    load_tuning,
    needs,
    role_of,
    search_space,
    settings,
)

if TYPE_CHECKING:
    import optuna

JOURNAL: Final = "journal.log"
SPEC: Final = "tuning.toml"
_FATAL: Final = 2  # times that a trial may lose its worker before it counts as failed


class Trial(NamedTuple):
    """A finished trial.

    values: the score of each objective; runs: played, failed: of them; pruned: stopped early.
    """

    number: int
    parameters: dict[str, float]
    values: list[float]
    runs: int
    failed: int
    errors: list[str]
    pruned: bool
    seconds: float


class Tuned(NamedTuple):
    """What a tuning found.

    tuning: as asked, with directions resolved. default: runs of the scenarios as they are on the
    seeds of the trials. trials: all that are finished. best: those that were scored again, best
    first. unseen: their runs on unseen seeds, each a variant `best_1` and on beside `base`.
    """

    tuning: Tuning
    space: list[Dimension]
    stand_ins: tuple[float, ...]
    default: StudyFolder
    trials: list[Trial]
    best: list[Trial]
    unseen: StudyFolder
    importance: dict[str, float]
    folder: Path

    def __repr__(self) -> str:
        """What was tuned, and the best trial; its worth is what `experiments.tuned` tells."""
        stopped = sum(trial.pruned for trial in self.trials)
        parameters = ", ".join(f"{name}={v:.3g}" for name, v in self.best[0].parameters.items())
        return (
            f"<Tuned {self.tuning.firm}: {counted(len(self.trials), 'trial')}, {stopped} stopped "
            f"early; best is trial {self.best[0].number} with {parameters}>"
        )


def tune(
    tuning: Tuning | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: Engine = "local",
    scheduler: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> Tuned:
    """Play what is missing of a tuning and return what it found.

    Args:
        tuning: a tuning, or the path or name of a tuning file.
        out: a new or empty folder, or that of the same tuning, which goes on; more trials than
            before may be asked for.
        workers: trials at once, by default as many as the machine has cores. With one, the same
            tuning finds the same; with more, what the sampler knows depends on who is first.
        engine: "local" for processes of this machine, "dask" for a Dask cluster.
        scheduler: address of a Dask scheduler.
        retry_failed: play again the runs of the default and of the best that raised.
        progress: show a bar where someone watches.

    Raises:
        ScenarioError: the tuning cannot be played; one line, before anything ran.
        OutputError: the folder cannot be written; what is done is kept.
        StudyInterrupt: Ctrl-C; what is done is kept.
    """
    needs("optuna")
    given = tuning if isinstance(tuning, Tuning) else load_tuning(tuning)
    chosen, space, role = checked_tuning(given)
    path = Path(out)
    running: dict[str, Any] = {
        "workers": workers, "engine": engine, "scheduler": scheduler,
        "retry_failed": retry_failed, "progress": progress,
    }  # fmt: skip
    toy = None if chosen.toy is None else TOYS[chosen.toy]
    study = _study(chosen, {}, chosen.first_seed, chosen.seeds)
    plan = make_plan(study, toy)
    # Workers need the strategies of the trials too, which the scenario may not name.
    tuned = added_strategies({d.strategy for d in chosen.decisions})
    plan = replace(plan, strategies=tuple(dict.fromkeys([*plan.strategies, *tuned])))
    _take_folder(path, chosen, plan)
    default = run_study(study, path / "default", toy=toy, **running)
    worst = stand_ins(chosen, outcome_values(default, chosen))
    journal = str((path / JOURNAL).absolute())
    bench = Bench(pack(plan), chosen, role, tuple(space), worst, journal)
    with worker_pool(engine, workers or joblib.cpu_count(), scheduler) as pool:
        _play(bench, pool, path, progress)
    with quiet_optuna():
        journaled = open_journal(journal, chosen)
        trials, importance = finished(journaled), _importance(journaled, chosen)
        best = candidates(chosen, trials)
    variants = {
        f"best_{rank}": settings(chosen, role, space, trial.parameters)
        for rank, trial in enumerate(best, 1)
    }
    again = _study(chosen, variants, chosen.first_unseen, chosen.unseen)
    # More trials may find other candidates, and those of before keep their runs.
    unseen = run_study(again, path / "unseen" / _digest(variants), toy=toy, **running)
    return Tuned(chosen, space, worst, default, trials, best, unseen, importance, path)


def checked_tuning(tuning: Tuning) -> tuple[Tuning, list[Dimension], str]:
    """The tuning with its directions, its space, and the role of its firm.

    Raises:
        StudyError: an unknown firm, strategy, parameter, outcome or toy, or no direction.
    """
    scenarios = [load_scenario(name) for name in tuning.scenarios]
    if tuning.toy is not None:
        check_names("toy", [tuning.toy], TOYS, "the name of a toy")
    else:
        names = [o.outcome for o in tuning.objectives]
        check_names("objectives", names, measure_names(scenarios), "the name of an outcome")
    objectives = []
    for objective in tuning.objectives:
        better = None if tuning.toy else measure_named(objective.outcome).better
        if objective.direction is None and better is None:
            raise StudyError(
                f"objectives: given '{objective.outcome}' without a direction, expected "
                "'maximise' or 'minimise': neither is good in itself"
            )
        known = "minimise" if better == "lower" else "maximise"
        objectives.append(objective.model_copy(update={"direction": objective.direction or known}))
    space = search_space(tuning, scenarios[0])
    for scenario in scenarios[1:]:
        search_space(tuning, scenario)
    resolved = tuning.model_copy(update={"objectives": tuple(objectives)})
    return resolved, space, role_of(scenarios[0], tuning.firm)


def outcome_values(
    folder: StudyFolder, tuning: Tuning, variants: Sequence[str] | None = None
) -> dict[str, Floats]:
    """The outcomes of the objectives in the runs of a study, nan where they failed.

    Args:
        folder: of the study.
        tuning: names the outcomes.
        variants: whose runs, in the order seed by seed; all if left out.
    """
    runs = folder.runs
    if variants is not None:
        runs = runs[runs["variant"].isin(variants)]
    runs = runs.sort_values(["replication", "variant"], kind="stable")
    known = measures_of(runs, folder.firm_outcomes)
    names = [objective.outcome for objective in tuning.objectives]
    return {name: numbers(name, known[name], runs).to_numpy() for name in names}


def finished(study: optuna.Study) -> list[Trial]:
    """All trials that have a score, as they came."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "COMPLETE":
            played = trial.user_attrs["played"]
            found.append(Trial(trial.number, trial.params, list(trial.values), **played))
    return found


def variants_of(tuning: Tuning, label: str) -> list[str]:
    """What the runs with one set of parameters are called in a study, scenario by scenario."""
    return [_variant(label, place) for place in range(len(tuning.scenarios))]


def _variant(label: str, place: int) -> str:
    return label if place == 0 else f"{label} in scenario {place + 1}"


def _study(
    tuning: Tuning, sets: Mapping[str, Mapping[str, Any]], first_seed: int, seeds: int
) -> Study:
    """The scenarios as they are, and with each of these sets of values, on common seeds."""
    variants = [
        Variant(
            name=_variant(label, place),
            scenario=scenario if place else None,
            set={**tuning.set, **values} if place else dict(values),
        )
        for place, scenario in enumerate(tuning.scenarios)
        for label, values in {BASE: {}, **sets}.items()
        if place or label != BASE
    ]
    outcomes = tuple(o.outcome for o in tuning.objectives) if tuning.toy else None
    return Study(
        title=tuning.title,
        scenario=tuning.scenarios[0],
        set=tuning.set,
        replications=seeds,
        first_seed=first_seed,
        outcomes=outcomes,
        time_limit_seconds=tuning.time_limit_seconds,
        variants=tuple(variants),
    )


def _play(bench: Bench, pool: Pool, path: Path, progress: bool) -> None:
    """Play trials until as many are finished as the tuning asks for."""
    tuning = bench.tuning
    with quiet_optuna():
        _mend(path / JOURNAL)
        study = open_journal(bench.journal, tuning)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(_as_it_is(bench.space))
        _play_again(study, bench, lost=False)
    done = _count(study)
    try:
        with follow(tuning.trials, done, progress, "trials") as tell:
            while (done := _count(study)) < tuning.trials:
                try:
                    for tally in _parallel(bench, pool, len(study.trials), tuning.trials - done):
                        tell(tally)
                except pool.lost:
                    with quiet_optuna():
                        _play_again(study, bench, lost=True)
    except KeyboardInterrupt:
        raise StudyInterrupt(
            f"interrupted: {_count(study)} of {tuning.trials} trials are in '{path}'; the same "
            "command resumes"
        ) from None


def _parallel(bench: Bench, pool: Pool, first: int, missing: int) -> Iterator[Tally]:
    parallel = joblib.Parallel(
        return_as="generator_unordered", batch_size=1, pre_dispatch=2 * pool.slots
    )
    play = joblib.delayed(play_trial)
    yield from parallel(play(bench, first + place) for place in range(missing))


def _count(study: optuna.Study) -> int:
    """Trials that are finished."""
    return sum(t.state.name == "COMPLETE" for t in study.get_trials(deepcopy=False))


def _as_it_is(space: Sequence[Dimension]) -> dict[str, float]:
    """The parameters of today, as far as the space allows: what is tried first."""
    held = {d.name: min(max(d.default, d.low), d.high) for d in space}
    return {d.name: round(held[d.name]) if d.whole else held[d.name] for d in space}


def _play_again(study: optuna.Study, bench: Bench, *, lost: bool) -> None:
    """Put trials that nobody plays any more in line again.

    One that has lost its worker before is finished as if all its runs had failed: it may be what
    kills them.
    """
    import optuna

    for frozen in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        losses = frozen.user_attrs.get("losses", 0) + lost
        if losses >= _FATAL:
            kept = Score(bench.stand_ins)
            plan_runs = bench.tuning.seeds * len(bench.tuning.scenarios)
            for _ in range(plan_runs):
                kept.add([np.nan] * len(bench.stand_ins), "the worker died")
            trial = optuna.trial.Trial(study, frozen._trial_id)
            enter(study, trial, bench.tuning, kept, pruned=False, seconds=0.0)
            continue
        study.tell(frozen.number, state=optuna.trial.TrialState.FAIL)
        if frozen.params:
            study.enqueue_trial(frozen.params, user_attrs={"losses": losses})


def _mend(journal: Path) -> None:
    """Cut off a last line that a kill left half-written."""
    if journal.exists():
        text = journal.read_bytes()
        if text and not text.endswith(b"\n"):
            with writing(journal), journal.open("rb+") as file:
                file.truncate(text.rfind(b"\n") + 1)


def candidates(tuning: Tuning, trials: Sequence[Trial]) -> list[Trial]:
    """The trials to score again, best first; of several objectives some of the front, spread out.

    Trials that were stopped early are none.
    """
    whole = [trial for trial in trials if not trial.pruned]
    if len(tuning.objectives) == 1:
        return sorted(whole, key=lambda t: (_losses(tuning, t)[0], t.number))[:BEST]
    best = pareto_front(tuning, whole)
    if len(best) <= BEST:
        return best
    places = np.linspace(0, len(best) - 1, BEST).round().astype(int)
    return [best[place] for place in places]


def pareto_front(tuning: Tuning, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other beats in one objective without losing in another, best first."""
    losses = np.array([_losses(tuning, trial) for trial in trials])
    kept = [
        trial
        for trial, own in zip(trials, losses, strict=True)
        if not ((losses <= own).all(axis=1) & (losses < own).any(axis=1)).any()
    ]
    return sorted(kept, key=lambda trial: _losses(tuning, trial))


def _losses(tuning: Tuning, trial: Trial) -> list[float]:
    """The scores with less always better."""
    signs = [1.0 if o.direction == "minimise" else -1.0 for o in tuning.objectives]
    return [sign * value for sign, value in zip(signs, trial.values, strict=True)]


def _importance(study: optuna.Study, tuning: Tuning) -> dict[str, float]:
    """How much of being among the best tenth of trials is due to each parameter (PED-ANOVA).

    Watanabe, Bansal and Hutter (2023); shares that add up to 1, of the first objective.
    """
    import optuna

    if _count(study) < 10:  # a tenth of fewer is one trial or none
        return {}
    found = optuna.importance.get_param_importances(
        study,
        evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
        target=None if len(tuning.objectives) == 1 else lambda trial: trial.values[0],
    )
    return {name: float(share) for name, share in found.items()}


def _digest(parts: Any) -> str:
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=6).hexdigest()


def _take_folder(path: Path, tuning: Tuning, plan: Plan) -> None:
    """Make the folder of a tuning, or take up that of the same tuning.

    Raises:
        OutputError: it holds something else, or cannot be written.
    """
    import tomli_w

    check_output(path, "tuning")
    same = tuning.model_dump(mode="json", exclude={"trials", "title", "unseen"})
    identity = _digest([same, plan.identity(), __version__])
    if (path / MANIFEST).exists() and read_manifest(path, "tuning")["identity"] != identity:
        raise OutputError(
            f"'{path}' holds another tuning, or the same one as run by another version: name "
            "another folder"
        )
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        text = tomli_w.dumps(tuning.model_dump(mode="json", exclude_none=True))
        write_file(path / SPEC, text.encode())
        manifest = {"kind": "tuning", "identity": identity, "title": tuning.title}
        write_file(path / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
