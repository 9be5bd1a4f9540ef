"""The schedule that pulses keep themselves: equal intervals, phase unknown.

Where single pulses stand out, the schedule follows them from one to the next. Where they come every few seconds it is
the phase of the matched filter's output at the pulses' own frequency, stretch by stretch: noise that hides one pulse
does not hide the rhythm of sixteen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats, Window

OFF_SCHEDULE = 0.3
"""Part of the interval by which a pulse may miss its slot before it counts as one too many."""
_FOLLOWS = 0.5
"""Part of a pulse's deviation from its slot that the following slots follow."""
_STRETCH = 16
"""Slots of one stretch whose phase is taken together."""
_ANCHORS = 12


class Slot(NamedTuple):
    """Where the schedule wants a pulse, and whether one stood out there."""

    time_s: float
    seen: bool


def follow(instants: Sequence[float], interval_s: float, delivery: Window) -> list[Slot]:
    """Lay slots of equal intervals along the instants of pulses that stand out, leaving out those between slots."""
    if not instants:
        count = max(0, math.floor((delivery[1] - delivery[0]) / interval_s - 0.1))
        return [Slot(delivery[0] + (i + 1) * interval_s, False) for i in range(count)]
    interval_s = _refined(instants, interval_s)
    anchors = range(0, len(instants), max(1, len(instants) // _ANCHORS))
    laid = max((_both_ways(instants, anchor, interval_s) for anchor in anchors), key=_seen)
    first, last = laid[0].time_s, laid[-1].time_s
    leading = math.floor((first - delivery[0]) / interval_s - 0.5)
    trailing = math.floor((delivery[1] - last) / interval_s - 0.1)
    before = [Slot(first - i * interval_s, False) for i in range(leading, 0, -1)]
    return before + laid + [Slot(last + i * interval_s, False) for i in range(1, trailing + 1)]


def _seen(slots: Sequence[Slot]) -> int:
    return sum(slot.seen for slot in slots)


def _refined(instants: Sequence[float], interval_s: float) -> float:
    """Return the interval that most neighbours keep."""
    gaps = np.diff(instants)
    near = gaps[np.abs(gaps / interval_s - 1.0) < OFF_SCHEDULE]
    return float(np.median(near)) if len(near) >= 3 else interval_s


def _both_ways(instants: Sequence[float], anchor: int, interval_s: float) -> list[Slot]:
    forward = _walk(instants[anchor:], interval_s)
    backward = _walk([-t for t in reversed(instants[: anchor + 1])], interval_s)
    return [Slot(-t, seen) for t, seen in reversed(backward)][:-1] + forward


def _walk(instants: Sequence[float], interval_s: float) -> list[Slot]:
    """Walk along ascending pulses from the first, each slot taking the pulse that is nearest to it."""
    laid = [Slot(instants[0], True)]
    due_s = instants[0] + interval_s
    index = 1
    while index < len(instants):
        slots = round((instants[index] - due_s) / interval_s)
        if slots < 0 or abs(instants[index] - due_s - slots * interval_s) > OFF_SCHEDULE * interval_s:
            index += 1
            continue
        due_s += slots * interval_s
        laid += [Slot(due_s - i * interval_s, False) for i in range(slots, 0, -1)]
        while index + 1 < len(instants) and abs(instants[index + 1] - due_s) < abs(instants[index] - due_s):
            index += 1
        laid.append(Slot(instants[index], True))
        # A slot follows what came rather slowly, so that no single late one moves the schedule.
        due_s += _FOLLOWS * (instants[index] - due_s) + interval_s
        index += 1
    return laid


def own_interval(slots: Sequence[Slot], interval_s: float) -> float:
    """Return the mean interval of the schedule, missed slots counted."""
    seen = [(number, slot.time_s) for number, slot in enumerate(slots) if slot.seen]
    if len(seen) < 2:
        return interval_s
    return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


def rhythm(
    time_s: Floats, filtered_mg: Floats, one_pulse: Floats, interval_s: float, delivery: Window
) -> tuple[list[float], float]:
    """Return the slots of pulses that come every few seconds, and their common size by their rhythm.

    Args:
        time_s: equally spaced.
        filtered_mg: output of the matched filter at `time_s`.
        one_pulse: output for one pulse of size 1 in the middle, as many as the filter is long.
        interval_s: to within 3 %.
        delivery: from the command to the stop; the first slot lies after the command, the last before the stop.

    """
    step_s = float(time_s[1] - time_s[0])
    turn = 2.0 * math.pi / interval_s
    inside = (time_s >= delivery[0]) & (time_s <= delivery[1])
    at_s, turned = time_s[inside], filtered_mg[inside] * np.exp(-1j * turn * time_s[inside])
    shape_s = step_s * (np.arange(len(one_pulse)) - len(one_pulse) // 2)
    of_one = complex(np.sum(one_pulse * np.exp(-1j * turn * shape_s)))
    stretches = max(1, round((delivery[1] - delivery[0]) / (_STRETCH * interval_s)))
    edges = np.searchsorted(at_s, np.linspace(delivery[0], delivery[1], stretches + 1))
    phasors = np.array([np.sum(turned[a:b]) for a, b in itertools.pairwise(edges)]) / of_one
    middles = np.array([float(np.mean(at_s[a:b])) for a, b in itertools.pairwise(edges)])
    counts = np.diff(edges) * step_s / interval_s
    size = float(np.abs(np.sum(np.abs(phasors))) / np.sum(counts))
    # A pulse at t has the phase −2π t/T: where the phase drifts, the pump's interval is another than ours.
    weights = np.abs(phasors)
    phase = np.unwrap(np.angle(phasors))
    strong = weights > 0.3 * float(np.median(weights))
    phase = np.interp(middles, middles[strong], phase[strong])
    number_first = math.ceil((delivery[0] / interval_s) + _at(delivery[0], middles, phase) / (2.0 * math.pi))
    number_last = math.floor((delivery[1] / interval_s) + _at(delivery[1], middles, phase) / (2.0 * math.pi))
    slots = []
    for number in range(number_first, number_last + 1):
        instant = number * interval_s
        for _ in range(3):
            instant = (number - _at(instant, middles, phase) / (2.0 * math.pi)) * interval_s
        if delivery[0] <= instant <= delivery[1]:
            slots.append(instant)
    return slots, size


def _at(time_s: float, middles_s: Floats, phase: Floats) -> float:
    """Return the phase at an instant, continued beyond the first and last stretch as between their neighbours."""
    if len(middles_s) < 3:
        return float(np.interp(time_s, middles_s, phase))
    if time_s < middles_s[0] or time_s > middles_s[-1]:
        at = 0 if time_s < middles_s[0] else len(middles_s) - 2
        slope = (phase[at + 1] - phase[at]) / (middles_s[at + 1] - middles_s[at])
        return float(phase[at] + slope * (time_s - middles_s[at]))
    return float(np.interp(time_s, middles_s, phase))
