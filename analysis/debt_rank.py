"""DebtRank: how much of a network's value is lost when a firm gets into trouble.

Battiston, Puliga, Kaushik, Tasca & Caldarelli (2012), "DebtRank: too central to fail?", Scientific
Reports 2:541. Distress spreads from a firm to those exposed to it, in proportion to their equity,
before anyone defaults; each firm passes its distress on once, so that it cannot go round for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def impact(exposure_usd: Floats, equity_usd: Floats) -> Floats:
    """Impact of i on j: the share of j's equity lost if what it has with i is lost, at most one.

    Args:
        exposure_usd: what j (column) has at stake with i (row).
        equity_usd: of each firm; one without equity is wiped out by any exposure.
    """
    buffer = np.maximum(equity_usd, 0.0)
    weights = np.where(exposure_usd > 0, 1.0, 0.0)
    np.divide(exposure_usd, buffer, out=weights, where=exposure_usd < buffer)
    np.fill_diagonal(weights, 0.0)
    return weights


def spread(weights: Floats, distress: Floats) -> Floats:
    """Distress of each firm, 0 to 1, after a first distress has spread through the network."""
    level = np.clip(np.asarray(distress, dtype=float), 0.0, 1.0)
    active = level > 0
    done = np.zeros(len(level), dtype=bool)
    while active.any():
        raised = np.minimum(1.0, level + level[active] @ weights[active])
        done |= active
        active = (raised > 0) & ~done
        level = raised
    return level


def debt_rank(weights: Floats, value_usd: Floats, distress: Floats) -> float:
    """Share of the network's value lost beyond what the first distress itself destroys.

    Args:
        weights: impact of i (row) on j (column).
        value_usd: economic value of each firm.
        distress: of each firm at the start, 0 to 1.
    """
    total = float(np.sum(value_usd))
    if total <= 0:
        return 0.0
    start = np.clip(np.asarray(distress, dtype=float), 0.0, 1.0)
    return float((spread(weights, start) - start) @ value_usd / total)


def debt_ranks(
    names: Sequence[str], exposure_usd: Floats, equity_usd: Floats, value_usd: Floats
) -> Mapping[str, float]:
    """DebtRank of each firm: the share of value that its default would destroy elsewhere."""
    weights = impact(exposure_usd, equity_usd)
    alone = np.eye(len(names))
    return {name: debt_rank(weights, value_usd, alone[i]) for i, name in enumerate(names)}
