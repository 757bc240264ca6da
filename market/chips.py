"""Chip generations: which one a maker ships, what it costs, and what compute costs its owner."""

from __future__ import annotations

from typing import NamedTuple

from ..scenarios.schema import Chip, Scenario
from .contracts import HOURS_PER_MONTH

_FULL_TRIAL_SAVING = 0.2  # AMD sells some 20 % below the leader: less is no reason to port


class Mix(NamedTuple):
    """What a maker ships this month: shares by throughput of one or two generations."""

    shares: tuple[tuple[Chip, float], ...]  # of H100e shipped, sum 1
    price_usd_per_h100e: float
    kw_per_h100e: float
    slots_per_h100e: float
    training_per_h100e: float
    inference_per_h100e: float

    def per_h100e(self, workload: str) -> float:
        """H100e of one workload in a blended H100e."""
        return self.training_per_h100e if workload == "training" else self.inference_per_h100e


class Catalogue:
    """Generations by maker in order of launch, and the launch month of each."""

    def __init__(self, rules: Scenario, month_of: dict[str, int]) -> None:
        """`month_of` gives the launch month of each chip, negative before the start."""
        self.month_of = month_of
        self.by_maker: dict[str, list[Chip]] = {}
        for chip in sorted(rules.chips, key=lambda c: (month_of[c.name], c.launch, c.name)):
            if chip.line is None:  # a programme's chip is in no maker's general mix
                self.by_maker.setdefault(chip.maker, []).append(chip)
        self._read(rules)

    def _read(self, rules: Scenario) -> None:
        self.chips = {c.name: c for c in rules.chips}
        # of a custom family, by name: what plant of it earns from others, of versatile plant's rent
        self.redeployability = {
            self.chips[p.chip].family: p.redeployability for p in rules.programmes
        }
        self.inference_only = frozenset(
            [c.family for c in rules.chips if c.line is not None and c.training_h100e == 0]
        )

    def follow(self, rules: Scenario) -> None:
        """Take the chips in force from now on (prices, throughput), launches as they were."""
        self._read(rules)
        for maker, chips in self.by_maker.items():
            self.by_maker[maker] = [self.chips[c.name] for c in chips]

    def mix(
        self, maker: str, month: int, ramp_months: int, price_factor: dict[str, float]
    ) -> Mix | None:
        """What the maker ships: the newest generation ramps up over `ramp_months`."""
        launched = [c for c in self.by_maker.get(maker, ()) if self.month_of[c.name] <= month]
        if not launched:
            return None
        newest = launched[-1]
        ramp = min(1.0, (month - self.month_of[newest.name] + 1) / ramp_months)
        if len(launched) == 1 or ramp >= 1.0:
            parts: tuple[tuple[Chip, float], ...] = ((newest, 1.0),)
        else:
            parts = ((launched[-2], 1 - ramp), (newest, ramp))
        price = kw = slots = training = inference = 0.0
        for chip, weight in parts:
            h100e = chip.h100e
            price += weight * chip.price_usd * price_factor[chip.name] / h100e
            kw += weight * chip.kw / h100e
            slots += weight * chip.packaging_slots / h100e
            training += weight * chip.training_h100e / h100e
            inference += weight * chip.inference_h100e / h100e
        return Mix(parts, price, kw, slots, training, inference)


def with_trials(
    shares: dict[str, float], prices: dict[str, float], newcomers: list[str], most: float
) -> dict[str, float]:
    """Shares of a buyer's orders by maker, when it tries newcomers that save it money.

    prices: $/H100e by maker
    newcomers: makers new to the market that it may buy from and states no preference for
    most: share of orders that all trials together may take
    """
    usual = sum([share * prices[maker] for maker, share in shares.items()])
    if usual <= 0:
        return shares
    saved = {maker: 1 - prices[maker] / usual for maker in newcomers}
    trials = {m: most * min(1.0, s / _FULL_TRIAL_SAVING) for m, s in saved.items() if s > 0}
    tried = sum(trials.values())
    if tried <= 0:
        return shares
    cut = min(1.0, most / tried)
    kept = 1 - cut * tried
    tried_shares = {maker: cut * share for maker, share in trials.items()}
    return dict(sorted({m: kept * s for m, s in shares.items()}.items() | tried_shares.items()))


def user_cost_usd_per_h100e_hour(
    rules: Scenario,
    chip_usd_per_h100e: float,
    kw_per_h100e: float,
    required_return: float,
    power_price_usd_per_mwh: float,
    obsolescence: float | None = None,
) -> float:
    """Full cost of a billed H100e-hour: capital at economic depreciation, power and operation.

    Jorgenson's (1963) rental price of capital: price x (return + obsolescence), spread over the
    hours billed; data centre and installation add 36 % to the chip (macro loop, equation 12).
    """
    building, power = rules.world.building, rules.world.power
    wear = building.obsolescence_per_year if obsolescence is None else obsolescence
    capital = (chip_usd_per_h100e * 1.36 * (required_return + wear)) / (
        12 * HOURS_PER_MONTH * building.billed_utilisation
    )
    per_kw_hour = (
        power_price_usd_per_mwh / 1000
        + power.operating_cost_usd_per_mw_month / 1000 / HOURS_PER_MONTH
    )
    return capital + kw_per_h100e * per_kw_hour
