"""A rule of a user's that fails is told as such, and takes nothing else with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from computemarket import ComputeMarket, Study, load_scenario, run_study
from computemarket.agents import firm
from computemarket.agents.plain import Values
from computemarket.agents.strategies import REGISTRY, StrategyError, register
from computemarket.agents.strategies.finance import FounderLed
from computemarket.agents.strategies.guarding import Guard, guarded
from computemarket.agents.strategies.negotiation import Linear
from computemarket.cli import call

NAMES = ("raises", "no_number", "asks", "writes", "answers_text")


@dataclass(frozen=True)
class Raises:
    """Divides by nothing."""

    def raise_usd(self, view: Any, maximum_dilution: float) -> float:
        return 1 / 0


@dataclass(frozen=True)
class NoNumber:
    """Answers with NaN from the third month."""

    def raise_usd(self, view: Any, maximum_dilution: float) -> float:
        return float("nan") if view.months_since_round > 8 else 0.0


@dataclass(frozen=True)
class Asks:
    """Asks for what a lab does not know."""

    def raise_usd(self, view: Any, maximum_dilution: float) -> float:
        return float(view.cash_of_rivals_usd)


@dataclass(frozen=True)
class Writes:
    """Helps itself."""

    def raise_usd(self, view: Any, maximum_dilution: float) -> float:
        view.runway_months = 0.0
        return 0.0


@dataclass(frozen=True)
class AnswersText:
    """Says much."""

    def raise_usd(self, view: Any, maximum_dilution: float) -> str:
        return "much"


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The rules above are there during a test of this file alone."""
    for name, rule in zip(NAMES, (Raises, NoNumber, Asks, Writes, AnswersText), strict=True):
        register("labs", "financing", name)(rule)
    yield
    for name in NAMES:
        del REGISTRY["labs", "financing"][name]


def with_rule(name: str) -> str:
    return f"labs.Borealis.financing.name={name}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "in 2024-01: ZeroDivisionError: division by zero"),
        ("no_number", "in 2024-03: raise_usd answers nan, expected a finite number"),
        ("asks", "in 2024-01: asks for 'cash_of_rivals_usd', which FinancingView does not hold; "
                 "it holds runway_months, burn_usd_per_month"),
        ("writes", "in 2024-01: AttributeError: "),
        ("answers_text", "in 2024-01: raise_usd answers 'much', expected a finite number"),
    ],
)  # fmt: skip
def test_the_message_names_strategy_firm_and_month(name: str, said: str, capsys: Any) -> None:
    model = ComputeMarket(load_scenario("duopoly", [with_rule(name)]), seed=1)
    with pytest.raises(StrategyError) as failure:
        model.run()
    message = str(failure.value)
    assert message.startswith(f"strategy '{name}' (financing) of Borealis {said}")
    assert "\n" not in message

    assert call(["run", "duopoly", "--seed", "1", "--set", with_rule(name), "--quiet"]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_study_keeps_all_other_runs(tmp_path: Path) -> None:
    study = Study(
        scenario="duopoly",
        replications=2,
        variants=({"name": "bad", "set": {"labs.Borealis.financing.name": "no_number"}},),  # type: ignore[arg-type]
    )
    runs = run_study(study, tmp_path / "s", workers=1, progress=False).runs
    bad = runs[runs["variant"] == "bad"]

    assert list(runs[runs["variant"] == "base"]["status"]) == ["ok", "ok"]
    assert list(bad["status"]) == ["error", "error"]
    said = "StrategyError: strategy 'no_number' (financing) of Borealis in 2024-03: raise_usd"
    assert bad["error"].str.startswith(said).all()


def test_firms_hold_guarded_rules_that_read_like_rules() -> None:
    model = ComputeMarket("duopoly", seed=1)
    lab = model.economy.labs["Aurora"]

    assert isinstance(lab.procurement_rule, Guard)
    assert lab.procurement_rule.horizon_months == 8
    assert lab.financing_rule.trigger_months == 10  # type: ignore[attr-defined]
    assert lab.finance_rule.checks is False
    assert isinstance(lab.negotiation_rule, Guard)
    assert lab.negotiation_rule.aspiration(0.5) == Linear().aspiration(0.5)
    assert lab.finance_rule.kept_h100e(None, 1.0) == float("inf")  # type: ignore[arg-type]


def test_rules_are_given_numbers_and_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class Spy:
        def __init__(self, guard: Any) -> None:
            self.guard = guard

        def __getattr__(self, name: str) -> Any:
            member = getattr(self.guard, name)
            return (lambda *a: given.extend(a) or member(*a)) if callable(member) else member

    monkeypatch.setattr(firm, "guarded", lambda *asked: Spy(guarded(*asked)))
    office = "labs.Aurora.finance.name=finance_office"
    ComputeMarket(load_scenario("duopoly", [office]), seed=1).run()

    def harmless(value: Any) -> bool:
        if isinstance(value, tuple):  # a view
            return all(map(harmless, value))
        # rules of the world that are public, and the tactic that an office may sharpen
        return isinstance(value, int | float | str | Values | Spy)

    assert len(given) > 1000
    assert all(map(harmless, given))
    assert len({type(value) for value in given if isinstance(value, tuple)}) >= 8


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (type("Plain", (), {"raise_usd": lambda self, view, most: 0.0}), "no frozen dataclass"),
        (dataclass(frozen=True)(type("Bare", (), {"__annotations__": {"share": float},
            "raise_usd": lambda self, view, most: 0.0})), "no default for 'share'"),
        (FounderLed, "lacks 'raise_usd' (see Financing)"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_when_it_is_registered(rule: type, said: str) -> None:
    with pytest.raises(StrategyError) as refusal:
        register("labs", "financing", "odd")(rule)
    assert said in str(refusal.value)
    assert "odd" not in REGISTRY["labs", "financing"]
