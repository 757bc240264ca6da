"""Where runs of interest are: a box in the space of the factors, found by PRIM.

Scenario discovery (Bryant and Lempert 2010) with the Patient Rule Induction Method (Friedman and
Fisher 1999) of the EMA Workbench. PRIM peels the space slice by slice; each slice leaves a smaller
box that holds a larger share of runs of interest (density), but fewer of them all (coverage).
"""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..analysis.figures.drawing import write_png
from ..analysis.figures.sensitivity import region
from ..analysis.sensitivity_tables import heading, region_table
from ..analysis.tables import records
from .measures import check_names, measures_of, numbers
from .store import StudyFolder, writing
from .study import Discovery, Study, StudyError

Flags = npt.NDArray[np.bool_]

SIGNIFICANT: Final = 0.05  # quasi-p of a limit that is kept

_BOX: Final = ["variant", "outcome", "unit", "side", "bound", "box", "coverage", "density", "mass",
               "restricted", "runs", "of_interest", "base_share", "all_runs", "dropped",
               "chosen"]  # fmt: skip
_LIMIT: Final = ["variant", "box", "factor", "path", "low", "high", "lowest", "highest",
                 "share_below_low", "share_up_to_high", "values", "all_values", "quasi_p_low",
                 "quasi_p_high"]  # fmt: skip


class Discovered(NamedTuple):
    """The boxes that PRIM went through, from the whole space on, and their limits.

    boxes: a row a variant and box. side and bound: what makes a run one of interest. coverage:
        share of the runs of interest that are in the box; density: share of the box's runs that
        are of interest; mass: share of all runs that are in the box; restricted: number of
        factors with a limit; runs and of_interest in the box; base_share: of all runs that are of
        interest; all_runs; dropped: runs that failed or do not define the outcome; chosen: the box
        that is shown.
    limits: a row a box and limited factor. low and high: lowest and highest level in the box, in
        the unit of the factor; lowest and highest in the study; `share_below_low` and
        `share_up_to_high`: of the runs, by their level; values and all_values: of a factor that is
        text or true and false. `quasi_p_low`, `quasi_p_high`: how probable so many runs of
        interest would be in the box if the limit meant nothing (Bryant and Lempert 2010), null
        where there is no limit. They take runs for independent and the limit for one set
        beforehand, and so are too small.
    skipped: a row a variant without a box: variant, outcome, reason.
    """

    boxes: pd.DataFrame
    limits: pd.DataFrame
    skipped: pd.DataFrame

    def screen(self) -> list[RenderableType]:
        """A table a variant to print: the chosen box."""
        parts: list[RenderableType] = []
        for box in records(self.boxes[self.boxes["chosen"]]):
            own = self.limits[self.limits["variant"] == box["variant"]]
            parts.append(region_table(box, own[own["box"] == box["box"]]))
        parts += [Text(f"{heading(row)}: {row['reason']}\n") for row in records(self.skipped)]
        return parts

    def save(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write both tables as CSV and a figure a variant; return their paths.

        Raises:
            OutputError: the folder cannot be written.
        """
        folder = Path(directory)
        paths = [folder / "boxes.csv", folder / "limits.csv"]
        variants = self.boxes["variant"].unique()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.boxes.to_csv(paths[0], index=False)
            self.limits.to_csv(paths[1], index=False)
            for variant in variants:
                boxes, limits = (t[t["variant"] == variant] for t in (self.boxes, self.limits))
                paths.append(folder / f"region{f'_{variant}' if len(variants) > 1 else ''}.png")
                write_png(region(boxes, limits), paths[-1])
        return paths


def discover(
    folder: StudyFolder, wanted: Discovery | None = None, *, box: int | None = None
) -> Discovered:
    """Find the box of each variant in which runs of interest lie.

    Every run counts for itself. Of the boxes on PRIM's way that is chosen which holds the most runs
    of interest beyond what as many runs would hold anywhere: runs x (density - base share), the
    weighted relative accuracy of Lavrač et al. (1999). It weighs coverage against density without
    a threshold, and has a maximum inside however rare or common the runs of interest are.

    Args:
        folder: of a study that has run.
        wanted: the runs of interest, by an outcome or that of a firm, as `OpenAI.out_of_cash`; by
            default what the study says.
        box: number of the box to choose instead.

    Raises:
        StudyError: the outcome is not known, or no variant has a box; one line.
    """
    study = folder.study
    wanted = wanted or study.discovery
    if wanted is None:
        raise StudyError("discovery: given none, expected an outcome above or below a bound")
    known = measures_of(folder.runs, folder.firm_outcomes)
    check_names("discovery.outcome", [wanted.outcome], known, "the name of an outcome")
    values = numbers(wanted.outcome, known[wanted.outcome], folder.runs)
    tables: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    skipped = []
    for variant in folder.manifest["variants"]:
        own = folder.runs["variant"] == variant
        key = {"variant": variant, "outcome": wanted.outcome}
        try:
            boxes, limits = _boxes_of(study, folder.runs[own], values[own], wanted, box)
        except StudyError as error:
            skipped.append(key | {"reason": str(error)})
            continue
        boxes = boxes.assign(**key, unit=known[wanted.outcome].unit)
        tables.append((boxes[_BOX], limits.assign(variant=variant)[_LIMIT]))
    if not tables:
        raise StudyError(f"discovery: {skipped[0]['reason']}")
    boxes, limits = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    reasons = pd.DataFrame(skipped, columns=["variant", "outcome", "reason"])
    return Discovered(boxes, limits, reasons)


def _boxes_of(
    study: Study, runs: pd.DataFrame, values: pd.Series, wanted: Discovery, box: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Boxes and limits of one variant."""
    known = values.notna()
    runs, values = runs[known], values[known]
    side, bound = ("above", wanted.above) if wanted.below is None else ("below", wanted.below)
    interest = ((values > bound) if side == "above" else (values < bound)).to_numpy()
    if interest.all() or not interest.any():
        raise StudyError(
            f"{interest.sum()} of {interest.size} runs have {wanted.outcome} {side} {bound:g}, "
            "expected some and not all"
        )
    levels = _levels(study, runs)
    if levels.empty:
        raise StudyError("no factor varies, expected at least one")
    found, chosen = _found(levels, interest, box)
    boxes = found.peeling_trajectory[["coverage", "density", "mass"]].astype(float)
    boxes["box"] = range(len(boxes))
    boxes["restricted"] = [len(limited) for limited in _quasi_p(found)]
    boxes["runs"] = (boxes["mass"] * interest.size).round().astype(int)
    boxes["of_interest"] = (boxes["density"] * boxes["runs"]).round().astype(int)
    boxes = boxes.assign(
        side=side, bound=bound, base_share=interest.mean(), all_runs=interest.size,
        dropped=int((~known).sum()), chosen=boxes["box"] == chosen,
    )  # fmt: skip
    limits = [
        {"box": number, **_limit(study, levels, name, found.box_lims[number][name], chances)}
        for number, limited in enumerate(_quasi_p(found))
        for name, chances in limited.items()
    ]
    return boxes, pd.DataFrame(limits, columns=[name for name in _LIMIT if name != "variant"])


def _levels(study: Study, runs: pd.DataFrame) -> pd.DataFrame:
    """The factors that vary, as PRIM wants them: numbers or text, a column by its position.

    Whole numbers become floats, since the workbench puts limits between levels.
    """
    table = {}
    for place, factor in enumerate(study.factors):
        column = runs[factor.column]
        if column.nunique() > 1:
            is_number = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
            table[str(place)] = column.astype(float) if is_number else column.map(_word)
    return pd.DataFrame(table).reset_index(drop=True)


def _word(level: Any) -> str:
    return str(level).lower() if isinstance(level, bool | np.bool_) else str(level)


def _found(levels: pd.DataFrame, interest: Flags, box: int | None) -> tuple[Any, int]:
    """The boxes of PRIM in EMA Workbench 2.5 or 3.0, and the number of the chosen one."""
    with warnings.catch_warnings():
        # Of what else could be installed, and of pandas, about calls of the workbench's own.
        warnings.simplefilter("ignore")
        try:
            from ema_workbench.analysis import prim
        except ImportError:
            raise StudyError(
                "discovery: given an outcome, which needs: pip install 'computemarket[sensitivity]'"
            ) from None
        # 2.5 wants a density that the box must have; here any box will do.
        asks = "threshold" in inspect.signature(prim.Prim).parameters
        more = {"threshold": 1 / interest.size} if asks else {}
        found = prim.Prim(levels, interest.astype(int), **more).find_box()
        last = len(found.box_lims) - 1
        if box is not None:
            if not 0 <= box <= last:
                raise StudyError(f"box: given {box}, expected 0 to {last}")
            return found, box
        mass, density = (found.peeling_trajectory[name].to_numpy() for name in ("mass", "density"))
        chosen = int((mass * (density - interest.mean())).argmax())
        while unsure := _unsure(_quasi_p(found)[chosen]):
            found.drop_restriction(unsure, chosen)
            chosen = len(found.box_lims) - 1
        return found, chosen


def _unsure(limited: dict[str, list[float]]) -> str | None:
    """The factor whose surer limit is the least sure; None if all may be kept."""
    surer = {name: min(p for p in chances if p >= 0) for name, chances in limited.items()}
    name = max(surer, key=surer.__getitem__, default=None)
    return name if name is not None and surer[name] > SIGNIFICANT else None


def _quasi_p(found: Any) -> list[dict[str, list[float]]]:
    """For each box its limited factors, each with the quasi-p-values of its two limits."""
    chances: list[dict[str, list[float]]] = found.qp if hasattr(found, "qp") else found.p_values
    return chances


def _limit(
    study: Study, levels: pd.DataFrame, name: str, limits: pd.Series, chances: list[float]
) -> dict[str, Any]:
    """One factor's part of a box."""
    factor, column = study.factors[int(name)], levels[name]
    low, high = (chance if chance >= 0 else None for chance in chances)
    row = {"factor": factor.column, "path": factor.path, "quasi_p_low": low, "quasi_p_high": high}
    if isinstance(limits[0], set):
        inside = column.isin(limits[0])
        row |= {
            "values": ", ".join(sorted(limits[0])),
            "all_values": ", ".join(sorted(set(column))),
        }
        return row | {"share_below_low": 0.0, "share_up_to_high": float(inside.mean())}
    inside = column.between(*limits)
    row |= {"low": column[inside].min(), "high": column[inside].max(), "values": ""}
    row |= {"lowest": column.min(), "highest": column.max(), "all_values": ""}
    below, up_to = (column < row["low"]).mean(), (column <= row["high"]).mean()
    return row | {"share_below_low": float(below), "share_up_to_high": float(up_to)}
