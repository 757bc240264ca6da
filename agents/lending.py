"""Asset-backed loans to clouds: facilities, draws, interest, principal and covenants."""

from __future__ import annotations

from ..market.allocation import pro_rata
from ..market.contracts import HOURS_PER_MONTH, DealStatus, Loan
from ..market.credit import (
    NOTCHES,
    RATINGS,
    annuity_payment_usd,
    debt_service_cover,
    instalment,
    loan_to_value,
    mean_decline,
)
from ..market.ledger import Bill
from .cloud import Cloud
from .economy import Economy

_FINANCED = frozenset({"chips", "chip_deposit"})  # purposes
_SMALLEST_LOAN_USD = 5e6
_FACILITY_COVER = 1.5  # of what is on order: orders go on while the facility is drawn
_SIZING_COVER = 1.4  # calibration, section 2: debt service cover of 1.2-1.4
_LENDER_TICKET_SHARE = 0.35  # of a lender's free money, per facility
_COLLATERAL_HAIRCUT = 0.8  # of replacement cost
_PENALTY_RATE_PER_YEAR = 0.02  # after a covenant breach
_SWEEP_RESERVE_MONTHS = 3.0  # of running cost and debt service that a sweep leaves
_SMALLEST_SWEEP_USD = 1_000_000


def lend(economy: Economy) -> None:
    """Clouds without a parent ask for facilities for the chips that are coming (phase 7)."""
    for cloud in economy.living_clouds():
        _rate_customers(economy, cloud)
        if not cloud.backed:
            _test_covenants(economy, cloud)
            if not cloud.frozen and not cloud.facility_frozen:
                _ask_for_facility(economy, cloud)


def _rate_customers(economy: Economy, cloud: Cloud) -> None:
    """Rating behind the collateral: the customers', by what they still owe."""
    market = economy.market
    weight = notches = 0.0
    month, labs = market.month, economy.labs
    for contract in market.book.of_cloud(cloud.name):
        owed = contract.remaining_usd(month)
        weight += owed
        notches += owed * NOTCHES[labs[contract.lab].credit_rating]
    rented = sum(cloud.reserved.values()) + sum(cloud.spot_sold.values())
    price = market.rent()
    others = 12 * 730 * rented * price  # one-year users count as BB
    weight += others
    notches += others * NOTCHES["BB"]
    cloud.customer_rating = RATINGS[round(notches / weight)] if weight > 0 else "BB"


def _ask_for_facility(economy: Economy, cloud: Cloud) -> None:
    market = economy.market
    credit = market.rules.world.credit
    coming = sum([o.left_h100e * o.price_usd_per_h100e - o.deposit_usd for o in cloud.orders])
    rate = market.world.base_rate_per_year + market.world.spread_per_year(
        market.rules, cloud.customer_rating, market.mood
    )
    share = cloud.advance_share = _advance_share(cloud, rate)
    undrawn = sum(
        [x.undrawn_usd for x in cloud.loans if market.month < x.draw_until and not x.programme]
    )
    if undrawn > 0.5 * share * coming:
        return  # half of what is on order is financed: no need to go to market again
    need = _FACILITY_COVER * share * coming - undrawn
    if need < _SMALLEST_LOAN_USD:
        return
    lenders = [i for i in economy.investors.values() if i.alive and i.lends]
    if not lenders:
        return
    lender = max(lenders, key=lambda i: (i.dry_powder_usd, i.name))
    amount = round(min(need, _LENDER_TICKET_SHARE * lender.dry_powder_usd))
    if amount < _SMALLEST_LOAN_USD or market.mood < -2.5:
        if market.month % 3 == 0:
            market.event(
                "loan_refused",
                cloud.name,
                lender.name,
                need,
                f"{cloud.name} finds no lender for ${need / 1e6:,.0f}M of chips",
                rate_per_year=rate,
            )
        return
    loan = Loan(
        market.book.new_id(cloud.name, lender.name, market.date, "loan"),
        lender.name,
        cloud.name,
        amount,
        rate,
        market.month,
        market.month + credit.draw_months,
        market.month + credit.draw_months + credit.loan_term_months,
    )
    enter_loan(economy, loan)
    market.event(
        "loan_signed",
        cloud.name,
        lender.name,
        amount,
        f"{lender.name} lends {cloud.name} up to ${amount / 1e6:,.0f}M against chips at {rate:.1%}",
        contract_id=loan.contract_id,
        rate_per_year=rate,
        customer_rating=cloud.customer_rating,
    )


def _advance_share(cloud: Cloud, rate: float) -> float:
    """Share of a chip's price that lenders advance: loan to value, cut to what rents can carry.

    Debt is sized so that the rent expected over its life, at prices that fall as all expect, covers
    the annuity by a margin (project-finance sizing by debt service cover).
    """
    market = cloud.market
    rules = market.rules.world
    mixes = [(w, market.mixes[m]) for m, w in cloud.maker_shares().items()]
    price = sum([w * mix.price_usd_per_h100e for w, mix in mixes])
    if price <= 0:
        return 0.0
    leverage = cloud.debt_usd / cloud.plant_usd if cloud.plant_usd > 0 else 1.0
    most = cloud.borrowing_rule.loan_share(rules.credit.loan_to_value, leverage)
    years = rules.credit.loan_term_months / 12
    rent = market.rent()
    rent *= mean_decline(max(0.0, market.rent_decline_per_year), years)
    running = cloud.running_cost_usd / cloud.h100e if cloud.h100e > 0 else 0.0
    net = HOURS_PER_MONTH * rules.building.billed_utilisation * rent - running
    carried = net / _SIZING_COVER / annuity_payment_usd(1, rate, rules.credit.loan_term_months)
    return max(0.0, min(most, carried / price))


def enter_loan(economy: Economy, loan: Loan) -> None:
    """Put a loan on the books of both sides."""
    economy.market.book.loans.append(loan)
    economy.clouds[loan.borrower].loans.append(loan)
    _commit(economy, loan, loan.undrawn_usd)


def release_undrawn(economy: Economy, loan: Loan) -> None:
    """Nothing more will be drawn: the lender is free to use the money otherwise."""
    _commit(economy, loan, -loan.undrawn_usd)
    loan.committed_usd = loan.drawn_usd


def _commit(economy: Economy, loan: Loan, usd: int) -> None:
    lender = economy.find(loan.lender)
    if lender is not None:  # loans of a failed lender belong to funds outside the model
        lender.committed_usd += usd


def open_loans(economy: Economy) -> None:
    """Loans outstanding at the start: the lender has paid them out to the borrower."""
    market = economy.market
    ordered = sorted(
        market.rules.loans, key=lambda x: (x.borrower, x.lender, x.months_left, x.principal_usd)
    )
    for given in ordered:
        amount = round(given.principal_usd)
        loan = Loan(
            market.book.new_id(given.borrower, given.lender, market.date, "loan"),
            given.lender,
            given.borrower,
            amount,
            given.rate_per_year,
            0,
            0,
            given.months_left,
            drawn_usd=amount,
            outstanding_usd=amount,
        )
        # the money was spent on the plant that is there: founders of the lender put it up
        market.ledger.pay(Bill("world", given.lender, amount, "founding", loan.contract_id))
        draw = Bill(given.lender, given.borrower, amount, "loan_draw", loan.contract_id)
        market.ledger.pay(draw)
        market.ledger.return_capital(given.borrower, amount)
        enter_loan(economy, loan)


def draw_loans(economy: Economy) -> None:
    """Draw what lenders advance on the chips billed this month (before settlement)."""
    market = economy.market
    for cloud in economy.living_clouds():
        if not cloud.loans:
            continue
        need = round(cloud.advance_share * market.billed_usd(cloud.name, _FINANCED))
        for loan in cloud.loans:
            if cloud.facility_frozen:
                break
            if loan.undrawn_usd <= 0 or market.month >= loan.draw_until or loan.programme:
                continue
            lender = economy.firm(loan.lender)
            part = min(need, loan.undrawn_usd, max(0, lender.cash_usd))
            if part <= 0:
                continue
            draw = Bill(loan.lender, cloud.name, part, "loan_draw", loan.contract_id)
            market.ledger.pay(draw)
            loan.drawn_usd += part
            loan.outstanding_usd += part
            lender.committed_usd -= part
            need -= part


def bill_debt_service(economy: Economy) -> None:
    """Interest each month; principal as an annuity once the draw period is over."""
    market = economy.market
    for cloud in economy.living_clouds():
        cloud.debt_service_usd = cloud.interest_usd = 0.0
        for loan in list(cloud.loans):
            if market.month == loan.draw_until and loan.undrawn_usd > 0:
                release_undrawn(economy, loan)
            if loan.outstanding_usd == 0 and market.month >= loan.draw_until:
                loan.status, loan.ended = DealStatus.ENDED, market.month
                cloud.loans.remove(loan)
                continue
            repaying = market.month >= loan.draw_until
            months = max(1, loan.end - market.month)
            interest, principal = instalment(loan.outstanding_usd, loan.rate_per_year, months)
            market.bill(cloud.name, loan.lender, interest, "interest")
            cloud.interest_usd += interest
            cloud.debt_service_usd += interest
            if repaying:
                market.bill(cloud.name, loan.lender, principal, "principal", loan.contract_id)
                loan.outstanding_usd -= principal
                cloud.debt_service_usd += principal


def _test_covenants(economy: Economy, cloud: Cloud) -> None:
    """Loan to value and debt service cover; a breach stops draws and raises the rate."""
    market = economy.market
    credit = market.rules.world.credit
    bills = [x for x in cloud.loans if x.outstanding_usd > 0]
    debt = sum([x.outstanding_usd for x in bills])
    if debt <= 0:
        cloud.facility_frozen = False
        return
    value = collateral_usd(economy, cloud)
    ltv = loan_to_value(debt, round(value))
    service = sum(
        [
            annuity_payment_usd(x.outstanding_usd, x.rate_per_year, max(1, x.end - market.month))
            for x in bills
            if market.month >= x.draw_until
        ]
    )
    cover = debt_service_cover(round(service - cloud.mean_outflow_usd), round(service))
    breach = ltv > credit.maximum_loan_to_value or cover < credit.minimum_debt_service_cover
    if breach and not cloud.facility_frozen and market.month >= 3:
        for loan in bills:
            loan.rate_per_year += _PENALTY_RATE_PER_YEAR
        market.event(
            "covenant_breach",
            cloud.name,
            bills[0].lender,
            debt,
            f"{cloud.name} breaches a covenant: loan to value {ltv:.0%}, debt service cover "
            f"{cover:.2f}; draws stop",
            loan_to_value=min(ltv, 99.0),
            debt_service_cover=min(cover, 99.0),
        )
    elif cloud.facility_frozen and not breach:
        for loan in bills:
            loan.rate_per_year -= _PENALTY_RATE_PER_YEAR
    if market.month >= 3:
        cloud.facility_frozen = breach
        if breach:
            _sweep(economy, cloud, [x for x in bills if not x.programme])


def _sweep(economy: Economy, cloud: Cloud, loans: list[Loan]) -> None:
    """While a covenant is breached, lenders take a share of the month's excess cash flow.

    That is what rents leave after running cost and debt service; a reserve stays untouched.
    """
    market = economy.market
    fixed = cloud.running_cost_usd + cloud.debt_service_usd
    excess = market.rules.world.distress.cash_sweep_share * (cloud.revenue_usd - fixed)
    most = min(excess, cloud.cash_usd - _SWEEP_RESERVE_MONTHS * fixed)
    swept = pro_rata(max(0, round(most)), {x.contract_id: x.outstanding_usd for x in loans})
    total = sum(swept.values())
    if total < _SMALLEST_SWEEP_USD:
        return
    for loan in loans:
        usd = swept[loan.contract_id]
        bill = Bill(cloud.name, loan.lender, usd, "principal", loan.contract_id)
        market.ledger.pay(bill)
        loan.outstanding_usd -= usd
    market.event(
        "cash_sweep", cloud.name, loans[0].lender, total,
        f"lenders sweep ${total / 1e6:,.1f}M of the cash flow of {cloud.name}, which is in breach "
        f"of a covenant", debt_usd=cloud.debt_usd,
    )  # fmt: skip


def collateral_usd(economy: Economy, cloud: Cloud) -> float:
    """What the fleet would fetch: its throughput at today's price of its makers' new chips."""
    market = economy.market
    chips = market.catalogue.chips
    value = 0.0
    for stock in (cloud.fleet, cloud.waiting):
        for name, units in stock.items():
            chip = chips[name]
            mix = market.mixes.get(chip.maker)
            price = mix.price_usd_per_h100e if mix else 0.0
            elsewhere = market.catalogue.redeployability.get(chip.family, 1.0)
            value += elsewhere * units * min(chip.h100e * price, chip.price_usd)
    return _COLLATERAL_HAIRCUT * value
