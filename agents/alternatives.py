"""What a lab could do instead of a deal: this month's offers of all clouds, spot, serving less."""

from __future__ import annotations

from math import inf

from ..market.contracts import HOURS_PER_MONTH
from ..market.market import WORKLOADS
from .availability import Offer, all_offers, future_mw
from .cloud import Cloud
from .economy import Economy
from .lab import Lab

PRICE_SENSITIVITY = 3.0  # of the logit between suppliers
RIVAL_MARGIN = 1.05  # a quote is an asking price; what a rival would settle at is near it
_SPOT_DISCOUNT = 0.85  # of spot: it can be left any hour
PRICE_IMPACT = 0.8  # of a lab's own demand on a spot market as deep as last month's
_RESERVED_MARGIN = 1.1  # what one-year rentals cost a lab over the posted price
_NEVER_WAIT_BELOW = 0.6  # of the wanted volume a cloud must be able to deliver


class Alternatives:
    """What is on offer to labs, looked up as far as somebody asks."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._clouds: list[Cloud] = []
        # H100e free ahead by cloud, workload and family
        self._capacity: dict[str, dict[str, dict[str, float]]] = {}
        self.spot_depth: dict[str, float] = {}  # H100e sold on spot last month
        self._offers: dict[str, list[Offer]] = {}  # by workload, cheapest first

    def look_around(self, economy: Economy) -> None:
        """A new month: what was offered and free before counts no more."""
        self._clouds = economy.living_clouds()
        self._capacity.clear()
        self._offers.clear()
        for workload in WORKLOADS:
            sold = sum([cloud.spot_sold[workload] for cloud in self._clouds])
            self.spot_depth[workload] = sold or 1.0

    def forget(self, cloud: str) -> None:
        """A cloud has sold some of its capacity."""
        self._capacity.pop(cloud, None)

    def on_offer(self, workload: str) -> list[Offer]:
        """What clouds ask of labs this month, family by family, cheapest first."""
        found = self._offers.get(workload)
        if found is None:
            clouds = [c for c in self._clouds if not c.frozen]
            found = self._offers[workload] = all_offers(clouds, workload)
        return found

    def least_quote(self, workload: str) -> float:
        """The least that anybody asks: no offer, ported or not, costs less. Inf for none."""
        offers = self.on_offer(workload)
        return offers[0].quote if offers else inf

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
        crowding = (1 + lab.target[workload] / self.spot_depth[workload]) ** PRICE_IMPACT
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
                        costs = [rival[0] for rival in best.values()]
                        limit = max(costs) if len(costs) == 2 else sorted(costs)[1]
        cheapest = sorted(best.values(), key=lambda rival: rival[:2])[:2]
        return [(RIVAL_MARGIN * ported, cloud) for ported, _, cloud in cheapest]

    def quote_of(self, cloud: str, workload: str) -> float | None:
        """The least that one cloud asks; None where it asks nothing."""
        found = (offer.quote for offer in self.on_offer(workload) if offer.cloud.name == cloud)
        return next(found, None)

    def largest(self, cloud: Cloud, workload: str) -> tuple[Offer | None, float]:
        """A cloud's offer with the most capacity ahead, and how much that is, H100e."""
        own = [
            (self.available(offer, workload), offer.maker, offer)
            for offer in self.on_offer(workload)
            if offer.cloud is cloud
        ]
        if not own:
            return None, 0.0
        h100e, _, offer = max(own, key=lambda entry: entry[:2])
        return offer, h100e

    def rival_quote(
        self,
        lab: Lab,
        cloud: str,
        workload: str,
        h100e: float,
        maker: str | None = None,
        *,
        now: bool = False,
    ) -> float:
        """What the best chips of other clouds cost the lab, ported, $/H100e-hour; inf for none.

        h100e: that they must be able to promise, or have free right `now`
        maker: of the chips that the lab would leave, on which it runs already
        """
        best = inf
        at_home = lab.porting_share(workload, maker) if maker else 0.0
        for offer in self.on_offer(workload):
            if offer.quote >= best:
                break
            rival = offer.cloud
            if rival.name == cloud or not rival.spec.sells:
                continue
            if now:
                density = rival.families[offer.maker].per_mw[workload]
                enough = rival.free_mw.get(offer.maker, 0.0) * density >= h100e
            else:
                enough = self.available(offer, workload) >= h100e
            if enough:
                extra = max(0.0, lab.porting_share(workload, offer.maker) - at_home)
                best = min(best, offer.quote * (1 + extra))
        return best
