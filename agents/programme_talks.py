"""Talks on custom-chip programmes, month by month until all sign or the deadline passes."""

from __future__ import annotations

from ..market.contracts import Deal, DealStatus
from ..market.programmes import (
    Clock,
    ConditionalDeal,
    Leg,
    LegKind,
    choose_hosts,
    holding_up,
    split_anchor,
)
from ..scenarios.calendar import month_index
from ..scenarios.schema import Programme
from .economy import Economy
from .lab import Lab
from .procurement import Procurement
from .programme_plant import ProgrammePlant, Signature
from .programme_views import Assessment, contracted_h100e, expected_need_h100e
from .programmes import (
    LabView,
    borrower_stance,
    designer_stance,
    host_ask,
    host_stance,
    lab_design_stance,
    lab_hosting_stance,
    lab_limit_usd,
    lender_stance,
)
from .stances import hurried
from .strategies.negotiation import Linear

_CREDIT_MEMORY = 1 / 12  # a promise of years is rated through the cycle (Altman & Rijken 2004)
_CASH_SHARE = 0.5  # of its cash that a lab pays at signing, at most
_LENDING_SHARE = 0.5  # of its free money that a partner puts into one programme, at most
_TALKING = "agreement is still to be found"
_PROGRAMME = "programme"
_ROLES = {
    LegKind.DESIGN: "designer",
    LegKind.HOSTING: "host",
    LegKind.FINANCE: "financing_partner",
}


class Programmes:
    """All programmes of a run: those under negotiation, and the plant of those that signed."""

    def __init__(self) -> None:
        """None opened yet."""
        self.deals: dict[str, ConditionalDeal] = {}
        self.plants: list[ProgrammePlant] = []
        self._default_rate: dict[str, float] = {}  # by lab, through the cycle, per year

    def deliver(self, economy: Economy) -> None:
        """Chips of programmes are made, delivered and powered (phase 2)."""
        if self.plants:
            for cloud in economy.clouds.values():
                cloud.bound_usd = 0.0
        for plant in self.plants:
            plant.advance(economy)

    def negotiate(self, economy: Economy, procurement: Procurement) -> None:
        """Open what is due, and play a month of the talks under way (phase 4)."""
        market = economy.market
        for name in sorted({spec.lab for spec in market.rules.programmes}):
            self._follow_credit(economy.labs[name])
        for spec in market.rules.programmes:
            parties = [economy.firm(n) for n in (spec.lab, spec.maker, spec.financing_partner)]
            deal = self.deals.get(spec.name)
            opens, deadline = (
                month_index(market.rules.run, m) for m in (spec.opens, spec.deadline)
            )
            due = opens <= market.month <= deadline
            if deal is None and due and all(firm.alive for firm in parties):
                deal = self.deals[spec.name] = _open(economy, spec, deadline)
            if deal is not None and deal.open:
                talks = Talks(economy, spec, deal, self._default_rate[spec.lab], procurement)
                signature = talks.month()
                if signature is not None:
                    self.plants.append(ProgrammePlant(economy, spec, signature))

    def _follow_credit(self, lab: Lab) -> None:
        chances = lab.market.rules.world.credit.default_probability_per_year
        now = chances[lab.credit_rating]  # type: ignore[index]
        known = self._default_rate.get(lab.name, now)
        self._default_rate[lab.name] = known + _CREDIT_MEMORY * (now - known)


def _open(economy: Economy, spec: Programme, deadline: int) -> ConditionalDeal:
    """Size the batch and seat the parties."""
    market = economy.market
    lab = economy.labs[spec.lab]

    def leg(kind: LegKind, buyer: str, seller: str, party: str) -> Leg:
        row = Deal(
            market.book.new_id(buyer, seller, market.date, _PROGRAMME), _PROGRAMME, buyer, seller,
            DealStatus.TALKS, "", market.month, {"chip": chip.family, "reason": ""},
        )  # fmt: skip
        market.book.deals.append(row)
        return Leg(kind, buyer, seller, party, row)

    chip = market.catalogue.chips[spec.chip]
    months = spec.development_months + spec.delivery_months
    missing = expected_need_h100e(lab, months) - lab.committed_h100e(
        "inference", market.month + months
    )
    per_unit = contracted_h100e(economy, spec, chip)
    batch = max(spec.minimum_batch_units, min(spec.first_batch_units, missing / per_unit))
    partner = spec.financing_partner
    deal = ConditionalDeal(
        spec.name,
        market.month,
        deadline,
        batch,
        leg(LegKind.DESIGN, spec.lab, spec.maker, spec.maker),
        {h.name: leg(LegKind.HOSTING, spec.lab, h.name, h.name) for h in spec.hosts},
        {h.name: leg(LegKind.FINANCE, h.name, partner, partner) for h in spec.hosts},
    )
    headline = batch * chip.price_usd + spec.engineering_cost_usd
    hosts = " and ".join(host.name for host in spec.hosts)
    market.event(
        "programme_opened",
        spec.lab,
        spec.maker,
        headline,
        f"{spec.lab} and {spec.maker} open talks on {spec.name}, a chip of {spec.lab}'s own: "
        f"{batch * chip.kw / 1e6:,.2f} GW for ${headline / 1e9:,.1f}B. {hosts} would have to "
        f"pre-commit to {spec.anchor_share:.0%} of it before {partner} finances the rest",
        programme=spec.name,
        batch_units=batch,
        mw=batch * chip.kw / 1000,
        anchor_share=spec.anchor_share,
        deadline=spec.deadline,
        hosts=[host.name for host in spec.hosts],
        financing_partner=partner,
    )
    return deal


class Talks(Assessment):
    """One month of one programme's talks."""

    def month(self) -> Signature | None:
        """Bargain on every leg; returns what was signed, if all was."""
        gone = [f for f in (self.lab, self.designer, self.partner) if not f.alive]
        if gone:
            self._lapse(f"{gone[0].name} is no longer in the market")
            return None
        hosts = self._bargain()
        signature = self._sign(hosts) if hosts else None
        if signature is None and self.market.month >= self.deal.deadline:
            self._lapse("the deadline passed")
        return signature

    # -- bargaining ---------------------------------------------------------------------------

    def _clock(self) -> Clock:
        rounds = self.market.rules.world.bargaining.rounds_per_month
        return self.deal.clock(self.market.month, rounds)

    def _bargain(self) -> dict[str, float]:
        """A month on every leg; returns the hosts and their shares if nothing is missing."""
        deal, spec = self.deal, self.spec
        view = self.lab_view()
        largest = {h.name: h.largest_share for h in spec.hosts if self._may_host(h.name)}
        shares = choose_hosts(
            largest, spec.anchor_share, lambda host, share: self._sees_zone(host, share, view)
        )
        asked = shares or split_anchor(largest, spec.anchor_share)
        if asked:
            self._talk_design(view, asked)
        for host, share in asked.items():
            deal.hosting[host].ask_for(share)
            deal.finance[host].ask_for(share)
            self._talk_hosting(view, host, share)
            self._talk_finance(host, share)
        legs = deal.legs(asked)
        for leg in legs:
            leg.record(*_standing(leg), self.market.month)
        deal.status = DealStatus.TALKS
        if all(leg.letter is not None for leg in legs):
            deal.status = DealStatus.LETTER_OF_INTENT
        return asked if self._nothing_missing(largest, asked) else {}

    def _nothing_missing(self, largest: dict[str, float], asked: dict[str, float]) -> bool:
        """Whether all can sign; notes what is missing."""
        deal, spec, lab = self.deal, self.spec, self.lab
        frozen = [
            (firm, role)
            for firm, role in (
                (lab, "lab"), (self.designer, "designer"), (self.partner, "financing_partner"),
            )
            if firm.frozen
        ]  # fmt: skip
        if frozen:
            firm, role = frozen[0]
            self._block(firm.name, role, "it is in distress and may commit to nothing", 0.0, 0.0)
            return False
        missing = spec.anchor_share - sum(largest.values())
        if missing > 1e-9:
            short = missing * deal.batch_units * self.unit_usd()
            out = next(host.name for host in spec.hosts if host.name not in largest)
            self._block(out, "host", "it may not host", short, missing / spec.anchor_share)
            return False
        leg = holding_up(deal.legs(asked))
        if leg is not None:
            role = "lab" if leg.blocker == lab.name else _ROLES[leg.kind]
            self._block(leg.blocker, role, leg.why, leg.gap_usd, leg.gap_share)
            return False
        return not (self._short_of_cash() or self._short_of_funds(asked))

    def _may_host(self, host: str) -> bool:
        cloud = self.economy.clouds[host]
        bound = self.lab.exclusive_cloud("inference")
        return cloud.alive and not cloud.frozen and bound in (None, host)

    def _sees_zone(self, host: str, share: float, view: LabView) -> bool:
        side = self.side(self.economy.clouds[host], share)
        stance = host_stance(side.plant, side.host, Linear())
        return stance.limits()[0] <= lab_limit_usd(side.plant, view)

    def _talk_design(self, view: LabView, asked: dict[str, float]) -> None:
        leg, chip = self.deal.design, self.chip
        sides = [self.side(self.economy.clouds[h], share) for h, share in asked.items()]
        # of the hosts asked, the one that is easiest to win over
        best = min(sides, key=lambda s: host_stance(s.plant, s.host, Linear()).limits()[0])
        plant = best.plant._replace(chip_usd=chip.price_usd / self.per_unit)
        lab = lab_design_stance(
            plant, view, best.host, self.per_unit, chip.price_usd,
            hurried(self.lab.negotiation_rule, self.lab.runway_months),
        )  # fmt: skip
        designer = designer_stance(plant, chip.price_usd, chip.unit_cost_usd, Linear())
        fresh = leg.bargain(lab, designer, self._clock(), self.deal.batch_units)
        leg.blocker = leg.party if leg.has_zone else self.lab.name
        leg.why = _TALKING if leg.has_zone else "compute costs less elsewhere"
        if fresh:
            self._announce(leg, f"${leg.letter:,.0f} a chip")

    def _talk_hosting(self, view: LabView, host: str, share: float) -> None:
        leg, cloud = self.deal.hosting[host], self.economy.clouds[host]
        side = self.side(cloud, share)
        tactic = hurried(self.lab.negotiation_rule, self.lab.runway_months)
        lab = lab_hosting_stance(side.plant, view, tactic)
        hours = side.h100e * side.plant.hours
        fresh = leg.bargain(
            lab, host_stance(side.plant, side.host, cloud.negotiation_rule), self._clock(), hours
        )
        ask = host_ask(side.plant, side.host)
        leg.blocker, leg.why = host, _TALKING if leg.has_zone else ask.reason
        if not leg.has_zone and leg.buyer_reservation < ask.plant:
            leg.blocker, leg.why = self.lab.name, "compute costs less elsewhere"
        leg.deal.values.update(
            workload="inference", h100e=side.h100e, amount_usd=_headline(leg, hours)
        )
        if fresh:
            self._announce(
                leg, f"{side.h100e:,.0f} H100e at ${leg.letter:.3f}/h, {share:.0%} of the batch"
            )

    def _talk_finance(self, host: str, share: float) -> None:
        leg, cloud = self.deal.finance[host], self.economy.clouds[host]
        side = self.side(cloud, share)
        lender = lender_stance(side.plant, self.lender_view(), self.asked_rate(), Linear())
        borrower = borrower_stance(side.plant, side.host, cloud.negotiation_rule)
        scale = side.lent_usd * side.plant.term_years / 2
        fresh = leg.bargain(borrower, lender, self._clock(), scale)
        leg.blocker = leg.party
        leg.why = _TALKING if leg.has_zone else "plant of use to no other is poor security"
        leg.deal.values.update(amount_usd=round(side.lent_usd))
        if fresh:
            self._announce(leg, f"${side.lent_usd / 1e9:,.1f}B at {leg.letter:.1%}")

    def _announce(self, leg: Leg, terms: str) -> None:
        self.market.event(
            "programme_leg_agreed",
            leg.buyer,
            leg.seller,
            text=f"{leg.buyer} and {leg.seller} agree on the {leg.kind} of {self.spec.name} by "
            f"letter of intent: {terms}; it binds nobody until all sign",
            programme=self.spec.name,
            leg=str(leg.kind),
            price_usd=leg.letter,
            buyer_reservation_usd=leg.buyer_reservation,
            seller_reservation_usd=leg.seller_reservation,
        )

    # -- ending -------------------------------------------------------------------------------

    def _due_at_signing_usd(self) -> float:
        """What the lab pays in the first month: a part of the engineering, and the deposit."""
        spec = self.spec
        deposit = spec.deposit_share * self.deal.batch_units * self.unit_usd()
        return spec.engineering_cost_usd / spec.development_months + deposit

    def _short_of_cash(self) -> bool:
        due = self._due_at_signing_usd()
        missing = due - _CASH_SHARE * self.lab.cash_usd
        if missing > 0:
            why = "it has no cash for what is due at signing"
            self._block(self.lab.name, "lab", why, missing, missing / due)
        return missing > 0

    def _short_of_funds(self, asked: dict[str, float]) -> bool:
        """Whether the loans, less a vendor's own margin in the chips, overtax the partner."""
        giving = self.partner.spec.giving_share
        lent = sum([self.side(self.economy.clouds[h], s).lent_usd for h, s in asked.items()])
        batch = self.deal.batch_units * self.unit_usd()
        outlay = lent - giving * self.lender_view().margin * batch
        free = max(0, self.partner.cash_usd - self.partner.committed_usd)
        missing = outlay - giving * _LENDING_SHARE * free
        if missing > 0:
            self._block(
                self.partner.name, "financing_partner", "it cannot lend so much", missing,
                missing / outlay,
            )  # fmt: skip
        return missing > 0

    def _block(self, party: str, role: str, why: str, gap_usd: float, gap_share: float) -> None:
        """Note who keeps the programme from being signed, and tell when that changes."""
        deal, spec = self.deal, self.spec
        if not deal.block(party, role, why, gap_usd, gap_share):
            return
        apart = f", ${gap_usd / 1e9:,.2f}B ({gap_share:.0%}) short" if gap_usd > 0 else ""
        self.market.event(
            "programme_blocked",
            spec.lab,
            party,
            max(0.0, gap_usd),
            f"{spec.name} of {spec.lab} waits for {party}: {why}{apart}",
            programme=spec.name,
            blocker=party,
            role=role,
            why=why,
            gap_usd=gap_usd,
            gap_share=gap_share,
        )

    def _sign(self, hosts: dict[str, float]) -> Signature:
        deal, spec, market = self.deal, self.spec, self.market
        deal.status = DealStatus.SIGNED
        sides = {host: self.side(self.economy.clouds[host], share) for host, share in hosts.items()}
        legs = deal.legs(hosts)
        for leg in (deal.design, *deal.hosting.values(), *deal.finance.values()):
            if leg in legs:
                leg.why = ""
                leg.record(DealStatus.SIGNED, "SIGNED", market.month, month_signed=market.month)
            else:
                leg.record(DealStatus.LAPSED, "LOST", market.month)
        headline = deal.batch_units * self.unit_usd() + spec.engineering_cost_usd
        carried = " and ".join(f"{host} {share:.0%}" for host, share in hosts.items())
        months = deal.standoff_months
        market.event(
            "programme_signed",
            spec.lab,
            spec.maker,
            headline,
            f"All sign {spec.name} after {months} months of standoff: {spec.maker} makes "
            f"{deal.batch_units:,.0f} chips for {spec.lab} (${headline / 1e9:,.1f}B); {carried} "
            f"of the batch are pre-committed and {spec.financing_partner} lends the rest",
            programme=spec.name,
            hosts=hosts,
            financing_partner=spec.financing_partner,
            unit_price_usd=self.unit_usd(),
            standoff_months=months,
            months_blocked=deal.months_blocked,
        )
        take_or_pay, fee = self.firmness()
        return Signature(
            self.unit_usd(),
            {host: deal.batch_units * share / spec.anchor_share for host, share in hosts.items()},
            {host: side.h100e for host, side in sides.items()},
            {host: deal.hosting[host] for host in hosts},
            {host: deal.finance[host].letter or 0.0 for host in hosts},
            take_or_pay,
            fee,
            deal.opened,
        )

    def _lapse(self, reason: str) -> None:
        deal, spec, market = self.deal, self.spec, self.market
        deal.status = DealStatus.LAPSED
        for leg in (deal.design, *deal.hosting.values(), *deal.finance.values()):
            outcome = "NO_ZONE" if not leg.has_zone else "IMPASSE"
            outcome = "UNMET_CONDITION" if leg.letter is not None else outcome
            leg.record(DealStatus.LAPSED, outcome, market.month)
        apart = ""
        if deal.blocker:
            apart = f"; it waited for {deal.blocker}: {deal.why}"
            if deal.gap_usd > 0:
                apart += f", ${deal.gap_usd / 1e9:,.2f}B ({deal.gap_share:.0%}) short"
        market.event(
            "programme_lapsed",
            spec.lab,
            deal.blocker,
            max(0.0, deal.gap_usd),
            f"{spec.name} of {spec.lab} lapses after {deal.standoff_months} months: "
            f"{reason}{apart}",
            programme=spec.name,
            hosts=[host.name for host in spec.hosts],
            financing_partner=spec.financing_partner,
            reason=reason,
            blocker=deal.blocker,
            role=deal.role,
            why=deal.why,
            gap_usd=deal.gap_usd,
            gap_share=deal.gap_share,
            standoff_months=deal.standoff_months,
            months_blocked=deal.months_blocked,
        )


def _standing(leg: Leg) -> tuple[DealStatus, str]:
    if leg.letter is not None:
        return DealStatus.LETTER_OF_INTENT, ""
    return DealStatus.TALKS, "" if leg.has_zone else "NO_ZONE"


def _headline(leg: Leg, hours: float) -> int | None:
    return None if leg.letter is None else round(leg.letter * hours)
