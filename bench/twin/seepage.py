"""What flows without the motor: a leak while the pump rests, and what the head height drives through it.

A steady flow is given to the line in portions, one every few seconds: to a balance that is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.twin.faults import FaultSet
from bench.twin.faults.of_metering import LeakAtRest, Siphon
from bench.twin.plant import Line
from bench.twin.settings import PlantSettings, PumpSettings

STEP_S = 5.0
_KPA_PER_MM = 9.80665e-3
"""Of a column of water."""
_HOUR_S = 3600.0


class Seepage:
    """The flow past the plunger.

    Args:
        pump: its insulin converts the leak's rate, its stall pressure is what no leak flows against.
        plant: tells the head height.
        faults: without a leak or a siphon nothing ever happens.
        line: what the liquid comes into.
        at_rest: whether the pump delivers nothing now.

    """

    def __init__(
        self, pump: PumpSettings, plant: PlantSettings, faults: FaultSet, line: Line, at_rest: Callable[[], bool]
    ) -> None:
        leak, siphon = faults.get(LeakAtRest), faults.get(Siphon)
        self._leak_ul_per_s = leak.rate.to("µL/h", pump.insulin) / _HOUR_S if leak else 0.0
        self._stall_kpa = pump.stall_pressure.to("kPa")
        self._head_kpa = plant.head_height.to("mm") * _KPA_PER_MM
        self._per_kpa_s = 1.0 / siphon.resistance.to("kPa·s/µL") if siphon else 0.0
        self._line = line
        self._at_rest = at_rest
        self.next_event_s = STEP_S if leak or siphon else math.inf
        """When the next portion comes."""

    def set_head(self, height_mm: float) -> None:
        """Put the reservoir so high above the outlet."""
        self._head_kpa = height_mm * _KPA_PER_MM

    def run_until(self, time_s: float) -> None:
        """Give the portions that are due."""
        while self.next_event_s <= time_s:
            now_s = self.next_event_s
            self.next_event_s += STEP_S
            portion_ul = STEP_S * self._flow_ul_per_s(self._line.pressure_kpa(now_s))
            if portion_ul != 0.0:
                self._line.inject(portion_ul, now_s)

    def _flow_ul_per_s(self, pressure_kpa: float) -> float:
        leak_ul_per_s = self._leak_ul_per_s if self._at_rest() and pressure_kpa < self._stall_kpa else 0.0
        return leak_ul_per_s + (self._head_kpa - pressure_kpa) * self._per_kpa_s
