"""A spread bolus against its programme: how far the delivered course was from the programmed one, at worst.

What comes at once comes at the pump's own speed, and the spread part with it or after it, as the pump is made: no
programme tells. So the programme is what lies between the earliest and the latest such course, and a course deviates
by as much as it is outside. It is looked at in means over adjoining blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats

SLOWEST_SPEED_UL_PER_MIN = 2.5
_BLOCKS = 60
_SHORTEST_BLOCK_S, _LONGEST_BLOCK_S = 2.0, 60.0
_LOOKS = np.linspace(0.0, 1.0, 21)
_NEAR = 3.0
"""Standard deviations within which other blocks may be the worst as well."""


@dataclass(frozen=True, slots=True)
class Programmed:
    """The course that a bolus is to take: `now_ul` at once, and `extended_ul` evenly over `over_s`."""

    now_ul: float
    extended_ul: float
    over_s: float

    @property
    def volume_ul(self) -> float:
        """All of it."""
        return self.now_ul + self.extended_ul

    @property
    def latest_end_s(self) -> float:
        """Time from the command until all has been given, at the slowest speed."""
        return 60.0 * self.now_ul / SLOWEST_SPEED_UL_PER_MIN + self.over_s

    def earliest_percent(self, time_s: Floats) -> Floats:
        """Return what share is given by a time since the command at most."""
        spread = self.extended_ul * np.clip(time_s / self.over_s, 0.0, 1.0)
        return np.asarray(100.0 * (np.where(time_s >= 0.0, self.now_ul, 0.0) + spread) / self.volume_ul)

    def latest_percent(self, time_s: Floats) -> Floats:
        """Return what share is given by a time since the command at least."""
        now_s = 60.0 * self.now_ul / SLOWEST_SPEED_UL_PER_MIN
        now = np.clip(time_s * SLOWEST_SPEED_UL_PER_MIN / 60.0, 0.0, self.now_ul)
        spread = self.extended_ul * np.clip((time_s - now_s) / self.over_s, 0.0, 1.0)
        return np.asarray(100.0 * (now + spread) / self.volume_ul)

    def blocks(self, until_s: float) -> tuple[Floats, float]:
        """Return the begins of adjoining blocks from the command until `until_s`, and their length."""
        width_s = min(_LONGEST_BLOCK_S, max(_SHORTEST_BLOCK_S, self.over_s / _BLOCKS))
        return np.arange(0.0, until_s - width_s, width_s), width_s

    def outside(self, begins_s: Floats, width_s: float, percent: Floats) -> Floats:
        """Return by how much each block's mean is outside of the programme: positive for too early."""
        at_s = begins_s[:, None] + width_s * _LOOKS[None, :]
        high, low = self.earliest_percent(at_s).mean(axis=1), self.latest_percent(at_s).mean(axis=1)
        return np.asarray(np.maximum(percent - high, 0.0) + np.minimum(percent - low, 0.0))


class Worst(NamedTuple):
    """The block that is furthest outside, by how much, and what noise adds to the largest of many at most."""

    place: int
    percent: float
    by_chance: float


def worst(outside: Floats, noise_percent: float) -> Worst:
    """Return the largest deviation; of n blocks that are about as far outside, noise picks the one that it helps."""
    place = int(np.argmax(np.abs(outside)))
    size = float(abs(outside[place]))
    near = int(np.count_nonzero(np.abs(outside) > size - _NEAR * noise_percent))
    return Worst(place, float(outside[place]), noise_percent * math.sqrt(2.0 * math.log(max(1, near))))
