"""Double-entry books of every firm and of the world outside, in whole US dollars.

A posting is a row of lines (owner, account, amount); debits are positive, credits negative, and the
lines sum to zero. Claims between owners (receivables, prepaid credit, loans, equity at cost) are
kept one by one beside the books, and must add up to the balances of creditor and debtor alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from operator import itemgetter
from typing import Any, Final, NamedTuple

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
# The same as plain numbers: postings are made of them by the ten thousand, and a tuple of nothing
# but strings and numbers costs the garbage collector nothing.
(
    _CASH, _RECEIVABLES, _PREPAID, _INVENTORY, _PROPERTY, _LOANS, _EQUITY_HELD, _PAYABLES,
    _DEFERRED_REVENUE, _DEBT, _PAID_IN_CAPITAL, _RETAINED_EARNINGS, _INCOME, _EXPENSE,
) = map(int, Account)  # fmt: skip

# The creditor's account of a claim, and the debtor's.
_MIRROR: Final = {
    _RECEIVABLES: _PAYABLES,
    _PREPAID: _DEFERRED_REVENUE,
    _LOANS: _DEBT,
    _EQUITY_HELD: _PAID_IN_CAPITAL,
}

# What a payment for a purpose does in the payer's and in the payee's books;
# whatever is not listed is an expense of the payer and income of the payee.
_PLAIN: Final = (_EXPENSE, _INCOME)
_BOOKED_AS: Final[Mapping[str, tuple[int, int]]] = {
    "chips": (_PROPERTY, _INCOME),
    "data_centre": (_PROPERTY, _INCOME),
    "fleet_sale": (_PROPERTY, _INCOME),
    "bridge": (_LOANS, _DEBT),
    "note_redemption": (_DEBT, _LOANS),
    "principal": (_DEBT, _LOANS),
    "prepayment": (_PREPAID, _DEFERRED_REVENUE),
    "chip_deposit": (_PREPAID, _DEFERRED_REVENUE),
    "deposit_refund": (_DEFERRED_REVENUE, _PREPAID),
    "loan_draw": (_LOANS, _DEBT),
    "equity": (_EQUITY_HELD, _PAID_IN_CAPITAL),
    "rescue": (_EQUITY_HELD, _PAID_IN_CAPITAL),
    "parent_funding": (_EQUITY_HELD, _PAID_IN_CAPITAL),
    "limited_partners": (_EQUITY_HELD, _PAID_IN_CAPITAL),
    "founding": (_EQUITY_HELD, _PAID_IN_CAPITAL),
}

# Purposes that make a claim or settle one.
_OF_CLAIMS: Final = frozenset(
    purpose for purpose, accounts in _BOOKED_AS.items() if not _MIRROR.keys().isdisjoint(accounts)
)


class Bill(NamedTuple):
    """An amount due now: settled in cash, or carried as a payable."""

    payer: str
    payee: str
    amount_usd: int
    purpose: str
    ref: str = ""  # contract, order or loan that a claim belongs to; "" where none arises


class Claim(NamedTuple):
    """What `debtor` owes `creditor` under `ref`; `account` is the creditor's."""

    account: int
    creditor: str
    debtor: str
    ref: str


# What `Bill` and `Claim` are in plain: a run makes tens of thousands of them.
PlainBill = tuple[str, str, int, str, str]
ClaimKey = tuple[int, str, str, str]

# All that one payer owes this month: US dollars by payee, purpose and reference of the claim.
Dues = dict[tuple[str, str, str], int]

# A posting line by line, one flat tuple: month and purpose, then owner, account and amount of each.
Posting = tuple[Any, ...]
_EXCHANGE_LENGTH: Final = 9  # month, purpose, amount, payer, debit, given, payee, received, credit


class LedgerError(Exception):
    """An invariant of the books is broken."""


class Ledger:
    """The books of all owners, the journal behind them, and this month's cash flows."""

    def __init__(self, owners: Iterable[str]) -> None:
        """Open empty books for `owners` and for the world."""
        self.month = 0
        self.books: dict[str, list[int]] = {o: [0] * len(Account) for o in (*owners, WORLD)}
        self.claims: dict[ClaimKey, int] = {}
        self.journal: list[Posting] = []  # postings line by line
        # the journal's exchanges, one after the other: a tuple each would be 15 000 objects a run
        self.exchanges: list[Any] = []
        self.flows: dict[tuple[str, str, str], int] = defaultdict(int)
        self.income: dict[str, dict[str, int]] = {o: defaultdict(int) for o in self.books}
        self.expense: dict[str, dict[str, int]] = {o: defaultdict(int) for o in self.books}
        self.closed: set[str] = set()

    # -- reading ------------------------------------------------------------------------------

    def cash_usd(self, owner: str) -> int:
        """Cash of an owner; negative for the world alone."""
        return self.books[owner][_CASH]

    def balance_usd(self, owner: str, account: Account) -> int:
        """Balance of an account in its natural sign: a debt of 5 reads 5."""
        value = self.books[owner][account]
        return value if account <= A.EQUITY_HELD or account == A.EXPENSE else -value

    def claim_usd(self, account: int, creditor: str, debtor: str, ref: str = "") -> int:
        """What `debtor` owes `creditor` under `ref`, by the creditor's account."""
        return self.claims.get((account, creditor, debtor, ref), 0)

    def prepaid_usd(self, buyer: str, seller: str, ref: str) -> int:
        """What is left of a buyer's prepaid credit with a seller under `ref`."""
        return self.claims.get((_PREPAID, buyer, seller, ref), 0)

    def owed_by(self, debtor: str, *accounts: int) -> list[tuple[Claim, int]]:
        """All claims on `debtor` in the given creditor's accounts, sorted."""
        return sorted(
            (Claim(*claim), usd)
            for claim, usd in self.claims.items()
            if claim[2] == debtor and claim[0] in accounts
        )

    # -- posting ------------------------------------------------------------------------------

    def post(self, purpose: str, *lines: Any) -> None:
        """Enter a posting: owner, account, amount of each line in turn.

        Raises:
            LedgerError: it does not balance, or one of the dead posts outside its liquidation.
        """
        total = 0
        books, closed = self.books, self.closed
        for k in range(0, len(lines), 3):
            owner, account, amount = lines[k : k + 3]
            books[owner][account] += amount
            total += amount
            if account == _EXPENSE:
                self.expense[owner][purpose] += amount
            elif account == _INCOME:
                self.income[owner][purpose] -= amount
            if owner in closed and purpose != "liquidation":
                raise LedgerError(f"month {self.month}: '{purpose}' is posted by the dead {owner}")
        if total != 0:
            raise LedgerError(f"month {self.month}: '{purpose}' does not balance: {lines}")
        self.journal.append((self.month, purpose, *lines))

    def _exchange(
        self, purpose: str, amount: int,
        payer: str, debit: int, given: int, payee: str, received: int, credit: int,
    ) -> None:  # fmt: skip
        """Post four lines of one amount, which balance by construction.

        The payer gives for its debit, the payee receives for its credit.
        """
        if self.closed and purpose != "liquidation" and not self.closed.isdisjoint((payer, payee)):
            dead = payer if payer in self.closed else payee
            raise LedgerError(f"month {self.month}: '{purpose}' is posted by the dead {dead}")
        row = self.books[payer]
        row[debit] += amount
        row[given] -= amount
        row = self.books[payee]
        row[received] += amount
        row[credit] -= amount
        if debit == _EXPENSE:
            self.expense[payer][purpose] += amount
        if credit == _INCOME:
            self.income[payee][purpose] += amount
        self.exchanges += (
            self.month, purpose, amount, payer, debit, given, payee, received, credit,
        )  # fmt: skip

    def _owe(self, claim: ClaimKey, amount_usd: int) -> None:
        """Raise a claim, or lower it by a negative amount."""
        value = self.claims.get(claim, 0) + amount_usd
        if value:
            self.claims[claim] = value
        else:
            self.claims.pop(claim, None)

    def _book(self, bill: PlainBill) -> tuple[int, int]:
        """Accounts that a bill touches beside cash; moves the claim that it makes or settles."""
        payer, payee, amount, purpose, ref = bill
        debit, credit = _BOOKED_AS.get(purpose, _PLAIN)
        if debit in _MIRROR:
            self._owe((debit, payer, payee, ref), amount)
        elif credit in _MIRROR:
            self._owe((credit, payee, payer, ref), -amount)
        return debit, credit

    def pay(self, bill: PlainBill) -> None:
        """Settle a bill in cash; a bill of nothing leaves no trace."""
        payer, payee, amount, purpose, _ = bill
        if amount == 0:
            return
        debit, credit = self._book(bill) if purpose in _BOOKED_AS else _PLAIN
        self._exchange(purpose, amount, payer, debit, _CASH, payee, _CASH, credit)
        self.flows[payer, payee, purpose] += amount

    def pay_all(self, payer: str, dues: Dues) -> None:
        """Settle all that one payer owes in cash, as `pay` would bill by bill."""
        month, books, flows, enter = self.month, self.books, self.flows, self.exchanges.extend
        closed, expense, income = self.closed, self.expense[payer], self.income
        row, paid = books[payer], 0
        for (payee, purpose, ref), amount in dues.items():
            if closed and (payer in closed or payee in closed):
                self.pay((payer, payee, amount, purpose, ref))  # which refuses it
                continue
            if not amount:
                continue
            debit, credit = _BOOKED_AS.get(purpose, _PLAIN)
            if purpose in _OF_CLAIMS:
                self._book((payer, payee, amount, purpose, ref))
            row[debit] += amount
            paid += amount
            other = books[payee]
            other[_CASH] += amount
            other[credit] -= amount
            if debit == _EXPENSE:
                expense[purpose] += amount
            if credit == _INCOME:
                income[payee][purpose] += amount
            flows[payer, payee, purpose] += amount
            enter((month, purpose, amount, payer, debit, _CASH, payee, _CASH, credit))
        row[_CASH] -= paid

    def defer(self, bill: PlainBill) -> None:
        """Book a bill that is not paid when due: payable and receivable."""
        payer, payee, amount, purpose, _ = bill
        if amount == 0:
            return
        debit, credit = self._book(bill)
        self._owe((_RECEIVABLES, payee, payer, purpose), amount)
        self._exchange(purpose, amount, payer, debit, _PAYABLES, payee, _RECEIVABLES, credit)

    def redeem(self, claim: ClaimKey, amount_usd: int, purpose: str = "liquidation") -> None:
        """Pay a claim in cash, or a part of it: arrears, a loan, credit out of an estate."""
        if amount_usd == 0:
            return
        account, creditor, debtor, _ = claim
        self._owe(claim, -amount_usd)
        self._exchange(
            purpose, amount_usd, debtor, _MIRROR[account], _CASH, creditor, _CASH, account
        )
        self.flows[debtor, creditor, purpose] += amount_usd

    def draw_prepaid(
        self, buyer: str, seller: str, amount_usd: int, purpose: str, ref: str
    ) -> None:
        """Use prepaid credit: what was bought is booked and earned, without cash."""
        if amount_usd == 0:
            return
        debit, credit = _BOOKED_AS.get(purpose, _PLAIN)
        self._owe((_PREPAID, buyer, seller, ref), -amount_usd)
        self._exchange(
            purpose, amount_usd, buyer, debit, _PREPAID, seller, _DEFERRED_REVENUE, credit
        )

    def write_down(self, owner: str, account: int, amount_usd: int, purpose: str) -> None:
        """Turn an asset without counterparty (property, inventory) into an expense."""
        if amount_usd:
            self.post(purpose, owner, _EXPENSE, amount_usd, owner, int(account), -amount_usd)

    def write_off(self, claim: ClaimKey, amount_usd: int) -> None:
        """Cancel a claim that will not be paid: a loss to the creditor, a gain to the debtor."""
        if amount_usd == 0:
            return
        account, creditor, debtor, _ = claim
        self._owe(claim, -amount_usd)
        self._exchange(
            "liquidation", amount_usd,
            creditor, _EXPENSE, account, debtor, _MIRROR[account], _INCOME,
        )  # fmt: skip

    def convert(self, claim: ClaimKey, account: int, ref: str, amount_usd: int) -> None:
        """Exchange a claim for one of another kind on the same debtor: a loan for shares."""
        if amount_usd == 0:
            return
        given, creditor, debtor, _ = claim
        self._owe(claim, -amount_usd)
        self._owe((int(account), creditor, debtor, ref), amount_usd)
        self.post(
            "conversion",
            creditor, int(account), amount_usd, creditor, given, -amount_usd,
            debtor, _MIRROR[given], amount_usd, debtor, _MIRROR[int(account)], -amount_usd,
        )  # fmt: skip

    def assign(self, claim: ClaimKey, creditor: str, price_usd: int) -> None:
        """Sell a claim to another creditor for cash; the seller takes the loss, or the gain."""
        account, seller, debtor, ref = claim
        amount = self.claims[claim]
        self._owe(claim, -amount)
        self._owe((account, creditor, debtor, ref), amount)
        self.post(
            "assignment",
            seller, _CASH, price_usd, seller, account, -amount, seller, _EXPENSE,
            amount - price_usd,
            creditor, account, amount, creditor, _CASH, -price_usd, creditor, _INCOME,
            price_usd - amount,
        )  # fmt: skip
        if price_usd:
            self.flows[creditor, seller, "assignment"] += price_usd

    def assume(self, claim: ClaimKey, debtor: str) -> None:
        """Let another debtor take over a claim with what it was owed for (novation)."""
        account, creditor, seller, ref = claim
        amount = self.claims[claim]
        self._owe(claim, -amount)
        self._owe((account, creditor, debtor, ref), amount)
        mirror = _MIRROR[account]
        self.post(
            "assignment",
            seller, mirror, amount, seller, _INCOME, -amount,
            debtor, mirror, -amount, debtor, _EXPENSE, amount,
        )  # fmt: skip

    def open_books(self, owner: str, property_usd: int) -> None:
        """Give an owner the property it starts with, as paid in by its founders (the world)."""
        if property_usd == 0:
            return
        self._owe((_EQUITY_HELD, WORLD, owner, "property"), property_usd)
        self.post(
            "founding",
            owner, _PROPERTY, property_usd, owner, _PAID_IN_CAPITAL, -property_usd,
            WORLD, _EQUITY_HELD, property_usd, WORLD, _RETAINED_EARNINGS, -property_usd,
        )  # fmt: skip

    def return_capital(self, owner: str, amount_usd: int) -> None:
        """Pay founders back money that came in before the start and is spent by now."""
        if amount_usd == 0:
            return
        claim = _EQUITY_HELD, WORLD, owner, "property"
        paid_in = min(amount_usd, self.claims.get(claim, 0))
        rest = amount_usd - paid_in
        self._owe(claim, -paid_in)
        self.post(
            "founding",
            owner, _PAID_IN_CAPITAL, paid_in, owner, _EXPENSE, rest,
            owner, _CASH, -amount_usd, WORLD, _CASH, amount_usd,
            WORLD, _EQUITY_HELD, -paid_in, WORLD, _INCOME, -rest,
        )  # fmt: skip
        self.flows[owner, WORLD, "founding"] += amount_usd

    # -- closing the month --------------------------------------------------------------------

    def close_month(self) -> dict[tuple[str, str, str], int]:
        """Check every invariant, move income and expense to retained earnings, return flows."""
        self.check()
        for row in self.books.values():
            row[_RETAINED_EARNINGS] += row[_INCOME] + row[_EXPENSE]
            row[_INCOME] = row[_EXPENSE] = 0
        flows, self.flows = self.flows, defaultdict(int)
        for side in (self.income, self.expense):
            for purposes in side.values():
                purposes.clear()
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
            if row[_PROPERTY] < 0 or row[_INVENTORY] < 0:
                self._fail(owner, "property or inventory is negative")
        if cash != 0:
            self._fail(WORLD, f"cash of all owners is {cash}, not 0")
        self._check_claims()

    def _check_claims(self) -> None:
        """Claims add up to the books of the creditor and, mirrored, of the debtor."""
        held = {owner: [0] * len(row) for owner, row in self.books.items()}
        for (account, creditor, debtor, ref), usd in self.claims.items():
            if usd < 0:
                self._fail(debtor, f"owes {creditor} a negative amount under '{ref}': {usd}")
            held[creditor][account] += usd
            held[debtor][_MIRROR[account]] -= usd
        for owner, row in self.books.items():
            if _of_claims(row) != _of_claims(held[owner]):
                wrong = next(a for a in _CLAIM_ACCOUNTS if row[a] != held[owner][a])
                self._fail(owner, f"{A(wrong).name} does not match its claims one by one")

    def _fail(self, owner: str, what: str) -> None:
        recent: list[Posting] = []
        for entries in (self.journal[-2000:], _each(self.exchanges[-2000 * _EXCHANGE_LENGTH :])):
            recent += [p for p in entries if p[0] == self.month and owner in p[2:]][-5:]
        last = "; ".join(str(p[1:]) for p in recent)
        raise LedgerError(f"month {self.month}: {owner}: {what}; last postings: {last}")

    def verify_journal(self) -> None:
        """Rebuild the balances from the journal alone; LedgerError if these differ.

        Income and expense of closed months stand in retained earnings.
        """
        books = {owner: [0] * len(Account) for owner in self.books}
        totals: dict[tuple[Any, ...], int] = defaultdict(int)  # by parties and accounts
        lines = [self.exchanges[k::_EXCHANGE_LENGTH] for k in range(2, _EXCHANGE_LENGTH)]
        for between, amount in zip(zip(*lines[1:], strict=True), lines[0], strict=True):
            totals[between] += amount
        for (payer, debit, given, payee, received, credit), amount in totals.items():
            row = books[payer]
            row[debit] += amount
            row[given] -= amount
            row = books[payee]
            row[received] += amount
            row[credit] -= amount
        for posting in self.journal:
            owners, accounts, amounts = posting[2::3], posting[3::3], posting[4::3]
            for owner, account, amount in zip(owners, accounts, amounts, strict=True):
                books[owner][account] += amount
        for owner, rebuilt in books.items():
            kept = self.books[owner]
            flow = (_RETAINED_EARNINGS, _INCOME, _EXPENSE)
            same = rebuilt[:_RETAINED_EARNINGS] == kept[:_RETAINED_EARNINGS]
            if not same or sum(rebuilt[a] for a in flow) != sum(kept[a] for a in flow):
                self._fail(owner, "replaying the journal does not rebuild the balances")


def _each(exchanges: list[Any]) -> Iterator[Posting]:
    """The entries of a flat list of exchanges."""
    return zip(*[iter(exchanges)] * _EXCHANGE_LENGTH, strict=True)


_CLAIM_ACCOUNTS: Final = (*_MIRROR, *_MIRROR.values())
_of_claims: Final = itemgetter(*_CLAIM_ACCOUNTS)
