"""What a procedure's `drive()` stands on: it operates pump and occluder, and lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from bench.clock import Clock
from bench.procedures.base import Context
from bench.recording.writer import RecordingWriter
from bench.rig.asking import ask
from bench.run.interrupts import Interrupts
from bench.run.pump_attendant import ALARMS_EVERY_S, PumpAttendant
from bench.run.samplers import Samplers
from drivers.errors import InstrumentError
from drivers.roles import Alarm, Occluder, Operator, OperatorAnswer, OperatorRequest, PowerSupply, Pump

ASK_AGAIN_S = 0.5
_SLICE_S = 0.25
"""Longest sleep in real time, so that Ctrl-C is obeyed soon."""

Capability = TypeVar("Capability")
Instrument = TypeVar("Instrument")


class ProgressListener(Protocol):
    """Who wants to know what a run is doing."""

    def activity(self, test_id: str, activity: str, now_s: float, expected_end_s: float) -> None:
        """Take note that test `test_id` does `activity` at `now_s` and is expected to end at `expected_end_s`."""


class RunStage:
    """The stage of one test.

    Args:
        test_id: the test.
        clock: the run's clock.
        context: plan and rig.
        pump: the pump under test.
        occluder: the rig's occluder, if it has one.
        power: the supply in place of the pump's battery, if the rig has one.
        writer: the run's recording.
        samplers: what is recorded meanwhile.
        interrupts: Ctrl-C and SIGTERM, obeyed while time passes.
        expected_duration_s: of the whole test.
        progress: told what the test is doing.
        operator: who can be asked to do something by hand, if anybody.
        doser: the reference doser, if the rig has one beside the pump.

    """

    def __init__(
        self,
        test_id: str,
        clock: Clock,
        context: Context,
        pump: Pump,
        occluder: Occluder | None,
        power: PowerSupply | None,
        writer: RecordingWriter,
        samplers: Samplers,
        interrupts: Interrupts,
        expected_duration_s: float,
        progress: ProgressListener | None,
        operator: Operator | None = None,
        doser: Pump | None = None,
    ) -> None:
        self.clock = clock
        self.context = context
        self._test_id = test_id
        self._pump = pump
        self._occluder = occluder
        self._power = power
        self._writer = writer
        self._samplers = samplers
        self._interrupts = interrupts
        self._expected_end_s = clock.now_s() + expected_duration_s
        self._progress = progress
        self._operator = operator
        self._doser = doser
        self._attendant = PumpAttendant(pump, clock, writer, self.event)

    @property
    def pump(self) -> Pump:
        """The pump under test."""
        return self._pump

    def pump_as(self, capability: type[Capability]) -> Capability:
        """Return the pump as one of its capabilities.

        Raises:
            TypeError: it lacks the capability, which collection should have refused.

        """
        if not isinstance(self._pump, capability):
            raise TypeError(f"test {self._test_id}: the pump is not one that {capability.__name__}")
        return self._pump

    @property
    def doser(self) -> Pump:
        """The reference doser; the pump where the rig has none beside it."""
        return self._pump if self._doser is None else self._doser

    @property
    def occluder(self) -> Occluder:
        """The rig's occluder.

        Raises:
            TypeError: there is none, which collection should have refused.

        """
        return self._there(self._occluder, "occluder")

    @property
    def power(self) -> PowerSupply:
        """The supply in place of the pump's battery.

        Raises:
            TypeError: there is none, which collection should have refused.

        """
        return self._there(self._power, "power supply")

    def _there(self, instrument: Instrument | None, what: str) -> Instrument:
        if instrument is None:
            raise TypeError(f"test {self._test_id}: the rig has no {what}")
        return instrument

    def ask(self, request: OperatorRequest) -> OperatorAnswer:
        """Ask the operator to do something by hand and wait for the answer, however long it takes.

        Samples, alarms and the watchdog go on meanwhile. Question and answer are recorded, each with its instant.

        Raises:
            TypeError: there is no operator, which collection should have refused.
            InstrumentError: an instrument was lost meanwhile.

        """
        operator = self._there(self._operator, "operator")
        attend = partial(self._attend, alarms_every_s=ALARMS_EVERY_S)
        return ask(operator, request, self.clock, self._note, attend).answer

    def attend_asking(self, activity: str) -> None:
        """Do what is due while the pump's driver itself waits for the operator.

        Raises:
            InstrumentError: an instrument was lost meanwhile.

        """
        self._interrupts.check()
        self._samplers.check()
        if self._progress is not None:
            self._progress.activity(self._test_id, activity, self.clock.now_s(), self._expected_end_s)

    def event(self, kind: str, **data: Any) -> float:
        """Record that something was done or seen, now; return the instant."""
        return self._writer.event(kind, self._test_id, **data)

    def _note(self, kind: str, /, **data: Any) -> float:
        return self._writer.event(kind, self._test_id, **data)

    def alarms(self) -> Sequence[Alarm]:
        """Every alarm taken from the pump since this test began."""
        return self._attendant.alarms

    def latest(self, channel: str) -> float:
        """The newest value of a channel, NaN before the first."""
        return self._writer.latest(channel)

    def wait_s(self, duration_s: float, activity: str) -> None:
        """Let time pass while samples are recorded, alarms taken and the watchdog fed.

        Raises:
            InstrumentError: an instrument was lost meanwhile.

        """
        end_s = self.clock.now_s() + duration_s
        self._attend(activity, ALARMS_EVERY_S)
        while (now_s := self.clock.now_s()) < end_s:
            self._sleep_until(min(end_s, max(self._attendant.alarms_due_s, now_s)))
            self._attend(activity, ALARMS_EVERY_S)

    def wait_until(self, done: Callable[[], bool], timeout_s: float, activity: str, poll_s: float = 1.0) -> bool:
        """Wait until `done()` holds, asking every `poll_s`; return whether it did within `timeout_s`.

        Alarms are taken before each question.

        Raises:
            InstrumentError: an instrument was lost meanwhile.

        """
        end_s = self.clock.now_s() + timeout_s
        while True:
            self._attend(activity, min(poll_s, ALARMS_EVERY_S))
            if done():
                return True
            now_s = self.clock.now_s()
            if now_s >= end_s:
                return False
            self._sleep_until(min(end_s, now_s + poll_s))

    def wait_unpowered_s(self, duration_s: float, activity: str) -> None:
        """Let time pass without a word to the pump, which has no power; samples are recorded all the same.

        Raises:
            InstrumentError: another instrument was lost meanwhile.

        """
        self._samplers.rest("pump", resting=True)
        end_s = self.clock.now_s() + duration_s
        while True:
            self._interrupts.check()
            self._samplers.check()
            now_s = self.clock.now_s()
            if self._progress is not None:
                self._progress.activity(self._test_id, activity, now_s, self._expected_end_s)
            if now_s >= end_s:
                return
            self._sleep_until(min(end_s, now_s + ALARMS_EVERY_S))

    def await_pump(self, timeout_s: float, activity: str) -> bool:
        """Ask the pump, whose power has returned, until it answers, and arm its watchdog anew; return whether it did.

        Raises:
            InstrumentError: another instrument was lost meanwhile.

        """
        end_s = self.clock.now_s() + timeout_s
        while True:
            try:
                self._pump.state()
            except InstrumentError:
                if self.clock.now_s() >= end_s:
                    return False
                self.wait_unpowered_s(ASK_AGAIN_S, activity)
                continue
            self._samplers.rest("pump", resting=False)
            self._attendant.arm_watchdog()
            return True

    def begin(self) -> None:
        """Make pump and recording ready for the test: old alarms taken, watchdog armed, the pump's clock noted.

        Raises:
            InstrumentError: the pump does not answer.

        """
        self._attendant.begin()

    def end(self) -> None:
        """Take what the pump still has to tell.

        Raises:
            InstrumentError: the pump does not answer.

        """
        self._attendant.end()

    def _attend(self, activity: str, alarms_every_s: float) -> None:
        """Do what is due while time passes."""
        self._interrupts.check()
        self._samplers.check()
        now_s = self.clock.now_s()
        self._attendant.attend(now_s, alarms_every_s)
        if self._progress is not None:
            self._progress.activity(self._test_id, activity, now_s, self._expected_end_s)

    def _sleep_until(self, time_s: float) -> None:
        if self.clock.simulated:
            self.clock.sleep_s(time_s - self.clock.now_s())
            return
        while (left_s := time_s - self.clock.now_s()) > 0.0:
            self.clock.sleep_s(min(left_s, _SLICE_S))
            self._interrupts.check()
