"""What giver and taker of a letter of intent see: stake, sales, cash, risk, and dear compute."""

from __future__ import annotations

from math import exp, log

from ..market.chips import user_cost_usd_per_h100e_hour
from ..market.letters import (
    GiverView,
    PendingTranche,
    TakerView,
    giver_cost,
    scarcity,
    taker_worth,
    trust,
)
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .investor import Investor
from .lab import Lab
from .marks import consensus_usd, firm_view

CHIP_PART = 0.5  # of rent that pays for chips: GPU and network are 52 % of the cost of a GW
# (calibration 2), and power and operation take their part of the rent
_HOLDING_YEARS = 1.0  # until the next round shows what the stake is worth (calibration 1: gaps of
# 3-18 months); later failures are in what investors pay for growth
_LEAST_WORTH = 0.05
_SERIOUS_SHARE = 0.02  # of all chips shipped: who makes fewer is no rival for a lab's load


def giver_view(
    economy: Economy, giver: Firm, taker: Firm, usd: float, price_usd: float, months_late: int
) -> GiverView:
    """What the giver weighs when it is to pay some dollars at a pre-money."""
    market = economy.market
    _, sales = circulation(economy, giver, taker)
    return GiverView(
        stake_usd(giver, taker) / price_usd,
        default_risk(economy, taker),
        sales,
        usd / max(1, free_cash_usd(giver)),
        market.mood,
        market.rules.world.sentiment.capital_response,
        months_late,
    )


def free_cash_usd(giver: Firm) -> int:
    """Cash that is not promised to others."""
    return giver.dry_powder_usd if isinstance(giver, Investor) else giver.cash_usd


def taker_view(economy: Economy, giver: Firm, taker: Firm, price_usd: float) -> TakerView:
    """What the taker weighs when it may draw money at a pre-money.

    Only inference suffers from dear compute of the giver: training stays where it is.
    """
    tied, _ = circulation(economy, giver, taker)
    if isinstance(taker, Lab):
        tied *= taker.serving_share
    return TakerView(
        _own_value_usd(taker) / price_usd,
        taker.runway_months,
        tied,
        dissatisfaction(economy, giver, taker) if tied else 0.0,
    )


def reservation_giver_usd(economy: Economy, giver: Firm, taker: Firm, usd: float) -> float:
    """Highest pre-money at which a dollar brings the giver what it costs."""
    view = giver_view(economy, giver, taker, usd, 1.0, 0)
    worth_of_cash = max(_LEAST_WORTH, giver_cost(view) - view.sales_share)
    return max(1e6, view.value_over_price * (1 - view.default_risk) / worth_of_cash)


def reservation_taker_usd(economy: Economy, giver: Firm, taker: Firm) -> float:
    """Lowest pre-money at which a dollar is worth the shares that it costs the taker."""
    view = taker_view(economy, giver, taker, 1.0)
    return max(1e6, view.value_over_price / max(_LEAST_WORTH, taker_worth(view)))


def for_tranche_usd(taker: Firm, tranche: PendingTranche) -> int:
    """Pre-money at which a tranche would be paid today: as agreed, else a multiple of its value.

    That is the mark, or what the market would pay where it is above: marks are written up with
    every round but come down late, so that in a falling market the giver is asked too much.
    """
    return tranche.pre_money_usd or round(tranche.of_mark * _own_value_usd(taker))


def stake_usd(giver: Firm, taker: Firm) -> float:
    """Pre-money value of the taker to the giver; an investor's own rule, else the consensus."""
    if isinstance(giver, Investor):
        return giver.pre_money_usd(firm_view(taker))
    return consensus_usd(taker)


def _own_value_usd(taker: Firm) -> float:
    """Pre-money value that the taker sees in itself: it does not forget its mark."""
    return max(1e6, taker.valuation_usd, consensus_usd(taker))


def default_risk(economy: Economy, taker: Firm) -> float:
    """Chance that the taker fails before its next round, from its public rating."""
    yearly = economy.market.rules.world.credit.default_probability_per_year
    rating = taker.credit_rating if taker.credit_rating in yearly else "CCC"
    return 1 - (1 - min(1.0, yearly[rating])) ** _HOLDING_YEARS


def circulation(economy: Economy, giver: Firm, taker: Firm) -> tuple[float, float]:
    """Of a dollar given: the share that is spent on the giver's compute, and its margin on it."""
    if isinstance(taker, Cloud):
        tied = taker.maker_shares().get(giver.name, 0.0) if taker.alive else 0.0
        return tied, tied * _margin(giver)
    if not isinstance(taker, Lab) or isinstance(giver, Investor):
        return 0.0, 0.0
    tied = supplied_share(economy, taker, giver) / (1 + taker.spec.other_cost_share)
    part = CHIP_PART if isinstance(giver, Chipmaker) else 1.0
    return tied, tied * part * _margin(giver)


def supplied_share(economy: Economy, lab: Lab, supplier: Firm) -> float:
    """Share of the lab's contracted compute on a maker's chips, or in a cloud's halls, by price."""
    own = total = 0.0
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        paid = contract.delivered_h100e * contract.price_usd_per_h100e_hour
        total += paid
        if supplier.name in (contract.maker, contract.cloud):
            own += paid
    return own / total if total > 0 else 0.0


def _margin(firm: Firm) -> float:
    """Gross margin of the month."""
    if firm.revenue_usd <= 0:
        return 0.0
    return max(0.0, 1 - firm.cost_of_sales_usd / firm.revenue_usd)


def dissatisfaction(economy: Economy, giver: Firm, taker: Firm) -> float:
    """How dear the giver's compute is for inference: log of its cost over the best rival's, or 0.

    Chips by full cost of an inference H100e-hour, of the generations that ship in numbers and that
    a lab can rent; clouds by what the taker pays there over the price that labs sign at.
    """
    if isinstance(giver, Chipmaker):
        costs = inference_costs(economy)
        own = costs.pop(giver.name, None)
        return max(0.0, log(own / min(costs.values()))) if own and costs else 0.0
    paid = hours = 0.0
    for contract in economy.market.book.by_lab.get(taker.name, ()):
        if contract.cloud == giver.name:
            paid += contract.delivered_h100e * contract.price_usd_per_h100e_hour
            hours += contract.delivered_h100e
    usual = economy.market.lab_contract_price
    return max(0.0, log(paid / hours / usual)) if paid > 0 and usual > 0 else 0.0


def inference_costs(economy: Economy) -> dict[str, float]:
    """Full cost of an inference H100e-hour by maker, of chips that a lab can rent in numbers."""
    market = economy.market
    selling = {c.name for c in economy.living_clouds() if c.spec.sells}
    shipped = sum([m.shipped_h100e for m in economy.chipmakers.values()])
    power = market.world.power_price_usd_per_mwh
    required = market.rules.world.building.required_return_hyperscaler
    costs = {}
    for maker, mix in market.mixes.items():
        buyers = mix.shares[-1][0].sold_to
        serious = economy.chipmakers[maker].shipped_h100e >= _SERIOUS_SHARE * shipped
        if serious and (not buyers or selling & set(buyers)):
            blended = user_cost_usd_per_h100e_hour(
                market.rules, mix.price_usd_per_h100e, mix.kw_per_h100e, required, power
            )
            costs[maker] = blended / mix.inference_per_h100e
    return costs


def why(view: GiverView | TakerView) -> str:
    """What weighs most against going on, in words."""
    if isinstance(view, GiverView):
        lost = 1 - trust(view)
        against = {
            "it would take too much of its cash": giver_cost(view) - 1,
            "the taker may fail": view.value_over_price * view.default_risk,
            f"the milestone is {view.months_late} months late": lost * view.value_over_price,
            "the stake is not worth its price": 1 - view.value_over_price,
            "the money brings it few sales": 0.2 - view.sales_share,
        }
    else:
        against = {
            "it does not need the money at this price": view.value_over_price - 1 - scarcity(view),
            "the giver's compute is too dear for inference": view.tied_share
            * (exp(view.dissatisfaction) - 1),
            "it has money for now": 0.25 - scarcity(view),
        }
    return max(against, key=lambda reason: against[reason])
