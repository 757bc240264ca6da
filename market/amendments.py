"""What a change of a compute contract is worth to each side, against the contract as it stands.

Three renegotiations: a waiver of exclusivity for a fee, another price where the lab could leave,
and relief for a lab in distress. Each function turns its figures into two `Stance`s in which not
agreeing is worth 0 to both, or what both would do instead. Nothing here knows firms.

Sources: Hart & Moore 1988 and Segal & Whinston 2000 (renegotiation and exclusivity), Bulow &
Klemperer 2009 and Choi 2009 (a right of first refusal discourages other bidders).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from .contracts import HOURS_PER_MONTH
from .negotiation import Stance, Tactic

_CHILL = 0.1  # of a lab's gain: rivals bid less keenly against a right of first refusal
_SPLIT = 0.5  # of an incumbent's advantage that ends up in its price, as in an even bargain
_RENEWAL_MONTHS = 12.0  # of sales at the next renewal over which a loosened tie is felt
_BISECTIONS = 40

FULL_WAIVER, WAIVER_WITH_FIRST_REFUSAL = 0, 1  # items of a waiver's menu


class Need(NamedTuple):
    """What exclusivity costs a lab in one workload, and what its end costs the cloud.

    missing_h100e: wanted and not to be had from the bound cloud
    deliverable_h100e: wanted, and the cloud could deliver it
    worth, outside, asked, relet: $/H100e-hour. What compute is worth to the lab that has to do
        without; the cheapest rival's price, moving included; what the bound cloud would be paid by
        the bound lab; what it would be paid by others for the same capacity
    risk: chance that a free lab takes the deliverable part elsewhere, 0..1
    """

    missing_h100e: float
    deliverable_h100e: float
    worth: float
    outside: float
    asked: float
    relet: float
    risk: float


class Waiver(NamedTuple):
    """What both items of the menu are worth, in dollars before any fee."""

    gains_usd: tuple[float, float]  # the lab's
    losses_usd: tuple[float, float]  # the cloud's


def waiver_values(
    needs: Sequence[Need], months: int, held_h100e: float, renewed_h100e: float, advantage: float
) -> Waiver:
    """Gains of the lab and losses of the cloud if exclusivity ends now and not in `months`.

    On volume that the cloud cannot deliver the lab gains what it saves and the cloud loses no
    sale; on the rest a lower price is the cloud's loss as it is the lab's gain, and what goes
    elsewhere costs the cloud its margin over letting it to others: next to nothing when it is full.
    A second supplier also loosens the tie that the cloud lives by at the next renewal.

    held_h100e: what the cloud delivers to the lab now
    renewed_h100e: of that, what comes up for renewal soon after
    advantage: share of the price by which a rival must undercut the only supplier
    """
    hours = HOURS_PER_MONTH * months
    gain = kept = lost = matched = tie = 0.0
    for need in needs:
        free = min(need.asked, need.outside)  # what the cloud gets of a lab that may leave
        cut = need.asked - free
        margin = max(0.0, need.asked - need.relet)
        gain += hours * need.missing_h100e * max(0.0, need.worth - need.outside)
        kept += hours * need.deliverable_h100e * cut
        stays = (1 - need.risk) * cut
        lost += hours * need.deliverable_h100e * (stays + need.risk * margin)
        matched += hours * need.deliverable_h100e * (stays + need.risk * min(cut, margin))
        supply = held_h100e + need.missing_h100e
        if supply > 0:
            moved = need.missing_h100e / supply
            rent = _SPLIT * advantage * moved * need.asked * renewed_h100e
            tie += rent * HOURS_PER_MONTH * min(months, _RENEWAL_MONTHS)
    waiting = (months - 1) / months  # the incumbent has a month to match
    bound = (1 - _CHILL) * (waiting * gain + kept)
    return Waiver((gain + kept, bound), (lost + tie, matched + tie))


def waiver_stances(
    values: Waiver, affordable_usd: float, share: float, lab: Tactic, cloud: Tactic
) -> tuple[Stance, Stance]:
    """Both sides' views of a waiver; the price is the fee, and no waiver is worth 0 to both.

    affordable_usd: most that the lab can pay at once
    share: of the lab's gains that reaches the cloud as its shareholder, below 1
    """
    gains, losses = values
    most = tuple(min(gain, affordable_usd) for gain in gains)
    ties = tuple(share * gain - loss for gain, loss in zip(gains, losses, strict=True))
    asked = max(gains)  # what it is worth to the lab can be told from public quotes
    return (
        Stance(most, (-1.0, -1.0), 0.0, 0.0, lab),
        Stance(ties, (1.0 - share, 1.0 - share), 0.0, asked, cloud),
    )


class Staying(NamedTuple):
    """A contract that one side could end, and what each would do then.

    hours: H100e-hours to come; extra_hours: of an extension, 0 without one on offer
    price, outside, relet: $/H100e-hour in force; of the cheapest rival; of letting it to others
    later: level of prices in the extension over today's
    leaving_usd: what leaving costs the lab beside the price: the fee and the move
    fee_usd: of that, what the cloud gets
    risk: chance, as the cloud sees it, that the lab does leave, 0..1
    """

    hours: float
    extra_hours: float
    price: float
    outside: float
    relet: float
    later: float
    leaving_usd: float
    fee_usd: float
    risk: float


def staying_stances(staying: Staying, lab: Tactic, cloud: Tactic) -> tuple[Stance, Stance]:
    """Views of a new price: on what remains, or blended over an extension too.

    The lab would else leave. The cloud does not know what a move costs the lab: it would else keep
    the contract as it stands, or have the fee and let the capacity to others if the lab means it.
    """
    most, least, hours = [], [], []
    spans = (0.0, staying.extra_hours) if staying.extra_hours > 0 else (0.0,)
    for extra in spans:
        total = staying.hours + extra
        level = staying.hours + extra * staying.later  # hours at today's prices
        hours.append(total)
        most.append((staying.outside * level + staying.leaving_usd) / total)
        left = staying.relet * level + staying.fee_usd
        # an extension would be sold at the price of then, to this lab or to others
        kept = staying.price * staying.hours + staying.relet * (level - staying.hours)
        least.append((staying.risk * left + (1 - staying.risk) * kept) / total)
    return (
        Stance(
            tuple(p * h for p, h in zip(most, hours, strict=True)),
            tuple(-h for h in hours),
            0.0,
            min(staying.outside, staying.price),
            lab,
        ),
        Stance(
            tuple(-p * h for p, h in zip(least, hours, strict=True)),
            tuple(hours),
            0.0,
            max(staying.price, staying.relet),
            cloud,
        ),
    )


class Relief(NamedTuple):
    """A contract with a lab that may fail.

    monthly_h100e_hours, hours: a month's, and all that are to come
    price, relet, idle_worth: $/H100e-hour in force; of letting to others; of what the lab would
        give back, to the lab
    given_back: share of the volume on the second item of the menu
    outflow_usd: what the lab loses a month
    default_probability: of the lab within a year, at its rating
    loss_usd: what its failure would cost the cloud, its other interests in the lab included
    """

    monthly_h100e_hours: float
    hours: float
    price: float
    relet: float
    idle_worth: float
    given_back: float
    outflow_usd: float
    default_probability: float
    loss_usd: float


def lowest_relief_price(relief: Relief, given_back: float) -> float:
    """Lowest price at which relief is worth it to the cloud, $/H100e-hour; inf where none is.

    Dues saved lengthen the lab's runway R to R / (1 - x), x the share of its outflow. Over the
    ratings a year's default probability falls with about the square of runway (`credit.rating`
    and the default table: CCC below 6 months .25, B from 6 .06, BB from 12 .02), hence by
    1 - (1 - x)^2.
    """

    def worth(price: float) -> float:
        cut = given_back * relief.price + (1 - given_back) * (relief.price - price)
        saved = relief.monthly_h100e_hours * cut
        share = min(1.0, saved / relief.outflow_usd) if relief.outflow_usd > 0 else 0.0
        spared = relief.default_probability * (1 - (1 - share) ** 2) * relief.loss_usd
        let = given_back * min(relief.price, relief.relet)
        return spared - (cut - let) * relief.hours

    if worth(relief.price) < 0:
        return inf
    low, high = 0.0, relief.price
    if worth(low) >= 0:
        return low
    for _ in range(_BISECTIONS):  # worth rises, then falls as the cut deepens: one root below
        middle = (low + high) / 2
        low, high = (low, middle) if worth(middle) >= 0 else (middle, high)
    return high


def relief_stances(relief: Relief, lab: Tactic, cloud: Tactic) -> tuple[Stance, Stance]:
    """Views of relief: a lower price, and where the lab can do without, part of the volume back.

    Not agreeing leaves the contract as it stands, and the lab as likely to fail as it is.
    """
    buyer, slopes, limits, kept = [], [], [], []
    backs = (0.0, relief.given_back) if relief.given_back > 0 else (0.0,)
    for back in backs:
        hours = (1 - back) * relief.hours
        dues = relief.price * relief.hours
        buyer.append(dues - back * relief.idle_worth * relief.hours)
        slopes.append(-hours)
        limits.append(lowest_relief_price(relief, back))
        kept.append(hours)
    return (
        Stance(tuple(buyer), tuple(slopes), 0.0, 0.5 * relief.price, lab),
        Stance(
            tuple(-p * h for p, h in zip(limits, kept, strict=True)),
            tuple(kept),
            0.0,
            relief.price,
            cloud,
        ),
    )
