"""What a reservoir test should have told, from the twin's own truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.validation.course import Course

_SETTLED_S = 75.0
"""The line has settled so long after a stop: the middle of the window of its level."""
_LAST_U = 5.0
HOUR_S = 3600.0


def reservoir_truths(course: Course) -> dict[str, float]:
    """Return the truths of a reservoir test.

    - A remainder is what was told, less what had reached the vessel at the pump's warning, or once the line had settled
      after its alarm.
    - `last_units_error`: what came from the instant at which 5 U were still due before the alarm, against 5 U.
    - `prime_time`: from the command to the last pulse of the prime.
    """
    record, truth = course.record, course.truth
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    told_u = float(record.events("reservoir told")[0].data["volume_ul"]) / course.ul_per_u
    rate_ul_per_h = float(commands[0].data["rate_ul_per_h"])
    began_s = 0.5 * (float(commands[0].data["sent_s"]) + float(commands[0].data["acknowledged_s"]))
    low_s, empty_s = (_alarm_s(course, code, began_s) for code in ("LOWRES", "EMPTY"))
    settled_s = empty_s + _SETTLED_S
    last_s = empty_s - _LAST_U * course.ul_per_u / rate_ul_per_h * HOUR_S

    def error(begin_s: float, end_s: float, due_s: float) -> float:
        return 100.0 * (course.between_ul(begin_s, end_s) / (rate_ul_per_h * due_s / HOUR_S) - 1.0)

    found = {
        "remainder_at_low": told_u - course.between_ul(began_s, low_s) / course.ul_per_u,
        "remainder_at_empty": told_u - course.between_ul(began_s, settled_s) / course.ul_per_u,
        "error_before": error(began_s, last_s, last_s - began_s),
        "last_units_error": error(last_s, settled_s, empty_s - last_s),
        "delivered_after_empty": course.between_ul(settled_s, float(stops[0].time_s) - 15.0) / course.ul_per_u,
    }
    primes = record.events("prime commanded")
    if primes and len(commands) > 1:
        sent_s, second_s = float(primes[0].data["sent_s"]), float(commands[1].data["sent_s"])
        streams = zip(truth.pulse_time_s.tolist(), truth.pulse_stream, strict=True)
        times_s = [time_s for time_s, stream in streams if stream == "prime" and time_s > sent_s]
        stopped_s = float(stops[1].time_s)
        found |= {
            "prime_volume": course.between_ul(sent_s, second_s) / course.ul_per_u,
            "prime_time": max(times_s) - sent_s,
            "error_after_change": error(second_s, stopped_s + _SETTLED_S, stopped_s - second_s),
        }
    return found


def _alarm_s(course: Course, code: str, after_s: float) -> float:
    times = [note["time_s"] for note in course.truth.notes if note["kind"] == "alarm" and note.get("code") == code]
    return next((float(time_s) for time_s in times if time_s > after_s), math.nan)
