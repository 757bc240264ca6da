"""A decision rule for `computemarket`: a lab that raises small rounds often."""

from dataclasses import dataclass

from computemarket import parameter, register


@register("labs", "financing", "small_rounds")
@dataclass(frozen=True)
class SmallRounds:
    """Raises a little whenever some months have gone by, in any mood."""

    every_months: int = parameter(6, 1, 36, "months", "between rounds")
    months_of_burn: float = parameter(9, 1, 48, "months", "of burn that a round pays")

    def raise_usd(self, view, maximum_dilution):
        """Some months of burn, within what dilution allows."""
        if view.months_since_round < self.every_months:
            return 0.0
        wanted = self.months_of_burn * view.burn_usd_per_month
        return min(wanted, maximum_dilution * view.valuation_usd)
