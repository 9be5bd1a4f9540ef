"""The courses of spread boluses on the balance, against what was programmed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, combined, measurement, undetermined
from bench.metrology.noise import Floats, Levels
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.course import DEAD_S, dead_component, lag_component
from bench.procedures.bolus.row import BolusRow
from bench.procedures.bolus.spread import Programmed, Worst, worst
from bench.procedures.bolus.weighing import WeighedBolus
from bench.results.model import Component, Measurement


@dataclass(frozen=True, slots=True)
class Course:
    """The course of one bolus in means over blocks, in percent of commanded, and where it is furthest outside."""

    one: WeighedBolus
    begins_s: Floats
    width_s: float
    percent: Floats
    noise_percent: float
    worst: Worst

    @property
    def worst_s(self) -> float:
        """Time from the command to the middle of the worst block."""
        return float(self.begins_s[self.worst.place]) + 0.5 * self.width_s

    @property
    def percent_per_s(self) -> float:
        """How fast it comes about the worst block."""
        place = self.worst.place
        around = self.percent[max(0, place - 1) : place + 2]
        return float(around[-1] - around[0]) / (self.width_s * max(1, len(around) - 1))


def courses(row: BolusRow, programmed: Programmed) -> list[Course]:
    """Return the course of every weighed bolus; none of those with too few readings."""
    found = [_course(row, one, programmed) for one in row.weighed]
    return [each for each in found if each is not None]


def _course(row: BolusRow, one: WeighedBolus, programmed: Programmed) -> Course | None:
    begins_s, width_s = programmed.blocks(one.bolus.after[1] - one.bolus.began_s - DEAD_S)
    if len(begins_s) < 3 or len(one.gain.time_s) < 2:
        return None
    at_s = one.bolus.began_s + DEAD_S + begins_s
    percent = one.gain.mean_load_mg(at_s, at_s + width_s) * row.percent_per_mg
    neighbours = row.weighing.noise.difference((0.0, width_s), (width_s, 2.0 * width_s))
    noise = neighbours.standard_uncertainty / math.sqrt(2.0) * row.percent_per_mg
    outside = programmed.outside(begins_s, width_s, percent)
    return Course(one, begins_s, width_s, percent, noise, worst(outside, noise))


def course_error(found: list[Course], row: BolusRow, spec: MeasurementSpec) -> Measurement:
    """Return the largest deviation of all courses."""
    if not found:
        return undetermined("course_error", spec.title, spec.unit, "the balance's readings have gaps")
    largest = max(found, key=lambda each: abs(each.worst.percent))
    by_chance = 0.5 * largest.worst.by_chance
    value = max(0.0, abs(largest.worst.percent) - by_chance)
    early = "early" if largest.worst.percent > 0.0 else "late"
    note = f"bolus {largest.one.bolus.index}, {largest.worst_s / 60.0:.1f} min after its command: too {early}"
    return measurement("course_error", spec.title, value, spec.unit, _budget(largest, row), note=note)


def _budget(course: Course, row: BolusRow) -> list[Component]:
    bolus, slope = course.one.bolus, course.percent_per_s
    at_s = bolus.began_s + DEAD_S + float(course.begins_s[course.worst.place])
    levels = Levels.difference(bolus.before, (at_s, at_s + course.width_s))
    interval_s = at_s + 0.5 * course.width_s - 0.5 * sum(bolus.before)
    took_s = 0.5 * max(0.0, bolus.acknowledged_s - bolus.sent_s)
    chance = 0.5 * course.worst.by_chance
    return [
        *row.budget_of_levels(levels, interval_s, 0.0),
        lag_component(slope),
        dead_component(-slope),
        *row.weighing.lateness(-slope),
        bounded("when the pump took the command", took_s, "s", slope, source="until it was acknowledged"),
        bounded("largest of many means", chance, "%", -1.0, source="noise helps the largest", estimate=chance),
    ]


def early_words(found: list[Course], programmed: Programmed) -> list[str]:
    """Say which boluses the pump itself called done long before, or long after, their programme ends."""
    told = []
    for each in found:
        bolus = each.one.bolus
        lasted_s = bolus.done_s - bolus.sent_s
        allowed_s = 10.0 + 0.05 * programmed.over_s
        if programmed.over_s - allowed_s <= lasted_s <= programmed.latest_end_s + allowed_s:
            continue
        told.append(
            f"The pump called bolus {bolus.index} done after {lasted_s / 60.0:.1f} min; its programme takes"
            f" {programmed.over_s / 60.0:g} min."
        )
    more = f" So with {len(told) - 1} more." if len(told) > 1 else ""
    return [told[0] + more] if told else []


def planned_course(volume_ul: float, lines: list[Component]) -> float:
    """Return the expanded uncertainty of a deviation of the course, foretold from the budget of a bolus in µL."""
    return 200.0 * combined(lines) / volume_ul


def shares_at(course: Course) -> Floats:
    """Return the middles of the blocks in s."""
    return np.asarray(course.begins_s + 0.5 * course.width_s)
