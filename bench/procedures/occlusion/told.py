"""What an occlusion test comes to: its measurements, tables, figures and words, by what was done with the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.occlusion.actuation import Actuation, actuation
from bench.procedures.occlusion.evaluation import arrived_while_shut, measure
from bench.procedures.occlusion.facts import facts
from bench.procedures.occlusion.figures import course_table, figures
from bench.procedures.occlusion.findings import (
    finished,
    missing_findings,
    narrowed_findings,
    occlusion_doubts,
    occlusion_findings,
    occlusion_notes,
    pressure_gaps,
    release_findings,
    softness_findings,
    threshold_findings,
    unfinished,
    zero_doubts,
)
from bench.procedures.occlusion.flow_figures import flow_figures, flow_table
from bench.procedures.occlusion.flowing import flow_findings, flow_notes, flowing, measure_flow
from bench.procedures.occlusion.line_compliance import disagreement
from bench.procedures.occlusion.readings import OcclusionReadings, readings
from bench.procedures.occlusion.repeats import parts, repeats_table, together
from bench.procedures.occlusion.repeats_figures import courses_table, repeats_figures
from bench.procedures.occlusion.settings import MEASURED, Kind, OcclusionSettings
from bench.procedures.shared.latency import link_latency_s
from bench.procedures.shared.shown import limits_of, simulated_words
from bench.procedures.shared.weighing import Weighing
from bench.quantities import Limit
from bench.recording.reader import TestRecord
from bench.results.model import Figure, Measurement, Table


@dataclass
class Told:
    """What an evaluation is made of."""

    measurements: list[Measurement]
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def occlusions(
    settings: OcclusionSettings,
    record: TestRecord,
    weighing: Weighing,
    context: Context,
    catalogue: Mapping[str, MeasurementSpec],
) -> Told:
    """Evaluate a test whose line is shut, once or several times."""
    release_s, words = settings.release_observation.to("s"), simulated_words(record.simulated)
    pressure, late_s = record.series("pressure.pressure_kpa"), link_latency_s(record, "pressure")
    limits = limits_of(record, context)
    seen = [readings(facts(part), weighing, pressure, release_s, context, late_s) for part in parts(record)]
    names = MEASURED[settings.kind]
    each = [measure(one, catalogue, names) for one in seen]
    several = settings.kind is Kind.REPEATED
    whole = [row for row, one in zip(each, seen, strict=True) if finished(one)]
    told = Told(together(whole or each, each, catalogue, names) if several else each[0])
    if several:
        told.tables += [repeats_table(each), courses_table(seen, record.start_s)]
        told.figures += repeats_figures(seen, record.start_s, words)
        told.findings += softness_findings(*_columns(whole, "compliance_released", "time_to_alarm"))
        told.doubts += unfinished(settings, seen)
    else:
        told.tables.append(course_table(seen[0], record.start_s))
        told.figures += figures(seen[0], record.start_s, words, limits)
    for number, (one, measured) in enumerate(zip(seen, each, strict=True), start=1):
        which = f"Occlusion {number}: " if several else ""
        told.findings += [which + finding for finding in _findings(settings, one, measured, limits)]
        told.notes += [which + note for note in _notes(settings, one, measured, actuation(context.rig.occluder))]
        told.doubts += [which + doubt for doubt in occlusion_doubts(one, arrived_while_shut(one))]
    told.doubts += zero_doubts(seen[0].zero.value if seen[0].zero is not None else None)
    return told


def _columns(rows: Sequence[Sequence[Measurement]], *names: str) -> list[list[Measurement]]:
    """Return the measurements by these names, each of all occlusions."""
    return [[one for row in rows for one in row if one.name == name] for name in names]


def _findings(
    settings: OcclusionSettings, seen: OcclusionReadings, measured: list[Measurement], limits: Mapping[str, Limit]
) -> list[str]:
    by_name = {one.name: one for one in measured}
    if settings.kind is not Kind.RELEASED:
        return [*occlusion_findings(seen), *threshold_findings(by_name, limits)]
    never_came = missing_findings(by_name["caught_up_fraction"], by_name["missed_after_release"])
    return [*occlusion_findings(seen), *release_findings(settings, seen), *never_came]


def _notes(
    settings: OcclusionSettings, seen: OcclusionReadings, measured: list[Measurement], declared: Actuation
) -> list[str]:
    by_name = {one.name: one for one in measured}
    notes = occlusion_notes(seen, declared)
    if settings.kind is Kind.RELEASED:
        return notes
    differ = disagreement(by_name["compliance"], by_name["compliance_released"])
    return [*notes, *([differ] if differ else [])]


def open_flow(
    settings: OcclusionSettings,
    record: TestRecord,
    weighing: Weighing,
    context: Context,
    catalogue: Mapping[str, MeasurementSpec],
) -> Told:
    """Evaluate a test whose line is never shut."""
    flow = flowing(record, weighing, context)
    told = Told(measure_flow(flow, catalogue, MEASURED[settings.kind]))
    limits = limits_of(record, context)
    pressed = next((one for one in told.measurements if one.name == "line_pressure"), None)
    told.findings = [*flow_findings(flow), *narrowed_findings(pressed, limits.get("line_pressure"), len(flow.alarms))]
    told.notes = flow_notes(flow)
    told.doubts = zero_doubts(flow.zero.value if flow.zero is not None else None)
    if flow.stretches and len(flow.pressure):
        first_s, last_s = flow.stretches[0].begun.sent_s, flow.stretches[-1].end_s
        told.doubts += pressure_gaps(flow.pressure, first_s, last_s, "while it flowed")
    told.tables = [flow_table(flow, record.start_s)]
    words = simulated_words(record.simulated)
    told.figures = flow_figures(flow, record.start_s, words, limits)
    return told
