"""What a worker does: plays runs one after the other and adds their rows to the study's tables.

A run that raises, or takes too long, becomes a row that says so; only a disk that cannot be
written stops a worker.
"""

from __future__ import annotations

import gc
import json
import os
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import cloudpickle
import pyarrow as pa

from ..agents.strategies import register
from ..analysis.outcomes import Played
from ..analysis.tables import AnyTables, events_of
from ..analysis.wording import FAILED, NOT_APPLICABLE, OK
from ..model import ComputeMarket
from ..scenario import Scenario, load_scenario
from .plan import Job, Plan
from .store import RUN_KEY, TABLES, TableName, schemas, variant_file, write_part
from .study import Scalar

PART_RUNS: Final = 50
PART_SECONDS: Final = 10.0
LONGEST_ERROR: Final = 500
READ: Final = ("months", "firms", "events", "flows")  # what outcomes are computed from


class TimeLimitError(Exception):
    """A run took longer than its study allows."""


@dataclass(slots=True)
class Tally:
    """What became of some runs: how many by status, and where the time went.

    model_seconds: to build, play and tabulate models; seconds: with outcomes and parts written.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    model_seconds: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, status: str) -> Tally:
        """One run, played at some other time."""
        return cls(Counter([status]))

    @property
    def played(self) -> int:
        """Number of runs."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Number of runs that raised or took too long."""
        return sum(self.statuses[status] for status in FAILED)

    def add(self, other: Tally) -> None:
        """Count the runs of another tally too."""
        self.statuses.update(other.statuses)
        self.model_seconds += other.model_seconds
        self.seconds += other.seconds


class Parts:
    """Rows on their way to the disk, written in parts of up to 50 runs or 10 seconds."""

    def __init__(self, plan: Plan, folder: Path, called: Path) -> None:
        """`folder` is that of the study, `called` how the user named it."""
        self.folder = folder
        self.called = called
        self.schemas = schemas(plan)
        self._clear()

    def add(self, table: TableName, rows: pa.Table) -> None:
        """Keep rows until the next part is written."""
        self.rows[table].append(rows.cast(self.schemas[table]))

    def flush(self, *, full_only: bool = False) -> None:
        """Write what is there; the table of runs last, as it says that a run is done."""
        runs = len(self.rows["runs"])
        if full_only and runs < PART_RUNS and time.monotonic() - self.since < PART_SECONDS:
            return
        for table in TABLES:
            if self.rows[table]:
                write_part(self.folder, table, pa.concat_tables(self.rows[table]))
        self._clear()

    def _clear(self) -> None:
        self.rows: dict[TableName, list[pa.Table]] = {name: [] for name in TABLES}
        self.since = time.monotonic()


def pack(plan: Plan) -> bytes:
    """A plan as it travels to workers: without its points, and with code that they may lack.

    Modules that belong to no installed package, such as a script of the user's, go by value.
    """
    own = [rule for *_, rule in plan.strategies] + ([plan.toy] if plan.toy else [])
    names = {getattr(code, "__module__", "__main__") for code in own}
    names = {name for name in names if name.partition(".")[0] != __name__.partition(".")[0]}
    installed = packages_distributions() if names else {}  # it reads all that is installed
    strange = [sys.modules[name] for name in names if name.partition(".")[0] not in installed]
    for module in strange:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(replace(plan, points=())))
    finally:
        for module in strange:
            cloudpickle.unregister_pickle_by_value(module)


@lru_cache(maxsize=2)
def unpack(packed: bytes) -> Plan:
    """The plan, with its strategies registered and its scenarios known in this process."""
    plan: Plan = cloudpickle.loads(packed)
    for role, decision, name, rule in plan.strategies:
        register(role, decision, name)(rule)
    scenarios = {variant: load_scenario(s) for variant, s in plan.scenarios.items()}
    return replace(plan, scenarios=scenarios)


def play_batch(packed: bytes, folder: Path, called: Path, jobs: Sequence[Job]) -> Tally:
    """Play some runs of a study and write their rows.

    Args:
        packed: the study (see `pack`).
        folder: absolute path of the study; on a cluster one that all workers see.
        called: the folder as the user named it.
        jobs: the runs to play.

    Raises:
        OutputError: the rows cannot be written.
    """
    plan = unpack(packed)
    started = time.perf_counter()
    tally = Tally()
    parts = Parts(plan, folder, called)
    try:
        for job in jobs:
            _play(plan, job, parts, tally)
            parts.flush(full_only=True)
    finally:
        parts.flush()
    tally.seconds = time.perf_counter() - started
    return tally


def serve(parent: int) -> None:
    """Make this process one that leaves Ctrl-C to its parent, and ends when the parent has."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is imported stays. Without it in the count, Python collects played models soon.
    gc.freeze()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)  # parts appear whole or not at all, so that this loses unwritten runs only

    threading.Thread(target=watch, daemon=True).start()


def record_failure(plan: Plan, folder: Path, called: Path, job: Job, error: str) -> Tally:
    """Enter a run that no worker survived."""
    parts = Parts(plan, folder, called)
    failure = {"status": "error", "error": error, "command": _command(plan, called, job)}
    parts.add("runs", _one_row({**_key(plan, job), **failure}, parts.schemas["runs"]))
    parts.flush()
    return Tally.of("error")


def _play(plan: Plan, job: Job, parts: Parts, tally: Tally) -> None:
    """Play one run and keep its rows, whatever becomes of it."""
    row = _key(plan, job)
    started = time.perf_counter()
    try:
        if plan.toy is not None:
            row |= plan.toy(plan.scenario_of(job), job.seed)
            row["status"] = OK
        else:
            row |= _play_market(plan, job, parts, tally)
    except TimeLimitError as error:
        row |= {"status": "timeout", "error": str(error)}
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        row |= {"status": "error", "error": words[:LONGEST_ERROR]}
    row["seconds"] = time.perf_counter() - started
    if "error" in row:
        row["command"] = _command(plan, parts.called, job)
    parts.add("runs", _one_row(row, parts.schemas["runs"]))
    tally.statuses[row["status"]] += 1


def _play_market(plan: Plan, job: Job, parts: Parts, tally: Tally) -> dict[str, Any]:
    """The status and outcomes of a run of the market; its other rows go to the parts."""
    scenario = plan.scenario_of(job)
    started = time.perf_counter()
    run = played(scenario, job.seed, plan.study.time_limit_seconds)
    tally.model_seconds += time.perf_counter() - started
    kept = run.outcomes(plan.outcomes)
    if not applies(run.given):
        return {"status": NOT_APPLICABLE, **kept}
    key = {name: _key(plan, job)[name] for name in RUN_KEY}
    _add_keyed(parts, "firm_outcomes", key, run.firm_table)
    if plan.study.months:
        _add_keyed(parts, "months", key, run.given["months"])
    return {"status": OK, **kept}


def applies(tables: AnyTables) -> bool:
    """Whether the parties of all interventions were in position when it was their turn."""
    events = events_of(tables, "intervention")
    return not any(event["details"].get("not_applicable") for event in events)


def played(scenario: Scenario, seed: int, limit_seconds: float) -> Played:
    """What outcomes are computed from, of a run played to its horizon.

    Raises:
        TimeLimitError: it takes longer than it may.
    """
    deadline = time.monotonic() + limit_seconds

    def watch(model: ComputeMarket) -> None:
        if model.running and time.monotonic() > deadline:
            raise TimeLimitError(
                f"took more than {limit_seconds:g} s: stopped after {model.month} of "
                f"{model.horizon} months"
            )

    model = ComputeMarket(scenario, seed=seed).run(watch)
    return Played({name: model.table(name) for name in READ}, scenario)


def _key(plan: Plan, job: Job) -> dict[str, Any]:
    """The columns of a run that are known before it is played."""
    levels = zip((factor.column for factor in plan.study.factors), job.levels, strict=True)
    return {
        "run_id": job.run_id,
        "scenario": plan.scenarios[job.variant].name,
        "variant": job.variant,
        "point": job.point,
        "replication": job.replication,
        "seed": job.seed,
        **dict(levels),
    }


def replay_command(
    verb: str, file: Path, seed: int, assignments: Mapping[str, Scalar], month: int | None
) -> list[str]:
    """The words a user types to play a run of a study again.

    Args:
        verb: `run` or `explain`.
        file: scenario of the run's variant, in the study's folder.
        seed: of the run.
        assignments: levels of its factors, by path.
        month: from when these act; None: from the start.
    """
    words = ["computemarket", verb, str(file), "--seed", str(seed)]
    for path, level in assignments.items():
        words += ["--set", f"{path}={json.dumps(level)}"]
    if month is not None and assignments:
        words += ["--from-month", str(month)]
    return words


def _command(plan: Plan, folder: Path, job: Job) -> str | None:
    """What a user types to see a run fail again."""
    if plan.toy is not None:
        return None
    file, levels = variant_file(folder, job.variant), plan.assignments(job)
    return shlex.join(replay_command("run", file, job.seed, levels, plan.branch_month))


def _one_row(row: dict[str, Any], schema: pa.Schema) -> pa.Table:
    """A row as a table; what the run does not define is null."""
    return pa.table({f.name: pa.array([row.get(f.name)], f.type) for f in schema}, schema=schema)


def _add_keyed(parts: Parts, name: TableName, key: dict[str, Any], rows: pa.Table) -> None:
    """Keep rows of a run under its id, variant and seed."""
    keys = {column: pa.array([value] * len(rows)) for column, value in key.items()}
    parts.add(name, pa.table({**keys, **dict(zip(rows.column_names, rows.columns, strict=True))}))
