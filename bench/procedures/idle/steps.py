"""Steps of the balance while a pump rests: what comes at once is told from what creeps, whatever evaporates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Noise, Window, block_means

_BLOCK_S = 5.0
_SIDE_BLOCKS = 6
_GAP_BLOCKS = 2
"""A step is over within so much: the balance has settled, and so has most of the line."""
_CLEAR = 6.0
"""Standard deviations that a step must be: over a day noise makes none."""
_SHARE = 0.35
"""Share of a pulse that a step must be, where the plan tells the pulse."""
_APART_S = _BLOCK_S * (2 * _SIDE_BLOCKS + _GAP_BLOCKS)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the balance, in mg; negative downwards."""

    time_s: float
    mass_mg: float


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of a stretch, how far noise leaves one open, and the least that counts as one, in mg."""

    found: Sequence[Step]
    standard_uncertainty_mg: float
    least_mg: float

    @property
    def upwards(self) -> list[Step]:
        """What came."""
        return [step for step in self.found if step.mass_mg > 0.0]

    @property
    def downwards(self) -> list[Step]:
        """What went."""
        return [step for step in self.found if step.mass_mg < 0.0]

    def resolves(self, pulse_mg: float) -> bool:
        """Return whether a pulse would stand out."""
        return _CLEAR * self.standard_uncertainty_mg <= 0.5 * pulse_mg


def find_steps(time_s: Floats, mass_mg: Floats, span: Window, noise: Noise, pulse_mg: float | None) -> Steps:
    """Find the steps within `span`: levels of half a minute each side, less what creeps all the time.

    Two steps within about a minute count as one.
    """
    width_s = _BLOCK_S * _SIDE_BLOCKS
    own_mg = noise.difference((0.0, width_s), (_APART_S - width_s, _APART_S)).standard_uncertainty
    least_mg = max(_CLEAR * own_mg, 0.0 if pulse_mg is None else _SHARE * pulse_mg)
    inside = slice(np.searchsorted(time_s, span[0]), np.searchsorted(time_s, span[1], "right"))
    middle_s, mean_mg = block_means(time_s[inside], mass_mg[inside], _BLOCK_S)
    if len(mean_mg) < 2 * _SIDE_BLOCKS + _GAP_BLOCKS:
        return Steps([], own_mg, least_mg)
    sides = np.convolve(mean_mg, np.full(_SIDE_BLOCKS, 1.0 / _SIDE_BLOCKS), "valid")
    change_mg = sides[_SIDE_BLOCKS + _GAP_BLOCKS :] - sides[: -(_SIDE_BLOCKS + _GAP_BLOCKS)]
    at_s = middle_s[_SIDE_BLOCKS : _SIDE_BLOCKS + len(change_mg)] - 0.5 * _BLOCK_S
    known = np.isfinite(change_mg)
    if not known.any():
        return Steps([], own_mg, least_mg)
    jump_mg = np.where(known, change_mg - np.median(change_mg[known]), 0.0)
    found: list[Step] = []
    left = np.abs(jump_mg)
    while left.size and float(left.max()) > least_mg:
        top = int(np.argmax(left))
        found.append(Step(float(at_s[top]), float(jump_mg[top])))
        left[np.abs(at_s - at_s[top]) < _APART_S] = 0.0
    return Steps(sorted(found, key=lambda step: step.time_s), own_mg, least_mg)
