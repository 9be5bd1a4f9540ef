"""What a plan can ask of an occlusion test, and which of it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bench.procedures.base import ProcedureSettings
from bench.quantities import Duration, Pressure, Quantity, Rate, Volume

MOST_REPEATS = 100


class Kind(StrEnum):
    """What is done with the line."""

    ALARM = "shut until the alarm"
    REPEATED = "shut until the alarm, several times"
    RELEASED = "opened before the alarm"
    FLOWING = "never shut"
    NARROWED = "narrowed by the lab"


_ONE = ("time_to_alarm", "pressure_at_alarm", "peak_pressure", "missed_volume", "stored_bolus", "compliance")
MEASURED: dict[Kind, tuple[str, ...]] = {
    Kind.ALARM: (*_ONE, "compliance_released", "false_alarms"),
    Kind.REPEATED: (*_ONE, "compliance_released", "false_alarms", "longest_time_to_alarm", "compliance_change"),
    Kind.RELEASED: (
        *("peak_pressure", "missed_volume", "compliance", "false_alarms", "occlusion_alarms"),
        *("caught_up_fraction", "missed_after_release"),
    ),
    Kind.FLOWING: ("line_pressure", "flow_error", "false_alarms", "false_alarm_rate"),
    Kind.NARROWED: ("time_to_alarm", "peak_pressure", "line_pressure", "flow_error", "occlusion_alarms"),
}
"""What each kind of occlusion test measures, and so which limits it can have."""
_NEEDED_FOR = {
    "longest_time_to_alarm": "`repeats: 2` or more",
    "compliance_change": "`repeats: 2` or more",
    "caught_up_fraction": "`release_before_alarm_at` or `release_before_alarm_after`",
    "missed_after_release": "`release_before_alarm_at` or `release_before_alarm_after`",
    "occlusion_alarms": "`release_before_alarm_at`, `release_before_alarm_after` or `partial_occlusion`",
    "flow_error": "`occlude: false` or `partial_occlusion`",
    "line_pressure": "`occlude: false` or `partial_occlusion`",
    "false_alarm_rate": "`occlude: false`",
}


class OcclusionSettings(ProcedureSettings):
    """What flows, what is done with the line, and how long the test waits; exactly one of `rate` and `bolus`."""

    rate: Rate | None = Field(default=None, description="basal rate into the shut line", examples=["1 U/h"])
    bolus: Volume | None = Field(default=None, description="volume of the bolus into the shut line", examples=["5 U"])
    run_in: Duration = Field(
        default=Quantity(30.0, "min"),
        description="flow before the line is shut; with `bolus`: one such bolus, and the rest of this time",
    )
    timeout: Duration | None = Field(
        default=None,
        description="longest wait for the alarm, or for the pressure of `release_before_alarm_at`;"
        " **required** where the line is shut",
        examples=["3 h"],
    )
    release_observation: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing of what the line gives back once it is opened"
    )
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without delivery at the begin and at the end"
    )
    level: Literal["low", "medium", "high"] | None = Field(
        default=None, description="threshold of the pump's occlusion alarm, set for this test and put back after it"
    )
    repeats: int = Field(
        default=1,
        ge=1,
        le=MOST_REPEATS,
        description="occlusions one after another, each with its run-in and its release",
    )
    release_before_alarm_at: Pressure | None = Field(
        default=None,
        description="the line is opened at this pressure, before the alarm comes, and the pump goes on for"
        " `release_observation`",
        examples=["60 kPa"],
    )
    release_before_alarm_after: Duration | None = Field(
        default=None, description="the same, so long after the flow met the shut line", examples=["20 min"]
    )
    occlude: bool = Field(
        default=True, description="false: the line stays open for `duration`, and every occlusion alarm is a false one"
    )
    partial_occlusion: str | None = Field(
        default=None,
        min_length=1,
        description="what narrows the line for the whole test, and how far: declared here, done by the lab; the line is"
        " then not shut, and flow, pressure and alarm are watched for `duration`",
        examples=["needle valve, half a turn open"],
    )
    duration: Duration | None = Field(
        default=None,
        description="how long it flows with `occlude: false` or `partial_occlusion`; **required** there",
        examples=["8 h"],
    )

    @property
    def kind(self) -> Kind:
        """What is done with the line."""
        if self.partial_occlusion is not None:
            return Kind.NARROWED
        if not self.occlude:
            return Kind.FLOWING
        if self.release_before_alarm_at is not None or self.release_before_alarm_after is not None:
            return Kind.RELEASED
        return Kind.REPEATED if self.repeats > 1 else Kind.ALARM

    @property
    def shuts(self) -> bool:
        """Whether the clamp is worked at all."""
        return self.kind not in (Kind.FLOWING, Kind.NARROWED)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.rate is None) == (self.bolus is None):
            raise ValueError("exactly one of `rate` and `bolus` must be given")
        for name in _POSITIVE:
            quantity = getattr(self, name)
            if quantity is not None and quantity.value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {quantity}")
        if self.run_in.value < 0.0 or self.blank.value < 0.0:
            raise ValueError("`run_in` and `blank` cannot be negative")
        for problem in (*self._contradictions(), *self._not_measured()):
            raise ValueError(problem)
        return self

    def _contradictions(self) -> Iterator[str]:
        kind, given = self.kind, self.model_fields_set
        if kind is Kind.NARROWED and "occlude" in given and self.occlude:
            yield "`partial_occlusion` and `occlude: true` contradict each other: leave one of them out"
        if kind in (Kind.FLOWING, Kind.NARROWED):
            why = "`partial_occlusion`" if kind is Kind.NARROWED else "`occlude: false`"
            if self.duration is None:
                yield f"`duration` is missing: with {why} it says how long it flows"
            if self.rate is None:
                yield f"`bolus` cannot be given with {why}: it takes a `rate`, such as the pump's highest"
            for name in ("timeout", "run_in", "repeats", "release_before_alarm_at", "release_before_alarm_after"):
                if name in given and getattr(self, name) is not None:
                    yield f"`{name}` has no meaning with {why}: the line is never shut; leave it out"
            return
        if self.duration is not None:
            yield "`duration` goes with `occlude: false` or `partial_occlusion`; the wait for an alarm is `timeout`"
        if self.timeout is None:
            yield "`timeout` is missing: the longest wait for the alarm"
        if self.release_before_alarm_at is not None and self.release_before_alarm_after is not None:
            yield "only one of `release_before_alarm_at` and `release_before_alarm_after` can be given"
        if kind is Kind.RELEASED and self.repeats > 1:
            yield "`repeats` cannot be given with a release before the alarm: write one test for each"
        after, timeout = self.release_before_alarm_after, self.timeout
        if after is not None and timeout is not None and after.to("s") > timeout.to("s"):
            yield f"`release_before_alarm_after` ({after}) is longer than `timeout` ({timeout})"

    def _not_measured(self) -> Iterator[str]:
        """Look for limits on what this kind of test does not measure: they could never be met."""
        accept: Any = getattr(self, "accept", None)
        for name in type(accept).model_fields if accept is not None else ():
            if getattr(accept, name) is not None and name not in MEASURED[self.kind]:
                needed = f": it needs {_NEEDED_FOR[name]}" if name in _NEEDED_FOR else ""
                can = ", ".join(MEASURED[self.kind])
                yield f"`{name}` is not measured where the line is {self.kind}{needed}; what can be limited: {can}"


_POSITIVE = (
    *("rate", "bolus", "timeout", "release_observation", "release_before_alarm_at", "release_before_alarm_after"),
    "duration",
)
