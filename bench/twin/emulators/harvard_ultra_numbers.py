"""Numbers, units and times as the Harvard Protocol 11 pumps take and show them.

Forms of replies as clients of such pumps have recorded them: `15.3477 ml/min`, `2.28205 ul`, `9.5250 mm`,
`.0404 nl/min to 26.0035 ml/min`, `19.988 seconds`.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

VOLUMES_UL = {"ml": 1000.0, "ul": 1.0, "nl": 1e-3, "pl": 1e-6}
"""µL of one of each unit of a volume."""
_TIMES_S = {"hr": 3600.0, "min": 60.0, "sec": 1.0}
_VOLUME = re.compile(r"([munp])l?\Z")
_RATE = re.compile(r"([munp])l?/(h(?:r|our)?|m(?:in)?|s(?:ec)?)\Z")
_NUMBER = re.compile(r"[0-9]*\.?[0-9]*\Z")
_CLOCK = re.compile(r"(?:([0-9]{1,2}):)?([0-5]?[0-9]):([0-5]?[0-9])\Z")
_DIGITS = 6
_SHOWN_AS_SECONDS_S = 60.0


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the pump
    """The pump answers with an error.

    Args:
        kind: `Command` or `Argument`.
        argument: the one that it does not take, as it was sent.
        text: why.

    """

    def __init__(self, kind: str, argument: str, text: str) -> None:
        super().__init__(kind, argument, text)
        self.lines = [f"{kind} error: {argument}".rstrip(), f"   {text}"]


class Amount(NamedTuple):
    """A number in a unit of the pump: `ul`, `ml/min` …"""

    number: float
    unit: str

    @property
    def value(self) -> float:
        """The number in µL, or in µL/s."""
        volume, _, time = self.unit.partition("/")
        return self.number * VOLUMES_UL[volume] / (_TIMES_S[time] if time else 1.0)

    @property
    def shown(self) -> str:
        """As the pump shows it."""
        return f"{shown(self.number)} {self.unit}"


def number(text: str) -> float | None:
    """Return a number that was sent; None for what is none, or a negative one."""
    return float(text) if _NUMBER.match(text) and any(each.isdigit() for each in text) else None


def volume_unit(text: str) -> str | None:
    """Return the whole name of a unit of volume, which may be cut to its first letter."""
    match = _VOLUME.match(text.lower())
    return f"{match[1]}l" if match else None


def rate_unit(text: str) -> str | None:
    """Return the whole name of a unit of rates, each part of which may be cut to its first letter."""
    match = _RATE.match(text.lower())
    return f"{match[1]}l/{ {'h': 'hr', 'm': 'min', 's': 'sec'}[match[2][0]] }" if match else None


def shown(value: float) -> str:
    """Return a number of six digits, without zeros at its end and without an exponent."""
    if value == 0.0:
        return "0"
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown_volume(value_ul: float) -> str:
    """Return a volume that was counted."""
    unit = "ml" if value_ul >= VOLUMES_UL["ml"] else "ul"
    return Amount(value_ul / VOLUMES_UL[unit], unit).shown


def shown_limit(ul_per_s: float) -> str:
    """Return a limit of rates: four decimals, no zero before the point."""
    ul_per_min = 60.0 * ul_per_s
    unit = next((each for each in ("ml", "ul") if ul_per_min >= VOLUMES_UL[each]), "nl")
    return f"{ul_per_min / VOLUMES_UL[unit]:.4f} {unit}/min".removeprefix("0")


def shown_time(value_s: float) -> str:
    """Return a time: in seconds below a minute, else as a clock has it."""
    if value_s < _SHOWN_AS_SECONDS_S:
        return f"{shown(round(value_s, 3))} seconds"
    minutes, seconds = divmod(int(value_s), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def time_s(text: str) -> float | None:
    """Return a time that was sent, in seconds or as `hh:mm:ss` or `mm:ss`; None for what is none."""
    if (match := _CLOCK.match(text)) is not None:
        return 3600.0 * int(match[1] or 0) + 60.0 * int(match[2]) + float(match[3])
    return number(text)
