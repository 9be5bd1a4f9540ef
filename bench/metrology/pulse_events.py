"""What happened where a recording does not look as its scheduled pulses alone would make it.

Around each such place, steps are added one by one at the instants that explain most, by generalised least squares
beside the pulses nearby (orthogonal matching pursuit: Pati, Rezaiifar & Krishnaprasad 1993), until what is left is
noise. What the steps are is told from their sizes, their order, and how long the balance took for them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.matched_filter import Fitter, Grid, bounded_normal
from bench.metrology.noise import Floats, Window
from bench.metrology.pulse_train import HIGHEST, LOWEST, Disturbance

SPLIT_S = 15.0
"""Parts of one pulse come no further apart."""
PART = 0.12
"""Of a pulse's size: what explains less is left to the noise."""
WHOLE = 0.6
"""Of a pulse's size: two parts that are each as much are two pulses."""
STANDS_OUT = 7.0
"""A step is added when it is as many standard uncertainties, at the best of all instants."""
BUMP_S = 12.0
"""What goes there and back within so long is a bump."""
SHARP_S = 3.0
"""Two opposed steps within so long that do not cancel are one, of another shape than a pulse's."""
_MOST_STEPS = 5
_SWEEPS = 3
_FINE = np.linspace(-1.0, 1.0, 21)
"""Parts of a block at which the best instant is looked for."""
_MISFIT = 0.06
"""Part of a large step by which its shape may differ from the response without being another step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the balance; `slot` is the number of the scheduled pulse that it is, or None."""

    time_s: float
    size_mg: float
    standard_uncertainty_mg: float
    slot: int | None = None


@dataclass
class _Place:
    """One stretch of a grid, whitened, in which steps are moved and added."""

    time_s: Floats
    mass_mg: Floats
    inverse: Floats
    fitter: Fitter

    def sizes(self, instants: Sequence[float]) -> tuple[Floats, Floats]:
        """Return sizes of steps and their covariance."""
        design = self.fitter.design(self.time_s, instants)
        left = design.T @ self.inverse
        covariance = np.asarray(np.linalg.inv(bounded_normal(left @ design)), dtype=np.float64)
        count = len(instants)
        return (covariance @ (left @ self.mass_mg))[:count], covariance[:count, :count]

    def best(self, beside: Sequence[float], candidates: Floats) -> tuple[float, float, float]:
        """Return instant, size and gain (squared standard uncertainties) of the best step beside others."""
        design = self.fitter.design(self.time_s, beside)
        left = design.T @ self.inverse
        solved = np.linalg.solve(bounded_normal(left @ design), left)
        through = self.inverse - left.T @ solved
        columns = self.fitter.response(self.time_s[:, None] - candidates[None, :])
        applied = through @ columns
        power = np.maximum(np.sum(columns * applied, axis=0), 1e-12)
        drawn = self.mass_mg @ applied
        gains = drawn**2 / power
        at = int(np.argmax(gains))
        return float(candidates[at]), float(drawn[at] / power[at]), float(gains[at])


def explain(
    grid: Grid,
    fitter: Fitter,
    slots_s: Floats,
    place: Window,
    reach_s: float,
    size_mg: float,
    moves_s: float,
) -> list[Step]:
    """Return the steps within `place`: its scheduled pulses, moved to where they came, and what else there is.

    Args:
        grid: the recording.
        fitter: response and covariance.
        slots_s: ascending instants of all scheduled pulses.
        place: from where to where something is to be explained.
        reach_s: how far the recording is looked at on either side.
        size_mg: of a pulse.
        moves_s: how far a scheduled pulse may be from its slot.

    """
    stretch = _stretch(grid, fitter, place, reach_s)
    if stretch is None:
        return []
    centre, half = 0.5 * (place[0] + place[1]), 0.5 * (place[1] - place[0]) + reach_s
    numbers = fitter.near(slots_s, centre, half)
    own = [int(i) for i in numbers if place[0] <= slots_s[i] <= place[1]]
    fixed = [float(slots_s[i]) for i in numbers if int(i) not in own]
    steps = [float(slots_s[i]) for i in own]
    grid_s = np.arange(place[0], place[1] + grid.step_s, grid.step_s)
    for _ in range(_MOST_STEPS):
        steps = _settle(stretch, fixed, steps, slots_s[own], moves_s, place)
        sizes, _ = stretch.sizes([*steps, *fixed])
        known = np.abs(sizes[: len(steps)])
        least = max(PART * size_mg, _MISFIT * float(np.max(known, initial=0.0)))
        apart = _apart(grid_s, [*steps, *fixed], fitter)
        if len(apart) == 0:
            break
        instant, size, gain = stretch.best([*steps, *fixed], apart)
        if gain < STANDS_OUT**2 or abs(size) < least:
            break
        steps.append(instant)
    sizes, _ = stretch.sizes([*steps, *fixed])
    steps = _in_their_slots(steps, sizes, slots_s[own], moves_s, PART * size_mg)
    steps = _settle(stretch, fixed, steps, slots_s[own], moves_s, place)
    sizes, covariance = stretch.sizes([*steps, *fixed])
    numbered = [*own, *([None] * (len(steps) - len(own)))]
    return [
        Step(instant, float(sizes[i]), math.sqrt(max(0.0, float(covariance[i, i]))), number)
        for i, (instant, number) in enumerate(zip(steps, numbered, strict=True))
    ]


def _in_their_slots(
    steps: Sequence[float], sizes: Floats, slots_s: Floats, moves_s: float, least_mg: float
) -> list[float]:
    """Return steps of which each empty slot has taken the one that came nearest to it.

    A pulse in two parts is first laid between them, and stays there with nothing once both have been found.
    """
    scheduled, free = list(steps[: len(slots_s)]), list(steps[len(slots_s) :])
    for i, slot_s in enumerate(slots_s.tolist()):
        near = [step for step in free if abs(step - slot_s) <= moves_s]
        if abs(sizes[i]) < least_mg and near:
            scheduled[i] = min(near, key=lambda step: abs(step - slot_s))
            free.remove(scheduled[i])
    return [*scheduled, *free]


def _stretch(grid: Grid, fitter: Fitter, place: Window, reach_s: float) -> _Place | None:
    first, last = max(0, grid.index(place[0] - reach_s)), min(len(grid.mass_mg), grid.index(place[1] + reach_s) + 1)
    mass = grid.mass_mg[first:last]
    known = np.isfinite(mass)
    if np.count_nonzero(known) < 10:
        return None
    time_s = grid.time_s[first:last]
    matrix = fitter.matrix(len(mass), time_s - time_s[0])[np.ix_(known, known)]
    return _Place(time_s[known], mass[known] - float(np.mean(mass[known])), np.linalg.inv(matrix), fitter)


def _apart(grid_s: Floats, taken: Sequence[float], fitter: Fitter) -> Floats:
    """Return candidates that are far enough from steps that stand already to be told from them."""
    nearest = np.min(np.abs(grid_s[:, None] - np.array(taken)[None, :]), axis=1) if taken else np.full(len(grid_s), 9e9)
    return grid_s[nearest > max(2.0 * fitter.covariance.step_s, 0.15 * fitter.settled_s)]


def _settle(
    stretch: _Place,
    fixed: Sequence[float],
    steps: Sequence[float],
    slots_s: Floats,
    moves_s: float,
    place: Window,
) -> list[float]:
    """Move each step in turn to where it explains most."""
    steps = list(steps)
    coarse_s = stretch.fitter.covariance.step_s
    sizes, covariance = stretch.sizes([*steps, *fixed])
    for _ in range(_SWEEPS if len(steps) > 0 else 0):
        before = list(steps)
        for i in range(len(steps)):
            scheduled = i < len(slots_s)
            # A pulse that did not come has no instant of its own.
            if scheduled and abs(sizes[i]) < 5.0 * math.sqrt(max(0.0, covariance[i, i])):
                continue
            middle, reach = (float(slots_s[i]), moves_s) if scheduled else (steps[i], 4.0)
            others = [*steps[:i], *steps[i + 1 :], *fixed]
            candidates = np.arange(max(place[0], middle - reach), min(place[1], middle + reach) + coarse_s, coarse_s)
            candidates = _apart(candidates, others, stretch.fitter)
            if len(candidates):
                near = stretch.best(others, candidates)[0]
                steps[i] = stretch.best(others, near + coarse_s * _FINE)[0]
        if before == steps:
            break
    return steps


@dataclass(frozen=True, slots=True)
class Told:
    """What steps turned out to be: pulses on schedule, parts of split ones, extra ones, and disturbances."""

    scheduled: dict[int, list[Step]]
    extra: list[Step]
    disturbances: list[Disturbance]
    bumped: list[Window]


def tell(steps: Sequence[Step], size_mg: float, interval_s: float) -> Told:
    """Tell what the steps of one place are."""
    steps = sorted(steps, key=lambda step: step.time_s)
    bumps, steps = _without_bumps(steps, size_mg)
    disturbances = [Disturbance(a.time_s, a.size_mg, "bump", b.time_s - a.time_s) for a, b in bumps]
    sharp, steps = _without_sharp(steps)
    disturbances += [Disturbance(step.time_s, step.size_mg, "jump") for step in sharp]
    scheduled: dict[int, list[Step]] = {step.slot: [step] for step in steps if step.slot is not None}
    extra: list[Step] = []
    for step in (step for step in steps if step.slot is None):
        partner = _split_from(step, scheduled, size_mg, interval_s)
        if partner is not None:
            scheduled[partner].append(step)
        elif LOWEST * size_mg <= step.size_mg <= HIGHEST * size_mg:
            extra.append(step)
        else:
            disturbances.append(Disturbance(step.time_s, step.size_mg, "jump"))
    bumped = [(a.time_s, b.time_s) for a, b in bumps]
    # A split pulse came when its first part did.
    in_order = {number: sorted(parts, key=lambda part: part.time_s) for number, parts in scheduled.items()}
    return Told(in_order, extra, disturbances, bumped)


def _without_bumps(steps: list[Step], size_mg: float) -> tuple[list[tuple[Step, Step]], list[Step]]:
    """Take out neighbours that cancel each other: first those that do so best."""
    bumps: list[tuple[Step, Step]] = []
    while True:
        pairs = [
            (abs(a.size_mg + b.size_mg), a, b)
            for i, a in enumerate(steps)
            for b in steps[i + 1 : i + 3]
            if a.size_mg * b.size_mg < 0.0
            and b.time_s - a.time_s < BUMP_S
            and not (_is_pulse(a, size_mg) or _is_pulse(b, size_mg))
            and abs(a.size_mg + b.size_mg)
            < max(0.3 * max(abs(a.size_mg), abs(b.size_mg)), 4.0 * math.hypot(*_own(a, b)))
        ]
        if not pairs:
            return bumps, steps
        _, first, second = min(pairs, key=lambda pair: pair[0])
        bumps.append((first, second))
        steps = [step for step in steps if step is not first and step is not second]


def _without_sharp(steps: list[Step]) -> tuple[list[Step], list[Step]]:
    """Take out steps that were made of opposed ones at nearly one instant: of another shape than the response."""
    sharp: list[Step] = []
    free = [step for step in steps if step.slot is None]
    cuts = [i + 1 for i, (a, b) in enumerate(itertools.pairwise(free)) if b.time_s - a.time_s >= SHARP_S]
    for first, last in itertools.pairwise([0, *cuts, len(free)]):
        cluster = free[first:last]
        sizes = [step.size_mg for step in cluster]
        if cluster and min(sizes) < 0.0 < max(sizes):
            largest = max(cluster, key=lambda step: abs(step.size_mg))
            own = math.hypot(*(step.standard_uncertainty_mg for step in cluster))
            sharp.append(Step(largest.time_s, sum(sizes), own))
            steps = [step for step in steps if step not in cluster]
    return sharp, steps


def _own(a: Step, b: Step) -> tuple[float, float]:
    return a.standard_uncertainty_mg, b.standard_uncertainty_mg


def _is_pulse(step: Step, size_mg: float) -> bool:
    """Whether a step is a scheduled pulse that came: it is no part of a bump."""
    return step.slot is not None and step.size_mg > LOWEST * size_mg


def split_reach_s(interval_s: float) -> float:
    """Return how far apart parts of one pulse may be where pulses come at an interval."""
    return min(SPLIT_S, 0.45 * interval_s)


def _split_from(step: Step, scheduled: dict[int, list[Step]], size_mg: float, interval_s: float) -> int | None:
    """Return the scheduled pulse of which a step is the rest."""
    reach = split_reach_s(interval_s)
    for number, parts in scheduled.items():
        (first,) = parts[:1]
        both = sum(part.size_mg for part in parts) + step.size_mg
        partial = min(step.size_mg, first.size_mg) < WHOLE * size_mg
        if (
            abs(step.time_s - first.time_s) <= reach
            and step.size_mg > 0.0
            and first.size_mg > 0.0
            and partial
            and WHOLE * size_mg <= both <= 1.6 * size_mg
        ):
            return number
    return None
