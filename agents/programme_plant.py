"""A custom-chip programme after all have signed: development, chips, power, loans, and its end.

The designer books packaging with its foundry for this chip when all have signed, for an even
delivery; it takes none from the maker's other chips, and a cut of the maker's supply slows it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from ..market.contracts import ChipOrder, ComputeContract, DealStatus, Loan
from ..market.ledger import WORLD, Account, Bill, Claim
from ..market.market import Market
from ..market.programmes import Leg
from ..scenarios.schema import Programme
from .chip_market import draw_deposit
from .cloud import Cloud
from .economy import Economy
from .plant import PowerProject
from .procurement import tell_signed

_POWER_STEP_MONTHS = 3  # halls of one programme come on line a quarter apart
_BUDGET_MONTHS = 5  # of chips to come that a host's budget for other chips makes room for


class Signature(NamedTuple):
    """What all signed, by host where there are several.

    loan_rates: per year, of what the partner lends each host
    """

    unit_usd: float
    units: dict[str, float]
    h100e: dict[str, float]  # inference, as contracted
    hosting: dict[str, Leg]
    loan_rates: dict[str, float]
    take_or_pay_share: float
    termination_fee_share: float
    opened: int


@dataclass(slots=True, eq=False)
class Site:
    """One host's part: what it was promised, what has come, and who paid for it."""

    cloud: Cloud
    contract: ComputeContract
    order: ChipOrder
    loan: Loan
    projects: list[PowerProject]
    units: float  # ordered
    left: float  # not made yet
    waiting: float = 0.0  # delivered without power
    installed: float = 0.0
    closed: bool = False


class ProgrammePlant:
    """The plant of one programme, host by host."""

    def __init__(self, economy: Economy, spec: Programme, signed: Signature) -> None:
        """Order chips and power, agree loans and contracts; bill deposits."""
        market = economy.market
        self.spec, self.signed = spec, signed
        self.chip = market.catalogue.chips[spec.chip]
        self.launch = market.month + spec.development_months
        self.lab = economy.labs[spec.lab]
        self.designer = economy.chipmakers[spec.maker]
        self.partner = economy.firm(spec.financing_partner)
        self.shipped = False
        self.over = False
        self.sites = [self._site(economy, host) for host in signed.units]
        self._bill_engineering(market)

    # -- signing ------------------------------------------------------------------------------

    def _site(self, economy: Economy, host: str) -> Site:
        market, signed = economy.market, self.signed
        cloud, units = economy.clouds[host], signed.units[host]
        cost = units * signed.unit_usd
        projects = self._order_power(cloud, units * self.chip.kw / 1000)
        contract = self._contract(market, cloud, max(self.launch, projects[0].due), cost)
        order = self._order(market, cloud, units, cost)
        loan = self._loan(market, cloud, contract, cost)
        return Site(cloud, contract, order, loan, projects, units, units)

    def _order_power(self, cloud: Cloud, mw: float) -> list[PowerProject]:
        """Halls for the programme alone, one after the other as its chips come."""
        steps = ceil(self.spec.delivery_months / _POWER_STEP_MONTHS)
        first = max(self.launch, cloud.market.month + cloud.lead_months)
        return [PowerProject(first + k * _POWER_STEP_MONTHS, mw / steps) for k in range(steps)]

    def _contract(
        self, market: Market, cloud: Cloud, start: int, cost_usd: float
    ) -> ComputeContract:
        spec, signed, leg = self.spec, self.signed, self.signed.hosting[cloud.name]
        assert leg.letter is not None
        contract = ComputeContract(
            market.book.new_id(spec.lab, cloud.name, market.date, "inference"),
            spec.lab,
            cloud.name,
            "inference",
            self.chip.family,
            signed.h100e[cloud.name],
            leg.letter,
            signed.opened,
            market.month,
            start,
            start + spec.term_months,
            mw=signed.units[cloud.name] * self.chip.kw / 1000,
            ramp_months=min(spec.delivery_months, spec.term_months),
            take_or_pay_share=signed.take_or_pay_share,
            termination_fee_share=signed.termination_fee_share,
            rounds=leg.rounds,
            buyer_reservation_usd=leg.buyer_reservation,
            seller_reservation_usd=leg.seller_reservation,
        )
        headline = contract.remaining_usd(start)
        deposit = spec.deposit_share * cost_usd
        contract.prepaid_share = min(1.0, deposit / headline) if headline > 0 else 0.0
        market.book.sign(contract)
        market.signed_this_month.append(contract)
        market.bill(spec.lab, cloud.name, deposit, "prepayment", contract.contract_id)
        tell_signed(
            market,
            contract,
            f"{contract.h100e:,.0f} inference H100e of {self.chip.family} chips at {cloud.name} "
            f"for ${leg.letter:.3f}/h and {spec.term_months} months",
        )
        return contract

    def _order(self, market: Market, cloud: Cloud, units: float, cost_usd: float) -> ChipOrder:
        """Chips at the price agreed, with the usual deposit."""
        h100e = units * self.chip.h100e
        order = ChipOrder(
            market.book.new_id(cloud.name, self.spec.maker, market.date, "chips"),
            cloud.name,
            self.spec.maker,
            h100e,
            market.month,
            self.launch + self.spec.delivery_months,
            self.signed.unit_usd / self.chip.h100e,
            deposit_usd=round(market.rules.world.supply.deposit_share * cost_usd),
            left_h100e=h100e,
            line=self.chip.family,
        )
        market.book.orders.append(order)
        market.bill(
            cloud.name, self.spec.maker, order.deposit_usd, "chip_deposit", order.contract_id
        )
        return order

    def _loan(
        self, market: Market, cloud: Cloud, contract: ComputeContract, cost_usd: float
    ) -> Loan:
        """What the partner finances: drawn as chips come, repaid until the hosting ends."""
        lender, rate = self.partner, self.signed.loan_rates[cloud.name]
        loan = Loan(
            market.book.new_id(cloud.name, lender.name, market.date, "loan"),
            lender.name,
            cloud.name,
            round((1 - self.spec.anchor_share) * cost_usd),
            rate,
            market.month,
            contract.full_from + 1,
            max(contract.end, contract.full_from + 2),
            programme=self.spec.name,
        )
        market.book.loans.append(loan)
        cloud.loans.append(loan)
        lender.committed_usd += loan.undrawn_usd
        market.event(
            "loan_signed",
            cloud.name,
            lender.name,
            loan.committed_usd,
            f"{lender.name} lends {cloud.name} up to ${loan.committed_usd / 1e9:,.2f}B for the "
            f"plant of {self.spec.name} at {rate:.1%}, to be repaid out of that plant alone",
            contract_id=loan.contract_id,
            rate_per_year=rate,
            customer_rating=self.lab.credit_rating,
        )
        return loan

    # -- month by month -----------------------------------------------------------------------

    def advance(self, economy: Economy) -> None:
        """A month of the programme: engineering, power, chips; its end if a party is gone."""
        if self.over:
            return
        market = economy.market
        if not self.lab.alive:
            self._strand(market)
            return
        self._bill_engineering(market)
        for site in self.sites:
            if site.closed:
                continue
            if not site.cloud.alive:
                site.closed = True
                continue
            self._energise(site)
            if not self.designer.alive:
                self._cut_short(market, site)
            elif market.month >= self.launch and site.left > 0:
                self._make(market, site)
            self._install(market, site)
            self._postpone(market, site)
        for site in self.sites:
            if not site.closed:
                site.cloud.bound_usd += self._soon_due_usd(market, site)
                site.closed = site.left <= 0 and site.waiting <= 0 and not site.projects
        self.over = all(site.closed and site.contract.ended for site in self.sites)

    def _to_engineer(self, market: Market) -> bool:
        return market.month < self.launch and self.lab.alive and self.designer.alive

    def _bill_engineering(self, market: Market) -> None:
        """Milestones of the development, month by month from signing."""
        if self._to_engineer(market):
            spec = self.spec
            done = market.month - self.launch + spec.development_months
            before, now = (
                round(spec.engineering_cost_usd * k / spec.development_months)
                for k in (done, done + 1)
            )
            market.bill(spec.lab, spec.maker, now - before, "engineering")

    def _energise(self, site: Site) -> None:
        """Halls that are due come on line for the programme's chips, or slip."""
        cloud, month = site.cloud, site.cloud.market.month
        for project in [p for p in site.projects if p.due <= month]:
            if cloud.complete(project, f"{self.spec.name}/{project.promised}"):
                site.projects.remove(project)
                cloud.held_mw += project.mw

    def _make(self, market: Market, site: Site) -> None:
        """An even part of the batch is made and delivered, less under a cut of supply."""
        designer, chip, cloud = self.designer, self.chip, site.cloud
        even = site.units / self.spec.delivery_months
        units = min(site.left, even * min(1.0, designer.supply_factor()))
        if units <= 0:
            return
        last = site.left - units < 1.0
        if last:
            units = site.left
        site.left -= units
        site.waiting += units
        h100e = units * chip.h100e
        order = site.order
        order.left_h100e = site.left * chip.h100e
        order.units += round(units)
        for total in ("made_h100e", "delivered_h100e"):
            setattr(designer, total, getattr(designer, total) + h100e)
        market.bill(designer.name, WORLD, units * chip.unit_cost_usd, "foundry")
        cost = round(units * self.signed.unit_usd)
        due = cost - draw_deposit(market, order, h100e, cost, last)
        market.bill(cloud.name, designer.name, due, "chips")
        self._draw(market, site.loan, cost)
        if last:
            order.status, order.ended = DealStatus.ENDED, market.month
        if not self.shipped:
            self.shipped = True
            market.catalogue.month_of[chip.name] = market.month  # its age counts from here
            market.event(
                "programme_delivery",
                self.spec.lab,
                designer.name,
                text=f"{designer.name} delivers the first chips of {self.spec.name} to "
                f"{cloud.name}, {market.month - site.contract.signed} months after signing",
                programme=self.spec.name,
                units=units,
            )

    def _draw(self, market: Market, loan: Loan, cost_usd: int) -> None:
        """The partner pays its share of the chips that came, as far as it has the cash."""
        if loan.status is not DealStatus.ACTIVE or market.month >= loan.draw_until:
            return
        wanted = round((1 - self.spec.anchor_share) * cost_usd)
        part = min(wanted, loan.undrawn_usd, max(0, self.partner.cash_usd))
        if part <= 0 or not self.partner.alive:
            return
        market.ledger.pay(Bill(loan.lender, loan.borrower, part, "loan_draw", loan.contract_id))
        loan.drawn_usd += part
        loan.outstanding_usd += part
        self.partner.committed_usd -= part

    def _install(self, market: Market, site: Site) -> None:
        """Power what was delivered in the halls that wait for it."""
        cloud, kw = site.cloud, self.chip.kw
        units = min(site.waiting, cloud.held_mw * 1000 / kw)
        if units <= 0:
            return
        site.waiting -= units
        site.installed += units
        cloud.held_mw = max(0.0, cloud.held_mw - units * kw / 1000)
        cloud.fleet[self.chip.name] = cloud.fleet.get(self.chip.name, 0.0) + units
        if site.left <= 0 and site.waiting <= 0 and not site.projects:
            cloud.held_mw = 0.0
        cloud.power_chips()

    def _postpone(self, market: Market, site: Site) -> None:
        """The contract starts when chips are there, not before, and lasts its term from then."""
        contract = site.contract
        if site.installed == 0 and contract.start <= market.month and contract.ended is None:
            for name in ("start", "end", "full_from"):
                setattr(contract, name, getattr(contract, name) + 1)
            site.loan.draw_until += 1
            site.loan.end += 1
            market.book.changes += 1

    def _soon_due_usd(self, market: Market, site: Site) -> float:
        """Own money that chips take over the next months, after deposit and loan."""
        if market.month < self.launch - _BUDGET_MONTHS:
            return 0.0
        months = min(_BUDGET_MONTHS, self.spec.delivery_months)
        units = min(site.left, months * site.units / self.spec.delivery_months)
        own = self.spec.anchor_share - site.order.deposit_usd / max(
            1.0, site.units * self.signed.unit_usd
        )
        return max(0.0, own) * units * self.signed.unit_usd

    # -- endings ------------------------------------------------------------------------------

    def _cut_short(self, market: Market, site: Site) -> None:
        """Without its designer no more chips come: the contract shrinks to what there is."""
        contract = site.contract
        if site.left <= 0:
            return
        made = 1 - site.left / site.units
        site.left = 0.0
        self._free(site)
        if contract.ended is None:
            contract.h100e *= made
            contract.mw *= made
            market.book.changes += 1
            if made == 0:
                market.book.end(contract, market.month, DealStatus.ENDED, "no chips will come")

    def _free(self, site: Site) -> None:
        """Halls under construction for the programme serve the host's other business."""
        for project in site.projects:
            site.cloud.start_project(project)
        site.projects = []

    def _strand(self, market: Market) -> None:
        """The lab has failed: hosts keep plant of use to no other, the partner takes its loss."""
        self.over = True
        lost = 0
        for site in self.sites:
            if not site.cloud.alive:
                continue
            self._free(site)
            self._cancel(market, site)
            cloud = site.cloud
            cloud.held_mw = cloud.bound_usd = 0.0
            if site.waiting > 0:
                cloud.receive_chips([(self.chip.name, site.waiting)])
                site.waiting = 0.0
            lost += self._forgive(market, site.loan)
        mw = sum([site.installed for site in self.sites]) * self.chip.kw / 1000
        market.event(
            "programme_stranded",
            self.spec.lab,
            self.partner.name,
            lost,
            f"{self.spec.name} has lost its lab: {mw:,.0f} MW of its chips earn from others "
            f"{self.spec.redeployability:.0%} of what versatile plant does, and "
            f"{self.partner.name} writes off ${lost / 1e9:,.2f}B of its loans",
            programme=self.spec.name,
            mw=mw,
            hosts=[site.cloud.name for site in self.sites],
        )

    def _cancel(self, market: Market, site: Site) -> None:
        """Chips not made are not made; the designer keeps the deposit on them."""
        order = site.order
        if order.status is not DealStatus.SIGNED:
            return
        ref = order.contract_id
        deposit = market.ledger.prepaid_usd(order.buyer, order.maker, ref)
        if self.designer.alive:
            market.ledger.draw_prepaid(order.buyer, order.maker, deposit, "termination_fee", ref)
        order.status, order.ended = DealStatus.ENDED, market.month
        site.left = 0.0

    def _forgive(self, market: Market, loan: Loan) -> int:
        """Without recourse the host owes what the plant is worth to others; the rest is lost."""
        if loan.status is not DealStatus.ACTIVE:
            return 0
        self.partner.committed_usd -= loan.undrawn_usd
        loan.committed_usd = loan.drawn_usd
        lent = 1 - self.spec.anchor_share
        kept = min(1.0, self.spec.redeployability / lent) if lent > 0 else 1.0
        lost = round((1 - kept) * loan.outstanding_usd)
        claim = Claim(int(Account.LOANS), loan.lender, loan.borrower, loan.contract_id)
        market.ledger.write_off(claim, lost)
        loan.outstanding_usd -= lost
        if loan.outstanding_usd == 0:
            loan.status, loan.ended = DealStatus.ENDED, market.month
            loan.reason = f"{self.spec.lab} defaulted"
        return lost
