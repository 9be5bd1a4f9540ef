"""Alaris Asena, CareFusion Alaris GH and CC clinical syringe pumps on RS-232, under remote control.

By two public clients and by frames that one of them recorded from pumps (`drivers/alaris.py`); no protocol document
and no such pump was at hand, so whatever the pump is told is compared with what it says that it took and does. It
counts in mL: rates from 0.10 mL/h with two decimals, volumes with three. Dilute accordingly: of U-100 its least rate is
10 U/h, of U-1 it is 0.1 U/h.

No command for a bolus is known (`INF_BOLUS` seems to permit one by the pump's own key). So a bolus is a volume to be
infused (VTBI) at its own rate, at whose end the pump stops by itself; a basal rate waits for it and is started again.
That a pump whose volume is done can be started by a command was not seen on one; if it cannot, the driver says so. The
pump has to be polled: remote control lasts only while it is asked for about every second. Closing stops the pump and
gives remote control back.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.clock import Clock
from bench.quantities import InsulinConcentration, Quantity, Rate
from drivers.alaris import AlarisSession, frame
from drivers.alaris_pumping import AlarisPumping
from drivers.alaris_replies import rate_text, volume_text
from drivers.errors import InstrumentError, LinkError, RefusedError
from drivers.link import Link, SerialLine, WireLog, open_link
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Alarm, BolusStatus, DeliveryState, Identity

BAUD_RATE = 38400
_STOPS = 3
_BOLUS_POLL_S = 0.5
_REPLIES_S = 1.0
"""Of the time that remote control lasts, what the exchange takes that keeps it."""
_CONFIRMED = "CONF"


class Options(BaseModel):
    """What a rig may say of an Alaris pump."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bolus_rate: Rate = Field(
        default=Quantity(100.0, "mL/h"), description="at which boluses are infused", examples=["100 mL/h"]
    )
    syringe: str | None = Field(
        None,
        description="brand and size in mL, as the pump shows them; another one in the pump is refused",
        examples=["BD PLASTIPAK 50"],
    )
    insulin: InsulinConcentration | None = Field(
        None, description="what the syringe holds, to be compared with the plan's; volumes are mL to the pump"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bolus_rate.unit.startswith("U") and self.insulin is None:
            raise ValueError("`bolus_rate` in U needs `insulin`, such as U-1; or write it in mL/h")
        return self


class AlarisAsena:
    """An Alaris pump.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no such pump.

    """

    def __init__(self, link: Link, options: Options) -> None:
        insulin = options.insulin
        self.concentration_u_per_ml: float | None = insulin.u_per_ml if insulin is not None else None
        self._link = link
        self._clock = link.clock
        self._name = link.name
        self._session = AlarisSession(link)
        self._pumping = AlarisPumping(self._session, self._forget_delivery)
        self._control = self._pumping.control
        self._wanted_syringe = options.syringe
        self._bolus_rate_ul_per_h = options.bolus_rate.to("µL/h", insulin)
        self._steady_ul_per_h: float | None = None
        self._bolus_ul: float | None = None
        self._bolus_from_ul = 0.0
        self._last_bolus = BolusStatus(False, 0.0, 0.0)
        with link.turn:
            self._pumping.open()
        self.longest_silence_s = self._control.lapse_s - _REPLIES_S

    # -- every pump

    @property
    def remote_control(self) -> str:
        """`held`, `lost` (it is wanted, and the pump does not grant it) or `none`."""
        if self._control.held:
            return "held"
        return "lost" if self._control.needed else "none"

    def identify(self) -> Identity:
        """Ask nothing more: serial number and the protocol's version are those that it told when it was opened."""
        return Identity("Alaris", "Asena", self._control.serial_number, self._session.version)

    def stop(self) -> None:
        """Stop all delivery at once (`INF_STOP`, until `INF` shows no rate); tried three times.

        Raises:
            InstrumentError: the pump does not say that it is on hold.

        """
        failure = InstrumentError(self._name, "was not stopped")
        for _ in range(_STOPS):
            try:
                with self._link.turn:
                    self._halt()
                    return
            except LinkError:
                raise
            except InstrumentError as error:
                failure = error
        raise failure

    def _halt(self) -> None:
        """Stop, and note how far a bolus came."""
        self._steady_ul_per_h = None
        self._pumping.halt()
        if self._bolus_ul is not None:
            self._end_bolus()

    def state(self) -> DeliveryState:
        """Ask what the pump is doing (`INF`)."""
        with self._link.turn:
            if self._bolus_ul is not None:
                self._look_at_bolus()
            infusing = self._pumping.look().infusing
            if self._pumping.blocked:
                return DeliveryState.ALARM
            if not infusing:
                return DeliveryState.STOPPED
            return DeliveryState.BOLUS if self._bolus_ul is not None else DeliveryState.BASAL

    def close(self) -> None:
        """Stop the pump if this driver has started it, give remote control back, and release the link."""
        with suppress(InstrumentError):
            if self._control.held:
                with self._link.turn:
                    if self._control.needed:
                        self._pumping.halt()
                    self._control.release()
        self._control.held = self._control.needed = False
        self._link.close()

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate in µL/h and start infusing it, or change it while infusing.

        Raises:
            RefusedError: the pump cannot take that rate (the text says which it could), has no confirmed syringe or
                another one, or an alarm has not been acknowledged.
            ControlLostError: remote control lapsed while it infused.

        """
        with self._link.turn:
            self._pumping.refuse_while_blocked()
            rate = self._rate(rate_ul_per_h)
            if self._bolus_ul is not None and self._look_at_bolus().active:
                self._steady_ul_per_h = rate_ul_per_h
            elif self._steady_ul_per_h is not None and self._pumping.look().infusing:
                self._pumping.set_rate(rate)
                self._steady_ul_per_h = rate_ul_per_h
            else:
                self._check_syringe()
                self._run_steady(rate_ul_per_h)

    def _run_steady(self, rate_ul_per_h: float) -> None:
        self._steady_ul_per_h = None
        self._pumping.halt()
        self._pumping.run(self._rate(rate_ul_per_h))
        self._steady_ul_per_h = rate_ul_per_h

    # -- bolus

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus of `volume_ul` in µL; a basal rate waits for its end.

        Raises:
            RefusedError: a bolus is in progress, the pump cannot take that volume (the text says which it could) or the
                rig file's bolus rate, has no confirmed syringe, or an alarm has not been acknowledged.
            ControlLostError: remote control lapsed while it infused.

        """
        with self._link.turn:
            self._pumping.refuse_while_blocked()
            volume = volume_text(volume_ul, self._name)
            if self._bolus_ul is not None and self._look_at_bolus().active:
                raise RefusedError(self._name, "a bolus is in progress", advice="Wait for its end, or cancel it.")
            rate = self._rate(self._bolus_rate_ul_per_h)
            self._check_syringe()
            self._pumping.halt()
            self._pumping.look()
            self._bolus_from_ul = self._pumping.delivered_ul
            self._bolus_ul = volume_ul
            self._last_bolus = BolusStatus(False, volume_ul, 0.0)
            try:
                self._pumping.run(rate, volume)
            except InstrumentError:
                self._bolus_ul = None
                raise

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, or how far the last one came, in µL as the pump counts (`INF`)."""
        with self._link.turn:
            return self._look_at_bolus()

    def cancel_bolus(self) -> None:
        """Stop the bolus now; a basal rate goes on. No error if there is none."""
        with self._link.turn:
            if self._bolus_ul is not None and self._look_at_bolus().active:
                self._pumping.halt()
                self._look_at_bolus()

    def _look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a basal rate go on."""
        if self._bolus_ul is None:
            return self._last_bolus
        infusing = self._pumping.look().infusing
        if infusing:
            given_ul = self._pumping.delivered_ul - self._bolus_from_ul
            return BolusStatus(True, self._bolus_ul, round(given_ul, 3))
        self._end_bolus()
        if self._steady_ul_per_h is not None and not self._pumping.blocked:
            self._run_steady(self._steady_ul_per_h)
        return self._last_bolus

    def _end_bolus(self) -> None:
        """Note how far a bolus came that is over, and let the pump no longer stop after a volume."""
        given_ul = round(self._pumping.delivered_ul - self._bolus_from_ul, 3)
        self._last_bolus = BolusStatus(False, self._bolus_ul or 0.0, given_ul)
        self._bolus_ul = None
        self._control.needed = False
        self._pumping.set_volume(None)

    # -- what the bench calls while time passes

    def poll(self, now_s: float) -> float:
        """Ask for remote control again (`REMOTE_CTRL`), and let a basal rate go on that waits for a bolus.

        Raises:
            ControlLostError: remote control lapsed while the pump should infuse, or is no longer granted.

        """
        with self._link.turn:
            if now_s >= self._control.next_keep_s():
                self._control.keep()
            wanted_s = self._control.next_keep_s()
            if self._bolus_ul is not None and self._look_at_bolus().active:
                wanted_s = min(wanted_s, now_s + _BOLUS_POLL_S)
            return wanted_s

    # -- what it counts and measures

    def delivered_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened, as it counts, to 1 µL (`INF`)."""
        with self._link.turn:
            self._pumping.look()
            return round(self._pumping.delivered_ul, 3)

    def reservoir_ul(self) -> float:
        """Ask nothing and return NaN: no request tells what the syringe holds."""
        return math.nan

    def battery_pct(self) -> float:
        """Ask nothing and return NaN: no request tells the battery's charge."""
        return math.nan

    def line_pressure_kpa(self) -> float:
        """Ask for the line's pressure in kPa as the pump measures it (`INF`, in mmHg); NaN where it tells none."""
        with self._link.turn:
            return self._pumping.look().pressure_kpa

    # -- alarms

    def pump_time_s(self) -> float:
        """Ask nothing and return NaN: no request tells the pump's clock."""
        return math.nan

    def take_alarms(self) -> list[Alarm]:
        """Ask for the alarm that stands (`ALARM`), and take every one seen since they were taken last, oldest first.

        A code that is not known here is the alarm's code as the pump tells it.
        """
        with self._link.turn:
            self._pumping.look_at_alarm()
            taken, self._pumping.alarms = self._pumping.alarms, []
            return taken

    def acknowledge_alarms(self) -> None:
        """Ask for the alarm and let delivery be started again; one that stands is met by a stop, which may end it.

        Raises:
            RefusedError: the alarm still stands: it has to be cleared at the pump.

        """
        with self._link.turn:
            self._pumping.acknowledge()

    # -- helpers

    def _forget_delivery(self) -> None:
        """Start nothing any more by itself."""
        self._steady_ul_per_h = None

    def _rate(self, rate_ul_per_h: float) -> str:
        return rate_text(rate_ul_per_h, self._pumping.most_ul_per_h(), self._name, self.concentration_u_per_ml)

    def _check_syringe(self) -> None:
        """Refuse to start with no syringe, or another one."""
        brand, size, status = self._pumping.syringe()
        if status != _CONFIRMED:
            raise RefusedError(
                self._name,
                f"its syringe is not confirmed: {brand} {size} mL, {status}",
                advice="Load the syringe and confirm it at the pump.",
            )
        wanted = self._wanted_syringe
        if wanted is not None and wanted.split() != f"{brand} {size}".split():
            raise RefusedError(
                self._name,
                f"has a syringe {brand} {size} mL, and the rig file says {wanted}",
                advice="Choose the right syringe at the pump: volumes go by it.",
            )


def open_pump(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> AlarisAsena:
    """Open a pump at a device path, a pyserial URL or a VISA resource; asks only, and takes no remote control.

    Raises:
        InstrumentError: it cannot be opened, or no such pump answers.

    """
    link = open_link(
        address, clock, instrument="pump", wire_log=wire_log, visa_library=visa_library, baudrate=BAUD_RATE
    )
    try:
        return AlarisAsena(link, options)
    except BaseException:
        link.close()
        raise


DRIVER = DriverEntry(
    name="alaris_asena",
    role="pump",
    instrument=AlarisAsena,
    factory=open_pump,
    Options=Options,
    summary="Alaris Asena, GH and CC clinical syringe pumps under remote control",
    probes=(
        Probe(
            frame(b"INST_SERIALNO"),
            rb"!INST_SERIALNO\^(?P<serial>[^|^\r]+)\|[0-9A-F]{4}\r",
            (SerialLine(BAUD_RATE),),
            details=((frame(b"COMMS_PROTOCOL"), rb"!COMMS_PROTOCOL\^(?P<firmware>[^|^\r]+)\|[0-9A-F]{4}\r"),),
            keys=lambda _line: {},
        ),
    ),
)
