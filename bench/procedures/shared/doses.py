"""The doses of a delivery that show one by one, and the times in which none can be told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.metrology.readings import within
from bench.metrology.steps import GUARD_S, MEAN_S, Steps, find_steps
from bench.procedures.shared.levels import CLEAR_S, END_LEVEL_S, SETTLE_S, Weighed
from bench.procedures.shared.programme import Programme

SEPARATE_S = 2.0 * CLEAR_S
"""Doses that come faster are not told one by one."""
DOSE_LAG_S, DOSE_LAG_HALF_S = 1.3, 0.8
"""Half of a dose shows so long after it came: a lag of 0.5 s to 1.5 s, a dead time up to 0.3 s, the line, and means."""
U_DOSE_S = 0.2
LATE_S = 1.5
"""A dose that shows so soon after an instant may have come before it."""
_LEAST_OF_INCREMENT = 0.4
_FEWEST_NOISES = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Dosed(Weighed):
    """A delivery as weighed, with what was due and every dose that shows.

    `increment_ul` is what a basal rate is metered in, NaN where the pump delivers continuously or nothing tells.
    `unresolved` says why doses cannot be told one by one. `ended_s` is the stop, `settled_s` when the line had given
    what it held back.
    """

    programme: Programme
    ul_per_u: float
    increment_ul: float
    doses: Steps
    unresolved: str
    ended_s: float
    u_ended_s: float
    settled_s: float
    first_s: float
    last_s: float
    u_by_hand_ul: float = 0.0
    """By how much what was due in all may be off, since a person carried the commands out: a standard uncertainty."""
    by_hand_s: float = 0.0
    """How long before `began_s` a person may have started the pump."""

    @property
    def stopped(self) -> list[Window]:
        """From when to when basal was off between two commands."""
        return [
            (each.begin_s, each.end_s)
            for each in self.programme.stretches
            if each.kind == "stopped" and each.end_s < self.ended_s
        ]

    def busy(self) -> list[Window]:
        """Return from when to when doses cannot be told: boluses that come too fast, and what a stopped pump primes."""
        still = [(min(begin_s + SETTLE_S, end_s), end_s - LATE_S) for begin_s, end_s in self.stopped]
        return still + [
            (piece.begin_s - LATE_S, piece.end_s + CLEAR_S)
            for bolus in self.programme.boluses
            for piece in bolus.pieces
            if not self._slow(piece.volume_ul, piece.end_s - piece.begin_s)
        ]

    def mixed(self) -> list[Window]:
        """Return from when to when doses of a slow bolus come among those of the basal rate."""
        return [
            (piece.begin_s, piece.end_s + LATE_S)
            for bolus in self.programme.boluses
            for piece in bolus.pieces
            if self._slow(piece.volume_ul, piece.end_s - piece.begin_s)
        ]

    def _slow(self, volume_ul: float, lasting_s: float) -> bool:
        return math.isfinite(self.increment_ul) and self.increment_ul / volume_ul * lasting_s >= SEPARATE_S

    def basal_alone(self, begin_s: float, end_s: float) -> list[Window]:
        """Return the parts of a time in which doses of the basal rate come, and no others among them."""
        return without([*self.busy(), *self.mixed()], begin_s, end_s)

    def doses_within(self, begin_s: float, end_s: float) -> Floats:
        """Return the instants of doses between two instants."""
        times_s = self.doses.time_s
        return times_s[np.searchsorted(times_s, begin_s) : np.searchsorted(times_s, end_s, "right")]


def without(windows: Iterable[Window], begin_s: float, end_s: float) -> list[Window]:
    """Return what is left of a time without some windows."""
    left, at_s = [], begin_s
    for first_s, last_s in sorted(windows):
        if first_s > at_s:
            left.append((at_s, min(first_s, end_s)))
        at_s = max(at_s, last_s)
    if at_s < end_s:
        left.append((at_s, end_s))
    return [window for window in left if window[1] > window[0]]


def find_doses(made: Dosed) -> tuple[Steps, str]:
    """Return every dose that shows, less those that cannot be told from others; or why none can be told."""
    nothing = Steps(np.empty(0), np.empty(0))
    if not math.isfinite(made.increment_ul):
        return nothing, "the plan gives the pump no basal increment, or its delivery is continuous"
    increment_mg = made.increment_ul / made.weighing.conversion.ul_per_mg
    noise_mg = made.weighing.noise.difference((0.0, MEAN_S), (MEAN_S + GUARD_S, 2.0 * MEAN_S + GUARD_S))[0]
    if increment_mg < _FEWEST_NOISES * noise_mg:
        return nothing, f"a dose of {increment_mg:.2g} mg does not stand out of the balance's noise ({noise_mg:.2g} mg)"
    until_s = made.settled_s
    time_s, mass_mg = within(made.weighing.time_s, made.weighing.mass_mg, (made.began_s - END_LEVEL_S, until_s))
    least_mg = max(_LEAST_OF_INCREMENT * increment_mg, 0.75 * _FEWEST_NOISES * noise_mg)
    found = find_steps(time_s, mass_mg, least_mg)
    instants_s = found.time_s - DOSE_LAG_S
    hidden = np.zeros(len(instants_s), dtype=np.bool_)
    for begin_s, end_s in made.busy():
        hidden |= (instants_s >= begin_s) & (instants_s <= end_s)
    hidden |= instants_s < made.began_s - LATE_S
    return Steps(instants_s[~hidden], found.size_mg[~hidden]), ""
