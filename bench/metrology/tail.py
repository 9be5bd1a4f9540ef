"""What still comes after the last look at a flow that dies away: its tail, with an uncertainty.

The volume is a level from which an exponential is still missing, a − b·exp(−t/τ), b ≥ 0. Level and amplitude follow by
least squares for each of many time constants; what is still to come is the mean over them, weighted by how well each
fits. So a tail that the noise cannot tell from none is no number to rely upon but an uncertainty, and a time constant
that cannot be told widens it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.cumulative import Floats

FEWEST_BLOCKS = 6
_TIME_CONSTANTS = 60
_FEWEST_LIKELY = 8.0
_MOST_ZOOMS = 8
_LONGEST_SHARE = 1.0 / 3.0
"""A slower tail than this part of the look at it cannot be told from drift: look longer."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What comes after an instant, in the unit of the volume, and the time constant that fits best.

    `with_level` is the covariance of the tail's error with that of the level of the last means, which are in both.
    """

    volume: float
    standard_uncertainty: float
    time_constant_s: float
    with_level: float


def tail_after(
    time_s: Floats, volume: Floats, noise: float, instant_s: float, level_from_s: float = math.inf
) -> Tail | None:
    """Return what comes after an instant; None for too few means to tell.

    Args:
        time_s: middles of adjoining means of the cumulative volume, shape (n,), from when most of it had come.
        volume: the means, shape (n,), in any unit.
        noise: standard deviation of one of them, above zero.
        instant_s: not before the last of them.
        level_from_s: means from here on make the level that the tail is added to; by default none do.

    Raises:
        ValueError: `noise` is not above zero.

    """
    if noise <= 0.0:
        raise ValueError(f"the noise of the means must be above zero, not {noise}")
    if len(time_s) < FEWEST_BLOCKS:
        return None
    since_s = time_s - time_s[0]
    length_s = float(since_s[-1])
    step_s = length_s / (len(time_s) - 1)
    shortest_s, longest_s = 0.5 * step_s, max(step_s, _LONGEST_SHARE * length_s)
    for _ in range(_MOST_ZOOMS):
        constants_s = np.geomspace(shortest_s, longest_s, _TIME_CONSTANTS)
        found = [
            _for_constant(since_s, volume, noise, instant_s - float(time_s[0]), constant_s, time_s >= level_from_s)
            for constant_s in constants_s.tolist()
        ]
        logs, means, squares, levels, products = (np.array(column) for column in zip(*found, strict=True))
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        best = int(np.argmax(logs))
        if float(weights @ weights) < 1.0 / _FEWEST_LIKELY:
            break
        # The time constant is known better than these are apart: look closer around the best.
        shortest_s, longest_s = constants_s[max(0, best - 2)], constants_s[min(len(constants_s) - 1, best + 2)]
    mean = float(weights @ means)
    variance = float(weights @ squares) - mean**2
    # By how much a weighted mean follows a datum is its covariance, over all that fits, with the fit to that datum.
    with_level = float(weights @ products) - mean * float(weights @ levels)
    return Tail(mean, math.sqrt(max(0.0, variance)), float(constants_s[best]), with_level)


def _for_constant(
    since_s: Floats, volume: Floats, noise: float, until_s: float, constant_s: float, in_level: NDArray[np.bool_]
) -> tuple[float, float, float, float, float]:
    """Return what a time constant says: its log probability, and of the tail with it mean and mean square.

    Then the mean of the fitted level, from the mean of all data on, and of its product with the tail.
    """
    shape = np.exp(-since_s / constant_s)
    centred = shape - shape.mean()
    weight = float(centred @ centred)
    left = math.exp(-until_s / constant_s)
    if weight <= 0.0:
        return -math.inf, 0.0, 0.0, 0.0, 0.0
    amplitude = -float(centred @ volume) / weight
    spread = noise / math.sqrt(weight)
    residual = volume - volume.mean() + amplitude * centred
    # The amplitude is normal, cut off at zero: Gauss's tail functions give its probability, mean and mean square.
    from scipy.special import log_ndtr  # type: ignore[import-untyped]  # slow to import, and few need it

    ratio = amplitude / spread
    log_inside = float(log_ndtr(ratio))
    hazard = math.exp(-0.5 * ratio**2 - 0.5 * math.log(2.0 * math.pi) - log_inside)
    mean = amplitude + spread * hazard
    square = amplitude**2 + spread**2 + amplitude * spread * hazard
    # A prior that is even in the size of what has come: the spread of the amplitude counts as its width.
    log = -0.5 * float(residual @ residual) / noise**2 + math.log(spread / noise) + log_inside
    above = -float(centred[in_level].mean()) if in_level.any() else 0.0
    return log, mean * left, square * left**2, mean * above, square * left * above
