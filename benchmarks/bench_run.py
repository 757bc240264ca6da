"""What a run costs, as a Markdown table: medians on this machine.

    .venv/bin/python -P benchmarks/bench_run.py [--repeats 5]
    .venv/bin/python -P benchmarks/bench_run.py --scenario NAME [NAME ...] [--repeats 20]

CPU time is `time.process_time` in a warm process, or that of a child process with all its threads.
With `--scenario`, runs of these scenarios are timed in turns with `frontier_2024`, seed by seed, so
that other work on the machine slows all of them alike; ends with 1 where one costs too much.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

import mesa

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.tables import write_run
from computemarket.market.columns import TABLES
from computemarket.scenario import Scenario, to_toml

SCENARIO = "frontier_2024"
RUN_LIMIT, HELP_LIMIT, IMPORT_LIMIT = 0.250, 0.6, 0.1  # seconds
RATIO_LIMIT = 1.3  # of a run of another scenario to one of `SCENARIO`
KINDS = {"int": 0, "float": 0.0, "str": "", "bool": False}


class _Idle(mesa.Agent):
    """An agent with the columns of the firms table and nothing to do."""

    def __init__(self, model: mesa.Model) -> None:
        super().__init__(model)
        for name, kind in TABLES["firms"]:
            setattr(self, f"own_{name}", KINDS[kind])


class Bare(mesa.Model):
    """What Mesa itself takes: as many agents and collected columns, and no economy."""

    def __init__(self, agents: int) -> None:
        super().__init__(rng=1)
        for name, kind in TABLES["months"]:
            setattr(self, f"own_{name}", KINDS[kind])
        _Idle.create_agents(self, agents)
        self.datacollector = mesa.DataCollector(
            model_reporters={name: f"own_{name}" for name, _ in TABLES["months"]},
            agent_reporters={name: f"own_{name}" for name, _ in TABLES["firms"]},
        )

    def step(self) -> None:
        self.datacollector.collect(self)


def bare(agents: int, months: int) -> None:
    model = Bare(agents)
    for _ in range(months):
        model.step()
    model.datacollector.get_model_vars_dataframe()
    model.datacollector.get_agent_vars_dataframe()


def cpu_s(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time, after one call to warm up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return median(seconds)


def played(rules: Scenario, seed: int = 1) -> ComputeMarket:
    """A run with its tables in memory."""
    model = ComputeMarket(rules, seed=seed).run()
    model.tables()
    return model


def turns_s(names: list[str], turns: int) -> dict[str, list[float]]:
    """CPU time of a run of each scenario, turn by turn: each turn has a seed and plays them all."""
    rules = {name: load_scenario(name) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in rules}
    for seed in range(turns + 1):  # seed 0 warms up
        for name, own in rules.items():
            start = time.process_time()
            played(own, seed)
            seconds[name].append(time.process_time() - start)
    return {name: times[1:] for name, times in seconds.items()}


def child_s(code: list[str], repeats: int) -> tuple[float, float]:
    """Median wall and CPU time of a new Python process."""
    walls, cpus = [], []
    for _ in range(repeats + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-P", *code], check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(walls[1:]), median(cpus[1:])  # the first fills the disk cache


def imported_s(repeats: int) -> float:
    """Median CPU time that `import computemarket` adds to an empty process."""
    empty, full = child_s(["-c", ""], repeats), child_s(["-c", "import computemarket"], repeats)
    return full[1] - empty[1]


def processor() -> str:
    """Cores and model name of the CPU, where the system tells (Linux)."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{os.cpu_count()} cores, {name}"


def report_scenarios(names: list[str], turns: int) -> bool:
    """What runs of some scenarios cost, against `SCENARIO`; whether all keep to the limit."""
    seconds = turns_s(list(dict.fromkeys([SCENARIO, *names])), turns)
    print(f"Seeds 1 to {turns}, in turns.\n")
    print(f"| Scenario | ms a run | times `{SCENARIO}` | quartiles | limit |")
    print("|---|---:|---:|---:|---:|")
    within = True
    for name, times in seconds.items():
        ratios = [own / base for own, base in zip(times, seconds[SCENARIO], strict=True)]
        ratio, (low, _, high) = median(ratios), quantiles(ratios, method="inclusive")
        within &= ratio <= RATIO_LIMIT
        print(f"| `{name}` | {median(times) * 1e3:.1f} | {ratio:.2f} | {low:.2f}-{high:.2f} "
              f"| {'' if name == SCENARIO else RATIO_LIMIT} |")  # fmt: skip
    return within


def report_run(repeats: int) -> None:
    """What a run of `SCENARIO`, its tables and a start of the command line cost."""
    rules = load_scenario(SCENARIO)
    model = played(rules)
    tables, manifest, text = model.tables(), model.manifest(), to_toml(rules)
    frames = ("months", "firms", "prices", "contracts", "events", "flows")

    def fresh_frames() -> None:
        model._frames.clear()
        for name in frames:
            model.frame(name)

    run_s = cpu_s(lambda: played(rules), repeats)
    bare_s = cpu_s(lambda: bare(len(rules.firms), rules.run.months), repeats)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run"
        write_s = cpu_s(lambda: write_run(target, tables, manifest, text), repeats)
    help_wall_s, help_cpu_s = child_s(["-m", "computemarket", "--help"], repeats)
    rows = [
        (f"run of `{SCENARIO}`, {rules.run.months} months, tables in memory", run_s, RUN_LIMIT),
        ("the same, a month", run_s / rules.run.months, None),
        ("its six tables as pandas frames", cpu_s(fresh_frames, repeats), None),
        ("its run folder written (`analysis.tables.write_run`)", write_s, None),
        (f"bare Mesa: {len(rules.firms)} idle agents, the same columns collected", bare_s, None),
        ("`computemarket --help`, wall", help_wall_s, HELP_LIMIT),
        ("`computemarket --help`, CPU", help_cpu_s, HELP_LIMIT),
        (
            "`import computemarket`, CPU added to an empty process",
            imported_s(repeats),
            IMPORT_LIMIT,
        ),
    ]
    print(f"Median of {repeats}.\n")
    print("| What | ms | limit, ms |\n|---|---:|---:|")
    for what, seconds, limit in rows:
        print(f"| {what} | {seconds * 1e3:.1f} | {f'{limit * 1e3:.0f}' if limit else ''} |")
    print(f"\nA run takes {run_s / bare_s:.2f} times what bare Mesa takes.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scenario", nargs="+", metavar="NAME", help=f"against {SCENARIO}")
    given = parser.parse_args()
    print(f"{processor()}; Python {platform.python_version()}, Mesa {version('mesa')}.")
    if given.scenario:
        sys.exit(not report_scenarios(given.scenario, given.repeats))
    report_run(given.repeats)


if __name__ == "__main__":
    main()
