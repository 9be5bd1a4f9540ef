"""The Harvard Protocol 11 pump as a reference doser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.twin.emulators.harvard_ultra import HarvardUltra, Options
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> HarvardUltra:
    return HarvardUltra(send, world.doser.drive, options, simulation.start_utc)


EMULATOR = EmulatorEntry("harvard_ultra_doser", "doser", _make, Options)
