"""Labs that let compute: capacity and dollars are conserved, and nothing in use is let."""

from __future__ import annotations

import pytest

from computemarket import ComputeMarket, load_scenario
from computemarket.agents.subletting import spare_h100e
from computemarket.market.contracts import HOURS_PER_MONTH
from computemarket.market.market import WORKLOADS
from computemarket.scenario import override, with_months

OWNER, TENANT = "Aurora", "Borealis"
BASE = with_months(load_scenario("duopoly"), 36)
RULES = override(BASE, {f"labs.{OWNER}.finance": {"name": "finance_office"}})


class TestSublets:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_capacity_and_dollars_are_conserved_and_nothing_in_use_is_let(self, seed: int) -> None:
        model = ComputeMarket(RULES, seed=seed)
        labs = model.economy.labs
        lent_usd = lent = let = 0.0
        while model.running:
            model.step()
            for workload in WORKLOADS:
                given_away = sum(lab.lent[workload] for lab in labs.values())
                received = sum(lab.borrowed[workload] for lab in labs.values())
                assert given_away == pytest.approx(received, rel=1e-12)
                lent += given_away
            for lab in labs.values():
                gone = {w: lab.lent[w] + lab.let[w] for w in WORKLOADS}
                let += sum(gone.values())
                if not lab.alive or lab.frozen or not lab.finance_rule.checks:
                    continue  # distress has its own rule
                spare = spare_h100e(lab)
                assert all(gone[w] <= lab.got[w] + 1e-6 for w in WORKLOADS)
                assert lab.got["inference"] - gone["inference"] >= min(
                    lab.got["inference"], 1.1 * lab.need_h100e * (1 - 1e-9)
                )
                kept = lab.got["training"] - gone["training"]
                assert (
                    kept
                    >= min(
                        lab.got["training"],
                        lab.finance_rule.protected_training_share * lab.finances.training_h100e,
                    )
                    - 1e-6
                )
                assert all(h >= 0 for h in spare.values())
                assert not any(lab.lent[w] > 0 and lab.borrowed[w] > 0 for w in WORKLOADS)
        flows = model.flows[model.flows.purpose == "sublet_compute"]
        lent_usd = float(flows.amount_usd.sum())
        assert let > 0
        rows = model.firms[model.firms.role == "lab"]
        columns = ["sublet_training_h100e", "sublet_inference_h100e"]
        assert rows[columns].to_numpy().sum() == pytest.approx(let)
        assert set(flows.payee) <= {OWNER}
        assert (lent_usd > 0) == (lent > 0)

    def test_a_lease_splits_the_difference_to_spot(self) -> None:
        model = ComputeMarket(RULES, seed=1)
        friction = BASE.world.renters.spot_friction
        seen = 0
        while model.running:
            before = {w: book.spot_price for w, book in model.market.rental.items()}
            model.step()
            lent = {w: model.economy.labs[OWNER].lent[w] for w in WORKLOADS}
            due = sum(
                lent[w] * 0.5 * (1 + friction) * before[w] * HOURS_PER_MONTH for w in WORKLOADS
            )
            flows = model.flows[
                (model.flows.month == model.month - 1) & (model.flows.purpose == "sublet_compute")
            ]
            rows = model.firms
            if due > 0 and not rows[rows.firm == TENANT].arrears_usd.any():
                assert flows.amount_usd.sum() == pytest.approx(due, abs=2)
                seen += 1
        assert seen > 0

    def test_a_high_threshold_lets_nothing(self) -> None:
        rules = override(RULES, {f"labs.{OWNER}.finance.sublet_threshold": 100})
        model = ComputeMarket(rules, seed=1).run()
        rows = model.firms[model.firms.firm == OWNER]
        healthy = ~rows.status.isin(["DISTRESS", "CURE", "DEFAULTED"])
        kept = rows[healthy & healthy.shift(fill_value=True)]  # distress lets a month longer
        assert kept[["sublet_training_h100e", "sublet_inference_h100e"]].to_numpy().sum() == 0
