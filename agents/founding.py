"""Builds the economy of a scenario, turns its months, and verifies it at the end."""

from __future__ import annotations

import mesa

from ..market.contracts import ComputeContract
from ..market.equity import CapTable
from ..market.ledger import WORLD, Bill
from ..market.market import Market
from ..market.randomness import Draws
from ..scenarios import schema
from ..scenarios.calendar import month_index, month_label
from ..scenarios.entry import entry_month
from ..scenarios.schema import Scenario
from .accounts import rate
from .alliances import follow_alliances, open_alliances
from .chip_market import open_backlog
from .chipmaker import Chipmaker
from .cloud import Cloud
from .compute_market import open_rentals
from .economy import Economy
from .entry import admit
from .firm import Firm
from .investor import Investor
from .lab import Lab
from .lending import lend, open_loans
from .plain import plain
from .service import observe_use, open_shares
from .warrants import open_backstops

_LONG_AGO = 10**6  # months: chips of makers that are there from the start keep their launch

_OPENING_EXPERIENCE_MONTHS = 12  # that a lab has run on the chips it opens with, assumption


def found(model: mesa.Model, rules: Scenario, draws: Draws) -> Economy:
    """Build firms in order of name, with opening balances, contracts, orders and stakes."""
    rules = plain(_in_order(rules))
    names = sorted(firm.name for firm in rules.firms)
    entries = {firm.name: entry_month(rules, firm) for firm in rules.firms}
    launches = {
        chip.name: max(month_index(rules.run, chip.launch), entries[chip.maker] or -_LONG_AGO)
        for chip in rules.chips
    }
    dates = [month_label(rules.run, m) for m in range(rules.run.months)]
    market = Market(rules, draws, names, launches, dates)

    def by_name(kind: type, specs):  # type: ignore[no-untyped-def]
        ordered = sorted(specs, key=lambda s: s.name)
        return {s.name: kind(model, s, market) for s in ordered if entries[s.name] == 0}

    economy = Economy(
        market,
        by_name(Lab, rules.labs),
        by_name(Cloud, rules.clouds),
        by_name(Chipmaker, rules.chipmakers),
        by_name(Investor, rules.investors),
        model,
        _to_come(rules, entries),
    )
    for firm in economy.firms():
        firm.open_books()
    market.refresh_chips()
    for cloud in economy.clouds.values():
        cloud.install()
    _open_contracts(economy)
    open_loans(economy)
    _open_stakes(economy)
    open_backstops(economy)
    open_backlog(economy)
    open_shares(economy)
    open_alliances(economy)
    observe_use(market)
    market.on_premise.open()
    open_rentals(economy)
    rate(economy)
    lend(economy)
    market.ledger.close_month()
    return economy


_SORTED = ("chips", "contracts", "loans", "stakes", "letters", "warrants", "backstops", "alliances")


def _to_come(rules: Scenario, entries: dict[str, int]) -> list[tuple[int, str, type[Firm]]]:
    """Who enters during the run: month, name and kind."""
    kinds: tuple[tuple[type[Firm], tuple[schema.Firm, ...]], ...] = (
        (Lab, rules.labs),
        (Cloud, rules.clouds),
        (Chipmaker, rules.chipmakers),
        (Investor, rules.investors),
    )
    late = [
        (entries[spec.name], spec.name, kind)
        for kind, specs in kinds
        for spec in specs
        if 0 < entries[spec.name] < rules.run.months
    ]
    return sorted(late, key=lambda entrant: entrant[:2])


def _in_order(rules: Scenario) -> Scenario:
    """The scenario with its lists in one order: sums of floats depend on it in the last digit."""
    clouds = (
        cloud.model_copy(
            update={
                "fleet": tuple(sorted(cloud.fleet, key=lambda s: s.chip)),
                "chip_preferences": tuple(sorted(cloud.chip_preferences, key=lambda p: p.maker)),
            }
        )
        for cloud in rules.clouds
    )
    given = {
        field: tuple(sorted(getattr(rules, field), key=lambda entry: entry.model_dump_json()))
        for field in _SORTED
    }
    given["programmes"] = tuple(
        programme.model_copy(
            update={"hosts": tuple(sorted(programme.hosts, key=lambda host: host.name))}
        )
        for programme in sorted(rules.programmes, key=lambda programme: programme.name)
    )
    return rules.model_copy(update={"clouds": tuple(clouds), **given})


def _open_contracts(economy: Economy) -> None:
    market = economy.market
    run = market.rules.run
    ordered = sorted(
        market.rules.contracts,
        key=lambda c: (c.lab, c.cloud, c.workload, c.end, c.maker, c.h100e,
                       c.price_usd_per_h100e_hour),
    )  # fmt: skip
    paid = hours = 0.0
    for given in ordered:
        ramp = given.ramp
        contract = ComputeContract(
            market.book.new_id(given.lab, given.cloud, market.date, given.workload),
            given.lab,
            given.cloud,
            given.workload,
            given.maker,
            given.h100e,
            given.price_usd_per_h100e_hour,
            -1,
            -1,
            0,
            month_index(run, given.end),
            opening_h100e=ramp.opening_h100e if ramp else given.h100e,
            ramp_months=ramp.months if ramp else 1,
            take_or_pay_share=given.take_or_pay_share,
            termination_fee_share=given.termination_fee_share,
            exclusive=given.exclusive,
            first_refusal=given.first_refusal,
            delay_exit_months=given.delay_exit_months,
            price_review_months=given.price_review_months,
        )
        market.book.sign(contract)
        chips = given.workload, given.maker
        experience = economy.labs[given.lab].experience
        before = _OPENING_EXPERIENCE_MONTHS * contract.opening_h100e
        experience[chips] = experience.get(chips, 0.0) + before
        prepaid = round(given.prepaid_usd)
        if prepaid:
            # the credit was paid before the start: founders put it up and the cloud has spent it
            ref = contract.contract_id
            market.ledger.pay(Bill(WORLD, given.lab, prepaid, "founding", "credit"))
            market.ledger.pay(Bill(given.lab, given.cloud, prepaid, "prepayment", ref))
            market.ledger.return_capital(given.cloud, prepaid)
        paid += given.price_usd_per_h100e_hour * given.h100e
        hours += given.h100e
    market.lab_contract_price = (
        paid / hours if hours else 0.6 * market.rental["training"].contract_price
    )


def _open_stakes(economy: Economy) -> None:
    """Cap tables, and what holders paid for their stakes, at cost."""
    market = economy.market
    by_firm: dict[str, dict[str, float]] = {}
    for stake in sorted(market.rules.stakes, key=lambda s: (s.firm, s.investor)):
        if economy.find(stake.firm) is None:
            continue  # it enters later, and so do its owners' stakes
        row = by_firm.setdefault(stake.firm, {})
        row[stake.investor] = row.get(stake.investor, 0.0) + stake.share
        cost = round(stake.cost_usd)
        if cost:
            # paid before the start: the world funds the holder, the firm has spent it
            market.ledger.pay(Bill(WORLD, stake.investor, cost, "founding", "cash"))
            market.ledger.pay(Bill(stake.investor, stake.firm, cost, "equity", stake.firm))
            market.ledger.return_capital(stake.firm, cost)
    for name, shares in sorted(by_firm.items()):
        economy.firm(name).cap_table = CapTable.from_stakes(shares)


def begin_month(economy: Economy, month: int, rules: Scenario | None) -> None:
    """Turn the calendar; `rules` are new where an intervention sets or scales a path."""
    market = economy.market
    market.month = market.ledger.month = market.recorder.month = month
    market.signed_this_month = []
    if rules is not None:
        rules = market.rules = plain(_in_order(rules))
        specs = {spec.name: spec for spec in rules.firms}
        for firm in economy.firms():
            firm.follow(specs[firm.name])
        market.catalogue.follow(rules)
        follow_alliances(economy)
    admit(economy)
    for maker in economy.chipmakers.values():
        if maker.alive:
            maker.launch()
    market.refresh_chips()
    targets = sum(sum(lab.target.values()) for lab in economy.living_labs())
    market.follow_targets(targets)


def lab_trend(economy: Economy) -> float:
    """Monthly log growth of what labs say they will need (public plans)."""
    return economy.market.lab_trend


def verify(economy: Economy) -> str:
    """Check that the journal rebuilds the books; returns "ok" or raises LedgerError."""
    economy.market.ledger.verify_journal()
    return "ok"
