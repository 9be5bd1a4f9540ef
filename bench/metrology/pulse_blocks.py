"""Cuts a weighing into blocks that keep what pulses tell: fine where a pulse arrives, coarser the farther from one.

Blocks never span a pulse's neighbourhood, so that the number of them, and with it the size of every covariance, depends
on the number of pulses and hardly on the number of readings.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats

_GROWTH = 1.25
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Means of readings over blocks, ascending and apart: begin and end (s), each half a sample beyond its readings."""

    begin_s: Floats
    end_s: Floats
    mean_mg: Floats

    def between(self, begin_s: float, end_s: float) -> slice:
        """Return the blocks that lie wholly between two times."""
        first = int(np.searchsorted(self.begin_s, begin_s, "left"))
        last = int(np.searchsorted(self.end_s, end_s, "right"))
        return slice(first, max(first, last))


@dataclass(frozen=True, slots=True)
class Spacing:
    """How fine the blocks are: `fine_s` from `before_s` before each onset until `after_s` after it.

    Onsets are rounded to multiples of `anchor_s` for it.
    """

    fine_s: float
    before_s: float
    after_s: float
    anchor_s: float
    sample_s: float


def cut(time_s: Floats, mass_mg: Floats, onsets_s: Floats, spacing: Spacing) -> Blocks:
    """Return the blocks of a weighing; readings that are NaN belong to none, and a block without readings is none.

    Args:
        time_s: ascending times of the readings.
        mass_mg: readings.
        onsets_s: ascending times about which blocks are fine.
        spacing: of the blocks.

    """
    half = 0.5 * spacing.sample_s
    edges = _edges(float(time_s[0]) - half, float(time_s[-1]) + half, onsets_s, spacing)
    known = np.isfinite(mass_mg)
    times, masses = time_s[known], mass_mg[known]
    place = np.searchsorted(times, edges)
    filled = np.flatnonzero(np.diff(place) > 0)
    first = place[filled]
    last = place[filled + 1] - 1
    # Readings far from zero would lose digits in long sums.
    offset = float(masses[0])
    mean = np.add.reduceat(masses - offset, first) / (last - first + 1)
    begin, end = times[first] - half, times[last] + half
    # Stamps that jitter must not make neighbours overlap.
    begin[1:] = np.maximum(begin[1:], end[:-1])
    end = np.maximum(end, begin + half)
    return Blocks(begin, end, mean)


def _edges(begin_s: float, end_s: float, onsets_s: Floats, spacing: Spacing) -> Floats:
    if len(onsets_s) == 0:
        return np.append(np.arange(begin_s, end_s, max(spacing.fine_s, (end_s - begin_s) / 400.0)), end_s)
    patterns: dict[tuple[int, bool, bool], Floats] = {}

    def stretch(begin: float, end: float, *, after: bool, before: bool) -> Floats:
        key = round((end - begin) / spacing.sample_s), after, before
        if key not in patterns:
            patterns[key] = _pattern(key[0], spacing, after=after, before=before)
        return begin + patterns[key]

    onsets = onsets_s[(onsets_s > begin_s) & (onsets_s < end_s)]
    # On a grid of whole samples, so that pulses which keep an interval nearly have blocks that are laid out alike.
    grid_s = spacing.sample_s * max(1, round(spacing.anchor_s / spacing.sample_s))
    onsets = np.unique(begin_s + np.round((onsets - begin_s) / grid_s) * grid_s)
    onsets = onsets[(onsets > begin_s) & (onsets < end_s)]
    if len(onsets) == 0:
        return _edges(begin_s, end_s, onsets, spacing)
    parts = [stretch(begin_s, float(onsets[0]), after=False, before=True)]
    pairs = itertools.pairwise(onsets)
    parts += [stretch(float(one), float(next_one), after=True, before=True) for one, next_one in pairs]
    parts.append(stretch(float(onsets[-1]), end_s, after=True, before=False))
    parts.append(np.array([end_s]))
    return np.concatenate(parts)


def _pattern(samples: int, spacing: Spacing, *, after: bool, before: bool) -> Floats:
    """Return block edges of a stretch, the last left out: fine at its ends where a pulse is, coarser between."""
    from_left = _Growing(samples, round(spacing.after_s / spacing.sample_s) if after else None, spacing)
    from_right = _Growing(samples, round(spacing.before_s / spacing.sample_s) if before else None, spacing)
    left, right = [0], [samples]
    while left[-1] < right[-1]:
        step_left, step_right = from_left(left[-1]), from_right(samples - right[-1])
        if step_left <= step_right:
            left.append(min(left[-1] + step_left, right[-1]))
        else:
            right.append(max(right[-1] - step_right, left[-1]))
    edges = np.array(left + right[::-1][1:] if left[-1] == right[-1] else left + right[::-1])
    return np.unique(edges)[:-1] * spacing.sample_s


class _Growing:
    """Length of the next block in samples, by the distance from the stretch's end in samples."""

    def __init__(self, samples: int, fine_until: int | None, spacing: Spacing) -> None:
        self._samples = samples
        self._fine_until = fine_until
        self._fine = max(1, round(spacing.fine_s / spacing.sample_s))
        self._longest = max(self._fine, round(_LONGEST_S / spacing.sample_s))

    def __call__(self, distance: int) -> int:
        if self._fine_until is None:
            # Far from any pulse: as coarse as the stretch allows.
            return max(self._fine, min(self._longest, self._samples // 8))
        beyond = max(0, distance - self._fine_until)
        return int(min(self._longest, self._fine + (_GROWTH - 1.0) * beyond))
