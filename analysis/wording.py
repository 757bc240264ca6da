"""Amounts and names as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

BASE: Final = "base"  # the variant of a study that is the scenario itself
# How a run of a study ended; not applicable: a firm was not in position for an intervention.
OK: Final = "ok"
FAILED: Final = ("error", "timeout")
NOT_APPLICABLE: Final = "not_applicable"
SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def usd(amount: float) -> str:
    """Dollars in three digits at most: `$1.2B`, `$340M`, `-$15k`, `$0`."""
    size = abs(amount)
    for scale, letter in SCALES:
        if size >= 0.9995 * scale:
            text = f"{_three_digits(size / scale)}{letter}"
            break
    else:
        text = f"{size:.0f}"
    return f"-${text}" if amount < 0 and text != "0" else f"${text}"


def price(amount: float) -> str:
    """Dollars per H100e-hour, to the cent."""
    return f"${amount:.2f}"


def percent(share: float) -> str:
    """A share as `68 %`; `<1 %` and `>99 %` tell what is rare from what never happens."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def h100e(amount: float) -> str:
    """Compute in three digits at most: `45k H100e`, `1.2M H100e`."""
    return f"{usd(amount).replace('$', '')} H100e"


def outcome_words(name: str) -> str:
    """The name of an outcome without its underscores and its currency."""
    return name.removesuffix("_usd").replace(".", ": ").replace("_", " ")


def listed(names: Iterable[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    words = list(names)
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def spans(first: str, last: str) -> str:
    """A month, or a span of months."""
    return first if first == last else f"{first} to {last}"


def number(details: Mapping[str, object], key: str) -> float | None:
    """A number out of an event's details; None where it is missing, null or no number."""
    value = details.get(key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return float(value) if usable and isinstance(value, int | float) else None


def _three_digits(size: float) -> str:
    return f"{size:.0f}" if size >= 9.95 else f"{size:.1f}".removesuffix(".0")
