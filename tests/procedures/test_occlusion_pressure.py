"""Pressure at the alarm and at its peak, against curves that are known."""

import numpy as np
import pytest

from bench.procedures.occlusion import line_pressure
from bench.recording.reader import Series


def sensor(noise_kpa: float, offset_kpa: float = 0.4, interval_s: float = 0.2) -> Series:
    """Zero, then a ramp of 0.1 kPa/s from 200 s to 1200 s, then zero again."""
    time_s = np.arange(0.0, 1500.0, interval_s)
    value = np.where((time_s >= 200.0) & (time_s < 1200.0), 0.1 * (time_s - 200.0), 0.0) + offset_kpa
    value += np.random.default_rng(5).normal(0.0, noise_kpa, time_s.size)
    return Series(time_s, value, np.ones(time_s.size, dtype=bool), np.zeros(time_s.size, dtype=bool))


def test_pressures_stand_above_the_blanks_zero() -> None:
    readings = sensor(0.04)
    zeroed = line_pressure.zero(readings, [(0.0, 190.0), (1300.0, 1490.0)])
    assert zeroed is not None
    assert zeroed.value == pytest.approx(0.4, abs=0.01)
    at_alarm = line_pressure.at(readings, zeroed, 1100.0, 0.0)
    peak = line_pressure.peak(readings, zeroed, 200.0, 1250.0)
    assert at_alarm is not None
    assert peak is not None
    assert at_alarm.value == pytest.approx(90.0, abs=0.1)
    assert peak.value == pytest.approx(100.0, abs=0.15)
    assert peak.value - 100.0 < peak.spread + 2.0 * peak.noise


def test_the_greatest_of_a_minute_is_not_what_noise_makes_of_it() -> None:
    """The line stays at 100 kPa for a minute: the greatest second of sixty is 2.3 standard deviations too high."""
    peaks = []
    for seed in range(60):
        time_s = np.arange(0.0, 400.0, 0.2)
        value = np.where((time_s >= 300.0) & (time_s < 360.0), 100.0, 0.0)
        value += np.random.default_rng(seed).normal(0.0, 0.1, time_s.size)
        readings = Series(time_s, value, np.ones(time_s.size, dtype=bool), np.zeros(time_s.size, dtype=bool))
        zeroed = line_pressure.zero(readings, [(0.0, 290.0)])
        assert zeroed is not None
        peak = line_pressure.peak(readings, zeroed, 295.0, 365.0)
        assert peak is not None
        peaks.append(peak.value - 100.0)
        assert peak.noise == pytest.approx(0.1 / np.sqrt(5.0), rel=0.15)
    assert abs(np.mean(peaks)) < 0.3 * 0.1 / np.sqrt(5.0)


def test_a_single_great_second_is_left_as_it_is() -> None:
    readings = sensor(0.0)
    readings.value[5000:5010] = 150.0
    zeroed = line_pressure.zero(readings, [(0.0, 190.0)])
    assert zeroed is not None
    peak = line_pressure.peak(readings, zeroed, 200.0, 1250.0)
    assert peak is not None
    assert peak.value == pytest.approx(150.0 - 0.4, abs=0.01)


def test_an_instant_not_well_known_leaves_the_pressure_open() -> None:
    readings = sensor(0.0)
    zeroed = line_pressure.zero(readings, [(0.0, 190.0)])
    assert zeroed is not None
    found = line_pressure.at(readings, zeroed, 700.0, 5.0)
    assert found is not None
    assert found.spread == pytest.approx(0.5, abs=0.02)


def test_a_slow_sensor_is_read_between_its_readings() -> None:
    readings = sensor(0.0, interval_s=4.0)
    zeroed = line_pressure.zero(readings, [(0.0, 190.0)])
    assert zeroed is not None
    found = line_pressure.at(readings, zeroed, 702.0, 0.0)
    assert found is not None
    assert found.value == pytest.approx(50.2, abs=0.01)


def test_without_readings_there_is_no_pressure() -> None:
    empty = Series(np.empty(0), np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=bool))
    assert line_pressure.zero(empty, [(0.0, 100.0)]) is None
    readings = sensor(0.0)
    zeroed = line_pressure.zero(readings, [(0.0, 190.0)])
    assert zeroed is not None
    assert line_pressure.at(readings, zeroed, 5000.0, 0.0) is None
    assert line_pressure.peak(readings, zeroed, 5000.0, 6000.0) is None


@pytest.mark.parametrize(("at_alarm_kpa", "excess"), [(99.0, 0.3), (100.1, 0.2), (100.5, 0.0)])
def test_what_was_taken_off_a_peak_is_given_back_up_to_what_was_there(at_alarm_kpa: float, excess: float) -> None:
    peak = line_pressure.Pressure(100.0, 0.1, 0.15, 0.3)
    found = line_pressure.no_less(peak, line_pressure.Pressure(at_alarm_kpa, 0.1, 0.0))
    assert found.value == max(100.0, at_alarm_kpa)
    assert found.excess == pytest.approx(excess)
    assert found.spread == pytest.approx(0.5 * excess)
    assert found.noise == peak.noise
