"""Numbers, units and the status line of Harvard Protocol 11 pumps (PHD ULTRA manual 5419-002 pp. 83 and 88).

A rate or a volume is told with six digits. How many a pump keeps is not documented, so each is read back, and must
agree within a part in 5000.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from drivers.errors import RefusedError

FEMTOLITRES_PER_UL = 1e9
_UL = {"ml": 1000.0, "ul": 1.0, "nl": 1e-3, "pl": 1e-6}
_PER_H = {"h": 1.0, "m": 60.0, "s": 3600.0}
_DIGITS = 6
_AGREES = 2e-4
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})"
_VOLUME = re.compile(rf"{_NUMBER} ([munp]l)\Z")
_RATE = re.compile(rf"{_NUMBER} ([munp]l)/(h|hr|hour|m|min|s|sec)\Z")
_LENGTH = re.compile(rf"{_NUMBER} mm\Z")
_PERCENT = re.compile(r"([0-9]{1,3}) ?%\Z")
_STATUS = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18}) ([iIwW])([.iIwW])([.S])[.T][iIwW]([.T]?)\Z")


class Status(NamedTuple):
    """What `status` told: counts are of the direction in which the pump ran last."""

    infuses: bool
    volume_ul: float
    limit_hit: bool
    stalled: bool
    flags: int
    """How many flags it has: 5 in the first PHD ULTRA, 6 else."""


class PlainNumbers:
    """Rates and volumes that are told as they are: with six digits none is rounded noticeably."""

    def ul_per_h(self, rate: float) -> float:
        """Return a rate in µL/h."""
        return rate

    def ul(self, volume: float) -> float:
        """Return a volume in µL."""
        return volume

    def words(self, rate: float) -> str:
        """Return a rate as a person reads it."""
        return f"{rate:g} µL/h"


def status(text: str) -> Status | None:
    """Return what a status line tells; None for what is none."""
    match = _STATUS.match(text)
    if match is None:
        return None
    flags = len(text.rpartition(" ")[2])
    volume_ul = int(match[3]) / FEMTOLITRES_PER_UL
    return Status(match[4] in "iI", volume_ul, match[5] != ".", match[6] == "S", flags)


def volume_ul(text: str) -> float | None:
    """Return a volume in µL; None for what is none."""
    match = _VOLUME.match(text)
    return float(match[1]) * _UL[match[2]] if match else None


def rate_ul_per_h(text: str) -> float | None:
    """Return a rate in µL/h; None for what is none."""
    match = _RATE.match(text)
    return float(match[1]) * _UL[match[2]] * _PER_H[match[3][0]] if match else None


def limits_ul_per_h(text: str) -> tuple[float, float] | None:
    """Return the slowest and the fastest rate in µL/h; None for what is none."""
    least, _, most = text.partition(" to ")
    found = rate_ul_per_h(least), rate_ul_per_h(most)
    if found[0] is None or found[1] is None or found[0] >= found[1]:
        return None
    return found[0], found[1]


def length_mm(text: str) -> float | None:
    """Return a length in mm; None for what is none."""
    match = _LENGTH.match(text)
    return float(match[1]) if match else None


def percent(text: str) -> float | None:
    """Return a percentage; None for what is none."""
    match = _PERCENT.match(text)
    return float(match[1]) if match else None


def agree(found: float | None, wanted: float) -> bool:
    """Return whether what was read back is what was told."""
    return found is not None and math.isclose(found, wanted, rel_tol=_AGREES)


def told_volume(value_ul: float, instrument: str) -> str:
    """Return a volume as it is told: `2.5 ul`.

    Raises:
        RefusedError: it is not above zero.

    """
    return f"{_told(value_ul, instrument, 'volume')} ul"


def told_rate(value_ul_per_h: float, instrument: str) -> str:
    """Return a rate as it is told: `10 ul/hr`.

    Raises:
        RefusedError: it is not above zero.

    """
    return f"{_told(value_ul_per_h, instrument, 'rate')} ul/hr"


def _told(value: float, instrument: str, what: str) -> str:
    if not (math.isfinite(value) and value > 0.0):
        raise RefusedError(instrument, f"a {what} of {value:g} cannot be told", advice="It must be above zero.")
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(value)))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
