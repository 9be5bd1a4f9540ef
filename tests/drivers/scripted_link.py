"""Links in memory that answer by a list: waiting passes simulated time."""

from __future__ import annotations

import datetime as dt

from bench.clock import SimulatedClock
from drivers.link import Link


class ScriptedLink(Link):
    """Answers each write by the next reply, whatever was sent."""

    def __init__(self, replies: list[bytes]) -> None:
        super().__init__("instrument", "memory", SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), None)
        self.replies = replies
        self._waiting = b""

    def _send(self, data: bytes) -> None:  # noqa: ARG002
        if self.replies:
            self._waiting += self.replies.pop(0)

    def _receive(self, may_wait: bool) -> bytes:
        data, self._waiting = self._waiting, b""
        if not data and may_wait:
            self.clock.sleep_s(0.25)
        return data

    def _shut(self) -> None: ...


class Conversation(ScriptedLink):
    """Expects what is sent, and answers it; pairs of (sent, received)."""

    def __init__(self, *pairs: tuple[bytes, bytes]) -> None:
        super().__init__([])
        self.left = list(pairs)

    def _send(self, data: bytes) -> None:
        assert self.left, data
        expected, answer = self.left.pop(0)
        assert data == expected
        self.replies.append(answer)
        super()._send(data)
