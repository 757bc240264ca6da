"""What is true of every run: books, capacity, the dead; and what a run depends on, and what not."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from computemarket import ComputeMarket
from computemarket.market.columns import TABLES
from computemarket.market.ledger import LedgerError
from computemarket.scenario import Scenario, from_toml, load_scenario, override, synthetic

_draw = random.Random(2024)
WORLDS = [(_draw.randint(4, 24), _draw.getrandbits(40)) for _ in range(200)]
CHUNK = 20


def tables(model: ComputeMarket) -> dict[str, pd.DataFrame]:
    return {name: getattr(model, name) for name in TABLES}


def assert_same(one: ComputeMarket, other: ComputeMarket) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


# -- every run ------------------------------------------------------------------------------------


def cash_changes(flows: pd.DataFrame, cash: pd.DataFrame) -> pd.DataFrame:
    """Cash that came in less what went out, by month and firm, as the flows table has it."""
    signed = pd.concat(
        [
            pd.DataFrame(
                {"month": flows.month, "firm": flows[side], "usd": sign * flows.amount_usd}
            )
            for side, sign in (("payee", 1), ("payer", -1))
        ]
    )
    wide = signed.pivot_table(index="month", columns="firm", values="usd", aggfunc="sum")
    return wide.reindex(index=cash.index, columns=cash.columns).fillna(0)


def check_run(model: ComputeMarket) -> int:
    """Look at a finished run from outside; returns the number of defaults."""
    months, firms, flows, events = model.months, model.firms, model.flows, model.events
    assert len(months) == model.horizon
    assert model.manifest()["ledger"] == "ok"
    # money
    cash = firms.pivot_table(index="month", columns="firm", values="cash_usd")
    assert (firms.cash_usd >= 0).all()
    assert (cash.diff().iloc[1:] == cash_changes(flows, cash).iloc[1:]).all(axis=None)
    for firm in model.economy.firms():
        holders = firm.cap_table.holders
        assert sum(holders.values()) == firm.cap_table.total
        assert min(holders.values()) >= 0
    # capacity
    assert (months.sold_mw <= months.installed_mw * (1 + 1e-9)).all()
    clouds = firms[firms.role == "cloud"]
    assert clouds.utilisation.max() <= 1 + 1e-9
    for workload in ("training", "inference"):
        sold = clouds[f"contracted_{workload}_h100e"]
        assert (sold <= clouds[f"{workload}_h100e"] * (1 + 1e-9)).all()
    chips = model.prices[model.prices.market == "chip"]
    throughput = {chip.name: chip.h100e for chip in model.rules.chips}
    shipped = (chips.volume * chips.generation.map(throughput)).groupby(chips.provider).sum()
    for maker in model.economy.chipmakers.values():
        assert shipped.get(maker.name, 0.0) == pytest.approx(maker.delivered_h100e)
        assert maker.delivered_h100e <= maker.made_h100e * (1 + 1e-9)
    # the dead
    ended = events[events.kind == "default"]
    defaults = dict(zip(ended.firm, ended.month, strict=True))
    assert len(defaults) == len(ended) == months.defaults_so_far.iloc[-1]

    def late(rows: pd.DataFrame, party: str) -> pd.Series:
        """By row: how many months after its default the party acts."""
        return rows.month - rows[party].map(defaults).astype(float).fillna(len(months))

    assert ((late(firms, "firm") >= 0) == (firms.status == "DEFAULTED")).all()
    dead = firms[firms.status == "DEFAULTED"]
    assert (dead.cash_usd == 0).all()
    assert (dead.debt_usd == 0).all()
    assert dead[["mw", "training_h100e", "inference_h100e"]].fillna(0).eq(0).all(axis=None)
    assert (late(flows, "payer") <= 0).all()
    assert (late(flows, "payee") <= 0).all()
    for kind in ("contract_signed", "round_closed", "loan_signed", "offer_refused"):
        news = events[events.kind == kind]
        # talks are broken off in the month that follows
        limit = 1 if kind == "offer_refused" else 0
        assert (late(news, "firm") <= limit).all()
        assert (late(news, "counterparty") <= limit).all()
    return len(defaults)


@pytest.mark.parametrize("first", range(0, len(WORLDS), CHUNK))
def test_two_hundred_random_worlds(first):
    defaults = signed = 0
    for number, (n, seed) in enumerate(WORLDS[first : first + CHUNK]):
        world = synthetic(n, seed, months=36)
        if number % 2:  # in every other world somebody fails for sure
            firm = world.firms[seed % n].name
            event = {"month": "2025-03", "kind": "kill", "firm": firm}
            world = override(world, {"interventions": [event]})
        model = ComputeMarket(world, seed=seed).run()
        defaults += check_run(model)
        signed += len(model.events[model.events.kind == "contract_signed"])
    assert defaults >= CHUNK // 2
    assert signed > CHUNK


@pytest.mark.parametrize("name", ["duopoly", "frontier_2024"])
def test_shipped_worlds(name):
    check_run(ComputeMarket(name, seed=3).run())


def _oversold(model: ComputeMarket) -> str:
    model.economy.clouds["Delta"].sold_mw = 1e9
    return "Delta has sold more megawatts than it has installed"


def _shipped_too_much(model: ComputeMarket) -> str:
    model.economy.chipmakers["Silica"].delivered_h100e = 1e12
    return "Silica has delivered more chips than were made"


def _lost_shares(model: ComputeMarket) -> str:
    model.economy.labs["Aurora"].cap_table.total += 1
    return "Aurora has a cap table that does not sum to one"


def _lost_cash(model: ComputeMarket) -> str:
    model.economy.market.ledger.books["Aurora"][0] -= 1
    return "Aurora: assets do not equal"


@pytest.mark.parametrize("tamper", [_oversold, _shipped_too_much, _lost_shares, _lost_cash])
def test_a_breach_stops_the_run(tamper, monkeypatch):
    """Invariants are looked at in every month of an ordinary run."""
    import computemarket.model as module

    model = ComputeMarket("duopoly", seed=1, months=6)
    model.step()
    found: list[str] = []
    rate = module.rate

    def rate_and_tamper(economy: Any) -> None:
        rate(economy)
        if model.month == 2:
            found.append(tamper(model))

    monkeypatch.setattr(module, "rate", rate_and_tamper)
    model.step()
    with pytest.raises(LedgerError) as error:
        model.step()
    assert str(error.value).startswith("month 2: ")
    assert found[0] in str(error.value)


def test_books_changed_behind_the_journal_are_found_at_the_end():
    model = ComputeMarket("duopoly", seed=1, months=3)
    model.step()
    for owner, usd in (("Aurora", 5), ("Summit", -5)):
        books = model.economy.market.ledger.books[owner]
        books[0] += usd
        books[11] -= usd
    model.step()
    with pytest.raises(LedgerError, match="Aurora: replaying the journal"):
        model.step()


def test_a_letter_of_intent_is_no_money():
    plain, hoping = (ComputeMarket("duopoly", seed=2) for _ in range(2))
    hoping.economy.labs["Borealis"].letters_usd = 5e9
    plain.run()
    hoping.run()
    same = ["prices", "events", "flows", "contracts"]
    for name in same:
        pd.testing.assert_frame_equal(getattr(plain, name), getattr(hoping, name))
    column = "runway_with_letters_months"
    one, other = plain.firms, hoping.firms
    pd.testing.assert_frame_equal(one.drop(columns=column), other.drop(columns=column))
    ours = (one.firm == "Borealis") & one.runway_months.between(0.1, 100)
    assert ours.any()
    assert (other[column] > one[column])[ours].all()
    assert (other[column] == one[column])[one.firm != "Borealis"].sum() > 0


# -- what a run does not depend on ----------------------------------------------------------------

LISTS = ("chips", "labs", "clouds", "chipmakers", "investors", "contracts", "loans", "stakes")


def relisted(scenario: Scenario, seed: int) -> Scenario:
    """The same scenario with every list in another order."""
    rng = random.Random(seed)

    def mixed(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(rng.sample(entries, len(entries)))

    lists = {name: mixed(getattr(scenario, name)) for name in LISTS}
    lists["clouds"] = tuple(
        cloud.model_copy(
            update={"fleet": mixed(cloud.fleet), "chip_preferences": mixed(cloud.chip_preferences)}
        )
        for cloud in lists["clouds"]
    )
    return scenario.model_copy(update=lists)


LIKE = """
extends = "duopoly"
[[loans]]
lender = "Granite Credit"
borrower = "Delta"
principal_usd = 3e8
rate_per_year = 0.08
months_left = 40
[[loans]]
lender = "Granite Credit"
borrower = "Delta"
principal_usd = 3e8
rate_per_year = 0.14
months_left = 40
"""


@pytest.mark.parametrize(
    "scenario",
    [
        load_scenario("duopoly"),
        from_toml(LIKE),  # alike but for the rate
        synthetic(24, 5),
        synthetic(40, 6),
        load_scenario("frontier_2024"),
    ],
    ids=["duopoly", "like loans", "synthetic 24", "synthetic 40", "frontier"],
)
def test_the_order_of_the_file_does_not_matter(scenario):
    base = ComputeMarket(scenario, seed=3).run()
    for order in range(2):
        other = relisted(scenario, order)
        assert other != scenario
        assert_same(base, ComputeMarket(other, seed=3).run())


def play(folder: Path, hash_seed: str, *arguments: str) -> dict[str, bytes]:
    """Run the command line in a process of its own; the tables as written."""
    command = [sys.executable, "-P", "-m", "computemarket", "run", *arguments]
    done = subprocess.run(
        [*command, "--no-plots", "--quiet", "--out", str(folder)],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


@pytest.mark.parametrize("arguments", [["duopoly"], ["frontier_2024", "--months", "12"]])
def test_same_seed_same_bytes_in_any_process(tmp_path, arguments):
    one = play(tmp_path / "one", "1", *arguments, "--seed", "1")
    other = play(tmp_path / "other", "2", *arguments, "--seed", "1")
    assert sorted(one) == sorted(f"{name}.parquet" for name in TABLES)
    assert one == other
    manifests = [
        json.loads((tmp_path / run / "manifest.json").read_text()) for run in ("one", "other")
    ]
    for manifest in manifests:
        del manifest["seconds"]
    assert manifests[0] == manifests[1]
    scenarios = [(tmp_path / run / "scenario.toml").read_bytes() for run in ("one", "other")]
    assert scenarios[0] == scenarios[1]


def test_another_seed_is_another_run():
    one, other = (ComputeMarket("duopoly", seed=seed, months=6).run() for seed in (1, 2))
    for name in ("months", "firms", "prices", "events", "flows"):
        assert not getattr(one, name).equals(getattr(other, name))


def test_two_models_in_one_process_do_not_touch():
    alone = [ComputeMarket("duopoly", seed=seed).run() for seed in (1, 2)]
    together = [ComputeMarket("duopoly", seed=seed) for seed in (1, 2)]
    other = ComputeMarket(synthetic(12, 1), seed=9)
    while together[0].running:
        for model in (*together, other):
            model.step()
    for one, two in zip(alone, together, strict=True):
        assert_same(one, two)


def test_looking_at_tables_changes_nothing():
    base, watched = (ComputeMarket("duopoly", seed=4, months=8) for _ in range(2))
    while watched.running:
        watched.step()
        tables(watched)
        watched.manifest()
    assert_same(base.run(), watched)


def test_zero_is_a_seed():
    one, two = (ComputeMarket("duopoly", seed=0, months=6).run() for _ in range(2))
    assert one.manifest()["seed"] == 0
    assert_same(one, two)


def test_no_seed_is_fresh_chance_on_record():
    fresh, other = (ComputeMarket("duopoly", months=6).run() for _ in range(2))
    seed = fresh.manifest()["seed"]
    assert seed != other.manifest()["seed"]
    assert not fresh.prices.equals(other.prices)
    assert_same(fresh, ComputeMarket("duopoly", seed=seed, months=6).run())


# -- common random numbers ------------------------------------------------------------------------

IDLE_FUND = """
extends = "duopoly"
[[investors]]
name = "Idle"
kind = "venture"
"""
IDLE_LAB = """
extends = "duopoly"
[[labs]]
name = "Idle"
"""


def logged(scenario: str | Scenario, seed: int) -> tuple[ComputeMarket, dict[Any, float]]:
    log: dict[Any, float] = {}
    return ComputeMarket(scenario, seed=seed, draw_log=log).run(), log


@pytest.mark.parametrize("seed", range(3))
def test_an_idle_investor_changes_no_draw_and_nothing_else(seed):
    base, draws = logged("duopoly", seed)
    more, with_idle = logged(from_toml(IDLE_FUND), seed)
    assert len(draws) > 500
    assert {key: u for key, u in with_idle.items() if "Idle" not in key} == draws
    assert any("Idle" in key for key in with_idle)  # asked for its opinion, as others are
    for name in ("months", "prices", "contracts", "events", "flows"):
        pd.testing.assert_frame_equal(getattr(base, name), getattr(more, name), check_exact=True)
    rest = more.firms[more.firms.firm != "Idle"].reset_index(drop=True)
    pd.testing.assert_frame_equal(base.firms, rest, check_exact=True)


def test_an_idle_lab_changes_no_draw_of_the_others():
    """It may change what others do, and so what they draw, but no value under the same key."""
    base, draws = logged("duopoly", 1)
    more, with_idle = logged(from_toml(IDLE_LAB), 1)
    common = draws.keys() & with_idle.keys()
    assert {key: draws[key] for key in common} == {key: with_idle[key] for key in common}
    world = {key for key in draws if key[1] == ""}  # demand, sentiment, rentals
    assert {key[0] for key in world} >= {"demand", "sentiment"}
    assert world <= common
    monthly = {key for key in draws if key[0] in ("usage", "usage_jump", "forecast", "list_price")}
    assert {key for key in monthly if key[1] in ("Aurora", "Summit")} <= common
    opening = more.firms[more.firms.month == 0].set_index("firm")
    assert opening.revenue_usd["Idle"] < 1e-3 * opening.revenue_usd["Borealis"]
    assert base.months.spot_price_usd_per_h100e_hour[0] == pytest.approx(
        more.months.spot_price_usd_per_h100e_hour[0]
    )
