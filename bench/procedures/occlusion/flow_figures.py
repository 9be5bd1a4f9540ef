"""Figures and the table of a test whose line is never shut."""

from __future__ import annotations

from collections.abc import Mapping

from bench.metrology.decimate import series
from bench.procedures.occlusion.figures import course_of_pressure
from bench.procedures.occlusion.flowing import HOUR_S, Flowing
from bench.procedures.shared.course import MINUTE_S, marks_of, table_of_course
from bench.procedures.shared.shown import limit_rules
from bench.quantities import Limit
from bench.results.model import Figure, Mark, Table

SHOWN_MARKS = 10


def flow_figures(flow: Flowing, start_s: float, words: str, limits: Mapping[str, Limit]) -> list[Figure]:
    """Return the pressure beside the plan's limits of it, and the delivered volume beside what was due."""
    marks = _marks(flow, start_s)
    pressure = course_of_pressure(flow.pressure, flow.zero, start_s, marks, "pump at rest", words)
    name = "line_pressure" if "line_pressure" in limits else "peak_pressure"
    pressure = pressure.model_copy(update={"rules": pressure.rules + limit_rules(limits.get(name), "kPa")})
    return [pressure, _volume_figure(flow, start_s, marks, words)]


def _marks(flow: Flowing, start_s: float) -> list[Mark]:
    happened: list[tuple[float | None, str]] = []
    if flow.stretches:
        happened = [(flow.stretches[0].begun.acknowledged_s, "flow begins"), (flow.stretches[-1].end_s, "flow ends")]
    happened += [(alarm.time_s, "alarm") for alarm in flow.alarms[:SHOWN_MARKS]]
    return marks_of(happened, start_s)


def _volume_figure(flow: Flowing, start_s: float, marks: list[Mark], words: str) -> Figure:
    weighing = flow.weighing
    minutes = (weighing.time_s - start_s) / MINUTE_S
    curves = [series("balance", minutes, weighing.mass_mg, role="mass")]
    due_mg = 0.0
    for number, stretch in enumerate(flow.stretches):
        came_mg = flow.rate_ul_per_h * stretch.duration_s / HOUR_S / weighing.conversion.ul_per_mg
        at = [(stretch.begun.middle_s - start_s) / MINUTE_S, (stretch.end_s - start_s) / MINUTE_S]
        due = [due_mg, due_mg + came_mg]
        curves.append(series("due" if number == 0 else f"due, {number + 1}", at, due, role="nominal"))
        due_mg += came_mg
    return Figure(
        name="mass",
        title="Mass on the balance, beside what was due",
        x_label="time since the test began / min",
        y_label="mass / mg",
        series=curves,
        marks=marks,
        caption="As the balance showed it; due by the rate, from zero on." + words,
    )


def flow_table(flow: Flowing, start_s: float) -> Table:
    """Return what happened, when, and what was commanded."""
    rows = [
        ["flow", f"basal {flow.rate_ul_per_h / flow.ul_per_u:g} U/h for {flow.flowed_s / HOUR_S:.3g} h"],
        ["line", f"narrowed, as declared: {flow.narrowed}" if flow.narrowed else "open"],
    ]
    return table_of_course(_marks(flow, start_s), rows)
