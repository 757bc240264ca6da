"""Custom-chip programmes: deals of several parties that sign together or not at all."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .fields import Month, Name, Positive, Section, Share, Usd


class Host(Section):
    """A cloud that may run a programme's chips."""

    name: Name  # of the cloud
    largest_share: Annotated[float, Field(gt=0, le=1)]  # of the batch that it may pre-commit to


class Programme(Section):
    """A chip made for one lab if lab, designer, clouds and financing partner all sign.

    The hosts pre-commit to `anchor_share` of the batch with their own money; the financing partner
    lends the rest against the plant alone.
    """

    name: Name
    lab: Name  # the sponsor, for whom the chip is made
    maker: Name  # the chipmaker that designs it
    chip: Name  # made only if the programme signs; it has a `line` of its own
    opens: Month  # talks start
    deadline: Month  # last month of talks
    engineering_cost_usd: Usd  # non-recurring; the lab pays it over the development
    first_batch_units: Positive  # what the lab orders at most
    minimum_batch_units: Positive  # below which the designer does not start
    anchor_share: Annotated[float, Field(gt=0, le=1)] = 0.40  # of the batch, for all hosts together
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    financing_partner: Name  # a chipmaker (vendor finance) or an investor
    deposit_share: Share = 0.0  # of the batch's price that the lab prepays to the hosts
    redeployability: Share = 0.35  # of versatile plant's rent that the chips earn from others
    term_months: Annotated[int, Field(ge=6, le=240)] = 48  # of hosting
    development_months: Annotated[int, Field(ge=1, le=120)] = 18  # from signing to first chips
    delivery_months: Annotated[int, Field(ge=1, le=60)] = 12  # from first chips to last
