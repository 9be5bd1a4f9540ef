"""Flow through a line that is never shut: false alarms, or what an alarm makes of a line that the lab has narrowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component, measurement, scaled, undetermined
from bench.metrology.noise import Floats
from bench.metrology.poisson import upper_limit
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.occlusion import line_pressure
from bench.procedures.occlusion.facts import NARROWED, SETTLED
from bench.procedures.occlusion.line_pressure import Zero
from bench.procedures.occlusion.readings import LEVEL_S, volume_between
from bench.procedures.shared.alarms import OCCLUSION, seen
from bench.procedures.shared.pump_clock import Instant, alarm_instant
from bench.procedures.shared.span import Span, span_of
from bench.procedures.shared.stated import nothing_stated
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import Series, TestRecord
from bench.results.model import Measurement

CONFIDENCE = 0.95
HOUR_S, MINUTE_S = 3600.0, 60.0
FEWEST_READINGS = 20
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Stretch:
    """Flow from a command until the stop, or until the alarm that ended it."""

    begun: Span
    stopped: Span
    alarm: Instant | None

    @property
    def end_s(self) -> float:
        """When the flow ended."""
        return self.alarm.time_s if self.alarm is not None else self.stopped.middle_s

    @property
    def duration_s(self) -> float:
        """How long it flowed."""
        return self.end_s - self.begun.middle_s


@dataclass(frozen=True, slots=True)
class Flowing:
    """Everything that a test without a shut line is made of; `narrowed` tells what the lab has done to the line.

    `increment_ul` is the pump's basal pulse, NaN where it has none or nobody knows.
    """

    stretches: tuple[Stretch, ...]
    rate_ul_per_h: float
    settled_s: float | None
    weighing: Weighing
    pressure: Series
    zero: Zero | None
    pressure_uncertainty_kpa: float
    certificate: str
    ul_per_u: float
    narrowed: str
    increment_ul: float

    @property
    def alarms(self) -> list[Instant]:
        """The occlusion alarms."""
        return [stretch.alarm for stretch in self.stretches if stretch.alarm is not None]

    @property
    def flowed_s(self) -> float:
        """How long it flowed altogether."""
        return math.fsum(stretch.duration_s for stretch in self.stretches)


def flowing(record: TestRecord, weighing: Weighing, context: Context) -> Flowing:
    """Read the course of a test without a shut line."""
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    alarms = [alarm_instant(record, event) for event in seen(record, OCCLUSION)]
    stretches = []
    for command, stop in zip(commands, stops, strict=False):
        begun, stopped = span_of(command), span_of(stop)
        mine = [alarm for alarm in alarms if begun.sent_s <= alarm.time_s <= stopped.acknowledged_s]
        stretches.append(Stretch(begun, stopped, mine[0] if mine else None))
    pressure = record.series("pressure.pressure_kpa")
    spec = context.rig.pressure
    calibration = spec.calibration if spec is not None else None
    narrowed = record.events(NARROWED)
    increment, pulsed = context.plan.pump.basal_increment, context.plan.pump.delivery == "pulsed"
    return Flowing(
        stretches=tuple(stretches),
        rate_ul_per_h=float(commands[0].data["rate_ul_per_h"]) if commands else math.nan,
        settled_s=next((event.time_s for event in record.events(SETTLED)), None),
        weighing=weighing,
        pressure=pressure,
        # A narrowed line may still hold pressure after the flow.
        zero=line_pressure.zero(pressure, list(weighing.blanks[: 1 if narrowed else None])),
        pressure_uncertainty_kpa=calibration.expanded_uncertainty.to("kPa") / calibration.k if calibration else 0.0,
        certificate=f"certificate {calibration.certificate}" if calibration else "no certificate in the rig file",
        ul_per_u=context.concentration.ul_per_u,
        narrowed=str(narrowed[0].data["how"]) if narrowed else "",
        increment_ul=increment.to("µL", context.concentration) if increment is not None and pulsed else math.nan,
    )


def measure_flow(flow: Flowing, catalogue: Mapping[str, MeasurementSpec], names: Sequence[str]) -> list[Measurement]:
    """Return the measurements by these names, in their order."""
    makers: dict[str, Callable[[Flowing, MeasurementSpec], Measurement]] = {
        "time_to_alarm": _time_to_alarm,
        "peak_pressure": _peak_pressure,
        "line_pressure": _line_pressure,
        "flow_error": _flow_error,
        "occlusion_alarms": lambda flow, spec: _count("occlusion_alarms", flow, spec),
        "false_alarms": lambda flow, spec: _count("false_alarms", flow, spec),
        "false_alarm_rate": _false_alarm_rate,
    }
    if not flow.stretches:
        why = "nothing flowed"
        return nothing_stated(catalogue, why, names)
    return [makers[name](flow, catalogue[name]) for name in names]


def _count(name: str, flow: Flowing, spec: MeasurementSpec) -> Measurement:
    note = f"in {flow.flowed_s / HOUR_S:.3g} h"
    return measurement(name, spec.title, float(len(flow.alarms)), spec.unit, [], note=note)


def _false_alarm_rate(flow: Flowing, spec: MeasurementSpec) -> Measurement:
    hours, number = flow.flowed_s / HOUR_S, len(flow.alarms)
    most = upper_limit(number, hours, CONFIDENCE)
    note = f"upper limit of a rate with {100.0 * CONFIDENCE:g} % confidence (Poisson): {number} in {hours:.3g} h"
    return measurement("false_alarm_rate", spec.title, most, spec.unit, [], censored="below", note=note)


def _time_to_alarm(flow: Flowing, spec: MeasurementSpec) -> Measurement:
    name, first = "time_to_alarm", flow.stretches[0]
    source = "from the command to the pump's answer"
    minutes = first.duration_s / MINUTE_S
    line = bounded("when the flow began", first.begun.half_width_s, "s", -1.0 / MINUTE_S, source=source)
    if first.alarm is None:
        note = f"no occlusion alarm within {minutes:.1f} min of flow through the narrowed line"
        return measurement(name, spec.title, minutes, spec.unit, [line], censored="above", note=note)
    lines = [line, *(scaled(each, 1.0 / MINUTE_S) for each in first.alarm.budget)]
    note = f"since the flow began, dated {first.alarm.source}"
    return measurement(name, spec.title, minutes, spec.unit, lines, note=note)


def _peak_pressure(flow: Flowing, spec: MeasurementSpec) -> Measurement:
    name, begin_s, end_s = "peak_pressure", flow.stretches[0].begun.sent_s, flow.stretches[-1].end_s
    if flow.zero is None or (found := line_pressure.peak(flow.pressure, flow.zero, begin_s, end_s)) is None:
        return undetermined(name, spec.title, spec.unit, "the pressure was not recorded then")
    beyond = line_pressure.overload(flow.pressure, begin_s, end_s)
    lines = [
        component("calibration", flow.pressure_uncertainty_kpa, "kPa", source=flow.certificate),
        component("zero", flow.zero.standard_uncertainty, "kPa", -1.0, source="the blanks", estimate=flow.zero.value),
        component("noise", found.noise, "kPa", source="the blanks"),
        bounded("noise makes a peak greater", found.spread, "kPa", -1.0, source="half of what is made good for it"),
    ]
    peak = measurement(name, spec.title, found.value, spec.unit, lines, note="greatest mean over a second")
    if beyond is None:
        return peak
    note = f"greater than the greatest that was read: {beyond.number} readings were beyond the sensor's range"
    return peak.model_copy(update={"censored": "above", "note": note})


def _line_pressure(flow: Flowing, spec: MeasurementSpec) -> Measurement:
    """Return the median: a mean of readings in step with the pulses may have each of their peaks in it, or none."""
    name = "line_pressure"
    readings = _while_flowing(flow)
    if flow.zero is None or len(readings) < FEWEST_READINGS:
        return undetermined(name, spec.title, spec.unit, "the pressure was hardly recorded while it flowed")
    aside = _share_of_a_cycle(flow)
    low, median, high = (float(each) for each in np.quantile(readings, (0.5 - aside, 0.5, 0.5 + aside)))
    source = f"{100.0 * aside:.2g} % of the readings to either side of the middle"
    lines = [
        component("calibration", flow.pressure_uncertainty_kpa, "kPa", source=flow.certificate),
        component("zero", flow.zero.standard_uncertainty, "kPa", -1.0, source="the blanks", estimate=flow.zero.value),
        bounded("when between two pulses it is read", 0.5 * (high - low), "kPa", source=source),
    ]
    return measurement(name, spec.title, median - flow.zero.value, spec.unit, lines, note=f"{len(readings)} readings")


def _share_of_a_cycle(flow: Flowing) -> float:
    """Return half of the share of a dose cycle that lies between two readings; little where it flows evenly."""
    usual_s = float(np.median(np.diff(flow.pressure.time_s)))
    cycle_s = HOUR_S * flow.increment_ul / flow.rate_ul_per_h
    return min(0.25, max(LEAST_SHARE, 0.5 * usual_s / cycle_s)) if math.isfinite(cycle_s) else LEAST_SHARE


def _while_flowing(flow: Flowing) -> Floats:
    found = []
    for stretch in flow.stretches:
        inside = slice(*np.searchsorted(flow.pressure.time_s, (stretch.begun.sent_s, stretch.end_s)))
        values = flow.pressure.value[inside]
        found.append(values[np.isfinite(values)])
    return np.concatenate(found) if found else np.empty(0)


def _flow_error(flow: Flowing, spec: MeasurementSpec) -> Measurement:
    name, begin_s = "flow_error", flow.stretches[0].begun.sent_s
    if flow.settled_s is None:
        return undetermined(name, spec.title, spec.unit, "the test ended before the line had settled")
    before, after = (begin_s - LEVEL_S, begin_s), (flow.settled_s - LEVEL_S, flow.settled_s)
    arrived = volume_between(flow.weighing, before, after, flow.ul_per_u)
    due_ul = flow.rate_ul_per_h * flow.flowed_s / HOUR_S
    if arrived is None or due_ul <= 0.0:
        return undetermined(name, spec.title, spec.unit, "the balance's readings have a gap")
    share = arrived.volume_ul / due_ul
    per_s = -100.0 * share / flow.flowed_s
    lines = [scaled(line, 100.0 * flow.ul_per_u / due_ul) for line in arrived.budget]
    source = "from the command to the pump's answer"
    for stretch in flow.stretches:
        ended = [scaled(line, per_s) for line in stretch.alarm.budget] if stretch.alarm is not None else []
        half_s = stretch.begun.half_width_s + (0.0 if ended else stretch.stopped.half_width_s)
        lines += [bounded("begin and end of the flow", half_s, "s", per_s, source=source), *ended]
    note = f"{arrived.volume_u:.4g} U came of {due_ul / flow.ul_per_u:.4g} U in {flow.flowed_s / HOUR_S:.3g} h"
    return measurement(name, spec.title, 100.0 * (share - 1.0), spec.unit, lines, note=note)


def flow_notes(flow: Flowing) -> list[str]:
    """Return what a reader must know of a line that was never shut."""
    return [f"The line was narrowed by the lab, as declared: {flow.narrowed}."] if flow.narrowed else []


def flow_findings(flow: Flowing) -> list[str]:
    """Return the alarms that came while nothing was shut."""
    notes = []
    if flow.alarms and not flow.narrowed:
        often = "once" if len(flow.alarms) == 1 else f"{len(flow.alarms)} times"
        after_min = (flow.alarms[0].time_s - flow.stretches[0].begun.middle_s) / MINUTE_S
        notes.append(
            f"The pump raised an occlusion alarm {often} while the line was open, first after {after_min:.1f} min;"
            " each was acknowledged and the flow started again."
        )
    elif flow.alarms:
        notes.append(f"An occlusion alarm came after {flow.stretches[0].duration_s / MINUTE_S:.1f} min of flow.")
    return notes
