"""The simulated rig: one world and the instruments that look at it, under one name."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import serial

from bench.clock import Clock, SimulatedClock
from bench.twin import port as ports
from bench.twin.emulators.registry import DEFAULTS, Cast, cast
from bench.twin.faults import FaultSet
from bench.twin.hub import Hub
from bench.twin.port import Emulator, Port, Send
from bench.twin.settings import Simulation
from bench.twin.wire_faults import plug_faults, with_faults
from bench.twin.world import World

_HANDLERS = "bench.twin.serial_handlers"
if _HANDLERS not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append(_HANDLERS)


class Twin:
    """A simulated rig that hosts of this process reach as `sim://<name>/<device>` and by the VISA backend `@twin`.

    Devices: `pump`, `balance`, `pressure`, `occluder`, `climate`, `operator`, `power`, `doser`, `alarm`. For use in
    a `with` statement.

    Args:
        name: name in addresses.
        simulation: what is simulated.
        seed: where every random number comes from; None for the simulation's own.
        clock: time; the twin lives in it if it is a `SimulatedClock`, else its owner calls `run_until` (real time).
        truth_path: where the true volumes are written, for tests only; None for nowhere.

    """

    def __init__(
        self, name: str, simulation: Simulation, seed: int | None, clock: Clock, truth_path: Path | None = None
    ) -> None:
        self.name = name
        self.world = World(simulation, simulation.seed if seed is None else seed, truth_path)
        self._hub = Hub(self.world, clock)
        faults = FaultSet(simulation.faults)
        for device in DEFAULTS:
            player = cast(device, simulation.emulators[device])

            def make(send: Send, device: str = device, player: Cast = player) -> Emulator:
                return player.entry.make(with_faults(send, device, faults), self.world, simulation, player.options)

            plug_faults(self._hub.add(device, make), faults)
        if isinstance(clock, SimulatedClock):
            clock.attach(self._hub)

    @property
    def ports(self) -> dict[str, Port]:
        """The channel of every device."""
        return self._hub.ports

    def next_event_s(self) -> float:
        """Return the next instant at which anything happens by itself."""
        return self._hub.next_event_s()

    def run_until(self, time_s: float) -> None:
        """Let everything happen that is due up to `time_s`."""
        self._hub.run_until(time_s)

    def __enter__(self) -> Self:
        ports.register(self.name, self.ports)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ports.unregister(self.name)
        for port in self.ports.values():
            port.close()
        self.world.close()
