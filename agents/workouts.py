"""Creditors and a firm that cannot pay: amend and extend in distress, a plan instead of default.

The plan and the vote are in `market/restructuring.py`; this module brings what each side knows and
books what was agreed. While a plan is put together the firm pays no old debts (automatic stay).
"""

from __future__ import annotations

from collections.abc import Collection
from math import exp

from ..market.contracts import Loan
from ..market.credit import annuity_payment_usd, mean_decline
from ..market.equity import new_shares
from ..market.insolvency import Rank, Status
from ..market.ledger import Account, Claim
from ..market.restructuring import Ballot, Plan, propose, vote
from .alliances import failure_risk
from .cloud import Cloud
from .economy import Economy
from .estates import FLEET, Owed, liquidation, owed_by, recoveries
from .firm import Firm
from .interests import loss_beyond_claims_usd
from .lending import enter_loan
from .solvency import (
    cash_flow_usd,
    failure_probability_per_year,
    going_concern_usd,
    months_left,
    outflow_usd,
)

_COVER = 1.2  # of debt service by cash flow that lenders ask of a plan (calibration 2: 1.2-1.4)
_FEE_PER_YEAR = 0.01  # on what is extended: amend-and-extend costs 50 to 100 basis points
_LEAST_MONTHS = 6.0  # of money under a plan: without, the firm would be in distress again
_MOST_CREDITORS_SHARE = 0.99  # of the firm: owners keep a token


# -- amend and extend -------------------------------------------------------------------------


def extend_loans(economy: Economy, cloud: Cloud) -> None:
    """Lenders of a cloud in distress give it time if that lowers what they expect to lose."""
    rules = economy.market.rules.world.distress
    loans = _plain_loans(cloud)
    if cloud.status is not Status.DISTRESS or not loans or not rules.extension_months:
        return
    if cloud.extended or not any(economy.market.month >= x.draw_until for x in loans):
        return
    months = [months_left(cloud)]
    relieved = outflow_usd(cloud) - _service_usd(economy, loans, 0)
    relieved += _service_usd(economy, loans, rules.extension_months)
    months.append(max(0, cloud.cash_usd) / relieved if relieved > 0 else 1e3)
    before, after = (failure_risk(economy.market, m) for m in months)
    now, later = (_recovered_usd(economy, cloud, kept) for kept in (1.0, _kept_value(economy)))
    owed = sum([x.outstanding_usd for x in loans])
    stay = (1 - before) * owed + before * now
    if (1 - after) * owed + after * later <= stay:
        return
    for loan in loans:
        loan.end += rules.extension_months
        loan.rate_per_year += _FEE_PER_YEAR
    cloud.extended = True
    economy.market.event(
        "loan_extended", cloud.name, loans[0].lender, owed,
        f"lenders give {cloud.name} {rules.extension_months} months more to repay "
        f"${owed / 1e6:,.0f}M", months=rules.extension_months, failure_risk_before=before,
        failure_risk_after=after,
    )  # fmt: skip


def _plain_loans(firm: Firm) -> list[Loan]:
    """Loans with recourse: those of a programme are repaid out of it alone."""
    return [x for x in getattr(firm, "loans", ()) if x.outstanding_usd > 0 and not x.programme]


def _service_usd(economy: Economy, loans: list[Loan], more_months: int) -> float:
    """Monthly annuities if the terms end so much later; nothing before repayment starts."""
    month = economy.market.month
    return sum(
        [
            annuity_payment_usd(
                x.outstanding_usd, x.rate_per_year, max(1, x.end - month) + more_months
            )
            for x in loans
            if month >= x.draw_until
        ]
    )


def _recovered_usd(economy: Economy, cloud: Cloud, kept: float) -> int:
    """What secured lenders recover in a liquidation, of plant that kept a share of its value."""
    estate = liquidation(economy, cloud, ())
    plant = round(kept * estate.collateral_usd[FLEET])
    paid = recoveries(economy, estate._replace(collateral_usd={FLEET: plant}))
    return sum([paid[i] for i, c in enumerate(estate.claims) if c.rank is Rank.SECURED])


def _kept_value(economy: Economy) -> float:
    """Of the value of plant, what is left a year on."""
    return exp(-economy.market.rules.world.building.obsolescence_per_year)


# -- restructuring ----------------------------------------------------------------------------


def restructured(economy: Economy, firm: Firm, failing: Collection[str]) -> bool:
    """Put a plan to the creditors of a firm past its cure month; True if they take it.

    failing: firms that fail this month as well
    """
    rules = economy.market.rules.world.distress
    if not rules.allow_restructuring:
        return False
    entries = [x for x in owed_by(economy, firm) if x.claim.account != Account.PREPAID]
    of_programmes = {x.contract_id for x in getattr(firm, "loans", ()) if x.programme}
    entries = [x for x in entries if x.claim.ref not in of_programmes]
    claims = [x.ranked for x in entries]
    worth = going_concern_usd(economy, firm)
    plan = propose(claims, _capacity_usd(economy, firm), round(worth))
    if why := _unsound(economy, firm, plan):
        _refuse(economy, firm, claims_usd=sum(c.amount_usd for c in claims), why=why)
        return False
    ballot = _ballot(economy, firm, entries, plan, failing)
    if not ballot.passes(rules.plan_majority):
        total = ballot.for_usd + ballot.against_usd
        share = ballot.for_usd / total if total else 0.0
        why = f"claims of {share:.0%} are in favour, it takes {rules.plan_majority:.0%}"
        _refuse(economy, firm, claims_usd=total, why=why)
        return False
    _book(economy, firm, entries, plan, ballot)
    return True


def _capacity_usd(economy: Economy, firm: Firm) -> int:
    """Debt that a cloud's cash flow carries over an extended term, at rents that fall."""
    loans = _plain_loans(firm)
    flow = cash_flow_usd(firm)
    if not loans or flow <= 0:
        return 0
    months, rate = _term(economy, loans)
    fall = max(0.0, economy.market.rent_decline_per_year)
    carried = flow * mean_decline(fall, months / 12) / _COVER
    return int(carried / annuity_payment_usd(1, rate, months))


def _term(economy: Economy, loans: list[Loan]) -> tuple[int, float]:
    """Months and rate of the loans once extended, as means by what is outstanding."""
    owed = sum([x.outstanding_usd for x in loans])
    month = economy.market.month
    left = sum([x.outstanding_usd * max(1, x.end - month) for x in loans]) / owed
    rate = sum([x.outstanding_usd * x.rate_per_year for x in loans]) / owed
    more = economy.market.rules.world.distress.extension_months
    return max(1, round(left) + more), rate + _FEE_PER_YEAR


def _unsound(economy: Economy, firm: Firm, plan: Plan) -> str:
    """Why a plan would not get the firm out of trouble; empty if it would."""
    cash = firm.cash_usd - sum(plan.paid_usd.values())
    if cash < 0:
        return "its cash does not pay staff"
    loans = _plain_loans(firm)
    service = 0.0
    if kept := sum(plan.kept_usd.values()):
        if not loans:
            return "nothing secures what it owes"
        months, rate = _term(economy, loans)
        service = annuity_payment_usd(kept, rate, months)
    outflow = service - cash_flow_usd(firm)
    if outflow > 0 and cash < _LEAST_MONTHS * outflow:
        return (
            f"it would lose ${outflow / 1e6:,.0f}M a month without old debts, and has "
            f"${cash / 1e6:,.0f}M"
        )
    return ""


def _ballot(
    economy: Economy, firm: Firm, entries: list[Owed], plan: Plan, failing: Collection[str]
) -> Ballot:
    rules = economy.market.rules.world
    estate = liquidation(economy, firm, failing)
    refs = [(c.claimant, c.ref) for c in estate.claims]
    places = [refs.index((x.claim.creditor, x.claim.ref)) for x in entries]
    plant = estate.collateral_usd[FLEET]
    later = estate._replace(cash_usd=0, collateral_usd={FLEET: round(_kept_value(economy) * plant)})
    now_usd, later_usd = (recoveries(economy, e) for e in (estate, later))
    creditors = [economy.find(name) for name in {x.claim.creditor for x in entries}]
    beyond = {c.name: loss_beyond_claims_usd(economy, c, firm) for c in creditors if c is not None}
    years = rules.distress.extension_months / 12
    return vote(
        [x.ranked for x in entries],
        plan,
        {i: now_usd[place] for i, place in enumerate(places)},
        {i: later_usd[place] for i, place in enumerate(places)},
        beyond,
        1 - failure_probability_per_year(economy),
        _FEE_PER_YEAR * years / 2,
    )


def _refuse(economy: Economy, firm: Firm, claims_usd: int, why: str) -> None:
    economy.market.event(
        "plan_refused", firm.name, "", claims_usd,
        f"no plan for the ${claims_usd / 1e6:,.0f}M that {firm.name} owes: {why}", reason=why,
    )  # fmt: skip


def _book(economy: Economy, firm: Firm, entries: list[Owed], plan: Plan, ballot: Ballot) -> None:
    """Extend, cut and swap, claim by claim."""
    market = economy.market
    ledger, rules = market.ledger, market.rules.world.distress
    loans = {x.contract_id: x for x in _plain_loans(firm)}
    swapped: dict[str, int] = {}
    losses: dict[str, int] = {}
    overdue: list[tuple[Claim, int]] = []
    for index, (claim, _) in enumerate(entries):
        creditor = claim.creditor
        ledger.redeem(claim, plan.paid_usd.get(index, 0), claim.ref)
        worth, cut = plan.swapped_usd.get(index, 0), plan.cut_usd.get(index, 0)
        ledger.convert(claim, Account.EQUITY_HELD, firm.name, worth)
        ledger.write_off(claim, cut)
        swapped[creditor] = swapped.get(creditor, 0) + worth
        losses[creditor] = losses.get(creditor, 0) + cut
        if claim.ref in loans:
            loans[claim.ref].outstanding_usd -= worth + cut
        elif plan.kept_usd.get(index):
            overdue.append((claim, plan.kept_usd[index]))
    for loan in loans.values():
        loan.end += rules.extension_months
        loan.rate_per_year += _FEE_PER_YEAR
    _capitalise(economy, firm, overdue)
    share = min(_MOST_CREDITORS_SHARE, plan.creditors_share)
    _issue(firm, {name: usd for name, usd in swapped.items() if usd}, share)
    market.book.notes = [note for note in market.book.notes if note.firm != firm.name]
    kept, cut = sum(plan.kept_usd.values()), sum(plan.cut_usd.values())
    given = sum(swapped.values())
    market.event(
        "restructured", firm.name, max(swapped, key=lambda n: (swapped[n] + losses[n], n)),
        kept + given + cut,
        f"creditors of {firm.name} agree on a plan: ${kept / 1e6:,.0f}M stay debt, "
        f"{rules.extension_months} months longer, ${given / 1e6:,.0f}M become {share:.1%} of the "
        f"firm, ${cut / 1e6:,.0f}M are cut",
        extension_months=rules.extension_months if kept else 0, kept_usd=kept, swapped_usd=given,
        haircut_usd=cut, creditors_share=share, losses={n: u for n, u in losses.items() if u},
        for_usd=ballot.for_usd, against_usd=ballot.against_usd,
    )  # fmt: skip


def _capitalise(economy: Economy, firm: Firm, overdue: list[tuple[Claim, int]]) -> None:
    """Overdue interest and principal that stay debt become a loan on the extended term."""
    market = economy.market
    months = market.rules.world.distress.extension_months
    for claim, usd in overdue:
        ref = market.book.new_id(firm.name, claim.creditor, market.date, "loan")
        _, rate = _term(economy, _plain_loans(firm))
        loan = Loan(
            ref, claim.creditor, firm.name, usd, rate, market.month, market.month,
            market.month + max(1, months), drawn_usd=usd, outstanding_usd=usd,
        )  # fmt: skip
        market.ledger.convert(claim, Account.LOANS, ref, usd)
        enter_loan(economy, loan)


def _issue(firm: Firm, swapped: dict[str, int], share: float) -> None:
    """New shares for those who gave up claims, so that together they hold `share` of the firm."""
    total, outstanding = sum(swapped.values()), firm.cap_table.total
    if total == 0 or share <= 0:
        return
    # what the old owners' shares are worth at the price of the swap
    pre_money = max(1, round(total * (1 - share) / share))
    for name, usd in sorted(swapped.items()):
        firm.cap_table.issue(name, new_shares(usd, pre_money, outstanding))
