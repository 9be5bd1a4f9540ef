"""A Vaisala PTU300 transmitter for air pressure, temperature and humidity.

Default line 4800 7E1. With echo on every character comes back, a carriage return as CR LF, and each answer is followed
by the prompt `>`; `ECHO OFF` ends both. Commands in upper or lower case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

DEFAULT_FORM = '"P= " 4.1 P " " U3 " T= " 2.1 T " " U2 " RH= " 2.1 RH " " U3 \\r \\n'
VERSION = "PTU300 simulated / 1.00"

_UNITS = {"P": "hPa", "T": "'C", "RH": "%RH"}
_INTERVAL_UNITS_S = {"S": 1.0, "MIN": 60.0, "H": 3600.0}
_ESCAPES = {"\\T": "\t", "\\R": "\r", "\\N": "\n", "#T": "\t", "#R": "\r", "#N": "\n", "#RN": "\r\n"}
_TOKEN = re.compile(r'\s*(?:"([^"]*)"|([#\\](?:\d{1,3}|rn|[trn])|[^\s"#\\]+|\S))', re.IGNORECASE)
_LENGTH = re.compile(r"(\d)\.(\d)$")
_LINE_LIMIT = 128


class Air(Protocol):
    """What the emulator needs of the climate's physics."""

    def read(self, time_s: float) -> tuple[float, float, float]:
        """Return temperature in °C, pressure in hPa and relative humidity in %; NaN where a probe is missing."""


@dataclass(slots=True)
class _Settings:
    echo: bool = True
    mode: str = "STOP"
    address: int = 0
    interval: int = 1
    interval_unit: str = "S"
    form: str = DEFAULT_FORM
    serial: str = "4800 E 7 1"


class Ptu300:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        air: the air beside the balance.
        serial: serial number.

    """

    line = LineSettings(4800, 7, "E", 1)

    def __init__(self, send: Send, air: Air, *, serial: str = "TWIN0001") -> None:
        self._send = send
        self._air = air
        self._serial = serial
        self._settings = _Settings()
        self._received = ""
        self._running_s = math.inf
        self._opened = False
        self._commands: dict[str, Callable[[list[str], float], str | None]] = {
            "SEND": self._send_once,
            "R": self._run,
            "S": self._stop,
            "INTV": self._interval,
            "ECHO": self._echo,
            "SMODE": self._mode,
            "SERI": self._seri,
            "FORM": self._form,
            "ADDR": self._address,
            "OPEN": self._open,
            "CLOSE": self._close,
            "RESET": self._reset,
            "UNIT": lambda _words, _time_s: "P units : hPa\r\nT units : 'C\r\n",
            "VERS": lambda _words, _time_s: f"{VERSION}\r\n",
            "?": self._describe,
        }

    def receive(self, data: bytes, time_s: float) -> None:
        """Echo what comes and act on every carriage return; a line feed is ignored."""
        out = ""
        for character in data.decode("latin-1"):
            echo = self._settings.echo and self._listening
            if character == "\n":
                continue
            if character != "\r":
                out += character if echo else ""
                self._received = (self._received + character)[-_LINE_LIMIT:]
                continue
            out += "\r\n" if echo else ""
            line, self._received = self._received.strip(), ""
            out += self._act(line, time_s)
            out += ">" if self._settings.echo and self._listening and math.isinf(self._running_s) else ""
        if out:
            self._send(out.encode("latin-1"), time_s + REPLY_LATENCY_S)

    def next_event_s(self) -> float:
        """Return when the next message of a running stream is due."""
        return self._running_s

    def run_until(self, time_s: float) -> None:
        """Send the messages of a running stream."""
        while self._running_s <= time_s:
            due_s = self._running_s
            self._send(self._message(due_s).encode("latin-1"), due_s)
            self._running_s = due_s + self._interval_s

    @property
    def _listening(self) -> bool:
        """Whether commands other than `SEND address` and `OPEN address` count: not in POLL mode before `OPEN`."""
        return self._settings.mode != "POLL" or self._opened

    @property
    def _interval_s(self) -> float:
        return max(0.5, self._settings.interval * _INTERVAL_UNITS_S[self._settings.interval_unit])

    def _act(self, line: str, time_s: float) -> str:
        words = line.split()
        if not words:
            return ""
        name, parameters = words[0].upper(), words[1:]
        if name == "FORM":
            parameters = [line[4:].strip()] if line[4:].strip() else []
        polled = name in ("SEND", "OPEN") and parameters and parameters[0] == str(self._settings.address)
        if not self._listening and not polled:
            return ""
        command = self._commands.get(name)
        answer = command(parameters, time_s) if command is not None else None
        return "Unknown command\r\n" if answer is None else answer

    def _message(self, time_s: float) -> str:
        temperature_c, pressure_hpa, humidity_pct = self._air.read(time_s)
        values = {"P": pressure_hpa, "T": temperature_c, "RH": humidity_pct}
        return format_message(self._settings.form, values, self._texts(values))

    def _texts(self, values: dict[str, float]) -> dict[str, str]:
        """Return what else a message can have in it; error flags are of P, T, Ta and RH."""
        flags = "".join(str(int(math.isnan(values.get(name, 0.0)))) for name in ("P", "T", "Ta", "RH"))
        return {"SN": self._serial, "ADDR": f"{self._settings.address:3d}", "ERR": flags, "OK": "OK"}

    def _send_once(self, words: list[str], time_s: float) -> str | None:
        if words and words[0] != str(self._settings.address):
            return ""
        return self._message(time_s)

    def _run(self, _words: list[str], time_s: float) -> str | None:
        self._running_s = time_s + self._interval_s
        return ""

    def _stop(self, _words: list[str], _time_s: float) -> str | None:
        self._running_s = math.inf
        return ""

    def _interval(self, words: list[str], _time_s: float) -> str | None:
        if words:
            unit = words[1].upper() if len(words) > 1 else self._settings.interval_unit
            if not words[0].isdigit() or int(words[0]) > 255 or unit not in _INTERVAL_UNITS_S:
                return None
            self._settings.interval, self._settings.interval_unit = int(words[0]), unit
        return f"Output interval : {self._settings.interval} {self._settings.interval_unit}\r\n"

    def _echo(self, words: list[str], _time_s: float) -> str | None:
        if words:
            if words[0].upper() not in ("ON", "OFF"):
                return None
            self._settings.echo = words[0].upper() == "ON"
        return f"Echo : {'ON' if self._settings.echo else 'OFF'}\r\n"

    def _mode(self, words: list[str], _time_s: float) -> str | None:
        if words:
            if words[0].upper() not in ("STOP", "RUN", "POLL"):
                return None
            self._settings.mode = words[0].upper()
            self._opened = True
        return f"Serial mode : {self._settings.mode}\r\n"

    def _seri(self, words: list[str], _time_s: float) -> str | None:
        """Show the line's settings; new ones hold from the next `RESET` and are only remembered here."""
        if words:
            self._settings.serial = " ".join(word.upper() for word in words)
        return f"Baud P D S : {self._settings.serial}\r\n"

    def _form(self, words: list[str], _time_s: float) -> str | None:
        if words:
            form = DEFAULT_FORM if words[0] == "/" else words[0]
            try:
                values = {"P": 1013.2, "T": 20.0, "RH": 50.0}
                format_message(form, values, self._texts(values))
            except ValueError:
                return None
            self._settings.form = form
            return "OK\r\n"
        return f"{self._settings.form}\r\n"

    def _address(self, words: list[str], _time_s: float) -> str | None:
        if words:
            if not words[0].isdigit() or int(words[0]) > 255:
                return None
            self._settings.address = int(words[0])
        return f"Address : {self._settings.address}\r\n"

    def _open(self, words: list[str], _time_s: float) -> str | None:
        if words and words[0] != str(self._settings.address):
            return ""
        self._opened = True
        return f"PTU300: {self._settings.address} line opened for operator commands\r\n"

    def _close(self, _words: list[str], _time_s: float) -> str | None:
        self._opened = False
        return "line closed\r\n"

    def _reset(self, _words: list[str], time_s: float) -> str | None:
        self._opened = False
        self._running_s = time_s + self._interval_s if self._settings.mode == "RUN" else math.inf
        return f"{VERSION}\r\n"

    def _describe(self, _words: list[str], _time_s: float) -> str | None:
        settings = self._settings
        rows = {
            "Serial number": self._serial,
            "Baud P D S": settings.serial,
            "Output format": settings.form,
            "Output interval": f"{settings.interval} {settings.interval_unit}",
            "Address": str(settings.address),
            "Serial mode": settings.mode,
            "Echo": "ON" if settings.echo else "OFF",
        }
        return f"{VERSION}\r\n" + "".join(f"{name:<16}: {value}\r\n" for name, value in rows.items())


def format_message(form: str, values: dict[str, float], texts: dict[str, str]) -> str:
    """Write a message as a `FORM` string has it; a value that is NaN is starred out, `texts` are words as they are.

    Raises:
        ValueError: the string is no `FORM`.

    """
    out = ""
    length, last = "4.1", ""
    for match in _TOKEN.finditer(form):
        literal, word = match.group(1), (match.group(2) or "").upper()
        if literal is not None:
            out += literal
        elif word in _ESCAPES:
            out += _ESCAPES[word]
        elif _LENGTH.match(word):
            length = word
        elif word in _UNITS:
            out += _value(values[word], length)
            last = word
        elif re.match(r"U\d?$", word):
            unit = _UNITS.get(last, "")
            out += unit.ljust(int(word[1:]))[: int(word[1:])] if word[1:] else unit
        elif re.match(r"[#\\]\d{1,3}$", word) and int(word[1:]) < 256:
            out += chr(int(word[1:]))
        elif word in texts:
            out += texts[word]
        elif word in ("CS2", "CS4", "CSX"):
            out += _checksum(out, word)
        else:
            raise ValueError(f"{word!r} has no meaning in FORM")
    return out


def _value(value: float, length: str) -> str:
    whole, decimals = (int(digits) for digits in length.split("."))
    width = whole + 1 + decimals
    return f"{'***':>{width}}" if math.isnan(value) else f"{value:{width}.{decimals}f}"


def _checksum(text: str, kind: str) -> str:
    data = text.encode("latin-1")
    if kind == "CSX":
        xor = 0
        for byte in data:
            xor ^= byte
        return f"{xor:02X}"
    return f"{sum(data) & 0xFF:02X}" if kind == "CS2" else f"{sum(data) & 0xFFFF:04X}"


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> Ptu300:
    return Ptu300(send, world.probes, serial=simulation.climate.serial_number)


EMULATOR = EmulatorEntry("ptu300", "climate", _make)
