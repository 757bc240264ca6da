"""Clouds: they forecast, build power, buy chips, price, borrow and sell compute."""

from __future__ import annotations

from bisect import insort
from math import exp
from typing import ClassVar

import mesa

from ..market.chips import Mix, with_trials
from ..market.contracts import ChipOrder, Loan
from ..market.ledger import WORLD, Account
from ..market.market import WORKLOADS, Market
from ..market.negotiation import Tactic
from ..scenarios import schema
from .firm import Firm
from .plant import Family, PowerProject, by_due
from .strategies.capacity import Borrowing, Capacity
from .strategies.financing import Financing
from .strategies.pricing import CloudPricing, PricingView

_DEPRECIATION_MONTHS = 72
_OPENING_LIFE_MONTHS = 48  # what opening plant has left
_ANCHOR_PREMIUM = 0.3  # exponent of the brand premium in quotes to labs
_RETIREMENT_MONTHS = 18  # a generation leaves the fleet over this time
_LEAN = 0.5  # of orders, towards chips that labs have taken whole while others stand free
_LEAN_MONTHS = 6.0  # over which it builds up; assumption, half a planning cycle of a year
_ROUNDING = 1e-9  # of power in use, no reason to switch anything off


class Cloud(Firm):
    """A provider of compute."""

    role: ClassVar[str] = "clouds"
    spec: schema.Cloud
    negotiation_rule: Tactic
    pricing_rule: CloudPricing
    capacity_rule: Capacity
    borrowing_rule: Borrowing
    financing_rule: Financing

    def __init__(self, model: mesa.Model, spec: schema.Cloud, market: Market) -> None:
        """Open with the fleet, the power and the pipeline of the scenario."""
        super().__init__(model, spec, market)
        self.fleet: dict[str, float] = {s.chip: s.units for s in spec.fleet}
        self.waiting: dict[str, float] = {}  # delivered chips without power
        self.captive_h100e = spec.captive_h100e
        self.energised_mw = spec.energised_mw
        self.held_mw = 0.0  # of that, kept for chips of a programme
        self.bound_usd = 0.0  # own money that programmes take over the next months
        lead = self.lead_months
        first = spec.power_pipeline_mw_per_month
        growth = 1 + spec.power_pipeline_growth_per_month
        self.projects = [
            PowerProject(market.month + k, first * growth**k) for k in range(lead) if first > 0
        ]
        self.orders: list[ChipOrder] = []
        self.loans: list[Loan] = []
        self.smoothed_order = spec.chip_deliveries_h100e_per_month
        self.forecast_error = 0.0
        self.rental_trend = 0.03
        self.captive_growth = 0.0
        self.families: dict[str, Family] = {}
        self.h100e = 0.0  # installed, blended
        self.used_mw = 0.0  # installed MW
        self.free_mw: dict[str, float] = {}  # after contracts and captive use, by maker
        self.pool = dict.fromkeys(WORKLOADS, 0.0)  # rentable H100e
        self.reserved = dict.fromkeys(WORKLOADS, 0.0)  # on one-year terms
        self.spot_sold = dict.fromkeys(WORKLOADS, 0.0)
        self.captive_served_h100e = 0.0
        self.contract_mw = 0.0
        self.sold_mw = 0.0
        self.utilisation = 0.9
        premium = spec.brand_premium
        renters = market.rules.world.renters
        self.list_price = dict.fromkeys(
            WORKLOADS, renters.opening_list_price_usd_per_h100e_hour * min(1.2, premium / 1.6)
        )
        self.debt_service_usd = 0.0  # of the month
        self.interest_usd = 0.0  # of that
        self.running_cost_usd = 0.0  # power, operation and rent of the month
        self.depreciation_usd = 0.0  # a month
        self.added_depreciation_usd = 0.0  # of that, on plant bought since the start
        self.promised_mw = 0.0
        self.energised_this_month_mw = 0.0
        self.customer_rating = "BBB"
        self.last_rental_h100e = 0.0
        self.facility_frozen = False
        self.extended = False  # lenders have given it time once
        self.gate = 1.0  # whether rentals pay for new chips, 0..1
        self.advance_share = 0.0  # of chip purchases that lenders would finance now
        self.lean: dict[str, float] = {}  # labs' share of a family less their share of the fleet
        self._shares: dict[str, float] = {}  # of orders by maker
        self._new_usd = self._new_kw = 0.0  # price and power of an H100e ordered so
        self._shares_at = market.mixes  # the chips on offer for which these hold

    def follow(self, spec: schema.Firm) -> None:
        """Take the entry in force; neoclouds own chips alone, their halls are rented."""
        super().follow(spec)
        self.leases = self.spec.kind == "neocloud"

    def open_books(self) -> None:
        """Bring cash and the opening plant at a market price."""
        super().open_books()
        catalogue = self.market.catalogue.chips
        chips = sum([0.6 * n * catalogue[c].price_usd for c, n in sorted(self.fleet.items())])
        shell = self.market.rules.world.power.shell_cost_usd_per_mw
        plant = 0.0 if self.leases else 0.7 * self.energised_mw * shell
        self.market.ledger.open_books(self.name, round(chips + plant))
        self.depreciation_usd = (chips + plant) / _OPENING_LIFE_MONTHS

    # -- plant --------------------------------------------------------------------------------

    @property
    def lead_months(self) -> int:
        """Months from ordering power to having it."""
        power = self.market.rules.world.power
        if self.spec.kind == "hyperscaler":
            return power.hyperscaler_lead_months
        return power.neocloud_lead_months

    @property
    def capital_budget_usd(self) -> float:
        """What a month's investment may cost: parent's money, inflow, spare cash over a year."""
        inflow = max(0.0, -self.mean_outflow_usd)
        spare = (self.cash_usd + self.purse_usd) / 12
        return self.parent_funding_usd_per_month() + inflow + spare

    @property
    def plant_usd(self) -> int:
        """Book value of chips and data centres."""
        return self.row[Account.PROPERTY]

    def energise(self) -> None:
        """Power projects that are due come on line, or slip (phase 2 of the month)."""
        month = self.market.month
        self.promised_mw = self.energised_this_month_mw = 0.0
        due = [p for p in self.projects if p.due <= month]
        self.projects = self.projects[len(due) :]  # they are kept in order of due month
        for project in due:
            if not self.complete(project, str(project.promised)):
                self.start_project(project)

    def complete(self, project: PowerProject, item: str) -> bool:
        """Energise a project that is due, unless it slips.

        item: what tells its draw from those of other projects of the month
        """
        market, month = self.market, self.market.month
        power = market.rules.world.power
        self.promised_mw += project.mw
        draw = market.draws.uniform("slip", self.name, month=month, item=item)
        if draw < power.slip_probability:
            project.due = month + power.slip_months
            market.event(
                "slip",
                self.name,
                amount_usd=0,
                text=f"{self.name}: {project.mw:,.0f} MW of power are late",
                mw=project.mw,
                promised=market.dates[min(project.promised, len(market.dates) - 1)],
            )
            return False
        self.energised_mw += project.mw
        self.energised_this_month_mw += project.mw
        if not self.leases:
            shell = project.mw * power.shell_cost_usd_per_mw
            market.bill(self.name, WORLD, shell, "data_centre")
        return True

    def start_project(self, project: PowerProject) -> None:
        """Enter megawatts under construction, in order of due month."""
        insort(self.projects, project, key=by_due)

    def receive_chips(self, units: list[tuple[str, float]]) -> None:
        """Chips delivered wait for power."""
        for chip, n in units:
            self.waiting[chip] = self.waiting.get(chip, 0.0) + n

    def install(self) -> None:
        """Retire and lose old chips, then power as many new ones as energy allows (phase 2)."""
        self._wear()
        self.power_chips()

    def _wear(self) -> None:
        """A month's failures, and a month's part of the generations that leave."""
        market, month = self.market, self.market.month
        building = market.rules.world.building
        month_of, fleet = market.catalogue.month_of, self.fleet
        survive = 1 - building.chip_failure_per_year / 12
        life = round(12 * building.economic_life_years)
        for chip in sorted(fleet):
            units = fleet[chip] * survive
            if month - month_of[chip] >= life:
                units *= 1 - 1 / _RETIREMENT_MONTHS
            if units < 1:
                del fleet[chip]
                continue
            fleet[chip] = units

    def power_chips(self) -> None:
        """Power as many of the chips that wait as energy allows; nothing that runs is lost."""
        catalogue, fleet = self.market.catalogue, self.fleet
        chips, month_of = catalogue.chips, catalogue.month_of
        used = 0.0
        for chip in sorted(fleet):
            used += fleet[chip] * chips[chip].kw / 1000
        if used > self.energised_mw * (1 + _ROUNDING):
            used = self._switch_off(used)
        for _, chip in sorted([(-month_of[c], c) for c in self.waiting]):  # newest first
            kw = chips[chip].kw
            room = self.energised_mw - self.held_mw - used
            units = min(self.waiting[chip], max(0.0, room) * 1000 / kw)
            if units > 0:
                fleet[chip] = fleet.get(chip, 0.0) + units
                self.waiting[chip] -= units
                used += units * kw / 1000
            if self.waiting[chip] < 1e-6:
                del self.waiting[chip]
        self._measure()

    def _switch_off(self, used: float) -> float:
        """Chips that draw more than is energised wait, oldest first; returns what still runs, MW.

        A scenario may open with more chips than power, or change what a chip draws.
        """
        chips, month_of = self.market.catalogue.chips, self.market.catalogue.month_of
        for _, chip in sorted([(month_of[c], c) for c in self.fleet]):
            kw = chips[chip].kw
            units = min(self.fleet[chip], (used - self.energised_mw) * 1000 / kw)
            if units <= 0:
                break
            self.fleet[chip] -= units
            if self.fleet[chip] <= 0:
                del self.fleet[chip]
            self.waiting[chip] = self.waiting.get(chip, 0.0) + units
            used -= units * kw / 1000
        return used

    def _measure(self) -> None:
        """Installed capacity by family of chips."""
        chips = self.market.catalogue.chips
        totals: dict[str, list[float]] = {}
        for name, units in sorted(self.fleet.items()):
            chip = chips[name]
            row = totals.get(chip.family)
            if row is None:
                row = totals[chip.family] = [0.0, 0.0, 0.0]
            row[0] += units * chip.kw / 1000
            row[1] += units * chip.training_h100e
            row[2] += units * chip.inference_h100e
        self.families = {maker: Family(*row) for maker, row in totals.items()}
        self.used_mw = sum([f.mw for f in self.families.values()])
        both = sum([f.training_h100e + f.inference_h100e for f in self.families.values()])
        self.h100e = 0.5 * both

    @property
    def h100e_per_mw(self) -> float:
        """Blended H100e that a megawatt of the fleet gives."""
        return self.h100e / self.used_mw if self.used_mw > 0 else 0.0

    def grow_captive(self) -> None:
        """The owner's own workloads grow, less in a poor mood."""
        captive = self.market.rules.world.captive
        years = self.market.month / 12
        mood = min(0.0, self.market.mood)
        rate = captive.growth_per_year * exp(-captive.growth_decay_per_year * years) / 12
        self.captive_growth = rate * max(0.0, 1 + captive.sentiment_response * mood)
        self.captive_h100e *= exp(self.captive_growth)

    def pipeline_h100e(self) -> float:
        """Chips ordered and not installed, blended H100e."""
        chips = self.market.catalogue.chips
        waiting = sum([n * chips[c].h100e for c, n in sorted(self.waiting.items())])
        return waiting + sum([order.left_h100e for order in self.orders])

    # -- buying -------------------------------------------------------------------------------

    def maker_shares(self) -> dict[str, float]:
        """Shares of its orders by maker: preference tilted by price and by what labs sign."""
        mixes = self.market.mixes
        if self._shares_at is not mixes:
            self._shares_at = mixes
            self._shares = shares = self._tilted_shares()
            self._new_usd = sum([w * mixes[m].price_usd_per_h100e for m, w in shares.items()])
            self._new_kw = sum([w * mixes[m].kw_per_h100e for m, w in shares.items()]) or 1.55
        return self._shares

    def chip_kw_per_h100e(self) -> float:
        """Power of what it buys now."""
        self.maker_shares()
        return self._new_kw

    def chip_usd_per_h100e(self) -> float:
        """Price of what it buys now."""
        self.maker_shares()
        return self._new_usd

    def follow_customers(self, contract_mw: dict[str, float]) -> None:
        """Note which families labs take more of than of the fleet; orders will lean to them.

        contract_mw: what labs' contracts need, by maker
        """
        if len(self.spec.chip_preferences) < 2 or self.used_mw <= 0:
            return
        mean = min(1.0, sum(contract_mw.values()) / self.used_mw)
        for preference in self.spec.chip_preferences:
            maker = preference.maker
            family = self.families.get(maker)
            if family is not None:
                excess = min(1.0, contract_mw.get(maker, 0.0) / family.mw) - mean
                lean = self.lean.get(maker, 0.0)
                self.lean[maker] = lean + (excess - lean) / _LEAN_MONTHS

    def _tilted_shares(self) -> dict[str, float]:
        market = self.market
        weights = {}
        for preference in self.spec.chip_preferences:
            mix = market.mixes.get(preference.maker)
            if mix is None or not self._may_buy(mix):
                continue
            opening = market.opening_chip_price.get(preference.maker, mix.price_usd_per_h100e)
            tilt = opening / mix.price_usd_per_h100e
            tilt *= 1 + _LEAN * self.lean.get(preference.maker, 0.0)
            weights[preference.maker] = preference.weight * tilt
        total = sum(weights.values())
        shares = {maker: w / total for maker, w in sorted(weights.items())} if total else {}
        return self._trying_newcomers(shares) if market.entrants else shares

    def _trying_newcomers(self, shares: dict[str, float]) -> dict[str, float]:
        market = self.market
        known = {preference.maker for preference in self.spec.chip_preferences}
        newcomers = [
            maker
            for maker in market.entrants
            if maker not in known
            and maker in market.mixes
            and maker not in market.ledger.closed
            and self._may_buy(market.mixes[maker])
        ]
        prices = {maker: mix.price_usd_per_h100e for maker, mix in market.mixes.items()}
        return with_trials(shares, prices, newcomers, market.rules.world.supply.entrant_trial_share)

    def _may_buy(self, mix: Mix) -> bool:
        """Whether the maker's newest chips are sold to anyone, or to this cloud."""
        sold_to = mix.shares[-1][0].sold_to
        return not sold_to or self.name in sold_to

    # -- prices -------------------------------------------------------------------------------

    def pricing_view(self, workload: str, *, anchor: bool = False) -> PricingView:
        """What the cloud knows when it sets a workload's prices.

        anchor: for a lab's large order, on which brand and service earn less
        """
        market = self.market
        book = market.rental[workload]
        premium = self.spec.brand_premium / market.mean_premium
        return PricingView(
            market.user_cost,
            book.contract_price,
            book.spot_price,
            self.list_price[workload],
            premium**_ANCHOR_PREMIUM if anchor else premium,
            self.utilisation,
        )

    def review_prices(self) -> None:
        """Change list prices, in steps and seldom."""
        for workload in WORKLOADS:
            view = self.pricing_view(workload)
            draw = self.market.draws.uniform(
                "list_price", self.name, month=self.market.month, item=workload
            )
            price = self.pricing_rule.list_price(view, draw)
            if price != view.list_price:
                self.list_price[workload] = price
                kind = "list_price_cut" if price < view.list_price else "list_price_rise"
                change = price / view.list_price - 1
                self.market.event(
                    kind,
                    self.name,
                    text=f"{self.name} changes its {workload} list price by {change:+.0%} "
                    f"to ${price:.2f}/h",
                    workload=workload,
                    price_usd=price,
                    change=change,
                )

    # -- money --------------------------------------------------------------------------------

    def committed_funds_usd(self) -> float:
        """Undrawn part of committed loans and tranches due on dates, US dollars."""
        undrawn = 0
        if not self.facility_frozen:  # a programme's loan pays for its plant alone
            undrawn = sum([x.undrawn_usd for x in self.loans if not x.programme])
        return undrawn + self.funds_due_usd

    @property
    def recurring_profit_base_usd(self) -> float:
        """What bidders put a multiple on: a year of profit after wear of the plant and interest."""
        fixed = self.running_cost_usd + self.depreciation_usd + self.interest_usd
        return 12.0 * max(0.0, self.revenue_usd - fixed)

    @property
    def gross_margin(self) -> float:
        """Of compute sold, over running cost."""
        return 1 - self.running_cost_usd / self.revenue_usd if self.revenue_usd > 0 else 0.0

    def bill_operations(self) -> None:
        """Power for what runs, operation for what is installed, rent for leased halls."""
        market = self.market
        world = market.world
        running = min(1.0, 0.3 + 0.7 * self.utilisation) * self.used_mw
        energy = running * 730 * world.power_price_usd_per_mwh
        operation = self.used_mw * market.rules.world.power.operating_cost_usd_per_mw_month
        leased = 0.0
        if self.leases:
            power = market.rules.world.power
            rent = power.shell_cost_usd_per_mw * power.lease_rate_per_year / 12
            leased = rent * self.energised_mw
            market.bill(self.name, WORLD, leased, "lease")
        market.bill(self.name, WORLD, energy, "power")
        market.bill(self.name, WORLD, operation * world.cost_factor, "operations")
        self.running_cost_usd = energy + operation * world.cost_factor + leased

    def depreciate(self, invested_usd: float) -> None:
        """Write plant down in a straight line over six years."""
        if self.market.month == self.entered + _OPENING_LIFE_MONTHS:
            self.depreciation_usd = self.added_depreciation_usd
        amount = min(round(self.depreciation_usd), self.plant_usd)
        self.market.ledger.write_down(self.name, Account.PROPERTY, amount, "depreciation")
        added = invested_usd / _DEPRECIATION_MONTHS
        self.depreciation_usd += added
        self.added_depreciation_usd += added
