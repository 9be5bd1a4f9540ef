"""What each measurement should have been, from the twin's own truth: one written definition a measurement.

Volumes are liquid that the pump brought into the vessel, at the vessel, between two instants at which the pump really
obeyed; times are those at which clamp and pump really acted. Nothing here knows of balances, air or noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from bench.metrology.cumulative import Cumulative
from bench.metrology.flow_continuity import flow_continuity
from bench.metrology.observation import (
    AMBULATORY_SAMPLE_S,
    INFUSION_SAMPLE_S,
    INFUSION_WINDOWS_S,
    infusion_periods,
)
from bench.metrology.trumpet import Extremes, extremes_on_grid
from bench.procedures.basal.trumpet import BEFORE_STOP_S
from bench.procedures.basal.trumpet_measurements import extreme_name
from bench.procedures.bolus.cancelled import obeyed
from bench.procedures.bolus.spread import Programmed
from bench.recording.reader import Event
from bench.validation.blank_truths import blank_truths
from bench.validation.check_truths import check_truths
from bench.validation.course import HOUR_S, Course, Floats
from bench.validation.day_truths import day_truths, wear_truths
from bench.validation.idle_truths import idle_truths
from bench.validation.occlusion_truths import occlusion_truths
from bench.validation.power_truths import power_truths
from bench.validation.reservoir_truths import reservoir_truths

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
        "blank": blank_truths,
        "bolus": bolus_truths,
        "check": check_truths,
        "occlusion": occlusion_truths,
        "reservoir": reservoir_truths,
        "power": power_truths,
        "idle": idle_truths,
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
    found |= _infusion(course, period, rate_ul_per_h)
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


def _infusion(course: Course, period: tuple[float, float], rate_ul_per_h: float) -> dict[str, float]:
    """Return the truths of the windows of an infusion that was not to stabilise: they end a little before the stop."""
    begin_s, stop_s = period
    extremes: dict[float, list[Extremes]] = {}
    for each in infusion_periods(begin_s, stop_s, rate_ul_per_h):
        grid = np.arange(each.start_s, min(each.end_s, stop_s - BEFORE_STOP_S), INFUSION_SAMPLE_S)
        if len(grid) < 2:
            continue
        volume = Cumulative(grid, np.array([course.truth.delivered_ul(float(at_s)) for at_s in grid]))
        for window_s in INFUSION_WINDOWS_S:
            ends_s = (float(grid[0]), float(grid[-1]))
            found = extremes_on_grid(volume, rate_ul_per_h, window_s, INFUSION_SAMPLE_S, *ends_s)
            extremes.setdefault(window_s, []).extend([] if found is None else [found])
    largest = {
        extreme_name(window_s, largest=True): max(each.largest_percent for each in found)
        for window_s, found in extremes.items()
        if found
    }
    least = {
        extreme_name(window_s, largest=False): min(each.least_percent for each in found)
        for window_s, found in extremes.items()
        if found
    }
    return largest | least


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
    - `course_error` of spread boluses: the largest deviation of block means of what had arrived since the command.
    - `cancelled_difference`, `after_cancel`: what arrived against what was reported, and after it was
      obeyed.

    Boluses of several sizes have the truths of each size as `mean_error_<volume in µL>`.
    """
    record, truth = course.record, course.truth
    commands, ends = record.events("bolus commanded"), record.events("bolus done")
    sent_s = np.array([float(event.data["sent_s"]) for event in commands])
    until_s = np.append(sent_s[1:], course.event_s_after("blank started", float(sent_s[-1])))
    commanded_ul = float(commands[0].data["volume_ul"])
    if len({float(event.data["volume_ul"]) for event in commands}) > 1:
        return _of_sizes(course, commands, until_s)
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
    return found | _of_spread(course, commands, until_s) | _of_cancelled(course, volumes_ul, reported, until_s)


def _of_sizes(course: Course, commands: list[Event], until_s: Floats) -> dict[str, float]:
    errors: dict[float, list[float]] = {}
    for command, end_s in zip(commands, until_s, strict=True):
        commanded_ul = float(command.data["volume_ul"])
        volume_ul = course.between_ul(float(command.data["sent_s"]), float(end_s))
        errors.setdefault(commanded_ul, []).append(100.0 * (volume_ul / commanded_ul - 1.0))
    return {f"mean_error_{volume_ul:g}": float(np.mean(of_size)) for volume_ul, of_size in errors.items()}


def _of_spread(course: Course, commands: list[Event], until_s: Floats) -> dict[str, float]:
    data = commands[0].data
    if "over_s" not in data:
        return {}
    now_ul, volume_ul = float(data["now_ul"]), float(data["volume_ul"])
    programmed = Programmed(now_ul, volume_ul - now_ul, float(data["over_s"]))
    outside = []
    for command, end_s in zip(commands, until_s, strict=True):
        sent_s = float(command.data["sent_s"])
        begins_s, width_s = programmed.blocks(float(end_s) - sent_s)
        before_ul = course.truth.delivered_ul(sent_s)
        arrived_ul = [course.mean_ul(sent_s + at_s, sent_s + at_s + width_s) - before_ul for at_s in begins_s.tolist()]
        outside.append(programmed.outside(begins_s, width_s, 100.0 * np.array(arrived_ul) / volume_ul))
    return {"course_error": max(float(np.abs(each).max()) for each in outside)}


def _of_cancelled(course: Course, volumes_ul: Floats, reported: Floats, until_s: Floats) -> dict[str, float]:
    cancels = course.record.events("bolus cancelled")
    if len(cancels) != len(volumes_ul):
        return {}
    late_ul = [
        course.truth.delivered_ul(float(end_s)) - course.mean_ul(*obeyed(float(each.data["acknowledged_s"])))
        for each, end_s in zip(cancels, until_s, strict=True)
    ]
    reported_ul = 0.01 * reported * float(course.record.events("bolus commanded")[0].data["volume_ul"])
    return {
        "cancelled_difference": 100.0 * float(volumes_ul.mean() / reported_ul.mean() - 1.0),
        "after_cancel": float(np.mean(late_ul)) / course.ul_per_u,
    }


def _when_s(course: Course, start_s: float, end_s: float, volume_ul: float) -> float:
    """Return when a volume had arrived after `start_s`."""
    low_s, high_s = start_s, end_s
    for _ in range(50):
        middle_s = 0.5 * (low_s + high_s)
        low_s, high_s = (middle_s, high_s) if course.between_ul(start_s, middle_s) < volume_ul else (low_s, middle_s)
    return high_s
