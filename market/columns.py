"""The columns of each result table: one fixed schema, whatever the scenario.

Units are in the names; ratios and shares are plain numbers. `analysis` reads the tables by these
names, `recorder` fills them.
"""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["int", "float", "str", "bool"]
Columns = tuple[tuple[str, Kind], ...]


def _of(kind: Kind, *names: str) -> Columns:
    return tuple((name, kind) for name in names)


MONTHS: Final[Columns] = (
    *_of("int", "month"),
    *_of("str", "date"),
    *_of(
        "float",
        "spot_price_usd_per_h100e_hour",
        "contract_price_usd_per_h100e_hour",
        "list_price_usd_per_h100e_hour",
        "spot_training_price_usd_per_h100e_hour",
        "spot_inference_price_usd_per_h100e_hour",
        "installed_training_h100e",
        "installed_inference_h100e",
        "installed_mw",
        "contracted_training_h100e",
        "contracted_inference_h100e",
        "contracted_mw",
        "sold_training_h100e",
        "sold_inference_h100e",
        "sold_mw",
        "idle_training_h100e",
        "idle_inference_h100e",
        "idle_mw",
        "promised_mw",
        "delivered_mw",
        "utilisation",
        "unmet_demand_share",
        "demand_service_units",
        "required_inference_h100e",
        "open_weight_service_units",
        "on_premise_service_units",
        "open_weight_h100e",
        "on_premise_h100e",
        "chip_price_usd_per_h100e",
    ),
    *_of(
        "int",
        "lab_revenue_usd",
        "cloud_revenue_usd",
        "chip_revenue_usd",
        "capex_usd",
        "ai_capex_hyperscalers_usd",
        "equity_raised_usd",
        "strategic_equity_usd",
        "loans_drawn_usd",
        "parent_funding_usd",
        "commitments_signed_usd",
        "commitments_by_letter_usd",
    ),
    *_of("float", "sentiment", "base_rate_per_year"),
    *_of("int", "defaults_so_far", "switches_so_far"),
    *_of("float", "hhi_labs", "hhi_clouds", "hhi_chips", "hhi_suppliers"),
    *_of(
        "float",
        "vendor_financed_share_chipmakers",
        "vendor_financed_share_clouds",
        "circular_share",
    ),
)

PRICES: Final[Columns] = (
    *_of("int", "month"),
    # market: spot, contract (posted one-year), list (on demand), chip
    *_of("str", "market", "workload", "generation", "provider"),
    # chips: dollars a unit; else dollars per H100e-hour of the workload
    *_of("float", "price_usd", "volume"),
)

FIRMS: Final[Columns] = (
    *_of("int", "month"),
    *_of("str", "date", "firm", "role", "kind", "group", "status"),
    *_of("int", "cash_usd", "debt_usd", "book_equity_usd", "revenue_usd", "cost_usd"),
    *_of("float", "gross_margin"),
    *_of("int", "capex_usd", "burn_usd", "arr_usd", "valuation_usd"),
    *_of("float", "share_price_index"),
    *_of("str", "credit_rating"),
    *_of("float", "runway_months", "runway_with_letters_months"),
    *_of(
        "float",
        # labs: delivered to them; clouds: installed
        "training_h100e",
        "inference_h100e",
        "mw",
        "contracted_training_h100e",
        "contracted_inference_h100e",
        "market_share",
        "capability",
        "unmet_share",
        "price_index",
        # labs: of what they have, let to others; and what a unit of service takes
        "sublet_training_h100e",
        "sublet_inference_h100e",
        "inference_h100e_hours_per_unit",
    ),
    *_of("str", "main_supplier", "main_supplier_training", "main_supplier_inference"),
    *_of("float", "main_supplier_share"),
    *_of("int", "suppliers"),
    *_of("float", "first_chipmaker_training_share", "first_chipmaker_inference_share"),
    *_of("int", "backlog_usd", "arrears_usd"),
    *_of("float", "utilisation"),
    *_of("float", "vendor_financed_share"),
)

CONTRACTS: Final[Columns] = (
    # kind: compute, chip_order, equity, loan, programme, amendment, letter, warrant, backstop ...
    # chip: the chip family: the maker, or the line of a custom chip
    *_of("str", "contract_id", "kind", "buyer", "seller", "status", "outcome", "workload", "chip"),
    *_of("int", "month_opened", "month_signed", "month_start", "month_end", "month_ended"),
    *_of("int", "month_amended"),
    *_of("bool", "binding", "exclusive", "first_refusal", "renewal"),
    *_of("float", "h100e", "units", "mw"),
    # per H100e-hour; per H100e of chips; pre-money of a round; rate per year of a loan
    *_of("float", "price_usd"),
    *_of("int", "amount_usd"),  # headline value over the term, round size, principal
    *_of("int", "term_months"),
    *_of("float", "prepaid_share", "take_or_pay_share", "termination_fee_share"),
    *_of("int", "delay_exit_months", "price_review_months"),
    *_of("float", "buyer_reservation_usd", "seller_reservation_usd", "gap_usd"),
    *_of("int", "rounds"),
    *_of("str", "reason"),
    *_of("float", "converted_share"),  # of a letter of intent: paid so far
)

EVENTS: Final[Columns] = (
    *_of("int", "month"),
    *_of("str", "date", "kind", "firm", "counterparty"),
    *_of("int", "amount_usd"),
    *_of("str", "text", "details"),
)

FLOWS: Final[Columns] = (
    *_of("int", "month"),
    *_of("str", "payer", "payee", "purpose"),
    *_of("int", "amount_usd"),
)

TABLES: Final[dict[str, Columns]] = {
    "months": MONTHS,
    "firms": FIRMS,
    "prices": PRICES,
    "contracts": CONTRACTS,
    "events": EVENTS,
    "flows": FLOWS,
}
