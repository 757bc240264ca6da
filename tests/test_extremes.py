"""Scenarios at the edge of what is allowed play to the end, with every invariant looked at."""

from __future__ import annotations

import re
from typing import Any

import pytest

from computemarket import ComputeMarket
from computemarket.scenario import ScenarioError, load_scenario, override

BASE = load_scenario("duopoly")
THIRSTY = {"month": "2024-09", "kind": "set", "path": "chips.S1.kw", "value": 9.0}

EDGES: dict[str, dict[str, Any]] = {
    "half the power": {"clouds.Summit.energised_mw": BASE.clouds[0].energised_mw / 2},
    "no power": {"clouds.Delta.energised_mw": 0},
    "no power anywhere": {f"clouds.{cloud.name}.energised_mw": 0 for cloud in BASE.clouds},
    "chips draw more from a month on": {"interventions": [THIRSTY]},
    "all rentals train": {"world.renters.training_share": 1},
    "no rental trains": {"world.renters.training_share": 0},
    "loans pay all": {
        "world.credit.loan_to_value": 1,
        "clouds.Delta.borrowing.largest_leverage": 2,
        "world.renters.opening_contract_price_usd_per_h100e_hour": 40,
    },
    "halls cost nothing": {"world.power.shell_cost_usd_per_mw": 0},
}


@pytest.mark.parametrize("assignments", EDGES.values(), ids=EDGES.keys())
def test_the_edges_of_what_is_allowed(assignments):
    model = ComputeMarket(override(BASE, assignments), seed=1).run()

    assert len(model.months) == BASE.run.months
    assert model.manifest()["ledger"] == "ok"


REFUSED = {
    "world.building.billed_utilisation": 0,
    "world.renters.one_year_discount": 1,
    "world.renters.growth_per_year": 1e4,
    "world.demand.growth_multiplier": 1e4,
    "world.funding.growth_elasticity": 5e3,
    "world.bargaining.term_months": [0],
    "investors.Harbor Ventures.inflow_growth_per_year": 1e4,
    "clouds.Delta.power_pipeline_growth_per_month": -50,
}


@pytest.mark.parametrize(("path", "value"), REFUSED.items())
def test_what_cannot_be_played_is_refused(path, value):
    with pytest.raises(ScenarioError, match=re.escape(path.rsplit(".", 1)[-1])):
        override(BASE, {path: value})


def test_chips_without_power_wait_for_it():
    """Contracts get what runs; the newest chips run first."""
    half = BASE.clouds[0].energised_mw / 2
    model = ComputeMarket(override(BASE, {"clouds.Summit.energised_mw": half}), seed=1, months=12)
    summit = model.economy.clouds["Summit"]

    assert summit.used_mw == pytest.approx(half)
    assert sum(summit.waiting.values()) > 0
    chips = model.economy.market.catalogue
    running = max(chips.month_of[chip] for chip in summit.fleet)
    assert running >= max(chips.month_of[chip] for chip in summit.waiting)
    model.run()
    rows = model.firms[model.firms.firm == "Summit"]
    assert rows.mw.iloc[-1] > half
