"""Outcomes of money that goes round (docs/mechanisms/money.md), and what sellers earned."""

from __future__ import annotations

from .played import Played, mean, outcome


@outcome("share")
def _vendor_financed_share_chipmakers(run: Played) -> float | None:
    """Vendor-financed share of chipmakers' receipts of twelve months, mean over the months."""
    return mean(run.month("vendor_financed_share_chipmakers"))


@outcome("share")
def _vendor_financed_share_clouds(run: Played) -> float | None:
    """The same of clouds."""
    return mean(run.month("vendor_financed_share_clouds"))


@outcome("share")
def _circular_share(run: Played) -> float | None:
    """Share of sellers' receipts that had left them within two years, mean over the months."""
    return mean(run.month("circular_share"))


@outcome("USD")
def _vendor_finance_given_usd(run: Played) -> int:
    """Equity, loans and guarantees that chipmakers and clouds gave customers outside the group."""
    return int(run.firm("vendor_funds_usd").sum())


@outcome("USD")
def _chip_revenue_usd(run: Played) -> float:
    """Revenue of all chipmakers over the run."""
    return float(run.month("chip_revenue_usd").sum())


@outcome("USD")
def _cloud_revenue_usd(run: Played) -> float:
    """Revenue over the run of the clouds that live in each month."""
    return float(run.month("cloud_revenue_usd").sum())
