"""Densities against tables computed elsewhere, and buoyancy against a hand calculation."""

import pytest

from bench.metrology.density import (
    Surroundings,
    air_density_kg_per_m3,
    apparent_mass_to_volume_ul,
    buoyancy_factor,
    immersion_factor,
    water_density_kg_per_m3,
)


@pytest.mark.parametrize(
    ("temperature_c", "density"),
    [
        (15, 999.10257),
        (18, 998.59836),
        (20, 998.20675),
        (21, 997.99502),
        (22, 997.77298),
        (23, 997.54083),
        (25, 997.04702),
        (30, 995.64880),
    ],
)
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


def test_uncertainty_of_density_and_buoyancy_is_what_shifting_the_inputs_does() -> None:
    surroundings = Surroundings(21.0, 1000.0, 40.0, 0.5, 0.0, 0.0)
    shifted = [buoyancy_factor(water_density_kg_per_m3(t), 1.18) for t in (20.5, 21.5)]
    assert surroundings.relative_uncertainty_density() == pytest.approx(0.5 * (shifted[1] / shifted[0] - 1.0), rel=0.02)
    pressure_only = Surroundings(21.0, 1000.0, 40.0, 0.0, 10.0, 0.0)
    high, low = (apparent_mass_to_volume_ul(1.0, 21.0, 21.0, p, 40.0) for p in (1010.0, 990.0))
    assert pressure_only.relative_uncertainty_buoyancy() == pytest.approx(0.5 * (high - low) / low, rel=0.02)
