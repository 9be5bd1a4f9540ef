"""Pulses of the motor: equal ones at equal intervals, as boluses and primes have them. In U and s."""

from __future__ import annotations

import math

COUNTED_DIGITS = 9
"""Digits of U to which the pump counts, so that sums of pulses stay clean."""


class PulseTrain:
    """A number of equal pulses at equal intervals; the first comes one interval after the start.

    `faithful` is the share of the train that the motor really does (a fault), whatever is counted.
    """

    def __init__(self, count: int, interval_s: float, faithful: float = 1.0) -> None:
        self._count = count
        self._interval_s = interval_s
        self._faithful = faithful
        self._done = 0
        self._anchor_s = math.nan
        self._anchor_done = 0

    @property
    def finished(self) -> bool:
        """Whether every pulse has been given."""
        return self._done >= self._count

    @property
    def next_s(self) -> float:
        """When the next pulse is due."""
        return self._anchor_s + (self._done - self._anchor_done + 1) * self._interval_s

    def start(self, time_s: float) -> None:
        """Start, or go on after a suspension."""
        self._anchor_s = time_s
        self._anchor_done = self._done

    def give(self) -> float:
        """Count a pulse; return what part of it the motor does."""
        part = min(1.0, max(0.0, self._faithful * self._count - self._done))
        self._done += 1
        return part
