"""A link in memory and in simulated time: an instrument on the desk, byte-exact, that answers in no time or late."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

from bench.clock import SimulatedClock
from drivers.link import SLICE_S, Link

Answer = Callable[[bytes], "bytes | None"]
"""What an instrument answers to what was written; None for nothing."""

_TOGETHER_S = 1e-9  # time is added up in floating point


class Desk(Link):
    """The link; `sent` is what the driver wrote, write by write."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("balance", "desk", SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), None)
        self.sent: list[bytes] = []
        self.answer = answer
        self._answers: list[tuple[float, bytes]] = []
        self._unasked: list[tuple[float, bytes]] = []

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let the instrument answer after a while; no answer overtakes another."""
        due_s = self.clock.now_s() + after_s
        self._answers.append((max(due_s, self._answers[-1][0]) if self._answers else due_s, data))

    def say_unasked(self, data: bytes, after_s: float) -> None:
        """Let the instrument say something by itself; what is said first is told first."""
        self._unasked.append((self.clock.now_s() + after_s, data))

    def _send(self, data: bytes) -> None:
        self.sent.append(data)
        if reply := self.answer(data):
            self.say(reply)

    def _receive(self, may_wait: bool) -> bytes:
        data = self._take()
        if not data and may_wait:
            next_s = min([said[0][0] for said in (self._answers, self._unasked) if said], default=math.inf)
            self.clock.sleep_s(min(SLICE_S, next_s - self.clock.now_s()))
            data = self._take()
        return data

    def _take(self) -> bytes:
        data = b""
        for said in (self._answers, self._unasked):
            while said and said[0][0] <= self.clock.now_s() + _TOGETHER_S:
                data += said.pop(0)[1]
        return data

    def _shut(self) -> None: ...
