"""A balance that falls at once and stays down: no pump takes liquid back so fast."""

from __future__ import annotations

import math

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.metrology.readings import within
from bench.metrology.rounding import number
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import TestRecord

LEAST_MG = 1.0
"""A fall by so much is told, on a balance that shows so little …"""
_DIGITS = 5.0
"""… and on a coarser one by so many of its digits, …"""
_SCATTERS = 10.0
"""… and by so many times what readings a few seconds apart differ by otherwise."""
_AT_ONCE_S = 3.0
_STAYS_S = (4.0, 14.0)
"""How long after a fall, and before it, the level is looked at: a bump is over by then."""
_HANDS_S, _CLAMP_S = 60.0, 10.0
"""So long after what an operator did, or the clamp, the level may fall for a reason."""


def fall_doubts(record: TestRecord, weighing: Weighing, origin_s: float) -> list[str]:
    """Look for a level that falls within seconds and stays down; times are told from `origin_s`.

    Not looked at is what an operator or the clamp did, and what lies about a time without readings.
    """
    known = np.isfinite(weighing.shown_mg)
    time_s, shown_mg = weighing.time_s[known], weighing.shown_mg[known]
    interval_s = float(np.median(np.diff(time_s)))
    apart = max(1, round(_AT_ONCE_S / interval_s))
    change = shown_mg[apart:] - shown_mg[:-apart]
    scatter_mg = 1.4826 * float(np.median(np.abs(change - np.median(change)))) if len(change) else 0.0
    least_mg = max(LEAST_MG, _DIGITS * weighing.readability_mg, _SCATTERS * scatter_mg)
    dense = time_s[apart:] - time_s[:-apart] < 2.0 * max(_AT_ONCE_S, interval_s)
    handled = _handled(record)
    falls = []
    for at_s in _apart_from_each_other(time_s[:-apart][dense & (change < -least_mg)]):
        if any(begin_s - _AT_ONCE_S <= at_s <= end_s for begin_s, end_s in handled):
            continue
        fall_mg = _level(time_s, shown_mg, at_s, -1.0) - _level(time_s, shown_mg, at_s, 1.0)
        if fall_mg > least_mg:
            first = int(np.searchsorted(time_s, at_s))
            steepest = int(np.argmin(np.diff(shown_mg[first : first + apart + 1])))
            falls.append((float(time_s[first + steepest + 1]), fall_mg))
    if not falls:
        return []
    at_s, fall_mg = falls[0]
    times = "" if len(falls) == 1 else f" and {len(falls) - 1} more times"
    return [
        f"The balance fell by {number(fall_mg, 3)} mg within seconds at minute {(at_s - origin_s) / 60.0:.1f}{times},"
        " and stayed down: no pump takes liquid back so fast. Somebody tared or touched it, or the needle leaned on the"
        " vessel and slipped."
    ]


def _handled(record: TestRecord) -> list[Window]:
    """Return when an operator was at the bench, as asked, and when the clamp moved."""
    answers = [event.data for kind in ("operator confirmed", "operator refused") for event in record.events(kind)]
    clamps = [event.time_s for kind in ("occluder closed", "occluder opened") for event in record.events(kind)]
    return [
        *((float(each["asked_s"]), float(each["answered_s"]) + _HANDS_S) for each in answers),
        *((each, each + _CLAMP_S) for each in clamps),
    ]


def _apart_from_each_other(instants_s: Floats) -> list[float]:
    found: list[float] = []
    for at_s in instants_s.tolist():
        if not found or at_s > found[-1] + _STAYS_S[1]:
            found.append(at_s)
    return found


def _level(time_s: Floats, shown_mg: Floats, at_s: float, side: float) -> float:
    """Return the level on one side of an instant; NaN without readings there."""
    first_s, last_s = sorted(at_s + side * each for each in _STAYS_S)
    part = within(time_s, shown_mg, (first_s, last_s))[1]
    return float(np.median(part)) if part.size else math.nan
