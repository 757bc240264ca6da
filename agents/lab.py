"""AI laboratories: they forecast, contract ahead, split compute, serve, train, raise and cut."""

from __future__ import annotations

from collections import deque
from math import exp, log, log1p
from typing import ClassVar

import mesa

from ..market.contracts import HOURS_PER_MONTH, ComputeContract
from ..market.ledger import WORLD
from ..market.market import WORKLOADS, Market
from ..market.negotiation import Tactic
from ..market.porting import porting_share
from ..market.world import SEGMENTS
from ..scenarios import schema
from .finance import finance_view, review_request, review_training
from .firm import Firm
from .strategies.finance import Finance, FinanceView
from .strategies.financing import Financing
from .strategies.procurement import Allocation, Procurement, ProcurementView

_COMMERCIAL_ARR_USD = 1e9
_TRAINING_RATIO = 3.2  # training over inference, at most, of a commercial lab
_ROUND_GROWTH = 2.0  # next round over the last one
_SMALLEST_REQUEST_H100E = 50.0


class Lab(Firm):
    """A laboratory that sells AI services made with compute."""

    role: ClassVar[str] = "labs"
    spec: schema.Lab
    procurement_rule: Procurement
    financing_rule: Financing
    allocation_rule: Allocation
    finance_rule: Finance
    negotiation_rule: Tactic
    hired: schema.Strategy | None = None  # finance office taken on by an intervention

    def __init__(self, model: mesa.Model, spec: schema.Lab, market: Market) -> None:
        """Open with the segment shares that the opening revenues imply."""
        super().__init__(model, spec, market)
        self.share = dict.fromkeys(SEGMENTS, 0.0)
        self.price_index = 1.0  # of its services, 1 at the start
        self.usage_log = 0.0  # compute per unit of service, noise
        self.efficiency_stock = 0.0  # efficiency engineering so far, months of compute spending
        self.asked: dict[str, float] = dict.fromkeys(SEGMENTS, 0.0)  # units by segment, this month
        self.training_stock = 1.0  # accumulated effective training, H100e-months
        self.need_h100e = 0.0  # inference H100e that its users ask for
        self.need_trend = 0.06  # smoothed log growth of the need, a month
        self.got = dict.fromkeys(WORKLOADS, 0.0)  # delivered under contract, H100e
        self.spot = dict.fromkeys(WORKLOADS, 0.0)  # rented by the hour, H100e
        self.sublet = dict.fromkeys(WORKLOADS, 0.0)  # offered to others on spot
        self.let = dict.fromkeys(WORKLOADS, 0.0)  # of that, taken this month
        self.borrowed = dict.fromkeys(WORKLOADS, 0.0)  # rented from other labs this month
        self.lent = dict.fromkeys(WORKLOADS, 0.0)  # let to other labs this month
        self.tenants: set[tuple[str, str]] = set()  # workload and lab, "" for spot, last month
        self.idle = dict.fromkeys(WORKLOADS, 0.0)  # share of contracts left unused
        self.untrainable_h100e = 0.0  # delivered on custom chips that cannot train
        self.unmet_share = 0.0
        self.unmet_months = 0
        self.target = dict.fromkeys(WORKLOADS, 0.0)  # wanted at the planning horizon
        self.finances: FinanceView | None = None  # this month's, of a lab with a finance office
        self.refusals: dict[str, tuple[str, int]] = {}  # what the office last held against what
        self.compute_cost_usd = 0.0
        self.valuation_usd = spec.last_post_money_usd or spec.team_value_usd
        self.last_post_money_usd = self.valuation_usd
        self.last_round_usd = spec.cash_usd  # the next is expected to be of that order
        self.paid_price = 0.0  # mean price of its contracts, $/H100e-hour
        self.recurring_usd: deque[int] = deque(maxlen=13)  # services sold, by month
        self.serving_share = 1.0  # of its compute that serves users
        self.enterprise_sales_usd = 0.0  # of the month
        self.revenue_share = 0.0  # of its sales, due to partners
        self.trust = 1.0  # in its governance: of staff, users and partners
        self.brand_shift = 0.0  # of its appeal, after a governance shock
        self.team_share = 1.0  # of its people that have not been hired away
        self.research_share = 1.0  # of what its training yields with them
        self.declared_agi = False
        self.main_supplier: dict[str, str] = {}
        # H100e-months under contract by workload and maker, as far as remembered
        self.experience: dict[tuple[str, str], float] = {}
        self._porting: dict[tuple[str, str], float] = {}  # shares at this month's plan
        # H100e delivered under contract this month by supplier, overall and by workload
        self.supplied: dict[str, dict[str, float]] = {"overall": {}}
        self.challenger: dict[str, tuple[str, int]] = {}  # who leads and since when
        # capacity and cost under contract, for which month, after how many changes of contracts
        self._commitments_at = (-1, -1)
        self._committed: tuple[dict[str, float], float] = ({}, 0.0)

    def follow(self, spec: schema.Firm) -> None:
        """Take the entry in force; an office hired since stays until the entry's own changes."""
        before = self.spec.finance
        super().follow(spec)
        if self.spec.finance != before:
            self.hired = None
        if self.hired is not None:
            self.finance_rule = self.rule("finance", self.hired)
        self.negotiation_rule = self.finance_rule.tactic(self.negotiation_rule)

    def hire(self, office: schema.Strategy | None) -> None:
        """Let another strategy watch the money; None: the one of the scenario again."""
        self.hired = office
        self.follow(self.spec)

    @property
    def independent(self) -> bool:
        """Whether no parent stands behind the lab."""
        return self.spec.kind == "independent"

    @property
    def arr_usd(self) -> float:
        """Annual recurring revenue: twelve times this month's."""
        return 12.0 * (self.recurring_usd[-1] if self.recurring_usd else 0.0)

    @property
    def recurring_profit_base_usd(self) -> float:
        """What bidders put a multiple on: annual recurring revenue."""
        return self.arr_usd

    @property
    def team_value_usd(self) -> float:
        """Option value of team and name: it grows, and goes with people and trust."""
        growth = self.market.rules.world.funding.team_value_growth_per_year
        kept = self.team_share * self.trust
        return (
            self.spec.team_value_usd
            * exp(growth * ((self.market.month - self.entered) / 12))
            * kept
        )

    @property
    def gross_margin(self) -> float:
        """Of services, over the compute that serves them."""
        revenue = self.recurring_usd[-1] if self.recurring_usd else 0
        return 1 - self.cost_of_sales_usd / revenue if revenue > 0 else 0.0

    @property
    def efficiency_log(self) -> float:
        """By how much its engineers have lowered compute per unit, log."""
        response = self.market.rules.world.technology.efficiency_response
        return response * log1p(self.efficiency_stock) if self.efficiency_stock else 0.0

    @property
    def compute_per_unit(self) -> float:
        """Inference H100e-hours for a unit of service, a dollar of it at opening prices."""
        per_h100e = self.market.world.service_usd_per_h100e_month(self.market.rules)
        return HOURS_PER_MONTH * exp(self.usage_log - self.efficiency_log) / per_h100e

    @property
    def unit_cost_usd(self) -> float:
        """Contract compute for a unit of service, US dollars."""
        return self.paid_price * self.compute_per_unit

    # -- serving ------------------------------------------------------------------------------

    def ask_users(self, units: dict[str, float]) -> None:
        """Inference H100e that this month's users need; `units` is demand by segment."""
        market = self.market
        self.asked = units
        demand = market.rules.world.demand
        jump = market.draws.uniform("usage_jump", self.name, month=market.month)
        noise = market.draws.normal("usage", self.name, month=market.month)
        self.usage_log = demand.usage_persistence * self.usage_log + 0.03 * noise
        if jump < demand.usage_jump_probability:
            self.usage_log += demand.usage_jump_log
        served = sum([self.share[s] * units[s] for s in SEGMENTS])
        per_h100e = market.world.service_usd_per_h100e_month(market.rules)
        need = exp(self.usage_log - self.efficiency_log) * served / per_h100e
        if self.need_h100e > 0 and need > 0:
            growth = max(-0.3, min(0.3, log(need / self.need_h100e)))
            self.need_trend += 0.15 * (growth - self.need_trend)
        self.need_h100e = need

    def serve(self, units: dict[str, float]) -> None:
        """Split compute, serve users, earn, train (docs/model.md, "Service")."""
        market = self.market
        inference = self.got["inference"] + self.spot["inference"] - self.let["inference"]
        used = (1 - self.idle["training"]) * self.got["training"]
        training = used + self.spot["training"] - self.let["training"]
        inference += self.borrowed["inference"] - self.lent["inference"]
        training += self.borrowed["training"] - self.lent["training"]
        diverted = self.allocation_rule.diverted_h100e(self.need_h100e - inference, training)
        inference += diverted
        training -= diverted
        fill = min(1.0, inference / self.need_h100e) if self.need_h100e > 0 else 1.0
        spare = max(0.0, inference - 1.1 * self.need_h100e)
        training += min(
            spare, max(0.0, inference - self.untrainable_h100e)
        )  # spare capacity trains
        total = inference + training + self._let_h100e()
        self.serving_share = min(1.0, inference / total) if total > 0 else 1.0
        self.unmet_share = 1 - fill
        self.unmet_months = self.unmet_months + 1 if self.unmet_share > 0.02 else 0
        revenue = fill * self.price_index * sum([self.share[s] * units[s] for s in SEGMENTS])
        sold = fill * self.price_index * units["enterprise"]
        self.enterprise_sales_usd = sold * self.share["enterprise"]
        market.bill(WORLD, self.name, revenue, "services")
        decay = market.rules.world.technology.capability_decay_per_month
        effective = self.research_share * training * exp(market.world.efficiency_log)
        self.training_stock = max(1.0, (1 - decay) * self.training_stock + effective)

    def _let_h100e(self) -> float:
        """What an office lets is no cost of serving users; what distress lets counts as before."""
        if self.frozen or not self.finance_rule.checks:
            return 0.0
        return sum(self.lent.values()) + sum(self.let.values())

    def reprice(self) -> None:
        """Move the price of services towards a markup over the unit cost of compute."""
        technology = self.market.rules.world.technology
        if self.paid_price <= 0:
            return
        per_h100e = self.market.world.service_usd_per_h100e_month(self.market.rules)
        unit_cost = self.paid_price * HOURS_PER_MONTH / per_h100e
        wanted = technology.markup * unit_cost * (1 + 0.5 * self.unmet_share)
        self.price_index *= (wanted / self.price_index) ** technology.price_adjustment_per_month

    def appeal(self, segment: str) -> float:
        """Utility of the lab to users of a segment (logit)."""
        technology = self.market.rules.world.technology
        brand: float = getattr(self.spec, f"{segment}_brand")
        return (
            technology.capability_weight * log(self.training_stock)
            + brand
            + self.brand_shift
            - technology.price_weight * log(self.price_index)
            - technology.unmet_weight * self.unmet_share
        )

    # -- planning -----------------------------------------------------------------------------

    def plan(self) -> None:
        """Set targets from what users will need and what money allows (macro loop, eq. 15)."""
        market = self.market
        horizon = self.procurement_rule.horizon_months
        ahead = exp(max(-0.1, min(0.15, 0.6 * self.need_trend)) * horizon)
        inference = 1.1 * self.need_h100e * ahead
        per_h100e = max(0.01, market.lab_contract_price) * HOURS_PER_MONTH
        held, cost_usd = self._commitments(market.month + horizon)
        missing = max(0.0, inference - held["inference"])
        # what is signed and what users will need come first; research gets the rest
        room = self._budget_usd() - cost_usd - missing * per_h100e
        training = max(0.0, held["training"] + room / per_h100e)
        if self.arr_usd >= _COMMERCIAL_ARR_USD:  # before, training is limited by money alone
            training = min(training, max(_TRAINING_RATIO * inference, self._training_floor()))
        now = sum(self.got.values()) + sum(self.spot.values())
        ceiling = now * 1.14**horizon + 3e3 * horizon  # nobody grows faster than that
        inference = min(inference, ceiling)
        if self.finance_rule.checks:
            self.finances = finance_view(self, training, inference, cost_usd, missing)
            training = review_training(self, self.finances)
        self.target = {"training": min(training, ceiling - inference), "inference": inference}
        self._porting.clear()

    def _commitments(self, month: int) -> tuple[dict[str, float], float]:
        """Capacity under contract in a month by workload, and what it will cost then."""
        key = month, self.market.book.changes
        if self._commitments_at != key:
            self._commitments_at, self._committed = key, self._add_up(month)
        return self._committed

    def _add_up(self, month: int) -> tuple[dict[str, float], float]:
        held = dict.fromkeys(WORKLOADS, 0.0)
        cost = 0.0
        for contract in self.market.book.by_lab.get(self.name, ()):
            if contract.full_from <= month < contract.end:  # as most are
                h100e = contract.h100e
            else:
                h100e = contract.h100e_at(month)
            held[contract.workload] += h100e
            cost += h100e * contract.price_usd_per_h100e_hour
        return held, cost * HOURS_PER_MONTH

    def contract_cost_usd(self, month: int) -> float:
        """What its contracts cost in a month at their full price, US dollars."""
        return self._add_up(month)[1]

    def _training_floor(self) -> float:
        price = max(0.01, self.market.lab_contract_price)
        return self.spec.research_spend_usd_per_month / (price * HOURS_PER_MONTH)

    def _budget_usd(self) -> float:
        """Monthly spending on compute that revenue, cash and the next round can carry.

        A lab that spends cash over a horizon alone never runs down and never raises: it also
        spends against the round it expects (macro loop, section 6, item 2).
        """
        market, spec = self.market, self.spec
        funding = market.rules.world.funding
        months = 15.0
        revenue = self.recurring_usd[-1] if self.recurring_usd else 0.0
        ahead = exp(max(-0.05, min(0.12, 0.6 * self.need_trend)) * 6)
        funds = self.cash_usd + self.funds_due_usd + self.counted_letters_usd()
        if not self.frozen and self.independent:
            expected = min(
                funding.maximum_dilution * self.valuation_usd,
                _ROUND_GROWTH * self.last_round_usd,
            )
            funds += expected * exp(min(0.0, market.mood))
        parent = self.parent_funding_usd_per_month()
        kept = 1 - spec.sales_cost_share - self.revenue_share
        spend = revenue * ahead * kept + funds / months + parent
        with_staff = 1 + spec.other_cost_share + self.finance_rule.efficiency_share
        return (spend + spec.research_spend_usd_per_month) / with_staff

    def committed_h100e(self, workload: str, month: int) -> float:
        """Capacity under contract in a month."""
        return self._commitments(month)[0][workload]

    def wanted_h100e(self, workload: str) -> float:
        """Additional capacity that it asks the market for; 0 for none."""
        if self.frozen:
            return 0.0
        wanted = self.procurement_rule.wanted_h100e(self.procurement_view(workload))
        if wanted > 0 and self.finance_rule.checks:
            wanted = review_request(self, workload, wanted)
        return wanted if wanted >= _SMALLEST_REQUEST_H100E else 0.0

    def procurement_view(self, workload: str) -> ProcurementView:
        """What the lab knows when it decides what to contract."""
        market = self.market
        horizon = self.procurement_rule.horizon_months
        return ProcurementView(
            workload,
            self.target[workload],
            self.committed_h100e(workload, market.month + horizon),
            market.rental[workload].spot_price,
            market.lab_contract_price,
            market.utilisation,
            self.runway_months,
        )

    def exclusive_cloud(self, workload: str) -> str | None:
        """The cloud that an exclusive contract in force binds it to."""
        for contract in self.market.book.by_lab.get(self.name, ()):
            if contract.exclusive and contract.workload == workload:
                return contract.cloud
        return None

    def porting_share(self, workload: str, maker: str) -> float:
        """Cost of running a workload on a maker's chips, share of the price of compute."""
        chips = workload, maker
        share = self._porting.get(chips)
        if share is None:
            rules = self.market.rules.world.porting
            run = self.experience.get(chips, 0.0)
            scale = max(self.target[workload], self.got[workload])
            share = self._porting[chips] = porting_share(rules, workload, run, scale)
        return share

    # -- money --------------------------------------------------------------------------------

    def bill_costs(self) -> None:
        """Staff and the rest, in proportion to compute."""
        spec = self.spec
        other = spec.other_cost_share * self.compute_cost_usd * self.cost_cut
        self.market.bill(self.name, WORLD, other, "staff")
        if self.finance_rule.checks or self.efficiency_stock:
            self._engineer()

    def _engineer(self) -> None:
        """Spend on doing the same with less compute; know-how ages (decreasing returns)."""
        technology = self.market.rules.world.technology
        share = self.finance_rule.efficiency_share * self.cost_cut
        self.market.bill(self.name, WORLD, share * self.compute_cost_usd, "efficiency")
        self.efficiency_stock *= 1 - technology.efficiency_decay_per_month
        self.efficiency_stock += share if self.compute_cost_usd > 0 else 0.0

    def take_delivery(self, contracts: list[ComputeContract]) -> None:
        """Add up what came under contract and what it costs a unit; learn to run on the chips."""
        self.got = dict.fromkeys(WORKLOADS, 0.0)
        custom = self.market.catalogue.inference_only
        if custom:
            self.untrainable_h100e = sum(
                [c.delivered_h100e for c in contracts if c.maker in custom]
            )
        self.borrowed = dict.fromkeys(WORKLOADS, 0.0)
        self.lent = dict.fromkeys(WORKLOADS, 0.0)
        self.sublet["inference"] = 0.0  # decided anew each month; training stands while in distress
        kept = 1 - self.market.rules.world.porting.forgetting_per_month
        experience = self.experience
        for chips in experience:
            experience[chips] *= kept
        paid = hours = 0.0
        for contract in contracts:
            h100e = contract.delivered_h100e
            chips = contract.workload, contract.maker
            experience[chips] = experience.get(chips, 0.0) + h100e
            self.got[contract.workload] += h100e
            paid += h100e * contract.price_usd_per_h100e_hour
            hours += h100e
        if hours > 0:
            self.paid_price = paid / hours
        elif self.paid_price == 0:
            self.paid_price = self.market.lab_contract_price
