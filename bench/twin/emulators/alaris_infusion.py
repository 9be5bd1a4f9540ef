"""How an Alaris syringe pump infuses: at a rate, up to a volume to be infused (VTBI), until an alarm stops it.

Volumes are in µL, rates in µL/s. What no source at hand tells is a guess: an alarm is one at a time, stands until the
pump is started, told to stop, or given another VTBI, and gives way to a graver one; while it infuses the pump looks at
the line's pressure once a second; a VTBI that was reached is no longer active.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.twin.syringe_drive import SyringeDrive

NO_ALARM = "AL_NOALM"
OCCLUSION = "AL_OCCLU"
END_OF_INFUSION = "AL_EOIST"
NEAR_END = "AL_NEOIN"
VTBI_DONE = "AL_VTBIS"
FAULT = "AL_FAULT"
SILENT_HOST = "AL_COMTO"
_WARNINGS = (NO_ALARM, NEAR_END)
_LOOK_S = 1.0
_DUST_UL = 1e-6


class Infusion:
    """What the pump pumps, counts and watches.

    Args:
        drive: the motor.
        pressure_kpa: of the line, at an instant.
        syringe_ul: what the syringe still holds.
        occlusion_kpa: pressure from which it is an occlusion.
        near_end_s: it warns when the syringe lasts no longer and holds less than a tenth of its size.
        size_ul: of the syringe.

    """

    def __init__(
        self,
        drive: SyringeDrive,
        pressure_kpa: Callable[[float], float],
        syringe_ul: Callable[[], float],
        occlusion_kpa: float,
        near_end_s: float,
        size_ul: float,
    ) -> None:
        self._drive = drive
        self._pressure_kpa = pressure_kpa
        self._syringe_ul = syringe_ul
        self._occlusion_kpa = occlusion_kpa
        self._near_end_s = near_end_s
        self._near_end_ul = 0.1 * size_ul
        self._rate_ul_per_s = 100.0 / 3600.0
        self._vtbi_ul: float | None = None
        self._volume_ul = 0.0
        self._warned = False
        self._look_s = math.inf
        self.infusing = False
        self.alarm = NO_ALARM
        """The code that the pump tells."""
        self.events = 127904
        """Number of the latest entry of its log."""

    # -- what can be asked

    @property
    def rate_ul_per_s(self) -> float:
        """The rate that was set."""
        return self._rate_ul_per_s

    @property
    def next_s(self) -> float:
        """When something happens by itself."""
        limited = self.infusing and self._vtbi_ul is not None and self._drive.running
        return min(self._look_s, self._drive.next_s) if limited else self._look_s

    def volume_ul(self, time_s: float) -> float:
        """Return what was infused since the count was cleared."""
        return self._volume_ul + (self._drive.fed_ul(time_s) if self.infusing else 0.0)

    def vtbi_left_ul(self, time_s: float) -> float | None:
        """Return what is left of the VTBI; None where none is active."""
        if self._vtbi_ul is None:
            return None
        fed_ul = self._drive.fed_ul(time_s) if self.infusing else 0.0
        return max(0.0, self._vtbi_ul - fed_ul)

    def time_left_s(self, time_s: float) -> float:
        """Return how long VTBI or syringe last at the rate that is set."""
        vtbi_ul = self.vtbi_left_ul(time_s)
        left_ul = self._syringe_ul() if vtbi_ul is None else min(vtbi_ul, self._syringe_ul())
        return left_ul / self._rate_ul_per_s

    # -- what it is told

    def start(self, time_s: float) -> None:
        """Start, which ends an alarm; nothing to do if it infuses."""
        if self.infusing:
            return
        self.alarm = NO_ALARM
        self._go(time_s)
        self.events += 1

    def stop(self, time_s: float) -> None:
        """Stop, which ends an alarm, too."""
        self.alarm = NO_ALARM
        if self.infusing:
            self._halt(time_s)
            self.events += 1

    def abort(self, time_s: float) -> None:
        """Lose power: stop, and forget alarm and VTBI."""
        self.stop(time_s)
        self._vtbi_ul = None

    def set_rate(self, ul_per_s: float, time_s: float) -> None:
        """Set the rate; an infusion goes on at it."""
        self._rate_ul_per_s = ul_per_s
        self.events += 1
        if self.infusing:
            self._drive.change_rate(ul_per_s, time_s)

    def set_vtbi(self, volume_ul: float | None, time_s: float) -> None:
        """Set how much is to be infused from now on before it stops; None for no end."""
        if self.alarm == VTBI_DONE:
            self.alarm = NO_ALARM
        self.events += 1
        going = self.infusing
        if going:
            self._halt(time_s)
        self._vtbi_ul = volume_ul
        if going:
            self._go(time_s)

    def clear_volume(self, time_s: float) -> None:
        """Count from zero."""
        self._volume_ul = -self._drive.fed_ul(time_s) if self.infusing else 0.0
        self.events += 1

    # -- what happens by itself

    def run_until(self, time_s: float) -> None:
        """Notice that the motor has ended, that the line is shut, that the syringe is nearly empty."""
        if not self.infusing:
            return
        if not self._drive.running:
            self._ended(time_s)
        elif self._look_s <= time_s:
            self._look_s = time_s + _LOOK_S
            self._look(time_s)

    def trip(self, alarm: str, time_s: float) -> None:
        """Raise an alarm; all but warnings stop the pump."""
        if alarm == self.alarm or (alarm in _WARNINGS and self.alarm not in _WARNINGS):
            return
        if alarm not in _WARNINGS and self.infusing:
            self._halt(time_s)
        self.alarm = alarm
        self.events += 1

    def _ended(self, time_s: float) -> None:
        stalled = self._drive.stalled
        self._halt(time_s)
        if stalled:
            empty = self._syringe_ul() < max(1.0, self._rate_ul_per_s)
            shut = self._pressure_kpa(time_s) >= self._occlusion_kpa
            self.trip(END_OF_INFUSION if empty and not shut else OCCLUSION, time_s)
        elif self._vtbi_ul is not None and self._vtbi_ul <= _DUST_UL:
            self._vtbi_ul = None
            self.trip(VTBI_DONE, time_s)
        else:
            self.trip(FAULT, time_s)

    def _look(self, time_s: float) -> None:
        if self._pressure_kpa(time_s) >= self._occlusion_kpa:
            self.trip(OCCLUSION, time_s)
        elif self._syringe_ul() <= min(self._near_end_ul, self._rate_ul_per_s * self._near_end_s):
            if not self._warned:
                self._warned = True
                self.trip(NEAR_END, time_s)
        else:
            self._warned = False
            if self.alarm == NEAR_END:
                self.alarm = NO_ALARM

    def _go(self, time_s: float) -> None:
        limited = self._vtbi_ul is not None
        volume_ul = self._vtbi_ul if self._vtbi_ul is not None else math.inf
        if volume_ul <= _DUST_UL:
            return
        self.infusing, self._warned = True, False
        self._look_s = time_s + _LOOK_S
        self._drive.start(self._rate_ul_per_s, volume_ul, 1, "bolus" if limited else "basal", time_s)

    def _halt(self, time_s: float) -> None:
        self._drive.stop(time_s)
        fed_ul = self._drive.fed_ul(time_s)
        self._volume_ul += fed_ul
        if self._vtbi_ul is not None:
            self._vtbi_ul = max(0.0, self._vtbi_ul - fed_ul)
        self.infusing = False
        self._look_s = math.inf
