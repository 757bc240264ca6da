"""The four situations as shipped: valid, played to the end with books in order, told in words."""

from __future__ import annotations

import numpy as np
import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.explain import tell
from computemarket.experiments.study import load_study
from computemarket.scenario import lint

SITUATIONS = {
    # firm, role, and words that its story has in every run
    "custom_chip_standoff": ("OpenAI", "lab", ("Broadcom", "Titan", "pre-commit")),
    "troubled_alliance": ("Azure", "cloud", ("alliance with OpenAI", "expects AGI")),
    "letter_of_intent": ("OpenAI", "lab", ("Nvidia", "talks with")),
    "compute_finance": ("OpenAI", "lab", ("finance office", "commitment cap")),
}


@pytest.fixture(scope="module", params=SITUATIONS)
def played(request: pytest.FixtureRequest) -> ComputeMarket:
    return ComputeMarket(request.param, seed=1).run()


def test_it_is_valid_and_extends_the_frontier() -> None:
    frontier = {firm.name for firm in load_scenario("frontier_2024").firms}
    for name in SITUATIONS:
        scenario = load_scenario(name)
        assert lint(scenario) == []
        assert frontier <= {firm.name for firm in scenario.firms}
        assert load_study(name).scenario == name
        assert load_study(name).replications == 100


def test_the_books_are_in_order(played: ComputeMarket) -> None:
    assert played.month == 72
    assert played.manifest()["ledger"] == "ok"


def test_its_story_names_parties_and_what_was_refused(played: ComputeMarket) -> None:
    firm, role, words = SITUATIONS[played.rules.name]
    tables = {name: played.frame(name) for name in ("months", "firms", "events", "flows")}
    story = "\n".join(tell(tables, firm, role))
    assert all(word in story for word in words), [w for w in words if w not in story]
    assert "most $" in story or "at most" in story  # both sides' limits, where talks failed


def test_the_same_seed_gives_the_same_tables(played: ComputeMarket) -> None:
    again = ComputeMarket(played.rules.name, seed=1, months=40).run()
    for name in ("months", "firms", "events"):
        table = played.frame(name)
        early = table[table["month"] < 40].reset_index(drop=True)
        other = again.frame(name)
        columns = [c for c in early.columns if c not in ("details", "circular_share")]
        assert early[columns].equals(other[columns]), name
        if name == "months":
            # solves systems as large as all who enter in the run: the last digit may differ
            shares = (table["circular_share"].to_numpy() for table in (early, other))
            np.testing.assert_allclose(*shares, rtol=1e-12)
