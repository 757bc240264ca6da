"""The folder of a study: its tables come in the order of the study, whichever run ended first."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from computemarket.analysis.ensemble import cash_probabilities, outcome_quantiles, price_paths
from computemarket.analysis.ensemble_summary import ensemble_summary
from computemarket.experiments.compare import compare
from computemarket.experiments.runner import run_study
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Factor, Study, Variant

# Neither in the order of the alphabet nor, at these odds (1 in 120), in that of hashes.
VARIANTS = ("base", "winter", "autumn", "summer", "spring")


def study(replications: int) -> Study:
    """Variants times two points times seeds, three months each."""
    shocks = enumerate(VARIANTS[1:], start=1)
    return Study(
        scenario="duopoly",
        set={"run.months": 3, "interventions": []},
        replications=replications,
        months=True,
        factors=(Factor(name="growth", path="world.demand.growth_multiplier", values=(2.0, 0.5)),),
        variants=tuple(
            Variant(name=name, set={"world.sentiment.shock": -k / 10}) for k, name in shocks
        ),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Played in two goes, so that its parts hold the seeds of all variants mixed."""
    path = tmp_path_factory.mktemp("studies") / "seasons"
    run_study(study(1), path, workers=1)
    return run_study(study(2), path, workers=1)


def in_order() -> list[tuple[str, int, int]]:
    points, seeds = range(2), range(2)
    return [(name, point, seed) for name in VARIANTS for point in points for seed in seeds]


def test_runs_come_by_variant_point_and_replication(folder: StudyFolder) -> None:
    rows = folder.runs[["variant", "point", "replication"]].itertuples(index=False, name=None)
    assert list(rows) == in_order()
    assert folder.manifest["variants"] == list(VARIANTS)
    assert folder.runs["growth"].tolist() == [2.0, 2.0, 0.5, 0.5] * len(VARIANTS)


def test_the_other_tables_come_in_the_order_of_the_runs(folder: StudyFolder) -> None:
    months, firms = folder.months, folder.firm_outcomes
    assert months is not None
    for table in (months, firms):
        assert table["run_id"].drop_duplicates().tolist() == folder.runs["run_id"].tolist()
        assert (table["run_id"] != table["run_id"].shift()).sum() == len(folder.runs)
        assert table.index.equals(pd.RangeIndex(len(table)))
    assert months["month"].tolist() == [0, 1, 2] * len(folder.runs)
    assert firms["firm"].tolist() == sorted(firms["firm"].unique()) * len(folder.runs)


def test_rows_of_a_run_that_never_ended_come_last(folder: StudyFolder, tmp_path: Path) -> None:
    """A worker writes its rows of `months` before those of `runs`, and may be killed between."""
    whole, cut = folder.months, run_study(study(1), tmp_path / "s", workers=1)
    assert whole is not None
    lost = cut.runs["run_id"].iloc[0]
    for file in (cut.path / "runs").glob("*.parquet"):
        rows = pq.read_table(file, partitioning=None)
        pq.write_table(rows.filter(pc.not_equal(rows["run_id"], lost)), file)
    months = StudyFolder(cut.path).months
    assert months is not None
    assert months["run_id"].tail(3).tolist() == [lost] * 3
    assert len(months) == len(whole) / 2


def test_what_is_printed_and_drawn_has_the_order_of_the_study(folder: StudyFolder) -> None:
    months = folder.months
    assert months is not None
    for table in (
        cash_probabilities(folder.firm_outcomes),
        outcome_quantiles(folder.runs),
        price_paths(months),
    ):
        assert table["variant"].drop_duplicates().tolist() == list(VARIANTS)
    assert compare(folder.runs, "base", ["switches"])["variant"].tolist() == list(VARIANTS[1:])
    screen = io.StringIO()
    for part in ensemble_summary(folder.frames):
        Console(file=screen, width=100).print(part)
    named = [line.split()[0] for line in screen.getvalue().splitlines() if line.strip()]
    shown = [name for name in named if name in VARIANTS]
    assert len(shown) >= 2 * len(VARIANTS)
    assert shown == list(VARIANTS) * (len(shown) // len(VARIANTS))
