"""A syringe pump's drive: it feeds at a rate, motor step by motor step, until a volume is reached or for ever.

In µL and s. What it counts is by the syringe's diameter as the pump was told it; what it moves is by the true bore.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Stream = Literal["basal", "bolus", "prime"]
Push = Callable[[float, float, Stream], bool]
"""Move the plunger: volume as counted and as the bore has it, both negative for a withdrawal; False if it stalls."""

_DUST = 1e-9


class SyringeDrive:
    """The motor, the screw and what they count.

    Args:
        step_ul: volume of a motor step.
        shortest_s: steps that come faster than this are taken together.
        push: moves the plunger.
        changed: told that the next step has moved.

    """

    def __init__(self, step_ul: float, shortest_s: float, push: Push, changed: Callable[[], None]) -> None:
        self._step_ul = step_ul
        self._shortest_s = shortest_s
        self._push = push
        self._changed = changed
        self.bore_factor = 1.0
        """True volume over counted volume: square of the true bore over the diameter that the pump was told."""
        self.force = 1.0
        """Share of the motor's full force with which it may push."""
        self.running = False
        self.stalled = False
        """Whether the last feed ended because the motor could not go on."""
        self._rate_ul_per_s = 0.0
        self._direction = 1
        self._stream: Stream = "basal"
        self._left_ul = 0.0
        self._fed_ul = 0.0
        self._under_way_ul = 0.0
        self._since_s = 0.0
        self.next_s = math.inf
        """When the next step is done."""

    def start(self, rate_ul_per_s: float, volume_ul: float, direction: int, stream: Stream, time_s: float) -> None:
        """Start to feed: +1 infuses, -1 withdraws; `inf` µL is for ever."""
        self.running, self.stalled = True, False
        self._rate_ul_per_s, self._left_ul = rate_ul_per_s, volume_ul
        self._direction, self._stream = direction, stream
        self._fed_ul = self._under_way_ul = 0.0
        self._since_s = time_s
        self._plan()

    def change_rate(self, rate_ul_per_s: float, time_s: float) -> None:
        """Go on at another rate, in the middle of a step."""
        self._under_way_ul += self._rate_ul_per_s * (time_s - self._since_s)
        self._since_s = time_s
        self._rate_ul_per_s = rate_ul_per_s
        self._plan()

    def stop(self, time_s: float) -> None:
        """Stop where the plunger is; nothing to do if it rests."""
        if not self.running:
            return
        self._under_way_ul += self._rate_ul_per_s * (time_s - self._since_s)
        self._since_s = time_s
        if self._under_way_ul > _DUST:
            self._do(min(self._under_way_ul, self._left_ul))
        self._end()

    def fed_ul(self, time_s: float) -> float:
        """Return what the last feed has counted so far, the step under way included."""
        if not self.running:
            return self._fed_ul
        under_way_ul = self._under_way_ul + self._rate_ul_per_s * (time_s - self._since_s)
        return self._fed_ul + min(under_way_ul, self._left_ul)

    def run_due(self, time_s: float) -> None:
        """Do the steps that are due."""
        while self.next_s <= time_s:
            self._since_s = self.next_s
            done = self._do(min(self._size_ul(), self._left_ul))
            self._under_way_ul = 0.0
            if not done or self._left_ul <= _DUST:
                self._end()
            else:
                self._plan()

    def _size_ul(self) -> float:
        return max(self._step_ul, self._rate_ul_per_s * self._shortest_s)

    def _do(self, volume_ul: float) -> bool:
        counted_ul = self._direction * volume_ul
        if not self._push(counted_ul, counted_ul * self.bore_factor, self._stream):
            self.stalled = True
            return False
        self._fed_ul += volume_ul
        self._left_ul -= volume_ul
        return True

    def _plan(self) -> None:
        to_do_ul = max(0.0, min(self._size_ul(), self._left_ul) - self._under_way_ul)
        self.next_s = self._since_s + to_do_ul / self._rate_ul_per_s
        self._changed()

    def _end(self) -> None:
        self.running = False
        self._under_way_ul = 0.0
        self.next_s = math.inf
        self._changed()
