"""Allan deviation of a weighing: by how much means over a time differ from the means over the same time before.

σ²(τ) = ½·⟨(ȳ(t + τ) − ȳ(t))²⟩ over all t: the overlapping estimator (NIST SP 1065, 5.2.4), of the readings themselves,
which stand where a clock has its frequency. White noise falls with √τ, flicker is level, a walk rises with √τ, and a
steady loss rises with τ: so the line is taken off first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, block_means
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.scatter import of_scatter

_FEWEST_SPANS = 4.0
"""Means over more than a fourth of a stretch have too few neighbours, and the line that is taken off is in them."""
_BLOCKS = 8192
_PER_DECADE = 6


@dataclass(frozen=True, slots=True)
class AllanPoint:
    """The deviation (in the readings' unit) of means over `tau_s`, with the degrees of freedom that it has."""

    tau_s: float
    deviation: float
    degrees_of_freedom: float

    @property
    def standard_uncertainty(self) -> float:
        """Of the deviation, by chance."""
        return of_scatter(self.deviation, self.degrees_of_freedom)


def allan_curve(segments: Sequence[tuple[Floats, Floats]], shortest_s: float) -> list[AllanPoint]:
    """Return the deviation at about six times a decade, from `shortest_s` to a fourth of the longest stretch.

    Args:
        segments: time (s) and reading of each stretch without delivery and without a step in it.
        shortest_s: no shorter than the readings lie apart.

    """
    longest_s = max((float(time_s[-1] - time_s[0]) for time_s, _ in segments if len(time_s) > 1), default=0.0)
    most_s = longest_s / _FEWEST_SPANS
    if most_s < shortest_s:
        return []
    steps = np.arange(math.ceil(_PER_DECADE * math.log10(most_s / shortest_s)) + 1)
    wanted = np.unique(np.minimum(shortest_s * 10.0 ** (steps / _PER_DECADE), most_s))
    found = (allan_deviation(segments, float(tau_s)) for tau_s in wanted)
    return [point for point in found if point is not None]


def allan_deviation(segments: Sequence[tuple[Floats, Floats]], tau_s: float) -> AllanPoint | None:
    """Return the overlapping deviation of means over `tau_s`; None where no two such means stand side by side.

    Degrees of freedom are those of a walk, r − 3 + 4/r for means over one r-th of a stretch (NIST SP 1065, table 5, for
    many readings); flicker and white noise have a few more.
    """
    squares: list[Floats] = []
    degrees = 0.0
    for time_s, value in segments:
        if len(time_s) < 4:
            continue
        length_s = float(time_s[-1] - time_s[0])
        differences = _neighbours(time_s, value, tau_s, length_s)
        if len(differences):
            squares.append(differences**2)
            spans = length_s / tau_s
            degrees += max(1.0, spans - 3.0 + 4.0 / spans)
    if not squares:
        return None
    return AllanPoint(tau_s, math.sqrt(0.5 * float(np.mean(np.concatenate(squares)))), degrees)


def _neighbours(time_s: Floats, value: Floats, tau_s: float, length_s: float) -> Floats:
    """Return what every mean over `tau_s` differs by from the one before it; means with a gap in them are left out."""
    sample_s = float(np.median(np.diff(time_s)))
    per_mean = max(1, round(tau_s / max(sample_s, length_s / _BLOCKS)))
    line = np.polynomial.Polynomial.fit(time_s, value, 1)
    mean = block_means(time_s, value - line(time_s), tau_s / per_mean)[1]
    known = np.isfinite(mean)
    total = np.concatenate(([0.0], np.cumsum(np.where(known, mean, 0.0))))
    count = np.concatenate(([0], np.cumsum(known)))
    over = np.where(count[per_mean:] - count[:-per_mean] == per_mean, total[per_mean:] - total[:-per_mean], np.nan)
    differences = (over[per_mean:] - over[:-per_mean]) / per_mean
    return np.asarray(differences[np.isfinite(differences)], dtype=np.float64)


def allan_of(noise: FilteredNoise, tau_s: float) -> float:
    """Return the deviation that a noise of known densities has."""
    begin = np.array([0.0, tau_s])
    return math.sqrt(0.5 * max(0.0, noise.of_sum(begin, begin + tau_s, np.array([-1.0, 1.0]))))
