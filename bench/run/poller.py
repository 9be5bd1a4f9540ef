"""The task that polls a pump which must hear from the bench all the while."""

from __future__ import annotations

from bench.clock import Clock
from bench.run.samplers import Gap, PolledSampler
from drivers.roles import NeedsPolling

SOONEST_S = 0.01
"""From one poll to the next, at least: a pump that wants more would leave the bench no time for anything else."""
AFTER_FAILURE_S = 0.5


class Poller(PolledSampler):
    """Polls a pump when it wants to be, and in any case within its longest silence.

    Args:
        name: what the rig calls it: `pump` or `doser`.
        pump: the pump.
        clock: the run's clock.
        gap: told of each poll that was not answered, or wrongly.

    """

    def __init__(self, name: str, pump: NeedsPolling, clock: Clock, gap: Gap) -> None:
        super().__init__(name, pump.longest_silence_s, self._poll_pump, clock, gap)
        self._pump = pump
        self._wanted_s = clock.now_s()

    def _poll_pump(self) -> None:
        now_s = self._clock.now_s()
        self._wanted_s = now_s + AFTER_FAILURE_S
        self._wanted_s = self._pump.poll(now_s)

    def _next_s(self, due_s: float, now_s: float) -> float:
        del due_s
        latest_s = now_s + self._interval_s
        if self.resting:
            return latest_s
        return min(max(self._wanted_s, now_s + SOONEST_S), latest_s)
