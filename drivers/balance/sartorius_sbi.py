"""Sartorius and Minebea Intec balances that speak SBI (Cubis MSE p.71, Entris II interface description pp.3-4).

Only printing and information commands answer, so zero and tare are read back. A line has a unit only where the pan is
stable; a moving pan's weight is in the unit that was seen last. A balance that prints by itself (autoprint) is listened
to and never asked, since `ESC P` would switch that off and on.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Literal, NoReturn

from pydantic import Field, field_validator

from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.line_balance import REPLY_TIMEOUT_S, LineBalance
from drivers.line_options import LineOptions
from drivers.link import Line, Link, SerialLine
from drivers.mass_units import UNITS, Weight, weight
from drivers.opening import opener
from drivers.probe import Probe, with_parity
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.sbi import parse_special, parse_value

_SYNC_TIMEOUT_S = 3.0
_INFORMATION_TIMEOUT_S = 1.5
_LINE_S = 0.3
_LISTEN_S = 1.0
_ADJUSTMENT_POLL_S = 0.5
_ADJUSTMENT_BEGINS_S = 15.0
_ADJUSTMENT_LIMIT_S = 180.0

_PRINT = b"\x1bP\r\n"
_MODEL = b"\x1bx1_\r\n"
_SERIAL_NUMBER = b"\x1bx2_\r\n"
_TEXT = re.compile(rb"[ -~]{1,80}\Z")
_LABEL = re.compile(r"(?:Model|Mod\.?|SerNo\.|Ser\.no\.?|S\.No\.?|Vers\.?)\s+(?=\S)")


class Options(LineOptions):
    """What a rig may say of this balance."""

    parity: Literal["E", "O", "N"] = Field("O", description="even, odd or none; older balances: 1200 baud, 7 bits, odd")
    output: Literal["auto", "polled", "autoprint"] = Field(
        "auto",
        description="whether it is asked for each weight or prints by itself; `auto` listens for a second to find out,"
        " which hears nothing of a moving pan where it prints stable weights only",
    )
    poll_rate_hz: float = Field(10.0, gt=0.0, le=50.0, description="how often a stream asks, where it is asked (Hz)")
    unit: str | None = Field(
        None, description="what it weighs in; needed only for weights of a moving pan before the first stable one"
    )

    @field_validator("unit")
    @classmethod
    def _is_known(cls, unit: str | None) -> str | None:
        if unit is not None and unit not in UNITS:
            raise ValueError(f"{unit!r} is none of {', '.join(UNITS)}")
        return unit


class SartoriusSbi(LineBalance):
    """A balance on a serial line or a raw socket (port 49155 on those with Ethernet).

    Opening asks for model and serial number (`ESC x1_`, `ESC x2_`), passes over whatever it printed before that, and
    asks a balance that does not print by itself for one weight.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no SBI.

    """

    advice_silence = (
        "Is it switched on, is its interface set to SBI with output `without stability`, and do baud rate and parity"
        " agree (factory setting 9600 8O1)?"
    )

    def __init__(self, link: Link, options: Options) -> None:
        self._unit = options.unit
        self._marks: list[tuple[bytes, bytes]] = []  # questions, and the answers by which it is in step
        self._turns = 0
        super().__init__(link, options.stable_timeout_s, options.poll_rate_hz)
        self._learn_mark()
        if options.output == "autoprint" or (options.output == "auto" and self._prints_by_itself()):
            self._poll_interval_s = None
        else:
            self._see_a_print()

    def _see_a_print(self) -> None:
        """Ask for one weight: any text may be a model's name, and only a weight shows that this is SBI.

        Silence is none of its faults, since it may print stable weights only; nor is an error that it reports.
        """
        with self._exchange(), suppress(NoReplyError, RefusedError):
            self._ask(REPLY_TIMEOUT_S)

    def _prints_by_itself(self) -> bool:
        with self._link.turn:
            line = self._link.read_line(self._clock.now_s() + _LISTEN_S)
        return line is not None and _is_output(line.data)

    # -- who

    def identify(self) -> Identity:
        """Ask model (`ESC x1_`), serial number (`ESC x2_`) and software (`ESC x3_`); empty what it does not tell."""
        with self._exchange():
            model, serial_number, software = (self._tell(b"\x1bx%d_\r\n" % number) for number in (1, 2, 3))
        return Identity("Sartorius", model, serial_number, software)

    def _tell(self, sent: bytes) -> str:
        return _LABEL.sub("", self._answer(sent).decode("latin-1"), count=1)

    def _answer(self, sent: bytes) -> bytes:
        self._send(sent)
        for line in self._lines(self._clock.now_s() + _INFORMATION_TIMEOUT_S):
            if not _is_output(line.data):
                return line.data.strip()
        return b""

    # -- zero, tare, adjustment

    def zero(self) -> None:
        """Set zero once the pan is stable (`ESC V`), and read it back.

        Raises:
            RefusedError: the pan does not show zero afterwards, as when the load is beyond the range for zero.

        """
        self._press(b"\x1bV\r\n")

    def tare(self) -> None:
        """Set zero or tare, by its range for zero, once the pan is stable (`ESC T`), and read it back.

        Raises:
            RefusedError: the pan does not show zero afterwards.

        """
        self._press(b"\x1bT\r\n")

    def _press(self, sent: bytes) -> None:
        with self._exchange():
            self._send(sent)
            self._await_zero(sent)

    def adjust(self) -> None:
        """Start an adjustment by the built-in weight (`ESC Z`), with nothing on the pan, and wait until it is done.

        Raises:
            RefusedError: it reports an error, or shows no sign of an adjustment.

        """
        sent = b"\x1bZ\r\n"
        clock = self._clock
        with self._exchange():
            self._send(sent)
            sent_s = clock.now_s()
            begun = False
            while clock.now_s() < sent_s + _ADJUSTMENT_LIMIT_S:
                clock.sleep_s(_ADJUSTMENT_POLL_S)
                try:
                    line, shown = self._ask(REPLY_TIMEOUT_S)
                except NoReplyError:
                    continue
                if shown.status == "busy":
                    begun = True
                elif begun:
                    return
                elif clock.now_s() >= sent_s + _ADJUSTMENT_BEGINS_S:
                    raise RefusedError(
                        self._link.name,
                        "shows no sign of an adjustment",
                        sent=sent,
                        seen=line.data,
                        advice="Has it a built-in weight, and is the pan empty?",
                    )
            raise NoReplyError(
                self._link.name, f"is not done within {_ADJUSTMENT_LIMIT_S:g} s", sent=sent, advice="See its display."
            )

    # -- the protocol

    def _learn_mark(self) -> None:
        """Ask for the serial number, to have another question than the model."""
        with self._exchange():
            answer = self._answer(_SERIAL_NUMBER)
        if answer and answer != self._marks[0][1]:
            self._marks.append((_SERIAL_NUMBER, answer))

    def _get_in_step(self) -> None:
        link, clock = self._link, self._clock
        link.discard_input()
        link.read_line(clock.now_s() + _LINE_S)  # what is left of a line that was cut by that
        sent, expected = self._marks[self._turns % len(self._marks)] if self._marks else (_MODEL, None)
        self._turns += 1
        self._send(sent)
        other: bytes | None = None
        for line in self._lines(clock.now_s() + _SYNC_TIMEOUT_S):
            answer = line.data.strip()
            if _is_output(line.data) or expected not in (None, answer):
                other = line.data
                continue
            if not _TEXT.match(answer):
                raise GarbledReplyError(
                    link.name, "answered no SBI", sent=sent, seen=line.data, advice=self.advice_silence
                )
            self._marks = self._marks or [(sent, answer)]
            return
        raise self._silence(sent, _SYNC_TIMEOUT_S, other)

    def _send(self, sent: bytes) -> None:
        """Send a command after whole lines have been passed over: where it prints by itself, more of one may come."""
        self._pass_whole_lines()
        self._link.write(sent)

    def _begin_stream(self) -> None:
        self._pass_whole_lines()

    def _ask(self, timeout_s: float) -> tuple[Line, Weight]:
        if self._poll_interval_s is None:
            self._begin_stream()
        else:
            self._send(_PRINT)
        for line in self._lines(self._clock.now_s() + timeout_s):
            if (shown := self._parse(line.data)) is None:
                self._explain(_PRINT, line)
            return line, shown
        raise self._silence(_PRINT, timeout_s)

    def _parse(self, line: bytes) -> Weight | None:
        printed = parse_value(line)
        if printed is None:
            special = parse_special(line)
            return None if special is None or special[0] == "error" else Weight(math.nan, special[0])
        if not printed.unit:
            if self._unit is None:
                return Weight(math.nan, "no unit")
            return weight(printed.number, self._unit, "dynamic")
        found = weight(printed.number, printed.unit, "stable")
        self._unit = None if found is None else printed.unit
        return found

    def _explain(self, sent: bytes | None, line: Line) -> NoReturn:
        special, printed = parse_special(line.data), parse_value(line.data)
        if special is not None:
            raise RefusedError(
                self._link.name,
                f"reports {special[1]}",
                sent=sent,
                seen=line.data,
                advice="See its manual, and its display.",
            )
        if printed is not None:
            raise GarbledReplyError(
                self._link.name,
                f"sent no weight in a known unit, but in {printed.unit}",
                sent=sent,
                seen=line.data,
                advice="Set the balance's unit to g.",
            )
        raise GarbledReplyError(
            self._link.name, "sent no weight", sent=sent, seen=line.data, advice=self.advice_silence
        )


def _is_output(line: bytes) -> bool:
    """Tell whether a line is what is printed, and no information: digits alone may be a serial number."""
    if (printed := parse_value(line)) is not None:
        return bool(printed.unit) or "." in printed.number or b"+" in line or b"-" in line
    return parse_special(line) is not None


DRIVER = DriverEntry(
    name="sartorius_sbi",
    role="balance",
    instrument=SartoriusSbi,
    factory=opener("balance", SartoriusSbi, Options.lines),
    Options=Options,
    summary="Sartorius and Minebea Intec balances with SBI on RS-232, USB or a raw socket",
    probes=(
        # Any text may be a model, so the serial number is asked for, too.
        Probe(
            _MODEL,
            rb"(?:\A|\n) *(?:Mod(?:el)?\.? +)?(?=[^\r]{4,20}\r)(?!(?i:err|unk|inv|syn|com|bad|what))"
            rb"(?P<model>[A-Z][A-Za-z0-9./_-]*(?: [A-Za-z0-9./_-]+)*) *\r\n",
            (SerialLine(9600, 8, "O"), SerialLine(9600), SerialLine(1200, 7, "O")),
            confirm=(
                _SERIAL_NUMBER,
                rb"(?:\A|\n) *(?:Ser\.?(?:No|no)?\.?\s+|S\.No\.?\s+)?(?P<serial>(?=[A-Z-]*[0-9])[A-Z0-9-]{4,20}) *\r\n",
            ),
            keys=with_parity,
        ),
    ),
)
