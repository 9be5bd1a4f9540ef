"""The pump's battery: how it empties, what the voltage at its terminals does, and what is remembered without."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Literal

from bench.twin.faults import FaultSet
from bench.twin.faults.of_power import BatteryForgets
from bench.twin.settings import PumpSettings


class PumpPower:
    """The pump's side of its battery compartment: a battery that empties with time, or a bench supply in its place."""

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        self._life_s = settings.battery_life.to("s")
        self._low_pct = settings.low_battery.to("%")
        self._nominal_v = settings.nominal_voltage.to("V")
        self._low_v = settings.low_voltage.to("V")
        self._least_v = settings.least_voltage.to("V")
        self._start_s = settings.start_time.to("s")
        self._marks = deque(
            [(self._life_s * (1.0 - self._low_pct / 100.0), "LOWBATT"), (self._life_s, "BATTERY")],
        )
        self._volts = self._nominal_v
        self._on_supply = False
        self._starts_s = math.inf
        self._was_delivering = False
        self.resumes = settings.after_power_loss == "resumes"
        self.forgets = faults.get(BatteryForgets) is not None
        self.powered = True
        """Whether the pump has power and has started."""
        self.starts = 0
        """How often it has started again."""

    @property
    def next_s(self) -> float:
        """When the battery brings an alarm, or the pump has started again; `inf` while neither is to come."""
        return min(self._marks[0][0] if self._marks else math.inf, self._starts_s)

    @property
    def resumes_basal(self) -> bool:
        """Whether the pump goes on by itself with what the loss of power has stopped."""
        return self.resumes and self._was_delivering

    def charge_pct(self, time_s: float) -> float:
        """Return what the pump takes for the battery's charge: by the time, or by the supply's voltage."""
        if self._on_supply:
            return 100.0 * min(1.0, max(0.0, (self._volts - self._least_v) / (self._nominal_v - self._least_v)))
        return max(0.0, 100.0 * (1.0 - time_s / self._life_s))

    def is_low(self, time_s: float) -> bool:
        """Whether the pump warns of its battery."""
        return self._volts < self._low_v if self._on_supply else self.charge_pct(time_s) <= self._low_pct

    def alarms_due(self, time_s: float) -> Iterator[str]:
        """Yield the alarms that the emptying battery has brought, each once."""
        while self._marks and self._marks[0][0] <= time_s:
            yield self._marks.popleft()[1]

    def feel(self, volts: float, time_s: float) -> Literal["lost", "low"] | None:
        """Feel another voltage at the terminals, a supply's from now on; return what that does to a running pump."""
        was_low = self._volts < self._low_v
        self._volts = volts
        self._on_supply = True
        self._marks.clear()
        enough = volts >= self._least_v
        if not self.powered:
            self._starts_s = time_s + self._start_s if enough else math.inf
            return None
        if not enough:
            return "lost"
        return "low" if volts < self._low_v and not was_low else None

    def lose(self, *, delivering: bool) -> None:
        """Be without power."""
        self.powered = False
        self._was_delivering = delivering

    def started_again(self, time_s: float) -> bool:
        """Whether the pump has just started again; it tells once."""
        if self._starts_s > time_s:
            return False
        self.powered, self._starts_s = True, math.inf
        self.starts += 1
        return True
