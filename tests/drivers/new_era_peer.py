"""A New Era pump at the other end of a link in memory: the emulator, with faults on the wire, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.twin.emulators.new_era import NewEra
from bench.twin.emulators.new_era import Options as EmulatorOptions
from drivers.pump.new_era import NewEraSafePump, Options
from tests.drivers.emulated_pump import Fault, PumpLink


def elsewhere(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """The reply of the pump at address 5: only basic frames, whose address no checksum guards."""
    return [(reply.replace(b"\x0200", b"\x0205"), due_s)]


def noise(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(b"\xff\x00\x02\x03#", due_s - 0.001), (reply, due_s)]


class EmulatedLink(PumpLink):
    """A link to the emulator."""

    def __init__(self, faults: Iterator[Fault | None], **options: Any) -> None:
        told = EmulatorOptions.model_validate({"reset_alarm": False, **options})
        super().__init__(faults, lambda send, drive: NewEra(send, drive, told))


def opened(
    *faults: Fault | None, driver: dict[str, Any] | None = None, **options: Any
) -> tuple[NewEraSafePump, EmulatedLink]:
    """Return a driver at an emulator; the faults begin once it is open."""
    link = EmulatedLink(iter(()), **options)
    pump = NewEraSafePump(link, Options.model_validate({"diameter": "4.699 mm", **(driver or {})}))
    link.faults = iter(faults)
    return pump, link
