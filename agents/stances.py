"""What a compute contract is worth to each side: stances for the negotiation engine.

Values are net dollars per H100e-hour at today's price level: each is divided by how far prices are
expected to fall on average over the term, so that a short contract counts as renewed on like terms
and terms of different length compare. Prepayment is carried at each side's own cost of capital.
"""

from __future__ import annotations

from ..market.contracts import HOURS_PER_MONTH
from ..market.credit import mean_decline
from ..market.negotiation import Stance, Tactic, Terms
from ..scenarios.schema import Bargaining, Credit, Scenario
from .cloud import Cloud
from .lab import Lab
from .strategies.negotiation import Hurried
from .strategies.pricing import PricingView

_LAB_COST_OF_CAPITAL = 0.25  # calibration, section 4: venture asks 25-40 %, late stage 15-25 %
_RICH_LAB_COST_OF_CAPITAL = 0.12  # of a lab whose cash earns interest for two years
_CLOUD_COST_OF_CAPITAL = 0.10
_NEOCLOUD_COST_OF_CAPITAL = 0.18  # loans at 9-15 %, equity above
_COMFORTABLE_RUNWAY_MONTHS = 24.0
_FLEXIBILITY = 0.03  # of the price, per year of term that cannot be left for free
_UNEASY_FLEXIBILITY = 0.08  # the same to a lab that may have to shrink
_SECURITY = 0.05  # of the price, per year of term, when capacity is short
_FLIGHT = 0.06  # of cost, per year in which a buyer may leave for nothing
_RELETTING = 0.8  # of the one-year price that capacity fetches if this lab does not sign
_STRANDING = 0.02  # of cost, per year by which a term falls short of five
OWN_COST_SHARE = 0.92  # of the market's user cost, what capacity costs a cloud
MITIGATION = 0.6  # of a failed buyer's capacity that is let again
_EXCLUSIVITY_COST = 0.04  # of the price, to the buyer
_EXCLUSIVITY_GAIN = 0.02  # of the price, to the seller
_LONG_TERM_YEARS = 5.0
_URGENT_RUNWAY_MONTHS = 12.0


class Menu:
    """The items on the table, and all that depends on them and the rules alone, item by item.

    Slopes of a stance depend on little else, so that each set is worked out once.
    """

    def __init__(self, rules: Scenario) -> None:
        """Term by firmness, the firmest also prepaid, and one exclusive item."""
        bargaining, building = rules.world.bargaining, rules.world.building
        self.rules = rules
        self.terms = _items(bargaining)
        self._years = [terms.term_months / 12 for terms in self.terms]
        # mean over the term of a price that falls at the expected rate
        decline = bargaining.price_decay_expected_per_year
        self._decay = [mean_decline(decline, years) for years in self._years]
        self.last_decay = self._decay[-1]
        self._for_buyer: list[tuple[float, float, float]] = []  # years, bound years, exclusivity
        self.for_seller: list[tuple[float, float, float]] = []  # decay, wear, stranding
        for terms, years, decay in zip(self.terms, self._years, self._decay, strict=True):
            bound_years = years * terms.termination_fee_share * terms.take_or_pay_share
            exclusivity = _EXCLUSIVITY_COST if terms.exclusive else 0.0
            self._for_buyer.append((years, bound_years, exclusivity))
            wear = mean_decline(building.obsolescence_per_year, years)
            stranding = _STRANDING * max(0.0, _LONG_TERM_YEARS - years)
            self.for_seller.append((decay, wear, stranding))
        self._buyer_scales: dict[tuple[float, float, float], list[float]] = {}
        self._buyer_slopes: dict[float, tuple[float, ...]] = {}
        self._seller_terms: dict[
            tuple[float, str], tuple[tuple[float, ...], tuple[float, ...]]
        ] = {}

    def buyer_scales(
        self, security: float, flexibility: float, switching_years: float
    ) -> list[float]:
        """What each item is worth to a buyer, as a multiple of what compute costs elsewhere.

        security, flexibility: share of the price for a year of supply, or of being bound
        """
        key = security, flexibility, switching_years
        if key not in self._buyer_scales:
            scales = [
                1 + security * years - flexibility * bound - exclusivity - switching_years / years
                for years, bound, exclusivity in self._for_buyer
            ]
            self._buyer_scales[key] = [max(0.05, scale) for scale in scales]
        return self._buyer_scales[key]

    def buyer_slopes(self, cost_of_capital: float) -> tuple[float, ...]:
        """What a dollar on the price costs a buyer, prepayment carried."""
        if cost_of_capital not in self._buyer_slopes:
            self._buyer_slopes[cost_of_capital] = tuple(
                -(1 + terms.prepaid_share * cost_of_capital / 2 * years) / decay
                for terms, years, decay in zip(self.terms, self._years, self._decay, strict=True)
            )
        return self._buyer_slopes[cost_of_capital]

    def seller_terms(
        self, cost_of_capital: float, rating: str
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What a dollar on the price pays the seller, and what its cost is multiplied by.

        The buyer's default is expected at its rating, and hurts less the more is prepaid.
        """
        key = cost_of_capital, rating
        if key not in self._seller_terms:
            credit = self.rules.world.credit
            risk = credit.default_probability_per_year[rating]  # type: ignore[index]
            severity = loss_severity(credit)
            slopes, covers = [], []
            for terms, years, decay in zip(self.terms, self._years, self._decay, strict=True):
                loss = min(0.6, risk * severity * years / 2)
                loss *= (1 - terms.prepaid_share) * (1.2 - 0.4 * terms.take_or_pay_share)
                carried = terms.prepaid_share * cost_of_capital / 2 * years
                slopes.append((1 + carried - loss) / decay)
                fee_cover = _FLIGHT * (1 - terms.termination_fee_share) * years
                gain = _EXCLUSIVITY_GAIN if terms.exclusive else 0.0
                covers.append(1 + fee_cover + loss - gain)
            self._seller_terms[key] = tuple(slopes), tuple(covers)
        return self._seller_terms[key]


def _items(rules: Bargaining) -> list[Terms]:
    """Prepayment comes with the firmest form alone: who pays ahead is bound anyway."""
    firmness = list(zip(rules.take_or_pay_shares, rules.termination_fee_shares, strict=False))
    items = [
        Terms(term, prepaid, take_or_pay, fee, False)
        for term in rules.term_months
        for prepaid in rules.prepaid_shares
        for take_or_pay, fee in (firmness[-1:] if prepaid > 0 else firmness)
    ]
    if rules.allow_exclusivity:
        items.append(items[-1]._replace(exclusive=True))
    return items


def buyer_stance(menu: Menu, lab: Lab, incumbent: bool, outside_price: float) -> Stance:
    """The lab's view: what the compute would cost elsewhere, less what the terms cost it.

    incumbent: whether the cloud serves the lab already, so that nothing has to move
    outside_price: $/H100e-hour of its best live alternative today (rival quotes, spot, serving
        less)
    """
    market = lab.market
    security, flexibility, capital = buyer_tastes(lab)
    scales = menu.buyer_scales(security, flexibility, 0.0 if incumbent else moving_years(lab))
    intercepts = [outside_price * scale for scale in scales]
    slopes = menu.buyer_slopes(capital)
    low = min(0.8 * market.user_cost, 0.6 * outside_price * menu.last_decay)
    tactic = hurried(lab.negotiation_rule, lab.runway_months)
    return Stance(tuple(intercepts), slopes, 0.0, low, tactic)


def buyer_tastes(lab: Lab) -> tuple[float, float, float]:
    """Share of the price for a year of supply, for a year of being bound, and cost of capital."""
    shortage = max(0.0, lab.market.utilisation - 0.85) / 0.15
    rich = lab.backed or lab.runway_months >= _COMFORTABLE_RUNWAY_MONTHS
    flexibility = _FLEXIBILITY if rich else _UNEASY_FLEXIBILITY
    capital = _RICH_LAB_COST_OF_CAPITAL if rich else _LAB_COST_OF_CAPITAL
    return _SECURITY * shortage, flexibility, capital


def moving_years(lab: Lab) -> float:
    """What it costs a lab to move to a new supplier, in years of the price."""
    return lab.market.rules.world.bargaining.switching_cost_months / 12 * 0.25


def cost_of_capital(cloud: Cloud) -> float:
    """What a cloud's own money has to earn, per year."""
    return _NEOCLOUD_COST_OF_CAPITAL if cloud.leases else _CLOUD_COST_OF_CAPITAL


def fullness(cloud: Cloud) -> float:
    """How sure a cloud is to sell capacity to others: 0 with plant to spare, 1 when it is full."""
    return max(0.0, min(1.0, (cloud.utilisation - 0.6) / 0.35))


def reletting_price(cloud: Cloud, quote: float) -> float:
    """What capacity fetches from others, weighted by how full the cloud is, $/H100e-hour."""
    return _RELETTING * fullness(cloud) * quote


def seller_stance(
    menu: Menu, cloud: Cloud, lab: Lab, view: PricingView, *, to_order: bool = False
) -> Stance:
    """The cloud's view: price against cost and against letting the capacity to others.

    A buyer that may fail pays for the expected loss (its rating is public) and for what is left
    stranded.

    to_order: chips that are bought for this lab alone, so nobody else could have them
    """
    full = 0.0 if to_order else fullness(cloud)
    empty = 1 - full
    quote = cloud.pricing_rule.quote(view)
    relet = _RELETTING * full * quote
    cost = OWN_COST_SHARE * view.user_cost
    slopes, covers = menu.seller_terms(cost_of_capital(cloud), lab.credit_rating)
    running = cloud.running_cost_usd / (cloud.h100e * HOURS_PER_MONTH) if cloud.h100e > 0 else 0.0
    intercepts = []
    for (decay, wear, stranding), cover in zip(menu.for_seller, covers, strict=True):
        own, others = cost * wear, relet * decay
        alternative = own if own > others else others
        if alternative < running:  # a machine is better switched off
            alternative = running
        intercepts.append(-alternative * (cover + stranding * empty) / decay)
    asked = min(view.list_price * 0.7, 1.15 * quote)
    opening = max(asked, 1.1 * cost)
    return Stance(tuple(intercepts), slopes, 0.0, opening, cloud.negotiation_rule)


def loss_severity(credit: Credit) -> float:
    """Share of what a failed buyer still owed that is lost, after letting its capacity again."""
    return credit.expected_loss_given_default * (1 - MITIGATION)


def hurried(tactic: Tactic, runway_months: float) -> Tactic:
    """A firm short of runway has a shorter clock than the talks."""
    if runway_months >= _URGENT_RUNWAY_MONTHS:
        return tactic
    return Hurried(tactic, max(0.25, runway_months / _URGENT_RUNWAY_MONTHS))
