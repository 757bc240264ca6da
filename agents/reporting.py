"""Rows of the result tables: what is measured of the market at the end of a month."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ..market.columns import TABLES
from ..market.contracts import HOURS_PER_MONTH, ChipOrder, ComputeContract, Deal, Loan
from ..market.market import WORKLOADS
from .accounts import mark_shares
from .cloud import Cloud
from .economy import Economy
from .firm import FUNDING_PURPOSES, NO_BURN_RUNWAY_MONTHS, Firm
from .invariants import check_plant
from .lab import Lab


def firm_rows(economy: Economy) -> list[tuple[Any, ...]]:
    """The month's rows of the firms table."""
    market = economy.market
    month, date = market.month, market.dates[market.month]
    totals = {
        role: sum([f.revenue_usd for f in firms]) or 1
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
    letters = _with_letters(firm)
    capacity: tuple[float | None, ...] = (None,) * 5
    lab_part: tuple[Any, ...] = (None,) * 6
    suppliers: tuple[Any, ...] = (None,) * 7
    backlog: int | None = None
    utilisation = None
    arr = 12 * revenue
    if isinstance(firm, Lab):
        capacity = (
            firm.got["training"] + firm.spot["training"] + firm.borrowed["training"],
            firm.got["inference"] + firm.spot["inference"] + firm.borrowed["inference"],
            _lab_mw(economy, firm),
            firm.got["training"],
            firm.got["inference"],
        )
        lab_part = (
            firm.training_stock,
            firm.unmet_share,
            firm.price_index,
            firm.let["training"] + firm.lent["training"],
            firm.let["inference"] + firm.lent["inference"],
            firm.compute_per_unit if firm.alive else None,
        )
        suppliers = _suppliers(firm, economy.market.first_chipmaker)
        arr = round(firm.arr_usd) if firm.alive else 0
    elif isinstance(firm, Cloud):
        training = sum([f.training_h100e for f in firm.families.values()])
        inference = sum([f.inference_h100e for f in firm.families.values()])
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
        firm.cash_usd, firm.debt_usd, firm.book_equity_usd, revenue, firm.cost_usd, margin,
        firm.capex_usd, firm.burn_usd, arr, valuation,
        firm.share_price_index if firm.spec.listed else None,
        firm.credit_rating, firm.runway_months, letters, *capacity, revenue / total, *lab_part,
        *suppliers, backlog, firm.unpaid_usd, utilisation, None,
    )  # fmt: skip


def _with_letters(firm: Firm) -> float:
    """Runway if letters of intent were cash."""
    if not firm.letters_usd or firm.arrears_usd > 0:
        return firm.runway_months
    outflow = firm.mean_outflow_usd
    if firm.backed:
        outflow -= firm.parent_funding_usd_per_month()
    if outflow <= 0:
        return NO_BURN_RUNWAY_MONTHS
    return min(NO_BURN_RUNWAY_MONTHS, firm.runway_months + firm.letters_usd / outflow)


def _lab_mw(economy: Economy, lab: Lab) -> float:
    mw = 0.0
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        family = economy.clouds[contract.cloud].families.get(contract.maker)
        density = family.per_mw[contract.workload] if family else 0.0
        mw += contract.delivered_h100e / density if density > 0 else 0.0
    rented = sum(lab.spot.values()) + sum(lab.borrowed.values())
    total = sum(lab.got.values())
    return mw * (1 + rented / total) if total > 0 else rented * 1.6e-3


def _suppliers(lab: Lab, first_chipmaker: str) -> tuple[Any, ...]:
    shares = lab.supplied["overall"] if lab.alive else {}
    total = sum(shares.values())
    main = lab.main_supplier
    return (
        main.get("overall"),
        main.get("training"),
        main.get("inference"),
        shares.get(main.get("overall", ""), 0.0) / total if total > 0 else None,
        len(shares),
        _share(lab.supplied.get("training chips", {}), first_chipmaker),
        _share(lab.supplied.get("inference chips", {}), first_chipmaker),
    )


def _share(parts: dict[str, float], name: str) -> float | None:
    """What one has of a whole; None of nothing."""
    total = sum(parts.values())
    return parts.get(name, 0.0) / total if total > 0 else None


def month_row(economy: Economy, units: dict[str, float]) -> tuple[Any, ...]:
    """The month's row of the months table."""
    market = economy.market
    labs, clouds = economy.living_labs(), economy.living_clouds()
    spot = {w: market.rental[w] for w in WORKLOADS}
    weight = {w: 1e-9 + sum([c.spot_sold[w] for c in clouds]) for w in WORKLOADS}
    spot_price = sum([spot[w].spot_price * weight[w] for w in WORKLOADS]) / sum(weight.values())
    installed = {
        "training": sum([f.training_h100e for c in clouds for f in c.families.values()]),
        "inference": sum([f.inference_h100e for c in clouds for f in c.families.values()]),
    }
    contracted = {w: sum([lab.got[w] for lab in labs]) for w in WORKLOADS}
    rented = {w: sum([c.reserved[w] + c.spot_sold[w] for c in clouds]) for w in WORKLOADS}
    pool = {w: sum([c.pool[w] for c in clouds]) for w in WORKLOADS}
    sold = {w: contracted[w] + rented[w] for w in WORKLOADS}
    used = sum([c.used_mw for c in clouds])
    sold_mw = sum([c.sold_mw for c in clouds])
    need = sum([lab.need_h100e for lab in labs])
    unmet = sum([lab.need_h100e * lab.unmet_share for lab in labs]) / need if need > 0 else 0.0
    flows = market.ledger.flows
    paid: dict[str, int] = {}
    strategic = 0
    for (payer, _, purpose), usd in flows.items():
        if purpose in FUNDING_PURPOSES:
            paid[purpose] = paid.get(purpose, 0) + usd
            if purpose == "equity" and payer not in economy.investors:
                strategic += usd
    hyper = sum([c.capex_usd for c in economy.clouds.values() if c.spec.kind == "hyperscaler"])
    capex = sum([c.capex_usd for c in economy.clouds.values()])
    signed = sum([c.remaining_usd(c.start) for c in market.signed_this_month])
    return (
        market.month, market.date, spot_price, _contract_price(economy),
        _list_price(economy), spot["training"].spot_price, spot["inference"].spot_price,
        installed["training"], installed["inference"], used,
        contracted["training"], contracted["inference"], sum([c.contract_mw for c in clouds]),
        sold["training"], sold["inference"], sold_mw,
        max(0.0, pool["training"] - rented["training"]),
        max(0.0, pool["inference"] - rented["inference"]), max(0.0, used - sold_mw),
        sum([c.promised_mw for c in clouds]), sum([c.energised_this_month_mw for c in clouds]),
        sold_mw / used if used > 0 else None, unmet, sum(units.values()), need,
        *_outside(economy), _chip_price(economy),
        sum([f.revenue_usd for f in economy.labs.values()]),
        sum([f.revenue_usd for f in economy.clouds.values()]),
        sum([f.revenue_usd for f in economy.chipmakers.values()]),
        capex, hyper, paid.get("equity", 0), strategic, paid.get("loan_draw", 0),
        paid.get("parent_funding", 0), round(signed), market.promises.signed_usd, market.mood,
        market.world.base_rate_per_year, market.defaults, market.switches,
        _hhi([f.revenue_usd for f in economy.labs.values()]),
        _hhi([f.revenue_usd for f in economy.clouds.values()]),
        _hhi([f.revenue_usd for f in economy.chipmakers.values()]),
        _supplier_hhi(economy), None, None, None,
    )  # fmt: skip


def _outside(economy: Economy) -> tuple[float, float, float, float]:
    """Use outside the labs: service units in clouds and on premise, and inference H100e of both."""
    market = economy.market
    served = market.world.served.values()
    rented = market.rental["inference"].open_weights_h100e * market.world.demand_factor
    return (
        sum([use.open_weights for use in served]),
        sum([use.on_premise for use in served]),
        rented,
        market.on_premise.fleet_h100e,
    )


def _chip_price(economy: Economy) -> float | None:
    """Posted price of an H100e of chips, weighted by what shipped this month."""
    paid = shipped = 0.0
    for maker in economy.chipmakers.values():
        mix = economy.market.mixes.get(maker.name)
        if mix is not None and maker.shipped_h100e > 0:
            paid += mix.price_usd_per_h100e * maker.shipped_h100e
            shipped += maker.shipped_h100e
    return paid / shipped if shipped > 0 else None


def _hhi(values: list[int]) -> float | None:
    """Herfindahl-Hirschman index of revenues, 0..1."""
    total = sum(values)
    return sum([(v / total) ** 2 for v in values]) if total > 0 else None


def _supplier_hhi(economy: Economy) -> float | None:
    """HHI of groups that supply labs, by delivered contract H100e."""
    delivered: dict[str, float] = {}
    for cloud in economy.clouds.values():
        for contract in economy.market.book.of_cloud(cloud.name):
            delivered[cloud.group] = delivered.get(cloud.group, 0.0) + contract.delivered_h100e
    total = sum(delivered.values())
    return sum([(v / total) ** 2 for v in delivered.values()]) if total > 0 else None


def _contract_price(economy: Economy) -> float:
    """Price of contracts signed this month, by H100e-hours over the term; else carried forward."""
    market = economy.market
    paid = hours = 0.0
    custom = market.catalogue.redeployability
    for contract in market.signed_this_month:
        if contract.maker in custom:  # capacity that no other lab could have for this price
            continue
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
    market.recorder.close_month()


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


def contract_columns(economy: Economy) -> list[list[Any]]:
    """The contracts table, one row a deal in order of opening, column by column."""
    book = economy.market.book
    rows = [
        *map(_compute_row, book.compute),
        *map(_order_row, book.orders),
        *map(_loan_row, book.loans),
        *map(_deal_row, book.deals),
    ]
    rows.sort(key=itemgetter("month_opened", "kind", "contract_id"))
    names = [name for name, _ in TABLES["contracts"]]
    values, blank = itemgetter(*names), dict.fromkeys(names)
    columns = zip(*[values({**blank, **row}) for row in rows], strict=True)
    return [*map(list, columns)] or [[] for _ in names]


def _compute_row(c: ComputeContract) -> dict[str, Any]:
    buyer, seller = c.buyer_reservation_usd, c.seller_reservation_usd
    signed = c.as_signed()  # amendments have rows of their own
    return {
        "contract_id": c.contract_id,
        "kind": "compute",
        "buyer": c.lab,
        "seller": c.cloud,
        "status": str(c.status),
        "outcome": "SIGNED",
        "workload": c.workload,
        "chip": c.maker,
        "month_opened": c.opened,
        "month_signed": c.signed,
        "month_start": c.start,
        "month_end": signed.end,
        "month_ended": c.ended,
        "month_amended": c.month_amended,
        "binding": True,
        "exclusive": signed.exclusive,
        "first_refusal": c.first_refusal,
        "renewal": c.renewal,
        "h100e": signed.h100e,
        "mw": c.mw,
        "price_usd": signed.price_usd_per_h100e_hour,
        "amount_usd": signed.amount_usd,
        "term_months": signed.end - c.start,
        "prepaid_share": c.prepaid_share,
        "take_or_pay_share": c.take_or_pay_share,
        "termination_fee_share": c.termination_fee_share,
        "delay_exit_months": c.delay_exit_months,
        "price_review_months": c.price_review_months,
        "buyer_reservation_usd": buyer,
        "seller_reservation_usd": seller,
        "gap_usd": None if buyer is None or seller is None else buyer - seller,
        "rounds": c.rounds,
        "reason": c.reason,
    }


def _order_row(o: ChipOrder) -> dict[str, Any]:
    return {
        "contract_id": o.contract_id,
        "kind": "chip_order",
        "buyer": o.buyer,
        "seller": o.maker,
        "status": str(o.status),
        "outcome": "SIGNED",
        "chip": o.line or o.maker,
        "month_opened": o.month,
        "month_signed": o.month,
        "month_start": o.month,
        "month_end": o.expected,
        "month_ended": o.ended,
        "binding": True,
        "exclusive": False,
        "renewal": False,
        "h100e": o.h100e,
        "units": float(o.units),
        "price_usd": o.price_usd_per_h100e,
        "amount_usd": round(o.h100e * o.price_usd_per_h100e),
        "reason": "",
    }


def _loan_row(x: Loan) -> dict[str, Any]:
    return {
        "contract_id": x.contract_id,
        "kind": "loan",
        "buyer": x.borrower,
        "seller": x.lender,
        "status": str(x.status),
        "outcome": "SIGNED",
        "month_opened": x.month,
        "month_signed": x.month,
        "month_start": x.month,
        "month_end": x.end,
        "month_ended": x.ended,
        "binding": True,
        "exclusive": False,
        "renewal": False,
        "price_usd": x.rate_per_year,
        "amount_usd": x.committed_usd,
        "term_months": x.end - x.month,
        "reason": x.reason,
    }


def _deal_row(d: Deal) -> dict[str, Any]:
    return {
        "contract_id": d.contract_id,
        "kind": d.kind,
        "buyer": d.buyer,
        "seller": d.seller,
        "status": str(d.status),
        "outcome": d.outcome,
        "month_opened": d.month_opened,
        "binding": d.outcome == "SIGNED",
        "exclusive": False,
        "renewal": False,
        "reason": "",
        **d.values,
    }
