"""The report of a run and of a study: one page, valid, self-contained, with what was asked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import html5lib
import pytest
from rich.text import Text

from computemarket import ComputeMarket, cli, load_scenario
from computemarket.analysis import run_report
from computemarket.analysis.report import html, page_tables
from computemarket.analysis.summary import plain_table
from computemarket.experiments import reports


@pytest.fixture
def run_html(report_pages: dict[str, Path]) -> str:
    return report_pages["run"].read_text(encoding="utf-8")


@pytest.fixture
def study_page(report_pages: dict[str, Path]) -> str:
    return report_pages["study"].read_text(encoding="utf-8")


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


def test_only_its_own_script_and_style_may_work(run_html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', run_html)
    assert policy is not None
    for part in ("script", "style"):
        (text,) = re.findall(rf"<{part}>(.*?)</{part}>", run_html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{part}-src 'sha256-{digest}'" in policy[1]
    assert not re.search(r"\sstyle=|\son\w+=", re.sub(r"<script>.*?</script>", "", run_html))


def test_figures_are_svg(run_html: str) -> None:
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', run_html)
    assert len(drawn) == 7
    assert all(b"<svg" in base64.b64decode(svg) for svg in drawn)


def test_a_run_says_how_to_have_it_again(run_html: str) -> None:
    text = re.sub(r"<[^>]*>", "", run_html)
    assert "computemarket run duopoly --seed 3 --months 24 --out DIR" in text
    assert "ledger check: ok" in run_html
    assert "Seed" in run_html


def test_a_study_tells_runs_seeds_variants_and_differences(study_page: str) -> None:
    for words in ("6 runs: 4 finished and 2 failed", "1 to 2", "base, crash and broken",
                  "crash against base, 2 pairs of runs", "crash against base: ", "Kaplan-Meier",
                  "broken against base: no pair of runs to compare"):  # fmt: skip
        assert words in study_page


def test_failed_runs_are_in_the_report(study_page: str) -> None:
    assert "2 failed: they are listed below with the commands that play them again" in study_page
    listed = study_page.split('id="failed"')[1].split("</section>", maxsplit=1)[0]
    assert listed.count("OverflowError: math range error") == 2
    text = "".join(re.split(r"<[^>]*>", listed))
    assert all(f"broken.toml --seed {seed}" in text for seed in (1, 2))


def test_cells_sort_by_their_number() -> None:
    table = plain_table("Title", "Name", "Amount", numbers=1)
    texts = ("$1.2B", "-$340M", "12 % (5-26)", "1,234", "+18.3 pp", "-", "<1 %", "2.5e+04",
             "*$3M ±$1M", "-43 to -1 pp", "2028-05")  # fmt: skip
    for amount in texts:
        table.add_row(Text("[bold]x[/bold]"), amount)
    (page,) = page_tables([table])
    values = [row[1].value for row in page.rows]
    assert values == [1.2e9, -3.4e8, 12.0, 1234.0, 18.3, None, 1.0, 2.5e4, 3e6, -43.0, None]
    assert page.rows[0][0].text == "[bold]x[/bold]"


def test_rows_stand_for_themselves_however_they_are_sorted() -> None:
    table = plain_table("Title", "Firm, variant", "Share", numbers=1)
    for cells in (("A",), ("  base", "1 %"), ("  crash", "2 %"), ("B",), ("  base", "-")):
        table.add_row(*cells)
    repeated = plain_table("Title", "Lab", "Switches", "To")
    for cells in (("A", "2", "X"), ("", "", "Y"), ("B", "1", "X")):
        repeated.add_row(*cells)

    grouped, filled = page_tables([table, repeated])

    assert [column.head for column in grouped.columns] == ["Firm", "Variant", "Share"]
    assert [[cell.text for cell in row] for row in grouped.rows] == [
        ["A", "base", "1 %"], ["A", "crash", "2 %"], ["B", "base", "-"],
    ]  # fmt: skip
    assert [[cell.text for cell in row] for row in filled.rows] == [
        ["A", "2", "X"], ["A", "2", "Y"], ["B", "1", "X"],
    ]  # fmt: skip
    assert [column.kind for column in filled.columns] == ["short", "number", "short"]


def test_names_are_text_and_not_markup(study_page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "A crash of &lt;b&gt;sentiment&lt;/b&gt;" in study_page
    monkeypatch.setattr(run_report, "FIGURES", {})
    scenario = load_scenario("duopoly", ["title='<script>alert(1)</script> & co'"])
    model = ComputeMarket(scenario, seed=1, months=3)
    model.run()
    tables = {name: model.frame(name) for name in ("months", "firms", "prices", "contracts",
                                                   "events", "flows")}  # fmt: skip
    text = html(run_report.run_page(tables, model.rules, model.manifest()))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text
    # Not what the name stands for, since the title is another: the file has to be played.
    assert "computemarket run scenario.toml" in re.sub(r"<[^>]*>", "", text)


@pytest.fixture
def copied(report_pages: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study whose report is quick to make: it has no figures."""
    monkeypatch.setattr(reports, "study_figures", lambda *_: {})
    return Path(shutil.copytree(report_pages["study"].parent, tmp_path / "study"))


def test_a_tournament_tells_its_game(copied: Path) -> None:
    (copied / "summary.txt").write_text("Equilibrium: labs <i>hard</i>.\n", encoding="utf-8")
    (copied / "payoffs.csv").write_text(
        "labs,clouds,player,payoff,unit,mean,lower,upper,seeds,best_reply\n"
        "linear,hard,labs,final_arr_usd,USD,1.5e9,1.2e9,1.8e9,4,True\n",
        encoding="utf-8",
    )

    text = reports.report(copied).read_text(encoding="utf-8")

    assert "Equilibrium: labs &lt;i&gt;hard&lt;/i&gt;." in text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text.split(">Payoffs</h3>")[1].split("</table>")[0])
    assert cells == ["linear", "hard", "labs", "$1.50B", "$1.20B to $1.80B", "yes"]


def test_a_contagion_is_told_without_the_firm_itself(copied: Path) -> None:
    row = (
        "outcome,unit,direction,variant,base,pairs,failed,not_applicable,level,base_mean,"
        "variant_mean,difference,lower,upper,probability_better\n"
        "{},share,lower is better,Delta killed in 2025-01,kept alive,4,0,0,0.95,0,0.5,0.5,0.1,0.9,"
        "0.25\n"
    )
    (copied / "contagion.csv").write_text(row.format("labs_out_of_cash"), encoding="utf-8")
    (copied / "contagion_firms.csv").write_text(row.format("Borealis"), encoding="utf-8")

    text = reports.report(copied).read_text(encoding="utf-8")

    told = "Delta killed in 2025-01 against kept alive: labs out of cash +50 pp (+10 to +90 pp)."
    assert told in re.sub(r"<[^>]*>", "", text)
    assert "Out of cash: Delta killed in 2025-01 against kept alive, 4 pairs of runs" in text


def test_a_study_that_was_broken_off_says_so(copied: Path) -> None:
    manifest = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
    (copied / "manifest.json").write_text(json.dumps(manifest | {"runs": 40}), encoding="utf-8")

    text = reports.report(copied).read_text(encoding="utf-8")

    assert "The study is not complete: 40 runs were asked for." in text


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "is not the folder of a run or a study"),
        ('{"kind": "something"}', "is not the folder of a run or a study"),
        ('{"kind": "tuning"}', "is the folder of a tuning"),
    ],
)
def test_what_has_no_report_is_refused(
    manifest: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "other"
    if manifest is not None:
        folder.mkdir()
        (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    assert cli.call(["report", str(folder)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert said in message
    assert not (folder / "report.html").exists()
