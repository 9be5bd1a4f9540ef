"""Axes: ranges with room, ticks at round values, and their labels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from bench.metrology.rounding import MINUS

_ROUND_STEPS = {
    "h": (0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48, 96, 168),
    "min": (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440),
    "s": (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
}
_FEWEST = 3
_MANY_DECADES = 2.5
_TIME_UNIT = re.compile(r"(?:(?<!\w)[/(\[,]|\bin)\s*(h|min|s)\s*[)\]]?\s*$")


def time_unit(label: str) -> str:
    """Return `h`, `min` or `s` where an axis label ends in that unit (`time / h`, `time in min`), else nothing.

    A rate (`rate / (U/h)`) is no time.
    """
    found = _TIME_UNIT.search(label)
    return found.group(1) if found else ""


def padded(values: Sequence[float], share: float, *, with_zero: bool = False) -> tuple[float, float]:
    """Return the range of some values with a share of it added on both sides; never empty."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        half = abs(low) * 0.1 or 1.0
        return low - half, high + half
    room = (high - low) * share
    return (low if with_zero and low == 0.0 else low - room), (high if with_zero and high == 0.0 else high + room)


def step(low: float, high: float, about: int, unit: str = "") -> float:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten, or a round part of a clock's dial for times."""
    rough = (high - low) / max(about, 1)
    for candidate in _ROUND_STEPS.get(unit, ()):
        if rough <= candidate and rough > 0.15:
            return float(candidate)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if rough <= factor * power * (1 + 1e-9))


def ticks(low: float, high: float, about: int, unit: str = "") -> list[tuple[float, str]]:
    """Return the ticks of an axis, each a value and its label."""
    for more in range(4):
        distance = step(low, high, about + more, unit)
        first = math.ceil(low / distance - 1e-9)
        last = math.floor(high / distance + 1e-9)
        if last - first >= min(_FEWEST, about) - 1:
            break
    decimals = _decimals(distance)
    largest = max(abs(low), abs(high))
    if largest >= 1e6 or largest < 1e-4:
        return [(n * distance, f"{n * distance:.3g}".replace("-", MINUS)) for n in range(first, last + 1)]
    return [(n * distance, f"{n * distance:.{decimals}f}".replace("-", MINUS)) for n in range(first, last + 1)]


def decades(low: float, high: float) -> list[tuple[float, str]]:
    """Return the ticks of a logarithmic axis between two decimal logarithms: powers of ten, and 2 and 5 times them
    where these alone would be few."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    few = high - low < _MANY_DECADES
    found = [factor * 10.0**power for power in powers for factor in ((1, 2, 5) if few else (1,))]
    inside = [value for value in found if low - 1e-9 <= math.log10(value) <= high + 1e-9]
    return [(math.log10(value), tick_label(value)) for value in inside]


def tick_label(value: float) -> str:
    """Return the label of a tick that stands at a value of the data."""
    return f"{value:.4g}".replace("-", MINUS)


def _decimals(distance: float) -> int:
    for decimals in range(7):
        if abs(distance * 10**decimals - round(distance * 10**decimals)) < 1e-6:
            return decimals
    return 7
