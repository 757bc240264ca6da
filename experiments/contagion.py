"""Who falls with a firm: the same seeds with it killed at a month, and with it kept alive.

Kept alive by grants from outside, so that what differs is the failure alone and not the trouble
that led to it (docs/mechanisms/contagion).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..analysis.ensemble import took_part
from ..analysis.figures.contagion import firm_differences
from ..analysis.figures.drawing import write_png
from ..analysis.paired import comparison_table
from ..analysis.wording import BASE, NOT_APPLICABLE
from ..scenario import (
    Scenario,
    firm_name,
    load_scenario,
    month_index,
    month_label,
    month_of,
    override,
)
from ..scenarios.checks import validated
from .compare import compare
from .runner import run_study
from .store import StudyFolder, writing
from .study import Study, StudyError
from .whatif import REPLICATIONS

KILLED: Final = "killed"  # the variant; the base keeps the firm alive
MEASURES: Final = (
    "defaults",
    "defaults_by_contagion",
    "cascade_depth",
    "labs_out_of_cash",
    "neoclouds_out_of_cash",
    "chipmakers_out_of_cash",
    "direct_losses_usd",
    "indirect_losses_usd",
)
_KINDS: Final = {"labs_out_of_cash": "independent", "neoclouds_out_of_cash": "neocloud"}


class Contagion(NamedTuple):
    """What the failure of a firm does to the others.

    table: of `compare`, killed against kept alive; defaults and shares leave the firm itself out
    firms: the same of each other firm's chance to run out of cash, where it differs in some seed,
        the most raised first
    gone: seeds in which the firm had failed before the month (or a party of an intervention of
        the scenario had, before its own), which are left out
    within: months from the failure on in which defaults and shares count; None: to the end
    """

    firm: str
    date: str
    table: pd.DataFrame
    firms: pd.DataFrame
    gone: int
    within: int | None
    folder: StudyFolder


def contagion(
    scenario: str,
    firm: str,
    out: str | os.PathLike[str],
    *,
    month: int | str | None = None,
    within: int | None = None,
    replications: int = REPLICATIONS,
    assignments: Mapping[str, Any] | None = None,
    **running: Any,
) -> Contagion:
    """Play a scenario with a firm killed and kept alive on common seeds, and compare.

    Args:
        scenario: name or file.
        firm: who is killed, or kept alive by grants that cover whatever it cannot pay.
        out: folder of the study, new or to be resumed.
        month: of the run, from 0, or a date such as "2027-01"; half-way if left out.
        within: count defaults and firms out of cash in so many months from the failure on alone;
            later ones also tell how much less was built in a world without the firm.
        replications: seeds.
        assignments: other values by path, in all runs.
        running: workers, engine and the like, for `run_study`.

    Raises:
        ScenarioError: there is no such firm or month, or the firm has not entered by then.
        OutputError: the folder cannot be written.
    """
    base = override(load_scenario(scenario), assignments or {}, f"{scenario} with overrides")
    name = firm_name(base, firm)
    at = base.run.months // 2 if month is None else month_of(base, month)
    date = month_label(base.run, at)
    _check_entry(base, name, date)
    if within is not None and within < 1:
        raise StudyError(f"within: given {within}, expected at least 1 month")
    study = _study(scenario, base, name, date, replications, assignments or {})
    folder = run_study(study, out, **running)
    outcomes = _early(folder.firm_outcomes, at, within)
    runs = _without(folder.runs, outcomes, name)
    firms = sorted(set(outcomes["firm"]) - {name})
    measures = [f"{other}.out_of_cash" for other in firms]
    both = compare(runs, BASE, [*MEASURES, *measures], firm_outcomes=outcomes)
    both = both.assign(variant=f"{name} killed in {date}", base="kept alive")
    own = both["outcome"].isin(MEASURES)
    gone = runs.loc[runs["status"] == NOT_APPLICABLE, "seed"].nunique()
    return Contagion(name, date, both[own], _moved(both[~own]), gone, within, folder)


def screen(found: Contagion) -> list[RenderableType]:
    """Two tables, and what has to be said with them."""
    table, firms = (part.assign(not_applicable=0) for part in (found.table, found.firms))
    if table["pairs"].any():  # what no run defines, such as a share of no other neocloud, goes
        table = table[table["pairs"] > 0]
    parts: list[RenderableType] = [comparison_table(table)]
    if len(firms):
        named = firms["variant"].iloc[0]
        parts.append(comparison_table(firms.assign(variant=f"Out of cash: {named}")))
    else:
        parts.append(Text("No other firm runs out of cash in one case and not in the other.\n"))
    span = "" if found.within is None else f" in the first {found.within} months"
    said = (
        f"Defaults and shares are those of other firms{span}; "
        f"the depth counts {found.firm} as first."
    )
    parts.append(Text(said))
    if found.gone:
        seeds = found.folder.study.replications
        parts.append(
            Text(
                f"Not applicable in {found.gone} of {seeds} seeds: {found.firm} had failed before "
                f"{found.date}, or a party of another intervention had."
            )
        )
    return parts


def save(found: Contagion, folder: str | os.PathLike[str]) -> None:
    """Write `contagion.csv`, `contagion_firms.csv` and `contagion.png`.

    Raises:
        OutputError: the folder cannot be written.
    """
    target = Path(folder)
    with writing(target):
        found.table.to_csv(target / "contagion.csv", index=False)
        found.firms.to_csv(target / "contagion_firms.csv", index=False)
        figure = firm_differences(found.firms, found.firm, found.date, found.within)
        write_png(figure, target / "contagion.png")


def _study(
    scenario: str,
    base: Scenario,
    firm: str,
    date: str,
    replications: int,
    assignments: Mapping[str, Any],
) -> Study:
    """The base keeps the firm alive from the month on; the variant kills it in that month.

    It is killed without cash, as firms fail: the estate of a rich one would pay its creditors well.

    Until then both are the same. What the scenario has in store for the firm later is left out
    where it is dead: the run would be none in which all interventions apply.
    """
    plain = [(e, e.model_dump(mode="json", exclude_none=True)) for e in base.interventions]
    until = [event for e, event in plain if firm not in e.parties or e.month <= date]
    kept = {"month": date, "kind": "keep_alive", "firm": firm}
    killed = {"month": date, "kind": "kill", "firm": firm, "value": 1.0}
    data = {
        "title": f"{firm} killed in {date}, against {firm} kept alive",
        "scenario": scenario,
        "set": {**assignments, "interventions": [*(event for _, event in plain), kept]},
        "replications": replications,
        "outcomes": MEASURES,
        "variants": [{"name": KILLED, "set": {"interventions": [*until, kept, killed]}}],
    }
    return validated(Study, data, "contagion")


def _check_entry(scenario: Scenario, firm: str, date: str) -> None:
    enters = next(f.enters for f in scenario.firms if f.name == firm)
    if enters and month_index(scenario.run, enters) > month_index(scenario.run, date):
        raise StudyError(
            f"{scenario.name}: month: given '{date}', expected one from {enters} on, when {firm} "
            "enters"
        )


def _early(firms: pd.DataFrame, month: int, within: int | None) -> pd.DataFrame:
    """Outcomes of firms in which what happened later than so many months counts as never."""
    if within is None:
        return firms
    dates = firms[["out_of_cash_month", "default_month"]]
    return firms.assign(**dates.where(dates < month + within))


def _without(runs: pd.DataFrame, outcomes: pd.DataFrame, firm: str) -> pd.DataFrame:
    """The runs, with defaults and shares of firms out of cash that leave one firm out."""
    firms = took_part(outcomes)
    others = firms[firms["firm"] != firm]
    short = others["out_of_cash_month"].notna()

    def by_run(values: pd.Series) -> pd.Series:
        return runs["run_id"].map(values.groupby(others["run_id"]).mean())

    shares = {name: by_run(short[others["kind"] == kind]) for name, kind in _KINDS.items()}
    shares["chipmakers_out_of_cash"] = by_run(short[others["role"] == "chipmaker"])
    failed = others["default_month"].notna().groupby(others["run_id"]).sum()
    return runs.assign(defaults=runs["run_id"].map(failed), **shares)


def _moved(firms: pd.DataFrame) -> pd.DataFrame:
    """Firms that run out of cash in one case and not in the other in some seed, by difference."""
    differs = (firms["difference"] != 0) | (firms["difference_sd"] > 0)
    moved = firms[differs & (firms["pairs"] > 0)]
    names = moved["outcome"].str.removesuffix(".out_of_cash")
    return moved.assign(outcome=names).sort_values(
        ["difference", "outcome"], ascending=[False, True], ignore_index=True
    )
