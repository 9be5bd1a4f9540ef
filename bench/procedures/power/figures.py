"""Figures and the table of a power test."""

from __future__ import annotations

from bench.metrology.decimate import series
from bench.procedures.power.evaluation import PowerReadings
from bench.procedures.shared.course import MINUTE_S, marks_of, mass_over_test, table_of_course
from bench.results.model import Figure, Mark, Table


def figures(seen: PowerReadings, start_s: float, words: str) -> list[Figure]:
    """Return the mass over the whole test with all that happened, and the voltage while it was lowered."""
    mass = mass_over_test(seen.weighing, start_s, _marks(seen, start_s), words)
    return [mass, *_voltage(seen, start_s, words)]


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
