"""Equity rounds: term sheet with a lead, book-building, tranches; marks and mood."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from ..market.contracts import Deal, DealStatus
from ..market.equity import fill_book, new_shares
from ..market.ledger import Bill
from ..market.negotiation import Outcome, Stance, Talk
from .cloud import Cloud
from .economy import Economy
from .firm import NO_BURN_RUNWAY_MONTHS, Firm
from .investor import Investor
from .lab import Lab
from .stances import hurried
from .strategies.financing import FinancingView
from .strategies.investing import FirmView, GrowthMultiple
from .strategies.negotiation import Linear

_TERM_SHEET_ROUNDS = 6
_OPINION_SD = 0.20  # of the log of an investor's view of a firm
_ROUND_NEWS = 0.05
_DOWN_ROUND_NEWS = -0.10
_CONSENSUS = GrowthMultiple()
_CONSENSUS_WEIGHT = 0.10  # of the mark moved towards consensus each month
_STRATEGIC_CASH_SHARE = 0.10  # of cash and purse that a strategic investor puts in a round
_STRATEGIC_PREMIUM = 1.15  # value of the sales that a stake brings


@dataclass(slots=True, eq=False)
class PendingTranche:
    """Part of a round due later, from one investor at the price of the round."""

    lab: str
    investor: str
    amount_usd: int
    pre_money_usd: int
    outstanding_shares: int
    due: int
    round_id: str


class CapitalMarket:
    """Rounds and tranches under way."""

    def __init__(self) -> None:
        """No tranches pending."""
        self.tranches: list[PendingTranche] = []

    def run(self, economy: Economy) -> None:
        """Mood, marks, tranches that fall due, and rounds (phase 7 of the month)."""
        market = economy.market
        market.sentiment.growth_news(sum([lab.recurring_usd[-1] for lab in economy.living_labs()]))
        market.sentiment.advance(market.rules, market.draws, market.month)
        self._pay_tranches(economy)
        for firm in issuers(economy):
            _mark(firm)
            firm.months_since_round += 1
            self._consider_round(economy, firm)

    # -- tranches -----------------------------------------------------------------------------

    def _pay_tranches(self, economy: Economy) -> None:
        market = economy.market
        due = [t for t in self.tranches if t.due <= market.month]
        self.tranches = [t for t in self.tranches if t.due > market.month]
        for tranche in due:
            lab, backer = economy.firm(tranche.lab), economy.firm(tranche.investor)
            if isinstance(backer, Investor):
                backer.committed_usd -= tranche.amount_usd
            lab.funds_due_usd -= tranche.amount_usd
            if not lab.alive or not backer.alive or backer.cash_usd < tranche.amount_usd:
                market.event(
                    "tranche_lapsed", lab.name, backer.name, tranche.amount_usd,
                    f"a tranche of ${tranche.amount_usd / 1e6:,.0f}M from {backer.name} to "
                    f"{lab.name} lapses", round=tranche.round_id,
                )  # fmt: skip
                continue
            _invest(
                economy, backer, lab, tranche.amount_usd, tranche.pre_money_usd,
                tranche.outstanding_shares,
            )  # fmt: skip
            market.event(
                "tranche_paid", lab.name, backer.name, tranche.amount_usd,
                f"{backer.name} pays a tranche of ${tranche.amount_usd / 1e6:,.0f}M to {lab.name}",
                round=tranche.round_id,
            )  # fmt: skip

    # -- rounds -------------------------------------------------------------------------------

    def _consider_round(self, economy: Economy, lab: Lab | Cloud) -> None:
        market = economy.market
        funding = market.rules.world.funding
        burn = max(0.0, sum(lab.burns) / len(lab.burns))
        funds = lab.cash_usd + lab.committed_funds_usd()
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

    def _negotiate(self, economy: Economy, lab: Lab | Cloud, amount: int) -> None:
        market = economy.market
        values = _opinions(economy, lab)
        leads = [
            (value, name)
            for name, value in sorted(values.items())
            if name in economy.investors
            and economy.investors[name].dry_powder_usd
            * economy.investors[name].spec.largest_ticket_share
            > 0.05 * amount
        ]
        if not leads:
            _record(economy, lab, "", amount, "round_failed", "NO_LEAD", {},
                    "no investor can lead")  # fmt: skip
            return
        value, lead = max(leads)
        reservation = _walk_away_usd(lab)
        consensus = _CONSENSUS.pre_money_usd(firm_view(lab), market.rules.world.funding)
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
        bids = _bids(economy, lab, values, pre_money)
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
        for name, usd in sorted(book.items()):
            now = round(upfront * usd)
            backer = economy.firm(name)
            _invest(economy, backer, lab, now, pre_money, outstanding)
            if usd > now:
                if isinstance(backer, Investor):
                    backer.committed_usd += usd - now
                lab.funds_due_usd += usd - now
                self.tranches.append(
                    PendingTranche(
                        lab.name, name, usd - now, pre_money, outstanding,
                        market.month + funding.tranche_months, round_id,
                    )
                )  # fmt: skip
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


def issuers(economy: Economy) -> list[Lab | Cloud]:
    """Firms that raise equity: labs without a parent, and neoclouds."""
    labs = [lab for lab in economy.living_labs() if lab.independent]
    return [*labs, *(c for c in economy.living_clouds() if c.leases)]


def firm_view(lab: Lab | Cloud) -> FirmView:
    """What bidders see of a firm; debt comes before equity."""
    market = lab.market
    team = lab.spec.team_value_usd * _team_growth(lab) if isinstance(lab, Lab) else 0.0
    return FirmView(
        lab.recurring_profit_base_usd,
        lab.growth_per_year,
        lab.gross_margin,
        team,
        lab.debt_usd,
        market.mood,
        market.rules.world.sentiment.capital_response,
        0.25,
    )


def _team_growth(lab: Lab | Cloud) -> float:
    years = (lab.market.month - lab.entered) / 12
    return exp(lab.market.rules.world.funding.team_value_growth_per_year * years)


def _mark(lab: Lab | Cloud) -> None:
    """The private mark: the last post-money, moved slowly towards what the market would pay."""
    history = lab.recurring_usd if isinstance(lab, Lab) else lab.revenues
    if len(history) > 3:
        growth = (max(1.0, history[-1]) / max(1.0, history[0])) ** (12 / (len(history) - 1))
        lab.growth_per_year = max(0.2, min(6.0, growth))
    consensus = _CONSENSUS.pre_money_usd(firm_view(lab), lab.market.rules.world.funding)
    if lab.valuation_usd == 0:
        lab.valuation_usd = lab.last_post_money_usd = consensus
    lab.valuation_usd += _CONSENSUS_WEIGHT * (consensus - lab.valuation_usd)


def _opinions(economy: Economy, lab: Lab | Cloud) -> dict[str, float]:
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
    strategic: list[Firm] = [c for c in economy.living_clouds() if c.name in suppliers and c.backed]
    strategic += [
        m for m in economy.chipmakers.values() if m.alive and m.spec.strategic_fund_share > 0
    ]
    consensus = _CONSENSUS.pre_money_usd(view, funding)
    for firm in strategic:
        noise = market.draws.normal("opinion", firm.name, lab.name, market.month)
        values[firm.name] = _STRATEGIC_PREMIUM * consensus * exp(_OPINION_SD * noise)
    return values


def _walk_away_usd(lab: Lab | Cloud) -> float:
    """Lowest pre-money the lab accepts: near its last round, much lower when cash runs out."""
    patience = max(0.0, min(1.0, lab.runway_months / 10))
    return max(1e6, lab.last_post_money_usd * (0.25 + 0.65 * patience))


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
    economy: Economy, lab: Lab | Cloud, values: dict[str, float], pre_money: int
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
        else:
            usd = _strategic_bid(economy.firm(name), ratio)
        if usd >= 1:
            bids[name] = int(usd)
    return bids


def _strategic_bid(firm: Firm, ratio: float) -> float:
    """Clouds and chipmakers invest from their own books, within a budget."""
    if ratio < 1 or firm.frozen:
        return 0.0
    budget = _STRATEGIC_CASH_SHARE * firm.cash_usd
    fund = getattr(firm.spec, "strategic_fund_share", None)
    if fund is not None:
        budget = min(budget, fund * sum(list(firm.revenues)[-12:]))
    return max(0.0, budget)


def _invest(
    economy: Economy, backer: Firm, lab: Firm, usd: int, pre_money: int, outstanding: int
) -> None:
    usd = min(usd, backer.cash_usd)
    if usd <= 0:
        return
    economy.market.ledger.pay(Bill(backer.name, lab.name, usd, "equity", lab.name))
    lab.cap_table.issue(backer.name, new_shares(usd, pre_money, outstanding))


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
