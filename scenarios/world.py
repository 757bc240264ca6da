"""The `[run]` and `[world]` of a scenario file: all that no firm of the model decides.

Defaults come from a tested aggregate loop of this market, save those that docs/model.md tells of.
"""

from __future__ import annotations

from math import log2
from typing import Annotated, Literal

from pydantic import Field

from .fields import (
    OPENING,
    Deviation,
    Elasticity,
    Growth,
    Month,
    Multiple,
    NonNegative,
    Pace,
    Positive,
    Section,
    Share,
    Usd,
)


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
    open_weight_share: Share = 0.0  # served by open-weight models on rented chips, long run
    # of all use, on users' own chips at a preference of 1; beside the size given above
    on_premise_share: Annotated[float, Field(ge=0, le=0.95)] = Field(0.0, json_schema_extra=OPENING)


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
    on_premise_preference: Multiple = 1.0  # odds of own chips; 2 doubles them
    on_premise_adjustment_months: Annotated[float, Field(ge=1, le=600)] = 12.0
    on_premise_utilisation: Annotated[float, Field(ge=0.01, le=1)] = 0.5  # of labs', of an H100e
    noise_sd: Deviation = 0.025
    noise_persistence: Share = 0.7
    usage_jump_probability: Share = 0.05  # surge of compute per user at a flat price, per month
    usage_jump_log: Deviation = 0.18
    usage_persistence: Share = 0.90


class Technology(Section):
    """How much service an H100e gives, and what makes users choose a lab."""

    service_usd_per_inference_h100e_month: Positive = 3700.0
    efficiency_growth_per_year: Growth = 0.69  # log, algorithmic
    # What a lab's own engineers add for its users alone. Assumption: 5 % of compute spending kept
    # up saves 18 % of compute per unit in the long run, half of that within a year.
    efficiency_response: Annotated[float, Field(ge=0, le=2)] = 0.25
    efficiency_decay_per_month: Share = 0.04  # assumption: models change, tuning ages in two years
    capability_weight: NonNegative = 1.0
    capability_decay_per_month: Share = 0.06
    price_weight: NonNegative = 0.8
    unmet_weight: NonNegative = 1.0
    share_adjustment_per_month: Share = 0.075
    markup: Positive = 1.9  # of price over unit cost of compute, towards which labs move
    price_adjustment_per_month: Share = 0.25
    agi_hazard_per_year: NonNegative = 0.0  # of labs bound by an AGI clause, at this reference:
    agi_reference_h100e_months: Positive = 1e6  # of accumulated effective training
    agi_capability_elasticity: Elasticity = 0.4  # of the hazard to accumulated training


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
    spread_per_year: dict[Literal["AA", "A", "BBB", "BB", "B", "CCC", "D"], NonNegative] = Field(
        {"AA": 0.01, "A": 0.015, "BBB": 0.03, "BB": 0.05, "B": 0.065, "CCC": 0.10, "D": 0.20}
    )
    default_spread_widening: NonNegative = 0.01  # added per recent default
    loan_to_value: Share = 0.70
    loan_term_months: Annotated[int, Field(ge=6, le=240)] = 36
    draw_months: Annotated[int, Field(ge=1, le=24)] = 6  # of a delayed-draw facility
    maximum_loan_to_value: Positive = 1.0  # covenant
    minimum_debt_service_cover: NonNegative = 1.0  # covenant
    expected_loss_given_default: Share = 0.6
    default_probability_per_year: dict[Literal["AA", "A", "BBB", "BB", "B", "CCC", "D"], Share] = (
        Field(
            {"AA": 0.0005, "A": 0.001, "BBB": 0.004, "BB": 0.02, "B": 0.06, "CCC": 0.25, "D": 1.0}
        )
    )


class Distress(Section):
    """What a firm short of money, and those who would lose by its failure, may do about it."""

    bridge_months: NonNegative = 3.0  # of outflow that owners bridge with a note; 0: they do not
    note_discount: Annotated[float, Field(ge=0, le=0.9)] = 0.20  # to the next round's price
    note_term_months: Annotated[int, Field(ge=1, le=120)] = 18  # then a note is due in cash
    allow_rescue: bool = True  # by a partner that would lose more
    cash_sweep_share: Share = 0.5  # of excess cash flow, while a covenant is breached
    extension_months: Annotated[int, Field(ge=0, le=240)] = 24  # most that lenders extend; 0: none
    allow_restructuring: bool = True  # a plan that creditors vote on
    plan_majority: Annotated[float, Field(gt=0, le=1)] = 0.667  # of claims: 11 U.S.C. 1126(c)
    allow_sale: bool = True  # of a failed firm as a going concern, or of its team
    fire_sale_share: Share = 0.5  # of collateral value that plant fetches in a liquidation
    # fall of its log price per share of all compute that is on sale at once: Cifuentes, Ferrucci
    # & Shin (2005); at 7 a tenth of the market halves the price, assumption
    fire_sale_impact: Annotated[float, Field(ge=0, le=100)] = 7.0
    # of what is there to hand out; 3-6 % of assets in Altman (1984), Bris, Welch & Zhu (2006)
    bankruptcy_cost_share: Share = 0.05


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
    first_refusal: bool = False  # of new contracts: none is known before a waiver brings it
    # new contracts: leave for nothing after that many short months; 3-6 in practice; 0: never
    delay_exit_months: Annotated[int, Field(ge=0, le=120)] = 6
    # new contracts: market price every so many months; 0: never, as fixed prices are the rule
    price_review_months: Annotated[int, Field(ge=0, le=120)] = 0
    allow_waivers: bool = True  # exclusivity may be bought off
    allow_amendments: bool = True  # price and volume may be renegotiated
    # of a chip supplier, held by a rival of the lab or by its main chip supplier, from which on
    # talks end: twice the 5 % that US holders must disclose (Schedule 13D), assumption
    conflicting_stake_share: Share = 0.10


class Porting(Section):
    """What a lab spends to run a workload on another maker's chips (docs/model.md, "Porting")."""

    training_months: Multiple = 6.0  # of double running, calibration 7: 3-6; kernels, parallelism
    inference_months: Multiple = 3.0  # the same: 3-6; a trained model moves more easily
    use_months: Annotated[float, Field(ge=1, le=600)] = 36.0  # over which they are written off
    progress_ratio: Annotated[float, Field(gt=0, le=1)] = 0.8  # cost left after each doubling of
    # experience: the 80 % curve of Wright (1936)
    pilot_months: Positive = 0.1  # at full scale, from which on experience tells; assumption
    forgetting_per_month: Share = 0.04  # Benkard (2000): experience keeps 96 % a month

    @property
    def learning_exponent(self) -> float:
        """Power of cumulative experience with which the cost goes."""
        return log2(self.progress_ratio)


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
    entrant_trial_share: Share = 0.10  # of a cloud's orders, most that it tries of new makers
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
    loss_of_face: Share = 0.0  # fall of a partner's share price when its lab fails in public
    partner_stake_share: Share = 0.10  # holding from which the public sees a partner


class World(Section):
    """All that no firm of the model decides."""

    demand: Demand = Demand()
    technology: Technology = Technology()
    renters: Renters = Renters()
    captive: Captive = Captive()
    sentiment: Sentiment = Sentiment()
    credit: Credit = Credit()
    distress: Distress = Distress()
    bargaining: Bargaining = Bargaining()
    porting: Porting = Porting()
    power: Power = Power()
    building: Building = Building()
    supply: Supply = Supply()
    funding: Funding = Funding()
