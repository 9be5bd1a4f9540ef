"""Procedure `bolus`: boluses one by one, each weighed by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from bench.metrology.readings import within
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.bolus.catalogue import CATALOGUE, specs_of
from bench.procedures.bolus.course import restorers
from bench.procedures.bolus.delivering import ToGive, deliver
from bench.procedures.bolus.figures import Beside, mass_figure
from bench.procedures.bolus.findings import ALIKE_PERCENT
from bench.procedures.bolus.foretold import foretold
from bench.procedures.bolus.kinds import found_of
from bench.procedures.bolus.meanwhile import Meanwhile
from bench.procedures.bolus.row import BolusRow
from bench.procedures.bolus.settings import BolusSettings
from bench.procedures.bolus.settling import StillToCome, still_to_come
from bench.procedures.bolus.weighing import (
    CommandedBolus,
    bolus_doubts,
    commanded_boluses,
    too_soon,
    weigh,
    with_arrivals,
)
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.common import record_blank, start_basal, stop_basal
from bench.procedures.shared.corrections import corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.shown import clear_error, limits_of, simulated_words
from bench.procedures.shared.stated import nothing_stated
from bench.procedures.shared.weighing import Weighing, weigh_record
from bench.quantities import Concentration, Quantity
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliversBasal, DeliversBolus, DeliversExtendedBolus

SECONDS_PER_HOUR = 3600.0
DEFAULT_INCREMENT = Quantity(0.05, "U")
"""What basal is metered in where the plan does not say."""


class Bolus:
    """Boluses one by one, each weighed by itself."""

    name: ClassVar[str] = "bolus"
    summary: ClassVar[str] = (
        "boluses, each weighed by itself: equal ones at once, spread (square or dual wave), cancelled on the way, or of"
        " sizes from the smallest up; volume, course, and what the pump says of it"
    )
    Settings: ClassVar[type[ProcedureSettings]] = BolusSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = CATALOGUE

    def requires(self, settings: BolusSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and that there is a balance."""
        pump: list[type] = [DeliversBolus]
        if settings.shape != "normal":
            pump.append(DeliversExtendedBolus)
        if settings.basal is not None:
            pump.append(DeliversBasal)
        return {"pump": pump, "balance": [Balance]}

    def expected_duration_s(self, settings: BolusSettings, plan: Plan) -> float:
        """Return both blanks and every bolus with its interval, at the usual speed of 1.5 U/min."""
        total_s = 2.0 * settings.blank.to("s")
        for size in settings.sizes:
            volume_ul = size.to("µL", plan.pump.insulin)
            share = 1.0 if settings.kind != "cancelled" else settings.cancelled_share(volume_ul, plan.pump.insulin)
            one_s = share * settings.lasting_s(volume_ul, plan.pump.insulin) + settings.interval.to("s")
            total_s += settings.count * one_s
        return total_s

    def planned_uncertainty(self, settings: BolusSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for means and single boluses, and refuses what this kind has not."""
        return foretold(settings, context)

    def drive(self, settings: BolusSettings, stage: Stage) -> None:
        """Weigh a blank, deliver the boluses one by one, weigh a blank again; an alarm that blocks ends it early."""
        concentration = stage.context.concentration
        row = _to_give(settings, concentration)
        record_blank(stage, settings.blank.to("s"))
        if settings.basal is not None:
            start_basal(stage, settings.basal.to("µL/h", concentration))
            stage.wait_s(settings.interval.to("s"), "basal before the first bolus")
        for one in row:
            if not deliver(stage, one):
                break
            stage.wait_s(settings.interval.to("s"), f"bolus {one.index} of {one.count}: settling")
        if settings.basal is not None:
            stop_basal(stage)
        record_blank(stage, settings.blank.to("s"))

    def evaluate(self, settings: BolusSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh every bolus and sum them up."""
        weighing = weigh_record(record, context)
        boluses = commanded_boluses(record, settings.settle.to("s"), settings.interval.to("s"))
        notes, doubts = recording_findings(record, weighing, context)
        rows = _rows(settings, weighing, boluses, context)
        weighed = [one for row in rows for one in row.weighed]
        alarm_notes, alarm_doubts = alarm_findings(record)
        soon = too_soon(boluses, settings.settle.to("s"))
        settled = sum(bolus.settled for bolus in boluses)
        missing = _missing(settings.count * len(settings.sizes), len(boluses), len(weighed), settled)
        shaky = bolus_doubts(weighing.time_s, weighing.shown_mg, weighed, weighing.noise)
        doubts = [*alarm_doubts, *missing, *soon, *shaky, *doubts]
        notes = [*alarm_notes, *notes]
        words = simulated_words(record.simulated)
        beside: Beside = "nothing" if settings.basal is not None else "commanded"
        beside = "reported" if settings.kind == "cancelled" and settings.basal is None else beside
        figures = [mass_figure(weighing, boluses, record.start_s, words, beside)]
        specs = specs_of(settings.kind)
        if not weighed or (settings.kind == "sizes" and not all(row.weighed for row in rows)):
            why = "each bolus was followed by the next before it had settled" if soon else "no bolus could be weighed"
            return Evaluation(measurements=nothing_stated(specs, why), figures=figures, notes=notes, doubts=doubts)
        limits = limits_of(record, context)
        clear_percent = clear_error(limits.get("mean_error", limits.get("largest_size_error")), ALIKE_PERCENT)
        found = found_of(settings, rows, record, specs, words, clear_percent)
        first, last = weighed[0].bolus, weighed[-1].bolus
        corrected = corrections_table(weighing, context, first.before, last.after)
        return Evaluation(
            measurements=found.measurements,
            pulses=[pulse for row in rows for pulse in row.pulses()],
            tables=[*found.tables, *corrected],
            # Of boluses that are to be spread the course is what matters.
            figures=[*found.figures, *figures] if settings.kind == "spread" else [*figures, *found.figures],
            findings=found.findings,
            notes=[*found.notes, *notes],
            doubts=[*doubts, *found.doubts],
        )


def _to_give(settings: BolusSettings, concentration: Concentration) -> list[ToGive]:
    """Return every bolus of the row."""
    courses = [
        settings.programmed(size.to("µL", concentration), concentration)
        for size in settings.sizes
        for _ in range(settings.count)
    ]
    return [
        ToGive(index, len(courses), course, *settings.cancel_at(course.volume_ul, concentration))
        for index, course in enumerate(courses, start=1)
    ]


def _rows(
    settings: BolusSettings, weighing: Weighing, boluses: Sequence[CommandedBolus], context: Context
) -> list[BolusRow]:
    """Return the weighed boluses of each size."""
    if settings.kind != "sizes":
        return [weighed_row(settings, weighing, boluses, context)]
    rows = []
    for size in settings.sizes:
        volume_ul = size.to("µL", context.concentration)
        of_size = [bolus for bolus in boluses if math.isclose(bolus.commanded_ul, volume_ul, rel_tol=1e-6)]
        rows.append(weighed_row(settings, weighing, of_size, context, volume_ul))
    return rows


def weighed_row(
    settings: BolusSettings,
    weighing: Weighing,
    boluses: Sequence[CommandedBolus],
    context: Context,
    commanded_ul: float | None = None,
) -> BolusRow:
    """Weigh every bolus that has both its windows; `commanded_ul` is the smallest size where nothing is given."""
    if commanded_ul is None:
        commanded_ul = settings.sizes[0].to("µL", context.concentration)
    drift_mg_per_s = -weighing.loss_mg_per_s
    rate_ul_per_h = 0.0
    if settings.basal is not None:
        rate_ul_per_h = settings.basal.to("µL/h", context.concentration)
        drift_mg_per_s += rate_ul_per_h / SECONDS_PER_HOUR / weighing.conversion.ul_per_mg
    shown, mass_mg = weighing.time_s, weighing.mass_mg
    weighed = [
        one for bolus in boluses if (one := weigh(shown, mass_mg, bolus, drift_mg_per_s, weighing.noise)) is not None
    ]
    to_come = still_to_come(weighed, weighing.noise) if weighed else StillToCome(0.0, 0.0)
    made_good = restorers([within(shown, mass_mg, blank) for blank in weighing.blanks])
    weighed = with_arrivals(weighed, to_come.mass_mg, made_good)
    basal = None
    if settings.basal is not None and weighed:
        increment = context.plan.pump.basal_increment or DEFAULT_INCREMENT
        basal = Meanwhile(rate_ul_per_h, increment.to("µL", context.concentration))
    return BolusRow(weighed, weighing, commanded_ul, context.concentration.ul_per_u, to_come, basal)


def _missing(count: int, delivered: int, weighed: int, settled: int) -> list[str]:
    doubts = []
    if delivered < count:
        doubts.append(f"Only {delivered} of {count} boluses were delivered.")
    if weighed < settled:
        doubts.append(f"Only {weighed} of {settled} boluses could be weighed: the balance's readings have gaps.")
    return doubts


PROCEDURE = Bolus()
