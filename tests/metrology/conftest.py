"""Noise like a balance's, made from its definition: white behind a lag, flicker, random walk, rounding; in mg."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
STEP_S = 0.1


def lagged(signal: Floats, lag_s: float = 1.0) -> Floats:
    """Return a signal as a first-order balance shows it, from rest at its first value."""
    share = 1.0 - np.exp(-STEP_S / lag_s)
    start = signal[0] * (1.0 - share)
    return np.asarray(lfilter([share], [1.0, share - 1.0], signal, zi=[start])[0], dtype=np.float64)


def five_place(
    rng: np.random.Generator,
    count: int,
    white_mg: float = 0.015,
    flicker_mg: float = 0.003,
    walk_mg: float = 3e-4,
) -> Floats:
    """Return `count` samples at 10 Hz: white of `white_mg` at the output, flicker and walk by innovations a sample."""
    share = 1.0 - np.exp(-STEP_S)
    white = rng.normal(0.0, white_mg * np.sqrt((2.0 - share) / share), count)
    noise = lagged(np.concatenate((np.zeros(1), white)))[1:]
    # Flicker is white noise through (1 − z⁻¹)^(−1/2); by FFT, long enough that nothing wraps around.
    taps = np.cumprod(np.concatenate(([1.0], (np.arange(1, count) - 0.5) / np.arange(1, count))))
    size = 1 << (2 * count - 1).bit_length()
    innovations = rng.normal(0.0, flicker_mg, count)
    flicker = np.fft.irfft(np.fft.rfft(taps, size) * np.fft.rfft(innovations, size), size)[:count]
    return np.asarray(noise + flicker + np.cumsum(rng.normal(0.0, walk_mg, count)), dtype=np.float64)


@pytest.fixture
def balance_noise() -> Callable[..., Floats]:
    """The noise of a five-place balance: `balance_noise(rng, count)` gives mg at 10 Hz, not yet rounded."""
    return five_place
