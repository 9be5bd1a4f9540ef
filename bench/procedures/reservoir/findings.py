"""What went wrong with a reservoir that was delivered empty, each in a sentence with its likely cause."""

from __future__ import annotations

import math

from bench.metrology.rounding import number
from bench.procedures.reservoir.course import Course
from bench.procedures.shared.pump_count import counted_u
from bench.recording.reader import TestRecord

MINUTE_S = 60.0
FEWEST_STRETCHES = 2
MOST_AHEAD = 0.05
"""By so much of what it was told a pump may count further than to nothing, before it alarms."""
_LATE_S = 90.0
"""Dry until so shortly before the delivery's end counts as dry to its end."""


def reservoir_findings(
    course: Course, record: TestRecord, remaining_ul: float, ul_per_u: float, *, low_asked: bool
) -> tuple[list[str], list[str]]:
    """Return `(findings, notes)`: what the pump did not say, or said too late, and where nothing came.

    A low warning that did not come is a finding where the plan asks for one (`low_asked`): a pump that is told of
    little at once may have none to give.
    """
    found: list[str] = []
    notes: list[str] = []
    dry_s = dry_from_s(course)
    if dry_s is not None:
        is_wrong, told = _ran_dry(course, record, dry_s, remaining_ul, ul_per_u)
        (found if is_wrong else notes).append(told)
    if not math.isfinite(course.low_s):
        (found if low_asked else notes).append("The pump never warned of a low reservoir.")
    if not math.isfinite(course.empty_s):
        found.append("The pump never raised the alarm of an empty reservoir; it was stopped by the bench.")
    for number_of, delivery in enumerate(course.deliveries):
        minutes = course.dry_minutes(delivery)
        if len(minutes) >= FEWEST_STRETCHES and (number_of > 0 or dry_s is None):
            when = "before the change" if number_of == 0 else "after the change"
            found.append(
                f"Hardly anything came in {len(minutes)} stretches of the delivery {when}, the first from minute"
                f" {minutes[0]:.0f} on, while the pump said that it delivers: an air bubble, or nothing left."
            )
    return found, notes


def dry_from_s(course: Course) -> float | None:
    """Return since when nothing came any more while the pump still delivered; None where it came to the end."""
    step_s = max(60.0, 4.0 * course.interval_s)
    minutes = course.dry_minutes(course.first)
    lasted_s = course.stopped_s - course.first.began_s
    if len(minutes) < 2 or lasted_s - MINUTE_S * minutes[-1] > 2.0 * step_s + _LATE_S:
        return None
    first = len(minutes) - 1
    while first > 0 and MINUTE_S * (minutes[first] - minutes[first - 1]) < 1.5 * step_s:
        first -= 1
    return course.first.began_s + MINUTE_S * minutes[first] if len(minutes) - first > 1 else None


def _ran_dry(
    course: Course, record: TestRecord, dry_s: float, remaining_ul: float, ul_per_u: float
) -> tuple[bool, str]:
    """Return whether the pump is wrong that went on with an empty reservoir, and what happened.

    One that counts down to nothing and gives a little too much is empty a little before, and not wrong in that.
    """
    origin, at_dry = course.before(course.first.began_s), course.about(dry_s)
    came_u = course.between_ul(origin, at_dry) / ul_per_u
    told_u = remaining_ul / ul_per_u
    minutes = (course.stopped_s - dry_s) / MINUTE_S
    alarmed = math.isfinite(course.empty_s)
    before = "before its empty alarm" if alarmed else "without an empty alarm, until the bench stopped it"
    told = (
        f"Nothing more came from minute {(dry_s - course.first.began_s) / MINUTE_S:.0f} on, after {number(came_u, 3)}"
        f" U of the {number(told_u, 3)} U that the pump was told; it went on for {minutes:.0f} min {before}"
    )
    time_s, count_u = counted_u(record, ul_per_u, course.first.began_s)
    inside = time_s <= course.stopped_s + MINUTE_S
    if not inside.any():
        return True, f"{told}."
    counted = float(count_u[inside][-1])
    told += f", and counted {number(counted, 3)} U as delivered by then."
    if came_u < 0.9 * told_u:
        return True, f"{told} Was the reservoir full, or is it air?"
    if alarmed and counted <= (1.0 + MOST_AHEAD) * told_u:
        return False, told
    return True, f"{told} Does it count down its reservoir too slowly, or sound its alarm too late?"
