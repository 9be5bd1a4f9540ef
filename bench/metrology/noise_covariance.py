"""Covariance of a weighing's block means: what generalised least squares needs to know of the balance's noise.

White noise of density S0 passes the balance's filter (a lag, a moving average, or nothing) and is coloured by it;
flicker (one-sided density h/f) and random walk (q²·t) pass the same filter; rounding acts on each reading.

Behind a first-order lag τ a covariance k becomes K with K − τ²·K″ = k. With I the twice integrated k, from which the
covariance of block means follows by differences, I behind the lag is I + τ²·K.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import Floats, Noise, flicker_integral, walk_integral

Index = NDArray[np.intp]

_FADED = 12.0
_DENSE = 600
_FLICKER_FADED = 8.0
_PARTS = ("white", "flicker", "walk")


@dataclass(frozen=True, slots=True)
class FilteredNoise:
    """Noise of a weighing: densities in mg²·s, mg² and mg²/s, the filter that white noise has passed, and rounding.

    `covariance` is that of the three densities; `rounded_mg` is the balance's step and `dither_mg` what each reading
    scatters by before it is rounded: where that is small against the step, rounding errors do not average out.
    """

    white: float
    flicker: float = 0.0
    walk: float = 0.0
    lag_s: float = 1.0
    average_s: float = 0.0
    rounded_mg: float = 0.0
    sample_s: float = 0.1
    dither_mg: float = math.inf
    density_covariance: tuple[tuple[float, ...], ...] = ((0.0,) * 3,) * 3

    @property
    def densities(self) -> Floats:
        """White, flicker and walk."""
        return np.array([self.white, self.flicker, self.walk])

    @property
    def reading_mg(self) -> float:
        """Standard deviation of single readings about their level, slow parts left out."""
        width = max(2.0 * self.lag_s, self.average_s, self.sample_s)
        return math.sqrt(self.white / width + self.rounded_mg**2 / 12.0)

    @property
    def stuck_mg(self) -> float:
        """Standard uncertainty of a level's rounding error that no averaging removes.

        Its first harmonic, for normal dither σ over a step q: q/(π√2)·exp(−2π²σ²/q²), at most q/√12.
        """
        if self.rounded_mg <= 0.0:
            return 0.0
        ratio = min(self.dither_mg / self.rounded_mg, 5.0)
        first = self.rounded_mg / (math.pi * math.sqrt(2.0)) * math.exp(-2.0 * (math.pi * ratio) ** 2)
        return min(first * 1.13, self.rounded_mg / math.sqrt(12.0))

    def with_densities(self, white: float, flicker: float, walk: float) -> FilteredNoise:
        """Return the noise with other densities."""
        return replace(self, white=white, flicker=flicker, walk=walk)

    def of_blocks(self, begin_s: Floats, end_s: Floats) -> Floats:
        """Return the covariance of means over blocks, ascending and apart, whose level is unknown.

        A constant is added that makes it positive definite; no sum whose weights add to zero notices.
        """
        parts = self.parts_of_blocks(begin_s, end_s)
        total = parts[0] * self.white
        if self.flicker:
            total += self.flicker * parts[1]
        if self.walk:
            total += self.walk * parts[2]
        total[np.diag_indices_from(total)] += self.rounding(begin_s, end_s)
        return total

    def of_sum(self, begin_s: Floats, end_s: Floats, weights: Floats) -> float:
        """Return the variance of a weighted sum of block means, the weights adding to zero; blocks may be many."""
        if len(begin_s) <= _DENSE:
            return float(weights @ self.of_blocks(begin_s, end_s) @ weights)
        variance = float(np.sum(self.rounding(begin_s, end_s) * weights**2)) + self.white * self._white_of_sum(
            begin_s, end_s, weights
        )
        # Slow parts do not notice when the weights are gathered into blocks of equal length.
        step_s = max(2.0 * self.lag_s, self.average_s, 5.0 * self.sample_s)
        edges = np.arange(begin_s[0], end_s[-1] + step_s, step_s)
        run_up = np.concatenate((np.zeros(1), np.cumsum(weights)))
        corners = np.concatenate((begin_s[:1], end_s))
        gathered = np.diff(np.interp(edges, corners, run_up))
        size = 1 << (2 * len(gathered)).bit_length()
        power = np.abs(np.fft.rfft(gathered, size)) ** 2
        often = np.fft.irfft(power, size)[: len(gathered)]
        often[1:] *= 2.0
        distance = np.arange(len(gathered), dtype=np.float64) * step_s
        for density, integral in ((self.flicker, flicker_integral), (self.walk, walk_integral)):
            kernel = integral(distance + step_s) - 2.0 * integral(distance) + integral(distance - step_s)
            variance += density * float(kernel @ often) / step_s**2
        return variance

    def rounding(self, begin_s: Floats, end_s: Floats) -> Floats:
        """Return the variances of block means by rounding, each reading by itself; never quite nothing."""
        readings = np.maximum((end_s - begin_s) / self.sample_s, 1.0)
        least = 1e-6 * self.reading_mg**2 + 1e-18
        return (self.rounded_mg**2 / 12.0 + least) / readings

    def parts_of_blocks(self, begin_s: Floats, end_s: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the covariances that unit densities of white, flicker and walk would have."""
        edges, index = np.unique(np.concatenate((begin_s, end_s)), return_inverse=True)
        first, last = index[: len(begin_s)], index[len(begin_s) :]
        distance = np.abs(np.subtract.outer(edges, edges))
        per = 1.0 / np.multiply.outer(end_s - begin_s, end_s - begin_s)
        span = float(edges[-1] - edges[0])

        def over_blocks(integral: Floats) -> Floats:
            rows = integral[last] - integral[first]
            return -(rows[:, last] - rows[:, first]) * per

        smeared_s = math.hypot(self.lag_s, self.average_s / math.sqrt(12.0))
        flicker = over_blocks(flicker_integral(distance) + _lag_of_flicker(distance, smeared_s))
        flicker += math.log(max(span, 1.0)) + 2.0
        walk = over_blocks(walk_integral(distance) - smeared_s**2 * _lagged_twice(distance, smeared_s)) + 0.5 * span
        return self._white_of_blocks(begin_s, end_s), flicker, walk

    def _white_of_blocks(self, begin_s: Floats, end_s: Floats) -> Floats:
        """Return the covariance by filtered white noise of density one."""
        white = np.zeros((len(begin_s), len(begin_s)))
        for i, j, value in self._near(begin_s, end_s):
            white[i, j] = value
            white[j, i] = value
        return white

    def _white_of_sum(self, begin_s: Floats, end_s: Floats, weights: Floats) -> float:
        total = 0.0
        for i, j, value in self._near(begin_s, end_s):
            pairs = float(np.sum(value * weights[i] * weights[j]))
            total += pairs if i[0] == j[0] else 2.0 * pairs
        return total

    def _near(self, begin_s: Floats, end_s: Floats) -> Iterator[tuple[Index, Index, Floats]]:
        """Yield pairs of blocks and their covariance, neighbour by neighbour; far blocks share no white noise."""
        reach = _FADED * self.lag_s + self.average_s
        count = len(begin_s)
        for offset in range(count):
            i = np.flatnonzero(begin_s[offset:] - end_s[: count - offset] < reach)
            if len(i) == 0:
                return
            j = i + offset
            yield i, j, self._pair(begin_s[i], end_s[i], begin_s[j], end_s[j])

    def _pair(self, begin: Floats, end: Floats, other_begin: Floats, other_end: Floats) -> Floats:
        twice = self._twice_integrated
        total = twice(other_end - begin) + twice(end - other_begin)
        total -= twice(other_begin - begin) + twice(other_end - end)
        return total / ((end - begin) * (other_end - other_begin))

    def _twice_integrated(self, distance: Floats) -> Floats:
        """Return the second integral of the filter's autocorrelation."""
        # Readings are points of the filtered noise, not means over the sample: sums stand for integrals.
        size, width = np.abs(distance), self.average_s
        if width < max(1e-3, 0.5 * self.sample_s):
            return _summed_twice(size, self.lag_s, self.sample_s)
        # A moving average is a second difference, over its width squared, of what is summed twice more.
        middle = self._summed_four_times(size)
        sides = self._summed_four_times(np.abs(distance - width)) + self._summed_four_times(np.abs(distance + width))
        return (sides - 2.0 * middle) / width**2

    def _summed_four_times(self, size: Floats) -> Floats:
        lagged = self.lag_s**2 * _summed_twice(size, self.lag_s, self.sample_s)
        return lagged + (size**3 - self.sample_s**2 * size) / 12.0


def _lag_of_flicker(distance: Floats, lag_s: float) -> Floats:
    """Return τ²·K for flicker's k = −ln|t|: K = −ln x + (e^−x·Ei(x) − e^x·E1(x))/2 with x = |t|/τ, but for −ln τ."""
    from scipy.special import exp1, expi  # type: ignore[import-untyped]

    if lag_s < 1e-6:
        return np.zeros_like(distance)
    x = distance / lag_s
    far = np.maximum(x, 1e-12)
    inverse_square = np.maximum(far, 1.0) ** -2
    shown = -np.log(far) + inverse_square + 6.0 * inverse_square**2
    near = x < _FLICKER_FADED
    inside = far[near]
    shown[near] = -np.log(inside) + 0.5 * (np.exp(-inside) * expi(inside) - np.exp(inside) * exp1(inside))
    return np.asarray(lag_s**2 * shown)


def _lagged_twice(size: Floats, lag_s: float) -> Floats:
    if lag_s < 1e-6:
        return 0.5 * size
    return 0.5 * (size + lag_s * np.exp(-size / lag_s))


def _summed_twice(size: Floats, lag_s: float, sample_s: float) -> Floats:
    """Return the function whose second difference over a sample is a lag's autocorrelation, of density one."""
    if lag_s < 1e-3 * sample_s:
        return 0.5 * size
    ratio = sample_s / lag_s
    share = 0.5 * sample_s / (math.cosh(ratio) - 1.0) * math.tanh(0.5 * ratio)
    return 0.5 * size + share * np.exp(-size / lag_s)


def from_noise(noise: Noise, lag_s: float, readability_mg: float, sample_s: float) -> FilteredNoise:
    """Return what a `Noise` says of short distances: half flicker, half walk of its two alternatives."""
    share = 1.0 / len(noise.parts)
    slow = {name: sum(part.slow_density * share for part in noise.parts if part.slow == name) for name in _PARTS}
    white = sum(part.white_density * share for part in noise.parts)
    return FilteredNoise(white, slow["flicker"], slow["walk"], lag_s, 0.0, readability_mg, sample_s)
