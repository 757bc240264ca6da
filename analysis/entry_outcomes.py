"""What new suppliers and users' own chips do to prices, to clouds and to the labs: outcomes.

Prices swing with the building cycle, so those that a newcomer moves are also taken over four years.
"""

from __future__ import annotations

from .played import Played, mean, outcome

_LAST, _LONG = 24, 48  # months


@outcome("firms")
def _entries(run: Played) -> int:
    """Firms that entered during the run."""
    return int(run.event_counts.get("entry", 0))


@outcome("USD per H100e")
def _chip_price_last_24_months(run: Played) -> float | None:
    """Mean posted price of an H100e of chips over the last 24 months, by what shipped."""
    return mean(run.month("chip_price_usd_per_h100e")[-_LAST:])


@outcome("USD per H100e")
def _chip_price_last_48_months(run: Played) -> float | None:
    """Mean posted price of an H100e of chips over the last 48 months, by what shipped."""
    return mean(run.month("chip_price_usd_per_h100e")[-_LONG:])


@outcome("USD per H100e-hour")
def _spot_price_last_48_months(run: Played) -> float | None:
    """Mean spot price of the last 48 months."""
    return mean(run.month("spot_price_usd_per_h100e_hour")[-_LONG:])


@outcome("USD per H100e-hour")
def _contract_price_last_48_months(run: Played) -> float | None:
    """Mean contract price of the last 48 months."""
    return mean(run.month("contract_price_usd_per_h100e_hour")[-_LONG:])


@outcome("H100e")
def _cloud_inference_h100e_last_24_months(run: Played) -> float | None:
    """Mean inference that clouds sell: contracts, one-year rentals and spot, last 24 months."""
    return mean(run.month("sold_inference_h100e")[-_LAST:])


@outcome("H100e")
def _on_premise_h100e_last_24_months(run: Played) -> float | None:
    """Mean inference on users' own chips over the last 24 months."""
    return mean(run.month("on_premise_h100e")[-_LAST:])


@outcome("share")
def _entrants_share_of_chip_revenue(run: Played) -> float:
    """Share of chipmakers' revenue of the last 24 months that goes to those who entered late."""
    if not run.event_counts.get("entry", 0):
        return 0.0
    late = [maker.name for maker in run.scenario.chipmakers if maker.enters is not None]
    firms = run.tables["firms"]
    recent = firms["month"].to_numpy() >= firms["month"].max() + 1 - _LAST
    makers = firms[recent & (firms["role"].to_numpy() == "chipmaker")]
    total = float(makers["revenue_usd"].sum())
    own = float(makers.loc[makers["firm"].isin(late), "revenue_usd"].sum())
    return own / total if total > 0 else 0.0
