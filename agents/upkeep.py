"""Monthly upkeep: power comes on, chips are installed, running costs fall due."""

from __future__ import annotations

from ..market.ledger import WORLD
from .economy import Economy

_PLANT = frozenset({"chips", "data_centre"})  # purposes
_RESALE_SHARE = 0.7  # of the one-year price that a neocloud gets for capacity resold wholesale


def maintain_plant(economy: Economy) -> None:
    """Power projects come on line or slip, chips are retired and installed (phase 2)."""
    for cloud in economy.living_clouds():
        cloud.energise()
        cloud.install()


def keep_books(economy: Economy) -> None:
    """Bill running costs and capital calls; write plant down (before settlement)."""
    market = economy.market
    price = market.rent()
    for cloud in economy.living_clouds():
        cloud.bill_operations()
        cloud.depreciate(market.billed_usd(cloud.name, _PLANT))
        if cloud.spec.kind == "neocloud":
            # a neocloud has no products of its own: its captive use is resold to a hyperscaler
            resold = 730 * cloud.captive_served_h100e * _RESALE_SHARE * price
            market.bill(WORLD, cloud.name, resold, "reserved_compute")
    for lab in economy.living_labs():
        revenue = lab.recurring_usd[-1]
        market.bill(lab.name, WORLD, lab.spec.sales_cost_share * revenue, "sales")
    for maker in economy.chipmakers.values():
        if maker.alive:
            revenue = maker.revenues[-1] if maker.revenues else 0
            share = maker.spec.operating_cost_share
            market.bill(maker.name, WORLD, maker.cost_cut * share * revenue, "research")
    for investor in economy.investors.values():
        if investor.alive:
            investor.call_capital()
