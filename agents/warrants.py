"""Warrants that vest on purchases, and backstops of unsold capacity."""

from __future__ import annotations

from ..market.contracts import HOURS_PER_MONTH, Deal, DealStatus
from ..market.letters import Backstop, Warrant
from ..scenarios import schema
from ..scenarios.calendar import month_index
from .economy import Economy
from .tranches import deployed_gw

_QUARTER = 3  # months between the counts of what a holder has earned


def open_backstops(economy: Economy) -> None:
    """Enter the scenario's backstops; they pay from their month on."""
    market = economy.market
    run = market.rules.run
    for given in market.rules.backstops:
        granted = 0 if given.granted is None else month_index(run, given.granted)
        ref = market.book.new_id(given.guarantor, given.cloud, market.dates[granted], "backstop")
        expires = month_index(run, given.expires)
        most = given.h100e * given.price_usd_per_h100e_hour * HOURS_PER_MONTH
        months = expires - granted
        deal = Deal(
            ref, "backstop", given.guarantor, given.cloud, DealStatus.SIGNED, "SIGNED", granted,
            {"workload": given.workload, "month_signed": granted, "month_start": granted,
             "month_end": expires, "h100e": given.h100e,
             "price_usd": given.price_usd_per_h100e_hour,
             "amount_usd": round(most * months), "term_months": months},
        )  # fmt: skip
        market.book.deals.append(deal)
        backstop = Backstop(
            given.guarantor, given.cloud, given.workload, given.h100e,
            given.price_usd_per_h100e_hour, granted, expires, deal,
        )  # fmt: skip
        market.promises.backstops.append(backstop)


def bill_backstops(economy: Economy) -> None:
    """Guarantors are billed for what clouds could not sell this month (phase 5)."""
    market = economy.market
    for backstop in market.promises.backstops:
        guarantor, cloud = economy.firm(backstop.guarantor), economy.clouds[backstop.cloud]
        if not backstop.granted <= market.month < backstop.expires:
            continue
        if not (guarantor.alive and cloud.alive):
            continue
        if backstop.granted == market.month > 0:
            _grant_in_part(backstop, guarantor.spec.giving_share)
        workload = backstop.workload
        sold = cloud.reserved[workload] + cloud.spot_sold[workload]
        h100e = min(backstop.h100e, max(0.0, cloud.pool[workload] - sold))
        usd = round(h100e * backstop.price_usd_per_h100e_hour * HOURS_PER_MONTH)
        news = usd > 0 and not backstop.paying
        backstop.paying = usd > 0
        market.bill(guarantor.name, cloud.name, usd, "backstop")
        if not news:
            continue
        market.event(
            "backstop_paid", cloud.name, guarantor.name, usd,
            f"{guarantor.name} takes {h100e:,.0f} {workload} H100e that {cloud.name} could not "
            f"sell, for ${usd / 1e6:,.1f}M", contract_id=backstop.deal.contract_id, h100e=h100e,
            workload=workload,
        )  # fmt: skip


def _grant_in_part(backstop: Backstop, giving_share: float) -> None:
    """A guarantor guarantees so much of what was meant; nothing at a share of 0."""
    if giving_share == 1:
        return
    backstop.h100e *= giving_share
    most = backstop.h100e * backstop.price_usd_per_h100e_hour * HOURS_PER_MONTH
    values = backstop.deal.values
    values["h100e"] = backstop.h100e
    values["amount_usd"] = round(most * (backstop.expires - backstop.granted))
    if giving_share == 0:
        backstop.deal.status, backstop.deal.outcome = DealStatus.LAPSED, "WITHDRAWN"
        values |= {"month_ended": backstop.granted, "reason": "the guarantor gives nothing"}


def follow_warrants(economy: Economy) -> None:
    """Grant the warrants that are due, and vest what holders have earned (phase 7)."""
    market = economy.market
    for given in market.rules.warrants:
        granted = 0 if given.granted is None else month_index(market.rules.run, given.granted)
        if granted == market.month:
            _grant(economy, given)
    for warrant in market.promises.warrants:
        months = market.month - warrant.granted
        if months > 0 and months % _QUARTER == 0 and market.month < warrant.expires:
            _vest(economy, warrant)


def _grant(economy: Economy, given: schema.Warrant) -> None:
    market = economy.market
    issuer, holder = economy.firm(given.issuer), economy.firm(given.holder)
    if not (issuer.alive and holder.alive):
        market.event(
            "intervention", holder.name, issuer.name,
            text=f"the warrants of {issuer.name} for {holder.name} are not granted: not "
            f"applicable, a party is no longer in the market", kind="warrant", not_applicable=True,
        )  # fmt: skip
        return
    expires = month_index(market.rules.run, given.expires)
    warrant = Warrant(
        issuer.name, holder.name, int(given.share * issuer.cap_table.total), given.share, given.gw,
        deployed_gw(economy, holder, issuer), given.issuer_value_usd, issuer.share_price_index,
        market.month, expires,
    )  # fmt: skip
    market.promises.warrants.append(warrant)
    value = given.share * given.issuer_value_usd
    market.book.deals.append(
        Deal(
            market.book.new_id(holder.name, issuer.name, market.date, "warrant"),
            "warrant", holder.name, issuer.name, DealStatus.SIGNED, "SIGNED", market.month,
            {"chip": issuer.name, "month_signed": market.month, "month_end": expires,
             "mw": 1000 * given.gw, "amount_usd": round(value)},
        )
    )  # fmt: skip
    market.event(
        "warrant_granted", holder.name, issuer.name, value,
        f"{issuer.name} grants {holder.name} warrants on {given.share:.1%} of its shares, worth "
        f"${value / 1e9:,.1f}B today, that vest with {given.gw:g} GW on its chips",
        share=given.share, gw=given.gw, expires=given.expires,
    )  # fmt: skip


def _vest(economy: Economy, warrant: Warrant) -> None:
    """Issue what was earned since; a vested share is not taken back."""
    issuer, holder = economy.firm(warrant.issuer), economy.firm(warrant.holder)
    if not (issuer.alive and holder.alive):
        return
    gw = deployed_gw(economy, holder, issuer)
    shares = warrant.due_shares(gw) - warrant.vested_shares
    if shares <= 0:
        return
    issuer.cap_table.issue(holder.name, shares)
    warrant.vested_shares += shares
    value = warrant.value_usd(shares, issuer.share_price_index)
    vested = warrant.vested_shares / warrant.shares
    economy.market.event(
        "warrant_vested", holder.name, issuer.name, value,
        f"{holder.name} earns shares of {issuer.name} worth ${value / 1e6:,.1f}M: "
        f"{gw - warrant.opening_gw:.2f} GW more on its chips, {vested:.0%} of the warrants vested",
        shares=shares, vested_share=vested, ownership=issuer.cap_table.ownership(holder.name),
    )  # fmt: skip


def warrant_value_usd_per_h100e_hour(
    economy: Economy, holder: str, maker: str, h100e_per_mw: float, term_months: int
) -> float:
    """What warrants take off the price of a maker's compute, spread over a term.

    Only what is not vested yet counts, at today's share price.
    """
    market = economy.market
    total = 0.0
    for warrant in market.promises.warrants:
        if (warrant.holder, warrant.issuer) != (holder, maker) or market.month >= warrant.expires:
            continue
        left = 1 - warrant.vested_shares / warrant.shares
        if left > 0 and h100e_per_mw > 0:
            index = economy.firm(maker).share_price_index
            per_mw = warrant.value_usd(warrant.shares, index) / (1000 * warrant.gw)
            total += per_mw / (h100e_per_mw * HOURS_PER_MONTH * term_months)
    return total
