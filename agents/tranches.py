"""Money promised in tranches: kept account of on both sides, and paid in as equity.

Rounds and letters of intent share this. Binding money due on a date counts in runway; all else is a
letter (`Firm.letters_usd`), which only `runway_with_letters_months` counts.
"""

from __future__ import annotations

from ..market.equity import new_shares
from ..market.ledger import Bill
from ..market.letters import PendingTranche, Progress
from .alliances import of_pair
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .investor import Investor
from .lab import Lab
from .settlement import draw_on_purse


def promise(economy: Economy, tranche: PendingTranche) -> None:
    """Enter a tranche in what its two sides expect."""
    _expect(economy, tranche, tranche.amount_usd)


def release(economy: Economy, tranche: PendingTranche) -> None:
    """Take a tranche out of what its two sides expect: it is paid, declined or lapsed."""
    _expect(economy, tranche, -tranche.amount_usd)


def _expect(economy: Economy, tranche: PendingTranche, usd: int) -> None:
    firm, backer = economy.firm(tranche.firm), economy.firm(tranche.investor)
    if tranche.binding and isinstance(backer, Investor):
        backer.committed_usd += usd
    if tranche.on_date:
        firm.funds_due_usd += usd
    else:
        firm.letters_usd += usd


def pay_in(economy: Economy, tranche: PendingTranche, pre_money_usd: int) -> bool:
    """Pay a tranche if both sides live and the backer has the cash; else it lapses."""
    market = economy.market
    firm, backer = economy.firm(tranche.firm), economy.firm(tranche.investor)
    release(economy, tranche)
    usd = tranche.amount_usd
    if firm.alive:
        call_parent(economy, backer, firm, usd)
    if not firm.alive or not backer.alive or backer.cash_usd < usd:
        market.event(
            "tranche_lapsed", firm.name, backer.name, usd,
            f"a tranche of ${usd / 1e6:,.0f}M from {backer.name} to {firm.name} lapses",
            round=tranche.deal_id,
        )  # fmt: skip
        return False
    invest(economy, backer, firm, usd, pre_money_usd, tranche.outstanding_shares)
    if tranche.outstanding_shares is None:  # a round's mark holds all its tranches already
        firm.valuation_usd += usd
    if tranche.binding:  # what nobody was bound to pay is a story of its own
        market.event(
            "tranche_paid", firm.name, backer.name, usd,
            f"{backer.name} pays a tranche of ${usd / 1e6:,.0f}M to {firm.name}",
            round=tranche.deal_id,
        )  # fmt: skip
    return True


def call_parent(economy: Economy, backer: Firm, firm: Firm, usd: int) -> None:
    """A partner's parent pays for its follow-on; other stakes come out of a cloud's cash."""
    if backer.backed and of_pair(economy, backer.name, firm.name) is not None:
        draw_on_purse(backer, usd)


def invest(
    economy: Economy,
    backer: Firm,
    firm: Firm,
    usd: int,
    pre_money: int,
    outstanding: int | None,
    purpose: str = "equity",
) -> None:
    """New shares for cash; `outstanding` are those of the day of the price, None: today's."""
    usd = min(usd, backer.cash_usd)
    if usd <= 0:
        return
    economy.market.ledger.pay(Bill(backer.name, firm.name, usd, purpose, firm.name))
    shares = new_shares(usd, pre_money, outstanding or firm.cap_table.total)
    firm.cap_table.issue(backer.name, shares)


def progress(economy: Economy, taker: Firm, giver: Firm, news: bool) -> Progress:
    """Where a firm stands this month on what triggers look at; on events only if `news`."""
    market = economy.market
    arr = taker.arr_usd if isinstance(taker, Lab) else 12.0 * taker.revenue_usd
    gw = deployed_gw(economy, taker, giver)
    return Progress(market.month, gw, arr, _events(economy, taker, giver) if news else frozenset())


def _events(economy: Economy, taker: Firm, giver: Firm) -> frozenset[str]:
    """Kinds of this month's events of the taker, and a launch of the giver's chips."""
    return frozenset(
        kind
        for _, _, kind, firm, other, *_ in economy.market.recorder.rows["events"]
        if taker.name in (firm, other) or (kind == "chip_launch" and firm == giver.name)
    )


def deployed_gw(economy: Economy, taker: Firm, giver: Firm) -> float:
    """Gigawatts that a lab uses under contract, or a cloud has installed.

    On the chips of a giver that makes chips, in the halls of one that is a cloud, else all.
    """
    maker = giver.name if isinstance(giver, Chipmaker) else None
    cloud = giver.name if isinstance(giver, Cloud) else None
    if isinstance(taker, Cloud):
        families = taker.families.items()
        return sum([f.mw for name, f in families if maker in (None, name)]) / 1000
    mw = 0.0
    for contract in economy.market.book.by_lab.get(taker.name, ()):
        if maker in (None, contract.maker) and cloud in (None, contract.cloud):
            family = economy.clouds[contract.cloud].families.get(contract.maker)
            density = family.per_mw[contract.workload] if family else 0.0
            mw += contract.delivered_h100e / density if density > 0 else 0.0
    return mw / 1000
