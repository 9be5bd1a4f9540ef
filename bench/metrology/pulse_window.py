"""Weighs the pulses of one window of a weighing by generalised least squares.

A window is long enough that what lies beyond it says little of its pulses. All pulses that arrive in it are fitted
together, with the level; those that came before it are taken off, and the drift is known from the whole run. Onsets are
refined by linearised steps, each held by what is known of it beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.pulse_blocks import Blocks
from bench.metrology.step_response import StepResponse

_KEPT = 48
_STILL = 0.03
"""Standard uncertainties within which an onset is found."""
_LOST = 3.0
"""Standard uncertainties of its mass below which a pulse's onset is not looked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """Blocks from `first` to `last`, the pulses that arrive in them, and which of these the window is for."""

    first: int
    last: int
    pulses: range
    core: range


class Roots:
    """Cholesky factors of the noise's covariance, kept for blocks that are laid out alike."""

    def __init__(self, noise: FilteredNoise) -> None:
        self.noise = noise
        self._kept: dict[bytes, tuple[Floats, Floats]] = {}

    def of(self, begin_s: Floats, end_s: Floats) -> tuple[Floats, Floats]:
        """Return the lower factor and its inverse, the same for blocks that differ by the jitter of stamps only."""
        edges = np.concatenate((begin_s, end_s)) - begin_s[0]
        key = np.round(edges / (0.2 * self.noise.sample_s)).astype(np.int64).tobytes()
        roots = self._kept.get(key)
        if roots is None:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            root = np.asarray(np.linalg.cholesky(self.noise.of_blocks(begin_s, end_s)), dtype=np.float64)
            roots = root, np.asarray(np.linalg.inv(root), dtype=np.float64)
            self._kept[key] = roots
        return roots


class Whitened:
    """A window's readings, and whatever is fitted to them, with the noise made white and of unit variance."""

    def __init__(self, blocks: Blocks, window: Window, roots: Roots) -> None:
        part = slice(window.first, window.last)
        self.window = window
        self.begin_s, self.end_s = blocks.begin_s[part], blocks.end_s[part]
        self._spans_s = np.stack((self.begin_s, self.end_s))
        self.middle_s = 0.5 * (self.begin_s + self.end_s)
        self.mean_mg = blocks.mean_mg[part] - blocks.mean_mg[part][0]
        self.root, self.inverse_root = roots.of(self.begin_s, self.end_s)
        self.time_s = self.middle_s - self.middle_s[len(self.middle_s) // 2]

    def turn(self, columns: Floats) -> Floats:
        """Return columns with their noise made white."""
        return np.asarray(self.inverse_root @ columns)

    def back(self, columns: Floats) -> Floats:
        """Return what columns of weights on whitened readings weigh the readings themselves with."""
        return np.asarray(self.inverse_root.T @ columns)

    def since(self, onsets_s: Floats) -> Floats:
        """Return how long after each onset each block begins and ends, in s; shape (2, blocks, onsets)."""
        return np.asarray(np.subtract.outer(self._spans_s, onsets_s))

    def shown(self, response: StepResponse, onsets_s: Floats) -> Floats:
        """Return what the blocks show of a unit pulse at each onset, a column each."""
        return response.means(self.since(onsets_s))


class Earlier(NamedTuple):
    """Pulses that came before a window and whose tail it still shows."""

    onsets_s: Floats
    masses_mg: Floats


class Solution(NamedTuple):
    """Masses and onsets of a window's pulses.

    `design` is the whitened design of level, masses and onsets with the rows of what is known beforehand below it,
    `inverse` its normal matrix's inverse, `residual` what is left.
    """

    masses_mg: Floats
    onsets_s: Floats
    design: Floats
    inverse: Floats
    residual: Floats

    @property
    def mass_uncertainty_mg(self) -> Floats:
        """Standard uncertainties by noise alone."""
        count = len(self.masses_mg)
        return np.sqrt(np.diag(self.inverse)[1 : 1 + count])


def solve(
    white: Whitened,
    response: StepResponse,
    expected_s: Floats,
    spread_s: float,
    start: tuple[Floats, Floats] | None = None,
    earlier: Earlier | None = None,
    drift_mg_per_s: float = 0.0,
    rounds: int = 24,
) -> Solution:
    """Return masses and onsets of a window's pulses.

    Args:
        white: the window.
        response: of the balance.
        expected_s: onset of each pulse as it is known beforehand.
        spread_s: standard uncertainty of that.
        start: masses and onsets to begin with.
        earlier: pulses before the window.
        drift_mg_per_s: of the balance.
        rounds: at most, of the linearised search for onsets; none keeps those to begin with.

    """
    readings = white.mean_mg - drift_mg_per_s * white.time_s
    if earlier is not None and len(earlier.onsets_s):
        # Against what they had shown at the window's end: a level that is the same for all blocks says nothing.
        past = white.shown(response, earlier.onsets_s)
        readings = readings - (past - past[-1]) @ earlier.masses_mg
    count = len(expected_s)
    fixed = white.turn(np.column_stack((readings, np.ones(len(readings)))))
    onsets = expected_s.copy() if start is None else start[1].copy()
    step_s = 0.7 * max(response.width_s, white.end_s[0] - white.begin_s[0])
    masses = _masses(white, response, onsets, fixed) if start is None else start[0]
    for left in range(rounds, -1, -1):
        since_s = white.since(onsets)
        # What a pulse shows, and what it shows more for an onset a second later.
        shown = white.turn(np.concatenate((response.means(since_s), -response.slopes(since_s)), axis=1))
        moving = _certain(masses, shown[:, :count], fixed[:, 1])
        design = np.vstack(
            (
                np.column_stack((fixed[:, 1], shown[:, :count], shown[:, count:] * moving)),
                np.column_stack((np.zeros((count, 1 + count)), np.eye(count) / spread_s)),
            )
        )
        target = np.concatenate((fixed[:, 0], (expected_s - onsets) / spread_s))
        estimate, inverse = _least_squares(design, target)
        residual = target - design @ estimate
        masses = estimate[1 : 1 + count]
        move = np.clip(estimate[1 + count :], -step_s, step_s)
        if left == 0 or np.all(np.abs(move) < _STILL * np.sqrt(np.diag(inverse)[1 + count :])):
            break
        # Behind a lag a pulse is sharp once the noise is white: rounds go a block at a time, and may go to and fro.
        onsets = onsets + (move if left > rounds // 2 else 0.5 * move)
    return Solution(masses, onsets, design, inverse, residual)


def _masses(white: Whitened, response: StepResponse, onsets_s: Floats, fixed: Floats) -> Floats:
    """Return the masses for onsets that are believed."""
    shown = white.turn(white.shown(response, onsets_s))
    return _least_squares(np.column_stack((fixed[:, 1:], shown)), fixed[:, 0])[0][1:]


def _certain(masses: Floats, shown: Floats, level: Floats) -> Floats:
    """Return the masses by which onsets act, less for those that hardly stand out of the noise: they have no onset."""
    shape = shown - np.outer(level, level @ shown) / float(level @ level)
    weight = np.maximum(np.sum(shape**2, axis=0), 1e-30)
    seen = (masses**2 * weight) / _LOST**2
    return np.where(seen > 1.0, masses * np.sqrt(np.maximum(1.0 - 1.0 / np.maximum(seen, 1.0), 0.0)), 0.0)


def _least_squares(design: Floats, target: Floats) -> tuple[Floats, Floats]:
    size = np.sqrt(np.sum(design**2, axis=0))
    scale = np.where(size > 0.0, size, 1.0)
    scaled = design / scale
    normal = scaled.T @ scaled
    # The level's and the first masses' columns may be alike; so little keeps the matrix regular and moves nothing.
    normal[np.diag_indices_from(normal)] += 1e-12
    inverse = np.linalg.inv(normal)
    estimate = inverse @ (scaled.T @ target)
    # Once more on what is left, which gives back the digits that the normal matrix loses.
    estimate += inverse @ (scaled.T @ (target - scaled @ estimate))
    return estimate / scale, inverse / np.outer(scale, scale)
