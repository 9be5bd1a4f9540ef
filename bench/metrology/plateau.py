"""Settled steps: how much heavier the vessel is on one plateau than on the one before, and how well that is known.

A step is the difference of two means, each over a window in which nothing is delivered, less the drift between their
middles. Means over some 20–30 s are close to the best that any estimator does on a balance's coloured noise, and
need no model of the balance's filter; what they scatter by is measured on the blank with the very same windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MIN_READINGS = 5
GRID_S = 1.0
PAIRS = 3.0
"""How many pairs of windows a stretch must hold for its noise to be told from its drift."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, both ends included."""

    start_s: float
    end_s: float

    @property
    def width_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Level:
    """The mean of a window's readings, and the mean of their times."""

    time_s: float
    mass_g: float
    readings: int


@dataclass(frozen=True, slots=True)
class StepNoise:
    """Standard uncertainty of a settled step by noise, with the degrees of freedom that it was found with."""

    standard_uncertainty_g: float
    degrees_of_freedom: float


def level(time_s: Floats, mass_g: Floats, window: Window) -> Level | None:
    """Return the level in `window`; None where it holds fewer than five valid readings. `time_s` ascends."""
    inside = slice(np.searchsorted(time_s, window.start_s, "left"), np.searchsorted(time_s, window.end_s, "right"))
    valid = np.isfinite(mass_g[inside])
    readings = int(valid.sum())
    if readings < MIN_READINGS:
        return None
    return Level(float(time_s[inside][valid].mean()), float(mass_g[inside][valid].mean()), readings)


def step_g(before: Level, after: Level, drift_g_per_s: float) -> float:
    """Return what was added between two levels, where the mass drifts by `drift_g_per_s` all the time."""
    return after.mass_g - before.mass_g - drift_g_per_s * (after.time_s - before.time_s)


def step_noise(time_s: Floats, mass_g: Floats, quiet: Sequence[Window], width_s: float, gap_s: float) -> StepNoise:
    """Return how steps of nothing scatter in `quiet` stretches, with windows of `width_s` that lie `gap_s` apart.

    Each stretch is freed of its own straight drift, which also takes some of the noise: a share of one in as many pairs
    of windows as fit in, given back here (true for a random walk, a little much for white noise). A stretch shall hold
    three pairs; windows that are too far apart for that are moved together, and the variance is taken to grow with
    their distance, as that of a random walk does: no other noise of a balance grows faster.

    Raises:
        ValueError: no stretch holds three pairs of windows of a fifth of `width_s`, or none has enough readings.

    """
    longest_s = max((stretch.width_s for stretch in quiet), default=0.0)
    width_used_s = min(width_s, longest_s / (2.0 * PAIRS))
    if width_used_s < 0.2 * width_s:
        raise ValueError(f"no stretch without delivery is long enough: {longest_s:g} s for windows of {width_s:g} s")
    gap_used_s = min(gap_s, longest_s / PAIRS - 2.0 * width_used_s)
    span_s = 2.0 * width_used_s + gap_used_s
    sums, count, pairs = 0.0, 0, 0.0
    for stretch in quiet:
        steps = _steps_of_nothing(time_s, mass_g, stretch, width_used_s, gap_used_s)
        fitting = stretch.width_s / span_s
        if steps.size and fitting >= 2.0:
            sums += float(np.dot(steps, steps)) * fitting / (fitting - 1.0)
            count += steps.size
            pairs += fitting
    if not count:
        raise ValueError("the stretches without delivery hold too few readings")
    distance_ratio = (width_s + gap_s) / (width_used_s + gap_used_s)
    return StepNoise(math.sqrt(sums / count * max(1.0, distance_ratio)), pairs)


def _steps_of_nothing(time_s: Floats, mass_g: Floats, stretch: Window, width_s: float, gap_s: float) -> Floats:
    inside = slice(np.searchsorted(time_s, stretch.start_s, "left"), np.searchsorted(time_s, stretch.end_s, "right"))
    valid = np.isfinite(mass_g[inside])
    at_s, mass = time_s[inside][valid], mass_g[inside][valid]
    starts_s = np.arange(stretch.start_s, stretch.end_s - 2.0 * width_s - gap_s + 1e-9, GRID_S)
    if at_s.size < 2 * MIN_READINGS or not starts_s.size:
        return np.empty(0)
    middle_s = at_s.mean()
    slope = float(np.dot(at_s - middle_s, mass - mass.mean()) / np.dot(at_s - middle_s, at_s - middle_s))
    residual = mass - mass.mean() - slope * (at_s - middle_s)
    summed = np.concatenate(([0.0], np.cumsum(residual)))

    def means(from_s: Floats) -> Floats:
        first, last = np.searchsorted(at_s, from_s, "left"), np.searchsorted(at_s, from_s + width_s, "right")
        count = last - first
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count >= MIN_READINGS, (summed[last] - summed[first]) / count, np.nan)

    steps = means(starts_s + width_s + gap_s) - means(starts_s)
    return np.asarray(steps[np.isfinite(steps)], dtype=np.float64)
