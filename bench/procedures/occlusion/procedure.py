"""Procedure `occlusion`: shut the line while the pump delivers, wait for its alarm, then weigh what was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.occlusion.driving import TYPICAL_SPEED_UL_PER_MIN, WEIGH_S, drive
from bench.procedures.occlusion.findings import level_findings
from bench.procedures.occlusion.planning import longest_wait_s, planned
from bench.procedures.occlusion.settings import OcclusionSettings
from bench.procedures.occlusion.told import occlusions, open_flow
from bench.procedures.shared.alarms import OCCLUSION, alarm_findings
from bench.procedures.shared.corrections import between_blanks, corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.weighing import weigh_record
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import (
    Balance,
    DeliversBasal,
    DeliversBolus,
    Occluder,
    PressureSensor,
    RaisesAlarms,
    SetsOcclusionLevel,
)

__all__ = ["PROCEDURE", "Occlusion", "OcclusionSettings"]


class Occlusion:
    """Shut the line while the pump delivers, wait for its alarm, then weigh what was stored."""

    name: ClassVar[str] = "occlusion"
    summary: ClassVar[str] = "time to the occlusion alarm, pressure, volume missed and volume stored"
    Settings: ClassVar[type[ProcedureSettings]] = OcclusionSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = {
        "time_to_alarm": MeasurementSpec("time from the shut line to the alarm", "duration", "min", (0.0, None)),
        "pressure_at_alarm": MeasurementSpec("pressure when the alarm came", "pressure", "kPa"),
        "peak_pressure": MeasurementSpec("greatest pressure while shut", "pressure", "kPa", (0.0, None)),
        "missed_volume": MeasurementSpec("volume due but not delivered by the alarm", "volume", "U", (0.0, None)),
        "stored_bolus": MeasurementSpec("volume that the line gave back when opened", "volume", "U", (0.0, None)),
        "compliance": MeasurementSpec(
            "compliance of the shut line, by what was pushed into it", "compliance", "µL/kPa", (0.0, None)
        ),
        "compliance_released": MeasurementSpec(
            "compliance of the shut line, by what it gave back", "compliance", "µL/kPa", (0.0, None)
        ),
        "false_alarms": MeasurementSpec("occlusion alarms while flowing", "count", "", (0.0, None)),
        "longest_time_to_alarm": MeasurementSpec(
            "longest time from the shut line to the alarm", "duration", "min", (0.0, None)
        ),
        "compliance_change": MeasurementSpec(
            "change of the line's compliance, last occlusion against first", "ratio", "%", (-100.0, None), perfect=0.0
        ),
        "occlusion_alarms": MeasurementSpec("occlusion alarms", "count", "", (0.0, None)),
        "caught_up_fraction": MeasurementSpec(
            "part of the missed volume that came after the release", "ratio", "%", perfect=100.0
        ),
        "missed_after_release": MeasurementSpec(
            "volume due that never came, release and all", "volume", "U", perfect=0.0
        ),
        "line_pressure": MeasurementSpec("pressure while flowing (median)", "pressure", "kPa"),
        "flow_error": MeasurementSpec("volume that came, against what was due", "ratio", "%", perfect=0.0),
        "false_alarm_rate": MeasurementSpec(
            "false alarms an hour, upper limit with 95 % confidence", "number per time", "/h", (0.0, None)
        ),
    }

    def requires(self, settings: OcclusionSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and the instruments beside it."""
        delivers = DeliversBasal if settings.bolus is None else DeliversBolus
        sets = [] if settings.level is None else [SetsOcclusionLevel]
        needed: dict[str, Sequence[type]] = {
            "pump": [delivers, RaisesAlarms, *sets],
            "balance": [Balance],
            "pressure": [PressureSensor],
        }
        return needed | {"occluder": [Occluder]} if settings.shuts else needed

    def expected_duration_s(self, settings: OcclusionSettings, plan: Plan) -> float:
        """Return the time until the alarm after which the test can only fail: blanks, run-in, time-out and release."""
        release_s, blanks_s = settings.release_observation.to("s"), 2.0 * settings.blank.to("s")
        if settings.duration is not None:
            return blanks_s + settings.duration.to("s") + max(WEIGH_S, release_s)
        run_in_s = settings.run_in.to("s")
        if settings.bolus is not None:
            run_in_s = max(run_in_s, 60.0 * settings.bolus.to("µL", plan.pump.insulin) / TYPICAL_SPEED_UL_PER_MIN)
        return blanks_s + settings.repeats * (run_in_s + longest_wait_s(settings) + 2.0 * WEIGH_S + release_s)

    def planned_uncertainty(self, settings: OcclusionSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for times, pressures, volumes and rates."""
        return planned(settings, context)

    def drive(self, settings: OcclusionSettings, stage: Stage) -> None:
        """Let it flow, and do with the line what the settings ask for."""
        drive(settings, stage)

    def evaluate(self, settings: OcclusionSettings, record: TestRecord, context: Context) -> Evaluation:
        """Place alarms in time, weigh what was missed, stored and delivered, and read the pressure."""
        weighing = weigh_record(record, context)
        if settings.shuts:
            found = occlusions(settings, record, weighing, context, self.measurements)
        else:
            found = open_flow(settings, record, weighing, context, self.measurements)
        notes, doubts = recording_findings(record, weighing, context)
        alarm_notes, alarm_doubts = alarm_findings(record, expected=[OCCLUSION])
        level_notes, level_doubts = level_findings(settings, record)
        corrected = corrections_table(weighing, context, *between_blanks(weighing))
        return Evaluation(
            measurements=found.measurements,
            tables=[*found.tables, *corrected],
            figures=found.figures,
            findings=found.findings,
            notes=[*alarm_notes, *level_notes, *found.notes, *notes],
            doubts=[*alarm_doubts, *level_doubts, *found.doubts, *doubts],
        )


PROCEDURE = Occlusion()
