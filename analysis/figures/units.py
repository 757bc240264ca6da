"""The unit of a column on an axis, from the column's name: its words, its scale, its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ...market.columns import MONTHS

_SCALES: Final = ((1e12, "Trillion "), (1e9, "Billion "), (1e6, "Million "), (1e3, "Thousand "))
_ENDINGS: Final = (  # of a name, and what the column counts; the first that fits
    ("_usd_per_h100e_hour", "USD per H100e-hour"),
    ("_usd_per_h100e", "USD per H100e"),
    ("_usd", "USD"),
    ("_h100e", "H100e"),
    ("_mw", "MW"),
    ("_service_units", "service units"),
    ("_per_year", "Share a year"),
    ("_share", "Share"),
    ("_months", "Months"),
    ("_month", "Month of the run"),
    ("defaults_so_far", "Firms"),
    ("switches_so_far", "Switches"),
    ("utilisation", "Share of capacity"),
    ("gross_margin", "Share of revenue"),
    ("sentiment", "Standard deviations"),
)
_FLOWS: Final = frozenset(name for name, kind in MONTHS if name.endswith("_usd") and kind == "int")


class Unit(NamedTuple):
    """How an axis shows a column.

    label: what its numbers are, in words
    scale: by which the column is divided
    is_share: shown in per cent
    """

    label: str
    scale: float
    is_share: bool


def unit_of(column: str, peak: float) -> Unit:
    """The unit of a column of a result table.

    Args:
        column: its name.
        peak: its largest absolute value, which decides between thousands, millions and so on.
    """
    if column.startswith("hhi_"):
        return Unit("Herfindahl index (1: one firm has all)", 1.0, False)
    if "_share" in column or column == "utilisation":
        return Unit("Share of capacity" if column == "utilisation" else "Share", 1.0, True)
    counted = next((words for ending, words in _ENDINGS if column.endswith(ending)), "")
    if counted.startswith("Share"):
        return Unit(counted, 1.0, True)
    if counted == "MW" and peak >= 1e3:
        return Unit("GW", 1e3, False)
    if counted in ("USD", "H100e", "service units"):
        rate = " a month" if column in _FLOWS or counted == "service units" else ""
        return amount_unit(f"{counted}{rate}", peak)
    return Unit(counted or column.replace("_", " ").capitalize(), 1.0, False)


def amount_unit(counted: str, peak: float) -> Unit:
    """Thousands, millions and so on of what is counted, by the largest amount."""
    size, words = next(((s, w) for s, w in _SCALES if peak >= s), (1.0, ""))
    label = f"{words}{counted}"
    return Unit(label[:1].upper() + label[1:], size, False)


def number_axis(axes: Axes, unit: Unit) -> None:
    """The numbers of the y axis in a unit."""
    shown: Callable[[float], str] = (
        (lambda value: f"{100 * value:.4g} %") if unit.is_share else (lambda value: f"{value:.10g}")
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))


def title_of(column: str) -> str:
    """The name of a column as a title: without its unit, with capitals."""
    ends = ("_usd_per_h100e_hour", "_usd_per_h100e", "_usd", "_h100e", "_mw", "_service_units")
    stem = next((column.removesuffix(end) for end in ends if column.endswith(end)), column)
    words = stem.replace("_", " ")
    return words.replace("hhi ", "Concentration of ").capitalize().replace(" ai ", " AI ")
