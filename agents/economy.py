"""All firms of a run with their market: what a phase of the month works on."""

from __future__ import annotations

from dataclasses import dataclass, field

import mesa

from ..market.alliances import Alliance
from ..market.market import Market
from .chipmaker import Chipmaker
from .cloud import Cloud
from .firm import Firm
from .investor import Investor
from .lab import Lab


@dataclass(slots=True)
class Economy:
    """Firms by name, each role in order of name, so that file order never matters."""

    market: Market
    labs: dict[str, Lab]
    clouds: dict[str, Cloud]
    chipmakers: dict[str, Chipmaker]
    investors: dict[str, Investor]
    model: mesa.Model
    # those who enter later: month, name and kind, in this order
    to_come: list[tuple[int, str, type[Firm]]] = field(default_factory=list)
    alliances: list[Alliance] = field(default_factory=list)
    plant_sold: list[tuple[int, float]] = field(default_factory=list)  # month and H100e, in pieces

    def firms(self) -> list[Firm]:
        """All firms, dead ones included, role by role."""
        return [
            *self.labs.values(),
            *self.clouds.values(),
            *self.chipmakers.values(),
            *self.investors.values(),
        ]

    def firm(self, name: str) -> Firm:
        """A firm by name; KeyError if it has not entered."""
        firm = self.find(name)
        if firm is None:
            raise KeyError(name)
        return firm

    def find(self, name: str) -> Firm | None:
        """A firm by name; None if it has not entered."""
        for firms in (self.labs, self.clouds, self.chipmakers, self.investors):
            if name in firms:
                return firms[name]
        return None

    def add(self, firm: Firm) -> None:
        """Let a firm in, at its place in the order of names."""
        firms = getattr(self, firm.role)
        setattr(self, firm.role, dict(sorted({**firms, firm.name: firm}.items())))

    def living_labs(self) -> list[Lab]:
        """Labs that still trade."""
        return [lab for lab in self.labs.values() if lab.alive]

    def living_clouds(self) -> list[Cloud]:
        """Clouds that still trade."""
        return [cloud for cloud in self.clouds.values() if cloud.alive]
