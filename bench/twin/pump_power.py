"""What the voltage at its battery's terminals does to a pump, and what it remembers without."""

from __future__ import annotations

import math

from bench.twin.faults import FaultSet
from bench.twin.faults.of_power import BatteryForgets
from bench.twin.settings import PumpSettings


class PumpPower:
    """The pump's side of its battery compartment."""

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        self.nominal_v = settings.nominal_voltage.to("V")
        self.low_v = settings.low_voltage.to("V")
        self.least_v = settings.least_voltage.to("V")
        self.start_s = settings.start_time.to("s")
        self.resumes = settings.after_power_loss == "resumes"
        self.forgets = faults.get(BatteryForgets) is not None
        self.volts = self.nominal_v
        self.on_supply = False
        """Whether a bench supply stands in for the battery; else the battery empties with time."""
        self.powered = True
        self.starts_s = math.inf
        """When the pump has started again."""
        self.starts = 0
        """How often it has."""
        self.was_delivering = False

    @property
    def low(self) -> bool:
        """Whether the voltage is so low that the pump warns."""
        return self.volts < self.low_v

    @property
    def enough(self) -> bool:
        """Whether the voltage is enough to run."""
        return self.volts >= self.least_v

    @property
    def charge_pct(self) -> float:
        """What the pump takes the voltage for."""
        return 100.0 * min(1.0, max(0.0, (self.volts - self.least_v) / (self.nominal_v - self.least_v)))
