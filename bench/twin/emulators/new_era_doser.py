"""The New Era pump as a reference doser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.twin.emulators.new_era import NewEra, Options
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> NewEra:
    del simulation
    return NewEra(send, world.doser.drive, options)


EMULATOR = EmulatorEntry("new_era_doser", "doser", _make, Options)
