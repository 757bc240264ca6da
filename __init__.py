"""Agent-based simulator of the market for AI compute.

The public names are loaded on first use, so that `import computemarket` and the
light commands (`--help`, `check`, `schema`) start without Mesa or pandas.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agents.strategies import register
    from .agents.strategies.parameters import parameter
    from .analysis.tables import read_run
    from .experiments.compare import compare
    from .experiments.describe import describe
    from .experiments.runner import run_study
    from .experiments.store import StudyFolder
    from .experiments.study import Study, load_study
    from .experiments.tune import tune
    from .experiments.tuning import Tuning
    from .experiments.whatif import what_if
    from .model import ComputeMarket
    from .scenario import Scenario, load_scenario, synthetic
else:
    # Hidden from type checkers, which would otherwise accept any name.
    _HOME = {
        "ComputeMarket": ".model",
        "Scenario": ".scenario",
        "Study": ".experiments.study",
        "StudyFolder": ".experiments.store",
        "Tuning": ".experiments.tuning",
        "compare": ".experiments.compare",
        "describe": ".experiments.describe",
        "load_scenario": ".scenario",
        "load_study": ".experiments.study",
        "parameter": ".agents.strategies.parameters",
        "read_run": ".analysis.tables",
        "register": ".agents.strategies",
        "run_study": ".experiments.runner",
        "synthetic": ".scenario",
        "tune": ".experiments.tune",
        "what_if": ".experiments.whatif",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME[name], __name__), name)
        globals()[name] = value
        return value


__version__ = "0.1.0"
__all__ = [
    "ComputeMarket",
    "Scenario",
    "Study",
    "StudyFolder",
    "Tuning",
    "__version__",
    "compare",
    "describe",
    "load_scenario",
    "load_study",
    "parameter",
    "read_run",
    "register",
    "run_study",
    "synthetic",
    "tune",
    "what_if",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
