"""A Harvard pump at the other end of a link in memory: the emulator, with faults on the wire, in simulated time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from bench.twin.emulators.harvard_ultra import HarvardUltra
from bench.twin.emulators.harvard_ultra import Options as EmulatorOptions
from drivers.pump.harvard_ultra import HarvardUltraPump, Options
from tests.drivers.emulated_pump import Fault, PumpLink

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def elsewhere(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """The reply of the pump at address 5."""
    lines = reply.split(b"\n")
    return [(b"\n".join([lines[0], *(b"05:" + each for each in lines[1:-1]), b"05" + lines[-1]]), due_s)]


def noise(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    return [(b"\xff\x00\n:\x11#", due_s - 0.001), (reply, due_s)]


def lost_line(reply: bytes, due_s: float) -> list[tuple[bytes, float]]:
    """The prompt alone."""
    return [(reply[reply.rfind(b"\n") :], due_s)]


class EmulatedLink(PumpLink):
    """A link to the emulator."""

    def __init__(self, faults: Iterator[Fault | None], **options: Any) -> None:
        told = EmulatorOptions.model_validate(options)
        super().__init__(faults, lambda send, drive: HarvardUltra(send, drive, told, START))


def opened(
    *faults: Fault | None, driver: dict[str, Any] | None = None, **options: Any
) -> tuple[HarvardUltraPump, EmulatedLink]:
    """Return a driver at an emulator; the faults begin once it is open."""
    link = EmulatedLink(iter(()), **options)
    pump = HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm", **(driver or {})}))
    link.faults = iter(faults)
    return pump, link
