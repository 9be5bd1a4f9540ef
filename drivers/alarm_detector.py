"""When an alarm began, from looks at something that is there or not: a contact, a sound above a threshold."""

from __future__ import annotations

import math

from drivers.roles import AlarmSignal


class AlarmDetector:
    """Tells an alarm from a click, and beeps of one alarm from several alarms.

    An alarm began between the last look before its first sign and that first sign, however long it took to be believed.
    That holds where looks come faster than the shortest beep lasts: none is missed then.

    Args:
        least_s: how long signs must last, pauses included, to be an alarm; 0 for the first sign.
        pause_s: longest pause between two signs of one alarm.

    """

    def __init__(self, least_s: float, pause_s: float) -> None:
        self._least_s = least_s
        self._pause_s = pause_s
        self._quiet_s = math.nan
        self._first: tuple[float, float] | None = None
        self._silent_s = math.nan
        self._on = False

    def look(self, there: bool, asked_s: float, answered_s: float, text: str) -> AlarmSignal:
        """Take note of a look that was taken between two instants; return what all looks up to now come to."""
        if there:
            if self._first is None:
                self._first = (self._quiet_s, answered_s)
            self._silent_s = math.nan
            self._on = self._on or answered_s - self._first[1] >= self._least_s
        else:
            # It may have gone on until just before the first look that saw nothing.
            self._silent_s = answered_s if math.isnan(self._silent_s) else self._silent_s
            if self._first is None or max(0.0, asked_s - self._silent_s) >= self._pause_s:
                self._first, self._on, self._quiet_s = None, False, asked_s
        if not self._on or self._first is None:
            return AlarmSignal(False, math.nan, math.nan, text)
        return AlarmSignal(True, *self._first, text)
