"""A syringe pump at the other end of a link in memory: its emulator, with faults on the wire, in simulated time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator

from bench.clock import SimulatedClock
from bench.twin.port import Emulator, Send
from bench.twin.syringe_drive import SyringeDrive
from drivers.link import SLICE_S, Link, WireLog

Fault = Callable[[bytes, float], list[tuple[bytes, float]]]
"""What becomes of a reply: what arrives, and how much later."""


def drop(_reply: bytes, _due_s: float) -> list[tuple[bytes, float]]:
    return []


def cut(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(reply[: len(reply) // 2], due_s)]


def late(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(reply, due_s + 1.3)]


def doubled(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(reply + reply, due_s)]


def doubled_late(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(reply, due_s), (reply, due_s + 0.4)]


def flip(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """One bit: only a checksum finds that."""
    at = len(reply) // 2
    return [(reply[:at] + bytes([reply[at] ^ 4]) + reply[at + 1 :], due_s)]


class PumpLink(Link):
    """A link to an emulator; each reply meets the next fault, and none when they are used up.

    Args:
        faults: what becomes of replies.
        make: builds the emulator.
        step_ul: a step of its motor.
        wire_log: told every byte, or None.

    """

    def __init__(
        self,
        faults: Iterator[Fault | None],
        make: Callable[[Send, SyringeDrive], Emulator],
        step_ul: float = 0.01,
        wire_log: WireLog | None = None,
    ) -> None:
        super().__init__("pump", "memory", SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), wire_log)
        self.faults = faults
        self.pushed_ul: list[float] = []
        self.blocked = False
        self.written: list[bytes] = []
        self._coming: list[tuple[float, bytes]] = []
        self.drive = SyringeDrive(step_ul, 0.1, self._push, lambda: None)
        self.emulator = make(self._answer, self.drive)

    @property
    def moved_ul(self) -> float:
        return math.fsum(self.pushed_ul)

    def _push(self, counted_ul: float, volume_ul: float, stream: str) -> bool:
        del volume_ul, stream
        if not self.blocked:
            self.pushed_ul.append(counted_ul)
        return not self.blocked

    def _answer(self, data: bytes, due_s: float) -> None:
        fault = next(self.faults, None)
        self._coming += [(at_s, part) for part, at_s in (fault(data, due_s) if fault else [(data, due_s)])]
        self._coming.sort(key=lambda each: each[0])

    def catch_up(self) -> None:
        """Let everything happen that is due at the pump."""
        now_s = self.clock.now_s()
        while (event_s := min(self.drive.next_s, self.emulator.next_event_s())) <= now_s:
            self.drive.run_due(event_s)
            self.emulator.run_until(event_s)

    def _send(self, data: bytes) -> None:
        self.catch_up()
        self.written.append(data)
        self.emulator.receive(data, self.clock.now_s())

    def _receive(self, may_wait: bool) -> bytes:
        self.catch_up()
        if may_wait and not (self._coming and self._coming[0][0] <= self.clock.now_s()):
            next_s = self._coming[0][0] if self._coming else math.inf
            self.clock.sleep_s(min(max(0.0, next_s - self.clock.now_s()), SLICE_S))
            self.catch_up()
        now_s = self.clock.now_s()
        data = b"".join(part for at_s, part in self._coming if at_s <= now_s)
        self._coming = [each for each in self._coming if each[0] > now_s]
        return data

    def _shut(self) -> None: ...
