"""An emulated balance, a pan on which the test lays weights, and what the balance has said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.twin.emulators.weighing import Circumstances


class FakeScale:
    """The pan."""

    readability_g = 0.0001
    maximum_g = 220.0
    output_rate_hz = 10.0
    serial = "T000042"

    def __init__(self) -> None:
        self.mass_g = 0.0
        self.stable_from_s = 0.0

    def indication_g(self, time_s: float) -> float:  # noqa: ARG002
        return self.mass_g

    def stable(self, time_s: float) -> bool:
        return time_s >= self.stable_from_s


class Talking:
    """The emulator, its pan, and what it has sent with the due times."""

    def __init__(
        self, make: Callable[..., Any], options: Any, mass_g: float = 0.0, unit: str = "g", **circumstances: Any
    ) -> None:
        self.scale = FakeScale()
        self.scale.mass_g = mass_g
        self.sent: list[tuple[float, bytes]] = []
        self.balance = make(
            lambda data, due_s: self.sent.append((due_s, data)),
            self.scale,
            options,
            Circumstances(unit=unit, **circumstances),
        )
        self.time_s = 0.0

    def run(self, duration_s: float) -> bytes:
        """Let time pass; return what came."""
        self.time_s += duration_s
        while self.balance.next_event_s() <= self.time_s:
            self.balance.run_until(self.balance.next_event_s())
        data = b"".join(data for _, data in self.sent)
        self.sent.clear()
        return data

    def say(self, data: bytes, duration_s: float = 0.15) -> bytes:
        """Send bytes at once, and return what comes within a while."""
        self.balance.receive(data, self.time_s)
        return self.run(duration_s)
