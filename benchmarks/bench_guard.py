"""What the guard around decision rules costs a run: with and without it in turns, CPU time.

Run from the repository root: .venv/bin/python -P benchmarks/bench_guard.py [SEEDS]
"""

from __future__ import annotations

import gc
import sys
import time

import numpy as np

from computemarket import ComputeMarket, load_scenario
from computemarket.agents import firm
from computemarket.scenario import Scenario

GUARDED = firm.guarded


def seconds(scenario: Scenario, seed: int, guarded: bool) -> float:
    """CPU time of the months of a run, building the firms included."""
    firm.guarded = GUARDED if guarded else lambda rule, *_: rule
    gc.collect()
    started = time.process_time()
    ComputeMarket(scenario, seed=seed).run()
    return time.process_time() - started


def main(seeds: int) -> None:
    for name in ("frontier_2024", "duopoly"):
        scenario = load_scenario(name)
        seconds(scenario, 0, True)
        turns = [
            (seconds(scenario, seed, True), seconds(scenario, seed, False))
            for seed in range(1, seeds + 1)
        ]
        ratios = np.array([guarded / bare for guarded, bare in turns])
        low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
        cost = f"{100 * (median - 1):+.1f} % ({100 * (low - 1):+.1f} to {100 * (high - 1):+.1f})"
        print(f"{name}: median cost of the guard {cost}, {seeds} pairs of runs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
