"""The line between plunger and vessel: softness, resistance, occlusion, bubble, leak; exact at any instant.

Every pulse enters two parallel stores. The fast one empties with the time constant R·C, the slow one (creep of soft
parts) with its own. Between two events each store decays exponentially, so the volume in the vessel is known in closed
form: a segment. Shut in, both keep their volume and the pressure is what the stored volume makes of the softness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from bench.quantities import Concentration
from bench.twin.faults import FaultSet
from bench.twin.faults.of_line import Bubble, PartialOcclusion, SlowLeak, StiffnessFades, WeakStiffness
from bench.twin.settings import PlantSettings

_AMBIENT_KPA = 101.325
_BISECTIONS = 60


class Segment(NamedTuple):
    """Volume that has reached the vessel, from one event of the line to the next."""

    start_s: float
    volume_ul: float
    """Volume in the vessel at the start."""
    fast_ul: float
    fast_per_s: float
    slow_ul: float
    slow_per_s: float
    share: float
    """What part of the stores' outflow reaches the vessel as liquid."""

    def volume_at(self, time_s: float) -> float:
        """Return the volume in the vessel in µL."""
        return self.volume_ul + self.share * self.drained_at(time_s)

    def drained_at(self, time_s: float) -> float:
        """Return what has left the stores since the start in µL."""
        passed_s = time_s - self.start_s
        return self.fast_ul * -math.expm1(-self.fast_per_s * passed_s) + self.slow_ul * -math.expm1(
            -self.slow_per_s * passed_s
        )


class Line:
    """The line's state; events come in the order of their times."""

    def __init__(self, settings: PlantSettings, faults: FaultSet, concentration: Concentration) -> None:
        self._compliance = settings.compliance.to("µL/kPa")
        self._resistance = settings.resistance.to("kPa·s/µL")
        self._slow_share = settings.slow_share.to("%") / 100.0
        self._slow_s = settings.slow_time.to("s")
        if softer := faults.get(WeakStiffness):
            self._compliance *= softer.factor
        fading = faults.get(StiffnessFades)
        self._softer_by = 1.0 + fading.growth.to("%") / 100.0 if fading else 1.0
        self._outlet_kpa = 0.0
        self._shut = False
        self._nominal_resistance = self._resistance
        if clogged := faults.get(PartialOcclusion):
            self._resistance *= clogged.factor
        leak = faults.get(SlowLeak)
        lost = leak.share.to("%") / 100.0 if leak else 0.0
        self._leak_resistance = self._nominal_resistance * (1.0 - lost) / lost if lost else math.inf
        bubble = faults.get(Bubble)
        self._air_ul = bubble.volume.to("µL", concentration) if bubble else 0.0
        self._air_after_ul = bubble.ahead.to("µL", concentration) if bubble else math.inf
        self._air_leaving = False
        self._drained_ul = 0.0
        self._outlet_resistance = self._resistance
        self._segment = Segment(0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0)
        self._listeners: list[Callable[[Segment], None]] = []
        self.next_event_s = math.inf
        """When the bubble begins or ends to leave."""

    def listen(self, listener: Callable[[Segment], None]) -> None:
        """Have `listener` told of every new segment, the present one first."""
        self._listeners.append(listener)
        listener(self._segment)

    def inject(self, volume_ul: float, time_s: float) -> None:
        """Push a pulse into the line."""
        self._turn(time_s, volume_ul)

    def pour(self, volume_ul: float, time_s: float) -> None:
        """Let liquid reach the vessel past this line."""
        self._turn(time_s, poured_ul=volume_ul)

    def shut(self, time_s: float, leaking_factor: float = math.inf) -> None:
        """Shut the outlet, or leave `leaking_factor` times the line's own resistance."""
        self._outlet_resistance = self._resistance * leaking_factor
        self._shut = True
        self._turn(time_s)

    def open(self, time_s: float) -> None:
        """Open the outlet."""
        self._outlet_resistance = self._resistance
        if self._shut:
            self._compliance *= self._softer_by
        self._shut = False
        self._turn(time_s)

    @property
    def takes_back_pressure(self) -> bool:
        """Whether a pressure at the outlet is modelled: not with a leak into the room, nor with air to squeeze."""
        return math.isinf(self._leak_resistance) and self._air_ul <= 0.0

    def press_back(self, pressure_kpa: float, time_s: float) -> None:
        """Let another pressure stand at the outlet: the line stretches by it and takes liquid back for that."""
        step_kpa, self._outlet_kpa = pressure_kpa - self._outlet_kpa, pressure_kpa
        self._turn(time_s, -self._compliance * step_kpa)

    def run_until(self, time_s: float) -> None:
        """Let the bubble's front or rear pass the outlet when it is due."""
        while self.next_event_s <= time_s:
            if self._air_leaving:
                self._air_leaving, self._air_ul, self._air_after_ul = False, 0.0, math.inf
                self._turn(self.next_event_s)
            else:
                self._air_leaving = True
                self._turn(self.next_event_s)

    def volume_ul(self, time_s: float) -> float:
        """Return the liquid in the vessel that came since the start, in µL."""
        return self._segment.volume_at(time_s)

    def stored_ul(self, time_s: float) -> float:
        """Return the volume that the line holds beyond its rest at the outlet's pressure, in µL."""
        segment = self._segment
        return segment.fast_ul + segment.slow_ul - segment.drained_at(time_s)

    def pressure_kpa(self, time_s: float) -> float:
        """Return the pressure in the line above ambient: V = C·P + V_air·P/(P0 + P), solved for P."""
        stored_ul = self.stored_ul(time_s)
        air_ul = self._air_left_ul(time_s)
        if air_ul <= 0.0:
            return self._outlet_kpa + stored_ul / self._compliance
        half = 0.5 * (self._compliance * _AMBIENT_KPA + air_ul - stored_ul)
        root = math.sqrt(half * half + self._compliance * _AMBIENT_KPA * stored_ul)
        # The form without cancellation for small pressures.
        return stored_ul * _AMBIENT_KPA / (half + root) if half > 0 else (root - half) / self._compliance

    def _air_left_ul(self, time_s: float) -> float:
        if not self._air_leaving:
            return self._air_ul
        left_ul = self._drained_ul + self._segment.drained_at(time_s) - self._air_after_ul
        return max(0.0, self._air_ul - left_ul)

    def _turn(self, time_s: float, injected_ul: float = 0.0, poured_ul: float = 0.0) -> None:
        """Begin a new segment at an event."""
        old = self._segment
        passed_s = time_s - old.start_s
        fast_ul = old.fast_ul * math.exp(-old.fast_per_s * passed_s) + (1.0 - self._slow_share) * injected_ul
        slow_ul = old.slow_ul * math.exp(-old.slow_per_s * passed_s) + self._slow_share * injected_ul
        self._drained_ul += old.drained_at(time_s)
        softness = self._compliance + self._air_ul / _AMBIENT_KPA
        conductance = 1.0 / self._outlet_resistance + 1.0 / self._leak_resistance
        share = 1.0 / self._outlet_resistance / conductance if conductance else 0.0
        fast_per_s = conductance / softness
        slow_per_s = 0.0
        if conductance:
            slow_per_s = 1.0 / (self._slow_s + max(0.0, 1.0 / conductance - self._nominal_resistance) * softness)
        self._segment = Segment(
            time_s,
            old.volume_at(time_s) + poured_ul,
            fast_ul,
            fast_per_s,
            slow_ul,
            slow_per_s,
            0.0 if self._air_leaving else share,
        )
        self.next_event_s = self._bubble_passes_s(share)
        for listener in self._listeners:
            listener(self._segment)

    def _bubble_passes_s(self, share: float) -> float:
        """Return when the bubble's front or rear reaches the outlet in this segment."""
        if math.isinf(self._air_after_ul) or not share:
            return math.inf
        target_ul = self._air_after_ul + (self._air_ul if self._air_leaving else 0.0) - self._drained_ul
        segment = self._segment
        if target_ul >= segment.fast_ul + segment.slow_ul:
            return math.inf
        if target_ul <= 0.0:
            return segment.start_s
        low_s, high_s = segment.start_s, segment.start_s + 1.0
        while segment.drained_at(high_s) < target_ul:
            high_s += high_s - segment.start_s
        for _ in range(_BISECTIONS):
            middle_s = 0.5 * (low_s + high_s)
            low_s, high_s = (middle_s, high_s) if segment.drained_at(middle_s) < target_ul else (low_s, middle_s)
        return high_s
