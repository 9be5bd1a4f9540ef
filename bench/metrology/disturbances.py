"""Slow disturbances of a balance: a door's swing, static charge that leaks away, a draught.

What is left of a weighing once its pulses are taken out should be noise and a steady slope. Three neighbouring means
tell a bend of it whatever the slope; a bend that the noise does not explain is a disturbance. Where a delivery begins
or ends the slope may change: what creeps out of soft parts after each pulse is not taken out with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.metrology.matched_filter import Grid
from bench.metrology.noise import Floats, Noise, Window, block_means
from bench.metrology.pulse_train import Disturbance, DisturbanceKind

_BENDS = 8.0
"""Standard uncertainties of a bend that noise does not reach."""
_SHORTEST_S, _LONGEST_S = 10.0, 640.0
_SWING_S = 60.0
"""A bend over no longer blocks is a swing, over longer ones a drift."""
_GAP_S = 10.0
"""What came within so long without a reading is in no pulse: beyond it the weighing may go on at another level."""


Hinge = tuple[float, float]
"""An instant at which the slope may change by itself, and by how much at most in mg/s."""


def bends(residual: Grid, noise: Noise, least_mg: float, hinges: Sequence[Hinge] = ()) -> list[Disturbance]:
    """Return where what is left of a weighing bends by more than noise, `least_mg` and hinges; each stretch once.

    Across a gap no bend is told.
    """
    found: list[Disturbance] = []
    gaps = _gaps(residual)
    length_s = _SHORTEST_S
    while length_s <= _LONGEST_S and 3.0 * length_s < residual.step_s * len(residual.mass_mg):
        size, start_s = _bends_of(residual, length_s)
        for begin_s, end_s in gaps:
            size[(start_s < end_s) & (start_s + 3.0 * length_s > begin_s)] = 0.0
        windows: list[Window] = [(i * length_s, (i + 1) * length_s) for i in range(3)]
        spread = noise.sum_of_levels(windows, [-0.5, 1.0, -0.5]).standard_uncertainty
        threshold = max(_BENDS * spread, least_mg) + _by_hinges(start_s, length_s, hinges)
        for at in _peaks(size, threshold):
            begin, end = float(start_s[at]), float(start_s[at]) + 3.0 * length_s
            if not any(begin < each.time_s + each.lasted_s and end > each.time_s for each in found):
                kind: DisturbanceKind = "swing" if length_s <= _SWING_S else "drift"
                found.append(Disturbance(begin, float(size[at]), kind, end - begin))
        length_s *= 2.0
    return found


def _bends_of(residual: Grid, length_s: float) -> tuple[Floats, Floats]:
    """Return by how much each mean differs from the middle of its neighbours; means overlap by half."""
    time_s = residual.time_s
    half = block_means(time_s, residual.mass_mg, 0.5 * length_s)[1]
    mean = 0.5 * (half[1:] + half[:-1])
    size = mean[2:-2] - 0.5 * (mean[:-4] + mean[4:]) if len(mean) > 4 else np.empty(0)
    start_s = time_s[0] + 0.5 * length_s * np.arange(len(size))
    return np.nan_to_num(size), np.asarray(start_s, dtype=np.float64)


def _gaps(residual: Grid) -> list[Window]:
    """Return from when to when nothing was read for long."""
    known_s = residual.time_s[np.isfinite(residual.mass_mg)]
    long = np.flatnonzero(np.diff(known_s) > _GAP_S)
    return [(float(known_s[i]), float(known_s[i + 1])) for i in long]


def _by_hinges(start_s: Floats, length_s: float, hinges: Sequence[Hinge]) -> Floats:
    """Return how far each stretch of three means may bend by the changes of slope in it."""
    allowed = np.zeros(len(start_s))
    for at_s, slope_mg_per_s in hinges:
        # Means over each of the three of a line that is flat before the hinge and rises by one after it.
        since = np.maximum(0.0, start_s[:, None] + length_s * np.arange(4.0) - at_s)
        rises = np.diff(0.5 * since**2, axis=1) / length_s
        allowed += slope_mg_per_s * np.abs(rises[:, 1] - 0.5 * (rises[:, 0] + rises[:, 2]))
    return allowed


def _peaks(size: Floats, threshold: Floats) -> list[int]:
    """Return the greatest of every run beyond a threshold, the greatest of all first."""
    beyond = np.flatnonzero(np.abs(size) > threshold)
    runs = np.split(beyond, np.flatnonzero(np.diff(beyond) > 4) + 1) if len(beyond) else []
    peaks = [int(run[np.argmax(np.abs(size[run]))]) for run in runs]
    return sorted(peaks, key=lambda at: -abs(float(size[at])))
