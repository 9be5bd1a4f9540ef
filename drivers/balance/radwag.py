"""Radwag balances (WTC manual p.48, PS R2 pp.162-171, R series pp.85-93, HRP pp.131-138).

Every reply begins with the command that it answers: `XX A` in progress, `XX D` done after that, `XX OK` done, `XX I`
not now, `XX ^` and `XX v` beyond the range, `XX E` not stable in time, `ES` where there is no such command. Weights are
frames of fixed columns, asked for in the balance's basic unit whatever it shows.
"""

from __future__ import annotations

import math
import re
from typing import NoReturn

from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.line_balance import ADVICE_REST, REPLY_TIMEOUT_S, LineBalance, reading_of
from drivers.line_options import LineOptions
from drivers.link import Line, Link, SerialLine
from drivers.mass_units import Weight, weight
from drivers.opening import opener
from drivers.probe import Probe, with_parity
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading, WeighingRange

_ANSWER_TIMEOUT_S = 3.0
_ADJUSTMENT_LIMIT_S = 300.0

_FRAME = re.compile(r"(S  |SI |SU |SUI)([ ?^v]) ([ -])( *(?:\d+\.?\d*)?) ([^\s].{2})\Z", re.ASCII)
_MASS_COLUMNS = 9
_MARKS = ("RV", "NB", "BN")
"""Questions whose answers are told from all others, taken in turn."""
_STATE = re.compile(r"(\S+) (A|D|OK|I|\^|v|E)\Z")
_TEXT = re.compile(r'(\S+) A "([^"]*)"\Z')
_MARKERS = {" ": "stable", "?": "dynamic", "^": "overload", "v": "underload"}
_STREAM_SWITCH = re.compile(rb"CU?[01] A\Z")
_REFUSALS = {
    "I": ("cannot do that now", "See its display; a menu or an adjustment may be in the way."),
    "^": ("is above its range for that", "Take the load off, or tare instead of zero."),
    "v": ("is below its range for that", "Put pan and vessel on, or set zero first."),
    "E": ("did not come to rest in time, or could not do it", ADVICE_REST),
}


class Options(LineOptions):
    """What a rig may say of this balance."""


class Radwag(LineBalance):
    """A balance on a serial line, USB or a raw socket (port 4001 on those with Ethernet).

    Opening ends a stream (`C0`) that an earlier host left, and asks for the serial number (`NB`).

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Radwag balance.

    """

    advice_silence = "Is it switched on, and do baud rate and parity agree (factory setting 9600 8N1)?"
    ends_stream = b"C0\r\n"

    def __init__(self, link: Link, options: Options) -> None:
        self._turns = 0
        super().__init__(link, options.stable_timeout_s)

    # -- who and what

    def identify(self) -> Identity:
        """Ask type (`BN`), serial number (`NB`) and program (`RV`); empty what it does not tell."""
        with self._exchange():
            model, serial_number, program = (self._ask_text(name) for name in ("BN", "NB", "RV"))
        return Identity("Radwag", model, serial_number, program)

    def weighing_range(self) -> WeighingRange:
        """Ask for the maximum (`FS`), which is in the unit that weights come in; readability is not told."""
        with self._exchange():
            text = self._ask_text("FS")
            line, shown = self._ask(REPLY_TIMEOUT_S)
        frame = _frame(line.data)
        number, _, unit = text.strip().partition(" ")
        maximum = weight(number, unit or (frame[5].strip() if frame is not None else ""), shown.status)
        return WeighingRange(math.nan if maximum is None else maximum.value_g, math.nan)

    def _ask_text(self, name: str) -> str:
        try:
            line = self._request(name, _ANSWER_TIMEOUT_S)
        except RefusedError:
            return ""  # not every balance has each of them
        match = _TEXT.match(line.data.decode("latin-1"))
        return match[2].strip() if match is not None else ""

    # -- one reading

    def read_stable(self) -> Reading:
        """Read the pan once it is stable, in g (`S`; the next stable frame of a running stream).

        Raises:
            RefusedError: the pan does not come to rest within the balance's own limit.

        """
        if self._wants_stream:
            return super().read_stable()
        with self._exchange():
            return reading_of(*self._weigh("S", self._stable_timeout_s))

    # -- zero, tare, adjustment

    def zero(self) -> None:
        """Set zero once the pan is stable (`Z`).

        Raises:
            RefusedError: it says why not.

        """
        self._act("Z", self._stable_timeout_s)

    def tare(self) -> None:
        """Set the tare to the load once the pan is stable (`T`).

        Raises:
            RefusedError: it says why not.

        """
        self._act("T", self._stable_timeout_s)

    def adjust(self) -> None:
        """Start an adjustment by the built-in weight (`IC`), with nothing on the pan, and wait until it is done.

        Raises:
            RefusedError: it says why not.

        """
        self._act("IC", _ADJUSTMENT_LIMIT_S)

    def _act(self, name: str, timeout_s: float) -> None:
        """Have something done: `A` in progress, then `D`."""
        with self._exchange():
            line = self._request(name, timeout_s)
            if not line.data.endswith((b" D", b" OK")):
                self._explain(f"{name}\r\n".encode(), line)

    # -- the protocol

    def _get_in_step(self) -> None:
        self._send(self.ends_stream)
        for line in self._lines(self._clock.now_s() + _ANSWER_TIMEOUT_S):
            if line.data.strip() in (b"C0 A", b"C0 I", b"ES"):
                break
        self._turns += 1
        try:
            self._request(_MARKS[self._turns % len(_MARKS)], _ANSWER_TIMEOUT_S)
        except RefusedError:
            self._ask(REPLY_TIMEOUT_S)  # one without that command still weighs

    def _begin_stream(self) -> None:
        line = self._request("C1", _ANSWER_TIMEOUT_S, in_progress_is_done=True)
        if not line.data.endswith(b" A"):
            self._explain(b"C1\r\n", line)

    def _says_nothing(self, line: bytes) -> bool:
        return not line.strip() or (self._streams and _STREAM_SWITCH.match(line) is not None)

    def _ask(self, timeout_s: float) -> tuple[Line, Weight]:
        return self._weigh("SI", timeout_s)

    def _weigh(self, name: str, timeout_s: float) -> tuple[Line, Weight]:
        line = self._request(name, timeout_s)
        if (shown := self._parse(line.data)) is None:
            self._explain(f"{name}\r\n".encode(), line)
        return line, shown

    def _request(self, name: str, timeout_s: float, *, in_progress_is_done: bool = False) -> Line:
        """Send a command and return its answer, past `A`; lines that answer another one are passed over."""
        sent = f"{name}\r\n".encode()
        self._send(sent)
        passed_over: bytes | None = None
        taken = False
        for line in self._lines(self._clock.now_s() + timeout_s):
            text = line.data.decode("latin-1")
            if text.strip() == "ES":
                raise RefusedError(
                    self._link.name, "does not know the command", sent=sent, seen=line.data, advice="See its manual."
                )
            if text[:3].split(" ")[0] == name or text.startswith(f"{name} "):
                if in_progress_is_done or text != f"{name} A":
                    return line
                taken = True
            elif _frame(line.data) is None and _STATE.match(text) is None and _TEXT.match(text) is None:
                raise GarbledReplyError(
                    self._link.name,
                    "answered not as a Radwag balance does",
                    sent=sent,
                    seen=line.data,
                    advice=self.advice_silence,
                )
            else:
                passed_over = line.data
        if taken:
            raise NoReplyError(
                self._link.name,
                f"took the command, but is not done within {timeout_s:g} s",
                sent=sent,
                seen=self._link.unread,
                advice="See its display.",
            )
        raise self._silence(sent, timeout_s, passed_over)

    def _parse(self, line: bytes) -> Weight | None:
        frame = _frame(line)
        if frame is None:
            return None
        status = _MARKERS[frame[2]]
        if status in ("overload", "underload"):
            return Weight(math.nan, status)
        return weight(frame[3].strip() + frame[4].strip(), frame[5].strip(), status)

    def _explain(self, sent: bytes | None, line: Line) -> NoReturn:
        text = line.data.decode("latin-1")
        state = _STATE.match(text)
        if state is not None and state[2] in _REFUSALS:
            problem, advice = _REFUSALS[state[2]]
            raise RefusedError(self._link.name, problem, sent=sent, seen=line.data, advice=advice)
        frame = _frame(line.data)
        problem = (
            "sent no weight"
            if frame is None or not frame[4].strip()
            else f"sent no weight in a known unit, but in {frame[5].strip()}"
        )
        advice = self.advice_silence if frame is None else "Set the balance's unit to g."
        raise GarbledReplyError(self._link.name, problem, sent=sent, seen=line.data, advice=advice)


def _frame(line: bytes) -> re.Match[str] | None:
    """Match a frame of right columns: name, marker, sign, mass, unit."""
    match = _FRAME.match(line.decode("latin-1"))
    return match if match is not None and len(match[4]) == _MASS_COLUMNS else None


DRIVER = DriverEntry(
    name="radwag",
    role="balance",
    instrument=Radwag,
    factory=opener("balance", Radwag, Options.lines),
    Options=Options,
    summary="Radwag balances on RS-232, USB or a raw socket",
    probes=(
        Probe(
            b"NB\r\n",
            rb'NB A "(?P<serial>[^"\r\n]+)"\r\n',
            (SerialLine(9600), SerialLine(4800), SerialLine(19200), SerialLine(57600), SerialLine(115200)),
            details=(
                (b"BN\r\n", rb'BN A "(?P<model>[^"\r\n]+)"\r\n'),
                (b"RV\r\n", rb'RV A "(?P<firmware>[^"\r\n]+)"\r\n'),
            ),
            keys=with_parity,
        ),
    ),
)
