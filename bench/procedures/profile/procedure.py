"""Procedure `profile`: a day on a pump, by its profile, with boluses, temporary rates and suspensions laid over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.plan.model import Plan, PumpSpec
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.profile.evaluation import evaluate_day
from bench.procedures.profile.planning import planned_day, planned_programme
from bench.procedures.shared.common import let_settle, record_blank, stop_basal
from bench.procedures.shared.day import (
    Overlay,
    Segment,
    acts,
    check_overlay,
    check_segments,
    undeliverable,
)
from bench.procedures.shared.day_drive import DayDrive
from bench.procedures.shared.levels import SETTLE_S
from bench.quantities import Duration, Quantity
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import (
    Balance,
    DeliversBolus,
    DeliversExtendedBolus,
    DeliversProfile,
    DeliversTemporaryBasal,
    Suspends,
)

SHORTEST_S = 600.0


class ProfileSettings(ProcedureSettings):
    """Which profile is followed for how long, and what is laid over it."""

    segments: list[Segment] = Field(
        description="the profile: `{at: '06:00', rate: 1 U/h}` …, the first at 00:00, 48 at most; the pump's day begins"
        " with the first command, and the profile begins anew every day"
    )
    duration: Duration = Field(default=Quantity(24.0, "h"), description="from the first command to the stop")
    overlay: list[Overlay] = Field(
        default=[],
        description="what is laid over it, in the order of time: `{at: '07:00', bolus: 4 U}`, `{at: '12:00',"
        " bolus: 2 U, extended: 2 U, lasting: 2 h}` (dual wave; without `bolus` a square wave), `{at: '16:00',"
        " temporary: 50 %, lasting: 1 h}` (or `0.3 U/h`), `{at: '22:00', suspend: 30 min}`",
    )
    blank: Duration = Field(
        default=Quantity(30.0, "min"),
        description="weighing without delivery before the first command and after the stop",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_segments(self.segments)
        if self.duration.to("s") < SHORTEST_S:
            raise ValueError(f"`duration` must be {SHORTEST_S / 60.0:g} min or more, not {self.duration}")
        if self.blank.value < 0.0:
            raise ValueError(f"`blank` cannot be negative: {self.blank}")
        check_overlay(self.overlay, self.duration.to("s"))
        return self


def day_catalogue() -> dict[str, MeasurementSpec]:
    """Return what is measured of any day on a pump."""
    longer = ("basal_error", "mean_error")
    return {
        "mean_error": MeasurementSpec("mean error of all that was due, boluses included", "ratio", "%", perfect=0.0),
        "total_volume": MeasurementSpec("volume delivered in all", "volume", "U", (0.0, None)),
        "largest_segment_error": MeasurementSpec(
            "largest error of a segment of the profile, by size", "ratio", "%", (0.0, None), longer
        ),
        "segments_within_15_percent": MeasurementSpec(
            "segments within ±15 % of what was due", "ratio", "%", (0.0, 100.0), longer
        ),
        "basal_error": MeasurementSpec(
            "error of the basal rates, between boluses", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
        "bolus_error": MeasurementSpec(
            "error of all boluses, the basal rate taken out", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
        "largest_bolus_error": MeasurementSpec(
            "largest error of a bolus, by size", "ratio", "%", (0.0, None), ("bolus_error",)
        ),
        "response_delay": MeasurementSpec(
            "mean time from a change to the first dose at the new interval", "duration", "min"
        ),
        "largest_response_delay": MeasurementSpec(
            "longest such time, by size: late or early", "duration", "min", (0.0, None)
        ),
        "largest_excess_delay": MeasurementSpec(
            "longest time beyond an interval of the new rate, or early", "duration", "min", (0.0, None)
        ),
        "lost_at_changes": MeasurementSpec(
            "mean volume that a change loses (+) or adds (−)", "volume", "U", perfect=0.0
        ),
        "largest_loss_at_change": MeasurementSpec(
            "largest volume that a change loses or adds, by size", "volume", "U", (0.0, None), ("lost_at_changes",)
        ),
        "suspended_volume": MeasurementSpec("volume that came while nothing was due", "volume", "U", perfect=0.0),
        "temporary_error": MeasurementSpec(
            "error of the temporary rates, of what was due meanwhile", "ratio", "%", instead=longer, perfect=0.0
        ),
        "interaction": MeasurementSpec(
            "volume that basal loses (+) or gains (−) around a bolus", "volume", "U", perfect=0.0
        ),
        "clock_error": MeasurementSpec("rate of the pump's clock, by its doses: fast (+)", "ratio", "%", perfect=0.0),
    }


def capabilities(overlay: Sequence[Overlay]) -> list[type]:
    """Return what a pump must be able to do for what is laid over a profile."""
    kinds = {each.kind for each in overlay}
    needed: list[type] = [DeliversProfile]
    needed += [DeliversBolus] if kinds & {"bolus", "extended bolus"} else []
    needed += [DeliversExtendedBolus] if "extended bolus" in kinds else []
    needed += [DeliversTemporaryBasal] if "temporary" in kinds else []
    return [*needed, Suspends] if "suspend" in kinds else needed


class Profile:
    """A basal profile with boluses, temporary rates and suspensions laid over it."""

    name: ClassVar[str] = "profile"
    partial: ClassVar[bool] = True
    summary: ClassVar[str] = "a basal profile over a day, with boluses, temporary rates and suspensions laid over it"
    Settings: ClassVar[type[ProcedureSettings]] = ProfileSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = day_catalogue()

    def refusals(self, settings: ProfileSettings, pump: PumpSpec) -> Sequence[str]:
        """Return what the plan's pump cannot meter, in words."""
        return list(undeliverable(settings.segments, settings.overlay, pump, settings.duration.to("s")))

    def requires(self, settings: ProfileSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and that there is a balance."""
        return {"pump": capabilities(settings.overlay), "balance": [Balance]}

    def expected_duration_s(self, settings: ProfileSettings, plan: Plan) -> float:
        """Return delivery, both blanks and settling."""
        del plan
        return settings.duration.to("s") + 2.0 * settings.blank.to("s") + SETTLE_S

    def planned_uncertainty(self, settings: ProfileSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for volumes and errors."""
        duration_s = settings.duration.to("s")
        told = planned_programme(settings.segments, acts(settings.overlay), duration_s, context.concentration)
        return planned_day(told, duration_s, settings.blank.to("s"), context)

    def drive(self, settings: ProfileSettings, stage: Stage) -> None:
        """Weigh a blank, follow the profile, stop, let the line settle, weigh a blank again."""
        record_blank(stage, settings.blank.to("s"))
        DayDrive(stage).deliver(settings.segments, acts(settings.overlay), 0.0, settings.duration.to("s"))
        stop_basal(stage)
        let_settle(stage)
        record_blank(stage, settings.blank.to("s"))

    def evaluate(self, settings: ProfileSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh the day as a whole, by segment, by change and by what was laid over it."""
        evaluation, _ = evaluate_day(record, context, self.measurements, settings.duration.to("s"))
        return evaluation


PROCEDURE = Profile()
