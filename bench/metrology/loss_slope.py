"""The slope of the balance while nothing is delivered: over one blank, or one that several rests share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Levels, Noise, Window, block_means

SECONDS_PER_HOUR = 3600.0
_BLOCK_S = 5.0
_MOST_BLOCKS = 4096
_FEWEST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of the balance in mg/h (evaporation is negative), over a blank about `middle_s` or over several rests.

    `levels` is the weighted sum of levels that it is, their weights in 1/h.
    """

    mg_per_h: float
    standard_uncertainty: float
    degrees_of_freedom: float
    middle_s: float = math.nan
    levels: Levels | None = None


def blank_slope(time_s: Floats, mass_mg: Floats, noise: Noise) -> Slope | None:
    """Return the least-squares slope of a blank; None for one shorter than a minute.

    Its uncertainty is that of the slope under the balance's own noise, walk and flicker included: white noise alone
    would promise far too much.
    """
    if len(time_s) < 2 or time_s[-1] - time_s[0] < 60.0:
        return None
    return slope_of_rests(time_s, mass_mg, [(float(time_s[0]), float(time_s[-1]))], noise)


def slope_of_rests(time_s: Floats, mass_mg: Floats, rests: Sequence[Window], noise: Noise) -> Slope | None:
    """Return the one slope that all rests share, each at a level of its own; None where they hold too little.

    Least squares of 5 s means (longer ones for a long recording); the uncertainty is that of the weighted sum under the
    balance's coloured noise, from one rest to the next.
    """
    if not rests:
        return None
    begin, end = rests[0][0], rests[-1][1]
    inside = slice(np.searchsorted(time_s, begin, "left"), np.searchsorted(time_s, end, "right"))
    at_s, mass = time_s[inside], mass_mg[inside]
    if len(at_s) < 2:
        return None
    block_s = max(_BLOCK_S, (float(at_s[-1]) - float(at_s[0])) / _MOST_BLOCKS)
    middle, mean = block_means(at_s, mass, block_s)
    weights = np.zeros_like(middle)
    used = 0
    for first_s, last_s in rests:
        of_rest = np.flatnonzero((middle - 0.5 * block_s >= first_s - 1e-6) & (middle <= last_s) & np.isfinite(mean))
        weights[of_rest] = middle[of_rest] - np.mean(middle[of_rest]) if len(of_rest) else 0.0
        used += len(of_rest)
    squares = float(np.sum(weights**2))
    if used < _FEWEST_BLOCKS or squares <= 0.0:
        return None
    weights /= squares
    slope = float(np.dot(weights, np.where(np.isfinite(mean), mean, 0.0)))
    spread = noise.sum_of_blocks(weights, block_s)
    part = np.flatnonzero(weights)
    levels = Levels(middle[part] - 0.5 * block_s, middle[part] + 0.5 * block_s, weights[part] * SECONDS_PER_HOUR)
    return Slope(
        slope * SECONDS_PER_HOUR,
        spread.standard_uncertainty * SECONDS_PER_HOUR,
        spread.degrees_of_freedom,
        0.5 * (begin + end),
        levels,
    )
