"""What the motor of a Harvard Protocol 11 pump does: it runs until a target, a limit or a stall, and counts.

What the manuals at hand leave open and is therefore a guess: a target counts from when its counter was cleared, so a
run that has reached it ends at once; `*` and `T*` stay until the next run, a stop, or a change of target or counter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from bench.twin.syringe_drive import SyringeDrive

INFUSE, WITHDRAW = 1, -1
RUNNING = {INFUSE: ">", WITHDRAW: "<"}
_DUST_UL = 1e-9
_DUST_S = 1e-9
_RAMP_STEP_S = 0.1


class Ramp(NamedTuple):
    """A rate that changes in a line, in µL/s."""

    start: float
    end: float
    duration_s: float


class Motion:
    """The motor, its targets and its counters.

    Args:
        drive: what pumps.
        happened: told of each end that was not asked for.
        limits_ul: how far in µL it goes in each direction until a limit switch is hit; `inf` without one.

    """

    def __init__(self, drive: SyringeDrive, happened: Callable[[], None], limits_ul: dict[int, float]) -> None:
        self._drive = drive
        self._happened = happened
        self._limits_ul = limits_ul
        self.prompt = ":"
        """What it does or why it does nothing: `:`, `>`, `<`, `*`, `T*`, `>*` or `<*`."""
        self.direction = INFUSE
        self.ul_per_s = {INFUSE: 0.0, WITHDRAW: 0.0}
        """The rate of each direction."""
        self.ramps: dict[int, Ramp] = {}
        """The ramp of each direction that has one."""
        self.target_ul: float | None = None
        self.target_s: float | None = None
        self._volume_ul = {INFUSE: 0.0, WITHDRAW: 0.0}
        self._time_s = {INFUSE: 0.0, WITHDRAW: 0.0}
        self._since_s = 0.0
        self._next_ramp_s = math.inf

    # -- what it does and has done

    @property
    def running(self) -> bool:
        """Whether the motor runs."""
        return self.prompt in (">", "<")

    @property
    def next_s(self) -> float:
        """When it does something by itself."""
        if not self.running:
            return math.inf
        return min(self._drive.next_s, self._next_ramp_s, self._ends_s)

    @property
    def _ends_s(self) -> float:
        left_s = math.inf if self.target_s is None else self.target_s - self._time_s[self.direction]
        return self._since_s + max(0.0, left_s)

    def volume_ul(self, direction: int, time_s: float) -> float:
        """Return what it has moved in a direction since that was cleared."""
        under_way_ul = self._drive.fed_ul(time_s) if self.running and direction == self.direction else 0.0
        return self._volume_ul[direction] + under_way_ul

    def duration_s(self, direction: int, time_s: float) -> float:
        """Return how long it has run in a direction since that was cleared."""
        under_way_s = time_s - self._since_s if self.running and direction == self.direction else 0.0
        return self._time_s[direction] + under_way_s

    def rate_ul_per_s(self, time_s: float) -> float:
        """Return the rate that it has in its direction now."""
        ramp = self.ramps.get(self.direction)
        if ramp is None:
            return self.ul_per_s[self.direction]
        share = min(1.0, self.duration_s(self.direction, time_s) / ramp.duration_s)
        return ramp.start + share * (ramp.end - ramp.start)

    # -- what it is told

    def run(self, direction: int, time_s: float) -> None:
        """Run in a direction; nothing if it does so already."""
        if self.prompt == RUNNING[direction]:
            return
        self.stop(time_s)
        self.direction = direction
        self._start(time_s)

    def stop(self, time_s: float) -> None:
        """Stop, and forget why it has stopped before."""
        self._settle(time_s)
        self.prompt = ":"

    def new_rate(self, direction: int, ul_per_s: float, time_s: float) -> None:
        """Set the rate of a direction, which holds at once, and ends its ramp."""
        self.ul_per_s[direction] = ul_per_s
        self.ramps.pop(direction, None)
        if self.prompt == RUNNING[direction]:
            self._next_ramp_s = math.inf
            self._drive.change_rate(ul_per_s, time_s)

    def new_target(self, *, volume_ul: float | None, duration_s: float | None, time_s: float) -> None:
        """Set or clear the targets; a run goes on to the new ones."""
        self._change(lambda: self._set_targets(volume_ul, duration_s), time_s)

    def clear_volume(self, direction: int, time_s: float) -> None:
        """Clear a counter of volume."""
        self._change(lambda: self._volume_ul.__setitem__(direction, 0.0), time_s)

    def clear_time(self, direction: int, time_s: float) -> None:
        """Clear a counter of time."""
        self._change(lambda: self._time_s.__setitem__(direction, 0.0), time_s)

    def forget(self, time_s: float) -> None:
        """Stop, and lose the counters."""
        self.stop(time_s)
        for direction in RUNNING:
            self._volume_ul[direction] = self._time_s[direction] = 0.0

    # -- what happens by itself

    def run_until(self, time_s: float) -> None:
        """Stop at a target, a limit or a stall; change the rate of a ramp."""
        if not self.running:
            return
        if not self._drive.running or self._ends_s - _DUST_S <= time_s:
            self._end(time_s)
        elif self._next_ramp_s <= time_s:
            self._drive.change_rate(self.rate_ul_per_s(time_s), time_s)
            self._plan_ramp(time_s)

    def _change(self, change: Callable[[], None], time_s: float) -> None:
        was_running = self.running
        self._settle(time_s)
        self.prompt = ":"
        change()
        if was_running:
            self._start(time_s)

    def _set_targets(self, volume_ul: float | None, duration_s: float | None) -> None:
        self.target_ul, self.target_s = volume_ul, duration_s

    def _start(self, time_s: float) -> None:
        to_go_ul, to_limit_ul = self._to_go_ul, self._to_limit_ul
        self._since_s = time_s
        if to_limit_ul <= _DUST_UL:
            self.prompt = f"{RUNNING[self.direction]}*"
        elif to_go_ul <= _DUST_UL or self._ends_s <= time_s:
            self.prompt = "T*"
        else:
            self.prompt = RUNNING[self.direction]
            stream = "basal" if math.isinf(to_go_ul) else "bolus"
            volume_ul = min(to_go_ul, to_limit_ul)
            self._drive.start(self.rate_ul_per_s(time_s), volume_ul, self.direction, stream, time_s)  # type: ignore[arg-type]
            self._plan_ramp(time_s)

    @property
    def _to_go_ul(self) -> float:
        return math.inf if self.target_ul is None else self.target_ul - self._volume_ul[self.direction]

    @property
    def _to_limit_ul(self) -> float:
        return self._limits_ul[self.direction] - self._volume_ul[self.direction] + self._volume_ul[-self.direction]

    def _plan_ramp(self, time_s: float) -> None:
        ramp = self.ramps.get(self.direction)
        over = ramp is None or self.duration_s(self.direction, time_s) >= ramp.duration_s
        self._next_ramp_s = math.inf if over else time_s + _RAMP_STEP_S

    def _settle(self, time_s: float) -> None:
        """Stop the motor and count what it did."""
        if not self.running:
            return
        self._drive.stop(time_s)
        self._volume_ul[self.direction] += self._drive.fed_ul(time_s)
        self._time_s[self.direction] += time_s - self._since_s
        self._since_s = time_s
        self._next_ramp_s = math.inf

    def _end(self, time_s: float) -> None:
        self._settle(time_s)
        if self._drive.stalled:
            self.prompt = "*"
        elif self._to_limit_ul <= _DUST_UL:
            self.prompt = f"{RUNNING[self.direction]}*"
        else:
            self.prompt = "T*"
        self._happened()
