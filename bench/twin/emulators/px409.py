r"""An Omega PX409-USBH pressure transducer (Omega USBH Transducer Command Reference A025002, p.1).

Commands are case sensitive and end with CR; LF is ignored. Each answer ends with the prompt `>`, without line end. A
command that is not known, is out of range, or comes before the prompt of the one before it is back, is answered by
CR LF, `@command unsupported`, CR LF and the prompt.

The reference's page of commands was not at hand: `SNR`, `ENQ`, `P`, the binary packets of `B` and `PC` and the numbers
of `RATE`, `AVG` and `IFILTER` are as clients of the real one use them; what the last three answer, what a single `\r`
does, and where it clips, is a guess.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MODEL = "PX409-USBH simulated"
FIRMWARE = "1.0.0-twin"

_ANSWER_S = 0.004
_COMMAND_LIMIT = 64
_KPA_PER_UNIT = {"psi": 6.8947573, "bar": 100.0, "mbar": 0.1, "hPa": 0.1, "kPa": 1.0}
_DECIMALS = {"psi": 4, "bar": 5, "mbar": 2, "hPa": 2, "kPa": 3}
_RATES_HZ = (5, 10, 20, 40, 80, 160, 320, 640, 1000)
_AVERAGES = (0, 2, 4, 8, 16)
_CLIPS_AT = 1.1
"""Share of the range beyond which it shows no more."""
_SYNC, _PACKET = 0xAA, 0x01


class Options(BaseModel):
    """Which of the series it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: Literal[9600, 115200] = Field(115200, description="115200 for USBH, 9600 for PX409-USB")
    unit: Literal["psi", "bar", "mbar", "hPa", "kPa"] = "psi"
    reference: Literal["G", "A"] = Field("G", description="gauge or absolute")
    full_scale: float = Field(50.0, gt=0.0, description="upper end of the range, in the unit")
    starts_after_s: float = Field(0.0, ge=0.0, description="from the begin until it has started, silent before")


class Pressure(Protocol):
    """What the emulator needs of the line's physics."""

    def pressure_kpa(self, time_s: float) -> float:
        """Return the pressure above the air in kPa, with the transducer's zero and noise."""


class Px409:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        source: the pressure at its port.
        air_kpa: the air's pressure in kPa at an instant, which an absolute one measures, too.
        options: which of the series it is.
        serial: serial number.

    """

    def __init__(
        self,
        send: Send,
        source: Pressure,
        air_kpa: Callable[[float], float],
        options: Options = Options(),  # noqa: B008
        *,
        serial: str = "487740",
    ) -> None:
        self.line = LineSettings(options.baudrate)
        self._send = send
        self._source = source
        self._air_kpa = air_kpa
        self._options = options
        self._serial = serial
        self._received = bytearray()
        self._busy_until_s = 0.0
        self._streams_s = math.inf
        self._settings = {"RATE": 0, "AVG": 0, "IFILTER": 0}

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every carriage return."""
        for byte in data:
            if byte == 0x0A:
                continue
            if byte != 0x0D:
                self._received.append(byte)
                del self._received[:-_COMMAND_LIMIT]
                continue
            command = self._received.decode("latin-1")
            self._received.clear()
            if time_s >= self._options.starts_after_s:
                self._act(command, time_s)

    def next_event_s(self) -> float:
        """Return when the next packet of a stream is due."""
        return self._streams_s

    def run_until(self, time_s: float) -> None:
        """Send the packets of a stream."""
        while self._streams_s <= time_s:
            self._send(self._packet(self._streams_s), self._streams_s)
            self._streams_s += max(1, self._settings["AVG"]) / _RATES_HZ[self._settings["RATE"]]

    def _act(self, command: str, time_s: float) -> None:
        if command == "PS" and not math.isinf(self._streams_s):
            self._streams_s = math.inf
            self._answer(b"", time_s)
        elif time_s < self._busy_until_s or not math.isinf(self._streams_s):
            self._answer(_unsupported(command), time_s)
        elif command == "PC":
            self._streams_s = time_s + 1.0 / _RATES_HZ[self._settings["RATE"]]
        else:
            self._answer(self._reply(command, time_s), time_s)

    def _answer(self, text: bytes, time_s: float) -> None:
        self._busy_until_s = max(self._busy_until_s, time_s) + _ANSWER_S
        self._send(text + b">", self._busy_until_s)

    def _reply(self, command: str, time_s: float) -> bytes:
        unit, reference = self._options.unit, self._options.reference
        match command:
            case "P":
                return f"{self._shown(time_s):.{_DECIMALS[unit]}f} {unit} {reference}\r\n".encode()
            case "B":
                return self._packet(time_s)
            case "SNR":
                return f"SNR = {self._serial}\r\n".encode()
            case "ENQ":
                span = f"0.0 to {self._options.full_scale:.1f} {unit} {reference}"
                return f"{MODEL}\r\n{FIRMWARE}\r\n{span}\r\n".encode()
            case "PS":
                return b""
        return self._setting(command)

    def _setting(self, command: str) -> bytes:
        match = re.fullmatch(r"(RATE|AVG|IFILTER)(?: (\d{1,3}))?", command)
        if match is None:
            return _unsupported(command)
        name, number = match[1], match[2]
        if number is not None:
            allowed = {"RATE": range(len(_RATES_HZ)), "AVG": _AVERAGES, "IFILTER": range(256)}[name]
            if int(number) not in allowed:
                return _unsupported(command)
            self._settings[name] = int(number)
        return f"{name} = {self._settings[name]}\r\n".encode()

    def _shown(self, time_s: float) -> float:
        """Return the reading in its unit."""
        absolute_kpa = self._air_kpa(time_s) if self._options.reference == "A" else 0.0
        value = (self._source.pressure_kpa(time_s) + absolute_kpa) / _KPA_PER_UNIT[self._options.unit]
        most = _CLIPS_AT * self._options.full_scale
        return min(most, max(-most, value))

    def _packet(self, time_s: float) -> bytes:
        """Return a binary reading: sync byte, kind, little-endian float in which the sync byte is doubled."""
        value = struct.pack("<f", self._shown(time_s))
        return bytes((_SYNC, _PACKET)) + value.replace(bytes((_SYNC,)), bytes((_SYNC, _SYNC)))


def _unsupported(command: str) -> bytes:
    return f"\r\n@{command} unsupported\r\n".encode("latin-1")


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> Px409:
    return Px409(
        send,
        world.transducer,
        lambda time_s: 0.1 * world.climate.read(time_s)[1],
        options,
        serial=simulation.transducer.serial_number,
    )


EMULATOR = EmulatorEntry("px409", "pressure", _make, Options)
