"""Density of water and of air, and the volume of water that a balance's indication stands for."""

from __future__ import annotations

import math
from dataclasses import dataclass

ADJUSTMENT_DENSITY_KG_PER_M3 = 8000.0
"""Conventional density of the weights that a balance is adjusted with."""

_TANAKA_A1, _TANAKA_A2, _TANAKA_A3, _TANAKA_A4 = -3.983035, 301.797, 522528.9, 69.34881
_TANAKA_A5_KG_PER_M3 = 999.974950

_GAS_CONSTANT = 8.314472
_MOLAR_MASS_WATER = 18.01528e-3
_MOLAR_MASS_DRY_AIR = 28.96546e-3
_ZERO_CELSIUS_K = 273.15


def water_density_kg_per_m3(temperature_c: float) -> float:
    """Return the density of air-free water at 101 325 Pa (Tanaka et al., Metrologia 38 (2001) 301; 0 °C to 40 °C).

    Raises:
        ValueError: the temperature is outside 0 °C to 40 °C.

    """
    t = temperature_c
    if not 0.0 <= t <= 40.0:
        raise ValueError(f"the density of water is known from 0 °C to 40 °C, not at {t:g} °C")
    fraction = (t + _TANAKA_A1) ** 2 * (t + _TANAKA_A2) / (_TANAKA_A3 * (t + _TANAKA_A4))
    return _TANAKA_A5_KG_PER_M3 * (1.0 - fraction)


def air_density_kg_per_m3(temperature_c: float, pressure_hpa: float, humidity_pct: float) -> float:
    """Return the density of moist air with 400 ppm CO2 (CIPM-2007, Picard et al., Metrologia 45 (2008) 149).

    Valid for 600 hPa to 1100 hPa and 15 °C to 27 °C; the caller judges whether a lab is within.
    """
    t, kelvin = temperature_c, temperature_c + _ZERO_CELSIUS_K
    pascal = 100.0 * pressure_hpa
    vapour = _vapour_fraction(t, pascal, humidity_pct)
    pure = pascal * _MOLAR_MASS_DRY_AIR / (_compressibility(t, pascal, vapour) * _GAS_CONSTANT * kelvin)
    return pure * (1.0 - vapour * (1.0 - _MOLAR_MASS_WATER / _MOLAR_MASS_DRY_AIR))


def _vapour_fraction(t: float, pascal: float, humidity_pct: float) -> float:
    kelvin = t + _ZERO_CELSIUS_K
    saturation = math.exp(1.2378847e-5 * kelvin**2 - 1.9121316e-2 * kelvin + 33.93711047 - 6.3431645e3 / kelvin)
    enhancement = 1.00062 + 3.14e-8 * pascal + 5.6e-7 * t**2
    return 0.01 * humidity_pct * enhancement * saturation / pascal


def _compressibility(t: float, pascal: float, vapour: float) -> float:
    ratio = pascal / (t + _ZERO_CELSIUS_K)
    first = 1.58123e-6 - 2.9331e-8 * t + 1.1043e-10 * t**2
    first += (5.707e-6 - 2.051e-8 * t) * vapour + (1.9898e-4 - 2.376e-6 * t) * vapour**2
    return 1.0 - ratio * first + ratio**2 * (1.83e-11 - 0.765e-8 * vapour**2)


def buoyancy_factor(water_kg_per_m3: float, air_kg_per_m3: float) -> float:
    """Return Z in µL/mg: the volume of water per indicated mass, for a balance adjusted with 8000 kg/m³ weights."""
    return 1000.0 * (1.0 - air_kg_per_m3 / ADJUSTMENT_DENSITY_KG_PER_M3) / (water_kg_per_m3 - air_kg_per_m3)


def immersion_factor(tube_outer_mm: float | None, vessel_inner_mm: float | None) -> float:
    """Return 1 − a/A: what the upthrust on a fixed dipping tube, ever deeper in the rising liquid, adds to the balance.

    1 where either diameter is unknown.
    """
    if tube_outer_mm is None or vessel_inner_mm is None:
        return 1.0
    return 1.0 - (tube_outer_mm / vessel_inner_mm) ** 2


def apparent_mass_to_volume_ul(
    mass_mg: float,
    water_c: float,
    air_c: float,
    pressure_hpa: float,
    humidity_pct: float,
    immersion: float = 1.0,
) -> float:
    """Return the volume of water at its own temperature that an indicated mass stands for (EURAMET cg-19 form).

    Args:
        mass_mg: indicated mass, or a difference of two.
        water_c: temperature of the water.
        air_c: temperature of the air beside the balance.
        pressure_hpa: air pressure.
        humidity_pct: relative humidity.
        immersion: `immersion_factor()` of the dipping tube.

    """
    air = air_density_kg_per_m3(air_c, pressure_hpa, humidity_pct)
    return mass_mg * immersion * buoyancy_factor(water_density_kg_per_m3(water_c), air)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Water and air during a measurement, with standard uncertainties."""

    temperature_c: float
    pressure_hpa: float
    humidity_pct: float
    u_temperature_c: float
    u_pressure_hpa: float
    u_humidity_pct: float

    def factor_ul_per_mg(self) -> float:
        """Return Z at these values, water as warm as the air."""
        return apparent_mass_to_volume_ul(
            1.0, self.temperature_c, self.temperature_c, self.pressure_hpa, self.humidity_pct
        )

    def relative_uncertainty_density(self) -> float:
        """Return the relative standard uncertainty of a volume by the water's temperature."""
        t, u = self.temperature_c, self.u_temperature_c
        low, high = max(0.0, t - u), min(40.0, t + u)
        change = water_density_kg_per_m3(low) - water_density_kg_per_m3(high)
        return 0.5 * abs(change) / water_density_kg_per_m3(t)

    def relative_uncertainty_buoyancy(self) -> float:
        """Return the relative standard uncertainty of a volume by the air's density."""
        here = self._air()
        changes = (
            self._air(temperature=self.u_temperature_c) - here,
            self._air(pressure=self.u_pressure_hpa) - here,
            self._air(humidity=self.u_humidity_pct) - here,
        )
        # dV/V = d(air)/(water − air) − d(air)/(8000 − air)
        water = water_density_kg_per_m3(self.temperature_c)
        return math.hypot(*changes) * (1.0 / (water - here) - 1.0 / (ADJUSTMENT_DENSITY_KG_PER_M3 - here))

    def _air(self, temperature: float = 0.0, pressure: float = 0.0, humidity: float = 0.0) -> float:
        return air_density_kg_per_m3(
            self.temperature_c + temperature, self.pressure_hpa + pressure, self.humidity_pct + humidity
        )
