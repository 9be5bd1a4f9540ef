"""Procedure `blank`: the empty rig, weighed while nothing is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.blank.evaluation import evaluate_blank
from bench.procedures.blank.planning import planned_blank
from bench.procedures.shared.common import record_blank
from bench.procedures.shared.planning import ul_per_mg
from bench.quantities import Duration, Quantity, Rate
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance

SHORTEST_S = 600.0


class BlankSettings(ProcedureSettings):
    """For how long the empty rig is weighed."""

    duration: Duration = Field(
        default=Quantity(1.0, "h"), description="how long is weighed without delivery", examples=["1 h", "12 h"]
    )
    settle: Duration = Field(
        default=Quantity(1.0, "min"), description="wait after the pump was stopped, before the blank begins"
    )
    pulses_at: Rate = Field(
        default=Quantity(1.0, "U/h"),
        description="basal rate for whose single pulses, of the plan's `basal_increment`, the uncertainty is told",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.duration.to("s") < SHORTEST_S:
            raise ValueError(f"`duration` must be 10 min or more to tell noise and loss, not {self.duration}")
        if self.settle.value < 0.0:
            raise ValueError(f"`settle` cannot be negative: {self.settle}")
        if self.pulses_at.value <= 0.0:
            raise ValueError(f"`pulses_at` must be more than nothing, not {self.pulses_at}")
        return self


class Blank:
    """The empty rig, weighed while nothing is delivered."""

    name: ClassVar[str] = "blank"
    partial: ClassVar[bool] = True
    summary: ClassVar[str] = "what the empty rig does by itself: evaporation, drift, noise, disturbances"
    Settings: ClassVar[type[ProcedureSettings]] = BlankSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = {
        "evaporation_rate": MeasurementSpec(
            "loss of the vessel: evaporation and steady drift", "mass rate", "mg/h", perfect=0.0
        ),
        "rate_stability": MeasurementSpec(
            "loss of the second half less that of the first", "mass rate", "mg/h", perfect=0.0
        ),
        "noise_10s": MeasurementSpec("Allan deviation of means over 10 s", "mass", "mg", (0.0, None)),
        "pulse_uncertainty": MeasurementSpec(
            "expanded uncertainty (k = 2) of a single pulse of the basal increment", "ratio", "%", (0.0, None)
        ),
        "disturbances_per_hour": MeasurementSpec("disturbances of the balance per hour", "count", "", (0.0, None)),
        "temperature_range": MeasurementSpec(
            "range of the air's temperature", "temperature difference", "K", (0.0, None)
        ),
    }

    def requires(self, settings: BlankSettings) -> Mapping[str, Sequence[type]]:
        """Return that there is a pump, which stands still, and a balance."""
        del settings
        return {"pump": [], "balance": [Balance]}

    def expected_duration_s(self, settings: BlankSettings, plan: Plan) -> float:
        """Return the blank and what comes before it."""
        del plan
        return settings.settle.to("s") + settings.duration.to("s")

    def planned_uncertainty(self, settings: BlankSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for everything that is measured."""
        return planned_blank(settings.duration.to("h"), *self._pulses(settings, context), ul_per_mg(context), context)

    def drive(self, settings: BlankSettings, stage: Stage) -> None:
        """Stop the pump, let the line settle, and weigh."""
        stage.pump.stop()
        stage.event("pump stopped")
        stage.wait_s(settings.settle.to("s"), "settling")
        record_blank(stage, settings.duration.to("s"))

    def evaluate(self, settings: BlankSettings, record: TestRecord, context: Context) -> Evaluation:
        """Tell loss, noise and disturbances, and what they mean for every other test on this rig."""
        pulse_ul, rate_ul_per_h = self._pulses(settings, context)
        return evaluate_blank(
            record,
            context,
            self.measurements,
            duration_s=settings.duration.to("s"),
            pulse_ul=pulse_ul,
            rate_ul_per_h=rate_ul_per_h,
        )

    def _pulses(self, settings: BlankSettings, context: Context) -> tuple[float | None, float]:
        """Return volume and rate of the pulses that uncertainty is told for."""
        increment, concentration = context.plan.pump.basal_increment, context.concentration
        pulse_ul = None if increment is None else increment.to("µL", concentration)
        return pulse_ul, settings.pulses_at.to("µL/h", concentration)


PROCEDURE = Blank()
