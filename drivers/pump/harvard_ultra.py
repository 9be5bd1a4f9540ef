"""Harvard PHD ULTRA and Pump 11 Elite, KDS Legato and other syringe pumps of the Protocol 11 family.

By the manual pages that `drivers/harvard_ultra.py` names; whole manuals were not at hand, and no such pump was: what
they leave open is asked for and checked. Which dialect a pump speaks shows in what it answers: a PHD ULTRA of the first
firmware has five flags in its status, others six. The pump counts in volume, by the diameter that it was told.

What it delivers is made of single runs (`drivers/run_dosing.py`). The pump has no watchdog: without a host it goes on.
A stop and an acknowledgement are `stp`, what it does and counts is told by `status`.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.quantities import Length, Volume
from drivers.dosing_options import DosingOptions
from drivers.errors import RefusedError
from drivers.harvard_ultra import REPLY_S, AddressForm, HarvardSession
from drivers.harvard_ultra_pumping import HarvardPumping, Syringe
from drivers.link import Link, SerialLine
from drivers.opening import opener
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.run_dosing import RunDosing
from drivers.syringe_pump import SyringePump

BAUD_RATES = (115200, 9600)
"""Rates that are tried where the rig file tells none; over USB every one will do."""
_VERSION = re.compile(r"(.*?) v?([0-9]+(?:\.[0-9]+)+)\Z")
_MAKERS = (
    ("PHD", "Harvard Apparatus"),
    ("11 ", "Harvard Apparatus"),
    ("Legato", "KD Scientific"),
    ("KDS", "KD Scientific"),
)


class _Fittings(BaseModel):
    """What a rig may say of the pump's syringe and its line."""

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


class Options(DosingOptions, _Fittings):
    """What a rig may say of such a pump."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_units(pulse="µL", bolus_rate="µL", syringe_volume="µL")
        return self


class HarvardUltraPump(SyringePump):
    """A pump of the Protocol 11 family; opening and closing stop it.

    Raises:
        NoReplyError: nothing answers at this baud rate and address.
        GarbledReplyError: what answers is no such pump, or it has not taken a setting of the rig file.
        RefusedError: it refuses a setting of the rig file, or the bolus rate is beyond its limits.

    """

    longest_silence_s = 1.0
    _pumping: HarvardPumping
    _dosing: RunDosing[float]

    def __init__(self, link: Link, options: Options, reply_s: float = REPLY_S) -> None:
        insulin = options.insulin
        self._closed = False
        self._session = HarvardSession(link, options.pump_address, options.address_form, reply_s)
        volume = options.syringe_volume
        syringe = Syringe(
            options.diameter.to("mm"), volume.to("µL", insulin) if volume is not None else None, options.force
        )
        bolus_ul_per_h = options.bolus_rate.to("µL/h", insulin)
        pumping = HarvardPumping(self._session, syringe)
        super().__init__(link, insulin, pumping, RunDosing(pumping, options.schedule(), bolus_ul_per_h, link.clock))
        with link.turn:
            self._session.open()
            self._pumping.make_ready()
            self._pumping.told_rate(bolus_ul_per_h)

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

    def close(self) -> None:
        """Stop the pump if it can be reached, and release the link."""
        if not self._closed:
            self._closed = True
            self._session.shout("stp")
        self._link.close()

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


def _lines(options: Options) -> list[SerialLine]:
    return [SerialLine(rate) for rate in (BAUD_RATES if options.baudrate is None else (options.baudrate,))]


open_pump = opener("pump", HarvardUltraPump, _lines)

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
