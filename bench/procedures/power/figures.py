"""Figures and the table of a power test."""

from __future__ import annotations

import numpy as np

from bench.metrology.decimate import series
from bench.metrology.noise import Floats
from bench.procedures.power.evaluation import PowerReadings
from bench.procedures.shared.course import MINUTE_S, marks_of, table_of_course
from bench.procedures.shared.pump_count import counted_u
from bench.recording.reader import TestRecord
from bench.results.model import Figure, Mark, Table


def figures(seen: PowerReadings, record: TestRecord, words: str) -> list[Figure]:
    """Return what came beside the pump's own count with all that happened, and the voltage while it was lowered."""
    weighing, start_s = seen.weighing, record.start_s
    curves = [series("weighed", (weighing.time_s - start_s) / MINUTE_S, _weighed_u(seen), role="mass")]
    time_s, count_u = counted_u(record, seen.ul_per_u, start_s)
    if len(time_s):
        minutes = (time_s - start_s) / MINUTE_S
        curves.append(series("counted by the pump", minutes, count_u, role="counted", style="step"))
    volume = Figure(
        name="volume",
        title="Delivered, by weight and by the pump's own count",
        x_label="time since the test began / min",
        y_label="volume / U",
        series=curves,
        marks=_marks(seen, start_s),
        caption="Mass on the balance as volume, loss not made good, reduced to least and greatest of each stretch; the"
        f" pump's count as it was asked for, about once a minute.{words}",
    )
    return [volume, *_voltage(seen, start_s, words)]


def _weighed_u(seen: PowerReadings) -> Floats:
    """Return the mass above that of the first blank, as volume in U."""
    weighing = seen.weighing
    begin_s, end_s = weighing.blanks[0] if weighing.blanks else (0.0, 0.0)
    first = weighing.mass_mg[(weighing.time_s >= begin_s) & (weighing.time_s <= end_s)]
    level_mg = float(np.nanmean(first)) if np.isfinite(first).any() else 0.0
    return np.asarray((weighing.mass_mg - level_mg) * weighing.conversion.ul_per_mg / seen.ul_per_u)


def _marks(seen: PowerReadings, start_s: float) -> list[Mark]:
    facts = seen.facts
    happened = [
        (facts.warning.time_s if facts.warning is not None else None, "low-battery alarm"),
        (facts.off.acknowledged_s if facts.off is not None else None, "power cut"),
        (facts.on.acknowledged_s if facts.on is not None else None, "power returned"),
        (facts.answers_s, "pump answers"),
        (facts.again.acknowledged_s if facts.again is not None else None, "started again"),
        (facts.stopped.acknowledged_s if facts.stopped is not None else None, "stopped"),
    ]
    return marks_of(happened, start_s)


def _voltage(seen: PowerReadings, start_s: float, words: str) -> list[Figure]:
    steps = seen.facts.steps
    if not steps:
        return []
    minutes = [(each.span.acknowledged_s - start_s) / MINUTE_S for each in steps]
    curve = series("supply", minutes, [each.read_v for each in steps], role="event", style="step")
    marks = [mark for mark in _marks(seen, start_s) if mark.label == "low-battery alarm"]
    return [
        Figure(
            name="voltage",
            title="Voltage in place of the battery",
            x_label="time since the test began / min",
            y_label="voltage / V",
            series=[curve],
            marks=marks,
            caption="As the supply measured it." + words,
        )
    ]


def course_table(seen: PowerReadings, start_s: float) -> Table:
    """Return what happened, when, and what the pump said before and after."""
    facts = seen.facts
    rows = []
    for when, count in (("before the cut", facts.before), ("after the return", facts.after)):
        if count is not None:
            rows.append([f"the pump's word {when}", f"{count.delivered_ul / seen.ul_per_u:.4g} U, {count.state}"])
    rows.append(["alarms after the return", ", ".join(facts.told) or "none"])
    return table_of_course(_marks(seen, start_s), rows)
