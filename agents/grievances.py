"""The figures behind a renegotiation: what each side would do else, and what that costs it."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

from ..market.amendments import (
    Need,
    Relief,
    Staying,
    relief_stances,
    staying_stances,
    waiver_stances,
    waiver_values,
)
from ..market.contracts import HOURS_PER_MONTH, ComputeContract
from ..market.market import WORKLOADS
from ..market.negotiation import Stance
from .alternatives import PRICE_IMPACT, PRICE_SENSITIVITY, RIVAL_MARGIN, Alternatives
from .cloud import Cloud
from .economy import Economy
from .interests import interest_usd, share_of_gains
from .lab import Lab
from .stances import hurried, loss_severity, reletting_price
from .suppliers import attachment

GIVEN_BACK = 0.2  # of training: what a lab in distress leaves unused anyway (agents/distress.py)
WORTH_LEAVING = 0.90  # of what a contract still costs: leaving has to cost less
_WORTH_ASKING = 0.90  # of the price: a review is called when the market is below, or 1 / this above
_ENOUGH = 0.5  # of the volume that a rival must be able to deliver
_TRAINING_LIMIT = 1.6  # of what a lab pays: its highest bid for training on spot
_MOVING_SHARE = 0.25  # of the double running that a buyer counts when it compares offers
_NOTICEABLE = 0.05  # of what a lab wants: less missing is no cause for talks
_PAYABLE_SHARE = 0.25  # of its cash that a lab pays at once
_MOST_SHARE = 0.9  # of a lab's gains that a shareholder counts as its own
_LEAST_DUES = 0.05  # of a lab's outflow that a cloud's contracts must cost to be worth relief
_MATERIAL = 0.5  # of what was promised: long-stop clauses end what was not brought into service
LEAST_MONTHS = 6  # to the end of a contract: less is not worth talks


def leaving_pays(lab: Lab, contract: ComputeContract, outside: Alternatives) -> int | None:
    """The fee for which a lab would leave a contract for a rival's price today; None: it stays."""
    fee_share = contract.termination_fee_share
    month = lab.market.month
    if fee_share >= WORTH_LEAVING or contract.end - month < LEAST_MONTHS or contract.start > month:
        return None
    hours = contract.remaining_h100e_hours(month)
    remaining = contract.price_usd_per_h100e_hour * hours
    fee = fee_share * remaining
    if remaining <= 0 or fee >= 0.5 * lab.cash_usd:
        return None
    workload, bearable = contract.workload, WORTH_LEAVING * remaining
    least = outside.least_quote(workload)  # it mostly shows that there is no need to look further
    if least * hours + fee + _moving_usd(lab, contract, least) >= bearable:
        return None
    quote = outside.rival_quote(
        lab, contract.cloud, workload, _ENOUGH * contract.h100e, contract.maker, now=True
    )
    leaving = quote * hours + fee + _moving_usd(lab, contract, quote)
    return round(fee) if leaving < bearable else None


def leaving_unserved_pays(
    lab: Lab, cloud: Cloud, contract: ComputeContract, outside: Alternatives
) -> bool:
    """Whether another cloud asks less than what a contract delivered short is worth keeping for.

    What would be delivered counts others who have left this month: those who stay get their part.
    """
    month = lab.market.month
    hours = contract.remaining_h100e_hours(month)
    if contract.promised_h100e <= 0 or hours <= 0:
        return False
    family = cloud.families.get(contract.maker)
    promised = [
        c.promised_h100e / family.per_mw[c.workload]
        for c in lab.market.book.of_cloud(cloud.name)
        if family and c.maker == contract.maker and family.per_mw[c.workload] > 0
    ]
    served = min(1.0, family.mw / sum(promised)) if family and sum(promised) > 0 else 0.0
    if served > _MATERIAL:
        return False
    missing = (1 - served) * contract.promised_h100e
    without = _worth_without(lab, contract.workload, missing, outside)
    staying = served * contract.price_usd_per_h100e_hour + (1 - served) * without
    quote = outside.rival_quote(
        lab, contract.cloud, contract.workload, _ENOUGH * contract.h100e, contract.maker
    )
    return RIVAL_MARGIN * quote + _moving_usd(lab, contract, quote) / hours < staying


def waiver_views(
    economy: Economy,
    lab: Lab,
    cloud: Cloud,
    last: ComputeContract,
    outside: Alternatives,
    covered: Mapping[tuple[str, str], float],
) -> tuple[Stance, Stance] | None:
    """How both see the end of exclusivity; None where the lab misses little.

    last: the exclusive contract between them that ends last
    covered: share of a request that the lab has come to expect the cloud to sign
    """
    market = economy.market
    rules = market.rules.world.bargaining
    months = last.end - market.month
    together = [c for c in market.book.by_lab.get(lab.name, ()) if c.cloud == cloud.name]
    tied = {c.workload for c in together if c.exclusive}
    needs = [
        _need(lab, cloud, workload, together, outside, covered.get((lab.name, workload), 1.0))
        for workload in WORKLOADS
        if workload in tied
    ]
    wanted = sum([lab.target[w] for w in WORKLOADS if w in tied])
    if months < 1 or sum([n.missing_h100e for n in needs]) <= _NOTICEABLE * wanted:
        return None
    held = sum([c.delivered_h100e for c in together])
    renewed = sum([c.h100e for c in together if c.end <= last.end + 12])
    values = waiver_values(needs, months, held, renewed, rules.incumbent_advantage)
    if max(values.gains_usd) <= 0:
        return None
    return waiver_stances(
        values,
        _PAYABLE_SHARE * max(0.0, lab.cash_usd),
        min(_MOST_SHARE, share_of_gains(economy, cloud, lab)),
        hurried(lab.negotiation_rule, lab.runway_months),
        cloud.negotiation_rule,
    )


def _need(
    lab: Lab,
    cloud: Cloud,
    workload: str,
    together: list[ComputeContract],
    outside: Alternatives,
    covered: float,
) -> Need:
    """What the lab lacks of a workload, and what rivals and the cloud would ask for it."""
    rules = lab.market.rules.world.bargaining
    late = sum([c.promised_h100e - c.delivered_h100e for c in together if c.workload == workload])
    wanted = lab.wanted_h100e(workload)
    quote = outside.quote_of(cloud.name, workload)
    capacity = outside.largest(cloud, workload)[1]
    deliverable = covered * min(wanted, capacity)
    missing = max(0.0, wanted - deliverable) + late
    worth = _worth_without(lab, workload, missing, outside)
    rival = outside.rival_quote(lab, cloud.name, workload, _ENOUGH * missing)
    # a move costs the double running that buyers count, spread over a year
    moving = 1 + _MOVING_SHARE * rules.switching_cost_months / 12
    elsewhere = RIVAL_MARGIN * rival * moving
    asked = min(worth, elsewhere if quote is None else quote)
    relet = reletting_price(cloud, asked if quote is None else quote)
    risk = _chance_of_leaving(lab, asked, elsewhere, 1.0)  # its only supplier
    return Need(missing, deliverable, worth, elsewhere, asked, relet, risk)


def _chance_of_leaving(lab: Lab, price: float, elsewhere: float, tie: float) -> float:
    """How likely a lab is to prefer a rival's price: the logit of the shortlist, with its tie.

    tie: 0..1, how much of the lab's compute sits with the cloud that asks `price`
    """
    if elsewhere == float("inf"):
        return 0.0
    undercut = max(0.05, 1 - lab.market.rules.world.bargaining.incumbent_advantage * tie)
    odds = PRICE_SENSITIVITY * log(max(1e-9, price * undercut / elsewhere))
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))


def _worth_without(lab: Lab, workload: str, missing: float, outside: Alternatives) -> float:
    """$/H100e-hour that missing compute is worth to a lab: spot in that volume, or going without.

    Without it a lab serves fewer users, or trains less than it would have paid for.
    """
    market = lab.market
    crowding = (1 + missing / outside.spot_depth[workload]) ** PRICE_IMPACT
    spot = market.rental[workload].spot_price * crowding
    if workload == "inference":
        service = market.world.service_usd_per_h100e_month(market.rules)
        return min(spot, lab.price_index * service / HOURS_PER_MONTH)
    return min(spot, _TRAINING_LIMIT * max(lab.paid_price, market.lab_contract_price))


def staying_views(
    economy: Economy,
    lab: Lab,
    cloud: Cloud,
    contract: ComputeContract,
    outside: Alternatives,
    extension_months: int,
    *,
    free_to_leave: bool,
) -> tuple[Stance, Stance] | None:
    """How both see a new price for a contract that the lab may leave; None without a cause.

    extension_months: of the second item of the menu, 0 without one
    free_to_leave: at a price review, when either side may end the contract without a fee
    """
    market = economy.market
    month = market.month
    hours = contract.remaining_h100e_hours(month)
    quote = outside.quote_of(cloud.name, contract.workload)
    if lab.frozen or hours <= 0 or quote is None:
        return None
    price = contract.price_usd_per_h100e_hour
    relet = reletting_price(cloud, quote)
    volume = _ENOUGH * contract.h100e
    fee = 0.0 if free_to_leave else contract.termination_fee_share * price * hours
    rival = outside.rival_quote(
        lab, cloud.name, contract.workload, volume, contract.maker, now=not free_to_leave
    )
    if rival == float("inf"):
        return None
    moving = _moving_usd(lab, contract, rival)
    most = rival + (fee + moving) / hours
    lower, higher = most < _WORTH_ASKING * price, relet > price / _WORTH_ASKING
    if not (lower or (higher and free_to_leave)):
        return None
    decay = market.rules.world.bargaining.price_decay_expected_per_year
    years = (contract.end - month + extension_months / 2) / 12
    extra = 0.0
    if extension_months and contract.short_months == 0:
        extra = contract.h100e * HOURS_PER_MONTH * extension_months
    # at a review the cloud may end the contract too, and would where others pay more
    tie = attachment(economy, lab, contract.workload).get(cloud.group, 0.0)
    risk = 1.0 if free_to_leave and relet > price else _chance_of_leaving(lab, price, rival, tie)
    staying = Staying(
        hours,
        extra,
        price,
        rival,
        relet,
        exp(-decay * years),
        fee + moving,
        fee,
        risk,
    )
    tactic = hurried(lab.negotiation_rule, lab.runway_months)
    return staying_stances(staying, tactic, cloud.negotiation_rule)


def in_relief(lab: Lab, cloud: str) -> list[ComputeContract]:
    """A lab's contracts with a cloud that relief would be about: in force and not soon over."""
    month = lab.market.month
    live = lab.market.book.by_lab.get(lab.name, ())
    return [
        c for c in live if c.cloud == cloud and c.start <= month and c.end - month >= LEAST_MONTHS
    ]


def relief_views(
    economy: Economy, lab: Lab, cloud: Cloud, outside: Alternatives
) -> tuple[Stance, Stance] | None:
    """How both see relief for a lab in distress; None where it would not help.

    The price is the mean of all contracts between the two, which would all be cut alike.
    """
    market = economy.market
    month, outflow = market.month, lab.mean_outflow_usd
    contracts = in_relief(lab, cloud.name)
    dues = sum([c.h100e_at(month) * c.price_usd_per_h100e_hour for c in contracts])
    quotes = [outside.quote_of(cloud.name, w) for w in WORKLOADS]
    if not lab.frozen or outflow <= 0 or dues * HOURS_PER_MONTH <= _LEAST_DUES * outflow:
        return None
    if quotes[0] is None or quotes[1] is None:
        return None
    hours = [c.remaining_h100e_hours(month) for c in contracts]
    total = sum(hours)
    price = sum([c.remaining_usd(month) for c in contracts]) / total
    training = [h for c, h in zip(contracts, hours, strict=True) if c.workload == "training"]
    lets = lab.sublet["training"] > 0
    credit = market.rules.world.credit
    relief = Relief(
        dues / price * HOURS_PER_MONTH,
        total,
        price,
        reletting_price(cloud, (quotes[0] + quotes[1]) / 2),
        min(price, market.rental["training"].spot_price) if lets else 0.0,
        GIVEN_BACK * sum(training) / total,
        outflow,
        credit.default_probability_per_year[lab.credit_rating],  # type: ignore[index]
        loss_severity(credit) * price * total + interest_usd(economy, cloud, lab),
    )
    tactic = hurried(lab.negotiation_rule, lab.runway_months)
    return relief_stances(relief, tactic, cloud.negotiation_rule)


def _moving_usd(lab: Lab, contract: ComputeContract, price: float) -> float:
    """Double running while a lab moves what a contract delivers, US dollars."""
    months = lab.market.rules.world.bargaining.switching_cost_months
    return months * contract.h100e * HOURS_PER_MONTH * price
