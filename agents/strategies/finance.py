"""How strictly a lab's money is watched: what compute must earn, may be committed, and is let.

An H100e of training is worth what its last unit earns. With gross profit G a month for one log
point of capability, a stock of training that decays at d and is kept growing at g, shares of users
that follow at k, and a required return of r (all a month), the present value of one H100e more each
month over its cost c is

    G / (c x) * (d + g) / (d + r) * k / (k + r)

at x H100e of training, so it falls in x. A finance office buys while that is at least 1, and lets
what it has while rent pays more (net present value rule, Dean 1951).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ...market.negotiation import Tactic
from .negotiation import Tough
from .parameters import parameter

_LEAST_RATE = 1e-6  # a month: a return of nothing at all still has a present value

_READINESS = 0.05  # of its cost, what an idle H100e is worth at least: needs may jump


class FinanceView(NamedTuple):
    """What a lab knows of its compute and its money when it plans; dollars a month if not said."""

    training_h100e: float  # wanted at the planning horizon, before any check
    capability_profit_usd: float  # gross profit that a log point of capability brings
    decay_per_month: float  # of the stock of training
    adjustment_per_month: float  # of users' shares
    growth_per_month: float  # of what users need, as the lab plans
    h100e_usd: float  # what an H100e costs at today's contract price, staff included
    funds_usd: float  # cash and tranches due, a stock
    outflow_usd: float  # net, at the planning horizon, with what is signed and what users need
    commitments_usd: float  # take-or-pay still to come, a stock
    expected_revenue_usd: float  # over the next twelve months
    new_commitment_usd: float  # take-or-pay of one H100e on a usual contract, over its term


class RequestView(NamedTuple):
    """Capacity that the lab wants to ask offers for, of one workload."""

    wanted_h100e: float
    needed_h100e: float  # of it, what today's users need already and nobody has signed to deliver
    net_usd: float  # what an H100e of it costs a month beyond what it earns
    ranked_before_usd: float  # take-or-pay still to be signed for what earns more, a stock


class Finance(Protocol):
    """Watches what a lab spends on compute."""

    @property
    def checks(self) -> bool:
        """Whether anything is checked at all; if not, nothing else is asked."""
        ...

    @property
    def efficiency_share(self) -> float:
        """Spending on efficiency engineering, per dollar of compute."""
        ...

    def training_h100e(self, view: FinanceView) -> float:
        """Training to plan for, at most what the lab wants."""
        ...

    def kept_h100e(self, view: FinanceView, rent_usd: float) -> float:
        """Training that earns more than a rent ($/H100e-month) would."""
        ...

    def allowed_h100e(self, view: FinanceView, request: RequestView) -> tuple[float, str]:
        """How much of a request may be committed, and what limits it."""
        ...

    def tactic(self, tactic: Tactic) -> Tactic:
        """How it bargains, given the lab's own tactic."""
        ...


@dataclass(frozen=True, slots=True)
class FounderLed:
    """No checks: the lab spends what revenue, cash and the next round carry."""

    @property
    def checks(self) -> bool:
        """Nothing is checked."""
        return False

    @property
    def efficiency_share(self) -> float:
        """No engineers for efficiency beyond what all labs have."""
        return 0.0

    def training_h100e(self, view: FinanceView) -> float:
        """All that the lab wants."""
        return view.training_h100e

    def kept_h100e(self, view: FinanceView, rent_usd: float) -> float:
        """Everything, whatever the rent."""
        return float("inf")

    def allowed_h100e(self, view: FinanceView, request: RequestView) -> tuple[float, str]:
        """All of it."""
        return request.wanted_h100e, ""

    def tactic(self, tactic: Tactic) -> Tactic:
        """The lab's own."""
        return tactic


@dataclass(frozen=True, slots=True)
class FinanceOffice:
    """Compute must earn a return; commitments and runway have limits; what is not used is let."""

    hurdle_return_per_year: float = parameter(
        0.25, 0, 3, "per year", "return that compute beyond users' needs must earn"
    )
    protected_training_share: float = parameter(
        0.3, 0, 1, "share", "of the training the lab wants that is never cut: its place in the race"
    )
    commitment_cap: float = parameter(
        1.0, 0, 100, "", "take-or-pay over a year's expected revenue plus cash, at most"
    )
    runway_floor_months: float = parameter(
        12, 0, 60, "months", "of projected runway that new commitments must leave"
    )
    efficiency_share: float = parameter(
        0.03, 0, 0.5, "share", "of compute spending put into efficiency engineering"
    )
    toughness: float = parameter(
        1.0, 0, 10, "", "in talks: its concession is the lab's own to the power 1 + this"
    )
    sublet_threshold: float = parameter(
        1.1, 1, 100, "", "rent over what use earns, from which capacity is let"
    )

    @property
    def checks(self) -> bool:
        """Everything is checked."""
        return True

    def training_h100e(self, view: FinanceView) -> float:
        """What earns the hurdle, within what is wanted and what is protected."""
        earning = self._worth_usd(view) / view.h100e_usd
        least = self.protected_training_share * view.training_h100e
        return max(least, min(view.training_h100e, earning))

    def kept_h100e(self, view: FinanceView, rent_usd: float) -> float:
        """Where the last H100e in use earns the rent less what makes letting worth the trouble."""
        if rent_usd <= self.sublet_threshold * _READINESS * view.h100e_usd:
            return float("inf")
        earning = self._worth_usd(view) * self.sublet_threshold / rent_usd
        return max(self.protected_training_share * view.training_h100e, earning)

    def _worth_usd(self, view: FinanceView) -> float:
        """Training times what its last H100e is worth a month at the hurdle."""
        rate = max(_LEAST_RATE, self.hurdle_return_per_year / 12)
        decay, adjustment = view.decay_per_month, view.adjustment_per_month
        lasting = (decay + max(0.0, view.growth_per_month)) / (decay + rate)
        return view.capability_profit_usd * lasting * adjustment / (adjustment + rate)

    def allowed_h100e(self, view: FinanceView, request: RequestView) -> tuple[float, str]:
        """The smaller of what the cap leaves and what the floor leaves.

        What today's users need passes the cap: its revenue is no forecast, and spot is dearer.
        """
        wanted, limit = request.wanted_h100e, ""
        means = view.expected_revenue_usd + view.funds_usd
        room = self.commitment_cap * means - view.commitments_usd - request.ranked_before_usd
        most = max(request.needed_h100e, room / view.new_commitment_usd)
        if wanted > most:
            wanted, limit = max(0.0, most), "commitment cap"
        if request.net_usd > 0 and self.runway_floor_months > 0:
            bearable = view.funds_usd / self.runway_floor_months - view.outflow_usd
            if wanted * request.net_usd > bearable:
                wanted, limit = max(0.0, bearable / request.net_usd), "runway floor"
        return wanted, limit

    def tactic(self, tactic: Tactic) -> Tactic:
        """The lab's own, held longer."""
        return Tough(tactic, self.toughness) if self.toughness > 0 else tactic
