"""What of a bolus still comes after it was weighed: made good by what came shortly before, and left open."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded
from bench.metrology.noise import Floats, Noise
from bench.procedures.bolus.weighing import WeighedBolus
from bench.results.model import Component

NOT_ARRIVED = "not yet arrived"
STILL_TO_COME = 0.1
"""How much of what came between an early window and that of weighing comes after it, at most: true for tails of up to
20 s after the usual minute of settling. A longer one shows as a creep within the window of weighing."""
CREEP_TO_COME = 1.5
"""The same for a creep between the halves of that window, where there clearly is one: tails of up to its length."""
_CLEARLY = 3.0


@dataclass(frozen=True, slots=True)
class StillToCome:
    """What the mean bolus still lacks when it is weighed, in mg, and how far from that it may be, either way."""

    mass_mg: float
    half_width_mg: float

    def component(self, share: float, percent_per_mg: float) -> Component:
        """Return its line in the budget of what lacks `share` of it."""
        source = "what came between an earlier window and that of weighing"
        sensitivity = share * percent_per_mg
        return bounded(NOT_ARRIVED, self.half_width_mg, "mg", sensitivity, source=source, estimate=self.mass_mg)


def still_to_come(weighed: Sequence[WeighedBolus], noise: Noise) -> StillToCome:
    """Return what still came after the weighing of the mean bolus: all boluses tell of it together.

    It is anything between nothing and the most that fits what came before, so that the middle is the best estimate.
    """
    number = len(weighed)
    spread = noise.sum_of_levels(
        [window for one in weighed for window in (one.early, one.bolus.after)], [-1.0 / number, 1.0 / number] * number
    ).standard_uncertainty
    settling_mg = max(0.0, float(np.mean([one.settling_mg for one in weighed])))
    creep_mg = float(np.mean([one.creep_mg for one in weighed]))
    most_mg = STILL_TO_COME * settling_mg
    if creep_mg > _CLEARLY * spread:
        most_mg = max(most_mg, CREEP_TO_COME * creep_mg)
    return StillToCome(0.5 * most_mg, math.hypot(0.5 * most_mg, STILL_TO_COME * spread))


def lacking(weighed: Sequence[WeighedBolus]) -> Floats:
    """Return how much of what the mean bolus lacks each one does, shape (n,).

    Each lacks in proportion to its mass. Where the window before a bolus follows on the one after its predecessor, what
    the predecessor lacked has come into this one: then only the first lacks all, and equal ones after it nothing.
    """
    mass_mg = np.array([one.mass_mg for one in weighed])
    mean_mg = float(mass_mg.mean())
    share = mass_mg / mean_mg if mean_mg > 0.0 else np.ones_like(mass_mg)
    handed = np.concatenate(([0.0], share[:-1]))
    return np.asarray(share - np.where([False, *follow_on(weighed)], handed, 0.0), dtype=np.float64)


def follow_on(weighed: Sequence[WeighedBolus]) -> list[bool]:
    """Return of every bolus but the first whether it is weighed before where its predecessor is weighed after."""
    return [following.bolus.before[0] < one.bolus.after[1] for one, following in itertools.pairwise(weighed)]
