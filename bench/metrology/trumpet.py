"""Trumpet curves: the largest and least flow error over observation windows of a length (IEC 60601-2-24 style).

The mean of overlapping errors telescopes to a difference of cumulative readings, so nothing is summed up and no
rounding piles up: E_p = 100·((V(s + P) − V(s))/(r·P) − 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MULTIPLES = (4, 10, 22, 38, 62)
"""Observation windows in sample intervals: 2, 5, 11, 19 and 31 min of 30 s samples, 60 to 930 min of 15 min ones."""
AMBULATORY_SAMPLE_S = 900.0
AMBULATORY_WINDOWS_S = (900.0, 3600.0, 9000.0, 19800.0, 34200.0, 55800.0)
INFUSION_SAMPLE_S = 30.0
INFUSION_WINDOWS_S = (120.0, 300.0, 660.0, 1140.0, 1860.0)
SHOT_WINDOWS = (2, 5, 11, 19, 31)
"""Observation windows of a pump that delivers in shots, in shot cycles."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """Least and largest mean error over all windows of a length, in percent, and how many windows there were."""

    least_percent: float
    largest_percent: float
    windows: int


def _errors_percent(volumes_ul: Floats, rate_ul_per_h: float, window_s: float) -> Floats:
    return 100.0 * (volumes_ul / (rate_ul_per_h * window_s / 3600.0) - 1.0)


def extremes_on_grid(
    time_s: Floats,
    volume_ul: Floats,
    rate_ul_per_h: float,
    window_s: float,
    sample_s: float,
    start_s: float,
    end_s: float,
) -> Extremes | None:
    """Return the extremes over windows that begin at every sample interval; None where no window fits.

    The cumulative volume is interpolated onto the samples, which keeps the delivered amount; rates are never averaged.
    A window that is no whole number of samples is refused.

    Raises:
        ValueError: `window_s` is no multiple of `sample_s`.

    """
    samples = round(window_s / sample_s)
    if samples < 1 or abs(window_s / sample_s - samples) > 1e-6:
        raise ValueError(f"a window of {window_s:g} s is no multiple of the sample interval, {sample_s:g} s")
    count = math.floor((end_s - start_s) / sample_s + 1e-6)
    if count < samples:
        return None
    grid = start_s + sample_s * np.arange(count + 1, dtype=np.float64)
    cumulative = np.interp(grid, time_s, volume_ul)
    errors = _errors_percent(cumulative[samples:] - cumulative[:-samples], rate_ul_per_h, window_s)
    return Extremes(float(errors.min()), float(errors.max()), len(errors))


def extremes_anywhere(
    time_s: Floats, volume_ul: Floats, rate_ul_per_h: float, window_s: float, start_s: float, end_s: float
) -> Extremes | None:
    """Return the extremes over windows that begin at any instant; None where no window fits.

    Exact for a volume that is piecewise linear between stamps, however they are spaced: extremes lie where either end
    of a window is at a stamp.
    """
    latest = end_s - window_s
    if latest < start_s:
        return None
    starts = np.concatenate((time_s, time_s - window_s, np.array([start_s, latest])))
    starts = starts[(starts >= start_s) & (starts <= latest)]
    volumes = np.interp(starts + window_s, time_s, volume_ul) - np.interp(starts, time_s, volume_ul)
    errors = _errors_percent(volumes, rate_ul_per_h, window_s)
    return Extremes(float(errors.min()), float(errors.max()), len(errors))


def ideal_envelope(interval_s: float, window_s: float) -> tuple[float, float]:
    """Return the extremes, in percent, of a perfect pump that meters equal pulses at equal intervals, over all phases.

    A window then holds ⌊P/τ⌋ or ⌈P/τ⌉ pulses; that is counting, not error.
    """
    ratio = window_s / interval_s
    if abs(ratio - round(ratio)) < 1e-6 * max(1.0, ratio):
        return 0.0, 0.0
    return 100.0 * (math.floor(ratio) / ratio - 1.0), 100.0 * (math.ceil(ratio) / ratio - 1.0)


def noise_floor_percent(level_difference_ul: float, rate_ul_per_h: float, window_s: float, windows: int) -> float:
    """Return how far noise alone spreads the extremes of so many windows, in percent.

    Args:
        level_difference_ul: standard uncertainty of the volume over one window, by noise.
        rate_ul_per_h: commanded rate.
        window_s: length of the windows.
        windows: how many there are; the greatest of n normal values is some √(2 ln n) standard deviations out.

    """
    reach = max(1.0, math.sqrt(2.0 * math.log(max(windows, 2))))
    return 100.0 * reach * level_difference_ul / (rate_ul_per_h * window_s / 3600.0)
