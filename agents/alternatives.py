"""What a lab could do instead of a deal: this month's offers of all clouds, spot, serving less."""

from __future__ import annotations

from math import inf

from ..market.contracts import HOURS_PER_MONTH, ComputeContract
from ..market.market import WORKLOADS
from .availability import Offer, all_offers, future_mw
from .cloud import Cloud
from .economy import Economy
from .lab import Lab

_RIVAL_MARGIN = 1.05  # a quote is an asking price; what a rival would settle at is near it
_SPOT_DISCOUNT = 0.85  # of spot: it can be left any hour
_PRICE_IMPACT = 0.8  # of a lab's own demand on a spot market as deep as last month's
_RESERVED_MARGIN = 1.1  # what one-year rentals cost a lab over the posted price
_NEVER_WAIT_BELOW = 0.6  # of the wanted volume a cloud must be able to deliver


class Alternatives:
    """What is on offer to labs, looked up as far as somebody asks."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._clouds: list[Cloud] = []
        # H100e free ahead by cloud, workload and family
        self._capacity: dict[str, dict[str, dict[str, float]]] = {}
        self._spot_depth: dict[str, float] = {}
        self._offers: dict[str, list[Offer]] = {}  # by workload, cheapest first

    def look_around(self, economy: Economy) -> None:
        """A new month: what was offered and free before counts no more."""
        self._clouds = economy.living_clouds()
        self._capacity.clear()
        self._offers.clear()
        for workload in WORKLOADS:
            sold = sum([cloud.spot_sold[workload] for cloud in self._clouds])
            self._spot_depth[workload] = sold or 1.0

    def forget(self, cloud: str) -> None:
        """A cloud has sold some of its capacity."""
        self._capacity.pop(cloud, None)

    def on_offer(self, workload: str) -> list[Offer]:
        """What clouds ask of labs this month, family by family, cheapest first."""
        if workload not in self._offers:
            clouds = [c for c in self._clouds if not c.frozen]
            self._offers[workload] = all_offers(clouds, workload)
        return self._offers[workload]

    def available(self, offer: Offer, workload: str) -> float:
        """Uncommitted capacity of the chips ahead, H100e of the workload."""
        free = self._capacity.get(offer.cloud.name) or self._look_up(offer.cloud)
        return free[workload][offer.maker]

    def _look_up(self, cloud: Cloud) -> dict[str, dict[str, float]]:
        free, families = future_mw(cloud), cloud.families
        found = self._capacity[cloud.name] = {
            workload: {maker: mw * families[maker].per_mw[workload] for maker, mw in free.items()}
            for workload in WORKLOADS
        }
        return found

    def elsewhere(self, lab: Lab, workload: str) -> list[tuple[float, Cloud | None]]:
        """What the lab could do instead, $/H100e-hour: spot, serving less, or a rival's offer.

        Of rivals the two cheapest that can deliver: one of them is not the cloud it talks to.
        """
        market = lab.market
        book = market.rental[workload]
        crowding = (1 + lab.target[workload] / self._spot_depth[workload]) ** _PRICE_IMPACT
        prices: list[tuple[float, Cloud | None]] = [
            (_SPOT_DISCOUNT * book.spot_price * crowding, None),
            (_RESERVED_MARGIN * book.contract_price, None),
        ]
        if workload == "inference":
            service = market.world.service_usd_per_h100e_month(market.rules)
            prices.append((lab.price_index * service / HOURS_PER_MONTH, None))
        if lab.exclusive_cloud(workload) is None:
            prices.extend(self._rivals(lab, workload))
        return prices

    def _rivals(self, lab: Lab, workload: str) -> list[tuple[float, Cloud]]:
        """The two clouds that would be cheapest, ported, of those that can deliver."""
        enough = _NEVER_WAIT_BELOW * lab.target[workload]
        best: dict[str, tuple[float, str, Cloud]] = {}
        limit = inf  # what the second of them costs
        for offer in self.on_offer(workload):
            if offer.quote >= limit:  # cheapest first
                break
            cloud = offer.cloud
            if cloud.spec.sells and self.available(offer, workload) > enough:
                ported = offer.quote * (1 + lab.porting_share(workload, offer.maker))
                if cloud.name not in best or ported < best[cloud.name][0]:
                    best[cloud.name] = ported, cloud.name, cloud
                    if len(best) > 1:
                        limit = sorted([cost for cost, *_ in best.values()])[1]
        cheapest = sorted(best.values(), key=lambda rival: rival[:2])[:2]
        return [(_RIVAL_MARGIN * ported, cloud) for ported, _, cloud in cheapest]

    def rival_price(self, lab: Lab, contract: ComputeContract, limit: float) -> float:
        """What the best chips that other clouds have free would cost, $/H100e-hour, ported.

        limit: where nobody asks less, that is returned.
        """
        workload = contract.workload
        enough = 0.5 * contract.h100e
        best = limit
        for offer in self.on_offer(workload):
            if offer.quote >= best:
                break
            cloud, maker = offer.cloud, offer.maker
            if cloud.name == contract.cloud or not cloud.spec.sells:
                continue
            if cloud.free_mw.get(maker, 0.0) * cloud.families[maker].per_mw[workload] >= enough:
                extra = lab.porting_share(workload, maker)
                extra -= lab.porting_share(workload, contract.maker)
                best = min(best, offer.quote * (1 + max(0.0, extra)))
        return best
