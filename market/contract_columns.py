"""The columns of `contracts`: a row a deal, refused talks included."""

from __future__ import annotations

from typing import Final

from .column import Column, flag, integer, number, text

CONTRACTS: Final[tuple[Column, ...]] = (
    text("contract_id", "`buyer>seller/month/what/n`"),
    text(
        "kind",
        "compute, chip_order, equity, loan, bridge (a convertible note), letter, warrant, "
        "backstop; programme: a leg of a custom-chip programme; waiver (of exclusivity), "
        "amendment (of price or volume), first_refusal (a rival's package put before an "
        "incumbent); supplier_talks: of a lab with a maker of inference chips, that failed",
    ),
    text(
        "buyer",
        "lab; buyer of chips; lead investor; borrower; owner who lends a note; giver of a letter; "
        "holder of warrants; guarantor; legs of a programme: the lab on design and hosting, the "
        "host on finance",
    ),
    text(
        "seller",
        "cloud; chipmaker; issuer; lender (`world` once its own lender has failed); issuer of a "
        "note; taker of a letter; issuer of warrants; cloud backed; legs of a programme: "
        "designer, host, financing partner",
    ),
    text(
        "status",
        "SIGNED, ACTIVE, AMENDED (in force on changed terms), ENDED, DEFAULTED; LAPSED for what "
        "was not signed; LETTER_OF_INTENT while an incumbent may match; letters: "
        "LETTER_OF_INTENT, then ENDED if paid in full, else LAPSED; legs of a programme still "
        "open: TALKS, or LETTER_OF_INTENT once both sides agree",
    ),
    text(
        "outcome",
        "SIGNED; compute, waiver, amendment: NO_ZONE, IMPASSE, WITHDRAWN, compute alone LOST; "
        "first_refusal: PENDING, MATCHED, DECLINED, WITHDRAWN; letters: NO_ZONE, IMPASSE, "
        "WITHDRAWN; backstop: WITHDRAWN where the guarantor gives nothing; equity: NO_ZONE, "
        "IMPASSE, UNDERSUBSCRIBED, NO_LEAD; legs of a programme: NO_ZONE, IMPASSE, "
        "UNMET_CONDITION (agreed, but others did not), LOST (signed without this host); "
        "supplier_talks: PRICE, SUPPLY, STAKE, LAPSED",
    ),
    text("workload", "compute, backstops: training, inference"),
    text(
        "chip",
        "compute, chip orders: the chip family, which is the maker, or the line of a custom chip; "
        "warrants, supplier_talks: the maker",
    ),
    integer("month_opened", "", "month of the request or order; -1: before the start"),
    integer("month_signed", "", "month of signing; -1: before the start"),
    integer("month_start", "", "first month of capacity; chip orders, loans: of signing"),
    integer(
        "month_end",
        "",
        "first month without capacity; chip orders: last delivery as quoted; loans: last payment; "
        "letters, warrants, backstops: when they run out",
    ),
    integer("month_ended", "", "when it really ended, or talks did"),
    integer("month_amended", "", "compute: month of the last amendment"),
    flag("binding", "false for what was not signed, and for letters"),
    flag("exclusive", "as signed: the lab may buy the workload from this cloud alone"),
    flag("first_refusal", "the cloud may match what a rival agrees with the lab"),
    flag("renewal", "signed with a cloud it had a contract with, as one was running out"),
    number(
        "h100e",
        "H100e",
        "at full ramp; chip orders: blended; what a buyer orders of a maker within three months "
        "is one order while none of it has shipped",
    ),
    number("units", "units", "chips delivered on the order so far"),
    number(
        "mw",
        "MW",
        "at full ramp, on the chips of the day of signing; 0 for contracts older than the run",
    ),
    number(
        "price_usd",
        "by kind",
        "compute: USD per H100e-hour; chip orders: USD per blended H100e when ordered; equity, "
        "letters: pre-money, USD; loans: rate per year; backstops: USD per H100e-hour; legs of a "
        "programme: USD a chip (design), USD per H100e-hour (hosting), rate per year (finance)",
    ),
    integer(
        "amount_usd",
        "USD",
        "compute: price over the term; chip orders: at the price when ordered; equity: raised, or "
        "sought if refused; loans: committed; letters: all tranches; warrants: worth at the "
        "grant; backstops: at most",
    ),
    integer("term_months", "months", "length"),
    number("prepaid_share", "share", "of the whole price"),
    number(
        "take_or_pay_share",
        "share",
        "of what is delivered, paid for whether used or not",
    ),
    number("termination_fee_share", "share", "of what remains to be paid"),
    integer(
        "delay_exit_months",
        "months",
        "short in a row, after which the lab may leave for nothing; 0: never",
    ),
    integer(
        "price_review_months",
        "months",
        "between reviews at which either side may ask for the market price; 0: none",
    ),
    number(
        "buyer_reservation_usd",
        "as price",
        "most the buyer would pay: on the item signed, else on the item with the widest zone; "
        "equity: pre-money",
    ),
    number("seller_reservation_usd", "as price", "least the seller would take"),
    number("gap_usd", "as price", "buyer's less seller's reservation; below 0 there is no zone"),
    integer("rounds", "rounds", "of offers played"),
    text("reason", "why it ended or did not come about"),
    number("converted_share", "share", "of a letter's money paid so far"),
)
