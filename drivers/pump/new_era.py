"""New Era NE-300 to NE-9000 syringe pumps, also sold as WPI Aladdin and others, in basic or in safe mode.

By the manuals that `drivers/new_era.py` names and the NE-500 manual 1200-03 p. 7; not every page was at hand, and no
such pump was: what a manual leaves open is asked for and checked. The pump counts in volume, by the inner diameter of
the syringe that it was told.

A steady basal rate is pumped as such. A pulsed one is made of small volumes that this driver times, so it needs to be
polled; the pump rests in between. A bolus interrupts a basal rate: a steady one goes on after it, pulses that were due
meanwhile come one after another.
"""

from __future__ import annotations

import math
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.clock import Clock
from bench.quantities import Concentration, Duration, InsulinConcentration, Length, Quantity, Rate, Volume
from drivers.errors import GarbledReplyError, InstrumentError, LinkError, NoReplyError, RefusedError
from drivers.link import Link, SerialLine, WireLog, open_link
from drivers.new_era import REPLY_S, NewEraSession
from drivers.new_era_numbers import RATES_UL_PER_H, VOLUMES_UL, Setting, setting
from drivers.new_era_pumping import NewEraPumping
from drivers.probe import Probe
from drivers.pulse_schedule import PulseSchedule
from drivers.registry import DriverEntry
from drivers.roles import Alarm, BolusStatus, DeliveryState, Identity

BAUD_RATES = (19200, 9600)
"""Rates that are tried where the rig file tells none: the factory's, and the one of much software for these pumps."""
_SLOW_REPLY_S = 3.0
_STOPS = 3
_LONGEST_TIMEOUT_S = 255
_KEEP_ALIVE_S = 5.0
_BOLUS_POLL_S = 0.5
_PULSE_POLL_S = 0.05
_REST_MARGIN_S = 2.0
_FINE_UL_PER_H = 100.0
"""Up to this rate volumes are counted in µL, of which the counter holds 9999; beyond it in mL."""
_VERSION = re.compile(r"NE-?(\S+?)V([0-9]\S*)\Z")


class Options(BaseModel):
    """What a rig may say of a New Era pump."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    diameter: Length = Field(description="inner diameter of the syringe", examples=["4.699 mm"])
    pump_address: int = Field(0, ge=0, le=99, description="network address of the pump")
    baudrate: Literal[300, 1200, 2400, 9600, 19200] | None = Field(
        None, description="of the serial line; 19200 and 9600 are tried where it is missing; 8 data bits, no parity"
    )
    mode: Literal["safe", "basic"] = Field(
        "safe", description="safe: checksums and the pump's watchdog while a test is driven; basic: neither"
    )
    basal: Literal["steady", "pulsed"] = Field("steady", description="how a basal rate is made")
    pulse: Volume | None = Field(None, description="of a pulsed basal: volume of each pulse", examples=["0.5 µL"])
    pulse_interval: Duration | None = Field(
        None, description="of a pulsed basal: interval of the pulses, whose volume goes with the rate"
    )
    bolus_rate: Rate = Field(
        default=Quantity(15.0, "µL/min"), description="at which boluses and pulses are pumped", examples=["15 µL/min"]
    )
    insulin: InsulinConcentration | None = Field(
        None, description="what the syringe holds, to be compared with the plan's; volumes are µL to the pump"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.basal == "pulsed") != ((self.pulse is None) != (self.pulse_interval is None)):
            raise ValueError("`basal: pulsed` goes with either `pulse` or `pulse_interval`, and `steady` with neither")
        if self.pulse is not None and self.pulse.unit == "U" and self.insulin is None:
            raise ValueError("`pulse` in U needs `insulin`, such as U-100; or write it in µL")
        if self.bolus_rate.unit.startswith("U") and self.insulin is None:
            raise ValueError("`bolus_rate` in U needs `insulin`, such as U-100; or write it in µL/min")
        return self


class NewEraPump:
    """A New Era pump in basic mode.

    Raises:
        NoReplyError: nothing answers at this baud rate and address.
        GarbledReplyError: what answers is no such pump.
        RefusedError: the rig file's diameter or bolus rate has more digits than the pump takes.

    """

    def __init__(self, link: Link, options: Options, reply_s: float = REPLY_S) -> None:
        insulin = options.insulin
        self.concentration_u_per_ml: float | None = insulin.u_per_ml if insulin is not None else None
        self._link = link
        self._clock = link.clock
        self._name = link.name
        diameter = setting(options.diameter.to("mm"), {"mm": 1.0}, self._name, "diameter").number
        session = NewEraSession(link, options.pump_address, reply_s)
        self._pumping = NewEraPumping(session, diameter, self._forget_delivery)
        self._bolus_rate = self._rate(options.bolus_rate.to("µL/h", insulin))
        self._pulses = _schedule(options, insulin)
        self.longest_silence_s = 2.0 if self._pulses is None else 1.0
        self._steady: Setting | None = None
        self._bolus: Setting | None = None
        self._last_bolus = BolusStatus(False, 0.0, 0.0)
        with link.turn:
            session.open()
            if session.safe and options.mode == "basic":
                session.set_mode(0)
            self._pumping.take_in_alarms()

    # -- every pump

    def identify(self) -> Identity:
        """Ask who the pump is (`VER`), as it told when it was opened; it has no serial number."""
        version = self._pumping.session.version
        match = _VERSION.match(version)
        model, firmware = (f"NE-{match[1]}", match[2]) if match else (version, "")
        return Identity("New Era Pump Systems", model, "", firmware)

    def stop(self) -> None:
        """Stop all delivery at once (`STP` until the pump says that it is stopped); tried three times.

        Raises:
            InstrumentError: the pump does not say that it is stopped.

        """
        failure = InstrumentError(self._name, "was not stopped")
        for _ in range(_STOPS):
            try:
                with self._link.turn:
                    self._forget_delivery()
                    self._pumping.halt()
                    return
            except LinkError:
                raise
            except InstrumentError as error:
                failure = error
        raise failure

    def state(self) -> DeliveryState:
        """Ask what the pump is doing. Between two pulses of a pulsed basal rate that is still the basal rate."""
        with self._link.turn:
            status = self._pumping.ask("").status
            if self._bolus is not None and status != "I":
                self._look_at_bolus()
                status = self._pumping.ask("").status
            if self._pumping.blocked:
                return DeliveryState.ALARM
            if status == "S":
                pulsing = self._pulses is not None and self._pulses.on
                return DeliveryState.BASAL if pulsing else DeliveryState.STOPPED
            if status == "I":
                return DeliveryState.BOLUS if self._bolus is not None else DeliveryState.BASAL
        # A purge or a withdrawal was started by somebody else.
        return DeliveryState.PRIMING if status in "XW" else DeliveryState.SUSPENDED

    def close(self) -> None:
        """Release the link; the pump goes on as it is."""
        self._link.close()

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate in µL/h and start delivering it, or change it while delivering.

        Raises:
            RefusedError: the pump cannot take that rate or volume (the text says which it could), or an alarm has not
                been acknowledged.

        """
        with self._link.turn:
            self._pumping.refuse_while_blocked()
            if self._pulses is not None:
                self._start_pulses(self._pulses, rate_ul_per_h)
                return
            rate = self._rate(rate_ul_per_h)
            if self._bolus is not None and self._look_at_bolus().active:
                self._steady = rate
            elif self._goes_on_at(rate):
                self._pumping.change_rate(rate)
                self._steady = rate
            else:
                self._run_steady(rate)

    def _start_pulses(self, pulses: PulseSchedule, rate_ul_per_h: float) -> None:
        pulse_ul = pulses.volume_at(rate_ul_per_h)
        self._volume(pulse_ul)
        if _ul_per_h(self._bolus_rate) < 2.0 * rate_ul_per_h:
            raise RefusedError(
                self._name,
                f"pulses of {pulse_ul:g} µL at {self._bolus_rate.words} make no pulsed rate of {rate_ul_per_h:g} µL/h",
                advice="Write a larger `bolus_rate` into the rig file, or `basal: steady`.",
            )
        begins = not pulses.on and self._bolus is None
        if begins:
            self._pumping.halt()
        pulses.start(rate_ul_per_h, self._clock.now_s())
        if begins:
            try:
                self._give_pulse(pulses)
            except InstrumentError:
                pulses.stop()
                raise

    def _goes_on_at(self, rate: Setting) -> bool:
        """Return whether the pump, which must pump already, can change to a rate without a stop."""
        now = self._steady
        if now is None or now.unit != rate.unit or _counted_in(now) != _counted_in(rate):
            return False
        return self._pumping.ask("").status == "I"

    def _run_steady(self, rate: Setting) -> None:
        self._pumping.halt()
        self._steady = None
        self._pumping.run(Setting("0.000", _counted_in(rate)), rate)
        self._steady = rate

    # -- bolus

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus of `volume_ul` in µL; a steady basal rate waits for its end.

        Raises:
            RefusedError: a bolus is in progress, the pump cannot take that volume (the text says which it could), or an
                alarm has not been acknowledged.

        """
        with self._link.turn:
            self._pumping.refuse_while_blocked()
            volume = self._volume(volume_ul)
            if self._bolus is not None and self._look_at_bolus().active:
                raise RefusedError(self._name, "a bolus is in progress", advice="Wait for its end, or cancel it.")
            if self._pulses is not None:
                self._await_rest(self._pulses)
            self._pumping.halt()
            self._pumping.run(volume, self._bolus_rate)
            self._bolus = volume

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, or how far the last one came, in µL as the pump counts (`DIS`)."""
        with self._link.turn:
            return self._look_at_bolus()

    def cancel_bolus(self) -> None:
        """Stop the bolus now; a basal rate goes on. No error if there is none."""
        with self._link.turn:
            if self._bolus is not None and self._look_at_bolus().active:
                self._pumping.halt()
                self._look_at_bolus()

    def _look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a steady basal rate go on."""
        if self._bolus is None:
            return self._last_bolus
        programmed_ul = self._bolus.value * VOLUMES_UL[self._bolus.unit]
        reply = self._pumping.look_at_counter()
        active = reply.status == "I" and not self._pumping.blocked
        self._last_bolus = BolusStatus(active, programmed_ul, self._pumping.counter_ul)
        if not active:
            self._bolus = None
            if self._steady is not None:
                self._run_steady(self._steady)
        return self._last_bolus

    # -- what the bench calls while time passes

    def poll(self, now_s: float) -> float:
        """Start the pulse that is due, or a basal rate that waits for a bolus, and keep the pump's watchdog quiet."""
        with self._link.turn:
            if self._bolus is not None and self._look_at_bolus().active:
                return now_s + _BOLUS_POLL_S
            pulses = self._pulses
            if pulses is not None and pulses.next_s <= now_s:
                self._give_pulse(pulses)
            if now_s - self._pumping.session.heard_s > _KEEP_ALIVE_S:
                self._pumping.ask("")
            if pulses is None:
                return math.inf
            return pulses.next_s if pulses.next_s > now_s else now_s + _PULSE_POLL_S

    def _give_pulse(self, pulses: PulseSchedule) -> None:
        """Start a pulse, unless the one before has not ended or an alarm has come."""
        status = self._pumping.ask("").status
        if status == "I" or self._pumping.blocked:
            return
        if status != "S":
            self._pumping.halt()
        self._pumping.run(self._volume(pulses.pulse_ul), self._bolus_rate)
        pulses.given()

    def _await_rest(self, pulses: PulseSchedule) -> None:
        """Wait for the end of a pulse that is under way."""
        end_s = self._clock.now_s() + pulses.pulse_ul / _ul_per_h(self._bolus_rate) * 3600.0 + _REST_MARGIN_S
        while self._pumping.ask("").status == "I" and self._clock.now_s() < end_s:
            self._clock.sleep_s(_PULSE_POLL_S)

    # -- what it counts

    def delivered_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened, as it counts (`DIS`)."""
        with self._link.turn:
            self._pumping.look_at_counter()
            return self._pumping.delivered_ul

    def reservoir_ul(self) -> float:
        """Ask nothing and return NaN: the pump does not know what its syringe holds."""
        return math.nan

    def battery_pct(self) -> float:
        """Ask nothing and return NaN: the pump has no battery."""
        return math.nan

    # -- alarms

    def pump_time_s(self) -> float:
        """Ask nothing and return NaN: the pump has no clock."""
        return math.nan

    def take_alarms(self) -> list[Alarm]:
        """Ask for alarms, and take every one that the pump has told since they were taken last, oldest first."""
        with self._link.turn:
            self._pumping.ask("")
            taken, self._pumping.alarms = self._pumping.alarms, []
            return taken

    def acknowledge_alarms(self) -> None:
        """Ask for what is pending, which acknowledges it, and let delivery be started again."""
        with self._link.turn:
            self._pumping.ask("")
            self._pumping.blocked = ""

    # -- helpers

    def _forget_delivery(self) -> None:
        """Start nothing any more by itself."""
        self._steady = None
        if self._pulses is not None:
            self._pulses.stop()

    def _rate(self, rate_ul_per_h: float) -> Setting:
        return setting(rate_ul_per_h, RATES_UL_PER_H, self._name, "rate")

    def _volume(self, volume_ul: float) -> Setting:
        return setting(volume_ul, VOLUMES_UL, self._name, "volume")


class NewEraSafePump(NewEraPump):
    """A New Era pump in safe mode from `arm_watchdog` to `disarm_watchdog`; in basic mode otherwise."""

    def arm_watchdog(self, timeout_s: float) -> None:
        """Set safe mode (`SAF`): every packet has a checksum, and the pump stops when none comes for `timeout_s`.

        The pump takes whole seconds from 1 to 255; a part of a second is left off.

        Raises:
            RefusedError: the pump cannot have that time-out.

        """
        whole_s = math.floor(timeout_s)
        if not 1 <= whole_s <= _LONGEST_TIMEOUT_S:
            raise RefusedError(
                self._name,
                f"a watchdog of {timeout_s:g} s cannot be told",
                advice=f"The pump takes 1 s to {_LONGEST_TIMEOUT_S} s.",
            )
        self._set_mode(whole_s)

    def disarm_watchdog(self) -> None:
        """Set basic mode (`SAF0`): the pump goes on without a host."""
        self._set_mode(0)

    def _set_mode(self, timeout_s: int) -> None:
        with self._link.turn:
            try:
                self._pumping.session.set_mode(timeout_s)
            finally:
                self._pumping.take_in_alarms()


def _schedule(options: Options, insulin: Concentration | None) -> PulseSchedule | None:
    if options.basal == "steady":
        return None
    return PulseSchedule(
        options.pulse.to("µL", insulin) if options.pulse is not None else None,
        options.pulse_interval.to("s") if options.pulse_interval is not None else None,
    )


def _ul_per_h(rate: Setting) -> float:
    return rate.value * RATES_UL_PER_H[rate.unit]


def _counted_in(rate: Setting) -> str:
    """Return the unit of volumes in which the pump's counter holds a rate for days."""
    return "UL" if _ul_per_h(rate) <= _FINE_UL_PER_H else "ML"


def open_pump(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> NewEraPump:
    """Open a pump at a device path, a pyserial URL or a VISA resource, at the baud rate at which it answers.

    Raises:
        InstrumentError: it cannot be opened, or no such pump answers.

    """
    rates = BAUD_RATES if options.baudrate is None else (options.baudrate,)
    kind = NewEraSafePump if options.mode == "safe" else NewEraPump
    failure: InstrumentError | None = None
    for baudrate in rates:
        link = open_link(
            address, clock, instrument="pump", wire_log=wire_log, visa_library=visa_library, baudrate=baudrate
        )
        try:
            return kind(link, options, REPLY_S if baudrate >= min(BAUD_RATES) else _SLOW_REPLY_S)
        except (NoReplyError, GarbledReplyError) as error:
            link.close()
            failure = failure or error
        except BaseException:
            link.close()
            raise
    raise failure or NoReplyError(f"pump at {address}", "no baud rate was tried")


DRIVER = DriverEntry(
    name="new_era",
    role="pump",
    instrument=NewEraSafePump,
    factory=open_pump,
    Options=Options,
    summary="New Era NE-300 to NE-9000 syringe pumps (WPI Aladdin), basic and safe mode",
    probes=(
        # Basic mode only: in safe mode the first valid packet starts the watchdog, which would stop the pump. A pending
        # alarm is told in place of any answer, of that to an empty line, too, and counts as acknowledged by that; so it
        # is shown with what was found.
        Probe(
            b"VER\r",
            rb"\x02[0-9]{2}[IWSPTUX](?P<model>NE-?[0-9][^V\x03]*)V(?P<firmware>[0-9][\x21-\x7e]*)\x03",
            tuple(SerialLine(baudrate) for baudrate in BAUD_RATES),
            alarm=rb"\x02[0-9]{2}(?P<alarm>A\?[RSTEO])",
        ),
    ),
)
