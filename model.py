"""`ComputeMarket`: one run of a scenario as a Mesa model; it orders the month, nothing else."""

from __future__ import annotations

import gc
import inspect
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from typing import TYPE_CHECKING, Any

import mesa

from .agents import founding
from .agents.accounts import account, rate
from .agents.alliances import run_alliances
from .agents.bridges import bill_notes
from .agents.chip_market import deliver_chips, order_chips
from .agents.compute_market import bill_contracts, rent, serve_contracts
from .agents.distress import resolve_distress
from .agents.fundraising import CapitalMarket
from .agents.hedging import hedge
from .agents.interventions import intervene
from .agents.leaving import expire_contracts
from .agents.lending import bill_debt_service, draw_loans, lend
from .agents.letters import follow_letters
from .agents.opened_talks import open_purchases
from .agents.procurement import Procurement
from .agents.programme_talks import Programmes
from .agents.reporting import measure
from .agents.result_tables import ResultTables
from .agents.service import ask_users, serve_users
from .agents.settlement import settle
from .agents.subletting import share_compute
from .agents.supplier_talks import SupplierTalks
from .agents.suppliers import follow_suppliers
from .agents.upkeep import keep_books, maintain_plant
from .agents.warrants import bill_backstops, follow_warrants
from .market.columns import TABLES
from .market.randomness import Draws
from .scenario import Scenario, load_scenario, scenario_hash, schedule, with_months

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the cyclic garbage collector: a month leaves no cycles, so its visits find nothing.

    It was on for whoever paused it first, and that one turns it on again, also in other threads.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class ComputeMarket(mesa.Model):
    """The AI compute market, month by month.

    Attributes:
        month: months played.
        running: False once the horizon is reached; a further `step` raises.
        months, firms, prices, contracts, events, flows: result tables so far, as DataFrames;
            `frames` has all of them by name.
    """

    def __init__(
        self,
        scenario: str | PathLike[str] | Scenario = "duopoly",
        seed: int | None = None,
        months: int | None = None,
        *,
        rng: int | None = None,
        draw_log: dict[Any, float] | None = None,
    ) -> None:
        """Build the firms of a scenario with their opening balances.

        Args:
            scenario: shipped name, path to a TOML file, or a Scenario.
            seed: any whole number; None draws fresh entropy, recorded in `manifest()`.
            months: play this many months instead of the scenario's.
            rng: Mesa's name for the seed; counts where no `seed` is given.
            draw_log: records each random draw by its key (for tests and comparisons).

        Raises:
            ScenarioError: the scenario contradicts itself; one line.
            StrategyError: a strategy or a parameter of one does not exist; one line.
        """
        chosen = rng if seed is None else seed
        self.entropy = secrets.randbits(63) if chosen is None else int(chosen)
        super().__init__(rng=self.entropy % 2**32)
        started = time.perf_counter()
        rules = load_scenario(scenario)
        if months is not None:
            rules = with_months(rules, months)
        self.rules = rules
        self.horizon = rules.run.months
        self.month = 0
        self._turns = schedule(rules)
        self.economy = founding.found(self, rules, Draws(self.entropy, draw_log))
        self.market = self.economy.market
        self._tables = ResultTables(self.economy)
        self.procurement = Procurement()
        self.programmes = Programmes()
        self.supplier_talks = SupplierTalks()
        self.capital = CapitalMarket()
        self.datacollector = mesa.DataCollector(
            model_reporters={name: name for name in _REPORTED},
        )
        self.spot_price_usd_per_h100e_hour = self.sentiment = 0.0
        self.lab_revenue_usd = self.defaults_so_far = self.switches_so_far = 0
        self._seconds = time.perf_counter() - started

    def step(self) -> None:
        """Play one month (docs/model.md, "The month")."""
        if self.month >= self.horizon:
            raise RuntimeError(f"the run ended after {self.horizon} months")
        started = time.perf_counter()
        economy, market = self.economy, self.market
        founding.begin_month(economy, self.month, self._turns.get(self.month))
        # 1 world
        intervene(economy)
        market.world.advance(market.rules, market.draws, self.month)
        # 2 deliveries
        expire_contracts(economy)
        deliver_chips(economy)
        maintain_plant(economy)
        self.programmes.deliver(economy)
        # 3 chips
        order_chips(economy, founding.lab_trend(economy))
        # 4 compute
        units = ask_users(economy)
        serve_contracts(economy)
        self.procurement.trade(economy)
        self.programmes.negotiate(economy, self.procurement)
        self.supplier_talks.trade(economy, self.procurement)
        open_purchases(economy, self.procurement)
        share_compute(economy)
        rent(economy)
        # 5 service
        bill_contracts(economy)
        bill_backstops(economy)
        serve_users(economy, units)
        run_alliances(economy, units)
        hedge(economy)
        # 6 settlement
        keep_books(economy)
        bill_debt_service(economy)
        bill_notes(economy)
        draw_loans(economy)
        settle(economy)
        account(economy)
        # 7 capital
        lend(economy)
        self.capital.run(economy)
        follow_letters(economy)
        follow_warrants(economy)
        # 8 distress
        resolve_distress(economy)
        rate(economy)
        # 9 record
        follow_suppliers(economy)
        measure(economy, units)
        self._publish()
        self.month += 1
        self._seconds += time.perf_counter() - started
        if self.month >= self.horizon:
            self.running = False
            founding.verify(economy)

    def run(self, each_month: Callable[[ComputeMarket], object] | None = None) -> ComputeMarket:
        """Play to the horizon.

        Args:
            each_month: called after each month: to show progress, or to raise and stop.
        """
        with _without_collector():
            while self.running:
                self.step()
                if each_month is not None:
                    each_month(self)
        return self

    def _publish(self) -> None:
        """Show the month's headline figures to Mesa's data collector."""
        columns = self.market.recorder.columns("months")
        for name, column in _REPORTED.items():
            setattr(self, name, columns[column][-1])
        self.datacollector.collect(self)

    # -- results ------------------------------------------------------------------------------

    def tables(self) -> dict[str, pa.Table]:
        """The result tables so far, by name (docs/tables.md)."""
        return {name: self.table(name) for name in TABLES}

    def table(self, name: str) -> pa.Table:
        """A result table so far, as Arrow."""
        with _without_collector():
            return self._tables.table(name)

    def manifest(self) -> dict[str, Any]:
        """What is needed to reproduce the run, and whether its books balance."""
        return {
            "kind": "run",
            "scenario": self.rules.name,
            "scenario_hash": scenario_hash(self.rules),
            "seed": self.entropy,
            "months": self.month,
            "seconds": round(self._seconds, 3),
            "ledger": founding.verify(self.economy),
            "versions": {
                "computemarket": version("computemarket"),
                "mesa": version("mesa"),
                "python": ".".join(map(str, sys.version_info[:3])),
            },
        }

    @cached_property
    def _frames(self) -> dict[tuple[str, int], pd.DataFrame]:
        return {}

    def frame(self, table: str) -> pd.DataFrame:
        """A result table so far as a DataFrame."""
        key = table, self.month
        if key not in self._frames:
            self._frames[key] = self.table(table).to_pandas()
        return self._frames[key]

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """All result tables so far as DataFrames, by name: what figures are drawn from."""
        return {name: self.frame(name) for name in TABLES}

    @property
    def months(self) -> pd.DataFrame:
        """One row a month: prices, capacity, money, concentration."""
        return self.frame("months")

    @property
    def firms(self) -> pd.DataFrame:
        """One row a firm and month."""
        return self.frame("firms")

    @property
    def prices(self) -> pd.DataFrame:
        """Prices by month, market, workload, generation and provider."""
        return self.frame("prices")

    @property
    def contracts(self) -> pd.DataFrame:
        """One row a deal, refused talks included."""
        return self.frame("contracts")

    @property
    def events(self) -> pd.DataFrame:
        """What happened, month by month."""
        return self.frame("events")

    @property
    def flows(self) -> pd.DataFrame:
        """Cash by month, payer, payee and purpose."""
        return self.frame("flows")

    def __repr__(self) -> str:
        """Scenario, seed and how far it is."""
        done = "" if self.running else ", done"
        played = f"month={self.month} of {self.horizon}{done}"
        return f"<ComputeMarket {self.rules.name} seed={self.entropy} {played}>"


# Mesa 3.5's `batch_run` lays its own `rng` over a `seed` among the parameters of a study, unless
# the signature has no `seed`. Shown without it, both ways to give seeds work.
_shown = inspect.signature(ComputeMarket)
ComputeMarket.__signature__ = _shown.replace(
    parameters=[p for p in _shown.parameters.values() if p.name != "seed"]
)

_REPORTED = {
    name: [column for column, _ in TABLES["months"]].index(name)
    for name in (
        "spot_price_usd_per_h100e_hour",
        "lab_revenue_usd",
        "sentiment",
        "defaults_so_far",
        "switches_so_far",
    )
}
