"""The closing summary of a run: cash, switching, prices, and the five events that mattered most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from rich import box
from rich.console import RenderableType
from rich.table import Table

from .outcomes import CONTRACT, SPOT, firm_outcomes, switches
from .tables import Tables, parse_details, records
from .wording import number, price, usd

if TYPE_CHECKING:
    from ..scenario import Scenario

MOST_ROWS: Final = 10
FULL_RUNWAY: Final = 999.0  # stands for "no outflow"
LIST: Final = "list_price_usd_per_h100e_hour"

# Weight of the largest event of a kind. Smaller ones of the kind count down to half of it by size,
# and each further one of the kind counts `REPEAT` times the one before, so that five defaults do
# not hide the round that mattered.
IMPORTANCE: Final = {
    "default": 100.0,
    "agi_declared": 90.0,
    "liquidation": 70.0,
    "rescue": 65.0,
    "restructured": 65.0,
    "firm_sold": 65.0,
    "round_closed": 60.0,
    "programme_signed": 55.0,
    "programme_lapsed": 55.0,
    "alliance_ended": 55.0,
    "letter_lapsed": 55.0,
    "letter_signed": 50.0,
    "waiver_signed": 50.0,
    "governance_shock": 45.0,
    "switch": 45.0,
    "contract_signed": 40.0,
    "intervention": 35.0,
    "bridge_signed": 30.0,
    "slip": 25.0,
}
REPEAT: Final = 0.6
H100E_PER_MW: Final = 600.0  # to rank slips of chips against slips of power


def closing_summary(tables: Tables, scenario: Scenario) -> list[RenderableType]:
    """Three short tables and the five most important events, to print one after the other."""
    firms = firm_outcomes(tables, scenario)
    return [
        cash_table(tables, firms),
        switching_table(tables, firms),
        price_table(tables),
        event_list(tables),
    ]


def cash_table(tables: Tables, firms: pd.DataFrame) -> Table:
    """Who ran out of cash: labs without a parent and neoclouds, the worst first."""
    date = _dates(tables)
    rows = firms[firms["took_part"] & firms["kind"].isin(("independent", "neocloud"))]
    states = tables["firms"].sort_values("month")
    failed = rows.set_index("firm")["default_month"]
    limit = states["firm"].map(failed).astype(float).fillna(np.inf)
    lowest = states[states["month"] <= limit].groupby("firm")["runway_months"].min()
    final = states.groupby("firm")["cash_usd"].last()
    rows = rows.assign(lowest=rows["firm"].map(lowest), final=rows["firm"].map(final))
    rows = rows.sort_values(
        ["default_month", "out_of_cash_month", "lowest", "firm"], na_position="last"
    )
    table = plain_table(
        "Cash", "Firm", "First unpaid due", "Default", "Lowest runway", "Cash at the end"
    )
    for row in records(rows.head(MOST_ROWS)):
        table.add_row(
            str(row["firm"]),
            _date(date, row["out_of_cash_month"]),
            _date(date, row["default_month"]),
            _runway(row["lowest"]),
            usd(row["final"]),
        )
    table.caption = note(more(len(rows) - MOST_ROWS, "firm", "firms"))
    return table


def switching_table(tables: Tables, firms: pd.DataFrame) -> Table:
    """The latest changes of main supplier of each lab, as many as fit; the others are named below.

    The last new supplier of a lab is its main supplier at the end.
    """
    date = _dates(tables)
    labs = firms[firms["took_part"] & (firms["role"] == "lab")].sort_values("firm")
    turns = switches(tables).sort_values(["lab", "month"], kind="stable")
    counts = turns["lab"].value_counts().to_dict()
    latest = turns.groupby("lab").tail(max(1, MOST_ROWS // max(1, len(counts))))
    columns = ("Lab", "Switches", "The latest", "From", "To", "Reason")
    table = plain_table("Main suppliers", *columns)
    shown = ""
    for turn in records(latest.head(MOST_ROWS)):
        lab = turn["lab"]
        reason = f"{turn['reason']}, forced" if turn["forced"] else turn["reason"]
        first = ("", "") if lab == shown else (lab, str(counts[lab]))
        table.add_row(*first, _date(date, turn["month_from"]), turn["from"], turn["to"], reason)
        shown = lab
    stayed = [
        f"{lab} ({supplier})" if supplier else str(lab)
        for lab, supplier in zip(labs["firm"], labs["last_main_supplier"], strict=True)
        if lab not in counts
    ]
    notes = [more(len(counts) - latest.head(MOST_ROWS)["lab"].nunique(), "lab", "labs")]
    notes += [f"No switch: {', '.join(stayed)}" if stayed else ""]
    table.caption = note("; ".join(filter(None, notes)))
    return table


def price_table(tables: Tables) -> Table:
    """Spot, contract and list price in the first month and at the end of each year."""
    months = tables["months"].sort_values("month")
    ends = months[~months["date"].str[:4].duplicated(keep="last")]
    table = plain_table(
        "Prices, USD per H100e-hour", "Month", "Spot", "Contract", "List", numbers=3
    )
    for row in records(pd.concat([months.head(1), ends]).drop_duplicates("month")):
        table.add_row(row["date"], *(_price(row[column]) for column in (SPOT, CONTRACT, LIST)))
    return table


def event_list(tables: Tables, count: int = 5) -> Table:
    """The most important events (`IMPORTANCE`), told in order of time."""
    chosen = important_events(tables["events"], count)
    table = Table.grid("Month", "Event", padding=(0, 2))
    table.title, table.title_style, table.title_justify = "Most important events", "bold", "left"
    for event in records(chosen):
        table.add_row(f" {event['date']}", event_words(event))
    if chosen.empty:
        table.add_row(" none", "")
    table.add_row()
    return table


def event_words(event: Mapping[str, Any]) -> str:
    """An event in a few words, without a full stop."""
    kind = event["kind"].replace("_", " ")
    words = event["text"] or f"{event['firm']}: {kind}, {usd(event['amount_usd'])}"
    return str(words).rstrip(". ")


def important_events(events: pd.DataFrame, count: int) -> pd.DataFrame:
    """The events with the highest score, first to last month."""
    known = events[events["kind"].isin(list(IMPORTANCE))]
    details = [parse_details(entry) for entry in known["details"]]
    keep = [entry.get("workload", "overall") == "overall" for entry in details]
    whole = (known["kind"] != "switch") | np.array(keep, dtype=bool)
    size = [
        float(amount)
        or (number(entry, "mw") or 0.0) + (number(entry, "h100e") or 0.0) / H100E_PER_MW
        for amount, entry in zip(known["amount_usd"], details, strict=True)
    ]
    ranked = known.assign(size=size)[whole].sort_values(
        ["kind", "size", "month", "firm"], ascending=[True, False, True, True]
    )
    largest = ranked.groupby("kind")["size"].transform("max").clip(lower=1e-9)
    weight = ranked["kind"].map(IMPORTANCE) * (0.5 + 0.5 * ranked["size"] / largest)
    score = weight * REPEAT ** ranked.groupby("kind").cumcount()
    best = score.sort_values(ascending=False, kind="stable").index[:count]
    return events.loc[best].sort_index().sort_values("month", kind="stable")


def plain_table(title: str, *columns: str, numbers: int = 0) -> Table:
    """A plain table; the last `numbers` columns are flush right."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        pad_edge=False, caption_justify="left",
    )  # fmt: skip
    for place, name in enumerate(columns):
        right = place >= len(columns) - numbers
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def _dates(tables: Tables) -> dict[int, str]:
    return dict(zip(tables["months"]["month"], tables["months"]["date"], strict=True))


def _date(dates: dict[int, str], month: Any) -> str:
    return "-" if pd.isna(month) else dates.get(int(month), "-")


def _runway(months: float) -> str:
    if np.isnan(months):
        return "-"
    return "no net outflow" if months >= FULL_RUNWAY else f"{months:.1f} months"


def _price(value: float) -> str:
    return "-" if np.isnan(value) else price(value)


def note(text: str) -> str | None:
    """A caption with the blank line that tables otherwise end with."""
    return f"{text}\n" if text else None


def more(count: int, one: str, many: str) -> str:
    """`And 3 more firms`; empty for none."""
    return f"And {count} more {one if count == 1 else many}" if count > 0 else ""
