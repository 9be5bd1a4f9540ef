"""Numbers as New Era pumps take them: four digits, three decimals at most (NE-1000 manual 1200-01, 10.2.1).

What cannot be written so is refused with what can: a rate or a volume is never rounded in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.errors import RefusedError

RATES_UL_PER_H: Mapping[str, float] = {"UH": 1.0, "MH": 1000.0, "UM": 60.0, "MM": 60_000.0}
"""Units of rates, the finest first: µL/h, mL/h, µL/min, mL/min."""
VOLUMES_UL: Mapping[str, float] = {"UL": 1.0, "ML": 1000.0}
"""Units of volumes: µL and mL."""

_WORDS = {"UH": "µL/h", "MH": "mL/h", "UM": "µL/min", "MM": "mL/min", "UL": "µL", "ML": "mL", "mm": "mm"}
_MOST = 10_000
_DUST = 1e-6
"""Of the last digit: what binary fractions leave of a decimal one."""
_NUMBER = re.compile(r"(?:[0-9]{1,4}\.[0-9]{0,3}|[0-9]{1,5})\Z")


class Setting(NamedTuple):
    """A number with its unit, as it is sent and read back."""

    number: str
    unit: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.number)

    @property
    def words(self) -> str:
        """As a person reads it: `10.00 µL/h`."""
        return f"{self.number} {_WORDS[self.unit]}"


def written(value: float) -> str | None:
    """Return a number with as many digits as the pump takes; None where it has more of them, or is none at all."""
    if not 0.0 <= value < _MOST:
        return None
    decimals = _decimals(value)
    scaled = value * 10**decimals
    if abs(scaled - round(scaled)) > _DUST or round(scaled) >= _MOST:
        return None
    return f"{round(scaled) / 10**decimals:.{decimals}f}"


def neighbours(value: float) -> list[str]:
    """Return the numbers just below and just above one that cannot be written; 0 is none of them."""
    value = min(max(value, 0.001), _MOST - 1.0)
    decimals = _decimals(value)
    near = [math.floor(value * 10**decimals) / 10**decimals, math.ceil(value * 10**decimals) / 10**decimals]
    return [text for text in map(written, near) if text is not None and float(text) > 0.0]


def _decimals(value: float) -> int:
    return 4 - max(1, len(str(int(value)))) if value >= 1.0 else 3


def setting(value: float, factors: Mapping[str, float], instrument: str, what: str) -> Setting:
    """Return how a rate (in µL/h) or a volume (in µL) is told, in the finest unit that can hold it.

    Raises:
        RefusedError: no unit can; the text has the nearest that can be told.

    """
    if not (math.isfinite(value) and value > 0.0):
        raise RefusedError(instrument, f"a {what} of {value:g} cannot be told", advice="It must be above zero.")
    for unit, factor in factors.items():
        number = written(value / factor)
        if number is not None and float(number) > 0.0:
            return Setting(number, unit)
    unit = next((unit for unit, factor in factors.items() if value / factor < _MOST - 1), list(factors)[-1])
    near = " or ".join(Setting(number, unit).words for number in neighbours(value / factors[unit]))
    raise RefusedError(
        instrument,
        f"a {what} of {value / factors[unit]:.9g} {_WORDS[unit]} has more digits than the four that the pump takes",
        advice=f"The nearest that it takes: {near}.",
    )


def number(text: str) -> float | None:
    """Return a number that the pump sent; None if it is none."""
    return float(text) if _NUMBER.match(text) else None
