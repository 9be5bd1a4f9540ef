"""Which windows each type of pump is looked at through, and where their ends lie."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.cumulative import Cumulative
from bench.metrology.observation import (
    AMBULATORY_SAMPLE_S,
    AMBULATORY_WINDOWS_S,
    INFUSION_SAMPLE_S,
    INFUSION_WINDOWS_S,
    SHOT_WINDOWS,
    CycleWindows,
    GridWindows,
    Period,
    ambulatory_period,
    between_doses_s,
    common_step_s,
    cycle_boundaries,
    infusion_periods,
    observe,
    shot_period,
    whole_cycles,
)

INFUSION = GridWindows("infusion", INFUSION_SAMPLE_S, INFUSION_WINDOWS_S)
AMBULATORY = GridWindows("ambulatory", AMBULATORY_SAMPLE_S, AMBULATORY_WINDOWS_S)


def test_windows_are_the_same_multiples_of_samples() -> None:
    assert [w / INFUSION_SAMPLE_S for w in INFUSION_WINDOWS_S] == [2, 4, 10, 22, 38, 62]
    assert [w / AMBULATORY_SAMPLE_S for w in AMBULATORY_WINDOWS_S] == [1, 4, 10, 22, 38, 62]


def test_an_infusion_is_seen_in_its_second_and_its_last_hour() -> None:
    """A syringe pump that starts 20 % low, is 2 % high in the second hour and 3 % low in the last of four."""
    time_s = np.arange(0.0, 14_401.0, 5.0)
    rate = np.select([time_s < 3600.0, time_s < 7200.0, time_s < 10_800.0], [48.0, 61.2, 60.0], 58.2)
    volume_ul = np.concatenate(([0.0], np.cumsum(rate[:-1] * 5.0 / 3600.0)))
    record = Cumulative(time_s, volume_ul)
    periods = infusion_periods(0.0, 14_400.0, 60.0)
    assert [(each.name, each.start_s, each.end_s) for each in periods] == [
        ("second hour (T1)", 3600.0, 7200.0),
        ("last hour (T2)", 10_800.0, 14_400.0),
    ]
    for period, error in zip(periods, (2.0, -3.0), strict=True):
        found = observe(record, INFUSION, period)
        assert [each.window_s for each in found] == list(INFUSION_WINDOWS_S)
        # m = (T − P)/S + 1 windows.
        assert [len(each.errors.errors_percent) for each in found] == [119, 117, 111, 99, 83, 59]
        for each in found:
            assert each.errors.extremes.least_percent == pytest.approx(error, abs=1e-9)
            assert each.errors.extremes.largest_percent == pytest.approx(error, abs=1e-9)
    assert [each.name for each in infusion_periods(0.0, 7200.0, 60.0)] == ["second hour (T1)"]
    assert [each.name for each in infusion_periods(0.0, 3600.0, 60.0)] == ["all of it"]


def test_an_ambulatory_pump_is_seen_after_stabilisation() -> None:
    period = ambulatory_period(100.0, 100.0 + 50 * 3600.0, 24 * 3600.0, 10.0)
    assert (period.start_s, period.end_s) == (86_500.0, 180_100.0)
    time_s = np.arange(100.0, 180_101.0, 60.0)
    volume_ul = 10.0 / 3600.0 * np.where(time_s < 86_500.0, 2.0 * (time_s - 86_500.0), time_s - 86_500.0)
    found = observe(Cumulative(time_s, volume_ul), AMBULATORY, period)
    assert [each.errors.extremes.windows for each in found] == [104, 101, 95, 83, 67, 43]
    assert max(each.errors.extremes.largest_by_size_percent for each in found) < 1e-9


def test_a_pump_in_shots_is_seen_over_a_hundred_whole_cycles() -> None:
    """Shots of 1.1 and 0.9 µL in turn on a clock that is 1 % slow: 2 cycles even out, what is left is the clock."""
    shots_s = 181.8 * np.arange(1, 201, dtype=np.float64)
    time_s = np.sort(np.concatenate(([0.0], shots_s - 1e-3, shots_s + 1e-3)))
    sizes = np.where(np.arange(200) % 2, 0.9, 1.1)
    volume_ul = np.concatenate(([0.0], np.cumsum(sizes)))[np.searchsorted(shots_s, time_s)]
    boundaries_s = cycle_boundaries(shots_s)
    assert len(boundaries_s) == 201
    period = shot_period(boundaries_s, 3600.0, float(time_s[-1]), 20.0)
    assert period is not None
    assert period.name == "100 dose cycles"
    assert period.end_s - period.start_s == pytest.approx(100 * 181.8)
    found = observe(Cumulative(time_s, volume_ul), CycleWindows("shot cycles", SHOT_WINDOWS, boundaries_s), period)
    assert [len(each.errors.errors_percent) for each in found] == [99, 96, 90, 82, 70]
    for cycles, each in zip(SHOT_WINDOWS, found, strict=True):
        assert each.window_s == pytest.approx(cycles * 181.8)
        uneven = 0.1 if cycles % 2 else 0.0
        clock = 180.0 / 181.8
        assert each.errors.extremes.largest_percent == pytest.approx(100 * ((cycles + uneven) / cycles * clock - 1))
        assert each.errors.extremes.least_percent == pytest.approx(100 * ((cycles - uneven) / cycles * clock - 1))
    assert shot_period(boundaries_s, 1e9, 1e10, 20.0) is None
    short = shot_period(boundaries_s[:31], 0.0, 1e9, 20.0)
    assert short is not None
    assert short.name == "30 dose cycles"


def test_a_profile_is_seen_step_by_step() -> None:
    """Two steps of a profile, each against its own rate."""
    time_s = np.arange(0.0, 72_001.0, 30.0)
    volume_ul = np.where(time_s < 36_000.0, 10.1 * time_s, 10.1 * 36_000.0 + 19.6 * (time_s - 36_000.0)) / 3600.0
    record = Cumulative(time_s, volume_ul)
    steps = [Period("step 1", 0.0, 36_000.0, 10.0), Period("step 2", 36_000.0, 72_000.0, 20.0)]
    for step, error in zip(steps, (1.0, -2.0), strict=True):
        found = observe(record, AMBULATORY, step)
        assert len(found) == 5
        for each in found:
            assert each.period == step
            assert each.errors.extremes.largest_percent == pytest.approx(error, abs=1e-9)
            assert each.anywhere.least_percent == pytest.approx(error, abs=1e-9)


def test_which_windows_are_whole_cycles() -> None:
    assert whole_cycles(900.0, 180.0) is None
    assert whole_cycles(900.0, 420.0) == (840.0, 1260.0)
    assert whole_cycles(900.0, 3600.0) == (0.0, 3600.0)


@pytest.mark.parametrize(
    ("interval_s", "step_s"),
    [(180.0, 180.0), (3600.0, 900.0), (3600.0 / 7.0, 900.0 / 7.0), (420.0, 60.0), (180.0 * math.pi, 0.0)],
)
def test_common_step_of_samples_and_doses(interval_s: float, step_s: float) -> None:
    assert common_step_s(900.0, interval_s) == pytest.approx(step_s)


def test_a_dose_on_the_hour_counts_whole() -> None:
    doses_s = 180.0 * np.arange(1, 481, dtype=np.float64)
    assert between_doses_s(3600.0, doses_s + 0.7, 180.0) == pytest.approx(3690.7)
    assert between_doses_s(3600.0, doses_s - 0.7, 180.0) == pytest.approx(3689.3)
    assert between_doses_s(3600.0, doses_s - 0.7, 180.0, 60.0) == pytest.approx(3659.3)
    # Between doses anyway: nothing is moved.
    assert between_doses_s(3600.0, doses_s + 80.0, 180.0, 60.0) == pytest.approx(3600.0)
    assert between_doses_s(3600.0, np.empty(0), 180.0) == 3600.0
    assert between_doses_s(3600.0, doses_s, 0.0) == 3600.0


@given(st.floats(0.0, 1e5), st.floats(20.0, 7200.0), st.floats(-3600.0, 3600.0))
def test_an_instant_between_doses_is_clear_of_all_of_them(at_s: float, interval_s: float, phase_s: float) -> None:
    doses_s = phase_s + interval_s * np.arange(-50, 6000, dtype=np.float64)
    moved_s = between_doses_s(at_s, doses_s, interval_s, 60.0)
    off = (moved_s - phase_s) % interval_s
    guard_s = min(0.5 * interval_s, 60.0)
    assert guard_s - 1e-6 <= off <= interval_s - guard_s + 1e-6
    late_s = min(0.25 * interval_s, 60.0)
    assert -guard_s - 1e-6 <= moved_s - at_s <= late_s + guard_s + 1e-6
    # What is counted up to the instant: all that came by it, and all that was a little late.
    assert np.count_nonzero(doses_s <= moved_s) == np.count_nonzero(doses_s <= at_s + late_s)
