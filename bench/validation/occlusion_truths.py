"""What each measurement of an occlusion test should have been, by what was done with the line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.metrology.poisson import upper_limit
from bench.recording.reader import Event
from bench.validation.course import HOUR_S, Course

CONFIDENCE = 0.95
GRID_S = 0.05


def occlusion_truths(course: Course) -> dict[str, float]:
    """Return the truths of an occlusion test at a basal rate, whichever kind it is."""
    record = course.record
    begun_s = [event.time_s for event in record.events("occlusion begun")]
    if begun_s:
        ends_s = [*begun_s[1:], record.end_s + 1.0]
        return repeated_truths(
            [replace(course, record=record.part(*each)) for each in zip(begun_s, ends_s, strict=True)]
        )
    if record.events("line released before the alarm"):
        return released_truths(course)
    return alarm_truths(course) if record.events("occluder closed") else flow_truths(course)


def alarm_truths(course: Course) -> dict[str, float]:
    """Return the truths of a line that is shut until the alarm.

    - `time_to_alarm`: from the clamp having shut the line to the pump raising its alarm.
    - `pressure_at_alarm`: the line's pressure then; `peak_pressure`: the greatest while shut.
    - `missed_volume`: what the rate makes due in that time, less what arrived.
    - `stored_bolus`: what arrived from the opening until the record's end, when all has come.
    - `compliance`: what the motor pushed into the shut line, over what the line's pressure rose by from its first pulse
      to its last; `compliance_released`: what arrived after the opening, over the pressure after the last pulse.
    """
    record, truth = course.record, course.truth
    closed_s = course.noted_s("occluder", record.start_s)
    opened_s = course.noted_s("occluder", closed_s)
    alarm_s = course.noted_s("alarm", closed_s)
    alarm = next(note for note in truth.notes if note["kind"] == "alarm" and note["time_s"] == alarm_s)
    shut = (truth.pulse_time_s > closed_s) & (truth.pulse_time_s < opened_s)
    stored_ul = course.between_ul(opened_s, record.end_s)
    pushed_ul, pressure_kpa = truth.pulse_volume_ul[shut], truth.pulse_pressure_kpa[shut]
    return {
        "time_to_alarm": (alarm_s - closed_s) / 60.0,
        "pressure_at_alarm": float(alarm["pressure_kpa"]),
        "peak_pressure": float(truth.pulse_pressure_kpa[shut].max()),
        "missed_volume": _missed_u(course, closed_s, alarm_s, alarm_s),
        "stored_bolus": stored_ul / course.ul_per_u,
        "compliance": float(pushed_ul[1:].sum() / (pressure_kpa[-1] - pressure_kpa[0])),
        "compliance_released": stored_ul / float(pressure_kpa[-1]),
        "false_alarms": _alarms(course, record.start_s, closed_s),
    }


def repeated_truths(courses: Sequence[Course]) -> dict[str, float]:
    """Return the truths of several occlusions: means of each one's, the greatest, the sum, and the change."""
    each = [alarm_truths(course) for course in courses]
    found = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    softness = [one["compliance_released"] for one in each]
    return found | {
        "peak_pressure": max(one["peak_pressure"] for one in each),
        "longest_time_to_alarm": max(one["time_to_alarm"] for one in each),
        "false_alarms": math.fsum(one["false_alarms"] for one in each),
        "compliance_change": 100.0 * (softness[-1] / softness[0] - 1.0),
    }


def released_truths(course: Course) -> dict[str, float]:
    """Return the truths of a line that is opened before the alarm.

    - `missed_volume`: what the rate makes due from the shutting to the opening, less what arrived.
    - `missed_after_release`: what it makes due from the shutting to the stop, less what arrived until the line settled.
    - `caught_up_fraction`: what of the one is no longer in the other, of the one.
    """
    record, truth = course.record, course.truth
    closed_s = course.noted_s("occluder", record.start_s)
    opened_s = course.noted_s("occluder", closed_s)
    shut = (truth.pulse_time_s > closed_s) & (truth.pulse_time_s < opened_s)
    pushed_ul, pressure_kpa = truth.pulse_volume_ul[shut], truth.pulse_pressure_kpa[shut]
    stop = record.events("basal stopped")[0]
    missed_u = _missed_u(course, closed_s, opened_s, opened_s)
    for_good_u = _missed_u(course, closed_s, _middle_s(stop), course.event_s("settled"))
    return {
        "peak_pressure": float(pressure_kpa.max()),
        "missed_volume": missed_u,
        "compliance": float(pushed_ul[1:].sum() / (pressure_kpa[-1] - pressure_kpa[0])),
        "missed_after_release": for_good_u,
        "caught_up_fraction": 100.0 * (1.0 - for_good_u / missed_u),
        "false_alarms": _alarms(course, record.start_s, closed_s),
        "occlusion_alarms": _alarms(course, closed_s, record.end_s),
    }


def flow_truths(course: Course) -> dict[str, float]:
    """Return the truths of a line that is never shut.

    - `flow_error`: what arrived until the line settled, against what the rate makes due from each command to its stop,
      or to the alarm that came before it.
    - `line_pressure`: median over that time, from what the line holds and how soft it is (without leak and bubble).
    """
    record, truth = course.record, course.truth
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    spans = []
    for command, stop in zip(commands, stops, strict=True):
        alarm_s = course.noted_s("alarm", command.time_s)
        end_s = alarm_s if alarm_s <= stop.time_s else _middle_s(stop)
        spans.append((_middle_s(command), end_s))
    flowed_s = math.fsum(end_s - begin_s for begin_s, end_s in spans)
    due_ul = float(commands[0].data["rate_ul_per_h"]) * flowed_s / HOUR_S
    arrived_ul = course.between_ul(float(commands[0].data["sent_s"]), course.event_s("settled"))
    alarms = _alarms(course, spans[0][0], spans[-1][1] + 1.0)
    during = (truth.pulse_time_s >= spans[0][0]) & (truth.pulse_time_s <= spans[-1][1])
    return {
        "time_to_alarm": (spans[0][1] - spans[0][0]) / 60.0,
        "flow_error": 100.0 * (arrived_ul / due_ul - 1.0),
        "line_pressure": _median_pressure_kpa(course, spans),
        "peak_pressure": float(truth.pulse_pressure_kpa[during].max()),
        "false_alarms": alarms,
        "occlusion_alarms": alarms,
        "false_alarm_rate": upper_limit(int(alarms), flowed_s / HOUR_S, CONFIDENCE),
    }


def _missed_u(course: Course, closed_s: float, due_until_s: float, arrived_until_s: float) -> float:
    rate_ul_per_h = float(course.record.events("basal commanded")[0].data["rate_ul_per_h"])
    due_ul = rate_ul_per_h * (due_until_s - closed_s) / HOUR_S
    return (due_ul - course.between_ul(closed_s, arrived_until_s)) / course.ul_per_u


def _alarms(course: Course, start_s: float, end_s: float) -> float:
    alarms = (note["time_s"] for note in course.truth.notes if note["kind"] == "alarm" and note["code"] == "OCCLUSION")
    return float(sum(start_s < time_s < end_s for time_s in alarms))


def _middle_s(event: Event) -> float:
    return 0.5 * (float(event.data["sent_s"]) + float(event.data["acknowledged_s"]))


def _median_pressure_kpa(course: Course, spans: Sequence[tuple[float, float]]) -> float:
    """Return the line's median pressure: what it holds, over its softness by the pressure after each pulse."""
    truth = course.truth
    metered_ul = np.concatenate(([0.0], np.cumsum(truth.pulse_volume_ul)))
    after_ul = metered_ul[1:] - np.array([truth.delivered_ul(float(time_s)) for time_s in truth.pulse_time_s])
    softness = float(np.median(after_ul / truth.pulse_pressure_kpa))
    pressures = []
    for start_s, end_s in spans:
        grid = np.arange(start_s, end_s, GRID_S)
        given_ul = metered_ul[np.searchsorted(truth.pulse_time_s, grid, "right")]
        held_ul = given_ul - np.array([truth.delivered_ul(float(time_s)) for time_s in grid])
        pressures.append(held_ul / softness)
    return float(np.median(np.concatenate(pressures)))
