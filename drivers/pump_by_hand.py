"""A pump without a remote interface: what it is told is shown to an operator, who does it at its keys and confirms it.

A delivery is programmed first and started after that, by a prompt of its own, since only the instant of the start
matters. The operator presses the key and then confirms at once, so that the key was pressed between the showing of the
prompt and the confirmation: as likely at one moment as at another (rectangular). A late confirmation widens that. Where
the rig file says that confirmations come within so long of the key (`confirmed_within`), the interval begins no earlier
than that before the confirmation.

What the pump does is known from what it was told and its label alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.clock import Clock
from drivers.beside import Asked, Beside
from drivers.by_hand_alarms import AlarmWatch
from drivers.errors import RefusedError
from drivers.pump_label import Scale, Speed
from drivers.roles import (
    Alarm,
    BolusStatus,
    CarriedOut,
    DeliveryState,
    Identity,
    OperatorAction,
    OperatorRequest,
)


@dataclass(frozen=True, slots=True)
class Label:
    """What the rig file says of the pump, from its label."""

    manufacturer: str
    model: str
    concentration_u_per_ml: float | None
    basal: Scale
    bolus: Scale
    bolus_speed: Speed
    prime_speed: Speed


@dataclass(frozen=True, slots=True)
class Way:
    """How the operator is asked: for how long, and how soon the confirmation of a key comes; None where nobody says."""

    patience_s: float
    within_s: float | None
    look_every_s: float

    @property
    def rule(self) -> str:
        """How the instants of a command are known."""
        within = "" if self.within_s is None else f", and within {self.within_s:g} s before the latter"
        return f"between the prompt to press the key and its confirmation{within}"


@dataclass(slots=True)
class Course:
    """A bolus or a prime under way: until when, at the earliest and at the latest."""

    state: DeliveryState
    earliest_s: float
    latest_s: float


class PumpByHand:
    """The pump.

    Raises:
        InstrumentError: nobody can be asked, or the operator says that the pump is not there or delivers.

    """

    def __init__(self, beside: Beside, clock: Clock, label: Label, way: Way, alarms: AlarmWatch) -> None:
        self.concentration_u_per_ml: float | None = label.concentration_u_per_ml
        self.longest_silence_s = way.look_every_s
        self._beside = beside
        self._clock = clock
        self._label = label
        self._way = way
        self._alarms = alarms
        self._done: CarriedOut | None = None
        self._basal = False
        self._suspended: CarriedOut | None = None
        self._course: Course | None = None
        self._programmed_ul = 0.0
        self._unsure = False
        asked = self._ask(
            OperatorAction.CHECK_PUMP,
            f"See that the pump is the {self._named} of the rig file, connected and filled, that it delivers nothing"
            " and gives no alarm; then type the serial number on its label. Whenever it gives an alarm, type `a`",
        )
        self._serial = asked.answer.reason.strip()
        alarms.look()

    # -- every pump

    def identify(self) -> Identity:
        """Ask nobody again: by the rig file, with the serial number that the operator has read from the label."""
        return Identity(self._label.manufacturer, self._label.model, self._serial)

    def state(self) -> DeliveryState:
        """Ask nobody: what the pump does by what it was told, its label and the alarms that were noticed."""
        self._forget_what_an_alarm_stopped()
        if self._alarms.blocking:
            return DeliveryState.ALARM
        if self._suspended is not None:
            return DeliveryState.SUSPENDED
        if self._course is not None and self._clock.now_s() < self._course.latest_s:
            return self._course.state
        return DeliveryState.BASAL if self._basal else DeliveryState.STOPPED

    def stop(self) -> None:
        """Stop all delivery, by the operator; nobody is asked where the pump is stopped by what is known.

        Raises:
            InstrumentError: the operator does not confirm it.

        """
        if self.state() is DeliveryState.STOPPED and not self._unsure:
            return
        self._press(OperatorAction.STOP_PUMP, "Stop the pump NOW: all delivery")
        self._forget_delivery()

    def close(self) -> None:
        """Release nothing: the pump has no link."""

    # -- what is particular to a pump by hand

    def carried_out(self) -> CarriedOut | None:
        """Ask nobody: between which instants the operator pressed the last key."""
        return self._done

    def poll(self, now_s: float) -> float:
        """Ask the alarm input, and read what the operator has noted.

        Raises:
            InstrumentError: one of them cannot be asked.

        """
        self._alarms.look()
        return now_s + self._way.look_every_s

    # -- alarms

    def pump_time_s(self) -> float:
        """Ask nobody: the pump's clock cannot be read; NaN."""
        return math.nan

    def take_alarms(self) -> list[Alarm]:
        """Read every alarm out that was noticed and not taken yet, oldest first."""
        return self._alarms.take()

    def acknowledge_alarms(self) -> None:
        """Set every alarm acknowledged, by the operator; nobody is asked where there is none."""
        if not self._alarms.waiting:
            return
        codes = ", ".join(self._alarms.waiting)
        self._forget_what_an_alarm_stopped()
        self._ask(
            OperatorAction.ACKNOWLEDGE_ALARM, f"Acknowledge the alarm on the pump ({codes}), so that it is silent"
        )
        self._alarms.acknowledged()

    # -- for what some pumps can do

    def _program(self, action: OperatorAction, what: str, *amounts: tuple[float, str]) -> None:
        self._forget_what_an_alarm_stopped()
        if self._alarms.blocking:
            waiting = ", ".join(self._alarms.waiting)
            raise RefusedError("pump", f"starts nothing while an alarm is not acknowledged: {waiting}")
        (value, unit), *more = amounts
        words = f"On the pump, set {what}; do NOT start it yet"
        self._ask(action, words, value, unit, tuple(more))

    def _start(self, what: str) -> None:
        """Have the operator start what is programmed."""
        self._press(OperatorAction.START_PUMP, f"Start {what} on the pump NOW")

    def _press(self, action: OperatorAction, words: str) -> CarriedOut:
        """Have the operator press a key at once; return between which instants that was."""
        self._unsure = True  # until the answer it may have been pressed or not
        asked = self._ask(action, f"{words}, and confirm at once")
        self._unsure = False
        latest_s, earliest_s = asked.answer.time_s, asked.shown_s
        if self._way.within_s is not None:
            earliest_s = max(earliest_s, latest_s - self._way.within_s)
        self._done = CarriedOut(earliest_s, latest_s, self._way.rule)
        return self._done

    def _ask(
        self,
        action: OperatorAction,
        words: str,
        value: float = 0.0,
        unit: str = "",
        more: tuple[tuple[float, str], ...] = (),
    ) -> Asked:
        asked = self._beside.ask(OperatorRequest(action, words, value, unit, more), self._way.patience_s)
        if not asked.answer.done:
            self._unsure = self._unsure and action is OperatorAction.STOP_PUMP
            raise RefusedError("operator", f"could not do this: {words}: {asked.answer.reason or 'no reason given'}")
        return asked

    def _under_way(self, state: DeliveryState, lasting_s: tuple[float, float]) -> None:
        done = self._done
        if done is not None:
            self._course = Course(state, done.earliest_s + lasting_s[0], done.latest_s + lasting_s[1])

    def _bolus_status(self) -> BolusStatus:
        self._forget_what_an_alarm_stopped()
        course, now_s = self._course, self._clock.now_s()
        held = self._suspended is not None
        active = course is not None and course.state is DeliveryState.BOLUS and (held or now_s < course.latest_s)
        certain = not active or (course is not None and now_s < course.earliest_s)
        return BolusStatus(active, self._programmed_ul, math.nan, certain)

    def _forget_what_an_alarm_stopped(self) -> None:
        if self._alarms.blocking:
            self._basal, self._course, self._suspended = False, None, None

    def _forget_delivery(self) -> None:
        self._basal, self._course, self._suspended = False, None, None

    @property
    def _named(self) -> str:
        return f"{self._label.manufacturer} {self._label.model}".strip()
