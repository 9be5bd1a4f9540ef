"""Fits white noise, flicker and walk together to stretches of weighing in which nothing was delivered.

Restricted maximum likelihood: each stretch is cut into pieces of equal length, a line is taken off each, and the
densities are those under which what is left is likeliest. Three scales are fitted together: short pieces of fine
blocks, which show the balance's filter, longer ones of coarser blocks, and the whole of the longest stretch, which
shows flicker and walk. A constant drift does no harm. The result is the best estimate; `noise.estimate` is the
pessimistic one for sums over hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.noise import Floats, between_steps, block_means
from bench.metrology.noise_covariance import FilteredNoise

Segment = tuple[Floats, Floats]

_BLOCKS = 60
_SHORTEST_FINE_S = 0.2
_LAGS_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0)
_AVERAGES_S = (0.3, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0)
_ROUNDS = 12
FEWEST_READINGS = 40
_TAIL_GONE_S, _BEFORE_S, _SHORTEST_STRETCH_S = 150.0, 5.0, 600.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """Pieces of equal geometry: blocks, an orthonormal basis of what a line leaves, and the mean square there."""

    begin_s: Floats
    end_s: Floats
    basis: Floats
    scatter: Floats
    pieces: float

    def project(self, matrix: Floats) -> Floats:
        return np.asarray(self.basis.T @ matrix @ self.basis)


def fit_noise(segments: Sequence[Segment], readability_mg: float = 0.0) -> FilteredNoise:
    """Return the likeliest noise of stretches in which nothing was delivered.

    Args:
        segments: time (s) and mass (mg) of each stretch; NaN where there is no reading.
        readability_mg: the balance's step.

    Raises:
        ValueError: the stretches hold fewer than 40 readings.

    """
    known = [(t[np.isfinite(m)], m[np.isfinite(m)]) for t, m in segments]
    known = [segment for segment in known if len(segment[0]) > 1]
    readings = sum(len(t) for t, _ in known)
    if readings < FEWEST_READINGS:
        raise ValueError(
            f"{readings} readings while nothing flows do not tell the balance's noise; record a blank of some minutes"
        )
    sample_s = float(np.median(np.concatenate([np.diff(t) for t, _ in known])))
    quiet = [part for segment in known for part in between_steps(*segment)]
    longest = max(float(t[-1] - t[0]) for t, _ in quiet)
    fine_s = max(sample_s * math.ceil(_SHORTEST_FINE_S / sample_s - 1e-6), sample_s)
    coarse_s = max(3.0 * fine_s, longest / (_BLOCKS + 0.5))
    lengths_s = (fine_s, math.sqrt(fine_s * coarse_s), coarse_s)
    scales = [scale for scale in (_scale(quiet, block_s) for block_s in lengths_s) if scale is not None]
    dither_mg = _dither(quiet, readability_mg)
    if not scales:
        scatter = float(np.mean([np.var(m) for _, m in quiet]))
        return FilteredNoise(scatter * 2.0, 0.0, 0.0, 1.0, 0.0, readability_mg, sample_s, dither_mg)
    seen = float(np.mean(np.diag(scales[0].scatter))) * fine_s
    plain = FilteredNoise(seen, 0.0, 0.0, 1.0, 0.0, readability_mg, sample_s, dither_mg)
    return _densities(scales, _filter(scales, plain))[0]


def between_pulses(time_s: Floats, mass_mg: Floats, instants_s: Floats) -> list[Segment]:
    """Return the stretches between pulses that come rarely, less the pulses and their tails.

    Where an hour lies between pulses, blanks of minutes do not tell the noise that matters; these stretches do. None is
    returned that is shorter than ten minutes: its slow noise would go with the pulses' levels.

    Args:
        time_s: ascending times of the readings.
        mass_mg: readings.
        instants_s: ascending, about when each pulse came.

    """
    begin = np.searchsorted(time_s, instants_s[:-1] + _TAIL_GONE_S)
    end = np.searchsorted(time_s, instants_s[1:] - _BEFORE_S)
    long = instants_s[1:] - instants_s[:-1] >= _TAIL_GONE_S + _BEFORE_S + _SHORTEST_STRETCH_S
    return [(time_s[a:b], mass_mg[a:b]) for a, b in zip(begin[long], end[long], strict=True)]


def _scale(segments: Sequence[Segment], block_s: float) -> _Scale | None:
    """Cut the stretches into pieces of one length: 60 blocks, or as many as the longest stretch has."""
    means = [block_means(t, m, block_s)[1] for t, m in segments if t[-1] - t[0] > 3.0 * block_s]
    # The last block of a stretch is seldom full.
    means = [mean[:-1] for mean in means]
    if not means:
        return None
    size = min(_BLOCKS, max(len(mean) for mean in means))
    pieces = [mean[i : i + size] for mean in means for i in range(0, len(mean) - size + 1, size)]
    whole = np.array([piece for piece in pieces if np.all(np.isfinite(piece))])
    if len(whole) == 0 or size < 8:
        return None
    begin = np.arange(size, dtype=np.float64) * block_s
    line = np.column_stack((np.ones(size), begin - begin.mean()))
    basis = np.linalg.qr(line, mode="complete")[0][:, 2:]
    left = (whole - whole[:, :1]) @ basis
    return _Scale(begin, begin + block_s, basis, left.T @ left / len(whole), float(len(whole)))


def _filter(scales: Sequence[_Scale], plain: FilteredNoise) -> FilteredNoise:
    """Choose the filter, a lag or a moving average, under which the pieces are likeliest.

    All scales are needed: within seconds, flicker behind a short lag looks like white noise behind a longer one.
    """
    candidates = [(lag_s, 0.0) for lag_s in _LAGS_S]
    candidates += [(1e-7, average_s) for average_s in _AVERAGES_S]
    candidates = [each for each in candidates if max(each) < 0.4 * scales[0].end_s[-1]]

    def score(lag_s: float, average_s: float) -> float:
        return _densities(scales, replace(plain, lag_s=lag_s, average_s=average_s), rounds=8)[1]

    best_lag, best_average = max(candidates, key=lambda each: score(*each))
    # Once more, between the neighbours of the grid.
    finer = [(best_lag * factor, best_average * factor) for factor in (0.85, 0.92, 1.0, 1.08, 1.16)]
    best_lag, best_average = max(finer, key=lambda each: score(*each))
    return replace(plain, lag_s=best_lag, average_s=best_average)


def _densities(scales: Sequence[_Scale], noise: FilteredNoise, rounds: int = _ROUNDS) -> tuple[FilteredNoise, float]:
    """Fit the densities by Fisher scoring, none below zero; return the noise and its log likelihood."""
    parts = [[scale.project(each) for each in noise.parts_of_blocks(scale.begin_s, scale.end_s)] for scale in scales]
    floors = [scale.project(np.diag(noise.rounding(scale.begin_s, scale.end_s))) for scale in scales]
    densities = _start(scales, parts)
    information = np.eye(3)
    for _ in range(rounds):
        gradient, information = np.zeros(3), np.zeros((3, 3))
        for scale, kernels, floor in zip(scales, parts, floors, strict=True):
            inverse = np.linalg.inv(_total(kernels, densities, floor))
            turned = [inverse @ kernel for kernel in kernels]
            residual = inverse @ scale.scatter
            for i, one in enumerate(turned):
                # The score of a density: what the scatter says of it, against floor and other parts.
                gradient[i] += 0.5 * scale.pieces * float(np.sum(one * (residual - np.eye(len(floor))).T))
                for j, other in enumerate(turned[: i + 1]):
                    information[i, j] += 0.5 * scale.pieces * float(np.sum(one * other.T))
                    information[j, i] = information[i, j]
        densities = _stepped(densities, gradient, information)
    likelihood = 0.0
    for scale, kernels, floor in zip(scales, parts, floors, strict=True):
        total = _total(kernels, densities, floor)
        size = np.linalg.slogdet(total)[1] + float(np.sum(np.linalg.inv(total) * scale.scatter))
        likelihood -= 0.5 * scale.pieces * size
    covariance = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
    rows = tuple(tuple(float(value) for value in row) for row in covariance)
    fitted = noise.with_densities(*(float(value) for value in densities))
    return replace(fitted, density_covariance=rows), float(likelihood)


def _total(kernels: Sequence[Floats], densities: Floats, floor: Floats) -> Floats:
    return floor + np.tensordot(densities, np.array(kernels), 1)


def _start(scales: Sequence[_Scale], parts: Sequence[Sequence[Floats]]) -> Floats:
    """Return densities of which each would make half of the scatter that there is."""
    seen = [float(np.trace(scale.scatter)) for scale in scales]
    made = np.array([[float(np.trace(kernel)) for kernel in kernels] for kernels in parts])
    start = 0.5 * np.min(np.array(seen)[:, None] / made, axis=0)
    return np.asarray(np.maximum(start, 1e-18))


def _stepped(densities: Floats, gradient: Floats, information: Floats) -> Floats:
    """Take a scoring step; a density that would fall below zero is left out, and one that wants in comes back."""
    scale = np.where(densities > 0.0, densities, 1e-3 * np.max(densities) + 1e-30)
    free = (densities > 0.0) | (gradient > 0.0)
    step = np.zeros(3)
    for _ in range(3):
        index = np.flatnonzero(free)
        if len(index) == 0:
            break
        matrix = information[np.ix_(index, index)] * np.outer(scale[index], scale[index])
        matrix += 1e-9 * np.diag(np.diag(matrix))
        step = np.zeros(3)
        step[index] = scale[index] * np.linalg.solve(matrix, gradient[index] * scale[index])
        gone = free & (densities + step <= 0.0) & (densities < 1e-6 * _reach(densities, step))
        if not np.any(gone):
            break
        free &= ~gone
    stepped = densities + step
    # A step may take a density down to a tenth at once and up tenfold, so that none is lost by a first wild guess.
    floor = np.where(stepped < 0.1 * densities, 0.1 * densities, stepped)
    return np.where(free, np.minimum(floor, np.maximum(10.0 * densities, step)), 0.0)


def _reach(densities: Floats, step: Floats) -> Floats:
    return np.maximum(np.abs(step), densities)


def _dither(segments: Sequence[Segment], readability_mg: float) -> float:
    """Return what readings scatter by within some 10 s before they are rounded; infinite for a display without steps.

    A display that shows one or two codes for so long is not dithered: its rounding errors stay the same all the time.
    """
    if readability_mg <= 0.0:
        return math.inf
    scatter = []
    for time_s, mass_mg in segments:
        size = max(4, int(10.0 / max(float(np.median(np.diff(time_s))), 1e-3)))
        rows = mass_mg[: len(mass_mg) // size * size].reshape(-1, size)
        scatter += [float(np.var(row)) for row in rows]
    if not scatter:
        return 0.0
    return math.sqrt(max(0.0, float(np.mean(scatter)) - readability_mg**2 / 12.0))
