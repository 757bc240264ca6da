"""Which runs are typical and extreme, by hand; and that they are played again as they were."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

import pandas as pd
import pytest

from computemarket import cli
from computemarket.analysis.histories import digest, drifts, first_difference
from computemarket.analysis.outcomes import OUTCOMES
from computemarket.analysis.tables import read_run, records
from computemarket.analysis.typical import chosen_runs, closest, differences, quantiles
from computemarket.experiments.plan import make_plan
from computemarket.experiments.runner import run_study
from computemarket.experiments.store import StudyFolder, take_folder
from computemarket.experiments.stories import stories
from computemarket.experiments.study import Factor, Study, StudyError, Variant
from computemarket.experiments.typical import replay, typical_runs

NAN = math.nan


def column(*values: float) -> pd.Series:
    return pd.Series(values, index=list("abcdefghij")[: len(values)], dtype=float)


def frame(**columns: tuple[float, ...]) -> pd.DataFrame:
    return pd.DataFrame({name: column(*values) for name, values in columns.items()})


# -- which runs, on frames made by hand -------------------------------------------------------


def test_a_quantile_counts_the_lower_and_half_of_the_equal() -> None:
    ranks = quantiles(frame(x=(3.0, 1.0, 1.0, NAN, 9.0)))["x"]
    assert ranks.drop("d").tolist() == [0.625, 0.25, 0.25, 0.875]
    assert math.isnan(ranks["d"])


def test_the_run_at_the_median_and_those_at_the_ends() -> None:
    values = column(5.0, 900.0, 7.0, 6.0, 1.0)
    assert chosen_runs(values, frame(x=(0.0,) * 5)) == {
        "typical": "d", "lowest": "e", "highest": "b"
    }  # fmt: skip


def test_of_two_runs_as_near_to_the_median_the_more_ordinary_one() -> None:
    values, odd = column(1.0, 2.0, 3.0, 4.0), (1.0, 90.0, 2.0, 3.0)
    assert chosen_runs(values, frame(x=odd))["typical"] == "c"
    # What some run lacks does not count; without anything to tell them apart, the first.
    assert chosen_runs(values, frame(x=(1.0, 90.0, 2.0, NAN)))["typical"] == "b"


def test_of_runs_with_the_same_extreme_the_one_most_like_them() -> None:
    values = column(0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 2.0)
    others = frame(x=(1.0, 2.0, 3.0, 30.0, 10.0, 20.0, 4.0))
    assert chosen_runs(values, others) == {"typical": "g", "lowest": "b", "highest": "f"}


def test_one_outcome_may_count_before_the_others() -> None:
    values = column(1.0, 2.0, 2.0, 2.0, 3.0)
    rising = (1.0, 2.0, 3.0, 4.0, 5.0)
    others = frame(x=rising, y=(1.0, 3.0, 9.0, 4.0, 0.0), z=rising, w=rising)
    assert chosen_runs(values, others)["typical"] == "c"
    assert chosen_runs(values, others, lead="y")["typical"] == "b"


def test_an_end_that_the_typical_run_has_too_is_not_told_again() -> None:
    values = column(0.0, 0.0, 0.0, 4.0)
    assert chosen_runs(values, frame(x=(1.0, 2.0, 3.0, 4.0))) == {"typical": "b", "highest": "d"}
    assert list(chosen_runs(column(7.0, 7.0), frame(x=(1.0, 2.0)))) == ["typical"]
    assert chosen_runs(column(7.0), pd.DataFrame(index=["a"])) == {"typical": "a"}


def test_zero_or_one_gives_a_typical_run_of_each_the_frequent_first() -> None:
    values = column(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    others = frame(x=(1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 90.0), y=(1.0, NAN, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert list(chosen_runs(values, others).items()) == [("with 0", "e"), ("with 1", "b")]
    assert list(chosen_runs(1 - values, others)) == ["with 1", "with 0"]


def test_what_differs_most_in_rank_comes_first() -> None:
    others = frame(
        near=(1.0, 2.0, 3.0, 4.0), far=(1.0, 1.1, 1.2, 1.3), big=(9e9, 0.0, 8e9, 1.0),
        gap=(NAN, 1.0, 2.0, 3.0),
    )  # fmt: skip
    table = differences(others, "a", "b")
    assert table["outcome"].tolist() == ["big", "near", "far"]
    assert table.iloc[0].tolist() == ["big", 9e9, 0.0, 0.875, 0.125]


def test_the_outcome_that_goes_with_another() -> None:
    values = column(*range(10))
    others = frame(
        falling=tuple(-value for value in range(10)), flat=(1.0,) * 10,
        gap=(NAN, *range(1, 10)), noise=(3.0, 9.0, 1.0, 7.0, 5.0, 0.0, 8.0, 2.0, 6.0, 4.0),
    )  # fmt: skip
    assert closest(values, others) == ("falling", -1.0)
    assert closest(values, others[["flat", "gap", "noise"]]) is None
    assert closest(values.head(9), others.head(9)) is None
    assert closest(values * 0, others) is None


# -- two histories ------------------------------------------------------------------------------


def rows(firm: str, cash: list[float], **values: object) -> list[dict]:
    months = enumerate(cash)
    return [{"month": m, "firm": firm, "cash_usd": int(usd)} | values for m, usd in months]


def test_histories_part_in_the_first_month_that_differs(build, row) -> None:
    one = build(months=4, firms=rows("Ada", [5, 4, 3, 2]), events=[row(2, "slip", "Ada")])
    other = build(months=4, firms=rows("Ada", [5, 4, 3, 2]), events=[row(2, "slip", "Neo")])
    assert first_difference(one, one) is None
    assert first_difference(one, other) == 2
    shorter = build(months=3, firms=rows("Ada", [5, 4, 3]), events=[row(2, "slip", "Ada")])
    assert first_difference(one, shorter) == 3


def test_a_series_drifts_from_the_month_after_which_it_stays_apart(build, row) -> None:
    calm = build(months=6, firms=rows("Ada", [10, 10, 10, 10, 10, 10]))
    rich = build(months=6, firms=rows("Ada", [20, 10, 16, 16, 16, 90]))
    late = build(months=6, firms=rows("Ada", [10, 10, 10, 10, 90, 90]))
    (drift,) = drifts(rich, calm, "Ada")
    assert (drift.words, drift.month, drift.above) == ("cash", 2, True)
    assert (drift.last_month, drift.last, drift.other_last) == (5, 90, 10)
    assert not drifts(calm, rich, "Ada")[0].above
    assert drifts(late, calm, "Ada") == []
    # After a default there is nothing to hold against anything.
    failed = build(months=6, firms=rows("Ada", [20, 10, 16, 16, 16, 90]),
                   events=[row(3, "default", "Ada")])  # fmt: skip
    assert drifts(failed, calm, "Ada") == []


def test_a_digest_has_what_matters_and_merges_the_rest(build, row) -> None:
    routine = [
        row(m, "contract_signed", "Ada", text=f"Ada signs {m}", amount_usd=m) for m in range(9)
    ]
    late = [
        {"month": m, "firm": "Ada", "arrears_usd": 7_000_000 * (m > 7), "runway_months": 2.0}
        for m in range(12)
    ]
    events = [
        *routine,
        row(1, "round_failed", "Ada", text="an old round fails"),
        row(5, "round_failed", "Ada", text="no one leads the round"),
        row(7, "switch", "Ada", workload="overall", text="Ada moves to Neo"),
        row(10, "default", "Ada", text="Ada defaults"),
        row(11, "liquidation", "Ada", text="after the end"),
    ]
    lines = list(digest(build(months=12, firms=late, events=events), "Ada", "lab"))
    told = [line.strip(" -") for line in lines if line.startswith(" ")]
    assert told == [
        "Ada signs 5.", "no one leads the round.", "Ada signs 6.", "Ada signs 7.",
        "Ada moves to Neo.", "Ada signs 8.",
        "Ada could not pay all that was due: $7M stayed open.", "Ada defaults.",
    ]  # fmt: skip
    assert lines[0] == "Ada (lab), 2024-01 to 2024-11"


# -- a study -----------------------------------------------------------------------------------


def small(**changes: object) -> Study:
    """A duopoly of seven months: a growth factor that acts from the third, and two variants."""
    killed = {"month": "2024-04", "kind": "kill", "firm": "Delta"}
    given = {
        "scenario": "duopoly",
        "set": {"run.months": 7, "labs.Borealis.cash_usd": 1e8, "interventions": []},
        "replications": 2,
        "from_month": 3,
        "factors": (Factor(name="growth", path="world.demand.growth_multiplier",
                           values=(0.5, 2.0)),),
        "variants": (
            Variant(name="killed", interventions=(killed,)),
            Variant(name="late crash", set={"world.sentiment.shock": -2}, from_month="2024-05"),
        ),
    }  # fmt: skip
    return Study(**(given | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return run_study(small(), tmp_path_factory.mktemp("typical") / "a study", workers=1)


@pytest.mark.parametrize("variant", ["killed", "late crash"])
def test_a_replay_is_the_run_that_the_study_has(folder: StudyFolder, variant: str) -> None:
    found = typical_runs(folder, "lab_revenue_usd", variant=variant)
    assert found.runs["kind"].tolist() == ["typical", "lowest", "highest"]
    stored = folder.runs.set_index("run_id")
    for row in records(found.runs.tail(2)):
        assert row["variant"] == variant
        played = replay(found, row["kind"]).outcomes(OUTCOMES)
        assert all(
            value == stored.loc[row["run_id"], name] if value is not None else True
            for name, value in played.items()
        )
        assert row["value"] == played["lab_revenue_usd"]


def test_the_command_plays_that_very_run(
    folder: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = records(typical_runs(folder, "lab_revenue_usd", variant="killed").runs)[-1]
    words = shlex.split(row["command"])
    assert "--from-month" in words
    assert cli.call([*words[1:], "--out", str(tmp_path / "run"), "--no-plots", "--quiet"]) == 0
    months = read_run(tmp_path / "run")["months"]
    assert months["lab_revenue_usd"].sum() == row["value"]
    told = typical_runs(folder, "Borealis.final_arr_usd", variant="killed").runs["command"].iloc[-1]
    assert cli.call(shlex.split(told)[1:]) == 0
    assert capsys.readouterr().out.startswith("Borealis (lab), 2024-01 to ")


def test_the_tables_are_tidy(folder: StudyFolder) -> None:
    found = typical_runs(folder.path, "Borealis.final_arr_usd")
    assert found.firm == "Borealis"
    assert list(found.runs.columns) == [
        "kind", "variant", "point", "replication", "seed", "run_id", "growth", "value", "quantile",
        "same", "command",
    ]  # fmt: skip
    values = folder.firm_outcomes.query("firm == 'Borealis'")["final_arr_usd"]
    assert found.runs["value"].tolist()[1:] == [values.min(), values.max()]
    apart = found.differences
    assert "Borealis.final_arr_usd" not in set(apart["outcome"])
    assert {name.rpartition(".")[0] for name in apart["outcome"]} == {"", "Borealis"}
    assert set(apart["kind"]) == {"lowest", "highest"}


def test_what_the_screen_tells(folder: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["explain", str(folder.path), "--outcome", "lab_revenue_usd", "--firm", "Aurora"]
    assert cli.call(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    runs = typical_runs(folder, "lab_revenue_usd").runs
    assert lines[0].startswith("lab revenue: 12 runs of base, killed and late crash; $")
    heads = [line for line in lines if line.startswith(("Typical", "Lowest", "Highest"))]
    assert [line.rpartition(": ")[2] for line in heads] == [
        f"{row['variant']}, seed {row['seed']}, growth {row['growth']}" for row in records(runs)
    ]
    assert sum(line.startswith("Aurora (lab), 2024-01 to 2024-07") for line in lines) == 3
    assert sum(line.startswith("Month by month: computemarket explain ") for line in lines) == 3
    assert sum(line == "It differs most from the typical run in:" for line in lines) == 2


def test_runs_of_one_seed_are_the_same_until_a_variant_acts(tmp_path: Path) -> None:
    study = small(replications=1, factors=(), variants=(small().variants[0],))
    found = typical_runs(run_study(study, tmp_path / "s", workers=1), "defaults")
    lines = list(stories(found))
    assert lines[0] == "defaults: 2 runs of base and killed; 0 in 1, 1 in 1."
    assert "Told of the whole market; --firm NAME tells of a firm." in lines
    assert "The only one with 1: killed, seed 1" in lines
    assert "Until 2024-04 its history is that of the first run." in lines
    assert any("Delta defaults" in line for line in lines)


def test_all_runs_alike_and_one_run(tmp_path: Path) -> None:
    study = small(
        replications=1, from_month=None, factors=(), variants=(), set={"run.months": 3}
    )  # fmt: skip
    folder = run_study(study, tmp_path / "s", workers=1)
    lines = list(stories(typical_runs(folder, "Borealis.default")))
    assert lines[:3] == [
        "Borealis: default: 1 run of base; no.",
        "",
        "The only run: base, seed 1",
    ]
    folder = run_study(study.model_copy(update={"replications": 2}), tmp_path / "s", workers=1)
    lines = list(stories(typical_runs(folder, "defaults")))
    assert lines[0] == "defaults: 2 runs of base; 0 in all of them."
    assert lines[3] == "Typical, 0 (quantile 0.50, as in 1 other): base, seed 1"


def test_runs_that_failed_or_do_not_apply_are_left_out(tmp_path: Path) -> None:
    twice = [{"month": m, "kind": "kill", "firm": "Delta"} for m in ("2024-02", "2024-04")]
    study = small(
        replications=1, from_month=None, set={"run.months": 5},
        factors=(Factor(path="world.demand.enterprise.growth_per_year", values=(0.5, 1e4)),),
        variants=(Variant(name="killed twice", interventions=twice),),
    )  # fmt: skip
    found = typical_runs(run_study(study, tmp_path / "s", workers=1), "defaults")
    assert found.left_out == {"failed": 2, "not applicable": 1}
    lines = list(stories(found))
    assert lines[1] == "Left out: 2 failed and 1 not applicable."
    with pytest.raises(StudyError, match=r"none of 2 does \(1 failed and 1 not applicable\)"):
        typical_runs(found.folder, "defaults", variant="killed twice")


def test_a_study_without_runs(tmp_path: Path) -> None:
    folder = take_folder(tmp_path / "s", make_plan(small()))
    with pytest.raises(StudyError, match=r"none of 0 does \(none was played yet\)"):
        typical_runs(folder, "defaults")


def test_outcomes_of_a_function_of_ones_own_have_no_story(tmp_path: Path) -> None:
    study = small(replications=3, factors=(), variants=(), outcomes=("luck",))
    folder = run_study(study, tmp_path / "s", workers=1, toy=lambda _, seed: {"luck": float(seed)})
    found = typical_runs(folder, "luck")
    assert found.runs["value"].tolist() == [2.0, 1.0, 3.0]
    assert any("no story to tell" in line for line in stories(found))


def test_a_run_that_is_another_one_by_now_is_said(folder: StudyFolder) -> None:
    found = typical_runs(folder, "contracts_signed", variant="base")
    found = found._replace(runs=found.runs.assign(value=999.0))
    assert any("and not 999: the study is of another version" in line for line in stories(found))


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--outcome", "defalts"], ["outcome", "'defalts'", "did you mean 'defaults'?"]),
        (["--outcome", "Boreal.default"], ["'Boreal.default'", "'Borealis.default'"]),
        (["--outcome", "defaults", "--variant", "kiled"], ["'kiled'", "'killed'"]),
        (["--outcome", "defaults", "--firm", "Auror"], ["'Auror'", "'Aurora'"]),
        (["--outcome", "defaults", "--seed", "1"], ["--seed", "--outcome", "folder of a study"]),
        (["--outcome", "defaults", "--set", "a=1"], ["--set", "folder of a study"]),
        (["--seed", "1", "--firm", "Aurora"], ["--seed", "--outcome", "folder of a study"]),
        ([], ["--outcome"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str], argv: list[str], parts: list[str]
) -> None:
    assert cli.call(["explain", str(folder.path), *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert [part for part in parts if part not in err] == [], err


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--outcome", "defaults"], "'duopoly' is not a study folder"),
        (["--seed", "1"], "--firm"),
        (["--firm", "Aurora"], "--seed"),
        (["--seed", "1", "--firm", "Aurora", "--variant", "base"], "--variant"),
    ],
)
def test_what_a_scenario_needs(
    capsys: pytest.CaptureFixture[str], argv: list[str], part: str
) -> None:
    assert cli.call(["explain", "duopoly", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert part in err


def test_a_run_from_a_month_on_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["explain", "duopoly", "--seed", "1", "--firm", "Aurora"]
    change = ["--set", "world.sentiment.shock=-2"]
    told = []
    for more in ([], change, [*change, "--from-month", "2024-12"]):
        assert cli.call([*asked, *more]) == 0
        told.append(capsys.readouterr().out.splitlines())
    plain, from_start, from_december = told
    assert from_december[:10] == plain[:10]
    assert plain != from_december != from_start
