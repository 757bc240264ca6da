"""What is in force between firms at the start: compute contracts, loans, stakes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .fields import Month, Name, NonNegative, Positive, Section, Share, Usd, Workload


class Ramp(Section):
    """A capacity path: linear from the opening level to the full one."""

    opening_h100e: NonNegative
    months: Annotated[int, Field(ge=1, le=120)]


class Contract(Section):
    """A compute contract in force at the start."""

    lab: Name
    cloud: Name
    workload: Workload
    maker: Name  # chip family
    h100e: Positive
    price_usd_per_h100e_hour: Annotated[float, Field(gt=0, le=1e6)]
    end: Month
    ramp: Ramp | None = None
    prepaid_usd: Usd = 0.0  # credit already paid for, drawn down by use
    take_or_pay_share: Share = 0.8
    termination_fee_share: Share = 0.7
    exclusive: bool = False
    first_refusal: bool = False  # the cloud may match a rival's offer within a month
    # short or late months in a row after which the lab may leave for nothing; 0: no such right
    delay_exit_months: Annotated[int, Field(ge=0, le=120)] = 0
    # every so many months either side may ask for the market price; 0: no such right
    price_review_months: Annotated[int, Field(ge=0, le=120)] = 0


class Loan(Section):
    """A loan outstanding at the start."""

    lender: Name
    borrower: Name
    principal_usd: Annotated[float, Field(gt=0)]
    rate_per_year: Share
    months_left: Annotated[int, Field(ge=1, le=480)]


class Stake(Section):
    """Ownership at the start; what is not listed belongs to founders, staff and the public."""

    investor: Name
    firm: Name
    share: Annotated[float, Field(gt=0, le=1)]
    cost_usd: Usd = 0.0
