"""Basal delivery: the programme of rates, and when its pulses come. In U and s."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.twin.faults import FaultSet
from bench.twin.faults.of_metering import DoubleAfterResume, ScaleErrorBelow
from bench.twin.faults.of_programme import ClockFast, LostPartialPulse, ProfileShifted, TemporaryIgnored
from bench.twin.refusal import PumpRefusal, check_range
from bench.twin.settings import PumpSettings

_DAY_S = 86400.0
_HOUR_S = 3600.0
_SLACK_S = 1e-6
_MOST_PERCENT = 250.0


@dataclass(frozen=True)
class Temporary:
    """A temporary basal rate: percent of the basal rate, or U/h."""

    kind: Literal["PERC", "RATE"]
    value: float
    end_s: float


class BasalClock:
    """The basal programme and its pulse clock.

    Commands are refused beyond the pump's limits. A new rate restarts the clock. Of the pulse under way the part that
    was due is carried over, so that the next comes sooner, or is larger where intervals are fixed; or it is dropped.
    """

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        insulin = settings.insulin
        self.minimum_u_per_h = settings.basal_minimum.to("U/h", insulin)
        self.maximum_u_per_h = settings.basal_maximum.to("U/h", insulin)
        self._rule = settings.rule
        self._pulse_u = settings.pulse.to("U", insulin)
        self._interval_s = settings.pulse_interval.to("s")
        fast, shifted = faults.get(ClockFast), faults.get(ProfileShifted)
        self.pace = 1.0 + (fast.by.to("%") / 100.0 if fast else 0.0)
        self._late_s = shifted.by.to("s") if shifted else 0.0
        self._carries = settings.partial_pulse == "carried" and faults.get(LostPartialPulse) is None
        self._heeds_temporary = faults.get(TemporaryIgnored) is None
        low, double = faults.get(ScaleErrorBelow), faults.get(DoubleAfterResume)
        self._low_u_per_h, self._low_factor = (low.rate.to("U/h", insulin), low.factor) if low else (0.0, 1.0)
        self._after_resume = 2.0 if double else 1.0
        self._resumed = False
        self.rate_u_per_h = 0.0
        self.profile: list[tuple[float, float]] = []
        self.temporary: Temporary | None = None
        self._on_since_s = math.nan
        self._anchor_s = 0.0
        self._running_u_per_h = 0.0
        self._due_u = 0.0
        self._step_s = math.inf
        self._first_s = math.inf
        self._size_u = self._first_u = self._pulse_u
        self._given = 0

    @property
    def on(self) -> bool:
        """Whether basal delivery is switched on."""
        return not math.isnan(self._on_since_s)

    @property
    def next_pulse_s(self) -> float:
        """When the next pulse is due; `inf` while none is."""
        return self._anchor_s + self._first_s + self._given * self._step_s if self._step_s < math.inf else math.inf

    def effective_u_per_h(self, time_s: float) -> float:
        """Return the rate that holds at an instant, basal on or not."""
        temporary = self.temporary if self._heeds_temporary else None
        if temporary is not None and temporary.kind == "RATE":
            return temporary.value
        return self.programmed_u_per_h(time_s) * (temporary.value / 100.0 if temporary else 1.0)

    def programmed_u_per_h(self, time_s: float) -> float:
        """Return the rate of profile or constant basal at an instant, without a temporary one."""
        if not self.profile:
            return self.rate_u_per_h
        into_day_s = 0.0
        if self.on:
            into_day_s = ((time_s - self._on_since_s + _SLACK_S) * self.pace - self._late_s) % _DAY_S
        return [rate for start_s, rate in self.profile if start_s <= into_day_s][-1]

    def next_change_s(self, time_s: float) -> float:
        """Return when the programme changes the rate by itself, after `time_s`."""
        end_s = self.temporary.end_s if self.temporary else math.inf
        if not self.profile or not self.on:
            return end_s
        days = math.floor(((time_s - self._on_since_s) * self.pace - self._late_s) / _DAY_S)
        starts_s = [
            self._on_since_s + ((days + day) * _DAY_S + start_s + self._late_s) / self.pace
            for day in (0, 1)
            for start_s, _ in self.profile
        ]
        return min(end_s, *(start_s for start_s in starts_s if start_s > time_s))

    def set_rate(self, rate_u_per_h: float) -> None:
        """Set the constant rate; 0 is allowed."""
        if rate_u_per_h != 0.0:
            check_range(rate_u_per_h, self.minimum_u_per_h, self.maximum_u_per_h)
        self.rate_u_per_h = rate_u_per_h

    def set_temporary(self, kind: Literal["PERC", "RATE"], value: float, duration_s: float, time_s: float) -> None:
        """Set a percentage of the basal rate, or another rate in U/h, for a time."""
        if not self.on:
            raise PumpRefusal("conflict", "basal delivery is off")
        if not 0.0 < duration_s <= _DAY_S:
            raise PumpRefusal("range", f"{duration_s} s is not above 0 s and up to a day")
        check_range(value, 0.0, _MOST_PERCENT if kind == "PERC" else self.maximum_u_per_h)
        self.temporary = Temporary(kind, value, time_s + duration_s / self.pace)

    def set_profile(self, segments: list[tuple[float, float]]) -> None:
        """Set a daily profile of starts in s, ascending from 0, and rates in U/h."""
        starts_s = [start_s for start_s, _ in segments]
        if not segments or starts_s[0] != 0.0 or starts_s != sorted(set(starts_s)):
            raise PumpRefusal("step", "start times must ascend from 0")
        check_range(starts_s[-1], 0.0, math.nextafter(_DAY_S, 0.0))
        for _, rate_u_per_h in segments:
            check_range(rate_u_per_h, 0.0, self.maximum_u_per_h)
        self.profile = list(segments)

    def forget(self) -> None:
        """Have neither a rate nor a profile."""
        self.rate_u_per_h, self.profile = 0.0, []

    def switch(self, on: bool, time_s: float) -> None:
        """Switch basal delivery on, from the profile's start, or off, which ends a temporary rate."""
        self._on_since_s = time_s if on else math.nan
        self.temporary = None
        self._due_u = self._running_u_per_h = 0.0

    def restart(self, time_s: float) -> None:
        """Begin a new interval with the rate that holds now."""
        rate_u_per_h = self.effective_u_per_h(time_s)
        self.hold(time_s)
        if not self.on or rate_u_per_h <= 0.0:
            return
        self._running_u_per_h = rate_u_per_h * self.pace
        wanted_s = self._pulse_u / self._running_u_per_h * _HOUR_S
        fixed_s = self._interval_s / self.pace
        self._step_s = {"frequency": wanted_s, "volume": fixed_s, "both": max(wanted_s, fixed_s)}[self._rule]
        if self._step_s == wanted_s:
            self._size_u = self._first_u = self._pulse_u
            self._first_s = max(0.0, (self._pulse_u - self._due_u) / self._running_u_per_h * _HOUR_S)
        else:
            self._size_u = self._running_u_per_h * self._step_s / _HOUR_S
            self._first_s, self._first_u = self._step_s, self._size_u + self._due_u

    def hold(self, time_s: float) -> None:
        """Give no pulses until `restart`; keep what is due, or drop it."""
        if self._carries and self._running_u_per_h > 0.0:
            since_s = self._anchor_s if self._given == 0 else self.next_pulse_s - self._step_s
            due_u = self._running_u_per_h * (time_s - since_s) / _HOUR_S
            self._due_u = due_u + (self._due_u if self._given == 0 else 0.0)
        self._anchor_s, self._given = time_s, 0
        self._running_u_per_h = 0.0
        self._step_s = self._first_s = math.inf

    def resume(self, time_s: float) -> None:
        """Go on after a suspension."""
        self._resumed = True
        self.restart(time_s)

    def give(self, time_s: float) -> tuple[float, float]:
        """Count a pulse; return its volume in U, and what part of it the motor does."""
        self._given += 1
        part = self._low_factor if self.effective_u_per_h(time_s) < self._low_u_per_h else 1.0
        part *= self._after_resume if self._resumed else 1.0
        self._resumed = False
        return self._first_u if self._given == 1 else self._size_u, part
