"""What a scenario may say: frozen pydantic models with units in the field names.

`Scenario` is the whole; its parts, which are found here too, are in `world`, `firms`, `deals`,
`programmes`, `alliances`, `letters` and `events`.
"""

from __future__ import annotations

from .alliances import Alliance
from .deals import Contract, Loan, Ramp, Stake
from .events import Intervention
from .fields import MONTH, OPENING, Section, Share, Strategy, Workload
from .firms import Chip, Chipmaker, ChipPreference, ChipStock, Cloud, Firm, Investor, Lab
from .letters import Backstop, Letter, Purchase, Round, Tranche, Warrant
from .programmes import Host, Programme
from .short import counted, few
from .world import Bargaining, Credit, Funding, Porting, Renters, Run, Segment, World

__all__ = [
    "MONTH",
    "OPENING",
    "Alliance",
    "Backstop",
    "Bargaining",
    "Chip",
    "ChipPreference",
    "ChipStock",
    "Chipmaker",
    "Cloud",
    "Contract",
    "Credit",
    "Firm",
    "Funding",
    "Host",
    "Intervention",
    "Investor",
    "Lab",
    "Letter",
    "Loan",
    "Porting",
    "Programme",
    "Purchase",
    "Ramp",
    "Renters",
    "Round",
    "Run",
    "Scenario",
    "Section",
    "Segment",
    "Share",
    "Stake",
    "Strategy",
    "Tranche",
    "Warrant",
    "Workload",
    "World",
]


class Scenario(Section):
    """A whole scenario: the firms, their money, chips, contracts and strategies."""

    name: str = "unnamed"
    title: str = ""
    run: Run = Run()
    world: World = World()
    chips: tuple[Chip, ...] = ()
    labs: tuple[Lab, ...] = ()
    clouds: tuple[Cloud, ...] = ()
    chipmakers: tuple[Chipmaker, ...] = ()
    investors: tuple[Investor, ...] = ()
    contracts: tuple[Contract, ...] = ()
    loans: tuple[Loan, ...] = ()
    stakes: tuple[Stake, ...] = ()
    programmes: tuple[Programme, ...] = ()
    alliances: tuple[Alliance, ...] = ()
    letters: tuple[Letter, ...] = ()
    warrants: tuple[Warrant, ...] = ()
    backstops: tuple[Backstop, ...] = ()
    interventions: tuple[Intervention, ...] = ()

    @property
    def firms(self) -> tuple[Firm, ...]:
        """All firms, role by role in the order of the file."""
        return (*self.labs, *self.clouds, *self.chipmakers, *self.investors)

    def __repr__(self) -> str:
        """Name, title, length and firms by role; the whole has thousands of values."""
        title = f": {self.title}" if self.title else ""
        roles = ("labs", "clouds", "chipmakers", "investors")
        firms = {role: [firm.name for firm in getattr(self, role)] for role in roles}
        return (
            "\n  ".join(
                [
                    f"<Scenario {self.name}{title}",
                    f"{counted(self.run.months, 'month')} from {self.run.start}",
                    *(f"{role}: {few(names)}" for role, names in firms.items() if names),
                ]
            )
            + ">"
        )

    __str__ = __repr__
