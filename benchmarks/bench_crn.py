"""What common random numbers save: variance of a difference, unpaired over paired, as Markdown.

    .venv/bin/python -P benchmarks/bench_crn.py [--seeds 60] [--workers 2]

Each variant is played on the seeds of the base. The difference of an outcome on one seed has the
paired variance; with another seed for each side it would have the sum of the two variances. A
ratio of 5 means that five times as many seeds would be needed without pairs. In brackets: 90 %
of bootstrap samples of the seeds. Nothing is timed, so that any machine prints the same.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from computemarket.experiments.runner import run_study
from computemarket.experiments.study import BASE, Study, Variant

SCENARIO = "frontier_2024"
FEES = "world.bargaining.termination_fee_shares"
VARIANTS = {
    "sentiment -2 sd": {"world.sentiment.shock": -2.0},
    "fees 90 and 100 %": {f"{FEES}.0": 0.9, f"{FEES}.1": 1.0},
    "chip supply x 2": {"world.supply.capacity_multiplier": 2.0},
}
FROM = "2027-01"  # the same three a second time, with the years before in common
OUTCOMES = (
    "labs_out_of_cash",
    "defaults",
    "switches",
    "spot_price_last_24_months",
    "lab_revenue_usd",
    "funds_raised_usd",
)
RESAMPLES = 2000


def ratio(base: np.ndarray, variant: np.ndarray) -> np.ndarray:
    """Unpaired over paired variance of the difference, along the last axis."""
    paired = (variant - base).var(axis=-1, ddof=1)
    unpaired = base.var(axis=-1, ddof=1) + variant.var(axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return unpaired / paired


def cell(base: np.ndarray, variant: np.ndarray) -> str:
    """The ratio with its spread over resampled seeds."""
    if (base == variant).all():
        return "equal"
    draws = np.random.default_rng(0).integers(0, base.size, (RESAMPLES, base.size))
    low, high = np.nanquantile(ratio(base[draws], variant[draws]), (0.05, 0.95))
    return f"{ratio(base, variant):.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="play seeds 1 to this")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()

    variants = [Variant(name=f"v{k}", set=values) for k, values in enumerate(VARIANTS.values())]
    late = [v.model_copy(update={"name": f"{v.name}-late", "from_month": FROM}) for v in variants]
    study = Study(
        scenario=SCENARIO, replications=given.seeds, outcomes=OUTCOMES,
        variants=(*variants, *late),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        runs = run_study(study, Path(scratch) / "study", workers=given.workers).runs
    assert (runs["status"] == "ok").all()
    values = runs.set_index(["variant", "seed"])[list(OUTCOMES)].sort_index()

    heads = [*VARIANTS, *(f"{name}, from {FROM}" for name in VARIANTS)]
    print(f"`{SCENARIO}`, seeds 1-{given.seeds}; unpaired over paired variance of the difference\n")
    print(f"| Outcome | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}")
    for name in OUTCOMES:
        base = values.loc[BASE, name].to_numpy()
        cells = [cell(base, values.loc[v.name, name].to_numpy()) for v in study.variants]
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
