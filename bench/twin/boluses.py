"""The bolus in progress, or the last one: what was programmed, what is given, what comes when."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from bench.twin.faults import FaultSet
from bench.twin.faults.of_metering import (
    BolusCutShort,
    BolusNotCounted,
    BolusNotDelivered,
    CancelIgnored,
    ExtendedAsNormal,
)
from bench.twin.faults.of_programme import ClockFast
from bench.twin.pulses import COUNTED_DIGITS, PulseTrain
from bench.twin.refusal import check_range, pulses_of
from bench.twin.settings import PumpSettings

_LONGEST_S = 86400.0

Part = tuple[float, float]
"""Volume in U and duration in s; no duration means as fast as the pump goes."""


class Boluses:
    """Normal, square-wave and dual-wave boluses, one at a time."""

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        insulin = settings.insulin
        self.increment_u = settings.pulse.to("U", insulin)
        self.maximum_u = settings.bolus_maximum.to("U", insulin)
        fast = faults.get(ClockFast)
        self._pace = 1.0 + (fast.by.to("%") / 100.0 if fast else 0.0)
        self._step_s = settings.bolus_pulse_interval.to("s")
        self.speed_u_per_min = self.increment_u / self._step_s * 60.0
        self.kind = "IDLE"
        self.programmed_u = 0.0
        self.delivered_u = 0.0
        self.started = 0
        self._trains: deque[PulseTrain] = deque()
        cut, not_delivered = faults.get(BolusCutShort), faults.get(BolusNotDelivered)
        self._share = cut.share.to("%") / 100.0 if cut else 1.0
        self._dropped_every = not_delivered.every if not_delivered else 0
        uncounted = faults.get(BolusNotCounted)
        self._uncounted_every = uncounted.every if uncounted else 0
        self._at_once = faults.get(ExtendedAsNormal) is not None
        self._goes_on = faults.get(CancelIgnored) is not None
        self.counted = True
        """Whether the pump counts the pulses of this bolus."""

    @property
    def under_way(self) -> bool:
        """Whether a bolus is in progress, suspended or not, as far as the pump says."""
        return bool(self._trains) and self.kind != "IDLE"

    @property
    def giving(self) -> bool:
        """Whether a pulse is still to come, said or not."""
        return bool(self._trains)

    @property
    def next_s(self) -> float:
        """When its next pulse is due; `inf` while there is none."""
        return self._trains[0].next_s if self._trains else math.inf

    def check(self, parts: Sequence[Part], *, spread: bool) -> float:
        """Refuse parts that are beyond the pump's limits; return their sum in U."""
        total_u = sum(volume_u for volume_u, _ in parts)
        for volume_u, duration_s in parts:
            count = pulses_of(volume_u, self.increment_u, self.maximum_u)
            if spread and (volume_u, duration_s) == parts[-1]:
                check_range(duration_s, count * self._step_s, _LONGEST_S)
        check_range(total_u, self.increment_u, self.maximum_u)
        return total_u

    def start(self, kind: str, parts: Sequence[Part], time_s: float) -> None:
        """Start a bolus whose parts follow one another."""
        self._trains.clear()
        self.started += 1
        self.counted = not (self._uncounted_every and self.started % self._uncounted_every == 0)
        dropped = self._dropped_every and self.started % self._dropped_every == 0
        faithful = 0.0 if dropped else self._share
        for volume_u, duration_s in parts:
            count = pulses_of(volume_u, self.increment_u, self.maximum_u)
            step_s = duration_s / count if duration_s and not self._at_once else self._step_s
            self._trains.append(PulseTrain(count, step_s / self._pace, faithful))
        self._trains[0].start(time_s)
        self.kind, self.delivered_u = kind, 0.0
        self.programmed_u = round(sum(volume_u for volume_u, _ in parts), COUNTED_DIGITS)

    def resume(self, time_s: float) -> None:
        """Go on after a suspension."""
        if self._trains:
            self._trains[0].start(time_s)

    def cancel(self) -> None:
        """End the bolus, or say so."""
        if self._goes_on and self._trains:
            self.counted = False
        else:
            self._trains.clear()
        self.kind = "IDLE"

    def stop(self) -> None:
        """End all that it gives."""
        self._trains.clear()
        self.kind = "IDLE"

    def give(self, time_s: float) -> float:
        """Count a pulse; return what part of it the motor does."""
        train = self._trains[0]
        part = train.give()
        if self.counted:
            self.delivered_u = round(self.delivered_u + self.increment_u, COUNTED_DIGITS)
        if train.finished:
            self._trains.popleft()
            if self._trains:
                self._trains[0].start(time_s)
            else:
                self.kind = "IDLE"
        return part
