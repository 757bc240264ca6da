"""The closing summary: who is named, in which order, and that it fits a terminal of 80 columns."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from computemarket.analysis.summary import closing_summary, important_events
from computemarket.scenarios.schema import Cloud, Lab, Scenario

SCENARIO = Scenario(
    labs=(Lab(name="Ada"), Lab(name="Bob"), Lab(name="In", kind="internal")),
    clouds=(Cloud(name="Neo"), Cloud(name="Hyper", kind="hyperscaler")),
)
COLUMNS = 80


def printed(parts: list) -> str:
    console = Console(width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def firm(month: int, name: str, **values: object) -> dict:
    return {"month": month, "firm": name, "runway_months": 999.0, "cash_usd": 5_000_000} | values


@pytest.fixture
def tables(build, row):
    return build(
        months=[
            {"month": m, "date": date, "spot_price_usd_per_h100e_hour": 5.0 - m}
            | {"contract_price_usd_per_h100e_hour": float("nan") if m == 0 else 2.0}
            for m, date in enumerate(("2024-11", "2024-12", "2025-01"))
        ],
        firms=[
            firm(0, "Ada", main_supplier="Hyper"),
            firm(1, "Ada", main_supplier="Neo", runway_months=0.4, arrears_usd=7),
            firm(2, "Ada", main_supplier="Neo", runway_months=-5.0, cash_usd=0),
            firm(0, "Bob", main_supplier="Neo", runway_months=14.04),
            firm(0, "In"),
            firm(0, "Neo"),
            firm(0, "Hyper"),
        ],
        events=[
            row(1, "switch", "Ada", counterparty="Neo", from_="Hyper", to="Neo", month_from=0,
                workload="overall", reason="capacity", forced=True),
            row(1, "default", "Ada", text="Ada defaults: dues unpaid.", amount_usd=7),
        ],
    )  # fmt: skip


def lines_with(text: str, word: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if word in line]


def test_cash_names_the_worst_first(tables):
    text = printed(closing_summary(tables, SCENARIO)[:1])
    order = [line.split()[0] for line in text.splitlines()[4:] if line.strip()]
    assert order == ["Ada", "Bob", "Neo"]  # neither the internal lab nor the hyperscaler
    assert lines_with(text, "Ada") == [["Ada", "2024-12", "2024-12", "0.4", "months", "$0"]]
    assert lines_with(text, "Bob") == [["Bob", "-", "-", "14.0", "months", "$5M"]]
    assert "no net outflow" in text


def test_switching_tells_from_to_month_and_reason(tables):
    text = printed(closing_summary(tables, SCENARIO)[1:2])
    [line] = lines_with(text, "Ada")
    assert line == ["Ada", "1", "2024-11", "Hyper", "Neo", "capacity,", "forced"]
    assert "No switch: Bob (Neo), In" in text


def test_switching_shows_the_latest_of_each_lab(build, row):
    def moved(month: int, lab: str, to: str) -> dict:
        return row(month, "switch", lab, workload="overall", from_="X", to=to, month_from=month)

    tables = build(
        months=9,
        firms=[firm(0, "Ada"), firm(0, "Bob")],
        events=[*[moved(m, "Ada", f"S{m}") for m in range(8)], moved(3, "Bob", "T")],
    )
    text = printed(closing_summary(tables, SCENARIO)[1:2])
    assert lines_with(text, "Ada") == [["Ada", "8", "2024-04", "X", "S3"]]
    assert [word in text for word in ("S2", "S3", "S7", "T")] == [False, True, True, True]


def test_prices_at_the_start_and_at_year_ends(tables):
    text = printed(closing_summary(tables, SCENARIO)[2:3])
    assert lines_with(text, "2024-11") == [["2024-11", "$5.00", "-", "$0.00"]]
    assert lines_with(text, "2024-12") == [["2024-12", "$4.00", "$2.00", "$0.00"]]
    assert len(lines_with(text, "2025-01")) == 1


def test_events_are_told_in_order_of_time(build, row):
    events = build(
        events=[
            row(9, "default", "Z", amount_usd=1),
            *[row(m, "round_closed", f"R{m}", amount_usd=10**9 * m) for m in range(1, 6)],
            row(3, "switch", "S", workload="training"),
            row(4, "switch", "S", workload="overall"),
            row(2, "slip", "C", mw=500.0),
            row(2, "slip", "D", h100e=3000.0),
            row(1, "list_price_cut", "C"),
        ]
    )["events"]
    chosen = important_events(events, 5)
    kinds = list(zip(chosen["kind"], chosen["firm"], strict=True))
    assert kinds == [
        ("slip", "C"),
        ("round_closed", "R4"),
        ("switch", "S"),
        ("round_closed", "R5"),
        ("default", "Z"),
    ]
    assert "training" not in set(chosen["details"].str.extract(r'"workload": "(\w+)"')[0])


@pytest.mark.parametrize(
    "kind",
    ["programme_signed", "programme_lapsed", "letter_signed", "letter_lapsed", "agi_declared",
     "waiver_signed", "alliance_ended", "governance_shock"],
)  # fmt: skip
def test_what_a_situation_is_about_is_told(build, row, kind):
    """A deal that a situation turns on is told among rounds, contracts, switches and defaults."""
    crowd = [
        row(month, other, f"F{month}", amount_usd=10**9 * month)
        for other in ("default", "round_closed", "contract_signed", "switch", "slip")
        for month in range(1, 6)
    ]
    events = build(events=[*crowd, row(7, kind, "Lab", amount_usd=1)])["events"]
    assert kind in set(important_events(events, 5)["kind"])


def test_a_full_run_fits_80_columns(run_tables, made_up_scenario):
    text = printed(closing_summary(run_tables, made_up_scenario))
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "…" not in text
    for title in ("Cash", "Main suppliers", "Prices", "Most important events"):
        assert title in text
    assert len(text.splitlines()) < 60


def test_at_most_ten_rows_a_table(build, row):
    labs = [f"Lab number {n}" for n in range(30)]
    scenario = Scenario(labs=tuple(Lab(name=name) for name in labs))
    moved = {"workload": "overall", "from_": "A", "to": "B", "reason": "price", "month_from": 0}
    tables = build(
        firms=[firm(0, name) for name in labs],
        events=[row(0, "switch", name, **moved) for name in labs],
    )
    text = printed(closing_summary(tables, scenario))
    assert "And 20 more firms" in text
    assert "And 20 more labs" in text


def test_a_run_in_which_nothing_happened(build):
    text = printed(closing_summary(build(months=1), Scenario()))
    assert "none" in text


def test_fast_enough_for_every_run(run_tables, made_up_scenario):
    closing_summary(run_tables, made_up_scenario)
    before = time.process_time()
    closing_summary(run_tables, made_up_scenario)
    assert time.process_time() - before < 0.5
