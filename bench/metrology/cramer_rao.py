"""Cramér-Rao bounds of a pulse's mass and time: the least standard uncertainty that any unbiased estimator can have.

For normal noise of known covariance the bound is the inverse of the Fisher information, DᵀC⁻¹D, D being the derivatives
of what the balance shows by all that is unknown: masses and times of all pulses in the window, the level, and the
drift where it is not known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.step_response import StepResponse


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
) -> Bounds:
    """Return the bounds for pulses that are weighed in one window.

    Args:
        noise: of the balance, as it is.
        response: of the balance, as it is.
        masses_mg: of all pulses that come in the window; the bound of a time depends on them.
        onsets_s: of the same pulses.
        begin_s: of the blocks of readings, one sample each for the bound proper, ascending.
        end_s: of the blocks.
        drift_known: whether the drift is known, as it nearly is from a long run; one slope for the window otherwise.
        times_known: whether the onsets are known.

    Raises:
        ValueError: there are fewer blocks than unknowns.

    """
    count = len(onsets_s)
    columns = [np.ones(len(begin_s))]
    columns += [response.means(begin_s - onset, end_s - onset) for onset in onsets_s]
    if not times_known:
        pairs = zip(masses_mg, onsets_s, strict=True)
        columns += [-mass * response.slopes(begin_s - onset, end_s - onset) for mass, onset in pairs]
    if not drift_known:
        middle = 0.5 * (begin_s + end_s)
        columns.append(middle - np.mean(middle))
    design = np.column_stack(columns)
    if design.shape[0] < design.shape[1]:
        raise ValueError(f"{design.shape[0]} readings cannot tell {design.shape[1]} unknowns; take a longer window")
    whitened = np.linalg.solve(np.linalg.cholesky(noise.of_blocks(begin_s, end_s)), design)
    scale = np.linalg.norm(whitened, axis=0)
    root = np.linalg.inv(np.linalg.qr(whitened / scale, mode="r"))
    least = np.asarray(np.sqrt(np.sum(root**2, axis=1)) / scale, dtype=np.float64)
    times: Floats = np.full(count, np.nan) if times_known else least[1 + count : 1 + 2 * count]
    return Bounds(np.asarray(least[1 : 1 + count]), np.asarray(times))


def sample_blocks(begin_s: float, end_s: float, sample_s: float) -> tuple[Floats, Floats]:
    """Return one block a reading, each half a sample about its time, from `begin_s` to `end_s`."""
    times = begin_s + (np.arange(round((end_s - begin_s) / sample_s)) + 0.5) * sample_s
    begin = np.asarray(times - 0.5 * sample_s, dtype=np.float64)
    return begin, begin + sample_s
