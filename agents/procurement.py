"""From a lab's request for offers to a signed contract: shortlist, talks, signing, leaving."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log
from typing import Any

from ..market.contracts import HOURS_PER_MONTH, ComputeContract, Deal, DealStatus
from ..market.market import WORKLOADS
from ..market.negotiation import Outcome, Stance, Talk
from .availability import Offer, all_offers, future_mw, megawatts
from .cloud import Cloud
from .economy import Economy
from .lab import Lab
from .leaving import terminate
from .stances import Menu, buyer_stance, seller_stance

_SAME_GROUP_ADVANTAGE = 1.0  # in log price: a sibling comes first
_PRICE_SENSITIVITY = 3.0
_ESTRANGED_MONTHS = 12  # in which a cloud that was left for a rival is not asked again
_PAUSE_MONTHS = 2  # from the end of a request's talks to the next request
_REVIEW_MONTHS = 2  # between new looks at the alternatives to a talk
_RIVAL_MARGIN = 1.05  # a quote is an asking price; what a rival would settle at is near it
_SPOT_DISCOUNT = 0.85  # of spot: it can be left any hour
_PRICE_IMPACT = 0.8  # of a lab's own demand on a spot market as deep as last month's
_RESERVED_MARGIN = 1.1  # what one-year rentals cost a lab over the posted price
_NEVER_WAIT_BELOW = 0.6  # of the wanted volume a cloud must be able to deliver
_WORTH_LEAVING = 0.90  # of what a contract still costs: leaving has to cost less
_LASTING_TIE = 0.7  # to the main supplier, between contracts too


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


class Procurement:
    """All requests under way."""

    def __init__(self) -> None:
        """No requests."""
        self.requests: dict[tuple[str, str], Request] = {}
        self.paused: dict[tuple[str, str], int] = {}
        self.left: dict[tuple[str, str], tuple[str, int]] = {}  # cloud left, and until when
        self._menu: Menu | None = None
        # of this month: by cloud the megawatts of each family that are free ahead; offers by
        # workload, cheapest first; stances
        self._capacity: dict[str, dict[str, float]] = {}
        self._spot_depth: dict[str, float] = {}
        self._offers: dict[str, list[Offer]] = {}
        self._buyers: dict[tuple[str, bool, float], Stance] = {}
        self._sellers: dict[tuple[str, str, str, str], Stance] = {}

    def trade(self, economy: Economy) -> None:
        """Plan, ask, talk, sign and leave (phase 4 of the month)."""
        market = economy.market
        self._look_around(economy)
        for lab in economy.living_labs():
            lab.plan()
            self._consider_leaving(economy, lab)
            for workload in WORKLOADS:
                key = lab.name, workload
                if key not in self.requests and self.paused.get(key, -1) <= market.month:
                    self._ask(economy, lab, workload)
        for key in sorted(self.requests):
            self._talk(economy, self.requests[key])

    def _look_around(self, economy: Economy) -> None:
        """A new month: what was offered and free before counts no more."""
        if self._menu is None or self._menu.rules is not economy.market.rules:
            self._menu = Menu(economy.market.rules)
        self._capacity.clear()
        self._offers.clear()
        self._buyers.clear()
        self._sellers.clear()
        clouds = economy.living_clouds()
        for workload in WORKLOADS:
            self._spot_depth[workload] = sum([c.spot_sold[workload] for c in clouds]) or 1.0

    def _on_offer(self, economy: Economy, workload: str) -> list[Offer]:
        """What clouds ask of labs this month, family by family, cheapest first."""
        if workload not in self._offers:
            clouds = [c for c in economy.living_clouds() if not c.frozen]
            self._offers[workload] = all_offers(clouds, workload)
        return self._offers[workload]

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
        for offer, h100e in self._candidates(economy, lab, workload, wanted):
            stances = self._stances(lab, offer, workload, elsewhere)
            talk = Talk(*stances, rules.rounds_per_month * rules.deadline_months)
            request.talks.append(Negotiation(talk, offer, h100e))
        if request.talks:
            self.requests[lab.name, workload] = request
            return
        self.paused[lab.name, workload] = month + 3
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
        ties = _attachment(economy, lab, workload)
        former, until = self.left.get((lab.name, workload), ("", 0))
        best: dict[str, tuple[float, str, Offer, float]] = {}
        for offer in self._on_offer(economy, workload):
            cloud = offer.cloud
            if bound is not None and cloud.name != bound:
                continue
            if not cloud.spec.sells and cloud.group != lab.group:
                continue
            if cloud.name == former and market.month < until:
                continue
            available = self._available(offer, workload)
            if available < min(wanted, 50.0):
                continue
            ported = offer.quote * (1 + lab.porting_share(workload, offer.maker))
            utility = -_PRICE_SENSITIVITY * log(max(0.01, ported))
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
            scored.append((cost - _PRICE_SENSITIVITY * bonus, name, offer, h100e))
        scored.sort(key=lambda entry: entry[:2])
        return [(offer, h100e) for _, _, offer, h100e in scored[: rules.shortlist]]

    def _available(self, offer: Offer, workload: str) -> float:
        """Uncommitted capacity of the chips ahead, H100e of the workload."""
        cloud = offer.cloud
        free = self._capacity.get(cloud.name)
        if free is None:
            free = self._capacity[cloud.name] = future_mw(cloud)
        return free[offer.maker] * cloud.families[offer.maker].per_mw[workload]

    def _elsewhere(
        self, economy: Economy, lab: Lab, workload: str
    ) -> list[tuple[float, Cloud | None]]:
        """What the lab could do instead, $/H100e-hour: spot, serving less, or a rival's offer.

        Of rivals the two cheapest that can deliver: one of them is not the cloud it talks to.
        """
        market = economy.market
        book = market.rental[workload]
        crowding = (1 + lab.target[workload] / self._spot_depth[workload]) ** _PRICE_IMPACT
        prices: list[tuple[float, Cloud | None]] = [
            (_SPOT_DISCOUNT * book.spot_price * crowding, None),
            (_RESERVED_MARGIN * book.contract_price, None),
        ]
        if workload == "inference":
            service = market.world.service_usd_per_h100e_month(market.rules)
            prices.append((lab.price_index * service / HOURS_PER_MONTH, None))
        if lab.exclusive_cloud(workload) is None:
            prices.extend(self._rivals(economy, lab, workload))
        return prices

    def _rivals(self, economy: Economy, lab: Lab, workload: str) -> list[tuple[float, Cloud]]:
        """The two clouds that would be cheapest, ported, of those that can deliver."""
        enough = _NEVER_WAIT_BELOW * lab.target[workload]
        best: dict[str, tuple[float, str, Cloud]] = {}
        limit = inf  # what the second of them costs
        for offer in self._on_offer(economy, workload):
            if offer.quote >= limit:  # cheapest first
                break
            cloud = offer.cloud
            if cloud.spec.sells and self._available(offer, workload) > enough:
                ported = offer.quote * (1 + lab.porting_share(workload, offer.maker))
                if cloud.name not in best or ported < best[cloud.name][0]:
                    best[cloud.name] = ported, cloud.name, cloud
                    if len(best) > 1:
                        limit = sorted([cost for cost, *_ in best.values()])[1]
        cheapest = sorted(best.values(), key=lambda rival: rival[:2])[:2]
        return [(_RIVAL_MARGIN * ported, cloud) for ported, _, cloud in cheapest]

    def _stances(
        self, lab: Lab, offer: Offer, workload: str, elsewhere: list[tuple[float, Cloud | None]]
    ) -> tuple[Stance, Stance]:
        """How lab and cloud see a deal this month; the same stance where all it rests on is so."""
        assert self._menu is not None
        cloud = offer.cloud
        outside = min([price for price, rival in elsewhere if rival is not cloud])
        # what running on these chips takes is not left for their price
        outside /= 1 + lab.porting_share(workload, offer.maker)
        incumbent = cloud.name in [c.cloud for c in lab.market.book.by_lab.get(lab.name, ())]
        wants = lab.name, incumbent, outside
        buyer = self._buyers.get(wants)
        if buyer is None:
            buyer = self._buyers[wants] = buyer_stance(self._menu, lab, incumbent, outside)
        offered = cloud.name, offer.maker, workload, lab.credit_rating
        seller = self._sellers.get(offered)
        if seller is None:
            seller = self._sellers[offered] = seller_stance(self._menu, cloud, lab, offer.view)
        return buyer, seller

    # -- talking ------------------------------------------------------------------------------

    def _talk(self, economy: Economy, request: Request) -> None:
        """A month of talks: those that fail are recorded, the best agreement is signed."""
        market = economy.market
        rules = market.rules.world.bargaining
        lab = economy.labs[request.lab]
        signed: list[Negotiation] = []
        months = market.month - request.month
        review = months > 0 and months % _REVIEW_MONTHS == 0
        elsewhere = self._elsewhere(economy, lab, request.workload) if review else []
        for negotiation in list(request.talks):
            cloud, talk = negotiation.offer.cloud, negotiation.talk
            if not (lab.alive and cloud.alive) or lab.frozen or cloud.frozen:
                self._refuse(economy, request, negotiation, "WITHDRAWN")
                continue
            if review and talk.outcome is None:
                negotiation.offer = self._renewed(economy, request, negotiation.offer)
                talk.revise(*self._stances(lab, negotiation.offer, request.workload, elsewhere))
            outcome = talk.outcome or talk.advance(rules.rounds_per_month)
            if outcome is Outcome.SIGNED:
                signed.append(negotiation)
            elif outcome is not None:
                self._refuse(economy, request, negotiation, str(outcome))
        if signed:
            ties = _attachment(economy, lab, request.workload)
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
            self._sign(economy, request, best)
        if signed or not request.talks:
            del self.requests[request.lab, request.workload]
            self.paused[request.lab, request.workload] = market.month + _PAUSE_MONTHS

    def _renewed(self, economy: Economy, request: Request, offer: Offer) -> Offer:
        """The same chips of the same cloud at this month's price, if it still has them."""
        for new in self._on_offer(economy, request.workload):
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

    def _sign(self, economy: Economy, request: Request, best: Negotiation) -> None:
        market, talk = economy.market, best.talk
        rules = market.rules.world.bargaining
        package = talk.package
        assert package is not None
        assert self._menu is not None
        terms = self._menu.terms[package.item]
        lab, cloud = economy.labs[request.lab], best.offer.cloud
        start = market.month + 1
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
            chip=best.offer.maker,
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

    # -- leaving ------------------------------------------------------------------------------

    def _consider_leaving(self, economy: Economy, lab: Lab) -> None:
        """End a contract early where a rival's price pays for the fee and the move."""
        market = economy.market
        if lab.frozen or market.month == 0:
            return
        rules = market.rules.world.bargaining
        spare = 0.5 * lab.cash_usd
        month = market.month
        for contract in market.book.by_lab.get(lab.name, ()):
            fee_share = contract.termination_fee_share
            if fee_share >= _WORTH_LEAVING or contract.end - month < 6 or contract.start > month:
                continue
            hours = contract.remaining_h100e_hours(month)
            remaining = contract.price_usd_per_h100e_hour * hours
            fee = fee_share * remaining
            if remaining <= 0 or fee >= spare:
                continue
            moved = rules.switching_cost_months * contract.h100e * HOURS_PER_MONTH
            pays = (_WORTH_LEAVING * remaining - fee) / (
                hours + moved
            )  # the price at which it does
            if self._rival_price(economy, lab, contract, pays) < pays:
                terminate(economy, contract, round(fee), "price")
                key = lab.name, contract.workload
                self.paused.pop(key, None)
                self.left[key] = contract.cloud, month + _ESTRANGED_MONTHS
                return

    def _rival_price(
        self, economy: Economy, lab: Lab, contract: ComputeContract, limit: float
    ) -> float:
        """What the best chips that other clouds have free would cost, $/H100e-hour, ported.

        limit: where nobody asks less, that is returned.
        """
        workload = contract.workload
        enough = 0.5 * contract.h100e
        best = limit
        for offer in self._on_offer(economy, workload):
            if offer.quote >= best:
                break
            cloud, maker = offer.cloud, offer.maker
            if cloud.name == contract.cloud or not cloud.spec.sells:
                continue
            if cloud.free_mw.get(maker, 0.0) * cloud.families[maker].per_mw[workload] >= enough:
                extra = lab.porting_share(workload, maker)
                extra -= lab.porting_share(workload, contract.maker)
                best = min(best, offer.quote * (1 + max(0.0, extra)))
        return best


def _attachment(economy: Economy, lab: Lab, workload: str) -> dict[str, float]:
    """Shares of the lab's contracted capacity by group: data and people sit with suppliers."""
    held: dict[str, float] = {}
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        if contract.workload != workload:
            continue
        group = economy.clouds[contract.cloud].group
        held[group] = held.get(group, 0.0) + contract.delivered_h100e
    total = sum(held.values())
    ties = {g: h / total for g, h in held.items()} if total > 0 else {}
    main = lab.main_supplier.get(workload)
    if main is not None:  # what is built for a supplier outlasts a contract
        ties[main] = max(_LASTING_TIE, ties.get(main, 0.0))
    return ties
