"""A `ComputeMarket` is a normal Mesa model, under each release of Mesa that is supported."""

from __future__ import annotations

import gc
import inspect
import warnings
import weakref

import mesa
import pytest

from computemarket import ComputeMarket
from computemarket.agents.chipmaker import Chipmaker
from computemarket.agents.cloud import Cloud
from computemarket.agents.investor import Investor
from computemarket.agents.lab import Lab

REPORTED = [
    "spot_price_usd_per_h100e_hour",
    "lab_revenue_usd",
    "sentiment",
    "defaults_so_far",
    "switches_so_far",
]


def test_firms_are_agents_by_role():
    model = ComputeMarket("duopoly", seed=1)
    assert isinstance(model, mesa.Model)
    names = {kind: sorted(a.name for a in agents) for kind, agents in model.agents_by_type.items()}
    assert names == {
        Lab: ["Aurora", "Borealis"],
        Cloud: ["Delta", "Summit"],
        Chipmaker: ["Silica"],
        Investor: ["Granite Credit", "Harbor Ventures", "Meridian Growth"],
    }
    assert len(model.agents) == 8
    assert all(isinstance(agent, mesa.Agent) and agent.model is model for agent in model.agents)
    rich = model.agents.select(lambda firm: firm.cash_usd > 1e9).get("name")
    assert set(rich) == {
        "Aurora", "Summit", "Delta", "Silica", "Meridian Growth", "Granite Credit",
    }  # fmt: skip


def test_steps_are_months_until_the_horizon():
    model = ComputeMarket("duopoly", seed=1, months=3)
    assert (model.running, model.month, len(model.months)) == (True, 0, 0)
    for played in (1, 2, 3):
        assert model.running
        model.step()
        assert (model.month, model.steps, len(model.months)) == (played, played, played)
    assert not model.running
    with pytest.raises(RuntimeError, match="the run ended after 3 months"):
        model.step()
    assert model.month == 3
    assert len(model.months) == 3


def test_run_model_plays_to_the_horizon_too():
    model = ComputeMarket("duopoly", seed=1, months=3)
    model.run_model()
    assert not model.running
    assert model.months.equals(ComputeMarket("duopoly", seed=1, months=3).run().months)


def test_the_data_collector_holds_the_headlines_of_each_month():
    model = ComputeMarket("duopoly", seed=1, months=6).run()
    frame = model.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == REPORTED
    assert len(frame) == 6
    for name in REPORTED:
        assert frame[name].tolist() == model.months[name].tolist()


def batch(**study: object) -> list[dict[str, object]]:
    return mesa.batch_run(
        ComputeMarket,
        number_processes=1,
        data_collection_period=-1,
        display_progress=False,
        **study,
    )


def expected(seed: int) -> dict[str, object]:
    last = ComputeMarket("duopoly", seed=seed, months=8).run().months.iloc[-1]
    return {name: last[name] for name in REPORTED}


def test_batch_run_over_seeds():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = batch(parameters={"scenario": "duopoly", "months": 8, "seed": [1, 2]})
    assert [row["seed"] for row in rows] == [1, 2]
    for row in rows:
        assert {name: row[name] for name in REPORTED} == expected(row["seed"])


@pytest.mark.skipif(
    "rng" not in inspect.signature(mesa.batch_run).parameters, reason="this Mesa has no rng="
)
def test_batch_run_with_seeds_of_its_own():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = batch(parameters={"scenario": "duopoly", "months": 8}, rng=[1, 2])
    assert len(rows) == 2
    for row in rows:
        assert {name: row[name] for name in REPORTED} == expected(row["rng"])


def test_the_seed_counts_before_mesas_own_name_for_it():
    seeds = [
        ComputeMarket("duopoly", **given).manifest()["seed"]
        for given in ({"seed": 3}, {"rng": 3}, {"seed": 3, "rng": 4}, {"seed": 0, "rng": 4})
    ]
    assert seeds == [3, 3, 3, 0]


def test_mesas_own_chance_is_used_for_nothing():
    base, stirred = (ComputeMarket("duopoly", seed=1, months=6) for _ in range(2))
    while stirred.running:
        stirred.random.random()
        stirred.rng.random(7)
        stirred.step()
    assert base.run().firms.equals(stirred.firms)


def test_a_model_that_nobody_uses_is_freed() -> None:
    """Batches would otherwise keep every run they ever played."""
    model = ComputeMarket("duopoly", seed=1, months=3).run()
    assert [agent.unique_id for agent in model.agents] == list(range(1, len(model.agents) + 1))
    remembered = weakref.ref(model)
    del model
    gc.collect()
    assert remembered() is None
