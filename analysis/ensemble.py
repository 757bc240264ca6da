"""What a batch of runs shows: probabilities with intervals, quantiles of prices and outcomes.

Functions take the frames of a study (`runs`, `firm_outcomes`, `months`) and give plain tables, a
row a variant and firm, lab, month or outcome. Shares are of the runs that came to their end and in
which the firm took part; intervals are Wilson's, 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from .outcomes import CONTRACT, OUTCOMES, SPOT
from .summary import LIST
from .tables import records
from .wording import BASE, FAILED, NOT_APPLICABLE, OK

Frames = Mapping[str, pd.DataFrame | None]

STATUSES: Final = (OK, *FAILED, NOT_APPLICABLE)
EVENTS: Final = ("out_of_cash", "default")
PRICES: Final = {"spot": SPOT, "contract": CONTRACT, "list": LIST}
LEVELS: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
CASCADES: Final = ("defaults", "cascade_depth")  # outcomes that tell of contagion

_MOST_COUNTED: Final = 7  # and more
_IDENTITY: Final = ("variant", "firm", "role", "kind", "runs")
_INTERVAL: Final = ("runs", "probability", "low", "high")


def frame_of(frames: Frames, name: str) -> pd.DataFrame:
    """A frame of the study; empty where the study did not keep it."""
    found = frames.get(name)
    return pd.DataFrame() if found is None else found


def variants_of(table: pd.DataFrame) -> list[str]:
    """The variants: the base, then the others in the order in which they first appear."""
    names = [] if table.empty else [str(name) for name in table["variant"].unique()]
    return sorted(names, key=lambda name: name != BASE)


def over_a_design(runs: pd.DataFrame) -> bool:
    """Whether some variant was played at several points: then runs are not draws of one world."""
    return not runs.empty and bool((runs.groupby("variant")["point"].nunique() > 1).any())


def run_counts(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a variant: runs asked for, and how many of them ended with each status."""
    columns = ["variant", "runs", *STATUSES]
    rows = [
        {"variant": variant, "runs": int((runs["variant"] == variant).sum())}
        | {
            status: int(((runs["variant"] == variant) & (runs["status"] == status)).sum())
            for status in STATUSES
        }
        for variant in variants_of(runs)
    ]
    return pd.DataFrame(rows, columns=columns)


def failed_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that broke off or took too long, one of each error first."""
    if runs.empty:
        return runs
    failed = runs[runs["status"].isin(FAILED)]
    repeat = failed["error"].fillna("").groupby(failed["error"].fillna("")).cumcount()
    return failed.loc[repeat.sort_values(kind="stable").index]


def cash_probabilities(firm_outcomes: pd.DataFrame) -> pd.DataFrame:
    """How often each firm ran out of cash, and how often it defaulted.

    Returns:
        A row a variant and firm that took part: variant, firm, role, kind, runs in which it took
        part; then for each of `out_of_cash` and `default` the number of runs, the probability with
        `_low` and `_high`, and the median month of the run among those in which it happened (the
        earlier of the middle two; null if it never happened).
    """
    taken, columns = took_part(firm_outcomes), list(_IDENTITY)
    for event in EVENTS:
        columns += [f"{event}_{name}" for name in (*_INTERVAL, "median_month")]
    if taken.empty:
        return pd.DataFrame(columns=columns)
    table = _by_firm(taken)
    for event in EVENTS:
        month = taken[f"{event}_month"].astype(float).groupby([taken["variant"], taken["firm"]])
        table = table.join(_interval(event, month.count(), table["runs"]))
        median = month.quantile(0.5, interpolation="lower")
        table[f"{event}_median_month"] = median.astype("Int64")
    return table.reset_index()[columns]


def switch_probabilities(firm_outcomes: pd.DataFrame) -> pd.DataFrame:
    """How often each lab changed its main supplier, and whom it bought from in the end.

    Returns:
        A row a variant and lab that took part: variant, firm, role, kind, runs; number of runs with
        a switch, the probability with `_low` and `_high`; `mean_switches` a run; the most frequent
        `last_main_supplier` (ties by name) and the share of runs in which it was that.
    """
    taken, columns = took_part(firm_outcomes), list(_IDENTITY)
    columns += [f"switch_{name}" for name in _INTERVAL]
    columns += ["mean_switches", "last_main_supplier", "last_main_supplier_share"]
    labs = taken if taken.empty else taken[taken["role"] == "lab"]
    if labs.empty:
        return pd.DataFrame(columns=columns)
    keys = [labs["variant"], labs["firm"]]
    table = _by_firm(labs)
    switched = (labs["switches"] > 0).groupby(keys).sum()
    table = table.join(_interval("switch", switched, table["runs"]))
    table["mean_switches"] = labs["switches"].groupby(keys).mean()
    last = labs["last_main_supplier"].fillna("").groupby(keys)
    table["last_main_supplier"] = last.agg(lambda names: names.mode().iloc[0])
    often = last.agg(lambda names: int((names == names.mode().iloc[0]).sum()))
    table["last_main_supplier_share"] = often / table["runs"]
    return table.reset_index()[columns]


def cash_by_month(firm_outcomes: pd.DataFrame, months: int) -> pd.DataFrame:
    """Share of runs in which a firm has run out of cash, or defaulted, by the end of each month.

    Args:
        firm_outcomes: the frame of that name.
        months: how many months of the run to tell of.

    Returns:
        A row a variant, firm and month of the run: variant, firm, month, out_of_cash, default.
    """
    taken = took_part(firm_outcomes)
    parts = []
    if not taken.empty:
        needed = taken[["variant", "firm", *(f"{event}_month" for event in EVENTS)]]
        for (variant, firm), own in needed.groupby(["variant", "firm"], sort=False):
            shares = {}
            for event in EVENTS:
                first = np.sort(own[f"{event}_month"].astype(float).dropna().to_numpy())
                shares[event] = np.searchsorted(first, np.arange(months), side="right") / len(own)
            named = {"variant": variant, "firm": firm, "month": np.arange(months)}
            parts.append(pd.DataFrame(named | shares))
    columns = ["variant", "firm", "month", *EVENTS]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def price_paths(months: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over the runs of the price of compute, USD per H100e-hour.

    Returns:
        A row a variant, price (spot, contract, list) and month: variant, price, month, date, runs
        that have the price, and its quantiles `p5` to `p95`. Each month stands for itself: no run
        need follow any of these paths.
    """
    order = {name: place for place, name in enumerate(variants_of(months))}
    parts = [quantile_paths(months, col).assign(price=price) for price, col in PRICES.items()]
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values("variant", key=lambda names: names.map(order), kind="stable")
    return table[["variant", "price", "month", "date", "runs", *LEVELS]].reset_index(drop=True)


def quantile_paths(months: pd.DataFrame, column: str) -> pd.DataFrame:
    """Quantiles over the runs of one column of the months that a study kept.

    Returns:
        A row a variant and month: variant, month, date, runs that have a value, `p5` to `p95`.
    """
    parts = []
    for variant in variants_of(months):
        own = months[months["variant"] == variant]
        dates = own.drop_duplicates("month").sort_values("month")[["month", "date"]]
        _, run = np.unique(own["run_id"].to_numpy(), return_inverse=True)
        place = np.searchsorted(dates["month"].to_numpy(), own["month"].to_numpy())
        values = np.full((len(dates), run.max() + 1), np.nan)
        values[place, run] = own[column].to_numpy(dtype=float, na_value=np.nan)
        known = np.isfinite(values)
        some = known.any(axis=1)
        quantiles = np.full((len(LEVELS), len(dates)), np.nan)
        quantiles[:, some] = np.nanquantile(values[some], list(LEVELS.values()), axis=1)
        table = dates.assign(variant=variant, runs=known.sum(axis=1))
        parts.append(table.assign(**dict(zip(LEVELS, quantiles, strict=True))))
    columns = ["variant", "month", "date", "runs", *LEVELS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def outcome_quantiles(runs: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over the runs of each outcome that the study kept.

    Returns:
        A row a variant and outcome: variant, outcome, unit, runs that define it, and its quantiles
        `p5` to `p95` over those.
    """
    rows = []
    for variant in variants_of(runs):
        ended = runs[(runs["variant"] == variant) & (runs["status"] == OK)]
        for name in (name for name in OUTCOMES if name in runs):
            values = ended[name].astype(float).dropna()
            quantiles = dict(zip(LEVELS, values.quantile(list(LEVELS.values())), strict=True))
            row = {"variant": variant, "outcome": name, "unit": OUTCOMES[name].unit}
            rows.append(row | {"runs": len(values)} | quantiles)
    return pd.DataFrame(rows, columns=["variant", "outcome", "unit", "runs", *LEVELS])


def cascade_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """How many runs of each variant have how many defaults, and cascades how deep.

    Returns:
        A row an outcome (`defaults`, `cascade_depth`), variant and value: outcome, variant, value
        (the last stands for itself and more), runs, share of the variant's runs, low and high of
        Wilson's 95 % interval.
    """
    rows = []
    played = runs[runs["status"] == OK]
    for outcome in (name for name in CASCADES if name in played):
        most = min(_MOST_COUNTED, int(played[outcome].max())) if len(played) else 0
        for variant in variants_of(played):
            values = played.loc[played["variant"] == variant, outcome].clip(upper=most)
            for value in range(most + 1):
                hits, total = int((values == value).sum()), len(values)
                bounds = binomtest(hits, total).proportion_ci(0.95, method="wilson")
                named = {"outcome": outcome, "variant": variant, "value": value, "runs": hits}
                share = {"share": hits / total, "low": bounds.low, "high": bounds.high}
                rows.append(named | share)
    columns = ["outcome", "variant", "value", "runs", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def most_probable(table: pd.DataFrame, shares: Sequence[str]) -> list[str]:
    """Firms by the largest share that they have in any variant, ties by name."""
    worst = table.groupby("firm")[list(shares)].max()
    return list(worst.sort_values(list(shares), ascending=False, kind="stable").index)


def save_ensemble_tables(frames: Frames, directory: str | Path) -> None:
    """Write the numbers behind the summary as CSV files, those for which the study has frames.

    Raises:
        OSError: the directory cannot be written.
    """
    runs, firms, months = (frame_of(frames, name) for name in ("runs", "firm_outcomes", "months"))
    tables = {"outcomes": outcome_quantiles(runs) if len(runs) else runs}
    if len(firms) and not over_a_design(runs):
        tables["out_of_cash"] = cash_probabilities(firms)
        tables["switches"] = switch_probabilities(firms)
    if len(months):
        tables["prices"] = price_paths(months)
    folder = Path(directory)
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def start_dates(frames: Frames, start: str | None = None) -> dict[str, str]:
    """The calendar month in which each variant starts, such as "2024-01", where it is known.

    Args:
        frames: of the study; the months table tells, if it was kept.
        start: of all variants that it does not tell of.
    """
    known = {} if start is None else dict.fromkeys(variants_of(frame_of(frames, "runs")), start)
    months = frame_of(frames, "months")
    if not months.empty:
        for row in records(months[["variant", "month", "date"]].drop_duplicates("variant")):
            known[row["variant"]] = str(pd.Period(row["date"], "M") - int(row["month"]))
    return known


def months_played(frames: Frames) -> int:
    """The length of the longest run, in months; 0 where no frame tells."""
    months, runs = frame_of(frames, "months"), frame_of(frames, "runs")
    if not months.empty:
        return int(months["month"].max()) + 1
    if "months" in runs and runs["months"].notna().any():
        return int(runs["months"].max())
    firms = frame_of(frames, "firm_outcomes")
    last = [firms[f"{event}_month"].max() for event in EVENTS] if len(firms) else []
    return int(max((month for month in last if pd.notna(month)), default=-1)) + 1


def took_part(firm_outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows of firms that were in the market at some time."""
    if firm_outcomes.empty:
        return firm_outcomes
    taken = firm_outcomes["took_part"].to_numpy(dtype=bool)
    return firm_outcomes if taken.all() else firm_outcomes[taken]  # spare a copy of a large frame


def _by_firm(rows: pd.DataFrame) -> pd.DataFrame:
    """Variant and firm as the index; role, kind, number of runs."""
    groups = rows.groupby(["variant", "firm"], sort=False)
    table = groups[["role", "kind"]].first().assign(runs=groups.size())
    return table.loc[variants_of(rows)]


def _interval(event: str, counts: pd.Series, runs: pd.Series) -> pd.DataFrame:
    """Number of runs, probability, and the bounds of Wilson's 95 % interval."""
    counts = counts.reindex(runs.index)
    bounds = [
        binomtest(int(count), int(of)).proportion_ci(0.95, method="wilson")
        for count, of in zip(counts, runs, strict=True)
    ]
    return pd.DataFrame(
        {
            f"{event}_runs": counts,
            f"{event}_probability": counts / runs,
            f"{event}_low": [float(bound.low) for bound in bounds],
            f"{event}_high": [float(bound.high) for bound in bounds],
        }
    )
