"""A&D balances in A&D standard format (FX-i manual pp.52-59, GC pp.51-56, AD-4212B pp.68-69, GH pp.42, 64).

By `erCd 0`, the factory setting, commands that control the balance answer nothing; by `erCd 1` they answer `<AK>` at
receipt and again when done, or `EC,Exx`. The driver takes whichever comes, and reads zero and tare back.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NoReturn

from pydantic import Field

from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.line_balance import LineBalance, reading_of
from drivers.line_options import LineOptions
from drivers.link import Line, Link, SerialLine
from drivers.mass_units import Weight, weight
from drivers.opening import opener
from drivers.probe import Probe, with_parity
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading

_QUIET_S = 0.5
_CANCEL_LIMIT_S = 5.0
_ANSWER_TIMEOUT_S = 1.5
_SYNC_TIMEOUT_S = 3.0
_ADJUSTMENT_LIMIT_S = 300.0

_MARKS = (b"TN", b"SN")
"""Questions whose answers are told from all others, taken in turn."""
_ACKNOWLEDGE = b"\x06"
# Data are zero-padded, the unit fills three columns from the right: a cut line has neither its head nor its unit.
_WEIGHT = re.compile(r"(ST|US),(?:(?:HI|OK|LO|--),)?([-+])([0-9]+\.?[0-9]*)((?=.{3}\Z) *[A-Za-z%]+)\Z")
_BEYOND = re.compile(rb"OL,([-+])")
_REFUSAL = re.compile(rb"EC,E(\d\d?)\Z")
_REASONS = {
    0: "saw a transmission error",
    1: "does not know the command",
    2: "cannot do that now",
    3: "timed out between two characters",
    4: "found the command too long",
    5: "has nothing by that number",
    6: "found the command's form wrong",
    7: "found a value beyond its range",
    11: "the pan did not come to rest",
}


class Options(LineOptions):
    """What a rig may say of this balance."""

    baudrate: int = Field(2400, ge=150, le=115200, description="as set in the balance's function table")
    bytesize: Literal[7, 8] = 7
    parity: Literal["E", "O", "N"] = Field("E", description="even, odd or none")
    zero_command: Literal["R", "Z"] = Field(
        "R", description="`R` is the RE-ZERO key, which all but counting scales have"
    )
    tare_command: Literal["R", "T", "TR"] = Field("R", description="`T` or `TR` where it has a key for tare")
    built_in_weight: bool = Field(
        False, description="whether `CAL` adjusts by a built-in weight; else it would ask for one on the pan"
    )


class AndStandard(LineBalance):
    """A balance on a serial line, USB or a raw socket.

    Opening cancels (`C`) a stream that an earlier host left, and asks for a weight (`Q`).

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is not in A&D standard format.
        RefusedError: it cannot weigh, as with its display off.

    """

    advice_silence = (
        "Is it switched on with a weight on its display, is its output in A&D standard format, and do baud rate and"
        " parity agree (factory setting 2400 7E1)?"
    )
    ends_stream = b"C\r\n"

    def __init__(self, link: Link, options: Options) -> None:
        self._options = options
        self._turns = 0
        super().__init__(link, options.stable_timeout_s)

    # -- who

    def identify(self) -> Identity:
        """Ask model (`?TN`) and serial number (`?SN`); empty what it does not tell, as older ones do not."""
        with self._exchange():
            model, serial_number = self._tell("TN"), self._tell("SN")
        return Identity("A&D", model, serial_number)

    def id_number(self) -> str:
        """Ask for the number that its owner gave it (`?ID`); empty if it does not tell."""
        with self._exchange():
            return self._tell("ID")

    def _tell(self, name: str) -> str:
        self._send(f"?{name}\r\n".encode())
        for line in self._lines(self._clock.now_s() + _ANSWER_TIMEOUT_S):
            if _REFUSAL.match(line.data):
                return ""
            head, _, text = line.data.decode("latin-1").partition(",")
            if head == name:
                return text.strip()
        return ""

    # -- one reading

    def read_stable(self) -> Reading:
        """Read the pan once it is stable, in g (`S`; the next stable line of a running stream).

        Raises:
            RefusedError: the pan does not come to rest in time.

        """
        if self._wants_stream:
            return super().read_stable()
        sent = b"S\r\n"
        with self._exchange():
            self._send(sent)
            for line in self._lines(self._clock.now_s() + self._stable_timeout_s):
                if (shown := self._parse(line.data)) is None:
                    self._explain(sent, line)
                if shown.status != "dynamic":
                    return reading_of(line, shown)
            self._get_in_step()  # it would answer later
            raise self._restless("")

    # -- zero, tare, adjustment

    def zero(self) -> None:
        """Set zero once the pan is stable.

        Raises:
            RefusedError: it says why not, or the pan does not show zero afterwards.

        """
        self._control(self._options.zero_command)

    def tare(self) -> None:
        """Set the tare to the load once the pan is stable.

        Raises:
            RefusedError: it says why not, or the pan does not show zero afterwards.

        """
        self._control(self._options.tare_command)

    def _control(self, command: str) -> None:
        sent = f"{command}\r\n".encode()
        with self._exchange():
            self._send(sent)
            if self._acknowledged(sent, _ANSWER_TIMEOUT_S) and not self._acknowledged(sent, self._stable_timeout_s):
                raise self._not_done(sent, self._stable_timeout_s)
            self._await_zero(sent)

    def adjust(self) -> None:
        """Start an adjustment by the built-in weight (`CAL`), with nothing on the pan, and wait until it is done.

        Raises:
            RefusedError: the rig file knows of no built-in weight, the balance is not set to `erCd 1` and so would not
                tell when it is done, or it says why not.

        """
        if not self._options.built_in_weight:
            raise RefusedError(
                self._link.name,
                "adjusts by no built-in weight, by the rig file",
                advice="Set built_in_weight: true if it has one; without one, `CAL` asks for a weight on the pan.",
            )
        sent = b"CAL\r\n"
        with self._exchange():
            if not self._tells_errors():
                raise RefusedError(
                    self._link.name,
                    "would not tell when an adjustment is done",
                    advice="Set erCd 1 (acknowledge and error codes) in its function table.",
                )
            self._send(sent)
            if not self._acknowledged(sent, _ANSWER_TIMEOUT_S):
                raise self._silence(sent, _ANSWER_TIMEOUT_S)
            end_s = self._clock.now_s() + _ADJUSTMENT_LIMIT_S
            while self._acknowledged(sent, end_s - self._clock.now_s()):
                if self._weighs():
                    return
            raise self._not_done(sent, _ADJUSTMENT_LIMIT_S)

    def _weighs(self) -> bool:
        """Tell whether weights can be had again."""
        try:
            self._ask(_SYNC_TIMEOUT_S)
        except RefusedError:
            return False
        return True

    def _tells_errors(self) -> bool:
        """Ask something that no balance knows, to see whether it says so."""
        self._send(b"?\r\n")
        lines = self._lines(self._clock.now_s() + _ANSWER_TIMEOUT_S)
        return any(_REFUSAL.match(line.data) is not None for line in lines)

    def _acknowledged(self, sent: bytes, timeout_s: float) -> bool:
        for line in self._every_line(self._clock.now_s() + timeout_s):
            if line.data == _ACKNOWLEDGE:
                return True
            if _REFUSAL.match(line.data):
                self._explain(sent, line)
        return False

    def _not_done(self, sent: bytes, timeout_s: float) -> NoReplyError:
        return NoReplyError(
            self._link.name,
            f"took the command, but is not done within {timeout_s:g} s",
            sent=sent,
            seen=self._link.unread,
            advice="See its display.",
        )

    # -- the protocol

    def _get_in_step(self) -> None:
        self._send(self.ends_stream)
        self._pass_until_quiet(_QUIET_S, _CANCEL_LIMIT_S, self.ends_stream)
        # Weights do not tell what they answer; a serial number or a refusal of it does, and ends what came late.
        self._turns += 1
        mark = _MARKS[self._turns % len(_MARKS)]
        self._send(b"?%b\r\n" % mark)
        lines = self._lines(self._clock.now_s() + _SYNC_TIMEOUT_S)
        marked = any(line.data.startswith((mark + b",", b"EC,")) for line in lines)
        self._ask(_SYNC_TIMEOUT_S)
        if not marked:
            self._pass_until_quiet(_QUIET_S, _CANCEL_LIMIT_S, b"Q\r\n")

    def _begin_stream(self) -> None:
        self._send(b"SIR\r\n")

    def _says_nothing(self, line: bytes) -> bool:
        return not line.strip() or line == _ACKNOWLEDGE

    def _ask(self, timeout_s: float) -> tuple[Line, Weight]:
        sent = b"Q\r\n"
        self._send(sent)
        for line in self._lines(self._clock.now_s() + timeout_s):
            if (shown := self._parse(line.data)) is None:
                self._explain(sent, line)
            return line, shown
        raise self._silence(sent, timeout_s)

    def _parse(self, line: bytes) -> Weight | None:
        if (match := _WEIGHT.match(line.decode("latin-1"))) is not None:
            header, sign, number, unit = match.groups()
            status = "stable" if header == "ST" else "dynamic"
            return weight(number if sign == "+" else f"-{number}", unit.strip(), status)
        if (beyond := _BEYOND.match(line)) is not None:
            return Weight(math.nan, "overload" if beyond[1] == b"+" else "underload")
        return None

    def _explain(self, sent: bytes | None, line: Line) -> NoReturn:
        if (refusal := _REFUSAL.match(line.data)) is not None:
            problem = _REASONS.get(int(refusal[1]), "reports an error")
            raise RefusedError(
                self._link.name,
                problem,
                sent=sent,
                seen=line.data,
                advice="See its display, and its manual on error codes.",
            )
        match = _WEIGHT.match(line.data.decode("latin-1"))
        problem = "sent no weight" if match is None else f"sent no weight in a known unit, but in {match[4].strip()}"
        advice = self.advice_silence if match is None else "Set the balance's unit to g."
        raise GarbledReplyError(self._link.name, problem, sent=sent, seen=line.data, advice=advice)


DRIVER = DriverEntry(
    name="and_standard",
    role="balance",
    instrument=AndStandard,
    factory=opener("balance", AndStandard, Options.lines),
    Options=Options,
    summary="A&D balances in A&D standard format on RS-232, USB or a raw socket",
    probes=(
        Probe(
            b"?SN\r\n",
            rb"SN, *(?P<serial>[!-+\--~]{3,20}) *\r\n",
            (
                SerialLine(2400, 7, "E"),
                SerialLine(9600),
                SerialLine(9600, 7, "E"),
                SerialLine(19200),
                SerialLine(4800, 7, "E"),
            ),
            details=((b"?TN\r\n", rb"TN, *(?P<model>[!-~]+) *\r\n"),),
            keys=with_parity,
        ),
    ),
)
