r"""Omega pressure transducers with USB: PX409-USBH and others of the USBH series, PX409-USB.

Commands in capitals end with CR; an answer is lines with CR LF and then the prompt `>` without line end (Omega USBH
Transducer Command Reference A025002, p.1). Nothing may be sent before the prompt is back: what comes too early, is not
known or is out of range is answered by `@command unsupported`. After being plugged in, a transducer takes 5 s to 7 s to
start. `PS`, which ends a stream that another program left, is known from a client program only.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Pressure
from drivers.beside_air import air_kpa
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Line, Link, SerialLine
from drivers.opening import opener, plain_line
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading

_REPLY_S = 2.0
_START_S = 8.0
_PAUSE_S = 0.02
_QUIET_S = 0.1
_LATE_S = 10.0
"""No answer is waited for longer than this after it was due."""
_ADVICE = "Is the baud rate right (115200 for USBH, 9600 for PX409-USB), and does no other program use the port?"

_NUMBER = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_SERIAL_NUMBER = re.compile(r"SNR\s*=\s*(\S{1,20})", re.ASCII)
_RANGE = re.compile(rf"({_NUMBER})\s+to\s+({_NUMBER})\s+(\S{{1,10}})\s+([A-Z])", re.ASCII)
_VALUE = re.compile(rf"({_NUMBER})\s+(\S{{1,10}})\s+([A-Z])", re.ASCII)
_REFUSAL = re.compile(r"@(.*)\sunsupported", re.ASCII)
_REFERENCES = {"G": "gauge", "A": "absolute"}
_TO_KPA = {
    "Pa": 1e-3,
    "hPa": 0.1,
    "kPa": 1.0,
    "MPa": 1e3,
    "mbar": 0.1,
    "bar": 100.0,
    "psi": 6.894757293168,
    "mmHg": 0.133322387415,
    "inHg": 3.386389,
}
_BEYOND = 0.02
"""Share of the span by which a reading may lie outside the range: zero and span of a transducer are never quite so."""


class Options(BaseModel):
    """What a rig says of the transducer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: Literal[9600, 115200] = Field(115200, description="115200 for USBH, 9600 for PX409-USB")
    ambient: Pressure | None = Field(
        None,
        description="air pressure at the bench, not reduced to sea level; for an absolute transducer only, from which"
        " it is taken off",
        examples=["1013 hPa"],
    )


class OmegaPx409:
    """A transducer, asked for one reading at a time.

    Raises:
        NoReplyError: nothing answers within the time that a transducer takes to start.
        GarbledReplyError: what answers is no such transducer, or measures in a unit that is not known.
        RefusedError: it is absolute and the rig file declares no `ambient`, or it is gauge and the file declares it.

    """

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._clock = link.clock
        self._free_s = self._clock.now_s()
        self._in_step = True
        self._described: list[str] = []
        self._due_s: list[float] = []
        with link.turn:
            self._described = self._wake()
        low, high, self._unit, letter = self._parse(_RANGE, self._described[2], "ENQ", "no range").groups()
        self._letter = letter
        self._to_kpa = self._factor(self._unit)
        self._low, self._high = float(low), float(high)
        self._air_kpa = self._air(letter, options)
        self._serial_number = self._parse(_SERIAL_NUMBER, self._one("SNR")[0], "SNR", "no serial number")[1]

    def identify(self) -> Identity:
        """Ask who the transducer is (`ENQ`, `SNR`), as it told when it was opened."""
        return Identity("Omega", self._described[0], self._serial_number, self._described[1])

    def read(self) -> Reading:
        """Read the pressure now (`P`), in kPa above the air; NaN beyond the transducer's range."""
        text, arrived_s = self._one("P")
        number, unit, letter = self._parse(_VALUE, text, "P", "no pressure").groups()
        if (unit, letter) != (self._unit, self._letter):
            raise self._garbled(f"measures in {unit} {letter}, and said {self._unit} {self._letter}", "P", text)
        value = float(number)
        beyond = _BEYOND * (self._high - self._low)
        if not self._low - beyond <= value <= self._high + beyond:
            return Reading(arrived_s, math.nan, "overload" if value > self._high else "underload", text)
        return Reading(arrived_s, value * self._to_kpa - self._air_kpa, "ok", text)

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    # -- what it says

    def _factor(self, unit: str) -> float:
        factor = _TO_KPA.get(unit)
        if factor is None:
            raise self._garbled(f"measures in {unit!r}, which is not known", "ENQ", "\n".join(self._described))
        return factor

    def _air(self, letter: str, options: Options) -> float:
        reference = _REFERENCES.get(letter)
        if reference is None:
            problem = f"measures neither gauge nor absolute pressure ({letter!r})"
        else:
            try:
                return air_kpa(reference, options.ambient)
            except ValueError as error:
                problem = str(error)
        seen = "\n".join(self._described).encode()
        raise RefusedError(self._link.name, problem, sent=b"ENQ\r", seen=seen)

    def _parse(self, form: re.Pattern[str], text: str, command: str, what: str) -> re.Match[str]:
        match = form.fullmatch(text)
        if match is None:
            raise self._garbled(f"answered {what}", command, text)
        return match

    def _garbled(self, problem: str, command: str, seen: str) -> GarbledReplyError:
        self._in_step = False
        sent, bytes_seen = f"{command}\r".encode(), seen.encode("latin-1", "replace")
        return GarbledReplyError(self._link.name, problem, sent=sent, seen=bytes_seen, advice=_ADVICE)

    def _one(self, command: str) -> tuple[str, float]:
        """Ask for an answer of one line; return it and the instant at which it came."""
        with self._link.turn:
            if not self._in_step:
                self._find_step()
            lines, arrived_s = self._exchange(command)
        if len(lines) != 1:
            raise self._garbled("answered not one line", command, "\n".join(lines))
        return lines[0], arrived_s

    # -- within the caller's turn

    def _wake(self) -> list[str]:
        """Ask who is there until a transducer has started; end a stream that another program left."""
        end_s = self._clock.now_s() + _START_S
        spoilt = 0
        while True:
            try:
                lines, _ = self._exchange("ENQ")
            except InstrumentError as error:
                if self._clock.now_s() >= end_s:
                    raise
                # The first may have been spoilt by what another program had typed; then it is a stream.
                spoilt += not isinstance(error, NoReplyError)
                if spoilt > 1:
                    self._stop_stream()
                continue
            if len(lines) >= 3:
                return lines
            raise self._garbled("answered no description with a range in its third line", "ENQ", "\n".join(lines))

    def _stop_stream(self) -> None:
        self._link.write(b"PS\r")
        self._settle()

    def _find_step(self) -> None:
        """Wait for the prompt of an answer that is late, then ask for what is known; pass over everything else.

        Where that is late, too, each answer to it is waited for: what was asked for in between comes before the last.
        """
        self._link.read_until(b">", self._clock.now_s() + _REPLY_S)
        self._settle()
        asked_s = self._free_s
        self._clock.sleep_s(max(0.0, asked_s - self._clock.now_s()))
        self._due_s = [due_s for due_s in self._due_s if asked_s - due_s < _LATE_S]
        self._link.write(b"ENQ\r")
        self._due_s.append(asked_s)
        known, seen = False, b""
        deadline_s = self._clock.now_s() + _REPLY_S
        while self._due_s and (frame := self._link.read_until(b">", deadline_s)) is not None:
            seen = frame.data or seen
            if _lines(frame.data) == self._described:
                known = True
                del self._due_s[0]
        self._free_s = self._clock.now_s() + _PAUSE_S
        if not known and seen:
            raise self._garbled("describes itself otherwise than before", "ENQ", seen.decode("latin-1"))
        if not known:
            raise self._silence("ENQ")
        self._due_s.clear()

    def _settle(self) -> None:
        """Pass over what comes until it is quiet for a moment, for as long as an answer may take."""
        end_s = self._clock.now_s() + _REPLY_S
        while self._clock.now_s() < end_s:
            frame = self._link.read_until(b">", self._clock.now_s() + _QUIET_S)
            if frame is None:
                break
            if self._due_s and _lines(frame.data) == self._described:
                del self._due_s[0]
        self._link.discard_input()
        self._free_s = self._clock.now_s() + _PAUSE_S

    def _exchange(self, command: str) -> tuple[list[str], float]:
        """Send a command, and return the lines before the prompt with the instant at which they came."""
        self._clock.sleep_s(max(0.0, self._free_s - self._clock.now_s()))
        self._link.discard_input()
        self._in_step = False
        self._link.write(f"{command}\r".encode())
        frame = self._frame(command)
        self._in_step = True
        self._free_s = self._clock.now_s() + _PAUSE_S
        lines = _lines(frame.data)
        if any(_REFUSAL.fullmatch(line) for line in lines):
            sent, seen = f"{command}\r".encode(), frame.data + b">"
            raise RefusedError(self._link.name, "refused the command", sent=sent, seen=seen, advice=_ADVICE)
        return lines, frame.arrived_s

    def _frame(self, command: str) -> Line:
        deadline_s = self._clock.now_s() + _REPLY_S
        while (frame := self._link.read_until(b">", deadline_s)) is not None:
            if frame.data.strip():
                return frame
        raise self._silence(command)

    def _silence(self, command: str) -> InstrumentError:
        if self._link.unread:
            return self._garbled("sent no prompt", command, self._link.unread.decode("latin-1"))
        return NoReplyError(
            self._link.name, f"no answer within {_REPLY_S:g} s", sent=f"{command}\r".encode(), seen=b"", advice=_ADVICE
        )


def _lines(data: bytes) -> list[str]:
    return [text for line in data.decode("latin-1").split("\n") if (text := line.strip())]


open_px409 = opener("pressure", OmegaPx409, plain_line)

DRIVER = DriverEntry(
    name="omega_px409",
    role="pressure",
    instrument=OmegaPx409,
    factory=open_px409,
    probes=(
        # `SNR`, which tells the serial number, would start a stream of a balance that speaks MT-SICS.
        Probe(
            b"ENQ\r",
            rb"(?P<model>[^\r\n>]+)\r\n(?P<firmware>[^\r\n>]+)\r\n[-+.\d]+ to [-+.\d]+ \S+ [A-Z]\r\n>",
            (SerialLine(115200), SerialLine(9600)),
        ),
    ),
    Options=Options,
    summary="an Omega PX409-USBH or PX409-USB pressure transducer, or another of the USBH series",
)
