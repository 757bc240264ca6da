"""What a custom-chip programme is worth to each party: stances, one for each side of a leg.

All is per H100e of inference that the lab contracts, in the money of the month of talks; prices
are level over the term. The cloud prices asset specificity (Williamson 1985; Klein, Crawford &
Alchian 1978): plant of custom chips earns from anyone but its lab only `redeployability` of what
versatile plant rents for, so that whoever owns it depends on the lab's credit and good faith.
A deposit is a hostage (Williamson 1983) and covers part of a loss.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

from ..market.contracts import HOURS_PER_MONTH
from ..market.credit import annuity_payment_usd, mean_decline
from ..market.negotiation import Stance, Tactic

_HOURS_PER_YEAR = 12 * HOURS_PER_MONTH
_BILLION = 1_000_000_000  # an annuity is in whole dollars: taken of a large sum, it is smooth
# A year, of an open contract: a tenth to three quarters of deals over $10B are resized within two
# years (calibration, pattern 13b); a fifth a year at half of what was agreed.
_REOPENING = 0.10
# Return a year on what is lost if the lab leaves, for a host all of whose plant is the lab's. A
# fifth of it then asks 6 % more: what other customers pay over investment grade (calibration 2).
_CONCENTRATION_PREMIUM = 0.30
_LEAST_MARGIN = 0.50  # gross, of a custom chip: 50-60 % (calibration, section 3)
_MADE_AHEAD_YEARS = 0.25  # of production: chips made and not yet paid, of use to nobody else
_OPENING_BID = 0.6  # of what the alternative costs; as in talks on versatile capacity
_OPENING_MARGIN = 1.25  # of a host's first price over what its plant costs


class Plant(NamedTuple):
    """The plant of a programme and the promise behind it, as all parties see them this month."""

    chip_usd: float  # price of chips, per H100e
    running_usd: float  # power, operation and hall, per H100e-hour
    lag_years: float  # to the middle of delivery
    term_years: float
    life_years: float  # economic, of the chips
    decline_per_year: float  # expected, of the price of compute
    default_per_year: float  # probability, of the lab
    redeployability: float
    anchor_share: float  # of the plant that hosts pay with their own money
    deposit_usd: float  # prepaid by the lab, per H100e

    @property
    def hours(self) -> float:
        """Of the term."""
        return self.term_years * _HOURS_PER_YEAR

    @property
    def price_path(self) -> float:
        """Mean price of compute over the term, of today's."""
        later = exp(-self.decline_per_year * self.lag_years)
        return later * mean_decline(self.decline_per_year, self.term_years)

    @property
    def specific_usd(self) -> float:
        """Of the price of chips, what they are worth to their lab alone, per H100e."""
        return (1 - self.redeployability) * self.chip_usd

    @property
    def loss_per_year(self) -> float:
        """Hazard that the lab fails, or reopens the deal once the plant stands.

        What it would forfeit by that, the deposit, holds it to its word.
        """
        held = min(1.0, self.deposit_usd / self.specific_usd) if self.specific_usd > 0 else 1.0
        return self.default_per_year + _REOPENING * (1 - held)

    @property
    def lost_share(self) -> float:
        """Share of the term that is expected to be lost."""
        hazard = self.loss_per_year
        return 1 - exp(-hazard * self.lag_years) * mean_decline(hazard, self.term_years)


class HostView(NamedTuple):
    """What a host adds: its own money, and what else it could do with the power."""

    cost_of_capital: float
    exposure: float  # share of its plant that would hang on the lab
    loan_rate: float  # of the part that the partner finances
    rent_usd: float  # what versatile capacity fetches when let to others, per H100e-hour today
    versatile_cost_usd: float  # what it costs, per H100e-hour
    wear: float  # of that cost over the term, as chips age
    density: float  # H100e that versatile chips give on the power of one custom H100e


class Ask(NamedTuple):
    """The least hourly price at which a host signs, in parts, $/H100e-hour."""

    plant: float  # capital and running cost, if all goes well
    versatile: float  # what versatile plant would have earned above its cost
    stranding: float  # plant left with nobody to use it, less what it earns then
    concentration: float  # too much on one customer

    @property
    def reason(self) -> str:
        """The largest part beside the plant itself, in words."""
        parts = (
            (self.stranding, "plant of use to no other"),
            (self.versatile, "more to earn with versatile chips"),
            (self.concentration, "too much on one customer"),
        )
        return max(parts)[1]


def host_line(plant: Plant, host: HostView) -> tuple[float, float]:
    """A host's net value of hosting per H100e-hour: intercept and slope in the price."""
    lost, own_share = plant.lost_share, plant.anchor_share
    own = own_share * _level(plant.chip_usd, host.cost_of_capital, plant.term_years)
    # without recourse: the partner bears the loss of what it lent
    owed = (1 - own_share) * _level(plant.chip_usd, host.loan_rate, plant.term_years) * (1 - lost)
    rescued = lost * plant.redeployability * host.rent_usd * plant.price_path
    hourly_deposit = plant.deposit_usd / plant.hours
    # credit is used up evenly over the term; what is unused when the lab fails is kept
    years_held = plant.lag_years + plant.term_years / 2
    deposit = hourly_deposit * (host.cost_of_capital * years_held + lost / 2)
    stake = max(0.0, own_share * plant.specific_usd - plant.deposit_usd)
    concentration = _CONCENTRATION_PREMIUM * host.exposure * stake / _HOURS_PER_YEAR
    costs = own + owed + plant.running_usd + _forgone_usd(plant, host) + concentration
    return rescued + deposit + _afterlife_usd(plant, host) - costs, 1 - lost


def host_ask(plant: Plant, host: HostView) -> Ask:
    """What a host's least price is made of."""
    intercept, slope = host_line(plant, host)
    own_share = plant.anchor_share
    capital = own_share * _level(plant.chip_usd, host.cost_of_capital, plant.term_years)
    capital += (1 - own_share) * _level(plant.chip_usd, host.loan_rate, plant.term_years)
    cost = capital + plant.running_usd
    versatile = _forgone_usd(plant, host)
    stake = max(0.0, own_share * plant.specific_usd - plant.deposit_usd)
    concentration = _CONCENTRATION_PREMIUM * host.exposure * stake / _HOURS_PER_YEAR
    stranding = -intercept / slope - cost - versatile - concentration
    return Ask(cost, versatile, stranding, concentration)


def host_stance(plant: Plant, host: HostView, tactic: Tactic) -> Stance:
    """The seller of hosting; it opens at what versatile capacity will cost over the term."""
    intercept, slope = host_line(plant, host)
    opening = max(_OPENING_MARGIN * host_ask(plant, host).plant, host.rent_usd * plant.price_path)
    return Stance((intercept,), (slope,), 0.0, opening, tactic)


def _forgone_usd(plant: Plant, host: HostView) -> float:
    """What versatile plant on the same power would earn above its cost, per custom H100e-hour.

    Later chips give more H100e on a megawatt as prices of an H100e fall, so that a megawatt earns
    about the same whenever it comes.
    """
    rent = host.rent_usd * mean_decline(plant.decline_per_year, plant.term_years)
    return host.density * max(0.0, rent - host.versatile_cost_usd * host.wear)


def _afterlife_usd(plant: Plant, host: HostView) -> float:
    """What the plant earns after the term, spread over it, per H100e-hour."""
    years = plant.life_years - plant.term_years
    if years <= 0:
        return 0.0
    start = exp(-plant.decline_per_year * (plant.lag_years + plant.term_years))
    rent = host.rent_usd * start * mean_decline(plant.decline_per_year, years)
    net = max(0.0, plant.redeployability * rent - plant.running_usd)
    return net * years * exp(-host.cost_of_capital * plant.term_years) / plant.term_years


def _level(price_usd: float, rate: float, years: float) -> float:
    """Hourly payment that returns a price over some years at a rate."""
    monthly = annuity_payment_usd(_BILLION, rate, max(1, round(12 * years))) / _BILLION
    return price_usd * monthly / HOURS_PER_MONTH


class LabView(NamedTuple):
    """What the sponsor adds: what it would do without the chip."""

    alternative_usd: float  # per H100e-hour today: rivals' quotes, spot, what users pay
    worth: float  # of the terms, as a multiple: security of supply, being bound, moving
    use_share: float  # of the capacity that it expects to use over the term
    engineering_usd: float  # per H100e
    cost_of_capital: float


def lab_limit_usd(plant: Plant, lab: LabView) -> float:
    """The most a lab pays per H100e-hour: what its best alternative costs over the term."""
    worth = lab.alternative_usd * plant.price_path * lab.worth * lab.use_share
    carried = 1 + lab.cost_of_capital * (plant.lag_years + plant.term_years) / 2
    engineering = lab.engineering_usd / plant.hours * carried
    years_held = plant.lag_years + plant.term_years / 2
    deposit = plant.deposit_usd / plant.hours * lab.cost_of_capital * years_held
    return worth - engineering - deposit


def lab_hosting_stance(plant: Plant, lab: LabView, tactic: Tactic) -> Stance:
    """The buyer of hosting."""
    opening = _OPENING_BID * lab.alternative_usd * plant.price_path
    return Stance((lab_limit_usd(plant, lab),), (-1.0,), 0.0, opening, tactic)


def lab_design_stance(
    plant: Plant, lab: LabView, host: HostView, h100e_per_unit: float, list_usd: float,
    tactic: Tactic,
) -> Stance:  # fmt: skip
    """The lab as buyer of chips for its hosts, in the price of a unit.

    A dearer chip is a dearer host: the lab's limit is where the host's least price meets its own.
    """
    at = [_least_price(plant._replace(chip_usd=k), host) for k in (0.0, plant.chip_usd)]
    slope = max(1e-12, (at[1] - at[0]) / plant.chip_usd) / h100e_per_unit
    room = lab_limit_usd(plant, lab) - at[0]
    return Stance((room,), (-slope,), 0.0, _OPENING_BID * list_usd, tactic)


def _least_price(plant: Plant, host: HostView) -> float:
    intercept, slope = host_line(plant, host)
    return -intercept / slope


def designer_stance(plant: Plant, list_usd: float, unit_cost_usd: float, tactic: Tactic) -> Stance:
    """The designer: the least margin that custom chips earn, and chips that no other would take."""
    risk = 1 + plant.default_per_year * _MADE_AHEAD_YEARS
    least = unit_cost_usd * risk / (1 - _LEAST_MARGIN)
    return Stance((-least,), (1.0,), 0.0, max(list_usd, least), tactic)


class LenderView(NamedTuple):
    """What the financing partner adds."""

    cost_of_funds: float  # per year
    margin: float  # its own, in the price of the chips it finances; 0 for who sells none


def lender_stance(plant: Plant, lender: LenderView, asked: float, tactic: Tactic) -> Stance:
    """The partner's view of the rate: cost of money and expected loss on plant alone.

    Behind its loan stand the hosts' own share and what the plant is worth to others. A vendor
    loses only what the chips cost it.

    asked: the rate it names first
    """
    lent = 1 - plant.anchor_share
    least = lender.cost_of_funds
    if lent > 0:
        loss = 1 - min(1.0, plant.redeployability / lent)
        least += plant.loss_per_year * loss * max(0.0, lent - lender.margin) / lent
    return Stance((-least,), (1.0,), 0.0, max(asked, least), tactic)


def borrower_stance(plant: Plant, host: HostView, tactic: Tactic) -> Stance:
    """The host's view of the rate: a loan without recourse beside its own money.

    At its limit a borrowed dollar costs as much as one of its own, with the loss that the lender
    bears for it and the premium on a stake that it need not hold.
    """
    years, own = plant.term_years, host.cost_of_capital
    per_year = 12 * annuity_payment_usd(_BILLION, own, max(1, round(12 * years))) / _BILLION
    premium = _CONCENTRATION_PREMIUM * host.exposure * (1 - plant.redeployability)
    worth = (per_year + premium) / (1 - plant.lost_share)
    slope = (per_year - 1 / years) / own  # of the payment in the rate
    return Stance((worth - 1 / years,), (-slope,), 0.0, 0.5 * own, tactic)
