"""What is wrong between letters, warrants, backstops, talks to be opened, and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .calendar import last_month, month_index
from .letters import Backstop, Letter, Purchase, Round, Warrant
from .messages import Problem, unknown

if TYPE_CHECKING:
    from .schema import Scenario


class _Names(NamedTuple):
    """Names of firms by what they can be in a deal."""

    labs: list[str]
    clouds: list[str]
    makers: list[str]
    givers: list[str]  # of equity: all but labs and lenders
    issuers: list[str]  # of equity: independent labs and neoclouds


def letter_problems(scenario: Scenario) -> Iterator[Problem]:
    """Names that do not exist, months outside the run, parties that are dead by then."""
    names = _names(scenario)
    for index, letter in enumerate(scenario.letters):
        yield from _letter(scenario, names, f"letters.{index}", letter, scenario.run.start)
    for index, warrant in enumerate(scenario.warrants):
        yield from _warrant(scenario, names, f"warrants.{index}", warrant)
    for index, backstop in enumerate(scenario.backstops):
        yield from _backstop(scenario, names, f"backstops.{index}", backstop)
    for index, event in enumerate(scenario.interventions):
        if event.kind == "open_talks":
            yield from _talks(scenario, names, index)


def _names(scenario: Scenario) -> _Names:
    labs = [firm.name for firm in scenario.labs]
    clouds = [firm.name for firm in scenario.clouds]
    makers = [firm.name for firm in scenario.chipmakers]
    funds = [firm.name for firm in scenario.investors if firm.kind != "private_credit"]
    issuers = [lab.name for lab in scenario.labs if lab.kind == "independent"]
    issuers += [cloud.name for cloud in scenario.clouds if cloud.kind == "neocloud"]
    return _Names(labs, clouds, makers, [*clouds, *makers, *funds], issuers)


def _talks(scenario: Scenario, names: _Names, index: int) -> Iterator[Problem]:
    event = scenario.interventions[index]
    here = f"interventions.{index}"
    ended = {
        other.firm: other.month
        for other in scenario.interventions
        if other.kind == "kill" and other.month <= event.month
    }
    for party in dict.fromkeys(event.parties):
        if party in ended:
            expected = f"a firm that is alive then: this one is killed in {ended[party]}"
            yield Problem(here, f"talks with the dead '{party}' in {event.month}", expected)
    if event.letter is not None:
        yield from _letter(scenario, names, f"{here}.letter", event.letter, event.month)
    if event.round is not None:
        yield from _round(names, f"{here}.round", event.round)
    if event.purchase is not None:
        yield from _purchase(names, f"{here}.purchase", event.purchase)


def _letter(
    scenario: Scenario, names: _Names, here: str, letter: Letter, since: str
) -> Iterator[Problem]:
    giver = "a chipmaker, a cloud or an investor in equity"
    yield from unknown(f"{here}.giver", letter.giver, giver, names.givers)
    taker = "an independent lab or a neocloud"
    yield from unknown(f"{here}.taker", letter.taker, taker, names.issuers)
    yield from _apart(f"{here}.taker", letter.taker, letter.giver)
    yield from _not_past(scenario, f"{here}.expires", letter.expires)
    for index, tranche in enumerate(letter.tranches):
        if tranche.month is not None and tranche.month < since:
            expected = f"a month not before the letter ({since})"
            yield Problem(f"{here}.tranches.{index}.month", f'"{tranche.month}"', expected)


def _warrant(scenario: Scenario, names: _Names, here: str, warrant: Warrant) -> Iterator[Problem]:
    yield from unknown(f"{here}.issuer", warrant.issuer, "a chipmaker", names.makers)
    holders = [*names.labs, *names.clouds]
    yield from unknown(f"{here}.holder", warrant.holder, "a lab or a cloud", holders)
    yield from _term(scenario, here, warrant.granted, warrant.expires)


def _backstop(
    scenario: Scenario, names: _Names, here: str, backstop: Backstop
) -> Iterator[Problem]:
    guarantors = [*names.makers, *names.clouds]
    what = "a chipmaker or a cloud"
    yield from unknown(f"{here}.guarantor", backstop.guarantor, what, guarantors)
    yield from unknown(f"{here}.cloud", backstop.cloud, "a cloud", names.clouds)
    yield from _apart(f"{here}.cloud", backstop.cloud, backstop.guarantor)
    yield from _term(scenario, here, backstop.granted, backstop.expires)


def _round(names: _Names, here: str, terms: Round) -> Iterator[Problem]:
    issuer = "an independent lab or a neocloud"
    yield from unknown(f"{here}.firm", terms.firm, issuer, names.issuers)
    investor = "a chipmaker, a cloud or an investor in equity"
    for name in terms.investors:
        yield from unknown(f"{here}.investors", name, investor, names.givers)
        yield from _apart(f"{here}.investors", name, terms.firm)


def _purchase(names: _Names, here: str, terms: Purchase) -> Iterator[Problem]:
    yield from unknown(f"{here}.lab", terms.lab, "a lab", names.labs)
    for name in terms.clouds:
        yield from unknown(f"{here}.clouds", name, "a cloud", names.clouds)
    if terms.maker is not None:
        yield from unknown(f"{here}.maker", terms.maker, "a chipmaker", names.makers)


def _apart(path: str, name: str, other: str) -> Iterator[Problem]:
    if name == other:
        yield Problem(path, f"'{name}'", "another firm than the other party")


def _term(scenario: Scenario, here: str, granted: str | None, expires: str) -> Iterator[Problem]:
    yield from _not_past(scenario, f"{here}.expires", expires)
    if granted is None:
        return
    run = scenario.run
    if not 0 <= month_index(run, granted) < run.months:
        expected = f"a month of the run ({run.start} to {last_month(run)})"
        yield Problem(f"{here}.granted", f'"{granted}"', expected)
    if expires <= granted:
        yield Problem(f"{here}.expires", f'"{expires}"', f"a month after the grant ({granted})")


def _not_past(scenario: Scenario, path: str, month: str) -> Iterator[Problem]:
    if month_index(scenario.run, month) <= 0:
        expected = f"a month after the start of the run ({scenario.run.start})"
        yield Problem(path, f'"{month}"', expected)
