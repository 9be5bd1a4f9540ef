"""An Alaris pump at the other end of a link in memory: the emulator, with faults on the wire, in simulated time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

from bench.clock import SimulatedClock
from bench.twin.emulators.alaris_asena import AlarisAsena as Emulator
from bench.twin.emulators.alaris_asena import Options as EmulatorOptions
from bench.twin.syringe_drive import SyringeDrive
from drivers.link import SLICE_S, Link
from drivers.pump.alaris_asena import AlarisAsena, Options
from tests.drivers.new_era_peer import Fault


def another(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """The reply to another request, before the one that was asked for."""
    return [(b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r", due_s - 0.001), (reply, due_s)]


def aborted(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """Begun, given up, and said again."""
    return [(reply[:7] + b"\x1b" + reply, due_s)]


class EmulatedLink(Link):
    """A link to the emulator; each reply meets the next fault, and none when they are used up."""

    def __init__(self, faults: Iterator[Fault | None], **options: Any) -> None:
        self.log: list[tuple[str, bytes]] = []
        super().__init__(
            "pump",
            "memory",
            SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
            lambda _instrument, direction, _time_s, data: self.log.append((direction, data)),
        )
        self.faults = faults
        self.moved_ul = 0.0
        self.pressure_kpa = 2.0
        self.syringe_ul = 50_000.0
        self.written: list[bytes] = []
        self.told: list[tuple[bytes, bytes]] = []
        """What the pump says in place of its own alarm, by its own frame."""
        self._coming: list[tuple[float, bytes]] = []
        self.drive = SyringeDrive(0.1, 0.1, self._push, lambda: None)
        self.emulator = Emulator(
            self._answer,
            self.drive,
            EmulatorOptions.model_validate(options),
            lambda _: self.pressure_kpa,
            lambda: self.syringe_ul,
        )

    def _push(self, counted_ul: float, volume_ul: float, stream: str) -> bool:
        del volume_ul, stream
        if self.syringe_ul < counted_ul:
            return False
        self.moved_ul += counted_ul
        self.syringe_ul -= counted_ul
        return True

    def _answer(self, data: bytes, due_s: float) -> None:
        data = dict(self.told).get(data, data)
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


def opened(
    *faults: Fault | None, driver: dict[str, Any] | None = None, **options: Any
) -> tuple[AlarisAsena, EmulatedLink]:
    """Return a driver at an emulator; the faults begin once it is open."""
    link = EmulatedLink(iter(()), **options)
    pump = AlarisAsena(link, Options.model_validate(driver or {}))
    link.faults = iter(faults)
    return pump, link


def pass_time(pump: AlarisAsena, link: EmulatedLink, duration_s: float) -> None:
    """Let time pass, and poll the pump as it wants."""
    end_s = link.clock.now_s() + duration_s
    while (now_s := link.clock.now_s()) < end_s:
        wanted_s = pump.poll(now_s)
        link.clock.sleep_s(max(0.0, min(wanted_s, now_s + pump.longest_silence_s, end_s) - link.clock.now_s()))
