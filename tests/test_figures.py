"""Figures on what tables they are given: numbers as in the table, one line on what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from computemarket.analysis import figures
from computemarket.analysis.cash_flow import cash_bridge
from computemarket.analysis.figures.units import title_of, unit_of
from computemarket.analysis.supply import deliveries, supplier_moves

ROOT = Path(__file__).resolve().parents[1]
SPOT = "spot_price_usd_per_h100e_hour"
HELPERS = {"ensemble_figures", "firm_colours", "save_ensemble_figures", "save_figures", "write_png"}


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


@pytest.fixture
def paid(build) -> dict[str, pd.DataFrame]:
    """Ada has $100 before month 1, gets 70 and pays 30 in it, gets 5 and pays 45 in month 2."""
    cash = [100, 140, 100]
    return build(
        months=3,
        firms=[
            {"firm": "Bay", "role": "cloud", "month": 0},
            *({"firm": "Ada", "role": "lab", "month": m, "cash_usd": cash[m]} for m in range(3)),
        ],
        flows=[
            {"month": 0, "payer": "world", "payee": "Ada", "purpose": "founding", "amount_usd": 40},
            {"month": 1, "payer": "world", "payee": "Ada", "purpose": "services", "amount_usd": 70},
            {"month": 1, "payer": "Ada", "payee": "Bay", "purpose": "compute", "amount_usd": 30},
            {"month": 2, "payer": "Bay", "payee": "Ada", "purpose": "equity", "amount_usd": 5},
            {"month": 2, "payer": "Ada", "payee": "Bay", "purpose": "compute", "amount_usd": 45},
        ],
    )  # fmt: skip


def test_a_bridge_adds_up_to_the_dollar(paid) -> None:
    steps = [tuple(row) for row in cash_bridge(paid, "Ada", 1, 2).to_numpy()]
    assert steps == [
        ("cash", "cash", 100), ("services", "inflow", 70), ("equity", "inflow", 5),
        ("compute", "outflow", -75), ("cash", "cash", 100),
    ]  # fmt: skip
    assert cash_bridge(paid, "Ada", 0, 2)["amount_usd"].iloc[0] == 60  # before the founding
    many = pd.DataFrame(
        [{"month": 1, "payer": "Ada", "payee": "Bay", "purpose": f"p{n}", "amount_usd": n}
         for n in range(1, 30)]
    )  # fmt: skip
    flows = pd.concat([paid["flows"].query("month == 0"), many])
    firms = paid["firms"].assign(cash_usd=[0, 1000, 1000 - 435, 1000 - 435])
    cut = cash_bridge({**paid, "flows": flows, "firms": firms}, "Ada", 1, 2)
    assert len(cut) == 11  # cash, eight purposes, the rest, cash
    assert cut["amount_usd"].iloc[:-1].sum() == cut["amount_usd"].iloc[-1] == 565


def test_a_waterfall_names_each_step(paid) -> None:
    axes = figures.waterfall(paid, "Ada", "2024-02", "2024-03")
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Cash before 2024-02", "Services, received", "Equity, received", "Compute, paid",
        "Cash at the end of 2024-03",
    ]  # fmt: skip
    assert texts(axes) == ["$100", "+$70", "+$5", "-$75", "$100"]
    assert axes.get_xlabel() == "USD"


Tables = dict[str, pd.DataFrame]
REFUSED: dict[str, Callable[[Tables], object]] = {
    "firms: given the firm 'Adda', expected one of its firms, did you mean 'Ada'?": (
        lambda t: figures.waterfall(t, "Adda")
    ),
    "months: given the month 2024-09, expected one from 2024-01 to 2024-03": (
        lambda t: figures.waterfall(t, "Ada", "2024-09")
    ),
    "end: given 1, expected a month at or after 2": (lambda t: figures.waterfall(t, "Ada", 2, 1)),
    "months: given the month 7, expected one from 0 to 2": (lambda t: figures.money_network(t, 7)),
    "tables: given months, expected 'contracts' among them": (
        lambda t: figures.compute_prices({"months": t["months"]})
    ),
    "tables: given DataFrame, expected the tables of a run by name (read_run)": (
        lambda t: figures.compute_prices(t["months"])
    ),
    "firms: given the column 'cash_usd', expected one of its columns": (
        lambda t: figures.run_overview({**t, "firms": t["firms"].drop(columns="cash_usd")})
    ),
    "months: given the column 'spot', expected one of its columns": (
        lambda t: figures.fan_chart(t["months"].assign(run_id="a", variant="b", seed=1), "spot")
    ),
    "months: given no scenario, expected at least one with its table": (
        lambda _: figures.scenario_panels({}, SPOT)
    ),
    "runs: given the column 'x', expected one of its columns": (
        lambda _: figures.lever_map(pd.DataFrame({"status": []}), "x", "y", "z")
    ),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_missing_is_told_in_one_line(paid, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(line)}") as caught:
        REFUSED[line](paid)
    assert "\n" not in str(caught.value)


def test_figures_are_drawn_where_one_says(paid) -> None:
    page = Figure(figsize=(8, 8), layout="constrained")
    left, right = page.subfigures(1, 2)
    axes = left.subplots()
    assert figures.waterfall(paid, "Ada", axes=axes) is axes
    assert figures.capacity_and_demand(paid, right) is right
    assert len(right.axes) == 4


def test_networks_have_few_nodes_and_labels_apart(build) -> None:
    roles = {"investor": 9, "lab": 8, "cloud": 9, "chipmaker": 4}
    names = {role: [f"{role} number {n}" for n in range(count)] for role, count in roles.items()}
    firms = [{"firm": name, "role": role} for role, own in names.items() for name in own]
    chain = [*zip(list(roles), list(roles)[1:], strict=False), ("cloud", "lab")]
    flows = [
        {"payer": payer, "payee": payee, "purpose": "compute", "amount_usd": 10 + p * q}
        for source, target in chain
        for p, payer in enumerate(names[source])
        for q, payee in enumerate(names[target])
    ]
    axes = figures.money_network(build(firms=firms, flows=flows))
    shown = texts(axes)
    assert {text.split("\n")[0] for text in shown} >= {f"other {role}s" for role in roles}
    assert len(shown) == 14 + 4  # nodes, and heads of columns
    axes.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
    gets = sum(flow["amount_usd"] for flow in flows if flow["payee"] == names["chipmaker"][3])
    assert f"{names['chipmaker'][3]}\ngets ${gets}" in shown


def test_deliveries_are_what_labs_got_by_contract(build) -> None:
    deal = {"kind": "compute", "status": "ACTIVE", "buyer": "Ada", "workload": "training"}
    deal |= {"month_start": 0, "month_end": 9, "month_ended": -1, "h100e": 30.0, "chip": "N"}
    tables = build(
        months=2,
        firms=[{"month": 1, "firm": "Ada", "role": "lab", "contracted_training_h100e": 80.0}],
        contracts=[
            deal | {"seller": "Bay"}, deal | {"seller": "Cay", "h100e": 10.0, "chip": "A"},
            deal | {"seller": "Day", "month_start": 2}, deal | {"seller": "Elm", "month_end": 1},
        ],
    )  # fmt: skip
    got = deliveries(tables, 1)
    assert dict(zip(got["cloud"], got["h100e"], strict=True)) == {"Bay": 60.0, "Cay": 20.0}
    shown = texts(figures.supplier_network(tables, 1))
    assert {"N\n60 H100e", "A\n20 H100e", "Ada\n80 H100e"} <= set(shown)


def test_a_fan_is_the_quantiles(build) -> None:
    rng = np.random.default_rng(3)
    runs = [
        build(months=[{"month": m, "date": f"2024-0{m + 1}", SPOT: rng.random()} for m in range(4)])
        ["months"].assign(run_id=f"r{n}", variant="base", seed=n) for n in range(9)
    ]  # fmt: skip
    months = pd.concat(runs)
    axes = figures.fan_chart(months.sample(frac=1, random_state=1), SPOT)
    wide = months.pivot(index="month", columns="run_id", values=SPOT)
    assert np.allclose(axes.lines[0].get_ydata(), wide.median(axis="columns"))
    assert np.allclose(axes.lines[1].get_ydata(), wide["r0"])  # the lowest seed
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(band.max(), wide.quantile(0.95, axis="columns").max())
    assert axes.get_ylabel() == "USD per H100e-hour"
    one = runs[0].drop(columns=["run_id", "variant", "seed"])
    page = figures.scenario_panels({"study": months, "run": one}, SPOT)
    assert [panel.get_title(loc="left") for panel in page.axes] == ["study", "run"]
    assert len({panel.get_ylim() for panel in page.axes}) == 1


def test_a_lever_map_has_means_and_counts() -> None:
    runs = pd.DataFrame(
        {"x": [1, 1, 2, 2, 1], "y": ["a", "a", "a", "b", "b"], "status": ["ok"] * 4 + ["error"],
         "defaults": [1.0, 2.0, 4.0, 8.0, 99.0]}
    )  # fmt: skip
    axes = figures.lever_map(runs, "x", "y", "defaults")
    assert texts(axes) == ["-\nn = 0", "8\nn = 1", "1.5\nn = 2", "4\nn = 1"]  # y upwards
    assert axes.get_title(loc="left") == "Mean defaults, firms"
    spread = pd.DataFrame({"x": np.linspace(0, 1, 100), "status": "ok", "defaults": 1.0})
    spread["y"] = spread["x"].iloc[::-1].to_numpy()
    binned = figures.lever_map(spread, "x", "y", "defaults")
    assert len(binned.get_xticklabels()) == len(binned.get_yticklabels()) == 5


@pytest.mark.parametrize("factors", [["cash"], ["cash", "demand"]])
def test_a_page_on_a_design_shows_outcomes_over_its_levers(factors, tmp_path) -> None:
    levels = {"cash": [1.0, 2.0, 1.0, 2.0], "demand": [5.0, 5.0, 6.0, 6.0]}
    runs = pd.DataFrame(
        {"run_id": list("abcd"), "variant": "base", "point": range(4), "seed": 1}
        | {name: levels[name] for name in factors}
        | {"status": "ok", "error": "", "defaults": [0.0, 1.0, 2.0, 3.0]}
    )
    (path,) = figures.save_ensemble_figures({"runs": runs}, tmp_path)
    assert path.name == "overview.png"
    panel = next(axes for axes in figures.study_overview({"runs": runs}).axes if axes.get_xlabel())
    assert panel.get_xlabel() == "cash"
    if len(factors) == 2:
        assert texts(panel) == ["2\nn = 1", "3\nn = 1", "0\nn = 1", "1\nn = 1"]
    else:
        assert panel.lines[1].get_ydata().tolist() == [1.0, 2.0]


def test_moves_between_suppliers_are_counted(build, row) -> None:
    turn = {"workload": "overall", "month_from": 0, "reason": "price", "forced": False}
    events = [
        row(m, "switch", "Ada", counterparty=to, from_=old, to=to, **turn)
        for m, old, to in ((0, "Bay", "Cay"), (1, "Cay", "Bay"), (2, "Bay", "Cay"))
    ]
    axes = figures.switching_matrix(build(events=events))
    assert texts(axes) == ["2", "1"]
    firms = pd.DataFrame(
        {"role": ["lab"] * 4 + ["cloud"], "took_part": True,
         "first_main_supplier": ["Bay", "Bay", "Bay", "", "Bay"],
         "last_main_supplier": ["Cay", "Bay", "Cay", "", "Bay"]}
    )  # fmt: skip
    moves = supplier_moves(firms)
    assert moves[["to", "runs"]].to_numpy().tolist() == [["Bay", 1], ["Cay", 2]]
    assert texts(figures.supplier_matrix(firms)) == ["33 %\n1", "67 %\n2"]


@pytest.mark.parametrize(
    ("column", "peak", "label", "title"),
    [
        ("lab_revenue_usd", 3e9, "Billion USD a month", "Lab revenue"),
        ("cash_usd", 3e6, "Million USD", "Cash"),
        (SPOT, 3.0, "USD per H100e-hour", "Spot price"),
        ("installed_mw", 3e3, "GW", "Installed"),
        ("unmet_demand_share", 0.1, "Share", "Unmet demand share"),
        ("hhi_labs", 0.5, "Herfindahl index (1: one firm has all)", "Concentration of labs"),
        ("base_rate_per_year", 0.05, "Share a year", "Base rate per year"),
        ("defaults_so_far", 3, "Firms", "Defaults so far"),
    ],
)
def test_units_come_from_the_names_of_columns(column, peak, label, title) -> None:
    assert unit_of(column, peak).label == label
    assert title_of(column) == title


def test_the_gallery_has_every_figure() -> None:
    page = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    named = re.findall(r"^### `(\w+)`$", page, re.MULTILINE)
    assert sorted(named) == sorted({*figures.__all__} - HELPERS)
    assert all(callable(getattr(figures, name)) for name in figures.__all__)
    pictures = [ROOT / f"docs/images/gallery/{name}.png" for name in named]
    assert all(picture.stat().st_size < 60_000 for picture in pictures)
