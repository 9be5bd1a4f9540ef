"""The pumping program of the New Era pumps: 41 phases, run one after another (NE-1000 manual 1200-01, phase functions).

What the manuals leave open and is therefore a guess: after the last volume the program is stopped and no longer paused;
a stall stops it, too; a purge is counted. Event inputs and program labels are kept and do nothing, since nobody
is at the twin's TTL connector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.twin.emulators.new_era_numbers import RATE_UNITS, VOLUME_UNITS
from bench.twin.syringe_drive import Stream, SyringeDrive

PHASES = 41
RATE_FUNCTIONS = ("RAT", "INC", "DEC", "FIL")
_STEPS_AT_ONCE = 500
"""A program that jumps so often without pumping is an error."""
_SLOWEST_CM_PER_S = 0.004205 / 3600.0
_FASTEST_CM_PER_S = 5.1005 / 60.0
_LIMIT_SLACK = 1e-3
"""Of a rate limit: it is shown, and meant, to four digits."""


@dataclass
class Phase:
    """One phase; `stored` is the rate in non-volatile memory, where it was changed while pumping."""

    function: str = "STP"
    argument: float = 0.0
    rate: float = 1.0
    units: str = "MH"
    stored: float = 1.0
    volume: float = 0.0
    direction: str = "INF"

    @property
    def ul_per_s(self) -> float:
        """The rate."""
        return self.rate * RATE_UNITS[self.units]

    @property
    def shows(self) -> str:
        """The function as it is answered."""
        if self.function in ("RAT", "INC", "DEC", "FIL", "STP", "PRI", "LST", "EVR", "CLD", "BEP"):
            return self.function
        if self.function == "OUT":
            return f"OUT{self.argument:.0f}"
        whole = self.argument == int(self.argument)
        return self.function + (f"{self.argument:02.0f}" if whole else f"{self.argument:.1f}")


def _factory() -> dict[int, Phase]:
    return {number: Phase("RAT" if number == 1 else "STP") for number in range(1, PHASES + 1)}


@dataclass
class Memory:
    """What the pump keeps without power."""

    diameter_mm: float
    phases: dict[int, Phase] = field(default_factory=_factory)
    volume_units: str = ""
    """Empty for those that belong to the diameter."""

    @property
    def units(self) -> str:
        """The units of volumes: µL up to a diameter of 14.00 mm."""
        return self.volume_units or ("UL" if self.diameter_mm <= 14.0 else "ML")

    @property
    def limits_ul_per_s(self) -> tuple[float, float]:
        """The slowest and the fastest rate, which go with the syringe's cross-section."""
        square_cm = math.pi * (0.05 * self.diameter_mm) ** 2
        return 1000.0 * square_cm * _SLOWEST_CM_PER_S, 1000.0 * square_cm * _FASTEST_CM_PER_S

    def forget_volatile(self) -> None:
        """Return to the rates in non-volatile memory."""
        for phase in self.phases.values():
            phase.rate = phase.stored

    def allows(self, ul_per_s: float) -> bool:
        """Return whether a rate is within the limits."""
        slowest, fastest = self.limits_ul_per_s
        return slowest * (1.0 - _LIMIT_SLACK) <= ul_per_s <= fastest * (1.0 + _LIMIT_SLACK)


class Program:
    """The program as it runs.

    Args:
        memory: its phases.
        drive: what pumps.
        alarm: raises an alarm by its letter.

    """

    def __init__(self, memory: Memory, drive: SyringeDrive, alarm: Callable[[str], None]) -> None:
        self._memory = memory
        self._drive = drive
        self._alarm = alarm
        self.status = "S"
        """As the pump tells it: `I`, `W`, `S`, `P`, `T`, `U` or `X`."""
        self.phase = 1
        self.output = 1
        """Level of the program's output pin."""
        self._totals_ul = {1: 0.0, -1: 0.0}
        self._direction = 1
        self._ul_per_s = 0.0
        self._left_ul = math.inf
        self._wakes_s = math.inf
        self._left_s = 0.0
        self._paused_at = ""
        self._starts: list[int] = []
        self._rounds: dict[int, int] = {}

    # -- what it is doing

    @property
    def operating(self) -> bool:
        """Whether it runs, pumping or not."""
        return self.status not in ("S", "P")

    @property
    def pumping(self) -> bool:
        """Whether a phase pumps."""
        return self.status in ("I", "W")

    @property
    def next_s(self) -> float:
        """When it does something by itself."""
        return self._drive.next_s if self._drive.running else self._wakes_s

    def totals_ul(self, time_s: float) -> tuple[float, float]:
        """Return what was infused and withdrawn since they were cleared."""
        totals = dict(self._totals_ul)
        if self._drive.running:
            totals[self._direction] += self._drive.fed_ul(time_s)
        return totals[1], totals[-1]

    def clear(self, direction: int) -> None:
        """Clear a total."""
        self._totals_ul[direction] = 0.0

    # -- what it is told

    def run(self, phase: int | None, time_s: float) -> None:
        """Start at a phase, or go on where it was paused."""
        if self.status == "P" and phase is None:
            self._resume(time_s)
        else:
            self._reset()
            self._enter(phase or 1, time_s)

    def stop(self, time_s: float) -> None:
        """Pause it; stop and reset one that is paused; end a purge."""
        if self.status == "X":
            self._halt(time_s)
            self.status = "S"
        elif self.operating:
            self._paused_at = self.status
            self._left_s = max(0.0, self._wakes_s - time_s)
            self._halt(time_s)
            self.status = "P"
        else:
            self.abort(time_s)

    def abort(self, time_s: float) -> None:
        """Stop and reset it."""
        self._halt(time_s)
        self._reset()
        self.status = "S"

    def purge(self, direction: str, time_s: float) -> None:
        """Pump as fast as the pump can, until it is stopped."""
        self._reset()
        self.status = "X"
        self._direction = self._sign(direction)
        self._drive.start(self._memory.limits_ul_per_s[1], math.inf, self._direction, "prime", time_s)

    def new_rate(self, ul_per_s: float, time_s: float) -> None:
        """Pump on at another rate."""
        self._ul_per_s = ul_per_s
        self._drive.change_rate(ul_per_s, time_s)

    def new_direction(self, direction: str, time_s: float) -> None:
        """Pump on in another direction, which a phase without a volume can."""
        self._halt(time_s)
        self._pump(self._sign(direction), math.inf, time_s)

    # -- what happens by itself

    def run_until(self, time_s: float) -> None:
        """Go on where a volume was reached or a pause is over; stop at a stall."""
        if self.status in ("I", "W", "X") and not self._drive.running:
            stalled = self._drive.stalled
            self._count(time_s)
            if stalled:
                self._reset()
                self.status = "S"
                self._alarm("S")
            elif self.pumping:
                self._enter(self.phase + 1, time_s)
        elif self._wakes_s <= time_s:
            self._enter(self.phase + 1, time_s)

    def _resume(self, time_s: float) -> None:
        if self._paused_at in ("I", "W"):
            self._pump(self._direction, self._left_ul, time_s)
        else:
            self.status = self._paused_at
            self._wakes_s = time_s + self._left_s if self._paused_at == "T" else math.inf

    def _reset(self) -> None:
        self.phase = 1
        self._starts.clear()
        self._rounds.clear()
        self._ul_per_s = 0.0
        self._wakes_s = math.inf

    def _halt(self, time_s: float) -> None:
        """Stop the motor and count what it did."""
        was_running = self._drive.running
        self._drive.stop(time_s)
        self._wakes_s = math.inf
        if was_running:
            self._count(time_s)

    def _count(self, time_s: float) -> None:
        fed_ul = self._drive.fed_ul(time_s)
        self._totals_ul[self._direction] += fed_ul
        self._left_ul = max(0.0, self._left_ul - fed_ul)

    def _enter(self, number: int, time_s: float) -> None:
        """Do phases until one takes time, or the program ends."""
        self._wakes_s = math.inf
        for _ in range(_STEPS_AT_ONCE):
            if not 1 <= number <= PHASES:
                break
            self.phase = number
            phase = self._memory.phases[number]
            if phase.function == "STP":
                break
            if phase.function in RATE_FUNCTIONS:
                self._ul_per_s = self._rate_of(phase)
                if not self._memory.allows(self._ul_per_s):
                    self._fail("O")
                    return
                volume_ul = self._volume_of(phase)
                if volume_ul > 0.0:
                    self._pump(self._sign(phase.direction), volume_ul, time_s)
                    return
                number += 1
            elif phase.function == "PAS":
                self.status, self._wakes_s = "T", time_s + phase.argument
                return
            elif phase.function == "PRI":
                self.status = "U"
                return
            else:
                number = self._next(phase, number)
        else:
            self._fail("E")
            return
        self._reset()
        self.status = "S"

    def _fail(self, letter: str) -> None:
        self._reset()
        self.status = "S"
        self._alarm(letter)

    def _rate_of(self, phase: Phase) -> float:
        if phase.function == "INC":
            return self._ul_per_s + phase.ul_per_s
        if phase.function == "DEC":
            return self._ul_per_s - phase.ul_per_s
        return phase.ul_per_s

    def _volume_of(self, phase: Phase) -> float:
        """Return what a phase pumps: for ever without a volume; to fill, what the other direction has pumped."""
        if phase.function == "FIL":
            return self._totals_ul[-self._sign(phase.direction)]
        return phase.volume * VOLUME_UNITS[self._memory.units] or math.inf

    def _pump(self, direction: int, volume_ul: float, time_s: float) -> None:
        self._direction, self._left_ul = direction, volume_ul
        self.status = "I" if direction > 0 else "W"
        stream: Stream = "basal" if math.isinf(volume_ul) else "bolus"
        self._drive.start(self._ul_per_s, volume_ul, direction, stream, time_s)

    def _next(self, phase: Phase, number: int) -> int:
        """Do a phase that takes no time; return the number of the next."""
        argument = int(phase.argument)
        if phase.function == "JMP":
            return argument
        if phase.function == "LST":
            self._starts.append(number)
        elif phase.function == "LOP":
            left = self._rounds.pop(number, argument) - 1
            if left > 0:
                self._rounds[number] = left
                return self._starts[-1] + 1 if self._starts else 1
            if self._starts:
                self._starts.pop()
        elif phase.function == "CLD":
            self._totals_ul = {1: 0.0, -1: 0.0}
        elif phase.function == "OUT":
            self.output = argument
        return number + 1  # an input pin is high, so IF never jumps

    def _sign(self, direction: str) -> int:
        return {"INF": 1, "WDR": -1}.get(direction, self._direction)
