"""The alarms that a pump's driver has heard: told to the bench once, and in the way until they are acknowledged."""

from __future__ import annotations

import math
from collections.abc import Callable

from drivers.errors import RefusedError
from drivers.roles import Alarm


class PumpAlarms:
    """Alarms of one pump that dates none of them.

    Args:
        instrument: for errors.

    """

    def __init__(self, instrument: str) -> None:
        self.blocked = ""
        """The alarm that nobody has acknowledged yet."""
        self.stopped: Callable[[], None] = lambda: None
        """Called at each alarm that has stopped the pump."""
        self._instrument = instrument
        self._untaken: list[Alarm] = []
        self._count = 0

    def note(self, code: str, text: str, time_s: float, *, stops: bool = True) -> None:
        """Keep an alarm that was heard at `time_s`, and whether it has stopped the pump."""
        self._count += 1
        self._untaken.append(Alarm(self._count, code, text, math.nan, time_s))
        if stops:
            self.blocked = text
            self.stopped()

    def take(self) -> list[Alarm]:
        """Take every one that was heard since they were taken last, oldest first."""
        taken, self._untaken = self._untaken, []
        return taken

    def refuse_while_blocked(self) -> None:
        """Refuse to start anything before an alarm has been acknowledged.

        Raises:
            RefusedError: one has not.

        """
        if self.blocked:
            problem = f"an alarm has not been acknowledged: {self.blocked}"
            raise RefusedError(self._instrument, problem, advice="Remove its cause, and acknowledge it.")
