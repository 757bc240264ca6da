"""The firms of a scenario file, and the chips they make and run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .fields import (
    OPENING,
    Growth,
    Month,
    Multiple,
    Name,
    NonNegative,
    Pace,
    Positive,
    Section,
    Share,
    Strategy,
    Usd,
)


class Chip(Section):
    """A chip generation of one maker."""

    name: Name
    maker: Name
    launch: Month  # volume shipments start; before the run's start: already shipping
    price_usd: Positive  # a package with its share of networking
    unit_cost_usd: Positive
    training_h100e: NonNegative
    inference_h100e: Positive
    kw: Positive  # at the meter, cooling included
    packaging_slots: Positive = 1.0  # advanced-packaging capacity a unit takes, H100 = 1
    sold_to: tuple[Name, ...] = ()  # empty: anyone; else a custom chip
    line: Name | None = None  # of a programme's chip: a family apart from the maker's other chips

    @property
    def h100e(self) -> float:
        """Blended throughput: the mean of training and inference."""
        return 0.5 * (self.training_h100e + self.inference_h100e)

    @property
    def family(self) -> str:
        """What fleets and contracts know the chip by: its own line, else its maker."""
        return self.line or self.maker


class Firm(Section):
    """What every firm states at the start."""

    name: Name
    group: Name | None = None
    listed: bool = False
    # with what is stated here; None: there from the start; after the end of the run: never
    enters: Month | None = Field(None, json_schema_extra=OPENING)
    cash_usd: Usd = Field(0, json_schema_extra=OPENING)
    parent_funding_usd_per_year: Usd = 0.0
    parent_funding_growth_per_year: Growth = 0.0
    giving_share: Share = 1.0  # of what it would put into others: equity, letters, loans, backstops


class Lab(Firm):
    """An AI laboratory."""

    kind: Literal["independent", "internal"] = "independent"
    consumer_arr_usd: Usd = Field(0, json_schema_extra=OPENING)
    enterprise_arr_usd: Usd = Field(0, json_schema_extra=OPENING)
    private_arr_usd: Usd = Field(0, json_schema_extra=OPENING)
    consumer_brand: float = 0.0
    enterprise_brand: float = 0.0
    private_brand: float = 0.0
    team_value_usd: Usd = Field(0, json_schema_extra=OPENING)  # option value of team and name
    last_post_money_usd: Usd = Field(0, json_schema_extra=OPENING)
    other_cost_share: Multiple = 0.45  # staff and the rest, per dollar of compute
    sales_cost_share: Multiple = 0.04  # per dollar of revenue
    research_spend_usd_per_month: Usd = 0.0  # training compute beyond what the budget rule gives
    procurement: Strategy = Strategy(name="cover_ahead")
    negotiation: Strategy = Strategy(name="linear")
    financing: Strategy = Strategy(name="runway_trigger")
    allocation: Strategy = Strategy(name="serve_first")
    finance: Strategy = Strategy(name="founder_led")


class ChipStock(Section):
    """Chips installed at the start."""

    chip: Name
    units: NonNegative


class ChipPreference(Section):
    """Share of a cloud's orders that goes to a maker when prices are at their opening level."""

    maker: Name
    weight: Positive


class Cloud(Firm):
    """A provider of compute; a lab's own data centres are a cloud of its group."""

    kind: Literal["hyperscaler", "neocloud"] = "neocloud"
    fleet: tuple[ChipStock, ...] = Field((), json_schema_extra=OPENING)
    captive_h100e: NonNegative = Field(0, json_schema_extra=OPENING)
    energised_mw: NonNegative = Field(0, json_schema_extra=OPENING)
    chip_deliveries_h100e_per_month: NonNegative = Field(0, json_schema_extra=OPENING)
    backlog_months: Multiple = Field(5.2, json_schema_extra=OPENING)
    power_pipeline_mw_per_month: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0, json_schema_extra=OPENING
    )
    power_pipeline_growth_per_month: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.065, json_schema_extra=OPENING
    )
    chip_preferences: tuple[ChipPreference, ...] = ()
    sells: bool = True  # False: the fleet serves the owner alone
    brand_premium: Positive = 1.0  # of quotes over the market's index
    negotiation: Strategy = Strategy(name="linear")
    pricing: Strategy = Strategy(name="cost_plus")
    capacity: Strategy = Strategy(name="forecast_led")
    borrowing: Strategy = Strategy(name="asset_backed")
    financing: Strategy = Strategy(name="runway_trigger")


class Chipmaker(Firm):
    """A designer of chips."""

    packaging_slots_per_month: Positive = Field(1000.0, json_schema_extra=OPENING)
    packaging_growth_per_year: Pace | None = None  # fastest, log; None: world.supply's
    direct_buyer_share: Share = 0.0
    operating_cost_share: Multiple = 0.15  # research and sales, of revenue
    strategic_fund_share: Share = 0.0  # of yearly revenue that may go into customers' equity
    pricing: Strategy = Strategy(name="backlog_pricing")
    allocation: Strategy = Strategy(name="weighted_allocation")
    vendor_finance: Strategy = Strategy(name="strategic_fund")


class Investor(Firm):
    """A source of equity or of credit."""

    kind: Literal["venture", "crossover", "sovereign", "private_credit"]
    inflow_usd_per_year: Usd = 0.0  # commitments called from limited partners
    inflow_growth_per_year: Growth = 0.0
    required_return_per_year: NonNegative = 0.25
    largest_ticket_share: Share = 0.25  # of its dry powder, per round
    valuation: Strategy = Strategy(name="growth_multiple")
    bidding: Strategy = Strategy(name="conviction")
    follow_on: Strategy = Strategy(name="fresh_look")
