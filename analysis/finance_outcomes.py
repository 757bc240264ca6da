"""What labs did with compute that they did not need themselves: outcomes of a run."""

from __future__ import annotations

from .firm_finance import HOURS_PER_MONTH, SUBLETS, sublet_h100e
from .played import Played, outcome
from .tables import columns


@outcome("H100e-hours")
def _sublet_h100e_hours(run: Played) -> float:
    """Compute that labs let to others, on spot and to other labs, both workloads together."""
    return HOURS_PER_MONTH * float(sublet_h100e(columns(run.given, "firms", *SUBLETS)).sum())
