"""The matched filter: how much of a pulse's shape a weighing holds at an instant, weighted by the balance's noise.

A pulse shows as the balance's step response. Its size at an instant is the generalised least-squares coefficient of
that response in a window around it, beside a level, a slope of little more than evaporation, and the responses of the
pulses next to it. For a fixed window that is one set of weights: slid along a recording it is the matched filter, with
the line removed and the noise whitened (Kay, Fundamentals of Statistical Signal Processing II, 4.4 and 7.7).

The covariance behind the weights is that of `Noise` behind the balance's lag, of block means, and what neighbouring
readings differ by beyond it: rounding and whatever the filter does not smooth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.metrology.noise import Floats, Noise, Part, block_means, slow_covariance

Response = Callable[[Floats], Floats]
"""What part of a step shows so many seconds after it: 0 before, 1 in the end."""
_LARGEST_MG = 30.0
"""Standard deviation that is expected of steps beforehand: far beyond any."""


def first_order(lag_s: float) -> Response:
    """Return the response of a balance whose filter is a first-order lag."""

    def response(since_s: Floats) -> Floats:
        return np.where(since_s > 0.0, -np.expm1(-np.maximum(since_s, 0.0) / lag_s), 0.0)

    return response


@dataclass(frozen=True, slots=True)
class Grid:
    """Means of a recording over adjoining blocks: mg, NaN where there is none; `start_s` is the first middle."""

    start_s: float
    step_s: float
    mass_mg: Floats

    @property
    def time_s(self) -> Floats:
        """Middles of the blocks."""
        return self.start_s + self.step_s * np.arange(len(self.mass_mg), dtype=np.float64)

    def index(self, time_s: float) -> int:
        """Return the block whose middle is nearest."""
        return round((time_s - self.start_s) / self.step_s)

    def filled(self) -> Floats:
        """Return the means with gaps closed by straight lines."""
        known = np.flatnonzero(np.isfinite(self.mass_mg))
        every = np.arange(len(self.mass_mg), dtype=np.float64)
        return np.asarray(np.interp(every, known, self.mass_mg[known]), dtype=np.float64)


def grid_of(time_s: Floats, mass_mg: Floats, step_s: float) -> Grid:
    """Return block means; blocks are no shorter than the readings lie apart."""
    known = np.isfinite(mass_mg)
    apart = float(np.median(np.diff(time_s[known]))) if np.count_nonzero(known) > 2 else step_s
    step_s = max(step_s, apart * 1.001 if apart > 0.9 * step_s else apart)
    middle, mean = block_means(time_s, mass_mg, step_s)
    return Grid(float(middle[0]), step_s, mean)


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of block means by their distance in blocks: `Noise` behind a lag, and a part that is white."""

    noise: Noise
    lag_s: float
    step_s: float
    white_mg2: float

    def by_distance(self, count: int) -> Floats:
        """Return the covariance of blocks 0 … `count` − 1 blocks apart; levels and slopes of it mean nothing."""
        worst = max(self.noise.parts, key=lambda part: self._difference(part, count))
        return self._of(worst, count)

    def _difference(self, part: Part, count: int) -> float:
        covariance = self._of(part, max(2, count))
        return float(covariance[0] - covariance[len(covariance) // 2])

    def _of(self, part: Part, count: int) -> Floats:
        distance = np.arange(count, dtype=np.float64) * self.step_s
        covariance = part.white_density * lagged_white(distance, self.lag_s, self.step_s)
        covariance = covariance + part.slow_density * slow_covariance(part.slow, distance, self.step_s)
        covariance[0] += self.white_mg2
        return covariance


def lagged_white(distance_s: Floats, lag_s: float, block_s: float) -> Floats:
    """Return the covariance of block means of white noise of density 1 behind a first-order lag."""
    ratio = block_s / lag_s
    neighbours = (math.cosh(ratio) - 1.0) * lag_s / block_s**2
    same = (1.0 + math.expm1(-ratio) / ratio) / block_s
    return np.where(distance_s > 0.5 * block_s, neighbours * np.exp(-distance_s / lag_s), same)


def covariance_of(noise: Noise, lag_s: float, grid: Grid, quiet: Sequence[slice]) -> Covariance:
    """Return the covariance of a grid's blocks; `quiet` tells where nothing was delivered.

    How far neighbouring blocks differ there beyond what lagged noise explains counts as white.
    """
    lagged = Covariance(noise, lag_s, grid.step_s, 0.0)
    explained = lagged.by_distance(2)
    differences = np.concatenate([np.diff(grid.mass_mg[part]) for part in quiet] or [np.empty(0)])
    differences = differences[np.isfinite(differences)]
    if len(differences) < 20:
        return lagged
    spread = 1.4826 * float(np.median(np.abs(differences)))
    # A display that mostly repeats itself has a median of nothing; the mean square has not.
    spread = max(spread, float(np.sqrt(np.mean(np.clip(differences, -4.0 * spread, 4.0 * spread) ** 2))))
    white = max(0.0, 0.5 * spread**2 - float(explained[0] - explained[1]))
    return Covariance(noise, lag_s, grid.step_s, white)


def bounded_normal(normal: Floats) -> Floats:
    """Return a normal matrix in which no step is expected to be many grams: two that cannot be told apart share.

    The last row is the level's, of which nothing is expected.
    """
    expected = np.full(len(normal), _LARGEST_MG**-2)
    expected[-1] = 0.0
    return normal + np.diag(expected)


@dataclass(frozen=True, slots=True)
class Weights:
    """Rows that turn a window of readings into sizes of steps, and the covariance of those sizes."""

    rows: Floats
    covariance: Floats


@dataclass
class Fitter:
    """Sizes of steps by generalised least squares in windows of one grid; weights that recur are kept."""

    covariance: Covariance
    response: Response
    slope_sd_mg_per_s: float
    settled_s: float
    _weights: dict[tuple[object, ...], Weights] = field(default_factory=dict)
    _inverses: dict[int, Floats] = field(default_factory=dict)

    def weights(self, offsets_s: Sequence[float], half: int) -> Weights:
        """Return the weights for steps at `offsets_s` from the middle of a window of 2 `half` + 1 blocks."""
        step_s = self.covariance.step_s
        quantised = tuple(round(8.0 * offset / step_s) for offset in offsets_s)
        key = (half, quantised)
        if key not in self._weights:
            time_s = step_s * np.arange(-half, half + 1, dtype=np.float64)
            offsets = [0.125 * step_s * each for each in quantised]
            self._weights[key] = self._solve(self.design(time_s, offsets), self._inverse(half), len(offsets))
        return self._weights[key]

    def near(self, instants_s: Floats, centre_s: float, half_s: float) -> range:
        """Return the numbers of those of ascending `instants_s` whose response changes within a window."""
        first = int(np.searchsorted(instants_s, centre_s - half_s - self.settled_s))
        return range(first, int(np.searchsorted(instants_s, centre_s + half_s)))

    def fit(self, grid: Grid, centre_s: float, half_s: float, instants_s: Sequence[float]) -> Fit:
        """Return the sizes of steps in a window, and how well they explain it; gaps are left out."""
        half = max(2, round(half_s / grid.step_s))
        middle = grid.index(centre_s)
        first, last = max(0, middle - half), min(len(grid.mass_mg), middle + half + 1)
        mass = grid.mass_mg[first:last]
        known = np.isfinite(mass)
        count = len(instants_s)
        if np.count_nonzero(known) < count + 3:
            return Fit(np.full(count, np.nan), np.full((count, count), np.nan), math.inf)
        time_s = grid.time_s[first:last] - centre_s
        design = self.design(time_s[known], [instant - centre_s for instant in instants_s])
        inverse = np.linalg.inv(self.matrix(len(mass), time_s)[np.ix_(known, known)])
        solved = self._solve(design, inverse, count)
        mass = mass[known] - float(np.mean(mass[known]))
        sizes = solved.rows @ mass
        through = np.linalg.solve(bounded_normal(design.T @ inverse @ design), design.T @ (inverse @ mass))
        rest = mass - design @ through
        return Fit(sizes, solved.covariance, float(rest @ inverse @ rest))

    def design(self, time_s: Floats, offsets_s: Sequence[float]) -> Floats:
        """Return a column for the response of each step, and one for the level."""
        columns = [self.response(time_s - offset) for offset in offsets_s]
        return np.column_stack([*columns, np.ones(len(time_s))])

    def matrix(self, count: int, time_s: Floats) -> Floats:
        """Return the covariance of adjoining blocks, a slope of unknown size included."""
        by_distance = self.covariance.by_distance(count)
        # Only contrasts have a variance under flicker and walk: a common part makes the matrix regular, no more.
        by_distance = by_distance + max(0.0, 2.0 * (by_distance[0] - float(np.min(by_distance))))
        index = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
        return np.asarray(by_distance[index] + self.slope_sd_mg_per_s**2 * np.multiply.outer(time_s, time_s))

    def _inverse(self, half: int) -> Floats:
        if half not in self._inverses:
            time_s = self.covariance.step_s * np.arange(-half, half + 1, dtype=np.float64)
            self._inverses[half] = np.asarray(np.linalg.inv(self.matrix(2 * half + 1, time_s)), dtype=np.float64)
        return self._inverses[half]

    @staticmethod
    def _solve(design: Floats, inverse: Floats, count: int) -> Weights:
        left = design.T @ inverse
        covariance = np.asarray(np.linalg.inv(bounded_normal(left @ design)), dtype=np.float64)
        return Weights((covariance @ left)[:count], covariance[:count, :count])


@dataclass(frozen=True, slots=True)
class Fit:
    """Sizes of steps in mg, their covariance, and the whitened sum of squares that they leave."""

    sizes_mg: Floats
    covariance_mg2: Floats
    chi_squared: float

    def standard_uncertainty(self, index: int) -> float:
        """Return that of one step's size."""
        return math.sqrt(max(0.0, float(self.covariance_mg2[index, index])))


@dataclass(frozen=True, slots=True)
class Scan:
    """The matched filter along a recording: the size in mg that a step at each block would have, and its noise."""

    size_mg: Floats
    noise_mg: float
    half_s: float


def scan(grid: Grid, fitter: Fitter, half_s: float) -> Scan:
    """Slide the filter along; within half a window of either end it is 0."""
    half = max(2, round(half_s / grid.step_s))
    weights = fitter.weights([0.0], half)
    size = np.zeros(len(grid.mass_mg))
    if len(size) > 2 * half:
        filled = grid.filled()
        size[half : len(size) - half] = np.correlate(filled - filled[0], weights.rows[0], "valid")
    return Scan(size, math.sqrt(float(weights.covariance[0, 0])), half_s)
