"""Answers to a lever: means with intervals at each level, and the figure that shows them."""

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from rich.console import Console

from computemarket.analysis.figures.responses import response_curves
from computemarket.analysis.response_table import ends_told, response_tables
from computemarket.experiments.intervals import t_interval, wilson_interval
from computemarket.experiments.responses import responses, save
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Study, StudyError

LEVELS = {"name": "share", "path": "world.bargaining.rounds", "values": [0.1, 0.2]}
SECOND = {"name": "partner", "path": "world.sentiment.shock", "values": [0, -2]}


def folder(runs: list[dict[str, Any]], factors: list[dict[str, Any]], **more: Any) -> StudyFolder:
    """A study folder as its readers see it, without files."""
    study = Study.model_validate(
        {"scenario": "duopoly", "outcomes": ["defaults", "capex_usd"], "factors": factors} | more
    )
    columns = {"status": "ok", "variant": "base", "replication": 0, "point": 0, "seed": 1}
    frame = pd.DataFrame([columns | {"run_id": str(n)} | run for n, run in enumerate(runs)])
    return cast(StudyFolder, SimpleNamespace(study=study, runs=frame, firm_outcomes=None))


def one_lever() -> StudyFolder:
    values = {0.1: [(0, 1e9), (1, 3e9)], 0.2: [(1, 5e9), (1, 9e9)]}
    runs = [
        {"share": level, "defaults": defaults, "capex_usd": capex}
        for level, rows in values.items()
        for defaults, capex in rows
    ]
    failed = {"share": 0.2, "defaults": 0, "capex_usd": 0, "status": "error"}
    return folder([*runs, failed], [LEVELS])


def test_means_and_intervals_by_hand() -> None:
    table = responses(one_lever())
    capex = table[table["outcome"] == "capex_usd"].set_index("level")
    assert capex["mean"].to_dict() == {0.1: 2e9, 0.2: 7e9}
    assert capex["runs"].to_dict() == {0.1: 2, 0.2: 2}  # the failed run is not among them
    assert capex.loc[0.1, "lower"] == t_interval([1e9, 3e9]).lower
    shares = table[table["outcome"] == "defaults"].set_index("level")
    assert shares.loc[0.2, "mean"] == 1
    assert shares.loc[0.2, "lower"] == wilson_interval(2, 2).lower


def test_a_second_lever_and_variants_are_lines() -> None:
    runs = [
        {"share": 0.1, "partner": partner, "variant": variant, "defaults": 1, "capex_usd": 1}
        for partner in (0, -2)
        for variant in ("base", "scarce")
    ]
    variants = [{"name": "scarce", "set": {}}]
    two = responses(folder(runs[::2], [LEVELS, SECOND]))
    assert list(dict.fromkeys(two["line"])) == ["partner 0", "partner -2"]
    both = responses(folder(runs, [LEVELS, SECOND], variants=variants))
    assert "scarce, partner -2" in set(both["line"])


@pytest.mark.parametrize(
    ("factors", "more"),
    [
        ([], {}),
        ([LEVELS | {"values": ["a", "b"]}], {}),
        ([LEVELS | {"values": [True, False]}], {}),
        ([LEVELS | {"values": [n / 100 for n in range(13)]}], {}),
        ([{"path": "world.sentiment.shock", "low": 0.0, "high": 1.0}],
         {"design": {"kind": "random", "points": 4}}),
    ],
    ids=["no factor", "text", "yes or no", "many levels", "no grid"],
)  # fmt: skip
def test_other_studies_have_no_answers(
    factors: list[dict[str, Any]], more: dict[str, Any], tmp_path: Any
) -> None:
    runs = [{"share": 0.1, "defaults": 1, "capex_usd": 1}]
    none = responses(folder(runs, factors, **more))
    assert none.empty
    assert list(response_tables(none)) == []
    assert save(none, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_an_unknown_outcome_is_named() -> None:
    with pytest.raises(StudyError, match="given 'defualts', expected the name of an outcome"):
        responses(one_lever(), ["defualts"])


def test_the_figure_shows_the_table() -> None:
    table = responses(one_lever())
    figure = response_curves(table)
    for axes, outcome in zip(figure.axes, ["defaults", "capex_usd"], strict=True):
        own = table[table["outcome"] == outcome]
        assert axes.lines[0].get_ydata() == pytest.approx(own["mean"].to_numpy())
        assert axes.get_xlabel() == "share"
    assert figure.axes[0].get_ylabel() == "firms"


def test_the_table_for_the_terminal_has_a_row_a_level() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        for table in response_tables(responses(one_lever())):
            console.print(table)
    assert "capex by share, mean" in captured.get()
    assert "$2B (-$11B to $15B)" in captured.get()


def test_both_ends_of_a_lever_are_told() -> None:
    defaults, capex = ends_told(responses(one_lever()))
    assert defaults.startswith("defaults: 0.50")
    assert capex == "capex: $2B (-$11B to $15B) at 0.1 and $7B (-$18B to $32B) at 0.2."
