"""`describe` answers what a column means: all columns of all tables, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from computemarket import compare, describe, run_study
from computemarket.experiments.measures import FIRM_MEASURES
from computemarket.experiments.study import Study, StudyError, Variant
from computemarket.market.columns import TABLES


def test_the_tables_of_a_run_have_the_columns_that_are_described() -> None:
    for name, columns in TABLES.items():
        described = describe(name)
        pairs = zip(described["column"], described["type"], strict=True)
        assert tuple(pairs) == columns


def test_the_frames_of_a_study_have_the_columns_that_are_described(tmp_path: Path) -> None:
    variant = Variant(name="crash", set={"world.sentiment.shock": -2})
    study = Study(scenario="duopoly", set={"run.months": 2, "interventions": []},
                  replications=2, months=True, variants=(variant,))  # fmt: skip
    folder = run_study(study, tmp_path / "study", workers=1)
    frames = {**folder.frames, "comparison": compare(folder.runs, "base", ["capex_usd"])}
    key = ["run_id", "variant", "replication", "seed"]

    for name, frame in frames.items():
        first = key if name == "months" else []
        assert list(frame) == [*first, *describe(name)["column"]]
    assert [name for name in frames if name not in set(describe()["table"])] == []


@pytest.mark.parametrize("table", describe()["table"])
def test_every_column_has_a_meaning_and_money_a_unit(table: str) -> None:
    columns = describe(table).set_index("column")

    assert columns.index.is_unique
    assert columns.index[columns["meaning"] == ""].tolist() == []
    money = columns.index.str.endswith("_usd")
    assert columns.index[money & (columns["unit"] == "")].tolist() == []


def test_outcomes_of_firms_have_one_unit() -> None:
    units = describe("firm_outcomes").set_index("column")["unit"]
    own = {name: measure.unit for name, measure in FIRM_MEASURES.items() if name in units.index}

    assert len(own) > 10
    months = {name for name in own if name.endswith("_month")}  # the unit is that of their mean
    assert [name for name in own if name not in months and units[name] != own[name]] == []


def test_a_notebook_shows_meanings_whole() -> None:
    page = describe("contracts")[["column", "meaning"]].query("column == 'seller'")._repr_html_()

    assert "designer, host, financing partner" in page
    assert "..." not in page


@pytest.mark.parametrize(
    ("given", "words"),
    [("firm", "given 'firm', .* did you mean 'firms'"), (7, "given 'int'"), ([], "given 'list'")],
)
def test_an_unknown_table_is_one_line(given: object, words: str) -> None:
    with pytest.raises(StudyError, match=words) as error:
        describe(given)
    assert len(str(error.value).splitlines()) == 1
