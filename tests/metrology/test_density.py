"""Densities against tables computed elsewhere and an independent library, buoyancy against a hand calculation."""

import numpy as np
import pytest
from CoolProp.CoolProp import HAPropsSI, PropsSI

from bench.metrology.density import (
    air_density_kg_per_m3,
    apparent_mass_to_volume_ul,
    immersion_factor,
    water_density_kg_per_m3,
)

TABLE = {15: 999.10257, 18: 998.59836, 20: 998.20675, 21: 997.99502, 22: 997.77298, 23: 997.54083, 25: 997.04702,
         30: 995.64880}  # fmt: skip


def older(t: float) -> float:
    """An older formula that goes about under Tanaka's name."""
    return 1000.0 * (1.0 - (t + 288.9414) / (508929.2 * (t + 68.12963)) * (t - 3.9863) ** 2)


def eos_80(t: float) -> float:
    """The equation of state of sea water of 1980 without salt, which goes about as IAPWS-95."""
    coefficients = (999.842594, 6.793952e-2, -9.09529e-3, 1.001685e-4, -1.120083e-6, 6.536332e-9)
    return sum(each * t**power for power, each in enumerate(coefficients))


@pytest.mark.parametrize(("temperature_c", "density"), TABLE.items())
def test_water(temperature_c: float, density: float) -> None:
    assert water_density_kg_per_m3(temperature_c) == pytest.approx(density, abs=6e-6)


@pytest.mark.parametrize("temperature_c", [-0.1, 40.1, float("nan")])
def test_water_outside_the_formula_is_refused(temperature_c: float) -> None:
    with pytest.raises(ValueError, match="0 °C to 40 °C"):
        water_density_kg_per_m3(temperature_c)


@pytest.mark.parametrize(
    ("temperature_c", "pressure_hpa", "humidity_pct", "density"),
    [
        (15, 1013.25, 50, 1.221631),
        (20, 1013.25, 50, 1.199314),
        (20, 1013.25, 0, 1.204557),
        (25, 1013.25, 50, 1.177315),
        (20, 900, 50, 1.064638),
        (20, 800, 50, 0.945728),
        (22, 1000, 40, 1.176009),
        (27, 1040, 80, 1.194974),
    ],
)
def test_air(temperature_c: float, pressure_hpa: float, humidity_pct: float, density: float) -> None:
    assert air_density_kg_per_m3(temperature_c, pressure_hpa, humidity_pct) == pytest.approx(density, abs=6e-7)


@pytest.mark.parametrize(("temperature_c", "factor"), [(20, 1.0028512), (25, 1.0039996), (30, 1.0053920)])
def test_volume_of_a_milligram(temperature_c: float, factor: float) -> None:
    volume_ul = apparent_mass_to_volume_ul(10.0, temperature_c, temperature_c, 1013.25, 50.0)
    assert volume_ul == pytest.approx(10.0 * factor, abs=6e-7)


def test_dipping_tube() -> None:
    assert 1.0 - immersion_factor(1.6, 20.0) == pytest.approx(0.0064)
    assert 1.0 - immersion_factor(0.5, 20.0) == pytest.approx(0.000625)
    assert immersion_factor(None, 20.0) == immersion_factor(0.5, None) == 1.0
    plain = apparent_mass_to_volume_ul(1.0, 21.0, 21.0, 1000.0, 40.0)
    assert apparent_mass_to_volume_ul(1.0, 21.0, 21.0, 1000.0, 40.0, immersion_factor(1.6, 10.0)) < 0.975 * plain


@pytest.mark.parametrize("temperature_c", np.arange(15.0, 30.01, 0.5))
@pytest.mark.parametrize("pressure_hpa", [700.0, 1013.25, 1080.0])
def test_water_agrees_with_an_independent_library(temperature_c: float, pressure_hpa: float) -> None:
    """IAPWS-95 within 1.5 ppm, compressibility included: an older polynomial would be 3 ppm to 4 ppm away."""
    expected = PropsSI("D", "T", 273.15 + temperature_c, "P", 100.0 * pressure_hpa, "Water")
    assert water_density_kg_per_m3(temperature_c, pressure_hpa) == pytest.approx(expected, rel=1.5e-6)


@pytest.mark.parametrize("temperature_c", np.arange(15.0, 30.01, 2.5))
@pytest.mark.parametrize("pressure_hpa", [700.0, 850.0, 1013.25, 1080.0])
@pytest.mark.parametrize("humidity_pct", [0.0, 20.0, 50.0, 80.0])
def test_air_agrees_with_an_independent_library(temperature_c: float, pressure_hpa: float, humidity_pct: float) -> None:
    volume = HAPropsSI("Vha", "T", 273.15 + temperature_c, "P", 100.0 * pressure_hpa, "R", 0.01 * humidity_pct)
    density = air_density_kg_per_m3(temperature_c, pressure_hpa, humidity_pct)
    assert density == pytest.approx(1.0 / volume, rel=60e-6)


def test_no_formula_under_a_false_name_gives_the_table() -> None:
    """Each is off by far more than the table's last digit somewhere, so that none could stand in unseen."""
    for formula in (older, eos_80):
        assert max(abs(formula(t) - density) for t, density in TABLE.items()) > 100 * 6e-6
    assert max(abs(water_density_kg_per_m3(t) - density) for t, density in TABLE.items()) <= 6e-6


def test_zero_celsius_is_not_237_kelvin() -> None:
    air = air_density_kg_per_m3(20.0, 1013.25, 50.0)
    assert air * 293.15 / (20.0 + 237.15) > 1.1 * 1.199314
    assert air == pytest.approx(1.199314, abs=6e-7)


def test_dissolved_air_and_height_above_the_sea() -> None:
    plain = water_density_kg_per_m3(20.0)
    assert water_density_kg_per_m3(20.0, air_saturated=True) / plain - 1.0 == pytest.approx(-2.5e-6, abs=5e-8)
    assert water_density_kg_per_m3(20.0, 800.0) / plain - 1.0 == pytest.approx(-9.8e-6, abs=5e-8)
