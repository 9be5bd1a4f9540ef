"""What a balance can tell after a blank: how sure a difference of two levels is, and a single pulse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.cramer_rao import pulse_bounds, sample_blocks
from bench.metrology.loss_slope import Slope
from bench.metrology.noise import Levels
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.quantization import rounding_uncertainty
from bench.metrology.step_response import StepResponse
from bench.procedures.blank.stretch import SECONDS_PER_HOUR, Stretch

LEVEL_S = 30.0
"""A level is a mean over so long."""
INTERVALS_S = (60.0, 600.0, 3600.0, 86_400.0)
_BLOCKS = 600
_STEP = 0.1
_TO_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class LevelDifference:
    """Standard uncertainties in mg of the difference of two levels of 30 s, `interval_s` apart."""

    interval_s: float
    noise_mg: float
    loss_mg: float
    beyond: bool
    """Whether that is longer than the blank was: then the noise is continued."""

    @property
    def standard_mg(self) -> float:
        """Both together."""
        return math.hypot(self.noise_mg, self.loss_mg)

    def least_ul(self, ul_per_mg: float) -> float:
        """Return the smallest volume that is known to ±5 % (k = 2)."""
        return 2.0 * self.standard_mg * ul_per_mg * 100.0 / _TO_PERCENT


def level_differences(stretch: Stretch, slope: Slope, change_mg_per_h: float) -> list[LevelDifference]:
    """Return how sure the difference of two levels is, by how far they are apart.

    Loss is made good by the blank's rate, with its uncertainty, and with half of the change that was seen over it.
    """
    weighing = stretch.weighing
    loss = math.hypot(slope.standard_uncertainty, 0.5 * change_mg_per_h / math.sqrt(3.0))
    rounding_mg = math.sqrt(2.0) * rounding_uncertainty(weighing.readability_mg, weighing.scatter_mg)
    found = []
    for interval_s in INTERVALS_S:
        levels = Levels.difference((0.0, LEVEL_S), (interval_s, interval_s + LEVEL_S))
        noise_mg = math.hypot(weighing.noise.of(levels).standard_uncertainty, rounding_mg)
        lost_mg = loss * interval_s / SECONDS_PER_HOUR
        beyond = interval_s > stretch.hours * SECONDS_PER_HOUR
        found.append(LevelDifference(interval_s, noise_mg, lost_mg, beyond))
    return found


def repeatability_mg(stretch: Stretch) -> float:
    """Return the standard uncertainty of a level, of two that lie ten minutes apart: what a rig file has it for."""
    levels = Levels.difference((0.0, LEVEL_S), (INTERVALS_S[1], INTERVALS_S[1] + LEVEL_S))
    return stretch.weighing.noise.of(levels).standard_uncertainty / math.sqrt(2.0)


def pulse_standard_mg(noise: FilteredNoise, pulse_mg: float, interval_s: float) -> float:
    """Return the least standard uncertainty of one of many pulses so far apart, instants and drift unknown.

    The Cramér-Rao bound of three pulses in a window, which pulses as they are weighed here come within some 10 % of;
    and what the balance's display leaves open where it does not move.
    """
    sample_s = max(noise.sample_s, 3.0 * interval_s / _BLOCKS)
    onsets = interval_s * np.array([0.5, 1.5, 2.5])
    bounds = pulse_bounds(
        noise,
        StepResponse(lag_s=noise.lag_s, average_s=noise.average_s),
        np.full(3, pulse_mg),
        onsets,
        *sample_blocks(0.0, 3.0 * interval_s, sample_s),
        time_spread_s=min(0.5, 0.1 * interval_s),
    )
    return math.hypot(float(bounds.mass_mg[1]), math.sqrt(2.0) * noise.stuck_mg)


def pulse_uncertainty_mg(noise: FilteredNoise, pulse_mg: float, interval_s: float) -> tuple[float, float]:
    """Return a pulse's standard uncertainty and how well it is known, by how well the noise is."""
    here = pulse_standard_mg(noise, pulse_mg, interval_s)
    slopes = []
    for index, density in enumerate(noise.densities):
        # A part that was not found may be there all the same, as far as its uncertainty goes.
        own = math.sqrt(max(0.0, noise.density_covariance[index][index]))
        step = _STEP * float(density) or _STEP * own
        if step <= 0.0:
            slopes.append(0.0)
            continue
        more = noise.densities
        more[index] += step
        slopes.append((pulse_standard_mg(_with(noise, more), pulse_mg, interval_s) - here) / step)
    gradient, covariance = np.array(slopes), np.array(noise.density_covariance)
    return here, math.sqrt(max(0.0, float(gradient @ covariance @ gradient)))


def _with(noise: FilteredNoise, densities: Sequence[float] | np.ndarray) -> FilteredNoise:
    white, flicker, walk = (float(each) for each in densities)
    return replace(noise, white=white, flicker=flicker, walk=walk)
