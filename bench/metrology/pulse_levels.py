"""The volume of pulses that lie well apart: the level after each, once its tail has come, less the level before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.metrology.noise import Floats, Noise
from bench.metrology.pulse_train import FoundPulse

_TAIL_S = 60.0
_BEGINS_S = 3.0
_LONGEST_LEVEL_S = 30.0


def weigh(
    pulses: Sequence[FoundPulse], time_s: Floats, mass_mg: Floats, noise: Noise, loss_mg_per_s: float
) -> list[FoundPulse]:
    """Return pulses and empty slots with the masses that the levels beside them tell; ascending as they are given."""
    known = np.isfinite(mass_mg)
    at_s, mass = time_s[known], mass_mg[known]
    summed, summed_time = (np.concatenate((np.zeros(1), np.cumsum(each))) for each in (mass, at_s))
    instants = np.array([pulse.time_s for pulse in pulses])
    if len(instants) == 0:
        return []
    gap_after = np.diff(instants, append=max(instants[-1] + 2.0, min(at_s[-1], instants[-1] + 2.0 * _TAIL_S)))
    gap_before = np.diff(instants, prepend=min(instants[0] - 2.0, max(at_s[0], instants[0] - 2.0 * _TAIL_S)))
    # A pulse is found where half of it shows: it began before by about the balance's lag.
    length_before = np.clip(0.35 * gap_before, 1.0, _LONGEST_LEVEL_S)
    length_after = np.clip(0.35 * gap_after, 1.0, _LONGEST_LEVEL_S)
    end_after = np.minimum(instants + _TAIL_S + _LONGEST_LEVEL_S, instants + gap_after - _BEGINS_S)
    levels, times = [], []
    for begin, end in (
        (instants - _BEGINS_S - length_before, instants - _BEGINS_S),
        (end_after - length_after, end_after),
    ):
        first, last = np.searchsorted(at_s, begin), np.searchsorted(at_s, end, "right")
        count = np.maximum(last - first, 1)
        levels.append(np.where(last > first, (summed[last] - summed[first]) / count, np.nan))
        times.append((summed_time[last] - summed_time[first]) / count)
    masses = levels[1] - levels[0] + loss_mg_per_s * (times[1] - times[0])
    uncertainty: dict[tuple[int, int, int], float] = {}
    weighed = []
    for i, pulse in enumerate(pulses):
        key = (round(length_before[i]), round(length_after[i]), round(end_after[i] - pulse.time_s))
        if key not in uncertainty:
            before = (-_BEGINS_S - length_before[i], -_BEGINS_S)
            after = (end_after[i] - pulse.time_s - length_after[i], end_after[i] - pulse.time_s)
            uncertainty[key] = noise.difference(before, after).standard_uncertainty
        if math.isfinite(masses[i]):
            weighed.append(replace(pulse, mass_mg=float(masses[i]), standard_uncertainty_mg=uncertainty[key]))
    return weighed
