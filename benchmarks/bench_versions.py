"""What a run costs in this checkout against another one, seed by seed in turns.

    git worktree add ../before REVISION && make -C ../before .venv/.installed
    .venv/bin/python -P benchmarks/bench_versions.py ../before [--scenario NAME] [--seeds 20]

CPU time of a run with its tables in memory, in two warm processes that take turns, so that other
work on the machine slows both alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

PLAY = """
import sys, time
from computemarket import ComputeMarket, load_scenario
rules = load_scenario(sys.argv[1])
for line in sys.stdin:
    start = time.process_time()
    ComputeMarket(rules, seed=int(line)).run().tables()
    print(time.process_time() - start, flush=True)
"""


class Player:
    """A process that plays seeds of a scenario with one checkout's code."""

    def __init__(self, python: str | Path, scenario: str) -> None:
        self.process = subprocess.Popen(
            [str(python), "-P", "-c", PLAY, scenario],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def seconds(self, seed: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(seed, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path, help="a checkout with its own .venv")
    parser.add_argument("--scenario", default="frontier_2024")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    before = Player(given.before / ".venv/bin/python", given.scenario)
    after = Player(sys.executable, given.scenario)
    ratios = []
    for seed in range(given.seeds + 1):  # seed 0 warms up
        if seed % 2:
            old, new = before.seconds(seed), after.seconds(seed)
        else:
            new, old = after.seconds(seed), before.seconds(seed)
        ratios += [new / old] * (seed > 0)
    low, _, high = quantiles(ratios, method="inclusive")
    print(f"{given.scenario}, seeds 1 to {given.seeds}, in turns: a run costs "
          f"{median(ratios):.3f} times what it did (quartiles {low:.3f}-{high:.3f})")  # fmt: skip


if __name__ == "__main__":
    main()
