"""Procedure `wear`: the days that a pump is worn, with the same profile and meals every day, and a reservoir change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bench.plan.model import Plan, PumpSpec
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.profile.evaluation import evaluate_day
from bench.procedures.profile.planning import planned_day, planned_programme
from bench.procedures.profile.procedure import capabilities, day_catalogue
from bench.procedures.shared.commands import PRIME, prime, tell_reservoir
from bench.procedures.shared.common import let_settle, record_blank, stop_basal
from bench.procedures.shared.day import SHORTEST_S, Act, undeliverable
from bench.procedures.shared.day_drive import DayDrive
from bench.procedures.shared.levels import END_LEVEL_S, SETTLE_S
from bench.procedures.shared.operator import put_in
from bench.procedures.shared.periods import measure_segments, periods_table
from bench.procedures.shared.planning import planned_levels
from bench.procedures.shared.programme import DAY_S
from bench.procedures.shared.shown import asked_for, simulated_words
from bench.procedures.wear.measures import (
    FIRST_HOURS,
    days_of,
    drift_figure,
    drift_findings,
    drift_of,
    measure_change,
    measure_drift,
    measure_first,
    parts_of,
)
from bench.procedures.wear.settings import CHANGE, SETTLED_PRIME_S, ReservoirChange, WearSettings, wear_acts
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliveryState, Operator, Primes, TakesReservoir

CHANGE_STARTED, CHANGED, LEFT_OUT = "reservoir change started", "reservoir changed", "left out"
LONGEST_PRIME_S = 600.0


def _still_ahead(acts_due: Sequence[Act], begin_s: float, stage: Stage) -> list[Act]:
    """Return what is not yet overdue when delivery goes on; record what is."""
    late = [act for act in acts_due if act.at_s < begin_s and act.what != "resume"]
    for act in late:
        stage.event(LEFT_OUT, what=str(act.overlay))
    gone = {id(act.overlay) for act in late}
    return [act for act in acts_due if id(act.overlay) not in gone]


def _left_out(record: TestRecord) -> list[str]:
    missed = [str(event.data["what"]) for event in record.events(LEFT_OUT)]
    if not missed:
        return []
    return [
        "The change of the reservoir took longer than `within`, and what fell due meanwhile was left out:"
        f" {', '.join(missed)}."
    ]


def _catalogue() -> dict[str, MeasurementSpec]:
    catalogue = day_catalogue()
    wider = ("mean_error",)
    return catalogue | {
        "largest_daily_error": MeasurementSpec("largest error of a day, by size", "ratio", "%", (0.0, None), wider),
        "days_within_15_percent": MeasurementSpec(
            "days within ±15 % of what was due", "ratio", "%", (0.0, 100.0), wider
        ),
        f"first_{FIRST_HOURS}h_error": MeasurementSpec(
            f"error of the first {FIRST_HOURS} h", "ratio", "%", instead=wider, perfect=0.0
        ),
        "error_drift": MeasurementSpec("change of the error in a day of wear", "ratio", "%", perfect=0.0),
        CHANGE: MeasurementSpec("volume in the vessel from changing the reservoir", "volume", "U"),
    }


class Wear:
    """Days of wear with one profile, meals every day, and a reservoir change."""

    name: ClassVar[str] = "wear"
    partial: ClassVar[bool] = True
    summary: ClassVar[str] = "the days that a pump is worn: one profile, meals every day, a reservoir change, drift"
    Settings: ClassVar[type[ProcedureSettings]] = WearSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = _catalogue()

    def refusals(self, settings: WearSettings, pump: PumpSpec) -> Sequence[str]:
        """Return what the plan's pump cannot meter, in words."""
        return list(undeliverable(settings.segments, settings.daily, pump, settings.duration.to("s")))

    def requires(self, settings: WearSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, that there is a balance, and who changes the reservoir."""
        pump, change = list(capabilities(settings.daily)), settings.reservoir_change
        needs: dict[str, Sequence[type]] = {"pump": pump, "balance": [Balance]}
        if change is not None:
            pump += [TakesReservoir, *([Primes] if change.prime is not None else [])]
            needs["operator"] = [Operator]
        return needs

    def expected_duration_s(self, settings: WearSettings, plan: Plan) -> float:
        """Return the wear time, both blanks and settling."""
        del plan
        return settings.duration.to("s") + 2.0 * settings.blank.to("s") + SETTLE_S

    def planned_uncertainty(self, settings: WearSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for volumes and errors."""
        duration_s, blank_s = settings.duration.to("s"), settings.blank.to("s")
        daily = wear_acts(settings.daily, duration_s)
        told = planned_programme(settings.segments, daily, duration_s, context.concentration)
        found = dict(planned_day(told, duration_s, blank_s, context))
        per_u = 1.0 / context.concentration.ul_per_u
        for name, length_s in (("largest_daily_error", DAY_S), (f"first_{FIRST_HOURS}h_error", FIRST_HOURS * 3600.0)):
            due_u = told.volume_ul(0.0, min(length_s, duration_s)) * per_u
            part_u, words = planned_levels(min(length_s, duration_s), blank_s, context)
            if due_u > 0.0:
                found[name] = (100.0 * part_u / due_u, f"{words}, of {due_u:.4g} U")
        return found

    def drive(self, settings: WearSettings, stage: Stage) -> None:
        """Weigh a blank, follow the days, change the reservoir where asked, stop, settle, weigh a blank again."""
        record_blank(stage, settings.blank.to("s"))
        duration_s, change, day = settings.duration.to("s"), settings.reservoir_change, DayDrive(stage)
        daily = wear_acts(settings.daily, duration_s)
        origin_s, begin_s, goes_on = stage.clock.now_s(), 0.0, True
        if change is not None:
            change_s = change.at.to("s")
            earlier = [act for act in daily if act.at_s < change_s]
            goes_on = day.deliver(settings.segments, earlier, 0.0, change_s)
            stop_basal(stage)
            if goes_on:
                self._change(change, stage)
                begin_s = stage.clock.now_s() - origin_s
                daily = _still_ahead([act for act in daily if act.at_s >= change_s], begin_s, stage)
                goes_on = begin_s <= duration_s - SHORTEST_S
        if goes_on:
            day.deliver(settings.segments, daily, begin_s, duration_s)
            stop_basal(stage)
        let_settle(stage)
        record_blank(stage, settings.blank.to("s"))

    def _change(self, change: ReservoirChange, stage: Stage) -> None:
        """Let the line settle, have the reservoir changed, tell the pump, prime, let the line settle again."""
        stage.wait_s(SETTLE_S + END_LEVEL_S, "settling before the reservoir is changed")
        stage.event(CHANGE_STARTED)
        concentration = stage.context.concentration
        filled_ul = change.filled.to("µL", concentration)
        put_in(stage, filled_ul)
        tell_reservoir(stage, filled_ul)
        if change.prime is not None:
            prime(stage, change.prime.to("µL", concentration))
            stage.wait_until(lambda: stage.pump.state() is not DeliveryState.PRIMING, LONGEST_PRIME_S, "priming")
        stage.event(CHANGED)
        stage.wait_s(SETTLED_PRIME_S, "settling after the reservoir was changed")

    def evaluate(self, settings: WearSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh the wear time as a day is weighed, and by day and over the days."""
        evaluation, dosing = evaluate_day(record, context, self.measurements, settings.duration.to("s"))
        if dosing is None:
            return evaluation
        words = simulated_words(record.simulated)
        days, parts = days_of(dosing), parts_of(dosing, settings.part.to("s"), "part")
        drift = drift_of(dosing, parts)
        primed_ul = sum(float(event.data["volume_ul"]) for event in record.events(PRIME))
        measured = [
            *measure_segments(days, self.measurements, "largest_daily_error", "days_within_15_percent", "day"),
            measure_first(dosing, self.measurements),
            measure_drift(drift, settings.part, self.measurements),
            measure_change(dosing, primed_ul, self.measurements),
        ]
        return evaluation.model_copy(
            update={
                "measurements": [*evaluation.measurements, *asked_for(measured, record, context)],
                "tables": [
                    periods_table(days, dosing.ul_per_u, "days", "Days of wear", "day"),
                    periods_table(parts, dosing.ul_per_u, "parts", f"Every {settings.part}", "part"),
                    *evaluation.tables,
                ],
                "figures": [drift_figure(dosing, parts, settings.part, drift, words), *evaluation.figures],
                "doubts": [*evaluation.doubts, *_left_out(record)],
                "findings": [*drift_findings(drift, settings.part), *evaluation.findings],
            }
        )


PROCEDURE = Wear()
