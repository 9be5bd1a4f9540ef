"""Ohaus balances on RS-232 or USB (RS232 interface manual p.5, Discovery p.78, Adventurer p.22, Explorer pp.139, 158).

A weight is a right-justified number, its unit and `?` where the pan is not stable; nothing tells which command it
answers. What the balance has taken it answers `OK!`, if that is switched on; what it does not know, `ES`. Its internal
adjustment (`IC`) is left to its keys: none of these pages tells how its end shows on the line. How an overloaded pan
prints is not told either; the errors that its display shows, 8.3 and 8.4, are understood.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NoReturn

from pydantic import Field

from drivers.errors import GarbledReplyError, RefusedError
from drivers.line_balance import LineBalance
from drivers.line_options import LineOptions
from drivers.link import Line, Link, SerialLine
from drivers.mass_units import UNITS, Weight, weight
from drivers.opening import opener
from drivers.probe import Probe, with_parity
from drivers.registry import DriverEntry
from drivers.roles import Identity

_QUIET_S = 0.5
_END_LIMIT_S = 5.0
_SYNC_TIMEOUT_S = 3.0
_ANSWER_TIMEOUT_S = 1.0
_MORE_S = 0.3
_COLUMNS = range(9, 13)

_UNITS = tuple(unit.encode("latin-1") for unit in UNITS)
_TAKEN, _REFUSED = b"OK!", b"ES"
_WEIGHT = re.compile(r"( *[-+]? *(?:\d+\.?\d*|\.\d+)) +([A-Za-z]{1,5})(?![A-Za-z])(.*)\Z", re.ASCII)
# Stability, then the kind of weight or the time of a print at intervals; `T` and `TOTAL` are not what is on the pan.
_REST = re.compile(r" *(\?)? *(?:N|NET|G|B/G|\d\d:\d\d:\d\d)? *\Z", re.IGNORECASE)
_ERROR = re.compile(r" *Err(?:or)?\.? *([\d.]+) *\Z", re.IGNORECASE)
_BEYOND = {"8.3": "overload", "8.4": "underload"}


class Options(LineOptions):
    """What a rig may say of this balance."""

    stream: Literal["continuous", "polled"] = Field(
        "continuous",
        description="whether it prints without end (`CP`) or is asked; one approved for trade must be asked",
    )
    poll_rate_hz: float = Field(5.0, gt=0.0, le=50.0, description="how often a stream asks, where it is asked (Hz)")


class Ohaus(LineBalance):
    """A balance on a serial line, USB or a raw socket.

    Opening ends a print without end (`0P`) that an earlier host left, and asks for a weight (`IP`).

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers prints no weight.
        RefusedError: it cannot weigh, as in standby.

    """

    advice_silence = (
        "Is it switched on with a weight on its display, and do baud rate and parity agree (factory setting 9600 8N1,"
        " older balances 2400 7N2)?"
    )
    ends_stream = b"0P\r\n"

    def __init__(self, link: Link, options: Options) -> None:
        self._columns = _COLUMNS
        self._turns = 0
        super().__init__(link, options.stable_timeout_s, options.poll_rate_hz if options.stream == "polled" else None)

    # -- who

    def identify(self) -> Identity:
        """Ask name and version (`PV`, taken as the model) and serial number (`PSN`); empty what it does not tell."""
        with self._exchange():
            model, serial_number = self._tell(b"PV\r\n"), self._tell(b"PSN\r\n")
        return Identity("Ohaus", model, serial_number)

    def _tell(self, sent: bytes) -> str:
        """Ask for a text, which may have several lines."""
        self._send(sent)
        texts: list[str] = []
        for line in self._lines(self._clock.now_s() + _ANSWER_TIMEOUT_S):
            if line.data.strip() == _REFUSED:
                return ""
            texts.append(line.data.decode("latin-1").strip())
            while (more := self._link.read_line(self._clock.now_s() + _MORE_S)) is not None and len(texts) < 10:
                texts.append(more.data.decode("latin-1").strip())
            break
        return " ".join(text for text in texts if text)

    # -- zero and tare

    def zero(self) -> None:
        """Set zero once the pan is stable (`Z`), and read it back.

        Raises:
            RefusedError: the load is beyond its range for zero, or the pan does not show zero afterwards.

        """
        self._press(b"Z\r\n")

    def tare(self) -> None:
        """Set the tare to the load once the pan is stable (`T`), and read it back.

        Raises:
            RefusedError: it refuses, or the pan does not show zero afterwards.

        """
        self._press(b"T\r\n")

    def _press(self, sent: bytes) -> None:
        with self._exchange():
            self._send(sent)
            self._take_answer(sent)
            self._await_zero(sent)

    def _take_answer(self, sent: bytes) -> None:
        """Wait for `OK!`, which may be switched off; weights that it prints meanwhile are passed over.

        Raises:
            RefusedError: it refuses.

        """
        for line in self._every_line(self._clock.now_s() + _ANSWER_TIMEOUT_S):
            if line.data.strip() == _TAKEN:
                return
            if line.data.strip() == _REFUSED:
                self._explain(sent, line)

    # -- the protocol

    def _get_in_step(self) -> None:
        sent = self.ends_stream
        self._columns = _COLUMNS
        self._send(sent)
        self._pass_until_quiet(_QUIET_S, _END_LIMIT_S, sent)
        # Weights do not tell what they answer; serial number, unit or a refusal of them do, and end what came late.
        self._turns += 1
        by_unit = self._turns % 2 == 0
        self._send(b"PU\r\n" if by_unit else b"PSN\r\n")
        lines = self._lines(self._clock.now_s() + _SYNC_TIMEOUT_S)
        marked = any(self._is_mark(line.data, by_unit) for line in lines)
        self._columns = _COLUMNS
        self._ask(_SYNC_TIMEOUT_S)
        if not marked:
            self._pass_until_quiet(_QUIET_S, _END_LIMIT_S, b"IP\r\n")

    def _is_mark(self, line: bytes, by_unit: bool) -> bool:
        answer = line.strip()
        return answer == _REFUSED or (self._parse(line) is None and (answer in _UNITS) == by_unit)

    def _begin_stream(self) -> None:
        sent = b"CP\r\n"
        self._send(sent)
        for line in self._every_line(self._clock.now_s() + _ANSWER_TIMEOUT_S):
            if line.data.strip() == _REFUSED:
                raise RefusedError(
                    self._link.name,
                    "does not print without end",
                    sent=sent,
                    seen=line.data,
                    advice="Set stream: polled for it in the rig file.",
                )
            if line.data.strip():
                return

    def _says_nothing(self, line: bytes) -> bool:
        return line.strip() in (b"", _TAKEN)

    def _ask(self, timeout_s: float) -> tuple[Line, Weight]:
        sent = b"IP\r\n"
        self._send(sent)
        for line in self._lines(self._clock.now_s() + timeout_s):
            if (shown := self._parse(line.data)) is None:
                self._explain(sent, line)
            return line, shown
        raise self._silence(sent, timeout_s)

    def _parse(self, line: bytes) -> Weight | None:
        text = line.decode("latin-1")
        if (error := _ERROR.match(text)) is not None:
            return Weight(math.nan, _BEYOND[error[1]]) if error[1] in _BEYOND else None
        match = _WEIGHT.match(text)
        rest = None if match is None else _REST.match(match[3])
        # The number's columns are always as many: a line with others is made of parts of two.
        if match is None or rest is None or len(match[1]) not in self._columns:
            return None
        found = weight(match[1].replace(" ", ""), match[2], "dynamic" if rest[1] else "stable")
        if found is not None:
            self._columns = range(len(match[1]), len(match[1]) + 1)
        return found

    def _explain(self, sent: bytes | None, line: Line) -> NoReturn:
        text = line.data.decode("latin-1")
        if line.data.strip() == _REFUSED:
            raise RefusedError(
                self._link.name,
                "does not know the command, or cannot do it now",
                sent=sent,
                seen=line.data,
                advice="Is it weighing, with its load within the range?",
            )
        if (error := _ERROR.match(text)) is not None:
            raise RefusedError(
                self._link.name, f"reports error {error[1]}", sent=sent, seen=line.data, advice="See its manual."
            )
        match = _WEIGHT.match(text)
        if match is not None and weight(match[1].replace(" ", ""), match[2], "") is None:
            raise GarbledReplyError(
                self._link.name,
                f"sent no weight in a known unit, but in {match[2]}",
                sent=sent,
                seen=line.data,
                advice="Set the balance's unit to g.",
            )
        raise GarbledReplyError(
            self._link.name, "sent no weight of the pan", sent=sent, seen=line.data, advice=self.advice_silence
        )


DRIVER = DriverEntry(
    name="ohaus",
    role="balance",
    instrument=Ohaus,
    factory=opener("balance", Ohaus, Options.lines),
    Options=Options,
    summary="Ohaus balances with their own commands on RS-232, USB or a raw socket",
    probes=(
        # Any word may be a serial number; `PU` is answered by a unit, or refused by older ones.
        Probe(
            b"PSN\r\n",
            rb"(?:\A|\n) *(?P<serial>(?=[A-Z-]*[0-9])[A-Z0-9-]{4,20}) *\r\n",
            (SerialLine(9600), SerialLine(2400, 7, "N", 2), SerialLine(2400), SerialLine(19200)),
            confirm=(b"PU\r\n", rb"(?:\A|\n) *(?:" + b"|".join(re.escape(unit) for unit in _UNITS) + rb"|ES) *\r\n"),
            details=((b"PV\r\n", rb"(?:\A|\n) *(?P<model>[A-Za-z][ -~]{2,40}?) *\r\n"),),
            keys=with_parity,
        ),
    ),
)
