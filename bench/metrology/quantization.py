"""What the step of a display leaves open in a mean of readings: less, the more the readings scatter over steps."""

from __future__ import annotations

import math

import numpy as np

from bench.metrology.noise import Floats, block_means

_BLOCK_S = 10.0
_TERMS = 20
"""Further terms come to 3 % of u² where nothing scatters, and to nothing with a tenth of a step of scatter."""


def rounding_uncertainty(step: float, scatter: float = 0.0) -> float:
    """Return the standard uncertainty that rounding to `step` leaves in the mean of many readings.

    Readings that scatter normally before they are rounded are mistaken in their mean by a periodic function of where
    the true value lies between two steps; its Fourier series gives, over all places,
    u² = (step/π)²/2 · Σ exp(−(2πk·scatter/step)²)/k². Without scatter that is step²/12; with half a step of it u is a
    fortieth of that: what is left of rounding then averages out like noise, and is in what noise was estimated from.

    Args:
        step: of the display.
        scatter: standard deviation of the readings before rounding, in the same unit.

    """
    if step <= 0.0:
        return 0.0
    ratio = 2.0 * math.pi * scatter / step
    if ratio == 0.0:
        return step / math.sqrt(12.0)
    series = sum(math.exp(-((k * ratio) ** 2)) / k**2 for k in range(1, _TERMS + 1))
    return step / math.pi * math.sqrt(0.5 * series)


def scatter_of_readings(segments: list[tuple[Floats, Floats]], step: float) -> float:
    """Return by how much readings scatter within ten seconds, before they are rounded; no more than they surely do.

    A steady value near the edge of two steps flickers between them and scatters by half a step, so that much is taken
    off the variance. Half of the ten seconds of the segments scatter more.

    Args:
        segments: time (s) and value of stretches in which nothing but noise moves the readings.
        step: of the display.

    """
    variances: list[float] = []
    for time_s, value in segments:
        if len(time_s) < 2:
            continue
        index = np.floor((time_s - time_s[0]) / _BLOCK_S).astype(np.int64)
        means = block_means(time_s, value, _BLOCK_S)[1]
        count = np.bincount(index, minlength=len(means))
        squares = np.bincount(index, weights=(value - means[index]) ** 2, minlength=len(means))
        enough = count >= 3
        variances += (squares[enough] / (count[enough] - 1)).tolist()
    return math.sqrt(max(0.0, float(np.median(variances)) - 0.25 * step**2)) if variances else 0.0
