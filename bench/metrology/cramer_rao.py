"""Cramér-Rao bounds of a pulse's mass and time: the least standard uncertainty that any unbiased estimator can have.

For normal noise of known covariance the bound is the inverse of the Fisher information, DᵀC⁻¹D, D being the derivatives
of what the balance shows by all that is unknown: masses and times of all pulses in the window, the level, the drift
and the response where they are not known. What is known of them beforehand adds to the information (Van Trees,
Detection, Estimation, and Modulation Theory I, 2.4.3).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.step_response import PARAMETERS, StepResponse

_STEP = 1e-3


class Bounds(NamedTuple):
    """Least standard uncertainties of each pulse's mass (mg) and onset (s; NaN where times are known)."""

    mass_mg: Floats
    time_s: Floats


def pulse_bounds(
    noise: FilteredNoise,
    response: StepResponse,
    masses_mg: Floats,
    onsets_s: Floats,
    begin_s: Floats,
    end_s: Floats,
    *,
    drift_known: bool = False,
    times_known: bool = False,
    time_spread_s: float = math.inf,
    response_spread: Floats | None = None,
) -> Bounds:
    """Return the bounds for pulses that are weighed in one window, which may be a whole run.

    Args:
        noise: of the balance, as it is.
        response: of the balance, as it is.
        masses_mg: of all pulses that come in the window; the bound of a time depends on them.
        onsets_s: of the same pulses.
        begin_s: of the blocks of readings, one sample each for the bound proper, ascending.
        end_s: of the blocks.
        drift_known: whether the drift is known, as it nearly is from a long run; one slope for the window otherwise.
        times_known: whether the onsets are known.
        time_spread_s: standard uncertainty of each onset beforehand, where they are not known.
        response_spread: standard uncertainties beforehand of the response's `PARAMETERS`, which all pulses have in
            common; None where the response is known.

    Raises:
        ValueError: there are fewer blocks than unknowns.

    """
    count = len(onsets_s)
    spans_s = np.stack((begin_s, end_s))
    columns = [np.ones(len(begin_s))]
    columns += [response.means(spans_s - onset) for onset in onsets_s]
    if not times_known:
        pairs = zip(masses_mg, onsets_s, strict=True)
        columns += [-mass * response.slopes(spans_s - onset) for mass, onset in pairs]
    if not drift_known:
        middle = 0.5 * (begin_s + end_s)
        columns.append(middle - np.mean(middle))
    beforehand = np.zeros(len(columns))
    if not times_known:
        beforehand[1 + count : 1 + 2 * count] = 1.0 / time_spread_s
    if response_spread is not None:
        columns += _by_response(response, masses_mg, onsets_s, spans_s)
        beforehand = np.concatenate((beforehand, 1.0 / response_spread))
    design = np.column_stack(columns)
    if design.shape[0] < design.shape[1]:
        raise ValueError(f"{design.shape[0]} readings cannot tell {design.shape[1]} unknowns; take a longer window")
    whitened = np.linalg.solve(np.linalg.cholesky(noise.of_blocks(begin_s, end_s)), design)
    whitened = np.vstack((whitened, np.diag(beforehand)))
    scale = np.linalg.norm(whitened, axis=0)
    root = np.linalg.inv(np.linalg.qr(whitened / scale, mode="r"))
    least = np.asarray(np.sqrt(np.sum(root**2, axis=1)) / scale, dtype=np.float64)
    times: Floats = np.full(count, np.nan) if times_known else least[1 + count : 1 + 2 * count]
    return Bounds(np.asarray(least[1 : 1 + count]), np.asarray(times))


def _by_response(response: StepResponse, masses_mg: Floats, onsets_s: Floats, spans_s: Floats) -> list[Floats]:
    """Return what the blocks show more for each of the response's parameters, by differences."""
    columns = []
    for index in range(len(PARAMETERS)):
        up, down = response.values, response.values
        up[index] += _STEP
        if index == PARAMETERS.index("log_tail_s"):
            down[index] -= _STEP
        column = np.zeros(spans_s.shape[1])
        more, less = response.with_values(up), response.with_values(down)
        for mass, onset in zip(masses_mg, onsets_s, strict=True):
            since_s = spans_s - onset
            column += mass * (more.means(since_s) - less.means(since_s))
        columns.append(column / (up[index] - down[index]))
    return columns


def sample_blocks(begin_s: float, end_s: float, sample_s: float) -> tuple[Floats, Floats]:
    """Return one block a reading, each half a sample about its time, from `begin_s` to `end_s`."""
    times = begin_s + (np.arange(round((end_s - begin_s) / sample_s)) + 0.5) * sample_s
    begin = np.asarray(times - 0.5 * sample_s, dtype=np.float64)
    return begin, begin + sample_s
