"""Agent-based simulator of the market for AI compute.

The public names are loaded on first use, so that `import computemarket` and the
light commands (`--help`, `check`, `schema`) start without Mesa or pandas.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import ComputeMarket
    from .scenario import Scenario, load_scenario, synthetic
else:
    # Hidden from type checkers, which would otherwise accept any name.
    _HOME = {
        "ComputeMarket": ".model",
        "Scenario": ".scenario",
        "load_scenario": ".scenario",
        "synthetic": ".scenario",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME[name], __name__), name)
        globals()[name] = value
        return value


__version__ = "0.1.0"
__all__ = ["ComputeMarket", "Scenario", "__version__", "load_scenario", "synthetic"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
