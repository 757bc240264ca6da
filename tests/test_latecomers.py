"""Random worlds in which firms of all roles enter late: books hold, and nothing comes early."""

from __future__ import annotations

import random

import pandas as pd

from computemarket import ComputeMarket
from computemarket.scenario import Scenario, month_label, override, synthetic


def with_latecomers(n: int, seed: int, months: int = 24) -> Scenario:
    """A made-up world, and a firm of each role that enters in a random month."""
    rng, world = random.Random(seed), synthetic(n, seed, months=months)
    data = world.model_dump(mode="json")
    newest = [chip for chip in data["chips"] if chip["maker"] == "Maker 1"][-1]
    for role in ("labs", "clouds", "chipmakers", "investors"):
        twin = dict(rng.choice(data[role]))
        month = rng.randint(1, months + 3)
        twin |= {"name": f"Late {role}", "group": None, "enters": month_label(world.run, month)}
        if role == "labs":
            twin |= {f"{s}_arr_usd": 0.0 for s in ("consumer", "enterprise", "private")}
        data[role].append(twin)
    cheaper = {"name": "Late chip", "maker": "Late chipmakers", "price_usd": 10_000.0}
    data["chips"].append(newest | cheaper | {"unit_cost_usd": 4000.0, "launch": "2024-01"})
    data["world"]["demand"]["enterprise"]["on_premise_share"] = rng.uniform(0, 0.4)
    data["world"]["demand"]["on_premise_preference"] = rng.choice([0.0, 1.0, 3.0])
    if rng.random() < 0.5:
        name = f"Late {rng.choice(['labs', 'clouds', 'chipmakers', 'investors'])}"
        kill = {"month": month_label(world.run, months - 5), "kind": "kill", "firm": name}
        data["interventions"] = [kill]
    return override(world, {key: data[key] for key in data if key not in ("name", "title")})


def test_latecomers_keep_the_books_of_random_worlds():
    """Every invariant is checked in every month; a breach raises."""
    entered = 0
    for seed in range(6):
        model = ComputeMarket(with_latecomers(6 + 2 * seed, seed), seed=seed).run()
        assert model.manifest()["ledger"] == "ok"
        firms, flows = model.firms, model.flows
        first = firms.groupby("firm").month.min()
        entries = model.events[model.events.kind == "entry"].set_index("firm").month
        entered += len(entries)
        assert (first[entries.index] == entries).all()
        assert (first.drop(entries.index) == 0).all()
        for side in ("payer", "payee"):
            before = flows[side].map(first).fillna(0)
            assert (flows.month >= before).all()
        cash = firms.pivot_table(index="month", columns="firm", values="cash_usd").fillna(0)
        signed = pd.concat(
            flows.assign(firm=flows[side], usd=sign * flows.amount_usd)
            for side, sign in (("payee", 1), ("payer", -1))
        ).pivot_table(index="month", columns="firm", values="usd", aggfunc="sum")
        moved = signed.reindex(index=cash.index, columns=cash.columns).fillna(0)
        assert (cash.diff().iloc[1:] == moved.iloc[1:]).all(axis=None)
    assert entered > 15
