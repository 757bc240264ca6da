"""What all parts of a scenario file are made of: types with their bounds, tables, strategies.

A field marked `OPENING` describes the balance at the start and cannot be changed mid-run.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

OPENING: dict[str, Any] = {"opening": True}

# Paths, contract ids and messages are made of names: no separators, nothing invisible.
_NAME = r"^[^\s.>/=\[\]\x00-\x1f\x7f]([^.>/=\[\]\x00-\x1f\x7f]*[^\s.>/=\[\]\x00-\x1f\x7f])?$"
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Month = Annotated[str, StringConstraints(pattern=MONTH)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_NAME)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Usd = Annotated[float, Field(ge=0, le=1e16)]
# Far beyond sense, and short of where powers of them overflow.
Growth = Annotated[float, Field(ge=-10, le=10)]  # log, a year
Pace = Annotated[float, Field(ge=0, le=10)]  # growth that cannot be negative
Elasticity = Annotated[float, Field(ge=0, le=20)]
Deviation = Annotated[float, Field(ge=0, le=5)]
Multiple = Annotated[float, Field(ge=0, le=1000)]
Workload = Literal["training", "inference"]


class Section(BaseModel):
    """A table of the scenario file: unknown fields and NaN are refused, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="null"
    )


class Strategy(BaseModel):
    """A decision rule by registered name, with its parameters as further numbers."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float | int | bool]

    name: str

    @property
    def parameters(self) -> dict[str, float | int | bool]:
        """The parameters given in the file, by name."""
        return dict(self.__pydantic_extra__ or {})
