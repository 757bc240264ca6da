"""Figures as PNG files in the folder of a run or a study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ..ensemble import Frames, frame_of
from ..tables import Tables
from ..wording import OK
from .drawing import Drawn, write_png
from .overview import run_overview, study_overview
from .run import FIGURES
from .study import ensemble_figures


def save_figures(tables: Tables, directory: str | Path, title: str = "One run") -> list[Path]:
    """Write an overview and all figures of a run into a folder, made if need be.

    Args:
        tables: of the run.
        directory: the folder.
        title: of the overview, such as the name of the scenario.

    Returns:
        The paths of the files.
    """
    overview = ("overview", run_overview(tables, title))
    drawn = ((name, draw(tables)) for name, draw in FIGURES.items())
    return _save(iter((overview, *drawn)), Path(directory))


def save_ensemble_figures(
    frames: Frames,
    directory: str | Path,
    start: str | None = None,
    title: str = "A study",
    compared: pd.DataFrame | None = None,
) -> list[Path]:
    """Write an overview and the figures that a study has tables for into a folder.

    The folder is made if any run came to its end.

    Args:
        frames: of the study.
        directory: the folder.
        start: calendar month of the first month, if no months table tells.
        title: of the overview.
        compared: the table of `experiments.compare`, if variants are paired.

    Returns:
        The paths of the files.
    """
    runs = frame_of(frames, "runs")
    if runs.empty or not (runs["status"] == OK).any():
        return []
    overview = ("overview", study_overview(frames, title, compared, start))
    return _save(iter((overview, *ensemble_figures(frames, start).items())), Path(directory))


def _save(figures: Iterator[tuple[str, Drawn]], directory: Path) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, drawn in figures:
        paths.append(directory / f"{name}.png")
        write_png(drawn, paths[-1])
    return paths
