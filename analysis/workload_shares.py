"""On whose chips labs train and serve: from the firms table, over the end of the run.

The first chipmaker is the one with most packaging capacity at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

WINDOW_MONTHS: Final = 12  # at the end of the run

Floats = npt.NDArray[np.float64]


def contracted(firms: pd.DataFrame, workload: str) -> tuple[Floats, Floats]:
    """A lab's H100e under contract and those on the first chipmaker's chips, row by row.

    Zero outside the last months of the run, and for firms that are no labs.
    """
    month = firms["month"].to_numpy()
    late = month > month.max() - WINDOW_MONTHS if month.size else month > 0
    share = firms[f"first_chipmaker_{workload}_share"].to_numpy(dtype=float, na_value=np.nan)
    h100e = firms[f"contracted_{workload}_h100e"].to_numpy(dtype=float, na_value=np.nan)
    labs = (firms["role"] == "lab").to_numpy(dtype=bool, na_value=False)
    known = late & labs & np.isfinite(share) & np.isfinite(h100e)
    served = np.where(known, h100e, 0.0)
    return served, np.where(known, share * served, 0.0)


def first_chipmaker_shares(
    firms: pd.DataFrame, at: npt.NDArray[np.intp], size: int
) -> dict[str, Floats]:
    """The share of each lab's contracted compute on the first chipmaker's chips, by workload.

    at: number of each row's firm, below 0 where it is unknown; size: number of firms
    """
    shares: dict[str, Any] = {}
    present = at >= 0
    for workload in ("training", "inference"):
        served, first = contracted(firms, workload)
        total = np.bincount(at[present], served[present], size)
        part = np.bincount(at[present], first[present], size)
        known = np.where(total > 0, total, np.nan)
        shares[f"first_chipmaker_{workload}_share"] = part / known
    return shares
