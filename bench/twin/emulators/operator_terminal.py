"""The simulated operator: reads what is asked, takes a while, does it to the simulated bench, and answers.

Lines end with CR LF. `ID?` is answered at once. `ASK n action value unit | words` is answered by `DONE n`, or by
`NO n reason` where this bench has nothing of the kind; the words are for people. Actions of several amounts have them
one after another, each with its unit. One thing at a time; a bench that counts anew, from 1, has forgotten what it
asked before, and so does the operator. An operator who listens says `NOTE alarm` unasked some time after the pump began
to sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.port import REPLY_LATENCY_S, Send
from bench.twin.refusal import HandsRefusal

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

IDENTITY = "pumpbench twin,simulated operator,{serial},1.0"
_LINE_LIMIT = 8192
_LISTENS_EVERY_S = 0.25

Hand = Callable[..., str | None]
"""Does something with a value and its unit at an instant, and further amounts; returns words or refuses by
`HandsRefusal`."""
Amount = tuple[float, str]


class _Errand(NamedTuple):
    number: str
    action: str
    amounts: list[Amount]
    due_s: float
    answer_s: float


class Ears(Protocol):
    """How an operator listens for the pump's alarm."""

    @property
    def listens(self) -> bool:
        """Whether he does."""

    @property
    def alarm_since_s(self) -> float | None:
        """Since when there is something to hear; None for nothing."""

    def noting_s(self) -> float:
        """Return how long it is heard until it is noted."""


class OperatorTerminal:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        hands: what this operator can do, by the name of the action.
        reaction_s: from a request to its being done.
        serial: what the terminal says of itself.
        pace_s: how long an action takes, and its answer after that; `reaction_s` and nothing where it is None.
        ears: how the operator listens for alarms; None for one who does not.

    """

    line = None

    def __init__(
        self,
        send: Send,
        hands: Mapping[str, Hand],
        *,
        reaction_s: float,
        serial: str,
        pace_s: Callable[[str], tuple[float, float]] | None = None,
        ears: Ears | None = None,
    ) -> None:
        self._send = send
        self._hands = hands
        self._pace_s = pace_s or (lambda _: (reaction_s, 0.0))
        self._ears = ears if ears is not None and ears.listens else None
        self._listens_s = 0.0 if self._ears is not None else math.inf
        self._heard_s: float | None = None
        self._notes_s = math.inf
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
        """Return when what was asked for is done, an alarm is noted, or it is listened for."""
        return min(math.inf if self._errand is None else self._errand.due_s, self._listens_s, self._notes_s)

    def run_until(self, time_s: float) -> None:
        """Do what is due and say so."""
        self._listen(time_s)
        errand = self._errand
        if errand is None or errand.due_s > time_s:
            return
        self._errand = None
        hand = self._hands.get(errand.action)
        try:
            if hand is None:
                raise HandsRefusal(f"nothing on this bench can {errand.action.replace('_', ' ')}")
            value, unit = errand.amounts[0]
            if len(errand.amounts) > 1 and not errand.action.startswith("program_"):
                raise HandsRefusal(f"one amount is meant, and {len(errand.amounts)} were told")
            words = hand(value, unit, errand.due_s, *errand.amounts[1:])
        except HandsRefusal as refusal:
            self._say(f"NO {errand.number} {refusal}", errand.due_s + errand.answer_s)
        except (TypeError, ValueError):
            self._say(f"NO {errand.number} those are not the amounts of {errand.action}", errand.due_s)
        else:
            self._say(f"DONE {errand.number} {words or ''}".rstrip(), errand.due_s + errand.answer_s)

    def _listen(self, time_s: float) -> None:
        if self._ears is None:
            return
        if time_s >= self._notes_s:
            self._notes_s = math.inf
            self._say("NOTE alarm", time_s)
        if time_s >= self._listens_s:
            self._listens_s = time_s + _LISTENS_EVERY_S
            since_s = self._ears.alarm_since_s
            if since_s is not None and since_s != self._heard_s:
                self._notes_s = max(time_s, since_s + self._ears.noting_s())
            self._heard_s = since_s

    def _read(self, line: str, time_s: float) -> None:
        order, _, _words = line.partition("|")
        match order.split():
            case ["ID?"]:
                self._say(f"ID {self._identity}", time_s)
            case ["ASK", number, action, *amounts] if amounts and len(amounts) % 2 == 0:
                self._take(number, action, amounts, time_s)
            case ["CANCEL", number]:
                if self._errand is not None and self._errand.number == number:
                    self._errand = None
            case _:
                self._say("NO 0 not understood", time_s)

    def _take(self, number: str, action: str, words: list[str], time_s: float) -> None:
        if self._errand is not None and number != "1":
            self._say(f"NO {number} busy with {self._errand.number}", time_s)
            return
        try:
            amounts = [(float(value), unit) for value, unit in zip(words[::2], words[1::2], strict=True)]
        except ValueError:
            self._say(f"NO {number} {words[0]} is no number", time_s)
            return
        reaction_s, answer_s = self._pace_s(action)
        self._errand = _Errand(number, action, amounts, time_s + reaction_s, answer_s)

    def _say(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode(), time_s + REPLY_LATENCY_S)


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> OperatorTerminal:
    return OperatorTerminal(
        send,
        world.hands.actions,
        reaction_s=simulation.operator.reaction.to("s"),
        serial=simulation.operator.serial_number,
        pace_s=world.hands.pace_s,
        ears=world.hands,
    )


EMULATOR = EmulatorEntry("operator_terminal", "operator", _make)
