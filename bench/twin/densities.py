"""Densities as the twin's world has them, written apart from those of the evaluation."""

from __future__ import annotations

import math

STEEL_G_PER_ML = 8.0
"""Density of the weights that a balance is adjusted with."""


def water_g_per_ml(temperature_c: float) -> float:
    """Return the density of air-free water (Tanaka et al., Metrologia 38 (2001) 301), 0 to 40 °C."""
    t = temperature_c
    return 0.999974950 * (1.0 - (t - 3.983035) ** 2 * (t + 301.797) / (522528.9 * (t + 69.34881)))


def air_g_per_ml(temperature_c: float, pressure_hpa: float, humidity_pct: float) -> float:
    """Return the density of moist air by the simplified formula of OIML R 111-1, 2e-4 of CIPM-2007."""
    vapour = 0.009 * humidity_pct * math.exp(0.061 * temperature_c)
    return (0.34848 * pressure_hpa - vapour) / (273.15 + temperature_c) * 1e-3
