"""Real against paper runway: of a run made by hand, and of runs after their first letter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from computemarket.analysis.figures import (
    real_and_paper_runway,
    real_and_paper_survival,
    write_png,
)
from computemarket.analysis.outcomes import Played
from computemarket.analysis.runways import NEEDED, runway_survival, runways, takers
from computemarket.scenarios.schema import Lab, Scenario

SCENARIO = Scenario(labs=(Lab(name="Ada"), Lab(name="Bob")))


@pytest.fixture
def tables(build, row) -> dict[str, pd.DataFrame]:
    """Ada signs a letter in month 1, cannot pay in month 3, and the letter lapses in month 4."""
    real, paper = [9.0, 8.0, 70.0, 0.0, 5.0], [9.0, 30.0, 90.0, 0.0, 5.0]
    firms = [
        {"month": m, "date": f"2024-0{m + 1}", "firm": firm, "runway_months": real[m],
         "runway_with_letters_months": paper[m] if firm == "Ada" else real[m],
         "arrears_usd": 4 if m == 3 else 0}
        for m in range(5) for firm in ("Ada", "Bob")
    ]  # fmt: skip
    letter = "Fund>Ada/2024-02/letter/1"
    events = [
        row(1, "letter_signed", "Ada", counterparty="Fund", amount_usd=9, contract_id=letter),
        row(4, "letter_lapsed", "Ada", counterparty="Fund", amount_usd=9, contract_id=letter),
    ]
    return build(months=5, firms=firms, events=events)


def test_both_runways_of_a_firm(tables: dict[str, pd.DataFrame]) -> None:
    assert takers(tables) == ["Ada"]
    table = runways(tables, "Ada")
    assert table["runway_months"].tolist() == [9, 8, 60, 0, 5]  # beyond five years nobody plans
    assert table["overstated_months"].tolist() == [0, 22, 0, 0, 0]
    assert runways(tables, "Bob")["overstated_months"].eq(0).all()


def test_outcomes_of_the_first_letter(tables: dict[str, pd.DataFrame], build) -> None:
    assert Played(tables, SCENARIO).outcomes(NEEDED) == {
        "months": 5,
        "first_letter_month": 1,
        "first_letter_runway_months": 8.0,
        "first_letter_paper_runway_months": 30.0,
        "first_letter_to_out_of_cash_months": 2,
    }
    none = Played(build(months=5), SCENARIO).outcomes(NEEDED)
    assert list(none.values()) == [5, None, None, None, None]


def runs() -> pd.DataFrame:
    """Four letters of month 2 in runs of 12 months; one taker fails to pay after 3 months."""
    table = pd.DataFrame(
        {"months": 12, "first_letter_month": 2.0, "first_letter_runway_months": [2.5, 2.5, 4, 60],
         "first_letter_paper_runway_months": [5.0, 60, 60, 60],
         "first_letter_to_out_of_cash_months": [3.0, np.nan, np.nan, np.nan]}
    )  # fmt: skip
    unsigned = pd.DataFrame({"months": [12], "first_letter_month": [np.nan]})
    return pd.concat([table, unsigned], ignore_index=True).assign(variant="base", status="ok")


def test_survival_after_the_letter_by_hand() -> None:
    table = runway_survival(runs()).set_index(["curve", "month"])["survival"]
    assert table["real"].tolist() == [1, 1, 1, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    assert table["paper"].tolist() == [1] * 5 + [0.75] * 5
    assert table["happened"].tolist() == [1] * 3 + [0.75] * 7


def test_lives_watched_for_different_times() -> None:
    """Two of four lives end in months 1 and 3; the others were watched for 2 and 9 months."""
    table = runs().iloc[:4].assign(
        months=[11, 11, 4, 11], first_letter_to_out_of_cash_months=[1.0, 3.0, np.nan, np.nan]
    )  # fmt: skip
    happened = runway_survival(table).query("curve == 'happened'")
    # three of four after month 1; then two are left, of which one ends: 3/4 x 1/2 (Kaplan-Meier)
    assert happened["survival"].tolist() == pytest.approx([1, 0.75, 0.75] + [0.375] * 6)
    assert happened["at_risk"].tolist() == [4, 4, 3, 2, 1, 1, 1, 1, 1]


def test_figures_are_drawn(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    axes = real_and_paper_runway(tables, "Ada")
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["runway", "if letters were cash", "signed", "lapsed"]
    write_png(axes, tmp_path / "run.png")
    write_png(real_and_paper_survival(runs()), tmp_path / "study.png")
    none = real_and_paper_survival(runs().iloc[4:])
    assert "No letter" in none.texts[0].get_text()
