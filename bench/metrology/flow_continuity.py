"""Flow continuity: how much the level of a drug would swing if it followed the measured flow (PK-CV).

One compartment of half-life t½ takes up what is delivered: C' = Q − k·C with k = ln 2 / t½, its volume left out since
it cancels in a ratio. The coefficient of variation of C is what unsteady delivery comes to for a drug of that half-life
(AAMI TIR101 style). Short half-lives see every pulse, long ones only what is slow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.cumulative import Cumulative, Floats
from bench.metrology.noise import Noise

DISCARDED_HALF_LIVES = 5.0
"""What the level was at the start is down to 3 % after so many."""
FEWEST_HALF_LIVES = 5.0
"""No coefficient is given for a shorter rest."""
_NODES = 8
_HARMONICS = 20_000
"""So many make the sum of an hour's pulses right to a thousandth."""


@dataclass(frozen=True, slots=True)
class Continuity:
    """Coefficient of variation of the level, in percent of its mean, for one half-life, and over how long it was seen.

    `mean_ul` is the mean level as a volume in the compartment.
    """

    half_life_s: float
    cv_percent: float
    mean_ul: float
    seen_s: float


def flow_continuity(
    record: Cumulative, half_life_s: float, rate_ul_per_h: float, start_s: float, end_s: float
) -> Continuity | None:
    """Return the coefficient of variation of the drug's level; None where a record is too short for a half-life.

    Exact for a volume that is straight between stamps: then the level is exponential between them, and is integrated
    there by Gauss's rule, which a step of a few half-lives does not strain. The level starts at what the commanded rate
    would hold for ever; the first five half-lives are not counted.

    Args:
        record: cumulative volume.
        half_life_s: of the drug.
        rate_ul_per_h: commanded rate.
        start_s: from when on the flow is taken.
        end_s: until when.

    """
    begin_s = start_s + DISCARDED_HALF_LIVES * half_life_s
    if end_s - begin_s < FEWEST_HALF_LIVES * half_life_s:
        return None
    per_s = math.log(2.0) / half_life_s
    inside = record.time_s[(record.time_s > start_s) & (record.time_s < end_s)]
    time_s = np.unique(np.concatenate((inside, [start_s, begin_s, end_s])))
    steps_s = np.diff(time_s)
    brought_ul, x = np.diff(record.at(time_s)), per_s * steps_s
    left = np.exp(-x)
    levels_ul = _levels(rate_ul_per_h / 3600.0 / per_s, brought_ul * (-np.expm1(-x) / x), left)
    counted = time_s[:-1] >= begin_s
    x, begun_ul, brought_ul, steps_s = x[counted, None], levels_ul[:-1][counted], brought_ul[counted], steps_s[counted]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    share = 0.5 * (1.0 + nodes)
    within_ul = begun_ul[:, None] * np.exp(-x * share) + brought_ul[:, None] * (-np.expm1(-x * share) / x)
    seen_s = float(steps_s.sum())
    mean_ul = float(steps_s @ within_ul @ weights) / (2.0 * seen_s)
    square = float(steps_s @ (within_ul - mean_ul) ** 2 @ weights) / (2.0 * seen_s)
    return Continuity(half_life_s, 100.0 * math.sqrt(square) / mean_ul, mean_ul, seen_s)


def _levels(first_ul: float, brought_ul: Floats, left: Floats) -> Floats:
    """Return the level at every stamp: what is left of the one before and what each step brought."""
    levels = [first_ul]
    for brought, kept in zip(brought_ul.tolist(), left.tolist(), strict=True):
        levels.append(levels[-1] * kept + brought)
    return np.array(levels)


def of_equal_pulses_percent(half_life_s: float, interval_s: float) -> float:
    """Return the coefficient for equal pulses at equal intervals: √(x·coth x − 1), x = k·τ/2; steady flow has none."""
    x = 0.5 * math.log(2.0) * interval_s / half_life_s
    return 100.0 * math.sqrt(max(0.0, x / math.tanh(x) - 1.0))


def of_smeared_pulses_percent(half_life_s: float, interval_s: float, lag_s: float, means_s: float) -> float:
    """Return the coefficient that equal pulses show behind a first-order lag, in a volume straight between means.

    The sum of the flow's harmonics ω, each 2/(1 + (ω/k)²) without lag and means, which pass 1/(1 + (ωτ)²) and
    sinc⁴(ωw/2) of them.
    """
    turns = 2.0 * math.pi / interval_s * np.arange(1.0, _HARMONICS + 1.0)
    per_s = math.log(2.0) / half_life_s
    passed = np.sinc(turns * means_s / (2.0 * math.pi)) ** 4 / (1.0 + (turns * lag_s) ** 2)
    return 100.0 * math.sqrt(float(np.sum(2.0 * passed / (1.0 + (turns / per_s) ** 2))))


def level_noise_mg(noise: Noise, half_life_s: float, block_s: float) -> float:
    """Return the standard deviation of the level by a balance's noise alone, in mg.

    The level is the volume of now less its mean over the past, weighted by exp(−k·t): so is its noise.
    """
    per_s = math.log(2.0) / half_life_s
    blocks = max(2, math.ceil(DISCARDED_HALF_LIVES * half_life_s / block_s))
    past = np.exp(-per_s * block_s * np.arange(blocks, 0, -1, dtype=np.float64))
    weights = np.append(-past / past.sum(), 1.0)
    return noise.sum_of_blocks(weights, block_s).standard_uncertainty
