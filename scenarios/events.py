"""Interventions: what happens at a month whatever the firms do."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .fields import Month, Name, Section, Usd

Kind = Literal[
    "set", "scale", "sentiment_shock", "demand_shock", "supply_cut", "cost_shock", "kill",
    "keep_alive", "take_stake",
]  # fmt: skip


class Intervention(Section):
    """Something that happens at a month whatever the firms do."""

    month: Month
    kind: Kind
    path: str | None = None  # for set and scale
    value: float | int | bool | str | None = None
    firm: Name | None = None  # for kill, keep_alive, take_stake, and supply_cut of one maker
    investor: Name | None = None  # for take_stake: who gets new shares, `value` of the firm
    amount_usd: Usd = 0.0  # for take_stake: what it pays the firm for them
    months: Annotated[int, Field(ge=1)] | None = None  # how long it lasts; None: for good

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
        share = float(self.value) if isinstance(self.value, int | float) else 0.0
        if self.kind == "take_stake" and not (self.investor and number and 0 < share < 1):
            raise ValueError("an intervention of kind 'take_stake' needs investor, and a share "
                             "above 0 and below 1 as value")  # fmt: skip
        if self.kind in ("kill", "keep_alive", "take_stake") and self.firm is None:
            raise ValueError(f"an intervention of kind '{self.kind}' needs firm")
        return self
