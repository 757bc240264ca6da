"""Talks of a lab with a maker of inference chips, whose chips a cloud would buy to order.

A lab turns to the maker where the chips would serve users for less than its present ones by more
than porting costs. Nobody else waits for chips made to order, so they are priced on cost. Talks end
SIGNED, or for PRICE, SUPPLY, a rival's STAKE, or they are LAPSED.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any, NamedTuple

from ..market.contracts import Deal, DealStatus
from ..market.ledger import WORLD
from ..market.negotiation import Outcome, Stance, Talk
from .availability import Offer
from .chip_market import affordable_h100e, place_order
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .lab import Lab
from .procurement import REVIEW_MONTHS, Negotiation, Procurement, Request
from .stances import buyer_stance, seller_stance

_SPECIALIST = 0.5  # of its inference that a chip's training is at most, to be one
_LOOK_MONTHS = 3  # between looks for specialists
_PAUSE_MONTHS = 12  # from the end of talks to the next with the same maker
_VOLUME = 0.1  # of a lab's inference: 750 MW beside plans of several GW [S24,S40]
_SMALLEST_MW = 2.0  # rows of racks: who needs less takes what clouds have, assumption
_ENOUGH = 0.5  # of the volume that must come in time
_CLOUD_MARGIN = 1.25  # of price over user cost that a lab expects, as of `cost_plus`


class Ending(StrEnum):
    """How talks with a chip supplier end."""

    SIGNED = "SIGNED"
    PRICE = "PRICE"
    SUPPLY = "SUPPLY"
    STAKE = "STAKE"
    LAPSED = "LAPSED"


class Supply(NamedTuple):
    """Inference H100e that could come in time, and what limits it."""

    h100e: float
    limit: str


@dataclass(slots=True, eq=False)
class SupplierTalk:
    """One lab, one maker and the cloud that would run its chips."""

    request: Request
    negotiation: Negotiation
    maker: str


class SupplierTalks:
    """Talks under way, at most one a lab."""

    def __init__(self) -> None:
        """No talks."""
        self.talks: dict[str, SupplierTalk] = {}
        self.paused: dict[tuple[str, str], int] = {}  # by lab and maker

    def trade(self, economy: Economy, procurement: Procurement) -> None:
        """Carry talks on, and open new ones now and then (phase 4)."""
        for name in sorted(self.talks):
            self._advance(economy, procurement, self.talks[name])
        if economy.market.month % _LOOK_MONTHS:
            return
        specialists = _specialists(economy)
        if specialists:
            own = {cloud.group for cloud in economy.living_clouds()}
            for lab in economy.living_labs():
                if lab.name not in self.talks and lab.group not in own:
                    self._consider(economy, procurement, lab, specialists)

    # -- opening ------------------------------------------------------------------------------

    def _consider(
        self,
        economy: Economy,
        procurement: Procurement,
        lab: Lab,
        specialists: list[tuple[Chipmaker, Cloud]],
    ) -> None:
        """Open talks with the maker whose chips save most, if they save more than porting costs."""
        market = economy.market
        volume = _VOLUME * lab.target["inference"]
        if lab.frozen or lab.exclusive_cloud("inference"):
            return
        offers: list[tuple[float, str, Chipmaker, Cloud]] = []
        for maker, cloud in specialists:
            if self.paused.get((lab.name, maker.name), -1) > market.month:
                continue
            mix = market.mixes[maker.name]
            kw_per_h100e = mix.kw_per_h100e / mix.inference_per_h100e
            if volume * kw_per_h100e < 1000 * _SMALLEST_MW:
                continue
            cost = _CLOUD_MARGIN * market.workload_cost(maker.name, "inference")
            cost *= 1 + lab.porting_share("inference", maker.name)
            offers.append((cost, maker.name, maker, cloud))
        if not offers:
            return
        price, present = _present_inference(lab)
        cost, _, maker, cloud = min(offers, key=lambda offer: offer[:2])
        if cost < price * (1 + present):
            self._open(economy, procurement, lab, maker, cloud, volume)

    def _open(
        self,
        economy: Economy,
        procurement: Procurement,
        lab: Lab,
        maker: Chipmaker,
        cloud: Cloud,
        volume: float,
    ) -> None:
        rules = economy.market.rules.world.bargaining
        offer = _offer(cloud, maker)
        talk = Talk(
            *_stances(procurement, lab, offer), rules.rounds_per_month * rules.deadline_months
        )
        request = Request(lab.name, "inference", volume, economy.market.month, False)
        opened = SupplierTalk(request, Negotiation(talk, offer, volume), maker.name)
        self.talks[lab.name] = opened
        self._advance(economy, procurement, opened)

    # -- talking ------------------------------------------------------------------------------

    def _advance(self, economy: Economy, procurement: Procurement, talk: SupplierTalk) -> None:
        """A month of talks; a package that is agreed waits for chips until the deadline."""
        market = economy.market
        rules = market.rules.world.bargaining
        bargain, cloud = talk.negotiation.talk, talk.negotiation.offer.cloud
        lab, maker = economy.labs[talk.request.lab], economy.chipmakers[talk.maker]
        if not (lab.alive and cloud.alive and maker.alive) or lab.frozen or cloud.frozen:
            self._end(economy, talk, Ending.LAPSED, "a party withdrew")
            return
        holder = conflict(economy, lab, maker)
        if holder is not None:
            share = maker.cap_table.ownership(holder)
            reason = f"{holder} holds {share:.0%} of {maker.name}"
            self._end(economy, talk, Ending.STAKE, reason, holder=holder, stake_share=share)
            return
        months = market.month - talk.request.month
        if bargain.outcome is None:
            if months > 0 and months % REVIEW_MONTHS == 0:
                talk.negotiation.offer = offer = _offer(cloud, maker)
                bargain.revise(*_stances(procurement, lab, offer))
            if bargain.outcome is None:
                bargain.advance(rules.rounds_per_month)
        if bargain.outcome is Outcome.NO_ZONE:
            self._end(economy, talk, Ending.PRICE, "no price suits both")
        elif bargain.outcome is Outcome.IMPASSE:
            self._end(economy, talk, Ending.LAPSED, "no agreement before the deadline")
        elif bargain.outcome is Outcome.SIGNED:
            self._deliver(economy, procurement, talk, months >= rules.deadline_months)

    def _deliver(
        self, economy: Economy, procurement: Procurement, talk: SupplierTalk, last: bool
    ) -> None:
        """Sign and order the chips if enough of them can come in time."""
        market, wanted = economy.market, talk.request.h100e
        maker, cloud = economy.chipmakers[talk.maker], talk.negotiation.offer.cloud
        supply = deliverable(cloud, maker, wanted)
        terms = {"deliverable_h100e": supply.h100e}
        if supply.h100e < _ENOUGH * wanted:
            if last:
                reason = f"{supply.limit} for {supply.h100e:,.0f} of them in time"
                self._end(economy, talk, Ending.SUPPLY, reason, **terms)
            return
        h100e = talk.negotiation.h100e = min(wanted, supply.h100e)
        lead = ceil(market.rules.world.supply.minimum_lead_months)
        procurement.sign(economy, talk.request, talk.negotiation, lead_months=lead)
        blended = h100e / market.mixes[maker.name].inference_per_h100e
        place_order(economy, cloud.name, maker, blended)
        self._end(economy, talk, Ending.SIGNED, "", **terms)

    def _end(
        self, economy: Economy, talk: SupplierTalk, ending: Ending, reason: str, **terms: Any
    ) -> None:
        """Record how it ended, with both reservation prices."""
        market, bargain = economy.market, talk.negotiation.talk
        lab, maker, cloud = talk.request.lab, talk.maker, talk.negotiation.offer.cloud.name
        del self.talks[lab]
        self.paused[lab, maker] = market.month + _PAUSE_MONTHS
        values: dict[str, Any] = {
            "workload": "inference",
            "h100e": talk.negotiation.h100e,
            "buyer_reservation_usd": bargain.buyer_reservation_price,
            "seller_reservation_usd": bargain.seller_reservation_price,
            "gap_usd": bargain.gap,
            "rounds": bargain.round,
        }
        contract_id = market.book.new_id(lab, maker, market.date, "talks")
        if ending is not Ending.SIGNED:  # else the contract tells
            row = {**values, "chip": maker, "month_ended": market.month, "reason": reason}
            market.book.deals.append(
                Deal(
                    contract_id, "supplier_talks", lab, maker, DealStatus.LAPSED, str(ending),
                    talk.request.month, row,
                )
            )  # fmt: skip
        what = f"{talk.negotiation.h100e:,.0f} inference H100e at {cloud}"
        how = f"with a contract for {what}" if ending is Ending.SIGNED else f"over {what}: {reason}"
        market.event(
            "supplier_talks_ended",
            lab,
            maker,
            text=f"{lab}'s talks with {maker} end {how} (lab would pay at most "
            f"${bargain.buyer_reservation_price:.2f}/h, the chips cost at least "
            f"${bargain.seller_reservation_price:.2f}/h)",
            outcome=str(ending),
            cloud=cloud,
            months=market.month - talk.request.month,
            **values,
            **terms,
        )


def _specialists(economy: Economy) -> list[tuple[Chipmaker, Cloud]]:
    """Makers of chips that infer far better than they train, each with a cloud that runs them.

    The maker's own cloud where it has one, else the largest that buys them.
    """
    found = []
    for maker in economy.chipmakers.values():
        mix = economy.market.mixes.get(maker.name)
        if mix is None or not maker.alive or mix.shares[-1][0].sold_to:
            continue
        if mix.training_per_h100e > _SPECIALIST * mix.inference_per_h100e:
            continue
        clouds = [
            (cloud.group != maker.group, -cloud.h100e, cloud.name, cloud)
            for cloud in economy.living_clouds()
            if cloud.spec.sells and not cloud.frozen and maker.name in cloud.maker_shares()
        ]
        if clouds:
            found.append((maker, min(clouds, key=lambda entry: entry[:3])[3]))
    return found


def _present_inference(lab: Lab) -> tuple[float, float]:
    """Mean price of the lab's inference under contract and porting share of its chips."""
    paid = hours = ported = 0.0
    for contract in lab.market.book.by_lab.get(lab.name, ()):
        h100e = contract.delivered_h100e if contract.workload == "inference" else 0.0
        if h100e > 0:
            paid += h100e * contract.price_usd_per_h100e_hour
            ported += h100e * lab.porting_share("inference", contract.maker)
            hours += h100e
    return (paid / hours, ported / hours) if hours > 0 else (lab.market.lab_contract_price, 0.0)


def _offer(cloud: Cloud, maker: Chipmaker) -> Offer:
    """Chips made to order, priced on cost."""
    cost = cloud.market.workload_cost(maker.name, "inference")
    price = _CLOUD_MARGIN * cost
    view = cloud.pricing_view("inference", anchor=True)
    return Offer(cloud, maker.name, price, view._replace(user_cost=cost, contract_price=price))


def _stances(procurement: Procurement, lab: Lab, offer: Offer) -> tuple[Stance, Stance]:
    menu = procurement.menu
    assert menu is not None
    elsewhere = procurement.alternatives.elsewhere(lab, "inference")
    outside = min([price for price, _ in elsewhere])
    outside /= 1 + lab.porting_share("inference", offer.maker)
    incumbent = offer.cloud.name in [c.cloud for c in lab.market.book.by_lab.get(lab.name, ())]
    buyer = buyer_stance(menu, lab, incumbent, outside)
    return buyer, seller_stance(menu, offer.cloud, lab, offer.view, to_order=True)


def deliverable(cloud: Cloud, maker: Chipmaker, wanted_h100e: float) -> Supply:
    """Inference capacity that maker and cloud could add within the delivery horizon."""
    market = cloud.market
    rules, mix = market.rules.world, market.mixes[maker.name]
    horizon = rules.bargaining.delivery_horizon_months
    months = max(0.0, horizon - rules.supply.minimum_lead_months)
    chips = max(0.0, months * maker.capacity_h100e() - maker.backlog_h100e)
    coming = sum([p.mw for p in cloud.projects if p.due <= market.month + horizon])
    room = max(0.0, cloud.energised_mw + coming - cloud.used_mw)
    power = max(0.0, room * 1000 / mix.kw_per_h100e - cloud.pipeline_h100e())
    per_h100e = mix.inference_per_h100e
    money = affordable_h100e(cloud, wanted_h100e / per_h100e)
    limits = (
        (chips, "the maker's output is enough"),
        (power, "power is enough"),
        (money, "money is enough"),
    )
    least, limit = min(limits, key=lambda entry: entry[0])
    return Supply(per_h100e * least, limit)


def conflict(economy: Economy, lab: Lab, maker: Chipmaker) -> str | None:
    """A holder of the maker that is the lab's rival or its main chip supplier; the largest."""
    least = economy.market.rules.world.bargaining.conflicting_stake_share
    rivals = {other.group for other in economy.labs.values() if other.group != lab.group}
    main = economy.chipmakers.get(lab.main_supplier.get("chip", ""))
    conflicted = rivals if main is None else rivals | {main.group}
    found = []
    for holder, shares in maker.cap_table.holders.items():
        if holder == WORLD or maker.cap_table.ownership(holder) < least:
            continue
        if economy.firm(holder).group in conflicted:
            found.append((-shares, holder))
    return min(found)[1] if found else None
