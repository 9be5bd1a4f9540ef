"""The pump's alarms: queue, conditions, and which of them block delivery."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

TEXTS = {
    "OCCLUSION": "Occlusion detected",
    "EMPTY": "Reservoir empty",
    "LOWRES": "Reservoir low",
    "LOWBATT": "Battery low",
    "BATTERY": "Battery empty",
    "POWER": "Power was lost",
    "AUTOOFF": "Automatic off",
    "WATCHDOG": "Host silent",
    "MOTOR": "Motor error",
    "SYSTEM": "System error",
}
WARNINGS = frozenset({"LOWRES", "LOWBATT"})


class Alarms:
    """Alarms raised, in their order, and those that wait for an acknowledgement.

    Args:
        conditions: tells the codes whose cause is present now, acknowledged or not.

    """

    def __init__(self, conditions: Callable[[], list[str]]) -> None:
        self.queue: deque[tuple[int, float, str, str]] = deque()
        self.blocking = False
        self.sounds_since_s: float | None = None
        """Since when the signal is given that ends with the acknowledgement, in s of the world; None for none."""
        self._conditions = conditions
        self._signalled: list[str] = []
        self._sequence = 0

    @property
    def active(self) -> list[str]:
        """Codes that are present now: not acknowledged yet, or their cause persists."""
        return list(dict.fromkeys([*self._signalled, *self._conditions()]))

    def raise_alarm(self, code: str, pump_time_s: float, time_s: float) -> None:
        """Add an alarm; all but warnings block delivery until they are acknowledged."""
        self._sequence += 1
        self.queue.append((self._sequence, pump_time_s, code, TEXTS[code]))
        if self.sounds_since_s is None:
            self.sounds_since_s = time_s
        if code not in self._signalled:
            self._signalled.append(code)
        self.blocking = self.blocking or code not in WARNINGS

    def acknowledge(self) -> None:
        """End every signal and unblock delivery."""
        self._signalled.clear()
        self.sounds_since_s = None
        self.blocking = False
