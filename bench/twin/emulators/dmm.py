"""A bench multimeter of the 34461A kind, DC voltage only, on a raw socket.

A query that it does not know gets no answer but an error entry. While it measures for `READ?` or `MEAS?`, or `FETC?`
waits for a running measurement, what comes next waits in line.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Protocol

from bench.twin.emulators import scpi
from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.emulators.scpi import Command, ErrorQueue, LineBuffer, ScpiError, ScpiParser, choice, number
from bench.twin.port import REPLY_LATENCY_S, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MAKER = "pumpbench twin"
MODEL = "34461A simulated"
FIRMWARE = "A.01.00-twin"

_MAINS_HZ = 50.0
_SETTLING_S = 0.003
"""Time from the trigger to the start of integration: automatic delay and settling of a DC voltage range."""
_RANGES_V = (0.1, 1.0, 10.0, 100.0, 1000.0)
_NPLC = (0.02, 0.2, 1.0, 10.0, 100.0)
_OVER_RANGE = 1.2
_OVERLOAD = 9.9e37
_SAMPLES_MOST = 1_000_000

_TRIGGER_DEADLOCK = (-214, "Trigger deadlock")
_TRIGGER_IGNORED = (-211, "Trigger ignored")
_INIT_IGNORED = (-213, "Init ignored")
_STALE = (-230, "Data corrupt or stale")


class Voltage(Protocol):
    """What the emulator needs of the transducer's physics."""

    def volts(self, time_s: float) -> float:
        """Return the transducer's output in V."""


class Dmm:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        source: what is connected to the terminals.
        serial: serial number.

    """

    line = None

    def __init__(self, send: Send, source: Voltage, *, serial: str = "TWIN0001") -> None:
        self._send = send
        self._source = source
        self._errors = ErrorQueue()
        self._buffer = LineBuffer()
        self._lines: deque[bytes] = deque()
        self._time_s = 0.0
        self._due_s = math.inf
        self._left = 0
        self._readings: list[float] | None = None
        self._armed = False
        self._reply_wanted = False
        self._reset_settings()
        self._parser = ScpiParser(
            {
                "*IDN?": Command(lambda _: f"{MAKER},{MODEL},{serial},{FIRMWARE}"),
                "*RST": Command(self._reset),
                "*CLS": Command(lambda _: self._errors.clear()),
                "*OPC?": Command(lambda _: "1"),
                "*TST?": Command(lambda _: "+0"),
                "*TRG": Command(self._bus_trigger),
                "SYSTem:ERRor[:NEXT]?": Command(lambda _: '{:+d},"{}"'.format(*self._errors.pop())),
                "SYSTem:VERSion?": Command(lambda _: "1994.0"),
                "CONFigure[:VOLTage][:DC]": Command(self._configure, 0, 2),
                "CONFigure?": Command(lambda _: f'"VOLT {_exp(self._range_v or 10.0)},{_exp(self._resolution_v)}"'),
                "[SENSe:]VOLTage[:DC]:NPLC": Command(self._set_nplc, 1, 1),
                "[SENSe:]VOLTage[:DC]:NPLC?": Command(self._ask_nplc, 0, 1),
                "[SENSe:]VOLTage[:DC]:RANGe": Command(self._set_range, 1, 1),
                "[SENSe:]VOLTage[:DC]:RANGe?": Command(lambda _: _exp(self._range_v or 10.0)),
                "[SENSe:]VOLTage[:DC]:RANGe:AUTO": Command(self._set_auto, 1, 1),
                "[SENSe:]VOLTage[:DC]:RANGe:AUTO?": Command(lambda _: str(int(self._range_v is None))),
                "TRIGger:SOURce": Command(self._set_trigger, 1, 1),
                "TRIGger:SOURce?": Command(lambda _: self._trigger),
                "SAMPle:COUNt": Command(self._set_samples, 1, 1),
                "SAMPle:COUNt?": Command(lambda _: f"{self._samples:+d}"),
                "INITiate[:IMMediate]": Command(self._initiate),
                "FETCh?": Command(self._fetch),
                "READ?": Command(self._read),
                "MEASure[:VOLTage][:DC]?": Command(self._measure, 0, 2),
                "DATA:POINts?": Command(lambda _: f"{len(self._readings or []):+d}"),
                "R?": Command(self._take, 0, 1),
                "ABORt": Command(self._abort),
            },
            self._errors,
            relative_only=True,
        )

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on each complete line unless a measurement has to end first."""
        self._time_s = time_s
        for line in self._buffer.feed(data):
            if self._reply_wanted and line.strip().upper() in (b"ABOR", b"ABORT"):
                self._abort([])
            else:
                self._lines.append(line)
            self._work()

    def next_event_s(self) -> float:
        """Return when the reading in progress is complete."""
        return self._due_s

    def run_until(self, time_s: float) -> None:
        """Complete the readings that are due."""
        while self._due_s <= time_s:
            self._time_s = self._due_s
            self._complete()

    def _work(self) -> None:
        while self._lines and not self._reply_wanted:
            answer = self._parser.execute(self._lines.popleft())
            if answer is not None:
                self._reply(answer)

    def _reply(self, answer: str) -> None:
        self._send(answer.encode("ascii") + b"\n", self._time_s + REPLY_LATENCY_S)

    # -- measuring

    @property
    def _reading_s(self) -> float:
        return self._nplc / _MAINS_HZ

    @property
    def _measuring(self) -> bool:
        return self._armed or not math.isinf(self._due_s)

    def _start(self) -> None:
        self._readings = []
        self._left = self._samples
        if self._trigger == "IMM":
            self._due_s = self._time_s + _SETTLING_S + self._reading_s
        else:
            self._armed = True

    def _complete(self) -> None:
        readings = self._readings if self._readings is not None else []
        readings.append(self._sample())
        self._left -= 1
        self._due_s = self._due_s + self._reading_s if self._left else math.inf
        if not self._left and self._reply_wanted:
            self._reply_wanted = False
            self._reply(",".join(map(_exp, readings)))
            self._work()

    def _sample(self) -> float:
        volts = self._source.volts(self._time_s)
        limit_v = _OVER_RANGE * self._range_v if self._range_v is not None else 1000.0
        return volts if abs(volts) <= limit_v else math.copysign(_OVERLOAD, volts)

    def _initiate(self, _parameters: list[str]) -> None:
        if self._measuring:
            raise ScpiError(*_INIT_IGNORED)
        self._start()

    def _read(self, _parameters: list[str]) -> None:
        if self._measuring:
            raise ScpiError(*_INIT_IGNORED)
        if self._trigger == "BUS":
            raise ScpiError(*_TRIGGER_DEADLOCK)
        self._start()
        self._reply_wanted = True

    def _measure(self, parameters: list[str]) -> None:
        self._configure(parameters)
        self._read([])

    def _fetch(self, _parameters: list[str]) -> str | None:
        if self._measuring:
            self._reply_wanted = True
            return None
        if not self._readings:
            raise ScpiError(*_STALE)
        return ",".join(map(_exp, self._readings))

    def _take(self, parameters: list[str]) -> str:
        """Take readings out of the memory as a definite-length block."""
        readings = self._readings or []
        count = int(number(parameters[0])) if parameters else len(readings)
        text = ",".join(map(_exp, readings[:count]))
        del readings[:count]
        return f"#{len(str(len(text)))}{len(text)}{text}"

    def _bus_trigger(self, _parameters: list[str]) -> None:
        if not self._armed or self._trigger != "BUS":
            raise ScpiError(*_TRIGGER_IGNORED)
        self._armed = False
        self._due_s = self._time_s + _SETTLING_S + self._reading_s

    def _abort(self, _parameters: list[str]) -> None:
        self._due_s = math.inf
        self._armed = self._reply_wanted = False

    # -- settings

    def _reset_settings(self) -> None:
        self._range_v: float | None = None
        self._nplc = 10.0
        self._trigger = "IMM"
        self._samples = 1

    def _reset(self, _parameters: list[str]) -> None:
        self._abort([])
        self._readings = None
        self._reset_settings()

    @property
    def _resolution_v(self) -> float:
        return 3e-7 * (self._range_v or 10.0)

    def _configure(self, parameters: list[str]) -> None:
        """Do `CONF`: range as given, everything else back to the defaults."""
        range_v = self._to_range(parameters[0]) if parameters else None
        if len(parameters) > 1 and parameters[1].upper() not in ("MIN", "MAX", "DEF"):
            number(parameters[1])
        self._reset([])
        self._range_v = range_v

    def _to_range(self, text: str) -> float | None:
        word = text.upper()
        if word in ("AUTO", "DEF"):
            return None
        if word in ("MIN", "MAX"):
            return _RANGES_V[0 if word == "MIN" else -1]
        return _next_of(_RANGES_V, number(text))

    def _set_range(self, parameters: list[str]) -> None:
        self._range_v = self._to_range(parameters[0])

    def _set_auto(self, parameters: list[str]) -> None:
        self._range_v = None if scpi.boolean(parameters[0]) else self._range_v or 10.0

    def _set_nplc(self, parameters: list[str]) -> None:
        word = parameters[0].upper()
        named = {"MIN": _NPLC[0], "MAX": _NPLC[-1], "DEF": 10.0}
        self._nplc = named[word] if word in named else _next_of(_NPLC, number(word))

    def _ask_nplc(self, parameters: list[str]) -> str:
        if not parameters:
            return _exp(self._nplc)
        return _exp({"MIN": _NPLC[0], "MAX": _NPLC[-1]}[choice(parameters[0], ("MIN", "MAX"))])

    def _set_trigger(self, parameters: list[str]) -> None:
        self._trigger = choice(parameters[0], ("IMMediate", "EXTernal", "BUS"))

    def _set_samples(self, parameters: list[str]) -> None:
        named = {"MIN": 1.0, "MAX": float(_SAMPLES_MOST), "DEF": 1.0}
        word = parameters[0].upper()
        count = named[word] if word in named else number(word)
        if not 1 <= count <= _SAMPLES_MOST:
            raise ScpiError(scpi.OUT_OF_RANGE)
        self._samples = int(count)


def _next_of(choices: tuple[float, ...], value: float) -> float:
    """Return the smallest choice that is at least `value`.

    Raises:
        ScpiError: there is none, or the value is not positive.

    """
    if not 0.0 < value <= choices[-1]:
        raise ScpiError(scpi.OUT_OF_RANGE)
    return next(one for one in choices if one >= value)


def _exp(value: float) -> str:
    return f"{value:+.8E}"


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> Dmm:
    return Dmm(send, world.transducer, serial=simulation.transducer.serial_number)


EMULATOR = EmulatorEntry("dmm", "pressure", _make)
