"""The simulated rig: one world and the six instruments that look at it, under one name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import serial

from bench.clock import Clock, SimulatedClock
from bench.twin import port as ports
from bench.twin.emulators.dmm import Dmm
from bench.twin.emulators.insulin_pump import InsulinPump
from bench.twin.emulators.mt_sics import MtSicsBalance
from bench.twin.emulators.numato import NumatoRelay
from bench.twin.emulators.operator_terminal import OperatorTerminal
from bench.twin.emulators.ptu300 import Ptu300
from bench.twin.emulators.supply import Supply
from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import TareInMidRun, WrongUnit
from bench.twin.hub import Hub
from bench.twin.port import Emulator, Port, Send
from bench.twin.settings import Simulation
from bench.twin.wire_faults import with_faults
from bench.twin.world import World

_HANDLERS = "bench.twin.serial_handlers"
if _HANDLERS not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append(_HANDLERS)


class Twin:
    """A simulated rig that hosts of this process reach as `sim://<name>/<device>` and by the VISA backend `@twin`.

    Devices: `pump`, `balance`, `pressure`, `occluder`, `climate`, `operator`, `power`; for use in a `with` statement.

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
        for device, make in self._emulators(simulation).items():
            self._hub.add(device, lambda send, d=device, m=make: m(with_faults(send, d, faults)))  # type: ignore[misc]
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

    def _emulators(self, simulation: Simulation) -> dict[str, Callable[[Send], Emulator]]:
        world = self.world
        relay_serial = simulation.occluder.serial_number
        faults = FaultSet(list(simulation.faults))
        wrong_unit, tare_key = faults.get(WrongUnit), faults.get(TareInMidRun)

        def temperatures_c(time_s: float) -> tuple[float, ...]:
            """Read the balance's own two sensors: the air, and a cell that its electronics warm."""
            air_c = world.climate.read(time_s)[0]
            return air_c, air_c + 1.5

        return {
            "pump": lambda send: InsulinPump(send, world.pump, serial=simulation.pump.serial_number),
            "balance": lambda send: MtSicsBalance(
                send,
                world.balance,
                temperatures_c,
                host_unit=wrong_unit.unit if wrong_unit is not None else "g",
                tare_key_s=tare_key.first.to("s") if tare_key is not None else math.inf,
            ),
            "pressure": lambda send: Dmm(send, world.transducer, serial=simulation.transducer.serial_number),
            "occluder": lambda send: NumatoRelay(send, world.occluder, identity=f"{relay_serial:<8.8}"),
            "climate": lambda send: Ptu300(send, world.probes, serial=simulation.climate.serial_number),
            "operator": lambda send: OperatorTerminal(
                send,
                world.hands.actions,
                reaction_s=simulation.operator.reaction.to("s"),
                serial=simulation.operator.serial_number,
            ),
            "power": lambda send: Supply(send, world.supply, serial=simulation.supply.serial_number),
        }
