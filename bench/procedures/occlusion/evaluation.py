"""From the course of an occlusion test to its measurements, each with its budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from bench.metrology.budget import bounded, component, measurement, scaled, undetermined
from bench.metrology.noise import Window
from bench.procedures.base import MeasurementSpec
from bench.procedures.occlusion import line_pressure
from bench.procedures.occlusion.facts import OcclusionFacts
from bench.procedures.occlusion.line_compliance import (
    Rise,
    measure_compliance,
    measure_released_compliance,
    rise_of,
)
from bench.procedures.occlusion.line_pressure import Overload, Pressure
from bench.procedures.occlusion.readings import AFTER_SHUT_S, LEVEL_S, OcclusionReadings, Volume
from bench.procedures.occlusion.release import caught_up_fraction, missed_after_release
from bench.procedures.shared.weighing import AT_LOADS
from bench.results.model import Component, Measurement

MINUTE_S = 60.0
SHORTEST_LEVEL_S = 5.0
LOAD_STEP_MG = 0.5
"""The balance's error over its load is another one after so much, at the shortest: closer loads share more of it."""
NEVER_SHUT = "the line was never shut: an alarm came before"
NO_ALARM = "no alarm came"


def measure(
    seen: OcclusionReadings, catalogue: Mapping[str, MeasurementSpec], names: Sequence[str]
) -> list[Measurement]:
    """Return those of the measurements by these names that one occlusion has, in their order."""
    makers: dict[str, Callable[[OcclusionReadings, MeasurementSpec], Measurement]] = {
        "time_to_alarm": _time_to_alarm,
        "pressure_at_alarm": _pressure_at_alarm,
        "peak_pressure": _peak_pressure,
        "missed_volume": _missed_volume,
        "stored_bolus": _stored_bolus,
        "compliance": lambda seen, spec: measure_compliance(seen, pushed_rise(seen), spec),
        "compliance_released": lambda seen, spec: measure_released_compliance(seen, seen.stored(), spec),
        "false_alarms": _false_alarms,
        "occlusion_alarms": _occlusion_alarms,
        "caught_up_fraction": caught_up_fraction,
        "missed_after_release": missed_after_release,
    }
    return [makers[name](seen, catalogue[name]) for name in names if name in makers]


def pushed_rise(seen: OcclusionReadings) -> Rise | str:
    """Return the pressure's rise against what was pushed into the line; a word why where there is none."""
    arrived = _arrived(seen)
    return "the balance's readings have a gap" if arrived is None else rise_of(seen, arrived.volume_ul)


def _time_to_alarm(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    facts, name = seen.facts, "time_to_alarm"
    if facts.origin is None:
        return undetermined(name, spec.title, spec.unit, NEVER_SHUT)
    lines = seen.begin_lines(-1.0 / MINUTE_S)
    if facts.alarm is not None:
        alarm = facts.alarm
        lines += [scaled(line, 1.0 / MINUTE_S) for line in alarm.budget]
        minutes = (alarm.time_s - seen.begin_s) / MINUTE_S
        return measurement(name, spec.title, minutes, spec.unit, lines, note=f"dated {alarm.source}")
    if facts.waited_s is None or facts.ended_s is None:
        return undetermined(name, spec.title, spec.unit, "the wait for the alarm ended early")
    note = f"no occlusion alarm within {facts.waited_s / MINUTE_S:.1f} min"
    waited = (facts.ended_s - seen.begin_s) / MINUTE_S
    return measurement(name, spec.title, waited, spec.unit, lines, censored="above", note=note)


def _pressure_at_alarm(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    facts, name = seen.facts, "pressure_at_alarm"
    if facts.alarm is None:
        why = NEVER_SHUT if facts.origin is None else NO_ALARM
        return undetermined(name, spec.title, spec.unit, why)
    known_s = math.hypot(2.0 * facts.alarm.standard_uncertainty_s, seen.pressure_late_s)
    if line_pressure.beyond_at(seen.pressure, facts.alarm.time_s, known_s):
        return undetermined(name, spec.title, spec.unit, "the pressure was beyond the sensor's range then")
    return _pressure(seen, name, spec, _at_alarm(seen), "when the alarm was raised")


def _at_alarm(seen: OcclusionReadings) -> Pressure | None:
    alarm = seen.facts.alarm
    if alarm is None or seen.zero is None:
        return None
    known_s = math.hypot(2.0 * alarm.standard_uncertainty_s, seen.pressure_late_s)
    return line_pressure.at(seen.pressure, seen.zero, alarm.time_s, known_s)


def _peak_pressure(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    facts, name = seen.facts, "peak_pressure"
    if facts.origin is None:
        return undetermined(name, spec.title, spec.unit, NEVER_SHUT)
    end_s = facts.opened.sent_s if facts.opened is not None else float("inf")
    found = None
    if seen.zero is not None:
        found = line_pressure.peak(seen.pressure, seen.zero, facts.origin.sent_s, end_s)
    then = _at_alarm(seen)
    if found is not None and then is not None:
        found = line_pressure.no_less(found, then)
    peak = _pressure(seen, name, spec, found, "noise makes a peak greater")
    beyond = line_pressure.overload(seen.pressure, facts.origin.sent_s, end_s)
    if beyond is None or peak.value is None:
        return peak
    note = f"greater than the greatest that was read: {_in_words(beyond, facts.origin.sent_s)}"
    return peak.model_copy(update={"censored": "above", "note": note})


def _in_words(beyond: Overload, shut_s: float) -> str:
    readings = "one reading was" if beyond.number == 1 else f"{beyond.number} readings were"
    return f"{readings} beyond the sensor's range, from {(beyond.since_s - shut_s) / MINUTE_S:.1f} min on"


def _pressure(
    seen: OcclusionReadings, name: str, spec: MeasurementSpec, found: Pressure | None, spread: str
) -> Measurement:
    if found is None or seen.zero is None:
        return undetermined(name, spec.title, spec.unit, "the pressure was not recorded then")
    lines = [
        component("calibration", seen.pressure_uncertainty_kpa, "kPa", source=seen.certificate),
        component("zero", seen.zero.standard_uncertainty, "kPa", -1.0, source="the blanks", estimate=seen.zero.value),
        component("noise", found.noise, "kPa", source="the blanks"),
        bounded(
            spread,
            found.spread,
            "kPa",
            -1.0 if found.excess else 1.0,
            source="the curve within that time" if "alarm" in spread else "half of what is made good for it",
            estimate=found.excess,
        ),
    ]
    return measurement(name, spec.title, found.value, spec.unit, lines)


def _missed_volume(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    facts, name = seen.facts, "missed_volume"
    if facts.origin is None or facts.closed is None:
        return undetermined(name, spec.title, spec.unit, NEVER_SHUT)
    if facts.ended_s is None:
        return undetermined(name, spec.title, spec.unit, "the wait for the alarm ended early")
    arrived = _arrived(seen)
    if arrived is None:
        return undetermined(name, spec.title, spec.unit, "the balance's readings have a gap")
    duration_s = facts.ended_s - seen.begin_s
    per_s = facts.flow.due_per_s(duration_s) / seen.ul_per_u
    lines = [
        *(scaled(line, -1.0) for line in _between_loads(arrived, seen.weighing.conversion.ul_per_mg)),
        *seen.begin_lines(-per_s),
    ]
    if facts.flow.bolus_open_s and duration_s < facts.flow.bolus_open_s:
        per_open_s = -facts.flow.due_ul(duration_s) / facts.flow.bolus_open_s / seen.ul_per_u
        source = "between two questions to the pump"
        half_s = facts.flow.open_half_width_s
        through, open_s = "time of the bolus through the open line", facts.flow.bolus_open_s
        lines.append(bounded(through, half_s, "s", per_open_s, source=source, estimate=open_s))
    if facts.alarm is not None:
        lines += [scaled(line, per_s) for line in facts.alarm.budget]
    elif facts.released:
        lines += seen.opening_lines(per_s)
    missed_u = (facts.flow.due_ul(duration_s) - arrived.volume_ul) / seen.ul_per_u
    if facts.released:
        return measurement(name, spec.title, missed_u, spec.unit, lines, note="due by the opening, less what arrived")
    if facts.alarm is None:
        return measurement(name, spec.title, missed_u, spec.unit, lines, censored="above", note=NO_ALARM)
    return measurement(name, spec.title, missed_u, spec.unit, lines, note="due by the alarm, less what arrived")


def arrived_while_shut(seen: OcclusionReadings) -> float | None:
    """Return what came through the shut line until the wait ended, in µL; None where that cannot be told."""
    arrived = _arrived(seen)
    return None if arrived is None else arrived.volume_ul


def _arrived(seen: OcclusionReadings) -> Volume | None:
    """Return what came through the shut line until the wait ended."""
    before = seen.before_flow()
    if before is None or seen.facts.ended_s is None:
        return None
    return seen.between(before, _after_wait(seen.facts, seen.facts.ended_s))


def _after_wait(facts: OcclusionFacts, ended_s: float) -> Window:
    """Return where the level of the shut line is weighed after the wait: never beyond its opening.

    Nothing but a leak moves it, so that a line which is opened at once is weighed from a little before the alarm.
    """
    if facts.released and facts.opened is not None:
        return (facts.opened.sent_s - LEVEL_S, facts.opened.sent_s)
    start_s = ended_s + AFTER_SHUT_S
    end_s = start_s + LEVEL_S
    if facts.opened is not None:
        end_s = min(end_s, facts.opened.sent_s)
    return (min(start_s, end_s - SHORTEST_LEVEL_S), end_s)


def _between_loads(arrived: Volume, ul_per_mg: float) -> list[Component]:
    """Return a volume's budget: two loads close together have nearly the same error of the balance, which cancels."""
    apart = min(1.0, abs(arrived.volume_ul) / ul_per_mg / LOAD_STEP_MG)
    return [scaled(line, apart) if line.name in AT_LOADS else line for line in arrived.budget]


def _stored_bolus(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "stored_bolus", seen.facts
    if facts.origin is None or facts.opened is None:
        return undetermined(name, spec.title, spec.unit, NEVER_SHUT)
    stored = seen.stored()
    if stored is None:
        return undetermined(name, spec.title, spec.unit, "the balance's readings have a gap")
    note = ""
    if stored.tail_ul > 0.01 * abs(stored.volume_ul):
        note = f"{stored.tail_ul / seen.ul_per_u:.2g} U of it were still to come at the end of the observation"
    return measurement(name, spec.title, stored.volume_ul / seen.ul_per_u, spec.unit, stored.budget, note=note)


def _false_alarms(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    return measurement("false_alarms", spec.title, float(seen.facts.false_alarms), spec.unit, [])


def _occlusion_alarms(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    facts = seen.facts
    if facts.origin is None:
        return undetermined("occlusion_alarms", spec.title, spec.unit, NEVER_SHUT)
    number = float(facts.later_alarms + (facts.alarm is not None))
    return measurement("occlusion_alarms", spec.title, number, spec.unit, [])
