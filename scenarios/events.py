"""Interventions: what happens at a month whatever the firms do."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from .fields import Month, Name, Section

Kind = Literal[
    "set", "scale", "sentiment_shock", "demand_shock", "supply_cut", "cost_shock", "kill",
    "keep_alive", "declare_agi", "governance_shock", "liability",
]  # fmt: skip
STRIKES_LABS: Final = ("declare_agi", "governance_shock", "liability")


class Intervention(Section):
    """Something that happens at a month whatever the firms do."""

    month: Month
    kind: Kind
    path: str | None = None  # for set and scale
    value: float | int | bool | str | None = None
    firm: Name | None = None  # for kill, keep_alive, what strikes a lab, supply_cut of one maker
    months: Annotated[int, Field(ge=1)] | None = None  # how long it lasts; None: for good

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("set", "scale") and (self.path is None or self.value is None):
            raise ValueError(f"an intervention of kind '{self.kind}' needs path and value")
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        needs_number = self.kind in ("scale", "liability") or self.kind.endswith(("_shock", "_cut"))
        if needs_number and not number:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a number as value")
        if self.kind in ("demand_shock", "cost_shock") and float(self.value or 0) < -1:
            raise ValueError(f"an intervention of kind '{self.kind}' needs a value of at least -1")
        if self.kind == "supply_cut" and float(self.value or 0) > 1:
            raise ValueError("an intervention of kind 'supply_cut' needs a value of at most 1")
        if self.kind == "governance_shock" and not 0 <= float(self.value or 0) <= 1:
            raise ValueError("an intervention of kind 'governance_shock' needs a value of 0 to 1")
        if self.kind == "liability" and not 0 < float(self.value or 0) <= 1e16:
            raise ValueError("an intervention of kind 'liability' needs US dollars as value")
        if self.kind in ("kill", "keep_alive", *STRIKES_LABS) and self.firm is None:
            raise ValueError(f"an intervention of kind '{self.kind}' needs firm")
        return self
