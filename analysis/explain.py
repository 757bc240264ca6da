"""One firm's run told month by month: deals, refusals, money in and out, distress.

`story` replays a seed; `tell` does the telling from the tables alone.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ..scenarios.fields import Strategy
from .tables import Tables, parse_details, records
from .wording import h100e, listed, number, price, spans, usd

if TYPE_CHECKING:
    from ..scenario import Scenario

MOST_PURPOSES: Final = 3  # named of each month's payments
FULL_RUNWAY: Final = 999.0  # stands for "no outflow"
_NO_DEAL: Final = {
    "NO_ZONE": "no package suits both",
    "IMPASSE": "talks ran out of time",
    "LOST": "another offer won",
}


def story(scenario: Scenario, seed: int, firm: str) -> Iterator[str]:
    """Play the scenario under this seed and tell the firm's story, a line at a time.

    Raises:
        ValueError: the scenario has no such firm; the message names the nearest.
    """
    roles = {
        **{lab.name: "lab" for lab in scenario.labs},
        **{cloud.name: "cloud" for cloud in scenario.clouds},
        **{maker.name: "chipmaker" for maker in scenario.chipmakers},
        **{investor.name: "investor" for investor in scenario.investors},
    }
    _check_name(firm, roles)
    from ..model import ComputeMarket

    model = ComputeMarket(scenario, seed=seed)
    model.run()
    tables = {name: model.frame(name) for name in ("months", "firms", "events", "flows")}
    chapters = _chapters(tables, firm)
    told = _lines(chapters, firm, roles[firm])
    habits = _habits(scenario, firm) if chapters else ()  # a firm may never have entered
    return chain([next(told)], habits, told)


def _habits(scenario: Scenario, firm: str) -> Iterator[str]:
    """The strategies that a firm opens with, and the parameters that the scenario gives them."""
    entry = next(entry for entry in scenario.firms if entry.name == firm)
    told = []
    for decision, strategy in entry:
        if isinstance(strategy, Strategy):
            given = ", ".join(f"{name} {value:g}" for name, value in strategy.parameters.items())
            told.append(
                f"{decision.replace('_', ' ')} {strategy.name}{f' ({given})' if given else ''}"
            )
    yield f"Decides by: {'; '.join(told)}."


def tell(tables: Tables, firm: str, role: str) -> Iterator[str]:
    """A firm's story from the tables of a run: a paragraph a month, quiet months merged.

    Args:
        tables: at least `months`, `firms`, `events` and `flows`.
        firm: its name.
        role: lab, cloud, chipmaker or investor.

    Raises:
        ValueError: the run has no such firm; the message names the nearest.
    """
    _check_name(firm, tables["firms"]["firm"].unique())
    return _lines(_chapters(tables, firm), firm, role)


Payments = dict[tuple[str, str], int]


@dataclass(slots=True)
class Chapter:
    """What a month brought the firm.

    news: sentences
    inward, outward: USD by purpose and other party
    cash_usd, runway_months: at the month's end; None or NaN before the firm entered
    """

    date: str
    news: list[str]
    inward: Payments
    outward: Payments
    cash_usd: float | None
    runway_months: float

    @property
    def quiet(self) -> bool:
        """Whether nothing happened but the usual payments."""
        return not self.news


def _check_name(firm: str, known: Iterable[str]) -> None:
    names = list(known)
    if firm in names:
        return
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(firm.casefold(), folded, n=1, cutoff=0.5)
    hint = f"; did you mean '{folded[near[0]]}'?" if near else ""
    raise ValueError(f"no firm named '{firm}'{hint} The firms are {listed(names)}.")


def _chapters(tables: Tables, firm: str) -> list[Chapter]:
    """The firm's months, first to last; those after its end are left out."""
    events, flows = tables["events"], tables["flows"]
    own = tables["firms"][tables["firms"]["firm"] == firm].set_index("month")
    cash, runway, arrears = (
        own[column].to_dict() for column in ("cash_usd", "runway_months", "arrears_usd")
    )
    concerned = events[concerns(events, firm)]
    happened: dict[int, list[dict[str, Any]]] = {}
    for event in records(concerned):
        happened.setdefault(int(event["month"]), []).append(event)
    inward = _sums(flows[flows["payee"] == firm], "payer")
    outward = _sums(flows[flows["payer"] == firm], "payee")
    failed = concerned[(concerned["kind"] == "default") & (concerned["firm"] == firm)]["month"]
    end = int(failed.min()) if len(failed) else None
    chapters = []
    for month, date in zip(tables["months"]["month"], tables["months"]["date"], strict=True):
        told = _sentences(happened.get(month, []), firm)
        if arrears.get(month, 0) > 0:
            open_dues = usd(arrears[month])
            told.append(f"{firm} could not pay all that was due: {open_dues} stayed open.")
        if told or any(month in known for known in (cash, inward, outward)):
            chapters.append(
                Chapter(
                    date,
                    told,
                    inward.get(month, {}),
                    outward.get(month, {}),
                    cash.get(month),
                    runway.get(month, np.nan),
                )
            )
        if month == end:
            break
    return chapters


def _lines(chapters: list[Chapter], firm: str, role: str) -> Iterator[str]:
    if not chapters:
        yield f"{firm} ({role}) never entered the market in this run."
        return
    yield f"{firm} ({role}), {spans(chapters[0].date, chapters[-1].date)}"
    for quiet, group in groupby(chapters, key=lambda chapter: chapter.quiet):
        months = list(group)
        for part in [months] if quiet else [[month] for month in months]:
            yield f"{spans(part[0].date, part[-1].date)}: {_money(part)}"
            yield from (f"  - {sentence}" for chapter in part for sentence in chapter.news)


def _money(months: list[Chapter]) -> str:
    """What came in and went out over some months, and what was left."""
    sentences = [
        _payments("In", [chapter.inward for chapter in months], "from"),
        _payments("Out", [chapter.outward for chapter in months], "to"),
    ]
    last = months[-1]
    if last.cash_usd is not None:
        runway = ""
        if np.isfinite(last.runway_months):
            lasting = last.runway_months < FULL_RUNWAY
            runway = f", runway {last.runway_months:.1f} months" if lasting else ", no net outflow"
        sentences.append(f"Cash {usd(last.cash_usd)}{runway}.")
    return " ".join(sentences)


def _payments(word: str, parts: list[Payments], joint: str) -> str:
    """Totals of the largest purposes, with the main other party; `joint` is "from" or "to"."""
    purposes: dict[str, dict[str, int]] = {}
    for part in parts:
        for (purpose, party), amount in part.items():
            sums = purposes.setdefault(purpose, {})
            sums[party] = sums.get(party, 0) + amount
    totals = {purpose: sum(sums.values()) for purpose, sums in purposes.items()}
    total = sum(totals.values())
    if not total:
        return f"{word} nothing."
    named = []
    for purpose in sorted(totals, key=lambda name: (-totals[name], name))[:MOST_PURPOSES]:
        sums = purposes[purpose]
        party = min(sums, key=lambda name: (-sums[name], name))
        most = "" if len(sums) == 1 else "mostly "
        whom = "" if party == "world" else f" {most}{joint} {party}"
        named.append(f"{purpose.replace('_', ' ')}{whom} {usd(totals[purpose])}")
        total -= totals[purpose]
    if total:
        named.append(f"other {usd(total)}")
    return f"{word} {usd(sum(totals.values()))}: {', '.join(named)}."


def _sums(flows: pd.DataFrame, party: str) -> dict[int, Payments]:
    """Dollars by month, then by purpose and other party."""
    sums: dict[int, Payments] = {}
    for flow in records(flows):
        if flow["payer"] != flow["payee"] and flow["amount_usd"]:
            month = sums.setdefault(flow["month"], {})
            key = (flow["purpose"], flow[party])
            month[key] = month.get(key, 0) + flow["amount_usd"]
    return sums


def concerns(events: pd.DataFrame, firm: str) -> pd.Series:
    """Events of the firm, towards it, and rounds and programmes that it had a part in."""
    bid = events["kind"].str.startswith(("round_", "programme_")) & events["details"].str.contains(
        json.dumps(firm, ensure_ascii=True), regex=False
    )
    return (events["firm"] == firm) | (events["counterparty"] == firm) | bid


def _sentences(events: list[dict[str, Any]], firm: str) -> list[str]:
    """A month's events in sentences; repeats are counted, tranches from many put into one."""
    paid = [e for e in events if e["kind"] == "tranche_paid" and e["firm"] == firm]
    paid = paid if len(paid) > 1 else []
    counts: dict[str, int] = {}
    for event in events:
        sentence = _tranches(paid) if event in paid else _sentence(event, firm)
        counts[sentence] = counts.get(sentence, 0) + (event not in paid[1:])
    return [s if n == 1 else f"{s[:-1]} ({n} times)." for s, n in counts.items()]


def _tranches(paid: list[dict[str, Any]]) -> str:
    """Tranches that several investors pay, the largest named."""
    ranked = sorted(paid, key=lambda event: (-event["amount_usd"], event["counterparty"]))
    named = [f"{e['counterparty']} ({usd(e['amount_usd'])})" for e in ranked[:MOST_PURPOSES]]
    if more := len(ranked) - len(named):
        named.append(f"{more} other{'s'[: more != 1]}")
    total = sum(event["amount_usd"] for event in paid)
    return f"Tranches of {usd(total)} are paid by {listed(named)}."


def _sentence(event: Mapping[str, Any], firm: str) -> str:
    """An event in one sentence: the model's own words, and the terms they leave out."""
    details = parse_details(event["details"])
    kind, other = event["kind"], event["counterparty"] or ""
    if kind == "offer_refused":
        return _refusal(event, details)
    words = event["text"] or ""
    if not words:
        partner = (event["firm"] if other == firm else other) or ""
        words = kind.replace("_", " ").capitalize() + (f", {partner}" if partner else "")
        words += f": {usd(event['amount_usd'])}" if event["amount_usd"] else ""
    match kind:
        case "contract_signed":
            terms = _contract_terms(details)
        case "round_closed" | "round_refused" | "round_failed":
            terms = _round_terms(details, words)
        case "switch" | "chip_switch":
            terms = _switch_terms(details, words)
        case _:
            terms = []
    return words.rstrip(". ") + "".join(f"; {term}" for term in terms) + "."


def _refusal(event: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Why there was no deal: both reservations and the gap."""
    buyer, seller = event["firm"], event["counterparty"]
    most, least = (
        number(details, "buyer_reservation_usd"),
        number(details, "seller_reservation_usd"),
    )
    if most is None or least is None or not seller:
        words = event["text"] or f"{buyer} gets no offer of compute"
        return words.rstrip(". ") + "."
    size, gap = number(details, "h100e"), least - most
    what = f" on {h100e(size)} of {details.get('workload', 'compute')}" if size else ""
    outcome = str(details.get("outcome", ""))
    why = _NO_DEAL.get(outcome, outcome.lower().replace("_", " ") or "no agreement")
    rounds = number(details, "rounds")
    length = f" after {rounds:.0f} round{'s'[: rounds != 1]}" if rounds else ""
    apart = f"a gap of {price(gap)}" if gap > 0 else f"a zone of {price(-gap)} left unused"
    return (
        f"No deal between {buyer} and {seller}{what}{length} ({why}): {buyer} would pay at most "
        f"{price(most)} per H100e-hour, {seller} asks at least {price(least)}, {apart}."
    )


def _contract_terms(details: Mapping[str, Any]) -> list[str]:
    terms = []
    if prepaid := number(details, "prepaid_share"):
        terms.append(f"{prepaid:.0%} prepaid")
    if fee := number(details, "termination_fee_share"):
        terms.append(f"leaving costs {fee:.0%} of what remains")
    terms += [word for word in ("exclusive", "renewal") if details.get(word)]
    terms += _reservations(details, price)
    return terms


def _round_terms(details: Mapping[str, Any], words: str) -> list[str]:
    terms = []
    if (before := number(details, "pre_money_usd")) and "pre-money" not in words:
        terms.append(f"{usd(before)} pre-money")
    if after := number(details, "post_money_usd"):
        terms.append(f"{usd(after)} post-money")
    if dilution := number(details, "dilution"):
        terms.append(f"{dilution:.1%} dilution")
    if (tranches := number(details, "tranches")) and tranches > 1:
        terms.append(f"{tranches:.0f} tranches")
    if isinstance(reason := details.get("reason"), str) and reason not in words:
        terms.append(reason)
    return terms + ([] if "at most" in words else _reservations(details, usd))


def _switch_terms(details: Mapping[str, Any], words: str) -> list[str]:
    old, new, reason = (str(details.get(key) or "") for key in ("from", "to", "reason"))
    told = old in words and new in words and reason in words
    terms = [] if told else [f"from {old} to {new}", f"reason: {reason}"]
    return terms + (["forced by a default"] if details.get("forced") else [])


def _reservations(details: Mapping[str, Any], form: Any) -> list[str]:
    """Both walk-away values where recorded: prices per H100e-hour, or pre-money valuations."""
    buyer, seller = (number(details, f"{who}_reservation_usd") for who in ("buyer", "seller"))
    if buyer is None or seller is None:
        return []
    apart = f", a gap of {form(seller - buyer)}" if seller > buyer else ""
    return [f"buyer would pay at most {form(buyer)}, seller wants at least {form(seller)}{apart}"]
