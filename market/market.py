"""The market place of one run: books, contracts, prices and the world, shared by all firms."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from math import exp, inf, log
from typing import Any, Final

from ..scenarios.schema import Intervention, Scenario
from .chips import Catalogue, Mix, user_cost_usd_per_h100e_hour
from .contracts import ComputeContract, ContractBook
from .ledger import Dues, Ledger
from .letters import Promises
from .on_premise import OnPremise
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
        self.on_premise = OnPremise()
        self.sentiment = Sentiment(rules)
        self.rental = {w: RentalBook(rules, w) for w in WORKLOADS}
        self.catalogue = Catalogue(rules, launches)
        self.price_factor = dict.fromkeys(self.catalogue.chips, 1.0)
        self.mixes: dict[str, Mix] = {}
        self.opening_chip_price: dict[str, float] = {}  # $/H100e by maker, when first on offer
        self.entrants: dict[str, float] = {}  # makers that entered: share of what shipped last
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
        self.promises = Promises()
        self.talks_due: list[Intervention] = []  # to be opened this month

    @property
    def date(self) -> str:
        """Label of the current month."""
        return self.dates[self.month]

    @property
    def mood(self) -> float:
        """Sentiment in standard deviations."""
        return self.sentiment.level

    def due_talks(self, about: str) -> list[Any]:
        """Terms of the talks about something that are to be opened; each is handed out once."""
        if not self.talks_due:
            return []
        due = [event for event in self.talks_due if getattr(event, about) is not None]
        self.talks_due = [event for event in self.talks_due if event not in due]
        return [getattr(event, about) for event in due]

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

    def wear_on_premise(self) -> None:
        """Users' own chips fail and are retired as those of clouds are, a month's part."""
        building = self.rules.world.building
        years = building.economic_life_years
        self.on_premise.wear(min(1.0, building.chip_failure_per_year / 12 + 1 / (12 * years)))

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
        self._note_first_prices()
        costs = self.chip_cost = {m: self._user_cost(mix) for m, mix in self.mixes.items()}
        versatile = [
            maker
            for maker, mix in self.mixes.items()
            if mix.training_per_h100e > 0 and not mix.shares[-1][0].sold_to
        ] or list(self.mixes)
        known = [costs[maker] for maker in versatile if maker not in self.entrants]
        if versatile:
            self.user_cost = least = min(known or [costs[maker] for maker in versatile])
            # of a newcomer's chips nobody can have more than it ships
            for maker, share in self.entrants.items():
                if maker in versatile:
                    self.user_cost -= share * max(0.0, least - costs[maker])

    def _user_cost(self, mix: Mix) -> float:
        """What an hour of a blended H100e on a maker's current chips costs, US dollars."""
        return user_cost_usd_per_h100e_hour(
            self.rules,
            mix.price_usd_per_h100e,
            mix.kw_per_h100e,
            self.rules.world.building.required_return_hyperscaler,
            self.world.power_price_usd_per_mwh,
        )

    def workload_cost(self, maker: str, workload: str) -> float:
        """User cost of an H100e-hour of one workload on a maker's current chips, US dollars.

        Infinite on chips that cannot do it, and where the maker ships nothing.
        """
        mix = self.mixes.get(maker)
        if mix is None:
            return inf
        done = mix.per_h100e(workload)
        return self.chip_cost[maker] / done if done > 0 else inf

    def _note_first_prices(self) -> None:
        """Prices from which preferences for a maker and direct demand for its chips count.

        Those who come later start at the level to which others' prices have moved: what is stated
        of them holds at the prices of their first chips.
        """
        first = self.opening_chip_price
        new = [maker for maker in self.mixes if maker not in first]
        if not new:
            return
        moved = [
            log(first[maker] / mix.price_usd_per_h100e)
            for maker, mix in self.mixes.items()
            if maker in first
        ]
        level = exp(sum(moved) / len(moved)) if moved else 1.0
        for maker in new:
            first[maker] = level * self.mixes[maker].price_usd_per_h100e
