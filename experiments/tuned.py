"""What a tuning found, in numbers, sentences and figures: scores seen and unseen, gains, savings.

The best of many trials owes part of its score to luck with its seeds (the winner's curse, Capen,
Clapp and Campbell 1971), so that what counts is its score on unseen seeds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis import figures
from ..analysis.figures.drawing import Drawn, whole, write_png
from ..analysis.paired import amount, comparison_table, difference
from ..analysis.summary import note, plain_table
from ..analysis.tables import records
from ..analysis.wording import BASE, OK, listed, outcome_words, percent
from ..scenario import load_scenario
from .compare import compare
from .intervals import Interval
from .measures import measure_named
from .store import StudyFolder, writing
from .trials import Floats, score
from .tune import Tuned, outcome_values, pareto_front, variants_of
from .tuning import Dimension, Objective, role_of
from .whatif import HEADLINES

RESAMPLES: Final = 2000
_OF_FIRM: Final = {
    "labs": ("final_arr_usd", "out_of_cash", "default", "funds_raised_usd",
             "cumulative_burn_usd", "commitments_signed_usd"),
}  # fmt: skip
_OF_OTHERS: Final = ("out_of_cash", "default", "minimum_cash_usd")


def scored(tuned: Tuned, level: float = 0.95) -> pd.DataFrame:
    """The best trials against the scenario as it is, on the seeds of the trials and on unseen ones.

    Args:
        tuned: what `tune` returned.
        level: of confidence.

    Returns:
        A row an objective and candidate: outcome, unit, direction; rank, trial; `seen_default` and
        `seen`, the scores on the seeds of the trials; `unseen_default` and `unseen`; difference
        of the unseen scores (candidate less default) with lower, upper and the method: paired t or
        Newcombe's as in `compare`, of scores with a tail a bootstrap over seeds;
        `probability_better`: share of unseen runs in which the candidate's outcome is better, ties
        counted half; pairs, failed and `failed_default`: runs that count as their stand-in.
    """
    tuning, rows = tuned.tuning, []
    seen = _filled(tuned, tuned.default, BASE)
    base = _filled(tuned, tuned.unseen, BASE)
    for place, objective in enumerate(tuning.objectives):
        for rank, trial in enumerate(tuned.best, 1):
            label = f"best_{rank}"
            own = _filled(tuned, tuned.unseen, label)
            pair = base[:, place], own[:, place]
            rows.append(
                {
                    "outcome": objective.outcome,
                    "unit": unit_of(tuned, objective),
                    "direction": objective.direction,
                    "rank": rank,
                    "trial": trial.number,
                    "seen_default": score(objective, seen[:, place]),
                    "seen": trial.values[place],
                    "unseen_default": score(objective, pair[0]),
                    "unseen": score(objective, pair[1]),
                    **_difference(objective, *pair, level),
                    "failed": _failed(tuned, tuned.unseen, label),
                    "failed_default": _failed(tuned, tuned.unseen, BASE),
                }
            )
    return pd.DataFrame(rows)


def saved(tuned: Tuned) -> dict[str, float]:
    """What stopping trials early saved: trials stopped, runs played, runs and seconds avoided.

    Seconds of work, over all workers, at the pace of the runs that were played.
    """
    whole = tuned.tuning.seeds * len(tuned.tuning.scenarios)
    runs = sum(trial.runs for trial in tuned.trials)
    seconds = sum(trial.seconds for trial in tuned.trials)
    avoided = sum(whole - trial.runs for trial in tuned.trials if trial.pruned)
    return {
        "trials": len(tuned.trials),
        "stopped": sum(trial.pruned for trial in tuned.trials),
        "runs": runs,
        "seconds": seconds,
        "runs_avoided": avoided,
        "seconds_avoided": avoided * seconds / runs if runs else 0.0,
    }


def described(tuned: Tuned, rank: int = 1) -> list[str]:
    """In words: how a candidate differs from the firm as it is, and what that is worth."""
    tuning, trial = tuned.tuning, tuned.best[rank - 1]
    lines = [f"{tuning.firm}, best of {len(tuned.trials)} trials (trial {trial.number}):"]
    lines += [f"  {text}" for text in _changes(tuned, trial.parameters)]
    for row in records(scored(tuned)):
        if row["rank"] == rank:
            lines.append(_gain(tuned, row))
    failed = sum(trial.failed for trial in tuned.trials)
    if failed:
        lines.append(
            f"{failed:,} runs of the trials failed or did not define the outcome; each counts as "
            f"{_stand_ins(tuned)}."
        )
    if tuning.prunes:
        spared = saved(tuned)
        lines.append(
            f"Stopping {spared['stopped']} of {spared['trials']} trials early saved "
            f"{spared['runs_avoided']:,} of {spared['runs'] + spared['runs_avoided']:,} runs, "
            f"about {spared['seconds_avoided']:,.0f} s of work."
        )
    return lines


def screen(tuned: Tuned) -> list[RenderableType]:
    """The table of candidates, what the best changes, and what it does to firm and market."""
    rows = scored(tuned)
    parts: list[RenderableType] = [
        _scores_table(rows[rows["outcome"] == o.outcome], tuned) for o in tuned.tuning.objectives
    ]
    parts += [Text(line) for line in described(tuned)]
    effects = side_effects(tuned)
    return [*parts, Text(""), comparison_table(effects)] if len(effects) else parts


def side_effects(tuned: Tuned) -> pd.DataFrame:
    """The best candidate against the scenario as it is, on outcomes of the firm and the market."""
    if tuned.tuning.toy is not None:
        return pd.DataFrame()
    firm = tuned.tuning.firm
    role = role_of(load_scenario(tuned.tuning.scenarios[0]), firm)
    names = [f"{firm}.{name}" for name in _OF_FIRM.get(role, _OF_OTHERS)]
    runs = tuned.unseen.runs
    return compare(
        runs, BASE, [*names, *(name for name in HEADLINES if name in runs)],
        variants=["best_1"], firm_outcomes=tuned.unseen.firm_outcomes,
    )  # fmt: skip


def save(tuned: Tuned) -> list[Path]:
    """Write tables, sentences and figures into the folder of the tuning; return their paths.

    trials.csv, best.csv, comparison.csv; best.toml: the best strategies, as a scenario or a
    tournament names them; summary.txt; figures.

    Raises:
        OutputError: the folder cannot be written.
    """
    import tomli_w

    folder, paths = tuned.folder, []
    tables = {
        "trials": trials_frame(tuned),
        "best": scored(tuned),
        "comparison": side_effects(tuned),
    }
    with writing(folder):
        for name, table in tables.items():
            if len(table):
                paths.append(folder / f"{name}.csv")
                table.to_csv(paths[-1], index=False)
        paths += [folder / "best.toml", folder / "summary.txt"]
        paths[-2].write_text(tomli_w.dumps(_strategies(tuned)), encoding="utf-8")
        paths[-1].write_text("\n".join(described(tuned)) + "\n", encoding="utf-8")
        (folder / "figures").mkdir(exist_ok=True)
        for name, figure in tuning_figures(tuned).items():
            paths.append(folder / "figures" / f"{name}.png")
            write_png(figure, paths[-1])
    return paths


def trials_frame(tuned: Tuned) -> pd.DataFrame:
    """A row a trial: number, parameters, score by outcome, and what became of its runs."""
    rows = [
        {"number": trial.number}
        | trial.parameters
        | {o.outcome: v for o, v in zip(tuned.tuning.objectives, trial.values, strict=True)}
        | {"runs": trial.runs, "failed": trial.failed, "pruned": trial.pruned}
        | {"seconds": trial.seconds, "errors": json.dumps(trial.errors)}
        for trial in tuned.trials
    ]
    return pd.DataFrame(rows)


def unit_of(tuned: Tuned, objective: Objective) -> str:
    """The unit of an outcome; of a toy's, dollars if its name says so."""
    if tuned.tuning.toy is None:
        return measure_named(objective.outcome).unit
    return "USD" if objective.outcome.endswith("_usd") else ""


def _filled(tuned: Tuned, folder: StudyFolder, label: str) -> Floats:
    """The values of the runs with one set of parameters, failed ones with their stand-ins."""
    values = outcome_values(folder, tuned.tuning, variants_of(tuned.tuning, label))
    columns = [
        np.where(np.isfinite(values[o.outcome]), values[o.outcome], worst)
        for o, worst in zip(tuned.tuning.objectives, tuned.stand_ins, strict=True)
    ]
    return np.stack(columns, axis=1)


def _failed(tuned: Tuned, folder: StudyFolder, label: str) -> int:
    values = outcome_values(folder, tuned.tuning, variants_of(tuned.tuning, label))
    return int((~np.isfinite(np.stack(list(values.values())))).any(axis=0).sum())


def _difference(objective: Objective, base: Floats, own: Floats, level: float) -> dict[str, Any]:
    """The paired difference of scores with its interval."""
    pairs = pd.concat(
        pd.DataFrame(
            {"variant": label, "point": 0, "replication": range(len(values)), "status": OK,
             "seed": range(len(values)), "score": values}
        )
        for label, values in ((BASE, base), ("candidate", own))
    )  # fmt: skip
    row = compare(pairs, BASE, ["score"], level=level).iloc[0]
    kept = {name: row[name] for name in ("difference", "lower", "upper", "method", "pairs")}
    better = float(row["probability_better"])
    kept["probability_better"] = 1 - better if objective.direction == "minimise" else better
    if objective.risk_weight:
        interval = _bootstrap(objective, base, own, level)
        kept["difference"] = score(objective, own) - score(objective, base)
        kept |= {"lower": interval.lower, "upper": interval.upper, "method": interval.method}
    return kept


def _bootstrap(objective: Objective, base: Floats, own: Floats, level: float) -> Interval:
    """Percentile bootstrap over pairs of runs of a difference of scores (Efron 1979)."""
    draws = np.random.default_rng(0).integers(0, len(base), (RESAMPLES, len(base)))
    gains = [score(objective, own[draw]) - score(objective, base[draw]) for draw in draws]
    low, high = np.quantile(gains, (0.5 - level / 2, 0.5 + level / 2))
    return Interval(float(low), float(high), "bootstrap")


def _changes(tuned: Tuned, values: dict[str, float]) -> Iterator[str]:
    """How the parameters differ from today's, the most important first."""
    scenario = load_scenario(tuned.tuning.scenarios[0])
    role = role_of(scenario, tuned.tuning.firm)
    entry = next(firm for firm in getattr(scenario, role) if firm.name == tuned.tuning.firm)
    for decision in tuned.tuning.decisions:
        before = getattr(entry, decision.decision).name
        if before != decision.strategy:
            yield f"{decision.decision} by {decision.strategy} instead of {before}"
    same = []
    for d in sorted(tuned.space, key=lambda d: -tuned.importance.get(d.name, 0.0)):
        if abs(values[d.name] - d.default) < 0.02 * (d.high - d.low):
            same.append(d.name)
            continue
        unit = f" {d.unit}" if d.unit else ""
        yield (
            f"{d.name}: {_number(values[d.name])}{unit} instead of {_number(d.default)} "
            f"({d.meaning})"
        )
    if same:
        yield f"about as it is: {listed(same)}"


def _gain(tuned: Tuned, row: dict[str, Any]) -> str:
    """What the candidate is worth on unseen seeds, and what its lead was on those of the trials."""
    unit, margin = row["unit"], (row["upper"] - row["lower"]) / 2
    sign = -1 if row["direction"] == "minimise" else 1
    low, high = sorted((sign * row["lower"], sign * row["upper"]))
    verdict = "not distinct from 0"
    if low > 0 or high < 0:
        verdict = "better" if low > 0 else "worse"
    objective = next(o for o in tuned.tuning.objectives if o.outcome == row["outcome"])
    what = f"Mean of {outcome_words(row['outcome'])}"
    if objective.risk_weight:
        tail = percent(objective.tail)
        what = f"Score of {outcome_words(row['outcome'])} (tail of {tail})"
    return (
        f"{what} over {row['pairs']} runs on unseen seeds: "
        f"{amount(row['unseen'], unit, margin)}, as it is "
        f"{amount(row['unseen_default'], unit, margin)}; "
        f"difference {difference(row['difference'], unit, margin)}, 95 % interval "
        f"{difference(row['lower'], unit, margin)} to {difference(row['upper'], unit, margin)}: "
        f"{verdict}. On the seeds of the trials it was "
        f"{difference(row['seen'] - row['seen_default'], unit, margin)}."
    )


def _scores_table(rows: pd.DataFrame, tuned: Tuned) -> Table:
    first = rows.iloc[0]
    unit, word = first["unit"], "less" if first["direction"] == "minimise" else "more"
    what = outcome_words(first["outcome"])
    title = f"{what[:1].upper()}{what[1:]}, {word} is better"
    table = plain_table(
        title, "Trial", "Seeds of the trials", "Unseen seeds", "Difference", "95 % interval",
        "Better", numbers=5,
    )  # fmt: skip
    margin = (first["upper"] - first["lower"]) / 2
    today = (amount(first[name], unit, margin) for name in ("seen_default", "unseen_default"))
    table.add_row("as it is", *today, "", "", "")
    for row in records(rows):
        margin = (row["upper"] - row["lower"]) / 2
        bounds = [difference(row[bound], unit, margin) for bound in ("lower", "upper")]
        table.add_row(
            str(row["trial"]), amount(row["seen"], unit, margin),
            amount(row["unseen"], unit, margin),
            difference(row["difference"], unit, margin),
            "-" if np.isnan(margin) else " to ".join(bounds), percent(row["probability_better"]),
        )  # fmt: skip
    failed = int(rows["failed"].sum() + first["failed_default"])
    table.caption = note(
        f"{failed} runs failed; each counts as {_stand_ins(tuned)}" if failed else ""
    )
    return table


def _stand_ins(tuned: Tuned) -> str:
    pairs = zip(tuned.tuning.objectives, tuned.stand_ins, strict=True)
    return listed(
        f"{amount(worst, unit_of(tuned, o))} of {outcome_words(o.outcome)}" for o, worst in pairs
    )


def _strategies(tuned: Tuned) -> dict[str, dict[str, Any]]:
    """The strategies of the best candidate by decision."""
    values = tuned.best[0].parameters
    found: dict[str, dict[str, Any]] = {
        d.decision: {"name": d.strategy} for d in tuned.tuning.decisions
    }
    for dimension in tuned.space:
        decision, _, name = dimension.name.partition(".")
        found[decision][name] = values[dimension.name]
    return found


def tuning_figures(tuned: Tuned) -> dict[str, Figure]:
    """The figures of a tuning by name.

    history, slice; importance after ten trials or more; pareto where there are several objectives.
    """
    tuning, table = tuned.tuning, trials_frame(tuned)
    first, default = tuning.objectives[0], _filled(tuned, tuned.default, BASE)
    unit = unit_of(tuned, first)
    table["score"] = table[first.outcome]
    lower = first.direction == "minimise"
    today = score(first, default[:, 0])
    drawn: dict[str, Drawn] = {}
    drawn["history"] = figures.tuning_history(table, today, first.outcome, unit, lower)
    if tuned.importance:
        drawn["importance"] = figures.tuning_importance(tuned.importance)
    defaults = {d.name: d.default for d in _by_importance(tuned)}
    drawn["slice"] = figures.tuning_slices(table, defaults, first.outcome, unit)
    if len(tuning.objectives) > 1:
        front = [trial.number for trial in pareto_front(tuning, tuned.trials)]
        at = [score(o, default[:, place]) for place, o in enumerate(tuning.objectives)]
        names, units = zip(
            *((o.outcome, unit_of(tuned, o)) for o in tuning.objectives), strict=True
        )
        drawn["pareto"] = figures.tuning_pareto(table, front, at, names, units)
    return {name: whole(part) for name, part in drawn.items()}


def _by_importance(tuned: Tuned) -> list[Dimension]:
    return sorted(tuned.space, key=lambda d: -tuned.importance.get(d.name, 0.0))


def _number(value: float) -> str:
    return f"{value:.3g}"
