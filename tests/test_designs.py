"""Designs: as many points as said, on the levels said, and a CSV file refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from computemarket.experiments.designs import (
    TAIL,
    design_points,
    extremes,
    number_of_points,
    unit_cube,
)
from computemarket.experiments.plan import make_plan
from computemarket.experiments.study import Factor, Study, StudyError

RANGE = {"path": "world.sentiment.shock", "low": -2.0, "high": 6.0}
LOG = {"path": "labs.Aurora.cash_usd", "low": 1e8, "high": 1e10, "scale": "log"}
LIST = {"path": "labs.Aurora.procurement.name", "values": ["cover_ahead", "spot_first"]}
WHOLE = {"path": "world.bargaining.rounds_per_month", "low": 1, "high": 3}


def study(design: dict[str, Any], *factors: dict[str, Any]) -> Study:
    return Study.model_validate({"scenario": "duopoly", "design": design, "factors": factors})


def column(points: list[tuple[Any, ...]], place: int = 0) -> np.ndarray:
    return np.array([levels[place] for levels in points])


@pytest.mark.parametrize(
    ("design", "size"),
    [
        ({"kind": "grid", "levels": 3}, 3 * 3 * 2),
        ({"kind": "latin_hypercube", "points": 11}, 11),
        ({"kind": "random", "points": 7}, 7),
        ({"kind": "sobol", "points": 8}, 8 * (3 + 2)),
        ({"kind": "sobol", "points": 8, "second_order": True}, 8 * (2 * 3 + 2)),
        ({"kind": "morris", "trajectories": 5, "levels": 6}, 5 * (3 + 1)),
    ],
)
def test_a_design_has_as_many_points_as_said(design: dict[str, Any], size: int) -> None:
    asked = study(design, RANGE, LOG, LIST)
    points = design_points(asked, [False, False, False])
    assert number_of_points(asked) == len(points) == size
    assert points == design_points(asked, [False, False, False])
    low, high = column(points).min(), column(points).max()
    assert -2 <= low < high <= 6
    assert 1e8 <= column(points, 1).min() < column(points, 1).max() <= 1e10 * (1 + 1e-12)
    assert set(column(points, 2)) == {"cover_ahead", "spot_first"}


@pytest.mark.parametrize("kind", ["latin_hypercube", "random", "sobol", "morris"])
def test_another_seed_gives_other_points(kind: str) -> None:
    size = {"trajectories": 8} if kind == "morris" else {"points": 8}
    first, second = (
        unit_cube(study({"kind": kind, "seed": seed, **size}, RANGE, LOG, LIST)) for seed in (1, 2)
    )
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_a_grid_has_every_combination_and_both_ends() -> None:
    asked = study({"levels": 3}, RANGE, LOG)
    points = design_points(asked, [False, False])
    assert len(set(points)) == 9
    assert sorted(set(column(points))) == [-2, 2, 6]
    assert sorted(set(column(points, 1))) == pytest.approx([1e8, 1e9, 1e10])


def test_a_latin_hypercube_has_one_point_in_each_slice() -> None:
    points = design_points(
        study({"kind": "latin_hypercube", "points": 40}, RANGE, LOG), [False, False]
    )
    slices = np.floor((column(points) + 2) / 8 * 40)
    assert sorted(slices) == list(range(40))
    assert sorted(np.floor(np.log(column(points, 1) / 1e8) / np.log(100) * 40)) == list(range(40))


@pytest.mark.parametrize(
    ("given", "frozen"),
    [
        ({"kind": "normal", "mean": 2.0, "sd": 0.5}, stats.norm(2, 0.5)),
        ({"kind": "lognormal", "median": 3.0, "sigma": 0.4}, stats.lognorm(0.4, scale=3)),
        ({"kind": "triangular", "low": 1, "mode": 2, "high": 5}, stats.triang(0.25, 1, 4)),
    ],
)
def test_a_distribution_is_met_at_its_quantiles(given: dict[str, Any], frozen: Any) -> None:
    factor = {"path": "world.sentiment.shock", "distribution": given}
    asked = study({"kind": "latin_hypercube", "points": 100}, factor)
    found = np.sort(column(design_points(asked, [False])))
    shares = np.arange(100) / 100
    inside = slice(1, -1)  # the tails are cut
    assert (found >= frozen.ppf(shares))[inside].all()
    assert (found <= frozen.ppf(shares + 0.01))[inside].all()
    ends = extremes(asked.factors[0], False)
    tail = 0.0 if given["kind"] == "triangular" else TAIL
    assert ends == pytest.approx([frozen.ppf(tail), frozen.ppf(1 - tail)])


@pytest.mark.parametrize("kind", ["grid", "latin_hypercube", "random", "sobol", "morris"])
def test_whole_numbers_stay_whole(kind: str) -> None:
    size = {"grid": {"levels": 3}, "morris": {"trajectories": 8}}.get(kind, {"points": 16})
    asked = study({"kind": kind, **size}, WHOLE, RANGE)
    levels = [levels[0] for levels in design_points(asked, [True, False])]
    assert {type(level) for level in levels} == {int}
    assert set(levels) == {1, 2, 3}


def test_whole_numbers_of_a_range_are_equally_frequent() -> None:
    asked = study({"kind": "latin_hypercube", "points": 300}, WHOLE)
    assert np.bincount(column(design_points(asked, [True]))).tolist() == [0, 100, 100, 100]
    decades = {"path": WHOLE["path"], "low": 1, "high": 7, "scale": "log"}
    asked = study({"kind": "latin_hypercube", "points": 300}, decades)
    counts = np.bincount(column(design_points(asked, [True])))[1:]
    assert counts.tolist() == pytest.approx(
        300 * np.diff(np.log(np.arange(1, 9))) / np.log(8), abs=1
    )


def test_ends_of_a_range_of_whole_numbers_lie_within_it() -> None:
    def ends(low: float, high: float) -> list[Any]:
        return extremes(Factor(path="x", low=low, high=high), True)

    assert ends(0.4, 3.6) == [1, 3]
    assert ends(1e9, 8_000_000_001) == [10**9, 8_000_000_001]
    with pytest.raises(StudyError, match="expected a range with a whole number in it"):
        ends(1.2, 1.8)


def test_every_step_of_a_grid_reaches_its_value_of_a_list() -> None:
    """Shares such as 1 - 4 / 5, a bit below 1 / 5, belong to the second of five values."""
    asked = study(
        {"kind": "morris", "trajectories": 40, "levels": 6},
        {"path": "world.sentiment.shock", "values": [0, 1, 2, 3, 4]},
    )
    at = unit_cube(asked)[:, 0]
    expected = np.minimum((np.rint(at * 5)).astype(int), 4)
    assert column(design_points(asked, [False])).tolist() == expected.tolist()


def csv_study(file: Path, text: str | bytes) -> Study:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    open_factors = ({"path": RANGE["path"], "name": "shock"}, {"path": LOG["path"], "name": "cash"})
    return study({"kind": "csv", "file": str(file)}, *open_factors)


def test_a_csv_file_gives_its_rows_in_the_order_of_the_factors(tmp_path: Path) -> None:
    asked = csv_study(tmp_path / "p.csv", "cash,shock\n1e9,0.1\n2e9,-0.3\n")
    assert number_of_points(asked) == 2
    assert design_points(asked, [False, False]) == [(0.1, 1e9), (-0.3, 2e9)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shock\n1\n", ["given the columns shock", "shock, cash"]),
        ("shock,cash,more\n1,2,3\n", ["given the columns shock, cash, more"]),
        ("shock,shock,cash\n1,1,2\n", ["given the columns"]),
        ("shock,cash\n1,2\n3,\n", ["line 3", "given an empty field", "expected a value"]),
        ("shock,cash\n1,nan\n", ["given"]),
        ("shock,cash\n", ["given no rows", "expected a row a point"]),
        ("", ["cannot be read as CSV"]),
        ("shock,cash\n1,2,3\n4\n", ["cannot be read as CSV"]),
        (b"shock,cash\n\xff\xfe,2\n", ["given"]),
        ("shock,cash\ninf,2e9\n", ["given", "inf"]),
        ("shock,cash\n1,many\n", ["cash", "many"]),
        ("shock,cash\n1,-5\n", ["cash", "-5"]),
    ],
)
def test_a_hostile_csv_file_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, words: list[str]
) -> None:
    with pytest.raises(StudyError) as caught:
        make_plan(csv_study(tmp_path / "p.csv", text))
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_csv_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    asked = csv_study(tmp_path / "p.csv", "shock,cash\n1,2\n")
    for file in (tmp_path, tmp_path / "missing.csv"):
        elsewhere = asked.design.model_copy(update={"file": str(file)})
        with pytest.raises(StudyError, match="cannot be read as CSV"):
            number_of_points(asked.model_copy(update={"design": elsewhere}))
