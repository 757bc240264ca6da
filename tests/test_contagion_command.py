"""Who falls with a firm: the study that is played, what is told of it, bad input, the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from computemarket import cli
from computemarket.analysis.ensemble import cascade_shares
from computemarket.analysis.figures import cascades, firm_differences
from computemarket.analysis.figures.drawing import write_png
from computemarket.experiments.contagion import MEASURES, Contagion, contagion
from computemarket.experiments.plan import make_plan
from computemarket.experiments.store import StudyFolder
from computemarket.experiments.study import Study, load_study, study_toml
from computemarket.market.randomness import Draws
from computemarket.market.world import Sentiment
from computemarket.scenario import ScenarioError, load_scenario, override

MINE = """
extends = "duopoly"
name = "mine"
[[interventions]]
month = "2024-03"
kind = "demand_shock"
value = -0.1
[[interventions]]
month = "2024-11"
kind = "governance_shock"
firm = "Aurora"
value = 0.5
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Contagion:
    """Three seeds of duopoly with two interventions of its own, Aurora killed in month 6."""
    folder = tmp_path_factory.mktemp("contagion")
    (folder / "mine.toml").write_text(MINE, encoding="utf-8")
    return contagion(
        str(folder / "mine.toml"), "Aurora", folder / "out", month=6, replications=3,
        assignments={"run.months": 18}, workers=1, progress=False,
    )  # fmt: skip


def test_it_is_killed_in_one_case_and_kept_alive_in_the_other(found: Contagion) -> None:
    runs, firms = found.folder.runs, found.folder.firm_outcomes
    assert list(runs["variant"]) == ["base"] * 3 + ["killed"] * 3
    assert (runs["status"] == "ok").all()
    aurora = firms[firms["firm"] == "Aurora"].groupby("variant")["default_month"]
    assert aurora.count().to_dict() == {"base": 0, "killed": 3}
    assert aurora.min()["killed"] == aurora.max()["killed"] == 6
    assert (found.firm, found.date, found.gone) == ("Aurora", "2024-07", 0)


def test_interventions_of_the_scenario_stay(found: Contagion) -> None:
    folder = found.folder.path / "scenarios"
    kinds = {
        name: [(e.kind, e.month) for e in load_scenario(folder / f"{name}.toml").interventions]
        for name in ("base", "killed")
    }
    own, kept = ("demand_shock", "2024-03"), ("keep_alive", "2024-07")
    assert kinds["base"] == [own, ("governance_shock", "2024-11"), kept]
    # what would strike Aurora later cannot strike the dead
    assert kinds["killed"] == [own, kept, ("kill", "2024-07")]


def test_the_firm_itself_is_left_out(found: Contagion) -> None:
    table = found.table.set_index("outcome")
    assert list(table.index) == list(MEASURES)
    others = found.folder.firm_outcomes.query("firm != 'Aurora'")
    failed = others[others["default_month"].notna()].groupby("variant").size()
    for side, variant in (("base", "base"), ("variant", "killed")):
        assert table.loc["defaults", f"{side}_mean"] == failed.get(variant, 0) / 3
    borealis = others[(others["firm"] == "Borealis") & (others["variant"] == "killed")]
    share = borealis["out_of_cash_month"].notna().mean()
    assert table.loc["labs_out_of_cash", "variant_mean"] == share
    assert table.loc["cascade_depth", "variant_mean"] >= 1  # its own default counts here
    assert table.loc["direct_losses_usd", "difference"] > 0
    assert "Aurora" not in set(found.firms["outcome"])


def test_what_happens_later_can_be_left_out(found: Contagion) -> None:
    """All that is not of the window counts as if it had never happened."""
    again = contagion(
        str(found.folder.path.parent / "mine.toml"), "Aurora", found.folder.path, month=6,
        within=3, replications=3, assignments={"run.months": 18}, workers=1, progress=False,
    )  # fmt: skip
    others = found.folder.firm_outcomes.query("firm == 'Borealis' and variant == 'killed'")
    short = others["out_of_cash_month"] < 9
    table = again.table.set_index("outcome")
    assert table.loc["labs_out_of_cash", "variant_mean"] == short.fillna(False).mean()
    with pytest.raises(ScenarioError, match="within: given 0, expected at least 1"):
        contagion("duopoly", "Aurora", found.folder.path, within=0)


def test_the_study_can_be_run_again_from_its_folder(found: Contagion) -> None:
    again = make_plan(load_study(found.folder.path / "study.toml"))
    assert again.identity() == found.folder.manifest["identity"]


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["contagion", "duopoly", "--firm", "Delta", "--month", "2024-04", "--replications", "2"]
    asked += ["--set", "run.months=9", "--workers", "1", "--out", "out"]
    assert cli.call(asked) == 0
    told = capsys.readouterr().out
    assert "Delta killed in 2024-04 against kept alive, 2 pairs of runs" in told
    assert "Defaults and shares are those of other firms" in told
    for name in ("contagion.csv", "contagion_firms.csv", "contagion.png", "study.toml"):
        assert Path("out", name).exists()
    assert list(pd.read_csv("out/contagion.csv")["outcome"]) == list(MEASURES)
    assert len(StudyFolder("out").runs) == 4


def test_seeds_in_which_it_had_failed_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(
        'extends = "duopoly"\n[[interventions]]\nmonth = "2024-02"\nkind = "kill"\nfirm = "Delta"\n'
    )
    asked = ["contagion", "mine.toml", "--firm", "Delta", "--month", "2", "--replications", "2"]
    assert cli.call([*asked, "--set", "run.months=4", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "Not applicable in 2 of 2 seeds: Delta had failed before 2024-03" in told
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["duopoly", "--firm", "Auror"], "did you mean 'Aurora'?"),
        (["duopoly", "--firm", "Aurora", "--month", "24"], "given '24', expected one of the run"),
        (["duopoly", "--firm", "Aurora", "--month", "May"], "given 'May', expected one of the run"),
        (["duopoly", "--firm", "Aurora", "--set", "no.such=1"], "no.such"),
        (["nowhere", "--firm", "Aurora"], "nowhere"),
        (["duopoly", "--firm", "Aurora", "--replications", "0"], "replications"),
        (["late.toml", "--firm", "Late", "--month", "2"], "expected one from 2024-06 on"),
    ],
)
def test_bad_input_is_one_line(
    argv: list[str],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "late.toml").write_text(
        'extends = "duopoly"\n[[labs]]\nname = "Late"\nenters = "2024-06"\n'
    )
    assert cli.call(["contagion", *argv, "--out", "out"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert part in err
    assert not Path("out").exists()


# -- interventions of a variant ---------------------------------------------------------------


def study(**variant: object) -> Study:
    return Study.model_validate(
        {"scenario": "troubled_alliance", "variants": [{"name": "struck", **variant}]}
    )


KILL = {"month": "2027-01", "kind": "kill", "firm": "OpenAI"}


def test_a_variant_adds_to_the_interventions_of_the_scenario() -> None:
    asked = study(interventions=[KILL])
    plan = make_plan(asked)
    base, struck = (plan.scenarios[name].interventions for name in ("base", "struck"))
    assert len(base) > 0
    assert struck[:-1] == base
    assert (struck[-1].kind, struck[-1].firm) == ("kill", "OpenAI")
    # of another scenario too, whose own they follow
    other = make_plan(study(scenario="letter_of_intent", interventions=[KILL]))
    assert other.scenarios["struck"].interventions[:-1] == (
        load_scenario("letter_of_intent").interventions
    )
    assert 'kind = "kill"' in study_toml(asked)


def test_an_intervention_of_a_variant_is_checked() -> None:
    with pytest.raises(ScenarioError, match=r"variants\.struck.*Opnai.*OpenAI"):
        make_plan(study(interventions=[KILL | {"firm": "Opnai"}]))


def test_the_shipped_studies() -> None:
    """Both keep their pairs apart, and a fall of 30 % is one: values at the trough are 0.70."""
    failure = make_plan(load_study("lab_failure")).scenarios
    last = {name: scenario.interventions[-1:] for name, scenario in failure.items()}
    assert last["base"] == ()
    for alive, killed in (("kept_alive", "killed"), ("letter_kept_alive", "letter_killed")):
        assert failure[alive].interventions[:-1] == failure[killed].interventions[:-1]
        assert [event.kind for event in (*last[alive], *last[killed])] == ["keep_alive", "kill"]
    fall = make_plan(load_study("sentiment_fall")).scenarios
    shock = fall["fall"].interventions[-1]
    assert fall["letter_fall"].interventions == (*fall["letter"].interventions, shock)
    rules = override(fall["base"], {"world.sentiment.noise_sd": 0.0})
    mood = Sentiment(rules)
    mood.shock(float(shock.value or 0))
    levels = []
    for month in range(12):
        mood.advance(rules, Draws(1), month)
        levels.append(mood.level)
    assert min(levels) == levels[5]
    beta = rules.world.sentiment.capital_response
    assert np.exp(beta * levels[5]) == pytest.approx(0.70, abs=1e-3)


# -- figures ----------------------------------------------------------------------------------


def runs(**defaults: list[int]) -> pd.DataFrame:
    parts = [pd.DataFrame({"variant": v, "defaults": n}) for v, n in defaults.items()]
    made = pd.concat(parts, ignore_index=True)
    return made.assign(status="ok", cascade_depth=np.minimum(made["defaults"], 2))


def test_shares_of_runs_by_number_of_defaults() -> None:
    table = cascade_shares(runs(base=[0, 0, 0, 1], fall=[0, 1, 2, 30]))
    own = table[table["outcome"] == "defaults"].set_index(["variant", "value"])
    assert own.loc["base", "share"].tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]
    assert own.loc["fall", "runs"].tolist() == [1, 1, 1, 0, 0, 0, 0, 1]  # 7 and more
    # Wilson's interval of 1 of 4
    assert own.loc[("base", 1), ["low", "high"]].tolist() == pytest.approx(
        [0.0456, 0.6994], abs=1e-4
    )
    depth = table[table["outcome"] == "cascade_depth"].set_index(["variant", "value"])
    assert depth.loc["fall", "share"].tolist() == [0.25, 0.25, 0.5]


def test_figures_are_drawn(tmp_path: Path, found: Contagion) -> None:
    figure = cascades(runs(base=[0, 0, 0, 1], fall=[0, 1, 2, 30]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Firms that default", "Depth of the longest cascade",
    ]  # fmt: skip
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()][-1] == "7+"
    write_png(figure, tmp_path / "cascades.png")
    row = {"outcome": "Bay", "difference": 0.3, "lower": 0.1, "upper": 0.5, "pairs": 9}
    drawn = firm_differences(pd.DataFrame([row]), "Ada", "2024-07")
    assert [text.get_text() for text in drawn.get_yticklabels()] == ["Bay"]
    write_png(firm_differences(found.firms.head(0), "Ada", "2024-07"), tmp_path / "none.png")
