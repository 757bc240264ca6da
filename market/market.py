"""The market place of one run: books, contracts, prices and the world, shared by all firms."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from math import inf, log
from typing import Final

from ..scenarios.schema import Scenario
from .chips import Catalogue, Mix, user_cost_usd_per_h100e_hour
from .contracts import ComputeContract, ContractBook
from .ledger import Dues, Ledger
from .randomness import Draws
from .recorder import Recorder
from .rental import RentalBook
from .world import Sentiment, World

_RENT_MEMORY = 1 / 18  # weight of the latest month

WORKLOADS: Final = ("training", "inference")


def no_bills() -> defaultdict[str, Dues]:
    """Bills by payer, none yet."""
    return defaultdict(partial(defaultdict, int))


class Market:
    """State that belongs to no firm. `rules` is the scenario in force this month."""

    def __init__(
        self,
        rules: Scenario,
        draws: Draws,
        owners: list[str],
        launches: dict[str, int],
        dates: list[str],
    ) -> None:
        """Open the market at month 0 of `rules`."""
        self.rules = rules
        self.draws = draws
        self.month = 0
        self.dates = dates
        self.ledger = Ledger(owners)
        self.book = ContractBook()
        self.recorder = Recorder(dates)
        self.event = self.recorder.event
        self.world = World(rules)
        self.sentiment = Sentiment(rules)
        self.rental = {w: RentalBook(rules, w) for w in WORKLOADS}
        self.catalogue = Catalogue(rules, launches)
        self.price_factor = dict.fromkeys(self.catalogue.chips, 1.0)
        self.mixes: dict[str, Mix] = {}
        self.opening_chip_price: dict[str, float] = {}  # $/H100e by maker
        # the one with most packaging capacity at the start
        makers = sorted((-m.packaging_slots_per_month, m.name) for m in rules.chipmakers)
        self.first_chipmaker = makers[0][1] if makers else ""
        self.user_cost = 0.0  # $/H100e-hour of the cheapest generation on offer to anyone
        self.chip_cost: dict[str, float] = {}  # $ per blended H100e-hour on what a maker ships
        self.training_split = rules.world.renters.training_share  # of rentable capacity
        self.utilisation = 1.0
        self.mean_premium = 1.0  # of clouds' quotes, weighted by what they rent out
        self.lab_contract_price = 0.0  # smoothed price of labs' new contracts
        self.contract_price = rules.world.renters.opening_contract_price_usd_per_h100e_hour
        self.signed_this_month: list[ComputeContract] = []
        self.defaults = 0
        self.switches = 0
        self.rent_decline_per_year = rules.world.bargaining.price_decay_expected_per_year
        self._rent = 0.0
        self.lab_trend = 0.08  # smoothed log growth of labs' targets, a month
        self._targets = 0.0
        self.bills = no_bills()  # due this month

    @property
    def date(self) -> str:
        """Label of the current month."""
        return self.dates[self.month]

    @property
    def mood(self) -> float:
        """Sentiment in standard deviations."""
        return self.sentiment.level

    def bill(self, payer: str, payee: str, amount_usd: float, purpose: str, ref: str = "") -> None:
        """Enter an amount due at this month's settlement; rounds half to even.

        What one owes another for one purpose is one bill; `ref` keeps claims apart.
        """
        if amount_usd >= 0.5:
            self.bills[payer][payee, purpose, ref] += round(amount_usd)

    def billed_usd(self, payer: str, purposes: frozenset[str]) -> int:
        """Due from a payer this month for some purposes, US dollars."""
        dues = self.bills.get(payer, {})
        return sum([usd for (_, purpose, _), usd in dues.items() if purpose in purposes])

    def rent(self) -> float:
        """One-year price over both workloads, $/H100e-hour."""
        rental = self.rental
        return 0.5 * (rental["training"].contract_price + rental["inference"].contract_price)

    def learn_rent_decline(self) -> None:
        """Owners and lenders learn how fast one-year prices fall (adaptive expectations)."""
        rent = self.rent()
        if self._rent > 0:
            fall = max(-1.0, min(1.5, 12 * log(self._rent / rent)))
            self.rent_decline_per_year += _RENT_MEMORY * (fall - self.rent_decline_per_year)
        self._rent = rent

    def follow_targets(self, total_h100e: float) -> None:
        """Update the trend of what labs say they will need."""
        if self._targets > 0 and total_h100e > 0:
            growth = max(-0.2, min(0.25, log(total_h100e / self._targets)))
            self.lab_trend += 0.15 * (growth - self.lab_trend)
        self._targets = total_h100e

    def refresh_chips(self) -> None:
        """Which generations ship this month, and what an hour of the current one costs."""
        rules = self.rules
        ramp = rules.world.supply.ramp_months
        mixes = {
            maker: self.catalogue.mix(maker, self.month, ramp, self.price_factor)
            for maker in self.catalogue.by_maker
        }
        # a new dict, never one changed in place: what is derived of it can tell that it is stale
        self.mixes = {maker: mix for maker, mix in mixes.items() if mix is not None}
        required = rules.world.building.required_return_hyperscaler
        power_price = self.world.power_price_usd_per_mwh
        costs = self.chip_cost = {
            maker: user_cost_usd_per_h100e_hour(
                rules, mix.price_usd_per_h100e, mix.kw_per_h100e, required, power_price
            )
            for maker, mix in self.mixes.items()
        }
        versatile = [
            costs[maker]
            for maker, m in self.mixes.items()
            if m.training_per_h100e > 0 and not m.shares[-1][0].sold_to
        ]
        if costs:
            self.user_cost = min(versatile or costs.values())

    def workload_cost(self, maker: str, workload: str) -> float:
        """User cost of an H100e-hour of one workload on a maker's current chips, US dollars.

        Infinite on chips that cannot do it, and where the maker ships nothing.
        """
        mix = self.mixes.get(maker)
        if mix is None:
            return inf
        done = mix.per_h100e(workload)
        return self.chip_cost[maker] / done if done > 0 else inf
