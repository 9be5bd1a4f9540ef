"""The one command of an MT-SICS balance that waits for a stable pan; others wait in line behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

End = Callable[[float, bool, float], None]
"""What ends a wait; takes the indication in g, whether it is settled, and the time."""

_STEP_S = 0.008
_LONGEST_MS = 65535


class Waiting:
    """Waits for a stable pan, a load out of range, or a time-out."""

    def __init__(self) -> None:
        self._end: End | None = None
        self._deadline_s = math.inf

    @property
    def busy(self) -> bool:
        """Whether a command waits."""
        return self._end is not None

    def begin(self, time_s: float, timeout_s: float, end: End) -> None:
        """Wait from `time_s` on, then do `end`."""
        self._end = end
        self._deadline_s = time_s + timeout_s

    def cancel(self) -> None:
        """End the wait without an answer."""
        self._end = None

    def put_out(self, indication_g: float, settled: bool, time_s: float) -> None:
        """End the wait if one new weight does."""
        end = self._end
        if end is not None and (settled or time_s >= self._deadline_s):
            self._end = None
            end(indication_g, settled, time_s)


def limit_s(parameters: list[str], least_ms: int) -> float | None:
    """Read the time of `SC`, `TC` or `ZC` in ms, rounded up to steps of 8 ms; None if it is none."""
    text = parameters[0] if len(parameters) == 1 else ""
    if not (text.isascii() and text.isdecimal()) or not least_ms <= int(text) <= _LONGEST_MS:
        return None
    return math.ceil(int(text) / 1000.0 / _STEP_S - 1e-9) * _STEP_S
