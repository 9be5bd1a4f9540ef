"""Times as files write them: numbers, ISO 8601, hours:minutes:seconds, or a format of the user's own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from enum import StrEnum

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?\Z")
_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:[.,]\d*)?)\Z")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\D*\Z")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class TimeKind(StrEnum):
    """How a column writes its times."""

    NUMBER = "number"
    ISO = "ISO 8601"
    CLOCK = "h:min:s"
    FORMAT = "own format"


def kind_of(text: str, own_format: str | None) -> TimeKind | None:
    """Return how a time is written; None for what is no time."""
    if own_format is not None:
        return TimeKind.FORMAT
    if _ISO.match(text):
        return TimeKind.ISO
    if _CLOCK.match(text):
        return TimeKind.CLOCK
    return TimeKind.NUMBER if _NUMBER.match(text) else None


def reader_of(kind: TimeKind, own_format: str | None) -> Callable[[str], dt.datetime | float]:
    """Return what turns one cell into a time: a date with UTC, or seconds. It raises ValueError for any other text."""
    if kind is TimeKind.ISO:
        return _iso
    if kind is TimeKind.CLOCK:
        return _clock_s
    return lambda text: _dated(dt.datetime.strptime(text, own_format or ""))  # noqa: DTZ007 - dated below


def _iso(text: str) -> dt.datetime:
    return _dated(dt.datetime.fromisoformat(text.replace(",", ".")))


def _dated(instant: dt.datetime) -> dt.datetime:
    """Return the instant in UTC; a stamp without a zone is taken as UTC, since only differences count."""
    return instant.replace(tzinfo=dt.UTC) if instant.tzinfo is None else instant


def _clock_s(text: str) -> float:
    match = _CLOCK.match(text)
    if match is None:
        raise ValueError("no time of the form h:min:s")
    return 3600.0 * int(match[1]) + 60.0 * int(match[2]) + float(match[3].replace(",", "."))
