"""The emulator of a syringe pump on a drive that notes what it pushes, fed raw bytes in simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

from bench.twin.port import Emulator, Send
from bench.twin.syringe_drive import Stream, SyringeDrive

Pump = TypeVar("Pump", bound=Emulator)


class PumpBench(Generic[Pump]):
    """An emulator, what it pushed and sent, and a switch and a counter of its power.

    Args:
        make: builds the emulator, which may ask for `starts` and `powered`.
        step_ul: a step of its motor.

    """

    said_for_s = 0.0
    """How long an answer is waited for."""

    def __init__(self, make: Callable[[Send, SyringeDrive], Pump], step_ul: float) -> None:
        self.pushed: list[tuple[float, float, str]] = []
        self.blocked = False
        self.starts, self.powered = 0, True
        self.sent: list[tuple[float, bytes]] = []
        self.time_s = 0.0
        self.drive = SyringeDrive(step_ul, 0.1, self._push, lambda: None)
        self.pump = make(lambda data, due_s: self.sent.append((due_s, data)), self.drive)

    def _push(self, counted_ul: float, volume_ul: float, stream: Stream) -> bool:
        if not self.blocked:
            self.pushed.append((counted_ul, volume_ul, stream))
        return not self.blocked

    @property
    def moved_ul(self) -> float:
        return math.fsum(volume_ul for _, volume_ul, _ in self.pushed)

    def run(self, duration_s: float) -> bytes:
        """Let time pass; return what came."""
        end_s = self.time_s + duration_s
        while (event_s := min(self.drive.next_s, self.pump.next_event_s())) <= end_s:
            self.time_s = event_s
            self.drive.run_due(event_s)
            self.pump.run_until(event_s)
        self.time_s = end_s
        data = b"".join(data for _, data in self.sent)
        self.sent.clear()
        return data

    def say(self, data: bytes) -> bytes:
        """Send bytes; return what came."""
        self.pump.receive(data, self.time_s)
        return self.run(self.said_for_s)
