r"""Numato Lab USB relay modules that drive a pinch valve.

A text terminal (USB CDC, any baud rate): the module echoes the command, sends `\n\r`, the value if there is one with
another `\n\r`, and a prompt `>` without line end. Modules of 1 to 10 relays, whose index is one digit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.link import Link, WireLog, open_link
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity

_TIMEOUT_S = 2.0
_WAKE_S = 0.5
_ADVICE = "Is it a Numato relay module, and does no modem manager probe the port?"


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
        self._clock = link.clock
        self._channel = options.channel
        self._closed_state = "on" if options.closed_when == "energised" else "off"
        self._open_state = "off" if options.closed_when == "energised" else "on"
        with link.turn:
            # Host services may have typed at the module, or eaten its first bytes: end that line, whatever it is.
            link.write(b"\r")
            link.read_until(b">", self._clock.now_s() + _WAKE_S)
            link.discard_input()
        self._firmware = self._ask("ver")

    def identify(self) -> Identity:
        """Ask for the module's version (`ver`) and its id (`id get`)."""
        return Identity("Numato Lab", "relay module", self._ask("id get"), self._firmware)

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
        values = self._exchange(command)
        if values:
            raise RefusedError(
                self._link.name, "refused", sent=command.encode(), seen=" ".join(values).encode(), advice=_ADVICE
            )
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
        value = self._ask(command)
        if value not in ("on", "off"):
            raise GarbledReplyError(
                self._link.name, "told no relay state", sent=command.encode(), seen=value.encode(), advice=_ADVICE
            )
        return value

    def _ask(self, command: str) -> str:
        values = self._exchange(command)
        if len(values) != 1:
            seen = " ".join(values).encode()
            raise GarbledReplyError(
                self._link.name, "told not one value", sent=command.encode(), seen=seen, advice=_ADVICE
            )
        return values[0]

    def _exchange(self, command: str) -> list[str]:
        """Send a command and return the lines between its echo and the prompt."""
        sent = command.encode("ascii")
        with self._link.turn:
            self._link.discard_input()  # an answer that came too late; the echo tells the next one apart
            self._link.write(sent + b"\r")
            deadline_s = self._clock.now_s() + _TIMEOUT_S
            seen = b""
            while (frame := self._link.read_until(b">", deadline_s)) is not None:
                lines = [line.strip() for line in frame.data.replace(b"\r", b"\n").split(b"\n") if line.strip()]
                # `# old new mask` is told unasked when an input changes.
                lines = [line for line in lines if not line.startswith(b"#")]
                if sent in lines:
                    values = lines[lines.index(sent) + 1 :]
                    return [value.decode("ascii", "backslashreplace") for value in values]
                seen = frame.data or seen
            seen = self._link.unread or seen
        if seen:
            raise GarbledReplyError(
                self._link.name, "did not echo the command", sent=sent + b"\r", seen=seen, advice=_ADVICE
            )
        raise NoReplyError(
            self._link.name,
            f"no answer within {_TIMEOUT_S:g} s",
            sent=sent + b"\r",
            seen=b"",
            advice="Is it plugged in, and is the address the relay module's?",
        )


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
            usb=((0x2A19, None),),
            usb_only=True,
            keys=lambda _line: {},
        ),
    ),
    Options=Options,
    summary="a pinch valve on a relay of a Numato Lab USB module",
)
