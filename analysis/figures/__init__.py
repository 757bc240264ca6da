"""Figures: result tables in, matplotlib out. `from computemarket.analysis import figures`.

What has one panel takes an `Axes` and returns it; what has several takes a `Figure` or a part of
one. Both are made where none is given. The names are loaded on first use, so that writing one
figure does not load them all.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cash_flow import waterfall
    from .contagion import cascades, firm_differences
    from .differences import comparison_figure
    from .drawing import firm_colours, write_png
    from .fans import fan_chart, price_fans, scenario_panels
    from .files import save_ensemble_figures, save_figures
    from .maps import lever_line, lever_map, supplier_matrix, switching_matrix
    from .money import vendor_finance
    from .networks import money_network, supplier_network
    from .overview import run_overview, study_overview
    from .responses import response_curves
    from .run import (
        capacity_and_demand,
        cash_and_runway,
        chip_prices,
        compute_prices,
        funding_and_sentiment,
        supplier_shares,
    )
    from .runways import real_and_paper_runway, real_and_paper_survival
    from .sensitivity import index_bars, region, screening_bars, tornado
    from .study import cash_over_time, cash_risk, ensemble_figures, switching
    from .survival import survival_curve, survival_curves
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
        "fan_chart": ".fans",
        "firm_colours": ".drawing",
        "firm_differences": ".contagion",
        "funding_and_sentiment": ".run",
        "index_bars": ".sensitivity",
        "lever_line": ".maps",
        "lever_map": ".maps",
        "money_network": ".networks",
        "payoff_map": ".tuning",
        "price_fans": ".fans",
        "real_and_paper_runway": ".runways",
        "real_and_paper_survival": ".runways",
        "region": ".sensitivity",
        "response_curves": ".responses",
        "run_overview": ".overview",
        "save_ensemble_figures": ".files",
        "save_figures": ".files",
        "scenario_panels": ".fans",
        "screening_bars": ".sensitivity",
        "study_overview": ".overview",
        "supplier_matrix": ".maps",
        "supplier_network": ".networks",
        "supplier_shares": ".run",
        "survival_curve": ".survival",
        "survival_curves": ".survival",
        "switching": ".study",
        "switching_matrix": ".maps",
        "tornado": ".sensitivity",
        "tuning_history": ".tuning",
        "tuning_importance": ".tuning",
        "tuning_pareto": ".tuning",
        "tuning_slices": ".tuning",
        "vendor_finance": ".money",
        "waterfall": ".cash_flow",
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
    "fan_chart",
    "firm_colours",
    "firm_differences",
    "funding_and_sentiment",
    "index_bars",
    "lever_line",
    "lever_map",
    "money_network",
    "payoff_map",
    "price_fans",
    "real_and_paper_runway",
    "real_and_paper_survival",
    "region",
    "response_curves",
    "run_overview",
    "save_ensemble_figures",
    "save_figures",
    "scenario_panels",
    "screening_bars",
    "study_overview",
    "supplier_matrix",
    "supplier_network",
    "supplier_shares",
    "survival_curve",
    "survival_curves",
    "switching",
    "switching_matrix",
    "tornado",
    "tuning_history",
    "tuning_importance",
    "tuning_pareto",
    "tuning_slices",
    "vendor_finance",
    "waterfall",
    "write_png",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
