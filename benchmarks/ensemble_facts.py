"""What an ensemble of runs shows, as Markdown: the facts promised, and history beside it.

    .venv/bin/python -P benchmarks/ensemble_facts.py [--seeds 100] [--jobs 2]

Every seed counts: a run that raises is named and fails the first fact. Shares are of all runs,
medians of those that came to their end. Terms as in docs/model.md and `analysis/outcomes.py`.
"""

from __future__ import annotations

import argparse
import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from computemarket import ComputeMarket, load_scenario
from computemarket.analysis.outcomes import OUTCOMES, Played, yearly
from computemarket.scenario import Scenario

Run = dict[str, Any]
TABLES = ("months", "firms", "events", "flows")
BIG_FOUR = ("Azure", "AWS", "Google Cloud", "Meta Infrastructure")
OTHER_CAPEX_USD = 80e9  # a year, what the big four spend on anything but AI: an assumption
TAKEN = ("contracts_signed", "talks_refused", "spot_price_worst_12_month_change",
         "spot_price_best_6_month_change", "defaults")  # fmt: skip
YEARLY = {
    "lab_revenue_usd": ("total lab revenue", "$B", 1e9),
    "installed_h100e": ("installed compute at the year's end", "M H100e", 1e6),
    "installed_mw": ("installed power at the year's end", "GW", 1e3),
    "ai_capex_hyperscalers_usd": ("AI capex of hyperscalers", "$B", 1e9),
}
GROWTH = {"lab_revenue_usd": 2027, "installed_h100e": 2027, "ai_capex_hyperscalers_usd": 2025}


def play(scenario: Scenario, seed: int) -> Run:
    """What the tables below need of one run."""
    try:
        model = ComputeMarket(scenario, seed=seed).run()
        tables = {name: model.frame(name) for name in TABLES}
        return {"seed": seed, "ledger": model.manifest()["ledger"], **facts(tables, scenario)}
    except Exception as error:  # named in the table, whatever it is
        return {"seed": seed, "error": f"{type(error).__name__}: {error}"}


def facts(tables: Mapping[str, pd.DataFrame], scenario: Scenario) -> Run:
    """Outcomes, firms, years and history of one run."""
    run = Played(tables, scenario)
    firms = run.firms.set_index("firm")
    labs = run.labs.set_index("firm")
    taken: Run = {name: OUTCOMES[name].compute(run) for name in TAKEN}
    taken["defaulted"] = list(firms.index[firms["default_month"].notna()])
    taken["out_of_cash"] = list(firms.index[firms["out_of_cash_month"].notna()])
    taken["switched"] = {lab: bool(n > 0) for lab, n in labs["switches"].items()}
    rounds = labs["rounds_closed"] + labs["rounds_failed"]
    taken["without_round"] = list(labs.index[rounds == 0])
    years = yearly(tables)
    compute = ("installed_training_h100e", "installed_inference_h100e")
    years["installed_h100e"] = years[list(compute)].mean(axis="columns")
    taken["years"] = {name: years[name].to_dict() for name in YEARLY}
    return taken | {"history": history(tables)}


def history(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """The figures of a run that the world has published too (NaN where it has none)."""
    firms, months, events = tables["firms"], tables["months"], tables["events"]

    def of(firm: str, date: str, column: str) -> float:
        found = firms.loc[(firms["firm"] == firm) & (firms["date"] == date), column]
        return float(found.iloc[0]) if len(found) else math.nan

    def market(first: str, last: str, column: str) -> float:
        return float(months.loc[months["date"].between(first, last), column].mean())

    def capex(first: str, last: str) -> float:
        rows = firms["firm"].isin(BIG_FOUR) & firms["date"].between(first, last)
        return float(firms.loc[rows, "capex_usd"].sum()) + OTHER_CAPEX_USD

    def raised(firm: str, first: str, last: str) -> float:
        closed = (events["kind"] == "round_closed") & (events["firm"] == firm)
        return float(events.loc[closed & events["date"].between(first, last), "amount_usd"].sum())

    def revenue(firm: str, first: str, last: str) -> float:
        rows = (firms["firm"] == firm) & firms["date"].between(first, last)
        return float(firms.loc[rows, "revenue_usd"].sum())

    spot, contract = "spot_price_usd_per_h100e_hour", "contract_price_usd_per_h100e_hour"
    return {
        "ARR of OpenAI, Dec 2024, $B": of("OpenAI", "2024-12", "arr_usd") / 1e9,
        "ARR of OpenAI, Jun 2025, $B": of("OpenAI", "2025-06", "arr_usd") / 1e9,
        "ARR of Anthropic, Dec 2024, $B": of("Anthropic", "2024-12", "arr_usd") / 1e9,
        "ARR of Anthropic, Jun 2025, $B": of("Anthropic", "2025-06", "arr_usd") / 1e9,
        "compute of OpenAI, Dec 2024, GW": of("OpenAI", "2024-12", "mw") / 1e3,
        "spot price, May-Jul 2024, $/H100e-hour": market("2024-05", "2024-07", spot),
        "spot price, May-Jul 2025, $/H100e-hour": market("2025-05", "2025-07", spot),
        "one-year contract, Jan-Mar 2024, $/H100e-hour": market("2024-01", "2024-03", contract),
        "one-year contract, Oct 2024, $/H100e-hour": market("2024-10", "2024-10", contract),
        "one-year contract, Jun 2025, $/H100e-hour": market("2025-06", "2025-06", contract),
        "capex of the big four, 2024, $B": capex("2024-01", "2024-12") / 1e9,
        "capex of the big four, 2025, $B": capex("2025-01", "2025-12") / 1e9,
        "Nvidia's chip revenue, Feb 2024-Jan 2025, $B":
            revenue("Nvidia", "2024-02", "2025-01") / 1e9,
        "OpenAI's rounds, Q4 2024, $B": raised("OpenAI", "2024-10", "2024-12") / 1e9,
        "OpenAI's rounds, first half of 2025, $B": raised("OpenAI", "2025-01", "2025-06") / 1e9,
        "OpenAI's clouds, Jun 2025": of("OpenAI", "2025-06", "suppliers"),
    }  # fmt: skip


REPORTED = {
    "ARR of OpenAI, Dec 2024, $B": "6",
    "ARR of OpenAI, Jun 2025, $B": "10",
    "ARR of Anthropic, Dec 2024, $B": "1",
    "ARR of Anthropic, Jun 2025, $B": "4",
    "compute of OpenAI, Dec 2024, GW": "0.6",
    "spot price, May-Jul 2024, $/H100e-hour": "2.85 low, 4-8 quoted",
    "spot price, May-Jul 2025, $/H100e-hour": "2.2-2.4",
    "one-year contract, Jan-Mar 2024, $/H100e-hour": "4",
    "one-year contract, Oct 2024, $/H100e-hour": "2.5",
    "one-year contract, Jun 2025, $/H100e-hour": "2.0",
    "capex of the big four, 2024, $B": "200",
    "capex of the big four, 2025, $B": "320 guided",
    "Nvidia's chip revenue, Feb 2024-Jan 2025, $B": "115 (data centre)",
    "OpenAI's rounds, Q4 2024, $B": "6.6",
    "OpenAI's rounds, first half of 2025, $B": "40 (staged)",
    "OpenAI's clouds, Jun 2025": "2 or more",
}


def print_facts(runs: list[Run], scenario: Scenario) -> None:
    """Each fact with the share of runs in which it holds, and the band it was promised in."""
    n = len(runs)
    played = [run for run in runs if "error" not in run]
    failed = [f"seed {run['seed']}: {run['error']}" for run in runs if "error" in run]

    def share(holds: Callable[[Run], bool]) -> float:
        return sum(map(holds, played)) / n

    def row(fact: str, value: float, low: float, high: float = 1.0) -> None:
        band = "all" if low == 1 else f"{low:.0%}-{high:.0%}" if high < 1 else f">= {low:.0%}"
        met = "yes" if low - 1e-12 <= value <= high + 1e-12 else "**no**"
        print(f"| {fact} | {value:.0%} | {band} | {met} |")

    print("| Fact | share of runs | required | met |\n|---|---|---|---|")
    row("every invariant holds in every month", share(lambda r: r["ledger"] == "ok"), 1)
    row("signs at least 20 compute contracts", share(lambda r: r["contracts_signed"] >= 20), 1)
    row("records refused negotiations", share(lambda r: r["talks_refused"] > 0), 1)
    row("each independent lab closes or fails a round",
        share(lambda r: not r["without_round"]), 1)  # fmt: skip
    row("spot price falls 20 % or more within 12 months",
        share(lambda r: r["spot_price_worst_12_month_change"] <= -0.2), 0.8)  # fmt: skip
    row("spot price rises 10 % or more within 6 months",
        share(lambda r: r["spot_price_best_6_month_change"] >= 0.1), 0.8)  # fmt: skip
    row("at least one firm defaults", share(lambda r: r["defaults"] > 0), 0.05, 0.95)
    labs = [lab.name for lab in scenario.labs if lab.kind == "independent"]
    inside = 0
    for lab in labs:
        value = share(lambda r, lab=lab: r["switched"].get(lab, False))
        inside += 0.05 <= value <= 0.95
        row(f"{lab} switches main supplier", value, 0.05, 0.95)
    print(f"| labs inside that band | {inside} of {len(labs)} | at least 4 "
          f"| {'yes' if inside >= 4 else '**no**'} |")  # fmt: skip
    for column, last in GROWTH.items():
        medians = median_by_year(played, column)
        years = range(2024, last + 1)
        if column == "ai_capex_hyperscalers_usd":  # 2023 lies before the run
            grows = medians[last] > medians[last - 1]
        else:
            grows = all(medians[year] > medians[year - 1] for year in years[1:])
        print(f"| median {YEARLY[column][0]} grows, {years[0]}-{years[-1]} "
              f"| {'yes' if grows else 'no'} | yes | {'yes' if grows else '**no**'} |")  # fmt: skip
    print()
    for run in played:
        if run["without_round"]:
            failed.append(f"seed {run['seed']}: no round of {', '.join(run['without_round'])}")
    if len(played) == n:
        print("- No run broke off.")
    for line in failed:
        print(f"- {line}")
    spread = {name: [run[name] for run in played] for name in ("contracts_signed", "talks_refused")}
    for name, values in spread.items():
        low, middle, high = np.percentile(values, [0, 50, 100])
        print(f"- {name} a run: {low:.0f} to {high:.0f}, median {middle:.0f}")


def median_by_year(played: list[Run], column: str) -> dict[int, float]:
    """Median over the runs of a yearly figure."""
    years = played[0]["years"][column]
    return {year: float(np.median([run["years"][column][year] for run in played]))
            for year in years}  # fmt: skip


def print_years(played: list[Run]) -> None:
    years = list(played[0]["years"]["installed_mw"])
    print(f"| Median | {' | '.join(map(str, years))} |\n|---|{'---|' * len(years)}")
    for column, (name, unit, scale) in YEARLY.items():
        cells = [f"{value / scale:,.3g}" for value in median_by_year(played, column).values()]
        print(f"| {name}, {unit} | {' | '.join(cells)} |")


def print_firms(runs: list[Run], scenario: Scenario) -> None:
    """Firms that failed or could not pay some due in full, in at least one run."""
    print("| Firm | defaults | out of cash at some time |\n|---|---|---|")
    for firm in scenario.firms:
        counts = [sum(firm.name in run.get(key, ()) for run in runs) / len(runs)
                  for key in ("defaulted", "out_of_cash")]  # fmt: skip
        if any(counts):
            print(f"| {firm.name} | {counts[0]:.0%} | {counts[1]:.0%} |")


def print_history(played: list[Run]) -> None:
    print("| Figure | reported | median | 10-90 % |\n|---|---|---|---|")
    for name, reported in REPORTED.items():
        values = np.array([run["history"][name] for run in played])
        low, middle, high = np.nanpercentile(values, [10, 50, 90])
        print(f"| {name} | {reported} | {middle:.3g} | {low:.3g}-{high:.3g} |")


def commit() -> str:
    """The short name of the commit that ran, with a mark if files had changed."""
    root = Path(__file__).parent
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root,
                          capture_output=True, text=True, check=False)  # fmt: skip
    return said.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="play seeds 1 to this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scenario", default="frontier_2024")
    given = parser.parse_args()

    scenario = load_scenario(given.scenario)
    seeds = range(1, given.seeds + 1)
    runs = Parallel(n_jobs=given.jobs)(delayed(play)(scenario, seed) for seed in seeds)
    played = [run for run in runs if "error" not in run]
    print(f"`{given.scenario}`, seeds 1-{given.seeds}, commit {commit()}\n")
    print_facts(runs, scenario)
    if played:
        print()
        print_years(played)
        print()
        print_firms(runs, scenario)
        print(
            "\nHistory; capex of the big four is that of "
            f"{', '.join(BIG_FOUR)} plus ${OTHER_CAPEX_USD / 1e9:.0f}B for anything but AI.\n"
        )
        print_history(played)


if __name__ == "__main__":
    main()
