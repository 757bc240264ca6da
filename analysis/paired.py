"""Variants against a base: the table of a comparison on screen, and amounts with their margins.

The comparison is the table of `experiments.compare`: a row an outcome and variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite, isnan, log10, nan
from typing import Any

import pandas as pd
from rich.console import Group
from rich.table import Table

from .summary import note, plain_table
from .tables import records
from .wording import SCALES, outcome_words


def comparison_table(comparison: pd.DataFrame) -> Group:
    """A table a variant: means, paired differences with intervals, how many seeds it is better in.

    The interval is missing where all pairs differ by the same.
    """
    if comparison.empty:
        return Group("Nothing to compare")
    variants = comparison["variant"].unique()
    return Group(*(_table(comparison[comparison["variant"] == name]) for name in variants))


def amount(value: float, unit: str, margin: float = nan) -> str:
    """A value in its unit: `$1.2B`, `$4.39`, `12.5 %`, `1.4M`, `12.6`; `-` where it is missing.

    It has the decimals that a margin of error leaves a meaning, or three digits without one.
    """
    if not isfinite(value):
        return "-"
    is_share, is_price = unit.startswith("share"), unit.startswith("USD per")
    factor = 100.0 if is_share else 1.0
    size = abs(factor * value)
    scale, letter = next(((s, letter) for s, letter in SCALES if size >= 0.9995 * s), (1.0, ""))
    step = factor * margin / 10 if margin > 0 else size / 100
    decimals = ceil(-log10(step / scale)) if step > 0 else 0
    decimals = min(max(decimals, 2 if is_price else 0), 6)
    if isnan(margin):
        text = f"{size / scale:.2f}" if is_price else f"{size / scale:.{decimals}f}"
        text = text if is_price or "." not in text else text.rstrip("0").rstrip(".")
    else:  # a bound close to 0 shows on which side it is
        texts = [f"{size / scale:.{decimals + more}f}" for more in range(3)]
        text = next((text for text in texts if float(text)), texts[0])
    sign = "-" if value < 0 and float(text) else ""
    return f"{sign}{'$' if unit.startswith('USD') else ''}{text}{letter}{' %' if is_share else ''}"


def difference(value: float, unit: str, margin: float = nan) -> str:
    """A difference with its sign; of shares in percentage points (`pp`)."""
    text = amount(value, unit, margin).replace(" %", " pp")
    return f"+{text}" if value > 0 and set(text) & set("123456789") else text


def _table(rows: pd.DataFrame) -> Table:
    first, most = rows.iloc[0], int(rows["pairs"].max())
    heads = ["Base", "Variant", "Difference", f"{100 * first['level']:g} % interval", "Seeds"]
    title = f"{first['variant']} against {first['base']}, {most} pairs of runs"
    table = plain_table(title, "Outcome", *heads, numbers=len(heads))
    table.columns[0].min_width = 12
    for column in table.columns[1:-2]:
        column.no_wrap = True
    for row in records(rows):
        unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
        fewer = "" if row["pairs"] == most else f" ({row['pairs']} pairs)"
        table.add_row(
            outcome_words(row["outcome"]) + fewer,
            amount(row["base_mean"], unit),
            amount(row["variant_mean"], unit),
            difference(row["difference"], unit, margin),
            _interval(row, margin),
            _seeds(row),
        )
    lost = [f"{first[s]} {s.replace('_', ' ')}" for s in ("failed", "not_applicable") if first[s]]
    table.caption = note(f"Runs left out: {', '.join(lost)}" if lost else "")
    return table


def _interval(row: Mapping[str, Any], margin: float) -> str:
    if isnan(margin):
        return "-"
    low, high = (amount(row[bound], row["unit"], margin) for bound in ("lower", "upper"))
    return f"{low.removesuffix(' %')} to {high}".replace(" %", " pp")


def _seeds(row: Mapping[str, Any]) -> str:
    """In how many pairs the variant is better, or higher where neither is good."""
    if isnan(row["probability_better"]):
        return "-"
    which = "better" if row["direction"].endswith("better") else "higher"
    return f"{100 * row['probability_better']:.0f} % {which}"
