"""Procedure `idle`: a pump that is to deliver nothing, and what comes all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.idle.evaluation import evaluate_idle
from bench.procedures.idle.planning import planned_idle
from bench.procedures.shared.alarms import blocking
from bench.procedures.shared.commands import suspend
from bench.procedures.shared.common import start_basal, stop_basal
from bench.quantities import Duration, Length, Quantity, Rate
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliversBasal, Suspends

SHORTEST_S = 300.0
POLL_S = 2.0


class IdleSettings(ProcedureSettings):
    """How the pump is brought to rest, and how long it is watched."""

    state: Literal["stopped", "suspended"] = Field(
        default="stopped", description="how it rests: stopped, or suspended with its settings kept (needs `rate`)"
    )
    duration: Duration = Field(description="how long it is watched, after `settle`", examples=["4 h"])
    rate: Rate | None = Field(
        default=None, description="basal rate of the run-in; none: the pump rests from the beginning"
    )
    run_in: Duration | None = Field(default=None, description="how long that rate is delivered before the rest")
    settle: Duration = Field(
        default=Quantity(10.0, "min"), description="what the line gives so long after the rest began is not counted"
    )
    head_height: Length | None = Field(
        default=None,
        description="how high the reservoir is above the outlet, as set up by hand: told in the report",
        examples=["50 cm", "-30 cm"],
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.duration.to("s") < SHORTEST_S:
            raise ValueError(f"`duration` must be {SHORTEST_S / 60.0:g} min or more, not {self.duration}")
        if (self.rate is None) != (self.run_in is None):
            given, lacking = ("rate", "run_in") if self.run_in is None else ("run_in", "rate")
            raise ValueError(f"`{given}` needs `{lacking}`, too: a run-in is a basal rate for some time")
        for name, value in (("rate", self.rate), ("run_in", self.run_in)):
            if value is not None and value.value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {value}; without a run-in leave it out")
        if self.settle.value < 0.0:
            raise ValueError(f"`settle` cannot be negative: {self.settle}")
        if self.state == "suspended" and self.rate is None:
            raise ValueError(
                "`state: suspended` needs a delivery to suspend: `rate` and `run_in`; or write `state: stopped`"
            )
        return self


def _catalogue() -> dict[str, MeasurementSpec]:
    return {
        "unintended_volume": MeasurementSpec(
            "volume that came from a pump at rest (negative: went back)", "volume", "U", perfect=0.0
        ),
        "unintended_rate": MeasurementSpec("mean rate from the pump at rest", "rate", "U/h", perfect=0.0),
        "unintended_rate_limit": MeasurementSpec(
            "rate that is not exceeded, with 95 % confidence (one-sided)", "rate", "U/h", perfect=0.0
        ),
        "detection_limit": MeasurementSpec(
            "least rate that this rig would have told from nothing, 19 times of 20", "rate", "U/h", (0.0, None)
        ),
        "unintended_pulses": MeasurementSpec("steps upwards while the pump was at rest", "count", "", (0.0, None)),
    }


class Idle:
    """A pump that is to deliver nothing."""

    name: ClassVar[str] = "idle"
    partial: ClassVar[bool] = True
    summary: ClassVar[str] = "a stopped or suspended pump: leak, siphoning and unintended delivery, and their limits"
    Settings: ClassVar[type[ProcedureSettings]] = IdleSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = _catalogue()

    def requires(self, settings: IdleSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and that there is a balance."""
        pump: list[type] = [] if settings.rate is None else [DeliversBasal]
        if settings.state == "suspended":
            pump.append(Suspends)
        return {"pump": pump, "balance": [Balance]}

    def expected_duration_s(self, settings: IdleSettings, plan: Plan) -> float:
        """Return run-in, settling and the watch."""
        del plan
        run_in_s = 0.0 if settings.run_in is None else settings.run_in.to("s")
        return run_in_s + settings.settle.to("s") + settings.duration.to("s")

    def planned_uncertainty(self, settings: IdleSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what balance and declared evaporation leave open over the duration."""
        return planned_idle(settings.duration.to("s"), context)

    def drive(self, settings: IdleSettings, stage: Stage) -> None:
        """Run the pump in, bring it to rest and watch; an alarm that blocks ends it early. Stopped at the end."""

        def blocked() -> bool:
            return blocking(stage.alarms()) is not None

        if settings.rate is not None and settings.run_in is not None:
            start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
            if stage.wait_until(blocked, settings.run_in.to("s"), "run-in", POLL_S):
                _ended_early(stage, "run-in")
                stop_basal(stage)
                return
        if settings.state == "suspended":
            suspend(stage)
        else:
            stop_basal(stage)
        begun_s = stage.event("idle began", state=settings.state, told=stage.pump.state().value)
        stage.wait_s(settings.settle.to("s"), "the line settles")
        stage.event("idle watched", settled_s=stage.clock.now_s() - begun_s)
        if stage.wait_until(blocked, settings.duration.to("s"), f"watching a {settings.state} pump", POLL_S):
            _ended_early(stage, "watch")
        stage.event("idle ended", told=stage.pump.state().value)
        if settings.state == "suspended":
            stop_basal(stage)

    def evaluate(self, settings: IdleSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh what came while the pump was at rest."""
        height = "" if settings.head_height is None else str(settings.head_height)
        return evaluate_idle(settings.state, settings.duration, height, record, context, self.measurements)


def _ended_early(stage: Stage, during: str) -> None:
    alarm = blocking(stage.alarms())
    if alarm is not None:
        stage.event("idle ended early", during=during, code=alarm.code, text=alarm.text)


PROCEDURE = Idle()
