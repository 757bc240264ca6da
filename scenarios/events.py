"""Interventions: what happens at a month whatever the firms do."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from .fields import Month, Name, Section
from .letters import Letter, Purchase, Round

Kind = Literal[
    "set", "scale", "sentiment_shock", "demand_shock", "supply_cut", "cost_shock", "kill",
    "keep_alive", "open_talks",
]  # fmt: skip

TALKS: Final = ("letter", "round", "purchase")  # what parties can open talks about


class Intervention(Section):
    """Something that happens at a month whatever the firms do."""

    month: Month
    kind: Kind
    path: str | None = None  # for set and scale
    value: float | int | bool | str | None = None
    firm: Name | None = None  # for kill, keep_alive, and supply_cut of one maker
    months: Annotated[int, Field(ge=1)] | None = None  # how long it lasts; None: for good
    letter: Letter | None = None  # one of these three for open_talks
    round: Round | None = None
    purchase: Purchase | None = None

    @property
    def parties(self) -> tuple[str, ...]:
        """Firms that have to be in the market for it."""
        terms = self.letter or self.round or self.purchase
        if terms is not None:
            return terms.parties
        return () if self.firm is None else (self.firm,)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("set", "scale") and (self.path is None or self.value is None):
            raise ValueError(f"an intervention of kind '{self.kind}' needs path and value")
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if (self.kind == "scale" or self.kind.endswith(("_shock", "_cut"))) and not number:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a number as value")
        if self.kind in ("demand_shock", "cost_shock") and float(self.value or 0) < -1:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a value of at least -1")
        if self.kind == "supply_cut" and float(self.value or 0) > 1:
            raise ValueError("an intervention of kind 'supply_cut' needs a value of at most 1")
        if self.kind in ("kill", "keep_alive") and self.firm is None:
            raise ValueError(f"an intervention of kind '{self.kind}' needs firm")
        given = sum(getattr(self, about) is not None for about in TALKS)
        if given != (self.kind == "open_talks"):
            many = "exactly one" if self.kind == "open_talks" else "none"
            about = ", ".join(TALKS)
            raise ValueError(f"an intervention of kind '{self.kind}' needs {many} of {about}")
        return self
