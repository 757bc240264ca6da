"""Invariants beyond the books: capacity, chips made, cap tables (design, section 9)."""

from __future__ import annotations

from ..market.ledger import LedgerError
from .economy import Economy
from .firm import Firm


def check_plant(economy: Economy) -> None:
    """Invariants beyond the books: capacity, chips, cap tables (design, section 9)."""
    market = economy.market
    for cloud in economy.clouds.values():
        if cloud.sold_mw > cloud.used_mw * (1 + 1e-9) + 1e-6:
            _broken(economy, cloud, "has sold more megawatts than it has installed")
        if cloud.used_mw > cloud.energised_mw * (1 + 1e-9) + 1e-6 and cloud.alive:
            _broken(economy, cloud, "runs more megawatts than it has energised")
    for maker in economy.chipmakers.values():
        if maker.delivered_h100e > maker.made_h100e * (1 + 1e-9) + 1e-6:
            _broken(economy, maker, "has delivered more chips than were made")
    for lab in economy.firms():
        table = lab.cap_table
        if sum(table.holders.values()) != table.total:
            _broken(economy, lab, "has a cap table that does not sum to one")
    for cloud in economy.clouds.values():
        for contract in market.book.of_cloud(cloud.name):
            if contract.delivered_h100e > contract.promised_h100e * (1 + 1e-9):
                _broken(economy, cloud, "delivers more than it promised")


def _broken(economy: Economy, firm: Firm, what: str) -> None:
    raise LedgerError(f"month {economy.market.month}: {firm.name} {what}")
