"""A switch unit of the 34970A kind with one module, one of whose relays works a pinch valve on the delivery line.

`ROUTe:CLOSe` and `ROUTe:OPEN` as in the 34970A manual (p.257): `CLOS?` and `OPEN?` answer one digit a channel, a
34901A multiplexer keeps at most one of its shunt switches 21 and 22 closed. On a LAN or USB interface lines end with
LF; on RS-232 answers end with CR LF, and commands that change something are taken once `SYSTem:REMote` was sent. The
numbers of channel-list errors and of the error for that are from memory.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.emulators.scpi import (
    ILLEGAL_VALUE,
    SYNTAX,
    Command,
    ErrorQueue,
    LineBuffer,
    ScpiError,
    ScpiParser,
    number,
)
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MAKER = "pumpbench twin"
FIRMWARE = "1.0-twin"

_SWITCHING_S = 0.015
"""A relay's own time, which `*OPC?` waits for."""
_CHANNELS = {"34901A": 22, "34903A": 20}
_SHUNTS = (21, 22)
_SLOTS = (1, 2, 3)
_BAD_SLOT = (111, "Channel list: slot number out of range")
_BAD_CHANNEL = (112, "Channel list: channel number out of range")
_IN_LOCAL = (550, "Command not allowed in local")
_LIST = re.compile(r"\(\s*@\s*(.*?)\s*\)$", re.ASCII | re.DOTALL)
_RANGE = re.compile(r"(\d{3})(?:\s*:\s*(\d{3}))?$", re.ASCII)


class Options(BaseModel):
    """Which unit it is, what is in its slots, and what the relay does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["34970A", "34972A", "DAQ970A"] = "DAQ970A"
    module: Literal["34901A", "34903A"] = "34903A"
    channel: int = Field(101, ge=101, le=322, description="the relay that works the valve; its slot has the module")
    closed_when: Literal["energised", "released"] = "energised"
    interface: Literal["lan", "rs232"] = "lan"
    baudrate: int = Field(57600, ge=1200, le=115200)
    stuck: bool = Field(False, description="whether the relay stays as it is, and says so")


class Valve(Protocol):
    """What the emulator needs of the occluder's physics."""

    def set(self, closed: bool, time_s: float) -> None:
        """Shut or open the line from `time_s` on."""


class ScpiSwitch:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        valve: the valve that the relay works.
        options: which unit it is.
        serial: serial number; a 34970A tells 0 in its place.

    """

    def __init__(self, send: Send, valve: Valve, options: Options = Options(), *, serial: str = "TWIN0001") -> None:  # noqa: B008
        on_serial_line = options.interface == "rs232"
        self.line = LineSettings(options.baudrate) if on_serial_line else None
        self._send = send
        self._valve = valve
        self._options = options
        self._slot = options.channel // 100
        self._closed: set[int] = set()
        self._local = on_serial_line
        self._end = b"\r\n" if on_serial_line else b"\n"
        self._time_s = self._busy_until_s = 0.0
        self._errors = ErrorQueue()
        self._buffer = LineBuffer()
        told = "0" if options.model == "34970A" else serial
        self._parser = ScpiParser(
            {
                "*IDN?": Command(lambda _: f"{MAKER},{options.model} simulated,{told},{FIRMWARE}"),
                "*RST": Command(self._reset),
                "*CLS": Command(lambda _: self._errors.clear()),
                "*OPC": Command(lambda _: None),
                "*OPC?": Command(lambda _: "1"),
                "*WAI": Command(lambda _: None),
                "*TST?": Command(lambda _: "+0"),
                "*ESR?": Command(lambda _: "+0"),
                "*STB?": Command(lambda _: "+0"),
                "SYSTem:ERRor[:NEXT]?": Command(lambda _: '{:+d},"{}"'.format(*self._errors.pop())),
                "SYSTem:VERSion?": Command(lambda _: "1994.0"),
                "SYSTem:REMote": Command(lambda _: self._go(local=False)),
                "SYSTem:RWLock": Command(lambda _: self._go(local=False)),
                "SYSTem:LOCal": Command(lambda _: self._go(local=on_serial_line)),
                "SYSTem:PRESet": Command(self._reset),
                "SYSTem:CPON": Command(self._power_on, 1, 1),
                "SYSTem:CTYPe?": Command(self._type, 1, 1),
                "ROUTe:CLOSe": Command(self._close, 1, None),
                "ROUTe:CLOSe:EXCLusive": Command(self._close_only, 1, None),
                "ROUTe:CLOSe?": Command(lambda parameters: self._states(parameters, closed=True), 1, None),
                "ROUTe:OPEN": Command(self._open, 1, None),
                "ROUTe:OPEN?": Command(lambda parameters: self._states(parameters, closed=False), 1, None),
                "ROUTe:DONE?": Command(lambda _: str(int(self._time_s >= self._busy_until_s))),
            },
            self._errors,
            relative_only=True,
        )
        if self._shuts(energised=False):
            valve.set(True, 0.0)

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host and act on every complete line."""
        self._time_s = time_s
        for line in self._buffer.feed(data):
            answer = self._parser.execute(line)
            if answer is not None:
                waits_s = max(time_s, self._busy_until_s) if b"OPC?" in line.upper() else time_s
                self._send(answer.encode("ascii") + self._end, waits_s + REPLY_LATENCY_S)

    def next_event_s(self) -> float:
        """Return `inf`: the unit never acts by itself."""
        return math.inf

    def run_until(self, time_s: float) -> None:
        """Do nothing."""

    def _go(self, *, local: bool) -> None:
        self._local = local

    # -- relays

    def _close(self, parameters: list[str]) -> None:
        self._move(self._closed | set(self._channels(parameters)))

    def _close_only(self, parameters: list[str]) -> None:
        self._move(set(self._channels(parameters)))

    def _open(self, parameters: list[str]) -> None:
        self._move(self._closed - set(self._channels(parameters)))

    def _states(self, parameters: list[str], *, closed: bool) -> str:
        return ",".join(str(int((each in self._closed) == closed)) for each in self._channels(parameters))

    def _reset(self, _parameters: list[str]) -> None:
        self._move(set())

    def _power_on(self, parameters: list[str]) -> None:
        """Reset the module of a slot, or all."""
        if parameters[0].upper() != "ALL" and number(parameters[0]) not in (100.0 * slot for slot in _SLOTS):
            raise ScpiError(ILLEGAL_VALUE)
        if parameters[0].upper() == "ALL" or number(parameters[0]) == 100.0 * self._slot:
            self._move(set())

    def _move(self, closed: set[int]) -> None:
        if self._local:
            raise ScpiError(*_IN_LOCAL)
        self._busy_until_s = self._time_s + _SWITCHING_S
        if self._options.stuck:
            return
        if self._options.module == "34901A":
            shunts = {100 * self._slot + each for each in _SHUNTS}
            if len(shunts & closed) > 1:
                closed = closed - (shunts & self._closed)
        self._closed = closed
        self._valve.set(self._shuts(energised=self._options.channel in closed), self._time_s)

    def _shuts(self, *, energised: bool) -> bool:
        return energised == (self._options.closed_when == "energised")

    def _channels(self, parameters: list[str]) -> list[int]:
        """Read a channel list: `(@101)`, `(@101,103)`, `(@101:105,110)`."""
        match = _LIST.match(",".join(parameters))
        if match is None:
            raise ScpiError(SYNTAX)
        found: list[int] = []
        for part in match[1].split(","):
            span = _RANGE.match(part.strip())
            if span is None:
                raise ScpiError(SYNTAX)
            first, last = int(span[1]), int(span[2] or span[1])
            found += range(min(first, last), max(first, last) + 1)
        for each in found:
            slot, channel = divmod(each, 100)
            if slot != self._slot:
                raise ScpiError(*_BAD_SLOT)
            if not 1 <= channel <= _CHANNELS[self._options.module]:
                raise ScpiError(*_BAD_CHANNEL)
        return found

    def _type(self, parameters: list[str]) -> str:
        """Tell what is in a slot."""
        slot = number(parameters[0]) / 100.0
        if slot not in _SLOTS:
            raise ScpiError(ILLEGAL_VALUE)
        if slot == self._slot:
            return f"{MAKER},{self._options.module},0,1.0"
        return f"{MAKER},0,0,0"


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> ScpiSwitch:
    return ScpiSwitch(send, world.occluder, options, serial=simulation.occluder.serial_number)


EMULATOR = EmulatorEntry("scpi_switch", "occluder", _make, Options)
