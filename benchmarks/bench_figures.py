"""How long a study of 10,000 runs takes to open and to plot.

    .venv/bin/python -P benchmarks/bench_figures.py [RUNS]

Plays 20 runs of `frontier_2024` in two variants and repeats their rows with other run ids and
seeds, in parts of 500 runs, as a long study leaves them. Prints seconds of CPU and of the clock for
importing what draws, opening the folder (its frames) and writing all figures of `sweep`; ends with
1 if they take more than five seconds of CPU in all.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from computemarket import Study, StudyFolder, run_study
from computemarket.analysis import figures
from computemarket.analysis.tables import read_manifest

T = TypeVar("T")
PART = 500
PLAYED = 10  # seeds of each variant
LIMIT_SECONDS = 5.0


def repeated(folder: Path, table: str, runs: int) -> None:
    """Rows of a table again and again, each time as the next seeds."""
    files = sorted((folder / table).glob("part-*.parquet"))
    rows = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    for file in files:
        file.unlink()
    copies = [
        rows.set_column(rows.schema.get_field_index("seed"), "seed", _seeds(rows, copy))
        .set_column(rows.schema.get_field_index("run_id"), "run_id", _ids(rows, copy))
        for copy in range(runs // (2 * PLAYED))
    ]  # fmt: skip
    batch = PART // (2 * PLAYED)
    for place in range(0, len(copies), batch):
        part = pa.concat_tables(copies[place : place + batch])
        pq.write_table(part, folder / table / f"part-{place:06d}.parquet")


def _seeds(rows: pa.Table, copy: int) -> pa.Array:
    return pa.array(np.asarray(rows["seed"]) + copy * PLAYED, rows.schema.field("seed").type)


def _ids(rows: pa.Table, copy: int) -> pa.Array:
    return pa.array([f"{name}/{copy}" for name in rows["run_id"].to_pylist()])


def timed(what: str, call: Callable[[], T]) -> tuple[T, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    found = call()
    used = time.process_time() - cpu
    print(f"{what:<44} {used:6.2f} s CPU, {time.perf_counter() - clock:6.2f} s")
    return found, used


def main(runs: int) -> bool:
    sour = ({"name": "sour", "set": {"world.sentiment.shock": -2.0}},)
    study = Study(scenario="frontier_2024", replications=PLAYED, variants=sour)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "study"
        run_study(study, path, progress=False)
        for table in ("runs", "firm_outcomes"):
            repeated(path, table, runs)
        start = read_manifest(path, "study")["start"]
        draw, importing = timed("import", lambda: figures.save_ensemble_figures)
        opened, opening = timed("open", lambda: StudyFolder(path).frames)
        assert len(opened["runs"]) == runs
        print(f"{'rows of firm_outcomes':<44} {len(opened['firm_outcomes']):,}")
        files, plotting = timed(
            "all figures", lambda: draw(opened, Path(scratch) / "figures", start)
        )
        print(f"{'figures':<44} {', '.join(file.stem for file in files)}")
    total = importing + opening + plotting
    print(f"{'in all':<44} {total:6.2f} s CPU; limit {LIMIT_SECONDS:g} s")
    return total < LIMIT_SECONDS


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000) else 1)
