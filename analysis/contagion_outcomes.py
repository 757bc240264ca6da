"""Who brings whom down, and what defaults cost: outcomes of a run (docs/mechanisms/contagion)."""

from __future__ import annotations

import numpy as np

from .firm_outcomes import Flags
from .played import Played, outcome


@outcome("defaults", better="lower")
def _cascade_depth(run: Played) -> int:
    """Defaults in the longest chain in which each came from the one before; 0 without a default."""
    return max((each.depth for each in run.cascade), default=0)


@outcome("defaults", better="lower")
def _defaults_by_contagion(run: Played) -> int:
    """Defaults that came from others: these had cost the firm at least what it could not pay."""
    return sum(bool(default.caused_by) for default in run.cascade)


@outcome("USD", better="lower")
def _direct_losses_usd(run: Played) -> int:
    """Claims on defaulted firms that their creditors did not recover."""
    return sum(default.direct_loss_usd for default in run.cascade)


@outcome("USD", better="lower")
def _indirect_losses_usd(run: Played) -> int:
    """Other losses of firms by defaults: cost of shares, and sales of a year beyond claims."""
    return sum(default.indirect_loss_usd for default in run.cascade)


@outcome("share", better="lower")
def _neoclouds_out_of_cash(run: Played) -> float | None:
    """Share of neoclouds that at some time could not pay some due in full."""
    return _out_of_cash(run, run.firm("kind") == "neocloud")


@outcome("share", better="lower")
def _chipmakers_out_of_cash(run: Played) -> float | None:
    """Share of chipmakers that at some time could not pay some due in full."""
    return _out_of_cash(run, run.firm("role") == "chipmaker")


def _out_of_cash(run: Played, which: Flags) -> float | None:
    took_part = which & run.firm("took_part")
    short = np.isfinite(run.firm("out_of_cash_month")[took_part])
    return float(short.mean()) if short.size else None
