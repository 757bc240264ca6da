"""How five figures look, against pictures drawn before from the same made-up tables.

Looks that are meant to change: `python -P tests/golden/make_images.py`, then open the pictures.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from computemarket.analysis import figures
from computemarket.analysis.figures.drawing import whole

FOLDER = Path(__file__).parent / "golden"
TILE = 20  # pixels on a side: a label that moves is lost in the mean over a whole picture
TOLERANCE = 6.0  # of 255, root mean square over a tile; a name written anew comes to 13 and more


def _load_make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_images", FOLDER / "make_images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _load_make()


def golden(name: str) -> np.ndarray:
    with Image.open(FOLDER / "images" / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


def worst_tile(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of any tile of two pictures; infinite if their sizes differ."""
    if one.shape != other.shape:
        return float("inf")
    square = ((one - other) ** 2).mean(axis=2)
    rows, columns = (-(-size // TILE) * TILE for size in square.shape)
    whole_tiles = np.zeros((rows, columns))
    whole_tiles[: square.shape[0], : square.shape[1]] = square
    tiles = whole_tiles.reshape(rows // TILE, TILE, columns // TILE, TILE).mean(axis=(1, 3))
    return float(np.sqrt(tiles.max()))


@pytest.mark.parametrize("name", make.DRAWN)
def test_it_looks_as_before(name: str) -> None:
    assert worst_tile(make.pixels(make.DRAWN[name]()), golden(name)) < TOLERANCE


def _recolour(axes: Axes) -> None:
    axes.lines[-1].set_color("#009e73")


def _rename(axes: Axes) -> None:
    axes.texts[0].set_text("low")


def _redate(axes: Axes) -> None:
    axes.set_xlim(axes.get_xlim()[0] + 31, axes.get_xlim()[1])


def _relabel(axes: Axes) -> None:
    axes.set_ylabel(axes.get_ylabel().replace("USD", "EUR"))


@pytest.mark.parametrize("change", [_recolour, _rename, _redate, _relabel])
def test_a_changed_look_is_caught(change: Callable[[Axes], None]) -> None:
    axes = make.DRAWN["fan_chart"]()
    change(whole(axes).axes[0])
    assert worst_tile(make.pixels(axes), golden("fan_chart")) > 1.5 * TOLERANCE


def test_a_changed_number_is_caught() -> None:
    tables = make.tables()
    flows = tables["flows"]
    tables["flows"] = flows.assign(amount_usd=flows["amount_usd"] * 105 // 100)
    axes = figures.waterfall(tables, "Ada", "2025-01", "2025-12")
    assert worst_tile(make.pixels(axes), golden("waterfall")) > 1.5 * TOLERANCE
