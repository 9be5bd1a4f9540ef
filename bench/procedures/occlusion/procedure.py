"""Procedure `occlusion`: shut the line while the pump delivers, wait for its alarm, then weigh what was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.metrology.rounding import number
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.bolus.figures import simulated_words
from bench.procedures.occlusion.evaluation import measure, occlusion_doubts, occlusion_notes
from bench.procedures.occlusion.facts import NO_BOLUS, facts
from bench.procedures.occlusion.figures import course_table, figures
from bench.procedures.occlusion.line_compliance import disagreement
from bench.procedures.occlusion.readings import readings
from bench.procedures.shared.alarms import OCCLUSION, alarm_findings, blocking
from bench.procedures.shared.common import record_blank, start_basal, stop_basal
from bench.procedures.shared.corrections import between_blanks, corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.planning import planned_levels
from bench.procedures.shared.pump_clock import mark_pump_clock
from bench.procedures.shared.weighing import weigh_record
from bench.quantities import Duration, Quantity, Rate, Volume
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.errors import InstrumentError
from drivers.roles import Balance, DeliversBasal, DeliversBolus, Occluder, PressureSensor, RaisesAlarms

WEIGH_S = 60.0
"""How long the shut line rests before anything else is done to it, so that its level can be weighed."""
POLL_S = 1.0
TYPICAL_SPEED_UL_PER_MIN = 15.0


class OcclusionSettings(ProcedureSettings):
    """What flows into the shut line, and how long the test waits; exactly one of `rate` and `bolus`."""

    rate: Rate | None = Field(default=None, description="basal rate into the shut line", examples=["1 U/h"])
    bolus: Volume | None = Field(default=None, description="volume of the bolus into the shut line", examples=["5 U"])
    run_in: Duration = Field(
        default=Quantity(30.0, "min"),
        description="flow before the line is shut; with `bolus`: one such bolus, and the rest of this time",
    )
    timeout: Duration = Field(description="longest wait for the alarm", examples=["3 h"])
    release_observation: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing of what the line gives back once it is opened"
    )
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without delivery at the begin and at the end"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.rate is None) == (self.bolus is None):
            raise ValueError("exactly one of `rate` and `bolus` must be given")
        for name in ("rate", "bolus", "timeout", "release_observation"):
            quantity = getattr(self, name)
            if quantity is not None and quantity.value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {quantity}")
        if self.run_in.value < 0.0 or self.blank.value < 0.0:
            raise ValueError("`run_in` and `blank` cannot be negative")
        return self


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
    }

    def requires(self, settings: OcclusionSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and the instruments beside it."""
        delivers = DeliversBasal if settings.bolus is None else DeliversBolus
        return {
            "pump": [delivers, RaisesAlarms],
            "balance": [Balance],
            "pressure": [PressureSensor],
            "occluder": [Occluder],
        }

    def expected_duration_s(self, settings: OcclusionSettings, plan: Plan) -> float:
        """Return the time until the alarm after which the test can only fail: blanks, run-in, time-out and release."""
        run_in_s = settings.run_in.to("s")
        if settings.bolus is not None:
            run_in_s = max(run_in_s, 60.0 * settings.bolus.to("µL", plan.pump.insulin) / TYPICAL_SPEED_UL_PER_MIN)
        waits_s = 2.0 * settings.blank.to("s") + 2.0 * WEIGH_S + settings.release_observation.to("s")
        return run_in_s + settings.timeout.to("s") + waits_s

    def planned_uncertainty(self, settings: OcclusionSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for time, pressures and volumes."""
        blank_s, poll_s = settings.blank.to("s"), 2.0 * POLL_S
        asked = f"alarms are asked for every {POLL_S:g} s; U = {number(poll_s / 60.0, 2)} min"
        found = {
            "time_to_alarm": (poll_s / 60.0, asked),
            "missed_volume": planned_levels(settings.timeout.to("s"), blank_s, context),
            "stored_bolus": planned_levels(settings.release_observation.to("s"), blank_s, context),
        }
        pressure = context.rig.pressure
        if pressure is not None and pressure.calibration is not None:
            calibration = pressure.calibration
            expanded_kpa = 2.0 * calibration.expanded_uncertainty.to("kPa") / calibration.k
            words = f"certificate {calibration.certificate}: U = {number(expanded_kpa, 2)} kPa"
            found |= dict.fromkeys(("pressure_at_alarm", "peak_pressure"), (expanded_kpa, words))
        return found

    def drive(self, settings: OcclusionSettings, stage: Stage) -> None:
        """Let it flow, shut the line, wait for the alarm, stop, open, weigh what comes."""
        record_blank(stage, settings.blank.to("s"))
        mark_pump_clock(stage)
        if _run_in(settings, stage):
            _shut_until_alarm(settings, stage)
            _stop(settings, stage)
            stage.wait_s(WEIGH_S, "weighing before the line is opened")
            _move_occluder(stage, shut=False)
            stage.wait_s(settings.release_observation.to("s"), "weighing what the line gives back")
        else:
            _stop(settings, stage)
        record_blank(stage, settings.blank.to("s"))

    def evaluate(self, settings: OcclusionSettings, record: TestRecord, context: Context) -> Evaluation:
        """Place the alarm in time, weigh what was missed and stored, and read the pressure."""
        weighing = weigh_record(record, context)
        happened = facts(record)
        pressure = record.series("pressure.pressure_kpa")
        seen = readings(happened, weighing, pressure, settings.release_observation.to("s"), context)
        notes, doubts = recording_findings(record, weighing, context)
        alarm_notes, alarm_doubts = alarm_findings(record, expected=[OCCLUSION])
        words = simulated_words(record.simulated)
        corrected = corrections_table(weighing, context, *between_blanks(weighing))
        measured = measure(seen, self.measurements)
        by_name = {each.name: each for each in measured}
        differ = disagreement(by_name["compliance"], by_name["compliance_released"])
        return Evaluation(
            measurements=measured,
            tables=[course_table(seen, record.start_s), *corrected],
            figures=figures(seen, record.start_s, words),
            notes=[*alarm_notes, *occlusion_notes(seen), *([differ] if differ else []), *notes],
            doubts=[*alarm_doubts, *occlusion_doubts(seen), *doubts],
        )


def _run_in(settings: OcclusionSettings, stage: Stage) -> bool:
    """Deliver through the open line; return whether no alarm blocked it."""
    run_in_s = settings.run_in.to("s")
    begin_s = stage.clock.now_s()
    if settings.rate is not None:
        start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
    else:
        if not _start_bolus(settings, stage, index=0):
            return False
        bolus_done_s = run_in_s + 60.0 * _bolus_ul(settings, stage) / TYPICAL_SPEED_UL_PER_MIN
        active_s = stage.clock.now_s()

        def done() -> bool:
            nonlocal active_s
            asked_s = stage.clock.now_s()
            if stage.pump_as(DeliversBolus).bolus_status().active:
                active_s = asked_s
                return False
            return True

        stage.wait_until(done, bolus_done_s, "bolus through the open line", POLL_S)
        _note_bolus(stage, index=0, active_s=active_s)
    left_s = max(WEIGH_S, begin_s + run_in_s - stage.clock.now_s())
    return not stage.wait_until(lambda: blocking(stage.alarms()) is not None, left_s, "flow before the line is shut")


def _shut_until_alarm(settings: OcclusionSettings, stage: Stage) -> None:
    """Shut the line and wait until an alarm blocks the pump, or until the time-out."""
    _move_occluder(stage, shut=True)
    mark_pump_clock(stage)
    if settings.bolus is not None:
        what = "weighing before the bolus into the shut line"
        alarmed = stage.wait_until(lambda: blocking(stage.alarms()) is not None, WEIGH_S, what, POLL_S)
        if alarmed or not _start_bolus(settings, stage, index=1):
            alarm = blocking(stage.alarms())
            code, text = (alarm.code, alarm.text) if alarm is not None else ("", "")
            stage.event(NO_BOLUS, code=code, text=text)
            mark_pump_clock(stage)
            return
    begin_s = stage.clock.now_s()
    alarmed = stage.wait_until(
        lambda: blocking(stage.alarms()) is not None, settings.timeout.to("s"), "waiting for the alarm", POLL_S
    )
    if not alarmed:
        stage.event("no alarm", waited_s=stage.clock.now_s() - begin_s)
    mark_pump_clock(stage)
    if settings.bolus is not None:
        _note_bolus(stage, index=1)


def _stop(settings: OcclusionSettings, stage: Stage) -> None:
    """Note what the pump says that it does, stop it whatever that is, and end the alarm's signal."""
    stage.event("pump state", state=str(stage.pump.state()))
    if settings.rate is not None:
        stop_basal(stage)
    else:
        stage.pump.stop()
    stage.pump_as(RaisesAlarms).acknowledge_alarms()


def _move_occluder(stage: Stage, *, shut: bool) -> None:
    sent_s = stage.clock.now_s()
    if shut:
        stage.occluder.occlude()
    else:
        stage.occluder.release()
    stage.event("occluder closed" if shut else "occluder opened", sent_s=sent_s, acknowledged_s=stage.clock.now_s())


def _bolus_ul(settings: OcclusionSettings, stage: Stage) -> float:
    assert settings.bolus is not None  # noqa: S101 - only asked where the settings have one
    return settings.bolus.to("µL", stage.context.concentration)


def _start_bolus(settings: OcclusionSettings, stage: Stage, index: int) -> bool:
    """Command a bolus; return whether the pump took it, False where an alarm blocks it."""
    volume_ul = _bolus_ul(settings, stage)
    sent_s = stage.clock.now_s()
    try:
        stage.pump_as(DeliversBolus).start_bolus(volume_ul)
    except InstrumentError:
        # An alarm may have come since the last look: then that is what ends the test, not the refusal.
        stage.wait_until(
            lambda: blocking(stage.alarms()) is not None, POLL_S, "looking why a bolus was refused", POLL_S
        )
        if blocking(stage.alarms()) is None:
            raise
        return False
    stage.event("bolus commanded", index=index, volume_ul=volume_ul, sent_s=sent_s, acknowledged_s=stage.clock.now_s())
    return True


def _note_bolus(stage: Stage, index: int, **more: float) -> None:
    status = stage.pump_as(DeliversBolus).bolus_status()
    stage.event("bolus done", index=index, reported_ul=status.delivered_ul, **more)


PROCEDURE = Occlusion()
