"""Double-entry books of every firm and of the world outside, in whole US dollars.

A posting is a set of lines (owner, account, amount, claim); debits are positive, credits negative,
and the lines of each owner sum to zero. Claims between owners (receivables, prepaid credit, loans,
equity at cost) are booked by both sides under one key, so that each has its mirror.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

WORLD: Final = "world"


class Account(IntEnum):
    """Accounts of an owner; assets and expenses carry debit balances."""

    CASH = 0
    RECEIVABLES = 1
    PREPAID = 2
    INVENTORY = 3
    PROPERTY = 4
    LOANS = 5
    EQUITY_HELD = 6
    PAYABLES = 7
    DEFERRED_REVENUE = 8
    DEBT = 9
    PAID_IN_CAPITAL = 10
    RETAINED_EARNINGS = 11
    INCOME = 12
    EXPENSE = 13


A = Account
_MIRROR: Final = {
    A.PAYABLES: A.RECEIVABLES,
    A.DEFERRED_REVENUE: A.PREPAID,
    A.DEBT: A.LOANS,
    A.PAID_IN_CAPITAL: A.EQUITY_HELD,
}
_ASSET_CLAIMS: Final = frozenset(_MIRROR.values())

# What a payment for a purpose does in the payer's and in the payee's books.
_BOOKED_AS: Final[Mapping[str, tuple[Account, Account]]] = defaultdict(
    lambda: (A.EXPENSE, A.INCOME),
    {
        "chips": (A.PROPERTY, A.INCOME),
        "data_centre": (A.PROPERTY, A.INCOME),
        "principal": (A.DEBT, A.LOANS),
        "prepayment": (A.PREPAID, A.DEFERRED_REVENUE),
        "chip_deposit": (A.PREPAID, A.DEFERRED_REVENUE),
        "deposit_refund": (A.DEFERRED_REVENUE, A.PREPAID),
        "fleet_sale": (A.PROPERTY, A.INCOME),
        "loan_draw": (A.LOANS, A.DEBT),
        "equity": (A.EQUITY_HELD, A.PAID_IN_CAPITAL),
        "parent_funding": (A.EQUITY_HELD, A.PAID_IN_CAPITAL),
        "limited_partners": (A.EQUITY_HELD, A.PAID_IN_CAPITAL),
        "founding": (A.EQUITY_HELD, A.PAID_IN_CAPITAL),
    },
)
# The payer of these is the creditor of the claim; of the others in _BOOKED_AS, the debtor.
_DEBTOR_PAYS: Final = frozenset({"principal", "deposit_refund"})


class Bill(NamedTuple):
    """An amount due now: settled in cash, or carried as a payable."""

    payer: str
    payee: str
    amount_usd: int
    purpose: str
    ref: str = ""  # contract, order or loan that a claim belongs to


class Claim(NamedTuple):
    """What `debtor` owes `creditor` under `ref`; `account` is the creditor's."""

    account: Account
    creditor: str
    debtor: str
    ref: str


class Line(NamedTuple):
    """One side of a posting."""

    owner: str
    account: Account
    amount_usd: int
    claim: Claim | None = None


class Posting(NamedTuple):
    """A journal entry; its lines sum to zero for each owner."""

    month: int
    purpose: str
    lines: tuple[Line, ...]


class LedgerError(Exception):
    """An invariant of the books is broken."""


class Ledger:
    """The books of all owners, the journal behind them, and this month's cash flows."""

    def __init__(self, owners: Iterable[str]) -> None:
        """Open empty books for `owners` and for the world."""
        self.month = 0
        self.books: dict[str, list[int]] = {o: [0] * len(Account) for o in (*owners, WORLD)}
        self.claims: dict[Claim, int] = {}  # as the creditors book them
        self.obligations: dict[Claim, int] = {}  # as the debtors book them
        self.journal: list[Posting] = []
        self.flows: dict[tuple[str, str, str], int] = defaultdict(int)
        self.income: dict[str, dict[str, int]] = {o: defaultdict(int) for o in self.books}
        self.expense: dict[str, dict[str, int]] = {o: defaultdict(int) for o in self.books}
        self.closed: set[str] = set()

    # -- reading ------------------------------------------------------------------------------

    def cash_usd(self, owner: str) -> int:
        """Cash of an owner; negative for the world alone."""
        return self.books[owner][A.CASH]

    def balance_usd(self, owner: str, account: Account) -> int:
        """Balance of an account in its natural sign: a debt of 5 reads 5."""
        value = self.books[owner][account]
        return value if account <= A.EQUITY_HELD or account == A.EXPENSE else -value

    def claim_usd(self, account: Account, creditor: str, debtor: str, ref: str = "") -> int:
        """What `debtor` owes `creditor` under `ref`, by the creditor's account."""
        return self.claims.get(Claim(account, creditor, debtor, ref), 0)

    def owed_by(self, debtor: str, *accounts: Account) -> list[tuple[Claim, int]]:
        """All claims on `debtor` in the given creditor's accounts, sorted."""
        return sorted(
            (claim, usd)
            for claim, usd in self.claims.items()
            if claim.debtor == debtor and claim.account in accounts
        )

    # -- posting ------------------------------------------------------------------------------

    def post(self, purpose: str, lines: tuple[Line, ...]) -> None:
        """Enter a posting; raises LedgerError if it does not balance or a party is closed."""
        total = 0
        books = self.books
        for owner, account, amount, claim in lines:
            books[owner][account] += amount
            total += amount
            if claim is not None:
                if account == claim.account:
                    self._move(self.claims, claim, amount)
                else:
                    self._move(self.obligations, claim, -amount)
            elif account == A.EXPENSE:
                self.expense[owner][purpose] += amount
            elif account == A.INCOME:
                self.income[owner][purpose] -= amount
            if owner in self.closed and purpose != "liquidation":
                raise LedgerError(f"month {self.month}: '{purpose}' is posted by the dead {owner}")
        if total != 0:
            raise LedgerError(f"month {self.month}: '{purpose}' does not balance: {lines}")
        self.journal.append(Posting(self.month, purpose, lines))

    @staticmethod
    def _move(side: dict[Claim, int], claim: Claim, amount: int) -> None:
        value = side.get(claim, 0) + amount
        if value:
            side[claim] = value
        else:
            side.pop(claim, None)

    def pay(self, bill: Bill) -> None:
        """Settle a bill in cash; a bill of nothing leaves no trace."""
        payer, payee, amount, purpose, _ = bill
        if amount == 0:
            return
        debit, credit = self._sides(bill)
        lines = (
            debit,
            Line(payer, A.CASH, -amount),
            Line(payee, A.CASH, amount),
            credit,
        )
        self.post(purpose, lines)
        self.flows[payer, payee, purpose] += amount

    def defer(self, bill: Bill) -> None:
        """Book a bill that is not paid when due: payable and receivable."""
        if bill.amount_usd == 0:
            return
        debit, credit = self._sides(bill)
        claim = Claim(A.RECEIVABLES, bill.payee, bill.payer, bill.purpose)
        lines = (
            debit,
            Line(bill.payer, A.PAYABLES, -bill.amount_usd, claim),
            Line(bill.payee, A.RECEIVABLES, bill.amount_usd, claim),
            credit,
        )
        self.post(bill.purpose, lines)

    @staticmethod
    def _sides(bill: Bill) -> tuple[Line, Line]:
        """The payer's debit and the payee's credit."""
        payer, payee, amount, purpose, ref = bill
        debit, credit = _BOOKED_AS[purpose]
        claim = None
        if debit in _ASSET_CLAIMS:
            claim = Claim(debit, payer, payee, ref)
        elif purpose in _DEBTOR_PAYS:
            claim = Claim(credit, payee, payer, ref)
        return Line(payer, debit, amount, claim), Line(payee, credit, -amount, claim)

    def pay_arrears(self, claim: Claim, amount_usd: int, purpose: str = "") -> None:
        """Pay part of a receivable that was deferred; `claim.ref` is its purpose."""
        if amount_usd == 0:
            return
        purpose = purpose or claim.ref
        self.post(
            purpose,
            (
                Line(claim.debtor, A.PAYABLES, amount_usd, claim),
                Line(claim.debtor, A.CASH, -amount_usd),
                Line(claim.creditor, A.CASH, amount_usd),
                Line(claim.creditor, A.RECEIVABLES, -amount_usd, claim),
            ),
        )
        self.flows[claim.debtor, claim.creditor, purpose] += amount_usd

    def redeem(self, claim: Claim, amount_usd: int) -> None:
        """Pay a loan, or refund prepaid credit, out of a debtor's estate."""
        if amount_usd == 0:
            return
        mirror = next(m for m, asset in _MIRROR.items() if asset == claim.account)
        self.post(
            "liquidation",
            (
                Line(claim.debtor, mirror, amount_usd, claim),
                Line(claim.debtor, A.CASH, -amount_usd),
                Line(claim.creditor, A.CASH, amount_usd),
                Line(claim.creditor, claim.account, -amount_usd, claim),
            ),
        )
        self.flows[claim.debtor, claim.creditor, "liquidation"] += amount_usd

    def draw_prepaid(
        self, buyer: str, seller: str, amount_usd: int, purpose: str, ref: str
    ) -> None:
        """Use prepaid credit: an expense of the buyer, earned by the seller, no cash.

        For chips the deposit becomes property.
        """
        if amount_usd == 0:
            return
        debit, credit = _BOOKED_AS[purpose]
        claim = Claim(A.PREPAID, buyer, seller, ref)
        self.post(
            purpose,
            (
                Line(buyer, debit, amount_usd),
                Line(buyer, A.PREPAID, -amount_usd, claim),
                Line(seller, A.DEFERRED_REVENUE, amount_usd, claim),
                Line(seller, credit, -amount_usd),
            ),
        )

    def write_down(self, owner: str, account: Account, amount_usd: int, purpose: str) -> None:
        """Turn an asset without counterparty (property, inventory) into an expense."""
        if amount_usd == 0:
            return
        self.post(
            purpose,
            (Line(owner, A.EXPENSE, amount_usd), Line(owner, account, -amount_usd)),
        )

    def write_off(self, claim: Claim, amount_usd: int) -> None:
        """Cancel a claim that will not be paid: a loss to the creditor, a gain to the debtor."""
        if amount_usd == 0:
            return
        mirror = next(m for m, asset in _MIRROR.items() if asset == claim.account)
        self.post(
            "liquidation",
            (
                Line(claim.creditor, A.EXPENSE, amount_usd),
                Line(claim.creditor, claim.account, -amount_usd, claim),
                Line(claim.debtor, mirror, amount_usd, claim),
                Line(claim.debtor, A.INCOME, -amount_usd),
            ),
        )

    def open_books(self, owner: str, property_usd: int) -> None:
        """Give an owner the property it starts with, as paid in by its founders (the world)."""
        if property_usd == 0:
            return
        claim = Claim(A.EQUITY_HELD, WORLD, owner, "property")
        self.post(
            "founding",
            (
                Line(owner, A.PROPERTY, property_usd),
                Line(owner, A.PAID_IN_CAPITAL, -property_usd, claim),
                Line(WORLD, A.EQUITY_HELD, property_usd, claim),
                Line(WORLD, A.RETAINED_EARNINGS, -property_usd),
            ),
        )

    def return_capital(self, owner: str, amount_usd: int, ref: str) -> None:
        """Pay founders back out of a loan that stood before the start, so that cash is as given."""
        claim = Claim(A.EQUITY_HELD, WORLD, owner, "property")
        paid_in = min(amount_usd, self.claims.get(claim, 0))
        rest = amount_usd - paid_in
        lines = (
            Line(owner, A.PAID_IN_CAPITAL, paid_in, claim),
            Line(owner, A.EXPENSE, rest),
            Line(owner, A.CASH, -amount_usd),
            Line(WORLD, A.CASH, amount_usd),
            Line(WORLD, A.EQUITY_HELD, -paid_in, claim),
            Line(WORLD, A.INCOME, -rest),
        )
        self.post("founding", lines)
        self.flows[owner, WORLD, "founding"] += amount_usd

    # -- closing the month --------------------------------------------------------------------

    def close_month(self) -> dict[tuple[str, str, str], int]:
        """Check every invariant, move income and expense to retained earnings, return flows."""
        self.check()
        for row in self.books.values():
            row[A.RETAINED_EARNINGS] += row[A.INCOME] + row[A.EXPENSE]
            row[A.INCOME] = row[A.EXPENSE] = 0
        flows, self.flows = self.flows, defaultdict(int)
        for side in (self.income, self.expense):
            for purposes in side.values():
                purposes.clear()
        self.journal.append(Posting(self.month, "close", ()))
        return flows

    def check(self) -> None:
        """Raise LedgerError naming month, owner and postings where an invariant is broken."""
        cash = 0
        for owner, row in self.books.items():
            cash += row[0]
            if sum(row) != 0:
                self._fail(owner, "assets do not equal liabilities and equity")
            if row[0] < 0 and owner != WORLD:
                self._fail(owner, f"cash is negative: {row[0]}")
            if row[A.PROPERTY] < 0 or row[A.INVENTORY] < 0:
                self._fail(owner, "property or inventory is negative")
        if cash != 0:
            self._fail(WORLD, f"cash of all owners is {cash}, not 0")
        if self.claims != self.obligations:
            odd = set(self.claims.items()) ^ set(self.obligations.items())
            claim = min(odd)[0]
            self._fail(claim.creditor, f"claim without its mirror: {claim}")
        for claim, usd in self.claims.items():
            if usd < 0:
                self._fail(claim.debtor, f"negative claim: {claim} {usd}")

    def _fail(self, owner: str, what: str) -> None:
        recent = [
            p
            for p in self.journal[-2000:]
            if p.month == self.month and any(line.owner == owner for line in p.lines)
        ]
        postings = "; ".join(f"{p.purpose} {[tuple(x[:3]) for x in p.lines]}" for p in recent[-5:])
        raise LedgerError(f"month {self.month}: {owner}: {what}; last postings: {postings}")

    def replay(self) -> Ledger:
        """New books made from the journal alone; equal to these if nothing bypassed it."""
        copy = Ledger(owner for owner in self.books if owner != WORLD)
        for month, purpose, lines in self.journal:
            copy.month = month
            if purpose == "close":
                copy.close_month()
            else:
                copy.post(purpose, lines)
        return copy
