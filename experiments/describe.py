"""What the tables of runs and studies hold: each column with its type, unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import pandas as pd

from ..analysis.firm_outcomes import FIRM_OUTCOMES
from ..analysis.outcomes import OUTCOMES
from ..market.column import Column
from ..market.columns import DEFINITIONS
from .compare import COMPARISON
from .measures import check_names
from .store import RUN_KEY
from .study import RUN_ENDING, RUN_IDENTITY

if TYPE_CHECKING:
    from pandas.io.formats.style_render import CSSDict

_IN_STUDIES: Final = ", ".join(RUN_KEY)
_ROWS: Final[Mapping[str, tuple[str, str]]] = {  # where a table is found, and what a row is
    "months": ("run, study", f"a month; in a study after {_IN_STUDIES}"),
    "firms": ("run", "a firm and month"),
    "prices": ("run", "a month, market, workload, generation and provider"),
    "contracts": ("run", "a deal, refused talks included"),
    "events": ("run", "a thing that happened"),
    "flows": ("run", "a month, payer, payee and purpose"),
    "runs": ("study", "a run; a factor has a column of its own, before `status`"),
    "firm_outcomes": ("study", "a run and firm"),
    "comparison": ("compare", "an outcome and variant"),
}


class Description(pd.DataFrame):
    """A frame of words, which a notebook shows whole and from the left."""

    @property
    def _constructor(self) -> type[Description]:
        return Description

    def _repr_html_(self) -> str:
        words = self.style.hide(axis="index").format(escape="html").set_uuid("words")
        left: CSSDict = {"selector": "td, th", "props": "text-align: left"}
        return str(words.set_table_styles([left]).to_html())


def describe(table: str | None = None) -> Description:
    """The columns of a table with their units and meanings, or all tables.

    Args:
        table: months, firms, prices, contracts, events, flows of a run; runs, firm_outcomes of a
            study; comparison, which `compare` returns. None lists them.

    Returns:
        A row a column: column, type, unit (empty for names and months of the run), meaning. Or a
        row a table: table, of, and what a row is.

    Raises:
        StudyError: there is no such table; one line that names the nearest.
    """
    if table is None:
        rows = [(name, where, row) for name, (where, row) in _ROWS.items()]
        return Description(rows, columns=["table", "of", "row"])
    given = table if isinstance(table, str) else type(table).__name__
    check_names("table", [given], _ROWS, "the name of a table")
    return Description(_columns(table), columns=["column", "type", "unit", "meaning"])


def _columns(table: str) -> Iterator[Column]:
    """The columns of a table, as they come."""
    if table == "runs":
        yield from (*RUN_IDENTITY, *RUN_ENDING)
        for outcome in OUTCOMES.values():
            yield Column(outcome.name, "float", outcome.unit, " ".join(outcome.meaning.split()))
    elif table == "firm_outcomes":
        yield from (column for column in RUN_IDENTITY if column.name in RUN_KEY)
        yield from FIRM_OUTCOMES
    elif table == "comparison":
        yield from COMPARISON
    else:
        yield from DEFINITIONS[table]
