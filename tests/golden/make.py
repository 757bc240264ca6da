"""Golden tables of `duopoly`, seed 1: what the model answers today, in full.

Run `python tests/golden/make.py` after a change that is meant to move results, look at the
difference with `git diff --stat tests/golden`, and commit the files with the change.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from computemarket import ComputeMarket
from computemarket.market.columns import TABLES

HERE = Path(__file__).parent
SCENARIO, SEED = "duopoly", 1
GOLDEN = ("months", "firms", "contracts", "events")


def canonical(model: ComputeMarket, name: str) -> str:
    """A table as CSV: whole numbers and text as they are, floats to 12 digits, null empty."""
    kinds = [kind for _, kind in TABLES[name]]
    table = model.tables()[name]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow(
            "" if value is None else f"{value:.12g}" if kind == "float" else value
            for kind, value in zip(kinds, row, strict=True)
        )
    return out.getvalue()


def main() -> None:
    """Write the golden files anew."""
    model = ComputeMarket(SCENARIO, seed=SEED).run()
    for name in GOLDEN:
        (HERE / f"{name}.csv").write_text(canonical(model, name), encoding="utf-8")
        print(f"{name}.csv: {(HERE / f'{name}.csv').stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
