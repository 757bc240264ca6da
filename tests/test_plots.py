"""The figures of a run: units on the axes, dates below, the table's own numbers, small files."""

from __future__ import annotations

import time

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter, num2date
from matplotlib.figure import Figure

from computemarket.analysis.figures import firm_colours, save_figures, write_png
from computemarket.analysis.figures.drawing import PALETTE, whole
from computemarket.analysis.figures.run import FIGURES
from computemarket.analysis.supply import contracted_shares

UNITS = ("USD", "GW", "H100e", "Share", "Standard deviations")


@pytest.fixture(scope="module")
def figures(run_tables) -> dict[str, Figure]:
    return {name: whole(draw(run_tables)) for name, draw in FIGURES.items()}


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def lines(axes: Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]


def holds(axes: Axes, series: np.ndarray) -> bool:
    """Whether one of the lines is exactly this series."""
    return any(
        len(line) == len(series) and np.allclose(line, series, equal_nan=True)
        for line in lines(axes)
    )


@pytest.mark.parametrize("name", FIGURES)
def test_each_axis_says_what_it_shows(figures, name):
    for axes in figures[name].axes:
        assert axes.get_title(loc="left")
        assert axes.has_data()
        assert axes.lines or axes.patches or axes.collections
        assert isinstance(axes.xaxis.get_major_formatter(), ConciseDateFormatter)
        first, last = (num2date(x) for x in axes.get_xlim())
        assert first.year == 2024
        assert last.year in (2029, 2030)
        first_column = axes.get_subplotspec().is_first_col()
        if first_column and "runway" not in axes.get_title(loc="left"):
            assert any(unit in axes.get_ylabel() for unit in UNITS), axes.get_ylabel()


def test_cash_is_the_table_in_billions(figures, run_tables):
    firms = run_tables["firms"]
    for title, name in (("Cash of labs", "OpenAI"), ("Cash of clouds", "CoreWeave")):
        series = firms.loc[firms["firm"] == name, "cash_usd"].to_numpy() / 1e9
        assert holds(panel(figures["cash_and_runway"], title), series)
    assert not holds(  # hyperscalers do not run out of cash
        panel(figures["cash_and_runway"], "Cash of clouds"),
        firms.loc[firms["firm"] == "AWS", "cash_usd"].to_numpy() / 1e9,
    )


def test_runway_map_is_the_table(figures, run_tables):
    axes = panel(figures["cash_and_runway"], "Months of runway")
    names = [label.get_text() for label in axes.get_yticklabels()]
    shown = axes.collections[0].get_array()
    own = run_tables["firms"].query("firm == 'xAI'")
    unpaid = own["arrears_usd"].to_numpy() > 0
    assert 0 < unpaid.sum() < len(own)
    assert np.allclose(shown[names.index("xAI")], np.where(unpaid, -1, own["runway_months"]))
    assert shown[names.index("Cohere")].mask.sum() == 21  # months after its default in month 50


def test_prices_are_the_table(figures, run_tables):
    axes = figures["compute_prices"].axes[0]
    for kind in ("spot", "contract", "list"):
        series = run_tables["months"][f"{kind}_price_usd_per_h100e_hour"].to_numpy()
        assert holds(axes, series)
    assert axes.get_yscale() == "log"
    contracts = run_tables["contracts"]
    dots = axes.collections[0].get_offsets()[:, 1]
    assert sorted(dots) == sorted(contracts.loc[contracts["month_signed"] >= 0, "price_usd"])


def test_chips_have_a_panel_a_maker(figures, run_tables):
    figure = figures["chip_prices"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Nvidia", "AMD"]
    prices = run_tables["prices"]
    series = prices.loc[prices["generation"] == "B200", "price_usd"].to_numpy() / 1e3
    assert holds(figure.axes[0], series)
    assert {text.get_text() for text in figure.axes[0].texts} == {"H100", "B200"}


def test_capacity_is_the_table(figures, run_tables):
    figure, months = figures["capacity_and_demand"], run_tables["months"]
    assert holds(panel(figure, "Data-centre power"), months["installed_mw"].to_numpy() / 1e3)
    demand = months["demand_service_units"].to_numpy() / 1e9
    assert holds(panel(figure, "Demand"), demand)
    assert holds(panel(figure, "Use of capacity"), months["utilisation"].to_numpy())


def test_funding_is_the_table(figures, run_tables):
    figure, months = figures["funding_and_sentiment"], run_tables["months"]
    heights = [patch.get_height() for patch in panel(figure, "Money raised").patches]
    strategic = months["strategic_equity_usd"].to_numpy() / 1e9
    assert np.allclose(heights[72:144], strategic)
    assert np.allclose(heights[:72], months["equity_raised_usd"].to_numpy() / 1e9 - strategic)
    assert holds(panel(figure, "Sentiment"), months["sentiment"].to_numpy())
    assert "Cohere" in [text.get_text().strip() for text in panel(figure, "Sentiment").texts]


def test_shares_by_hand(build):
    deal = {"kind": "compute", "status": "ACTIVE", "buyer": "Ada", "month_signed": 0}
    deal |= {"month_ended": None}
    tables = build(
        months=5,
        firms=[{"firm": "B", "group": "Bee", "role": "cloud"}, {"firm": "A", "role": "cloud"}],
        contracts=[
            deal | {"seller": "A", "month_start": 1, "month_end": 3, "h100e": 3.0},
            deal | {"seller": "B", "month_start": 2, "month_end": 9, "h100e": 1.0},
            deal | {"seller": "C", "month_start": 0, "month_end": 9, "h100e": 8.0}
            | {"month_ended": 1, "status": "ENDED"},
            deal | {"seller": "D", "month_signed": None, "month_start": None, "month_end": None}
            | {"h100e": 5.0, "status": "LAPSED"},
            deal | {"seller": "E", "kind": "chip_order", "h100e": 5.0},
        ],
    )  # fmt: skip
    shares = contracted_shares(tables)
    found = {(r.month, r.supplier): r.share for r in shares.itertuples()}
    assert found == {(0, "C"): 1.0, (1, "A"): 1.0, (2, "A"): 0.75, (2, "Bee"): 0.25} | {
        (3, "Bee"): 1.0,
        (4, "Bee"): 1.0,
    }


def test_areas_are_the_shares(figures, run_tables):
    shares = contracted_shares(run_tables)
    month = shares[(shares["lab"] == "OpenAI") & (shares["month"] == 40)]
    first = month.sort_values("supplier").iloc[0]
    axes = panel(figures["supplier_shares"], "OpenAI")
    suppliers = sorted(shares["supplier"].unique())
    area = axes.collections[suppliers.index(first["supplier"])].get_paths()[0].vertices
    day = axes.xaxis.convert_units(np.datetime64("2027-05-01"))
    assert np.isclose(area[np.isclose(area[:, 0], day), 1].max(), first["share"])


def test_colours_hold_across_figures_and_differ_within_a_role(run_tables):
    colours = firm_colours(run_tables["firms"])
    mixed = run_tables["firms"].sample(frac=1, random_state=1)
    assert firm_colours(mixed) == colours
    clouds = run_tables["firms"].query("role == 'cloud'")["firm"].unique()
    assert len({colours[name] for name in clouds}) == len(clouds)
    assert set(colours.values()) <= set(PALETTE)


@pytest.mark.parametrize("name", FIGURES)
def test_labels_do_not_overlap(figures, name):
    figure = figures[name]
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_text()]
        ticks = [t.get_window_extent(renderer) for t in axes.get_yticklabels() if t.get_text()]
        for group in (boxes, ticks):
            for place, box in enumerate(group):
                assert not any(box.overlaps(other) for other in group[:place])


def test_files_are_small_and_fast(tmp_path, run_tables):
    before = time.process_time()
    paths = save_figures(run_tables, tmp_path)
    assert time.process_time() - before < 10  # about 3 s on the reference machine
    assert [path.stem for path in paths] == ["overview", *FIGURES]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000


def test_same_tables_same_bytes(tmp_path, run_tables):
    for name in ("a.png", "b.png"):
        write_png(FIGURES["compute_prices"](run_tables), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_hardly_any_data(build, tmp_path):
    months = 1
    firm = {"firm": "Ada", "role": "lab", "kind": "independent", "runway_months": 999.0}
    tables = build(months=months, firms=[firm | {"month": m} for m in range(months)])
    assert len(save_figures(tables, tmp_path)) == 1 + len(FIGURES)
    assert len(save_figures(build(months=months), tmp_path)) == 1 + len(FIGURES)


def test_many_firms_are_cut_to_those_that_tell_most(build):
    firms = [
        {"month": 0, "firm": f"Lab {n:02d}", "role": "lab", "kind": "independent", "cash_usd": n}
        | {"arrears_usd": int(n == 3)}
        for n in range(40)
    ]
    figure = FIGURES["cash_and_runway"](build(firms=firms))
    names = [label.get_text() for label in panel(figure, "Months of runway").get_yticklabels()]
    assert len(names) == 8
    assert "Lab 03" in names
    assert "Lab 39" in names
