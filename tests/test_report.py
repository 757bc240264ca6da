"""The report of a run and of a study: one page, valid, self-contained, with what was asked."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import html5lib
import pytest
from rich.text import Text

from computemarket import ComputeMarket, cli, load_scenario
from computemarket.analysis.report import html, page_tables
from computemarket.analysis.run_report import run_page
from computemarket.analysis.summary import plain_table

STUDY = """
title = "A crash of sentiment"
scenario = "duopoly"
replications = 4
months = true
[[variants]]
name = "crash"
set = { "world.sentiment.shock" = -2 }
"""


@pytest.fixture(scope="module")
def study_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    (folder / "crash.toml").write_text(STUDY, encoding="utf-8")
    out = str(folder / "study")
    asked = ["sweep", str(folder / "crash.toml"), "--out", out, "--workers", "1", "--no-plots"]
    assert cli.call([*asked, "--quiet"]) == 0
    assert cli.call(["report", out]) == 0
    return (folder / "study" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = str(tmp_path_factory.mktemp("report") / "run")
    assert cli.call(["run", "duopoly", "--seed", "3", "--out", out, "--no-plots", "--quiet"]) == 0
    assert cli.call(["report", out]) == 0
    return Path(out, "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["run_html", "study_page"])
def test_page_is_strict_html_and_asks_for_nothing(
    page: str, request: pytest.FixtureRequest
) -> None:
    text = request.getfixturevalue(page)
    html5lib.HTMLParser(strict=True).parse(text)
    outside = [link for link in re.findall(r'(?:src|href)="([^"]*)"', text)
               if not link.startswith(("#", "data:image/svg+xml;base64,"))]  # fmt: skip
    assert outside == []
    assert "://" not in re.sub(r"data:[^\"]*", "", text)
    assert "default-src 'none'" in text


def test_figures_are_svg(run_html: str) -> None:
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', run_html)
    assert len(drawn) == 7
    assert all(b"<svg" in base64.b64decode(svg) for svg in drawn)


def test_a_run_says_how_to_have_it_again(run_html: str) -> None:
    assert "computemarket run duopoly --seed 3 --months 24" in run_html
    assert "ledger check: ok" in run_html
    assert "Seed" in run_html


def test_a_study_tells_runs_seeds_variants_and_differences(study_page: str) -> None:
    for words in ("A crash of sentiment", "8 runs: 8 finished", "1 to 4", "base and crash",
                  "crash against base, 4 pairs of runs", "Kaplan-Meier"):  # fmt: skip
        assert words in study_page


def test_failed_runs_are_in_the_report(tmp_path: Path) -> None:
    broken = STUDY.replace(
        '"world.sentiment.shock" = -2', '"world.demand.consumer.growth_per_year" = 1e4'
    )
    (tmp_path / "broken.toml").write_text(broken, encoding="utf-8")
    out = str(tmp_path / "study")
    asked = ["sweep", str(tmp_path / "broken.toml"), "--out", out, "--workers", "1", "--no-plots"]
    assert cli.call([*asked, "--quiet"]) == 3
    assert cli.call(["report", out]) == 0
    text = Path(out, "report.html").read_text(encoding="utf-8")
    assert "4 finished and 4 failed" in text
    assert "Runs that failed" in text


def test_cells_sort_by_their_number() -> None:
    table = plain_table("Title", "Name", "Amount", numbers=1)
    for amount in ("$1.2B", "-$340M", "12 % (5-26)", "1,234", "+18.3 pp", "-", "<1 %", "2028-05"):
        table.add_row(Text("[bold]x[/bold]"), amount)
    (page,) = page_tables([table])
    values = [row[1].value for row in page.rows]
    assert values == [1.2e9, -3.4e8, 12.0, 1234.0, 18.3, None, 1.0, None]
    assert page.rows[0][0].text == "[bold]x[/bold]"
    assert page.columns[1].is_number


def test_names_are_text_and_not_markup() -> None:
    scenario = load_scenario("duopoly", ["title='<script>alert(1)</script> & co'"])
    model = ComputeMarket(scenario, seed=1, months=3)
    model.run()
    tables = {name: model.frame(name) for name in ("months", "firms", "prices", "contracts",
                                                   "events", "flows")}  # fmt: skip
    text = html(run_page(tables, scenario, model.manifest()))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text


@pytest.mark.parametrize("made", [False, True])
def test_what_is_no_folder_of_ours_is_refused(
    made: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "other"
    if made:
        folder.mkdir()
        (folder / "manifest.json").write_text('{"kind": "something"}', encoding="utf-8")
    assert cli.call(["report", str(folder)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "is not the folder of a run or a study" in message
