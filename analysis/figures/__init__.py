"""Figures: result tables in, matplotlib out. `from computemarket.analysis import figures`.

The public names are loaded on first use, so that writing one figure does not load them all.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contagion import cascades, firm_differences
    from .differences import comparison_figure
    from .drawing import firm_colours, write_png
    from .money import vendor_finance
    from .run import (
        capacity_and_demand,
        cash_and_runway,
        chip_prices,
        compute_prices,
        funding_and_sentiment,
        save_figures,
        supplier_shares,
    )
    from .runways import real_and_paper_runway, real_and_paper_survival
    from .sensitivity import index_bars, region, screening_bars, tornado
    from .study import (
        cash_over_time,
        cash_risk,
        ensemble_figures,
        price_fans,
        save_ensemble_figures,
        switching,
    )
    from .survival import survival_curves
    from .tuning import payoff_map, tuning_history, tuning_importance, tuning_pareto, tuning_slices
else:
    # Hidden from type checkers, which would otherwise accept any name.
    _HOME = {
        "capacity_and_demand": ".run",
        "cascades": ".contagion",
        "cash_and_runway": ".run",
        "cash_over_time": ".study",
        "cash_risk": ".study",
        "chip_prices": ".run",
        "comparison_figure": ".differences",
        "compute_prices": ".run",
        "ensemble_figures": ".study",
        "firm_colours": ".drawing",
        "firm_differences": ".contagion",
        "funding_and_sentiment": ".run",
        "index_bars": ".sensitivity",
        "payoff_map": ".tuning",
        "price_fans": ".study",
        "real_and_paper_runway": ".runways",
        "real_and_paper_survival": ".runways",
        "region": ".sensitivity",
        "save_ensemble_figures": ".study",
        "save_figures": ".run",
        "screening_bars": ".sensitivity",
        "supplier_shares": ".run",
        "survival_curves": ".survival",
        "switching": ".study",
        "tornado": ".sensitivity",
        "tuning_history": ".tuning",
        "tuning_importance": ".tuning",
        "tuning_pareto": ".tuning",
        "tuning_slices": ".tuning",
        "vendor_finance": ".money",
        "write_png": ".drawing",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME[name], __name__), name)
        globals()[name] = value
        return value


__all__ = [
    "capacity_and_demand",
    "cascades",
    "cash_and_runway",
    "cash_over_time",
    "cash_risk",
    "chip_prices",
    "comparison_figure",
    "compute_prices",
    "ensemble_figures",
    "firm_colours",
    "firm_differences",
    "funding_and_sentiment",
    "index_bars",
    "payoff_map",
    "price_fans",
    "real_and_paper_runway",
    "real_and_paper_survival",
    "region",
    "save_ensemble_figures",
    "save_figures",
    "screening_bars",
    "supplier_shares",
    "survival_curves",
    "switching",
    "tornado",
    "tuning_history",
    "tuning_importance",
    "tuning_pareto",
    "tuning_slices",
    "vendor_finance",
    "write_png",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
