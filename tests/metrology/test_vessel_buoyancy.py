"""The vessel's buoyancy in changing air, against hand calculations."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.metrology.density import air_density_kg_per_m3
from bench.metrology.vessel_buoyancy import AirCourse, air_course, correction_uncertainty_mg, vessel_correction_mg

DAY_S = 86_400.0


def course(**changed: tuple[float, float]) -> AirCourse:
    """Return three days of air in which some quantities go straight from one value to another."""
    ends = {"temperature_c": (23.0, 23.0), "pressure_hpa": (1000.0, 1000.0), "humidity_pct": (50.0, 50.0), **changed}
    time_s = np.arange(0.0, 3.0 * DAY_S + 1.0, 30.0)
    air = air_course({name: (time_s, np.linspace(*each, time_s.size)) for name, each in ends.items()})
    assert air is not None
    return air


@pytest.mark.parametrize(
    ("changed", "expected_mg"),
    [
        ({"pressure_hpa": (1000.0, 1020.0)}, 0.47),
        ({"temperature_c": (22.5, 23.5)}, -0.085),
        ({"humidity_pct": (40.0, 60.0)}, -0.05),
        ({}, 0.0),
    ],
)
def test_twenty_hectopascals_on_twenty_millilitres_are_half_a_milligram(
    changed: dict[str, tuple[float, float]], expected_mg: float
) -> None:
    time_s = np.array([0.0, 1.5 * DAY_S, 3.0 * DAY_S])
    added = vessel_correction_mg(time_s, course(**changed), 20.0)
    assert added[0] == 0.0
    assert added[2] == pytest.approx(expected_mg, abs=0.005)
    assert added[1] == pytest.approx(0.5 * expected_mg, abs=0.005)


def test_a_balance_in_changing_air_is_set_right() -> None:
    """A vessel of 15 mL and 25 g, weighed in air by its definition: m − ρ·V."""
    air = course(pressure_hpa=(990.0, 1015.0), temperature_c=(22.0, 24.0))
    time_s = np.arange(0.0, 3.0 * DAY_S, 10.0)
    shown_mg = 25_000.0 - 15.0 * air.at(time_s)
    assert np.ptp(shown_mg) > 0.2
    assert np.ptp(shown_mg + vessel_correction_mg(time_s, air, 15.0)) < 1e-6


def test_readings_without_a_common_time_are_no_course() -> None:
    some: NDArray[np.float64] = np.array([0.0, 60.0])
    late, none = some + 1000.0, np.empty(0)
    for times in ((some, some, late), (some, none, some)):
        channels = {
            name: (time_s, np.full_like(time_s, value))
            for (name, value), time_s in zip(
                {"temperature_c": 23.0, "pressure_hpa": 1000.0, "humidity_pct": 50.0}.items(), times, strict=True
            )
        }
        assert air_course(channels) is None
    assert vessel_correction_mg(none, course(), 20.0).size == 0


@cache
def rising() -> AirCourse:
    return course(pressure_hpa=(1000.0, 1020.0))


@given(st.floats(60.0, 3.0 * DAY_S))
def test_the_typical_change_of_a_straight_course_is_its_slope(interval_s: float) -> None:
    air = rising()
    whole = air.density_kg_per_m3[-1] - air.density_kg_per_m3[0]
    assert air.typical_change(interval_s) == pytest.approx(whole * interval_s / (3.0 * DAY_S), rel=1e-3, abs=3e-6)


def test_uncertainty_of_volume_and_sensor_add_in_quadrature() -> None:
    change = air_density_kg_per_m3(23.0, 1020.0, 50.0) - air_density_kg_per_m3(23.0, 1000.0, 50.0)
    by_volume = correction_uncertainty_mg(-change, 0.0, 5.0, 3.0 * DAY_S)
    assert by_volume == pytest.approx(0.47 / 4.0 / math.sqrt(3.0), rel=0.01)
    by_sensor = correction_uncertainty_mg(0.0, 20.0, 5.0, 3.0 * DAY_S)
    assert by_sensor == pytest.approx(0.006)
    both = correction_uncertainty_mg(change, 20.0, 5.0, 3.0 * DAY_S)
    assert both == pytest.approx(math.hypot(by_volume, by_sensor))
    assert correction_uncertainty_mg(0.0, 20.0, 5.0, 60.0) < 0.1 * both
