"""What a scenario may say: frozen pydantic models with units in the field names.

Defaults come from a tested aggregate loop of this market, save those that docs/model.md tells of.
A field marked `OPENING` describes the balance at the start and cannot be changed mid-run.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

OPENING: dict[str, Any] = {"opening": True}

# Paths, contract ids and messages are made of names: no separators, nothing invisible.
_NAME = r"^[^\s.>/=\[\]\x00-\x1f\x7f]([^.>/=\[\]\x00-\x1f\x7f]*[^\s.>/=\[\]\x00-\x1f\x7f])?$"
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Month = Annotated[str, StringConstraints(pattern=MONTH)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_NAME)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Usd = Annotated[float, Field(ge=0, le=1e16)]
# Far beyond sense, and short of where powers of them overflow.
Growth = Annotated[float, Field(ge=-10, le=10)]  # log, a year
Pace = Annotated[float, Field(ge=0, le=10)]  # growth that cannot be negative
Elasticity = Annotated[float, Field(ge=0, le=20)]
Deviation = Annotated[float, Field(ge=0, le=5)]
Multiple = Annotated[float, Field(ge=0, le=1000)]
Workload = Literal["training", "inference"]


class Section(BaseModel):
    """A table of the scenario file: unknown fields and NaN are refused, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="null"
    )


class Strategy(BaseModel):
    """A decision rule by registered name, with its parameters as further numbers."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float | int | bool]

    name: str

    @property
    def parameters(self) -> dict[str, float | int | bool]:
        """The parameters given in the file, by name."""
        return dict(self.__pydantic_extra__ or {})


class Run(Section):
    """When the run starts and how long it lasts."""

    start: Month = "2024-01"
    months: Annotated[int, Field(ge=1, le=600)] = 72


class Segment(Section):
    """Demand for AI services in one segment; one unit is one dollar of service at start prices."""

    opening_usd_per_month: Usd = Field(0, json_schema_extra=OPENING)
    growth_per_year: float = 1.0  # log growth at the foot of the logistic
    saturation_multiple: Positive = 60.0  # of the opening size
    price_elasticity: Elasticity = 1.2
    wave_months: tuple[int, int] | None = None  # adoption wave: first and last month of the run
    wave_growth_multiple: NonNegative = 1.5  # of growth_per_year inside the wave
    open_weight_share: Share = 0.0  # served by open-weight models outside the labs, long run


class Demand(Section):
    """Users of AI services (docs/model.md, "Demand")."""

    consumer: Segment = Segment(growth_per_year=0.95, saturation_multiple=35, price_elasticity=1.10)
    enterprise: Segment = Segment(
        growth_per_year=1.25, saturation_multiple=90, price_elasticity=1.25
    )
    private: Segment = Segment(
        growth_per_year=1.10, saturation_multiple=60, price_elasticity=1.20, open_weight_share=0.30
    )
    growth_multiplier: Multiple = 1.0  # scales growth of labs' users and of other renters
    noise_sd: Deviation = 0.025
    noise_persistence: Share = 0.7
    usage_jump_probability: Share = 0.05  # surge of compute per user at a flat price, per month
    usage_jump_log: Deviation = 0.18
    usage_persistence: Share = 0.90


class Technology(Section):
    """How much service an H100e gives, and what makes users choose a lab."""

    service_usd_per_inference_h100e_month: Positive = 3700.0
    efficiency_growth_per_year: Growth = 0.69  # log, algorithmic
    capability_weight: NonNegative = 1.0
    capability_decay_per_month: Share = 0.06
    price_weight: NonNegative = 0.8
    unmet_weight: NonNegative = 1.0
    share_adjustment_per_month: Share = 0.075
    markup: Positive = 1.9  # of price over unit cost of compute, towards which labs move
    price_adjustment_per_month: Share = 0.25


class Renters(Section):
    """Other users of accelerators: one-year rentals at posted prices, and spot."""

    opening_spot_price_usd_per_h100e_hour: Positive = Field(5.4, json_schema_extra=OPENING)
    opening_contract_price_usd_per_h100e_hour: Annotated[float, Field(gt=0, le=1e6)] = Field(
        4.1, json_schema_extra=OPENING
    )
    opening_list_price_usd_per_h100e_hour: Positive = Field(9.8, json_schema_extra=OPENING)
    remembered_price_usd_per_h100e_hour: Positive = Field(6.6, json_schema_extra=OPENING)
    training_share: Share = 0.5
    reserved_share: Share = 0.6  # of demand that prefers one-year terms
    reserved_adjustment_months: Positive = 5.0
    growth_per_year: Growth = 1.0
    growth_decay_per_year: NonNegative = 0.45
    short_run_elasticity: Annotated[float, Field(gt=0, le=20)] = 0.55
    long_run_elasticity: Annotated[float, Field(gt=0, le=20)] = 1.10
    memory_per_month: Share = 0.20
    noise_sd: Deviation = 0.06
    noise_persistence: Share = 0.6
    contract_index_adjustment: Share = 0.25
    one_year_discount: Annotated[float, Field(ge=0, le=0.99)] = 0.20  # one-year price below spot
    spot_price_cap_usd_per_h100e_hour: Positive = 12.0
    spot_friction: Share = 0.94  # share of idle capacity that can be offered
    spot_floor_share: NonNegative = 0.17  # cheapest reserve price, share of user cost
    spot_full_offer_share: NonNegative = 0.80  # reserve of the last offered unit


class Captive(Section):
    """Owners' own workloads (search, recommendation, products)."""

    growth_per_year: Growth = 1.10
    growth_decay_per_year: NonNegative = 0.25
    sentiment_response: NonNegative = 0.8


class Sentiment(Section):
    """Investors' mood, in standard deviations (docs/model.md, "Sentiment")."""

    opening: Annotated[float, Field(ge=-100, le=100)] = Field(0.0, json_schema_extra=OPENING)
    persistence: Share = 0.96
    noise_sd: NonNegative = 0.07
    news_weight: NonNegative = 0.5
    shock: float = 0.0  # added at the start and absorbed over six months
    capital_response: NonNegative = 0.45  # of valuations and funds
    capex_response: NonNegative = 0.45  # of clouds' expected growth


class Credit(Section):
    """Interest, and what a firm's rating adds to it."""

    base_rate_per_year: NonNegative = 0.053
    long_run_base_rate_per_year: NonNegative = 0.035
    base_rate_adjustment_per_month: Share = 0.04
    spread_per_year: dict[Literal["AA", "A", "BBB", "BB", "B", "CCC", "D"], NonNegative] = {
        "AA": 0.01, "A": 0.015, "BBB": 0.03, "BB": 0.05, "B": 0.065, "CCC": 0.10, "D": 0.20,
    }  # fmt: skip
    default_spread_widening: NonNegative = 0.01  # added per recent default
    loan_to_value: Share = 0.70
    loan_term_months: Annotated[int, Field(ge=6, le=240)] = 36
    draw_months: Annotated[int, Field(ge=1, le=24)] = 6  # of a delayed-draw facility
    maximum_loan_to_value: Positive = 1.0  # covenant
    minimum_debt_service_cover: NonNegative = 1.0  # covenant
    expected_loss_given_default: Share = 0.6
    default_probability_per_year: dict[
        Literal["AA", "A", "BBB", "BB", "B", "CCC", "D"], Share
    ] = {
        "AA": 0.0005, "A": 0.001, "BBB": 0.004, "BB": 0.02, "B": 0.06, "CCC": 0.25, "D": 1.0,
    }  # fmt: skip


class Bargaining(Section):
    """How compute contracts are negotiated, and the menu of terms on the table."""

    rounds_per_month: Annotated[int, Field(ge=1, le=20)] = 3
    deadline_months: Annotated[int, Field(ge=1, le=24)] = 4
    shortlist: Annotated[int, Field(ge=1, le=20)] = 3
    choice_noise: NonNegative = 0.25  # scale of the logit in the shortlist
    incumbent_advantage: NonNegative = 0.6  # share of the price a rival must undercut
    term_months: tuple[Annotated[int, Field(ge=1, le=600)], ...] = (12, 36, 60)
    prepaid_shares: tuple[Share, ...] = (0.0, 0.20)
    take_or_pay_shares: tuple[Share, ...] = (0.8, 1.0)
    termination_fee_shares: tuple[Share, ...] = (0.6, 0.9)
    allow_exclusivity: bool = True
    switching_cost_months: NonNegative = 3.0  # of double running
    price_decay_expected_per_year: NonNegative = 0.28
    ramp_months: Annotated[int, Field(ge=1, le=36)] = 6
    delivery_horizon_months: Annotated[int, Field(ge=1, le=36)] = 12  # capacity sold ahead


class Power(Section):
    """Data centres: energy and the time it takes to energise a megawatt."""

    price_usd_per_mwh: NonNegative = 80.0
    price_growth_per_year: Growth = 0.02
    operating_cost_usd_per_mw_month: NonNegative = 60_000.0
    shell_cost_usd_per_mw: NonNegative = 11e6  # built by hyperscalers
    lease_rate_per_year: Multiple = 0.14  # of shell cost, paid by neoclouds, who lease
    hyperscaler_lead_months: Annotated[int, Field(ge=1, le=60)] = 18
    neocloud_lead_months: Annotated[int, Field(ge=1, le=60)] = 12
    slip_probability: Share = 0.15  # per project and month when due
    slip_months: Annotated[int, Field(ge=1, le=24)] = 3
    growth_cap_per_year: Pace = 0.90


class Building(Section):
    """How clouds plan capacity (docs/model.md, "Clouds")."""

    planning_months: Annotated[float, Field(gt=0, le=600)] = 9.0
    trend_damping: Share = 0.75
    reserve_share: NonNegative = 0.08
    adjustment_months: Positive = 5.0
    order_growth_cap_per_year: Pace = 0.75
    order_floor_share: Share = 0.6
    forecast_error_sd: Deviation = 0.15
    forecast_error_persistence: Share = 0.9
    price_response: Elasticity = 0.9
    power_margin: Positive = 1.25
    economic_life_years: Positive = 5.0
    obsolescence_per_year: Multiple = 0.20
    chip_failure_per_year: Share = 0.05
    required_return_hyperscaler: Multiple = 0.09
    required_return_neocloud: Multiple = 0.13
    billed_utilisation: Annotated[float, Field(ge=0.01, le=1)] = 0.85  # of hours: costs spread over


class Supply(Section):
    """Chip supply: packaging capacity and lead time."""

    capacity_multiplier: NonNegative = 1.0  # scales every maker's packaging capacity
    growth_per_year: Pace = 0.70  # fastest log growth of packaging capacity
    shrink_per_year: Pace = 0.05
    response_per_backlog_month: NonNegative = 0.12
    comfortable_backlog_months: Positive = 2.6
    minimum_lead_months: Positive = 3.0
    ramp_months: Annotated[int, Field(ge=1, le=24)] = 5  # from the old generation to the new
    price_drift_per_month: Annotated[float, Field(ge=-1, le=1)] = -0.004
    price_response_to_backlog: Deviation = 0.06
    deposit_share: Share = 0.20
    direct_buyers_h100e_per_month: NonNegative = Field(0.0, json_schema_extra=OPENING)
    direct_buyers_growth_per_year: Growth = 0.45
    direct_buyers_elasticity: Elasticity = 0.9


class Funding(Section):
    """Equity rounds and what a firm needs to be worth."""

    access_hazard_per_month: Share = 0.35  # a firm on the road meets a lead with this chance
    team_value_growth_per_year: Growth = 0.35
    arr_multiple: Positive = 30.0
    growth_elasticity: Elasticity = 0.5
    reference_growth: Positive = 2.8
    scale_discount_arr_usd: Positive = 40e9
    maximum_dilution: Share = 0.15
    minimum_book_share: Share = 0.6
    tranche_from_usd: Usd = 3e9  # larger rounds are paid in tranches
    upfront_share: Share = 0.6
    tranche_months: Annotated[int, Field(ge=1, le=36)] = 8


class World(Section):
    """All that no firm of the model decides."""

    demand: Demand = Demand()
    technology: Technology = Technology()
    renters: Renters = Renters()
    captive: Captive = Captive()
    sentiment: Sentiment = Sentiment()
    credit: Credit = Credit()
    bargaining: Bargaining = Bargaining()
    power: Power = Power()
    building: Building = Building()
    supply: Supply = Supply()
    funding: Funding = Funding()


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

    @property
    def h100e(self) -> float:
        """Blended throughput: the mean of training and inference."""
        return 0.5 * (self.training_h100e + self.inference_h100e)


class Firm(Section):
    """What every firm states at the start."""

    name: Name
    group: Name | None = None
    listed: bool = False
    cash_usd: Usd = Field(0, json_schema_extra=OPENING)
    parent_funding_usd_per_year: Usd = 0.0
    parent_funding_growth_per_year: Growth = 0.0


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
    direct_buyer_share: Share = 0.0
    operating_cost_share: Multiple = 0.15  # research and sales, of revenue
    strategic_fund_share: Share = 0.0  # of yearly revenue that may go into customers' equity
    pricing: Strategy = Strategy(name="backlog_pricing")
    allocation: Strategy = Strategy(name="weighted_allocation")


class Investor(Firm):
    """A source of equity or of credit."""

    kind: Literal["venture", "crossover", "sovereign", "private_credit"]
    inflow_usd_per_year: Usd = 0.0  # commitments called from limited partners
    inflow_growth_per_year: Growth = 0.0
    required_return_per_year: NonNegative = 0.25
    largest_ticket_share: Share = 0.25  # of its dry powder, per round
    valuation: Strategy = Strategy(name="growth_multiple")
    bidding: Strategy = Strategy(name="conviction")


class Ramp(Section):
    """A capacity path: linear from the opening level to the full one."""

    opening_h100e: NonNegative
    months: Annotated[int, Field(ge=1, le=120)]


class Contract(Section):
    """A compute contract in force at the start."""

    lab: Name
    cloud: Name
    workload: Workload
    maker: Name  # chip family
    h100e: Positive
    price_usd_per_h100e_hour: Annotated[float, Field(gt=0, le=1e6)]
    end: Month
    ramp: Ramp | None = None
    prepaid_usd: Usd = 0.0  # credit already paid for, drawn down by use
    take_or_pay_share: Share = 0.8
    termination_fee_share: Share = 0.7
    exclusive: bool = False


class Loan(Section):
    """A loan outstanding at the start."""

    lender: Name
    borrower: Name
    principal_usd: Annotated[float, Field(gt=0)]
    rate_per_year: Share
    months_left: Annotated[int, Field(ge=1, le=480)]


class Stake(Section):
    """Ownership at the start; what is not listed belongs to founders, staff and the public."""

    investor: Name
    firm: Name
    share: Annotated[float, Field(gt=0, le=1)]
    cost_usd: Usd = 0.0


Kind = Literal[
    "set", "scale", "sentiment_shock", "demand_shock", "supply_cut", "cost_shock", "kill",
    "keep_alive",
]  # fmt: skip


class Intervention(Section):
    """Something that happens at a month whatever the firms do."""

    month: Month
    kind: Kind
    path: str | None = None  # for set and scale
    value: float | int | bool | str | None = None
    firm: Name | None = None  # for kill, keep_alive, and supply_cut of one maker
    months: Annotated[int, Field(ge=1)] | None = None  # how long it lasts; None: for good

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("set", "scale") and (self.path is None or self.value is None):
            raise ValueError(f"an intervention of kind '{self.kind}' needs path and value")
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if (self.kind == "scale" or self.kind.endswith(("_shock", "_cut"))) and not number:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a number as value")
        if self.kind in ("demand_shock", "cost_shock") and float(self.value or 0) < -1:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a value of at least -1")
        if self.kind == "supply_cut" and float(self.value or 0) > 1:
            raise ValueError("an intervention of kind 'supply_cut' needs a value of at most 1")
        if self.kind in ("kill", "keep_alive") and self.firm is None:
            raise ValueError(f"an intervention of kind '{self.kind}' needs firm")
        return self


class Scenario(Section):
    """A whole scenario: the firms, their money, chips, contracts and strategies."""

    name: str = "unnamed"
    title: str = ""
    run: Run = Run()
    world: World = World()
    chips: tuple[Chip, ...] = ()
    labs: tuple[Lab, ...] = ()
    clouds: tuple[Cloud, ...] = ()
    chipmakers: tuple[Chipmaker, ...] = ()
    investors: tuple[Investor, ...] = ()
    contracts: tuple[Contract, ...] = ()
    loans: tuple[Loan, ...] = ()
    stakes: tuple[Stake, ...] = ()
    interventions: tuple[Intervention, ...] = ()

    @property
    def firms(self) -> tuple[Firm, ...]:
        """All firms, role by role in the order of the file."""
        return (*self.labs, *self.clouds, *self.chipmakers, *self.investors)
