"""What the scheduled pulses of a weighing leave unexplained, and what it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.matched_filter import Grid, scan
from bench.metrology.noise import Window
from bench.metrology.pulse_events import Step, Told, explain, split_reach_s, tell
from bench.metrology.pulse_record import LONGEST_FILTER_S, Record, local_maxima
from bench.metrology.pulse_train import DENSE_S, DOUBLED, HIGHEST, LOWEST

_SHORT_FILTER_S = 4.0
SUSPECT = 7.0
"""Standard uncertainties of what is left beyond which something else happened there."""
_SUSPECT_PART = 0.12
_MOST_PLACES = 400


def explained(record: Record, steps: dict[int, list[Step]]) -> Told:
    """Look for what the scheduled pulses leave unexplained, and tell what it is."""
    scheduled = [step for parts in steps.values() for step in parts]
    slots_s = np.array([step.time_s for step in scheduled])
    told = Told({}, [], [], [])
    moves_s = min(5.0, 0.2 * record.interval_s)
    reach = max(record.filter_s, min(LONGEST_FILTER_S, 4.0))
    for place in _places(record, scheduled)[:_MOST_PLACES]:
        found = explain(record.grid, record.fitter, slots_s, place, reach, record.pulse_mg, moves_s)
        here = tell(found, record.pulse_mg, record.interval_s)
        told.scheduled.update(here.scheduled)
        told.extra.extend(here.extra)
        told.disturbances.extend(here.disturbances)
        told.bumped.extend(here.bumped)
    return told


def residual(record: Record, steps: Sequence[Step]) -> Grid:
    """Return what is left of the recording once steps are taken out."""
    grid, settled = record.grid, max(2.0 * record.fitter.settled_s, 10.0)
    left = grid.mass_mg.copy()
    levels = np.zeros(len(left) + 1)
    for step in steps:
        if not math.isfinite(step.size_mg):
            continue
        first = max(0, math.ceil((step.time_s - grid.start_s) / grid.step_s))
        last = min(len(left), max(first, grid.index(step.time_s + settled)))
        since = grid.start_s + grid.step_s * np.arange(first, last, dtype=np.float64) - step.time_s
        left[first:last] -= step.size_mg * record.fitter.response(since)
        levels[min(last, len(left))] += step.size_mg
    return Grid(grid.start_s, grid.step_s, left - np.cumsum(levels[:-1]))


def as_steps(told: Told) -> list[Step]:
    """Return disturbances as steps, so that what is left of a recording no longer holds them."""
    steps = []
    for each in told.disturbances:
        steps.append(Step(each.time_s, each.step_mg, 0.0))
        if each.kind == "bump":
            steps.append(Step(each.time_s + each.lasted_s, -each.step_mg, 0.0))
    return steps


def _places(record: Record, scheduled: Sequence[Step]) -> list[Window]:
    """Return stretches in which something else than the scheduled pulses happened, apart from each other."""
    rest = residual(record, scheduled)
    suspects: list[float] = []
    for half_s in {min(_SHORT_FILTER_S, record.filter_s), record.filter_s}:
        scanned = scan(rest, record.fitter, half_s)
        threshold = max(SUSPECT * scanned.noise_mg, _SUSPECT_PART * record.pulse_mg)
        found = local_maxima(np.abs(scanned.size_mg), threshold, 0.5 * half_s / record.grid.step_s)
        suspects += [float(record.grid.time_s[i]) for i in found]
    for step in scheduled:
        odd = not LOWEST * record.pulse_mg < step.size_mg < DOUBLED * record.pulse_mg
        if odd and (record.interval_s < DENSE_S or step.size_mg > HIGHEST * record.pulse_mg):
            suspects.append(step.time_s)
    around = min(8.0, 1.2 * record.interval_s)
    slots_s = np.array([step.time_s for step in scheduled])
    places: list[Window] = []
    for at_s in sorted(suspects):
        # What a suspect may be a part of is looked at together with it.
        whole = slots_s[np.abs(slots_s - at_s) <= split_reach_s(record.interval_s)].tolist()
        begin, end = min([at_s, *whole]) - around, max([at_s, *whole]) + around
        if places and begin <= places[-1][1] and at_s - places[-1][0] < 8.0 * around:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((begin if not places else max(begin, places[-1][1]), end))
    return places
