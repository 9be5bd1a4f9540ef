"""Trumpet extremes against exact arithmetic and against tabulated ideal pulse trains."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.trumpet import (
    AMBULATORY_WINDOWS_S,
    INFUSION_WINDOWS_S,
    extremes_anywhere,
    extremes_on_grid,
    ideal_envelope,
    noise_floor_percent,
)


def test_alternating_minutes() -> None:
    """1.2 g and 0.8 g in turn against 60 mL/h: ±20 % over 1 min, none over 2 min, ±6.667 % over 3 min."""
    time_s = 60.0 * np.arange(13, dtype=np.float64)
    volume_ul = 1000.0 * np.concatenate(([0.0], np.cumsum([1.2, 0.8] * 6)))
    found = [extremes_on_grid(time_s, volume_ul, 60_000.0, 60.0 * p, 60.0, 0.0, 720.0) for p in (1, 2, 3)]
    assert [e.largest_percent for e in found if e] == pytest.approx([20.0, 0.0, 20.0 / 3.0], abs=1e-9)
    assert [e.least_percent for e in found if e] == pytest.approx([-20.0, 0.0, -20.0 / 3.0], abs=1e-9)
    assert [e.windows for e in found if e] == [12, 11, 10]


@pytest.mark.parametrize(
    ("interval_min", "envelopes"),
    [
        (60, [(-100, 300), (0, 0), (-20, 20), (-9.09, 9.09), (-5.26, 5.26), (-3.23, 3.23)]),
        (30, [(-100, 100), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]),
        (6, [(-20, 20), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]),
        (60 / 7, [(-42.86, 14.29), (0, 0), (-2.86, 2.86), (-1.30, 1.30), (-0.75, 0.75), (-0.46, 0.46)]),
        (3, [(0, 0)] * 6),
    ],
)
def test_ideal_pulses_over_ambulatory_windows(interval_min: float, envelopes: list[tuple[float, float]]) -> None:
    for window_s, expected in zip(AMBULATORY_WINDOWS_S, envelopes, strict=True):
        assert ideal_envelope(60.0 * interval_min, window_s) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize(
    ("interval_min", "envelopes"),
    [
        (3, [(-100, 50), (-40, 20), (-18.18, 9.09), (-5.26, 10.53), (-3.23, 6.45)]),
        (30, [(-100, 1400), (-100, 500), (-100, 172.7), (-100, 57.9), (-3.23, 93.5)]),
    ],
)
def test_ideal_pulses_over_infusion_windows(interval_min: float, envelopes: list[tuple[float, float]]) -> None:
    for window_s, expected in zip(INFUSION_WINDOWS_S, envelopes, strict=True):
        assert ideal_envelope(60.0 * interval_min, window_s) == pytest.approx(expected, abs=0.051)


def test_a_true_pulse_train_reaches_the_envelope_and_no_more() -> None:
    """0.35 U/h in pulses of 0.05 U: the curve of true steps, windows at every instant."""
    interval_s = 3600.0 / 7.0
    pulses = 100.0 + interval_s * np.arange(160, dtype=np.float64)
    time_s = np.sort(np.concatenate((pulses, pulses + 1e-3)))
    volume_ul = 0.5 * np.searchsorted(pulses, time_s - 5e-4).astype(np.float64)
    for window_s in AMBULATORY_WINDOWS_S[:4]:
        found = extremes_anywhere(time_s, volume_ul, 3.5, window_s, float(time_s[0]), float(time_s[-1]))
        assert found is not None
        assert (found.least_percent, found.largest_percent) == pytest.approx(
            ideal_envelope(interval_s, window_s), abs=1e-4
        )


increments = st.lists(st.integers(0, 40), min_size=3, max_size=30)


@given(increments, st.integers(1, 6))
def test_telescoped_form_is_the_mean_of_errors(steps: list[int], samples: int) -> None:
    """Exact rational arithmetic of the definition: the mean of the interval errors within each window."""
    time_s = 30.0 * np.arange(len(steps) + 1, dtype=np.float64)
    volume_ul = np.concatenate(([0.0], np.cumsum(steps) / 8.0))
    found = extremes_on_grid(time_s, volume_ul, 300.0, 30.0 * samples, 30.0, 0.0, float(time_s[-1]))
    if len(steps) < samples:
        assert found is None
        return
    nominal = Fraction(300 * 30, 3600)
    errors = [100 * (Fraction(step, 8) / nominal - 1) for step in steps]
    means = [sum(errors[j : j + samples], Fraction(0)) / samples for j in range(len(errors) - samples + 1)]
    assert found is not None
    assert found.least_percent == pytest.approx(float(min(means)), abs=1e-9)
    assert found.largest_percent == pytest.approx(float(max(means)), abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.1, 50.0), st.floats(0.0, 3.0)), min_size=2, max_size=25), st.floats(0.05, 0.9))
def test_any_start_is_no_less_extreme_than_a_dense_grid(steps: list[tuple[float, float]], share: float) -> None:
    time_s = np.cumsum([0.0, *(gap for gap, _ in steps)])
    volume_ul = np.cumsum([0.0, *(volume for _, volume in steps)])
    window_s = share * float(time_s[-1])
    found = extremes_anywhere(time_s, volume_ul, 100.0, window_s, 0.0, float(time_s[-1]))
    assert found is not None
    starts = np.linspace(0.0, float(time_s[-1]) - window_s, 2000)
    volumes = np.interp(starts + window_s, time_s, volume_ul) - np.interp(starts, time_s, volume_ul)
    errors = 100.0 * (volumes / (100.0 * window_s / 3600.0) - 1.0)
    assert found.largest_percent >= errors.max() - 1e-6
    assert found.least_percent <= errors.min() + 1e-6
    slope = np.max(np.diff(volume_ul) / np.diff(time_s))
    reach = 100.0 * 2.0 * slope * (starts[1] - starts[0]) / (100.0 * window_s / 3600.0)
    assert found.largest_percent <= errors.max() + reach + 1e-6


def test_windows_that_are_no_multiple_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        extremes_on_grid(np.array([0.0, 1e4]), np.array([0.0, 1.0]), 1.0, 1000.0, 900.0, 0.0, 1e4)


def test_noise_floor_of_the_published_case() -> None:
    """σ 12 µg a level, 15 min, ~100 windows: about ±1.7 % at 1 U/h and ±17 % at 0.1 U/h."""
    difference_ul = 0.012 * 2**0.5
    assert noise_floor_percent(difference_ul, 10.0, 900.0, 100) == pytest.approx(2.0, abs=0.4)
    assert noise_floor_percent(difference_ul, 1.0, 900.0, 100) == pytest.approx(20.0, abs=4.0)
