r"""An operator at a line terminal: a panel beside the bench, a chat bridge, or the simulated rig's own hands.

ASCII lines (UTF-8 in the words) ending with CR LF, one request at a time:

    ID?                                                 ID <manufacturer>,<model>,<serial number>,<firmware>
    ASK <id> <action> <value> <unit> | <words>          DONE <id>      or      NO <id> <reason>
    CANCEL <id>                                         (no answer; the request is taken back)
                                                        NOTE <words>   (unasked, at any time)

`<id>` counts up from 1, `<unit>` is `-` for an action without a value, and further values follow with their units. The
answer comes when the operator has done it, which may take minutes.
"""

from __future__ import annotations

import contextlib
from collections import deque

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import GarbledReplyError, NoReplyError
from drivers.link import Line, Link
from drivers.opening import opener, plain_line
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, OperatorAnswer, OperatorNote, OperatorRequest

_TIMEOUT_S = 5.0
_MOST_NOTES = 1000
_ADVICE = "Is the address that of an operator's terminal?"


class Options(BaseModel):
    """What a rig may say of the terminal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=600, le=115200, description="of a serial line; 8 data bits, no parity")


class LineTerminal:
    """An operator who is asked by lines."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._number = 0
        self._answers: deque[OperatorAnswer] = deque()
        self._notes: deque[OperatorNote] = deque(maxlen=_MOST_NOTES)
        self._passed_over = False

    def identify(self) -> Identity:
        """Ask the terminal who it is (`ID?`).

        Raises:
            NoReplyError: nothing answers.
            GarbledReplyError: what answers is no operator's terminal.

        """
        with self._link.turn:
            self._link.write(b"ID?\r\n")
            line = self._link.read_line(self._link.clock.now_s() + _TIMEOUT_S)
        if line is None:
            raise NoReplyError(
                self._link.name, f"no answer within {_TIMEOUT_S:g} s", sent=b"ID?", seen=b"", advice=_ADVICE
            )
        word, _, rest = line.data.decode("utf-8", "replace").partition(" ")
        parts = [part.strip() for part in rest.split(",")]
        if word != "ID" or len(parts) != 4:
            raise GarbledReplyError(self._link.name, "told no identity", sent=b"ID?", seen=line.data, advice=_ADVICE)
        return Identity(*parts)

    def ask(self, request: OperatorRequest) -> None:
        """Ask for something to be done (`ASK`); the answer comes later."""
        words = " ".join(request.words.split())
        amounts = " ".join(
            f"{value:.12g} {unit or '-'}" for value, unit in ((request.value, request.unit), *request.more)
        )
        with self._link.turn:
            self._number += 1
            self._set_aside()
            self._link.discard_input()
            self._link.write(f"ASK {self._number} {request.action} {amounts} | {words}\r\n".encode())

    def answer(self, deadline_s: float) -> OperatorAnswer | None:
        """Read the answer to the last request, or None when none has come by `deadline_s`.

        Raises:
            GarbledReplyError: a line that is no answer.

        """
        with self._link.turn:
            while not self._answers:
                line = self._link.read_line(deadline_s)
                if line is None:
                    return None
                self._take(line)
                if self._passed_over:
                    return None  # of a request that was taken back
            return self._answers.popleft()

    def take_notes(self) -> list[OperatorNote]:
        """Read what was said unasked (`NOTE`); waits for nothing.

        Raises:
            GarbledReplyError: a line that is none.

        """
        # Whoever waits for an answer keeps what is said meanwhile.
        if self._link.turn.take(self._link.clock.now_s()):
            try:
                while (line := self._link.read_line(self._link.clock.now_s())) is not None:
                    self._take(line)
            finally:
                self._link.turn.end()
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def cancel(self) -> None:
        """Stop asking: the last request is taken back (`CANCEL`)."""
        with self._link.turn:
            self._link.write(f"CANCEL {self._number}\r\n".encode("ascii"))

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    def _take(self, line: Line) -> None:
        """Keep a line as what it is: a note, or the answer to the last request."""
        self._passed_over = False
        word, _, rest = line.data.decode("utf-8", "replace").partition(" ")
        if word == "NOTE":
            self._notes.append(OperatorNote(rest.strip(), line.arrived_s))
            return
        number, _, reason = rest.partition(" ")
        if word not in ("DONE", "NO") or not number.isdecimal():
            raise GarbledReplyError(self._link.name, "gave no answer", seen=line.data, advice=_ADVICE)
        if int(number) == self._number:
            self._answers.append(OperatorAnswer(word == "DONE", reason.strip(), line.arrived_s))
        else:
            self._passed_over = True

    def _set_aside(self) -> None:
        """Keep the notes among what has come before a request; nothing of it is an answer."""
        with contextlib.suppress(GarbledReplyError):
            while (line := self._link.read_line(self._link.clock.now_s())) is not None:
                with contextlib.suppress(GarbledReplyError):
                    self._take(line)
        self._answers.clear()


def _terminal(link: Link, _options: Options) -> LineTerminal:
    return LineTerminal(link)


open_terminal = opener("operator", _terminal, plain_line)

DRIVER = DriverEntry(
    name="line_terminal",
    role="operator",
    instrument=LineTerminal,
    factory=open_terminal,
    probes=(
        Probe(
            b"ID?\r\n",
            rb"ID (?P<maker>[^,\r\n]+),(?P<model>[^,\r\n]+),(?P<serial>[^,\r\n]*),(?P<firmware>[^\r\n]*)\r\n",
        ),
    ),
    Options=Options,
    summary="an operator at a terminal that is spoken to in lines",
)
