"""A link whose other end answers in memory, in simulated time: no descriptors, no waiting."""

from __future__ import annotations

import datetime as dt

from bench.clock import SimulatedClock
from drivers.link import Link
from tests.drivers.peers import Answer


class MemoryLink(Link):
    """Hands each command, without its terminator, to `answer`; what that returns has arrived at once.

    Args:
        answer: the instrument.
        terminator: what ends a command.

    """

    def __init__(self, answer: Answer, terminator: bytes = b"\r\n") -> None:
        super().__init__("instrument", "memory", SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), None)
        self.received: list[bytes] = []
        self._answer = answer
        self._terminator = terminator
        self._partial = b""
        self._coming: list[tuple[float, bytes]] = []

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let bytes arrive unasked, now or later."""
        self._coming.append((self.clock.now_s() + after_s, data))

    def _send(self, data: bytes) -> None:
        *commands, self._partial = (self._partial + data).split(self._terminator)
        for command in commands:
            self.received.append(command)
            self.say(self._answer(command) or b"")

    def _receive(self, may_wait: bool) -> bytes:
        if may_wait and not self._due():
            self.clock.sleep_s(0.25)
        due = self._due()
        self._coming = [each for each in self._coming if each[0] > self.clock.now_s()]
        return due

    def _due(self) -> bytes:
        return b"".join(data for due_s, data in self._coming if due_s <= self.clock.now_s())

    def _shut(self) -> None: ...
