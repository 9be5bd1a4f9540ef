"""Liquid and air during a measurement, and the volume that an indicated mass stands for in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.metrology.density import ADJUSTMENT_DENSITY_KG_PER_M3, air_density_kg_per_m3, buoyancy_factor
from bench.metrology.liquids import WATER, Liquid


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Liquid and air during a measurement, with standard uncertainties."""

    temperature_c: float
    pressure_hpa: float
    humidity_pct: float
    u_temperature_c: float
    u_pressure_hpa: float
    u_humidity_pct: float
    liquid_c: float
    u_liquid_c: float
    liquid: Liquid = WATER

    @property
    def liquid_kg_per_m3(self) -> float:
        """Density of the liquid."""
        return self.liquid.density_kg_per_m3(self.liquid_c, self.pressure_hpa)

    @property
    def air_kg_per_m3(self) -> float:
        """Density of the air."""
        return self._air()

    def factor_ul_per_mg(self) -> float:
        """Return Z: the volume per indicated mass, in µL/mg."""
        return buoyancy_factor(self.liquid_kg_per_m3, self.air_kg_per_m3)

    def weightless_ul_per_mg(self) -> float:
        """Return what Z would be without air, in µL/mg."""
        return 1000.0 / self.liquid_kg_per_m3

    def relative_uncertainty_temperature(self) -> float:
        """Return the relative standard uncertainty of a volume by the liquid's temperature."""
        low, high = max(0.0, self.liquid_c - self.u_liquid_c), min(40.0, self.liquid_c + self.u_liquid_c)
        change = self.liquid.density_kg_per_m3(low) - self.liquid.density_kg_per_m3(high)
        return 0.5 * abs(change) / self.liquid_kg_per_m3

    def relative_uncertainty_liquid(self) -> float:
        """Return the relative standard uncertainty of a volume by the liquid itself, its temperature known."""
        return self.liquid.relative_uncertainty(self.liquid_c)

    def relative_uncertainty_buoyancy(self) -> float:
        """Return the relative standard uncertainty of a volume by the air's density."""
        here = self._air()
        changes = (
            self._air(temperature=self.u_temperature_c) - here,
            self._air(pressure=self.u_pressure_hpa) - here,
            self._air(humidity=self.u_humidity_pct) - here,
        )
        # dV/V = d(air)/(liquid − air) − d(air)/(8000 − air)
        share = 1.0 / (self.liquid_kg_per_m3 - here) - 1.0 / (ADJUSTMENT_DENSITY_KG_PER_M3 - here)
        return math.hypot(*changes) * share

    def _air(self, temperature: float = 0.0, pressure: float = 0.0, humidity: float = 0.0) -> float:
        return air_density_kg_per_m3(
            self.temperature_c + temperature, self.pressure_hpa + pressure, self.humidity_pct + humidity
        )
