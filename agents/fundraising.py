"""Equity rounds: term sheet with a lead, book-building, tranches; marks and mood."""

from __future__ import annotations

from math import exp

from ..market.contracts import Deal, DealStatus
from ..market.equity import fill_book
from ..market.letters import PendingTranche, Progress, is_met
from ..market.negotiation import Outcome, Stance, Talk
from .alliances import support_usd
from .bridges import convert_notes
from .chipmaker import Chipmaker
from .cloud import Cloud
from .economy import Economy
from .firm import NO_BURN_RUNWAY_MONTHS, Firm
from .lab import Lab
from .marks import CONSENSUS, consensus_usd, firm_view, issuers, mark, walk_away_usd
from .stances import hurried
from .strategies.financing import FinancingView
from .strategies.investing import HolderView
from .strategies.negotiation import Linear
from .strategies.vendor_finance import VendorView
from .tranches import call_parent, invest, pay_in, promise

_TERM_SHEET_ROUNDS = 6
_OPINION_SD = 0.20  # of the log of an investor's view of a firm
_ROUND_NEWS = 0.05
_DOWN_ROUND_NEWS = -0.10
_STRATEGIC_CASH_SHARE = 0.10  # of cash and purse that a strategic investor puts in a round
_STRATEGIC_PREMIUM = 1.15  # value of the sales that a stake brings


class CapitalMarket:
    """Rounds and their tranches under way."""

    def __init__(self) -> None:
        """No tranches pending."""
        self.tranches: list[PendingTranche] = []

    def run(self, economy: Economy) -> None:
        """Mood, marks, tranches that fall due, and rounds (phase 7 of the month)."""
        market = economy.market
        market.sentiment.growth_news(sum([lab.recurring_usd[-1] for lab in economy.living_labs()]))
        market.sentiment.advance(market.rules, market.draws, market.month)
        self._pay_tranches(economy)
        opened = {terms.firm: terms for terms in market.due_talks("round")}
        for firm in issuers(economy):
            mark(firm)
            firm.months_since_round += 1
            if terms := opened.get(firm.name):
                self._negotiate(economy, firm, round(terms.amount_usd), terms.investors)
            else:
                self._consider_round(economy, firm)

    # -- tranches -----------------------------------------------------------------------------

    def _pay_tranches(self, economy: Economy) -> None:
        now = Progress(economy.market.month, 0.0, 0.0, frozenset())  # rounds know dates alone
        due = [t for t in self.tranches if is_met(t, now)]
        if due:
            self.tranches = [t for t in self.tranches if not is_met(t, now)]
            for tranche in due:
                pay_in(economy, tranche, tranche.pre_money_usd or 0)

    # -- rounds -------------------------------------------------------------------------------

    def _consider_round(self, economy: Economy, lab: Lab | Cloud) -> None:
        market = economy.market
        funding = market.rules.world.funding
        burn = max(0.0, sum(lab.burns) / len(lab.burns))
        funds = lab.cash_usd + lab.committed_funds_usd() + lab.counted_letters_usd()
        view = FinancingView(
            funds / burn if burn > 0 else NO_BURN_RUNWAY_MONTHS,
            burn,
            lab.valuation_usd,
            lab.last_post_money_usd,
            lab.months_since_round,
            market.mood,
        )
        amount = round(lab.financing_rule.raise_usd(view, funding.maximum_dilution))
        if amount <= 0:
            return
        urgency = exp(0.9 * market.mood + (0.5 if lab.runway_months < 6 else 0.0))
        access = 1 - (1 - funding.access_hazard_per_month) ** urgency
        if market.draws.uniform("access", lab.name, month=market.month) < access:
            self._negotiate(economy, lab, amount)
        elif lab.frozen:  # whoever can wait asks again; for a firm in distress it is news
            _record(economy, lab, "", amount, "round_failed", "NO_LEAD", {},
                    "nobody leads it this month")  # fmt: skip

    def _negotiate(
        self, economy: Economy, lab: Lab | Cloud, amount: int, named: tuple[str, ...] = ()
    ) -> None:
        """Term sheet and book, with all who may come or with those named alone."""
        market = economy.market
        values = _opinions(economy, lab, named)
        leads = [
            (value, name)
            for name, value in sorted(values.items())
            if _lead_usd(economy, lab, name, bool(named)) > 0.05 * amount
        ]
        if not leads:
            _record(economy, lab, "", amount, "round_failed", "NO_LEAD", {},
                    "no investor can lead")  # fmt: skip
            return
        value, lead = max(leads)
        reservation = walk_away_usd(lab)
        consensus = consensus_usd(lab)
        talk = _term_sheet(lab, value, reservation, consensus, amount)
        outcome = talk.outcome or talk.advance(_TERM_SHEET_ROUNDS)
        terms: dict[str, object] = {
            "buyer_reservation_usd": talk.buyer_reservation_price,
            "seller_reservation_usd": talk.seller_reservation_price,
            "gap_usd": talk.gap,
            "rounds": talk.round,
        }
        if outcome is not Outcome.SIGNED or talk.package is None:
            _record(economy, lab, lead, amount, "round_refused", str(outcome), terms,
                    f"{lead} would value it at ${value / 1e9:,.2f}B at most, it wants "
                    f"${reservation / 1e9:,.2f}B at least")  # fmt: skip
            return
        pre_money = round(talk.package.price)
        bids = _bids(economy, lab, values, pre_money, amount)
        minimum = market.rules.world.funding.minimum_book_share
        # a firm in need closes on what it gets
        minimum *= max(0.2, min(1.0, lab.runway_months / 12))
        book = fill_book(amount, bids, minimum)
        if book is None:
            got = sum(bids.values())
            _record(economy, lab, lead, amount, "round_failed", "UNDERSUBSCRIBED",
                    {**terms, "pre_money_usd": pre_money},
                    f"bids of ${got / 1e6:,.0f}M for ${amount / 1e6:,.0f}M")  # fmt: skip
            return
        self._close(economy, lab, lead, pre_money, book, terms)

    def _close(
        self,
        economy: Economy,
        lab: Lab | Cloud,
        lead: str,
        pre_money: int,
        book: dict[str, int],
        terms: dict[str, object],
    ) -> None:
        market = economy.market
        funding = market.rules.world.funding
        raised = sum(book.values())
        staged = raised >= funding.tranche_from_usd
        upfront = funding.upfront_share if staged else 1.0
        outstanding = lab.cap_table.total
        round_id = market.book.new_id(lead, lab.name, market.date, "equity")
        convert_notes(economy, lab, pre_money)
        for name, usd in sorted(book.items()):
            now = round(upfront * usd)
            backer = economy.firm(name)
            call_parent(economy, backer, lab, now)
            invest(economy, backer, lab, now, pre_money, outstanding)
            if usd > now:
                tranche = PendingTranche(
                    lab.name, name, usd - now, round_id,
                    due=market.month + funding.tranche_months,
                    pre_money_usd=pre_money, outstanding_shares=outstanding,
                )  # fmt: skip
                promise(economy, tranche)
                self.tranches.append(tranche)
        down = pre_money < 0.98 * lab.last_post_money_usd
        market.sentiment.report(_DOWN_ROUND_NEWS if down else _ROUND_NEWS)
        lab.valuation_usd = lab.last_post_money_usd = pre_money + raised
        lab.months_since_round = 0
        lab.last_round_usd = raised
        dilution = raised / (pre_money + raised)
        details = {
            **terms,
            "pre_money_usd": pre_money,
            "post_money_usd": pre_money + raised,
            "dilution": dilution,
            "upfront_share": upfront,
            "bids": book,
            "down_round": down,
        }
        market.book.deals.append(
            Deal(
                round_id, "equity", lead, lab.name, DealStatus.SIGNED, "SIGNED", market.month,
                {**terms, "month_signed": market.month, "price_usd": pre_money,
                 "amount_usd": raised},
            )
        )  # fmt: skip
        market.event(
            "round_closed", lab.name, lead, raised,
            f"{lab.name} raises ${raised / 1e9:,.2f}B at ${pre_money / 1e9:,.2f}B pre-money, "
            f"led by {lead}" + (" (a down round)" if down else ""), **details,
        )  # fmt: skip


def _opinions(economy: Economy, lab: Lab | Cloud, named: tuple[str, ...] = ()) -> dict[str, float]:
    """Pre-money value of the lab to each possible investor, strategic ones included."""
    market = economy.market
    view = firm_view(lab)
    funding = market.rules.world.funding
    values = {}
    for investor in economy.investors.values():
        if investor.alive and not investor.lends:
            noise = market.draws.normal("opinion", investor.name, lab.name, market.month)
            values[investor.name] = investor.pre_money_usd(view) * exp(_OPINION_SD * noise)
    suppliers = {c.cloud for c in market.book.of_lab(lab.name)} if isinstance(lab, Lab) else set()
    if named:
        suppliers |= set(named)
    strategic: list[Firm] = [c for c in economy.living_clouds() if c.name in suppliers and c.backed]
    strategic += [
        m
        for m in economy.chipmakers.values()
        if m.alive and (m.spec.strategic_fund_share > 0 or m.name in named)
    ]
    strategic += [c for c in _partners(economy, lab) if c not in strategic]
    # who would run the firm matters more to those who are tied to it than to funds
    trust = lab.trust if isinstance(lab, Lab) else 1.0
    consensus = CONSENSUS.pre_money_usd(view, funding) * trust
    for firm in strategic:
        noise = market.draws.normal("opinion", firm.name, lab.name, market.month)
        values[firm.name] = _STRATEGIC_PREMIUM * consensus * exp(_OPINION_SD * noise)
    return {name: values[name] for name in values if name in named} if named else values


def _partners(economy: Economy, lab: Lab | Cloud) -> list[Cloud]:
    """Clouds with an alliance in force with the firm."""
    names = [a.partner for a in economy.alliances if a.in_force and a.lab == lab.name]
    return [economy.clouds[name] for name in names if economy.clouds[name].alive]


def _ticket_usd(economy: Economy, lab: Lab | Cloud, name: str) -> float:
    """What a bidder could lead with: a fund's largest ticket, a partner's support; else 0."""
    investor = economy.investors.get(name)
    if investor is not None:
        return investor.dry_powder_usd * investor.spec.largest_ticket_share
    return support_usd(economy, name, lab) if isinstance(lab, Lab) else 0.0


def _lead_usd(economy: Economy, lab: Lab | Cloud, name: str, named: bool) -> float:
    """The same; a strategic investor whom a scenario names may lead with its ordinary bid."""
    strategic = named and name not in economy.investors
    own = _strategic_bid(economy.firm(name), 1.0) if strategic else 0.0
    return own + _ticket_usd(economy, lab, name)


def _term_sheet(
    lab: Lab | Cloud, value: float, reservation: float, consensus: float, amount: int
) -> Talk:
    """Bargaining over the pre-money; gains are linear in it around each side's reservation."""
    buyer = Stance((float(amount),), (-amount / value,), 0.0, 0.6 * value, Linear())
    asked = 1.3 * max(reservation, consensus)
    tactic = hurried(lab.negotiation_rule, lab.runway_months)
    seller = Stance((-float(amount),), (amount / reservation,), 0.0, asked, tactic)
    return Talk(buyer, seller, _TERM_SHEET_ROUNDS)


def _bids(
    economy: Economy, lab: Lab | Cloud, values: dict[str, float], pre_money: int, amount: int
) -> dict[str, int]:
    """The book: what each investor offers at the agreed price."""
    bids = {}
    for name, value in sorted(values.items()):
        ratio = value / pre_money
        investor = economy.investors.get(name)
        if investor is not None:
            usd = investor.bidding_rule.bid_usd(
                investor.dry_powder_usd, ratio, investor.spec.largest_ticket_share
            )
            if stake := lab.cap_table.ownership(name):
                view = HolderView(usd, stake, amount, investor.dry_powder_usd, ratio)
                usd = min(investor.follow_on_rule.follow_usd(view), investor.dry_powder_usd)
        else:
            usd = _strategic_bid(economy.firm(name), ratio) + _ticket_usd(economy, lab, name)
        if usd >= 1:
            bids[name] = int(usd)
    return bids


def _strategic_bid(firm: Firm, ratio: float) -> float:
    """Clouds and chipmakers invest from their own books, within a budget."""
    if firm.frozen:
        return 0.0
    giving = firm.spec.giving_share
    if isinstance(firm, Chipmaker):
        fund, revenue = firm.spec.strategic_fund_share, sum(list(firm.revenues)[-12:])
        view = VendorView(firm.cash_usd, revenue, fund, firm.backlog_months, ratio)
        most = min(firm.vendor_finance_rule.stake_usd(view), firm.cash_usd)
        return max(0.0, giving * most)
    return max(0.0, giving * _STRATEGIC_CASH_SHARE * firm.cash_usd) if ratio >= 1 else 0.0


def _record(
    economy: Economy,
    lab: Lab | Cloud,
    lead: str,
    amount: int,
    kind: str,
    outcome: str,
    terms: dict[str, object],
    reason: str,
) -> None:
    """A round that did not come about, and why."""
    market = economy.market
    market.book.deals.append(
        Deal(
            market.book.new_id(lead or "nobody", lab.name, market.date, "equity"),
            "equity", lead, lab.name, DealStatus.LAPSED, outcome, market.month,
            {**terms, "amount_usd": amount, "month_ended": market.month, "reason": reason},
        )
    )  # fmt: skip
    verb = "is refused" if kind == "round_refused" else "fails to close"
    market.event(
        kind, lab.name, lead, amount,
        f"{lab.name} {verb} a round of ${amount / 1e6:,.0f}M: {reason}", outcome=outcome, **terms,
    )  # fmt: skip
