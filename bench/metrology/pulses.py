"""Finds the pulses of a metering pump in a weighing: when each came, how much it was, and which did not come.

Pulses are looked for where the pump's own schedule wants them, and their sizes fitted jointly with their neighbours'.
Whatever the recording holds beyond that is explained by further steps, and those are told apart: an extra pulse, the
second part of a split one, or a disturbance that no pulse can be. Nothing is guessed where a pulse does not stand out
of the noise.

What was found is weighed by generalised least squares with the balance's own step response, disturbances beside it:
see `pulse_fit`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.metrology.disturbances import Hinge, bends
from bench.metrology.matched_filter import Fitter, Grid, Scan, covariance_of, first_order, grid_of, scan
from bench.metrology.noise import Floats, Noise, Window
from bench.metrology.noise_covariance import FilteredNoise, from_noise
from bench.metrology.pulse_events import Step
from bench.metrology.pulse_fit import fit_pulses, response_of_run
from bench.metrology.pulse_record import Record, local_maxima
from bench.metrology.pulse_residuals import SUSPECT, as_steps, explained, residual
from bench.metrology.pulse_schedule import Slot, follow, own_interval, rhythm
from bench.metrology.pulse_train import (
    DENSE_S,
    DOUBLED,
    HIGHEST,
    LOWEST,
    Detection,
    Disturbance,
    FoundPulse,
    Kind,
    PulseTrain,
)
from bench.metrology.pulse_weighing import Weighed, known_of_instants, weigh
from bench.metrology.step_response import StepResponse

FEWEST_FOR_RESPONSE = 4
"""Pulses that tell the balance's own response; of fewer it is taken to be as given."""
FEWEST_D_PRIME = 6.0
"""Pulses whose sizes are fewer standard uncertainties are not told one by one."""
LAG_S = 1.0
"""A balance's own filter, until the pulses tell what it is."""
EXTRA_DOUBT = "a step of a pulse's size and shape where none is scheduled: a jump of the meniscus would look the same"
_SETTLED_S = 5.0
_LEFT_BY_A_STEP = 0.5
_SLOPE_MG_PER_S = 2e-3
_TAIL_SHARE, _MOST_CREEPING = 0.1, 0.15


def find_pulses(
    time_s: Floats,
    mass_mg: Floats,
    noise: Noise,
    pulse_mg: float,
    interval_s: float,
    delivery: Window,
    loss_mg_per_s: float = 0.0,
    weighing_noise: FilteredNoise | None = None,
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
        weighing_noise: the same noise as fitted by `fit_noise`, with its filter; that of `noise` where none is given.

    """
    if np.count_nonzero(np.isfinite(mass_mg)) < 20 or not time_s[-1] - time_s[0] > 2.0 * interval_s:
        return PulseTrain(unresolved="there are too few readings")
    made_good = mass_mg + loss_mg_per_s * (time_s - time_s[0])
    step_s = 0.5 if interval_s >= 30.0 else 0.25 if interval_s >= DENSE_S else 0.1
    grid = grid_of(time_s, made_good, step_s)
    covariance = covariance_of(noise, LAG_S, grid, _quiet(grid, delivery))
    slope = _SLOPE_MG_PER_S + _TAIL_SHARE * pulse_mg / interval_s
    fitter = Fitter(covariance, first_order(LAG_S), slope, _SETTLED_S * LAG_S)
    record = Record(grid, fitter, noise, pulse_mg, interval_s, delivery)
    detection = _detection(record)
    if detection.d_prime < FEWEST_D_PRIME:
        why = f"a pulse of {pulse_mg:.3g} mg does not stand out of the balance's noise ({detection.noise_mg:.2g} mg)"
        return PulseTrain(disturbances=_jumps(record), unresolved=f"{why}, d′ = {detection.d_prime:.1f}")
    record, slots = _slots(record)
    if _smeared(slots, record, time_s, mass_mg):
        why = "liquid arrives, but not in steps: something between pump and balance smooths the pulses"
        return PulseTrain(disturbances=_jumps(record), unresolved=why)
    filtered = weighing_noise or from_noise(noise, LAG_S, 0.0, float(np.median(np.diff(time_s))))
    record, slots, guess = _with_own_response(record, slots, (time_s, made_good), filtered)
    return _train(record, slots, (time_s, made_good), filtered, guess)


def _with_own_response(
    record: Record, slots: list[Slot], raw: tuple[Floats, Floats], noise: FilteredNoise
) -> tuple[Record, list[Slot], StepResponse | None]:
    """Return the record with the fast part of the response that its pulses show: a balance may be sharper or slower.

    Slots that follow from the rhythm alone become those at which pulses were weighed. The response itself is returned,
    too; None where too few pulses stand out to tell it.
    """
    time_s = raw[0][np.isfinite(raw[1])]
    inside = [slot for slot in slots if slot.seen and time_s[0] < slot.time_s < time_s[-1] - _SETTLED_S]
    seen = np.array([slot.time_s for slot in inside])
    if len(seen) < FEWEST_FOR_RESPONSE or np.any(np.diff(seen) <= 0.0):
        return record, slots, None
    known = known_of_instants(record.interval_s)
    if record.interval_s < DENSE_S:
        fit = fit_pulses(*raw, seen, noise, **known)
        found = fit.response
        moved = dict(zip(seen.tolist(), fit.time_s.tolist(), strict=True))
        slots = [Slot(moved.get(slot.time_s, slot.time_s), slot.seen) for slot in slots]
    else:
        found = response_of_run(*raw, seen, noise, **known)
    fast, half_s = replace(found, tail_share=0.0), 0.5 * record.grid.step_s

    def response(since_s: Floats) -> Floats:
        return fast.means(np.stack((since_s - half_s, since_s + half_s)))

    settled_s = max(fast.settling_s, 2.0 * record.grid.step_s)
    fitter = Fitter(record.fitter.covariance, response, record.fitter.slope_sd_mg_per_s, settled_s)
    return replace(record, fitter=fitter), slots, found


def _quiet(grid: Grid, delivery: Window) -> list[slice]:
    """Return the blocks before the command and well after the stop; all of them where those are too few."""
    first, last = max(0, grid.index(delivery[0])), max(0, grid.index(delivery[1] + 60.0))
    parts = [slice(0, first), slice(last, len(grid.mass_mg))]
    long = [part for part in parts if part.stop - part.start > 20]
    return long or [slice(0, len(grid.mass_mg))]


def _detection(record: Record) -> Detection:
    """Return how surely a pulse is told: by the joint fit of pulses at the commanded interval."""
    half = max(2, round(record.window_s / record.grid.step_s))
    reach = record.window_s + record.fitter.settled_s
    count = math.floor(reach / record.interval_s)
    beside = [i * record.interval_s for i in range(-count, count + 1) if i and i * record.interval_s < record.window_s]
    covariance = record.fitter.weights([0.0, *beside], half).covariance
    return Detection(record.pulse_mg, math.sqrt(float(covariance[0, 0])), LOWEST * record.pulse_mg)


def _jumps(record: Record) -> list[Disturbance]:
    """Return the steps down of a recording in which single pulses cannot be told."""
    scanned = scan(record.grid, record.fitter, record.filter_s)
    threshold = max(SUSPECT * scanned.noise_mg, record.pulse_mg)
    return [
        Disturbance(float(record.grid.time_s[i]), float(scanned.size_mg[i]))
        for i in local_maxima(-scanned.size_mg, threshold, record.filter_s / record.grid.step_s)
    ]


def _slots(record: Record) -> tuple[Record, list[Slot]]:
    """Return the pump's own schedule, and the record with the pulse's own size and interval."""
    scanned = scan(record.grid, record.fitter, record.filter_s)
    if record.interval_s < DENSE_S:
        return record, _by_rhythm(record, scanned)
    peaks = _peaks(record, scanned)
    size, spacing = _own_size(peaks, record.pulse_mg, record.interval_s)
    record = replace(record, pulse_mg=size, interval_s=spacing)
    return record, follow([t for t, step in peaks if LOWEST * size < step < HIGHEST * size], spacing, record.delivery)


def _by_rhythm(record: Record, scanned: Scan) -> list[Slot]:
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


def _peaks(record: Record, scanned: Scan) -> list[tuple[float, float]]:
    """Return instant and height of every step of a pulse's size or more between begin and end of the delivery."""
    step_s = record.grid.step_s
    first, last = record.delivery[0] - step_s, record.delivery[1] + record.filter_s
    found = []
    for index in local_maxima(scanned.size_mg, LOWEST * record.pulse_mg, record.filter_s / step_s):
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


def _smeared(slots: Sequence[Slot], record: Record, time_s: Floats, mass_mg: Floats) -> bool:
    """Whether far more came than the pulses that were seen."""
    known = np.isfinite(mass_mg)
    begin, end = np.interp(record.delivery, time_s[known], mass_mg[known])
    missed = sum(not slot.seen for slot in slots)
    return bool(missed > 0.25 * len(slots) and end - begin > record.pulse_mg * (len(slots) - 0.5 * missed))


def _train(
    record: Record,
    slots: Sequence[Slot],
    raw: tuple[Floats, Floats],
    noise: FilteredNoise,
    guess: StepResponse | None,
) -> PulseTrain:
    """Fit the scheduled pulses, explain what is left, weigh all of it, and say what each is."""
    steps = {number: [step] for number, step in enumerate(_fitted(record, slots))}
    told = explained(record, steps)
    steps.update(told.scheduled)
    rest = residual(record, [*(step for parts in steps.values() for step in parts), *told.extra, *as_steps(told)])
    slow = [] if record.interval_s < DENSE_S else bends(rest, record.noise, 0.5 * record.pulse_mg, _hinges(record))
    disturbances = [*told.disturbances, *(each for each in slow if not _left_by_a_step(each, told.disturbances))]
    extra = [step for step in told.extra if _while_delivering(record, step.time_s)]
    disturbances += [
        Disturbance(step.time_s, step.size_mg) for step in told.extra if not _while_delivering(record, step.time_s)
    ]
    disturbances.sort(key=lambda each: each.time_s)
    scheduled = [parts for parts in steps.values() if all(math.isfinite(part.size_mg) for part in parts)]
    weighed, fit = weigh([*scheduled, *([step] for step in extra)], disturbances, *raw, noise, record.interval_s, guess)
    pulses = _told(record, scheduled, weighed)
    spacing = own_interval([Slot(slot.time_s, True) for slot in slots], record.interval_s)
    return PulseTrain(pulses, disturbances, spacing, record.pulse_mg, detection=_detection(record), fit=fit)


def _hinges(record: Record) -> list[Hinge]:
    """Return where the slope changes by what creeps after each pulse: with the first of them and after the last."""
    creeping_mg_per_s = _MOST_CREEPING * record.pulse_mg / record.interval_s
    return [(at_s, creeping_mg_per_s) for at_s in record.delivery]


def _told(record: Record, scheduled: Sequence[Sequence[Step]], weighed: Sequence[Weighed]) -> list[FoundPulse]:
    """Say what each weighed pulse is; those after the scheduled ones are extra."""
    usual = [each.mass_mg for each in weighed[: len(scheduled)] if each.mass_mg > LOWEST * record.pulse_mg]
    size = float(np.median(usual)) if len(usual) >= 6 else record.pulse_mg
    most = DOUBLED * max(size, 0.5 * record.pulse_mg)
    found = []
    for number, each in enumerate(weighed):
        kind: Kind = "extra"
        if number < len(scheduled):
            kind = "split" if len(scheduled[number]) > 1 else "expected"
            if each.mass_mg <= LOWEST * record.pulse_mg:
                kind = "missed"
            elif kind == "expected" and each.mass_mg > most:
                kind = "doubled"
        found.append(
            FoundPulse(
                each.time_s,
                each.mass_mg,
                each.uncertainty_mg,
                kind,
                each.time_uncertainty_s,
                EXTRA_DOUBT if kind == "extra" else "",
                each.disagrees,
            )
        )
    return sorted(found, key=lambda pulse: pulse.time_s)


def _left_by_a_step(bend: Disturbance, steps: Sequence[Disturbance]) -> bool:
    """Whether a bend is what a far greater step leaves, whose shape is not quite that of the response."""
    return any(
        bend.time_s - _SETTLED_S <= step.time_s <= bend.time_s + bend.lasted_s
        and abs(bend.step_mg) < _LEFT_BY_A_STEP * abs(step.step_mg)
        for step in steps
    )


def _while_delivering(record: Record, time_s: float) -> bool:
    """Whether a pulse could come then: from the command until the last has come."""
    after = max(record.filter_s + record.fitter.settled_s, 0.5 * record.interval_s)
    return record.delivery[0] - 1.0 <= time_s <= record.delivery[1] + after


def _fitted(record: Record, slots: Sequence[Slot]) -> list[Step]:
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
