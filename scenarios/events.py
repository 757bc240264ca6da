"""Interventions: what happens at a month whatever the firms do."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from .fields import Month, Name, Section, Strategy, Usd
from .letters import Letter, Purchase, Round

Kind = Literal[
    "set", "scale", "sentiment_shock", "demand_shock", "supply_cut", "cost_shock", "kill",
    "keep_alive", "declare_agi", "governance_shock", "liability", "hire_finance_office",
    "open_talks", "take_stake",
]  # fmt: skip
_HIRING: Final = "hire_finance_office"
OF_LABS: Final = ("declare_agi", "governance_shock", "liability", _HIRING)  # their firm is a lab

TALKS: Final = ("letter", "round", "purchase")  # what parties can open talks about


class Intervention(Section):
    """Something that happens at a month whatever the firms do."""

    month: Month
    kind: Kind
    path: str | None = None  # for set and scale
    # for set and scale; a number for what strikes or is given; kill: share of its cash that is gone
    value: float | int | bool | str | None = None
    # for kill, keep_alive, what strikes a lab, hire_finance_office, take_stake, supply_cut of one
    firm: Name | None = None
    rival: Name | None = None  # hire_finance_office: the lab that loses its own to the hirer
    office: Strategy | None = None  # hire_finance_office: what it does; None: with its defaults
    investor: Name | None = None  # take_stake: who gets new shares, `value` of the firm
    amount_usd: Usd = 0.0  # take_stake: what it pays the firm for them
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
        return tuple([name for name in (self.firm, self.rival, self.investor) if name is not None])

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
        if self.kind == "kill" and not (
            self.value is None or (number and 0 <= float(self.value) <= 1)
        ):
            raise ValueError("an intervention of kind 'kill' needs no value, or one of 0 to 1")
        share = float(self.value) if isinstance(self.value, int | float) else 0.0
        if self.kind == "take_stake" and not (self.investor and number and 0 < share < 1):
            raise ValueError("an intervention of kind 'take_stake' needs investor, and a share "
                             "above 0 and below 1 as value")  # fmt: skip
        if self.kind in ("kill", "keep_alive", "take_stake", *OF_LABS) and self.firm is None:
            raise ValueError(f"an intervention of kind '{self.kind}' needs firm")
        if self.kind != _HIRING and (self.rival is not None or self.office is not None):
            raise ValueError(f"kind '{self.kind}' with rival or office needs kind '{_HIRING}'")
        if self.rival is not None and self.rival == self.firm:
            raise ValueError(f"rival '{self.rival}', the hirer itself, needs another lab as rival")
        given = sum(getattr(self, about) is not None for about in TALKS)
        if given != (self.kind == "open_talks"):
            many = "exactly one" if self.kind == "open_talks" else "none"
            about = ", ".join(TALKS)
            raise ValueError(f"an intervention of kind '{self.kind}' needs {many} of {about}")
        return self
