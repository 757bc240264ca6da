"""What a scenario may say but probably does not mean: slips of units, firms that cannot act."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .calendar import month_index
from .checks import contract_mw, fleet_by_maker, opening_h100e
from .entry import entry_month
from .schema import Contract, Lab, Scenario

HOURS_PER_MONTH: Final = 730
FAR: Final = 10.0  # a figure ten times off is a slip of the pen


def lint(scenario: Scenario) -> list[str]:
    """One line for each thing that is legal but suspicious."""
    return [
        *_labs(scenario),
        *_capacity(scenario),
        *_prices(scenario),
        *_chips(scenario),
        *_clouds(scenario),
        *_firms(scenario),
        *_programmes(scenario),
        *_entries(scenario),
    ]


def opening_burn_usd(scenario: Scenario, lab: Lab) -> float:
    """What a lab loses in the first month: its contracts and what goes with them, less revenue."""
    arr = lab.consumer_arr_usd + lab.enterprise_arr_usd + lab.private_arr_usd
    compute = sum(
        opening_h100e(c) * c.price_usd_per_h100e_hour * HOURS_PER_MONTH
        for c in scenario.contracts
        if c.lab == lab.name
    )
    costs = compute * (1 + lab.other_cost_share) + lab.research_spend_usd_per_month
    return costs - arr / 12 * (1 - lab.sales_cost_share)


def _labs(scenario: Scenario) -> Iterator[str]:
    sellers = any(cloud.sells for cloud in scenario.clouds)
    for lab in scenario.labs:
        here = f"labs.{lab.name}"
        contracts = [c for c in scenario.contracts if c.lab == lab.name]
        siblings = [c for c in scenario.clouds if lab.group is not None and c.group == lab.group]
        burn = opening_burn_usd(scenario, lab)
        purse = lab.cash_usd + sum(c.prepaid_usd for c in contracts)
        parent = lab.kind == "internal" or lab.parent_funding_usd_per_year > 0
        if burn > 0 and purse < burn and not parent:
            yield (
                f"{here}.cash_usd: {_usd(lab.cash_usd)} is under one month of runway: the first "
                f"month costs {_usd(burn)} more than it brings"
            )
        if not contracts and not siblings and not sellers:
            yield f"{here}: it has no contract, and no cloud sells compute"
        yield from _serving(scenario, lab, contracts, bool(siblings))


def _serving(
    scenario: Scenario, lab: Lab, contracts: list[Contract], has_sibling: bool
) -> Iterator[str]:
    arr = lab.consumer_arr_usd + lab.enterprise_arr_usd + lab.private_arr_usd
    need = arr / 12 / scenario.world.technology.service_usd_per_inference_h100e_month
    capacity = sum(opening_h100e(c) for c in contracts if c.workload == "inference")
    if need <= 0 or has_sibling:
        return
    if capacity == 0:
        yield (
            f"labs.{lab.name}: its revenue needs {need:,.0f} H100e of inference, and no contract "
            "gives any"
        )
    elif need > FAR * capacity:
        yield (
            f"labs.{lab.name}: its revenue needs {need:,.0f} H100e of inference, over ten times "
            f"the {capacity:,.0f} under contract"
        )


def _capacity(scenario: Scenario) -> Iterator[str]:
    chips = {chip.name: chip for chip in scenario.chips}
    for cloud in scenario.clouds:
        fleet = fleet_by_maker(cloud, chips)
        installed = sum(part.mw for part in fleet.values())
        field = f"clouds.{cloud.name}.energised_mw"
        if cloud.energised_mw < 1 < installed:
            yield (
                f"{field}: {cloud.energised_mw:g} MW beside a fleet that draws {installed:,.0f} "
                "MW looks like GW"
            )
        elif installed > 1.5 * cloud.energised_mw:
            yield (
                f"{field}: the fleet draws {installed:,.0f} MW, far above the "
                f"{cloud.energised_mw:,.0f} MW energised"
            )
        sold = sum(
            contract_mw(c, fleet[c.maker])
            for c in scenario.contracts
            if c.cloud == cloud.name and c.maker in fleet
        )
        blended = sum(0.5 * (p.training_h100e + p.inference_h100e) for p in fleet.values())
        captive = cloud.captive_h100e * installed / blended if blended else 0.0
        if cloud.captive_h100e and captive + sold > 1.01 * installed:
            yield (
                f"clouds.{cloud.name}.captive_h100e: with {captive:,.0f} MW of its own use and "
                f"{sold:,.0f} MW sold it needs more than the {installed:,.0f} MW installed"
            )


def _prices(scenario: Scenario) -> Iterator[str]:
    spot = scenario.world.renters.opening_spot_price_usd_per_h100e_hour
    for index, contract in enumerate(scenario.contracts):
        price = contract.price_usd_per_h100e_hour
        if not spot / FAR < price < spot * FAR:
            yield (
                f"contracts.{index}.price_usd_per_h100e_hour: {price:g} of {contract.lab} at "
                f"{contract.cloud} is ten times away from the opening spot price of {spot:g}"
            )
    for chip in scenario.chips:
        if chip.price_usd < chip.unit_cost_usd:
            yield f"chips.{chip.name}.price_usd: {_usd(chip.price_usd)} is below its unit cost"


def _chips(scenario: Scenario) -> Iterator[str]:
    launches = {chip.name: month_index(scenario.run, chip.launch) for chip in scenario.chips}
    for chip in scenario.chips:
        if launches[chip.name] >= scenario.run.months:
            yield f"chips.{chip.name}.launch: {chip.launch} is after the end of the run"
    for maker in scenario.chipmakers:
        if not any(chip.maker == maker.name for chip in scenario.chips):
            yield f"chipmakers.{maker.name}: it has no chips to sell"
    for cloud in scenario.clouds:
        for stock in cloud.fleet:
            if stock.units and launches.get(stock.chip, 0) > 0:
                yield f"clouds.{cloud.name}.fleet.{stock.chip}: installed before its launch"


def _clouds(scenario: Scenario) -> Iterator[str]:
    groups = {lab.name: lab.group for lab in scenario.labs}
    for cloud in scenario.clouds:
        outside = [
            c.lab
            for c in scenario.contracts
            if c.cloud == cloud.name and (cloud.group is None or groups[c.lab] != cloud.group)
        ]
        if outside and not cloud.sells:
            yield f"clouds.{cloud.name}.sells: false, but {outside[0]} has a contract with it"


def _firms(scenario: Scenario) -> Iterator[str]:
    equity = [i for i in scenario.investors if i.kind != "private_credit"]
    if not equity and any(lab.kind == "independent" for lab in scenario.labs):
        yield "investors: nobody invests in the independent labs"


def _programmes(scenario: Scenario) -> Iterator[str]:
    chips = {chip.name: chip for chip in scenario.chips}
    for programme in scenario.programmes:
        here = f"programmes.{programme.name}"
        if month_index(scenario.run, programme.opens) >= scenario.run.months:
            yield f"{here}.opens: {programme.opens} is after the end of the run"
        batch = programme.first_batch_units * chips[programme.chip].kw / 1000
        if not 1 < batch < 1e5:
            yield f"{here}.first_batch_units: a batch of {batch:,.1f} MW"


def _entries(scenario: Scenario) -> Iterator[str]:
    for role in ("labs", "clouds", "chipmakers", "investors"):
        for firm in getattr(scenario, role):
            if entry_month(scenario, firm) >= scenario.run.months:
                path = f"{role}.{firm.name}.enters"
                yield f"{path}: {firm.enters} is after the end of the run: it never does"
    demand = scenario.world.demand
    shares = [s.on_premise_share for s in (demand.consumer, demand.enterprise, demand.private)]
    if demand.on_premise_preference != 1 and not any(shares):
        yield (
            f"world.demand.on_premise_preference: {demand.on_premise_preference:g} changes "
            "nothing: no segment has an on_premise_share"
        )


def _usd(amount: float) -> str:
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= unit:
            return f"${amount / unit:,.1f}{name}"
    return f"${amount:,.0f}"
