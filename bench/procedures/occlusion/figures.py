"""Figures and the table of an occlusion test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.metrology.decimate import series
from bench.metrology.rounding import number
from bench.procedures.occlusion.evaluation import pushed_rise
from bench.procedures.occlusion.facts import Flow
from bench.procedures.occlusion.line_compliance import compliance_figure
from bench.procedures.occlusion.line_pressure import Zero, overload
from bench.procedures.occlusion.readings import LEVEL_S, OcclusionReadings
from bench.procedures.shared.course import MINUTE_S, marks_of, mass_over_test, table_of_course
from bench.procedures.shared.shown import limit_rules
from bench.quantities import Limit
from bench.recording.reader import Series
from bench.results.model import Figure, Mark, Rule, Table

AROUND_S = 300.0


def figures(seen: OcclusionReadings, start_s: float, words: str, limits: Mapping[str, Limit]) -> list[Figure]:
    """Return pressure against time with every event, and mass around the shutting, the alarm and the opening.

    The plan's `limits` of the alarm stand in the first.
    """
    made = []
    if len(seen.pressure):
        pressure = pressure_figure(seen, start_s, words)
        marks, rules = _of_limits(seen, start_s, limits)
        made.append(pressure.model_copy(update={"marks": pressure.marks + marks, "rules": pressure.rules + rules}))
    made.append(mass_figure(seen, start_s, words))
    if seen.facts.opened is not None:
        made.append(_release_figure(seen, words))
    rise = pushed_rise(seen)
    if not isinstance(rise, str):
        made.append(compliance_figure(rise, words))
    return made


def _of_limits(seen: OcclusionReadings, start_s: float, limits: Mapping[str, Limit]) -> tuple[list[Mark], list[Rule]]:
    """Return until when the alarm should have come, and at which pressure; and where the sensor was out of range."""
    marks, facts = [], seen.facts
    latest = limits["time_to_alarm"].to("min")[1] if "time_to_alarm" in limits else None
    if latest is not None and facts.origin is not None:
        at = (seen.begin_s - start_s) / MINUTE_S + latest
        marks.append(Mark(x=at, label=f"limit: alarm within {number(latest)} min"))
    ends_s = facts.opened.sent_s if facts.opened is not None else facts.ended_s
    if facts.origin is not None and ends_s is not None:
        beyond = overload(seen.pressure, facts.origin.sent_s, ends_s)
        if beyond is not None:
            marks.append(Mark(x=(beyond.since_s - start_s) / MINUTE_S, label="beyond the sensor's range"))
    name = "pressure_at_alarm" if "pressure_at_alarm" in limits else "peak_pressure"
    return marks, limit_rules(limits.get(name), "kPa")


def course_marks(seen: OcclusionReadings, zero_s: float) -> list[Mark]:
    """Return what happened, as marks in minutes since `zero_s`."""
    facts = seen.facts
    happened = [
        (facts.closed.acknowledged_s if facts.closed else None, "line shut"),
        (facts.origin.acknowledged_s if facts.origin and facts.origin != facts.closed else None, "bolus commanded"),
        (facts.alarm.time_s if facts.alarm else None, "alarm"),
        (facts.ended_s if facts.waited_s is not None else None, "no alarm: given up"),
        (facts.opened.acknowledged_s if facts.opened else None, "line opened"),
    ]
    return marks_of(happened, zero_s)


def pressure_figure(seen: OcclusionReadings, start_s: float, words: str) -> Figure:
    """Return the pressure over the whole test."""
    return course_of_pressure(seen.pressure, seen.zero, start_s, course_marks(seen, start_s), "open line", words)


def course_of_pressure(
    pressure: Series, zero: Zero | None, start_s: float, marks: list[Mark], at_zero: str, words: str
) -> Figure:
    """Return the pressure above the zero of the blanks, which is that of `at_zero`, over the whole test."""
    zero_kpa = zero.value if zero is not None else 0.0
    return Figure(
        name="pressure",
        title="Pressure in the line",
        x_label="time since the test began / min",
        y_label="pressure / kPa",
        series=[series("line", (pressure.time_s - start_s) / MINUTE_S, pressure.value - zero_kpa, role="pressure")],
        marks=marks,
        rules=[Rule(y=0.0, label=at_zero)],
        caption="Above the zero of the blanks; reduced to least and greatest of each stretch." + words,
    )


def mass_figure(seen: OcclusionReadings, start_s: float, words: str) -> Figure:
    """Return the mass over the whole test."""
    return mass_over_test(seen.weighing, start_s, course_marks(seen, start_s), words)


def _release_figure(seen: OcclusionReadings, words: str) -> Figure:
    opened = seen.facts.opened
    if opened is None:
        raise ValueError("the line was never opened")
    weighing = seen.weighing
    shown = (weighing.time_s >= opened.sent_s - LEVEL_S - 40.0) & (weighing.time_s <= opened.sent_s + AROUND_S)
    base = (weighing.time_s >= opened.sent_s - LEVEL_S) & (weighing.time_s <= opened.sent_s)
    level_mg = float(np.nanmean(weighing.mass_mg[base])) if base.any() else 0.0
    curve = series("balance", weighing.time_s[shown] - opened.sent_s, weighing.mass_mg[shown] - level_mg, role="mass")
    return Figure(
        name="release",
        title="What the line gave back when it was opened",
        x_label="time since the opening / s",
        y_label="mass gained / mg",
        series=[curve],
        marks=[Mark(x=0.0, label="line opened")],
        caption="Mass above the level before the opening." + words,
    )


def course_table(seen: OcclusionReadings, start_s: float) -> Table:
    """Return what happened, when, and what the pump said of itself."""
    rows = []
    facts = seen.facts
    if facts.alarm is not None:
        rows.append(["the alarm's time is taken", facts.alarm.source])
    if facts.state_after:
        rows.append(["what was told of the pump after the wait", facts.state_after])
    rows.append(["flow", _flow_in_words(facts.flow, seen.ul_per_u)])
    return table_of_course(course_marks(seen, start_s), rows)


def _flow_in_words(flow: Flow, ul_per_u: float) -> str:
    if flow.rate_ul_per_h is not None:
        return f"basal {flow.rate_ul_per_h / ul_per_u:g} U/h"
    if flow.bolus_ul is None:
        return "none"
    through = f", {flow.bolus_open_s:.0f} s through the open line" if flow.bolus_open_s else ""
    return f"bolus {flow.bolus_ul / ul_per_u:g} U{through}"
