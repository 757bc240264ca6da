"""A run or a study as one HTML page that needs no network: answers, figures, tables, method.

What is told is what the terminal tells: the tables are those of `summary`, `ensemble_summary` and
`paired`; the figures those of `plots` and `ensemble_plots`, as SVG.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from jinja2 import Environment
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .figures.drawing import Drawn, whole

_SCALES: Final = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3, "": 1.0}
_PIXELS_PER_INCH: Final = 96  # of CSS
_NUMBER: Final = re.compile(r"^[<>+]?(-?)\$?(\d[\d,]*\.?\d*)([TBMk]?)(?=$|[\s%(])")


class Column(NamedTuple):
    """A column of a table of the page."""

    head: str
    is_number: bool


class Cell(NamedTuple):
    """A cell, and the number that it sorts by, if it is one."""

    text: str
    is_number: bool
    value: float | None


class PageTable(NamedTuple):
    """A table of the page, with what is said below it."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str


class PageFigure(NamedTuple):
    """A figure of the page: its SVG in base 64, what it shows, and its width in CSS pixels."""

    svg: str
    caption: str
    width: int


class Page(NamedTuple):
    """All that the template shows.

    answers: headline sentences
    method: paragraphs
    facts: what is needed to reproduce it, by name
    command: that plays it again
    """

    title: str
    lead: str
    answers: Sequence[str]
    figures: Sequence[PageFigure]
    tables: Sequence[PageTable]
    method: Sequence[str]
    facts: Mapping[str, Any]
    command: str


def html(page: Page) -> str:
    """The page as HTML. Whatever it is given is text: names of firms are no markup."""
    template = resources.files(__package__) / "templates" / "report.html"
    environment = Environment(autoescape=True, keep_trailing_newline=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(page=page)


def page_figures(figures: Mapping[str, Drawn], captions: Mapping[str, str]) -> list[PageFigure]:
    """Figures as SVG; letters are drawn as outlines, so that they fit on any machine."""
    return [
        PageFigure(
            _svg(figure, name),
            captions.get(name, name.replace("_", " ").capitalize()),
            round(_PIXELS_PER_INCH * figure.get_figwidth()),
        )
        for name, figure in ((name, whole(drawn)) for name, drawn in figures.items())
    ]


def page_tables(parts: Iterable[RenderableType]) -> list[PageTable]:
    """Tables and paragraphs made for the terminal as tables of the page."""
    tables: list[PageTable] = []
    for part in parts:
        if isinstance(part, Group):
            tables += page_tables(part.renderables)
        elif isinstance(part, Table):
            tables.append(_table(part))
        else:
            tables.append(PageTable("", [], [], _words(part).strip()))
    return tables


def _table(table: Table) -> PageTable:
    columns = [Column(_words(column.header), column.justify == "right") for column in table.columns]
    cells = [list(column.cells) for column in table.columns]
    rows = [
        [_cell(_words(value), column.is_number) for value, column in zip(row, columns, strict=True)]
        for row in zip(*cells, strict=True)
    ]
    filled = [row for row in rows if any(cell.text for cell in row)]
    return PageTable(_words(table.title), columns, filled, _words(table.caption).strip())


def _cell(text: str, is_number: bool) -> Cell:
    found = _NUMBER.match(text)
    if not found:
        return Cell(text, is_number, None)
    sign, digits, letter = found.groups()
    value = float(digits.replace(",", "")) * _SCALES[letter]
    return Cell(text, is_number, -value if sign else value)


def _words(value: Any) -> str:
    """What rich would print of a cell, a title or a caption, without its style."""
    if value is None:
        return ""
    return value.plain if isinstance(value, Text) else Text.from_markup(str(value)).plain


def _svg(figure: Figure, name: str) -> str:
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        sink = io.BytesIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    return base64.b64encode(sink.getvalue()).decode("ascii")
