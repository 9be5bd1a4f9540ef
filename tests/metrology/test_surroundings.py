"""The volume of a milligram shown, and how far air and liquid leave it open."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.metrology.density import (
    COLDEST_C,
    WARMEST_C,
    air_density_kg_per_m3,
    buoyancy_factor,
    water_density_kg_per_m3,
)
from bench.metrology.liquids import SALINE, WATER, Liquid, measured_liquid
from bench.metrology.surroundings import Surroundings

HERE = Surroundings(21.0, 1000.0, 40.0, 0.0, 0.0, 0.0, liquid_c=21.0, u_liquid_c=0.0)


def test_the_liquid_may_be_warmer_than_the_air() -> None:
    warm = replace(HERE, liquid_c=25.0)
    air = air_density_kg_per_m3(21.0, 1000.0, 40.0)
    assert warm.factor_ul_per_mg() == pytest.approx(buoyancy_factor(water_density_kg_per_m3(25.0, 1000.0), air))
    assert warm.factor_ul_per_mg() / HERE.factor_ul_per_mg() - 1.0 == pytest.approx(4 * 234e-6, rel=0.02)


@pytest.mark.parametrize("liquid", [SALINE, measured_liquid("insulin", 1004.6, 1.0, 21.0)])
def test_another_liquid_is_heavier(liquid: Liquid) -> None:
    other = replace(HERE, liquid=liquid)
    assert other.factor_ul_per_mg() / HERE.factor_ul_per_mg() == pytest.approx(1.0 - 0.0064, abs=3e-4)


def drawn_spread(here: Surroundings, seed: int = 7) -> float:
    """Return the relative spread of a milligram's volume: every quantity is drawn, and the densities follow.

    Through the densities' own functions; a warmer air warms the liquid by as much where that follows it.
    """
    generator = np.random.default_rng(seed)
    air_c, warmer_k, pressure_hpa, humidity_pct, itself = generator.standard_normal((5, 40_000))
    air_c = here.temperature_c + here.u_temperature_c * air_c
    liquid_c = (air_c if here.liquid_follows_air else here.liquid_c) + here.u_liquid_c * warmer_k
    pressure_hpa = here.pressure_hpa + here.u_pressure_hpa * pressure_hpa
    humidity_pct = here.humidity_pct + here.u_humidity_pct * humidity_pct
    own = here.liquid.half_width_kg_per_m3 / math.sqrt(3.0) * itself
    volumes = [
        buoyancy_factor(water_density_kg_per_m3(liquid, hpa) + off, air_density_kg_per_m3(air, hpa, pct))
        for air, liquid, hpa, pct, off in zip(air_c, liquid_c, pressure_hpa, humidity_pct, own, strict=True)
    ]
    return float(np.std(volumes) / np.mean(volumes))


MEASURED = Surroundings(22.3, 985.0, 42.0, 0.3, 1.0, 3.0, 22.3, 0.3, liquid_follows_air=True)
OF_ITS_OWN = replace(MEASURED, liquid_c=25.0, u_liquid_c=0.4, liquid_follows_air=False)
ANY_LAB = Surroundings(22.0, 1000.0, 50.0, 2.0, 20.0, 15.0, 22.0, 0.3, liquid_follows_air=True)
STILL_LIQUID = replace(OF_ITS_OWN, u_liquid_c=0.0, u_temperature_c=2.0, u_pressure_hpa=20.0, u_humidity_pct=15.0)


@pytest.mark.parametrize("here", [MEASURED, OF_ITS_OWN, ANY_LAB, STILL_LIQUID])
def test_the_uncertainty_is_that_of_drawn_surroundings(here: Surroundings) -> None:
    assert here.relative_uncertainty() == pytest.approx(drawn_spread(here), rel=0.01)


def test_one_thermometer_acts_on_both_densities_at_once() -> None:
    """1 K more makes the water thinner and the air, too: 231 ppm less 4 ppm."""
    by_name = {each.name: each for each in ANY_LAB.influences()}
    water = 0.5 * (1.0 - water_density_kg_per_m3(23.0, 1000.0) / water_density_kg_per_m3(21.0, 1000.0))
    air = 0.5 * (air_density_kg_per_m3(23.0, 1000.0, 50.0) - air_density_kg_per_m3(21.0, 1000.0, 50.0))
    by_air = air * (1.0 / 996.6 - 1.0 / 7998.8)
    assert by_name["temperature of the air"].per_unit == pytest.approx(water + by_air, rel=2e-3)
    assert by_air < -3e-6
    assert by_name["water warmer than the air"].per_unit == pytest.approx(water, rel=2e-3)
    apart = math.hypot(2.0 * water, 2.0 * by_air, 0.3 * water, 20.0 * by_name["pressure of the air"].per_unit)
    assert ANY_LAB.relative_uncertainty() < 0.99 * apart


def test_a_liquid_of_its_own_temperature_leaves_the_thermometer_the_air_alone() -> None:
    by_name = {each.name: each for each in OF_ITS_OWN.influences()}
    assert by_name["temperature of the air"].per_unit == pytest.approx(-3.6e-6, rel=0.05)
    liquid = by_name["temperature of the water"]
    assert (liquid.estimate, liquid.standard_uncertainty, liquid.unit) == (25.0, 0.4, "°C")
    assert liquid.per_unit == pytest.approx(257e-6, rel=0.01)


def test_a_barometer_acts_on_the_air_and_on_the_water() -> None:
    """1 hPa is 1.178 g/m³ of air; and water is pressed together by 0.046 ppm."""
    pressure = next(each for each in MEASURED.influences() if each.name == "pressure of the air")
    assert pressure.per_unit == pytest.approx(1.178e-3 * (1.0 / 996.5 - 1.0 / 7998.8) - 4.6e-8, rel=0.005)


def test_another_liquid_is_known_less_well() -> None:
    water, saline = (
        (each := replace(HERE, liquid=liquid).influences()[-1]).per_unit * each.standard_uncertainty
        for liquid in (WATER, SALINE)
    )
    assert abs(saline) > 10.0 * abs(water)
    assert abs(water) == pytest.approx(0.010 / math.sqrt(3.0) / 996.8, rel=1e-3)


@pytest.mark.parametrize("edge_c", [COLDEST_C, WARMEST_C])
def test_slopes_stay_where_densities_are_known(edge_c: float) -> None:
    assert math.isfinite(replace(ANY_LAB, temperature_c=edge_c, liquid_c=edge_c).relative_uncertainty())


def test_without_air_a_milligram_is_a_thousandth_less() -> None:
    assert HERE.factor_ul_per_mg() / HERE.weightless_ul_per_mg() - 1.0 == pytest.approx(1.04e-3, rel=0.02)
