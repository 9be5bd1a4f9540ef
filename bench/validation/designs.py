"""Published designs on simulated pumps, as an ideal balance would see them: liquid in the vessel at chosen instants.

Pump, line and alarm are the twin's; instruments, drivers and evaluation are left out, so that days of many pumps take
seconds. Volumes are in U, times in s; each row of an array is one pump, that is one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bench.twin.settings import PumpSettings, Simulation
from bench.twin.world import World

Array = npt.NDArray[np.float64]

HOUR_S = 3600.0
_REST_S = 90.0
"""From the end of a bolus until the next: its tail has come, and is counted to it."""
_BEFORE_S = 1e-3
_LONGEST_S = 200.0 * HOUR_S


class Pumps:
    """Pumps of one kind; what a design has found on them is kept.

    Args:
        pump: what they are.
        first_seed: of the first of them; each further one has the next.

    """

    def __init__(self, pump: PumpSettings, first_seed: int = 1) -> None:
        self._simulation = Simulation(pump=pump)
        self._first_seed = first_seed
        self._ul_per_u = pump.insulin.ul_per_u
        self._bolus_u_per_s = pump.pulse.to("U", pump.insulin) / pump.bolus_pulse_interval.to("s")
        self._found: dict[tuple[object, ...], Array] = {}

    def basal(self, pumps: int, rate_u_per_h: float, hours: Sequence[float]) -> Array:
        """Return what each pump has delivered so many hours after the first command, nothing left out.

        A pulse that falls on the hour counts whole, as one that is weighed when it has come through the line.
        """

        def one(world: World) -> list[float]:
            _start(world, rate_u_per_h)
            return [
                self._delivered_u(world, hour * HOUR_S) + world.line.stored_ul(world.now_s) / self._ul_per_u
                for hour in hours
            ]

        return self._once(("basal", pumps, rate_u_per_h, tuple(hours)), pumps, one)

    def doses(self, pumps: int, rate_u_per_h: float, hours: float) -> Array:
        """Return every basal dose: the liquid that came from one pulse up to the next."""

        def one(world: World) -> list[float]:
            _start(world, rate_u_per_h)
            levels = []
            while (next_s := world.next_event_s()) <= hours * HOUR_S:
                levels.append(world.line.volume_ul(next_s - _BEFORE_S) / self._ul_per_u)
                world.run_until(next_s)
            return list(np.diff(levels))

        return self._once(("doses", pumps, rate_u_per_h, hours), pumps, one)

    def boluses(self, pumps: int, volume_u: float, count: int) -> Array:
        """Return the volume of each of so many boluses in a row."""

        def one(world: World) -> list[float]:
            levels = [0.0]
            for _ in range(count):
                world.pump.start_bolus(volume_u)
                ends_s = world.now_s + volume_u / self._bolus_u_per_s + _REST_S
                levels.append(self._delivered_u(world, ends_s))
            return list(np.diff(levels))

        return self._once(("boluses", pumps, volume_u, count), pumps, one)

    def alarm_s(self, pumps: int, rate_u_per_h: float = 0.0, bolus_u: float = 0.0) -> Array:
        """Return how long the line was shut until the pump stopped with an alarm; `inf` where it never did.

        An hour of the basal rate goes before; a bolus starts as the line is shut.
        """

        def one(world: World) -> list[float]:
            if rate_u_per_h:
                _start(world, rate_u_per_h)
                world.run_until(HOUR_S)
            shut_s = world.now_s
            world.line.shut(shut_s)
            if bolus_u:
                world.pump.start_bolus(bolus_u)
            while world.pump.state != "ALAR":
                if not world.next_event_s() < shut_s + _LONGEST_S:
                    return [float("inf")]
                world.run_until(world.next_event_s())
            return [world.now_s - shut_s]

        return self._once(("alarm", pumps, rate_u_per_h, bolus_u), pumps, one)

    def _delivered_u(self, world: World, time_s: float) -> float:
        world.run_until(time_s)
        return world.line.volume_ul(time_s) / self._ul_per_u

    def _once(self, key: tuple[object, ...], pumps: int, one: Callable[[World], list[float]]) -> Array:
        if key not in self._found:
            found = []
            for seed in range(self._first_seed, self._first_seed + pumps):
                with World(self._simulation, seed) as world:
                    found.append(one(world))
            self._found[key] = np.array(found)
        return self._found[key]


def _start(world: World, rate_u_per_h: float) -> None:
    world.pump.set_basal_rate(rate_u_per_h)
    world.pump.switch_basal(True)
