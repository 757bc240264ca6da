"""The result tables of a run so far, with the columns that look back on all payments.

The shares of money that goes round are made when they are asked for, once a month count: a month of
the model does nothing for them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..market.money_loops import FIRM_COLUMNS, SELLERS, Floats, Shares, shares
from ..market.recorder import arrow_schema, as_table
from .economy import Economy
from .reporting import contract_columns


class ResultTables:
    """Hands out the result tables of an economy."""

    def __init__(self, economy: Economy) -> None:
        """Nothing is asked for yet."""
        self.economy = economy
        self._flows: pa.Table | None = None
        self._shares: tuple[int, Shares] | None = None  # and the rows of `firms` that they rest on

    def table(self, name: str) -> pa.Table:
        """One result table so far."""
        if name == "contracts":
            return as_table(name, contract_columns(self.economy))
        if name == "flows":
            return self._payments()
        table = as_table(name, self.economy.market.recorder.columns(name))
        if name == "firms":
            return _with(table, "vendor_financed_share", self._of_firms(table))
        if name == "months":
            money = self._money()
            for role in SELLERS:
                table = _with(table, f"vendor_financed_share_{role}s", money.by_role[role])
            return _with(table, "circular_share", money.circular)
        return table

    def _of_firms(self, firms: pa.Table) -> Floats:
        """The vendor-financed share of each row of the firms table."""
        money = self._money()
        firm = pc.index_in(firms["firm"], value_set=pa.array(money.names, pa.string()))
        return money.by_firm[np.asarray(firms["month"]), np.asarray(firm)]

    def _money(self) -> Shares:
        """What goes round, by the payments so far."""
        columns = zip(
            arrow_schema("firms"), self.economy.market.recorder.columns("firms"), strict=True
        )
        firms = pa.table(
            {f.name: pa.array(v, f.type) for f, v in columns if f.name in FIRM_COLUMNS}
        )
        if self._shares is None or self._shares[0] != len(firms):
            self._shares = len(firms), shares(self._payments(), firms)
        return self._shares[1]

    def _payments(self) -> pa.Table:
        """The flows table, on which the others rest."""
        columns = self.economy.market.recorder.columns("flows")
        if self._flows is None or len(self._flows) != len(columns[0]):
            self._flows = as_table("flows", columns)
        return self._flows


def _with(table: pa.Table, name: str, values: Floats) -> pa.Table:
    """A table with other values in a column; NaN becomes null."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.field(name), pa.array(values, from_pandas=True))
