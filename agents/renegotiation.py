"""Contracts in force talked over again: waivers of exclusivity, prices, relief in distress.

A renegotiation is a `Talk` whose alternative is the contract as it stands, or leaving where the
lab could. What starts one is looked for contract by contract each month; the figures behind both
views are in `agents/grievances.py`, what becomes of the talks in `agents/amending.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..market.contracts import ComputeContract
from ..market.negotiation import Outcome, Stance, Talk
from .alternatives import Alternatives
from .amending import (
    EXTENSION_MONTHS,
    PRICE,
    RELIEF,
    REVIEW,
    WAIVER,
    Amendment,
    amend,
    record_refusal,
    relieve,
    waive,
)
from .economy import Economy
from .grievances import (
    LEAST_MONTHS,
    WORTH_LEAVING,
    in_relief,
    leaving_pays,
    leaving_unserved_pays,
    relief_views,
    staying_views,
    waiver_views,
)
from .lab import Lab
from .leaving import terminate

_ASK_AGAIN_MONTHS = 3  # after a refusal
_RELIEF_MONTHS = 12  # from one relief to the next
_LEAST_EXCLUSIVE_MONTHS = 3  # to the end of exclusivity: less is not worth a fee
_DISTRESS_DEADLINE_MONTHS = 2  # a lab about to fail cannot talk longer
_MEMORY = 0.5  # weight of the latest request in what a lab expects of the cloud it is bound to


@dataclass(slots=True)
class Freed:
    """A workload for which a lab may ask the market at once, and the cloud that it left."""

    workload: str
    left: str | None = None


class Renegotiations:
    """All renegotiations under way, and what labs remember of the clouds that they are bound to."""

    def __init__(self) -> None:
        """None."""
        self.talks: dict[str, Amendment] = {}  # by contract, of waivers by pair
        self.paused: dict[str, int] = {}
        self.covered: dict[tuple[str, str], float] = {}  # of requests under exclusivity, by lab

    def drop_the_dead(self, economy: Economy) -> None:
        """End the talks of labs that have failed."""
        for key in [k for k, a in self.talks.items() if not economy.labs[a.lab].alive]:
            self._refuse(economy, key, self.talks[key], "WITHDRAWN")

    def note(self, lab: str, workload: str, share: float) -> None:
        """A request to the bound cloud is over: the share of it that was signed."""
        known = self.covered.get((lab, workload), 1.0)
        self.covered[lab, workload] = known + _MEMORY * (share - known)

    def review(self, economy: Economy, lab: Lab, outside: Alternatives) -> list[Freed]:
        """A month of a lab's talks on its contracts in force, and of leaving them."""
        market = economy.market
        freed: list[Freed] = []
        if market.month == 0:
            return freed
        for key in [k for k, a in self.talks.items() if a.lab == lab.name]:
            self._go_on(economy, key, outside, freed)
        live = market.book.of_lab(lab.name)
        rules = market.rules.world.bargaining
        if lab.frozen:
            if rules.allow_amendments:
                self._ask_for_relief(economy, lab, live, outside, freed)
            return freed
        for contract in live:
            firm = contract.termination_fee_share >= WORTH_LEAVING
            if firm and not contract.short_months and not contract.price_review_months:
                continue  # as most are
            self._look_at(economy, lab, contract, outside, freed)
            if freed and any(f.left for f in freed):
                break  # one move a month
        if rules.allow_waivers:
            self._ask_for_waiver(economy, lab, live, outside, freed)
        return freed

    # -- triggers -----------------------------------------------------------------------------

    def _look_at(
        self, economy: Economy, lab: Lab, contract: ComputeContract, outside: Alternatives,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        """Whether a contract gives cause to leave or to talk this month."""
        market = economy.market
        month, key = market.month, contract.contract_id
        if contract.end - month < LEAST_MONTHS or contract.start > month:
            return
        late = contract.delay_exit_months
        if late and contract.short_months >= late:
            if leaving_unserved_pays(lab, economy.clouds[contract.cloud], contract, outside):
                self._leave(economy, contract, 0, "late delivery", freed)
            return
        every = contract.price_review_months
        if every and month > contract.start and (month - contract.start) % every == 0:
            if self._may_open(key, month):
                self._open(economy, key, REVIEW, contract, outside, freed)
            return
        if leaving_pays(lab, contract, outside) is None or key in self.talks:
            return
        if market.rules.world.bargaining.allow_amendments:
            if self._may_open(key, month):
                self._open(economy, key, PRICE, contract, outside, freed)
        else:
            self._leave_for_price(economy, lab, contract, outside, freed)

    def _ask_for_waiver(
        self, economy: Economy, lab: Lab, live: list[ComputeContract], outside: Alternatives,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        """Ask for the end of exclusivity, unless it soon ends by itself."""
        bound: dict[str, ComputeContract] = {}
        for contract in [c for c in live if c.exclusive]:
            if contract.ended is None:
                last = bound.get(contract.cloud)
                if last is None or contract.end > last.end:
                    bound[contract.cloud] = contract
        month = economy.market.month
        for cloud, contract in bound.items():
            key = f"{lab.name}>{cloud}/{WAIVER}"
            soon_over = contract.end - month < _LEAST_EXCLUSIVE_MONTHS
            if soon_over or lab.group == economy.clouds[cloud].group:
                continue
            if self._may_open(key, month):
                self._open(economy, key, WAIVER, contract, outside, freed)

    def _ask_for_relief(
        self, economy: Economy, lab: Lab, live: list[ComputeContract], outside: Alternatives,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        """Ask each cloud to ask less of a lab in distress."""
        for cloud in dict.fromkeys([c.cloud for c in live]):
            key = f"{lab.name}>{cloud}/{RELIEF}"
            if self._may_open(key, economy.market.month):
                contracts = in_relief(lab, cloud)
                if contracts:
                    self._open(economy, key, RELIEF, contracts[0], outside, freed)

    def _may_open(self, key: str, month: int) -> bool:
        return key not in self.talks and self.paused.get(key, -1) <= month

    # -- talks --------------------------------------------------------------------------------

    def _views(
        self, economy: Economy, topic: str, contract: ComputeContract, outside: Alternatives
    ) -> tuple[Stance, Stance] | None:
        """Both sides' stances on a topic today; None where there is no cause (any more)."""
        lab, cloud = economy.labs[contract.lab], economy.clouds[contract.cloud]
        if topic == WAIVER:
            return waiver_views(economy, lab, cloud, contract, outside, self.covered)
        if topic == RELIEF:
            return relief_views(economy, lab, cloud, outside)
        extension = EXTENSION_MONTHS if topic == PRICE else 0
        return staying_views(
            economy, lab, cloud, contract, outside, extension, free_to_leave=topic == REVIEW
        )

    def _open(
        self, economy: Economy, key: str, topic: str, contract: ComputeContract,
        outside: Alternatives, freed: list[Freed],
    ) -> None:  # fmt: skip
        """Sit down; the first rounds are played at once."""
        views = self._views(economy, topic, contract, outside)
        if views is None:
            return
        rules = economy.market.rules.world.bargaining
        months = rules.deadline_months
        if topic == RELIEF:
            months = min(months, _DISTRESS_DEADLINE_MONTHS)
        talk = Talk(*views, rules.rounds_per_month * months)
        month = economy.market.month
        amendment = Amendment(topic, contract.lab, contract.cloud, contract, talk, month)
        self.talks[key] = amendment
        self._play(economy, key, amendment, outside, freed)

    def _go_on(self, economy: Economy, key: str, outside: Alternatives, freed: list[Freed]) -> None:
        """Another month of talks, with a new look at what each would do else."""
        amendment = self.talks[key]
        views = None
        if amendment.topic == RELIEF or amendment.contract.ended is None:
            views = self._views(economy, amendment.topic, amendment.contract, outside)
        if views is None:
            self._refuse(economy, key, amendment, "WITHDRAWN")
            return
        amendment.talk.revise(*views)
        self._play(economy, key, amendment, outside, freed)

    def _play(
        self, economy: Economy, key: str, amendment: Amendment, outside: Alternatives,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        """A month's rounds, and what they come to."""
        talk, contract, topic = amendment.talk, amendment.contract, amendment.topic
        rules = economy.market.rules.world.bargaining
        outcome = talk.outcome or talk.advance(rules.rounds_per_month)
        if outcome is None:
            return
        if outcome is not Outcome.SIGNED:
            self._refuse(economy, key, amendment, str(outcome))
            if topic == PRICE:
                lab = economy.labs[contract.lab]
                self._leave_for_price(economy, lab, contract, outside, freed)
            return
        del self.talks[key]
        pause = _RELIEF_MONTHS if topic == RELIEF else _ASK_AGAIN_MONTHS
        self.paused[key] = economy.market.month + pause
        if topic == WAIVER:
            freed += [Freed(workload) for workload in waive(economy, amendment)]
        elif topic == RELIEF:
            relieve(economy, amendment, in_relief(economy.labs[amendment.lab], amendment.cloud))
        else:
            amend(economy, amendment)

    def _refuse(self, economy: Economy, key: str, amendment: Amendment, outcome: str) -> None:
        """Nothing changes, and nobody asks again for a while."""
        del self.talks[key]
        self.paused[key] = economy.market.month + _ASK_AGAIN_MONTHS
        record_refusal(economy, amendment, outcome)

    # -- leaving ------------------------------------------------------------------------------

    def _leave_for_price(
        self, economy: Economy, lab: Lab, contract: ComputeContract, outside: Alternatives,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        """Leave for the fee where it still pays."""
        fee = leaving_pays(lab, contract, outside)
        if fee is not None and not lab.frozen:
            self._leave(economy, contract, fee, "price", freed)

    def _leave(
        self, economy: Economy, contract: ComputeContract, fee_usd: int, reason: str,
        freed: list[Freed],
    ) -> None:  # fmt: skip
        self.talks.pop(contract.contract_id, None)
        terminate(economy, contract, fee_usd, reason)
        freed.append(Freed(contract.workload, contract.cloud))
