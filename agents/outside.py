"""What a lab and its clouds see of the rest of the compute market this month."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .cloud import Cloud

PRICE_SENSITIVITY = 3.0  # of the logit between suppliers
RIVAL_MARGIN = 1.05  # a quote is an asking price; what a rival would settle at is near it
PRICE_IMPACT = 0.8  # of a lab's own demand on a spot market as deep as last month's


class Outside(NamedTuple):
    """Quotes and capacity of all clouds that trade, as looked up once a month.

    quotes: $/H100e-hour asked of labs and the cloud, cheapest first, by workload
    available: chip family and H100e that a cloud could still promise of a workload
    spot_depth: H100e sold on spot last month, by workload
    """

    quotes: dict[str, list[tuple[float, Cloud]]]
    available: Callable[[Cloud, str], tuple[str, float]]
    spot_depth: dict[str, float]

    def quote_of(self, name: str, workload: str) -> float | None:
        """What one cloud asks; None where it asks nothing."""
        return next((q for q, cloud in self.quotes[workload] if cloud.name == name), None)

    def rival_quote(self, name: str, workload: str, h100e: float) -> float:
        """What the cheapest other cloud asks that can promise this much; inf without one."""
        for quote, cloud in self.quotes[workload]:
            if cloud.name == name or not cloud.spec.sells:
                continue
            if self.available(cloud, workload)[1] >= h100e:
                return quote
        return float("inf")

    def free_rival_quote(self, name: str, workload: str, h100e: float) -> float:
        """The same where the capacity must be free to let right now."""
        for quote, cloud in self.quotes[workload]:
            if cloud.name == name or not cloud.spec.sells:
                continue
            if cloud.pool[workload] >= h100e:
                return quote
        return float("inf")
