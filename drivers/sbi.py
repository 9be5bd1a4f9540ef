"""Lines of SBI: a weight, a status or an error (Cubis MSE p.72, Entris II interface description p.3).

A line has 14 characters before its CR LF, or 20 with the six that say what the value is. There is no checksum, so its
length and its columns are all that tells a whole line from a cut one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SHORT, _LONG = 14, 20
_OF_THE_PAN = ("", "N", "G", "G#")
_VALUE = re.compile(r" *([-+]?) *(\d+\.?\d*|\.\d+) *\Z", re.ASCII)
_SPECIAL = re.compile(
    r"(?P<overload>h|hh|hi|high)\Z|(?P<underload>l|ll|lo|low)\Z|(?P<busy>c|cal\..*|-+|)\Z"
    r"|(?P<error>err.*|(app|dis|prt|comm|sys)\.er.*|off)\Z",
    re.IGNORECASE,
)


class Printed(NamedTuple):
    """A value as printed; `unit` is empty where the pan is not stable."""

    number: str
    unit: str


def parse_value(line: bytes) -> Printed | None:
    """Read a weight of the pan from a line without its CR LF, such as `N     +  12.3456 g  `; None if it is none."""
    text = line.decode("latin-1")
    if len(text) == _LONG and text[:6].strip() in _OF_THE_PAN:
        text = text[6:]
    # Square brackets mark a digit that is not verified; it counts all the same.
    if len(text) != _SHORT or (value := _VALUE.match(text[:10].replace("[", "").replace("]", ""))) is None:
        return None
    unit = text[11:].rstrip()
    if text[10] not in " ]" or unit.startswith(" "):
        return None
    return Printed(value[1].replace("+", "") + value[2], unit)


def parse_special(line: bytes) -> tuple[str, str] | None:
    """Read what a line says in place of a weight.

    Returns:
        Kind and text, the kind one of `overload`, `underload`, `busy` (an adjustment, or nothing to show yet) and
        `error`; None if it says none of these.

    """
    text = line.decode("latin-1")
    is_status = text.startswith("Stat")
    text = text[4:].strip() if is_status else text.strip()
    match = _SPECIAL.match(text) if is_status or text else None
    return None if match is None else (_kind(match), text)


def _kind(match: re.Match[str]) -> str:
    return next(name for name, found in match.groupdict().items() if found is not None)
