"""Months: labels such as "2024-07" in files, counts from the start of the run inside."""

from __future__ import annotations

from .schema import Run


def month_index(run: Run, label: str) -> int:
    """Months from the start of the run to the labelled month; negative before the start."""
    return _count(label) - _count(run.start)


def month_label(run: Run, index: int) -> str:
    """The calendar month, as "2024-07", of the month counted from the start of the run."""
    year, month = divmod(_count(run.start) + index, 12)
    return f"{year:04d}-{month + 1:02d}"


def last_month(run: Run) -> str:
    """The calendar month in which the run ends."""
    return month_label(run, run.months - 1)


def _count(label: str) -> int:
    year, month = label.split("-")
    return int(year) * 12 + int(month) - 1
