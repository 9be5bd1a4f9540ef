"""New Era NE-300 to NE-9000 syringe pumps, also sold as WPI Aladdin and others, in basic or in safe mode.

By the manuals that `drivers/new_era.py` names and the NE-500 manual 1200-03 p. 7; not every page was at hand, and no
such pump was: what a manual leaves open is asked for and checked. The pump counts in volume, by the inner diameter of
the syringe that it was told.

What it delivers is made of single runs (`drivers/run_dosing.py`). A stop is `STP` until the pump says that it is
stopped, `DIS` tells what it counts, and any command acknowledges an alarm that it tells.
"""

from __future__ import annotations

import math
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.quantities import Length
from drivers.dosing_options import DosingOptions
from drivers.errors import RefusedError
from drivers.link import Link, SerialLine
from drivers.new_era import REPLY_S, NewEraSession
from drivers.new_era_numbers import Setting, setting
from drivers.new_era_pumping import NewEraPumping
from drivers.opening import opener
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.run_dosing import RunDosing
from drivers.syringe_pump import SyringePump

BAUD_RATES = (19200, 9600)
"""Rates that are tried where the rig file tells none: the factory's, and the one of much software for these pumps."""
_SLOW_REPLY_S = 3.0
_LONGEST_TIMEOUT_S = 255
_KEEP_ALIVE_S = 5.0
_VERSION = re.compile(r"NE-?(\S+?)V([0-9]\S*)\Z")


class _Fittings(BaseModel):
    """What a rig may say of the pump's syringe and its line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    diameter: Length = Field(description="inner diameter of the syringe", examples=["4.699 mm"])
    pump_address: int = Field(0, ge=0, le=99, description="network address of the pump")
    baudrate: Literal[300, 1200, 2400, 9600, 19200] | None = Field(
        None, description="of the serial line; 19200 and 9600 are tried where it is missing; 8 data bits, no parity"
    )
    mode: Literal["safe", "basic"] = Field(
        "safe", description="safe: checksums and the pump's watchdog while a test is driven; basic: neither"
    )


class Options(DosingOptions, _Fittings):
    """What a rig may say of a New Era pump."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_units(pulse="µL", bolus_rate="µL/min")
        return self


class NewEraPump(SyringePump):
    """A New Era pump in basic mode.

    Raises:
        NoReplyError: nothing answers at this baud rate and address.
        GarbledReplyError: what answers is no such pump.
        RefusedError: the rig file's diameter or bolus rate has more digits than the pump takes.

    """

    _pumping: NewEraPumping
    _dosing: RunDosing[Setting]

    def __init__(self, link: Link, options: Options) -> None:
        diameter = setting(options.diameter.to("mm"), {"mm": 1.0}, link.name, "diameter").number
        slow = options.baudrate is not None and options.baudrate < min(BAUD_RATES)
        session = NewEraSession(link, options.pump_address, _SLOW_REPLY_S if slow else REPLY_S)
        pumping = NewEraPumping(session, diameter)
        bolus_rate = pumping.told_rate(options.bolus_rate.to("µL/h", options.insulin))
        pulses = options.schedule()
        super().__init__(link, options.insulin, pumping, RunDosing(pumping, pulses, bolus_rate, link.clock))
        self.longest_silence_s = 2.0 if pulses is None else 1.0
        with link.turn:
            session.open()
            if session.safe and options.mode == "basic":
                session.set_mode(0)
            pumping.take_in_alarms()

    # -- every pump

    def identify(self) -> Identity:
        """Ask who the pump is (`VER`), as it told when it was opened; it has no serial number."""
        version = self._pumping.session.version
        match = _VERSION.match(version)
        model, firmware = (f"NE-{match[1]}", match[2]) if match else (version, "")
        return Identity("New Era Pump Systems", model, "", firmware)

    def close(self) -> None:
        """Release the link; the pump goes on as it is."""
        self._link.close()

    def poll(self, now_s: float) -> float:
        """Start the pulse that is due, or a basal rate that waits for a bolus, and keep the pump's watchdog quiet."""
        with self._link.turn:
            self._dosing.go_on(now_s)
            if now_s - self._pumping.session.heard_s > _KEEP_ALIVE_S:
                self._pumping.ask("")
            return self._dosing.next_poll_s(now_s)


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


def _make(link: Link, options: Options) -> NewEraPump:
    return NewEraSafePump(link, options) if options.mode == "safe" else NewEraPump(link, options)


def _lines(options: Options) -> list[SerialLine]:
    return [SerialLine(rate) for rate in (BAUD_RATES if options.baudrate is None else (options.baudrate,))]


open_pump = opener("pump", _make, _lines)

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
