"""Densities of water and of air, and what the air's buoyancy and a dipping needle do to a weighing."""

from __future__ import annotations

import math

ADJUSTMENT_DENSITY_KG_PER_M3 = 8000.0
"""Conventional density of the weights that a balance is adjusted with."""
STANDARD_PRESSURE_HPA = 1013.25
COLDEST_C, WARMEST_C = 0.0, 40.0
"""Between these the density of water is known."""

_TANAKA_A1, _TANAKA_A2, _TANAKA_A3, _TANAKA_A4 = -3.983035, 301.797, 522528.9, 69.34881
_TANAKA_A5_KG_PER_M3 = 999.974950

_GAS_CONSTANT = 8.314472
_MOLAR_MASS_WATER = 18.01528e-3
_MOLAR_MASS_DRY_AIR = 28.96546e-3
_ZERO_CELSIUS_K = 273.15


def water_density_kg_per_m3(
    temperature_c: float, pressure_hpa: float = STANDARD_PRESSURE_HPA, *, air_saturated: bool = False
) -> float:
    """Return the density of water (Tanaka et al., Metrologia 38 (2001) 301; 0 °C to 40 °C).

    Air-free unless `air_saturated`; that takes off 2.5 mg/L at 20 °C (the same paper; for 0 °C to 25 °C). Compressed by
    the air's pressure: −10 mg/L at 800 hPa.

    Raises:
        ValueError: the temperature is outside 0 °C to 40 °C.

    """
    t = temperature_c
    if not COLDEST_C <= t <= WARMEST_C:
        raise ValueError(f"the density of water is known from 0 °C to 40 °C, not at {t:g} °C")
    fraction = (t + _TANAKA_A1) ** 2 * (t + _TANAKA_A2) / (_TANAKA_A3 * (t + _TANAKA_A4))
    density = _TANAKA_A5_KG_PER_M3 * (1.0 - fraction)
    if air_saturated:
        density += -4.612e-3 + 0.106e-3 * t
    excess_pa = 100.0 * (pressure_hpa - STANDARD_PRESSURE_HPA)
    return density * (1.0 + (50.74 - 0.326 * t + 0.00416 * t**2) * 1e-11 * excess_pa)


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


def buoyancy_factor(liquid_kg_per_m3: float, air_kg_per_m3: float) -> float:
    """Return Z in µL/mg: the volume of liquid per indicated mass, for a balance adjusted with 8000 kg/m³ weights."""
    return 1000.0 * (1.0 - air_kg_per_m3 / ADJUSTMENT_DENSITY_KG_PER_M3) / (liquid_kg_per_m3 - air_kg_per_m3)


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
    return mass_mg * immersion * buoyancy_factor(water_density_kg_per_m3(water_c, pressure_hpa), air)
