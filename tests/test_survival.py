"""Survival curves against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from computemarket.analysis.figures import survival_curves
from computemarket.analysis.figures.drawing import write_png
from computemarket.analysis.survival import survival


def outcomes(months: dict[str, list[int | None]], variant: str = "base") -> pd.DataFrame:
    rows = [
        {"variant": variant, "firm": firm, "role": "cloud", "took_part": True,
         "default_month": month, "out_of_cash_month": month}
        for firm, first in months.items()
        for month in first
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for column in ("default_month", "out_of_cash_month"):
        table[column] = table[column].astype("Int64")
    return table


def test_curve_by_hand() -> None:
    # Ten runs of 12 months: two defaults in month 3, one in month 7, seven runs without.
    curve = survival(outcomes({"A": [3, 3, 7, *[None] * 7]}), 12).set_index("month")
    assert curve["survival"].tolist() == pytest.approx([1.0] * 3 + [0.8] * 4 + [0.7] * 5)
    assert curve["at_risk"].tolist() == [10] * 4 + [8] * 4 + [7] * 4
    # Greenwood's variance of 0.7 is that of a share here: the log-log band of 3 deaths in 10
    error = 1.959964 * np.sqrt(0.3 / (10 * 0.7)) / np.log(0.7)
    assert curve.loc[11, "high"] == pytest.approx(0.7 ** np.exp(error), rel=1e-4)
    assert curve.loc[11, "low"] == pytest.approx(0.7 ** np.exp(-error), rel=1e-4)
    assert curve.loc[:2, "low"].isna().all()


def test_nobody_fails() -> None:
    curve = survival(outcomes({"A": [None] * 5}), 6)
    assert (curve["survival"] == 1).all()
    assert curve["low"].isna().all()


def test_all_fail() -> None:
    curve = survival(outcomes({"A": [2, 2, 4]}), 6)
    assert curve["survival"].tolist()[-1] == 0.0


def test_a_role_pools_its_firms_and_variants_stay_apart() -> None:
    table = pd.concat(
        [outcomes({"A": [0], "B": [None]}), outcomes({"A": [None], "B": [None]}, "x")]
    )
    curve = survival(table, 3, by="role")
    assert curve.groupby("variant")["survival"].last().to_dict() == {"base": 0.5, "x": 1.0}
    assert set(curve["name"]) == {"cloud"}


def test_firms_that_did_not_take_part_do_not_count() -> None:
    table = outcomes({"A": [1, None]})
    table.loc[1, "took_part"] = False
    assert survival(table, 3)["survival"].tolist() == [1.0, 0.0, 0.0]


def test_figures_are_drawn(tmp_path: Path) -> None:
    table = outcomes({"A": [3, 5, *[None] * 8], "B": [7, *[None] * 9], "C": [None] * 10})
    curves = survival(table, 24)
    figure = survival_curves(curves, starts={"base": "2024-01"})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    write_png(figure, tmp_path / "survival.png")
    none = survival_curves(survival(outcomes({"C": [None]}), 24))
    write_png(none, tmp_path / "none.png")
