"""What the balance shows for delivered liquid, against metrology's own Z values and formulas."""

from typing import Any

import pytest

from bench.twin.densities import air_g_per_ml, water_g_per_ml
from bench.twin.settings import Simulation
from bench.twin.world import World
from tests.twin.quiet import quiet

WATER_KG_PER_M3 = {15: 999.10257, 20: 998.20675, 25: 997.04702, 30: 995.64880}
AIR_KG_PER_M3: dict[tuple[float, float, float], float] = {
    (20, 1013.25, 50): 1.199314,
    (25, 1013.25, 50): 1.177315,
    (22, 1000, 40): 1.176009,
}
Z_UL_PER_MG = {20: 1.0028512, 25: 1.0039996, 30: 1.0053920}


def shown_mg(simulation: Simulation, volume_ul: float) -> float:
    """Return the change of the indication by a volume that the line brings in one pulse."""
    world = World(simulation, 1)
    before_g = world.balance.indication_g(60.0)
    world.line.inject(volume_ul, 60.0)
    return (world.balance.indication_g(180.0) - before_g) * 1e3


@pytest.mark.parametrize("temperature_c", WATER_KG_PER_M3)
def test_water_has_the_published_density(temperature_c: int) -> None:
    assert water_g_per_ml(temperature_c) * 1e3 == pytest.approx(WATER_KG_PER_M3[temperature_c], abs=2e-5)


@pytest.mark.parametrize("air", AIR_KG_PER_M3)
def test_air_has_the_density_of_cipm_2007(air: tuple[float, float, float]) -> None:
    assert air_g_per_ml(*air) * 1e3 == pytest.approx(AIR_KG_PER_M3[air], rel=1e-4)


@pytest.mark.parametrize("temperature_c", Z_UL_PER_MG)
def test_a_volume_weighs_what_z_says(temperature_c: int) -> None:
    simulation = quiet(climate={"temperature": f"{temperature_c} °C"})
    assert 1000.0 / shown_mg(simulation, 1000.0) == pytest.approx(Z_UL_PER_MG[temperature_c], abs=2e-7)


def test_a_rising_level_lifts_the_needle() -> None:
    thin = shown_mg(quiet(), 1000.0)
    dipped = shown_mg(quiet(plant={"needle_diameter": "1.6 mm", "vessel_diameter": "20 mm"}), 1000.0)
    assert thin == pytest.approx(dipped * (1.0 - (1.6 / 20.0) ** 2), rel=1e-9)


@pytest.mark.parametrize(
    ("fault", "rate_mg_per_h"), [([], 0.05), ([{"fault": "evaporation"}], 6.0)], ids=["oil film", "bare water"]
)
def test_the_vessel_loses_what_evaporates(fault: list[dict[str, Any]], rate_mg_per_h: float) -> None:
    world = World(quiet(*fault, plant={"evaporation": "0.05 mg/h"}), 1)
    lost_mg = (world.balance.indication_g(60.0) - world.balance.indication_g(7260.0)) * 1e3
    assert lost_mg == pytest.approx(2.0 * rate_mg_per_h, rel=1e-3)


def test_the_vessels_buoyancy_follows_the_air() -> None:
    simulation = quiet(climate={"pressure_wander": "20 hPa", "pressure_correlation": "1 h"})
    world = World(simulation, 1)
    first_hpa, first_g = world.climate.read(0.0)[1], world.balance.indication_g(0.0)
    for hour in range(1, 12):
        time_s = hour * 3600.0
        change_hpa = world.climate.read(time_s)[1] - first_hpa
        # 15 mL of air at 23 °C: 1.176e-6 g/mL for each hPa.
        expected_g = -15.0 * change_hpa * 0.34848e-3 / 296.15
        assert world.balance.indication_g(time_s) - first_g == pytest.approx(expected_g, rel=1e-3, abs=1e-9)


def test_the_room_wanders_within_its_setting() -> None:
    world = World(Simulation(), 5)
    temperatures_c = [world.climate.read(600.0 * step)[0] for step in range(4000)]
    mean_c = sum(temperatures_c) / len(temperatures_c)
    sd_k = (sum((each - mean_c) ** 2 for each in temperatures_c) / len(temperatures_c)) ** 0.5
    assert mean_c == pytest.approx(23.0, abs=0.03)
    assert sd_k == pytest.approx(0.15, rel=0.15)
