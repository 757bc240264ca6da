"""Which factors matter: known answers of made-up models, gaps, and what is printed and drawn.

Made-up models ("toys") run in place of the market, through the same studies.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
import warnings
from collections.abc import Iterator
from math import nan, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from computemarket.analysis.figures import index_bars, screening_bars, tornado
from computemarket.analysis.sensitivity_tables import level_text
from computemarket.analysis.tables import records
from computemarket.experiments.designs import unit_cube
from computemarket.experiments.ends import Answers
from computemarket.experiments.plan import make_plan
from computemarket.experiments.runner import run_study
from computemarket.experiments.sensitivity import Sensitivity, analyse, indices, save, screen
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Study, StudyError, load_study
from computemarket.scenario import Scenario, value_at

RANGES = {
    "world.demand.growth_multiplier": (0.5, 1.5),
    "world.supply.capacity_multiplier": (0.6, 1.4),
    "world.sentiment.opening": (-1.0, 1.0),
}
NAMES = ("demand", "capacity", "mood")
FACTORS = tuple(
    {"path": path, "name": name, "low": low, "high": high}
    for name, (path, (low, high)) in zip(NAMES, RANGES.items(), strict=True)
)
SLOPES = (4.0, -2.5, 0.5)

# Shares of variance of the Ishigami function with a = 7, b = 0.1 (Ishigami and Homma 1990).
_ALONE = np.array([0.5 * (1 + 0.1 * pi**4 / 5) ** 2, 7**2 / 8, 0.0])
_JOINT = 8 * 0.1**2 * pi**8 / 225
JOINT = _JOINT / (_ALONE.sum() + _JOINT)
FIRST = _ALONE / (_ALONE.sum() + _JOINT)
TOTAL = FIRST + np.array([JOINT, 0, JOINT])


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def shares(scenario: Scenario) -> list[float]:
    """Where each factor is between its lowest (0) and its highest (1) level."""
    return [(value_at(scenario, path) - low) / (high - low) for path, (low, high) in RANGES.items()]


def ishigami(scenario: Scenario, seed: int) -> dict[str, float]:
    x, y, z = (pi * (2 * share - 1) for share in shares(scenario))
    return {"y": sin(x) + 7 * sin(y) ** 2 + 0.1 * z**4 * sin(x)}


def line(scenario: Scenario, seed: int) -> dict[str, float]:
    """A linear model whose level, not whose slopes, is chance."""
    level = np.random.default_rng(seed).normal(0, 50)
    return {"y": level + sum(s * x for s, x in zip(SLOPES, shares(scenario), strict=True))}


def tilted(scenario: Scenario, seed: int) -> dict[str, float]:
    """The same, with a bit of chance in the first slope."""
    _, tilt = np.random.default_rng(seed).normal(0, (50, 0.1))
    return {"y": line(scenario, seed)["y"] + tilt * shares(scenario)[0]}


def line_with_gaps(scenario: Scenario, seed: int) -> dict[str, float]:
    at = shares(scenario)
    if at[0] > 0.9 and at[1] > 0.9:
        raise ArithmeticError("no solution here")
    found = line(scenario, seed)["y"]
    return {"y": found, "seldom": found if at[2] < 0.1 else nan}


def constant(scenario: Scenario, seed: int) -> dict[str, float]:
    return {"y": 0.1}


def played(out: Path, design: dict[str, Any], toy: Any, **more: Any) -> StudyFolder:
    asked = {"scenario": "duopoly", "factors": FACTORS, "outcomes": ["y"], "design": design}
    return run_study(Study.model_validate(asked | more), out, workers=1, toy=toy)


def printed(found: Sensitivity, width: int = 80) -> str:
    text = io.StringIO()
    for part in screen(found):
        Console(file=text, width=width).print(part)
    return text.getvalue()


def assert_near(found: pd.Series, exact: np.ndarray, half_width: pd.Series) -> None:
    """Within twice the 95 % half-width, which is not vacuous.

    With design seeds 0 to 99 and 512 base points no index failed: chance fails fewer than 3 in 100.
    """
    assert (half_width < 0.16).all()
    assert ((found - exact).abs() <= 2 * half_width).all(), found


def by_factor(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("factor").loc[list(NAMES)]


def computed(points: int, second_order: bool = False) -> Answers:
    """The Ishigami function at the points of a design that no study has played."""
    design = {"kind": "sobol", "points": points, "second_order": second_order}
    study = Study.model_validate({"scenario": "duopoly", "factors": FACTORS, "design": design})
    x, y, z = np.pi * (2 * unit_cube(study).T - 1)
    values = pd.DataFrame({0: np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)})
    return Answers(study, pd.DataFrame(), values)


def test_sobol_indices_of_the_ishigami_function() -> None:
    """512 base points, scrambled with seed 0; six indices and their intervals."""
    rows, pairs = indices(computed(512))
    table = by_factor(pd.DataFrame(rows))
    assert_near(table["first"], FIRST, table["first_confidence"])
    assert_near(table["total"], TOTAL, table["total_confidence"])
    assert (table["blocks"] == 512).all()
    assert pairs == []


def test_a_study_has_the_indices_of_its_points(tmp_path: Path) -> None:
    found = analyse(played(tmp_path, {"kind": "sobol", "points": 32}, ishigami))
    rows, _ = indices(computed(32))
    columns = ["first", "first_confidence", "total", "total_confidence", "blocks", "dropped"]
    expected = by_factor(pd.DataFrame(rows))[columns]
    pd.testing.assert_frame_equal(by_factor(found.indices)[columns], expected)
    assert (expected["dropped"] == 0).all()
    assert found.indices["total"].is_monotonic_decreasing
    assert found.pairs.empty


def test_second_order_indices_of_the_ishigami_function() -> None:
    """512 base points, scrambled with seed 0; nine indices and their intervals."""
    rows, pairs = indices(computed(512, second_order=True))
    table, second = by_factor(pd.DataFrame(rows)), pd.DataFrame(pairs)
    assert_near(table["first"], FIRST, table["first_confidence"])
    assert_near(table["total"], TOTAL, table["total_confidence"])
    assert list(zip(second["factor"], second["other"], strict=True)) == [
        ("demand", "capacity"), ("demand", "mood"), ("capacity", "mood"),
    ]  # fmt: skip
    assert_near(second["second"], np.array([0, JOINT, 0]), second["second_confidence"])


def test_morris_effects_of_a_linear_model_are_its_slopes(tmp_path: Path) -> None:
    design = {"kind": "morris", "trajectories": 4, "levels": 6}
    found = analyse(played(tmp_path, design, line, replications=3))
    table = by_factor(found.screening)
    assert table["mu"].to_numpy() == pytest.approx(SLOPES)
    assert table["mu_star"].to_numpy() == pytest.approx(np.abs(SLOPES))
    assert table["sigma"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert table["mu_star_confidence"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert list(found.screening["factor"]) == ["demand", "capacity", "mood"]
    assert (table["trajectories"] == 4).all()


def test_the_ends_of_a_grid_are_compared_within_the_same_seeds(tmp_path: Path) -> None:
    """The level of each seed moves both ends, and cancels in their difference."""
    found = analyse(played(tmp_path, {"kind": "grid", "levels": 3}, tilted, replications=4))
    table = by_factor(found.ends)
    tilts = [np.random.default_rng(seed).normal(0, (50, 0.1))[1] for seed in range(1, 5)]
    assert table["difference"].to_numpy() == pytest.approx(np.add(SLOPES, [np.mean(tilts), 0, 0]))
    first = table.iloc[0]
    assert first["upper"] - first["difference"] == pytest.approx(
        stats.t.ppf(0.975, 3) * np.std(tilts, ddof=1) / 2
    )
    assert table["lower"].iloc[1:].isna().all()  # the same in all seeds: no spread to tell from
    assert ((table["high_upper"] - table["high_lower"]) > 10).all()
    assert list(table["low"]) == ["0.5", "0.6", "-1"]
    assert list(table["high"]) == ["1.5", "1.4", "1"]
    assert (table["points"] == 27).all()
    assert list(found.ends["factor"]) == ["demand", "capacity", "mood"]


def test_an_end_of_a_sampled_factor_is_a_quarter_of_its_levels(tmp_path: Path) -> None:
    """Between the means of the outer quarters lie three quarters of a slope.

    80 points, design seed 0, three intervals at 95 %: another seed would miss one in 14 %.
    """
    found = analyse(played(tmp_path, {"kind": "latin_hypercube", "points": 80}, line))
    table = by_factor(found.ends)
    expected = 0.75 * np.array(SLOPES)
    assert (table["lower"] < expected).all()
    assert (expected < table["upper"]).all()
    assert 0.73 < float(table["low"].iloc[0].removeprefix("≤ ")) <= 0.75
    assert 1.25 <= float(table["high"].iloc[0].removeprefix("≥ ")) < 1.27
    assert (found.ends["low_lower"] < found.ends["low_mean"]).all()
    assert found.screening.empty
    assert found.indices.empty


def test_levels_that_are_text_are_ordered_by_their_outcome(tmp_path: Path) -> None:
    def toy(scenario: Scenario, seed: int) -> dict[str, float]:
        worth = {"linear": 1.0, "boulware": 5.0, "conceder": -2.0}
        return {"y": worth[value_at(scenario, "labs.Aurora.negotiation.name")]}

    style = {
        "path": "labs.Aurora.negotiation.name",
        "values": ["linear", "boulware", "conceder"],
    }
    still = {"path": "world.bargaining.allow_exclusivity", "values": [True]}
    folder = played(tmp_path, {"kind": "grid"}, toy, factors=[style, still])
    (row,) = records(analyse(folder).ends)
    assert (row["factor"], row["low"], row["high"]) == (style["path"], "conceder", "boulware")
    assert (row["low_mean"], row["high_mean"], row["difference"]) == (-2, 5, 7)
    assert np.isnan(row["lower"])  # one seed has no spread


@pytest.mark.parametrize(
    ("design", "table", "size"),
    [
        ({"kind": "morris", "trajectories": 30, "seed": 2}, "screening", 4),
        ({"kind": "sobol", "points": 32}, "indices", 5),
    ],
)
def test_a_gap_takes_its_trajectory_or_block_with_it(
    tmp_path: Path, design: dict[str, Any], table: str, size: int
) -> None:
    folder = played(tmp_path, design, line_with_gaps, outcomes=["y", "seldom"])
    found = analyse(folder)
    failed = folder.runs.loc[folder.runs["status"] == "error", "point"]
    lost = len(set(failed // size))
    assert 0 < lost < 15
    rows = getattr(found, table)
    assert set(rows["outcome"]) == {"y"}
    assert (rows["dropped"] == lost).all()
    assert (rows.iloc[:, -2] + lost == len(folder.runs) // size).all()
    if table == "screening":
        assert by_factor(rows)["mu"].to_numpy() == pytest.approx(SLOPES)
    ends = found.ends[found.ends["outcome"] == "y"]
    assert (ends["dropped"] == len(set(failed))).all()
    (skipped,) = records(found.skipped)
    assert skipped["outcome"] == "seldom"
    assert "have all their runs and the outcome in each" in skipped["reason"]
    assert "Seldom: " in printed(found)
    assert f"Left out: {len(set(failed))} of {len(folder.runs)} points" in printed(found)
    with pytest.raises(StudyError, match="expected at least half of them and two"):
        analyse(folder, ["seldom"])


@pytest.mark.parametrize(
    "design",
    [
        {"kind": "morris", "trajectories": 4},
        {"kind": "sobol", "points": 4, "second_order": True},
        {"kind": "latin_hypercube", "points": 8},
        {"kind": "grid", "levels": 2},
    ],
)
def test_a_constant_outcome(tmp_path: Path, design: dict[str, Any]) -> None:
    found = analyse(played(tmp_path / "study", design, constant, replications=3))
    assert (found.ends["difference"] == 0).all()
    assert (found.screening[["mu", "mu_star", "sigma"]] == 0).all(axis=None)
    assert found.indices[["first", "total"]].isna().all(axis=None)
    assert found.pairs["second"].isna().all()
    assert "0.1 on average" in printed(found)
    assert all(path.exists() for path in save(found, tmp_path / "out"))


def test_the_same_study_has_the_same_answers(tmp_path: Path) -> None:
    design = {"kind": "sobol", "points": 16}
    folder = played(tmp_path, design, ishigami)
    first, second = analyse(folder), analyse(StudyFolder(tmp_path))
    for one, other in zip(first[:5], second[:5], strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_outcomes_of_a_firm_and_a_region_in_the_market(tmp_path: Path) -> None:
    """A real study: a lab that opens with little money runs out of it."""
    cash = {"path": "labs.Borealis.cash_usd", "low": 1e6, "high": 4e8, "scale": "log"}
    study = Study.model_validate(
        {
            "scenario": "duopoly",
            "set": {"run.months": 6},
            "factors": [cash, FACTORS[2]],
            "design": {"kind": "latin_hypercube", "points": 16},
            "discovery": {"outcome": "firms_out_of_cash", "above": 0.5},
            "variants": [{"name": "calm", "set": {"world.demand.noise_sd": 0.0}}],
        }
    )
    folder = run_study(study, tmp_path / "study", workers=1)
    found = analyse(folder, ["Borealis.out_of_cash"])
    row = found.ends.iloc[0]
    assert (row["factor"], row["unit"]) == (cash["path"], "share of runs")
    assert row["low_mean"] > row["high_mean"]
    text = printed(found)
    assert "Borealis: out of cash, calm" in text
    assert "coverage" in text
    names = [path.name for path in save(found, tmp_path / "out")]
    assert "ends_Borealis.out_of_cash_calm.png" in names
    assert "region_calm.png" in names
    assert len(names) == len(set(names))

    everything = analyse(folder)
    assert "firms_out_of_cash" in everything.shown
    assert len(everything.shown) <= 5
    with pytest.raises(StudyError, match=r"did you mean 'Borealis.out_of_cash'\?"):
        analyse(folder, ["Borealis.out_of_cahs"])


def test_what_cannot_be_analysed_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = played(tmp_path / "1", {"kind": "grid"}, constant, factors=[])
    with pytest.raises(StudyError, match="factors: given none"):
        analyse(none)
    still = {"path": "world.sentiment.shock", "values": [0.0]}
    with pytest.raises(StudyError, match="no factor has two levels"):
        analyse(played(tmp_path / "2", {"kind": "grid"}, constant, factors=[still]))
    with pytest.raises(StudyError, match="expected the name of an outcome"):
        analyse(none.__class__(tmp_path / "2"), ["z"])
    sobol = played(tmp_path / "3", {"kind": "sobol", "points": 4}, line)
    monkeypatch.setitem(sys.modules, "SALib.analyze.sobol", None)
    with pytest.raises(StudyError, match=r"needs: pip install 'computemarket\[sensitivity\]'"):
        analyse(sobol)


def test_levels_as_people_read_them() -> None:
    assert level_text(1.7e9, "labs.Aurora.cash_usd") == "$1.7B"
    assert level_text(0.05, "world.demand.noise_sd") == "0.05"
    assert level_text(False, "world.bargaining.allow_exclusivity") == "false"
    assert level_text("linear", "labs.Aurora.negotiation.name") == "linear"


def table_of(kind: str, factors: int = 15) -> pd.DataFrame:
    """Rows as hard to draw as they come: long names, dollars, bars of all lengths."""
    rng = np.random.default_rng(3)
    names = [f"labs.Lab [number_{k}].some_rather_long_name_of_a_field_usd" for k in range(factors)]
    rows = pd.DataFrame({"factor": names, "path": names})
    rows = rows.assign(variant="a $ variant", outcome="lab_revenue_usd", unit="USD", level=0.95)
    size = np.sort(rng.exponential(5e9, factors))[::-1]
    sign = rng.choice([-1, 1], factors)
    if kind == "screening":
        return rows.assign(mu=sign * size, mu_star=size, mu_star_confidence=size / 3, sigma=size)
    if kind == "indices":
        share = size / size.sum()
        return rows.assign(
            first=share / 2, first_confidence=0.05, total=share, total_confidence=0.1
        )
    for end, side in (("low", -1), ("high", 1)):
        mean = 1e10 + side * sign * size / 2
        rows = rows.assign(
            **{end: f"from ${side}.36B, $2", f"{end}_mean": mean},
            **{f"{end}_lower": mean - 1e9, f"{end}_upper": mean + 1e9},
        )
    rows = rows.assign(difference=sign * size, lower=sign * size - 2e9, upper=sign * size + 2e9)
    return rows.assign(mean=1e10, points=90, dropped=10)


@pytest.mark.parametrize("factors", [1, 15, 40])
@pytest.mark.parametrize(
    ("kind", "draw"), [("ends", tornado), ("screening", screening_bars), ("indices", index_bars)]
)
def test_no_text_of_a_figure_overlaps_another(kind: str, draw: Any, factors: int) -> None:
    axes = draw(table_of(kind, factors))
    figure = axes.figure
    figure.draw_without_rendering()
    texts = [*axes.texts, *axes.get_yticklabels(), axes._left_title, axes.get_legend()]
    boxes = [text.get_window_extent() for text in texts]
    assert len(boxes) > min(factors, 15)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_names_are_not_markup_and_formulas(tmp_path: Path) -> None:
    columns = ["variant", "outcome", "reason"]
    empty = {name: pd.DataFrame(columns=columns) for name in ("indices", "pairs", "skipped")}
    found = Sensitivity(
        ends=table_of("ends"), screening=table_of("screening"), **empty, discovery=None,
        shown=("lab_revenue_usd",),
    )  # fmt: skip
    assert "[number_0]" in printed(found, 160)
    assert "And 5 more factors" in printed(found)
    assert len(save(found, tmp_path)) == 3


def test_the_studies_of_the_guide_can_be_run(tmp_path: Path) -> None:
    guide = Path(__file__).parents[1].joinpath("docs/sensitivity.md").read_text(encoding="utf-8")
    sizes = []
    for text in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL):
        file = tmp_path / "study.toml"
        file.write_text(text, encoding="utf-8")
        sizes.append(make_plan(load_study(file)).size)
    assert [f"{size} runs of" in guide or f"has {size} runs" in guide for size in sizes] == [1, 1]
