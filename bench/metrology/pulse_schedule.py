"""Lays pulses on the schedule that they keep themselves: equal intervals, phase unknown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.metrology.noise import Window

Kind = Literal["expected", "missed", "doubled", "extra"]

OFF_SCHEDULE = 0.3
"""Part of the interval by which a pulse may miss its slot before it counts as one too many."""


def schedule(instants: Sequence[float], interval_s: float, delivery: Window) -> list[tuple[float, Kind]]:
    """Lay pulses on slots of equal intervals: each is expected, extra, or stands after missed ones."""
    if not instants:
        count = max(0, math.floor((delivery[1] - delivery[0]) / interval_s - 0.1))
        return [(delivery[0] + (i + 1) * interval_s, "missed") for i in range(count)]
    interval_s = _refined(instants, interval_s)
    anchor = _first_on_schedule(instants, interval_s)
    forward = _follow(instants[anchor:], interval_s)
    backward = _follow([-t for t in reversed(instants[: anchor + 1])], interval_s)
    laid = [(-t, kind) for t, kind in reversed(backward)][:-1] + forward
    on_schedule = [t for t, kind in laid if kind == "expected"]
    leading = math.floor((on_schedule[0] - delivery[0]) / interval_s - 0.5)
    trailing = math.floor((delivery[1] - on_schedule[-1]) / interval_s - 0.1)
    missed = [on_schedule[0] - i * interval_s for i in range(1, leading + 1)]
    missed += [on_schedule[-1] + i * interval_s for i in range(1, trailing + 1)]
    ends: list[tuple[float, Kind]] = [(time_s, "missed") for time_s in missed]
    return sorted(laid + ends)


def _refined(instants: Sequence[float], interval_s: float) -> float:
    """Return the interval that most neighbours keep."""
    gaps = np.diff(instants)
    near = gaps[np.abs(gaps / interval_s - 1.0) < OFF_SCHEDULE]
    return float(np.median(near)) if len(near) >= 3 else interval_s


def _first_on_schedule(instants: Sequence[float], interval_s: float) -> int:
    """Return the first pulse that has a neighbour where the schedule wants one."""
    for index, (this, following) in enumerate(itertools.pairwise(instants)):
        slots = (following - this) / interval_s
        if round(slots) >= 1 and abs(slots - round(slots)) < 0.5 * OFF_SCHEDULE:
            return index
    return 0


def _follow(instants: Sequence[float], interval_s: float) -> list[tuple[float, Kind]]:
    """Walk along ascending pulses, the first of which is on schedule."""
    laid: list[tuple[float, Kind]] = [(instants[0], "expected")]
    last = instants[0]
    for time_s in instants[1:]:
        slots = (time_s - last) / interval_s
        number = round(slots)
        if number < 1 or abs(slots - number) > OFF_SCHEDULE:
            laid.append((time_s, "extra"))
            continue
        share = (time_s - last) / number
        laid += [(last + i * share, "missed") for i in range(1, number)]
        laid.append((time_s, "expected"))
        last = time_s
    return laid


def own_interval(scheduled: Sequence[tuple[float, Kind]], interval_s: float) -> float:
    """Return the mean interval of the schedule, missed slots counted."""
    slots = [(number, time_s, kind) for number, (time_s, kind) in enumerate(s for s in scheduled if s[1] != "extra")]
    seen = [(number, time_s) for number, time_s, kind in slots if kind == "expected"]
    if len(seen) < 2:
        return interval_s
    return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])
