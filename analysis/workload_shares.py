"""On whose chips labs train and serve: from the firms table, over the end of the run.

The first chipmaker is the one with most packaging capacity at the start.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

WINDOW_MONTHS: Final = 12  # at the end of the run
_WORKLOADS: Final = ("training", "inference")
SHARE_SERIES: Final = (  # of `firms`
    "role",
    *(f"contracted_{workload}_h100e" for workload in _WORKLOADS),
    *(f"first_chipmaker_{workload}_share" for workload in _WORKLOADS),
)

Floats = npt.NDArray[np.float64]


def contracted(firms: pa.Table, workload: str) -> tuple[Floats, Floats]:
    """A lab's H100e under contract and those on the first chipmaker's chips, row by row.

    Zero outside the last months of the run, and for firms that are no labs.
    """
    month = np.asarray(firms["month"])
    late = month > month.max() - WINDOW_MONTHS if month.size else month > 0
    share = np.asarray(firms[f"first_chipmaker_{workload}_share"], dtype=float)
    h100e = np.asarray(firms[f"contracted_{workload}_h100e"], dtype=float)
    labs = np.asarray(firms["role"]) == "lab"
    known = late & labs & np.isfinite(share) & np.isfinite(h100e)
    served = np.where(known, h100e, 0.0)
    return served, np.where(known, share * served, 0.0)


def first_chipmaker_shares(
    firms: pa.Table, at: npt.NDArray[np.integer[Any]], size: int
) -> dict[str, Floats]:
    """The share of each lab's contracted compute on the first chipmaker's chips, by workload.

    at: number of each row's firm; size: number of firms
    """
    shares: dict[str, Floats] = {}
    for workload in _WORKLOADS:
        served, first = contracted(firms, workload)
        total = np.bincount(at, served, size)
        part = np.bincount(at, first, size)
        known = np.where(total > 0, total, np.nan)
        shares[f"first_chipmaker_{workload}_share"] = part / known
    return shares
