"""From a lab's request for offers to a signed contract: shortlist, talks, signing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from math import log
from typing import Any

from ..market.contracts import HOURS_PER_MONTH, ComputeContract, Deal, DealStatus
from ..market.market import WORKLOADS
from ..market.negotiation import Outcome, Stance, Talk
from .availability import future_mw, megawatts
from .cloud import Cloud
from .economy import Economy
from .first_refusal import Matching, answer, holder_of_right, offer
from .lab import Lab
from .outside import PRICE_IMPACT, PRICE_SENSITIVITY, RIVAL_MARGIN, Outside
from .renegotiation import Renegotiations
from .stances import Menu, buyer_stance, seller_stance
from .strategies.pricing import PricingView
from .suppliers import attachment

_SAME_GROUP_ADVANTAGE = 1.0  # in log price: a sibling comes first
_ESTRANGED_MONTHS = 12  # in which a cloud that was left for a rival is not asked again
_PAUSE_MONTHS = 2  # from the end of a request's talks to the next request
_REVIEW_MONTHS = 2  # between new looks at the alternatives to a talk
_SPOT_DISCOUNT = 0.85  # of spot: it can be left any hour
_RESERVED_MARGIN = 1.1  # what one-year rentals cost a lab over the posted price
_NEVER_WAIT_BELOW = 0.6  # of the wanted volume a cloud must be able to deliver


@dataclass(slots=True, eq=False)
class Negotiation:
    """Talks of one lab with one cloud over one request."""

    talk: Talk
    cloud: str
    maker: str
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
        self._capacity: dict[str, dict[str, tuple[str, float]]] = {}
        self._menu: Menu | None = None
        self._spot_depth: dict[str, float] = {}
        self._views: dict[tuple[str, str], PricingView] = {}
        self._quotes: dict[str, list[tuple[float, Cloud]]] = {}
        self._buyers: dict[tuple[str, bool, float], Stance] = {}  # this month
        self._sellers: dict[tuple[str, str, str], Stance] = {}

    def trade(self, economy: Economy) -> None:
        """Plan, ask, talk, sign and leave (phase 4 of the month)."""
        market = economy.market
        self._look_around(economy)
        self.renegotiations.drop_the_dead(economy)
        outside = Outside(self._quotes, self._available, self._spot_depth)
        for lab in economy.living_labs():
            lab.plan()
            for freed in self.renegotiations.review(economy, lab, outside):
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
        """What clouds ask of labs this month, cheapest first, by workload."""
        if self._menu is None or self._menu.rules is not economy.market.rules:
            self._menu = Menu(economy.market.rules)
        self._capacity.clear()
        self._views.clear()
        self._buyers.clear()
        self._sellers.clear()
        clouds = economy.living_clouds()
        for workload in WORKLOADS:
            self._spot_depth[workload] = sum([c.spot_sold[workload] for c in clouds]) or 1.0
            asked = []
            for cloud in clouds:
                view = cloud.pricing_view(workload, anchor=True)
                self._views[cloud.name, workload] = view
                if not cloud.frozen:
                    asked.append((cloud.pricing_rule.quote(view), cloud.name, cloud))
            self._quotes[workload] = [(quote, cloud) for quote, _, cloud in sorted(asked)]

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
        elsewhere = self._elsewhere(economy, lab, workload)
        for cloud, maker, h100e in self._candidates(economy, lab, workload, wanted):
            stances = self._stances(lab, cloud, workload, elsewhere)
            talk = Talk(*stances, rules.rounds_per_month * rules.deadline_months)
            request.talks.append(Negotiation(talk, cloud.name, maker, h100e))
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
    ) -> list[tuple[Cloud, str, float]]:
        """The k clouds of highest logit utility, with the chips and volume they can offer."""
        market = economy.market
        rules = market.rules.world.bargaining
        bound = lab.exclusive_cloud(workload)
        ties = attachment(economy, lab)
        former, until = self.left.get((lab.name, workload), ("", 0))
        scored = []
        for quote, cloud in self._quotes[workload]:
            if bound is not None and cloud.name != bound:
                continue
            if not cloud.spec.sells and cloud.group != lab.group:
                continue
            if cloud.name == former and market.month < until:
                continue
            maker, available = self._available(cloud, workload)
            if available < min(wanted, 50.0):
                continue
            utility = -PRICE_SENSITIVITY * log(max(0.01, quote))
            utility += 0.7 * log(min(1.0, available / wanted))
            bonus = rules.incumbent_advantage * ties.get(cloud.group, 0.0)
            bonus += _SAME_GROUP_ADVANTAGE * (cloud.group == lab.group)
            utility += PRICE_SENSITIVITY * bonus
            # the extreme-value draw makes the choice a logit
            utility += (
                rules.choice_noise
                * PRICE_SENSITIVITY
                * market.draws.gumbel("shortlist", lab.name, cloud.name, market.month, workload)
            )
            scored.append((-utility, cloud.name, maker, min(wanted, available)))
        scored.sort()
        return [(economy.clouds[c], m, h) for _, c, m, h in scored[: rules.shortlist]]

    def _available(self, cloud: Cloud, workload: str) -> tuple[str, float]:
        """The family of chips with most uncommitted capacity ahead, H100e of the workload."""
        known = self._capacity.get(cloud.name)
        if known is None:
            future = future_mw(cloud)
            known = self._capacity[cloud.name] = {}
            for each in WORKLOADS:
                options = [
                    (future[maker] * family.per_mw[each], maker)
                    for maker, family in cloud.families.items()
                ]
                h100e, maker = max(options, default=(0.0, ""))
                known[each] = maker, h100e
        return known[workload]

    def _elsewhere(
        self, economy: Economy, lab: Lab, workload: str
    ) -> list[tuple[float, Cloud | None]]:
        """What the lab could do instead, $/H100e-hour: spot, serving less, or a rival's offer.

        Of rivals the two cheapest that can deliver: one of them is not the cloud it talks to.
        """
        market = economy.market
        book = market.rental[workload]
        crowding = (1 + lab.target[workload] / self._spot_depth[workload]) ** PRICE_IMPACT
        prices: list[tuple[float, Cloud | None]] = [
            (_SPOT_DISCOUNT * book.spot_price * crowding, None),
            (_RESERVED_MARGIN * book.contract_price, None),
        ]
        if workload == "inference":
            service = market.world.service_usd_per_h100e_month(market.rules)
            prices.append((lab.price_index * service / HOURS_PER_MONTH, None))
        if lab.exclusive_cloud(workload) is None:
            enough = _NEVER_WAIT_BELOW * lab.target[workload]
            able = (
                (RIVAL_MARGIN * quote, rival)
                for quote, rival in self._quotes[workload]  # cheapest first
                if rival.spec.sells and self._available(rival, workload)[1] > enough
            )
            prices.extend(islice(able, 2))
        return prices

    def alternative_usd(self, economy: Economy, lab: Lab, workload: str) -> float:
        """The least that compute costs the lab on today's markets, $/H100e-hour."""
        return min([price for price, _ in self._elsewhere(economy, lab, workload)])

    def _stances(
        self, lab: Lab, cloud: Cloud, workload: str, elsewhere: list[tuple[float, Cloud | None]]
    ) -> tuple[Stance, Stance]:
        """How lab and cloud see a deal this month; the same stance where all it rests on is so."""
        assert self._menu is not None
        outside = min([price for price, rival in elsewhere if rival is not cloud])
        incumbent = cloud.name in [c.cloud for c in lab.market.book.by_lab.get(lab.name, ())]
        wants = lab.name, incumbent, outside
        buyer = self._buyers.get(wants)
        if buyer is None:
            buyer = self._buyers[wants] = buyer_stance(self._menu, lab, incumbent, outside)
        offers = cloud.name, workload, lab.credit_rating
        seller = self._sellers.get(offers)
        if seller is None:
            view = self._views[cloud.name, workload]
            seller = self._sellers[offers] = seller_stance(self._menu, cloud, lab, view)
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
        review = months > 0 and months % _REVIEW_MONTHS == 0
        elsewhere = self._elsewhere(economy, lab, request.workload) if review else []
        for negotiation in list(request.talks):
            cloud, talk = economy.clouds[negotiation.cloud], negotiation.talk
            if not (lab.alive and cloud.alive) or lab.frozen or cloud.frozen:
                self._refuse(economy, request, negotiation, "WITHDRAWN")
                continue
            if review and talk.outcome is None:
                talk.revise(*self._stances(lab, cloud, request.workload, elsewhere))
            outcome = talk.outcome or talk.advance(rules.rounds_per_month)
            if outcome is Outcome.SIGNED:
                signed.append(negotiation)
            elif outcome is not None:
                self._refuse(economy, request, negotiation, str(outcome))
        if signed:
            ties = attachment(economy, lab)
            advantage = rules.incumbent_advantage

            def cost(n: Negotiation) -> tuple[float, str]:
                assert n.talk.package is not None
                group = economy.clouds[n.cloud].group
                price = n.talk.package.price * (1 - advantage * ties.get(group, 0.0))
                # all who meet the lab's limit ask the same: no rounding error may choose
                return round(price, 9), n.cloud

            best = min(signed, key=cost)
            for negotiation in list(request.talks):
                if negotiation is not best:
                    self._refuse(economy, request, negotiation, "LOST")
            right = holder_of_right(economy, lab.name, request.workload, best.cloud)
            if right is not None:
                assert best.talk.package is not None
                request.matching = offer(
                    economy, right, best.cloud, best.talk.package, best.h100e, request.month
                )
                return
            self._sign(economy, request, best)
        if signed or not request.talks:
            self._close(request, market.month, best.h100e / request.h100e if signed else 0.0)

    def _conclude(self, economy: Economy, request: Request) -> None:
        """The incumbent answers: it gets the contract on the rival's terms, or the rival does."""
        matching, rival = request.matching, request.talks[0]
        assert matching is not None
        lab, incumbent = economy.labs[request.lab], economy.clouds[matching.incumbent]
        stance, maker, h100e = None, "", 0.0
        if lab.alive and incumbent.alive and not incumbent.frozen:
            stance = self._stances(lab, incumbent, request.workload, [(1.0, None)])[1]
            maker, h100e = self._available(incumbent, request.workload)
        rival_trades = economy.clouds[rival.cloud].alive and not economy.clouds[rival.cloud].frozen
        if lab.frozen or not rival_trades:
            matching.lapse(economy)
            self._refuse(economy, request, rival, "WITHDRAWN")
        elif answer(economy, matching, stance, h100e):
            self._refuse(economy, request, rival, "LOST")
            self._sign(
                economy, request, Negotiation(rival.talk, incumbent.name, maker, rival.h100e)
            )
        else:
            self._sign(economy, request, rival)
        self._close(request, economy.market.month, 0.0)

    def _close(self, request: Request, month: int, covered: float) -> None:
        """The talks of a request are over; the next waits a while."""
        key = request.lab, request.workload
        del self.requests[key]
        self.paused[key] = month + _PAUSE_MONTHS
        self.renegotiations.note(*key, covered)

    def _refuse(
        self, economy: Economy, request: Request, negotiation: Negotiation, outcome: str
    ) -> None:
        """Record why there was no deal, with both reservation prices."""
        market, talk = economy.market, negotiation.talk
        request.talks.remove(negotiation)
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
                market.book.new_id(request.lab, negotiation.cloud, market.date, request.workload),
                "compute",
                request.lab,
                negotiation.cloud,
                DealStatus.LAPSED,
                outcome,
                request.month,
                {**values, "chip": negotiation.maker, "month_ended": market.month,
                 "reason": reason},
            )
        )  # fmt: skip
        market.event(
            "offer_refused",
            request.lab,
            negotiation.cloud,
            text=f"{request.lab} and {negotiation.cloud} part over {negotiation.h100e:,.0f} "
            f"{request.workload} H100e: {reason} (lab would pay at most "
            f"${talk.buyer_reservation_price:.2f}/h, cloud asks at least "
            f"${talk.seller_reservation_price:.2f}/h)",
            outcome=outcome,
            **values,
        )

    def _sign(self, economy: Economy, request: Request, best: Negotiation) -> None:
        market, talk = economy.market, best.talk
        rules = market.rules.world.bargaining
        package = talk.package
        assert package is not None
        assert self._menu is not None
        terms = self._menu.terms[package.item]
        lab, cloud = economy.labs[request.lab], economy.clouds[best.cloud]
        start = market.month + 1
        renewal = any(c.cloud == cloud.name for c in market.book.by_lab.get(lab.name, ()))
        contract = ComputeContract(
            market.book.new_id(lab.name, cloud.name, market.date, request.workload),
            lab.name,
            cloud.name,
            request.workload,
            best.maker,
            best.h100e,
            package.price,
            request.month,
            market.month,
            start,
            start + terms.term_months,
            mw=megawatts(cloud, best.maker, request.workload, best.h100e),
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
        self._capacity.pop(cloud.name, None)
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
        market.event(
            "contract_signed",
            lab.name,
            cloud.name,
            headline,
            f"{lab.name} signs {best.h100e:,.0f} {request.workload} H100e with {cloud.name} "
            f"at ${package.price:.2f}/h for {terms.term_months} months "
            f"(${headline / 1e9:,.2f}B, take-or-pay {terms.take_or_pay_share:.0%})",
            contract_id=contract.contract_id,
            workload=request.workload,
            chip=best.maker,
            h100e=best.h100e,
            price_usd=package.price,
            term_months=terms.term_months,
            prepaid_share=contract.prepaid_share,
            take_or_pay_share=terms.take_or_pay_share,
            termination_fee_share=terms.termination_fee_share,
            exclusive=terms.exclusive,
            renewal=contract.renewal,
            rounds=talk.round,
            buyer_reservation_usd=talk.buyer_reservation_price,
            seller_reservation_usd=talk.seller_reservation_price,
        )
