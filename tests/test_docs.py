"""The documents keep up with the code: columns, strategies, events, files, names, the example."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

from computemarket import ComputeMarket, describe
from computemarket.agents.strategies import catalogue
from computemarket.experiments.plan import make_plan
from computemarket.experiments.study import RUN_COLUMNS, load_study
from computemarket.experiments.tournament import load_tournament, study_of
from computemarket.experiments.tuning import load_tuning, search_space
from computemarket.scenario import load_scenario

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    "README.md", "CHANGELOG.md",
    "docs/contagion.md", "docs/experiments.md", "docs/gallery.md", "docs/model.md",
    "docs/questions.md",
    "docs/sensitivity.md", "docs/strategies.md",
    "docs/tables.md", "docs/tuning.md", "docs/your_own_strategy.md",
    *(f"docs/mechanisms/{page.name}" for page in sorted((ROOT / "docs/mechanisms").glob("*.md"))),
]  # fmt: skip
FOLDERS = (
    "agents", "analysis", "benchmarks", "docs", "experiments", "market", "notebooks", "scenarios",
    "tests",
)  # fmt: skip
PLACEHOLDERS = {"_LIKE_THIS", "_NAMES"}  # they stand for constants in general


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("table", describe()["table"])
def test_every_column_is_explained_as_in_the_code(table: str) -> None:
    section = text("docs/tables.md").split(f"\n## {table}\n")[1].split("\n## ")[0]
    columns = describe(table).itertuples()
    if table == "runs":
        columns = islice(columns, len(RUN_COLUMNS))  # the page leaves outcomes to `describe`
    rows = [f"| `{c.column}` |{f' {c.unit}' if c.unit else ''} | {c.meaning} |\n" for c in columns]

    assert "|---|---|---|\n" + "".join(rows) in section + "\n", "write these rows to docs/tables.md"


def test_every_strategy_is_named() -> None:
    document = text("docs/model.md")

    assert [name for _, _, name, _ in catalogue() if f"`{name}`" not in document] == []


def test_every_strategy_has_a_paragraph() -> None:
    told = re.findall(r"^\*\*`(\w+)`\*\* ", text("docs/strategies.md"), re.MULTILINE)

    assert sorted(told) == sorted({name for _, _, name, _ in catalogue()})


def test_every_event_and_purpose_of_a_run_is_explained() -> None:
    model = ComputeMarket("duopoly", seed=1).run()
    document = text("docs/tables.md")
    used = {*model.events["kind"], *model.flows["purpose"]}

    assert [name for name in sorted(used) if f"`{name}`" not in document] == []


def test_every_event_that_the_code_knows_is_explained() -> None:
    document = text("docs/tables.md")
    told = {
        kind
        for path in (ROOT / "agents").rglob("*.py")
        for kind in re.findall(r'market\.event\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }

    assert len(told) > 10
    assert [kind for kind in sorted(told) if f"`{kind}`" not in document] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_documents_name_exist(name: str) -> None:
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]*)`", text(name))

    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


def test_names_that_the_model_document_quotes_are_in_the_code() -> None:
    folders = ("agents", "analysis", "market", "scenarios")
    files = [*ROOT.glob("*.py"), *(p for folder in folders for p in (ROOT / folder).rglob("*.py"))]
    words = {word for p in files for word in re.findall(r"\w+", p.read_text(encoding="utf-8"))}
    quoted = {
        part
        for name in re.findall(r"`([A-Za-z_][\w.]*)`", text("docs/model.md"))
        if not name.endswith((".py", ".toml"))
        for part in name.split(".")
    }

    assert sorted(quoted - words - PLACEHOLDERS) == []


@pytest.mark.parametrize("which", [0, 1])
def test_the_examples_of_the_readme_run(
    which: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = re.findall(r"```python\n(.*?)```", text("README.md"), re.DOTALL)
    assert len(examples) == 2
    monkeypatch.chdir(tmp_path)

    exec(compile(examples[which], "README.md", "exec"), {})

    assert capsys.readouterr().out.count("\n") >= 2


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_exist(name: str) -> None:
    places = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(name))
    folder = (ROOT / name).parent

    assert [place for place in places if not (folder / place).exists()] == []


def test_the_files_of_the_guide_to_tuning_are_what_they_say(tmp_path: Path) -> None:
    files = [part.split("```")[0] for part in text("docs/tuning.md").split("```toml\n")[1:]]
    for name, content in zip(("tuning.toml", "tournament.toml"), files, strict=True):
        (tmp_path / name).write_text(content, encoding="utf-8")

    asked = load_tuning(tmp_path / "tuning.toml")
    space = search_space(asked, load_scenario(asked.scenarios[0]))
    assert [d.name for d in space] == [
        "financing.trigger_months", "financing.quarters", "financing.smallest_share"
    ]  # fmt: skip
    study = study_of(load_tournament(tmp_path / "tournament.toml"))
    assert make_plan(study).size == (4 + 1) * 30


def test_the_study_of_the_guide_is_one(tmp_path: Path) -> None:
    (tmp_path / "guide.toml").write_text(
        text("docs/experiments.md").split("```toml\n")[1].split("```")[0], encoding="utf-8"
    )

    assert make_plan(load_study(tmp_path / "guide.toml")).size == 144
