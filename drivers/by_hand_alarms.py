"""The alarms of a pump that tells none itself: noticed by an alarm input, or noted by the operator."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from bench.clock import Clock
from drivers.beside import Beside
from drivers.roles import Alarm, AlarmInput, OperatorNote, TakesNotes

WARNINGS = ("LOWRES", "LOWBATT")
"""Alarms after which a pump goes on."""
NOTE_WORDS = ("a", "alarm")
_LONGEST_CODE = 16


class AlarmWatch:
    """Looks for alarms, and keeps them until they are taken.

    Args:
        beside: the rig's alarm input and operator, as far as it has them.
        clock: the run's clock.
        code: what an alarm is taken for of which nobody tells more.
        noted_within_s: how long after it began an alarm is noted by the operator, at the most.

    """

    def __init__(self, beside: Beside, clock: Clock, code: str, noted_within_s: float) -> None:
        self._beside = beside
        self._clock = clock
        self._code = code
        self._noted_within_s = noted_within_s
        self._since_s = self._begin_s = clock.now_s()
        self._given = False
        self._number = 0
        self._untaken: deque[Alarm] = deque()
        self.waiting: list[str] = []
        """Codes of the alarms that were not acknowledged yet."""

    @property
    def blocking(self) -> bool:
        """Whether an alarm has stopped the pump that was not acknowledged yet."""
        return any(code not in WARNINGS for code in self.waiting)

    def look(self) -> None:
        """Look whether an alarm is given, or was noted.

        Raises:
            InstrumentError: the alarm input or the operator cannot be asked.

        """
        looked_s = self._clock.now_s()
        source = self._beside.instrument("alarm")
        if isinstance(source, AlarmInput):
            signal = source.signal()
            if signal.on and not self._given:
                earliest_s = self._since_s if math.isnan(signal.earliest_s) else signal.earliest_s
                self._add(self._code, signal.text, earliest_s, signal.latest_s, "between two looks at the alarm input")
            self._given = signal.on
        operator = self._beside.instrument("operator")
        if isinstance(operator, TakesNotes):
            self._take_notes(operator.take_notes())
        self._since_s = looked_s

    def take(self) -> list[Alarm]:
        """Take every alarm that was not taken yet, oldest first."""
        # Looks go on in another task: what is taken is taken one by one.
        return [self._untaken.popleft() for _ in range(len(self._untaken))]

    def acknowledged(self) -> None:
        """Take note that every alarm was acknowledged at the pump."""
        self.waiting = []

    def _take_notes(self, notes: Sequence[OperatorNote]) -> None:
        for note in notes:
            words = note.words.split()
            if not words or words.pop(0).lower() not in NOTE_WORDS:
                continue
            code = _code(words) or self._code
            if code in self.waiting:
                continue  # the alarm input has noticed it already, or it was noted twice
            within_s = self._noted_within_s
            rule = f"noted by the operator within {within_s:g} s"
            # It may have been typed since the last look, and when the pump was opened the operator has seen no alarm.
            earliest_s = min(note.time_s, max(self._begin_s, min(note.time_s, self._since_s) - within_s))
            self._add(code, " ".join(words), earliest_s, note.time_s, rule)

    def _add(self, code: str, text: str, earliest_s: float, latest_s: float, rule: str) -> None:
        self._number += 1
        self.waiting.append(code)
        self._untaken.append(Alarm(self._number, code, text, math.nan, latest_s, earliest_s, rule))


def _code(words: Sequence[str]) -> str:
    """Return the code of an alarm as it was noted: its first word, as in `a empty`."""
    return (
        "".join(each for each in words[0].upper() if each.isascii() and each.isalnum())[:_LONGEST_CODE] if words else ""
    )
