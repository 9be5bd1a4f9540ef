"""Finds the pulses of a metering pump in a weighing: when each came, how much it was, and which did not come.

Pulses are steps of the mass. A step shows as the mean over some seconds after an instant less the mean before it; its
peaks are pulses when they are of a pulse's size. Steps down, and steps much larger than a pulse, are disturbances of
the balance and never pulses. Pulses are then laid on the schedule that they keep themselves: equal intervals, phase
unknown. Nothing is guessed where a pulse does not stand out of the noise, or where the balance does not settle between
two.

A pulse's volume is the difference of two levels, just before it and after its tail has come, less evaporation. A fit of
the balance's own lag is as quiet, but loses the slow tail of tubing and plunger to the fitted slope, some 3 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.metrology.noise import Floats, Noise, Window, block_means
from bench.metrology.pulse_schedule import Kind, own_interval, schedule

SETTLING_S = 8.0
"""Shortest interval between pulses that a balance with a filter of a second still shows one by one."""
STANDS_OUT = 9.0
"""A pulse is told from noise when it is as many standard uncertainties of a step."""
LOWEST, DOUBLED, HIGHEST = 0.4, 1.5, 2.75
"""Of a pulse's size: less is no pulse, more is two of them, more is no pulse but a disturbance."""
_TAIL_S = 60.0
_BEGINS_S = 3.0
_LONGEST_LEVEL_S = 30.0


@dataclass(frozen=True, slots=True)
class FoundPulse:
    """One pulse, or the place of a missing one: mass in mg with its standard uncertainty by noise."""

    time_s: float
    mass_mg: float
    standard_uncertainty_mg: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A step of the balance that no pulse can be."""

    time_s: float
    step_mg: float


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """All that was found; `unresolved` says why single pulses cannot be told, and then there are none."""

    pulses: list[FoundPulse] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    interval_s: float = math.nan
    pulse_mg: float = math.nan
    unresolved: str = ""

    def of(self, *kinds: Kind) -> list[FoundPulse]:
        """Return the pulses of some kinds."""
        return [pulse for pulse in self.pulses if pulse.kind in kinds]


@dataclass(frozen=True, slots=True)
class _Steps:
    """The step at every instant: mean over `width_s` after it less the mean before, `guard_s` left out between."""

    time_s: Floats
    step_mg: Floats
    width_s: float
    guard_s: float
    noise_mg: float


def find_pulses(
    time_s: Floats,
    mass_mg: Floats,
    noise: Noise,
    pulse_mg: float,
    interval_s: float,
    delivery: Window,
    loss_mg_per_s: float = 0.0,
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

    """
    if interval_s < SETTLING_S:
        return PulseTrain(unresolved=f"pulses every {interval_s:.2g} s come faster than the balance settles")
    steps = _steps(time_s, mass_mg, noise, interval_s)
    if len(steps.time_s) == 0:
        return PulseTrain(unresolved="there are too few readings")
    if pulse_mg < STANDS_OUT * steps.noise_mg:
        why = f"a pulse of {pulse_mg:.3g} mg does not stand out of the balance's noise ({steps.noise_mg:.2g} mg)"
        return PulseTrain(disturbances=_disturbances(steps, 6.0 * steps.noise_mg, math.inf), unresolved=why)
    peaks = _peaks(steps, pulse_mg, delivery)
    size, spacing = _own_size(peaks, pulse_mg, interval_s)
    disturbances = _disturbances(steps, max(6.0 * steps.noise_mg, LOWEST * size), HIGHEST * size)
    disturbances += _steps_while_still(steps, delivery, size, spacing)
    disturbances = sorted(set(disturbances), key=lambda found: found.time_s)
    instants = [t for t, step in peaks if step < HIGHEST * size and step > LOWEST * size]
    scheduled = schedule(instants, spacing, delivery)
    if _smeared(scheduled, size, time_s, mass_mg, delivery):
        why = "liquid arrives, but not in steps: something between pump and balance smooths the pulses"
        return PulseTrain(disturbances=disturbances, unresolved=why)
    pulses = _weigh(scheduled, time_s, mass_mg, noise, loss_mg_per_s)
    return PulseTrain(_classify(pulses, size), disturbances, own_interval(scheduled, spacing), size)


def _steps(time_s: Floats, mass_mg: Floats, noise: Noise, interval_s: float) -> _Steps:
    block_s = 0.5 if interval_s < 60.0 else 1.0
    width = max(2, round(min(20.0, 0.35 * interval_s) / block_s))
    guard = max(1, round(min(3.0, 0.15 * interval_s) / block_s))
    middle, mean = block_means(time_s, mass_mg, block_s)
    known = np.isfinite(mean)
    if np.count_nonzero(known) < 2 * width + guard:
        return _Steps(np.empty(0), np.empty(0), 0.0, 0.0, 0.0)
    filled = np.interp(middle, middle[known], mean[known])
    summed = np.concatenate((np.zeros(1), np.cumsum(filled)))
    average = (summed[width:] - summed[:-width]) / width
    step = average[width + guard :] - average[: -(width + guard)]
    centre = middle[0] + (np.arange(len(step), dtype=np.float64) + width + 0.5 * guard - 0.5) * block_s
    width_s, guard_s = width * block_s, guard * block_s
    before, after = (0.0, width_s), (width_s + guard_s, 2.0 * width_s + guard_s)
    return _Steps(centre, step, width_s, guard_s, noise.difference(before, after).standard_uncertainty)


def _local_maxima(steps: _Steps, values: Floats, threshold: float) -> list[int]:
    """Return where values are above a threshold and the greatest within half a step's width."""
    spacing = float(steps.time_s[1] - steps.time_s[0]) if len(steps.time_s) > 1 else 1.0
    reach = max(1, round(0.5 * (steps.width_s + steps.guard_s) / spacing))
    padded = np.pad(values, reach, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    candidates = np.flatnonzero(values > threshold)
    first_greatest = np.argmax(windows[candidates], axis=1) == reach
    return [int(index) for index in candidates[first_greatest]]


def _peaks(steps: _Steps, pulse_mg: float, delivery: Window) -> list[tuple[float, float]]:
    """Return instant and height of every step of a pulse's size or more between begin and end of the delivery."""
    found = []
    for index in _local_maxima(steps, steps.step_mg, LOWEST * pulse_mg):
        time_s = _centroid(steps, index)
        if delivery[0] - steps.guard_s <= time_s <= delivery[1] + steps.width_s:
            found.append((time_s, float(steps.step_mg[index])))
    return found


def _centroid(steps: _Steps, index: int) -> float:
    """Return the middle of a peak: the mean instant of what is above half its height."""
    spacing = float(steps.time_s[1] - steps.time_s[0])
    reach = round((0.5 * steps.width_s + steps.guard_s) / spacing)
    near = slice(max(0, index - reach), index + reach + 1)
    above = np.maximum(steps.step_mg[near] - 0.5 * steps.step_mg[index], 0.0)
    return float(np.dot(above, steps.time_s[near]) / np.sum(above))


def _own_size(peaks: Sequence[tuple[float, float]], pulse_mg: float, interval_s: float) -> tuple[float, float]:
    """Return size and interval of the pulses: as commanded, unless the pump meters other pulses of the same rate."""
    if len(peaks) < 6:
        return pulse_mg, interval_s
    size = float(np.median([height for _, height in peaks])) / pulse_mg
    spacing = float(np.median(np.diff([time_s for time_s, _ in peaks]))) / interval_s
    if abs(spacing - 1.0) > 0.25 and 0.75 < size / spacing < 1.33:
        return size * pulse_mg, spacing * interval_s
    return pulse_mg, interval_s


def _disturbances(steps: _Steps, down_mg: float, up_mg: float) -> list[Disturbance]:
    """Return the steps down, and the steps up that are too large for a pulse."""
    found = [
        Disturbance(float(steps.time_s[i]), float(steps.step_mg[i]))
        for i in _local_maxima(steps, -steps.step_mg, down_mg)
    ]
    if math.isfinite(up_mg):
        tall = _local_maxima(steps, steps.step_mg, up_mg)
        found += [Disturbance(float(steps.time_s[i]), float(steps.step_mg[i])) for i in tall]
    return found


def _steps_while_still(steps: _Steps, delivery: Window, pulse_mg: float, interval_s: float) -> list[Disturbance]:
    """Return the steps up while nothing was commanded: before the command, and once the last pulse has come."""
    margin_s = steps.width_s + steps.guard_s
    still = (steps.time_s < delivery[0] - margin_s) | (steps.time_s > delivery[1] + max(margin_s, 0.5 * interval_s))
    values = np.where(still, steps.step_mg, 0.0)
    threshold = max(6.0 * steps.noise_mg, LOWEST * pulse_mg)
    return [Disturbance(float(steps.time_s[i]), float(values[i])) for i in _local_maxima(steps, values, threshold)]


def _smeared(
    scheduled: Sequence[tuple[float, Kind]], size_mg: float, time_s: Floats, mass_mg: Floats, delivery: Window
) -> bool:
    """Whether far more came than the pulses that were seen."""
    known = np.isfinite(mass_mg)
    begin, end = np.interp(delivery, time_s[known], mass_mg[known])
    missed = sum(kind == "missed" for _, kind in scheduled)
    came_mg = float(end - begin)
    return missed > 0.25 * len(scheduled) and came_mg > size_mg * (len(scheduled) - 0.5 * missed)


def _weigh(
    scheduled: Sequence[tuple[float, Kind]], time_s: Floats, mass_mg: Floats, noise: Noise, loss_mg_per_s: float
) -> list[FoundPulse]:
    """Weigh each pulse and each empty slot: level after its tail, or before the next one, less the level before it."""
    known = np.isfinite(mass_mg)
    at_s, mass = time_s[known], mass_mg[known]
    summed, summed_time = (np.concatenate((np.zeros(1), np.cumsum(each))) for each in (mass, at_s))
    instants = np.array([instant for instant, _ in scheduled])
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
    pulses = []
    for i, (instant, kind) in enumerate(scheduled):
        key = (round(length_before[i]), round(length_after[i]), round(end_after[i] - instant))
        if key not in uncertainty:
            before = (-_BEGINS_S - length_before[i], -_BEGINS_S)
            after = (end_after[i] - instant - length_after[i], end_after[i] - instant)
            uncertainty[key] = noise.difference(before, after).standard_uncertainty
        if math.isfinite(masses[i]):
            pulses.append(FoundPulse(instant, float(masses[i]), uncertainty[key], kind))
    return pulses


def _classify(pulses: Sequence[FoundPulse], size_mg: float) -> list[FoundPulse]:
    """Tell doubled pulses by their mass."""
    expected = [pulse.mass_mg for pulse in pulses if pulse.kind == "expected"]
    usual = float(np.median(expected)) if len(expected) >= 6 else size_mg
    doubled = max(DOUBLED * usual, DOUBLED * 0.5 * size_mg)
    return [
        FoundPulse(pulse.time_s, pulse.mass_mg, pulse.standard_uncertainty_mg, "doubled")
        if pulse.kind == "expected" and pulse.mass_mg > doubled
        else pulse
        for pulse in pulses
    ]
