"""SCPI switch units (Keysight and HP 34970A, 34972A, DAQ970A …) with a relay that drives a pinch valve.

A channel of a switch or multiplexer module (34903A, 34901A …) is closed and opened by `ROUT:CLOS (@101)` and `ROUT:OPEN
(@101)`; `*OPC?` answers once it has moved, and `ROUT:CLOS?` reads its state back (34970A manual, p.257). That state is
the relay driver's: neither a welded contact nor the valve behind it is seen by it, so that the valve's delay must be
measured and declared in the rig file. On RS-232 a 34970A takes commands once it was told `SYST:REM`, at 57600 8N1 as it
comes from the factory (both from memory: those pages of the manual were not at hand).
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import GarbledReplyError, ReadBackError
from drivers.link import Link
from drivers.opening import opener, plain_line
from drivers.probe import scpi_probe
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.scpi import REMOTE, ScpiSession, on_serial_line

_ADVICE = "Is it switched on, is its language SCPI, and is no one at its front panel?"
_SWITCHING_S = 5.0


class Options(BaseModel):
    """What a rig says of the switch unit and its valve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: int = Field(
        ge=101, le=899, description="relay that drives the valve: slot, then two digits", examples=[101]
    )
    closed_when: Literal["energised", "released"] = Field(
        "energised", description="state of the relay in which the valve shuts the delivery line"
    )
    remote: bool | None = Field(None, description=REMOTE)
    baudrate: int = Field(57600, ge=600, le=115200, description="of a serial line; 8 data bits, no parity")


class ScpiSwitch:
    """One relay of a switch unit as occluder.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers speaks no SCPI.
        RefusedError: it has no such channel, or does not take the command.
        ReadBackError: the relay reads otherwise than it was told.

    """

    def __init__(self, link: Link, options: Options, *, serial: bool = False) -> None:
        self._scpi = ScpiSession(link, _ADVICE)
        self._channel = f"(@{options.channel})"
        self._closed_to_shut = options.closed_when == "energised"
        self._scpi.go_remote(options.remote, serial=serial)
        self._closed()

    def identify(self) -> Identity:
        """Ask who the switch unit is (`*IDN?`), as it told when it was opened; a 34970A tells no serial number."""
        identity = self._scpi.identity
        return dataclasses.replace(identity, serial_number="") if identity.serial_number == "0" else identity

    def occlude(self) -> None:
        """Set the relay so that the line is shut, and read it back."""
        self._set(closed=self._closed_to_shut)

    def release(self) -> None:
        """Set the relay so that the line is open, and read it back."""
        self._set(closed=not self._closed_to_shut)

    def is_occluded(self) -> bool:
        """Ask whether the relay stands so that the line is shut (`ROUT:CLOS?`)."""
        return self._closed() == self._closed_to_shut

    def close(self) -> None:
        """Release the link; the relay stays as it is."""
        self._scpi.close()

    def _set(self, *, closed: bool) -> None:
        command = f"ROUT:{'CLOS' if closed else 'OPEN'} {self._channel}"
        self._scpi.command(command)
        done, _ = self._scpi.ask("*OPC?", _SWITCHING_S)
        if done.lstrip("+") != "1":
            raise self._garbled("neither done nor not", "*OPC?", done)
        if self._closed() != closed:
            stays = "open" if closed else "closed"
            raise ReadBackError(
                self._scpi.name,
                f"channel {self._channel} reads {stays} after `{command}`",
                sent=command.encode(),
                advice="Is the module seated, and is the channel one that may stay closed?",
            )

    def _closed(self) -> bool:
        query = f"ROUT:CLOS? {self._channel}"
        text, _ = self._scpi.ask(query)
        if text not in ("0", "1"):
            raise self._garbled("neither 0 nor 1", query, text)
        return text == "1"

    def _garbled(self, what: str, query: str, text: str) -> GarbledReplyError:
        return self._scpi.garbled(what, query, text.encode())


def _switch(link: Link, options: Options) -> ScpiSwitch:
    return ScpiSwitch(link, options, serial=on_serial_line(link.address))


open_switch = opener("occluder", _switch, plain_line)


DRIVER = DriverEntry(
    name="scpi_switch",
    role="occluder",
    instrument=ScpiSwitch,
    factory=open_switch,
    probes=(scpi_probe(rb"3497[02]A|34980A|DAQ97\dA", baudrates=(9600, 57600, 115200)),),
    Options=Options,
    summary="a pinch valve on a relay of a SCPI switch unit (34970A, 34972A, DAQ970A)",
)
