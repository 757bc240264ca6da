"""A run or a study as one HTML page that needs no network: answers, figures, tables, method.

What is told is what the terminal tells: the tables are those of `summary`, `ensemble_summary` and
`paired`; the figures those of `figures`, as SVG.
"""

from __future__ import annotations

import base64
import hashlib
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
from .wording import SCALES

MISSING: Final = ("", "-")
_PIXELS_PER_INCH: Final = 96  # of CSS
_NUMBER: Final = re.compile(r"^[<>+*]?(-?)\$?(\d[\d,]*\.?\d*(?:e[+-]?\d+)?)([TBMk]?)(?=$|[\s%(±])")
_FACTORS: Final = {letter: scale for scale, letter in SCALES} | {"": 1.0}
_ON_ONE_LINE: Final = re.compile(r"(\d{4}-\d\d\b|\d+ %|--[\w-]+)")  # months, shares, options
_PLACES: Final = re.compile(rb' (?:d|x|y)="[^"]*"')
_DIGITS: Final = re.compile(rb"(\.\d\d)\d+")
_INDENT: Final = "  "  # of a line below the name that it belongs to
_SHORT: Final = 24  # characters: names and dates, which are not broken
_LONG: Final = 60


class Column(NamedTuple):
    """A column of a table of the page. kind: number, short, long or neither."""

    head: str
    kind: str
    is_code: bool = False


class Cell(NamedTuple):
    """A cell, and the number that it sorts by, if it is one."""

    text: str
    value: float | None


class PageTable(NamedTuple):
    """A table of the page, with what is said below it."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str


class PageFigure(NamedTuple):
    """A figure of the page: its SVG in base 64, what it shows, and its size in CSS pixels."""

    svg: str
    title: str
    caption: str
    width: int
    height: int


class Answer(NamedTuple):
    """What was found on a topic, in sentences."""

    topic: str
    lines: Sequence[str]


class Page(NamedTuple):
    """All that the template shows.

    answers: headlines
    method: paragraphs
    facts: what is needed to reproduce it, by name
    command: that plays it again
    reading: how to read the answers
    failed: the runs of a study that failed, if any did
    """

    title: str
    lead: str
    answers: Sequence[Answer]
    figures: Sequence[PageFigure]
    tables: Sequence[PageTable]
    method: Sequence[str]
    facts: Mapping[str, Any]
    command: str
    reading: str = ""
    failed: PageTable | None = None


def html(page: Page) -> str:
    """The page as HTML. Whatever it is given is text: names of firms are no markup.

    Its content policy lets nothing be loaded, and no script or style work but its own.
    """
    style, script = _template("report.css"), _template("report.js")
    environment = Environment(autoescape=True, keep_trailing_newline=True)
    environment.filters["parts"] = _ON_ONE_LINE.split  # what is not to be broken is every second
    return environment.from_string(_template("report.html")).render(
        page=page, style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
    )


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def page_figures(figures: Mapping[str, Drawn], captions: Mapping[str, str]) -> list[PageFigure]:
    """Figures as SVG; letters are drawn as outlines, so that they fit on any machine."""
    found = []
    for name, drawn in figures.items():
        figure = whole(drawn)
        title = name[:1].upper() + name[1:].replace("_", " ")
        width, height = (round(_PIXELS_PER_INCH * side) for side in figure.get_size_inches())
        found.append(
            PageFigure(_svg(figure, name), title, captions.get(name, title), width, height)
        )
    return found


def page_tables(parts: Iterable[RenderableType]) -> list[PageTable]:
    """Tables and paragraphs made for the terminal as tables of the page."""
    tables: list[PageTable] = []
    for part in parts:
        if isinstance(part, Group):
            tables += page_tables(part.renderables)
        elif isinstance(part, Table):
            tables.append(_table(part))
        elif words := _words(part).strip():
            tables.append(PageTable("", [], [], words))
    return tables


def page_table(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], note: str = "", code: str = ""
) -> PageTable:
    """A table of the page from texts. code: the head of a column of commands."""
    cells = [[Cell(text, _value(text)) for text in row] for row in rows]
    columns = [
        Column(head, _kind([row[place] for row in cells]), bool(code) and head == code)
        for place, head in enumerate(heads)
    ]
    return PageTable(title, columns, cells, note)


def _table(table: Table) -> PageTable:
    """A table whose rows each stand for themselves, so that they may be sorted."""
    heads = [_words(column.header) for column in table.columns]
    lines = zip(*([_words(cell) for cell in column.cells] for column in table.columns), strict=True)
    rows = [list(line) for line in lines if any(line)]
    if any(row[0].startswith(_INDENT) for row in rows):
        heads, rows = _ungrouped(heads, rows)
    title, caption = _words(table.title), _words(table.caption).strip()
    return page_table(title, heads, _filled(rows), caption)


def _ungrouped(heads: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Lines below a name as rows that begin with it: `Firm, variant` becomes two columns."""
    name, flat = "", []
    for row in rows:
        if row[0].startswith(_INDENT):
            flat.append([name, row[0].strip(), *row[1:]])
        else:
            name = row[0]
    first, _, second = heads[0].partition(", ")
    return [first, second.capitalize(), *heads[1:]], flat


def _filled(rows: Iterable[list[str]]) -> list[list[str]]:
    """Rows in which leading cells that are left empty, as in the row above, are written out."""
    filled: list[list[str]] = []
    for row in rows:
        same = next((place for place, text in enumerate(row) if text), 0)
        filled.append([*(filled[-1][:same] if filled else row[:same]), *row[same:]])
    return filled


def _kind(cells: Sequence[Cell]) -> str:
    """How a column is set: numbers are flush right, and short texts stay on one line."""
    told = [cell for cell in cells if cell.text not in MISSING]
    if told and all(cell.value is not None for cell in told):
        return "number"
    longest = max((len(cell.text) for cell in told), default=0)
    return "short" if longest <= _SHORT else "long" if longest > _LONG else ""


def _value(text: str) -> float | None:
    found = _NUMBER.match(text)
    if not found:
        return None
    sign, digits, letter = found.groups()
    value = float(digits.replace(",", "")) * _FACTORS[letter]
    return -value if sign else value


def _words(value: Any) -> str:
    """What rich would print of a cell, a title or a caption, without its style."""
    if value is None:
        return ""
    return value.plain if isinstance(value, Text) else Text.from_markup(str(value)).plain


def _svg(figure: Figure, name: str) -> str:
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        sink = io.BytesIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    # A hundredth of a point cannot be seen, and a fifth of the page would be digits beyond it.
    svg = _PLACES.sub(lambda found: _DIGITS.sub(rb"\1", found[0]), sink.getvalue())
    return base64.b64encode(svg).decode("ascii")
