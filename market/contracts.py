"""What a deal is: parties, kind, status and terms, as data.

Compute contracts, chip orders and loans; equity rounds live in `equity`. A letter of intent is a
status and never touches the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

HOURS_PER_MONTH: Final = 730.0
_MONTHS_IN_QUARTER: Final = 3


class DealStatus(StrEnum):
    """Where a deal stands."""

    TALKS = "TALKS"
    LETTER_OF_INTENT = "LETTER_OF_INTENT"
    SIGNED = "SIGNED"
    ACTIVE = "ACTIVE"
    AMENDED = "AMENDED"
    ENDED = "ENDED"
    LAPSED = "LAPSED"
    DEFAULTED = "DEFAULTED"


class SignedTerms(NamedTuple):
    """What an amendment can change of a compute contract, as it was signed."""

    h100e: float
    price_usd_per_h100e_hour: float
    end: int
    exclusive: bool
    amount_usd: int  # price over the term


@dataclass(slots=True, eq=False)
class ComputeContract:
    """Capacity that a cloud holds for a lab: a path in H100e of one workload at a fixed price."""

    contract_id: str
    lab: str
    cloud: str
    workload: str
    maker: str  # chip family: a maker, or the line of a custom chip
    h100e: float  # at full ramp
    price_usd_per_h100e_hour: float
    opened: int  # month of the request for offers
    signed: int
    start: int
    end: int  # first month without capacity
    mw: float = 0.0  # at full ramp, on the chips of the day of signing
    opening_h100e: float = 0.0
    ramp_months: int = 1
    prepaid_share: float = 0.0
    take_or_pay_share: float = 1.0
    termination_fee_share: float = 0.7
    exclusive: bool = False
    first_refusal: bool = False  # the cloud may match what a rival offers the lab
    delay_exit_months: int = 0  # short months in a row after which leaving is free; 0: never
    price_review_months: int = 0  # every so many either side may ask for the market; 0: never
    renewal: bool = False
    rounds: int = 0
    buyer_reservation_usd: float | None = None
    seller_reservation_usd: float | None = None
    status: DealStatus = DealStatus.SIGNED
    ended: int | None = None
    reason: str = ""
    delivered_h100e: float = 0.0  # this month
    promised_h100e: float = 0.0  # this month
    short_months: int = 0  # months in a row with less than promised
    month_amended: int | None = None  # of the last amendment
    month_waived: int = -1  # of the end of exclusivity by a waiver
    signed_terms: SignedTerms | None = None  # where an amendment changed them
    full_from: int = field(init=False)  # first month at full ramp

    def __post_init__(self) -> None:
        self.full_from = self.start + self.ramp_months - 1

    def as_signed(self) -> SignedTerms:
        """The terms of signing, whatever was amended since."""
        return self.signed_terms or SignedTerms(
            self.h100e,
            self.price_usd_per_h100e_hour,
            self.end,
            self.exclusive,
            round(self.remaining_usd(self.start)),
        )

    def h100e_at(self, month: int) -> float:
        """Capacity promised in a month: zero before the start and from the end on."""
        if month < self.start or month >= self.end:
            return 0.0
        if month >= self.full_from:
            return self.h100e
        elapsed = month - self.start + 1
        return self.opening_h100e + (self.h100e - self.opening_h100e) * elapsed / self.ramp_months

    def remaining_h100e_hours(self, month: int) -> float:
        """Capacity still to come, from `month` to the end."""
        if month >= self.full_from:
            return HOURS_PER_MONTH * self.h100e * (self.end - month if month < self.end else 0)
        first = max(month, self.start)
        ramped = min(self.end, self.full_from)
        if first >= ramped:
            return HOURS_PER_MONTH * self.h100e * max(0, self.end - first)
        # an arithmetic series
        ramping = (self.h100e_at(first) + self.h100e_at(ramped - 1)) / 2 * (ramped - first)
        return HOURS_PER_MONTH * (ramping + self.h100e * (self.end - ramped))

    def remaining_usd(self, month: int) -> float:
        """Price of the capacity still to come."""
        if self.full_from <= month < self.end:  # as most are
            hours = HOURS_PER_MONTH * self.h100e * (self.end - month)
        else:
            hours = self.remaining_h100e_hours(month)
        return self.price_usd_per_h100e_hour * hours

    def take_or_pay_h100e(self, used_h100e: float) -> float:
        """Capacity to pay for: what is used, at least the take-or-pay share of what came."""
        least = self.take_or_pay_share * self.delivered_h100e
        return used_h100e if used_h100e > least else least


@dataclass(slots=True, eq=False)
class ChipOrder:
    """Chips of one maker ordered by one buyer; the maker ships its current generation."""

    contract_id: str
    buyer: str
    maker: str
    h100e: float  # ordered, blended throughput
    month: int
    expected: int  # month of the last delivery as quoted
    price_usd_per_h100e: float  # at signing
    deposit_usd: int = 0
    left_h100e: float = 0.0
    units: int = 0  # delivered
    late: bool = False
    line: str = ""  # of a custom chip
    on_premise_h100e: float = 0.0  # of it for users who serve themselves, inference H100e
    status: DealStatus = DealStatus.SIGNED
    ended: int | None = None

    def can_grow(self, month: int) -> bool:
        """Whether more can be added: nothing has shipped and the quarter is not over."""
        return self.left_h100e == self.h100e and month - self.month < _MONTHS_IN_QUARTER

    def grow(self, h100e: float, price_usd_per_h100e: float, expected: int) -> None:
        """Add chips at today's price; the order's price is the mean of what was agreed."""
        total = self.h100e + h100e
        paid = self.h100e * self.price_usd_per_h100e + h100e * price_usd_per_h100e
        self.price_usd_per_h100e = paid / total
        self.h100e = self.left_h100e = total
        self.expected = max(self.expected, expected)


@dataclass(slots=True, eq=False)
class Loan:
    """A delayed-draw term loan: drawn in its first months, then repaid as an annuity.

    Collateral is the borrower's fleet; covenants are tested on the borrower's books each month.
    """

    contract_id: str
    lender: str
    borrower: str
    committed_usd: int
    rate_per_year: float
    month: int
    draw_until: int  # first month in which principal is repaid
    end: int
    drawn_usd: int = 0
    outstanding_usd: int = 0
    programme: str = ""  # whose plant alone it pays for and is repaid out of (non-recourse)
    status: DealStatus = DealStatus.ACTIVE
    ended: int | None = None
    reason: str = ""

    @property
    def undrawn_usd(self) -> int:
        """Committed and not drawn yet."""
        return self.committed_usd - self.drawn_usd


@dataclass(slots=True, eq=False)
class Note:
    """A convertible note: money lent until the next round, whose shares it buys at a discount.

    It ranks behind secured loans, and is due in cash if no round has come by then.
    """

    contract_id: str
    holder: str
    firm: str
    amount_usd: int
    due: int  # month


@dataclass(slots=True)
class Deal:
    """A row of the contracts table that is no live object: refused talks, equity rounds."""

    contract_id: str
    kind: str
    buyer: str
    seller: str
    status: DealStatus
    outcome: str
    month_opened: int
    values: dict[str, object] = field(default_factory=dict)


class ContractBook:
    """All deals of a run, the live ones at hand, and their ids."""

    def __init__(self) -> None:
        """An empty book."""
        self.compute: list[ComputeContract] = []
        self.by_lab: dict[str, list[ComputeContract]] = {}
        self.by_cloud: dict[str, list[ComputeContract]] = {}
        self.orders: list[ChipOrder] = []
        self.loans: list[Loan] = []
        self.notes: list[Note] = []  # neither converted nor paid back
        self.deals: list[Deal] = []
        self.changes = 0  # contracts signed or ended so far: sums over contracts hold until then
        self._numbers: dict[str, int] = {}

    def new_id(self, buyer: str, seller: str, date: str, what: str) -> str:
        """`buyer>seller/2025-03/what/n` with n counted per pair, month and kind."""
        stem = f"{buyer}>{seller}/{date}/{what}"
        number = self._numbers[stem] = self._numbers.get(stem, 0) + 1
        return f"{stem}/{number}"

    def sign(self, contract: ComputeContract) -> None:
        """Enter a compute contract."""
        self.changes += 1
        self.compute.append(contract)
        self.by_lab.setdefault(contract.lab, []).append(contract)
        self.by_cloud.setdefault(contract.cloud, []).append(contract)

    def amend(self, contract: ComputeContract, month: int, **terms: float | bool) -> None:
        """Change terms of a live contract, which stays on the books as AMENDED."""
        self.changes += 1
        contract.signed_terms = contract.as_signed()
        for name, value in terms.items():
            setattr(contract, name, value)
        contract.month_amended, contract.status = month, DealStatus.AMENDED

    def end(
        self, contract: ComputeContract, month: int, status: DealStatus, reason: str = ""
    ) -> None:
        """Close a compute contract; it stays on the books for the record."""
        self.changes += 1
        contract.status, contract.ended, contract.reason = status, month, reason
        contract.delivered_h100e = contract.promised_h100e = 0.0
        self.by_lab[contract.lab].remove(contract)
        self.by_cloud[contract.cloud].remove(contract)

    def hand_over(self, contract: ComputeContract, *, lab: str = "", cloud: str = "") -> None:
        """Let a buyer take the place of a side that has failed; nobody is bound to it alone."""
        self.changes += 1
        self.by_lab[contract.lab].remove(contract)
        self.by_cloud[contract.cloud].remove(contract)
        contract.lab, contract.cloud = lab or contract.lab, cloud or contract.cloud
        contract.exclusive = contract.first_refusal = False
        self.by_lab.setdefault(contract.lab, []).append(contract)
        self.by_cloud.setdefault(contract.cloud, []).append(contract)

    def of_lab(self, lab: str, workload: str | None = None) -> list[ComputeContract]:
        """Live contracts of a lab, by signing."""
        live = self.by_lab.get(lab, [])
        return live[:] if workload is None else [c for c in live if c.workload == workload]

    def of_cloud(self, cloud: str) -> list[ComputeContract]:
        """Live contracts of a cloud, by signing."""
        return self.by_cloud.get(cloud, [])
