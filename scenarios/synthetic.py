"""Made-up worlds of any size whose opening balances hang together as those of January 2024 did.

Ratios (revenue to inference need, fleet to power, deliveries to fleet, contract price to spot)
follow the tested opening balance in docs/model.md; sizes are drawn around them. Nothing is real.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from .calendar import month_label
from .messages import ScenarioError
from .overrides import checked, merge_tables
from .schema import Run, Scenario, World

SMALLEST: Final = 4
LARGEST: Final = 300
START: Final = "2024-01"
HOURS_PER_MONTH: Final = 730
SERVICE_USD_PER_H100E_MONTH: Final = 3700.0
KW_PER_H100E: Final = 1.55
COST_USD_PER_H100E: Final = 45_000.0  # chip, network and shell

Table = dict[str, Any]

# launch in months from the start, H100e for training and inference, price, kW, packaging slots
_GENERATIONS: Final = (
    (-20, 0.45, 0.45, 15_000.0, 0.85, 0.6),
    (-8, 1.0, 1.0, 33_000.0, 1.55, 1.0),
    (10, 2.4, 2.6, 54_000.0, 2.34, 1.9),
    (24, 4.6, 5.4, 66_000.0, 3.2, 2.3),
    (40, 10.0, 12.0, 86_000.0, 4.5, 2.8),
)
_INVESTORS: Final = ("venture", "private_credit", "crossover", "sovereign")


def synthetic(n: int, seed: int, months: int = 36) -> Scenario:
    """A random world of `n` firms that is valid and economically consistent.

    Args:
        n: number of firms, 4 to 300, divided among all roles.
        seed: the same n, seed and months give the same scenario.
        months: length of the run.

    Raises:
        ScenarioError: n is out of range, or months is.
    """
    if not SMALLEST <= n <= LARGEST:
        raise ScenarioError(f"synthetic: n: given {n}, expected {SMALLEST} to {LARGEST} firms")
    return checked(_Draft(n, Random(seed), months).tables(seed), f"synthetic({n}, {seed})")


class _Draft:
    """A scenario in the making: plain tables, drawn in one fixed order."""

    def __init__(self, n: int, rng: Random, months: int) -> None:
        self.rng = rng
        self.months = months
        makers = 1 if n < 9 else 2 if n < 30 else 3
        investors = max(1, min(n - makers - 2, round(0.25 * n)))
        labs = max(1, round(0.55 * (n - makers - investors)))
        clouds = n - makers - investors - labs
        if clouds == 0:
            labs, clouds = labs - 1, 1
        self.makers = [f"Maker {i + 1}" for i in range(makers)]
        self.chips = self._chips()
        self._room_mw: dict[tuple[str, str], float] = {}  # by cloud and maker
        self.clouds = [self._cloud(i) for i in range(clouds)]
        self.contracts: list[Table] = []
        self.labs = self._labs(labs)
        self.investors = [self._investor(i) for i in range(investors)]

    def tables(self, seed: int) -> Table:
        """The whole scenario as plain data."""
        return {
            "name": f"synthetic-{len(self._firms())}-{seed}",
            "title": f"Made-up world of {len(self._firms())} firms (seed {seed})",
            "run": {"start": START, "months": self.months},
            "world": self._world(),
            "chips": self.chips,
            "labs": [{k: v for k, v in lab.items() if k != "burn"} for lab in self.labs],
            "clouds": self.clouds,
            "chipmakers": self._chipmakers(),
            "investors": self.investors,
            "contracts": self.contracts,
            "loans": self._loans(),
            "stakes": self._stakes(),
        }

    def _firms(self) -> list[str]:
        return [*self.makers, *(f["name"] for f in (*self.labs, *self.clouds, *self.investors))]

    def _around(self, middle: float, spread: float = 0.3) -> float:
        """A lognormal draw with this median, rounded to figures a person would write."""
        return float(f"{middle * self.rng.lognormvariate(0, spread):.3g}")

    def _world(self) -> Table:
        arr = {
            segment: sum(lab[f"{segment}_arr_usd"] for lab in self.labs)
            for segment in ("consumer", "enterprise", "private")
        }
        direct = 0.3 * sum(cloud["chip_deliveries_h100e_per_month"] for cloud in self.clouds)
        opening = {name: {"opening_usd_per_month": usd / 12} for name, usd in arr.items()}
        given = {"demand": opening, "supply": {"direct_buyers_h100e_per_month": direct}}
        # A partial table would replace a segment's own defaults, so it is laid over them.
        return merge_tables(World().model_dump(mode="json"), given)

    def _chips(self) -> list[Table]:
        chips = []
        for rank, maker in enumerate(self.makers):
            late = self.rng.randint(0, 4) if rank else 0
            for number, row in enumerate(_GENERATIONS):
                launch, training, inference, price, kw, slots = row
                launch += late if launch > 0 else 0
                if launch >= self.months:
                    continue
                if rank == 2:
                    training = 0  # a specialist: no training at all
                price = self._around(price * (1 if rank == 0 else 0.8), 0.1)
                chips.append(
                    {
                        "name": f"M{rank + 1} G{number + 1}",
                        "maker": maker,
                        "launch": month_label(Run(start=START), launch),
                        "price_usd": price,
                        "unit_cost_usd": price * self.rng.uniform(0.25, 0.5),
                        "training_h100e": training,
                        "inference_h100e": inference,
                        "kw": kw,
                        "packaging_slots": slots,
                    }
                )
        return chips

    def _cloud(self, index: int) -> Table:
        big = index % 3 == 0
        stock = self._around(250_000 if big else 45_000, 0.6)  # H100e
        split = [1.0, *(self.rng.uniform(0.0, 0.4) for _ in self.makers[1:])]
        fleet, power = [], 0.0
        for rank, weight in enumerate(split):
            share = weight / sum(split)
            for generation, part in ((1, 0.3), (2, 0.7)):
                chip = next(c for c in self.chips if c["name"] == f"M{rank + 1} G{generation}")
                h100e = 0.5 * (chip["training_h100e"] + chip["inference_h100e"])
                units = round(stock * share * part / h100e)
                fleet.append({"chip": chip["name"], "units": units})
                power += units * chip["kw"] / 1000
        deliveries = stock * self.rng.uniform(0.08, 0.15)
        spend = deliveries * COST_USD_PER_H100E  # per month
        troubled = not big and self.rng.random() < 0.2
        cloud: Table = {
            "name": f"Cloud {index + 1}",
            "kind": "hyperscaler" if big else "neocloud",
            "group": f"Group {index + 1}" if big else None,
            "listed": big,
            "cash_usd": self._around(spend * (12 if big else 0.4 if troubled else 3)),
            "parent_funding_usd_per_year": self._around(spend * 15) if big else 0.0,
            "parent_funding_growth_per_year": 0.3 if big else 0.0,
            "fleet": fleet,
            "captive_h100e": round(stock * (self.rng.uniform(0.3, 0.6) if big else 0.04)),
            "energised_mw": round(power * 1.06 + self.rng.uniform(2, 40), 1),
            "chip_deliveries_h100e_per_month": round(deliveries),
            "power_pipeline_mw_per_month": deliveries * KW_PER_H100E / 1000,
            "chip_preferences": [
                {"maker": maker, "weight": weight + 0.01}
                for maker, weight in zip(self.makers, split, strict=True)
            ],
            "brand_premium": round(self.rng.uniform(1.0, 1.25) if big else 1.0, 3),
            "negotiation": {"name": self.rng.choice(["linear", "boulware", "conceder"])},
            "pricing": {"name": self.rng.choice(["cost_plus", "market_follower"])},
        }
        for rank, maker in enumerate(self.makers):
            free = power * split[rank] / sum(split) * (1 - cloud["captive_h100e"] / stock)
            self._room_mw[cloud["name"], maker] = 0.55 * free
        return {key: value for key, value in cloud.items() if value is not None}

    def _labs(self, count: int) -> list[Table]:
        """Labs whose compute, added up, fits into what the clouds can sell them."""
        weights = [self.rng.lognormvariate(0, 1.3) for _ in range(count)]
        room = sum(self._room_mw.values()) / KW_PER_H100E * 1000  # about so many H100e
        wanted = room * self.rng.uniform(0.4, 0.8)
        labs = []
        for index, weight in enumerate(weights):
            size = wanted * weight / sum(weights)  # H100e, training and inference
            labs.append(self._lab(index, size))
        return labs

    def _lab(self, index: int, size: float) -> Table:
        rng = self.rng
        name = f"Lab {index + 1}"
        serving = rng.uniform(0.25, 0.5)
        served, serving_cost = self._sign(name, "inference", size * serving)
        _, training_cost = self._sign(name, "training", size * (1 - serving))
        compute = serving_cost + training_cost
        arr = served / rng.uniform(1.05, 1.8) * SERVICE_USD_PER_H100E_MONTH * 12
        mix = [rng.random() + 0.05 for _ in range(3)]
        other = round(rng.uniform(0.3, 0.6), 3)
        burn = max(compute * (1 + other) - 0.96 * arr / 12, 0.1 * compute, 150.0 * size)
        months = rng.uniform(1.5, 4) if rng.random() < 0.15 else rng.uniform(8, 26)
        giants = [c for c in self.clouds if c["kind"] == "hyperscaler"]
        internal = index % 5 == 4
        owner = {"group": rng.choice(giants)["group"]} if internal else {}
        team = self._around(burn * 80, 0.5)
        return owner | {
            "name": name,
            "kind": "internal" if internal else "independent",
            "cash_usd": self._around(burn * months, 0.1),
            "parent_funding_usd_per_year": self._around(burn * 16) if internal else 0.0,
            "parent_funding_growth_per_year": 0.8 if internal else 0.0,
            "consumer_arr_usd": arr * mix[0] / sum(mix),
            "enterprise_arr_usd": arr * mix[1] / sum(mix),
            "private_arr_usd": arr * mix[2] / sum(mix),
            "consumer_brand": round(rng.gauss(0, 0.5), 2),
            "enterprise_brand": round(rng.gauss(0, 0.5), 2),
            "private_brand": round(rng.gauss(0, 0.5), 2),
            "team_value_usd": team,
            "last_post_money_usd": team + arr * rng.uniform(15, 35),
            "other_cost_share": other,
            "procurement": {"name": rng.choice(["cover_ahead", "cover_ahead", "spot_first"])},
            "negotiation": {"name": rng.choice(["linear", "boulware", "conceder"])},
            "burn": burn,
        }

    def _sign(self, lab: str, workload: str, wanted: float) -> tuple[float, float]:
        """Draw contracts for about this capacity; H100e that there was room for, cost a month."""
        rng = self.rng
        clouds = rng.sample(self.clouds, min(len(self.clouds), rng.randint(1, 3)))
        exclusive = len(clouds) == 1 and rng.random() < 0.2
        signed = cost = 0.0
        for cloud in clouds:
            for number in range(rng.randint(1, 2)):
                maker = rng.choices(self.makers, [6, 2, 1][: len(self.makers)])[0]
                kw_per_h100e = self._kw_per_h100e(cloud, maker, workload)
                if kw_per_h100e is None:
                    continue
                room = self._room_mw[cloud["name"], maker]
                h100e = float(int(min(wanted / len(clouds), 0.8 * room * 1000 / kw_per_h100e)))
                if number == 0:
                    h100e = float(int(h100e * rng.uniform(0.5, 1.0)))
                if h100e < 1:
                    continue
                self._room_mw[cloud["name"], maker] -= h100e * kw_per_h100e / 1000
                price = round(2.3 * rng.lognormvariate(0, 0.15), 2)
                end = rng.choice([5, 9, 14, 20, 28, 37, 48])
                contract = {
                    "lab": lab,
                    "cloud": cloud["name"],
                    "workload": workload,
                    "maker": maker,
                    "h100e": h100e,
                    "price_usd_per_h100e_hour": price,
                    "end": month_label(Run(start=START), end),
                    "take_or_pay_share": rng.choice([0.8, 0.9, 1.0]),
                    "termination_fee_share": rng.choice([0.4, 0.7]),
                    "exclusive": exclusive,
                }
                if rng.random() < 0.3:
                    grown = float(int(h100e * rng.uniform(1.2, 1.8)))
                    ramp = {"opening_h100e": h100e, "months": rng.randint(3, 10)}
                    contract |= {"h100e": grown, "ramp": ramp}
                if rng.random() < 0.2:
                    contract["prepaid_usd"] = float(round(h100e * price * HOURS_PER_MONTH * 2))
                self.contracts.append(contract)
                signed += h100e
                cost += h100e * price * HOURS_PER_MONTH
        return signed, cost

    def _kw_per_h100e(self, cloud: Table, maker: str, workload: str) -> float | None:
        """Power that an H100e takes on this maker's part of a fleet; None if it has none."""
        chips = {chip["name"]: chip for chip in self.chips if chip["maker"] == maker}
        own = [(s["units"], chips[s["chip"]]) for s in cloud["fleet"] if s["chip"] in chips]
        capacity = sum(units * float(chip[f"{workload}_h100e"]) for units, chip in own)
        return (
            sum(units * float(chip["kw"]) for units, chip in own) / capacity if capacity else None
        )

    def _chipmakers(self) -> list[Table]:
        """Makers whose packaging, added up, gives what clouds and direct buyers receive."""
        total = 1.3 * sum(cloud["chip_deliveries_h100e_per_month"] for cloud in self.clouds)
        weights = [1.0, 0.25, 0.1][: len(self.makers)]
        makers = []
        for maker, weight in zip(self.makers, weights, strict=True):
            share = weight / sum(weights)
            revenue = total * share * 33_000
            makers.append(
                {
                    "name": maker,
                    "listed": True,
                    "cash_usd": self._around(revenue * 4),
                    "packaging_slots_per_month": max(total * share, 1.0),
                    "direct_buyer_share": share,
                    "strategic_fund_share": round(self.rng.uniform(0, 0.04), 3),
                }
            )
        return makers

    def _investor(self, index: int) -> Table:
        kind = _INVESTORS[index % 4]
        need = 12 * sum(lab["burn"] for lab in self.labs)
        deep = {"venture": 0.4, "private_credit": 1.5, "crossover": 1.0, "sovereign": 1.5}[kind]
        funds = 1 + index // 4
        return {
            "name": f"{kind.replace('_', ' ').capitalize()} {funds}",
            "kind": kind,
            "cash_usd": self._around(need * deep / funds, 0.4),
            "inflow_usd_per_year": self._around(need * deep / funds / 2, 0.4),
            "inflow_growth_per_year": 0.4,
            "required_return_per_year": 0.11 if kind == "private_credit" else 0.25,
            "valuation": {"name": self.rng.choice(["growth_multiple", "return_hurdle"])},
        }

    def _loans(self) -> list[Table]:
        lenders = [i["name"] for i in self.investors if i["kind"] == "private_credit"]
        if not lenders:
            return []
        prices = {chip["name"]: float(chip["price_usd"]) for chip in self.chips}
        return [
            {
                "lender": self.rng.choice(lenders),
                "borrower": cloud["name"],
                "principal_usd": self._around(
                    sum(s["units"] * prices[s["chip"]] for s in cloud["fleet"]) * 0.3
                ),
                "rate_per_year": round(self.rng.uniform(0.09, 0.14), 4),
                "months_left": self.rng.randint(24, 54),
            }
            for cloud in self.clouds
            if cloud["kind"] == "neocloud" and self.rng.random() < 0.7
        ]

    def _stakes(self) -> list[Table]:
        rng = self.rng
        buyers = [i["name"] for i in self.investors if i["kind"] != "private_credit"]
        strategic = [c["name"] for c in self.clouds if c["kind"] == "hyperscaler"]
        stakes = []
        for lab in self.labs:
            if lab["kind"] == "internal":
                continue
            holders = rng.sample(buyers, min(len(buyers), rng.randint(1, 3)))
            if rng.random() < 0.25:
                holders.append(rng.choice(strategic))
            for holder in holders:
                share = round(rng.uniform(0.03, 0.16), 3)
                stakes.append(
                    {
                        "investor": holder,
                        "firm": lab["name"],
                        "share": share,
                        "cost_usd": float(round(share * lab["last_post_money_usd"] * 0.5)),
                    }
                )
        return stakes
