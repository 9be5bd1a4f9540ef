"""Several occlusions in one test: each by itself, their mean, the longest, and what changed from first to last."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from bench.metrology.budget import component, measurement, scaled, undetermined
from bench.procedures.base import MeasurementSpec
from bench.procedures.occlusion.facts import OCCLUSION_BEGUN
from bench.procedures.shared.weighing import AT_LOADS, OF_LEVELS
from bench.recording.reader import TestRecord
from bench.results.model import Component, Measurement, Table

OF_ITS_OWN = OF_LEVELS | {
    "noise",
    "noise of the pressure",
    "when the alarm was raised",
    "noise makes a peak greater",
    "when the occluder was switched",
    "when the bolus began",
    "reading of the pump's clock",
    "resolution of the pump's clock",
    "when the alarm was raised before it was read",
    "scatter of doses and of pressure",
    "tail after the observation",
}
"""Budget lines that each occlusion has of its own; everything else is the same error in all of them."""
OTHER_LOADS_APART = "mg"
"""Unit of the balance's error over its load, which is another one for each occlusion, since the vessel has filled."""
SHOWN = ("time_to_alarm", "pressure_at_alarm", "peak_pressure", "missed_volume", "stored_bolus", "compliance_released")


def parts(record: TestRecord) -> list[TestRecord]:
    """Return the record of each occlusion; the whole test where it has but one."""
    begun = [event.time_s for event in record.events(OCCLUSION_BEGUN)]
    if not begun:
        return [record]
    return [record.part(start_s, end_s) for start_s, end_s in zip(begun, [*begun[1:], record.end_s + 1.0], strict=True)]


def together(
    each: Sequence[Sequence[Measurement]],
    begun: Sequence[Sequence[Measurement]],
    catalogue: Mapping[str, MeasurementSpec],
    names: Sequence[str],
) -> list[Measurement]:
    """Return the measurements of several occlusions together: means, the greatest, and the change.

    Args:
        each: the measurements of every occlusion that was driven to its end.
        begun: those of the others, too: a false alarm that ended the test counts.
        catalogue: titles and units.
        names: what to return, in this order.

    """
    by_name = {one.name: [row[place] for row in each] for place, one in enumerate(each[0])}
    makers: dict[str, Callable[[MeasurementSpec], Measurement]] = {
        "longest_time_to_alarm": lambda spec: _renamed(
            _greatest(by_name["time_to_alarm"]), spec, "longest_time_to_alarm"
        ),
        "peak_pressure": lambda _: _greatest(by_name["peak_pressure"]),
        "false_alarms": lambda spec: measurement(
            "false_alarms", spec.title, sum(_false_alarms(row) for row in begun), spec.unit, []
        ),
        "compliance_change": lambda spec: _change(by_name["compliance_released"], spec),
    }
    return [makers[name](catalogue[name]) if name in makers else _mean(by_name[name]) for name in names]


def _false_alarms(row: Sequence[Measurement]) -> float:
    return next((one.value or 0.0 for one in row if one.name == "false_alarms"), 0.0)


def _renamed(one: Measurement, spec: MeasurementSpec, name: str) -> Measurement:
    return one.model_copy(update={"name": name, "title": spec.title})


def _greatest(of: Sequence[Measurement]) -> Measurement:
    """Return the greatest; of two as great, the one that is only a bound."""
    unknown = next((one for one in of if one.value is None), None)
    if unknown is not None:
        return unknown
    number, most = max(enumerate(of, start=1), key=lambda each: (each[1].value or 0.0, each[1].censored == "above"))
    note = f"{_th(number)} of {len(of)}" + (f"; {most.note}" if most.note else "")
    bound = "above" if any(one.censored == "above" for one in of) else most.censored
    return most.model_copy(update={"note": note, "censored": bound})


def _mean(of: Sequence[Measurement]) -> Measurement:
    """Return the mean: errors that all have in common stay, those that each has of its own average out."""
    first = of[0]
    unknown = next((one for one in of if one.value is None), None)
    if unknown is not None:
        return unknown
    values = [one.value for one in of if one.value is not None]
    told = ", ".join(f"{value:.4g}" for value in values)
    silent = sum(one.censored == "above" for one in of)
    note = f"mean of {len(of)}: {told}" + (f"; {silent} of them only a bound" if silent else "")
    return measurement(
        first.name,
        first.title,
        math.fsum(values) / len(values),
        first.unit,
        _mean_lines([one.budget for one in of]),
        censored="above" if silent else None,
        note=note,
    )


def _mean_lines(budgets: Sequence[Sequence[Component]]) -> list[Component]:
    names = list(dict.fromkeys(line.name for budget in budgets for line in budget))
    merged = []
    for name in names:
        lines = [line for budget in budgets for line in budget if line.name == name]
        own = _own(lines[0])
        contributions = [line.contribution for line in lines]
        total = math.hypot(*contributions) if own else math.fsum(contributions)
        merged.append(_as_large(lines, total / len(budgets)))
    return merged


def _own(line: Component) -> bool:
    return line.name in OF_ITS_OWN or (line.name in AT_LOADS and line.unit == OTHER_LOADS_APART)


def _as_large(lines: Sequence[Component], contribution: float) -> Component:
    """Return the line among several of one name that counts most, as one with another contribution."""
    largest = max(lines, key=lambda line: line.contribution)
    if largest.contribution <= 0.0:
        return largest
    return scaled(largest, contribution / largest.contribution)


def _change(of: Sequence[Measurement], spec: MeasurementSpec) -> Measurement:
    """Return by how much the line became softer (+) or stiffer from the first occlusion to the last."""
    name, first, last = "compliance_change", of[0], of[-1]
    if len(of) < 2 or first.value is None or last.value is None or first.value <= 0.0:
        return undetermined(name, spec.title, spec.unit, "needs the compliance of the first and of the last occlusion")
    value = 100.0 * (last.value / first.value - 1.0)
    lines = []
    for one, which in ((first, "first"), (last, "last")):
        own = math.hypot(*(line.contribution for line in one.budget if _own(line)))
        per_own = 100.0 * last.value / first.value / (one.value or 1.0)
        lines.append(component(f"levels and noise, {which}", own, one.unit, per_own, source="its own budget"))
    note = f"{first.value:.3g} µL/kPa at first, {last.value:.3g} µL/kPa at last; what both have in common cancels"
    return measurement(name, spec.title, value, spec.unit, lines, note=note)


def _th(number: int) -> str:
    return {1: "the first", 2: "the second", 3: "the third"}.get(number, f"the {number}th")


def repeats_table(each: Sequence[Sequence[Measurement]]) -> Table:
    """Return every occlusion by itself, a row each."""
    shown = [one for one in each[0] if one.name in SHOWN]
    rows = []
    for number, row in enumerate(each, start=1):
        by_name = {one.name: one for one in row}
        rows.append([str(number), *(_cell(by_name[one.name]) for one in shown)])
    columns = ["occlusion", *(f"{one.title} / {one.unit}" for one in shown)]
    return Table(name="occlusions", title="Occlusions one by one", columns=columns, rows=rows)


def _cell(one: Measurement) -> str:
    if one.value is None:
        return f"– ({one.note})"
    bound = "> " if one.censored == "above" else ""
    return f"{bound}{one.value:.4g} ± {one.expanded_uncertainty or 0.0:.2g}"
