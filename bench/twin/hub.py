"""One world, its instruments and time: what happens next, and in which order."""

from __future__ import annotations

from collections.abc import Callable

from bench.clock import Clock, EventSource, SimulatedClock
from bench.twin.port import Emulator, Port, Send


class Hub:
    """Moves a world and the instruments that look at it through time, in the order of their events.

    At one instant the world comes first, then the instruments in the order in which they were added. Instants may be
    skipped over (real time): everything between is done in order all the same.

    Args:
        world: the physics.
        clock: the clock that hosts wait by; anything but a `SimulatedClock` is real time.

    """

    def __init__(self, world: EventSource, clock: Clock) -> None:
        self.ports: dict[str, Port] = {}
        self._world = world
        self._clock = clock
        self._each: list[Port] = []
        self._next_s = world.next_event_s()

    def add(self, device: str, make: Callable[[Send], Emulator]) -> Port:
        """Add an instrument that `make` builds from what sends its bytes."""
        clock = self._clock if isinstance(self._clock, SimulatedClock) else None
        port = Port(device, self._advance, self._look_ahead, clock)
        port.emulator = make(port.send)
        self.ports[device] = port
        self._each.append(port)
        port.run_until(self._clock.now_s())
        self._look_ahead()
        return port

    def next_event_s(self) -> float:
        """Return the next instant at which world or instruments do something by themselves."""
        return self._next_s

    def run_until(self, time_s: float) -> None:
        """Do everything that is due up to and including `time_s`."""
        while (event_s := self._next_s) <= time_s:
            self._world.run_until(event_s)
            for port in self._each:
                if port.next_s <= event_s:
                    port.run_until(event_s)
            self._look_ahead()

    def _advance(self) -> float:
        """Bring world and instruments to the present, before a host's bytes are acted on."""
        now_s = self._clock.now_s()
        if self._next_s <= now_s:
            self.run_until(now_s)
        self._world.run_until(now_s)
        return now_s

    def _look_ahead(self) -> None:
        next_s = self._world.next_event_s()
        for port in self._each:
            if port.next_s < next_s:
                next_s = port.next_s
        self._next_s = next_s
