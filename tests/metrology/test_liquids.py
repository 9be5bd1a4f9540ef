"""Liquids other than water, against published tables and an independent library."""

import math

import numpy as np
import pytest
from CoolProp.CoolProp import PropsSI

from bench.metrology.density import water_density_kg_per_m3
from bench.metrology.liquids import LIQUIDS, SALINE, WATER, measured_liquid

ROGERS_PITZER = {
    10.0: (0.995998, 0.989781),
    20.0: (0.997620, 0.991564),
    25.0: (0.998834, 0.992832),
    30.0: (1.000279, 0.994319),
}
"""Specific volume in mL/g of 0.1 mol/kg and of 0.25 mol/kg sodium chloride at 1 bar, by temperature."""
MOL_PER_KG = 9.0 / 58.443 / (1.0046 - 0.009)


@pytest.mark.parametrize("temperature_c", ROGERS_PITZER)
def test_saline_by_its_source(temperature_c: float) -> None:
    """The excess over water per molality is nearly straight in the root of the molality (Debye and Hueckel)."""
    water = water_density_kg_per_m3(temperature_c)
    thin, thick = (1000.0 / volume - water for volume in ROGERS_PITZER[temperature_c])
    share = (math.sqrt(MOL_PER_KG) - math.sqrt(0.1)) / (math.sqrt(0.25) - math.sqrt(0.1))
    excess = MOL_PER_KG * (thin / 0.1 + share * (thick / 0.25 - thin / 0.1))
    assert SALINE.density_kg_per_m3(temperature_c) == pytest.approx(water + excess, abs=0.03)


@pytest.mark.parametrize("temperature_c", np.arange(15.0, 30.1, 2.5))
def test_saline_agrees_with_an_independent_library(temperature_c: float) -> None:
    expected = PropsSI("D", "T", 273.15 + temperature_c, "P", 101325.0, "INCOMP::MNA-0.896%")
    assert SALINE.density_kg_per_m3(temperature_c) == pytest.approx(expected, rel=1e-4)
    # A saline of 95 % or 105 % of its content is still within the half width.
    excess = expected - water_density_kg_per_m3(temperature_c)
    assert 0.05 * excess < SALINE.half_width_kg_per_m3


def test_water_is_known_to_a_few_ppm_and_saline_to_some_hundred() -> None:
    assert WATER.relative_uncertainty(23.0) == pytest.approx(10e-6 / math.sqrt(3.0), rel=0.01)
    assert 1e-4 < SALINE.relative_uncertainty(23.0) < 3e-4
    assert all(liquid.source for liquid in LIQUIDS.values())


def test_a_measured_liquid_expands_like_water_from_where_it_was_measured() -> None:
    liquid = measured_liquid("insulin", 1004.0, 2.0, 22.0)
    assert liquid.density_kg_per_m3(22.0) == pytest.approx(1004.0)
    ratio = water_density_kg_per_m3(30.0) / water_density_kg_per_m3(22.0)
    assert liquid.density_kg_per_m3(30.0) == pytest.approx(1004.0 * ratio)
    here, there = liquid.relative_uncertainty(22.0), liquid.relative_uncertainty(30.0)
    assert here == pytest.approx(2.0 / 1004.0 / math.sqrt(3.0))
    assert there == pytest.approx(math.hypot(here, 0.3 * (1.0 - ratio) / math.sqrt(3.0)), rel=0.01)


def test_a_liquid_measured_where_water_has_no_density_is_refused() -> None:
    with pytest.raises(ValueError, match="0 °C to 40 °C"):
        measured_liquid("steam", 600.0, 1.0, 120.0)
