"""Liquid and air during a measurement, and the volume that an indicated mass stands for in them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from bench.metrology.budget import Distribution
from bench.metrology.density import COLDEST_C, WARMEST_C, air_density_kg_per_m3, buoyancy_factor
from bench.metrology.liquids import WATER, Liquid

_STEP_K = 0.1


class Influence(NamedTuple):
    """A quantity that the volume of a milligram hangs on; `per_unit` is that volume's relative change per unit."""

    name: str
    estimate: float
    standard_uncertainty: float
    unit: str
    per_unit: float
    distribution: Distribution = "normal"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Liquid and air during a measurement, with standard uncertainties.

    Where the liquid's temperature is taken from the air's (`liquid_follows_air`), `u_liquid_c` is that of the
    difference between the two alone, and the air's own comes on top.
    """

    temperature_c: float
    pressure_hpa: float
    humidity_pct: float
    u_temperature_c: float
    u_pressure_hpa: float
    u_humidity_pct: float
    liquid_c: float
    u_liquid_c: float
    liquid: Liquid = WATER
    liquid_follows_air: bool = False
    air_distribution: Distribution = "normal"
    """Of the air's temperature."""
    liquid_distribution: Distribution = "normal"
    """Of the liquid's temperature, or of its difference from the air's."""

    @property
    def liquid_kg_per_m3(self) -> float:
        """Density of the liquid."""
        return self.liquid.density_kg_per_m3(self.liquid_c, self.pressure_hpa)

    @property
    def air_kg_per_m3(self) -> float:
        """Density of the air."""
        return air_density_kg_per_m3(self.temperature_c, self.pressure_hpa, self.humidity_pct)

    def factor_ul_per_mg(self) -> float:
        """Return Z: the volume per indicated mass, in µL/mg."""
        return buoyancy_factor(self.liquid_kg_per_m3, self.air_kg_per_m3)

    def weightless_ul_per_mg(self) -> float:
        """Return what Z would be without air, in µL/mg."""
        return 1000.0 / self.liquid_kg_per_m3

    def influences(self) -> tuple[Influence, ...]:
        """Return the quantities that the volume of a milligram hangs on, none of them correlated with another.

        Each has its slope through the liquid's density and the air's at once: a thermometer that reads too high makes
        both too low, and a barometer acts on both. So what the two densities have in common is counted once, with its
        sign (GUM F.1.2.3), and nothing is left to correlate.
        """
        name, density = self.liquid.name, self.liquid_kg_per_m3
        air_c = self._influence("temperature of the air", "temperature_c", "°C", self.air_distribution)
        liquid_c = self._influence(f"temperature of the {name}", "liquid_c", "°C", self.liquid_distribution)
        if self.liquid_follows_air:
            warmer_k = self.liquid_c - self.temperature_c
            liquid_c = liquid_c._replace(name=f"{name} warmer than the air", estimate=warmer_k, unit="K")
        itself = Influence(
            f"density of {name} itself",
            density,
            density * self.liquid.relative_uncertainty(self.liquid_c),
            "kg/m³",
            -1.0 / (density - self.air_kg_per_m3),
            "rectangular",
        )
        pressure = self._influence("pressure of the air", "pressure_hpa", "hPa")
        humidity = self._influence("humidity of the air", "humidity_pct", "%")
        return air_c, liquid_c, pressure, humidity, itself

    def relative_uncertainty(self) -> float:
        """Return the relative standard uncertainty of the volume of a milligram."""
        return math.hypot(*(each.per_unit * each.standard_uncertainty for each in self.influences()))

    def shifted(self, name: str, by: float) -> Surroundings:
        """Return the surroundings with one quantity changed: an air that is warmer may warm the liquid.

        Args:
            name: `temperature_c`, `pressure_hpa`, `humidity_pct` or `liquid_c`.
            by: in the quantity's unit; a temperature stays where densities are known.

        """
        moved = [name, "liquid_c"] if name == "temperature_c" and self.liquid_follows_air else [name]
        values: dict[str, float] = {each: getattr(self, each) + by for each in moved}
        if "liquid_c" in values:
            values["liquid_c"] = min(WARMEST_C, max(COLDEST_C, values["liquid_c"]))
        return replace(self, **values)  # type: ignore[arg-type]  # the names are of numbers

    def _influence(self, name: str, quantity: str, unit: str, distribution: Distribution = "normal") -> Influence:
        """Return a quantity with its slope, its two neighbours a tenth of a kelvin, 1 hPa or 1 % away."""
        step = _STEP_K if quantity.endswith("_c") else 1.0
        low, high = self.shifted(quantity, -step), self.shifted(quantity, step)
        apart = getattr(high, quantity) - getattr(low, quantity)
        slope = math.log(high.factor_ul_per_mg() / low.factor_ul_per_mg()) / apart
        return Influence(name, getattr(self, quantity), getattr(self, f"u_{quantity}"), unit, slope, distribution)
