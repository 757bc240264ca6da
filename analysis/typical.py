"""Which runs stand for the others and which are the extremes, and how two runs differ: by ranks.

Frames have a row a run and a column an outcome. The rank of a value is its quantile: the share of
the known values of its column that are lower, plus half of the share that are equal to it. So
outcomes in any unit are on one scale.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import pandas as pd

Kind = Literal["typical", "lowest", "highest", "with 0", "with 1"]

LEAST_RUNS: Final = 10  # to tell which firm an outcome goes with
LEAST_CORRELATION: Final = 0.5

_DIGITS: Final = 12  # of distances: what differs by less is a tie


def quantiles(values: pd.DataFrame) -> pd.DataFrame:
    """Each value as its quantile in its column, in (0, 1); what is missing stays so."""
    return (values.rank() - 0.5) / values.count()


def chosen_runs(
    values: pd.Series, others: pd.DataFrame, lead: str | None = None
) -> dict[Kind, Any]:
    """The runs to tell of, as labels of the index; the one that the others are held against first.

    Typical is the run nearest to the median; of several as near, the one nearest to the medians of
    the other outcomes (mean distance on the scale of ranks, over outcomes that all runs define); of
    ties, the first. Of runs that share the lowest value, the one nearest to their own medians in
    this sense, and so for the highest. An outcome that is 0 or 1 has no middle: then such a run of
    each kind, the more frequent kind first.

    Args:
        values: the outcome in each run; none is missing.
        others: its other outcomes, with the same index.
        lead: one of the others that counts before the rest of them.

    Returns:
        A run by kind. Lowest and highest are missing where the typical run has that value.
    """
    if values.nunique() == 2 and values.isin([0, 1]).all():
        counts = values.value_counts()
        order = sorted((0, 1), key=lambda kind: (-counts[kind], kind))
        kinds: dict[int, Kind] = {0: "with 0", 1: "with 1"}
        return {kinds[kind]: _central(others[values == kind], lead) for kind in order}
    middle = [values.quantile(0.5, interpolation=side) for side in ("lower", "higher")]
    found: dict[Kind, Any] = {"typical": _central(others, lead, values.isin(middle))}
    ends: dict[Kind, float] = {"lowest": values.min(), "highest": values.max()}
    return found | {
        kind: _central(others[values == end], lead)
        for kind, end in ends.items()
        if end != values[found["typical"]]
    }


def differences(others: pd.DataFrame, run: Any, reference: Any) -> pd.DataFrame:
    """The outcomes of a run beside those of another, the one that differs most in rank first.

    Returns:
        A row an outcome that both define: outcome, value, reference_value, quantile,
        reference_quantile.
    """
    ranks = quantiles(others)
    table = pd.DataFrame(
        {
            "outcome": others.columns,
            "value": others.loc[run].to_numpy(),
            "reference_value": others.loc[reference].to_numpy(),
            "quantile": ranks.loc[run].to_numpy(),
            "reference_quantile": ranks.loc[reference].to_numpy(),
        }
    ).dropna()
    apart = (table["quantile"] - table["reference_quantile"]).abs().round(_DIGITS)
    order = apart.sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def closest(values: pd.Series, others: pd.DataFrame) -> tuple[str, float] | None:
    """Which of the other outcomes goes most with an outcome, and its rank correlation (Spearman).

    Args:
        values: the outcome in each run; none is missing.
        others: other outcomes, with the same index; those that some runs lack are left out.

    Returns:
        Its column, the first of ties; None with fewer than 10 runs, or where no correlation is
        at least 0.5 in size.
    """
    if len(values) < LEAST_RUNS or values.nunique() < 2:
        return None
    known = others.dropna(axis="columns")
    ranks = known.loc[:, known.nunique() > 1].rank()
    correlations = ranks.corrwith(values.rank()).round(_DIGITS)
    if correlations.empty or correlations.abs().max() < LEAST_CORRELATION:
        return None
    name = str(correlations.abs().idxmax())
    return name, float(correlations[name])


def _central(peers: pd.DataFrame, lead: str | None, candidates: pd.Series | None = None) -> Any:
    """The run, of some candidates if they are given, that is most ordinary among its peers."""
    distances = (quantiles(peers.dropna(axis="columns")) - 0.5).abs()
    means = distances.mean(axis="columns").fillna(0.0)
    first = distances.get(lead, means)
    order = pd.DataFrame({"first": first, "means": means}).round(_DIGITS)
    order = order if candidates is None else order[candidates]
    return order.sort_values(["first", "means"], kind="stable").index[0]
