"""The noise of a weighing: how much two levels of the balance differ when nothing was delivered between them.

A balance's noise is not white: it flickers and walks, so that averaging for longer stops helping and levels far apart
in time differ more. Three parts are modelled, each by a spectral density: white S0 (mg²·s), flicker h (mg², one-sided
density h/f) and random walk q² (mg²/s). The variance of any weighted sum of levels, the weights adding to zero, follows
from their generalised covariances S0·δ(τ), −h·ln|τ| and −q²·|τ|/2.

The parts are estimated from what the balance showed while nothing flowed, by second differences of block means
(Hadamard variance), which a constant drift does not enter. A blank of minutes cannot tell flicker from walk, and the
two differ by much once continued over hours: both are fitted, their mean is taken, and that it may be any mix of them
lowers the degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[float, float]

FEWEST_DEGREES = 3.0
_SHORTEST_BLOCK_S = 8.0
"""Blocks no shorter than this: a balance's own filter, of a second or so, makes shorter neighbours look alike."""
_SECOND_DIFFERENCE = (1.0, -2.0, 1.0)
_FAR_BELOW = -6.0
_STEP = 10.0
"""Robust standard deviations of neighbouring blocks' differences beyond which one is a step and not noise."""


class Spread(NamedTuple):
    """A standard uncertainty (mg, or as the weights have it) and how well it is known."""

    standard_uncertainty: float
    degrees_of_freedom: float


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A weighted sum of levels, each the mean over a window; the weights add to zero. Arrays of shape (n,)."""

    begin_s: Floats
    end_s: Floats
    weights: Floats

    @classmethod
    def of(cls, windows: Sequence[Window], weights: Sequence[float]) -> Levels:
        """Return the sum of the means over windows, each times its weight."""
        begin, end = (np.array([window[i] for window in windows], dtype=np.float64) for i in (0, 1))
        return cls(begin, end, np.array(weights, dtype=np.float64))

    @classmethod
    def difference(cls, before: Window, after: Window) -> Levels:
        """Return the mean over `after` less the mean over `before`."""
        return cls.of([before, after], [-1.0, 1.0])

    def sum_of(self, course: Callable[[Floats], Floats]) -> float:
        """Return the same weighted sum of a slow course, taken in the middles of the windows."""
        return float(self.weights @ course(0.5 * (self.begin_s + self.end_s)))


def flicker_integral(distance: Floats) -> Floats:
    """Twice integrated −ln|τ|."""
    size = np.abs(distance)
    return np.where(size > 0.0, -0.5 * size**2 * (np.log(np.where(size > 0.0, size, 1.0)) - 1.5), 0.0)


def walk_integral(distance: Floats) -> Floats:
    """Twice integrated −|τ|/2."""
    return -(np.abs(distance) ** 3) / 12.0


_SLOW_INTEGRALS: dict[str, Callable[[Floats], Floats]] = {"flicker": flicker_integral, "walk": walk_integral}


@dataclass(frozen=True, slots=True)
class Part:
    """White noise and one slow part, fitted together: their densities and the densities' covariance."""

    slow: str
    white_density: float
    slow_density: float
    covariance: tuple[float, float, float]
    """var(white), cov(white, slow), var(slow), of densities that cannot be negative"""

    def variance(self, white: float, slow: float) -> tuple[float, float]:
        """Return a variance and its own standard uncertainty, given what unit densities would contribute to it."""
        value = self.white_density * white + self.slow_density * slow
        a, b, c = self.covariance
        return value, math.sqrt(max(0.0, a * white**2 + 2.0 * b * white * slow + c * slow**2))


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of a weighing, in mg."""

    parts: tuple[Part, ...]

    @property
    def slow_only(self) -> Noise:
        """The noise without its white part."""
        return Noise(
            tuple(replace(part, white_density=0.0, covariance=(0.0, 0.0, part.covariance[2])) for part in self.parts)
        )

    def cautious(self, levels: Levels) -> Noise:
        """Return the noise by that of the fits which leaves more of a sum of levels open.

        For levels as far apart as the noise was watched for: a mean of the fits is then too kind where a walk rules.
        """
        return Noise((max(self.parts, key=lambda part: Noise((part,)).of(levels).standard_uncertainty),))

    def sum_of_levels(self, windows: Sequence[Window], weights: Sequence[float]) -> Spread:
        """Return the uncertainty of a weighted sum of the means over `windows`; the weights add to zero."""
        return self.of(Levels.of(windows, weights))

    def of(self, levels: Levels) -> Spread:
        """Return the uncertainty of a weighted sum of levels."""
        contributions = {slow: _slow_of(levels, levels, slow) for slow in _SLOW_INTEGRALS}
        return self._between(_white_of(levels, levels), contributions)

    def covariance(self, first: Levels, second: Levels) -> float:
        """Return by how much two weighted sums of levels err together, in mg² times the weights' units.

        Where their windows overlap the same readings are in both; slow noise makes neighbours err alike, too.
        """
        white = _white_of(first, second)
        told = [
            part.white_density * white + part.slow_density * _slow_of(first, second, part.slow) for part in self.parts
        ]
        return sum(told) / len(told)

    def difference(self, before: Window, after: Window) -> Spread:
        """Return the uncertainty of the mean over `after` minus the mean over `before`."""
        return self.of(Levels.difference(before, after))

    def sum_of_blocks(self, weights: Floats, block_s: float) -> Spread:
        """Return the uncertainty of a weighted sum of the means of adjoining blocks; the weights add to zero."""
        # A covariance by distance alone: the weights' own correlation says how often each distance occurs.
        often = np.correlate(weights, weights, "full")[len(weights) - 1 :]
        often[1:] *= 2.0
        distance = np.arange(len(weights), dtype=np.float64) * block_s
        contributions = {}
        for slow in _SLOW_INTEGRALS:
            contributions[slow] = float(np.dot(slow_covariance(slow, distance, block_s), often))
        return self._between(float(often[0]) / block_s, contributions)

    def _between(self, white: float, slow: dict[str, float]) -> Spread:
        """Return the mean of what the parts say: a balance flickers and walks, in a mix of which each is as likely."""
        told = [part.variance(white, slow[part.slow]) for part in self.parts]
        values = [value for value, _ in told]
        variance = sum(values) / len(told)
        # Anything between the two is possible: rectangular. Both were fitted to the same readings and err together.
        apart = (max(values) - min(values)) / math.sqrt(12.0)
        uncertainty = math.hypot(apart, sum(own for _, own in told) / len(told))
        degrees = 2.0 * (variance / uncertainty) ** 2 if uncertainty > 0.0 else math.inf
        return Spread(math.sqrt(max(0.0, variance)), max(FEWEST_DEGREES, degrees))


def slow_covariance(slow: str, distance_s: Floats, block_s: float) -> Floats:
    """Return the generalised covariance of block means so far apart, for flicker or a walk of density 1."""
    integral = _SLOW_INTEGRALS[slow]
    kernel = integral(distance_s + block_s) - 2.0 * integral(distance_s) + integral(distance_s - block_s)
    return np.asarray(kernel / block_s**2, dtype=np.float64)


def white_noise(density_mg2_s: float) -> Noise:
    """Return noise that is white alone, of a density known beforehand."""
    return Noise((Part("walk", density_mg2_s, 0.0, (0.0, 0.0, 0.0)),))


def _white_of(first: Levels, second: Levels) -> float:
    overlap = np.minimum.outer(first.end_s, second.end_s) - np.maximum.outer(first.begin_s, second.begin_s)
    return float(np.sum(_pairs(first, second) * np.maximum(overlap, 0.0)))


def _slow_of(first: Levels, second: Levels, slow: str) -> float:
    integral = _SLOW_INTEGRALS[slow]
    kernel = integral(np.subtract.outer(first.end_s, second.begin_s))
    kernel += integral(np.subtract.outer(first.begin_s, second.end_s))
    kernel -= integral(np.subtract.outer(first.begin_s, second.begin_s))
    kernel -= integral(np.subtract.outer(first.end_s, second.end_s))
    return float(np.sum(_pairs(first, second) * kernel))


def _pairs(first: Levels, second: Levels) -> Floats:
    densities = (each.weights / (each.end_s - each.begin_s) for each in (first, second))
    return np.multiply.outer(*densities)


def block_means(time_s: Floats, value: Floats, block_s: float) -> tuple[Floats, Floats]:
    """Return middles and means of adjoining blocks from the first sample on; NaN where a block has no sample."""
    if len(time_s) == 0:
        return np.empty(0), np.empty(0)
    origin = float(time_s[0])
    # A sample on an edge that floating point moved by a hair stays with the block that it begins.
    index = np.floor((time_s - origin) / block_s + 1e-6).astype(np.int64)
    known = np.isfinite(value)
    size = int(index[-1]) + 1
    count = np.bincount(index[known], minlength=size)
    total = np.bincount(index[known], weights=value[known], minlength=size)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    middles = np.linspace(origin + 0.5 * block_s, origin + (size - 0.5) * block_s, size)
    return middles, means.astype(np.float64)


def estimate(segments: Sequence[tuple[Floats, Floats]], readability_mg: float = 0.0, lag_s: float = 1.0) -> Noise:
    """Estimate the noise from stretches of weighing in which nothing was delivered.

    Args:
        segments: time (s) and mass (mg) of each stretch; steady drift does no harm.
        readability_mg: the balance's step; noise is not believed to be less than rounding to it.
        lag_s: the balance's own filter.

    """
    segments = [part for segment in segments for part in between_steps(*segment)]
    observed = _hadamard(segments)
    floor = readability_mg**2 / 12.0 * _sample_interval_s(segments)
    if len(observed) < 2:
        return white_noise(max(floor, _crude_density(segments)))
    block_s, values, degrees = (np.array(column) for column in zip(*observed, strict=True))
    return Noise(tuple(_fit(slow, block_s, values, degrees, floor, lag_s) for slow in _SLOW_INTEGRALS))


def between_steps(time_s: Floats, value: Floats) -> list[tuple[Floats, Floats]]:
    """Cut a stretch where the balance was bumped: a step is no noise."""
    middle, mean = block_means(time_s, value, _SHORTEST_BLOCK_S)
    jumps = np.diff(mean)
    if np.count_nonzero(np.isfinite(jumps)) < 8:
        return [(time_s, value)]
    size = np.abs(jumps - np.nanmedian(jumps))
    steps = np.flatnonzero(size > _STEP * 1.483 * np.nanmedian(size))
    parts, begin = [], float(time_s[0])
    for at_s in (*middle[steps], float(time_s[-1]) + 2.0 * _SHORTEST_BLOCK_S):
        inside = (time_s >= begin) & (time_s < at_s - 0.5 * _SHORTEST_BLOCK_S)
        parts.append((time_s[inside], value[inside]))
        begin = float(at_s) + 1.5 * _SHORTEST_BLOCK_S
    return [part for part in parts if len(part[0]) > 1]


def _hadamard(segments: Sequence[tuple[Floats, Floats]]) -> list[tuple[float, float, float]]:
    """Return block length, mean square of the second differences, and their degrees of freedom, for doubling blocks."""
    longest = max((float(time_s[-1] - time_s[0]) for time_s, _ in segments if len(time_s) > 1), default=0.0)
    found = []
    block_s = _SHORTEST_BLOCK_S
    while 3.0 * block_s <= longest + 0.5:
        differences = np.concatenate([_second_differences(time_s, value, block_s) for time_s, value in segments])
        if len(differences):
            # Overlapping second differences are correlated: rather more than half of them count.
            found.append((block_s, float(np.mean(differences**2)), max(1.0, 0.6 * len(differences))))
        block_s *= 2.0
    return found


def _second_differences(time_s: Floats, value: Floats, block_s: float) -> Floats:
    if len(time_s) < 2:
        return np.empty(0)
    whole = int((time_s[-1] - time_s[0] + 0.5) / block_s)
    if whole < 3:
        return np.empty(0)
    means = block_means(time_s, value, block_s)[1][:whole]
    differences = means[2:] - 2.0 * means[1:-1] + means[:-2]
    return differences[np.isfinite(differences)]


def _fit(slow: str, block_s: Floats, values: Floats, degrees: Floats, floor: float, lag_s: float) -> Part:
    """Fit white and one slow part to the second differences, each weighted by how well the model knows it."""
    # A first-order lag takes 10 τ/L off the six variances of white blocks.
    white = (6.0 - 10.0 * np.minimum(lag_s / block_s, 0.4)) / block_s
    blocks = [Levels.of([(0, b), (b, 2 * b), (2 * b, 3 * b)], _SECOND_DIFFERENCE) for b in block_s]
    contribution = [_slow_of(each, each, slow) for each in blocks]
    design = np.column_stack((white, np.array(contribution)))
    # A display that never moves, frozen or far too coarse, has no second differences; it is no better known for that.
    values = np.maximum(values, max(1e-3 * floor, 1e-18) * white)
    model = values
    covariance = np.eye(2)
    densities = np.zeros(2)
    for _ in range(5):
        scaled = design * (np.sqrt(0.5 * degrees) / model)[:, None]
        covariance = _inverse(scaled.T @ scaled)
        raw = covariance @ (scaled.T @ (values * np.sqrt(0.5 * degrees) / model))
        believed = [_at_least_zero(raw[i], math.sqrt(covariance[i, i])) for i in range(2)]
        densities = np.array([mean for mean, _ in believed])
        model = design @ densities
    left = np.sqrt([share for _, share in believed])
    covariance = covariance * np.outer(left, left)
    return Part(
        slow,
        max(floor, float(densities[0])),
        float(densities[1]),
        (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
    )


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse, the diagonal enlarged by so little that only a singular matrix would notice."""
    return np.asarray(np.linalg.inv(matrix + 1e-12 * np.diag(np.diag(matrix))), dtype=np.float64)


def _at_least_zero(value: float, uncertainty: float) -> tuple[float, float]:
    """Return what is believed of a normal quantity that cannot be negative: its mean, and the share of variance left.

    Mean and variance of the normal distribution cut off at zero: with r = value/uncertainty and λ = φ(r)/Φ(r),
    u·(r + λ) and u²·(1 − r·λ − λ²).
    """
    ratio = value / uncertainty
    if ratio < _FAR_BELOW:
        # There the tail is an exponential of so short a mean.
        return uncertainty / -ratio, 1.0 / ratio**2
    density = math.exp(-0.5 * ratio**2) / math.sqrt(2.0 * math.pi)
    inverse_mills = density / (0.5 * math.erfc(-ratio / math.sqrt(2.0)))
    return value + uncertainty * inverse_mills, 1.0 - ratio * inverse_mills - inverse_mills**2


def _crude_density(segments: Sequence[tuple[Floats, Floats]]) -> float:
    """Return a white density from the scatter of stretches too short for anything better."""
    scatter = [float(np.nanvar(value)) * float(time_s[-1] - time_s[0]) for time_s, value in segments if len(time_s) > 2]
    return max(scatter, default=0.0)


def _sample_interval_s(segments: Sequence[tuple[Floats, Floats]]) -> float:
    intervals = [float(np.median(np.diff(time_s))) for time_s, _ in segments if len(time_s) > 1]
    return float(np.median(intervals)) if intervals else 0.1
