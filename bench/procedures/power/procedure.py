"""Procedure `power`: lower the voltage in place of the battery until the pump warns, then cut and return it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bench.metrology.rounding import number
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.power.driving import SETTLE_S, TELLING_S, drive
from bench.procedures.power.evaluation import PowerReadings, measure, power_findings
from bench.procedures.power.facts import facts
from bench.procedures.power.figures import course_table, figures
from bench.procedures.power.settings import PowerSettings
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.corrections import between_blanks, corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.planning import planned_levels
from bench.procedures.shared.shown import simulated_words
from bench.procedures.shared.weighing import weigh_record
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliversBasal, PowerSupply, RaisesAlarms, ReportsDelivery

HOUR_S = 3600.0
USUAL_NOMINAL_V = 1.5
"""Only how long a test takes needs it."""


class Power:
    """Lower the voltage in place of the battery until the pump warns, then cut and return it."""

    name: ClassVar[str] = "power"
    summary: ClassVar[str] = "low-battery alarm, what comes without power, and what the pump remembers after it"
    Settings: ClassVar[type[ProcedureSettings]] = PowerSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = {
        "voltage_at_alarm": MeasurementSpec("voltage at the low-battery alarm", "voltage", "V", (0.0, None)),
        "time_to_low_battery_alarm": MeasurementSpec(
            "time from the voltage's fall to the low-battery alarm", "duration", "s"
        ),
        "delivered_while_off": MeasurementSpec("volume that came without power", "volume", "U", perfect=0.0),
        "time_to_return": MeasurementSpec("time from the power's return until the pump is ready", "duration", "s"),
        "alarm_after_return": MeasurementSpec("whether an alarm tells of the loss (1) or none (0)", "count", ""),
        "resumed_by_itself": MeasurementSpec("whether the pump delivers again by itself (1) or not (0)", "count", ""),
        "forgotten_volume": MeasurementSpec("counted before, and no longer after", "volume", "U", perfect=0.0),
        "error_after_return": MeasurementSpec(
            "volume after the return, against what was due", "ratio", "%", perfect=0.0
        ),
    }

    def requires(self, settings: PowerSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and the instruments beside it."""
        del settings
        return {
            "pump": [DeliversBasal, RaisesAlarms, ReportsDelivery],
            "balance": [Balance],
            "power": [PowerSupply],
        }

    def expected_duration_s(self, settings: PowerSettings, plan: Plan) -> float:
        """Return how long it takes where the voltage is lowered to its end."""
        del plan
        steps = max(0.0, USUAL_NOMINAL_V - settings.lowest.to("V")) / settings.step.to("V")
        deliveries_s = 2.0 * settings.run_in.to("s") + steps * settings.step_time.to("s")
        return deliveries_s + settings.off_for.to("s") + 2.0 * settings.blank.to("s") + 2.0 * SETTLE_S + TELLING_S

    def planned_uncertainty(self, settings: PowerSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for voltages and volumes."""
        blank_s = settings.blank.to("s")
        after_s = settings.run_in.to("s") + SETTLE_S
        expanded_u, words = planned_levels(after_s, blank_s, context)
        due_u = settings.rate.to("U/h", context.concentration) * settings.run_in.to("s") / HOUR_S
        percent = 100.0 * expanded_u / due_u
        step_v, accuracy_v = settings.step.to("V"), _accuracy_v(context)
        expanded_v = 2.0 * ((0.5 * step_v) ** 2 / 3.0 + accuracy_v**2 / 3.0) ** 0.5
        said = f"steps of {settings.step}, supply ±{accuracy_v:g} V; U = {number(expanded_v, 2)} V"
        return {
            "voltage_at_alarm": (expanded_v, said),
            "delivered_while_off": planned_levels(settings.off_for.to("s"), blank_s, context),
            "error_after_return": (percent, f"{words} of {due_u:.3g} U; U = {number(percent, 2)} %"),
        }

    def drive(self, settings: PowerSettings, stage: Stage) -> None:
        """Deliver, lower the voltage, cut the power, return it, and deliver again."""
        drive(settings, stage)

    def evaluate(self, settings: PowerSettings, record: TestRecord, context: Context) -> Evaluation:
        """Find the voltage of the alarm, weigh what came without power and after it, and compare the pump's counts."""
        del settings
        weighing = weigh_record(record, context)
        happened = facts(record)
        seen = PowerReadings(happened, weighing, _accuracy_v(context), context.concentration.ul_per_u)
        notes, doubts = recording_findings(record, weighing, context)
        alarm_notes, alarm_doubts = alarm_findings(record, expected=happened.told)
        words = simulated_words(record.simulated)
        return Evaluation(
            measurements=measure(seen, self.measurements),
            tables=[
                course_table(seen, record.start_s),
                *corrections_table(weighing, context, *between_blanks(weighing)),
            ],
            figures=figures(seen, record, words),
            findings=power_findings(seen),
            notes=[*alarm_notes, *notes],
            doubts=[*alarm_doubts, *doubts],
        )


def _accuracy_v(context: Context) -> float:
    """Return how far the supply's reading may be off, by the rig file; nothing where it does not say."""
    spec = context.rig.power
    accuracy = getattr(spec.options, "accuracy", None) if spec is not None else None
    return float(accuracy.to("V")) if accuracy is not None else 0.0


PROCEDURE = Power()
