"""Draw the pictures of docs/questions.md from the folders of its studies.

From the repository root: `.venv/bin/python -P docs/examples/questions.py OUT`, where OUT holds the
folder of each study under the study's name, as `computemarket sweep NAME --out OUT/NAME` made it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from computemarket import StudyFolder, compare
from computemarket.analysis import figures
from computemarket.analysis.ensemble import start_dates
from computemarket.analysis.figures.drawing import Drawn, whole
from computemarket.analysis.survival import survival
from computemarket.experiments.responses import responses

PICTURES = Path(__file__).resolve().parents[1] / "images/questions"
LEVERS = ("contract_or_spot", "leave_exclusivity", "anchor_share")
REVENUE = ("chip_revenue_usd", "cloud_revenue_usd", "funds_raised_usd", "capex_usd")
DPI = 100


def main(out: str) -> None:
    folders = {name: StudyFolder(Path(out) / name) for name in LEVERS}
    drawn = {name: figures.response_curves(responses(found)) for name, found in folders.items()}
    never = StudyFolder(Path(out) / "letter_never_converts")
    drawn["letter_never_converts"] = letter(never)
    drawn["letter_runway"] = figures.real_and_paper_survival(never.runs)
    drawn["vendor_finance"] = vendor(StudyFolder(Path(out) / "vendor_finance"))
    for name, picture in drawn.items():
        whole(picture).set_dpi(DPI)
        figures.write_png(picture, PICTURES / f"{name}.png")


def letter(study: StudyFolder) -> Drawn:
    """How long OpenAI pays all its dues."""
    months = int(study.runs["months"].max())
    lasting = survival(study.firm_outcomes, months, "out_of_cash")
    starts = start_dates(study.frames, study.manifest["start"])
    return figures.survival_curve(lasting, "OpenAI", event="out_of_cash", starts=starts)


def vendor(study: StudyFolder) -> Drawn:
    """What the end of vendor finance, and of single givers, changes."""
    return figures.comparison_figure(compare(study.runs, "base", REVENUE))


if __name__ == "__main__":
    main(*sys.argv[1:])
