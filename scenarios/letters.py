"""Letters of intent, warrants and backstops, and the terms on which parties open talks.

A letter promises money in tranches, each due at a date or a milestone; only what is binding must be
paid. `open_talks` interventions carry the same terms for deals that are still to be negotiated.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from .fields import Month, Name, Positive, Section, Workload

Trigger = Literal["date", "gw_deployed", "arr", "event"]
# Events that can be a milestone of the firm that takes the money.
Milestone = Literal[
    "round_closed", "contract_signed", "chip_launch", "switch", "chip_switch", "loan_signed"
]
Price = Annotated[float, Field(gt=0, le=1e6)]

_NEEDS: Final = {"date": "month", "gw_deployed": "gw", "arr": "arr_usd", "event": "event"}


class Tranche(Section):
    """A part of the money, due when its trigger is met.

    gw counts what is deployed beyond the day of signing: on the giver's chips or in its halls, all
    of it where the giver is an investor. An event is one that happens to the taker, or a launch of
    the giver's chips.
    """

    amount_usd: Annotated[float, Field(gt=0, le=1e16)]
    trigger: Trigger
    month: Month | None = None  # of a date
    gw: Positive | None = None
    arr_usd: Annotated[float, Field(gt=0, le=1e16)] | None = None
    event: Milestone | None = None
    promised: Month | None = None  # when a milestone is expected; later than this, it is late
    binding: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = {field for field in _NEEDS.values() if getattr(self, field) is not None}
        needed = _NEEDS[self.trigger]
        if given != {needed}:
            raise ValueError(f"a tranche with the trigger '{self.trigger}' needs {needed} alone")
        return self


class Letter(Section):
    """A letter of intent: `giver` means to buy equity of `taker` in tranches."""

    giver: Name  # a chipmaker, cloud or investor
    taker: Name  # a lab or a neocloud
    tranches: Annotated[tuple[Tranche, ...], Field(min_length=1, max_length=60)]
    pre_money_usd: Annotated[float, Field(gt=0, le=1e16)] | None = None  # None: mark at payment
    expires: Month

    @property
    def parties(self) -> tuple[str, ...]:
        """Who has to be in the market for it."""
        return self.giver, self.taker


class Warrant(Section):
    """Shares of a chipmaker that a customer earns by running its chips, for next to nothing."""

    issuer: Name  # a chipmaker
    holder: Name  # a lab or a cloud
    share: Annotated[float, Field(gt=0, le=1)]  # of the issuer's shares outstanding when granted
    gw: Positive  # on the issuer's chips, beyond those at the grant, that earn all of it
    issuer_value_usd: Annotated[float, Field(gt=0, le=1e16)]  # market value of the issuer at grant
    granted: Month | None = None  # None: at the start
    expires: Month

    @property
    def parties(self) -> tuple[str, ...]:
        """Who has to be in the market for it."""
        return self.issuer, self.holder


class Backstop(Section):
    """A guarantor buys what a cloud cannot sell, up to a limit, at an agreed price."""

    guarantor: Name  # a chipmaker or another cloud
    cloud: Name
    workload: Workload
    h100e: Positive  # at most, a month
    price_usd_per_h100e_hour: Price
    granted: Month | None = None  # None: at the start
    expires: Month

    @property
    def parties(self) -> tuple[str, ...]:
        """Who has to be in the market for it."""
        return self.guarantor, self.cloud


class Round(Section):
    """An equity round of one firm that named investors start to negotiate."""

    firm: Name  # an independent lab or a neocloud
    amount_usd: Annotated[float, Field(gt=0, le=1e16)]
    investors: Annotated[tuple[Name, ...], Field(min_length=1)]

    @property
    def parties(self) -> tuple[str, ...]:
        """Who has to be in the market for it."""
        return self.firm, *self.investors


class Purchase(Section):
    """Capacity over which a lab opens talks with named clouds."""

    lab: Name
    clouds: Annotated[tuple[Name, ...], Field(min_length=1)]
    workload: Workload
    h100e: Positive | None = None  # None: what it lacks at its planning horizon
    maker: Name | None = None  # whose chips; None: those of which a cloud has most to offer

    @property
    def parties(self) -> tuple[str, ...]:
        """Who has to be in the market for it."""
        return self.lab, *self.clouds
