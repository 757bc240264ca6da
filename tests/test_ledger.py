"""Books kept by hand: what each operation does, what stays true, and what is found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computemarket.market.ledger import WORLD, Account, Bill, Claim, Ledger, LedgerError

A = Account
FIRMS = ("Lab", "Cloud", "Fund")


def opened(**cash_usd: int) -> Ledger:
    """A ledger in month 7 whose firms have been given this cash."""
    ledger = Ledger(FIRMS)
    ledger.month = 7
    for firm, usd in cash_usd.items():
        ledger.pay(Bill(WORLD, firm, usd, "founding", "cash"))
    return ledger


def balances(ledger: Ledger, owner: str) -> dict[str, int]:
    """The balances of an owner that are not zero, in their natural sign."""
    found = {account.name: ledger.balance_usd(owner, account) for account in Account}
    return {name: usd for name, usd in found.items() if usd}


# -- by hand --------------------------------------------------------------------------------------


def test_founders_pay_in():
    ledger = opened(Lab=100)
    assert balances(ledger, "Lab") == {"CASH": 100, "PAID_IN_CAPITAL": 100}
    assert balances(ledger, WORLD) == {"CASH": -100, "EQUITY_HELD": 100}
    assert ledger.cash_usd("Lab") == 100


def test_a_bill_is_an_expense_of_one_and_income_of_the_other():
    ledger = opened(Lab=100)
    ledger.pay(Bill("Lab", "Cloud", 30, "compute", "c1"))
    assert balances(ledger, "Lab") == {"CASH": 70, "PAID_IN_CAPITAL": 100, "EXPENSE": 30}
    assert balances(ledger, "Cloud") == {"CASH": 30, "INCOME": 30}
    assert (ledger.expense["Lab"]["compute"], ledger.income["Cloud"]["compute"]) == (30, 30)
    assert ledger.flows["Lab", "Cloud", "compute"] == 30


def test_plant_is_an_asset_until_it_is_written_down():
    ledger = opened(Cloud=100)
    ledger.pay(Bill("Cloud", WORLD, 60, "data_centre"))
    assert balances(ledger, "Cloud") == {"CASH": 40, "PROPERTY": 60, "PAID_IN_CAPITAL": 100}
    ledger.write_down("Cloud", A.PROPERTY, 10, "depreciation")
    assert balances(ledger, "Cloud") == {
        "CASH": 40, "PROPERTY": 50, "PAID_IN_CAPITAL": 100, "EXPENSE": 10,
    }  # fmt: skip
    assert ledger.expense["Cloud"] == {"depreciation": 10}
    assert sum(usd for (payer, *_), usd in ledger.flows.items() if payer == "Cloud") == 60


def test_prepaid_compute_is_credit_with_the_cloud_until_it_is_used():
    ledger = opened(Lab=100)
    ledger.pay(Bill("Lab", "Cloud", 50, "prepayment", "c1"))
    assert balances(ledger, "Lab") == {"CASH": 50, "PREPAID": 50, "PAID_IN_CAPITAL": 100}
    assert balances(ledger, "Cloud") == {"CASH": 50, "DEFERRED_REVENUE": 50}
    ledger.draw_prepaid("Lab", "Cloud", 20, "compute", "c1")
    assert balances(ledger, "Lab") == {
        "CASH": 50, "PREPAID": 30, "PAID_IN_CAPITAL": 100, "EXPENSE": 20,
    }  # fmt: skip
    assert balances(ledger, "Cloud") == {"CASH": 50, "DEFERRED_REVENUE": 30, "INCOME": 20}
    assert ledger.claim_usd(A.PREPAID, "Lab", "Cloud", "c1") == 30
    assert ledger.claim_usd(A.PREPAID, "Lab", "Cloud", "c2") == 0
    ledger.pay(Bill("Cloud", "Lab", 30, "deposit_refund", "c1"))
    assert balances(ledger, "Lab") == {"CASH": 80, "PAID_IN_CAPITAL": 100, "EXPENSE": 20}
    assert balances(ledger, "Cloud") == {"CASH": 20, "INCOME": 20}
    assert ledger.owed_by("Cloud", A.PREPAID) == []


def test_a_loan_is_drawn_serves_interest_and_is_repaid():
    ledger = opened(Fund=100)
    ledger.pay(Bill("Fund", "Cloud", 80, "loan_draw", "l1"))
    assert balances(ledger, "Fund") == {"CASH": 20, "LOANS": 80, "PAID_IN_CAPITAL": 100}
    assert balances(ledger, "Cloud") == {"CASH": 80, "DEBT": 80}
    ledger.pay(Bill("Cloud", "Fund", 5, "interest", "l1"))
    ledger.pay(Bill("Cloud", "Fund", 30, "principal", "l1"))
    assert balances(ledger, "Cloud") == {"CASH": 45, "DEBT": 50, "EXPENSE": 5}
    assert balances(ledger, "Fund") == {
        "CASH": 55, "LOANS": 50, "PAID_IN_CAPITAL": 100, "INCOME": 5,
    }  # fmt: skip
    assert ledger.owed_by("Cloud", A.LOANS) == [(Claim(A.LOANS, "Fund", "Cloud", "l1"), 50)]


def test_equity_is_held_at_cost():
    ledger = opened(Fund=100)
    ledger.pay(Bill("Fund", "Lab", 40, "equity", "Lab"))
    assert balances(ledger, "Fund") == {"CASH": 60, "EQUITY_HELD": 40, "PAID_IN_CAPITAL": 100}
    assert balances(ledger, "Lab") == {"CASH": 40, "PAID_IN_CAPITAL": 40}


def test_a_bill_not_paid_is_carried_and_paid_later_in_parts():
    ledger = opened(Lab=10)
    ledger.defer(Bill("Lab", "Cloud", 25, "compute", "c1"))
    assert balances(ledger, "Lab") == {
        "CASH": 10, "PAYABLES": 25, "PAID_IN_CAPITAL": 10, "EXPENSE": 25,
    }  # fmt: skip
    assert balances(ledger, "Cloud") == {"RECEIVABLES": 25, "INCOME": 25}
    assert not any(purpose == "compute" for _, _, purpose in ledger.flows)
    ((claim, usd),) = ledger.owed_by("Lab", A.RECEIVABLES)
    assert (claim, usd) == (Claim(A.RECEIVABLES, "Cloud", "Lab", "compute"), 25)
    ledger.redeem(claim, 10, "compute")
    assert balances(ledger, "Lab") == {"PAYABLES": 15, "PAID_IN_CAPITAL": 10, "EXPENSE": 25}
    assert balances(ledger, "Cloud") == {"CASH": 10, "RECEIVABLES": 15, "INCOME": 25}
    assert ledger.flows["Lab", "Cloud", "compute"] == 10


def test_unpaid_principal_turns_from_debt_into_arrears():
    ledger = opened(Fund=80)
    ledger.pay(Bill("Fund", "Cloud", 80, "loan_draw", "l1"))
    ledger.defer(Bill("Cloud", "Fund", 30, "principal", "l1"))
    assert balances(ledger, "Cloud") == {"CASH": 80, "DEBT": 50, "PAYABLES": 30}
    assert balances(ledger, "Fund") == {"LOANS": 50, "RECEIVABLES": 30, "PAID_IN_CAPITAL": 80}


def test_what_is_written_off_costs_the_creditor():
    ledger = opened(Fund=80)
    ledger.pay(Bill("Fund", "Cloud", 80, "loan_draw", "l1"))
    claim = Claim(A.LOANS, "Fund", "Cloud", "l1")
    ledger.redeem(claim, 30)
    ledger.write_off(claim, 50)
    assert balances(ledger, "Fund") == {"CASH": 30, "PAID_IN_CAPITAL": 80, "EXPENSE": 50}
    assert balances(ledger, "Cloud") == {"CASH": 50, "INCOME": 50}
    assert claim not in ledger.claims


def test_a_note_becomes_shares_without_a_dollar_moving():
    ledger = opened(Fund=100)
    ledger.pay(Bill("Fund", "Lab", 40, "bridge", "n1"))
    assert balances(ledger, "Lab") == {"CASH": 40, "DEBT": 40}
    ledger.convert(Claim(A.LOANS, "Fund", "Lab", "n1"), A.EQUITY_HELD, "Lab", 40)
    assert balances(ledger, "Lab") == {"CASH": 40, "PAID_IN_CAPITAL": 40}
    assert balances(ledger, "Fund") == {"CASH": 60, "EQUITY_HELD": 40, "PAID_IN_CAPITAL": 100}
    assert ledger.claim_usd(A.EQUITY_HELD, "Fund", "Lab", "Lab") == 40


def test_a_claim_sold_below_its_face_costs_the_seller_and_gains_the_buyer():
    ledger = opened(Fund=80)
    ledger.pay(Bill("Fund", "Cloud", 80, "loan_draw", "l1"))
    ledger.assign(Claim(A.LOANS, "Fund", "Cloud", "l1"), "Lab", 0)
    assert balances(ledger, "Lab") == {"LOANS": 80, "INCOME": 80}
    ledger.assign(Claim(A.LOANS, "Lab", "Cloud", "l1"), WORLD, 30)
    assert balances(ledger, "Lab") == {"CASH": 30, "INCOME": 80, "EXPENSE": 50}
    assert balances(ledger, "Fund") == {"PAID_IN_CAPITAL": 80, "EXPENSE": 80}
    assert ledger.owed_by("Cloud", A.LOANS) == [(Claim(A.LOANS, WORLD, "Cloud", "l1"), 80)]
    assert ledger.flows[WORLD, "Lab", "assignment"] == 30


def test_a_debt_taken_over_costs_the_new_debtor():
    ledger = opened(Lab=50)
    ledger.pay(Bill("Lab", "Cloud", 50, "prepayment", "c1"))
    ledger.assume(Claim(A.PREPAID, "Lab", "Cloud", "c1"), "Fund")
    assert balances(ledger, "Cloud") == {"CASH": 50, "INCOME": 50}
    assert balances(ledger, "Fund") == {"DEFERRED_REVENUE": 50, "EXPENSE": 50}
    assert ledger.prepaid_usd("Lab", "Fund", "c1") == 50


def test_opening_plant_and_money_spent_before_the_start():
    ledger = opened()
    ledger.open_books("Cloud", 70)
    assert balances(ledger, "Cloud") == {"PROPERTY": 70, "PAID_IN_CAPITAL": 70}
    assert balances(ledger, WORLD) == {"EQUITY_HELD": 70, "RETAINED_EARNINGS": 70}
    ledger.pay(Bill("Fund", "Cloud", 0, "loan_draw", "l1"))  # nothing leaves no trace
    assert len(ledger.journal) == 1  # the posting of the plant
    assert not ledger.exchanges
    ledger.pay(Bill(WORLD, "Fund", 100, "founding", "cash"))
    ledger.pay(Bill("Fund", "Cloud", 100, "loan_draw", "l1"))
    ledger.return_capital("Cloud", 100)  # 70 came from founders, 30 has been lost since
    assert balances(ledger, "Cloud") == {"PROPERTY": 70, "DEBT": 100, "EXPENSE": 30}
    ledger.check()


def test_the_end_of_a_month_moves_the_result_to_retained_earnings():
    ledger = opened(Lab=100)
    ledger.pay(Bill("Lab", "Cloud", 30, "compute", "c1"))
    assert ledger.close_month() == {
        (WORLD, "Lab", "founding"): 100,
        ("Lab", "Cloud", "compute"): 30,
    }
    assert balances(ledger, "Lab") == {
        "CASH": 70, "PAID_IN_CAPITAL": 100, "RETAINED_EARNINGS": -30,
    }  # fmt: skip
    assert balances(ledger, "Cloud") == {"CASH": 30, "RETAINED_EARNINGS": 30}
    assert not ledger.flows
    assert not any(ledger.income.values())
    ledger.verify_journal()


# -- whatever happens -----------------------------------------------------------------------------

PAYMENTS = (
    "compute", "chips", "data_centre", "fleet_sale", "prepayment", "chip_deposit", "loan_draw",
    "equity", "parent_funding", "limited_partners", "services", "liquidation",
)  # fmt: skip
OPERATIONS = (
    "pay", "defer", "redeem", "draw_prepaid", "write_down", "write_off", "open_books",
    "return_capital", "repay", "refund", "close", "convert", "assign", "assume",
)  # fmt: skip

steps = st.tuples(
    st.sampled_from(OPERATIONS),
    st.sampled_from(PAYMENTS),
    st.permutations((*FIRMS, WORLD)),
    st.integers(0, 10**12),
)


def do(ledger: Ledger, step: tuple[str, str, list[str], int]) -> None:
    """One operation, cut down to what is possible: a firm pays no more than it has."""
    operation, purpose, owners, usd = step
    one, other = owners[:2]

    def at_most(limit: int) -> int:
        return min(usd, max(0, limit))

    claims = sorted(ledger.claims.items())
    claim, owed = claims[usd % len(claims)] if claims else (None, 0)
    cash = 10**15 if one == WORLD else ledger.cash_usd(one)
    if operation == "pay":
        ledger.pay(Bill(one, other, at_most(cash), purpose, f"r{usd % 2}"))
    elif operation == "defer":
        ledger.defer(Bill(one, other, usd, "compute", "r0"))
    elif operation == "close":
        ledger.close_month()
        ledger.month += 1
    elif operation == "write_down":
        ledger.write_down(one, A.PROPERTY, at_most(ledger.balance_usd(one, A.PROPERTY)), "wear")
    elif operation == "open_books" and one != WORLD:
        ledger.open_books(one, usd)
    elif operation == "return_capital" and one != WORLD:
        ledger.return_capital(one, at_most(cash))
    elif claim is not None:
        claim = Claim(*claim)
        purse = 10**15 if claim.debtor == WORLD else ledger.cash_usd(claim.debtor)
        if operation == "redeem":
            ledger.redeem(claim, at_most(min(owed, purse)))
        elif operation == "write_off":
            ledger.write_off(claim, at_most(owed))
        elif operation == "convert" and claim.account != A.PREPAID:
            into = A.LOANS if claim.account == A.RECEIVABLES else A.EQUITY_HELD
            ledger.convert(claim, into, claim.debtor, at_most(owed))
        elif operation == "assign" and one != claim.debtor:
            ledger.assign(claim, one, at_most(cash) if one != claim.creditor else 0)
        elif operation == "assume" and one != claim.creditor:
            ledger.assume(claim, one)
        elif operation == "draw_prepaid" and claim.account == A.PREPAID:
            ledger.draw_prepaid(
                claim.creditor, claim.debtor, at_most(owed), "compute", claim.ref
            )  # fmt: skip
        elif operation == "repay" and claim.account == A.LOANS:
            amount = at_most(min(owed, purse))
            ledger.pay(Bill(claim.debtor, claim.creditor, amount, "principal", claim.ref))
        elif operation == "refund" and claim.account == A.PREPAID:
            amount = at_most(min(owed, purse))
            ledger.pay(Bill(claim.debtor, claim.creditor, amount, "deposit_refund", claim.ref))


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=60))
def test_any_sequence_of_operations_keeps_the_books_right(sequence):
    ledger = opened(Lab=10**9, Cloud=5 * 10**8)
    moved: Counter[str] = Counter()
    for step in sequence:
        before = {o: ledger.cash_usd(o) for o in ledger.books}
        flows = Counter(ledger.flows)
        do(ledger, step)
        if step[0] != "close":
            for (payer, payee, _), usd in (Counter(ledger.flows) - flows).items():
                moved[payer] -= usd
                moved[payee] += usd
            for owner, cash in before.items():
                assert ledger.cash_usd(owner) == cash + moved[owner]
        moved.clear()
        ledger.check()
        assert sum(ledger.cash_usd(o) for o in ledger.books) == 0
        assert min(ledger.cash_usd(o) for o in FIRMS) >= 0
        for asset, debt in (
            (A.RECEIVABLES, A.PAYABLES),
            (A.PREPAID, A.DEFERRED_REVENUE),
            (A.LOANS, A.DEBT),
            (A.EQUITY_HELD, A.PAID_IN_CAPITAL),
        ):
            held = sum(ledger.balance_usd(o, asset) for o in ledger.books)
            assert held == sum(ledger.balance_usd(o, debt) for o in ledger.books)
    ledger.close_month()
    ledger.verify_journal()


# -- found out ------------------------------------------------------------------------------------


def busy() -> Ledger:
    """Three firms with cash, credit, a loan, equity, arrears and plant."""
    ledger = opened(Lab=1000, Fund=1000)
    ledger.pay(Bill("Fund", "Cloud", 300, "loan_draw", "l1"))
    ledger.pay(Bill("Fund", "Lab", 200, "equity", "Lab"))
    ledger.pay(Bill("Lab", "Cloud", 150, "prepayment", "c1"))
    ledger.pay(Bill("Cloud", WORLD, 100, "data_centre"))
    ledger.defer(Bill("Lab", "Cloud", 40, "compute", "c1"))
    ledger.check()
    ledger.verify_journal()
    return ledger


def shift(ledger: Ledger, owner: str, debit: Account, credit: Account, usd: int) -> None:
    ledger.books[owner][debit] += usd
    ledger.books[owner][credit] -= usd


def cash_from_nothing(ledger: Ledger) -> None:
    ledger.books["Lab"][A.CASH] += 5


def cash_of_all_grows(ledger: Ledger) -> None:
    shift(ledger, "Lab", A.CASH, A.RETAINED_EARNINGS, 5)


def overdraft(ledger: Ledger) -> None:
    ledger.pay(Bill("Lab", "Cloud", ledger.cash_usd("Lab") + 1, "compute", "c1"))


def claim_without_debtor(ledger: Ledger) -> None:
    ledger.claims[Claim(A.LOANS, "Fund", "Cloud", "l2")] = 7


def forgotten_claim(ledger: Ledger) -> None:
    del ledger.claims[Claim(A.PREPAID, "Lab", "Cloud", "c1")]


def debt_without_mirror(ledger: Ledger) -> None:
    shift(ledger, "Cloud", A.EXPENSE, A.DEBT, 9)


def claim_below_nothing(ledger: Ledger) -> None:
    ledger.draw_prepaid("Lab", "Cloud", 151, "compute", "c1")


def plant_below_nothing(ledger: Ledger) -> None:
    ledger.write_down("Cloud", A.PROPERTY, 101, "wear")


TAMPERING: dict[str, tuple[Callable[[Ledger], Any], str]] = {
    "cash from nothing": (cash_from_nothing, "Lab: assets do not equal"),
    "balanced cash from nothing": (cash_of_all_grows, "world: cash of all owners is 5, not 0"),
    "overdraft": (overdraft, "Lab: cash is negative: -1;"),
    "claim without debtor": (claim_without_debtor, "(Fund: LOANS|Cloud: DEBT) does not match"),
    "forgotten claim": (forgotten_claim, "(Lab: PREPAID|Cloud: DEFERRED_REVENUE) does not"),
    "debt without mirror": (debt_without_mirror, "Cloud: DEBT does not match its claims"),
    "claim below nothing": (claim_below_nothing, "Cloud: owes Lab a negative amount under 'c1'"),
    "plant below nothing": (plant_below_nothing, "Cloud: property or inventory is negative"),
}


@pytest.mark.parametrize(("tamper", "message"), TAMPERING.values(), ids=TAMPERING)
def test_tampering_stops_the_month_and_names_the_owner(tamper, message):
    ledger = busy()
    tamper(ledger)
    with pytest.raises(LedgerError, match=f"^month 7: {message}"):
        ledger.close_month()


def test_the_message_shows_the_last_postings_of_the_owner():
    ledger = busy()
    overdraft(ledger)
    with pytest.raises(LedgerError, match=r"last postings: .*'prepayment'.*'Lab'.*'compute'"):
        ledger.check()


def test_a_posting_that_does_not_balance_is_refused():
    ledger = busy()
    with pytest.raises(LedgerError, match=r"month 7: 'gift' does not balance: .*'Lab'"):
        ledger.post("gift", "Lab", A.CASH, 5, "Cloud", A.CASH, -4)


def test_the_dead_post_nothing_but_their_liquidation():
    ledger = busy()
    ledger.closed.add("Cloud")
    ledger.redeem(Claim(A.PREPAID, "Lab", "Cloud", "c1"), 10)  # out of the estate
    for bill in (
        Bill("Cloud", "Fund", 5, "interest", "l1"),
        Bill("Lab", "Cloud", 5, "compute", "c1"),
    ):
        with pytest.raises(LedgerError, match=f"month 7: '{bill.purpose}' is posted by the dead C"):
            ledger.pay(bill)


def test_books_changed_behind_the_journal():
    ledger = busy()
    shift(ledger, "Lab", A.CASH, A.RETAINED_EARNINGS, 5)
    shift(ledger, "Cloud", A.CASH, A.RETAINED_EARNINGS, -5)
    ledger.check()  # nothing shows in the books themselves
    with pytest.raises(LedgerError, match="month 7: Lab: replaying the journal does not rebuild"):
        ledger.verify_journal()
