"""Main suppliers of labs, and when they change (design, section 12)."""

from __future__ import annotations

from collections import defaultdict

from ..market.contracts import ComputeContract
from ..market.market import WORKLOADS
from .economy import Economy
from .lab import Lab

_SWITCH_MONTHS = 3  # in a row with another supplier ahead
_LASTING_TIE = 0.7  # to the main supplier, between contracts too
_WAIVED_MONTHS = 12  # in which a move counts as the end of exclusivity: it takes that long to sign
_ENDED_MONTHS = 6
_MAJORITY = ("overall", *WORKLOADS)
_CHIPS = {workload: f"{workload} chips" for workload in WORKLOADS}


def follow_suppliers(economy: Economy) -> None:
    """Main suppliers and switches (design, section 12)."""
    for lab in economy.living_labs():
        shares = lab.supplied = supplier_shares(economy, lab)
        for what in (*_MAJORITY, "chip"):
            _follow(economy, lab, what, shares[what])


def supplier_shares(economy: Economy, lab: Lab) -> dict[str, dict[str, float]]:
    """H100e delivered under contract by group of the cloud, and by maker of the chips.

    Both overall ("overall", "chip") and by workload ("training", "training chips").
    """
    shares: dict[str, dict[str, float]] = {
        what: defaultdict(float) for what in (*_MAJORITY, "chip", *_CHIPS.values())
    }
    overall, chips, clouds = shares["overall"], shares["chip"], economy.clouds
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        h100e = contract.delivered_h100e
        if h100e > 0:
            group, workload, maker = clouds[contract.cloud].group, contract.workload, contract.maker
            overall[group] += h100e
            shares[workload][group] += h100e
            chips[maker] += h100e
            shares[_CHIPS[workload]][maker] += h100e
    return shares


def attachment(economy: Economy, lab: Lab, workload: str) -> dict[str, float]:
    """Shares of the lab's contracted capacity by group: data and people sit with suppliers."""
    held: dict[str, float] = {}
    for contract in economy.market.book.by_lab.get(lab.name, ()):
        if contract.workload != workload:
            continue
        group = economy.clouds[contract.cloud].group
        held[group] = held.get(group, 0.0) + contract.delivered_h100e
    total = sum(held.values())
    ties = {g: h / total for g, h in held.items()} if total > 0 else {}
    main = lab.main_supplier.get(workload)
    if main is not None:  # what is built for a supplier outlasts a contract
        ties[main] = max(_LASTING_TIE, ties.get(main, 0.0))
    return ties


def _follow(economy: Economy, lab: Lab, what: str, shares: dict[str, float]) -> None:
    market = economy.market
    old = lab.main_supplier.get(what)
    if not shares:
        return
    enough = max(shares.values()) * (1 - 1e-9)
    if old is not None and shares.get(old, 0.0) >= enough:
        leader = old
    else:
        leader = min([g for g, h in shares.items() if h >= enough])
    if old is None or leader == old:
        lab.main_supplier[what] = leader  # a first supplier is no switch
        if what in lab.challenger:
            del lab.challenger[what]
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
    if any(c.lab == lab.name and _freed(c, market.month) for c in market.book.compute):
        return "exclusivity end", False
    if prices[True] and prices[False] and min(prices[True]) < 0.95 * min(prices[False]):
        return "price", False
    if not prices[False]:
        return "price", False
    return "capacity", False


def _freed(contract: ComputeContract, month: int) -> bool:
    """Whether exclusivity under a contract ended lately, by its term, by leaving or by a waiver."""
    if contract.exclusive:
        return contract.ended is not None and month - contract.ended <= _ENDED_MONTHS
    waived = contract.signed_terms is not None and contract.signed_terms.exclusive
    return waived and month - contract.month_waived <= _WAIVED_MONTHS
