"""How a decision rule declares a parameter: default, range, unit and meaning."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def parameter(default: float, low: float, high: float, unit: str, meaning: str) -> Any:
    """A dataclass field that carries what a user needs to set it."""
    return field(default=default, metadata={"range": (low, high), "unit": unit, "doc": meaning})
