"""The pump's parts, and what it believes of itself and reports. In U, as a pump counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bench.twin.boluses import Boluses
from bench.twin.faults import FaultSet
from bench.twin.pump_alarms import Alarms
from bench.twin.pump_basal import BasalClock
from bench.twin.pump_occlusion import OcclusionGuard
from bench.twin.pump_power import PumpPower
from bench.twin.pump_priming import Priming
from bench.twin.pump_reservoir import Reservoir
from bench.twin.settings import PumpSettings
from bench.twin.syringe_drive import Stream


class PumpState:
    """What can be asked of a pump; asking changes nothing."""

    def __init__(self, settings: PumpSettings, faults: FaultSet, now: Callable[[], float]) -> None:
        self._now = now
        self._basal = BasalClock(settings, faults)
        self._boluses = Boluses(settings, faults)
        self._priming = Priming(settings)
        self._suspended = False
        self._reservoir = Reservoir(settings, faults)
        self._occlusion = OcclusionGuard(settings, faults)
        self._power = PumpPower(settings, faults)
        self._alarms = Alarms(self._conditions)
        self._clock_offset_s = settings.clock_offset.to("s")
        self._clock_rate = self._basal.pace * (1.0 + settings.clock_drift.to("%") / 100.0)
        self.serial = settings.serial_number
        self.concentration_u_per_ml = settings.insulin.u_per_ml
        self.basal_increment_u = settings.pulse.to("U", settings.insulin)
        self.basal_minimum_u_per_h = self._basal.minimum_u_per_h
        self.basal_maximum_u_per_h = self._basal.maximum_u_per_h
        self.bolus_increment_u = self._boluses.increment_u
        self.bolus_maximum_u = self._boluses.maximum_u
        self.bolus_speed_u_per_min = self._boluses.speed_u_per_min
        self.delivered_u: dict[Stream, float] = {"basal": 0.0, "bolus": 0.0, "prime": 0.0}

    @property
    def basal_on(self) -> bool:
        """Whether basal delivery is switched on."""
        return self._basal.on

    @property
    def basal_rate_u_per_h(self) -> float:
        """The basal rate that was set."""
        return self._basal.rate_u_per_h

    @property
    def temporary(self) -> tuple[str, float, float]:
        """Kind (`NONE`, `PERC`, `RATE`), value and time left in s of the temporary basal rate."""
        temporary = self._basal.temporary
        if temporary is None:
            return "NONE", 0.0, 0.0
        return temporary.kind, temporary.value, (temporary.end_s - self._now()) * self._basal.pace

    @property
    def profile(self) -> list[tuple[float, float]]:
        """Segments of the daily profile as start in s and rate in U/h; empty for none."""
        return list(self._basal.profile)

    @property
    def bolus(self) -> tuple[str, float, float]:
        """State (`IDLE`, `NORM`, `EXT`, `DUAL`), programmed and delivered U of the present or last bolus."""
        return self._boluses.kind, self._boluses.programmed_u, self._boluses.delivered_u

    @property
    def state(self) -> str:
        """`STOP`, `BAS`, `BOL`, `PRIM`, `SUSP` or `ALAR`."""
        if self._alarms.blocking:
            return "ALAR"
        if self._suspended:
            return "SUSP"
        if self._priming.under_way:
            return "PRIM"
        if self._boluses.under_way:
            return "BOL"
        return "BAS" if self.basal_on else "STOP"

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be delivered."""
        delivers = self.basal_on or self._boluses.giving or self._priming.under_way
        return self._suspended or not delivers

    @property
    def battery_pct(self) -> float:
        """The battery's charge."""
        return self._power.charge_pct(self._now())

    @property
    def powered(self) -> bool:
        """Whether it has power and has started: else it hears nothing."""
        return self._power.powered

    @property
    def starts(self) -> int:
        """How often it has started again after its power was lost."""
        return self._power.starts

    @property
    def alarms(self) -> deque[tuple[int, float, str, str]]:
        """Alarms not taken yet: sequence, pump time in s, code, text."""
        return self._alarms.queue

    @property
    def active_alarms(self) -> list[str]:
        """Codes of alarms that are present now."""
        return self._alarms.active

    @property
    def sounds_since_s(self) -> float | None:
        """Since when its alarm can be heard, in s of the world; None where it is silent, as without power."""
        return self._alarms.sounds_since_s if self.powered else None

    @property
    def reservoir_u(self) -> float:
        """What it believes to have left."""
        return self._reservoir.left_u

    @property
    def occlusion_level(self) -> str:
        """`LOW`, `MED` or `HIGH`."""
        return self._occlusion.level

    @occlusion_level.setter
    def occlusion_level(self, level: str) -> None:
        self._occlusion.level = level

    def clock_s(self, time_s: float) -> float:
        """Return what the pump's own clock shows at an instant of the world."""
        return self._clock_offset_s + self._clock_rate * time_s

    def _conditions(self) -> list[str]:
        """Return the alarms whose cause is present now."""
        present = {
            "EMPTY": self._reservoir.is_empty,
            "LOWRES": self._reservoir.is_low,
            "LOWBATT": self._power.is_low(self._now()),
            "BATTERY": self.battery_pct <= 0.0,
        }
        return [code for code, here in present.items() if here]
