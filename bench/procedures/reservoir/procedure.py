"""Procedure `reservoir`: delivered empty and changed; what the pump says of it, and what really comes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.metrology.rounding import number
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.reservoir.course import PRIME_ENDED
from bench.procedures.reservoir.evaluation import PRIME_POLL_S, Asked, evaluate_reservoir
from bench.procedures.shared.alarms import blocking
from bench.procedures.shared.commands import prime, tell_reservoir
from bench.procedures.shared.common import let_settle, record_blank, start_basal, stop_basal
from bench.procedures.shared.levels import SETTLE_S
from bench.procedures.shared.operator import put_in
from bench.procedures.shared.planning import planned_levels
from bench.quantities import Duration, Quantity, Rate, Volume
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import (
    Balance,
    DeliversBasal,
    DeliveryState,
    Operator,
    Primes,
    RaisesAlarms,
    TakesReservoir,
)

POLL_S = 2.0
LATE_SHARE, LATE_S = 0.3, 600.0
"""The empty alarm is waited for so much longer than the reservoir should last, and so long on top."""
_PRIME_TIMEOUT_S = 900.0
_HAND_S = 60.0


class ReservoirSettings(ProcedureSettings):
    """How full the reservoir is, how it is emptied, and whether it is changed then."""

    remaining: Volume = Field(description="what the pump is told that its reservoir holds", examples=["25 U"])
    put_in: bool = Field(
        default=False,
        description="whether an operator puts in a reservoir that really holds so much; else the pump is only told",
    )
    rate: Rate = Field(description="basal rate at which it is delivered empty", examples=["15 U/h"])
    last_units: Volume = Field(default=Quantity(5.0, "U"), description="how much before the empty alarm is looked at")
    after_empty: Duration = Field(
        default=Quantity(10.0, "min"), description="how long the pump is left alone after the empty alarm"
    )
    new: Volume | None = Field(
        default=None, description="what a new reservoir holds, which an operator puts in at the end", examples=["300 U"]
    )
    prime: Volume = Field(default=Quantity(10.0, "U"), description="prime after the change")
    after_change: Duration = Field(
        default=Quantity(30.0, "min"), description="how long the rate is delivered after change and prime"
    )
    blank: Duration = Field(default=Quantity(10.0, "min"), description="weighing without delivery, before and after")

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("remaining", "rate", "last_units", "prime"):
            if getattr(self, name).value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {getattr(self, name)}")
        if self.new is not None and self.new.value <= 0.0:
            raise ValueError(f"`new` must be more than nothing, not {self.new}")
        if self.after_empty.to("s") < 180.0:
            raise ValueError(f"`after_empty` must be 3 min or more, so that the line settles, not {self.after_empty}")
        if self.blank.to("s") < 120.0:
            raise ValueError(f"`blank` must be 2 min or more to tell the noise, not {self.blank}")
        return self


def _catalogue() -> dict[str, MeasurementSpec]:
    return {
        "remainder_at_low": MeasurementSpec("told remainder less weighed, at the low warning", "volume", "U"),
        "remainder_at_empty": MeasurementSpec("told remainder less weighed, at the empty alarm", "volume", "U"),
        "error_before": MeasurementSpec("error of the rate before the last units", "ratio", "%", perfect=0.0),
        "last_units_error": MeasurementSpec(
            "error of the rate over the last units before the empty alarm", "ratio", "%", perfect=0.0
        ),
        "delivered_after_empty": MeasurementSpec("delivered after the empty alarm", "volume", "U"),
        "prime_volume": MeasurementSpec("volume of the prime after the change", "volume", "U", (0.0, None)),
        "prime_time": MeasurementSpec("duration of the prime", "duration", "s", (0.0, None)),
        "error_after_change": MeasurementSpec("error of the rate after change and prime", "ratio", "%", perfect=0.0),
    }


class Reservoir:
    """A reservoir that is delivered empty and changed."""

    name: ClassVar[str] = "reservoir"
    summary: ClassVar[str] = "low and empty warnings against what is really left, the last units, change and prime"
    Settings: ClassVar[type[ProcedureSettings]] = ReservoirSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = _catalogue()

    def requires(self, settings: ReservoirSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and an operator where a reservoir is put in."""
        pump: list[type] = [DeliversBasal, TakesReservoir, RaisesAlarms]
        needs: dict[str, Sequence[type]] = {"pump": pump, "balance": [Balance]}
        if settings.new is not None:
            pump.append(Primes)
        if settings.new is not None or settings.put_in:
            needs["operator"] = [Operator]
        return needs

    def expected_duration_s(self, settings: ReservoirSettings, plan: Plan) -> float:
        """Return emptying, watching, change, prime and what is delivered after it."""
        emptied_s = self._emptied_s(settings, plan)
        total_s = 2.0 * settings.blank.to("s") + emptied_s + settings.after_empty.to("s") + SETTLE_S
        if settings.new is not None:
            total_s += _HAND_S + 120.0 + settings.after_change.to("s") + 2.0 * SETTLE_S
        return total_s + (_HAND_S if settings.put_in else 0.0)

    def planned_uncertainty(self, settings: ReservoirSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells of volumes and errors."""
        concentration, increment = context.concentration, context.plan.pump.basal_increment
        blank_s, emptied_s = settings.blank.to("s"), self._emptied_s(settings, context.plan)
        pulse_u = 0.0 if increment is None else increment.to("U", concentration)
        found = {}
        for name, interval_s, pulses in (
            ("remainder_at_low", emptied_s, 1.0),
            ("remainder_at_empty", emptied_s, 0.0),
            ("delivered_after_empty", settings.after_empty.to("s"), 0.0),
        ):
            volume_u, words = planned_levels(interval_s, blank_s, context)
            whole_u = math.hypot(volume_u, 2.0 * pulses * pulse_u / math.sqrt(3.0))
            found[name] = (whole_u, f"{words}, and {pulses:g} pulses; U = {number(whole_u, 2)} U")
        last_u = settings.last_units.to("U", concentration)
        volume_u, words = planned_levels(3600.0 * last_u / settings.rate.to("U/h", concentration), blank_s, context)
        percent = 100.0 * math.hypot(volume_u, 2.0 * 1.5 * pulse_u / math.sqrt(3.0)) / last_u
        found["last_units_error"] = (percent, f"{words}, of {last_u:g} U; U = {number(percent, 2)} %")
        return found

    def _emptied_s(self, settings: ReservoirSettings, plan: Plan) -> float:
        concentration = plan.pump.insulin
        volume_ul = settings.remaining.to("µL", concentration)
        return 3600.0 * volume_ul / settings.rate.to("µL/h", concentration)

    def drive(self, settings: ReservoirSettings, stage: Stage) -> None:
        """Deliver until the empty alarm, watch, and change the reservoir where the test asks for it."""
        concentration = stage.context.concentration
        rate_ul_per_h = settings.rate.to("µL/h", concentration)
        if settings.put_in:
            put_in(stage, settings.remaining.to("µL", concentration))
        tell_reservoir(stage, settings.remaining.to("µL", concentration))
        record_blank(stage, settings.blank.to("s"))
        start_basal(stage, rate_ul_per_h)
        timeout_s = (1.0 + LATE_SHARE) * self._emptied_s(settings, stage.context.plan) + LATE_S
        if stage.wait_until(lambda: blocking(stage.alarms()) is not None, timeout_s, "delivering it empty", POLL_S):
            stage.wait_s(settings.after_empty.to("s"), "watching after the alarm")
        stop_basal(stage)
        let_settle(stage)
        if settings.new is not None:
            self._change(settings, stage, settings.new.to("µL", concentration))
        record_blank(stage, settings.blank.to("s"))

    def _change(self, settings: ReservoirSettings, stage: Stage, new_ul: float) -> None:
        concentration = stage.context.concentration
        put_in(stage, new_ul)
        stage.pump_as(RaisesAlarms).acknowledge_alarms()
        stage.event("alarms acknowledged")
        tell_reservoir(stage, new_ul)
        stage.wait_s(SETTLE_S, "settling after the change")
        prime(stage, settings.prime.to("µL", concentration))
        ended = stage.wait_until(
            lambda: stage.pump.state() is not DeliveryState.PRIMING, _PRIME_TIMEOUT_S, "priming", PRIME_POLL_S
        )
        stage.event(PRIME_ENDED, by_itself=ended)
        stage.wait_s(2.0 * SETTLE_S, "settling after the prime")
        start_basal(stage, settings.rate.to("µL/h", concentration))
        stage.wait_s(settings.after_change.to("s"), "delivering after the change")
        stop_basal(stage)
        stage.wait_s(SETTLE_S, "settling")

    def evaluate(self, settings: ReservoirSettings, record: TestRecord, context: Context) -> Evaluation:
        """Compare what the pump said with what came."""
        concentration, increment = context.concentration, context.plan.pump.basal_increment
        return evaluate_reservoir(
            record,
            context,
            self.measurements,
            Asked(
                remaining_ul=settings.remaining.to("µL", concentration),
                last_ul=settings.last_units.to("µL", concentration),
                prime_ul=settings.prime.to("µL", concentration) if settings.new is not None else 0.0,
                rate_ul_per_h=settings.rate.to("µL/h", concentration),
                increment_ul=math.nan if increment is None else increment.to("µL", concentration),
            ),
        )


PROCEDURE = Reservoir()
