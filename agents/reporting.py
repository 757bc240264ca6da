"""What is measured of the firms at the end of a month: books, suppliers, switches, rows."""

from __future__ import annotations

from math import exp
from typing import Any

from ..market.contracts import HOURS_PER_MONTH
from ..market.credit import rating
from ..market.ledger import Account
from ..market.market import WORKLOADS
from .cloud import Cloud
from .economy import Economy
from .firm import CAPEX_PURPOSES, CAPITAL_PURPOSES, NO_BURN_RUNWAY_MONTHS, Firm
from .invariants import check_plant
from .lab import Lab

_SWITCH_MONTHS = 3
_MAJORITY = ("overall", *WORKLOADS)


def account(economy: Economy) -> None:
    """Income, cost and cash flow of each firm this month, from the ledger (before distress)."""
    ledger = economy.market.ledger
    operating = dict.fromkeys(ledger.books, 0)
    capex = dict.fromkeys(ledger.books, 0)
    drawn: dict[str, int] = {}
    for (payer, payee, purpose), usd in ledger.flows.items():
        if purpose == "loan_draw":
            drawn[payee] = drawn.get(payee, 0) + usd
        if purpose in CAPEX_PURPOSES:
            capex[payer] += usd
        if purpose not in CAPITAL_PURPOSES:
            operating[payer] += usd
            operating[payee] -= usd
        elif purpose in ("chips", "chip_deposit"):
            operating[payee] -= usd
    for firm in economy.firms():
        name = firm.name
        income, expense = ledger.income[name], ledger.expense[name]
        firm.revenue_usd = sum(v for k, v in income.items() if k in _REVENUE)
        firm.cost_usd = sum(v for k, v in expense.items() if k not in _NOT_COST)
        firm.cost_of_sales_usd = sum(expense[k] for k in _COST_OF_SALES if k in expense)
        if isinstance(firm, Lab):
            # training is research: users are served by the rest
            firm.cost_of_sales_usd = round(firm.cost_of_sales_usd * firm.serving_share)
            firm.recurring_usd.append(income.get("services", 0))
        firm.capex_usd = capex[name]
        firm.burn_usd = operating[name] + capex[name]
        if firm.alive:
            firm.outflows.append(operating[name])
            firm.burns.append(firm.burn_usd - drawn.get(name, 0))
            firm.revenues.append(firm.revenue_usd)


_REVENUE = frozenset(
    {"services", "compute", "spot_compute", "reserved_compute", "chips", "termination_fee",
     "interest"}
)  # fmt: skip
_NOT_COST = frozenset({"liquidation", "founding"})
_COST_OF_SALES = (
    "compute", "spot_compute", "power", "operations", "lease", "depreciation", "foundry",
)  # fmt: skip


def rate(economy: Economy) -> None:
    """Public credit rating of each firm."""
    books = economy.market.ledger.books
    for firm in economy.firms():
        if not firm.alive:
            firm.credit_rating = "D"
            continue
        row = books[firm.name]
        assets = sum(row[: Account.EQUITY_HELD + 1])
        leverage = -row[Account.DEBT] / assets if assets > 0 else 2.0
        firm.credit_rating = rating(
            firm.runway_months, leverage, firm.backed or firm.spec.listed
        )


def follow_suppliers(economy: Economy) -> None:
    """Main suppliers and switches (design, section 12)."""
    for lab in economy.living_labs():
        shares = lab.supplied = supplier_shares(economy, lab)
        for what in (*_MAJORITY, "chip"):
            _follow(economy, lab, what, shares[what])


def supplier_shares(economy: Economy, lab: Lab) -> dict[str, dict[str, float]]:
    """H100e delivered under contract by group of the cloud, overall and by workload; by maker."""
    shares: dict[str, dict[str, float]] = {what: {} for what in (*_MAJORITY, "chip")}
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        if contract.delivered_h100e > 0:
            group = economy.clouds[contract.cloud].group
            for what in ("overall", contract.workload):
                row = shares[what]
                row[group] = row.get(group, 0.0) + contract.delivered_h100e
            row = shares["chip"]
            row[contract.maker] = row.get(contract.maker, 0.0) + contract.delivered_h100e
    return shares


def _follow(economy: Economy, lab: Lab, what: str, shares: dict[str, float]) -> None:
    market = economy.market
    old = lab.main_supplier.get(what)
    if not shares:
        return
    top = max(shares.values())
    leaders = sorted(g for g, h in shares.items() if h >= top * (1 - 1e-9))
    leader = old if old in leaders else leaders[0]
    if old is None or leader == old:
        lab.main_supplier[what] = leader  # a first supplier is no switch
        lab.challenger.pop(what, None)
        return
    name, since = lab.challenger.get(what, (leader, market.month))
    if name != leader:
        since = market.month
    lab.challenger[what] = leader, since
    if market.month - since + 1 < _SWITCH_MONTHS:
        return
    lab.main_supplier[what] = leader
    del lab.challenger[what]
    if what == "chip":
        market.event(
            "chip_switch", lab.name, leader, 0,
            f"{lab.name} moves most of its compute from {old} to {leader} chips",
            **{"from": old}, to=leader, month_from=since,
        )  # fmt: skip
        return
    reason, forced = _why(economy, lab, old, leader)
    market.event(
        "switch", lab.name, leader, 0,
        f"{lab.name} moves its main {'supply' if what == 'overall' else what} from {old} to "
        f"{leader} ({reason})",
        **{"from": old}, to=leader, month_from=since, workload=what, reason=reason, forced=forced,
    )  # fmt: skip
    if what == "overall":
        market.switches += 1


def _why(economy: Economy, lab: Lab, old: str, new: str) -> tuple[str, bool]:
    """The reason of a switch: default, distress, price or capacity, in this order."""
    clouds = [c for c in economy.clouds.values() if c.group == old]
    if any(not c.alive for c in clouds):
        return "distress", True
    market = economy.market
    live = market.book.by_lab.get(lab.name, ())
    prices: dict[bool, list[float]] = {True: [], False: []}
    for contract in live:
        group = economy.clouds[contract.cloud].group
        if group in (old, new):
            prices[group == new].append(contract.price_usd_per_h100e_hour)
    if any(c.exclusive and c.lab == lab.name for c in market.book.compute if c.ended is not None
           and market.month - c.ended <= 6):  # fmt: skip
        return "exclusivity end", False
    if prices[True] and prices[False] and min(prices[True]) < 0.95 * min(prices[False]):
        return "price", False
    if not prices[False]:
        return "price", False
    return "capacity", False


def firm_rows(economy: Economy) -> list[tuple[Any, ...]]:
    """The month's rows of the firms table."""
    market = economy.market
    month, date = market.month, market.dates[market.month]
    totals = {
        role: sum(f.revenue_usd for f in firms) or 1
        for role, firms in (
            ("labs", economy.labs.values()),
            ("clouds", economy.clouds.values()),
            ("chipmakers", economy.chipmakers.values()),
            ("investors", economy.investors.values()),
        )
    }
    return [_row(economy, firm, month, date, totals[firm.role]) for firm in economy.firms()]


def _row(economy: Economy, firm: Firm, month: int, date: str, total: int) -> tuple[Any, ...]:
    revenue = firm.revenue_usd
    margin = 1 - firm.cost_of_sales_usd / revenue if revenue > 0 else None
    letters = firm.runway_months
    capacity = (None,) * 5
    lab_part: tuple[Any, ...] = (None, None, None)
    suppliers: tuple[Any, ...] = (None, None, None, None, None)
    backlog: int | None = None
    utilisation = None
    arr = 12 * revenue
    if isinstance(firm, Lab):
        letters = _with_letters(firm)
        capacity = (
            firm.got["training"] + firm.spot["training"],
            firm.got["inference"] + firm.spot["inference"],
            _lab_mw(economy, firm),
            firm.got["training"],
            firm.got["inference"],
        )
        lab_part = (firm.training_stock, firm.unmet_share, firm.price_index)
        suppliers = _suppliers(firm)
        arr = round(firm.arr_usd) if firm.alive else 0
    elif isinstance(firm, Cloud):
        training = sum(f.training_h100e for f in firm.families.values())
        inference = sum(f.inference_h100e for f in firm.families.values())
        sold = dict.fromkeys(WORKLOADS, 0.0)
        owed = 0.0
        for c in economy.market.book.of_cloud(firm.name):
            sold[c.workload] += c.delivered_h100e
            owed += c.remaining_usd(month + 1)
        backlog = round(owed)
        capacity = (training, inference, firm.used_mw, sold["training"], sold["inference"])
        utilisation = firm.utilisation
    valuation = round(firm.valuation_usd) if firm.valuation_usd > 0 and firm.alive else None
    return (
        month, date, firm.name, firm.role[:-1], firm.kind, firm.group, str(firm.status),
        firm.cash_usd, firm.debt_usd, revenue, firm.cost_usd, margin, firm.capex_usd,
        firm.burn_usd, arr, valuation, firm.share_price_index if firm.spec.listed else None,
        firm.credit_rating, firm.runway_months, letters, *capacity, revenue / total, *lab_part,
        *suppliers, backlog, firm.unpaid_usd, utilisation, None,
    )  # fmt: skip


def _with_letters(lab: Lab) -> float:
    outflow = lab.mean_outflow_usd
    if lab.arrears_usd > 0:
        return 0.0
    if outflow <= 0 or lab.runway_months >= NO_BURN_RUNWAY_MONTHS:
        return NO_BURN_RUNWAY_MONTHS
    return min(NO_BURN_RUNWAY_MONTHS, lab.runway_months + lab.letters_usd / outflow)


def _lab_mw(economy: Economy, lab: Lab) -> float:
    mw = 0.0
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        family = economy.clouds[contract.cloud].families.get(contract.maker)
        density = family.per_mw(contract.workload) if family else 0.0
        mw += contract.delivered_h100e / density if density > 0 else 0.0
    rented = sum(lab.spot.values())
    total = sum(lab.got.values())
    return mw * (1 + rented / total) if total > 0 else rented * 1.6e-3


def _suppliers(lab: Lab) -> tuple[Any, ...]:
    shares = lab.supplied["overall"] if lab.alive else {}
    total = sum(shares.values())
    main = lab.main_supplier
    return (
        main.get("overall"),
        main.get("training"),
        main.get("inference"),
        shares.get(main.get("overall", ""), 0.0) / total if total > 0 else None,
        len(shares),
    )


def mark_shares(economy: Economy) -> None:
    """Share-price indices of listed firms: revenue growth and mood, start = 100."""
    market = economy.market
    for firm in economy.firms():
        if not firm.spec.listed:
            continue
        recent = list(firm.revenues)[-3:]
        if market.month == 0 or not firm.alive or not recent:
            firm.opening_revenue_usd = max(1.0, float(firm.revenue_usd))
            continue
        growth = max(0.05, sum(recent) / len(recent) / firm.opening_revenue_usd)
        fair = 100 * growth**0.6 * exp(0.25 * market.mood)
        firm.share_price_index += 0.3 * (fair - firm.share_price_index)


def month_row(economy: Economy, units: dict[str, float]) -> tuple[Any, ...]:
    """The month's row of the months table."""
    market = economy.market
    labs, clouds = economy.living_labs(), economy.living_clouds()
    spot = {w: market.rental[w] for w in WORKLOADS}
    weight = {w: 1e-9 + sum(c.spot_sold[w] for c in clouds) for w in WORKLOADS}
    spot_price = sum(spot[w].spot_price * weight[w] for w in WORKLOADS) / sum(weight.values())
    installed = {
        "training": sum(f.training_h100e for c in clouds for f in c.families.values()),
        "inference": sum(f.inference_h100e for c in clouds for f in c.families.values()),
    }
    contracted = {w: sum(lab.got[w] for lab in labs) for w in WORKLOADS}
    rented = {
        w: sum(c.reserved[w] + c.spot_sold[w] for c in clouds) for w in WORKLOADS
    }
    pool = {w: sum(c.pool[w] for c in clouds) for w in WORKLOADS}
    sold = {w: contracted[w] + rented[w] for w in WORKLOADS}
    used = sum(c.used_mw for c in clouds)
    sold_mw = sum(c.sold_mw for c in clouds)
    need = sum(lab.need_h100e for lab in labs)
    unmet = sum(lab.need_h100e * lab.unmet_share for lab in labs) / need if need > 0 else 0.0
    flows = market.ledger.flows
    paid: dict[str, int] = {}
    strategic = 0
    for (payer, _, purpose), usd in flows.items():
        paid[purpose] = paid.get(purpose, 0) + usd
        if purpose == "equity" and payer not in economy.investors:
            strategic += usd
    hyper = sum(
        c.capex_usd for c in economy.clouds.values() if c.spec.kind == "hyperscaler"
    )
    capex = sum(c.capex_usd for c in economy.clouds.values())
    signed = sum(c.remaining_usd(c.start) for c in market.signed_this_month)
    return (
        market.month, market.date, spot_price, _contract_price(economy),
        _list_price(economy), spot["training"].spot_price, spot["inference"].spot_price,
        installed["training"], installed["inference"], used,
        contracted["training"], contracted["inference"], sum(c.contract_mw for c in clouds),
        sold["training"], sold["inference"], sold_mw,
        max(0.0, pool["training"] - rented["training"]),
        max(0.0, pool["inference"] - rented["inference"]), max(0.0, used - sold_mw),
        sum(c.promised_mw for c in clouds), sum(c.energised_this_month_mw for c in clouds),
        sold_mw / used if used > 0 else None, unmet, sum(units.values()), need,
        sum(f.revenue_usd for f in economy.labs.values()),
        sum(f.revenue_usd for f in economy.clouds.values()),
        sum(f.revenue_usd for f in economy.chipmakers.values()),
        capex, hyper, paid.get("equity", 0), strategic, paid.get("loan_draw", 0),
        paid.get("parent_funding", 0), round(signed), 0, market.mood,
        market.world.base_rate_per_year, market.defaults, market.switches,
        _hhi([f.revenue_usd for f in economy.labs.values()]),
        _hhi([f.revenue_usd for f in economy.clouds.values()]),
        _hhi([f.revenue_usd for f in economy.chipmakers.values()]),
        _supplier_hhi(economy), None, None, None,
    )  # fmt: skip


def _hhi(values: list[int]) -> float | None:
    """Herfindahl-Hirschman index of revenues, 0..1."""
    total = sum(values)
    return sum((v / total) ** 2 for v in values) if total > 0 else None


def _supplier_hhi(economy: Economy) -> float | None:
    """HHI of groups that supply labs, by delivered contract H100e."""
    delivered: dict[str, float] = {}
    for cloud in economy.clouds.values():
        for contract in economy.market.book.of_cloud(cloud.name):
            delivered[cloud.group] = delivered.get(cloud.group, 0.0) + contract.delivered_h100e
    total = sum(delivered.values())
    return sum((v / total) ** 2 for v in delivered.values()) if total > 0 else None


def _contract_price(economy: Economy) -> float:
    """Price of contracts signed this month, by H100e-hours over the term; else carried forward."""
    market = economy.market
    paid = hours = 0.0
    for contract in market.signed_this_month:
        h = contract.remaining_h100e_hours(contract.start)
        # prepaid money earns the seller interest: the price at present value is higher
        years = (contract.end - contract.start) / 12
        present = 1 + contract.prepaid_share * 0.05 * years
        paid += contract.price_usd_per_h100e_hour * present * h
        hours += h
    for book in market.rental.values():
        h = 12 * HOURS_PER_MONTH * book.signed_h100e
        paid += book.contract_price * h
        hours += h
    if hours > 0:
        market.contract_price = paid / hours
    return market.contract_price


def _list_price(economy: Economy) -> float:
    """List prices weighted by what each cloud rents out."""
    paid = weight = 0.0
    for cloud in economy.living_clouds():
        if cloud.spec.sells:
            for workload in WORKLOADS:
                w = cloud.pool[workload] + 1e-9
                paid += w * cloud.list_price[workload]
                weight += w
    return paid / weight if weight > 0 else economy.market.contract_price


def measure(economy: Economy, units: dict[str, float]) -> None:
    """Check the invariants, close the month's books and enter its rows (phase 9)."""
    market = economy.market
    mark_shares(economy)
    check_plant(economy)
    rows = market.recorder.rows
    rows["prices"].extend(chip_price_rows(economy))
    rows["months"].append(month_row(economy, units))
    rows["firms"].extend(firm_rows(economy))
    market.recorder.flows(market.ledger.close_month())


def chip_price_rows(economy: Economy) -> list[tuple[Any, ...]]:
    """The month's chip prices: every generation on sale, and what shipped."""
    market = economy.market
    rows = []
    for maker in economy.chipmakers.values():
        mix = market.mixes.get(maker.name)
        if mix is None:
            continue
        for chip, share in mix.shares:
            units = maker.shipped_h100e * share / chip.h100e
            price = chip.price_usd * market.price_factor[chip.name]
            rows.append((market.month, "chip", "", chip.name, maker.name, price, units))
    return rows


def contract_rows(economy: Economy) -> list[tuple[Any, ...]]:
    """All rows of the contracts table, in order of opening."""
    book = economy.market.book
    rows: list[tuple[Any, ...]] = []
    for c in book.compute:
        rows.append(
            (
                c.contract_id, "compute", c.lab, c.cloud, str(c.status), "SIGNED", c.workload,
                c.maker, c.opened, c.signed, c.start, c.end, c.ended, True, c.exclusive,
                c.renewal, c.h100e, None, c.mw, c.price_usd_per_h100e_hour,
                round(c.remaining_usd(c.start)), c.end - c.start, c.prepaid_share,
                c.take_or_pay_share, c.termination_fee_share, c.buyer_reservation_usd,
                c.seller_reservation_usd,
                None if c.buyer_reservation_usd is None or c.seller_reservation_usd is None
                else c.buyer_reservation_usd - c.seller_reservation_usd,
                c.rounds, c.reason,
            )
        )  # fmt: skip
    for o in book.orders:
        rows.append(
            (
                o.contract_id, "chip_order", o.buyer, o.maker, str(o.status), "SIGNED", None,
                o.maker, o.month, o.month, o.month, o.expected, o.ended, True, False, False,
                o.h100e, float(o.units), None, o.price_usd_per_h100e,
                round(o.h100e * o.price_usd_per_h100e), None, None, None, None, None, None, None,
                None, "",
            )
        )  # fmt: skip
    for x in book.loans:
        rows.append(
            (
                x.contract_id, "loan", x.borrower, x.lender, str(x.status), "SIGNED", None, None,
                x.month, x.month, x.month, x.end, x.ended, True, False, False, None, None, None,
                x.rate_per_year, x.committed_usd, x.end - x.month, None, None, None, None, None,
                None, None, x.reason,
            )
        )  # fmt: skip
    for d in book.deals:
        v = d.values
        rows.append(
            (
                d.contract_id, d.kind, d.buyer, d.seller, str(d.status), d.outcome,
                v.get("workload"), v.get("chip"), d.month_opened, v.get("month_signed"), None,
                None, v.get("month_ended"), d.outcome == "SIGNED", False, False, v.get("h100e"),
                None, None, v.get("price_usd"), v.get("amount_usd"), None, None, None, None,
                v.get("buyer_reservation_usd"), v.get("seller_reservation_usd"), v.get("gap_usd"),
                v.get("rounds"), v.get("reason", ""),
            )
        )  # fmt: skip
    rows.sort(key=lambda r: (r[8], r[1], r[0]))
    return rows
