"""From a lab's request for offers to a signed contract: shortlist, talks, signing."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import Any

from ..market.contracts import ComputeContract, Deal, DealStatus
from ..market.market import WORKLOADS, Market
from ..market.negotiation import Outcome, Stance, Talk
from .alternatives import PRICE_SENSITIVITY, Alternatives
from .availability import Offer, megawatts
from .cloud import Cloud
from .economy import Economy
from .first_refusal import Matching, answer, holder_of_right, put_before
from .lab import Lab
from .renegotiation import Renegotiations
from .stances import Menu, buyer_stance, seller_stance
from .suppliers import attachment

_SAME_GROUP_ADVANTAGE = 1.0  # in log price: a sibling comes first
_ESTRANGED_MONTHS = 12  # in which a cloud that was left for a rival is not asked again
_PAUSE_MONTHS = 2  # from the end of a request's talks to the next request
REVIEW_MONTHS = 2  # between new looks at the alternatives to a talk


@dataclass(slots=True, eq=False)
class Negotiation:
    """Talks of one lab with one cloud over one request."""

    talk: Talk
    offer: Offer
    h100e: float


@dataclass(slots=True, eq=False)
class Request:
    """A request for offers: what a lab wants, and the talks that came of it."""

    lab: str
    workload: str
    h100e: float
    month: int
    renewal: bool
    talks: list[Negotiation] = field(default_factory=list)
    matching: Matching | None = None  # a package that an incumbent may match


class Procurement:
    """All requests under way."""

    def __init__(self) -> None:
        """No requests."""
        self.requests: dict[tuple[str, str], Request] = {}
        self.paused: dict[tuple[str, str], int] = {}
        self.left: dict[tuple[str, str], tuple[str, int]] = {}  # cloud left, and until when
        self.renegotiations = Renegotiations()
        self.menu: Menu | None = None
        self.alternatives = Alternatives()
        self._buyers: dict[tuple[str, bool, float], Stance] = {}  # of this month
        self._sellers: dict[tuple[str, str, str, str], Stance] = {}

    def trade(self, economy: Economy) -> None:
        """Plan, ask, talk, sign and leave (phase 4 of the month)."""
        market = economy.market
        self._look_around(economy)
        self.renegotiations.drop_the_dead(economy)
        for lab in economy.living_labs():
            lab.plan()
            for freed in self.renegotiations.review(economy, lab, self.alternatives):
                key = lab.name, freed.workload
                self.paused.pop(key, None)
                if freed.left is not None:
                    self.left[key] = freed.left, market.month + _ESTRANGED_MONTHS
            for workload in WORKLOADS:
                key = lab.name, workload
                if key not in self.requests and self.paused.get(key, -1) <= market.month:
                    self._ask(economy, lab, workload)
        for key in sorted(self.requests):
            self._talk(economy, self.requests[key])

    def _look_around(self, economy: Economy) -> None:
        """A new month: what was offered and free before counts no more."""
        if self.menu is None or self.menu.rules is not economy.market.rules:
            self.menu = Menu(economy.market.rules)
        self.alternatives.look_around(economy)
        self._buyers.clear()
        self._sellers.clear()

    # -- asking -------------------------------------------------------------------------------

    def _ask(self, economy: Economy, lab: Lab, workload: str) -> None:
        wanted = lab.wanted_h100e(workload)
        if wanted <= 0:
            return
        market = economy.market
        month = market.month
        expiring = any(
            c.end <= month + lab.procurement_rule.horizon_months
            for c in market.book.of_lab(lab.name, workload)
        )
        request = Request(lab.name, workload, wanted, month, expiring)
        rules = market.rules.world.bargaining
        elsewhere = self.alternatives.elsewhere(lab, workload)
        for offer, h100e in self._candidates(economy, lab, workload, wanted):
            stances = self.stances(lab, offer, workload, elsewhere)
            talk = Talk(*stances, rules.rounds_per_month * rules.deadline_months)
            request.talks.append(Negotiation(talk, offer, h100e))
        if request.talks:
            self.requests[lab.name, workload] = request
            return
        self.paused[lab.name, workload] = month + 3
        self.renegotiations.note(lab.name, workload, 0.0)
        market.event(
            "offer_refused",
            lab.name,
            text=f"{lab.name} finds no cloud that can deliver {wanted:,.0f} {workload} H100e "
            f"within {rules.delivery_horizon_months} months",
            outcome="NO_CAPACITY",
            workload=workload,
            h100e=wanted,
        )

    def _candidates(
        self, economy: Economy, lab: Lab, workload: str, wanted: float
    ) -> list[tuple[Offer, float]]:
        """The k clouds of highest logit utility, each with its best family, and the volume."""
        market = economy.market
        rules = market.rules.world.bargaining
        bound = lab.exclusive_cloud(workload)
        ties = attachment(economy, lab, workload)
        former, until = self.left.get((lab.name, workload), ("", 0))
        best: dict[str, tuple[float, str, Offer, float]] = {}
        least = min(wanted, 50.0)
        for offer in self.alternatives.on_offer(workload):
            cloud = offer.cloud
            if bound is not None and cloud.name != bound:
                continue
            if not cloud.spec.sells and cloud.group != lab.group:
                continue
            if cloud.name == former and market.month < until:
                continue
            available = self.alternatives.available(offer, workload)
            if available < least:
                continue
            ported = offer.quote * (1 + lab.porting_share(workload, offer.maker))
            utility = -PRICE_SENSITIVITY * log(max(0.01, ported))
            utility += 0.7 * log(min(1.0, available / wanted))
            known = best.get(cloud.name)
            if known is None or (-utility, offer.maker) < known[:2]:
                best[cloud.name] = -utility, offer.maker, offer, min(wanted, available)
        scored = []
        for name, (cost, _, offer, h100e) in best.items():
            group = offer.cloud.group
            bonus = rules.incumbent_advantage * ties.get(group, 0.0)
            bonus += _SAME_GROUP_ADVANTAGE * (group == lab.group)
            # the extreme-value draw makes the choice a logit
            bonus += rules.choice_noise * market.draws.gumbel(
                "shortlist", lab.name, name, market.month, workload
            )
            scored.append((cost - PRICE_SENSITIVITY * bonus, name, offer, h100e))
        scored.sort(key=lambda entry: entry[:2])
        return [(offer, h100e) for _, _, offer, h100e in scored[: rules.shortlist]]

    def alternative_usd(self, lab: Lab, workload: str) -> float:
        """The least that compute costs the lab on today's markets, $/H100e-hour."""
        return min([price for price, _ in self.alternatives.elsewhere(lab, workload)])

    def stances(
        self, lab: Lab, offer: Offer, workload: str, elsewhere: list[tuple[float, Cloud | None]]
    ) -> tuple[Stance, Stance]:
        """How lab and cloud see a deal this month; the same stance where all it rests on is so."""
        assert self.menu is not None
        cloud = offer.cloud
        outside = min([price for price, rival in elsewhere if rival is not cloud])
        # what running on these chips takes is not left for their price
        outside /= 1 + lab.porting_share(workload, offer.maker)
        incumbent = cloud.name in [c.cloud for c in lab.market.book.by_lab.get(lab.name, ())]
        wants = lab.name, incumbent, outside
        buyer = self._buyers.get(wants)
        if buyer is None:
            buyer = self._buyers[wants] = buyer_stance(self.menu, lab, incumbent, outside)
        offered = cloud.name, offer.maker, workload, lab.credit_rating
        seller = self._sellers.get(offered)
        if seller is None:
            seller = self._sellers[offered] = seller_stance(self.menu, cloud, lab, offer.view)
        return buyer, seller

    # -- talking ------------------------------------------------------------------------------

    def _talk(self, economy: Economy, request: Request) -> None:
        """A month of talks: those that fail are recorded, the best agreement is signed."""
        market = economy.market
        rules = market.rules.world.bargaining
        lab = economy.labs[request.lab]
        if request.matching is not None:
            self._conclude(economy, request)
            return
        signed: list[Negotiation] = []
        months = market.month - request.month
        review = months > 0 and months % REVIEW_MONTHS == 0
        elsewhere = self.alternatives.elsewhere(lab, request.workload) if review else []
        for negotiation in list(request.talks):
            cloud, talk = negotiation.offer.cloud, negotiation.talk
            if not (lab.alive and cloud.alive) or lab.frozen or cloud.frozen:
                self._refuse(economy, request, negotiation, "WITHDRAWN")
                continue
            if review and talk.outcome is None:
                negotiation.offer = self._renewed(request, negotiation.offer)
                talk.revise(*self.stances(lab, negotiation.offer, request.workload, elsewhere))
            outcome = talk.outcome or talk.advance(rules.rounds_per_month)
            if outcome is Outcome.SIGNED:
                signed.append(negotiation)
            elif outcome is not None:
                self._refuse(economy, request, negotiation, str(outcome))
        if signed:
            ties = attachment(economy, lab, request.workload)
            advantage = rules.incumbent_advantage

            def cost(n: Negotiation) -> tuple[float, str]:
                assert n.talk.package is not None
                cloud, maker = n.offer.cloud, n.offer.maker
                price = n.talk.package.price * (1 - advantage * ties.get(cloud.group, 0.0))
                price *= 1 + lab.porting_share(request.workload, maker)
                # all who meet the lab's limit ask the same: no rounding error may choose
                return round(price, 9), cloud.name

            best = min(signed, key=cost)
            for negotiation in list(request.talks):
                if negotiation is not best:
                    self._refuse(economy, request, negotiation, "LOST")
            right = holder_of_right(economy, lab.name, request.workload, best.offer.cloud.name)
            if right is not None:
                assert best.talk.package is not None
                request.matching = put_before(
                    economy, right, best.offer.cloud.name, best.talk.package, best.h100e,
                    request.month,
                )  # fmt: skip
                return
            self.sign(economy, request, best)
        if signed or not request.talks:
            self._close(request, market.month, best.h100e / request.h100e if signed else 0.0)

    def _conclude(self, economy: Economy, request: Request) -> None:
        """The incumbent answers: it gets the contract on the rival's terms, or the rival does."""
        matching, rival = request.matching, request.talks[0]
        assert matching is not None
        lab, incumbent = economy.labs[request.lab], economy.clouds[matching.incumbent]
        stance, own, h100e = None, None, 0.0
        if lab.alive and incumbent.alive and not incumbent.frozen:
            own, h100e = self.alternatives.largest(incumbent, request.workload)
            if own is not None:
                stance = self.stances(lab, own, request.workload, [(1.0, None)])[1]
        if lab.frozen or not rival.offer.cloud.alive or rival.offer.cloud.frozen:
            matching.lapse(economy)
            self._refuse(economy, request, rival, "WITHDRAWN")
        elif answer(economy, matching, stance, h100e):
            assert own is not None
            self._refuse(economy, request, rival, "LOST")
            self.sign(economy, request, Negotiation(rival.talk, own, rival.h100e))
        else:
            self.sign(economy, request, rival)
        self._close(request, economy.market.month, 0.0)

    def _close(self, request: Request, month: int, covered: float) -> None:
        """The talks of a request are over; the next waits a while."""
        key = request.lab, request.workload
        del self.requests[key]
        self.paused[key] = month + _PAUSE_MONTHS
        self.renegotiations.note(*key, covered)

    def _renewed(self, request: Request, offer: Offer) -> Offer:
        """The same chips of the same cloud at this month's price, if it still has them."""
        for new in self.alternatives.on_offer(request.workload):
            if new.cloud is offer.cloud and new.maker == offer.maker:
                return new
        return offer

    def _refuse(
        self, economy: Economy, request: Request, negotiation: Negotiation, outcome: str
    ) -> None:
        """Record why there was no deal, with both reservation prices."""
        market, talk = economy.market, negotiation.talk
        request.talks.remove(negotiation)
        cloud = negotiation.offer.cloud.name
        values: dict[str, Any] = {
            "workload": request.workload,
            "h100e": negotiation.h100e,
            "buyer_reservation_usd": talk.buyer_reservation_price,
            "seller_reservation_usd": talk.seller_reservation_price,
            "gap_usd": talk.gap,
            "rounds": talk.round,
        }
        reason = {
            "NO_ZONE": "no package suits both",
            "IMPASSE": "no agreement before the deadline",
            "LOST": "a rival's offer was better",
            "WITHDRAWN": "a party in distress withdrew",
        }[outcome]
        market.book.deals.append(
            Deal(
                market.book.new_id(request.lab, cloud, market.date, request.workload),
                "compute",
                request.lab,
                cloud,
                DealStatus.LAPSED,
                outcome,
                request.month,
                {**values, "chip": negotiation.offer.maker, "month_ended": market.month,
                 "reason": reason},
            )
        )  # fmt: skip
        market.event(
            "offer_refused",
            request.lab,
            cloud,
            text=f"{request.lab} and {cloud} part over {negotiation.h100e:,.0f} "
            f"{request.workload} H100e: {reason} (lab would pay at most "
            f"${talk.buyer_reservation_price:.2f}/h, cloud asks at least "
            f"${talk.seller_reservation_price:.2f}/h)",
            outcome=outcome,
            **values,
        )

    def sign(
        self, economy: Economy, request: Request, best: Negotiation, *, lead_months: int = 0
    ) -> None:
        """Enter what was agreed; capacity starts a month later, or when its chips have come."""
        market, talk = economy.market, best.talk
        rules = market.rules.world.bargaining
        package = talk.package
        assert package is not None
        assert self.menu is not None
        terms = self.menu.terms[package.item]
        lab, cloud = economy.labs[request.lab], best.offer.cloud
        start = market.month + 1 + lead_months
        renewal = any(c.cloud == cloud.name for c in market.book.by_lab.get(lab.name, ()))
        contract = ComputeContract(
            market.book.new_id(lab.name, cloud.name, market.date, request.workload),
            lab.name,
            cloud.name,
            request.workload,
            best.offer.maker,
            best.h100e,
            package.price,
            request.month,
            market.month,
            start,
            start + terms.term_months,
            mw=megawatts(cloud, best.offer.maker, request.workload, best.h100e),
            ramp_months=min(rules.ramp_months, max(1, terms.term_months // 2)),
            prepaid_share=terms.prepaid_share,
            take_or_pay_share=terms.take_or_pay_share,
            termination_fee_share=terms.termination_fee_share,
            exclusive=terms.exclusive,
            first_refusal=rules.first_refusal,
            delay_exit_months=rules.delay_exit_months,
            price_review_months=rules.price_review_months,
            renewal=renewal and request.renewal,
            rounds=talk.round,
            buyer_reservation_usd=talk.buyer_reservation_price,
            seller_reservation_usd=talk.seller_reservation_price,
        )
        market.book.sign(contract)
        market.signed_this_month.append(contract)
        self.alternatives.forget(cloud.name)
        headline = contract.remaining_usd(start)
        prepaid = terms.prepaid_share * headline
        affordable = 0.25 * max(0.0, lab.cash_usd)
        if prepaid > affordable and headline > 0:
            # a lab prepays what it can; the share on the books is what it paid
            prepaid = affordable
            contract.prepaid_share = prepaid / headline
        market.bill(lab.name, cloud.name, prepaid, "prepayment", contract.contract_id)
        market.lab_contract_price += (
            0.3 * min(1.0, best.h100e / 2e4 + 0.1) * (package.price - market.lab_contract_price)
        )
        tell_signed(
            market,
            contract,
            f"{best.h100e:,.0f} {request.workload} H100e with {cloud.name} "
            f"at ${package.price:.2f}/h for {terms.term_months} months",
        )


def tell_signed(market: Market, contract: ComputeContract, what: str) -> None:
    """Record that a contract is signed; `what` names capacity, cloud, price and term."""
    headline = contract.remaining_usd(contract.start)
    market.event(
        "contract_signed",
        contract.lab,
        contract.cloud,
        headline,
        f"{contract.lab} signs {what} (${headline / 1e9:,.2f}B, "
        f"take-or-pay {contract.take_or_pay_share:.0%})",
        contract_id=contract.contract_id,
        workload=contract.workload,
        chip=contract.maker,
        h100e=contract.h100e,
        price_usd=contract.price_usd_per_h100e_hour,
        term_months=contract.end - contract.start,
        prepaid_share=contract.prepaid_share,
        take_or_pay_share=contract.take_or_pay_share,
        termination_fee_share=contract.termination_fee_share,
        exclusive=contract.exclusive,
        renewal=contract.renewal,
        rounds=contract.rounds,
        buyer_reservation_usd=contract.buyer_reservation_usd,
        seller_reservation_usd=contract.seller_reservation_usd,
    )
