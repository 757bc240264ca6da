"""What several files of tests use: result tables without the model, scenarios, a Dask cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from computemarket import cli
from computemarket.market.columns import TABLES
from computemarket.scenario import ScenarioError, load_scenario
from computemarket.scenarios.schema import Chipmaker, Cloud, Investor, Lab, Scenario

# How long an example takes depends on what else the machine does: timings are for benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Rows = Iterable[dict[str, Any]]
BLANK = {"int": 0, "float": 0.0, "str": "", "bool": False}
DTYPE = {"int": "int64", "float": "float64", "str": "object", "bool": "bool"}

LABS = {"OpenAI": 8e9, "Anthropic": 6e9, "xAI": 1.5e9, "Mistral": 0.45e9, "Cohere": 0.35e9}
CLOUDS = {"Azure": 9e10, "AWS": 8e10, "CoreWeave": 1e9, "Lambda": 0.2e9, "Nebius": 2.5e9}
CHIPS = {"H100": ("Nvidia", 0, 3.3e4), "B200": ("Nvidia", 13, 5.4e4), "MI300X": ("AMD", 0, 2e4)}
NEOCLOUDS = ("CoreWeave", "Lambda", "Nebius")
STUDY = """
title = "A crash of <b>sentiment</b>"
scenario = "duopoly"
replications = 2
months = true
[[variants]]
name = "crash"
set = { "world.sentiment.shock" = -2 }
[[variants]]
name = "broken"
set = { "world.demand.consumer.growth_per_year" = 1e4 }
"""


def frame(table: str, rows: Rows) -> pd.DataFrame:
    """The named table with these rows; what a row leaves out is zero or empty."""
    listed = [{name: BLANK[kind] for name, kind in TABLES[table]} | row for row in rows]
    typed = {name: DTYPE[kind] for name, kind in TABLES[table]}
    if any(row[name] is None for row in listed for name in ("month_signed",) if name in row):
        typed |= dict.fromkeys([n for n in typed if n.startswith("month_")], "float64")
    return pd.DataFrame(listed, columns=list(typed)).astype(typed)


def date(month: int) -> str:
    return f"{2024 + month // 12}-{month % 12 + 1:02d}"


def event(month: int, kind: str, firm: str, **rest: Any) -> dict[str, Any]:
    """A row of `events`; what is no column goes into the details."""
    row: dict[str, Any] = {"month": month, "date": date(month), "kind": kind, "firm": firm}
    columns = {"counterparty", "amount_usd", "text"}
    details = {name.rstrip("_"): value for name, value in rest.items() if name not in columns}
    row |= {name: value for name, value in rest.items() if name in columns}
    return row | {"details": json.dumps(details)}


def tables_of(months: int | Rows = 1, **rows: Rows) -> dict[str, pd.DataFrame]:
    """All six tables: the rows given, and blank months where none are."""
    blank = (
        ({"month": m, "date": date(m)} for m in range(months))
        if isinstance(months, int)
        else months
    )
    given: dict[str, Rows] = {"months": blank, **rows}
    return {table: frame(table, given.get(table, ())) for table in TABLES}


def small_scenario(labs: Iterable[str] = LABS, clouds: Iterable[str] = CLOUDS) -> Scenario:
    """Names, roles and kinds are all that the analysis asks of a scenario."""
    return Scenario(
        name="made-up",
        labs=tuple(Lab(name=name) for name in labs),
        clouds=tuple(
            Cloud(name=name, kind="neocloud" if name in NEOCLOUDS else "hyperscaler")
            for name in clouds
        ),
        chipmakers=(Chipmaker(name="Nvidia"), Chipmaker(name="AMD")),
        investors=(Investor(name="Sand Hill", kind="venture"),),
    )


def _firms(rng: np.random.Generator, months: int) -> Rows:
    for role, kinds, cash in (
        ("lab", dict.fromkeys(LABS, "independent"), LABS),
        ("cloud", {n: "neocloud" if n in NEOCLOUDS else "hyperscaler" for n in CLOUDS}, CLOUDS),
    ):
        for name, opening in cash.items():
            money = opening
            for month in range(months):
                burn = opening * 0.07 * 1.04**month * (0.6 + rng.random())
                money += (opening * 1.04**month * (8 + 4 * rng.random())) * (rng.random() < 0.08)
                dead = name == "Cohere" and month >= 50
                arrears = max(0, int(burn - money)) if not dead else 0
                money = 0.0 if dead else max(0.0, money - burn)
                runway = money / burn if rng.random() < 0.9 else 999.0
                yield {
                    "month": month, "date": date(month), "firm": name, "role": role,
                    "kind": kinds[name], "status": "DEFAULTED" if dead else "HEALTHY",
                    "cash_usd": int(money), "runway_months": 0.0 if dead else runway,
                    "arrears_usd": arrears, "arr_usd": int(opening * 1.05**month),
                    "burn_usd": int(burn), "main_supplier": "Azure",
                }  # fmt: skip


def _contracts(rng: np.random.Generator, months: int) -> Rows:
    for lab in LABS:
        for number, month in enumerate(range(-2, months, 5)):
            cloud = str(rng.choice(list(CLOUDS)))
            yield {
                "contract_id": f"{lab}>{cloud}/{date(max(month, 0))}/inference/{number}",
                "kind": "compute", "buyer": lab, "seller": cloud, "status": "ENDED",
                "outcome": "SIGNED", "workload": "inference", "binding": True,
                "month_opened": month, "month_signed": month, "month_start": month + 1,
                "month_end": month + 25, "month_ended": min(month + 25, months + 12),
                "h100e": 900.0 * 1.06 ** max(month, 0), "mw": 1.6 * 1.06 ** max(month, 0),
                "price_usd": 4 * 0.96 ** max(month, 0) * rng.uniform(0.7, 1.3), "term_months": 24,
            }  # fmt: skip


def _events(rng: np.random.Generator, months: int) -> Rows:
    for month in range(months):
        for lab, cash in LABS.items():
            cloud, draw = str(rng.choice(list(CLOUDS))), rng.random()
            if draw < 0.2:
                yield event(month, "offer_refused", lab, counterparty=cloud, outcome="NO_ZONE",
                            workload="training", h100e=5000.0, buyer_reservation_usd=2.1,
                            seller_reservation_usd=2.6, gap_usd=0.5, rounds=3)  # fmt: skip
            elif draw < 0.3:
                yield event(month, "contract_signed", lab, counterparty=cloud, h100e=8000.0,
                            workload="inference", price_usd=2.2, term_months=36, prepaid_share=0.2,
                            take_or_pay_share=0.8, termination_fee_share=0.4, rounds=4,
                            amount_usd=int(4e8 * 1.05**month))  # fmt: skip
            elif draw < 0.33:
                yield event(month, "switch", lab, counterparty=cloud, from_="Azure", to=cloud,
                            month_from=max(0, month - 2), workload="overall", reason="price",
                            forced=False)  # fmt: skip
            elif draw < 0.37:
                yield event(
                    month,
                    "round_closed",
                    lab,
                    counterparty="Sand Hill",
                    amount_usd=int(cash * 1.04**month),
                    pre_money_usd=10 * cash,
                    post_money_usd=11 * cash,
                    dilution=0.09,
                    bids=3,
                    tranches=1,
                )
        if month == 50:
            yield event(month, "default", "Cohere", amount_usd=200_000_000)


def _months(rng: np.random.Generator, months: int) -> Rows:
    mood = np.cumsum(rng.normal(0, 0.2, months)) * 0.5
    for month in range(months):
        fall, grow = 0.96**month, 1.055**month
        spot = 5.4 * fall * float(np.exp(0.15 * np.sin(month / 4)))
        money = {
            name: int(share * grow * 1e9 * (1 + rng.random()))
            for name, share in (
                ("lab_revenue_usd", 0.2), ("cloud_revenue_usd", 3), ("chip_revenue_usd", 6),
                ("capex_usd", 10), ("ai_capex_hyperscalers_usd", 8), ("equity_raised_usd", 0.6),
                ("strategic_equity_usd", 0.2), ("loans_drawn_usd", 0.3),
                ("parent_funding_usd", 0.2),
            )
        }  # fmt: skip
        yield {
            "month": month, "date": date(month), "spot_price_usd_per_h100e_hour": spot,
            "spot_training_price_usd_per_h100e_hour": spot * 0.9,
            "spot_inference_price_usd_per_h100e_hour": spot * 1.1,
            "contract_price_usd_per_h100e_hour": 4.1 * 0.96 ** (month // 3 * 3),
            "list_price_usd_per_h100e_hour": 9.8 * 0.6 ** (month // 14),
            "installed_mw": 3e3 * grow, "contracted_mw": 1e3 * grow, "sold_mw": 2.6e3 * grow,
            "installed_training_h100e": 1e6 * grow**1.4,
            "installed_inference_h100e": 1e6 * grow**1.5,
            "contracted_training_h100e": 3e5 * grow**1.4,
            "contracted_inference_h100e": 2e5 * grow**1.5,
            "required_inference_h100e": 1.8e5 * grow**1.5, "promised_mw": 50 * grow,
            "delivered_mw": 40 * grow, "utilisation": 0.93 + 0.04 * np.sin(month / 5),
            "unmet_demand_share": max(0.0, 0.05 * np.sin(month / 7)),
            "demand_service_units": 2.2e8 * grow, "sentiment": float(mood[month]),
            "base_rate_per_year": 0.05, "hhi_labs": 0.5, "hhi_clouds": 0.2, "hhi_chips": 0.6,
        } | money  # fmt: skip


def _prices(months: int) -> Rows:
    for name, (maker, launch, price) in CHIPS.items():
        for month in range(launch, months):
            yield {"month": month, "market": "chip", "generation": name, "provider": maker,
                   "price_usd": price * 0.996 ** (month - launch), "volume": 1e4}  # fmt: skip


def _flows(rng: np.random.Generator, months: int) -> Rows:
    for month in range(months):
        for lab, cash in LABS.items():
            for payer, payee, purpose, share in (
                ("world", lab, "services", 0.05), (lab, "Azure", "compute", 0.06),
                (lab, "CoreWeave", "spot_compute", 0.01), (lab, "world", "staff", 0.02),
            ):  # fmt: skip
                amount = int(cash * share * 1.04**month * (0.5 + rng.random()))
                yield {"month": month, "payer": payer, "payee": payee, "purpose": purpose,
                       "amount_usd": amount}  # fmt: skip
            if month % 18 == 3:
                yield {"month": month, "payer": "Sand Hill", "payee": lab, "purpose": "equity",
                       "amount_usd": int(cash)}  # fmt: skip


def made_up(months: int = 72, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Six tables that look like a run of the given length."""
    rng = np.random.default_rng(seed)
    return tables_of(
        months=_months(rng, months), firms=_firms(rng, months), prices=_prices(months),
        contracts=_contracts(rng, months), events=_events(rng, months), flows=_flows(rng, months),
    )  # fmt: skip


@pytest.fixture(scope="session")
def run_tables() -> dict[str, pd.DataFrame]:
    """A made-up run of 72 months; treat as read-only."""
    return made_up()


@pytest.fixture(scope="session")
def made_up_scenario() -> Scenario:
    """The scenario of `run_tables`."""
    return small_scenario()


@pytest.fixture(scope="session")
def build() -> Callable[..., dict[str, pd.DataFrame]]:
    """Hand-written tables: `build(months=3, firms=[{...}], events=[row(...)])`."""
    return tables_of


@pytest.fixture(scope="session")
def row() -> Callable[..., dict[str, Any]]:
    """A row of `events`: `row(month, kind, firm, counterparty=..., detail=...)`."""
    return event


@pytest.fixture(scope="session")
def report_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of a run and of a study, of which some runs fail: by kind, the file."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "crash.toml").write_text(STUDY, encoding="utf-8")
    run, study = str(folder / "run"), str(folder / "study")
    quiet = ["--no-plots", "--quiet"]
    assert cli.call(["run", "duopoly", "--seed", "3", "--out", run, *quiet]) == 0
    asked = ["sweep", str(folder / "crash.toml"), "--out", study, "--workers", "1"]
    assert cli.call([*asked, *quiet]) == cli.RUNS_FAILED
    assert [cli.call(["report", place]) for place in (run, study)] == [0, 0]
    return {place.name: place / "report.html" for place in map(Path, (run, study))}


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """A Dask cluster with two workers on this machine; it keeps them busy while it is there."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


@pytest.fixture(scope="session")
def duopoly() -> Scenario:
    """The small scenario that is shipped."""
    return load_scenario("duopoly")


@pytest.fixture(scope="session")
def refusal() -> Callable[..., str]:
    """The one line with which a call refuses a scenario: `refusal(call, *args)`."""

    def _refusal(call: Callable[..., Any], *args: Any) -> str:
        with pytest.raises(ScenarioError) as caught:
            call(*args)
        message = str(caught.value)
        assert "\n" not in message
        return message

    return _refusal
