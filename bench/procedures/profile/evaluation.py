"""From the recording of a profile to everything that is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.metrology.budget import undetermined
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.profile.changes import changes_table
from bench.procedures.profile.dose_clock import measure_clock
from bench.procedures.profile.figures import cumulative_figure, errors_figure, rates_figure
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
from bench.procedures.profile.responses import Response, measure_responses, responses
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
from bench.procedures.shared.times import clock
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
    measurements, tables, figures, told = _evaluated(delivery, catalogue, simulated_words(record.simulated))
    tables += corrections_table(weighing, context, delivery.first_edge.window, delivery.last_edge.window)
    evaluation = Evaluation(
        measurements=asked_for(measurements, record, context),
        tables=tables,
        figures=figures,
        notes=[*told, *notes, loss_note(weighing)],
        doubts=doubts,
    )
    return evaluation, delivery


def _evaluated(
    delivery: Dosing, catalogue: Mapping[str, MeasurementSpec], words: str
) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
    periods = segments_of(delivery)
    part = basal_part(delivery)
    boluses = weighed_boluses(delivery, part)
    followed = responses(delivery)
    lost = losses(delivery, followed)
    measurements = [
        *measure_totals(delivery, catalogue),
        *measure_segments(periods, catalogue, "largest_segment_error", "segments_within_15_percent", "segment"),
        measure_basal(delivery, part, catalogue),
        *measure_boluses(boluses, delivery, catalogue),
        *measure_responses(followed, delivery, catalogue),
        *measure_losses(lost, delivery, catalogue),
        measure_suspensions(suspensions(delivery), delivery, catalogue),
        measure_temporaries(temporaries(delivery), delivery, catalogue),
        measure_interaction(phases(delivery), delivery, catalogue),
        measure_clock(delivery, catalogue),
    ]
    tables = [periods_table(periods, delivery.ul_per_u, "segments", "Segments of the profile", "segment")]
    if followed or lost:
        tables.append(changes_table(followed, lost, delivery))
    if boluses:
        tables.append(boluses_table(boluses, delivery))
    figures = [
        rates_figure(delivery, periods, "segment", words),
        errors_figure(delivery, periods, "segment", words),
        cumulative_figure(delivery, words),
    ]
    notes = []
    strayed = [each for each in followed if not each.on_time]
    if strayed:
        one = strayed[0]
        more = f", and {len(strayed) - 1} more like it" if len(strayed) > 1 else ""
        way = f"{abs(one.delay_s) / 60.0:.1f} min {'late' if one.delay_s > 0.0 else 'early'}"
        notes.append(
            f"The pump did not change its rate when it was told: at {clock(one.after.begin_s - delivery.began_s)}"
            f" ({one.after.reason}) the first dose at the new interval came {way}{more}."
            f" {_why(strayed)}"
        )
    if delivery.unresolved:
        notes.append(
            f"Single doses cannot be told: {delivery.unresolved}. Levels are taken at the instants themselves."
        )
    return measurements, tables, figures, notes


def _why(strayed: Sequence[Response]) -> str:
    if all("temporary" in (each.before.kind, each.after.kind) for each in strayed):
        return "Was the temporary rate followed at all?"
    return "Is the pump's clock right, and the time of its day?"


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
