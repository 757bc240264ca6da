"""How compute contracts end: a lab leaves for a fee, or the term is over."""

from __future__ import annotations

from ..market.contracts import ComputeContract, DealStatus
from .economy import Economy


def terminate(economy: Economy, contract: ComputeContract, fee_usd: int, reason: str) -> None:
    """The lab leaves a contract for its fee; unused prepaid credit pays part of it."""
    market = economy.market
    credit = market.ledger.prepaid_usd(contract.lab, contract.cloud, contract.contract_id)
    used = min(credit, fee_usd)
    market.ledger.draw_prepaid(
        contract.lab, contract.cloud, used, "termination_fee", contract.contract_id
    )
    market.bill(contract.lab, contract.cloud, fee_usd - used, "termination_fee")
    rest = credit - used
    market.bill(contract.cloud, contract.lab, rest, "deposit_refund", contract.contract_id)
    market.book.end(contract, market.month, DealStatus.ENDED, f"terminated: {reason}")
    market.event(
        "contract_terminated",
        contract.lab,
        contract.cloud,
        fee_usd,
        f"{contract.lab} leaves {contract.h100e:,.0f} {contract.workload} H100e at "
        f"{contract.cloud} ({reason}) for a fee of ${fee_usd / 1e6:,.0f}M",
        contract_id=contract.contract_id,
        fee_usd=fee_usd,
        reason=reason,
    )


def expire_contracts(economy: Economy) -> None:
    """Contracts whose term is over leave the books (phase 2)."""
    market = economy.market
    for contract in [c for live in market.book.by_lab.values() for c in live]:
        if contract.end <= market.month:
            credit = market.ledger.prepaid_usd(contract.lab, contract.cloud, contract.contract_id)
            market.bill(
                contract.cloud, contract.lab, credit, "deposit_refund", contract.contract_id
            )
            market.book.end(contract, market.month, DealStatus.ENDED, "term over")
            market.event(
                "contract_ended",
                contract.lab,
                contract.cloud,
                text=f"{contract.lab}'s contract for {contract.h100e:,.0f} {contract.workload} "
                f"H100e at {contract.cloud} ends",
                contract_id=contract.contract_id,
            )
