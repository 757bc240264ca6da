"""Built-in strategies: they differ visibly on common seeds, and say what can be set and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

import numpy as np
import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.strategies import (
    REGISTRY,
    StrategyError,
    catalogue,
    make,
    unknown_strategies,
)
from computemarket.agents.strategies.capacity import CapacityView, PreLet
from computemarket.agents.strategies.financing import FinancingView, MarketWindow
from computemarket.agents.strategies.investing import (
    FirmView,
    GrowthMultiple,
    HolderView,
    ProRata,
    ReturnHurdle,
)
from computemarket.cli import call
from computemarket.scenario import override, with_months
from computemarket.scenarios.schema import Funding, Strategy

SEEDS = range(1, 13)
FEW = range(1, 9)  # where the difference is large: 1 % false alarms
Measure = Callable[[ComputeMarket], float]


@cache
def played(role: str, decision: str, name: str, seed: int, *world: str) -> ComputeMarket:
    """`duopoly`, with these values if any, and one strategy for all firms of a role."""
    base = load_scenario("duopoly", world)
    firms = [firm.name for firm in getattr(base, role)]
    chosen = {f"{role}.{firm}.{decision}.name": name for firm in firms}
    return ComputeMarket(override(base, chosen), seed=seed).run()


def differences(
    role: str,
    decision: str,
    names: tuple[str, str],
    of: Measure,
    *world: str,
    seeds: Iterable[int] = SEEDS,
) -> np.ndarray:
    """What the second strategy changes against the first, seed by seed."""
    first, second = (
        np.array([of(played(role, decision, name, seed, *world)) for seed in seeds])
        for name in names
    )
    return second - first


def clear(changes: np.ndarray, sign: int) -> bool:
    """The mean lies three standard errors on the claimed side: 0.6 % false alarms at n = 12."""
    return sign * changes.mean() > 3 * changes.std(ddof=1) / len(changes) ** 0.5


def contracted_share(model: ComputeMarket) -> float:
    labs = model.firms[model.firms["role"] == "lab"]
    had = labs[["training_h100e", "inference_h100e"]].to_numpy().sum()
    under_contract = ["contracted_training_h100e", "contracted_inference_h100e"]
    return float(labs[under_contract].to_numpy().sum() / had)


def signed(model: ComputeMarket) -> Iterable[tuple[float, float, int]]:
    """Sellers' share of the zone, price and rounds of the compute contracts of this run."""
    deals = model.contracts
    deals = deals[(deals["kind"] == "compute") & (deals["outcome"] == "SIGNED")]
    deals = deals[deals["rounds"] > 0]  # those in force at the start took none
    zone = deals["buyer_reservation_usd"] - deals["seller_reservation_usd"]
    share = (deals["price_usd"] - deals["seller_reservation_usd"]) / zone
    return zip(share, deals["price_usd"], deals["rounds"], strict=True)


def seller_share(model: ComputeMarket) -> float:
    return float(np.median([share for share, _, _ in signed(model)]))


def rounds(model: ComputeMarket) -> float:
    return float(np.mean([count for _, _, count in signed(model)]))


def list_changes(model: ComputeMarket) -> np.ndarray:
    """Sizes of the changes of list prices."""
    listed = model.prices[model.prices["market"] == "list"]
    keys = ["provider", "generation", "workload"]
    moves = listed.sort_values("month").groupby(keys)["price_usd"].pct_change().dropna()
    return np.abs(moves[moves != 0].to_numpy())


def paid(purpose: str, payer: str) -> Measure:
    """What a firm paid for a purpose over the run, US dollars."""

    def of(model: ComputeMarket) -> float:
        flows = model.flows
        own = (flows["purpose"] == purpose) & (flows["payer"] == payer)
        return float(flows[own]["amount_usd"].sum())

    return of


def bids(model: ComputeMarket) -> float:
    """Mean number of bidders in a round that closed."""
    closed = model.events[model.events["kind"] == "round_closed"]
    return float(np.mean([len(json.loads(text)["bids"]) for text in closed["details"]]))


class TestTheyDiffer:
    """On 12 seeds of `duopoly`, all firms of the role with one strategy or the other."""

    def test_spot_first_holds_less_under_contract(self) -> None:
        changes = differences(
            "labs", "procurement", ("cover_ahead", "spot_first"), contracted_share
        )
        assert clear(changes, -1)

    @pytest.mark.parametrize(("role", "sign"), [("labs", -1), ("clouds", +1)])
    def test_boulware_gets_more_of_the_zone_than_a_conceder(self, role: str, sign: int) -> None:
        names = ("conceder", "boulware")
        assert clear(differences(role, "negotiation", names, seller_share), sign)

    def test_boulware_talks_take_longer(self) -> None:
        for names in (("conceder", "linear"), ("linear", "boulware")):
            assert clear(differences("clouds", "negotiation", names, rounds), +1), names

    def test_a_follower_changes_its_list_often_and_a_little(self) -> None:
        names = ("cost_plus", "market_follower")
        often = differences("clouds", "pricing", names, lambda m: len(list_changes(m)))
        size = differences("clouds", "pricing", names, lambda m: float(list_changes(m).mean()))
        assert clear(often, +1)
        assert clear(size, -1)

    @pytest.mark.parametrize(
        ("role", "decision", "names", "of", "sign"),
        [
            ("labs", "allocation", ("serve_first", "research_first"),
             lambda m: m.firms[m.firms["role"] == "lab"]["unmet_share"].mean(), +1),
            ("clouds", "capacity", ("forecast_led", "pre_let"),
             lambda m: m.months["installed_mw"].iloc[-1], -1),
            ("clouds", "borrowing", ("asset_backed", "equity_first"),
             lambda m: m.months["loans_drawn_usd"].sum(), -1),
            ("chipmakers", "pricing", ("backlog_pricing", "share_builder"),
             lambda m: m.prices[m.prices["market"] == "chip"]["price_usd"].iloc[-1], -1),
            ("chipmakers", "allocation", ("weighted_allocation", "broad_base"),
             paid("chips", "Delta"), +1),  # the smaller cloud gets more of what is scarce
            ("investors", "bidding", ("conviction", "margin_of_safety"), bids, -1),
            ("investors", "follow_on", ("fresh_look", "pro_rata"),
             paid("equity", "Harbor Ventures"), +1),  # it holds shares of both labs
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )  # fmt: skip
    def test_each_does_what_it_says(
        self, role: str, decision: str, names: tuple[str, str], of: Measure, sign: int
    ) -> None:
        assert clear(differences(role, decision, names, of, seeds=FEW), sign)

    def test_a_window_that_is_shut_brings_few_rounds(self) -> None:
        def rounds_closed(model: ComputeMarket) -> float:
            return float((model.events["kind"] == "round_closed").sum())

        names = ("runway_trigger", "market_window")
        poor = "world.sentiment.shock=-1.5"
        assert clear(differences("labs", "financing", names, rounds_closed, poor, seeds=FEW), -1)

    @pytest.mark.parametrize(("supply", "sign"), [(1.6, +1), (0.6, -1)])
    def test_a_demand_builder_pays_when_its_book_is_thin(self, supply: float, sign: int) -> None:
        names = ("strategic_fund", "demand_builder")
        world = f"world.supply.capacity_multiplier={supply}"
        stakes = paid("equity", "Silica")
        changes = differences("chipmakers", "vendor_finance", names, stakes, world, seeds=FEW)
        assert clear(changes, sign)

    def test_a_window_opens_with_the_mood(self) -> None:
        rule = MarketWindow()

        def raised(mood: float, runway: float, since: int = 12) -> float:
            return rule.raise_usd(FinancingView(runway, 1e6, 1e9, 1e9, since, mood), 0.2)

        assert raised(0.3, 30) == pytest.approx(0.1 * 1e9)  # money that it does not need
        assert raised(0.2, 30) == raised(0.3, 30, since=8) == 0
        assert raised(-2, 4) == pytest.approx(3 * 3 * 1e6)

    def test_what_is_signed_limits_a_pre_let_cloud(self) -> None:
        def ordered(signed: float) -> float:
            view = CapacityView(1000, 500, 100, 300, 10, 9, 0.5, 1.5, signed)
            return PreLet(months=6).order_h100e(view)

        # let: 700 + 0.15 x 300 = 745; (745 - 600) / 6 + 10
        assert ordered(700) == pytest.approx(145 / 6 + 10)
        assert ordered(0) == 0  # where habit would order half of what it was

    def test_a_holder_keeps_its_share(self) -> None:
        def bid(own: float, value: float) -> float:
            return ProRata().follow_usd(HolderView(own, 0.1, 1e9, 2e9, value))

        assert bid(0, 0.9) == pytest.approx(1e8)
        assert bid(3e8, 1.2) == 3e8
        assert bid(0, 0.7) == 0

    def test_a_return_hurdle_offers_less_for_a_lab_without_revenue(self) -> None:
        # first year of the large scenario, seeds 1-8: what the lead of xAI's first round would pay
        base = with_months(load_scenario("frontier_2024"), 12)
        values: dict[str, list[float]] = {}
        for name in ("growth_multiple", "return_hurdle"):
            paths = {f"investors.{firm.name}.valuation.name": name for firm in base.investors}
            rules = override(base, paths)
            for seed in range(1, 9):
                events = ComputeMarket(rules, seed=seed).run().events
                talks = events[(events["firm"] == "xAI") & events["kind"].str.startswith("round_")]
                details = json.loads(talks[talks["counterparty"] != ""]["details"].iloc[0])
                values.setdefault(name, []).append(details["buyer_reservation_usd"])
        ratio = np.array(values["return_hurdle"]) / np.array(values["growth_multiple"])
        assert (ratio < 0.8).all()

    def test_a_return_hurdle_wants_revenue_where_a_multiple_takes_a_name(self) -> None:
        def value(rule: GrowthMultiple | ReturnHurdle, **firm: float) -> float:
            view = FirmView(
                arr_usd=firm.get("arr_usd", 1e9),
                growth_per_year=firm.get("growth_per_year", 2.0),
                gross_margin=0.5,
                team_value_usd=firm.get("team_value_usd", 0.0),
                debt_usd=0.0,
                mood=firm.get("mood", 0.0),
                capital_response=0.45,
                required_return_per_year=0.25,
            )
            return rule.pre_money_usd(view, Funding())

        multiple, hurdle = GrowthMultiple(), ReturnHurdle()
        name_only = {"arr_usd": 1e7, "team_value_usd": 5e9}
        assert value(hurdle, **name_only) < 0.7 * value(multiple, **name_only)
        slow = {"growth_per_year": 1.2}
        assert value(hurdle, **slow) < 0.7 * value(multiple, **slow)
        fast = {"growth_per_year": 4.0}  # growth is what a hurdle pays for
        assert value(hurdle, **fast) / value(hurdle) > value(multiple, **fast) / value(multiple)
        swing = [value(r, mood=1.0) / value(r, mood=-1.0) for r in (multiple, hurdle)]
        assert swing[0] > swing[1] > 1  # the multiple follows the mood


class TestTheySayWhatCanBeSet:
    @pytest.mark.parametrize(("role", "decision"), REGISTRY)
    def test_two_strategies_a_decision(self, role: str, decision: str) -> None:
        assert len(REGISTRY[role, decision]) >= 2

    def test_the_command_lists_unit_range_and_meaning(self, capsys: Any) -> None:
        assert call(["strategies"]) == 0
        said = capsys.readouterr().out
        assert "horizon_months = 8 months (1 to 24): how far ahead needs are covered" in said
        assert all(
            f"{role}.{decision}: {name}\n" in said for role, decision, name, _ in catalogue()
        )

    @pytest.mark.parametrize(("role", "decision", "name", "rule"), list(catalogue()))
    def test_every_parameter_has_unit_range_and_meaning(
        self, role: str, decision: str, name: str, rule: type
    ) -> None:
        assert rule.__doc__
        assert isinstance(make(role, decision, Strategy(name=name)), rule)
        for parameter in fields(rule):
            low, high = parameter.metadata["range"]
            assert low < high
            assert parameter.default is not MISSING
            assert low <= parameter.default <= high, parameter.name
            assert isinstance(parameter.metadata["unit"], str)  # "" for a plain number
            assert len(parameter.metadata["doc"]) > 3, parameter.name

    @pytest.mark.parametrize(("role", "decision", "name", "rule"), list(catalogue()))
    def test_out_of_range_is_refused_at_both_ends(
        self, role: str, decision: str, name: str, rule: type
    ) -> None:
        for parameter in fields(rule):
            low, high = parameter.metadata["range"]
            for value in (low - 1, high + 1):
                with pytest.raises(StrategyError) as refusal:
                    make(role, decision, Strategy(name=name, **{parameter.name: value}))
                said = str(refusal.value)
                assert f"'{parameter.name}'" in said
                assert f"from {low} to {high}" in said
            for value in (low, high):
                make(role, decision, Strategy(name=name, **{parameter.name: value}))

    @pytest.mark.parametrize(("role", "decision"), REGISTRY)
    def test_an_unknown_name_is_refused_with_those_that_exist(
        self, role: str, decision: str
    ) -> None:
        first = next(iter(REGISTRY[role, decision]))
        with pytest.raises(StrategyError) as refusal:
            make(role, decision, Strategy(name=first[:-1]))
        assert f"did you mean '{first}'?" in str(refusal.value)
        for name in REGISTRY[role, decision]:
            assert name in str(refusal.value)

    def test_an_unknown_parameter_is_refused_with_those_that_exist(self) -> None:
        with pytest.raises(StrategyError) as refusal:
            make("labs", "procurement", Strategy(name="cover_ahead", horizon_month=6))
        said = str(refusal.value)
        assert "did you mean 'horizon_months'?" in said
        assert all(p in said for p in ("cover_share", "tolerance", "training_spot_share"))

    def test_a_model_with_an_unknown_strategy_is_not_built(self) -> None:
        rules = override(load_scenario("duopoly"), {"clouds.Delta.pricing": {"name": "cost_plu"}})
        (problem,) = unknown_strategies(rules)
        assert problem.startswith("clouds.Delta.pricing: ")
        with pytest.raises(StrategyError, match="cost_plus, market_follower"):
            ComputeMarket(rules, seed=1)
