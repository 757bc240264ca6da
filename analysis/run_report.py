"""The report of one run: what happened to cash, suppliers and prices, and what made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from .figures.run import FIGURES
from .figures.runways import real_and_paper_runway
from .firm_outcomes import firm_outcomes, switches
from .outcomes import CONTRACT, SPOT
from .report import Page, PageFigure, page_figures, page_tables
from .runways import takers
from .summary import closing_summary
from .tables import Tables, records
from .wording import listed, price, usd

if TYPE_CHECKING:
    from ..scenario import Scenario

CAPTIONS: Final[Mapping[str, str]] = {
    "cash_and_runway": "Cash of the firms that can run out of it, and their runway.",
    "compute_prices": "Rental and contract prices of compute; a dot is a contract signed.",
    "chip_prices": "Price of a chip by maker and generation.",
    "capacity_and_demand": "Power, inference compute, demand, and how much of capacity is used.",
    "supplier_shares": "Whom each lab has its compute from; triangles mark a new main supplier.",
    "funding_and_sentiment": "Money raised by kind, valuations at rounds, and investors' mood.",
    "vendor_finance": "Sellers' revenue, organic and paid with money that they had given their "
    "customers, and how much of it comes from the largest customer.",
}
_METHOD: Final = (
    "One run of an agent-based model: labs, clouds, chipmakers and investors negotiate compute, "
    "chips, loans and equity month by month, and every dollar is booked twice. It is one history "
    "of many: another seed gives another. How probable things are, a study of many runs tells.",
    "Out of cash is the first month in which some due could not be paid in full, rescued or not; "
    "default is failure after a cure month. The main supplier of a lab is the group that delivers "
    "the most compute under contract; a switch counts in the third month in a row with another.",
)


def run_page(tables: Tables, scenario: Scenario, manifest: Mapping[str, Any]) -> Page:
    """The page of a run, from its tables, its scenario as resolved and its manifest."""
    months = tables["months"]
    first, last = months["date"].iloc[0], months["date"].iloc[-1]
    title = scenario.title or scenario.name
    seed = manifest["seed"]
    command = f"computemarket run {scenario.name} --seed {seed} --months {len(months)}"
    return Page(
        title,
        f"One run of {scenario.name}, {first} to {last}, seed {seed}.",
        list(_answers(tables, scenario)),
        _figures(tables),
        page_tables(closing_summary(tables, scenario)),
        _METHOD,
        {
            "Scenario": f"{scenario.name} (hash {manifest['scenario_hash']})",
            "Seed": seed,
            "Months": len(months),
            "Books": f"ledger check: {manifest['ledger']}",
            "Versions": ", ".join(f"{k} {v}" for k, v in manifest["versions"].items()),
            "Note": "scenario.toml in the folder of the run is the scenario with every default and "
            "override written out: run it in place of the name to have the same tables.",
        },
        command,
    )


def _figures(tables: Tables) -> list[PageFigure]:
    """Those of every run, and both runways of each firm that held a letter of intent."""
    figures = {name: draw(tables) for name, draw in FIGURES.items()}
    captions = dict(CAPTIONS)
    for firm in takers(tables):
        figures[firm] = real_and_paper_runway(tables, firm)
        captions[firm] = f"Runway of {firm}, and what it would be if letters of intent were cash."
    return page_figures(figures, captions)


def _answers(tables: Tables, scenario: Scenario) -> Iterator[str]:
    dates = dict(zip(tables["months"]["month"], tables["months"]["date"], strict=True))
    firms = firm_outcomes(tables, scenario)
    short = firms[firms["out_of_cash_month"].notna()].sort_values("out_of_cash_month")
    if short.empty:
        yield "No firm ran out of cash."
    else:
        named = [_failure(row, dates) for row in records(short)]
        yield f"Ran out of cash: {listed(named)}."
    turns = switches(tables)
    if turns.empty:
        yield "No lab changed its main supplier."
    else:
        count = turns["lab"].nunique()
        yield (
            f"{count} lab{'s'[: count > 1]} changed main supplier, {len(turns)} times in all: "
            f"{listed(f'{lab} {n}x' for lab, n in turns['lab'].value_counts(sort=False).items())}."
        )
    months = tables["months"]
    start, end = months.iloc[0], months.iloc[-1]
    yield (
        f"Spot went from {price(start[SPOT])} to {price(end[SPOT])} an H100e-hour "
        f"(lowest {price(months[SPOT].min())}, highest {price(months[SPOT].max())}), contracts "
        f"from {price(start[CONTRACT])} to {price(end[CONTRACT])}."
    )
    yield (
        f"Labs earned {usd(float(months['lab_revenue_usd'].sum()))} in all, equity of "
        f"{usd(float(months['equity_raised_usd'].sum()))} was raised, and "
        f"{usd(float(months['capex_usd'].sum()))} was invested in plant."
    )


def _failure(firm: Mapping[str, Any], dates: Mapping[int, str]) -> str:
    """`CoreWeave (2028-05, default 2028-06)`."""
    when = dates[int(firm["out_of_cash_month"])]
    failed = firm["default_month"]
    default = "" if pd.isna(failed) else f", default {dates[int(failed)]}"
    return f"{firm['firm']} ({when}{default})"
