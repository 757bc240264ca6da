"""Small models with a known answer, to see what a method of experiments finds.

A toy stands in for the market: it takes a scenario and a seed and returns outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..agents.strategies import make
from ..agents.strategies.procurement import ProcurementView
from ..scenario import Scenario
from .plan import Toy

CONTRACT_USD: Final = 2.0  # of a unit under contract, used or not
SPOT_USD: Final = 5.0  # of a unit that is missing
DEMAND: Final = (0.6, 1.4)  # uniform between these, in units of the target
_GOLDEN: Final = 0.6180339887498949


def newsvendor(scenario: Scenario, seed: int) -> Mapping[str, float]:
    """The bill of the first lab, which contracts before it knows what its users need.

    What is contracted is paid, used or not; what is missing is bought on spot. The cheapest
    coverage is the quantile of demand at the critical fractile 1 - contract / spot (Arrow, Harris
    and Marschak 1951): `BEST_COVERAGE`. Demand is spread evenly over the seeds, by multiples of the
    golden ratio, so that few of them show the mean.

    Returns:
        bill_usd: of a month, for a target of one unit.
    """
    low, high = DEMAND
    rule = make("labs", "procurement", scenario.labs[0].procurement)
    view = ProcurementView("inference", 1.0, 0.0, SPOT_USD, CONTRACT_USD, 0.9, 24.0)
    contracted = rule.wanted_h100e(view)
    needed = low + (high - low) * (seed * _GOLDEN % 1)
    missing = max(0.0, needed - contracted)
    return {"bill_usd": CONTRACT_USD * contracted + SPOT_USD * missing}


BEST_COVERAGE: Final = DEMAND[0] + (DEMAND[1] - DEMAND[0]) * (1 - CONTRACT_USD / SPOT_USD)

TOYS: Final[Mapping[str, Toy]] = {"newsvendor": newsvendor}
