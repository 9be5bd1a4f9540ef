"""Liquids that a pump may deliver: density by temperature, how well it is known, and where that is from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from bench.metrology.density import STANDARD_PRESSURE_HPA, water_density_kg_per_m3

_EXPANSION_DOUBT = 0.3
"""Share of water's expansion by which that of another watery liquid may differ."""


@dataclass(frozen=True, slots=True)
class Liquid:
    """A liquid; `half_width` is how far its density may be off at its reference temperature, in kg/m³."""

    name: str
    source: str
    half_width_kg_per_m3: float
    density: Callable[[float, float], float]
    """Density in kg/m³ at a temperature in °C and a pressure in hPa."""
    measured_at_c: float | None = None
    """Where the density was measured at one temperature only; from there it follows water's expansion."""

    def density_kg_per_m3(self, temperature_c: float, pressure_hpa: float = STANDARD_PRESSURE_HPA) -> float:
        """Return the density at a temperature and a pressure.

        Raises:
            ValueError: the temperature is outside 0 °C to 40 °C.

        """
        return self.density(temperature_c, pressure_hpa)

    def relative_uncertainty(self, temperature_c: float) -> float:
        """Return the relative standard uncertainty of the density at a temperature that is known."""
        density = self.density_kg_per_m3(temperature_c)
        own = self.half_width_kg_per_m3 / math.sqrt(3.0) / density
        if self.measured_at_c is None:
            return own
        expanded = water_density_kg_per_m3(temperature_c) / water_density_kg_per_m3(self.measured_at_c) - 1.0
        return math.hypot(own, _EXPANSION_DOUBT * expanded / math.sqrt(3.0))


def measured_liquid(name: str, density_kg_per_m3: float, half_width_kg_per_m3: float, at_c: float) -> Liquid:
    """Return a liquid whose density was measured at one temperature; it is taken to expand like water, ±30 % of that.

    Raises:
        ValueError: the temperature is outside 0 °C to 40 °C.

    """
    reference = water_density_kg_per_m3(at_c)

    def density(temperature_c: float, pressure_hpa: float) -> float:
        return density_kg_per_m3 * water_density_kg_per_m3(temperature_c, pressure_hpa) / reference

    return Liquid(name, f"declared in the plan, measured at {at_c:g} °C", half_width_kg_per_m3, density, at_c)


def _saline(temperature_c: float, pressure_hpa: float) -> float:
    """Return the density of 9 g/L sodium chloride in water.

    Specific volumes of Rogers and Pitzer, J. Phys. Chem. Ref. Data 11 (1982) 15, between 0.1 mol/kg and 0.25 mol/kg,
    as an excess over water of the same temperature; within 0.03 kg/m³ of them from 10 °C to 30 °C.
    """
    over_20_k = temperature_c - 20.0
    return water_density_kg_per_m3(temperature_c, pressure_hpa) + 6.426 - 0.0189 * over_20_k + 3.3e-4 * over_20_k**2


WATER = Liquid(
    "water",
    "Tanaka et al. 2001; ± for purity, dissolved air (−2.5 ppm where saturated) and the formula (0.8 ppm)",
    0.010,
    water_density_kg_per_m3,
)
SALINE = Liquid(
    "saline",
    "9 g/L sodium chloride by Rogers and Pitzer 1982; ± for a content of 95 % to 105 %, as pharmacopoeias allow",
    0.35,
    _saline,
)
LIQUIDS = MappingProxyType({liquid.name: liquid for liquid in (WATER, SALINE)})
"""Liquids with a published density. Of insulins and diluents there is none: a plan declares what was measured."""
