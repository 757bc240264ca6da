"""What is claimed of a failed firm, by rank, and what creditors would recover in a liquidation."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..market.clearing import Estate, clear
from ..market.contracts import ComputeContract
from ..market.insolvency import Claim, Rank, fire_sale_share, rejection_damages_usd
from ..market.ledger import WORLD, Account
from ..market.ledger import Claim as LedgerClaim
from .cloud import Cloud
from .economy import Economy
from .firm import Firm
from .lab import Lab
from .lending import collateral_usd
from .stances import MITIGATION

FLEET = "fleet"  # the collateral of secured loans
_ON_SALE_MONTHS = 3  # that a fleet weighs on the price of the next one


class Owed(NamedTuple):
    """A claim as the ledger has it, and as it ranks."""

    claim: LedgerClaim
    ranked: Claim


def owed_by(economy: Economy, firm: Firm) -> list[Owed]:
    """All that is owed by a firm on the ledger."""
    notes = {note.contract_id for note in economy.market.book.notes if note.firm == firm.name}
    on_books = economy.market.ledger.owed_by(
        firm.name, Account.RECEIVABLES, Account.PREPAID, Account.LOANS
    )
    return [Owed(claim, _ranked(claim, usd, notes)) for claim, usd in on_books]


def _ranked(claim: LedgerClaim, usd: int, notes: Collection[str]) -> Claim:
    lent = claim.account == Account.LOANS and claim.ref not in notes
    if lent or claim.ref in ("principal", "interest"):
        return Claim(claim.creditor, Rank.SECURED, usd, FLEET, claim.ref)
    rank = Rank.STAFF_AND_TAX if claim.ref == "staff" else Rank.UNSECURED
    return Claim(claim.creditor, rank, usd, None, claim.ref)


def damages(economy: Economy, firm: Firm) -> list[Claim]:
    """What clouds claim for the contracts that the estate of a lab rejects."""
    if not isinstance(firm, Lab):
        return []
    return [_damages(economy, contract) for contract in economy.market.book.of_lab(firm.name)]


def _damages(economy: Economy, contract: ComputeContract) -> Claim:
    remaining = contract.remaining_usd(economy.market.month + 1)
    usd = rejection_damages_usd(
        round(contract.termination_fee_share * remaining),
        round(contract.take_or_pay_share * (1 - MITIGATION) * remaining),
    )
    return Claim(contract.cloud, Rank.UNSECURED, usd, None, contract.contract_id)


def owners(economy: Economy, firm: Firm, failing: Collection[str]) -> list[Claim]:
    """The owners' claims; what a failed owner had belongs to outsiders by now."""
    gone = economy.market.ledger.closed
    return [
        Claim(
            WORLD if holder in gone or holder in failing else holder,
            Rank.EQUITY, shares, None, "equity",
        )
        for holder, shares in sorted(firm.cap_table.holders.items())
    ]  # fmt: skip


def fire_sale_usd(economy: Economy, cloud: Cloud, failing: Collection[str]) -> int:
    """What a cloud's plant fetches in pieces while others have to sell as well."""
    market, rules = economy.market, economy.market.rules.world.distress
    recently = market.month - _ON_SALE_MONTHS
    selling = sum([h100e for month, h100e in economy.plant_sold if month > recently])
    staying = 0.0
    for other in economy.living_clouds():
        if other is cloud or other.name in failing:
            selling += other.h100e
        else:
            staying += other.h100e
    if not cloud.alive:
        selling += cloud.h100e
    share = selling / (selling + staying) if selling > 0 else 0.0
    alone = fire_sale_share(rules.fire_sale_share, rules.fire_sale_impact, share)
    return round(alone * collateral_usd(economy, cloud))


def liquidation(economy: Economy, firm: Firm, failing: Collection[str]) -> Estate:
    """The estate as it would be if the firm were liquidated today, its plant sold in pieces."""
    claims = [entry.ranked for entry in owed_by(economy, firm)]
    claims += damages(economy, firm) + owners(economy, firm, failing)
    plant = fire_sale_usd(economy, firm, failing) if isinstance(firm, Cloud) else 0
    return Estate(firm.cash_usd, {FLEET: plant}, claims)


def going_on(economy: Economy, firm: Firm) -> Estate:
    """A living firm as it stands in a clearing: it owes what is overdue, of equal rank."""
    overdue = economy.market.ledger.owed_by(firm.name, Account.RECEIVABLES)
    claims = [Claim(c.creditor, Rank.UNSECURED, usd, None, c.ref) for c, usd in overdue]
    return Estate(firm.cash_usd, {}, claims, bankrupt=False)


def recoveries(economy: Economy, estate: Estate) -> dict[int, int]:
    """What each claim on a single estate recovers, by index, after the cost of bankruptcy."""
    kept = 1 - economy.market.rules.world.distress.bankruptcy_cost_share
    return clear({"": estate}, realised_share=kept, recovered_share=kept)[""].paid_usd
