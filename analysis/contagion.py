"""Which default came from which, and what each cost others: from the tables of one run.

A default came from earlier ones if the money that these had cost the firm by then is at least what
it could not pay. Money is counted as cash: what customers who failed no longer paid and others did
not make up for, and what was lent or paid ahead and did not come back (docs/mechanisms/contagion).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd
import pyarrow.compute as pc

from .firm_outcomes import roles_of
from .payments import Given, Payments, given_before, payments_of
from .tables import AnyTables, columns, events_of

if TYPE_CHECKING:
    from ..scenario import Scenario

WINDOW_MONTHS: Final = 12  # in which a default is held to bring others down, and in which sales
# that were lost are held to be made up for
_USUAL_MONTHS: Final = 3  # before a firm ran short, whose mean is what it usually paid
_SETTLED_BY: Final = ("liquidation", "restructured")  # events that say what creditors lost


class Estate(NamedTuple):
    """A firm that defaulted, and how its creditors and owners fared.

    month: of the default; short_since: first of the months in a row with unpaid dues before it
    closed: month of its liquidation; None for one that lives on
    unpaid_usd: what it could not pay; 0 for one that an intervention killed
    owed, recovered: claims and what was paid on them, by creditor, USD; to_owners: paid to owners
    """

    firm: str
    month: int
    short_since: int
    closed: int | None
    unpaid_usd: int
    owed: Mapping[str, int]
    recovered: Mapping[str, int]
    to_owners: Mapping[str, int]


class Default(NamedTuple):
    """A default with its place in a cascade (see `cascade_table`)."""

    firm: str
    role: str
    month: int
    unpaid_usd: int
    cost_by_others_usd: int
    caused_by: str
    depth: int
    direct_loss_usd: int
    indirect_loss_usd: int


def cascade_table(tables: AnyTables, scenario: Scenario) -> pd.DataFrame:
    """A row a default, in order of month and name.

    Returns:
        firm, role, month; unpaid_usd: dues it could not pay; cost_by_others_usd: money that
        defaults of the year before, and of this month, had cost it; caused_by: the one that cost it
        most, where together they cost it what it lacked, else empty; depth: 1, or that of its cause
        and 1; direct_loss_usd: claims that its creditors did not recover; indirect_loss_usd: cost
        of the shares that firms held in it, less what owners got, and what its suppliers lost of
        sales within a year beyond their claims.
    """
    return pd.DataFrame(cascade(tables, scenario), columns=list(Default._fields))


def cascade(tables: AnyTables, scenario: Scenario) -> list[Default]:
    """The rows of `cascade_table`."""
    roles = roles_of(scenario)
    estates = [estate for estate in estates_of(tables) if estate.firm in roles]
    if not estates:
        return []
    network = _Network(estates, payments_of(tables, scenario), given_before(scenario))
    costs = [[network.cost_usd(a, b) for b in estates] for a in estates]
    causes = attributed([e.month for e in estates], [e.unpaid_usd for e in estates], costs)
    depths = depths_of(causes)
    return [
        Default(
            estate.firm,
            roles[estate.firm],
            estate.month,
            estate.unpaid_usd,
            sum(row[place] for row in costs),
            "" if (cause := causes[place]) is None else estates[cause].firm,
            depths[place],
            sum(estate.owed.values()) - sum(estate.recovered.values()),
            network.shares_lost_usd(estate) + network.sales_lost_usd(estate),
        )
        for place, estate in enumerate(estates)
    ]


def attributed(
    months: Sequence[int], unpaid_usd: Sequence[int], cost_usd: Sequence[Sequence[int]]
) -> list[int | None]:
    """Which default each of some defaults came from; None for one that came from none.

    Defaults of one month are taken in rounds, as in the fictitious defaults of Eisenberg & Noe
    (2001): first those that fail whatever the others do, then those that these bring down, and so
    on. Firms that only one another would bring down fell together, and came from none. So a cause
    is always settled before what came from it, and there are no cycles.

    Args:
        months: of the defaults, in order of time.
        unpaid_usd: what each firm could not pay.
        cost_usd: what the default of the row had cost the firm of the column by its own default.
    """
    causes: list[int | None] = [None] * len(months)
    settled: list[int] = []

    def explained(place: int, by: Sequence[int]) -> bool:
        cost = sum(cost_usd[other][place] for other in by if other != place)
        return 0 < unpaid_usd[place] <= cost

    for month in sorted(set(months)):
        together = [place for place, at in enumerate(months) if at == month]
        everyone = [*settled, *together]
        left = [place for place in together if explained(place, everyone)]
        settled += [place for place in together if place not in left]
        while left:
            due = [place for place in left if explained(place, settled)]
            for place in due:
                causes[place] = max(settled, key=lambda by: (cost_usd[by][place], -by))
            due = due or _ring(left, cost_usd)
            settled += due
            left = [place for place in left if place not in due]
    return causes


def _ring(places: Sequence[int], cost_usd: Sequence[Sequence[int]]) -> list[int]:
    """Of firms that need one another to fail, those that bring some of the others down."""
    ring = list(places)
    while True:
        felt = [p for p in ring if any(cost_usd[p][other] for other in ring if other != p)]
        if len(felt) == len(ring):
            return ring
        ring = felt


def depths_of(causes: Sequence[int | None]) -> list[int]:
    """1 for a default without a cause, else the depth of its cause and 1."""

    def depth(cause: int | None) -> int:
        return 0 if cause is None else depth(causes[cause]) + 1

    return [depth(cause) + 1 for cause in causes]


def estates_of(tables: AnyTables) -> list[Estate]:
    """The firms that defaulted, in order of month and name."""
    defaults = sorted(events_of(tables, "default"), key=lambda e: (e["month"], e["firm"]))
    if not defaults:
        return []
    ends = [event for kind in _SETTLED_BY for event in events_of(tables, kind)]
    ends.sort(key=lambda event: event["month"])
    short = _months_with_arrears(tables)
    estates = []
    for default in defaults:
        firm, month = default["firm"], default["month"]
        again = [d["month"] for d in defaults if d["firm"] == firm and d["month"] > month]
        own = [e for e in ends if e["firm"] == firm and e["month"] >= month]
        if own and again and own[0]["month"] >= min(again):  # it was saved, and failed later
            own = []
        since = month
        while (firm, since - 1) in short:
            since -= 1
        estates.append(_estate(default, since, own[0] if own else None))
    return estates


def _months_with_arrears(tables: AnyTables) -> set[tuple[str, int]]:
    """Firms and months in which dues could not be paid in full."""
    firms = columns(tables, "firms", "firm", "month", "arrears_usd")
    short = firms.filter(pc.greater(firms["arrears_usd"], 0))
    return set(zip(short["firm"].to_pylist(), short["month"].to_pylist(), strict=True))


def _estate(default: Mapping[str, Any], since: int, end: Mapping[str, Any] | None) -> Estate:
    """A default with the event that settled it, if there is one."""
    firm, month, unpaid_usd = default["firm"], default["month"], default["amount_usd"]
    if default["details"].get("reason") == "intervention":
        unpaid_usd = 0
    if end is None:
        return Estate(firm, month, since, None, unpaid_usd, {}, {}, {})
    details = end["details"]
    if end["kind"] == "restructured":  # what a creditor loses is a claim that it does not recover
        return Estate(firm, month, since, None, unpaid_usd, details.get("losses", {}), {}, {})
    owed: dict[str, int] = details.get("owed", {})
    payouts: dict[str, int] = details.get("payouts", {})
    # owners are paid once every claim is
    recovered = {name: min(usd, payouts.get(name, 0)) for name, usd in owed.items()}
    to_owners = {name: usd - recovered.get(name, 0) for name, usd in payouts.items()}
    return Estate(firm, month, since, end["month"], unpaid_usd, owed, recovered, to_owners)


class _Network:
    """What firms had paid and given one another, and what each default cost whom."""

    def __init__(self, estates: Sequence[Estate], payments: Payments, given: Given) -> None:
        self.payments, self.given = payments, given
        self.place = {name: at for at, name in enumerate(payments.names)}
        self.closed = {e.firm: e.closed for e in estates if e.closed is not None}
        self.last = len(payments.sales) - 1

    def cost_usd(self, failed: Estate, firm: Estate) -> int:
        """Money that a default had cost a firm by the firm's own default, within a year."""
        if failed.firm == firm.firm or not 0 <= firm.month - failed.month <= WINDOW_MONTHS:
            return 0
        name = firm.firm
        lent = self._lent_usd(name, failed)
        lost = failed.owed.get(name, 0) - failed.recovered.get(name, 0)
        paid = failed.recovered.get(name, 0) + failed.to_owners.get(name, 0)
        sales = self._unpaid_sales_usd(name, failed, firm.month)
        return min(lost, lent) + max(0, sales - paid)

    def sales_lost_usd(self, failed: Estate) -> int:
        """What suppliers lost of sales within a year, as far as it exceeds their claims."""
        total = 0
        for name in self.place:
            until = min(failed.month + WINDOW_MONTHS, self.last, self.closed.get(name, self.last))
            if name not in ("world", failed.firm) and until >= failed.month:
                sales = self._unpaid_sales_usd(name, failed, until)
                total += max(0, sales - failed.owed.get(name, 0))
        return total

    def shares_lost_usd(self, failed: Estate) -> int:
        """What firms that lived on had paid for its shares, less what they got as owners."""
        at = self.place[failed.firm]
        paid = self.given.shares[:, at] + self.payments.shares[: failed.month + 1, :, at].sum(0)
        return sum(
            max(0, round(paid[holder]) - failed.to_owners.get(name, 0))
            for name, holder in self.place.items()
            if name != "world" and self.closed.get(name, self.last + 1) > failed.month
        )

    def _lent_usd(self, name: str, failed: Estate) -> int:
        """What a firm had lent to the failed one, or paid it ahead."""
        pair = self.place[name], self.place[failed.firm]
        before, past = self.given, slice(failed.month + 1)
        paid = self.payments.credit[past, *pair].sum() + self.payments.loans[past, *pair].sum()
        return round(before.credit[pair] + before.loans[pair] + paid)

    def _unpaid_sales_usd(self, supplier: str, failed: Estate, until: int) -> int:
        """What the failed customer did not pay any more, less what others paid more.

        Against the mean of the months before it ran short. Others that failed by then make up for
        nothing, nor does what they do not pay count again.
        """
        to = self.payments.sales[:, :, self.place[supplier]]
        since = failed.short_since
        before = to[max(0, since - _USUAL_MONTHS) : since]
        if not len(before):
            return 0
        span = to[since : until + 1]
        more = span.sum(axis=0) - len(span) * before.mean(axis=0)
        missing = -float(more[self.place[failed.firm]])
        gone = [self.place[name] for name, month in self.closed.items() if month <= until]
        more[[*gone, self.place[failed.firm]]] = 0.0
        return round(min(max(0.0, missing - float(more.sum())), max(0.0, missing)))
