"""Long things in a few words, for prompts and notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST_NAMES: Final = 8


def few(names: Iterable[str]) -> str:
    """`A, B, C`; of many the first ones and how many more there are."""
    listed = list(names)
    rest = len(listed) - MOST_NAMES
    return ", ".join(listed[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def counted(count: int, one: str) -> str:
    """`1 run`, `1,200 runs`."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
