"""Responses that must have a sign: paired runs on common seeds, as a Markdown table.

    .venv/bin/python -P benchmarks/monotone.py [--seeds 30] [--jobs 2] [--scenario frontier_2024]

Every variant is played on the same seeds as the scenario it is compared with; keyed randomness
gives both the same noise. Each row states the mean of the paired differences and its two-sided
95 % t interval. A claim holds where the interval excludes zero on the claimed side, so an effect
of zero passes for one with a chance of 2.5 % a row.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.outcomes import OUTCOMES, Played
from computemarket.experiments.intervals import t_interval
from computemarket.scenario import Scenario, override

CRASH = {"month": "2025-01", "kind": "sentiment_shock", "value": -2.0}
FEES = "world.bargaining.termination_fee_shares"
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "demand growth x 2": {"world.demand.growth_multiplier": 2.0},
    "chip supply x 2": {"world.supply.capacity_multiplier": 2.0},
    "sentiment crash of 2 sd in January 2025": {"interventions": [CRASH]},
    "termination fees 0 and 20 %": {FEES: [0.0, 0.2]},
    "termination fees 90 and 100 %": {FEES: [0.9, 1.0]},
}


class Claim(NamedTuple):
    """The variant moves the outcome against the base in the direction of `sign`."""

    variant: str
    base: str
    outcome: str
    sign: int


SHIPPED, DEMAND, SUPPLY, CRASHED, CHEAP, DEAR = VARIANTS
CLAIMS = (
    Claim(DEMAND, SHIPPED, "spot_price_last_24_months", +1),
    Claim(SUPPLY, SHIPPED, "spot_price_last_24_months", -1),
    Claim(CRASHED, SHIPPED, "funds_raised_usd", -1),
    Claim(CRASHED, SHIPPED, "labs_out_of_cash", +1),
    Claim(DEAR, CHEAP, "switches", -1),
)


def play(scenario: Scenario, seed: int) -> dict[str, float]:
    """The outcomes of one run that claims are made about."""
    model = ComputeMarket(scenario, seed=seed).run()
    run = Played(model.tables(), scenario)
    return {name: float(OUTCOMES[name].compute(run)) for name in {c.outcome for c in CLAIMS}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30, help="play seeds 1 to this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scenario", default="frontier_2024")
    given = parser.parse_args()

    base = load_scenario(given.scenario)
    scenarios = {name: override(base, changes) for name, changes in VARIANTS.items()}
    seeds = range(1, given.seeds + 1)
    tasks = [(name, seed) for name in VARIANTS for seed in seeds]
    runs = Parallel(n_jobs=given.jobs)(delayed(play)(scenarios[n], seed) for n, seed in tasks)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for (name, _), outcomes in zip(tasks, runs, strict=True):
        results[name].append(outcomes)

    print(f"`{given.scenario}`, seeds 1-{given.seeds}, 95 % t interval of the paired difference\n")
    print("| Variant | against | outcome | mean, base | mean, variant | difference | interval |"
          " claim | holds |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for claim in CLAIMS:
        before, after = (
            np.array([run[claim.outcome] for run in results[name]])
            for name in (claim.base, claim.variant)
        )
        low, high, _ = t_interval(after - before)
        holds = low > 0 if claim.sign > 0 else high < 0
        scale, unit = (1e9, "$B") if claim.outcome.endswith("_usd") else (1, "")
        shown = [f"{v / scale:.3g}" for v in (before.mean(), after.mean(), (after - before).mean())]
        print(
            f"| {claim.variant} | {claim.base} | {claim.outcome} {unit} | {' | '.join(shown)} "
            f"| {low / scale:.3g} to {high / scale:.3g} | {'up' if claim.sign > 0 else 'down'} "
            f"| {'yes' if holds else '**no**'} |"
        )


if __name__ == "__main__":
    main()
