r"""An operator at a line terminal: a panel beside the bench, a chat bridge, or the simulated rig's own hands.

ASCII lines (UTF-8 in the words) ending with CR LF, one request at a time:

    ID?                                                 ID <manufacturer>,<model>,<serial number>,<firmware>
    ASK <id> <action> <value> <unit> | <words>          DONE <id>      or      NO <id> <reason>
    CANCEL <id>                                         (no answer; the request is taken back)

`<id>` counts up from 1, `<unit>` is `-` for an action without a value. The answer comes when the operator has done it,
which may take minutes.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.errors import GarbledReplyError, NoReplyError
from drivers.link import Link, WireLog, open_link
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, OperatorAnswer, OperatorRequest

_TIMEOUT_S = 5.0
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
        self._number += 1
        words = " ".join(request.words.split())
        line = f"ASK {self._number} {request.action} {request.value:.12g} {request.unit or '-'} | {words}\r\n"
        with self._link.turn:
            self._link.discard_input()
            self._link.write(line.encode("utf-8"))

    def answer(self, deadline_s: float) -> OperatorAnswer | None:
        """Read the answer to the last request, or None when none has come by `deadline_s`.

        Raises:
            GarbledReplyError: a line that is no answer.

        """
        with self._link.turn:
            line = self._link.read_line(deadline_s)
        if line is None:
            return None
        word, *rest = line.data.decode("utf-8", "replace").split(" ", 2)
        if word not in ("DONE", "NO") or not rest or not rest[0].isdecimal():
            raise GarbledReplyError(self._link.name, "gave no answer", seen=line.data, advice=_ADVICE)
        if int(rest[0]) != self._number:
            return None  # of a request that was taken back
        reason = rest[1].strip() if len(rest) > 1 else ""
        return OperatorAnswer(word == "DONE", reason, line.arrived_s)

    def cancel(self) -> None:
        """Stop asking: the last request is taken back (`CANCEL`)."""
        with self._link.turn:
            self._link.write(f"CANCEL {self._number}\r\n".encode("ascii"))

    def close(self) -> None:
        """Release the link."""
        self._link.close()


def open_terminal(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> LineTerminal:
    """Open a terminal at a device path, a pyserial URL or a VISA resource."""
    return LineTerminal(
        open_link(
            address,
            clock,
            instrument="operator",
            wire_log=wire_log,
            visa_library=visa_library,
            baudrate=options.baudrate,
        )
    )


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
