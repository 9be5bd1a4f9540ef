"""One line of a terminal that tells what is done and how long the rest will take."""

from __future__ import annotations

import math
import sys

_WIDTH = 79
_STEP = 0.05


class Status:
    """The line, rewritten in place; without a terminal nothing is shown, or with `logged` a line now and then."""

    def __init__(self, started_s: float, *, logged: bool = False) -> None:
        self._started_s = started_s
        self._first: float | None = None
        self._shown = sys.stdout.isatty()
        self._logged = logged
        self._next = 0.0

    def show(self, what: str, done: float, whole: float, now_s: float) -> None:
        """Show what is done out of the whole."""
        if not (self._shown or self._logged):
            return
        # What a folder had from before took no time now.
        self._first = done if self._first is None else self._first
        share = (done - self._first) / max(whole - self._first, 1e-9)
        passed_s = now_s - self._started_s
        left = f", {minutes(passed_s * (1.0 - share) / share)} left" if 0.02 < share < 1.0 else ""
        line = f"{100.0 * done / whole:3.0f} % {what}{left}"
        if self._shown:
            print(f"\r{line[:_WIDTH]:<{_WIDTH}}", end="", flush=True)
        elif done / whole >= self._next:
            self._next = done / whole + _STEP
            print(line, flush=True)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            print(f"\r{'':<{_WIDTH}}\r", end="", flush=True)


def minutes(seconds: float) -> str:
    """Return a time in whole minutes, at least one."""
    return f"{max(1, math.ceil(seconds / 60.0))} min"
