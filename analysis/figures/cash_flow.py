"""What took a firm's cash from one month to another, step by step."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes

from ..cash_flow import cash_bridge
from ..tables import Tables, records
from ..wording import usd
from .asked import check, known_name, month_number
from .drawing import GREY, HALO, INK, PALETTE, new_axes, style
from .units import Unit, amount_unit

_COLOURS: Final = {"cash": INK, "inflow": PALETTE[0], "outflow": PALETTE[1]}


def waterfall(
    tables: Tables,
    firm: str,
    start: int | str | None = None,
    end: int | str | None = None,
    axes: Axes | None = None,
) -> Axes:
    """A firm's cash before a month, what came in and went out since, and its cash in the end.

    Args:
        tables: of a run.
        firm: its name.
        start: first month that counts, by number or date ("2027-01"); by default that of the run.
        end: last month that counts; by default that of the run.
        axes: to draw on, by default those of a new figure.

    Raises:
        ValueError: a table, the firm or a month is missing, or the end lies before the start.
    """
    check(tables, "months", "firms", "flows")
    known_name(firm, tables["firms"]["firm"], "firms")
    months = tables["months"]
    first, last = month_number(months, start, 0), month_number(months, end, -1)
    if last < first:
        raise ValueError(f"end: given {end}, expected a month at or after {start}")
    steps = records(cash_bridge(tables, firm, first, last))
    dates = dict(zip(months["month"], months["date"], strict=True))
    axes = axes or new_axes(9, 1.4 + 0.32 * len(steps))
    unit = amount_unit("USD", max(abs(row["amount_usd"]) for row in steps))
    names = [
        _bar(axes, place, row, level, unit) for place, (row, level) in enumerate(_levels(steps))
    ]
    names[0], names[-1] = f"Cash before {dates[first]}", f"Cash at the end of {dates[last]}"
    style(axes, f"{firm}: where its cash came from and went to", "")
    axes.set_yticks(range(len(steps)), names)
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.margins(x=0.14)
    axes.set_xlabel(unit.label, fontsize=9, color=INK)
    return axes


def _levels(steps: list[dict[str, Any]]) -> list[tuple[dict[str, Any], float]]:
    """Each step with the cash it starts from; what stands for cash itself starts from nothing."""
    placed: list[tuple[dict[str, Any], float]] = []
    cash = 0
    for row in steps:
        placed.append((row, 0 if row["kind"] == "cash" else cash))
        cash = row["amount_usd"] + (0 if row["kind"] == "cash" else cash)
    return placed


def _bar(axes: Axes, place: int, row: dict[str, Any], level: float, unit: Unit) -> str:
    """The bar of one step, with its amount; its name."""
    amount, colour = row["amount_usd"], _COLOURS[row["kind"]]
    axes.barh(place, amount / unit.scale, 0.62, left=level / unit.scale, color=colour)
    right = max(level, level + amount) / unit.scale
    axes.annotate(
        f"{'+' if row['kind'] == 'inflow' else ''}{usd(amount)}", (right, place), xytext=(4, 0),
        textcoords="offset points", va="center", fontsize=8, color=colour, path_effects=HALO,
    )  # fmt: skip
    way = {"inflow": ", received", "outflow": ", paid", "cash": ""}[row["kind"]]
    words = str(row["step"]).replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}{way}"
