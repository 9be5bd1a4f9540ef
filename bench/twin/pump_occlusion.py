"""How the pump looks for an occlusion: by the line's pressure after each pulse."""

from __future__ import annotations

import math

from bench.twin.faults import FaultSet
from bench.twin.faults.of_alarms import (
    FalseAlarm,
    LateAlarm,
    LevelIgnored,
    NoAlarm,
    NoAlarmDuringBolus,
    ThresholdTooHigh,
)
from bench.twin.refusal import PumpRefusal
from bench.twin.settings import PumpSettings


class OcclusionGuard:
    """The threshold in force, and when its alarm is due."""

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        too_high = faults.get(ThresholdTooHigh)
        beyond = too_high.factor if too_high else 1.0
        self._thresholds_kpa = {
            "LOW": beyond * settings.occlusion_low.to("kPa"),
            "MED": beyond * settings.occlusion_medium.to("kPa"),
            "HIGH": beyond * settings.occlusion_high.to("kPa"),
        }
        self._level = self._level_obeyed = "MED"
        self._level_ignored = faults.get(LevelIgnored) is not None
        self._deaf_to_boluses = faults.get(NoAlarmDuringBolus) is not None
        self._mute = faults.get(NoAlarm) is not None
        late, false = faults.get(LateAlarm), faults.get(FalseAlarm)
        self._latency_s = settings.occlusion_latency.to("s") + (late.delay.to("s") if late else 0.0)
        self._false_every = false.every if false else 0
        self._pulses = 0
        self.due_s = math.inf
        """When the alarm is to sound."""

    @property
    def level(self) -> str:
        """`LOW`, `MED` or `HIGH`."""
        return self._level

    @level.setter
    def level(self, level: str) -> None:
        short = level.upper()[:3] if level.upper().startswith("MED") else level.upper()
        if short not in self._thresholds_kpa:
            raise PumpRefusal("step", f"{level} is none of {', '.join(self._thresholds_kpa)}")
        self._level = short
        if not self._level_ignored:
            self._level_obeyed = short

    def look(self, pressure_kpa: float, now_s: float, *, in_bolus: bool) -> bool:
        """Look at the pressure that a pulse has left; return whether an alarm sounds for no reason at all."""
        deaf = self._mute or (self._deaf_to_boluses and in_bolus)
        if pressure_kpa >= self._thresholds_kpa[self._level_obeyed] and not deaf:
            self.due_s = min(self.due_s, now_s + self._latency_s)
        self._pulses += 1
        return bool(self._false_every) and self._pulses % self._false_every == 0

    def forget(self) -> None:
        """Let an alarm that is due not sound."""
        self.due_s = math.inf
