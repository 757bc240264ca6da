"""What studies cost, as Markdown tables: memory, two workers against one, Mesa's batches beside.

    .venv/bin/python -P benchmarks/bench_studies.py [memory] [workers] [mesa] [--share 0.02] \
        [--repeats 3]

Every measurement has a process of its own, so that no peak includes another's. Memory is the
resident set size (RSS), sampled from outside; a sum over processes counts pages that they share
more than once. Of several repeats the fastest counts. Ends with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import mesa
import numpy as np
import psutil

from computemarket import ComputeMarket
from computemarket.experiments import runner
from computemarket.experiments.play import Tally
from computemarket.experiments.runner import run_study
from computemarket.experiments.study import Study

Result = dict[str, Any]
MB = 1e6
PARTS = ("memory", "workers", "mesa")
MEMORY = {"duopoly": 2000, "frontier_2024": 500}  # runs
EVERY = 100  # runs between two samples of the parent's memory
SPEED = ("frontier_2024", 500)
BATCHES = ("duopoly", (100, 1000))
COMPARED = 20  # seeds on which both must agree before either is timed
WARM_UP = 8  # runs a worker
SAMPLE_SECONDS = 0.1
RATIO_LIMIT, OVERHEAD_LIMIT, GROWTH_LIMIT = 0.6, 0.05, 0.1  # the last in MB per 100 runs


# -- in the process that is measured ----------------------------------------------------------


def study_of(scenario: str, runs: int, **more: Any) -> Study:
    return Study(scenario=scenario, replications=runs, **more)


def played(study: Study, workers: int) -> tuple[Any, float]:
    """The tables of a study in a scratch folder, and its wall time."""
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        folder = run_study(study, Path(scratch) / "study", workers=workers, progress=False)
        wall_s = time.perf_counter() - start
        assert (folder.runs["status"] == "ok").all()
        return folder.months, wall_s


@contextmanager
def told(tell: Callable[[Tally], None]) -> Iterator[None]:
    """What the parent hears of each finished batch goes to `tell`, not to a progress bar."""

    @contextmanager
    def follow(total: int, done: int, wanted: bool) -> Iterator[Callable[[Tally], None]]:
        yield tell

    with mock.patch.object(runner, "follow", follow):
        yield


def measure_memory(scenario: str, runs: int) -> Result:
    """RSS of the parent, each time that another hundred runs are done."""
    process, so_far, samples = psutil.Process(), Tally(), {}

    def tell(tally: Tally) -> None:
        so_far.add(tally)
        mark = so_far.played // EVERY * EVERY
        if mark and mark not in samples:
            samples[mark] = process.memory_info().rss / MB

    with told(tell):
        played(study_of(scenario, runs), 2)
    return {"samples": samples}


def measure_workers(scenario: str, runs: int, workers: int) -> Result:
    """Where the time of a study goes, once the workers are up."""
    played(study_of(scenario, WARM_UP * workers, first_seed=10**6), workers)
    tally = Tally()
    with told(tally.add):
        own_s, all_s = time.process_time(), cpu_s()
        _, wall_s = played(study_of(scenario, runs), workers)
        own_s, all_s = time.process_time() - own_s, cpu_s() - all_s
    return {
        "wall": wall_s,
        "cpu": all_s,
        "model": tally.model_seconds,
        "batches": tally.seconds,
        "parent": own_s if workers > 1 else wall_s - tally.seconds,
    }


def cpu_s() -> float:
    """CPU time so far of this process and of its workers, which outlive a study."""
    process = psutil.Process()
    times = [p.cpu_times() for p in [process, *process.children(recursive=True)]]
    return float(sum(t.user + t.system for t in times))


def measure_study(scenario: str, runs: int, months: bool) -> Result:
    return {"wall": played(study_of(scenario, runs, months=months), 2)[1]}


def measure_mesa(scenario: str, runs: int, months: bool) -> Result:
    start = time.perf_counter()
    rows = batch_run(scenario, runs, 1 if months else -1)
    assert len(rows) >= runs
    return {"wall": time.perf_counter() - start}


def batch_run(scenario: str, runs: int, period: int) -> list[dict[str, Any]]:
    return mesa.batch_run(
        ComputeMarket,
        parameters={"scenario": scenario, "seed": range(1, runs + 1)},
        number_processes=2,
        data_collection_period=period,
        display_progress=False,
    )


def measure_agreement(scenario: str) -> Result:
    """Stop unless both report the same of the last month of each seed."""
    rows = {row["seed"]: row for row in batch_run(scenario, COMPARED, -1)}
    months, _ = played(study_of(scenario, COMPARED, months=True), 2)
    last = months.sort_values("month").groupby("seed").last()
    names = [name for name in last if name in rows[1]]
    for seed, row in rows.items():
        for name in names:
            if row[name] != last.at[seed, name]:
                sys.exit(f"seed {seed}, {name}: {row[name]} in Mesa, {last.at[seed, name]} here")
    return {"names": names}


MEASURES: dict[str, Callable[..., Result]] = {
    "memory": measure_memory,
    "workers": measure_workers,
    "study": measure_study,
    "mesa": measure_mesa,
    "agreement": measure_agreement,
}


# -- outside of it ----------------------------------------------------------------------------


def measured(name: str, *given: Any, sampled: bool = True) -> Result:
    """What a measurement in a new process gives, with peaks of memory if it is sampled.

    peak: of the process and all its descendants; child: of the largest descendant.
    """
    task = json.dumps([name, *given])
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-P", __file__, "--task", task], stdout=output)
        peak = child = 0.0
        while sampled and process.poll() is None:
            sizes = resident(process.pid)
            peak, child = max(peak, sum(sizes)), max(child, *sizes[1:], 0.0)
            time.sleep(SAMPLE_SECONDS)
        if process.wait():
            sys.exit(process.returncode)
        output.seek(0)
        return {**json.load(output), "peak": peak, "child": child}


def resident(pid: int) -> list[float]:
    """RSS in MB of a process and of each of its descendants."""
    sizes = []
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                sizes.append(process.memory_info().rss / MB)
    return sizes


def fastest(repeats: int, name: str, *given: Any, sampled: bool = True) -> Result:
    results = [measured(name, *given, sampled=sampled) for _ in range(repeats)]
    return min(results, key=lambda result: result["wall"])


def table(*rows: list[str]) -> None:
    head, *body = rows
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}")
    for row in body:
        print(f"| {' | '.join(row)} |")
    print()


def report_memory(share: float) -> bool:
    """The parent's memory as runs are done; whether it stays flat."""
    print("### Memory while a study runs, two workers\n")
    marks = [100, 500, 1000, 1500, 2000]
    head = ["MB", *(f"{mark:,} runs" for mark in marks), "growth per 100 runs", "limit", "worker"]
    rows, flat = [head], True
    for scenario, runs in MEMORY.items():
        result = measured("memory", scenario, max(2 * EVERY, round(runs * share)))
        samples = {int(mark): size for mark, size in result["samples"].items()}
        growth = float(np.polyfit(list(samples), list(samples.values()), 1)[0]) * 100
        flat &= growth <= GROWTH_LIMIT
        shown = [f"{samples[mark]:.1f}" if mark in samples else "" for mark in marks]
        worker = f"{result['child']:.0f}"
        rows.append([f"parent, `{scenario}`", *shown, f"{growth:.3f}", f"{GROWTH_LIMIT}", worker])
    table(*rows)
    return flat


def report_workers(share: float, repeats: int) -> bool:
    """Two workers against one, and what is not the model's own time."""
    scenario, runs = SPEED[0], max(4, round(SPEED[1] * share))
    one, two = (
        fastest(repeats, "workers", scenario, runs, workers, sampled=False) for workers in (1, 2)
    )
    ratio = two["wall"] / one["wall"]
    overheads = []
    rows = [[f"{runs} runs of `{scenario}`", "one worker", "two workers", "limit"]]
    rows.append(["wall, s", f"{one['wall']:.1f}", f"{two['wall']:.1f}", ""])
    rows.append(["CPU of all processes, s", f"{one['cpu']:.1f}", f"{two['cpu']:.1f}", ""])
    rows.append(["runs per second", f"{runs / one['wall']:.2f}", f"{runs / two['wall']:.2f}", ""])
    rows.append(["wall against one worker's", "1", f"{ratio:.3f}", f"{RATIO_LIMIT}"])
    rows.append(["model with its tables, s", f"{one['model']:.1f}", f"{two['model']:.1f}", ""])
    cells: dict[str, list[str]] = {}
    for workers, result in ((1, one), (2, two)):
        model_s = result["model"]
        in_batches = (result["batches"] - model_s) / model_s
        parent = result["parent"] / model_s
        overheads.append(in_batches + parent)
        slots = workers * result["wall"] / model_s - 1
        for name, value in (
            ("outcomes and Parquet in the batches, of the model's time", in_batches),
            ("parent outside of batches, of the model's time", parent),
            ("**overhead**, the sum of both", in_batches + parent),
            ("workers x wall beyond the model's time", slots),
        ):
            cells.setdefault(name, []).append(f"{value:.2%}".replace("%", " %"))
    for name, values in cells.items():
        limit = f"{OVERHEAD_LIMIT:.0%}".replace("%", " %") if "**" in name else ""
        rows.append([name, *values, limit])
    print("### Two workers against one, once they are up\n")
    table(*rows)
    return ratio <= RATIO_LIMIT and max(overheads) <= OVERHEAD_LIMIT


def report_mesa(share: float, repeats: int) -> None:
    """The same seeds by `run_study` and by `mesa.batch_run`."""
    scenario, sizes = BATCHES[0], [max(4, round(size * share)) for size in BATCHES[1]]
    names = measured("agreement", scenario, sampled=False)["names"]
    rows = [["two processes, start included"]]
    rows[0] += [f"{size:,} runs, {what}" for size in sizes for what in ("runs/s", "peak MB")]
    rows[0].append("runs/s once up")
    for months, kept in ((False, "the end of each run"), (True, "each month")):
        for name, what in (("study", "`run_study`"), ("mesa", "`mesa.batch_run`")):
            results = [fastest(repeats, name, scenario, size, months) for size in sizes]
            row = [f"{what}, {kept}"]
            for size, result in zip(sizes, results, strict=True):
                row += [f"{size / result['wall']:.1f}", f"{result['peak']:.0f}"]
            more_s = results[1]["wall"] - results[0]["wall"]
            rows.append([*row, f"{(sizes[1] - sizes[0]) / more_s:.1f}"])
    print(f"### `mesa.batch_run` beside, `{scenario}`\n")
    print(f"Equal in both for seeds 1 to {COMPARED}: {', '.join(f'`{n}`' for n in names)}.\n")
    table(*rows)


def machine() -> str:
    """Hardware, versions and how busy the machine is."""
    processor = runpy.run_path(str(Path(__file__).with_name("bench_run.py")))["processor"]
    versions = ", ".join(f"{n} {version(n)}" for n in ("mesa", "joblib", "pyarrow"))
    load = f"load of the last minute {os.getloadavg()[0]:.2f}"
    return f"{processor()}; Python {platform.python_version()}, {versions}; {load}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", default=PARTS, help=", ".join(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the runs, to try it out")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        name, *arguments = json.loads(given.task)
        print(json.dumps(MEASURES[name](*arguments)))
        return

    print(f"{machine()}\n")
    met = True
    if "memory" in given.parts:
        met &= report_memory(given.share)
    if "workers" in given.parts:
        met &= report_workers(given.share, given.repeats)
    if "mesa" in given.parts:
        report_mesa(given.share, given.repeats)
    sys.exit(not met)


if __name__ == "__main__":
    main()
