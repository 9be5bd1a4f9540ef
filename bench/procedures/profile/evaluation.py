"""From the recording of a profile to everything that is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.metrology.budget import undetermined
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.profile.changes import changes_table
from bench.procedures.profile.dose_clock import measure_clock
from bench.procedures.profile.figures import cumulative_figure, errors_figure, rates_figure
from bench.procedures.profile.findings import clear_losses, day_findings
from bench.procedures.profile.losses import losses, measure_losses
from bench.procedures.profile.overlays import (
    boluses_table,
    measure_boluses,
    measure_interaction,
    measure_suspensions,
    measure_temporaries,
    phases,
    suspensions,
    temporaries,
    weighed_boluses,
)
from bench.procedures.profile.responses import measure_responses, responses
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.corrections import corrections_table
from bench.procedures.shared.dosing import Dosing, dosing
from bench.procedures.shared.findings import loss_note, recording_findings
from bench.procedures.shared.periods import (
    basal_part,
    measure_basal,
    measure_segments,
    measure_totals,
    periods_table,
    segments_of,
)
from bench.procedures.shared.shown import asked_for, simulated_words
from bench.procedures.shared.weighing import weigh_record
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Figure, Measurement, Table

SHORT_SHARE = 0.01
_LEAST_S = 5.0


def evaluate_day(
    record: TestRecord, context: Context, catalogue: Mapping[str, MeasurementSpec], duration_s: float
) -> tuple[Evaluation, Dosing | None]:
    """Evaluate a profile with what was laid over it; return the delivery as well, for more to be said of it."""
    weighing = weigh_record(record, context)
    notes, doubts = recording_findings(record, weighing, context)
    alarm_notes, alarm_doubts = alarm_findings(record)
    notes, doubts = [*alarm_notes, *notes], [*alarm_doubts, *doubts]
    delivery = dosing(record, weighing, context)
    if delivery is None:
        why = "no basal rate was commanded, or the balance gave no readings"
        nothing = [undetermined(name, spec.title, spec.unit, why) for name, spec in catalogue.items()]
        return Evaluation(measurements=nothing, notes=notes, doubts=doubts or [f"Nothing can be said: {why}."]), None
    doubts += _extent(record, delivery, duration_s)
    found = _evaluated(delivery, catalogue, simulated_words(record.simulated))
    tables = found.tables
    tables += corrections_table(weighing, context, delivery.first_edge.window, delivery.last_edge.window)
    evaluation = Evaluation(
        measurements=asked_for(found.measurements, record, context),
        tables=tables,
        figures=found.figures,
        findings=found.findings,
        notes=[*found.notes, *notes, loss_note(weighing)],
        doubts=doubts,
    )
    return evaluation, delivery


@dataclass(frozen=True, slots=True)
class _Found:
    """What a delivery comes to."""

    measurements: list[Measurement]
    tables: list[Table]
    figures: list[Figure]
    findings: list[str]
    notes: list[str]


def _evaluated(delivery: Dosing, catalogue: Mapping[str, MeasurementSpec], words: str) -> _Found:
    periods = segments_of(delivery)
    part = basal_part(delivery)
    boluses = weighed_boluses(delivery, part)
    followed = responses(delivery)
    lost = losses(delivery, followed)
    temporary = temporaries(delivery)
    measurements = [
        *measure_totals(delivery, catalogue),
        *measure_segments(periods, catalogue, "largest_segment_error", "segments_within_15_percent", "segment"),
        measure_basal(delivery, part, catalogue),
        *measure_boluses(boluses, delivery, catalogue),
        *measure_responses(followed, delivery, catalogue),
        *measure_losses(lost, delivery, catalogue),
        measure_suspensions(suspensions(delivery), delivery, catalogue),
        measure_temporaries(temporary, delivery, catalogue),
        measure_interaction(phases(delivery), delivery, catalogue),
        measure_clock(delivery, catalogue),
    ]
    tables = [periods_table(periods, delivery.ul_per_u, "segments", "Segments of the profile", "segment")]
    if followed or lost:
        tables.append(changes_table(followed, lost, delivery))
    if boluses:
        tables.append(boluses_table(boluses, delivery))
    strayed = [each for each in followed if not each.on_time]
    clear = clear_losses(lost, delivery)
    rates, course = (
        rates_figure(delivery, periods, strayed, "segment", words),
        cumulative_figure(delivery, clear, words),
    )
    # A dose that was lost or came twice shows where what came is counted, not in the rate.
    figures = [course, rates] if clear and not strayed else [rates, course]
    figures.append(errors_figure(delivery, periods, "segment", words))
    findings = day_findings(delivery, followed, lost, temporary, periods, measurements)
    notes = []
    if delivery.unresolved:
        notes.append(
            f"Single doses cannot be told: {delivery.unresolved}. Levels are taken at the instants themselves."
        )
    return _Found(measurements, tables, figures, findings, notes)


def _extent(record: TestRecord, delivery: Dosing, duration_s: float) -> list[str]:
    """Return a doubt where the pump was never stopped, or delivered for less than the test wants."""
    doubts = []
    if not record.events("basal stopped"):
        doubts.append("The pump was never stopped: the recording ends while it delivers.")
    lasted_s = delivery.ended_s - delivery.began_s
    if duration_s - lasted_s > max(_LEAST_S, SHORT_SHARE * duration_s):
        doubts.append(
            f"The profile was followed for {lasted_s / 3600.0:.3g} h of the {duration_s / 3600.0:.3g} h that the test"
            " wants: what holds for the part is not shown for the whole."
        )
    return doubts
