"""What all figures share: canvas, palette, date axes, and labels that keep clear of one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation
from PIL import Image

DPI: Final = 150
_LOG_TICKS: Final = ((1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0,))
GREY: Final = "#8c8c8c"
INK: Final = "#262626"

# Okabe & Ito 2008 without the pale yellow, then dark tones of Tol's muted scheme: told apart under
# the common colour-vision deficiencies, on white.
PALETTE: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#332288",
    "#999933",
    "#661100",
)


Canvas = Figure | SubFigure  # what figures of several panels are drawn on
Drawn = Axes | Canvas
Key = Patch | Line2D  # a line of a legend

HALO: Final = (Stroke(linewidth=2.2, foreground="white"), Normal())  # keeps names off the lines


class EndLabel(NamedTuple):
    """A name to write beside the last point of a line."""

    date: np.datetime64
    value: float
    text: str
    colour: str


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own canvas, in inches: no pyplot state, nothing to close."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes(width: float, height: float) -> Axes:
    """The one panel of a figure of its own, in inches."""
    return new_figure(width, height).add_subplot()


def whole(drawn: Drawn) -> Figure:
    """The figure that something drawn is on."""
    figure = drawn.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise ValueError("given something that is on no figure, expected an Axes or a Figure")
    return figure


def firm_colours(firms: pd.DataFrame) -> dict[str, str]:
    """A colour for each firm, the same in every figure of a run; roles reuse the palette."""
    pairs = firms[["role", "firm"]].drop_duplicates().sort_values(["role", "firm"])
    rank = pairs.groupby("role").cumcount()
    return {
        str(firm): PALETTE[int(place) % len(PALETTE)]
        for firm, place in zip(pairs["firm"], rank, strict=True)
    }


def dates_of(labels: Iterable[str]) -> np.ndarray:
    """`2024-07` as the first day of that month."""
    return np.array(list(labels), dtype="datetime64[M]").astype("datetime64[D]")


def style(axes: Axes, title: str, label: str) -> None:
    """A left-aligned title, a unit on the y axis, dates below, and light rules."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.set_ylabel(label, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)


def date_axis(axes: Axes, dates: np.ndarray, ticks: int = 8) -> None:
    """Dates on the x axis, with at most so many ticks."""
    locator = AutoDateLocator(minticks=2, maxticks=ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set_xlim(dates[0], max(dates[-1], dates[0] + np.timedelta64(28, "D")))


def months_from(months: np.ndarray, start: str | None) -> np.ndarray:
    """Months of a run as dates, if it is known when the run starts."""
    if start is None:
        return months
    return (np.datetime64(start, "M") + months).astype("datetime64[D]")


def run_axis(axes: Axes, last: int, starts: Iterable[str], *, named: bool) -> None:
    """The months of runs on the x axis: dates if their starts are known, else numbers."""
    if first := min(starts, default=None):
        date_axis(axes, months_from(np.array([0, last]), first), ticks=5)
    else:
        axes.set_xlim(0, last)
        axes.set_xlabel("Month of the run" if named else "", fontsize=9)


def log_dollars(axes: Axes, form: Callable[[float], str]) -> None:
    """A log axis with round ticks, as many as its span needs, written out by `form`."""
    if not np.isfinite(axes.dataLim.minposy):
        return  # nothing positive to show
    axes.set_yscale("log", nonpositive="clip")
    low, high = axes.get_ylim()
    subs = _LOG_TICKS[int(np.searchsorted((8.0, 500.0), high / low))]
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def line_end(dates: np.ndarray, series: pd.Series, text: str, colour: str) -> list[EndLabel]:
    """The label of a line at its last known point; none for a line without one."""
    known = np.flatnonzero(np.isfinite(series.to_numpy(dtype=float)))
    if not known.size:
        return []
    last = int(known[-1])
    return [EndLabel(dates[last], float(series.iloc[last]), text, colour)]


def small_multiples(
    figure: Canvas, count: int, columns: int, same_scale: bool = True
) -> list[Axes]:
    """`count` panels of the same dates, and scale if wanted; dates below each column's lowest."""
    columns = min(count, columns)
    grid = figure.add_gridspec(-(-count // columns), columns)
    panels: list[Axes] = []
    for place in range(count):
        first = panels[0] if panels else None
        scale = first if same_scale else None
        axes = figure.add_subplot(grid[divmod(place, columns)], sharex=first, sharey=scale)
        lowest, leftmost = place + columns >= count, place % columns == 0
        axes.tick_params(labelbottom=lowest, labelleft=leftmost or not same_scale, which="both")
        panels.append(axes)
    return panels


def headline(figure: Canvas, panels: Sequence[Axes], title: str, label: str) -> None:
    """A title over small multiples, and the unit beside each panel of the first column."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    for axes in panels:
        if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            axes.set_ylabel(label, fontsize=9, color=INK)


def cells(
    axes: Axes, values: np.ndarray, texts: Sequence[Sequence[str]],
    rows: Sequence[str], columns: Sequence[str], colours: str = "cividis",
) -> None:  # fmt: skip
    """A heat map with a text in each cell, rows top down; a cell without a value stays grey."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    colour_map = colormaps[colours].with_extremes(bad="#e6e6e6")
    axes.imshow(np.ma.masked_invalid(values), cmap=colour_map, aspect="auto", vmin=low, vmax=high)
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        shade = colour_map((value - low) / (high - low)) if np.isfinite(value) else (0.9,) * 3
        light = np.dot(shade[:3], (0.299, 0.587, 0.114)) > 0.5
        axes.text(
            column, row, texts[row][column], ha="center", va="center", fontsize=8,
            color="black" if light else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(length=0)
    axes.grid(visible=False)


def key_below(axes: Axes, keys: Sequence[Artist], columns: int = 4) -> None:
    """A legend under a panel, clear of the numbers and the name of its x axis."""
    if not keys:
        return
    drop = 34 if axes.get_xlabel() else 20  # points
    scale = whole(axes).dpi_scale_trans
    axes.legend(
        handles=list(keys), loc="upper center", bbox_to_anchor=(0.5, 0.0),
        bbox_transform=axes.transAxes + ScaledTranslation(0, -drop / 72, scale),
        ncols=columns, fontsize=8, frameon=False, borderaxespad=0.0,
        handlelength=1.5, columnspacing=1.4,
    )  # fmt: skip


def key_outside(figure: Canvas, keys: Sequence[Artist], columns: int = 0) -> None:
    """A legend under all panels of a figure, in as many columns as its width takes."""
    if keys:
        columns = columns or max(1, int(figure.bbox.width / figure.dpi / 2))
        figure.legend(
            handles=list(keys), loc="outside lower center", ncols=columns, fontsize=8,
            frameon=False,
        )  # fmt: skip


def write_png(drawn: Drawn, path: str | Path) -> None:
    """Write a figure with a palette of 128 colours, a third of the size of true colour."""
    canvas = FigureCanvasAgg(whole(drawn))
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    # The octree is five times as fast as the median cut, and errs by less than a level in the mean.
    quick = Image.Quantize.FASTOCTREE
    flat = image.quantize(colors=128, method=quick, dither=Image.Dither.NONE)
    flat.save(path, format="PNG", optimize=True, dpi=(DPI, DPI))


def nothing(figure: Canvas, text: str) -> Canvas:
    """A figure that says why it is empty."""
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11, color=GREY)
    return figure


def empty(axes: Axes, text: str) -> Axes:
    """A panel that says why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=11, color=GREY
    )
    return axes


def label_all(panels: Sequence[tuple[Axes, Sequence[EndLabel]]], size: float = 8.0) -> None:
    """Write the end labels of some panels, once the layout has settled where the panels are."""
    figure = whole(panels[0][0]) if panels else None
    if figure is not None and (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
    for axes, labels in panels:
        label_ends(axes, labels, size)


def label_ends(axes: Axes, labels: Sequence[EndLabel], size: float = 8.0) -> None:
    """Write names to the right of the lines' ends, moved apart where they would overlap.

    Call it when the limits of both axes are final. A thin leader joins a moved name to its line.
    """
    if not labels:
        return
    gap = 1.25 * size / (axes.bbox.height * 72 / whole(axes).dpi)  # of the axes' height
    to_axes = axes.transData + axes.transAxes.inverted()
    numbers = axes.xaxis.convert_units([label.date for label in labels])
    points = to_axes.transform(np.column_stack([numbers, [label.value for label in labels]]))
    order = np.argsort(-points[:, 1], kind="stable")
    wanted = np.clip(points[order, 1], 0.5 * gap, 1.0)
    for place, put in zip(order, _spread(wanted, gap), strict=True):
        label = labels[int(place)]
        axes.annotate(
            label.text,
            xy=(points[place, 0], np.clip(points[place, 1], 0, 1)),
            xycoords="axes fraction",
            xytext=(points[place, 0] + 0.02, put),
            textcoords="axes fraction",
            fontsize=size,
            color=label.colour,
            va="center",
            annotation_clip=False,
            path_effects=HALO,
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 1,
            },
        )


def _spread(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Positions as near as possible to those wanted (falling), at least `gap` apart, within 0-1."""
    placed = wanted.copy()
    for _ in range(200):
        overlap = gap - (placed[:-1] - placed[1:])
        if (overlap <= 1e-4).all():
            break
        push = np.where(overlap > 0, overlap / 2, 0.0)
        placed[:-1] += push
        placed[1:] -= push
        placed = np.clip(placed, 0.0, 1.0)
    return placed
