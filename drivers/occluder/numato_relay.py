"""Numato Lab USB relay modules that drive a pinch valve: 1 to 10 relays, whose index is one digit."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.errors import RefusedError
from drivers.link import Link, WireLog, open_link
from drivers.numato import NumatoSession
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity


class Options(BaseModel):
    """What a rig says of the relay and its valve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: int = Field(0, ge=0, le=9, description="relay that drives the valve")
    closed_when: Literal["energised", "released"] = Field(
        "energised", description="state of the relay in which the valve shuts the delivery line"
    )


class NumatoRelay:
    """One relay of a module as occluder.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Numato module.

    """

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._channel = options.channel
        self._closed_state = "on" if options.closed_when == "energised" else "off"
        self._open_state = "off" if options.closed_when == "energised" else "on"
        self._session = NumatoSession(link, "relay module")

    def identify(self) -> Identity:
        """Ask for the module's version (`ver`) and its id (`id get`)."""
        return Identity("Numato Lab", "relay module", self._session.identity(), self._session.firmware)

    def occlude(self) -> None:
        """Set the relay so that the line is shut, and read it back."""
        self._set(self._closed_state)

    def release(self) -> None:
        """Set the relay so that the line is open, and read it back."""
        self._set(self._open_state)

    def is_occluded(self) -> bool:
        """Ask whether the relay stands so that the line is shut (`relay read`)."""
        return self._state() == self._closed_state

    def close(self) -> None:
        """Release the link; the relay stays as it is."""
        self._link.close()

    def _set(self, state: str) -> None:
        command = f"relay {state} {self._channel}"
        self._session.tell(command)
        seen = self._state()
        if seen != state:
            raise RefusedError(
                self._link.name,
                f"relay {self._channel} reads {seen!r} after being set {state!r}",
                sent=command.encode(),
                seen=seen.encode(),
                advice="Is its supply on, and does the module have this relay?",
            )

    def _state(self) -> str:
        command = f"relay read {self._channel}"
        value = self._session.ask(command).value
        if value not in ("on", "off"):
            raise self._session.garbled("told no relay state", command, value)
        return value


def open_relay(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> NumatoRelay:
    """Open a relay module at a device path, a pyserial URL or a VISA resource."""
    link = open_link(address, clock, instrument="occluder", wire_log=wire_log, visa_library=visa_library, baudrate=9600)
    try:
        return NumatoRelay(link, options)
    except BaseException:
        link.close()
        raise


DRIVER = DriverEntry(
    name="numato_relay",
    role="occluder",
    instrument=NumatoRelay,
    factory=open_relay,
    probes=(
        Probe(
            b"\rid get\r",
            rb"id get\s+(?P<serial>[ -~]{8})\s+>",
            confirm=(b"\rrelay readall\r", rb"relay readall\s+[0-9a-fA-F]{2,}\s+>"),
            usb=((0x2A19, None),),
            keys=lambda _line: {},
        ),
    ),
    Options=Options,
    summary="a pinch valve on a relay of a Numato Lab USB module",
)
