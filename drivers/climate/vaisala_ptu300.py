"""Vaisala PTU300, PTB330 and HMT transmitters on their text protocol.

Commands end with CR; readings are lines such as `P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH` with `***` for a channel that
has no value. Echo and prompt `>` may be on or off. Factory setting of the service port is 4800 7E1.

A transmitter whose `FORM` ends with a checksum (CS2 or CS4: the sum of all characters before it; CSX: their exclusive
or) has it checked; one on a bus (`SMODE POLL`) answers to its address. PTU300 manual, table 30; PTB330, table 12;
PTB220, appendix I; that CSX takes in every character, as the other two do, is from memory.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError
from drivers.link import Line, Link, SerialLine
from drivers.opening import opener
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Climate, Identity

_TIMEOUT_S = 3.0
_QUIET_S = 0.5
_LINE_LIMIT = 100
_ADVICE = "Is it switched on, and do baud rate and parity agree (factory setting 4800 7E1)?"

_CHANNEL = re.compile(
    r"([A-Za-z][\w/]*)\s*=\s*(?:(\*+)(?:\s*([^\s\d*=]+))?|([-+]?\d+(?:\.\d+)?)\s*([^\s\d*=]+))(?:\s+|\Z)", re.ASCII
)
_SERIAL_NUMBER = re.compile(r"serial\s*(?:number|no\.?|#)?\s*[:=]\s*(\S+)", re.IGNORECASE)
_TO_HPA = {"hPa": 1.0, "mbar": 1.0, "mb": 1.0, "kPa": 10.0, "Pa": 0.01, "bar": 1000.0, "mmHg": 1.33322387415}


class Options(BaseModel):
    """What a rig may say of this transmitter's line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(4800, ge=300, le=115200)
    bytesize: Literal[7, 8] = 7
    parity: Literal["E", "O", "N"] = Field("E", description="even, odd or none")
    checksum: Literal["CS2", "CS4", "CSX"] | None = Field(None, description="with which its FORM ends, if any")
    bus_address: int | None = Field(None, ge=0, le=255, description="of a transmitter in POLL mode")


class VaisalaPtu300:
    """A transmitter for pressure, temperature and humidity.

    Opening stops a stream (`S`) that an earlier host left, or the transmitter's own setting starts.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers sends no readings.

    """

    def __init__(self, link: Link, options: Options = Options()) -> None:  # noqa: B008
        self._link = link
        self._clock = link.clock
        self._checksum = options.checksum
        address = options.bus_address
        self._send = b"SEND\r" if address is None else f"SEND {address}\r".encode()
        self._open = b"" if address is None else f"OPEN {address}\r".encode()
        self._serial_number = ""
        self._in_step = True
        with link.turn:
            link.write(b"\rS\r")
            self._lines_until_quiet()
        self.read()

    def identify(self) -> Identity:
        """Ask who the transmitter is (`?`); empty where it does not tell."""
        with self._link.turn:
            texts = self._description()
        # The first line is `PTU300 / 2.03`; then come settings, one a line.
        product, _, version = texts[0].partition("/") if texts and ":" not in texts[0] else ("", "", "")
        self._serial_number = self._serial_number or _serial_number(texts)
        return Identity("Vaisala", product.strip(), _serial_number(texts), version.strip())

    def read(self) -> Climate:
        """Read temperature in °C, pressure in hPa and relative humidity in % (`SEND`); NaN where there is none."""
        with self._link.turn:
            if not self._in_step:
                self._find_step()
            self._in_step = False
            self._link.discard_input()
            self._link.write(self._send)
            deadline_s = self._clock.now_s() + _TIMEOUT_S
            seen = b""
            while (line := self._link.read_line(deadline_s)) is not None:
                text = _text(line)
                if "=" in text:
                    climate = self._climate(line, self._verified(line))
                    self._in_step = True
                    return climate
                if text and not text.upper().startswith("SEND"):
                    seen = line.data
            seen = self._link.unread or seen
        raise self._failure(seen)

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    def _description(self) -> list[str]:
        """Ask for what the transmitter says of itself (`?`), as long as it goes on saying something."""
        if self._open:
            self._link.write(self._open)
            self._lines_until_quiet()
        self._link.write(b"?\r")
        texts = [text for line in self._lines_until_quiet() if (text := _text(line)) not in ("", "?")]
        if self._open:
            self._link.write(b"CLOSE\r")
            self._lines_until_quiet()
        return texts

    def _find_step(self) -> None:
        """Pass over readings that are late: they come before what one says of itself, where it does."""
        self._lines_until_quiet()
        texts = self._description()
        if self._serial_number and _serial_number(texts) != self._serial_number:
            seen = "\n".join(texts).encode("latin-1")
            raise self._failure(seen)

    def _verified(self, line: Line) -> str:
        """Return a message without its checksum, once that was found right."""
        if self._checksum is None:
            return _text(line)
        message = line.data.lstrip(b">\0")
        digits = 4 if self._checksum == "CS4" else 2
        match = re.fullmatch(rb"(.*?)([0-9A-F]{%d})[ \r\t]*" % digits, message, re.DOTALL)
        if match is None or checksum(match[1], self._checksum) != match[2].decode():
            raise GarbledReplyError(
                self._link.name,
                f"sent a reading without the right checksum ({self._checksum})",
                sent=self._send,
                seen=line.data,
                advice="Does its FORM end with the checksum that the rig file says, and with nothing after it?",
            )
        return match[1].decode("latin-1").strip()

    def _climate(self, line: Line, text: str) -> Climate:
        values = {"P": math.nan, "T": math.nan, "RH": math.nan}
        at, named = 0, False
        while at < len(text):
            match = _CHANNEL.match(text, at)
            if match is None:
                raise self._failure(line.data)
            at = match.end()
            channel, number, unit = match[1], match[4], match[5]
            named |= channel in values
            if channel not in values or number is None:
                continue  # dew point, mixing ratio and the like; or a channel without value
            value = _in_own_unit(channel, float(number), unit)
            if value is None:
                raise GarbledReplyError(
                    self._link.name, f"sent {channel} in unit {unit!r}", sent=self._send, seen=line.data, advice=_ADVICE
                )
            values[channel] = value
        if not named:
            raise self._failure(line.data)
        return Climate(line.arrived_s, values["T"], values["P"], values["RH"], True, text)

    def _failure(self, seen: bytes) -> InstrumentError:
        if seen:
            return GarbledReplyError(self._link.name, "sent no reading", sent=self._send, seen=seen, advice=_ADVICE)
        return NoReplyError(
            self._link.name, f"no answer within {_TIMEOUT_S:g} s", sent=self._send, seen=b"", advice=_ADVICE
        )

    def _lines_until_quiet(self) -> list[Line]:
        """Return the lines that come until nothing has come for a moment."""
        lines: list[Line] = []
        end_s = self._clock.now_s() + _TIMEOUT_S
        while len(lines) < _LINE_LIMIT and self._clock.now_s() < end_s:
            line = self._link.read_line(self._clock.now_s() + _QUIET_S)
            if line is None:
                break
            lines.append(line)
        self._link.discard_input()
        return lines


def _serial_number(texts: list[str]) -> str:
    match = _SERIAL_NUMBER.search("\n".join(texts))
    return match[1] if match else ""


def checksum(message: bytes, kind: str) -> str:
    """Return the checksum of what a transmitter has sent before it."""
    if kind == "CSX":
        return f"{functools.reduce(operator.xor, message, 0):02X}"
    return f"{sum(message) & 0xFF:02X}" if kind == "CS2" else f"{sum(message) & 0xFFFF:04X}"


def _text(line: Line) -> str:
    """Return a line without prompt, line ends and blanks around it."""
    return line.data.decode("latin-1").strip(" \r\n\t>\0")


def _in_own_unit(channel: str, value: float, unit: str) -> float | None:
    """Convert to hPa, °C or %; None for an unknown unit."""
    if channel == "P":
        factor = _TO_HPA.get(unit)
        return None if factor is None else value * factor
    if channel == "T":
        if unit in ("'C", "C", "°C"):
            return value
        return (value - 32.0) / 1.8 if unit in ("'F", "F", "°F") else None
    return value if unit in ("%RH", "%") else None


def _lines(options: Options) -> list[SerialLine]:
    return [SerialLine(options.baudrate, options.bytesize, options.parity)]


open_ptu300 = opener("climate", VaisalaPtu300, _lines)

DRIVER = DriverEntry(
    name="vaisala_ptu300",
    role="climate",
    instrument=VaisalaPtu300,
    factory=open_ptu300,
    probes=(
        Probe(
            b"\r?\r",
            rb"(?P<model>(?:PTU|PTB|HMT)\w*)[^/\r\n]*/\s*(?P<firmware>\S+)(?:.*?[Ss]erial\s*(?:number|no\.?)\s*:\s*(?P<serial>\S+))?",
            (SerialLine(4800, 7, "E"), SerialLine(9600, 7, "E"), SerialLine(19200)),
            keys=lambda line: {"baudrate": line.baudrate, "bytesize": line.bytesize, "parity": line.parity},
        ),
    ),
    Options=Options,
    summary="Vaisala PTU300, PTB330 and HMT transmitters on their text protocol",
)
