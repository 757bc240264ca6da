"""Outcomes of buying training and inference apart: whose chips serve what, and talks with makers.

The first chipmaker is the one with most packaging capacity at the start.
"""

from __future__ import annotations

from .played import Played, outcome
from .tables import columns, events_of
from .workload_shares import SHARE_SERIES, contracted


@outcome("share")
def _first_chipmaker_training_share(run: Played) -> float | None:
    """Share of the training that labs got under contract in the last 12 months on its chips."""
    return _share(run, "training")


@outcome("share")
def _first_chipmaker_inference_share(run: Played) -> float | None:
    """Share of the inference that labs got under contract in the last 12 months on its chips."""
    return _share(run, "inference")


@outcome("switches")
def _chip_switches(run: Played) -> int:
    """Changes of the maker on whose chips most of a lab's compute runs, of all labs."""
    return int(run.event_counts.get("chip_switch", 0))


@outcome("talks")
def _supplier_talks_signed(run: Played) -> int:
    """Talks of labs with makers of inference chips that ended with a contract."""
    return _talks(run, "SIGNED")


@outcome("talks")
def _supplier_talks_ended_for_price(run: Played) -> int:
    """Such talks that ended because no price suited both."""
    return _talks(run, "PRICE")


@outcome("talks")
def _supplier_talks_ended_for_supply(run: Played) -> int:
    """Such talks that ended because the chips could not be had, powered or paid for in time."""
    return _talks(run, "SUPPLY")


@outcome("talks")
def _supplier_talks_ended_for_stake(run: Played) -> int:
    """Such talks that ended because a rival or the lab's main chip supplier has a stake."""
    return _talks(run, "STAKE")


@outcome("talks")
def _supplier_talks_lapsed(run: Played) -> int:
    """Such talks that ended without agreement by the deadline, or as a party withdrew."""
    return _talks(run, "LAPSED")


def _share(run: Played, workload: str) -> float | None:
    served, first = contracted(columns(run.given, "firms", "month", *SHARE_SERIES), workload)
    total = float(served.sum())
    return float(first.sum()) / total if total > 0 else None


def _talks(run: Played, ending: str) -> int:
    if not run.event_counts.get("supplier_talks_ended", 0):
        return 0
    ended = events_of(run.given, "supplier_talks_ended")
    return sum(event["details"].get("outcome") == ending for event in ended)
