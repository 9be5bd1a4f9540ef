"""Trumpet extremes against exact rational arithmetic, analytic results, and a plain search over all windows."""

from bisect import bisect_right
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.metrology.cumulative import Cumulative
from bench.metrology.trumpet import (
    errors_of_cycles,
    errors_on_grid,
    extremes_anywhere,
    extremes_on_grid,
    ideal_envelope,
    noise_floor_percent,
    overall_error_percent,
)

Floats = NDArray[np.float64]
AMBULATORY_S = (900.0, 3600.0, 9000.0, 19800.0, 34200.0, 55800.0)
INFUSION_S = (120.0, 300.0, 660.0, 1140.0, 1860.0)


def test_alternating_minutes() -> None:
    """1.2 g and 0.8 g in turn against 60 mL/h: ±20 % over 1 min, none over 2 min, ±6.667 % over 3 min."""
    time_s = 60.0 * np.arange(13, dtype=np.float64)
    volume_ul = 1000.0 * np.concatenate(([0.0], np.cumsum([1.2, 0.8] * 6)))
    record = Cumulative(time_s, volume_ul)
    found = [extremes_on_grid(record, 60_000.0, 60.0 * p, 60.0, 0.0, 720.0) for p in (1, 2, 3)]
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
    for window_s, expected in zip(AMBULATORY_S, envelopes, strict=True):
        assert ideal_envelope(60.0 * interval_min, window_s) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize(
    ("interval_min", "envelopes"),
    [
        (3, [(-100, 50), (-40, 20), (-18.18, 9.09), (-5.26, 10.53), (-3.23, 6.45)]),
        (30, [(-100, 1400), (-100, 500), (-100, 172.7), (-100, 57.9), (-3.23, 93.5)]),
    ],
)
def test_ideal_pulses_over_infusion_windows(interval_min: float, envelopes: list[tuple[float, float]]) -> None:
    for window_s, expected in zip(INFUSION_S, envelopes, strict=True):
        assert ideal_envelope(60.0 * interval_min, window_s) == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize("interval_s", [180.0, 3600.0 / 7.0, 1234.5])
def test_a_pulse_train_shows_exactly_its_envelope(interval_s: float) -> None:
    """True steps, windows at every instant: ⌈P/τ⌉ and ⌊P/τ⌋ doses over P, to 1e-9."""
    pulses = 100.0 + interval_s * np.arange(int(60_000 / interval_s), dtype=np.float64)
    # Steps of a width that divides nothing, on both sides of the pulse.
    time_s = np.sort(np.concatenate((pulses - 1e-3, pulses + 1e-3)))
    volume_ul = 0.5 * np.searchsorted(pulses, time_s).astype(np.float64)
    rate = 0.5 / interval_s * 3600.0
    for window_s in (500.0, 1000.0, 7000.0, 20_000.0):
        found = extremes_anywhere(Cumulative(time_s, volume_ul), rate, window_s, float(time_s[0]), float(time_s[-1]))
        assert found is not None
        assert (found.least_percent, found.largest_percent) == pytest.approx(
            ideal_envelope(interval_s, window_s), abs=1e-9
        )


@pytest.mark.parametrize("window_s", [600.0, 900.0, 2100.0])
def test_a_sinusoidal_flow_shows_its_analytic_amplitude(window_s: float) -> None:
    """A flow r·(1 + a·sin ωt) shows ±100·a·sinc over windows of P: |sin(ωP/2)/(ωP/2)|.

    Samples lie a ten-millionth of the period apart about the extremes only, which is all that decides.
    """
    rate, amplitude, omega = 10.0, 0.1, 2.0 * np.pi / 1800.0

    def volume(time_s: Floats) -> Floats:
        return np.asarray(rate / 3600.0 * (time_s + amplitude / omega * (1.0 - np.cos(omega * time_s))))

    half = 0.5 * window_s
    # Windows centred on a crest and on a trough of the flow.
    crests = np.array([1800.0 * k + q for k in range(2, 6) for q in (450.0, 1350.0)])
    time_s = np.unique(np.concatenate((np.arange(0.0, 14_400.0, 7.0), crests - half, crests + half)))
    found = extremes_anywhere(Cumulative(time_s, volume(time_s)), rate, window_s, 0.0, 14_300.0)
    assert found is not None
    expected = 100.0 * amplitude * abs(np.sin(omega * half) / (omega * half))
    assert found.largest_percent == pytest.approx(expected, abs=1e-9)
    assert found.least_percent == pytest.approx(-expected, abs=1e-9)


increments = st.lists(st.integers(0, 40), min_size=3, max_size=30)


@given(increments, st.integers(1, 6))
def test_telescoped_form_is_the_mean_of_errors(steps: list[int], samples: int) -> None:
    """Exact rational arithmetic of the definition: the mean of the interval errors within each window."""
    time_s = 30.0 * np.arange(len(steps) + 1, dtype=np.float64)
    volume_ul = np.concatenate(([0.0], np.cumsum(steps) / 8.0))
    found = extremes_on_grid(Cumulative(time_s, volume_ul), 300.0, 30.0 * samples, 30.0, 0.0, float(time_s[-1]))
    if len(steps) < samples:
        assert found is None
        return
    nominal = Fraction(300 * 30, 3600)
    errors = [100 * (Fraction(step, 8) / nominal - 1) for step in steps]
    means = [sum(errors[j : j + samples], Fraction(0)) / samples for j in range(len(errors) - samples + 1)]
    assert found is not None
    assert found.least_percent == pytest.approx(float(min(means)), abs=1e-9)
    assert found.largest_percent == pytest.approx(float(max(means)), abs=1e-9)


def exact_at(stamps: list[Fraction], volumes: list[Fraction], at: Fraction) -> Fraction:
    """The volume straight between stamps, without any rounding."""
    i = min(max(bisect_right(stamps, at) - 1, 0), len(stamps) - 2)
    share = (at - stamps[i]) / (stamps[i + 1] - stamps[i])
    return volumes[i] + share * (volumes[i + 1] - volumes[i])


def in_gap(stamps: list[Fraction], at: Fraction, longest: Fraction) -> bool:
    i = bisect_right(stamps, at) - 1
    return 0 <= i < len(stamps) - 1 and stamps[i] < at and stamps[i + 1] - stamps[i] > longest


# Eighths of seconds and of microlitres are exact in floating point, so that only the evaluation can err.
rough = st.lists(st.tuples(st.integers(1, 60), st.integers(-20, 80)), min_size=2, max_size=120)


@given(rough, st.integers(1, 800), st.integers(20, 100))
def test_windows_anywhere_are_those_of_an_exact_search(
    steps: list[tuple[int, int]], eighths: int, longest_eighths: int
) -> None:
    """Non-uniform stamps, gaps, volume that also falls: against rational arithmetic over every candidate."""
    stamps, volumes = [Fraction(0)], [Fraction(0)]
    for gap, volume in steps:
        stamps.append(stamps[-1] + Fraction(gap, 8))
        volumes.append(volumes[-1] + Fraction(volume, 8))
    window, longest = Fraction(eighths, 8), Fraction(longest_eighths, 8)
    record = Cumulative(np.array([float(t) for t in stamps]), np.array([float(v) for v in volumes]), float(longest))
    found = extremes_anywhere(record, 100.0, float(window), 0.0, float(stamps[-1]))
    last = stamps[-1] - window
    if last < 0:
        assert found is None
        return
    starts = [Fraction(0), last, *(t for t in stamps if t <= last), *(t - window for t in stamps if t >= window)]
    allowed = [s for s in starts if not in_gap(stamps, s, longest) and not in_gap(stamps, s + window, longest)]
    assert found is not None
    assert found.windows + found.left_out == len(starts)
    assert found.windows == len(allowed)
    if not allowed:
        return
    grown = [exact_at(stamps, volumes, s + window) - exact_at(stamps, volumes, s) for s in allowed]
    errors = [float(100 * (v * 36 / window - 1)) for v in (min(grown), max(grown))]
    assert [found.least_percent, found.largest_percent] == pytest.approx(errors, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_stretches_left_out_hold_no_extreme(seed: int) -> None:
    """Enough stamps for the coarse search: it finds what a look at all of them finds, to the last digit but two."""
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.exponential(0.1, 40_000))
    pulses = 60.0 * np.arange(1, 70)
    sizes = rng.normal(0.5, 0.05, len(pulses))
    volume_ul = np.concatenate(([0.0], np.cumsum(sizes)))[np.searchsorted(pulses, time_s)]
    volume_ul = volume_ul + np.cumsum(rng.normal(0.0, 1e-3, len(time_s))) + rng.normal(0.0, 0.01, len(time_s))
    record, end_s = Cumulative(time_s, volume_ul), float(time_s[-1])
    for window_s in (0.05, 33.0, 900.0, 0.9 * end_s):
        found = extremes_anywhere(record, 30.0, window_s, float(time_s[0]), end_s)
        begins = np.concatenate((time_s[time_s + window_s <= end_s], time_s[time_s - window_s >= time_s[0]] - window_s))
        grown = np.interp(begins + window_s, time_s, volume_ul) - np.interp(begins, time_s, volume_ul)
        errors = 100.0 * (grown / (30.0 * window_s / 3600.0) - 1.0)
        assert found is not None
        assert found.windows == len(begins) + 2
        assert found.largest_percent == pytest.approx(errors.max(), rel=1e-9)
        assert found.least_percent == pytest.approx(errors.min(), rel=1e-9)


def test_a_window_that_ends_in_a_gap_is_left_out_and_one_that_holds_it_is_told() -> None:
    """Steady flow with 10 min missing: straight across the gap nothing would be seen of a dose lost in it."""
    time_s = np.array([t for t in np.arange(0.0, 7201.0, 30.0) if not 3000.0 < t < 3600.0])
    record = Cumulative(time_s, time_s * 60.0 / 3600.0, longest_step_s=60.0)
    found = errors_on_grid(record, 60.0, 300.0, 60.0, 0.0, 7200.0)
    assert found is not None
    # Samples at 3060 … 3540 s are not known: nine begin a window there, nine end one, of which 4 do both.
    assert found.left_out == 14
    assert len(found.errors_percent) == 116 - 14
    assert found.bridging == 0
    long = errors_on_grid(record, 60.0, 1800.0, 60.0, 0.0, 7200.0)
    assert long is not None
    assert (long.left_out, long.bridging) == (18, 21)
    assert overall_error_percent(record, 60.0, 0.0, 7200.0) == pytest.approx(0.0, abs=1e-9)
    assert overall_error_percent(record, 60.0, 0.0, 3300.0) is None


def test_beyond_the_record_nothing_is_known() -> None:
    time_s = np.arange(0.0, 601.0, 30.0)
    record = Cumulative(time_s, time_s / 60.0)
    found = extremes_on_grid(record, 60.0, 120.0, 30.0, 0.0, 1200.0)
    assert found is not None
    assert (found.windows, found.left_out) == (17, 20)
    assert found.least_percent == pytest.approx(0.0, abs=1e-9)
    nothing = extremes_on_grid(record, 60.0, 120.0, 30.0, 700.0, 1200.0)
    assert nothing is not None
    assert nothing.windows == 0
    assert np.isnan(nothing.largest_percent)


def test_cycles_as_long_as_they_were() -> None:
    """A pump whose cycles wander by ±10 % but carry equal doses: the error is that of the time they took."""
    boundaries = np.array([0.0, 90.0, 200.0, 300.0, 400.0])
    record = Cumulative(boundaries, np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    found = errors_of_cycles(record, 36.0, 1, boundaries)
    assert found is not None
    assert found.errors_percent == pytest.approx([100.0 / 0.9 - 100.0, 100.0 / 1.1 - 100.0, 0.0, 0.0], abs=1e-9)
    assert errors_of_cycles(record, 36.0, 5, boundaries) is None
    whole = errors_of_cycles(record, 36.0, 4, boundaries)
    assert whole is not None
    assert whole.errors_percent == pytest.approx([0.0], abs=1e-9)


def test_windows_that_are_no_multiple_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        extremes_on_grid(Cumulative(np.array([0.0, 1e4]), np.array([0.0, 1.0])), 1.0, 1000.0, 900.0, 0.0, 1e4)


def test_noise_floor_of_the_published_case() -> None:
    """σ 12 µg a level, 15 min, ~100 windows: about ±1.7 % at 1 U/h and ±17 % at 0.1 U/h."""
    difference_ul = 0.012 * 2**0.5
    assert noise_floor_percent(difference_ul, 10.0, 900.0, 100) == pytest.approx(2.0, abs=0.4)
    assert noise_floor_percent(difference_ul, 1.0, 900.0, 100) == pytest.approx(20.0, abs=4.0)
