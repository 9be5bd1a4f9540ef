"""When the pulses of a basal rate are due that a driver gives one by one. Volumes in µL, rates in µL/h."""

from __future__ import annotations

import math

_HOUR_S = 3600.0


class PulseSchedule:
    """Equal pulses at equal intervals, the first at the start, so that a stop after whole intervals cuts none short.

    Args:
        pulse_ul: volume of each pulse; None where it goes with the rate.
        interval_s: interval of the pulses; None where it goes with the rate.

    """

    def __init__(self, pulse_ul: float | None, interval_s: float | None) -> None:
        self._fixed_ul = pulse_ul
        self._fixed_s = interval_s
        self._anchor_s = math.nan
        self._given = 0
        self._interval_s = math.inf
        self.pulse_ul = 0.0
        """Volume of a pulse at the present rate."""

    @property
    def on(self) -> bool:
        """Whether pulses are to be given."""
        return not math.isnan(self._anchor_s)

    @property
    def next_s(self) -> float:
        """When the next pulse is due; `inf` for never."""
        return self._anchor_s + (self._given + 1) * self._interval_s if self.on else math.inf

    def volume_at(self, rate_ul_per_h: float) -> float:
        """Return the volume of a pulse at a rate."""
        if self._fixed_ul is not None:
            return self._fixed_ul
        return rate_ul_per_h * (self._fixed_s or 0.0) / _HOUR_S

    def start(self, rate_ul_per_h: float, time_s: float) -> None:
        """Start at a rate, or change it: of the interval under way the part that is over counts."""
        over = 1.0
        if self.on:
            over = max(0.0, 1.0 - (self.next_s - time_s) / self._interval_s)
        self.pulse_ul = self.volume_at(rate_ul_per_h)
        self._interval_s = self.pulse_ul / rate_ul_per_h * _HOUR_S
        self._anchor_s, self._given = time_s - over * self._interval_s, 0

    def given(self) -> None:
        """Count a pulse."""
        self._given += 1

    def put_off(self, duration_s: float) -> None:
        """Let every pulse to come be later."""
        self._anchor_s += duration_s

    def stop(self) -> None:
        """Give no more."""
        self._anchor_s = math.nan
