"""What it takes to move a workload to another maker's chips, and how it falls with experience."""

from __future__ import annotations

from ..scenarios.schema import Porting


def porting_share(rules: Porting, workload: str, experience: float, scale_h100e: float) -> float:
    """Cost of running a workload on a maker's chips in months of double running, over their use.

    A share of the price of compute. It falls by a constant share with every doubling of what has
    been run (Wright 1936; learning by doing, Arrow 1962). What is to be ported grows with the
    deployment, so experience counts in months at that scale.

    experience: H100e-months of the workload run on the maker's chips, as far as remembered
    scale_h100e: what the workload is to run on in all
    """
    months = rules.training_months if workload == "training" else rules.inference_months
    pilots = experience / (rules.pilot_months * max(1.0, scale_h100e))
    left: float = (1 + pilots) ** rules.learning_exponent
    return months / rules.use_months * left
