"""The simulated operator: reads what is asked, takes a while, does it to the simulated bench, and answers.

Lines end with CR LF. `ID?` is answered at once. `ASK n action value unit | words` is answered by `DONE n`, or by
`NO n reason` where this bench has nothing of the kind; the words are for people. One thing at a time; a bench that
counts anew, from 1, has forgotten what it asked before, and so does the operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.port import REPLY_LATENCY_S, Send
from bench.twin.refusal import HandsRefusal

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

IDENTITY = "pumpbench twin,simulated operator,{serial},1.0"
_LINE_LIMIT = 1024

Hand = Callable[[float, str, float], None]
"""Does something with a value and its unit at an instant; refuses by `HandsRefusal`."""


class _Errand(NamedTuple):
    number: str
    action: str
    value: float
    unit: str
    due_s: float


class OperatorTerminal:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        hands: what this operator can do, by the name of the action.
        reaction_s: from a request to its being done.
        serial: what the terminal says of itself.

    """

    line = None

    def __init__(self, send: Send, hands: Mapping[str, Hand], *, reaction_s: float, serial: str) -> None:
        self._send = send
        self._hands = hands
        self._reaction_s = reaction_s
        self._identity = IDENTITY.format(serial=serial)
        self._received = bytearray()
        self._errand: _Errand | None = None

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; read every line that they complete."""
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("utf-8", "replace")
            del self._received[: end + 2]
            self._read(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()

    def next_event_s(self) -> float:
        """Return when what was asked for is done."""
        return math.inf if self._errand is None else self._errand.due_s

    def run_until(self, time_s: float) -> None:
        """Do what is due and say so."""
        errand = self._errand
        if errand is None or errand.due_s > time_s:
            return
        self._errand = None
        hand = self._hands.get(errand.action)
        try:
            if hand is None:
                raise HandsRefusal(f"nothing on this bench can {errand.action.replace('_', ' ')}")
            hand(errand.value, errand.unit, errand.due_s)
        except HandsRefusal as refusal:
            self._say(f"NO {errand.number} {refusal}", errand.due_s)
        else:
            self._say(f"DONE {errand.number}", errand.due_s)

    def _read(self, line: str, time_s: float) -> None:
        order, _, _words = line.partition("|")
        match order.split():
            case ["ID?"]:
                self._say(f"ID {self._identity}", time_s)
            case ["ASK", number, action, value, unit]:
                self._take(number, action, value, unit, time_s)
            case ["CANCEL", number]:
                if self._errand is not None and self._errand.number == number:
                    self._errand = None
            case _:
                self._say("NO 0 not understood", time_s)

    def _take(self, number: str, action: str, value: str, unit: str, time_s: float) -> None:
        if self._errand is not None and number != "1":
            self._say(f"NO {number} busy with {self._errand.number}", time_s)
            return
        try:
            amount = float(value)
        except ValueError:
            self._say(f"NO {number} {value} is no number", time_s)
            return
        self._errand = _Errand(number, action, amount, unit, time_s + self._reaction_s)

    def _say(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode(), time_s + REPLY_LATENCY_S)


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> OperatorTerminal:
    return OperatorTerminal(
        send,
        world.hands.actions,
        reaction_s=simulation.operator.reaction.to("s"),
        serial=simulation.operator.serial_number,
    )


EMULATOR = EmulatorEntry("operator_terminal", "operator", _make)
