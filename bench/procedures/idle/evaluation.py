"""From the readings of a pump at rest to measurements, and to the words for what they mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.metrology.budget import component, effective_degrees_of_freedom, expanded, measurement, undetermined
from bench.metrology.noise import Window
from bench.metrology.rounding import number
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.idle.figures import idle_figures, idle_tables
from bench.procedures.idle.planning import NOT_DECLARED
from bench.procedures.idle.watch import CONFIDENCE, Watched, watched
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.corrections import corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.pump_count import COUNTED
from bench.procedures.shared.shown import limits_of, simulated_words
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.weighing import declared_loss, weigh_record
from bench.quantities import Quantity
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Measurement

_DELIVERING = frozenset({"basal", "bolus", "priming"})
_SHORT_SHARE = 0.01
_EXPANSION_PER_K = 0.3e-3
"""How much of its volume a liquid loses or gains in its reservoir, about: water by 0.24e-3 at 23 °C, plastics less."""
_USUAL_RESERVOIR_UL = 3000.0


def evaluate_idle(
    state: str,
    duration: Quantity,
    head_height: str,
    record: TestRecord,
    context: Context,
    catalogue: Mapping[str, MeasurementSpec],
) -> Evaluation:
    """Return everything that the readings tell of a pump at rest."""
    span = watch_of(record)
    weighing = weigh_record(record, context, at_rest=span or (record.start_s, record.end_s))
    notes, doubts = recording_findings(record, weighing, context)
    alarm_notes, alarm_doubts = alarm_findings(record)
    doubts = [*alarm_doubts, *_of_drive(record, span, duration), *doubts]
    notes = [*alarm_notes, *notes]
    increment = context.plan.pump.basal_increment
    pulse_ul = None if increment is None else increment.to("µL", context.concentration)
    found = None if span is None else watched(weighing, span, pulse_ul, context.concentration.ul_per_u)
    if found is None or span is None:
        why = "the pump was not watched" if span is None else "the balance gave no readings at the begin or the end"
        nothing = nothing_stated(catalogue, why)
        return Evaluation(measurements=nothing, notes=notes, doubts=doubts)
    declared = declared_loss(context)[0] is not None
    counted_u = _counted_ul(record, span) / context.concentration.ul_per_u
    measured = _measurements(found, pulse_ul, catalogue, declared=declared)
    words = simulated_words(record.simulated)
    findings, told = _told(found, state, head_height, counted_u, declared=declared)
    limit = limits_of(record, context).get("unintended_rate")
    return Evaluation(
        measurements=measured,
        tables=[
            *idle_tables(found, counted_u, declared=declared),
            *corrections_table(weighing, context, found.before, found.after),
        ],
        figures=idle_figures(found, span, words, limit, declared=declared),
        findings=findings,
        notes=[*told, *_warmed(found, context), *notes],
        doubts=doubts,
    )


def watch_of(record: TestRecord) -> Window | None:
    """Return from when to when a pump at rest was watched; None where it never was."""
    began, ended = record.events("idle watched"), record.events("idle ended")
    if not began:
        return None
    span = (began[0].time_s, ended[0].time_s if ended else record.end_s)
    return span if span[1] > span[0] else None


def _measurements(
    found: Watched, pulse_ul: float | None, catalogue: Mapping[str, MeasurementSpec], *, declared: bool
) -> list[Measurement]:
    made = {"unintended_pulses": _pulses(found, pulse_ul, catalogue["unintended_pulses"])}
    if declared:
        made |= {
            "unintended_volume": stated(catalogue, "unintended_volume", found.volume_u, found.budget()),
            "unintended_rate": stated(catalogue, "unintended_rate", found.rate_u_per_h, found.rate_budget()),
            "unintended_rate_limit": _limit(found, catalogue["unintended_rate_limit"]),
            "detection_limit": _detection_limit(found, catalogue["detection_limit"]),
        }
    return [
        made.get(name) or undetermined(name, spec.title, spec.unit, NOT_DECLARED) for name, spec in catalogue.items()
    ]


def _limit(found: Watched, spec: MeasurementSpec) -> Measurement:
    """Return the upper limit as a bound: the truth is below it, with the confidence that the note tells."""
    return Measurement(
        name="unintended_rate_limit",
        title=spec.title,
        value=found.rate_limit_u_per_h,
        unit=spec.unit,
        expanded_uncertainty=0.0,
        censored="below",
        note=f"{100.0 * CONFIDENCE:g} %, one-sided, from the budget of `unintended_rate`: its uncertainty is in it",
    )


def _detection_limit(found: Watched, spec: MeasurementSpec) -> Measurement:
    value = found.detection_limit_u_per_h
    degrees = effective_degrees_of_freedom(found.rate_budget(of_nothing=True))
    own = value / math.sqrt(2.0 * degrees) if math.isfinite(degrees) else 0.0
    line = component("standard uncertainty of the rate", own, "U/h", source="by its degrees of freedom")
    note = "a steady rate so great is called more than nothing 95 times of 100, and nothing 5 times of 100 (Currie)"
    return measurement("detection_limit", spec.title, value, spec.unit, [line], note=note)


def _pulses(found: Watched, pulse_ul: float | None, spec: MeasurementSpec) -> Measurement:
    steps, per_mg = found.steps, found.weighing.conversion.ul_per_mg
    if pulse_ul is not None and not steps.resolves(pulse_ul / per_mg):
        why = f"a pulse of {pulse_ul / found.ul_per_u:g} U does not stand out of the balance's noise"
        return undetermined("unintended_pulses", spec.title, spec.unit, why)
    note = f"steps of {number(steps.least_mg * found.u_per_mg, 2)} U and more"
    return measurement("unintended_pulses", spec.title, float(len(steps.upwards)), spec.unit, [], note=note)


def _of_drive(record: TestRecord, span: Window | None, duration: Quantity) -> list[str]:
    doubts = []
    early = record.events("idle ended early")
    if early:
        doubts.append(f"The alarm {early[0].data['code']} ended the {early[0].data['during']} early.")
    told = {str(event.data["told"]) for kind in ("idle began", "idle ended") for event in record.events(kind)}
    doubts += [
        f"The pump, told to rest, says {state!r}: it was not at rest by its own word."
        for state in sorted(told & _DELIVERING)
    ]
    watched_s = 0.0 if span is None else span[1] - span[0]
    if watched_s < (1.0 - _SHORT_SHARE) * duration.to("s"):
        doubts.append(
            f"The pump was watched for {watched_s / 60.0:.1f} min of the {duration} that the test wants: what holds for"
            " the part is not shown for the whole."
        )
    return doubts


def _counted_ul(record: TestRecord, span: Window) -> float:
    """Return what the pump itself counted meanwhile; NaN where it does not count."""
    counted = record.series(COUNTED)
    inside = counted.value[(counted.time_s >= span[0]) & (counted.time_s <= span[1])]
    return float(inside[-1] - inside[0]) if len(inside) > 1 else math.nan


def _told(
    found: Watched, state: str, head_height: str, counted_u: float, *, declared: bool
) -> tuple[list[str], list[str]]:
    """Return `(findings, notes)`: what came, in words, and what tells it from evaporation."""
    height = f", the reservoir {head_height} above the outlet (as declared)" if head_height else ""
    findings: list[str] = []
    notes: list[str] = []
    if declared:
        came, told = _verdict(found, state, height)
        (findings if came else notes).append(told)
    if found.steps.upwards:
        findings.append(_in_steps([each.mass_mg * found.u_per_mg for each in found.steps.upwards]))
    if found.steps.downwards:
        least = min(each.mass_mg for each in found.steps.downwards) * found.u_per_mg
        findings.append(
            f"The mass fell at once {len(found.steps.downwards)} times, by {-least:.3g} U at most: no pump takes back a"
            " pulse; a touched needle, a drop that left, or a bump."
        )
    if math.isfinite(counted_u) and counted_u > 0.0:
        findings.append(f"The pump itself counted {counted_u:.3g} U while it was {state}.")
    loss = found.weighing.found_evaporation
    if declared:
        notes.append(
            "Leak and evaporation change the mass alike. They are told apart only by the rig file's `evaporation:`,"
            f" {loss.mg_per_h:.3g} mg/h ({loss.mg_per_h * found.u_per_mg:.2g} U/h): as wrong as that is, the rate is."
        )
    else:
        gained = (found.mass_mg / found.hours) * found.u_per_mg
        notes.append(
            f"The mass changed by {gained:+.2g} U/h: a leak less what evaporated. Which is which, nothing tells here;"
            f" {NOT_DECLARED}."
        )
    return findings, notes


def _verdict(found: Watched, state: str, height: str) -> tuple[bool, str]:
    """Return whether something came or went, and what, in words."""
    uncertainty, _ = expanded(found.budget())
    volume, hours = found.volume_u, found.hours
    shown = f"{number(abs(volume), 2)} U in {hours:.3g} h ({number(abs(found.rate_u_per_h), 2)} U/h)"
    if volume > uncertainty:
        creeping = volume - found.stepped_u
        how = "steadily: a leak, or siphoning" if creeping > 0.5 * volume else "in steps"
        return True, f"From the {state} pump came {shown}{height}: {how}."
    if volume < -uncertainty:
        return True, (
            f"The vessel lost {shown} beyond what the rig file says that evaporates{height}: liquid went back into the"
            " line, or more evaporates than is declared."
        )
    limit, detected = found.rate_limit_u_per_h, found.detection_limit_u_per_h
    return False, (
        f"No flow from the {state} pump that this rig could tell from nothing{height}: not more than"
        f" {number(limit, 2)} U/h (95 %, one-sided); from {number(detected, 2)} U/h on a leak would have been seen."
    )


def _in_steps(sizes_u: Sequence[float]) -> str:
    total = f"{sum(sizes_u):.3g} U together" if len(sizes_u) > 1 else f"{sizes_u[0]:.3g} U"
    times = "once" if len(sizes_u) == 1 else f"{len(sizes_u)} times"
    return (
        f"The mass rose at once, {times} ({total}): the pump metered, a drop fell, or something touched the balance."
        " No evaporation hides that."
    )


def _warmed(found: Watched, context: Context) -> list[str]:
    """Say what the reservoir's own expansion may have moved, where the room's temperature changed."""
    seen = found.weighing.conversion.temperature_c
    if seen is None:
        return []
    told = context.plan.pump.reservoir
    reservoir_ul = _USUAL_RESERVOIR_UL if told is None else told.to("µL", context.concentration)
    moved_u = reservoir_ul * _EXPANSION_PER_K * (seen[1] - seen[0]) / found.ul_per_u
    if moved_u <= 0.5 * expanded(found.budget())[0]:
        return []
    return [
        f"The air's temperature varied by {seen[1] - seen[0]:.2f} K: as much in a reservoir of"
        f" {reservoir_ul / 1000.0:g} mL moves up to {number(moved_u, 2)} U by expansion, either way. That is delivery,"
        " and no leak; keep the temperature, or empty the reservoir."
    ]
