"""What the bench asks of each kind of instrument.

A driver is a plain class over one link that satisfies the protocol of its role; what not every pump can do is a
capability, a protocol of its own. Volumes are in µL and rates in µL/h: a pump that counts in insulin units converts by
the concentration that it reports itself, which the bench compares with the plan's.

Every method may raise `InstrumentError` (`drivers.errors`); none waits for ever. All `time_s` are instants of the
run's clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an instrument says that it is; empty where it does not tell."""

    manufacturer: str
    model: str
    serial_number: str
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value from an instrument.

    `value` is in the role's unit (g, kPa, °C …) and NaN where the instrument has none to give (`status` tells why:
    `stable`, `dynamic`, `overload`, `underload`, `ok`); `text` is the line as it came.
    """

    time_s: float
    value: float
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Climate:
    """Air beside the balance; NaN where the sensor has no such channel.

    `measured` is false for a value from the rig file.
    """

    time_s: float
    temperature_c: float
    pressure_hpa: float
    humidity_pct: float
    measured: bool
    text: str


class DeliveryState(StrEnum):
    """What a pump says that it is doing."""

    STOPPED = "stopped"
    BASAL = "basal"
    BOLUS = "bolus"
    PRIMING = "priming"
    SUSPENDED = "suspended"
    ALARM = "alarm"


FLOWING = frozenset({DeliveryState.BASAL, DeliveryState.BOLUS, DeliveryState.PRIMING})
"""States of a pump in which liquid comes out of it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One entry of a pump's alarm queue.

    `pump_time_s` is by the pump's own clock, NaN for a pump that has none; `time_s` is when the bench read it. Where
    the alarm was noticed from outside it was raised between `earliest_s` and `time_s`; `rule` says how that is known.
    """

    sequence: int
    code: str
    text: str
    pump_time_s: float
    time_s: float
    earliest_s: float = math.nan
    rule: str = ""


@dataclass(frozen=True, slots=True)
class BolusStatus:
    """A bolus in progress or the last one: volumes as the pump reports them.

    Where the pump tells nothing `delivered_ul` is NaN, and `active` goes by its label: not `certain` from the earliest
    to the latest end that this leaves open.
    """

    active: bool
    programmed_ul: float
    delivered_ul: float
    certain: bool = True


class OperatorAction(StrEnum):
    """What a bench may ask of the person beside it; `value` and `unit` of the request say how much."""

    PLACE_WEIGHT = "place_weight"
    REMOVE_WEIGHT = "remove_weight"
    CHANGE_RESERVOIR = "change_reservoir"
    SET_HEAD_HEIGHT = "set_head_height"
    SET_BACK_PRESSURE = "set_back_pressure"
    SET_TEMPERATURE = "set_temperature"
    CHANGE_SET = "change_set"
    SET_CONDITION = "set_condition"
    CHECK_PUMP = "check_pump"
    PROGRAM_BASAL = "program_basal"
    PROGRAM_PROFILE = "program_profile"
    PROGRAM_TEMPORARY_PERCENT = "program_temporary_percent"
    PROGRAM_TEMPORARY_RATE = "program_temporary_rate"
    PROGRAM_BOLUS = "program_bolus"
    PROGRAM_EXTENDED_BOLUS = "program_extended_bolus"
    PROGRAM_PRIME = "program_prime"
    START_PUMP = "start_pump"
    STOP_PUMP = "stop_pump"
    SUSPEND_PUMP = "suspend_pump"
    RESUME_PUMP = "resume_pump"
    CANCEL_BOLUS = "cancel_bolus"
    CANCEL_TEMPORARY = "cancel_temporary"
    ACKNOWLEDGE_ALARM = "acknowledge_alarm"
    SET_OCCLUSION_LEVEL = "set_occlusion_level"
    TELL_RESERVOIR = "tell_reservoir"


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """What is to be done: the action with its value for machines, and words for a person; no unit without a value.

    `more` has further values with their units, where an action takes several.
    """

    action: OperatorAction
    words: str
    value: float = 0.0
    unit: str = ""
    more: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OperatorAnswer:
    """Whether it was done, why not (or what the operator has to say), and when the answer came."""

    done: bool
    reason: str
    time_s: float


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """What an operator says unasked, and when it came."""

    words: str
    time_s: float


class Instrument(Protocol):
    """What every role has."""

    def identify(self) -> Identity:
        """Ask who the instrument is."""

    def close(self) -> None:
        """Release the link; safe to call twice."""


@runtime_checkable
class Balance(Instrument, Protocol):
    """A balance that streams; values in g."""

    def zero(self) -> None:
        """Set zero, waiting for a stable pan."""

    def tare(self) -> None:
        """Tare, waiting for a stable pan."""

    def read(self) -> Reading:
        """Read the pan now, stable or not."""

    def read_stable(self) -> Reading:
        """Read the pan once it is stable."""

    def start_stream(self) -> None:
        """Ask for readings without end."""

    def next_reading(self, deadline_s: float) -> Reading | None:
        """Return the next streamed reading, or None when none has come by `deadline_s`."""

    def stop_stream(self) -> None:
        """End the stream and leave the link clean."""


@dataclass(frozen=True, slots=True)
class WeighingRange:
    """What a balance says that it can weigh, in g; NaN where it does not tell."""

    maximum_g: float
    readability_g: float


@runtime_checkable
class TellsItsRange(Protocol):
    """A balance that tells its maximum and its readability."""

    def weighing_range(self) -> WeighingRange:
        """Ask for maximum and readability; ends and restarts a stream."""


@runtime_checkable
class AdjustsInternally(Protocol):
    """A balance with a built-in weight."""

    def adjust(self) -> None:
        """Adjust the sensitivity by the built-in weight, with nothing on the pan, and wait until that is done."""


@runtime_checkable
class PressureSensor(Instrument, Protocol):
    """A pressure sensor in the delivery line; values in kPa above ambient."""

    def read(self) -> Reading:
        """Read the pressure now."""


@runtime_checkable
class Occluder(Instrument, Protocol):
    """Something that shuts the delivery line."""

    def occlude(self) -> None:
        """Shut the line and confirm it by read-back."""

    def release(self) -> None:
        """Open the line and confirm it by read-back."""

    def is_occluded(self) -> bool:
        """Read back whether the line is shut."""


@dataclass(frozen=True, slots=True)
class AlarmSignal:
    """Whether a pump's alarm is noticed from outside, and between which instants it began.

    Both instants are NaN where there is none; `earliest_s` is, too, where it was there at the first look. `text` is
    what was seen.
    """

    on: bool
    earliest_s: float
    latest_s: float
    text: str


@runtime_checkable
class AlarmInput(Instrument, Protocol):
    """Something that notices the alarm of a pump which tells none itself: a contact, a sound level."""

    def signal(self) -> AlarmSignal:
        """Look now. A signal that comes and goes between two looks is not seen, so look several times a second."""


@runtime_checkable
class FeelsItsValve(Protocol):
    """An occluder that can have a contact at its valve, by which it knows when the line was really shut or open.

    `occlude` and `release` then return once the contact says so, and raise where it does not in time.
    """

    def moved_between_s(self) -> tuple[float, float] | None:
        """Read between which instants the valve did what it was told last; None where there is no contact.

        The first is -inf where the contact said so when it was first asked.
        """


@runtime_checkable
class ClimateSensor(Instrument, Protocol):
    """Temperature, pressure and humidity of the air beside the balance."""

    def read(self) -> Climate:
        """Read the air now."""


@runtime_checkable
class Operator(Instrument, Protocol):
    """A person beside the bench, or whatever stands in for one; asked one thing at a time."""

    def ask(self, request: OperatorRequest) -> None:
        """Ask for something to be done; the answer may take minutes."""

    def answer(self, deadline_s: float) -> OperatorAnswer | None:
        """Return the answer to the last request, or None when none has come by `deadline_s`."""

    def cancel(self) -> None:
        """Take the last request back."""


@runtime_checkable
class TakesNotes(Protocol):
    """An operator who may say something unasked, such as `a` when an alarm sounds."""

    def take_notes(self) -> list[OperatorNote]:
        """Take what was said unasked and was not taken yet, oldest first, without waiting for anything."""


class PowerSupply(Instrument, Protocol):
    """A bench supply in place of the pump's battery."""

    nominal_v: float
    """The voltage of a full battery, by the rig file."""

    def set_voltage_v(self, voltage_v: float) -> None:
        """Set the voltage of the output, on or off."""

    def switch_on(self) -> None:
        """Start feeding the pump, and confirm by read-back that the output is on."""

    def switch_off(self) -> None:
        """Stop feeding the pump, and confirm by read-back that the output is off."""

    def read_voltage_v(self) -> float:
        """Read the voltage measured at the output."""

    def read_current_a(self) -> float:
        """Read the measured current that the pump draws."""


@runtime_checkable
class Pump(Instrument, Protocol):
    """The pump under test: what every pump can do."""

    concentration_u_per_ml: float | None
    """Insulin concentration that the pump is set to; None for a pump that counts in volume."""

    def stop(self) -> None:
        """Stop all delivery at once: the safe state. Works in every state, alarms included."""

    def state(self) -> DeliveryState:
        """Ask what the pump is doing."""


@runtime_checkable
class DeliversBasal(Protocol):
    """A pump with a constant basal rate."""

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate and start delivering it, or change it while delivering."""


@runtime_checkable
class DeliversBolus(Protocol):
    """A pump with a normal (immediate) bolus."""

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus of `volume_ul`; it goes on by itself."""

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is."""

    def cancel_bolus(self) -> None:
        """End the bolus now."""


@runtime_checkable
class DeliversExtendedBolus(Protocol):
    """A pump with square-wave and dual-wave boluses."""

    def start_extended_bolus(self, now_ul: float, extended_ul: float, duration_s: float) -> None:
        """Start a bolus of `now_ul` at once and `extended_ul` spread over `duration_s`."""


@runtime_checkable
class DeliversTemporaryBasal(Protocol):
    """A pump whose basal rate can be changed for a time."""

    def start_temporary_basal(self, percent: float, duration_s: float) -> None:
        """Deliver `percent` of the basal rate for `duration_s`."""

    def start_temporary_rate(self, rate_ul_per_h: float, duration_s: float) -> None:
        """Deliver `rate_ul_per_h` instead of the basal rate for `duration_s`."""

    def cancel_temporary_basal(self) -> None:
        """Return to the basal rate."""


@runtime_checkable
class DeliversProfile(Protocol):
    """A pump with a daily basal profile."""

    def start_profile(self, segments: Sequence[tuple[float, float]]) -> None:
        """Start a profile of `(start_s, rate_ul_per_h)` segments, the first at 0."""


@runtime_checkable
class Suspends(Protocol):
    """A pump whose delivery can be suspended and resumed with its settings kept."""

    def suspend(self) -> None:
        """Suspend all delivery."""

    def resume(self) -> None:
        """Resume what was suspended."""


@runtime_checkable
class Primes(Protocol):
    """A pump that primes its tubing."""

    def prime(self, volume_ul: float) -> None:
        """Start a prime of `volume_ul`."""


@runtime_checkable
class ReportsDelivery(Protocol):
    """A pump that counts what it delivered, and may know its reservoir and battery."""

    def delivered_ul(self) -> float:
        """Ask for the total delivered volume, prime included."""

    def reservoir_ul(self) -> float:
        """Ask for the remaining volume in the reservoir; NaN where the pump does not know."""

    def battery_pct(self) -> float:
        """Ask for the battery's charge; NaN where the pump has none or does not tell."""


@runtime_checkable
class MeasuresLinePressure(Protocol):
    """A pump that measures the pressure in its own line."""

    def line_pressure_kpa(self) -> float:
        """Ask for the pressure in kPa above ambient; NaN where the pump has none to tell."""


@runtime_checkable
class TakesReservoir(Protocol):
    """A pump that is told when a full reservoir was put in."""

    def reservoir_filled(self, volume_ul: float) -> None:
        """Tell the pump that a reservoir of `volume_ul` was put in; only when nothing is delivered."""


class OcclusionLevel(StrEnum):
    """Threshold of a pump's occlusion alarm, as pumps name them."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@runtime_checkable
class SetsOcclusionLevel(Protocol):
    """A pump whose occlusion alarm has a choice of thresholds."""

    def set_occlusion_level(self, level: OcclusionLevel) -> None:
        """Set the threshold from now on."""

    def occlusion_level(self) -> OcclusionLevel:
        """Ask for the threshold."""


@runtime_checkable
class RaisesAlarms(Protocol):
    """A pump with an alarm queue."""

    def pump_time_s(self) -> float:
        """Ask for the pump's own clock; NaN where it has none."""

    def take_alarms(self) -> list[Alarm]:
        """Take every alarm that the bench has not taken yet, oldest first."""

    def acknowledge_alarms(self) -> None:
        """Acknowledge and clear every active alarm."""


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """Between which instants somebody carried a command out, and by which rule that is known."""

    earliest_s: float
    latest_s: float
    rule: str


@runtime_checkable
class CarriesOutByHand(Protocol):
    """A pump whose commands a person carries out at its keys: not when they are given, and not at one known instant."""

    def carried_out(self) -> CarriedOut | None:
        """Ask between which instants the last command was carried out; None before the first."""


@runtime_checkable
class NeedsPolling(Protocol):
    """A pump that must hear from the bench all the while: to be kept alive, or for doses that its driver times."""

    longest_silence_s: float
    """From one poll to the next, at most."""

    def poll(self, now_s: float) -> float:
        """Do what is due by `now_s`, within the time of an exchange or two; return when it wants to be polled next.

        It is polled while a test is driven, from before its begin until the pump has been made safe: at the instant
        that it returned, or `longest_silence_s` after the last poll where that is sooner, and maybe more often.
        """


@runtime_checkable
class HasWatchdog(Protocol):
    """A pump that stops by itself when the host falls silent."""

    def arm_watchdog(self, timeout_s: float) -> None:
        """Stop delivery when no command comes for `timeout_s`."""

    def disarm_watchdog(self) -> None:
        """Go on without a host."""
