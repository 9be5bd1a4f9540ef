"""Allan deviation: by hand for a few readings, and of noises whose deviation is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.allan import allan_curve, allan_deviation, allan_of
from bench.metrology.noise_covariance import FilteredNoise

SAMPLES = 40_000


def made(value: np.ndarray, interval_s: float = 1.0) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(interval_s * np.arange(len(value)), value)]


def test_by_hand() -> None:
    # No line in it: 0, 1, 1, 0. Neighbours differ by 1, 0, −1: ½·mean of squares is 1/3.
    point = allan_deviation(made(np.array([0.0, 1.0, 1.0, 0.0])), 1.0)
    assert point is not None
    assert point.deviation == pytest.approx(math.sqrt(1.0 / 3.0))


def test_white_noise_falls_with_the_root_of_the_time() -> None:
    white = np.random.default_rng(1).normal(0.0, 0.02, SAMPLES)
    for tau_s in (1.0, 10.0, 100.0):
        point = allan_deviation(made(white), tau_s)
        assert point is not None
        assert point.deviation == pytest.approx(0.02 / math.sqrt(tau_s), abs=3.0 * point.standard_uncertainty)


def test_a_walk_rises_with_the_root_of_the_time() -> None:
    walk = np.cumsum(np.random.default_rng(2).normal(0.0, 0.001, SAMPLES))
    for tau_s in (10.0, 100.0):
        point = allan_deviation(made(walk), tau_s)
        assert point is not None
        # For means of discrete steps q²τ/3 has a part 1/(6m²) of it on top.
        assert point.deviation == pytest.approx(0.001 * math.sqrt(tau_s / 3.0), abs=3.0 * point.standard_uncertainty)


def test_its_uncertainty_is_what_many_runs_scatter_by() -> None:
    rng = np.random.default_rng(3)
    points = [allan_deviation(made(np.cumsum(rng.normal(0.0, 1.0, 400))), 20.0) for _ in range(300)]
    seen = [point.deviation for point in points if point is not None]
    told = [point.standard_uncertainty for point in points if point is not None]
    assert np.std(seen) == pytest.approx(np.mean(told), rel=0.25)


def test_a_steady_loss_is_no_noise() -> None:
    white = np.random.default_rng(4).normal(0.0, 0.02, 2000)
    still = allan_deviation(made(white), 100.0)
    losing = allan_deviation(made(white - 0.5 * np.arange(2000.0)), 100.0)
    assert still is not None
    assert losing is not None
    assert losing.deviation == pytest.approx(still.deviation, rel=1e-6)


def test_means_with_a_gap_in_them_are_left_out() -> None:
    white = np.random.default_rng(5).normal(0.0, 0.02, 2000)
    time_s = np.arange(2000.0)
    kept = (time_s < 900.0) | (time_s > 1100.0)
    # What lies on both sides of the gap is far apart, and is never compared.
    shifted = np.where(time_s > 1000.0, white + 50.0, white)
    line = np.polynomial.Polynomial.fit(time_s[kept], shifted[kept], 1)
    flat = [(time_s[kept], shifted[kept] - line(time_s[kept]))]
    apart = allan_deviation([(time_s[:900], white[:900]), (time_s[1101:], white[1101:])], 10.0)
    point = allan_deviation(flat, 10.0)
    assert point is not None
    assert apart is not None
    # The line through a step tilts what is left by 0.04 mg/s: means over 10 s are half of ten seconds of it apart.
    tilt = abs(line.convert().coef[1]) * 10.0
    assert point.deviation == pytest.approx(math.hypot(apart.deviation, tilt / math.sqrt(2.0)), rel=0.02)


def test_the_curve_goes_to_a_fourth_of_the_stretch() -> None:
    white = np.random.default_rng(6).normal(0.0, 0.02, 4001)
    points = allan_curve(made(white, 0.1), 0.5)
    assert points[0].tau_s == 0.5
    assert points[-1].tau_s == pytest.approx(100.0)
    assert allan_curve(made(white[:10], 0.1), 0.5) == []


def test_a_noise_of_known_densities_has_the_deviation_of_its_formula() -> None:
    white = FilteredNoise(4e-4, lag_s=1e-6, sample_s=0.1)
    assert allan_of(white, 10.0) == pytest.approx(math.sqrt(4e-4 / 10.0), rel=1e-3)
    flicker = FilteredNoise(0.0, flicker=1e-6, lag_s=1e-6, sample_s=0.1)
    assert allan_of(flicker, 100.0) == pytest.approx(math.sqrt(2.0 * math.log(2.0) * 1e-6), rel=1e-3)
    walk = FilteredNoise(0.0, walk=1e-7, lag_s=1e-6, sample_s=0.1)
    assert allan_of(walk, 100.0) == pytest.approx(math.sqrt(1e-7 * 100.0 / 3.0), rel=1e-3)
