"""A Keller pressure transmitter on the Keller bus, behind an adapter that hears what the host sends.

From the description of the communication protocol for Series 30 transmitters (Class.Group 5.1 and 5.20), sections 5.1
to 5.13. Binary frames end with a CRC-16 (polynomial 0xA001, all ones at first) whose high byte comes first. Until
function 48 was called after power-up, every other one is answered by error 32. A frame for another address or with a
wrong checksum gets no answer. What a value beyond the range looks like (infinite, its bit set in the status) is a
guess, and so are coefficients and configuration, which are kept as a host writes them, but for the pressure range.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

CLASS, GROUP, YEAR, WEEK, BUFFER = 5, 20, 12, 28, 10

_TRANSPARENT = 250
_ANSWER_S = 0.004
_GAP_S = 0.02
"""After a pause as long, what came before it is forgotten: it was no frame."""
_FRAME_LIMIT = 32
_ERROR = 0x80
_UNKNOWN, _BAD_PARAMETER, _BAD_LENGTH, _NO_VALUE, _NOT_INITIALISED = 1, 2, 3, 4, 32
_REQUESTS = {30: (1,), 31: (5,), 32: (1,), 33: (2,), 48: (0,), 66: (1,), 69: (0,), 73: (1,), 74: (1,), 95: (1, 5)}
_REQUESTS |= {100: (1,), 101: (6,)}
"""How many bytes of data each function has."""
_P1, _TOB1, _CHANNELS = 1, 4, 6
_TENTHS_MBAR_PER_BAR = 1e4
_ZERO_AT_BAR = {"gauge": None, "sealed gauge": 1.0, "absolute": 0.0}


class Options(BaseModel):
    """Which transmitter it is, and how it is wired."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: Literal[9600, 115200] = 9600
    bus_address: int = Field(1, ge=1, le=249)
    serial_number: int = Field(110477, ge=0, lt=2**32)
    reference: Literal["gauge", "sealed gauge", "absolute"] = "gauge"
    full_scale_bar: float = Field(5.0, gt=0.0)
    echo: bool = Field(True, description="whether the adapter hears what the host sends")
    restarts_at_s: float | None = Field(None, ge=0.0, description="when its supply fails for a moment")


class Source(Protocol):
    """What the emulator needs of the line's physics."""

    def pressure_kpa(self, time_s: float) -> float:
        """Return the pressure above the air in kPa, with the transmitter's zero and noise."""


class Keller:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        source: the pressure at its port.
        air: temperature in °C, pressure in hPa and humidity of the air at an instant.
        options: which transmitter it is.

    """

    def __init__(
        self,
        send: Send,
        source: Source,
        air: Callable[[float], tuple[float, float, float]],
        options: Options = Options(),  # noqa: B008
    ) -> None:
        self.line = LineSettings(options.baudrate)
        self._send = send
        self._source = source
        self._air = air
        self._options = options
        self._address = options.bus_address
        self._initialised = False
        self._restarts_at_s = math.inf if options.restarts_at_s is None else options.restarts_at_s
        self._received = bytearray()
        self._last_s = 0.0
        self._zero_bar = 0.0
        self._coefficients = {64: 0.0, 65: 1.0, 80: 0.0, 81: options.full_scale_bar}
        self._configuration: dict[int, int] = {}

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host, which the adapter hears, too, and act on a frame that is whole."""
        if self._options.echo:
            self._send(data, time_s)
        if time_s - self._last_s > _GAP_S:
            self._received.clear()
        self._last_s = time_s
        self._received += data
        del self._received[:-_FRAME_LIMIT]
        if time_s >= self._restarts_at_s:
            self._restarts_at_s, self._initialised = math.inf, False
        body = bytes(self._received[:-2])
        if len(body) < 2 or _crc(body) != bytes(self._received[-2:]):
            return
        self._received.clear()
        if body[0] in (self._address, _TRANSPARENT):
            self._reply(body, time_s)

    def next_event_s(self) -> float:
        """Return `inf`: a transmitter never speaks by itself."""
        return math.inf

    def run_until(self, time_s: float) -> None:
        """Do nothing."""

    def _reply(self, body: bytes, time_s: float) -> None:
        function, data = body[1], body[2:]
        answer = self._act(function, data, time_s)
        if isinstance(answer, int):
            function, answer = function | _ERROR, bytes((answer,))
        out = bytes((body[0], function)) + answer
        self._send(out + _crc(out), time_s + _ANSWER_S)

    def _act(self, function: int, data: bytes, time_s: float) -> bytes | int:
        """Return the data of an answer, or the number of an error."""
        if function != 48 and not self._initialised:
            return _NOT_INITIALISED
        if function not in _REQUESTS:
            return _UNKNOWN
        if len(data) not in _REQUESTS[function]:
            return _BAD_LENGTH
        if function == 48:
            known, self._initialised = self._initialised, True
            return bytes((CLASS, GROUP, YEAR, WEEK, BUFFER, int(known)))
        match function:
            case 69:
                return self._options.serial_number.to_bytes(4, "big")
            case 66:
                if 1 <= data[0] < _TRANSPARENT:
                    self._address = data[0]
                return bytes((self._address,))
            case 73:
                return self._as_float(data[0], time_s)
            case 74:
                return self._as_integer(data[0], time_s)
            case 95:
                return self._set_zero(data, time_s)
        return self._store(function, data)

    # -- values

    def _value(self, channel: int, time_s: float) -> tuple[float, int]:
        """Return a channel's value in bar or °C, and the status: one that is not there is not a number."""
        if channel == _P1:
            value = self._bar(time_s)
            full_scale = self._options.full_scale_bar
            if abs(value) > 1.1 * full_scale:
                return math.copysign(math.inf, value), 1 << _P1
            return value, 0
        if channel == _TOB1:
            return self._air(time_s)[0], 0
        return math.nan, 1 << channel

    def _bar(self, time_s: float) -> float:
        bar = self._source.pressure_kpa(time_s) / 100.0 - self._zero_bar
        zero_at_bar = _ZERO_AT_BAR[self._options.reference]
        return bar if zero_at_bar is None else bar + self._air(time_s)[1] / 1000.0 - zero_at_bar

    def _as_float(self, channel: int, time_s: float) -> bytes | int:
        if channel >= _CHANNELS:
            return _BAD_PARAMETER
        value, status = self._value(channel, time_s)
        return struct.pack(">f", value) + bytes((status,))

    def _as_integer(self, channel: int, time_s: float) -> bytes | int:
        if channel >= _CHANNELS:
            return _BAD_PARAMETER
        value, status = self._value(channel, time_s)
        if not math.isfinite(value):
            return _NO_VALUE
        number = 10 * round(value * _TENTHS_MBAR_PER_BAR) if channel == _P1 else round(100.0 * value)
        return struct.pack(">i", number) + bytes((status,))

    def _set_zero(self, data: bytes, time_s: float) -> bytes | int:
        """Set (0) or reset (1) the zero of P1; a value that follows is what it is to show. P2 and CH0 are not there."""
        if data[0] not in (0, 1, 2, 3, 6, 7):
            return _BAD_PARAMETER
        target_bar = struct.unpack(">f", data[1:])[0] if len(data) > 1 else 0.0
        if data[0] == 0:
            self._zero_bar += self._bar(time_s) - target_bar
        elif data[0] == 1:
            self._zero_bar = 0.0
        return b"\0"

    # -- settings

    def _store(self, function: int, data: bytes) -> bytes | int:
        if data[0] > 120:
            return _BAD_PARAMETER
        match function:
            case 30:
                return struct.pack(">f", self._coefficients.get(data[0], 0.0))
            case 31:
                self._coefficients[data[0]] = struct.unpack(">f", data[1:])[0]
                return b"\0"
            case 32:
                return bytes((self._configuration.get(data[0], 0),)) if data[0] <= 13 else _BAD_PARAMETER
            case 33:
                if data[0] > 13:
                    return _BAD_PARAMETER
                self._configuration[data[0]] = data[1]
                return b"\0"
            case 100:
                return bytes(5) if data[0] <= 8 else _BAD_PARAMETER
        return b"\0" if data[0] <= 8 else _BAD_PARAMETER


def _crc(data: bytes) -> bytes:
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register.to_bytes(2, "big")


def _make(send: Send, world: World, _simulation: Simulation, options: Options) -> Keller:
    return Keller(send, world.transducer, world.climate.read, options)


EMULATOR = EmulatorEntry("keller", "pressure", _make, Options)
