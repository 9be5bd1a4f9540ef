"""From the recording of a basal delivery to everything that is said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.metrology.budget import undetermined
from bench.metrology.cumulative import Cumulative
from bench.metrology.observation import AMBULATORY_SAMPLE_S
from bench.metrology.pulse_train import PulseTrain
from bench.procedures.basal.continuity import continuity_figure, continuity_table, measure_continuity, pk_cvs
from bench.procedures.basal.delivery import Delivery, measure_after_hours, measure_totals
from bench.procedures.basal.figures import (
    hours_figure,
    mass_figure,
    pulse_distribution_figure,
    pulses_figure,
    start_up_figure,
    trumpet_figure,
)
from bench.procedures.basal.findings import CLEAR_PERCENT, basal_findings
from bench.procedures.basal.pulse_measurements import measure_pulses
from bench.procedures.basal.pulses import (
    disturbances_table,
    found_increment,
    odd_pulses_table,
    pulses_of,
    result_pulses,
    train_findings,
)
from bench.procedures.basal.trumpet import (
    TrumpetPoint,
    cycle_notes,
    overall_table,
    trumpet_of,
    trumpet_table,
)
from bench.procedures.basal.trumpet_measurements import measure_trumpet
from bench.procedures.basal.windows import (
    errors_of_all,
    measure_hours,
    measure_others,
    shares_table,
    windows_of,
)
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.shared.alarms import alarm_findings, seen
from bench.procedures.shared.by_hand import open_half_s
from bench.procedures.shared.corrections import corrections_table
from bench.procedures.shared.findings import loss_note, recording_findings
from bench.procedures.shared.levels import SETTLE_S
from bench.procedures.shared.shown import asked_for, clear_error, limits_of, simulated_words
from bench.procedures.shared.times import HOUR_S
from bench.procedures.shared.weighing import USUAL_LAG_S, Weighing, weigh_record
from bench.recording.reader import Event, TestRecord
from bench.results.model import Evaluation, Figure, Measurement, Table

_SHORTEST_LEVEL_S = 20.0
_SAME_INTERVAL = 0.01
"""Intervals that differ by no more are the same: a pump's clock and the lag of single pulses explain that."""


def evaluate_basal(
    record: TestRecord,
    context: Context,
    catalogue: Mapping[str, MeasurementSpec],
    *,
    rate_ul_per_h: float,
    increment_ul: float,
    stabilisation_s: float,
    trumpet: str,
) -> Evaluation:
    """Evaluate one basal test.

    `increment_ul` is NaN where the pump delivers continuously, and 0 where the plan tells none: then pulses that the
    readings show are doses of what the rate makes of their interval.
    """
    weighing = weigh_record(record, context)
    notes, doubts = recording_findings(record, weighing, context)
    alarm_notes, alarm_doubts = alarm_findings(record)
    notes, doubts = [*alarm_notes, *notes], [*alarm_doubts, *doubts]
    commands = record.events("basal commanded")
    if not commands or np.count_nonzero(np.isfinite(weighing.mass_mg)) < 2:
        why = "basal was never commanded" if not commands else "the balance gave no readings"
        doubts = doubts or [f"Nothing can be said: {why}."]
        nothing = [undetermined(name, spec.title, spec.unit, why) for name, spec in catalogue.items()]
        return Evaluation(measurements=nothing, notes=notes, doubts=doubts)
    delivery = _delivery(record, weighing, context, rate_ul_per_h, commands[0])
    if increment_ul == 0.0:
        increment_ul, told = found_increment(delivery)
        notes.append(told)
    train = pulses_of(delivery, increment_ul)
    delivery = _with_doses(delivery, train, increment_ul)
    if not record.events("basal stopped"):
        doubts.append("The pump was never stopped: the recording ends while it delivers.")
    train_notes, train_doubts = train_findings(train, delivery, increment_ul)
    evaluated = _evaluated(record, delivery, train, catalogue, increment_ul, stabilisation_s, trumpet)
    measurements, tables, figures, windows_notes = evaluated
    tables += corrections_table(weighing, context, delivery.first_window, delivery.last_window)
    error = next((each for each in measurements if each.name == "mean_error"), None)
    limit = limits_of(record, context).get("mean_error")
    return Evaluation(
        measurements=asked_for(measurements, record, context),
        pulses=result_pulses(train, weighing),
        tables=tables,
        figures=figures,
        findings=basal_findings(train, delivery, increment_ul, error, clear_error(limit, CLEAR_PERCENT)),
        notes=[*notes, *train_notes, *windows_notes, loss_note(weighing)],
        doubts=[*doubts, *train_doubts],
    )


def _delivery(
    record: TestRecord, weighing: Weighing, context: Context, rate_ul_per_h: float, command: Event
) -> Delivery:
    sent_s, acknowledged_s = float(command.data["sent_s"]), float(command.data["acknowledged_s"])
    stops = record.events("basal stopped")
    known = weighing.time_s[np.isfinite(weighing.mass_mg)]
    first_s, last_s = max(record.start_s, float(known[0])), min(record.end_s, float(known[-1]))
    stopped = (last_s, last_s) if not stops else (_sent_s(stops[0]), float(stops[0].time_s))
    ended_s = 0.5 * (stopped[0] + stopped[1])
    stop_s = ended_s + (open_half_s(stops[0]) if stops else 0.0)
    settled_s = max(stop_s, min(stop_s + SETTLE_S, last_s - _SHORTEST_LEVEL_S))
    return Delivery(
        weighing=weighing,
        rate_ul_per_h=rate_ul_per_h,
        ul_per_u=context.concentration.ul_per_u,
        began_s=0.5 * (sent_s + acknowledged_s),
        u_began_s=0.5 * (acknowledged_s - sent_s) / math.sqrt(3.0),
        ended_s=ended_s,
        u_ended_s=0.5 * (stopped[1] - stopped[0]) / math.sqrt(3.0),
        settled_s=settled_s,
        first_s=first_s,
        last_s=last_s,
        by_hand_s=open_half_s(command),
    )


def _sent_s(stop: Event) -> float:
    return float(stop.data.get("sent_s", stop.time_s))


def _evaluated(
    record: TestRecord,
    delivery: Delivery,
    train: PulseTrain,
    catalogue: Mapping[str, MeasurementSpec],
    increment_ul: float,
    stabilisation_s: float,
    trumpet: str,
) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
    words = simulated_words(record.simulated)
    curve = delivery.curve()
    points = [] if curve is None else trumpet_of(delivery, curve, trumpet, stabilisation_s)
    hours = windows_of(delivery, HOUR_S)
    kinds = errors_of_all(delivery, train, increment_ul, hours)
    continuity = pk_cvs(delivery, USUAL_LAG_S if train.fit is None else train.fit.response.width_s)
    measurements = [
        *measure_totals(delivery, catalogue),
        *(measure_after_hours(delivery, catalogue, number) for number in (1, 6, 12)),
        *measure_hours(hours, catalogue),
        *measure_others(delivery, kinds, catalogue),
        *measure_continuity(continuity, catalogue),
        *measure_trumpet(delivery, curve, points, catalogue),
        *measure_pulses(delivery, train, catalogue),
    ]
    alarms = [(event.time_s, f"alarm {event.data['code']}") for event in seen(record)]
    figures = [mass_figure(delivery, train, alarms, words)]
    tables = []
    if curve is not None:
        shown_figures, shown_tables = _shown_of_curve(delivery, curve, points, measurements[0].value, words)
        figures += shown_figures
        tables += shown_tables
    if hours.errors_percent:
        figures.append(hours_figure(hours, words))
    if any(each.errors_percent for each in kinds.values()):
        tables.append(shares_table(list(kinds.values())))
    if continuity:
        figures.append(continuity_figure(continuity, words))
        tables.append(continuity_table(continuity))
    if train.pulses:
        figures.append(pulses_figure(train, delivery, increment_ul, words))
        figures.append(pulse_distribution_figure(train, delivery, increment_ul, words))
    if train.of("missed", "split", "doubled", "extra"):
        tables.append(odd_pulses_table(train, delivery))
    if train.disturbances:
        tables.append(disturbances_table(train, delivery))
    return measurements, tables, figures, cycle_notes(points, delivery.dose_interval_s)


def _shown_of_curve(
    delivery: Delivery, curve: Cumulative, points: list[TrumpetPoint], mean_error: float | None, words: str
) -> tuple[list[Figure], list[Table]]:
    figures, tables = [], []
    if points:
        figures.append(trumpet_figure(points, math.nan if mean_error is None else mean_error, words))
        tables += [trumpet_table(points), overall_table(delivery, curve, points)]
    sample_s = _sample_s(delivery)
    if delivery.duration_s >= 2.0 * sample_s:
        figures.append(start_up_figure(delivery, curve, sample_s, words))
    return figures, tables


def _with_doses(delivery: Delivery, train: PulseTrain, increment_ul: float) -> Delivery:
    """Add when the pump dosed or should have, so that levels are taken between doses."""
    interval_s = _interval_s(train, delivery, increment_ul)
    on_time = train.of("expected", "split", "doubled", "missed")
    slots_s = np.array([pulse.time_s for pulse in on_time], dtype=np.float64)
    # A split pulse has two instants: the first one is its slot.
    apart = np.diff(slots_s, prepend=-math.inf) > 0.5 * interval_s
    return replace(delivery, doses_s=slots_s[apart], dose_interval_s=interval_s)


def _interval_s(train: PulseTrain, delivery: Delivery, increment_ul: float) -> float:
    """Return the commanded interval of pulses, or the pulses' own where it is another; NaN for a continuous pump."""
    commanded_s = increment_ul / delivery.rate_ul_per_h * HOUR_S
    if math.isfinite(train.interval_s) and abs(train.interval_s / commanded_s - 1.0) > _SAME_INTERVAL:
        return train.interval_s
    return commanded_s


def _sample_s(delivery: Delivery) -> float:
    """Return over how long a point of the start-up curve is: 15 min, less for a short test, whole dose intervals."""
    wanted_s, interval_s = min(AMBULATORY_SAMPLE_S, delivery.duration_s / 8.0), delivery.dose_interval_s
    if not math.isfinite(interval_s):
        return wanted_s
    return interval_s * max(1, round(wanted_s / interval_s))
