"""When a weighing is at rest, by its readings alone: for balances that never say that they are stable."""

from __future__ import annotations

import math
from collections import deque


class LocalStability:
    """Deems a pan at rest once its readings have kept within a width for a time.

    Readings that are further apart than that time tell nothing of what was between them, and begin anew.

    Args:
        within_digits: the width, in digits of the readings.
        for_s: the time in s; it should span several readings.

    """

    def __init__(self, within_digits: float, for_s: float) -> None:
        self._within_digits = within_digits
        self._for_s = for_s
        self._recent: deque[tuple[float, float]] = deque()

    def status(self, time_s: float, value_g: float, status: str, digit_g: float) -> str:
        """Return the status of one more reading: `dynamic` becomes `stable` where the rule says so."""
        recent = self._recent
        if math.isnan(value_g) or (recent and not 0.0 <= time_s - recent[-1][0] <= self._for_s):
            recent.clear()
        if math.isnan(value_g):
            return status
        recent.append((time_s, value_g))
        # The oldest that is kept lies just outside the time, so that what is kept spans it.
        while len(recent) > 1 and recent[1][0] <= time_s - self._for_s:
            recent.popleft()
        if status != "dynamic" or recent[0][0] > time_s - self._for_s:
            return status
        values = [value for _, value in recent]
        # Half a digit more: sums of decimal fractions are not exact.
        at_rest = max(values) - min(values) <= (self._within_digits + 0.5) * digit_g
        return "stable" if at_rest else status
