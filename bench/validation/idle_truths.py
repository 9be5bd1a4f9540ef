"""What a test of a pump at rest should have measured, from the twin's own truth."""

from __future__ import annotations

import numpy as np

from bench.procedures.idle.watch import levels_of
from bench.validation.course import HOUR_S, Course


def idle_truths(course: Course) -> dict[str, float]:
    """Return the truths of a pump at rest.

    - `unintended_volume`: the mean liquid in the vessel over the last level's window, less that over the first one's;
      `unintended_rate`: the same over the time between their middles.
    - `unintended_pulses`: pulses of the motor that moved something between those windows' outer ends.
    """
    begin_s, end_s = course.event_s("idle watched"), course.event_s("idle ended")
    before, after = levels_of((begin_s, end_s))
    volume_ul = course.mean_ul(*after) - course.mean_ul(*before)
    hours = 0.5 * (sum(after) - sum(before)) / HOUR_S
    truth = course.truth
    meanwhile = (truth.pulse_time_s > begin_s) & (truth.pulse_time_s <= end_s) & (truth.pulse_volume_ul > 0.0)
    return {
        "unintended_volume": volume_ul / course.ul_per_u,
        "unintended_rate": volume_ul / course.ul_per_u / hours,
        "unintended_pulses": float(np.count_nonzero(meanwhile)),
    }
