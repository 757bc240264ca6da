"""The columns of each result table: one fixed schema, whatever the scenario.

Each column is defined once, with its unit and meaning, which docs/tables.md and
`computemarket.describe` show. `analysis` reads the tables by these names, `recorder` fills them.
"""

from __future__ import annotations

from typing import Final

from .column import Column, Columns, integer, number, schema_of, text
from .contract_columns import CONTRACTS

_MONTHS: Final[tuple[Column, ...]] = (
    integer("month", "", "month of the run, from 0"),
    text("date", "calendar month"),
    number(
        "spot_price_usd_per_h100e_hour",
        "USD per H100e-hour",
        "spot, both workloads, weighted by what clouds sold on spot",
    ),
    number(
        "contract_price_usd_per_h100e_hour",
        "USD per H100e-hour",
        "labs' new contracts and other renters' one-year rentals of the month, weighted by "
        "H100e-hours over the term, prepayment at present value; carried forward without any",
    ),
    number(
        "list_price_usd_per_h100e_hour",
        "USD per H100e-hour",
        "on demand, weighted by what each cloud could rent out",
    ),
    number("spot_training_price_usd_per_h100e_hour", "USD per H100e-hour", "spot, training"),
    number("spot_inference_price_usd_per_h100e_hour", "USD per H100e-hour", "spot, inference"),
    number("installed_training_h100e", "H100e", "all installed chips, if all trained"),
    number("installed_inference_h100e", "H100e", "all installed chips, if all served"),
    number("installed_mw", "MW", "power of installed chips"),
    number("contracted_training_h100e", "H100e", "delivered to labs under contract, training"),
    number("contracted_inference_h100e", "H100e", "delivered to labs under contract, inference"),
    number(
        "contracted_mw",
        "MW",
        "power of what was delivered to labs under contract, both workloads",
    ),
    number(
        "sold_training_h100e",
        "H100e",
        "contracts, one-year rentals and spot, training; captive use not counted",
    ),
    number(
        "sold_inference_h100e",
        "H100e",
        "contracts, one-year rentals and spot, inference; captive use not counted",
    ),
    number("sold_mw", "MW", "contracts, rentals, spot and captive use"),
    number("idle_training_h100e", "H100e", "rentable for training and not rented"),
    number("idle_inference_h100e", "H100e", "rentable for inference and not rented"),
    number("idle_mw", "MW", "installed less sold"),
    number("promised_mw", "MW", "new power due this month, slipped projects included"),
    number("delivered_mw", "MW", "new power energised this month"),
    number("utilisation", "share", "sold MW over installed MW"),
    number(
        "unmet_demand_share",
        "share",
        "of the inference that users asked of labs and did not get",
    ),
    number(
        "demand_service_units",
        "units",
        "service asked of labs; one unit is a dollar of service at opening prices",
    ),
    number("required_inference_h100e", "H100e", "inference that serves what was asked of labs"),
    number(
        "open_weight_service_units",
        "units",
        "service of open weights on rented accelerators, outside the labs",
    ),
    number("on_premise_service_units", "units", "service on users' own chips"),
    number(
        "open_weight_h100e",
        "H100e",
        "inference that other renters rent at any price to serve open weights; part of rentals "
        "and spot",
    ),
    number(
        "on_premise_h100e",
        "H100e",
        "inference on users' own chips: delivered, less failures and retirements; part of what "
        "direct buyers bought",
    ),
    number(
        "chip_price_usd_per_h100e",
        "USD per H100e",
        "posted price of chips per blended H100e, weighted by what shipped this month; null where "
        "nothing did",
    ),
    integer("lab_revenue_usd", "USD", "revenue of all labs, of the month, accrued"),
    integer(
        "cloud_revenue_usd",
        "USD",
        "revenue of the clouds that live at the end of the month, of the month, accrued",
    ),
    integer("chip_revenue_usd", "USD", "revenue of all chipmakers, of the month, accrued"),
    integer("capex_usd", "USD", "paid by clouds for chips, deposits on chips and data centres"),
    integer("ai_capex_hyperscalers_usd", "USD", "of `capex_usd`, hyperscalers"),
    integer(
        "equity_raised_usd",
        "USD",
        "paid in for new shares, rounds and tranches, labs and neoclouds",
    ),
    integer("strategic_equity_usd", "USD", "of `equity_raised_usd`, from clouds and chipmakers"),
    integer("loans_drawn_usd", "USD", "drawn on facilities"),
    integer("parent_funding_usd", "USD", "from parents, to labs and clouds"),
    integer("commitments_signed_usd", "USD", "price over the term of labs' contracts signed"),
    integer("commitments_by_letter_usd", "USD", "all tranches of letters of intent signed"),
    number("sentiment", "sd", "investors' mood at the end of the month"),
    number("base_rate_per_year", "per year", "interest rate before any spread"),
    integer("defaults_so_far", "firms", "defaulted since the start"),
    integer("switches_so_far", "switches", "of main supplier over both workloads, since the start"),
    number("hhi_labs", "0-1", "Herfindahl-Hirschman index of labs' revenue"),
    number("hhi_clouds", "0-1", "Herfindahl-Hirschman index of clouds' revenue"),
    number("hhi_chips", "0-1", "Herfindahl-Hirschman index of chipmakers' revenue"),
    number(
        "hhi_suppliers",
        "0-1",
        "Herfindahl-Hirschman index of H100e delivered to labs under contract, by group",
    ),
    number(
        "vendor_financed_share_chipmakers",
        "share",
        "of chipmakers' receipts from sales of twelve months, what they had given their customers",
    ),
    number(
        "vendor_financed_share_clouds",
        "share",
        "of clouds' receipts from sales of twelve months, what they had given their customers",
    ),
    number(
        "circular_share",
        "share",
        "of the receipts of clouds and chipmakers of twelve months, what had left the seller "
        "within 24 months",
    ),
)

_FIRMS: Final[tuple[Column, ...]] = (
    integer("month", "", "month of the run"),
    text("date", "calendar month"),
    text("firm", "name"),
    text("role", "lab, cloud, chipmaker, investor"),
    text(
        "kind",
        "labs: independent, internal; clouds: hyperscaler, neocloud; investors: venture, "
        "crossover, sovereign, private_credit; chipmakers: empty",
    ),
    text("group", "the parent's group, else the firm itself"),
    text("status", "at the end of the month: HEALTHY, WATCH, DISTRESS, CURE, DEFAULTED"),
    integer("cash_usd", "USD", "cash at the end of the month"),
    integer("debt_usd", "USD", "loans outstanding"),
    integer(
        "book_equity_usd",
        "USD",
        "assets less liabilities at cost; below 0 where more is owed than owned",
    ),
    integer("revenue_usd", "USD", "of the month, accrued"),
    integer("cost_usd", "USD", "expenses of the month, depreciation included"),
    number(
        "gross_margin",
        "share",
        "revenue less cost of sales over revenue; a lab's training is no cost of sales",
    ),
    integer("capex_usd", "USD", "paid for chips, deposits and data centres"),
    integer(
        "burn_usd",
        "USD",
        "net outflow of operation, debt service and capex; below 0 where more came in",
    ),
    integer(
        "arr_usd",
        "USD per year",
        "labs: twelve times the month's services; others: twelve times revenue",
    ),
    integer("valuation_usd", "USD", "private mark of firms that raise equity; memo"),
    number("share_price_index", "start = 100", "listed firms; memo"),
    text("credit_rating", "AA, A, BBB, BB, B, CCC, D (defaulted); public"),
    number(
        "runway_months",
        "months",
        "what the firm can lay hands on over its net outflow of the last three months; 999 "
        "without outflow",
    ),
    number("runway_with_letters_months", "months", "runway if letters of intent were cash"),
    number(
        "training_h100e",
        "H100e",
        "labs: delivered under contract, on spot and by other labs, what is let included; clouds: "
        "installed, if all trained",
    ),
    number(
        "inference_h100e",
        "H100e",
        "as `training_h100e`, for inference; clouds: installed, if all served",
    ),
    number("mw", "MW", "power of the chips that `training_h100e` and `inference_h100e` count"),
    number(
        "contracted_training_h100e",
        "H100e",
        "labs: delivered to them under contract; clouds: delivered by them",
    ),
    number("contracted_inference_h100e", "H100e", "as `contracted_training_h100e`, for inference"),
    number("market_share", "share", "of the role's revenue this month"),
    number("capability", "H100e-months", "labs: accumulated effective training"),
    number("unmet_share", "share", "labs: of their users' demand, what was not served"),
    number("price_index", "start = 1", "labs: price of services"),
    number(
        "sublet_training_h100e",
        "H100e",
        "labs: of their training capacity, let to others, on spot and to other labs",
    ),
    number(
        "sublet_inference_h100e",
        "H100e",
        "labs: of their inference capacity, let to others, on spot and to other labs",
    ),
    number(
        "inference_h100e_hours_per_unit",
        "H100e-hours",
        "labs: compute for a unit of service, which is a dollar's worth at opening prices",
    ),
    text("main_supplier", "labs: group that delivers most under contract, over both workloads"),
    text("main_supplier_training", "labs: group that delivers most training under contract"),
    text("main_supplier_inference", "labs: group that delivers most inference under contract"),
    number(
        "main_supplier_share",
        "share",
        "labs: of contracted H100e this month, from the main supplier",
    ),
    integer("suppliers", "groups", "labs: that delivered under contract this month"),
    number(
        "first_chipmaker_training_share",
        "share",
        "labs: of training delivered to them under contract, on chips of the maker with most "
        "packaging capacity at the start",
    ),
    number(
        "first_chipmaker_inference_share",
        "share",
        "labs: of inference delivered to them under contract, on chips of that maker",
    ),
    integer("backlog_usd", "USD", "clouds: price of contracted capacity still to come"),
    integer(
        "arrears_usd",
        "USD",
        "by how much the dues of the month's settlement, older arrears included, exceeded cash, "
        "whether a round, a grant or other receipts then paid them or not",
    ),
    number("utilisation", "share", "clouds: sold MW over installed MW"),
    number(
        "vendor_financed_share",
        "share",
        "clouds, chipmakers: of their receipts from sales of twelve months, what they had given "
        "their customers; null without receipts",
    ),
)

_PRICES: Final[tuple[Column, ...]] = (
    integer("month", "", "month of the run"),
    text("market", "spot; contract (posted one-year); list (on demand); chip"),
    text("workload", "training, inference; empty for chips"),
    text("generation", "chips alone: the generation on sale"),
    text("provider", "the cloud or chipmaker; empty for spot"),
    number(
        "price_usd",
        "by market",
        "spot, contract, list: USD per H100e-hour of the workload; chip: USD per chip",
    ),
    number(
        "volume",
        "by market",
        "H100e sold or rented this month, chips sold; 0 for list prices, which are offers; spot: "
        "bought by labs and other renters",
    ),
)

_EVENTS: Final[tuple[Column, ...]] = (
    integer("month", "", "month of the run"),
    text("date", "calendar month"),
    text("kind", "what happened"),
    text("firm", "whom it happened to"),
    text("counterparty", "the other side; a switch: the new supplier's group; else empty"),
    integer("amount_usd", "USD", "where there is one, else 0"),
    text("text", "a sentence"),
    text("details", "what belongs to the kind, as JSON; numbers to six digits"),
)

_FLOWS: Final[tuple[Column, ...]] = (
    integer("month", "", "month of the run"),
    text("payer", "who pays; `world`: everyone outside the market"),
    text("payee", "who is paid; `world`: everyone outside the market"),
    text("purpose", "what for; arrears paid later keep the purpose of the due"),
    integer("amount_usd", "USD", "cash that moved"),
)

DEFINITIONS: Final[dict[str, tuple[Column, ...]]] = {
    "months": _MONTHS,
    "firms": _FIRMS,
    "prices": _PRICES,
    "contracts": CONTRACTS,
    "events": _EVENTS,
    "flows": _FLOWS,
}

TABLES: Final[dict[str, Columns]] = {
    name: schema_of(columns) for name, columns in DEFINITIONS.items()
}
MONTHS: Final = TABLES["months"]
