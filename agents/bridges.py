"""Bridge finance: owners of a firm that is short lend until its next round (phase 8).

A convertible note is an option on the firm's survival: it buys the months in which a round may
close. Each owner weighs what these months save of its stake against the risk to its new money.
"""

from __future__ import annotations

from typing import NamedTuple

from ..market.allocation import pro_rata
from ..market.contracts import Deal, DealStatus, Note
from ..market.equity import new_shares
from ..market.ledger import Account, Bill, Claim
from .alliances import failure_risk
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .investor import Investor
from .lab import Lab
from .marks import consensus_usd, issuers
from .solvency import months_left, outflow_usd, overdue_usd

_SHORT_MONTHS = 3.0  # of money left, below which owners are asked
_LEAST_MONTHS = 1.0  # of outflow that a note must pay for beside what is overdue
_STRATEGIC_CASH_SHARE = 0.10  # of cash that a cloud or chipmaker puts up
_TOLD_EVERY_MONTHS = 3


class Offer(NamedTuple):
    """What a bridge is worth to an owner who looks at it.

    saved_risk: by how much it lowers the chance that the firm fails, 0..1
    risk: chance that the firm fails all the same, 0..1
    discount: to the next round's price, at which a note converts, 0..1
    """

    saved_risk: float
    risk: float
    discount: float

    def most_usd(self, stake_usd: float) -> float:
        """Most that an owner lends: what is saved of its stake pays for the risk to the note."""
        loss_per_dollar = 1 - (1 - self.risk) / (1 - self.discount)
        if loss_per_dollar <= 0:
            return float("inf")  # the discount alone pays for the risk
        return self.saved_risk * stake_usd / loss_per_dollar


def seek_bridges(economy: Economy) -> None:
    """Firms that raise equity and have little time left ask their owners."""
    if economy.market.rules.world.distress.bridge_months == 0:
        return
    for firm in issuers(economy):
        if firm.frozen and months_left(firm) < _SHORT_MONTHS and not _notes_of(economy, firm):
            _ask_owners(economy, firm)


def _ask_owners(economy: Economy, firm: Lab | Cloud) -> None:
    rules = economy.market.rules.world.distress
    outflow, missing = max(0, outflow_usd(firm)), overdue_usd(firm) - firm.cash_usd
    wanted = round(missing + rules.bridge_months * outflow)
    least = round(max(0, missing) + _LEAST_MONTHS * outflow)
    if wanted <= 0:
        return
    months = months_left(firm)
    before, after = (
        failure_risk(economy.market, m) for m in (months, months + rules.bridge_months)
    )
    offer = Offer(before - after, after, rules.note_discount)
    value = min(firm.valuation_usd, consensus_usd(firm))
    willing = {
        name: int(min(ticket, offer.most_usd(firm.cap_table.ownership(name) * value)))
        for name, ticket in _tickets(economy, firm).items()
    }
    if sum(willing.values()) < least:
        _refuse(economy, firm, wanted, sum(willing.values()), least)
        return
    _sign(economy, firm, pro_rata(wanted, willing))


def _tickets(economy: Economy, firm: Firm) -> dict[str, int]:
    """Owners who could lend, and with how much at most, US dollars."""
    tickets = {}
    for name in sorted(firm.cap_table.holders):
        owner = economy.find(name)
        if owner is None or not owner.alive or owner.frozen:
            continue
        if isinstance(owner, Investor):
            tickets[name] = int(owner.spec.largest_ticket_share * owner.dry_powder_usd)
        else:
            tickets[name] = int(_STRATEGIC_CASH_SHARE * owner.cash_usd)
    return tickets


def _sign(economy: Economy, firm: Firm, lent: dict[str, int]) -> None:
    market = economy.market
    rules = market.rules.world.distress
    due = market.month + rules.note_term_months
    given = {name: usd for name, usd in sorted(lent.items()) if usd > 0}
    for name, usd in given.items():
        ref = market.book.new_id(name, firm.name, market.date, "bridge")
        market.ledger.pay(Bill(name, firm.name, usd, "bridge", ref))
        market.book.notes.append(Note(ref, name, firm.name, usd, due))
        market.book.deals.append(
            Deal(
                ref, "bridge", name, firm.name, DealStatus.SIGNED, "SIGNED", market.month,
                {"month_signed": market.month, "month_end": due, "amount_usd": usd,
                 "term_months": rules.note_term_months},
            )
        )  # fmt: skip
    total = sum(given.values())
    lead = max(given, key=lambda name: (given[name], name))
    market.event(
        "bridge_signed", firm.name, lead, total,
        f"owners of {firm.name} bridge it to the next round with ${total / 1e6:,.0f}M of "
        f"convertible notes, {lead} with most of it", notes=given, due=due,
        discount=rules.note_discount,
    )  # fmt: skip


def _refuse(economy: Economy, firm: Firm, wanted: int, offered: int, least: int) -> None:
    market = economy.market
    if market.month % _TOLD_EVERY_MONTHS:
        return
    market.event(
        "bridge_refused", firm.name, "", wanted,
        f"owners of {firm.name} would lend ${offered / 1e6:,.0f}M at most, and it needs "
        f"${least / 1e6:,.0f}M at least", offered_usd=offered, least_usd=least,
    )  # fmt: skip


def convert_notes(economy: Economy, firm: Firm, pre_money_usd: int) -> None:
    """Turn a firm's notes into shares at a discount to the price of the round that closes."""
    market = economy.market
    notes = _notes_of(economy, firm)
    if not notes:
        return
    price = max(1, round((1 - market.rules.world.distress.note_discount) * pre_money_usd))
    outstanding = firm.cap_table.total
    converted: dict[str, int] = {}
    for note in notes:
        market.book.notes.remove(note)
        claim = _claim(note)
        usd = market.ledger.claims[claim]
        market.ledger.convert(claim, Account.EQUITY_HELD, firm.name, usd)
        firm.cap_table.issue(note.holder, new_shares(usd, price, outstanding))
        converted[note.holder] = converted.get(note.holder, 0) + usd
    total, share = sum(converted.values()), 1 - outstanding / firm.cap_table.total
    market.event(
        "notes_converted", firm.name, max(converted, key=lambda name: (converted[name], name)),
        total, f"notes of ${total / 1e6:,.0f}M become {share:.2%} of {firm.name}",
        notes=converted, share=share, price_usd=price,
    )  # fmt: skip


def bill_notes(economy: Economy) -> None:
    """Notes that no round has converted in time are due in cash (before settlement)."""
    market = economy.market
    for note in [n for n in market.book.notes if n.due <= market.month]:
        market.book.notes.remove(note)
        usd = market.ledger.claims.get(_claim(note), 0)
        market.bill(note.firm, note.holder, usd, "note_redemption", note.contract_id)


def _notes_of(economy: Economy, firm: Firm) -> list[Note]:
    return [note for note in economy.market.book.notes if note.firm == firm.name]


def _claim(note: Note) -> Claim:
    return Claim(int(Account.LOANS), note.holder, note.firm, note.contract_id)
