"""Harvard PHD ULTRA and Pump 11 Elite, KDS Legato and other syringe pumps of the Protocol 11 family.

By the manual pages that `drivers/harvard_ultra.py` names; whole manuals were not at hand, and no such pump was: what
they leave open is asked for and checked. Which dialect a pump speaks shows in what it answers: a PHD ULTRA of the first
firmware has five flags in its status, others six. The pump counts in volume, by the diameter that it was told.

A steady basal rate is pumped as such. A pulsed one is made of small volumes that this driver times, so it needs to be
polled; the pump rests in between. The pump has no watchdog: without a host it goes on.
"""

from __future__ import annotations

import math
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.clock import Clock
from bench.quantities import Concentration, Duration, InsulinConcentration, Length, Quantity, Rate, Volume
from drivers.errors import GarbledReplyError, InstrumentError, LinkError, NoReplyError, RefusedError
from drivers.harvard_ultra import REPLY_S, AddressForm, HarvardSession
from drivers.harvard_ultra_dosing import Dosing
from drivers.harvard_ultra_pumping import HarvardPumping, Syringe
from drivers.link import Link, SerialLine, WireLog, open_link
from drivers.probe import Probe
from drivers.pulse_schedule import PulseSchedule
from drivers.registry import DriverEntry
from drivers.roles import Alarm, BolusStatus, DeliveryState, Identity

BAUD_RATES = (115200, 9600)
"""Rates that are tried where the rig file tells none; over USB every one will do."""
_STOPS = 3
_VERSION = re.compile(r"(.*?) v?([0-9]+(?:\.[0-9]+)+)\Z")
_MAKERS = (
    ("PHD", "Harvard Apparatus"),
    ("11 ", "Harvard Apparatus"),
    ("Legato", "KD Scientific"),
    ("KDS", "KD Scientific"),
)


class Options(BaseModel):
    """What a rig may say of such a pump."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    diameter: Length = Field(description="inner diameter of the syringe", examples=["4.699 mm"])
    syringe_volume: Volume | None = Field(None, description="of the syringe; left as it is if none", examples=["1 mL"])
    force: int | None = Field(
        None, ge=1, le=100, description="with which the pump pushes at most, in %; left as it is if none"
    )
    pump_address: int = Field(0, ge=0, le=99, description="address of the pump")
    address_form: AddressForm = Field(
        "colon", description="before a command, of another address than 0: `12:` (PHD ULTRA) or plain `12` (Legato)"
    )
    baudrate: Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600] | None = Field(
        None, description="of the serial line, 8N1; 115200 and 9600 are tried where it is missing; USB takes any"
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
        for name in ("pulse", "bolus_rate", "syringe_volume"):
            told = getattr(self, name)
            if told is not None and told.unit.startswith("U") and self.insulin is None:
                raise ValueError(f"`{name}` in U needs `insulin`, such as U-100; or write it in µL")
        return self


class HarvardUltraPump:
    """A pump of the Protocol 11 family; opening and closing stop it.

    Raises:
        NoReplyError: nothing answers at this baud rate and address.
        GarbledReplyError: what answers is no such pump, or it has not taken a setting of the rig file.
        RefusedError: it refuses a setting of the rig file, or the bolus rate is beyond its limits.

    """

    longest_silence_s = 1.0

    def __init__(self, link: Link, options: Options, reply_s: float = REPLY_S) -> None:
        insulin = options.insulin
        self.concentration_u_per_ml: float | None = insulin.u_per_ml if insulin is not None else None
        self._link = link
        self._name = link.name
        self._closed = False
        self._session = HarvardSession(link, options.pump_address, options.address_form, reply_s)
        volume = options.syringe_volume
        syringe = Syringe(
            options.diameter.to("mm"), volume.to("µL", insulin) if volume is not None else None, options.force
        )
        bolus_ul_per_h = options.bolus_rate.to("µL/h", insulin)
        self._pumping = HarvardPumping(self._session, syringe, self._forget)
        self._dosing = Dosing(self._pumping, _schedule(options, insulin), bolus_ul_per_h, link.clock)
        with link.turn:
            self._session.open()
            self._pumping.make_ready()
            self._pumping.check_rate(bolus_ul_per_h)

    # -- every pump

    def identify(self) -> Identity:
        """Ask for model, firmware (`ver`, as told when it was opened) and serial number (`version`, may be empty)."""
        with self._link.turn:
            try:
                lines = self._pumping.ask("version").lines
            except RefusedError:
                lines = []
        told = [line.partition(":") for line in lines]
        serial = next((value.strip() for name, _, value in told if name.strip().lower() == "serial number"), "")
        version = self._session.version
        match = _VERSION.match(version)
        model, firmware = (match[1], match[2]) if match else (version, "")
        maker = next((name for start, name in _MAKERS if model.startswith(start)), "")
        return Identity(maker, model, serial, firmware)

    def stop(self) -> None:
        """Stop all delivery at once (`stp` until the pump says that it rests); tried three times.

        Raises:
            InstrumentError: the pump does not say that it rests.

        """
        failure = InstrumentError(self._name, "was not stopped")
        for _ in range(_STOPS):
            try:
                with self._link.turn:
                    self._forget()
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
            return self._dosing.state()

    def close(self) -> None:
        """Stop the pump if it can be reached, and release the link."""
        if not self._closed:
            self._closed = True
            self._session.shout("stp")
        self._link.close()

    # -- what it delivers

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate in µL/h and start delivering it, or change it while delivering.

        Raises:
            RefusedError: the pump cannot do that rate (the text says which it can), delivery is suspended, or an alarm
                has not been acknowledged.

        """
        with self._link.turn:
            self._dosing.start_basal(rate_ul_per_h)

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus of `volume_ul` in µL; a steady basal rate waits for its end.

        Raises:
            RefusedError: a bolus is in progress, delivery is suspended, or an alarm has not been acknowledged.

        """
        with self._link.turn:
            self._dosing.start_bolus(volume_ul)

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, or how far the last one came, in µL as the pump counts (`status`)."""
        with self._link.turn:
            return self._dosing.look_at_bolus()

    def cancel_bolus(self) -> None:
        """Stop the bolus now; a basal rate goes on. No error if there is none."""
        with self._link.turn:
            self._dosing.cancel_bolus()

    def suspend(self) -> None:
        """Stop delivery (`stp`) and keep in mind what was under way.

        Raises:
            RefusedError: an alarm has not been acknowledged.

        """
        with self._link.turn:
            self._dosing.suspend()

    def resume(self) -> None:
        """Start again what was suspended: the rest of a bolus, the basal rate, pulses with the interval that was left.

        Raises:
            RefusedError: nothing is suspended, or an alarm has not been acknowledged.

        """
        with self._link.turn:
            self._dosing.resume()

    def poll(self, now_s: float) -> float:
        """Start the pulse that is due, or a basal rate that waits for a bolus."""
        with self._link.turn:
            return self._dosing.poll(now_s)

    # -- what it counts

    def delivered_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened, as it counts (`status`)."""
        with self._link.turn:
            self._pumping.look()
            return self._pumping.delivered_ul

    def reservoir_ul(self) -> float:
        """Ask nothing and return NaN: the pump does not know what its syringe holds."""
        return math.nan

    def battery_pct(self) -> float:
        """Ask nothing and return NaN: the pump has no battery."""
        return math.nan

    # -- alarms

    def pump_time_s(self) -> float:
        """Ask nothing and return NaN: the pump dates no alarms."""
        return math.nan

    def take_alarms(self) -> list[Alarm]:
        """Ask for alarms, and take every one that the pump has told since they were taken last, oldest first."""
        with self._link.turn:
            self._pumping.look()
            taken, self._pumping.alarms = self._pumping.alarms, []
            return taken

    def acknowledge_alarms(self) -> None:
        """Stop the pump that an alarm has stopped (`stp` clears it), and let delivery be started again."""
        with self._link.turn:
            self._pumping.look()
            if self._pumping.blocked:
                self._pumping.halt()
                self._pumping.blocked = ""

    def _forget(self) -> None:
        """Start nothing any more by itself."""
        self._dosing.forget()


def _schedule(options: Options, insulin: Concentration | None) -> PulseSchedule | None:
    if options.basal == "steady":
        return None
    return PulseSchedule(
        options.pulse.to("µL", insulin) if options.pulse is not None else None,
        options.pulse_interval.to("s") if options.pulse_interval is not None else None,
    )


def open_pump(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> HarvardUltraPump:
    """Open a pump at a device path, a pyserial URL or a VISA resource, at the baud rate at which it answers.

    Raises:
        InstrumentError: it cannot be opened, or no such pump answers.

    """
    rates = BAUD_RATES if options.baudrate is None else (options.baudrate,)
    failure: InstrumentError | None = None
    for baudrate in rates:
        link = open_link(
            address, clock, instrument="pump", wire_log=wire_log, visa_library=visa_library, baudrate=baudrate
        )
        try:
            return HarvardUltraPump(link, options)
        except (NoReplyError, GarbledReplyError) as error:
            link.close()
            failure = failure or error
        except BaseException:
            link.close()
            raise
    raise failure or NoReplyError(f"pump at {address}", "no baud rate was tried")


DRIVER = DriverEntry(
    name="harvard_ultra",
    role="pump",
    instrument=HarvardUltraPump,
    factory=open_pump,
    Options=Options,
    summary="Harvard PHD ULTRA and Pump 11 Elite, KDS Legato and other Protocol 11 syringe pumps",
    probes=(
        Probe(
            b"VER\r",
            rb"\n(?:[0-9]{2}:)?(?P<model>(?:PHD|11 |Legato|KDS)[^\r\n]*?) v?(?P<firmware>[0-9]+(?:\.[0-9]+)+)\r",
            lines=tuple(SerialLine(baudrate) for baudrate in BAUD_RATES),
        ),
    ),
)
