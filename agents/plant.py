"""What a cloud's plant consists of: families of chips, and power under construction."""

from __future__ import annotations

from operator import attrgetter


class Family:
    """A cloud's installed chips of one maker or custom line: MW, and H100e if all did one workload.

    h100e: blended, the mean of both
    per_mw: H100e that a megawatt gives, by workload
    """

    __slots__ = ("h100e", "inference_h100e", "mw", "per_mw", "training_h100e")

    def __init__(self, mw: float, training_h100e: float, inference_h100e: float) -> None:
        self.mw = mw
        self.training_h100e = training_h100e
        self.inference_h100e = inference_h100e
        self.h100e = 0.5 * (training_h100e + inference_h100e)
        self.per_mw = {"training": 0.0, "inference": 0.0}
        if mw > 0:
            self.per_mw = {"training": training_h100e / mw, "inference": inference_h100e / mw}


by_due = attrgetter("due", "promised", "mw")


class PowerProject:
    """Megawatts under construction."""

    __slots__ = ("due", "mw", "promised")

    def __init__(self, due: int, mw: float) -> None:
        """`due` is the month in which they are energised unless they slip."""
        self.due = due
        self.promised = due
        self.mw = mw
