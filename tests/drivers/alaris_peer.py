"""An Alaris pump at the other end of a link in memory: the emulator, with faults on the wire, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.twin.emulators.alaris_asena import AlarisAsena as Emulator
from bench.twin.emulators.alaris_asena import Options as EmulatorOptions
from drivers.pump.alaris_asena import AlarisAsena, Options
from tests.drivers.emulated_pump import Fault, PumpLink


def another(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """The reply to another request, before the one that was asked for."""
    return [(b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r", due_s - 0.001), (reply, due_s)]


def aborted(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """Begun, given up, and said again."""
    return [(reply[:7] + b"\x1b" + reply, due_s)]


class EmulatedLink(PumpLink):
    """A link to the emulator, which feels its line's pressure and the end of its syringe."""

    def __init__(self, faults: Iterator[Fault | None], **options: Any) -> None:
        self.log: list[tuple[str, bytes]] = []
        self.pressure_kpa = 2.0
        self.syringe_ul = 50_000.0
        self.told: list[tuple[bytes, bytes]] = []
        """What the pump says in place of its own alarm, by its own frame."""
        told = EmulatorOptions.model_validate(options)
        super().__init__(
            faults,
            lambda send, drive: Emulator(send, drive, told, lambda _: self.pressure_kpa, lambda: self.syringe_ul),
            step_ul=0.1,
            wire_log=lambda _instrument, direction, _time_s, data: self.log.append((direction, data)),
        )

    def _push(self, counted_ul: float, volume_ul: float, stream: str) -> bool:
        if self.syringe_ul < counted_ul:
            return False
        self.syringe_ul -= counted_ul
        return super()._push(counted_ul, volume_ul, stream)

    def _answer(self, data: bytes, due_s: float) -> None:
        super()._answer(dict(self.told).get(data, data), due_s)


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
