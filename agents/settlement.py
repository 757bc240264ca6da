"""Settlement of the month's dues: who can pay all pays, the rest becomes arrears."""

from __future__ import annotations

from ..market.ledger import WORLD, Account, Bill, Claim
from ..market.market import no_bills
from .economy import Economy
from .firm import Firm

_PAYABLES = int(Account.PAYABLES)  # read for every firm: a plain index is faster
_BUFFER_SHARE = 0.5  # of its dues that a backed firm keeps at hand


def settle(economy: Economy) -> None:
    """Collect all dues (phase 6).

    Firms pay in full or not at all; each payment may enable the next, so passes go on until no
    further firm can pay. Paying never hinders another, so the set is the same whatever the order.
    """
    market = economy.market
    ledger = market.ledger
    fund_from_parents(economy)
    bills, market.bills = market.bills, no_bills()
    arrears = _arrears(economy)
    ledger.pay_all(WORLD, bills.pop(WORLD, {}))
    pending = {
        name: sum(dues.values()) + sum([u for _, u in arrears.get(name, ())])
        for name, dues in sorted(bills.items())
    }
    for name in arrears:
        if name not in pending:
            pending[name] = sum([u for _, u in arrears[name]])
    paying = True
    while paying and pending:
        paying = False
        for name, total in list(pending.items()):
            if ledger.cash_usd(name) >= total:
                ledger.pay_all(name, bills.get(name, {}))
                for claim, usd in arrears.get(name, ()):
                    ledger.redeem(claim, usd, claim.ref)
                del pending[name]
                paying = True
    for firm in economy.firms():
        firm.unpaid_usd = max(0, pending[firm.name] - firm.cash_usd) if firm.name in pending else 0
    for name in pending:
        for (payee, purpose, ref), usd in bills.get(name, {}).items():
            ledger.defer((name, payee, usd, purpose, ref))


def _arrears(economy: Economy) -> dict[str, list[tuple[Claim, int]]]:
    """What firms still owe from earlier months."""
    ledger = economy.market.ledger
    found: dict[str, list[tuple[Claim, int]]] = {}
    for firm in economy.firms():
        if firm.alive and ledger.books[firm.name][_PAYABLES]:
            found[firm.name] = ledger.owed_by(firm.name, Account.RECEIVABLES)
    return found


def fund_from_parents(economy: Economy) -> None:
    """Parents pay in what their firms lack this month, out of a purse that fills monthly."""
    market = economy.market
    backed = [firm for firm in economy.firms() if firm.alive and firm.backed]
    net = {firm.name: 0 for firm in backed}
    dues = {firm.name: 0 for firm in backed}
    for payer, owed in market.bills.items():
        if payer in net:
            dues[payer] = sum(owed.values())
            net[payer] -= dues[payer]
        for (payee, _, _), usd in owed.items():
            if payee in net:
                net[payee] += usd
    for firm in backed:
        yearly = 12 * firm.parent_funding_usd_per_month()
        firm.purse_usd = min(yearly, firm.purse_usd + yearly / 12)
        need = _BUFFER_SHARE * dues[firm.name] - net[firm.name] - firm.cash_usd
        need += firm.arrears_usd
        draw_on_purse(firm, need)


def draw_on_purse(firm: Firm, need_usd: float) -> None:
    """The parent pays in what is needed now, as far as the purse goes."""
    draw = round(max(0.0, min(need_usd, firm.purse_usd)))
    firm.purse_usd -= draw
    firm.market.ledger.pay(Bill(WORLD, firm.name, draw, "parent_funding", "parent"))
