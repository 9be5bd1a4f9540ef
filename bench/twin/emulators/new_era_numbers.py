"""Numbers of the New Era pumps: four digits and a point, at most three of them behind it (NE-1000 manual 10.2.1)."""

from __future__ import annotations

import math
import re

RATE_UNITS = {"UM": 1.0 / 60.0, "MM": 1000.0 / 60.0, "UH": 1.0 / 3600.0, "MH": 1000.0 / 3600.0}
"""µL/s of one of each unit of a rate: µL/min, mL/min, µL/h, mL/h."""
VOLUME_UNITS = {"UL": 1.0, "ML": 1000.0}
"""µL of one of each unit of a volume."""

_FORM = re.compile(r"([0-9]*)(?:\.([0-9]*))?\Z")
_DIGITS = 4
_DECIMALS = 3
_DUST = 1e-9


def parsed(text: str) -> float | None:
    """Return a number as the pump takes it; None for one with too many digits, or none."""
    match = _FORM.match(text)
    if match is None:
        return None
    decimals = match[2] or ""
    digits = len(match[1]) + len(decimals)
    if not 0 < digits <= _DIGITS or len(decimals) > _DECIMALS:
        return None
    return float(text)


def shown(value: float) -> str:
    """Return a number as the pump shows it: `5.000`, `10.00`, `500.0`, `9999.`, always with a point, never rounded up.

    What needs more digits begins anew from 0, as counters do; the manuals do not say so.
    """
    value = math.fmod(value * (1.0 + _DUST) + _DUST, 10.0**_DIGITS)
    before = max(1, len(str(int(value))))
    decimals = min(_DECIMALS, _DIGITS - before)
    whole, part = divmod(math.floor(value * 10**decimals), 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else f"{whole}."
