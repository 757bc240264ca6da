"""Firms that enter during the run: they are nowhere until their month, then open as others did.

What a firm states in the scenario holds for the month of its entry: cash, fleet, packaging
capacity, team; growth counts from there. A lab has no users yet: the logit gives it some as it
trains. A chipmaker's chips are on sale from its entry at the earliest; clouds order them by the
preference they state, and others give a cheaper newcomer a trial (`market.chips.with_trials`).
"""

from __future__ import annotations

from math import exp, log

from ..market.equity import CapTable
from ..market.ledger import Bill
from ..market.market import WORKLOADS
from .chip_market import order_backlog
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .investor import Investor
from .lab import Lab


def admit(economy: Economy) -> None:
    """Let in the firms whose month has come (phase 1)."""
    month = economy.market.month
    if not economy.to_come or economy.to_come[0][0] > month:
        return
    specs = {spec.name: spec for spec in economy.market.rules.firms}
    firms = []
    while economy.to_come and economy.to_come[0][0] <= month:
        _, name, kind = economy.to_come.pop(0)
        firm = kind(economy.model, specs[name], economy.market)
        economy.add(firm)
        firm.open_books()
        firms.append(firm)
    for firm in firms:  # who enters together may buy from one another at once
        _sell_stakes(economy, firm)
        if isinstance(firm, Lab):
            _open_lab(economy, firm)
        elif isinstance(firm, Cloud):
            _open_cloud(economy, firm)
        elif isinstance(firm, Chipmaker):
            economy.market.entrants[firm.name] = 0.0
        _announce(economy, firm)


def _sell_stakes(economy: Economy, firm: Firm) -> None:
    """Those who hold a stake from the beginning pay for it now, as far as they have the money."""
    market = economy.market
    shares: dict[str, float] = {}
    for stake in sorted(market.rules.stakes, key=lambda s: (s.firm, s.investor)):
        if stake.firm != firm.name:
            continue
        holder = economy.find(stake.investor)
        if holder is None or not holder.alive:
            continue
        giving = holder.spec.giving_share
        if giving == 0:
            continue
        shares[holder.name] = shares.get(holder.name, 0.0) + giving * stake.share
        free = holder.free_cash_usd if isinstance(holder, Investor) else holder.cash_usd
        usd = min(round(giving * stake.cost_usd), free)
        market.ledger.pay(Bill(holder.name, firm.name, usd, "equity", firm.name))
    if shares:
        firm.cap_table = CapTable.from_stakes(shares)


def _open_lab(economy: Economy, lab: Lab) -> None:
    """No users, no revenue, and the price of services that others ask by now."""
    others = [other for other in economy.living_labs() if other is not lab]
    if others:
        lab.price_index = exp(sum([log(other.price_index) for other in others]) / len(others))
    lab.recurring_usd.append(0)


def _open_cloud(economy: Economy, cloud: Cloud) -> None:
    """The list prices that others ask by now, and the chips that it has on order."""
    others = [c for c in economy.living_clouds() if c is not cloud and c.spec.sells]
    if others:
        for workload in WORKLOADS:
            mean = sum([other.list_price[workload] for other in others]) / len(others)
            cloud.list_price[workload] = mean
    economy.market.refresh_chips()
    order_backlog(economy, cloud)


def _announce(economy: Economy, firm: Firm) -> None:
    with_it = f"${firm.cash_usd / 1e9:,.2f}B of cash"
    if isinstance(firm, Chipmaker):
        with_it += f" and packaging for {firm.slots:,.0f} chips a month"
    elif isinstance(firm, Cloud):
        with_it += f" and {firm.energised_mw:,.0f} MW of power"
    kind = firm.kind.replace("_", " ")
    role = kind if isinstance(firm, Cloud) else f"{kind} {firm.role[:-1]}".strip()
    economy.market.event(
        "entry", firm.name, "", firm.cash_usd,
        f"{firm.name} enters the market as {'an' if role[0] in 'aeiou' else 'a'} {role} with "
        f"{with_it}",
    )  # fmt: skip
