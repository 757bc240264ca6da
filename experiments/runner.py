"""Runs a study: hands batches of runs to workers, counts what comes back, and can be resumed.

The parent holds no results; workers write them. Local processes and a Dask cluster are two
backends of joblib, and everything else is one code path.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from .plan import Job, Plan, Toy, make_plan
from .play import PART_RUNS, Tally, pack, play_batch, record_failure, serve
from .progress import follow
from .store import StudyFolder, forget_failures, take_folder
from .study import Study, StudyError, load_study

Engine = Literal["local", "dask"]

FIRST_BATCH: Final = 2
BATCH_SECONDS: Final = 4.0  # of work in a batch: often enough to tell how far a study is
SCHEDULER_SECONDS: Final = 30  # that a Dask scheduler and its first worker may take to answer


class StudyInterrupt(KeyboardInterrupt):
    """Ctrl-C during a study; the message says how to go on."""


def run_study(
    study: Study | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: Engine = "local",
    scheduler: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    toy: Toy | None = None,
) -> StudyFolder:
    """Run what is missing of a study and return its folder.

    Args:
        study: a study, or the path or name of a study file.
        out: a new or empty folder, or that of the same study, which is resumed; a study that asks
            for more replications than before is extended.
        workers: processes at once, by default as many as the machine has cores; with one, runs
            are played in this process.
        engine: "local" for processes of this machine, "dask" for a Dask cluster.
        scheduler: address of a Dask scheduler, such as "tcp://10.0.0.5:8786"; without one, a
            cluster is started on this machine.
        retry_failed: play again the runs that raised or took too long.
        progress: show a bar where someone watches (a terminal or a notebook).
        toy: a function of scenario and seed in place of the market (see `make_plan`).

    Raises:
        ScenarioError: the study cannot be run; one line, before anything ran.
        OutputError: the folder cannot be written; what is done is kept.
        StudyInterrupt: Ctrl-C; what is done is kept.
    """
    if not isinstance(study, Study):
        study = load_study(study)
    if workers is not None and workers < 1:
        raise StudyError(f"workers: given {workers}, expected at least 1")
    plan = make_plan(study, toy)
    with worker_pool(engine, workers or joblib.cpu_count(), scheduler) as pool:
        folder = take_folder(out, plan)
        if retry_failed:
            forget_failures(folder.path)
        known = set(folder.statuses())
        todo = (job for job in plan.jobs() if job.run_id not in known)
        missing = sum(job.run_id not in known for job in plan.jobs()) if known else plan.size
        try:
            with follow(plan.size, plan.size - missing, progress) as tell:
                _Run(plan, pack(plan), folder.path, pool).all(todo, missing, tell)
        except KeyboardInterrupt:
            done = len(folder.statuses())
            raise StudyInterrupt(
                f"interrupted: {done} of {plan.size} runs are in '{out}'; the same command resumes"
            ) from None
    return folder


@dataclass(frozen=True, slots=True)
class Pool:
    """Where runs are played: how many at once, and what says that a worker died."""

    slots: int
    lost: tuple[type[Exception], ...]


@contextmanager
def worker_pool(engine: Engine, workers: int, scheduler: str | None) -> Iterator[Pool]:
    """The workers, as joblib's backend inside the `with`."""
    if engine == "local":
        if scheduler is not None:
            raise StudyError("scheduler: given with the local engine, expected engine 'dask'")
        with joblib.parallel_config(
            "loky", n_jobs=workers, initializer=serve, initargs=(os.getpid(),)
        ):
            yield Pool(workers, (BrokenProcessPool,))
        return
    try:
        from distributed import Client, KilledWorker, LocalCluster
    except ImportError:
        raise StudyError(
            "engine: given 'dask', which needs: pip install 'computemarket[cluster]'"
        ) from None
    with ExitStack() as stack:
        try:
            if scheduler is None:
                # One thread a process: a run keeps a core busy, and threads would share it.
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1)
                client = stack.enter_context(Client(stack.enter_context(cluster)))
            else:
                client = stack.enter_context(Client(scheduler, timeout=SCHEDULER_SECONDS))
            client.wait_for_workers(1, timeout=SCHEDULER_SECONDS)
        except (OSError, ValueError, TimeoutError, RuntimeError) as error:
            raise StudyError(
                f"scheduler: given '{scheduler or 'none'}', expected the address of a Dask "
                f"scheduler with workers: {error}"
            ) from None
        slots = sum(client.nthreads().values())
        stack.enter_context(joblib.parallel_config("dask", n_jobs=slots))
        yield Pool(slots, (KilledWorker,))


@dataclass(slots=True)
class _Run:
    """The parent's side of a study that is being run."""

    plan: Plan
    packed: bytes  # the plan, as it travels with each batch
    called: Path  # the folder, as the user named it
    pool: Pool

    def all(self, todo: Iterator[Job], missing: int, tell: Callable[[Tally], None]) -> None:
        """Play all jobs; a worker that dies costs its own run at most."""
        so_far = Tally()
        handed_out: dict[int, Sequence[Job]] = {}

        def tell_all(tally: Tally) -> None:
            so_far.add(tally)
            tell(tally)

        def batches() -> Iterator[tuple[int, Sequence[Job]]]:
            left = missing - so_far.played  # nothing is under way whenever this starts
            while jobs := tuple(islice(todo, self._batch_size(so_far, left))):
                left -= len(jobs)
                number = missing - left
                handed_out[number] = jobs
                yield number, jobs

        while True:
            try:
                for number, tally in self._parallel(batches()):
                    del handed_out[number]
                    tell_all(tally)
            except self.pool.lost:
                pass
            if not handed_out:
                return
            # One of these was being played when a worker died.
            suspects = [job for jobs in handed_out.values() for job in jobs]
            handed_out.clear()
            self._one_by_one(suspects, tell_all)

    def _one_by_one(self, suspects: Sequence[Job], tell: Callable[[Tally], None]) -> None:
        """Play each run in a pool of its own, to find those that no worker survives."""
        known = StudyFolder(self.called).statuses()
        for job in suspects:
            if (status := known.get(job.run_id)) is not None:
                tell(Tally.of(status))
                continue
            try:
                for _, tally in self._parallel([(0, [job])]):
                    tell(tally)
            except self.pool.lost:
                words = "the worker died: killed, out of memory, or crashed in compiled code"
                folder = self.called.absolute()
                tell(record_failure(self.plan, folder, self.called, job, words))

    def _parallel(self, batches: Any) -> Iterator[tuple[int, Tally]]:
        parallel = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch=2 * self.pool.slots
        )
        play = joblib.delayed(_numbered)
        # Workers may have been started in another folder.
        folder = self.called.absolute()
        yield from parallel(
            play(number, self.packed, folder, self.called, jobs) for number, jobs in batches
        )

    def _batch_size(self, so_far: Tally, left: int) -> int:
        """Runs for the next batch: some seconds of work, and ever fewer towards the end."""
        if not so_far.played:
            return FIRST_BATCH
        timely = math.ceil(BATCH_SECONDS * so_far.played / max(so_far.seconds, 1e-9))
        return max(1, min(PART_RUNS, timely, left // (3 * self.pool.slots)))


def _numbered(
    number: int, packed: bytes, folder: Path, called: Path, jobs: Sequence[Job]
) -> tuple[int, Tally]:
    """A batch under its number: batches come back in any order."""
    return number, play_batch(packed, folder, called, jobs)
