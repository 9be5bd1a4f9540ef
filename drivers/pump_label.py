"""What the label of a pump says that a person programs: steps, limits and speeds, in the unit that its display has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.errors import RefusedError

_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """Amounts that can be set: whole steps, from the least to the most; in the pump's unit.

    `ul` is one unit in µL (or µL/h); 0 can always be set where `may_be_zero`.
    """

    what: str
    unit: str
    ul: float
    step: float
    least: float
    most: float
    may_be_zero: bool = False

    def shown(self, amount_ul: float) -> tuple[float, str]:
        """Return an amount in the pump's unit, and as its display has it: `1.00 U/h`.

        Raises:
            RefusedError: it cannot be set on this pump.

        """
        value = amount_ul / self.ul
        steps = value / self.step
        if abs(steps - round(steps)) > _SLACK * max(1.0, abs(steps)):
            raise self._refused(f"{value:g} {self.unit} is no multiple of its step of {self.step:g} {self.unit}")
        value = round(steps) * self.step
        inside = self.least * (1.0 - _SLACK) <= value <= self.most * (1.0 + _SLACK)
        if not inside and not (self.may_be_zero and value == 0.0):
            raise self._refused(
                f"{value:g} {self.unit} is not from {self.least:g} {self.unit} to {self.most:g} {self.unit}"
            )
        return float(f"{value:.12g}"), f"{value:.{self._decimals}f} {self.unit}"

    @property
    def _decimals(self) -> int:
        return len(f"{self.step:.6f}".rstrip("0").partition(".")[2])

    def _refused(self, why: str) -> RefusedError:
        return RefusedError("pump", f"no such {self.what} can be set: {why}, by the rig file", advice="Change the plan")


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a pump gives a bolus or a prime, by its label: µL/s, within ± a share of that, in steps."""

    ul_per_s: float
    within: float
    step_ul: float

    def lasting_s(self, volume_ul: float) -> tuple[float, float]:
        """Return how long a volume takes at least and at most; the last step comes a step's time early."""
        steps_s = max(0.0, volume_ul - self.step_ul) / self.ul_per_s
        return steps_s / (1.0 + self.within), volume_ul / self.ul_per_s / (1.0 - self.within)


def in_words(duration_s: float) -> str:
    """Return a duration as a person sets it: `1 h 30 min`."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def clock_time(start_s: float) -> str:
    """Return when a segment of a daily profile begins, counted from its start: `6:00`."""
    hours, minutes = divmod(math.floor(start_s / 60.0), 60)
    return f"{hours}:{minutes:02d}"
