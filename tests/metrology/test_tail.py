"""Tails against what really came: means with noise of tails whose size and time constant are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.tail import tail_after

Floats = NDArray[np.float64]
TIME_S = 5.0 * np.arange(0.5, 60.0)
END_S = 295.0


def seen(size: float, constant_s: float, noise: float, seed: int) -> Floats:
    noisy = np.random.default_rng(seed).normal(0.0, noise, len(TIME_S))
    return np.asarray(10.0 - size * np.exp(-TIME_S / constant_s) + noisy)


def test_without_noise_the_tail_is_what_is_missing() -> None:
    found = tail_after(TIME_S, seen(3.0, 80.0, 0.0, 0), 1e-3, END_S)
    assert found is not None
    assert found.volume == pytest.approx(3.0 * np.exp(-END_S / 80.0), rel=0.02)
    assert found.time_constant_s == pytest.approx(80.0, rel=0.05)


def test_no_tail_is_told_as_next_to_nothing() -> None:
    found = tail_after(TIME_S, seen(0.0, 1.0, 0.01, 3), 0.01, END_S)
    assert found is not None
    assert found.volume < 0.01
    assert found.standard_uncertainty < 0.015


@pytest.mark.parametrize(("size", "constant_s"), [(3.0, 20.0), (3.0, 60.0), (1.0, 90.0), (0.05, 60.0)])
def test_the_tail_lies_within_its_uncertainty(size: float, constant_s: float) -> None:
    true = size * np.exp(-END_S / constant_s)
    errors, uncertainties = [], []
    for seed in range(200):
        found = tail_after(TIME_S, seen(size, constant_s, 0.01, seed), 0.01, END_S)
        assert found is not None
        errors.append(found.volume - true)
        uncertainties.append(found.standard_uncertainty)
    # A tenth of one mean's noise matters to nothing.
    inside = np.abs(errors) <= 2.0 * np.array(uncertainties) + 0.001
    assert inside.mean() >= 0.93
    # Not padded, either: never more than a few times what it is off by, or than the noise of one mean.
    assert np.mean(uncertainties) <= max(3.0 * float(np.std(errors)), 0.01)


@pytest.mark.parametrize(("size", "constant_s"), [(5.0, 60.0), (5.0, 98.0)])
def test_the_tail_errs_with_the_level_that_it_is_fitted_to(size: float, constant_s: float) -> None:
    """300 drawn looks: the covariance of both, and so the spread of their sum, is as foretold."""
    level_from_s = float(TIME_S[-4])
    levels, tails, told, own = [], [], [], []
    for seed in range(300):
        volume = seen(size, constant_s, 0.1, seed)
        found = tail_after(TIME_S, volume, 0.1, END_S, level_from_s)
        assert found is not None
        levels.append(float(volume[-4:].mean()))
        tails.append(found.volume)
        told.append(found.with_level)
        own.append(found.standard_uncertainty)
    drawn = float(np.cov(levels, tails)[0, 1])
    assert drawn > 0.1 * np.std(levels) * np.std(tails)
    assert np.mean(told) == pytest.approx(drawn, rel=0.45)
    foretold = np.sqrt(0.05**2 + np.mean(np.square(own)) + 2.0 * np.mean(told))
    assert foretold == pytest.approx(float(np.std(np.array(levels) + np.array(tails))), rel=0.08)


def test_a_tail_that_is_added_to_no_level_has_nothing_in_common_with_it() -> None:
    found = tail_after(TIME_S, seen(3.0, 60.0, 0.1, 1), 0.1, END_S)
    assert found is not None
    assert found.with_level == 0.0


def test_too_few_means_tell_nothing() -> None:
    assert tail_after(TIME_S[:5], np.zeros(5), 0.01, END_S) is None
    with pytest.raises(ValueError, match="above zero"):
        tail_after(TIME_S, np.zeros(60), 0.0, END_S)
