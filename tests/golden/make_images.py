"""Golden pictures of five figures, drawn from tables that are arithmetic alone.

Run `python -P tests/golden/make_images.py` after a change that is meant to move how figures look,
open the pictures in tests/golden/images, and commit them with the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sin
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from computemarket.analysis import figures
from computemarket.analysis.figures.drawing import Drawn, whole
from computemarket.market.columns import TABLES

HERE: Final = Path(__file__).parent / "images"
DPI: Final = 50
MONTHS: Final = 36
BLANK: Final = {"int": 0, "float": 0.0, "str": "", "bool": False}
LABS: Final = {"Ada": 5e9, "Bob": 8e8}
CLOUDS: Final = {"Delta": "hyperscaler", "Nimbus": "neocloud", "Summit": "neocloud"}
PRICES: Final = (("spot", 3.0, 0.4), ("contract", 2.4, 0.1), ("list", 7.0, 0.2))
SPOT: Final = "spot_price_usd_per_h100e_hour"

Row = dict[str, Any]


def date(month: int) -> str:
    return f"{2024 + month // 12}-{month % 12 + 1:02d}"


def tables() -> dict[str, pd.DataFrame]:
    """A made-up run: what it does not tell is zero or empty."""
    given = {"months": _months(0), "firms": _firms(), "contracts": _contracts(), "flows": _flows()}
    found = {}
    for name, columns in TABLES.items():
        blank = {column: BLANK[kind] for column, kind in columns}
        rows = [blank | row for row in given.get(name, ())]
        found[name] = pd.DataFrame(rows, columns=list(blank))
    return found


def study_months() -> pd.DataFrame:
    """The months of 20 runs of each of two variants."""
    runs = [
        pd.DataFrame(_months(seed)).assign(run_id=f"{variant}-{seed}", variant=variant, seed=seed)
        for variant in ("base", "boom")
        for seed in range(20)
    ]
    months = pd.concat(runs, ignore_index=True)
    months[SPOT] *= np.where(months["variant"] == "boom", 1.5, 1.0)
    return months


def _months(seed: int) -> Iterator[Row]:
    for month in range(MONTHS):
        yield {"month": month, "date": date(month)} | {
            f"{name}_price_usd_per_h100e_hour": level * 0.97**month
            * (1 + swing * sin(month / 3 + seed) + 0.02 * seed)
            for name, level, swing in PRICES
        }  # fmt: skip


def _firms() -> Iterator[Row]:
    kinds = {"lab": dict.fromkeys(LABS, "independent"), "cloud": CLOUDS}
    for role, firms in kinds.items():
        for place, (name, kind) in enumerate(firms.items()):
            for month in range(MONTHS):
                cash = LABS.get(name, 2e9) * max(0.0, 1 + 0.6 * sin(month / 5 + place) - month / 50)
                yield {"month": month, "date": date(month), "firm": name, "role": role,
                       "kind": kind, "cash_usd": int(cash), "arrears_usd": int(cash < 1e8),
                       "runway_months": cash / 2e8}  # fmt: skip


def _contracts() -> Iterator[Row]:
    for place, lab in enumerate(LABS):
        for turn, cloud in enumerate(CLOUDS):
            start = 6 * turn + 3 * place
            yield {"contract_id": f"{lab}>{cloud}", "kind": "compute", "buyer": lab,
                   "seller": cloud, "status": "ACTIVE", "workload": "training",
                   "month_signed": start, "month_start": start, "month_end": start + 20,
                   "month_ended": -1, "h100e": 1e4 * (1 + turn), "price_usd": 2.0 - 0.4 * turn,
                   }  # fmt: skip


def _flows() -> Iterator[Row]:
    for month in range(MONTHS):
        for payer, payee, purpose, amount in (
            ("world", "Ada", "services", 9e7), ("Delta", "Ada", "equity", 3e8 * (month % 12 == 5)),
            ("Ada", "Delta", "compute", 6e7), ("Ada", "Nimbus", "spot_compute", 2e7),
            ("Ada", "world", "staff", 3e7), ("Ada", "world", "sales", 4e6),
        ):  # fmt: skip
            yield {"month": month, "payer": payer, "payee": payee, "purpose": purpose,
                   "amount_usd": int(amount)}  # fmt: skip


DRAWN: Final[dict[str, Callable[[], Drawn]]] = {
    "cash_and_runway": lambda: figures.cash_and_runway(tables()),
    "compute_prices": lambda: figures.compute_prices(tables()),
    "supplier_shares": lambda: figures.supplier_shares(tables()),
    "fan_chart": lambda: figures.fan_chart(study_months(), SPOT),
    "waterfall": lambda: figures.waterfall(tables(), "Ada", "2025-01", "2025-12"),
}


def pixels(drawn: Drawn) -> np.ndarray:
    """A figure as it looks at low resolution, rows x columns x red, green and blue."""
    figure: Figure = whole(drawn)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(float)


def main() -> None:
    """Write the golden pictures anew."""
    HERE.mkdir(exist_ok=True)
    for name, draw in DRAWN.items():
        Image.fromarray(pixels(draw()).astype(np.uint8)).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
