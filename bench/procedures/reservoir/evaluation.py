"""From the recording of a reservoir that runs empty to what the pump said of it and what really came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.metrology.budget import bounded, measurement, undetermined
from bench.metrology.decimate import series
from bench.metrology.noise import Window
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.reservoir.course import ALARM_POLL_S, EMPTY, HOUR_S, LOW, Course, course_of
from bench.procedures.reservoir.findings import dry_from_s, reservoir_findings
from bench.procedures.shared.alarms import alarm_findings, seen
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.pump_count import counted_u
from bench.procedures.shared.shown import limits_of, simulated_words
from bench.procedures.shared.stated import nothing_stated
from bench.procedures.shared.weighing import weigh_record
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Figure, Mark, Measurement, Rule

Catalogue = Mapping[str, MeasurementSpec]
PRIME_POLL_S = 0.5
LONG_S = 3.0 * HOUR_S


@dataclass(frozen=True, slots=True)
class Asked:
    """What the test asked for, in µL and s; `prime_ul` is 0 without a change of the reservoir."""

    remaining_ul: float
    last_ul: float
    prime_ul: float
    rate_ul_per_h: float
    increment_ul: float


def evaluate_reservoir(record: TestRecord, context: Context, catalogue: Catalogue, asked: Asked) -> Evaluation:
    """Evaluate one reservoir test."""
    weighing = weigh_record(record, context)
    notes, doubts = recording_findings(record, weighing, context)
    alarm_notes, alarm_doubts = alarm_findings(record, (EMPTY,))
    course = course_of(record, weighing, asked.rate_ul_per_h, asked.increment_ul)
    if course is None or np.count_nonzero(np.isfinite(weighing.mass_mg)) < 2:
        why = "nothing was ever delivered" if course is None else "the balance gave no readings"
        nothing = nothing_stated(catalogue, why)
        return Evaluation(measurements=nothing, notes=notes, doubts=doubts or [f"Nothing can be said: {why}."])
    teller = _Teller(course, asked, catalogue, context.concentration.ul_per_u)
    made = [
        teller.remainder_at_low(),
        teller.remainder_at_empty(),
        teller.error_before(),
        teller.last_units_error(),
        teller.delivered_after_empty(),
        *(teller.after_change() if asked.prime_ul > 0.0 else []),
    ]
    accept = limits_of(record, context)
    words = simulated_words(record.simulated)
    findings, told = reservoir_findings(
        course, record, asked.remaining_ul, context.concentration.ul_per_u, low_asked="remainder_at_low" in accept
    )
    return Evaluation(
        measurements=[each for each in made if each.value is not None or each.name in accept],
        figures=[_figure(course, asked, record, context.concentration.ul_per_u, words)],
        findings=findings,
        notes=[*told, *alarm_notes, *notes],
        doubts=[*alarm_doubts, *doubts],
    )


class _Teller:
    """Makes the measurements of one course."""

    def __init__(self, course: Course, asked: Asked, catalogue: Catalogue, ul_per_u: float) -> None:
        self._course = course
        self._asked = asked
        self._catalogue = catalogue
        self._per_ul = 1.0 / ul_per_u
        self._origin = course.before(course.first.began_s)

    def remainder_at_low(self) -> Measurement:
        """Return what should still have been there at the low warning."""
        at_s = self._course.low_s
        if math.isfinite(at_s):
            return self._remainder("remainder_at_low", self._course.about(at_s), None, "at the warning", flowing=True)
        end = self._course.after(self._course.stopped_s)
        return self._remainder("remainder_at_low", end, "below", "no warning had come by then")

    def remainder_at_empty(self) -> Measurement:
        """Return what should still have been there at the empty alarm."""
        end = self._course.after(self._course.stopped_s)
        if math.isfinite(self._course.empty_s):
            words = "at the alarm; negative: more came than was told"
            return self._remainder("remainder_at_empty", end, None, words)
        return self._remainder("remainder_at_empty", end, "below", "no alarm had come by then")

    def _remainder(
        self, name: str, window: Window, censored: Literal["below"] | None, words: str, *, flowing: bool = False
    ) -> Measurement:
        spec, course = self._catalogue[name], self._course
        delivered_ul = course.between_ul(self._origin, window)
        if not math.isfinite(delivered_ul):
            return undetermined(name, spec.title, spec.unit, "the balance gave no readings there")
        lines = course.budget(delivered_ul, -self._per_ul, self._origin, window, flowing=flowing)
        if flowing:
            polled_ul = 0.5 * ALARM_POLL_S * course.rate_ul_per_h / HOUR_S
            lines.append(
                bounded("instant of the warning", polled_ul, "µL", self._per_ul, source="looked for every 2 s")
            )
        left = (self._asked.remaining_ul - delivered_ul) * self._per_ul
        told = self._asked.remaining_ul * self._per_ul
        note = f"{words}: {told:.4g} U told less {delivered_ul * self._per_ul:.4g} U weighed"
        return measurement(name, spec.title, left, spec.unit, lines, censored=censored, note=note)

    def error_before(self) -> Measurement:
        """Return the error of the rate up to the last units."""
        begin_s, course = self._last_begins_s(), self._course
        name, spec = "error_before", self._catalogue["error_before"]
        if begin_s - course.first.began_s < 10.0 * max(60.0, course.interval_s):
            return undetermined(name, spec.title, spec.unit, "the last units are all that was delivered")
        length_s = begin_s - course.first.began_s
        return self._rate_error(
            name, (self._origin, course.about(begin_s)), length_s, self._until_empty_s, flowing=True
        )

    def last_units_error(self) -> Measurement:
        """Return the error of the rate over the last units before the alarm."""
        course, begin_s = self._course, self._last_begins_s()
        name = "last_units_error"
        end = course.after(course.stopped_s)
        if begin_s <= course.first.began_s:
            length_s = course.stopped_s - course.first.began_s
            return self._rate_error(name, (self._origin, end), length_s, self._until_empty_s)
        length_s = course.stopped_s - begin_s
        return self._rate_error(name, (course.about(begin_s), end), length_s, self._until_empty_s, flowing=True)

    @property
    def _until_empty_s(self) -> float:
        """How far begin and end of the delivery until the alarm may be off together."""
        alarmed = math.isfinite(self._course.empty_s)
        return self._course.first.half_s + (0.5 * ALARM_POLL_S if alarmed else 0.0)

    def _last_begins_s(self) -> float:
        return self._course.stopped_s - self._asked.last_ul / self._asked.rate_ul_per_h * HOUR_S

    def _rate_error(
        self, name: str, levels: tuple[Window, Window], length_s: float, half_s: float, *, flowing: bool = False
    ) -> Measurement:
        """Return what came between two levels against the rate over a time that is known to ± `half_s`."""
        spec, course = self._catalogue[name], self._course
        due_ul = course.rate_ul_per_h * length_s / HOUR_S
        delivered_ul = course.between_ul(*levels)
        if not math.isfinite(delivered_ul) or due_ul <= 0.0:
            return undetermined(name, spec.title, spec.unit, "the balance gave no readings there")
        per_ul = 100.0 / due_ul
        open_ul = course.rate_ul_per_h * half_s / HOUR_S
        lines = [
            *course.budget(delivered_ul, per_ul, *levels, flowing=flowing),
            bounded("instants of begin and end", open_ul, "µL", per_ul, source="commands, and looks for the alarm"),
        ]
        note = f"{delivered_ul * self._per_ul:.4g} U of {due_ul * self._per_ul:.4g} U due"
        return measurement(name, spec.title, delivered_ul * per_ul - 100.0, spec.unit, lines, note=note)

    def delivered_after_empty(self) -> Measurement:
        """Return what still came from the empty alarm on, the line's own rest left out."""
        name, spec, course = "delivered_after_empty", self._catalogue["delivered_after_empty"], self._course
        if not math.isfinite(course.empty_s):
            return undetermined(name, spec.title, spec.unit, "no empty alarm came")
        first, second = course.after(course.empty_s), course.before(course.observed_s)
        if second[0] < first[1]:
            return undetermined(name, spec.title, spec.unit, "the pump was not observed long enough after it")
        came_ul = course.between_ul(first, second)
        lines = course.budget(came_ul, self._per_ul, first, second)
        note = f"from 1 min after the alarm, over {(second[1] - first[0]) / 60.0:.3g} min"
        return measurement(name, spec.title, came_ul * self._per_ul, spec.unit, lines, note=note)

    def after_change(self) -> list[Measurement]:
        """Return volume and time of the prime, and the error of the rate after it."""
        return [*self._prime(), self._changed()]

    def _prime(self) -> list[Measurement]:
        course, names = self._course, ("prime_volume", "prime_time")
        if not math.isfinite(course.prime_s + course.primed_s):
            return [
                undetermined(each, self._catalogue[each].title, self._catalogue[each].unit, "the pump was not primed")
                for each in names
            ]
        first, second = course.before(course.prime_s), course.after(course.primed_s)
        if len(course.deliveries) > 1:
            # Soft parts give back for minutes what a fast prime has pressed into them.
            second = course.before(course.deliveries[1].began_s)
        came_ul, spec = course.between_ul(first, second), self._catalogue[names[0]]
        lines = course.budget(came_ul, self._per_ul, first, second)
        note = f"{self._asked.prime_ul * self._per_ul:.4g} U commanded"
        volume = measurement(names[0], spec.title, came_ul * self._per_ul, spec.unit, lines, note=note)
        spec = self._catalogue[names[1]]
        took_s = course.primed_s - course.prime_s - 0.5 * PRIME_POLL_S
        line = bounded("looked for", 0.5 * PRIME_POLL_S, "s", source=f"every {PRIME_POLL_S:g} s")
        return [volume, measurement(names[1], spec.title, took_s, spec.unit, [line], note="until the pump said so")]

    def _changed(self) -> Measurement:
        course, name = self._course, "error_after_change"
        spec = self._catalogue[name]
        if len(course.deliveries) < 2:
            return undetermined(name, spec.title, spec.unit, "nothing was delivered after the change")
        second = course.deliveries[1]
        length_s = second.ended_s - second.began_s
        levels = course.before(second.began_s), course.after(second.ended_s)
        return self._rate_error(name, levels, length_s, second.half_s)


def _figure(course: Course, asked: Asked, record: TestRecord, ul_per_u: float, words: str) -> Figure:
    """Return what is left by weight and by the pump's own count, with its alarms and where nothing more came."""
    weighing = course.weighing
    began_s = course.first.began_s
    end_s = course.observed_s
    inside = (weighing.time_s >= began_s - 60.0) & (weighing.time_s <= end_s)
    origin_mg = course.level_mg(course.before(began_s))
    mass_mg = weighing.mass_mg[inside] + weighing.loss_mg_per_s * (weighing.time_s[inside] - course.start_s)
    left = (asked.remaining_ul - (mass_mg - origin_mg) * weighing.conversion.ul_per_mg) / ul_per_u
    unit, per_s = ("h", HOUR_S) if end_s - began_s > LONG_S else ("min", 60.0)
    curves = [series("by weight", (weighing.time_s[inside] - began_s) / per_s, left, role="volume", points=4000)]
    time_s, count_u = counted_u(record, ul_per_u, began_s)
    asked_then = (time_s >= began_s - 60.0) & (time_s <= end_s)
    if asked_then.any():
        counted = asked.remaining_ul / ul_per_u - count_u[asked_then]
        curves.append(series("by the pump's count", (time_s[asked_then] - began_s) / per_s, counted, role="counted"))
    marks = [
        Mark(x=(event.time_s - began_s) / per_s, label=_alarm_words(str(event.data["code"])))
        for event in seen(record)
        if began_s < event.time_s <= end_s
    ]
    dry_s = dry_from_s(course)
    if dry_s is not None:
        marks.append(Mark(x=(dry_s - began_s) / per_s, label="nothing more comes"))
    return Figure(
        name="remainder",
        title="What is left in the reservoir",
        x_label=f"time since the first command / {unit}",
        y_label="left / U",
        series=curves,
        marks=marks,
        rules=[Rule(y=0.0, label="empty")],
        caption="What the pump was told that there is, less what came onto the balance (loss made good), and less what"
        f" the pump counted as delivered. Reduced to least and greatest of every stretch.{words}",
    )


def _alarm_words(code: str) -> str:
    return {LOW: f"low warning ({LOW})", EMPTY: f"empty alarm ({EMPTY})"}.get(code, code)
