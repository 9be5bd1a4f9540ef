"""The volume of a milligram shown, and how far air and liquid leave it open."""

from dataclasses import replace
from typing import Any

import pytest

from bench.metrology.density import air_density_kg_per_m3, buoyancy_factor, water_density_kg_per_m3
from bench.metrology.liquids import SALINE, Liquid, measured_liquid
from bench.metrology.surroundings import Surroundings

HERE = Surroundings(21.0, 1000.0, 40.0, 0.0, 0.0, 0.0, liquid_c=21.0, u_liquid_c=0.0)


def changed(name: str, value: float) -> Surroundings:
    changes: dict[str, Any] = {name: value}
    return replace(HERE, **changes)


def test_the_liquid_may_be_warmer_than_the_air() -> None:
    warm = replace(HERE, liquid_c=25.0)
    air = air_density_kg_per_m3(21.0, 1000.0, 40.0)
    assert warm.factor_ul_per_mg() == pytest.approx(buoyancy_factor(water_density_kg_per_m3(25.0, 1000.0), air))
    assert warm.factor_ul_per_mg() / HERE.factor_ul_per_mg() - 1.0 == pytest.approx(4 * 234e-6, rel=0.02)


@pytest.mark.parametrize("liquid", [SALINE, measured_liquid("insulin", 1004.6, 1.0, 21.0)])
def test_another_liquid_is_heavier(liquid: Liquid) -> None:
    other = replace(HERE, liquid=liquid)
    assert other.factor_ul_per_mg() / HERE.factor_ul_per_mg() == pytest.approx(1.0 - 0.0064, abs=3e-4)


def test_uncertainty_is_what_shifting_the_inputs_does() -> None:
    warmth = replace(HERE, u_liquid_c=0.5)
    low, high = (replace(HERE, liquid_c=t).factor_ul_per_mg() for t in (20.5, 21.5))
    assert warmth.relative_uncertainty_temperature() == pytest.approx(0.5 * (high / low - 1.0), rel=0.02)
    for name, step in (("pressure_hpa", 10.0), ("humidity_pct", 10.0), ("temperature_c", 2.0)):
        uncertain = changed(f"u_{name}", step)
        low, high = (changed(name, getattr(HERE, name) + sign * step).factor_ul_per_mg() for sign in (-1, 1))
        assert uncertain.relative_uncertainty_buoyancy() == pytest.approx(0.5 * abs(high - low) / low, rel=0.06)
    assert replace(HERE, liquid=SALINE).relative_uncertainty_liquid() > 10.0 * HERE.relative_uncertainty_liquid()


def test_without_air_a_milligram_is_a_thousandth_less() -> None:
    assert HERE.factor_ul_per_mg() / HERE.weightless_ul_per_mg() - 1.0 == pytest.approx(1.04e-3, rel=0.02)
