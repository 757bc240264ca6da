"""One whole run against files: integers and text exactly, floats to 1e-9.

Results that are meant to move: `python tests/golden/make.py`, then look at the difference.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from math import isclose
from pathlib import Path
from types import ModuleType

import pytest

from computemarket import ComputeMarket
from computemarket.market.columns import TABLES

FOLDER = Path(__file__).parent / "golden"


def _load_make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _load_make()


@pytest.fixture(scope="module")
def model() -> ComputeMarket:
    return ComputeMarket(make.SCENARIO, seed=make.SEED).run()


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def same(kind: str, now: str, then: str) -> bool:
    if kind != "float" or not now or not then:
        return now == then
    return isclose(float(now), float(then), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("name", make.GOLDEN)
def test_a_run_is_what_it_was(model, name):
    now = rows(make.canonical(model, name))
    then = rows((FOLDER / f"{name}.csv").read_text(encoding="utf-8"))
    assert now[0] == then[0] == [column for column, _ in TABLES[name]]
    kinds = [kind for _, kind in TABLES[name]]
    moved = [
        f"row {number}, {column}: was {was!r}, is {is_!r}"
        for number, (old, new) in enumerate(zip(then[1:], now[1:], strict=False), start=1)
        for column, kind, was, is_ in zip(then[0], kinds, old, new, strict=True)
        if not same(kind, is_, was)
    ]
    assert not moved[:10], f"{name}.csv: {len(moved)} values moved"
    assert len(now) == len(then)


def test_golden_files_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.csv")) < 200_000
