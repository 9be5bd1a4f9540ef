"""What each measurement should have been, from the twin's own truth: one written definition a measurement.

Volumes are liquid that the pump brought into the vessel, at the vessel, between two instants at which the pump really
obeyed; times are those at which clamp and pump really acted. Nothing here knows of balances, air or noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from bench.metrology.cumulative import Cumulative
from bench.metrology.flow_continuity import flow_continuity
from bench.metrology.observation import AMBULATORY_SAMPLE_S
from bench.metrology.trumpet import extremes_on_grid
from bench.validation.course import Course
from bench.validation.day_truths import day_truths, wear_truths

Floats = npt.NDArray[np.float64]
HOUR_S = 3600.0
BANDS = (5, 10, 15, 20, 25, 30)
_DOUBLED = 1.6
"""A pulse of so many commanded volumes is a doubled one."""


def truths(procedure: str, course: Course) -> Mapping[str, float]:
    """Return the truth of every measurement of a procedure that this course has one for.

    Raises:
        KeyError: no truth is defined for this procedure.

    """
    makers: dict[str, Callable[[Course], Mapping[str, float]]] = {
        "basal": basal_truths,
        "bolus": bolus_truths,
        "occlusion": occlusion_truths,
        "profile": day_truths,
        "wear": wear_truths,
    }
    return makers[procedure](course)


def began_s(times_s: Floats) -> float:
    """Return when a train of equal intervals began: one interval before its first pulse."""
    return float(2.0 * times_s[0] - times_s[1])


def basal_truths(course: Course) -> dict[str, float]:
    """Return the truths of a basal test.

    - `mean_error`, `total_volume`: from the command until the line has settled (60 s after the stop), against the rate
      over the time from command to stop.
    - `delivered_1h` …, hours and trumpet: volume in the vessel at the window's two instants. A pulse due at such an
      instant belongs to the time before it, so the vessel is looked at half a pulse interval later.
    - means over pulses and flow continuity: from the volume in the vessel, half a pulse interval off every pulse, and
      every quarter of a second.
    - pulses: what the motor metered; `missed` moved nothing, `doubled` moved two; the scatter is that of these pulses.
    """
    record, truth = course.record, course.truth
    command = record.events("basal commanded")[0]
    rate_ul_per_h = float(command.data["rate_ul_per_h"])
    stop = record.events("basal stopped")[0]
    stop_s = 0.5 * (float(stop.data.get("sent_s", stop.time_s)) + float(stop.time_s))
    given = (truth.pulse_time_s > float(command.data["sent_s"])) & (truth.pulse_time_s <= stop.time_s)
    times_s, volumes_ul = truth.pulse_time_s[given], truth.pulse_volume_ul[given]
    begin_s = began_s(times_s)
    total_ul = course.between_ul(begin_s, course.event_s("settled"))
    found = {
        "mean_error": 100.0 * (total_ul / (rate_ul_per_h * (stop_s - begin_s) / HOUR_S) - 1.0),
        "total_volume": total_ul / course.ul_per_u,
    }
    late_s = 0.5 * float(times_s[1] - times_s[0])
    for hours in (1, 6, 12):
        if begin_s + hours * HOUR_S <= stop_s + 1.0:
            at_s = begin_s + hours * HOUR_S + late_s
            found[f"delivered_{hours}h"] = course.between_ul(begin_s, at_s) / course.ul_per_u
    found |= _windows(course, (begin_s, stop_s), late_s, rate_ul_per_h)
    commanded_ul = truth.pulse_commanded_ul[given]
    found |= _evenness(course, times_s, (begin_s, stop_s), rate_ul_per_h)
    found["pulses_within_15_percent"] = _within_15(100.0 * (volumes_ul / commanded_ul - 1.0))
    came = volumes_ul > 0.0
    found |= {
        "mean_pulse_volume": float(volumes_ul[came].mean()) / course.ul_per_u,
        "pulse_volume_sd": 100.0 * float(volumes_ul[came].std(ddof=1) / volumes_ul[came].mean()),
        "mean_pulse_interval": float(np.diff(times_s).mean()),
        "missed_pulses": float(np.count_nonzero(~came)),
        "doubled_pulses": float(np.count_nonzero(volumes_ul > _DOUBLED * commanded_ul)),
        "extra_pulses": 0.0,
    }
    return found


def _windows(course: Course, period: tuple[float, float], late_s: float, rate_ul_per_h: float) -> dict[str, float]:
    """Return the truths of hours and of the trumpet's windows."""
    found = {}
    begin_s, stop_s = period
    hours = int((stop_s - begin_s + 1.0) / HOUR_S)
    if hours:
        edges = [course.truth.delivered_ul(begin_s + hour * HOUR_S + late_s) for hour in range(hours + 1)]
        errors = 100.0 * (np.diff(edges) / rate_ul_per_h - 1.0)
        found["hourly_windows_within_15_percent"] = 100.0 * float(np.mean(np.abs(errors) <= 15.0))
        found["largest_hourly_error"] = float(np.abs(errors).max())
    grid = np.arange(begin_s, stop_s + 1.0, AMBULATORY_SAMPLE_S)
    if len(grid) < 2:
        return found
    volume_ul = np.array([course.truth.delivered_ul(float(at_s) + late_s) for at_s in grid])
    for minutes in (15, 60, 150, 330, 570, 930):
        extremes = extremes_on_grid(
            Cumulative(grid, volume_ul),
            rate_ul_per_h,
            60.0 * minutes,
            AMBULATORY_SAMPLE_S,
            begin_s,
            float(grid[-1]),
        )
        if extremes is not None:
            found[f"trumpet_error_{minutes}min"] = extremes.largest_by_size_percent
    return found


def _evenness(course: Course, times_s: Floats, period: tuple[float, float], rate_ul_per_h: float) -> dict[str, float]:
    """Return the truths of windows that do not overlap, of means over pulses, and of flow continuity."""
    found = {}
    begin_s, stop_s = period
    interval_s = float(times_s[1] - times_s[0])
    for minutes in (15, 60):
        length_s = 60.0 * minutes
        edges_s: Floats = (
            begin_s + 0.5 * interval_s + length_s * np.arange(int((stop_s - begin_s + 1.0) / length_s) + 1.0)
        )
        if len(edges_s) > 1:
            errors = _errors(course, edges_s, rate_ul_per_h * length_s / HOUR_S)
            found[f"mard_{minutes}min"] = float(np.abs(errors).mean())
    between_s: Floats = np.append(times_s - 0.5 * interval_s, times_s[-1] + 0.5 * interval_s)
    for number in (10, 20, 40):
        edges_s = between_s[::number]
        if len(edges_s) > 1:
            errors = _errors(course, edges_s, number * rate_ul_per_h * interval_s / HOUR_S)
            found[f"means_of_{number}_pulses_within_15_percent"] = _within_15(errors)
    fine_s = np.arange(begin_s, stop_s, 0.25)
    volume_ul = np.array([course.truth.delivered_ul(float(at_s)) for at_s in fine_s])
    for minutes in (5, 20, 60):
        one = flow_continuity(Cumulative(fine_s, volume_ul), 60.0 * minutes, rate_ul_per_h, begin_s, float(fine_s[-1]))
        if one is not None:
            found[f"pk_cv_{minutes}min"] = one.cv_percent
    return found


def _errors(course: Course, edges_s: Floats, nominal_ul: float) -> Floats:
    volume_ul = np.array([course.truth.delivered_ul(float(at_s)) for at_s in edges_s])
    return np.asarray(100.0 * (np.diff(volume_ul) / nominal_ul - 1.0), dtype=np.float64)


def _within_15(errors_percent: Floats) -> float:
    return 100.0 * float(np.mean(np.abs(errors_percent) <= 15.0))


def bolus_truths(course: Course) -> dict[str, float]:
    """Return the truths of a bolus test.

    - A bolus is what reaches the vessel from its command to the next; the last one's, until its window of weighing.
    - `delivery_time`: mean time from the pump's start of a bolus until 95 % of it is in the vessel.
    - `tail_fraction`: mean part of a bolus that reaches the vessel after the pump last said that it delivers.
    - `reported_difference`: mean of what the pump reported, less what arrived, of commanded.
    """
    record, truth = course.record, course.truth
    commands, ends = record.events("bolus commanded"), record.events("bolus done")
    sent_s = np.array([float(event.data["sent_s"]) for event in commands])
    until_s = np.append(sent_s[1:], course.event_s_after("blank started", float(sent_s[-1])))
    commanded_ul = float(commands[0].data["volume_ul"])
    volumes_ul = np.array([course.between_ul(a, b) for a, b in zip(sent_s, until_s, strict=True)])
    deviations = 100.0 * (volumes_ul / commanded_ul - 1.0)
    reported = 100.0 * np.array([float(end.data["reported_ul"]) for end in ends]) / commanded_ul
    arrival_s, tails = [], []
    for start_s, end_s, end, volume_ul in zip(sent_s, until_s, ends, volumes_ul, strict=True):
        times_s = truth.pulse_time_s[(truth.pulse_time_s > start_s) & (truth.pulse_time_s <= end_s)]
        arrival_s.append(_when_s(course, float(start_s), float(end_s), 0.95 * volume_ul) - began_s(times_s))
        active_s = float(end.data["active_s"])
        tails.append(100.0 * course.between_ul(active_s, float(end_s)) / volume_ul)
    found = {
        "mean_error": float(deviations.mean()),
        "mean_volume": float(volumes_ul.mean()) / course.ul_per_u,
        "bolus_sd": float(deviations.std(ddof=1)) if len(deviations) > 1 else math.nan,
        "largest_positive_deviation": float(deviations.max()),
        "largest_negative_deviation": float(deviations.min()),
        "delivery_time": float(np.mean(arrival_s)),
        "tail_fraction": float(np.mean(tails)),
        "reported_difference": float((reported - 100.0 - deviations).mean()),
    }
    for band in BANDS:
        found[f"within_{band}_percent"] = 100.0 * float(np.mean(np.abs(deviations) <= band))
    return found


def _when_s(course: Course, start_s: float, end_s: float, volume_ul: float) -> float:
    """Return when a volume had arrived after `start_s`."""
    low_s, high_s = start_s, end_s
    for _ in range(50):
        middle_s = 0.5 * (low_s + high_s)
        low_s, high_s = (middle_s, high_s) if course.between_ul(start_s, middle_s) < volume_ul else (low_s, middle_s)
    return high_s


def occlusion_truths(course: Course) -> dict[str, float]:
    """Return the truths of an occlusion test at a basal rate.

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
    rate_ul_per_h = float(record.events("basal commanded")[0].data["rate_ul_per_h"])
    due_ul = rate_ul_per_h * (alarm_s - closed_s) / HOUR_S
    shut = (truth.pulse_time_s > closed_s) & (truth.pulse_time_s < opened_s)
    stored_ul = course.between_ul(opened_s, record.end_s)
    pushed_ul, pressure_kpa = truth.pulse_volume_ul[shut], truth.pulse_pressure_kpa[shut]
    before = [note for note in truth.notes if note["kind"] == "alarm" and record.start_s < note["time_s"] < closed_s]
    return {
        "time_to_alarm": (alarm_s - closed_s) / 60.0,
        "pressure_at_alarm": float(alarm["pressure_kpa"]),
        "peak_pressure": float(truth.pulse_pressure_kpa[shut].max()),
        "missed_volume": (due_ul - course.between_ul(closed_s, alarm_s)) / course.ul_per_u,
        "stored_bolus": stored_ul / course.ul_per_u,
        "compliance": float(pushed_ul[1:].sum() / (pressure_kpa[-1] - pressure_kpa[0])),
        "compliance_released": stored_ul / float(pressure_kpa[-1]),
        "false_alarms": float(len(before)),
    }
