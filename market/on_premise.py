"""Where use of AI is served: by labs, by open weights on rented accelerators, on users' own chips.

Shares follow a logit: a preference of 2 for own chips doubles their odds against either of the
other two, which keep their proportion (Luce 1959; McFadden 1974). What the own chips of a
preference of 1 take is part of the calibrated purchases of direct buyers; what a change of the
preference adds to it, or takes off, comes on top of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .contracts import ChipOrder


class Served(NamedTuple):
    """Service units of a segment by where they are served, a month."""

    labs: float
    open_weights: float  # on accelerators that others rent out
    on_premise: float  # on chips of the users
    on_premise_at_base: float  # the same at a preference of 1


def split(units: float, open_share: float, on_premise_share: float, preference: float) -> Served:
    """Divide a segment's use among labs, open weights in clouds, and own chips.

    units: what labs and open weights in clouds serve at a preference of 1
    open_share: of these, served by open weights
    on_premise_share: of all use, on own chips at a preference of 1
    """
    odds = on_premise_share / (1 - on_premise_share)
    kept = 1 / (1 + (preference - 1) * on_premise_share)
    rest, own = units * kept, units * odds
    return Served(rest * (1 - open_share), rest * open_share, own * preference * kept, own)


class OnPremise:
    """The chips that users own to serve themselves, in inference H100e.

    need, need_at_base: what their use asks for, at the preference of today and at one of 1
    held, held_at_base: owned or on order, likewise
    fleet_h100e: delivered
    """

    def __init__(self) -> None:
        """Nobody owns any."""
        self.need = self.need_at_base = 0.0
        self.held = self.held_at_base = 0.0
        self.fleet_h100e = 0.0

    def open(self) -> None:
        """Before the start users bought what their use asks for."""
        self.held = self.held_at_base = self.fleet_h100e = self.need

    def wear(self, share: float) -> None:
        """A month's failures and retirements."""
        kept = 1 - share
        self.fleet_h100e *= kept
        self.held *= kept
        self.held_at_base *= kept

    def order(self) -> tuple[float, float]:
        """What users order this month: for growth and replacement, and what of it at base.

        Chips that are late are bridged by running those at hand harder: they are seldom full.
        """
        missing = max(0.0, self.need - self.held)
        at_base = max(0.0, self.need_at_base - self.held_at_base)
        self.held += missing
        self.held_at_base += at_base
        return missing, at_base

    def receive(self, order: ChipOrder, h100e: float) -> None:
        """The users' part of a delivery on an order of direct buyers."""
        self.fleet_h100e += order.on_premise_h100e * h100e / order.h100e

    def cancel(self, orders: Iterable[ChipOrder]) -> None:
        """A maker failed: what it owes will not come, and is ordered anew."""
        lost = sum([o.on_premise_h100e * o.left_h100e / o.h100e for o in orders])
        self.held = max(0.0, self.held - lost)
        self.held_at_base = max(0.0, self.held_at_base - lost)
