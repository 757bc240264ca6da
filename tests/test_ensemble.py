"""A batch of runs: numbers by hand, what is printed and drawn, and studies with gaps."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console
from scipy.stats import binomtest

from computemarket.analysis.ensemble import (
    cash_by_month,
    cash_probabilities,
    failed_runs,
    months_played,
    outcome_quantiles,
    over_a_design,
    price_paths,
    run_counts,
    start_dates,
    switch_probabilities,
)
from computemarket.analysis.ensemble_summary import ensemble_summary
from computemarket.analysis.figures import ensemble_figures, save_ensemble_figures

Frames = dict[str, pd.DataFrame]
COLUMNS = 80
MONTHS = 14
UNIT = "price_usd_per_h100e_hour"


def run(number: int, variant: str = "base", **values: Any) -> dict[str, Any]:
    known = {
        "run_id": f"{variant}-{number}", "scenario": "made-up", "variant": variant, "point": 0,
        "replication": number, "seed": number + 1, "status": "ok", "error": None, "command": None,
        "seconds": 0.3, "months": float(MONTHS), "capex_usd": 1e9 * number,
        "spot_price_last_24_months": 2.0 + number,
    }  # fmt: skip
    return known | values


def failed(number: int, status: str = "error", **values: Any) -> dict[str, Any]:
    command = f"computemarket run made-up --seed {number + 1}"
    nothing = {"months": None, "capex_usd": None, "spot_price_last_24_months": None}
    return run(number, status=status, error="boom", command=command) | nothing | values


def firm(name: str, kind: str = "independent", **values: Any) -> dict[str, Any]:
    role = {"independent": "lab", "internal": "lab"}.get(kind, "cloud")
    known = {
        "firm": name, "role": role, "kind": kind, "took_part": True, "out_of_cash_month": None,
        "default_month": None, "switches": 0, "first_main_supplier": "Neo",
        "last_main_supplier": "Neo",
    }  # fmt: skip
    return known | values


def month(number: int, scale: float) -> dict[str, Any]:
    prices = {"spot": 1.0, "contract": np.nan if number == 0 else 2.0, "list": 3.0}
    date = str(pd.Period("2024-06", "M") + number)
    return {"month": number, "date": date} | {f"{n}_{UNIT}": p * scale for n, p in prices.items()}


def study(runs: list[dict[str, Any]], firms: dict[str, list[dict[str, Any]]]) -> Frames:
    """Frames in which the prices of replication r are r + 1 times those of `month`."""
    ended = [r for r in runs if r["status"] == "ok"]
    keys = {r["run_id"]: {k: r[k] for k in ("run_id", "variant", "replication", "seed")}
            for r in ended}  # fmt: skip
    months = [keys[r["run_id"]] | month(number, r["replication"] + 1.0)
              for r in ended for number in range(MONTHS)]  # fmt: skip
    rows = [keys[r["run_id"]] | row for r in ended for row in firms[r["run_id"]]]
    firm_outcomes = pd.DataFrame(rows, columns=[*next(iter(keys.values()), {}), *firm("Ada")])
    whole = {"out_of_cash_month": "Int64", "default_month": "Int64", "took_part": bool}
    return {
        "runs": pd.DataFrame(runs).astype({"point": int, "error": object}),
        "firm_outcomes": firm_outcomes.astype(whole),
        "months": pd.DataFrame(months),
    }


@pytest.fixture
def frames() -> Frames:
    """Four runs and two that failed; Ada is short in 3, defaults in 1; Bob enters in 2 only."""
    firms = {
        "base-0": [firm("Ada", out_of_cash_month=5, default_month=7, switches=2,
                        last_main_supplier="Hyper"), firm("Bob", took_part=False)],
        "base-1": [firm("Ada", out_of_cash_month=3), firm("Bob", switches=1)],
        "base-2": [firm("Ada", out_of_cash_month=9, switches=1, last_main_supplier="Hyper"),
                   firm("Bob", default_month=13, out_of_cash_month=12)],
        "base-3": [firm("Ada"), firm("Bob", took_part=False)],
    }  # fmt: skip
    rest = [firm("In", "internal"), firm("Neo", "neocloud"), firm("Hyper", "hyperscaler"),
            firm("Late", took_part=False)]  # fmt: skip
    runs = [*map(run, range(4)), failed(4), failed(5, "timeout", error="took [b]long[/b]")]
    return study(runs, {name: own + rest for name, own in firms.items()})


@pytest.fixture
def two(frames: Frames) -> Frames:
    """The same with a second variant, in which nobody is ever short and runs come first."""
    other = {name: table.assign(variant="a [calm] world", run_id="a" + table["run_id"])
             for name, table in frames.items()}  # fmt: skip
    never = pd.array([pd.NA] * len(other["firm_outcomes"]), dtype="Int64")
    calm = {"out_of_cash_month": never, "default_month": never}
    other["firm_outcomes"] = other["firm_outcomes"].assign(**calm)
    return {
        name: pd.concat([other[name], table], ignore_index=True) for name, table in frames.items()
    }


def printed(frames: Any, start: str | None = None) -> str:
    console = Console(width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    for part in ensemble_summary(frames, start):
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def line_of(text: str, word: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(word))


def of(table: pd.DataFrame, name: str) -> dict[str, Any]:
    [row] = table[table["firm"] == name].to_dict("records")
    return row


def test_cash_by_hand(frames):
    table = cash_probabilities(frames["firm_outcomes"])
    assert set(table["firm"]) == {"Ada", "Bob", "In", "Neo", "Hyper"}  # Late never entered
    ada, bob, neo = (of(table, name) for name in ("Ada", "Bob", "Neo"))
    assert (ada["runs"], ada["out_of_cash_runs"], ada["out_of_cash_probability"]) == (4, 3, 0.75)
    assert (ada["default_runs"], ada["default_probability"]) == (1, 0.25)
    assert (ada["out_of_cash_median_month"], ada["default_median_month"]) == (5, 7)
    assert (bob["runs"], bob["default_probability"]) == (2, 0.5)
    assert neo["out_of_cash_probability"] == 0
    assert pd.isna(neo["out_of_cash_median_month"])


def test_intervals_are_wilsons(frames):
    ada = of(cash_probabilities(frames["firm_outcomes"]), "Ada")
    known = binomtest(3, 4).proportion_ci(0.95, "wilson")
    assert (ada["out_of_cash_low"], ada["out_of_cash_high"]) == (known.low, known.high)
    assert ada["out_of_cash_low"] == pytest.approx(0.3006, abs=1e-4)
    neo = of(cash_probabilities(frames["firm_outcomes"]), "Neo")
    assert neo["default_low"] == 0
    assert neo["default_high"] == pytest.approx(0.4899, abs=1e-4)  # z² / (n + z²)


def test_median_month_is_a_month_in_which_it_happened(frames):
    firms = frames["firm_outcomes"].query("run_id != 'base-2'")
    assert of(cash_probabilities(firms), "Ada")["out_of_cash_median_month"] == 3  # of 3 and 5


def test_switches_by_hand(frames):
    table = switch_probabilities(frames["firm_outcomes"])
    assert set(table["firm"]) == {"Ada", "Bob", "In"}
    ada = of(table, "Ada")
    assert (ada["switch_runs"], ada["switch_probability"], ada["mean_switches"]) == (2, 0.5, 0.75)
    assert (ada["last_main_supplier"], ada["last_main_supplier_share"]) == ("Hyper", 0.5)
    assert of(table, "Bob")["switch_probability"] == 0.5
    assert of(table, "Bob")["last_main_supplier_share"] == 1


def test_shares_by_month_end_at_the_probabilities(frames):
    table = cash_by_month(frames["firm_outcomes"], MONTHS)
    ada = table[table["firm"] == "Ada"].set_index("month")
    assert list(ada["out_of_cash"].loc[[2, 3, 4, 5, 9, 13]]) == [0, 0.25, 0.25, 0.5, 0.75, 0.75]
    assert list(ada["default"].loc[[6, 7]]) == [0, 0.25]
    assert (table.groupby("firm").size() == MONTHS).all()


def test_price_quantiles_by_hand(frames):
    table = price_paths(frames["months"])  # spot is 1, 2, 3, 4 in the four runs
    spot = table.query("price == 'spot' and month == 1").iloc[0]
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    expected = np.quantile([1, 2, 3, 4], levels)
    assert np.allclose(spot[["p5", "p25", "p50", "p75", "p95"]].astype(float), expected)
    assert (spot["date"], spot["runs"]) == ("2024-07", 4)
    first = table.query("price == 'contract' and month == 0").iloc[0]
    assert first["runs"] == 0
    assert np.isnan(first["p50"])
    assert len(table) == 3 * MONTHS


def test_counts_and_failures(frames):
    [row] = run_counts(frames["runs"]).to_dict("records")
    assert row == {"variant": "base", "runs": 6, "ok": 4, "error": 1, "timeout": 1} | {
        "not_applicable": 0
    }
    skipped = run(5, status="not_applicable")
    others = [failed(2, error="other"), failed(3), run(4), skipped]
    runs = pd.DataFrame([failed(0), failed(1), *others])
    assert list(failed_runs(runs)["replication"]) == [0, 2, 1, 3]  # one of each error first


def test_outcomes_of_finished_runs(frames):
    table = outcome_quantiles(frames["runs"]).set_index("outcome")
    assert list(table.index) == ["months", "spot_price_last_24_months", "capex_usd"]
    assert table.loc["capex_usd", "runs"] == 4
    assert table.loc["capex_usd", "p50"] == pytest.approx(1.5e9)
    assert table.loc["capex_usd", "unit"] == "USD"


def test_the_base_comes_first(two):
    assert list(two["runs"]["variant"].unique()) == ["a [calm] world", "base"]
    for table in (
        run_counts(two["runs"]),
        cash_probabilities(two["firm_outcomes"]),
        switch_probabilities(two["firm_outcomes"]),
        price_paths(two["months"]),
        outcome_quantiles(two["runs"]),
    ):
        assert list(table["variant"].unique()) == ["base", "a [calm] world"]


def test_start_and_length_from_whatever_there_is(frames):
    without: Any = frames | {"months": None}
    assert start_dates(frames, "2000-01") == {"base": "2024-06"}
    assert start_dates(without, "2024-06") == {"base": "2024-06"}
    assert start_dates(without) == {}
    assert months_played(frames) == months_played(without) == MONTHS
    bare = without | {"runs": frames["runs"].drop(columns="months")}
    assert months_played(bare) == 14  # the last default is in month 13


def test_what_is_printed(frames):
    text = printed(frames)
    assert line_of(text, "base") == ["base", "6", "4", "1", "1"]
    assert "base, seed 6: timeout, took [b]long[/b]" in text
    assert "computemarket run made-up --seed 5" in text
    ada = ["Ada", "75", "%", "(30-95)", "2024-11", "25", "%", "(5-70)", "2025-01"]
    assert line_of(text, "Ada") == ada
    assert "Never: Neo and 2 other firms" in text
    assert "Took part in fewer runs: Bob (2 of 4)" in text
    assert "Late" not in text
    switching = text[text.index("Switch of main supplier") :]
    assert line_of(switching, "Ada") == ["Ada", "50", "%", "(15-85)", "0.8", "Hyper", "50", "%"]
    first = ["2024-06", "2.50", "(1.15-3.85)", "-", "7.50", "(3.45-11.55)"]
    assert line_of(text, "2024-06") == first
    dates = [line.split()[0] for line in text.splitlines() if line.startswith(" 202")]
    assert dates == ["2024-06", "2024-12", "2025-07"]


def test_variants_stand_under_one_another(two):
    text = printed(two)
    lines = [line.strip() for line in text.splitlines()]
    at = lines.index("Ada")
    assert lines[at + 1].startswith("base  ")
    assert lines[at + 2].startswith("a [calm] world ")
    assert "Never: Neo and 2 other firms" in text
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_a_long_command_stays_one_command(frames):
    sets = " ".join(f"--set labs.OpenAI.cash_usd={n}e9" for n in range(8))
    runs = pd.DataFrame([run(0), failed(1, command=f"computemarket run made-up {sets}")])
    text = printed(frames | {"runs": runs})
    assert max(map(len, text.splitlines())) <= COLUMNS
    command = text[text.index("computemarket run") : text.index("=7e9") + 4]
    assert command.replace("\\\n", "").split() == f"computemarket run made-up {sets}".split()


def test_few_failures_stand_for_many(frames):
    runs = pd.DataFrame([run(0), *map(failed, range(1, 30))])
    text = printed(frames | {"runs": runs})
    assert text.count("boom") == 4
    assert "And 25 more runs" in text


def test_a_design_has_no_probabilities(two):
    runs = two["runs"].assign(point=two["runs"]["replication"])
    assert over_a_design(runs)
    assert not over_a_design(two["runs"])
    assert not over_a_design(two["runs"].assign(point=two["runs"]["variant"]))
    text = printed(two | {"runs": runs})
    assert "Outcomes over the design (6 points)" in text
    assert "%" not in text.replace("5 %", "")
    figures = ensemble_figures(two | {"runs": runs})
    assert list(figures) == ["price_fans"]
    assert "over the design" in figures["price_fans"].get_suptitle()


def test_without_a_months_table(frames):
    without: Any = frames | {"months": None}
    assert "month 5" in printed(without)
    text = printed(without, "2024-06")
    assert "2024-11" in text
    assert line_of(text, "spot_price_last_24_months")[1:] == ["4", "$2.15", "$3.50", "$4.85"]
    axes = ensemble_figures(without)["cash_over_time"].axes
    assert axes[-1].get_xlabel() == "Month of the run"
    assert "price_fans" not in ensemble_figures(without)


def test_no_run_came_to_its_end(tmp_path):
    frames = study([failed(0), failed(1)], {})
    for shape in (frames, {"runs": frames["runs"]}, frames | {"firm_outcomes": pd.DataFrame()}):
        text = printed(shape)
        assert line_of(text, "base") == ["base", "2", "0", "2"]
        assert "Never" not in text
        assert save_ensemble_figures(shape, tmp_path / "none") == []
        assert not (tmp_path / "none").exists()
        assert months_played(shape) == 0
    empty = frames["firm_outcomes"]
    for table in (cash_probabilities(empty), switch_probabilities(empty), cash_by_month(empty, 9)):
        assert table.empty
        assert "variant" in table
    assert price_paths(frames["months"]).empty


def test_nobody_ever_entered(frames):
    absent = frames | {"firm_outcomes": frames["firm_outcomes"].assign(took_part=False)}
    assert "Never" not in printed(absent)
    assert set(ensemble_figures(absent)) == set(ensemble_figures(frames))  # they say that it is so


def test_no_run_at_all():
    empty = pd.DataFrame(columns=list(run(0)))
    assert "Asked for" in printed({"runs": empty})
    assert ensemble_figures({"runs": empty}) == {}


def test_one_run(frames):
    one = {name: table[table["run_id"] == "base-0"] for name, table in frames.items()}
    assert line_of(printed(one), "Ada")[:4] == ["Ada", "100", "%", "(21-100)"]
    assert "Bob" not in printed(one)
    figures = ensemble_figures(one)
    assert figures["price_fans"].get_suptitle() == "Prices of compute, 1 run"


def test_nobody_ever_runs_short(two):
    calm = {name: table[table["variant"] != "base"] for name, table in two.items()}
    text = printed(calm)
    assert "Never: Ada, Bob, Neo and 2 other firms" in text
    figures = ensemble_figures(calm)
    assert "No firm ran out of cash" in figures["cash_over_time"].texts[0].get_text()
    assert [t.get_text() for t in figures["cash_risk"].axes[0].get_yticklabels()] == [
        "Ada", "Bob", "Neo"
    ]  # fmt: skip


def test_figures_show_the_numbers(two):
    figures = ensemble_figures(two)
    assert list(figures) == [
        "price_fans", "cash_risk", "cash_over_time", "switching", "survival", "survival_by_role"
    ]  # fmt: skip
    fans = figures["price_fans"].axes
    assert [axes.get_title(loc="left") for axes in fans[:3]] == ["Spot", "Contract", "List"]
    assert all("USD per H100e-hour" in fans[place].get_ylabel() for place in (0, 3))
    assert fans[0].get_yscale() == "log"
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in fans[0].lines]
    assert any(np.allclose(line, 2.5) for line in drawn)  # the median
    assert any(np.allclose(line, 1.0) for line in drawn)  # the run of the lowest seed

    axes = figures["cash_risk"].axes[0]
    firms = [label.get_text() for label in axes.get_yticklabels()]
    assert firms == ["Ada", "Bob", "Neo"]
    assert list(axes.lines[0].get_xdata()) == [0.75, 0.5, 0]
    low, high = axes.collections[0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((0.3006, 0.9544), abs=1e-4)

    panels = figures["cash_over_time"].axes
    assert [axes.get_title(loc="left") for axes in panels] == ["Ada", "Bob"]
    assert panels[0].patches[0].get_data().values[-1] == 0.75


def overlapping(figure: Figure) -> bool:
    """Whether labels of an axis, or legend and axis label, lie upon one another."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        for labels in (axes.get_yticklabels(), axes.get_xticklabels(), axes.texts):
            boxes = [t.get_window_extent(renderer) for t in labels if t.get_text()]
            if any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n]):
                return True
    outer = [axes.yaxis.label.get_window_extent(renderer) for axes in figure.axes
             if axes.get_ylabel()]  # fmt: skip
    return any(a.overlaps(b) for n, a in enumerate(outer) for b in outer[:n])


def test_many_variants_and_firms_with_long_names(two):
    parts: dict[str, list[pd.DataFrame]] = {name: [two[name]] for name in two}
    for number in range(5):
        for name in two:
            extra = two[name][two[name]["variant"] == "base"]
            long = f"demand that grows for {number} years and then some more"
            extra = extra.assign(variant=long, run_id=f"{number}" + extra["run_id"])
            parts[name].append(extra)
    frames = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    crowd = [frames["firm_outcomes"].assign(firm=frames["firm_outcomes"]["firm"] + f" No. {n}")
             for n in range(8)]  # fmt: skip
    frames["firm_outcomes"] = pd.concat(crowd, ignore_index=True)
    for figure in ensemble_figures(frames).values():
        assert not overlapping(figure)
        assert figure.get_figheight() < 16
        for legend in figure.legends:
            assert "And 2 more variants, not drawn" in [t.get_text() for t in legend.texts]
            box = legend.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width
    text = printed(frames)
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "more firms" in text


def test_files_are_small_and_drawn_without_warnings(tmp_path, two):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = save_ensemble_figures(two, tmp_path / "new")
    assert [path.stem for path in paths] == [
        "overview", "price_fans", "cash_risk", "cash_over_time", "switching", "survival",
        "survival_by_role",
    ]  # fmt: skip
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000
