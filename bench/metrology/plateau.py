"""Settled steps: how much heavier the vessel is on one plateau than on the one before.

A step is the difference of two means, each over a window in which nothing is delivered, less the drift between their
middles. Means over some 20–30 s are close to the best that any estimator does on a balance's coloured noise, and
need no model of the balance's filter. What they scatter by is `Noise.difference` of the same windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Window

MIN_READINGS = 5


@dataclass(frozen=True, slots=True)
class Level:
    """The mean of a window's readings, and the mean of their times."""

    time_s: float
    mass: float
    readings: int


def level(time_s: Floats, mass: Floats, window: Window) -> Level | None:
    """Return the level in `window`; None where it holds fewer than five valid readings. `time_s` ascends."""
    inside = slice(np.searchsorted(time_s, window[0], "left"), np.searchsorted(time_s, window[1], "right"))
    valid = np.isfinite(mass[inside])
    readings = int(valid.sum())
    if readings < MIN_READINGS:
        return None
    return Level(float(time_s[inside][valid].mean()), float(mass[inside][valid].mean()), readings)


def step(before: Level, after: Level, drift_per_s: float) -> float:
    """Return what was added between two levels, where the mass drifts by `drift_per_s` all the time."""
    return after.mass - before.mass - drift_per_s * (after.time_s - before.time_s)
