"""An MT-SICS balance on which a test lays weights, in time that passes when it says so."""

from __future__ import annotations

from typing import Any

from bench.twin.emulators.mt_sics import MtSicsBalance

IDENTITY = b'I4 A "T000042"\r\n'


class FakeScale:
    """A pan on which the test lays weights."""

    readability_g = 0.00001
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


class Bench:
    """The emulator, its pan, and what it has sent with the due times."""

    def __init__(self, **options: Any) -> None:
        self.scale = FakeScale()
        self.sent: list[tuple[float, bytes]] = []
        self.balance = MtSicsBalance(
            lambda data, due_s: self.sent.append((due_s, data)),
            self.scale,
            lambda _: (21.8, 22.1),
            **{"stability_timeout_s": 5.0, **options},
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

    def say(self, data: bytes, duration_s: float = 0.2) -> bytes:
        self.balance.receive(data, self.time_s)
        return self.run(duration_s)
