"""Settled steps against steps that are known, in noise like a balance's."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.plateau import Window, level, step_g, step_noise

Floats = NDArray[np.float64]


def balance_noise(rng: np.random.Generator, count: int) -> Floats:
    """Noise of a five-place balance at 10 Hz: white behind a 1 s lag, and a random walk; in g."""
    white = rng.normal(0.0, 6.5e-5, count)
    lagged = np.empty(count)
    state = 0.0
    share = 1.0 - math.exp(-0.1)
    for i, value in enumerate(white):
        state += share * (value - state)
        lagged[i] = state
    return lagged + np.cumsum(rng.normal(0.0, 3e-7, count))


def test_step_is_the_difference_of_levels_less_the_drift() -> None:
    time_s = np.arange(0.0, 100.0, 0.1)
    mass_g = np.where(time_s < 50.0, 0.0, 0.010) - 2e-6 * time_s
    before, after = level(time_s, mass_g, Window(10, 40)), level(time_s, mass_g, Window(60, 90))
    assert before is not None
    assert after is not None
    assert step_g(before, after, -2e-6) == pytest.approx(0.010, abs=1e-12)
    assert step_g(before, after, 0.0) == pytest.approx(0.010 - 1e-4, abs=1e-12)


def test_level_needs_readings() -> None:
    time_s = np.arange(0.0, 10.0, 0.1)
    mass_g = np.full_like(time_s, np.nan)
    assert level(time_s, mass_g, Window(0, 10)) is None
    assert level(time_s, np.ones_like(time_s), Window(20, 30)) is None
    mass_g[:6] = 1.0
    found = level(time_s, mass_g, Window(0, 10))
    assert found is not None
    assert (found.mass_g, found.readings) == (1.0, 6)


def test_stated_noise_is_what_steps_scatter_by() -> None:
    """Over 150 recordings: the scatter of a step of nothing, and the uncertainty that the blank states for it."""
    time_s = np.arange(0.0, 1100.0, 0.1)
    quiet = [Window(0, 600)]
    steps, stated = [], []
    for seed in range(150):
        mass_g = balance_noise(np.random.default_rng(seed), time_s.size)
        before, after = level(time_s, mass_g, Window(900, 930)), level(time_s, mass_g, Window(965, 995))
        assert before is not None
        assert after is not None
        steps.append(step_g(before, after, 0.0))
        stated.append(step_noise(time_s, mass_g, quiet, 30.0, 35.0).standard_uncertainty_g)
    scatter = float(np.std(steps))
    assert 0.75 < float(np.sqrt(np.mean(np.square(stated)))) / scatter < 1.4
    assert np.mean(np.abs(steps) < 2.0 * np.asarray(stated)) > 0.88


def test_drift_of_the_blank_is_no_noise() -> None:
    time_s = np.arange(0.0, 600.0, 0.1)
    drifting = step_noise(time_s, 1e-6 * time_s, [Window(0, 600)], 30.0, 35.0)
    assert drifting.standard_uncertainty_g < 1e-12
    assert drifting.degrees_of_freedom == pytest.approx(600 / 95)


def test_a_short_blank_states_more_not_less() -> None:
    time_s = np.arange(0.0, 3000.0, 0.1)
    long, short = [], []
    for seed in range(20):
        mass_g = balance_noise(np.random.default_rng(seed), time_s.size)
        long.append(step_noise(time_s, mass_g, [Window(0, 3000)], 30.0, 240.0))
        short.append(step_noise(time_s, mass_g, [Window(0, 120), Window(2880, 3000)], 30.0, 240.0))
    mean_long = np.mean([noise.standard_uncertainty_g for noise in long])
    assert np.mean([noise.standard_uncertainty_g for noise in short]) > mean_long
    assert short[0].degrees_of_freedom < long[0].degrees_of_freedom


def test_no_blank_is_refused() -> None:
    time_s = np.arange(0.0, 100.0, 0.1)
    with pytest.raises(ValueError, match="no stretch without delivery is long enough: 10 s for windows of 30 s"):
        step_noise(time_s, np.zeros_like(time_s), [Window(0, 10)], 30.0, 35.0)
    with pytest.raises(ValueError, match="no stretch without delivery is long enough"):
        step_noise(time_s, np.zeros_like(time_s), [], 30.0, 35.0)
