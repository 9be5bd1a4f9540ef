"""Durations and signs as a reader expects them."""

from __future__ import annotations

import re

from bench.metrology.rounding import MINUS

_MINUS_SIGN = re.compile(r"(?<![\w.,-])-(?=\d)")


def duration(seconds: float) -> str:
    """Return a duration in its two largest fitting units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {second:02d} s"
    hours, minute = divmod(minutes, 60)
    if hours < 100:
        return f"{hours} h {minute:02d} min"
    days, hour = divmod(hours, 24)
    return f"{days} d {hour:02d} h"


def with_minus(text: str) -> str:
    """Return a text whose negative numbers have a minus in place of a hyphen; dates, ids and ranges keep theirs."""
    return _MINUS_SIGN.sub(MINUS, text)


def clock_time(seconds: float) -> str:
    """Return a duration as HH:MM:SS, the form by which pytest-html sorts."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
