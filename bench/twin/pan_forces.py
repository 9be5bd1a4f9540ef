"""Forces on a balance's pan that are no weight: gusts of a draught, a needle that leans on the vessel."""

from __future__ import annotations

import math

from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import Draught, NeedleTouching
from bench.twin.noise import Key, generator

_GUST_S = 2.0
"""Correlation time of a gust behind the balance's filter."""


class Gusts:
    """The force of a draught, by index of the output: bursts of correlated noise, nothing between them."""

    def __init__(self, draught: Draught, seed: int, output_rate_hz: float) -> None:
        self._sd_g = draught.force.to("g")
        self._seed = seed
        self._rate_hz = output_rate_hz
        self._first = math.ceil(draught.first.to("s") * output_rate_hz)
        self._every = max(1, round(draught.every.to("s") * output_rate_hz))
        self._count = min(self._every, round(draught.lasting.to("s") * output_rate_hz))
        self._burst = -1
        self._values_g: list[float] = []

    def at(self, output: int) -> float:
        """Return the force at an output, in g."""
        if output < self._first:
            return 0.0
        burst, place = divmod(output - self._first, self._every)
        if place >= self._count:
            return 0.0
        if burst != self._burst:
            self._burst, self._values_g = burst, self._drawn(burst)
        return self._values_g[place]

    def _drawn(self, burst: int) -> list[float]:
        stays = math.exp(-1.0 / (_GUST_S * self._rate_hz))
        step_g = self._sd_g * math.sqrt(1.0 - stays**2)
        value_g = 0.0
        values_g = []
        for normal in generator(self._seed, Key.DRAUGHT, burst).standard_normal(self._count).tolist():
            value_g = stays * value_g + step_g * normal
            values_g.append(value_g)
        return values_g


class Lean:
    """The force of a needle on the vessel: it grows steadily, and slips off whenever it is too much."""

    def __init__(self, touching: NeedleTouching, lag_s: float) -> None:
        self._first_s = touching.first.to("s")
        self._g_per_s = touching.rate.to("mg/h") / 3.6e6
        self._slips_at_g = touching.slips_at.to("g")
        self._lag_s = lag_s

    def at(self, time_s: float) -> float:
        """Return the force that shows at a time, in g; behind the filter a slip takes its time."""
        if time_s < self._first_s:
            return 0.0
        slips, since_g = divmod((time_s - self._first_s) * self._g_per_s, self._slips_at_g)
        rest_g = self._slips_at_g * math.exp(-since_g / self._g_per_s / self._lag_s) if slips else 0.0
        return since_g + rest_g


def gusts(faults: FaultSet, seed: int, output_rate_hz: float) -> Gusts | None:
    """Return the draught's force where that fault is switched on."""
    draught = faults.get(Draught)
    return Gusts(draught, seed, output_rate_hz) if draught is not None else None


def lean(faults: FaultSet, lag_s: float) -> Lean | None:
    """Return the needle's force where that fault is switched on."""
    touching = faults.get(NeedleTouching)
    return Lean(touching, lag_s) if touching is not None else None
