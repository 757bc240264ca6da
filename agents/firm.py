"""What all firms share: books, money that comes and goes, runway, status and strategies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count
from math import exp
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import mesa

from ..market.equity import CapTable
from ..market.insolvency import Status
from ..market.ledger import WORLD, Account, Bill
from ..market.market import Market
from ..scenarios import schema
from .strategies import decisions, guarded, make
from .strategies.financing import Financing

NO_BURN_RUNWAY_MONTHS = 999.0
_CASH, _DEBT = int(Account.CASH), int(Account.DEBT)  # read all the time: a plain index is faster

# Cash flows that are neither operation nor debt service do not count for runway.
CAPITAL_PURPOSES = frozenset(
    {
        "equity", "rescue", "loan_draw", "parent_funding", "limited_partners", "founding", "grant",
        "chips", "chip_deposit", "data_centre", "liquidation",
        "deposit_refund", "team_hire", "bridge", "fleet_sale", "firm_sale", "assignment",
    }
)  # fmt: skip
CAPEX_PURPOSES = frozenset({"chips", "chip_deposit", "data_centre"})
FUNDING_PURPOSES = frozenset(
    {
        "equity", "bridge", "loan_draw", "parent_funding", "limited_partners", "founding", "grant",
    }
)  # fmt: skip


class _Numbers(WeakKeyDictionary[mesa.Model, Iterator[int]]):
    """Numbers for the agents of each model, from 1."""

    def __getitem__(self, model: mesa.Model) -> Iterator[int]:
        return self.setdefault(model, count(1))


class Firm(mesa.Agent):
    """A firm: a name, a scenario entry in force, books at the ledger, and a state of health."""

    role: ClassVar[str]
    financing_rule: Financing  # of labs and clouds
    # Mesa 3.3 keeps its own in a dictionary that holds every model of the process for good.
    _ids = _Numbers()

    def __init__(self, model: mesa.Model, spec: schema.Firm, market: Market) -> None:
        """Found the firm as its scenario entry says; money comes with `open_books`."""
        super().__init__(model)
        self.market = market
        self.name = spec.name
        self.entered = market.month  # figures of the scenario hold for then
        self.group = spec.group or spec.name
        self.kind: str = getattr(spec, "kind", "")
        self.row = market.ledger.books[self.name]  # its balances, by account
        self.status = Status.HEALTHY
        self.cap_table = CapTable({WORLD: 1_000_000_000})
        self.purse_usd = 0.0  # parent funding not drawn yet
        self.committed_usd = 0  # tranches promised and not paid, loans to others not drawn
        self.revenue_usd = 0  # of the month, accrued
        self.cost_usd = 0
        self.cost_of_sales_usd = 0
        self.capex_usd = 0
        self.burn_usd = 0
        self.outflows: deque[int] = deque(maxlen=3)  # net operating and debt outflow
        self.burns: deque[int] = deque(maxlen=3)  # the same with capex, less loans drawn
        self.revenues: deque[int] = deque(maxlen=13)
        self.valuation_usd = 0.0
        self.last_post_money_usd = 0.0
        self.last_round_usd = 0.0
        self.growth_per_year = 2.8  # factor of recurring revenue
        self.funds_due_usd = 0.0  # binding tranches due on dates
        self.letters_usd = 0.0  # promised by letter: never cash, nor runway
        self.share_price_index = 100.0
        self.share_news = 0.0  # log points in the share price that news left, fading
        self.opening_revenue_usd = 1.0
        self.credit_rating = "BBB"
        self.runway_months = NO_BURN_RUNWAY_MONTHS
        self.unpaid_usd = 0  # of this month's dues, at settlement
        self.arrears_usd = 0  # unpaid at the end of the month
        self.months_since_round = 6
        self.kept_alive = False
        self.rescues = 0  # by partners, so far
        self.cost_cut = 1.0  # of staff and the rest, or of research, after cuts in distress
        self.spec = spec
        self.follow(spec)

    def follow(self, spec: schema.Firm) -> None:
        """Take the scenario entry in force from now on, strategies included."""
        self.spec = spec
        self.backed = spec.parent_funding_usd_per_year > 0  # a parent outside the model pays
        for decision in decisions(self.role):
            setattr(self, f"{decision}_rule", self.rule(decision, getattr(spec, decision)))

    def rule(self, decision: str, given: schema.Strategy) -> Any:
        """The decision rule that a scenario names, as this firm holds it."""
        name = f"'{given.name}' ({decision}) of {self.name}"
        market = self.market
        return guarded(make(self.role, decision, given), name, lambda: market.date)

    def open_books(self) -> None:
        """Bring the opening cash, paid in by founders and the public."""
        cash = round(self.spec.cash_usd)
        self.market.ledger.pay(Bill(WORLD, self.name, cash, "founding", "cash"))

    @property
    def cash_usd(self) -> int:
        """Cash at hand, US dollars."""
        return self.row[_CASH]

    @property
    def debt_usd(self) -> int:
        """Loans outstanding, US dollars."""
        return -self.row[_DEBT]

    @property
    def book_equity_usd(self) -> int:
        """Assets less liabilities at cost, US dollars; below 0 where more is owed than owned."""
        return sum(self.row[: Account.PAID_IN_CAPITAL])

    @property
    def status(self) -> Status:
        """How close the firm is to default."""
        return self._status

    @status.setter
    def status(self, status: Status) -> None:
        self._status = status
        self.alive = status is not Status.DEFAULTED  # it still trades
        # distress forbids new commitments
        self.frozen = status in (Status.DISTRESS, Status.CURE, Status.DEFAULTED)

    @property
    def mean_outflow_usd(self) -> float:
        """Mean net operating and debt outflow of the last three months, US dollars a month."""
        return sum(self.outflows) / len(self.outflows) if self.outflows else 0.0

    def committed_funds_usd(self) -> float:
        """Money others have bound themselves to pay: undrawn loans, tranches due on dates."""
        return self.funds_due_usd

    def counted_letters_usd(self) -> float:
        """Letters that the firm counts as money when it spends and raises: its rule's share."""
        if not self.letters_usd:
            return 0.0
        return float(getattr(self.financing_rule, "letter_weight", 0.0)) * self.letters_usd

    def refresh_runway(self) -> None:
        """Months until cash and committed money are used up (design, section 12)."""
        outflow = self.mean_outflow_usd
        if self.arrears_usd > 0:
            self.runway_months = 0.0
            return
        if outflow <= 0:
            self.runway_months = NO_BURN_RUNWAY_MONTHS
            return
        funds = self.cash_usd + self.committed_funds_usd() + self.purse_usd
        if self.backed:
            outflow -= self.parent_funding_usd_per_month()
        if outflow <= 0:
            self.runway_months = NO_BURN_RUNWAY_MONTHS
        else:
            self.runway_months = min(NO_BURN_RUNWAY_MONTHS, funds / outflow)

    def parent_funding_usd_per_month(self) -> float:
        """What the parent is ready to pay a month, US dollars."""
        spec = self.spec
        years = (self.market.month - self.entered) / 12
        return (
            spec.parent_funding_usd_per_year / 12 * exp(spec.parent_funding_growth_per_year * years)
        )
