"""Finds the pulses of a metering pump in a weighing: when each came, how much it was, and which did not come.

Pulses are looked for where the pump's own schedule wants them, and their sizes fitted jointly with their neighbours'.
Whatever the recording holds beyond that is explained by further steps, and those are told apart: an extra pulse, the
second part of a split one, or a disturbance that no pulse can be. Nothing is guessed where a pulse does not stand out
of the noise.

A pulse's volume is the difference of two levels, just before it and after its tail has come, less evaporation. A fit of
the balance's own lag is as quiet, but loses the slow tail of tubing and plunger to the fitted slope, some 3 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.disturbances import bends
from bench.metrology.matched_filter import Fitter, Grid, Response, Scan, covariance_of, first_order, grid_of, scan
from bench.metrology.noise import Floats, Noise, Window
from bench.metrology.pulse_events import Step, Told, explain, tell
from bench.metrology.pulse_levels import weigh
from bench.metrology.pulse_schedule import Slot, follow, own_interval, rhythm
from bench.metrology.pulse_train import DOUBLED, HIGHEST, LOWEST, Detection, Disturbance, FoundPulse, Kind, PulseTrain

DENSE_S = 8.0
"""Pulses that come faster are found by their rhythm, not one by one."""
FEWEST_D_PRIME = 6.0
"""Pulses whose sizes are fewer standard uncertainties are not told one by one."""
LAG_S = 1.0
EXTRA_DOUBT = "a step of a pulse's size and shape where none is scheduled: a jump of the meniscus would look the same"
_LONGEST_FILTER_S = 20.0
_LONGEST_WINDOW_S = 30.0
_SHORT_FILTER_S = 4.0
_SETTLED_S = 5.0
_SLOPE_MG_PER_S = 2e-3
_TAIL_SHARE = 0.1
_SUSPECT = 7.0
"""Standard uncertainties of what is left beyond which something else happened there."""
_SUSPECT_PART = 0.12
_MOST_PLACES = 400


@dataclass(frozen=True, slots=True)
class _Record:
    """One weighing on a grid, with what is needed to fit steps in it."""

    grid: Grid
    fitter: Fitter
    noise: Noise
    pulse_mg: float
    interval_s: float
    delivery: Window

    @property
    def filter_s(self) -> float:
        """Half length of the filter that looks for single pulses."""
        return min(_LONGEST_FILTER_S, 0.43 * self.interval_s)

    @property
    def window_s(self) -> float:
        """Half length of the windows in which sizes are fitted jointly."""
        return min(_LONGEST_WINDOW_S, max(3.0 * self.interval_s, 4.0))


def find_pulses(
    time_s: Floats,
    mass_mg: Floats,
    noise: Noise,
    pulse_mg: float,
    interval_s: float,
    delivery: Window,
    loss_mg_per_s: float = 0.0,
    response: Response | None = None,
    lag_s: float = LAG_S,
) -> PulseTrain:
    """Find the pulses of a delivery.

    Args:
        time_s: ascending times of the readings, blanks before and after the delivery included.
        mass_mg: readings; NaN where there is none.
        noise: of the balance.
        pulse_mg: mass of a pulse as the pump's increment says.
        interval_s: time between two pulses as rate and increment say.
        delivery: from the command to the stop.
        loss_mg_per_s: evaporation.
        response: of the balance to a pulse; a first-order lag of `lag_s` where none is given.
        lag_s: time constant of the balance's filter.

    """
    if np.count_nonzero(np.isfinite(mass_mg)) < 20 or not time_s[-1] - time_s[0] > 2.0 * interval_s:
        return PulseTrain(unresolved="there are too few readings")
    made_good = mass_mg + loss_mg_per_s * (time_s - time_s[0])
    step_s = 0.5 if interval_s >= 30.0 else 0.25 if interval_s >= DENSE_S else 0.1
    grid = grid_of(time_s, made_good, step_s)
    covariance = covariance_of(noise, lag_s, grid, _quiet(grid, delivery))
    slope = _SLOPE_MG_PER_S + _TAIL_SHARE * pulse_mg / interval_s
    fitter = Fitter(covariance, response or first_order(lag_s), slope, _SETTLED_S * lag_s)
    record = _Record(grid, fitter, noise, pulse_mg, interval_s, delivery)
    detection = _detection(record)
    if detection.d_prime < FEWEST_D_PRIME:
        why = f"a pulse of {pulse_mg:.3g} mg does not stand out of the balance's noise ({detection.noise_mg:.2g} mg)"
        return PulseTrain(disturbances=_jumps(record), unresolved=f"{why}, d′ = {detection.d_prime:.1f}")
    record, slots = _slots(record)
    if _smeared(slots, record, time_s, mass_mg):
        why = "liquid arrives, but not in steps: something between pump and balance smooths the pulses"
        return PulseTrain(disturbances=_jumps(record), unresolved=why)
    return _train(record, slots, (time_s, mass_mg), loss_mg_per_s)


def _quiet(grid: Grid, delivery: Window) -> list[slice]:
    """Return the blocks before the command and well after the stop; all of them where those are too few."""
    first, last = max(0, grid.index(delivery[0])), max(0, grid.index(delivery[1] + 60.0))
    parts = [slice(0, first), slice(last, len(grid.mass_mg))]
    long = [part for part in parts if part.stop - part.start > 20]
    return long or [slice(0, len(grid.mass_mg))]


def _detection(record: _Record) -> Detection:
    """Return how surely a pulse is told: by the joint fit of pulses at the commanded interval."""
    half = max(2, round(record.window_s / record.grid.step_s))
    reach = record.window_s + record.fitter.settled_s
    count = math.floor(reach / record.interval_s)
    beside = [i * record.interval_s for i in range(-count, count + 1) if i and i * record.interval_s < record.window_s]
    covariance = record.fitter.weights([0.0, *beside], half).covariance
    return Detection(record.pulse_mg, math.sqrt(float(covariance[0, 0])), LOWEST * record.pulse_mg)


def _jumps(record: _Record) -> list[Disturbance]:
    """Return the steps down of a recording in which single pulses cannot be told."""
    scanned = scan(record.grid, record.fitter, record.filter_s)
    threshold = max(_SUSPECT * scanned.noise_mg, record.pulse_mg)
    return [
        Disturbance(float(record.grid.time_s[i]), float(scanned.size_mg[i]))
        for i in _local_maxima(-scanned.size_mg, threshold, record.filter_s / record.grid.step_s)
    ]


def _local_maxima(values: Floats, threshold: float, reach: float) -> list[int]:
    """Return where values are above a threshold and the greatest within `reach`."""
    found: list[int] = []
    for index in np.flatnonzero(values > threshold):
        if found and index - found[-1] < reach:
            if values[index] > values[found[-1]]:
                found[-1] = int(index)
        else:
            found.append(int(index))
    return found


def _slots(record: _Record) -> tuple[_Record, list[Slot]]:
    """Return the pump's own schedule, and the record with the pulse's own size and interval."""
    scanned = scan(record.grid, record.fitter, record.filter_s)
    if record.interval_s < DENSE_S:
        return record, _by_rhythm(record, scanned)
    peaks = _peaks(record, scanned)
    size, spacing = _own_size(peaks, record.pulse_mg, record.interval_s)
    record = replace(record, pulse_mg=size, interval_s=spacing)
    return record, follow([t for t, step in peaks if LOWEST * size < step < HIGHEST * size], spacing, record.delivery)


def _by_rhythm(record: _Record, scanned: Scan) -> list[Slot]:
    half = max(2, round(scanned.half_s / record.grid.step_s))
    weights = record.fitter.weights([0.0], half).rows[0]
    at_s = record.grid.step_s * np.arange(-4 * half, 4 * half + 1, dtype=np.float64)
    one = np.correlate(record.fitter.response(at_s), weights, "valid")
    begin, end = record.delivery[0], record.delivery[1] + record.fitter.settled_s
    inside = slice(max(0, record.grid.index(begin)), record.grid.index(end))
    instants, _ = rhythm(
        record.grid.time_s[inside], scanned.size_mg[inside], one, record.interval_s, (begin, record.delivery[1])
    )
    return [Slot(instant, True) for instant in instants]


def _peaks(record: _Record, scanned: Scan) -> list[tuple[float, float]]:
    """Return instant and height of every step of a pulse's size or more between begin and end of the delivery."""
    step_s = record.grid.step_s
    first, last = record.delivery[0] - step_s, record.delivery[1] + record.filter_s
    found = []
    for index in _local_maxima(scanned.size_mg, LOWEST * record.pulse_mg, record.filter_s / step_s):
        around = scanned.size_mg[max(0, index - 1) : index + 2]
        bend = float(around[0] - 2.0 * around[1] + around[2]) if len(around) == 3 else 0.0
        shift = 0.5 * float(around[0] - around[2]) / bend if bend < 0.0 else 0.0
        time_s = float(record.grid.start_s + step_s * (index + min(0.5, max(-0.5, shift))))
        if first <= time_s <= last:
            found.append((time_s, float(scanned.size_mg[index])))
    return found


def _own_size(peaks: Sequence[tuple[float, float]], pulse_mg: float, interval_s: float) -> tuple[float, float]:
    """Return size and interval of the pulses: as commanded, unless the pump meters other pulses of the same rate."""
    if len(peaks) < 6:
        return pulse_mg, interval_s
    size = float(np.median([height for _, height in peaks])) / pulse_mg
    spacing = float(np.median(np.diff([time_s for time_s, _ in peaks]))) / interval_s
    if abs(spacing - 1.0) > 0.25 and 0.75 < size / spacing < 1.33:
        return size * pulse_mg, spacing * interval_s
    return pulse_mg, interval_s


def _smeared(slots: Sequence[Slot], record: _Record, time_s: Floats, mass_mg: Floats) -> bool:
    """Whether far more came than the pulses that were seen."""
    known = np.isfinite(mass_mg)
    begin, end = np.interp(record.delivery, time_s[known], mass_mg[known])
    missed = sum(not slot.seen for slot in slots)
    return bool(missed > 0.25 * len(slots) and end - begin > record.pulse_mg * (len(slots) - 0.5 * missed))


def _train(record: _Record, slots: Sequence[Slot], raw: tuple[Floats, Floats], loss_mg_per_s: float) -> PulseTrain:
    """Fit the scheduled pulses, explain what is left, and say what each is."""
    steps = {number: [step] for number, step in enumerate(_fitted(record, slots))}
    told = _explained(record, steps)
    steps.update(told.scheduled)
    rest = _residual(record, [*(step for parts in steps.values() for step in parts), *told.extra, *_as_steps(told)])
    slow = [] if record.interval_s < DENSE_S else bends(rest, record.noise, 0.5 * record.pulse_mg)
    disturbances = sorted([*told.disturbances, *slow], key=lambda each: each.time_s)
    extra = [step for step in told.extra if _while_delivering(record, step.time_s)]
    disturbances += [
        Disturbance(step.time_s, step.size_mg) for step in told.extra if not _while_delivering(record, step.time_s)
    ]
    pulses = _pulses(record, steps, extra, raw, loss_mg_per_s)
    disturbances.sort(key=lambda each: each.time_s)
    spacing = own_interval([Slot(slot.time_s, True) for slot in slots], record.interval_s)
    detection = _detection(record)
    return PulseTrain(pulses, disturbances, spacing, record.pulse_mg, detection=detection)


def _while_delivering(record: _Record, time_s: float) -> bool:
    """Whether a pulse could come then: from the command until the last has come."""
    after = max(record.filter_s + record.fitter.settled_s, 0.5 * record.interval_s)
    return record.delivery[0] - 1.0 <= time_s <= record.delivery[1] + after


def _fitted(record: _Record, slots: Sequence[Slot]) -> list[Step]:
    """Return the size of the pulse at each slot, fitted jointly with those nearby."""
    instants = np.array([slot.time_s for slot in slots])
    half = max(2, round(record.window_s / record.grid.step_s))
    steps = []
    for number, instant in enumerate(instants):
        near = [int(i) for i in record.fitter.near(instants, instant, record.window_s) if i != number]
        beside = [float(instants[i]) for i in near]
        middle = record.grid.index(instant)
        window = record.grid.mass_mg[max(0, middle - half) : middle + half + 1]
        if len(window) == 2 * half + 1 and np.all(np.isfinite(window)):
            centre = record.grid.start_s + middle * record.grid.step_s
            weights = record.fitter.weights([each - centre for each in (instant, *beside)], half)
            size, variance = float(weights.rows[0] @ (window - window[0])), float(weights.covariance[0, 0])
        else:
            fit = record.fitter.fit(record.grid, instant, record.window_s, [instant, *beside])
            size, variance = float(fit.sizes_mg[0]), float(fit.covariance_mg2[0, 0])
        steps.append(Step(float(instant), size, math.sqrt(max(0.0, variance)), number))
    return steps


def _residual(record: _Record, steps: Sequence[Step]) -> Grid:
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


def _explained(record: _Record, steps: dict[int, list[Step]]) -> Told:
    """Look for what the scheduled pulses leave unexplained, and tell what it is."""
    scheduled = [step for parts in steps.values() for step in parts]
    slots_s = np.array([step.time_s for step in scheduled])
    told = Told({}, [], [], [])
    moves_s = min(5.0, 0.2 * record.interval_s)
    reach = max(record.filter_s, min(_LONGEST_FILTER_S, 4.0))
    for place in _places(record, scheduled)[:_MOST_PLACES]:
        found = explain(record.grid, record.fitter, slots_s, place, reach, record.pulse_mg, moves_s)
        here = tell(found, record.pulse_mg, record.interval_s)
        told.scheduled.update(here.scheduled)
        told.extra.extend(here.extra)
        told.disturbances.extend(here.disturbances)
        told.bumped.extend(here.bumped)
    return told


def _places(record: _Record, scheduled: Sequence[Step]) -> list[Window]:
    """Return stretches in which something else than the scheduled pulses happened, apart from each other."""
    rest = _residual(record, scheduled)
    suspects: list[float] = []
    for half_s in {min(_SHORT_FILTER_S, record.filter_s), record.filter_s}:
        scanned = scan(rest, record.fitter, half_s)
        threshold = max(_SUSPECT * scanned.noise_mg, _SUSPECT_PART * record.pulse_mg)
        found = _local_maxima(np.abs(scanned.size_mg), threshold, 0.5 * half_s / record.grid.step_s)
        suspects += [float(record.grid.time_s[i]) for i in found]
    for step in scheduled:
        odd = not LOWEST * record.pulse_mg < step.size_mg < DOUBLED * record.pulse_mg
        if odd and (record.interval_s < DENSE_S or step.size_mg > HIGHEST * record.pulse_mg):
            suspects.append(step.time_s)
    around = min(8.0, 1.2 * record.interval_s)
    places: list[Window] = []
    for at_s in sorted(suspects):
        if places and at_s - around <= places[-1][1] and at_s - places[-1][0] < 8.0 * around:
            places[-1] = (places[-1][0], at_s + around)
        else:
            begin = at_s - around if not places else max(at_s - around, places[-1][1])
            places.append((begin, at_s + around))
    return places


def _as_steps(told: Told) -> list[Step]:
    """Return disturbances as steps, so that what is left of a recording no longer holds them."""
    steps = []
    for each in told.disturbances:
        steps.append(Step(each.time_s, each.step_mg, 0.0))
        if each.kind == "bump":
            steps.append(Step(each.time_s + each.lasted_s, -each.step_mg, 0.0))
    return steps


def _pulses(
    record: _Record,
    steps: dict[int, list[Step]],
    extra: Sequence[Step],
    raw: tuple[Floats, Floats],
    loss_mg_per_s: float,
) -> list[FoundPulse]:
    """Return a pulse for every slot and every extra one."""
    found = []
    sizes = [sum(part.size_mg for part in parts) for parts in steps.values()]
    usual = [size for size in sizes if size > LOWEST * record.pulse_mg]
    size = float(np.median(usual)) if len(usual) >= 6 else record.pulse_mg
    for parts in steps.values():
        mass = sum(part.size_mg for part in parts)
        if not math.isfinite(mass):
            continue
        own = math.sqrt(sum(part.standard_uncertainty_mg**2 for part in parts))
        kind: Kind = "split" if len(parts) > 1 else "expected"
        if mass <= LOWEST * record.pulse_mg:
            kind = "missed"
        elif kind == "expected" and mass > DOUBLED * max(size, 0.5 * record.pulse_mg):
            kind = "doubled"
        found.append(FoundPulse(parts[0].time_s, mass, own, kind))
    found += [
        FoundPulse(step.time_s, step.size_mg, step.standard_uncertainty_mg, "extra", doubt=EXTRA_DOUBT)
        for step in extra
    ]
    found.sort(key=lambda pulse: pulse.time_s)
    return found if record.interval_s < DENSE_S else weigh(found, *raw, record.noise, loss_mg_per_s)
