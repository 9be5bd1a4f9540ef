"""What a kind of test is made of: settings, a catalogue of measurements, `drive()` and `evaluate()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from bench.clock import Clock
from bench.plan.model import Plan
from bench.quantities import Concentration
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from bench.rig.model import Rig
from drivers.roles import Alarm, Occluder, OperatorAnswer, OperatorRequest, PowerSupply, Pump

Capability = TypeVar("Capability")


class ProcedureSettings(BaseModel):
    """Base of every procedure's settings: the keys of a test beside id, title, procedure, verifies and accept."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class MeasurementSpec:
    """A measurement that a procedure can give, and so a key of `accept:`.

    `dimension` is one of `bench.quantities`' dimensions (a limit must have it); `unit` is the unit of its value and of
    `natural`, the least and greatest value that is possible at all (0 and 100 of a share). `instead` names measurements
    of the same kind that a rig resolves sooner: wider windows, means of many. `perfect` is the value of a pump without
    any error, where that lies between values that are possible: 0 of an error. `told_by_pump`: whether it hangs on what
    the pump itself says that it delivered.
    """

    title: str
    dimension: str
    unit: str
    natural: tuple[float | None, float | None] = (None, None)
    instead: tuple[str, ...] = ()
    perfect: float | None = None
    told_by_pump: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What evaluation may know beside the recording: the plan and the rig, as the recording itself holds them."""

    plan: Plan
    rig: Rig

    @property
    def concentration(self) -> Concentration:
        """The plan's insulin concentration."""
        return self.plan.pump.insulin


class Stage(Protocol):
    """What `drive()` may do: operate pump and occluder, let time pass, and say what it does."""

    clock: Clock
    context: Context

    @property
    def pump(self) -> Pump:
        """The pump under test."""

    def pump_as(self, capability: type[Capability]) -> Capability:
        """Return the pump as one of `drivers.roles`' capabilities (checked at collection by `requires`)."""

    @property
    def doser(self) -> Pump:
        """The reference doser; the pump where the rig has none beside it."""

    @property
    def occluder(self) -> Occluder:
        """The rig's occluder."""

    @property
    def power(self) -> PowerSupply:
        """The supply in place of the pump's battery."""

    def event(self, kind: str, **data: Any) -> float:
        """Record that something was done or seen, now; return the instant."""

    def wait_s(self, duration_s: float, activity: str) -> None:
        """Let time pass: samples are recorded, alarms taken, the watchdog fed; `activity` is shown as progress."""

    def wait_until(self, done: Callable[[], bool], timeout_s: float, activity: str, poll_s: float = 1.0) -> bool:
        """Wait until `done()` holds, asking every `poll_s`; return whether it did within `timeout_s`."""

    def ask(self, request: OperatorRequest) -> OperatorAnswer:
        """Ask the operator to do something by hand and wait for the answer; samples, alarms and watchdog go on."""

    def wait_unpowered_s(self, duration_s: float, activity: str) -> None:
        """Let time pass without a word to the pump, which has no power: samples are recorded all the same."""

    def await_pump(self, timeout_s: float, activity: str) -> bool:
        """Ask the pump, whose power has returned, until it answers, and arm its watchdog anew; return whether it did.

        Nothing is commanded.
        """

    def alarms(self) -> Sequence[Alarm]:
        """Every alarm taken from the pump since this test began."""

    def latest(self, channel: str) -> float:
        """The newest value of a channel (`pressure.pressure_kpa`), NaN before the first."""


class Procedure(Protocol):
    """One kind of test. A module of `bench/procedures/` ends with `PROCEDURE = TheClass()`.

    One with `partial: ClassVar[bool] = True` has its `evaluate()` called for an aborted test, too: what was recorded up
    to then is shown as partial, and never passes.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[ProcedureSettings]]
    measurements: ClassVar[Mapping[str, MeasurementSpec]]

    def requires(self, settings: Any) -> Mapping[str, Sequence[type]]:
        """Return the roles that this test needs, each with the capability protocols that it must have."""

    def expected_duration_s(self, settings: Any, plan: Plan) -> float:
        """Return about how long `drive()` takes."""

    def planned_uncertainty(self, settings: Any, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return, for measurements that the rig's facts can foretell, the expanded uncertainty (k = 2, in the
        measurement's unit) and the arithmetic in words."""

    def drive(self, settings: Any, stage: Stage) -> None:
        """Operate the pump; what it did is in the recording as events."""

    def evaluate(self, settings: Any, record: TestRecord, context: Context) -> Evaluation:
        """Turn the recording into measurements; a pure function of its arguments."""
