"""Scenario files: what they inherit, and the one line that answers a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from computemarket.scenario import Scenario, load_scenario

Write = Callable[..., Path]
Refusal = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_a_partial_segment_keeps_its_other_defaults(write: Write) -> None:
    path = write("[world.demand.consumer]\nopening_usd_per_month = 5\n")
    consumer = load_scenario(path).world.demand.consumer
    assert consumer.opening_usd_per_month == 5
    assert consumer.growth_per_year == Scenario().world.demand.consumer.growth_per_year != 1.0


def test_a_partial_rating_table_keeps_the_other_ratings(write: Write) -> None:
    path = write("[world.credit.spread_per_year]\nB = 0.2\n")
    spread = load_scenario(path).world.credit.spread_per_year
    assert spread["B"] == 0.2
    assert spread["AA"] == Scenario().world.credit.spread_per_year["AA"]


def test_name_is_the_file_name_unless_stated(write: Write) -> None:
    assert load_scenario(write("", "plain.toml")).name == "plain"
    assert load_scenario(write("extends = 'duopoly'\n", "child.toml")).name == "child"
    assert load_scenario(str(write("name = 'stated'"))).name == "stated"


def test_extends_merges_tables_named_lists_and_appends_the_rest(
    write: Write, duopoly: Scenario
) -> None:
    path = write(
        """
        extends = "duopoly"
        [world.sentiment]
        shock = -2.0
        [[labs]]
        name = "Borealis"
        cash_usd = 5
        [[labs]]
        name = "Cygnus"
        [[contracts]]
        lab = "Cygnus"
        cloud = "Delta"
        workload = "inference"
        maker = "Silica"
        h100e = 10
        price_usd_per_h100e_hour = 2
        end = "2024-06"
        """
    )
    child = load_scenario(path)
    assert [lab.name for lab in child.labs] == ["Aurora", "Borealis", "Cygnus"]
    assert child.labs[1].model_copy(update={"cash_usd": 1.1e8}) == duopoly.labs[1]
    assert child.labs[1].cash_usd == 5
    assert child.contracts[:-1] == duopoly.contracts
    assert child.world.sentiment.shock == -2
    assert child.world.demand == duopoly.world.demand


def test_extends_reaches_files_beside_and_through_several_steps(write: Write) -> None:
    write("extends = 'duopoly'\n[run]\nmonths = 12\n", "first.toml")
    last = load_scenario(write("extends = 'first.toml'\n[world.sentiment]\nshock = 1\n"))
    assert last.run.months == 12
    assert last.world.sentiment.shock == 1
    assert len(last.labs) == 2


def test_lists_inside_a_table_are_replaced(write: Write) -> None:
    path = write(
        "extends = 'duopoly'\n[[clouds]]\nname = 'Delta'\n"
        "fleet = [{chip = 'S1', units = 70_000}]\n"
        "[world.bargaining]\nterm_months = [24]\n"
    )
    child = load_scenario(path)
    assert len(child.clouds[1].fleet) == 1
    assert child.clouds[1].fleet[0].units == 70_000
    assert child.world.bargaining.term_months == (24,)


def test_another_strategy_does_not_inherit_parameters(write: Write) -> None:
    write(
        "extends = 'duopoly'\n[[labs]]\nname = 'Aurora'\n"
        "procurement = {name = 'cover_ahead', horizon_months = 9}\n",
        "base.toml",
    )
    same = load_scenario(
        write(
            "extends = 'base.toml'\n[[labs]]\nname = 'Aurora'\nprocurement = {cover_share = 0.9}\n"
        )
    )
    assert same.labs[0].procurement.parameters == {"horizon_months": 9, "cover_share": 0.9}
    other = load_scenario(
        write(
            "extends = 'base.toml'\n[[labs]]\nname = 'Aurora'\nprocurement = {name='spot_first'}\n"
        )
    )
    assert other.labs[0].procurement.parameters == {}


def test_cycles_are_refused(write: Write, refusal: Refusal) -> None:
    write("extends = 'b.toml'", "a.toml")
    assert "extends itself" in refusal(load_scenario, write("extends = 'a.toml'", "b.toml"))


def test_a_fault_in_a_parent_names_the_parent(write: Write, refusal: Refusal) -> None:
    write("[run]\nmonths = 0\n", "parent.toml")
    message = refusal(load_scenario, write("extends = 'parent.toml'", "child.toml"))
    assert "parent.toml: run.months: given 0" in message


def test_an_unknown_parent_names_child_and_parent(write: Write, refusal: Refusal) -> None:
    message = refusal(load_scenario, write("extends = 'duopol'", "child.toml"))
    assert "child.toml: extends" in message
    assert "did you mean 'duopoly'?" in message


def test_a_name_given_twice_in_a_child_is_still_a_duplicate(write: Write, refusal: Refusal) -> None:
    path = write("extends='duopoly'\n[[labs]]\nname='Aurora'\n[[labs]]\nname='Aurora'\n")
    assert "duplicate name 'Aurora'" in refusal(load_scenario, path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cash = 1", "unknown field 'cash'"),
        ("[[labs]]\nname='A'\ncash_us=1", "labs.A.cash_us: given the unknown field 'cash_us', "
         "expected a known field, did you mean 'cash_usd'?"),
        ("[[labs]]\ncash_usd=1", "labs.0.name: given nothing, expected a value"),
        ("[[labs]]\nname='A'\ncash_usd='1e9'", 'given "1e9", expected a number'),
        ("[[labs]]\nname='A'\ncash_usd=true", "given true, expected a number"),
        ("[[labs]]\nname='A'\ncash_usd=inf", "labs.A.cash_usd: given inf, expected a finite"),
        ("[[labs]]\nname='A'\nfinancing={name='x', y=nan}", "labs.A.financing.y: given nan"),
        ("[[labs]]\nname='A'\nfinancing={name='x', y='z'}", "labs.A.financing.y: given \"z\""),
        ("[[labs]]\nname='a.b'", "a name without"),
        ("[[labs]]\nname=' a'", "a name without"),
        ("[[labs]]\nname='A'\nkind='intern'", "did you mean 'internal'?"),
        ("labs = 3", "labs: given 3, expected a list"),
        ("labs = [3]", "labs.0: given 3, expected a table"),
        ("world = 3", "world: given 3, expected a table"),
        ("[world]\nsentimant = 1", "did you mean 'sentiment'?"),
        ("[world.credit.spread_per_year]\nAAA = 1", "world.credit.spread_per_year.AAA"),
        ("[run]\nstart = 2024-01-01", "run.start: given 2024-01-01"),
        ("[run]\nstart = '2024-13'", 'given "2024-13", expected a month like "2024-07"'),
        ("[run]\nmonths = 12.5", "expected a whole number"),
        ("[run]\nmonths = 99999999999999999999", "run.months: given 99999999999999999999"),
        ("[run]\nmonths = 1e400", "run.months: given inf"),
        ("extends = 3", "extends: given 3"),
        ("[world.demand.private]\nwave_months = [5, 3]", "first and last month"),
        ("[[labs]]\nname='world'", "another name"),
    ],
)  # fmt: skip
def test_schema_refusals_name_field_given_and_expected(
    write: Write, text: str, expected: str, refusal: Refusal
) -> None:
    message = refusal(load_scenario, write(text))
    assert "mine.toml: " in message
    assert expected in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = [" * 3000, b"a = " + b"9" * 5000, b"a ="])
def test_what_is_no_toml_is_refused_in_one_line(
    tmp_path: Path, content: bytes, refusal: Refusal
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    assert "bad.toml: not" in refusal(load_scenario, path)


def test_missing_files_and_folders(tmp_path: Path, refusal: Refusal) -> None:
    assert "no such file" in refusal(load_scenario, tmp_path / "none.toml")
    assert "given a folder" in refusal(load_scenario, tmp_path)
    assert "did you mean 'duopoly'?" in refusal(load_scenario, "duopolly")
