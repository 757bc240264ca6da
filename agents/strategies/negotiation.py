"""Time-dependent negotiation tactics (Faratin, Sierra & Jennings 1998, equations 2-4)."""

from __future__ import annotations

from dataclasses import dataclass

from ...market.negotiation import Tactic
from .parameters import parameter


def _aspiration(elapsed: float, exponent: float, final: float) -> float:
    """Share of the distance from opening to reservation still held at a share of the deadline."""
    if elapsed >= 1.0:
        return final
    return final + (1 - final) * (1 - elapsed ** (1 / exponent))


@dataclass(frozen=True, slots=True)
class Linear:
    """Concedes evenly until the deadline."""

    final_share: float = parameter(0.0, 0, 1, "share", "of the surplus held to the end")

    def aspiration(self, elapsed: float) -> float:
        """Falls in proportion to time."""
        return _aspiration(elapsed, 1.0, self.final_share)


@dataclass(frozen=True, slots=True)
class Boulware:
    """Holds out until late, and walks away rather than give the last of its surplus."""

    exponent: float = parameter(0.3, 0.01, 1, "", "concession exponent, below 1")
    final_share: float = parameter(0.10, 0, 1, "share", "of the surplus held to the end")

    def aspiration(self, elapsed: float) -> float:
        """Stays near the opening, then falls."""
        return _aspiration(elapsed, self.exponent, self.final_share)


@dataclass(frozen=True, slots=True)
class Conceder:
    """Gives most of its ground early to have a deal soon."""

    exponent: float = parameter(3.0, 1, 100, "", "concession exponent, above 1")
    final_share: float = parameter(0.0, 0, 1, "share", "of the surplus held to the end")

    def aspiration(self, elapsed: float) -> float:
        """Falls at once, then slowly."""
        return _aspiration(elapsed, self.exponent, self.final_share)


@dataclass(frozen=True, slots=True)
class Tough:
    """A tactic held longer: no other price at the end, but later in coming to it."""

    tactic: Tactic
    toughness: float  # 0: the tactic as it is

    def aspiration(self, elapsed: float) -> float:
        """What the tactic has conceded so far, to the power 1 + toughness, is conceded."""
        return 1 - (1 - self.tactic.aspiration(elapsed)) ** (1 + self.toughness)


@dataclass(frozen=True, slots=True)
class Hurried:
    """A tactic of a party whose own deadline comes before that of the talks."""

    tactic: Tactic
    deadline_share: float  # own deadline over that of the talks, 0..1

    def aspiration(self, elapsed: float) -> float:
        """The tactic's aspiration on the shorter clock."""
        return self.tactic.aspiration(min(1.0, elapsed / self.deadline_share))
