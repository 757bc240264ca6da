"""What each party of a programme sees this month: the data that its stances are made of."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

from ..market.contracts import HOURS_PER_MONTH
from ..market.credit import mean_decline
from ..market.programmes import ConditionalDeal
from ..scenarios.schema import Chip, Programme
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .investor import Investor
from .lab import Lab
from .procurement import Procurement
from .programmes import HostView, LabView, LenderView, Plant
from .stances import (
    MITIGATION,
    OWN_COST_SHARE,
    buyer_tastes,
    cost_of_capital,
    moving_years,
    reletting_price,
)

_GROWTH_MEMORY_MONTHS = 24.0  # over which the growth that a lab expects dies away


def expected_need_h100e(lab: Lab, months: float) -> float:
    """Inference that a lab wants to hold some months ahead: growth that dies away."""
    growth = max(-0.1, min(0.15, lab.need_trend))
    ahead = growth * _GROWTH_MEMORY_MONTHS * (1 - exp(-months / _GROWTH_MEMORY_MONTHS))
    return 1.1 * lab.need_h100e * exp(ahead)


def contracted_h100e(economy: Economy, spec: Programme, chip: Chip) -> float:
    """Inference that a host promises on a chip: what fails over half the term is spare."""
    failing = economy.market.rules.world.building.chip_failure_per_year
    return chip.inference_h100e * max(0.5, 1 - failing * spec.term_months / 24)


class Side(NamedTuple):
    """What one host looks at this month, given the share of the batch that it is asked for."""

    plant: Plant
    host: HostView
    h100e: float  # of its part, as contracted
    lent_usd: float  # what the partner would lend it


class Assessment:
    """The parties of one programme, and what each of them looks at this month."""

    def __init__(
        self, economy: Economy, spec: Programme, deal: ConditionalDeal, default_rate: float,
        procurement: Procurement,
    ) -> None:  # fmt: skip
        """`default_rate` is the lab's, per year and through the cycle."""
        market = economy.market
        self.economy, self.market, self.spec, self.deal = economy, market, spec, deal
        self.procurement, self.default_rate = procurement, default_rate
        self.chip = market.catalogue.chips[spec.chip]
        self.per_unit = contracted_h100e(economy, spec, self.chip)
        self.lab = economy.labs[spec.lab]
        self.designer = economy.chipmakers[spec.maker]
        partner = spec.financing_partner
        self.partner: Chipmaker | Investor = (
            economy.chipmakers.get(partner) or economy.investors[partner]
        )

    def unit_usd(self) -> float:
        """Price of a chip: of the letter on the design, else the designer's first price."""
        return self.chip.price_usd if self.deal.design.letter is None else self.deal.design.letter

    def plant(self) -> Plant:
        """The plant as all see it this month."""
        rules, chip, spec = self.market.rules.world, self.chip, self.spec
        kw = chip.kw / self.per_unit
        power = rules.power
        an_hour = (
            self.market.world.power_price_usd_per_mwh
            + power.operating_cost_usd_per_mw_month / HOURS_PER_MONTH
            + power.shell_cost_usd_per_mw * power.lease_rate_per_year / 12 / HOURS_PER_MONTH
        ) / 1000
        unit = self.unit_usd()
        return Plant(
            chip_usd=unit / self.per_unit,
            running_usd=kw * an_hour,
            lag_years=(spec.development_months + spec.delivery_months / 2) / 12,
            term_years=spec.term_months / 12,
            life_years=rules.building.economic_life_years,
            decline_per_year=rules.bargaining.price_decay_expected_per_year,
            default_per_year=self.default_rate,
            redeployability=spec.redeployability,
            anchor_share=spec.anchor_share,
            deposit_usd=spec.deposit_share * unit / self.per_unit,
        )

    def side(self, cloud: Cloud, share: float) -> Side:
        """How a host sees its part of the batch."""
        market, plant = self.market, self.plant()
        part = share / self.spec.anchor_share  # of the batch: its anchor and the loan beside it
        units = part * self.deal.batch_units
        mw = units * self.chip.kw / 1000
        view = cloud.pricing_view("inference", anchor=True)
        letter = self.deal.finance[cloud.name].letter
        held = 0.0
        for contract in market.book.by_cloud.get(cloud.name, ()):
            if contract.lab == self.lab.name:
                family = cloud.families.get(contract.maker)
                density = family.per_mw[contract.workload] if family else 0.0
                held += contract.delivered_h100e / density if density > 0 else 0.0
        at_risk = (1 - MITIGATION) * held + (1 - plant.redeployability) * mw
        wear = market.rules.world.building.obsolescence_per_year
        kw = self.chip.kw / self.per_unit
        host = HostView(
            cost_of_capital=cost_of_capital(cloud),
            exposure=min(1.0, at_risk / max(1e-9, cloud.used_mw + mw)),
            loan_rate=self.asked_rate() if letter is None else letter,
            rent_usd=reletting_price(cloud, cloud.pricing_rule.quote(view)),
            versatile_cost_usd=OWN_COST_SHARE * market.user_cost,
            wear=mean_decline(wear, plant.term_years),
            density=kw / max(1e-9, cloud.chip_kw_per_h100e()),
        )
        lent = (1 - plant.anchor_share) * units * self.unit_usd()
        return Side(plant, host, units * self.per_unit, lent)

    def lab_view(self) -> LabView:
        """What the lab would do without the chip."""
        lab, spec = self.lab, self.spec
        security, flexibility, capital = buyer_tastes(lab)
        years = spec.term_months / 12
        take_or_pay, fee = self.firmness()
        worth = 1 + security * years - flexibility * years * take_or_pay * fee
        worth -= moving_years(lab) / years
        batch = self.deal.batch_units * self.per_unit
        used = []
        for year in range(max(1, round(years))):
            months = spec.development_months + spec.delivery_months // 2 + 12 * year + 6
            held = lab.committed_h100e("inference", self.market.month + months)
            used.append(max(0.0, min(1.0, (expected_need_h100e(lab, months) - held) / batch)))
        return LabView(
            self.procurement.alternative_usd(lab, "inference"),
            max(0.05, worth),
            sum(used) / len(used),
            spec.engineering_cost_usd / batch,
            capital,
        )

    def firmness(self) -> tuple[float, float]:
        """Take-or-pay share and termination fee share of hosting: the firmest in use."""
        menu = self.market.rules.world.bargaining
        return max(menu.take_or_pay_shares), max(menu.termination_fee_shares)

    def asked_rate(self) -> float:
        """What lenders ask on the lab's credit, per year."""
        market = self.market
        return market.world.base_rate_per_year + market.world.spread_per_year(
            market.rules, self.lab.credit_rating, market.mood
        )

    def lender_view(self) -> LenderView:
        """The partner's cost of money, and what it earns on the chips it finances."""
        market, partner = self.market, self.partner
        if isinstance(partner, Investor):
            return LenderView(partner.spec.required_return_per_year, 0.0)
        funds = market.world.base_rate_per_year + market.world.spread_per_year(
            market.rules, partner.credit_rating, market.mood
        )
        own = partner is self.designer
        margin = max(0.0, 1 - self.chip.unit_cost_usd / self.unit_usd()) if own else 0.0
        return LenderView(funds, margin)
