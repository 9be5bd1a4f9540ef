"""Numbers as a reader expects them: a value with as many digits as its uncertainty supports, durations in words."""

from __future__ import annotations

import math

MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def value_and_uncertainty(
    value: float, expanded_uncertainty: float | None, *, signed: bool = False
) -> tuple[str, str | None]:
    """Return a value and its expanded uncertainty as text: U with two significant digits, the value to the same place.

    Source of the rule: JCGM 100:2008, 7.2.6. A large U keeps its integer digits; a value without U, or with a U of
    zero, gets five significant digits.
    """
    if expanded_uncertainty is None:
        return number(value, 5, signed=signed), None
    if expanded_uncertainty == 0.0:
        return number(value, 5, signed=signed), "0"
    decimals = 1 - math.floor(math.log10(expanded_uncertainty))
    if round(expanded_uncertainty, decimals) >= 10.0 ** (2 - decimals):
        decimals -= 1
    if decimals > 7:
        return number(value, 5, signed=signed), number(expanded_uncertainty, 2)
    decimals = max(decimals, 0)
    return _fixed(value, decimals, signed=signed), _fixed(expanded_uncertainty, decimals)


def number(value: float, digits: int = 4, *, signed: bool = False) -> str:
    """Return a number with a count of significant digits, without an exponent where that can be read at a glance."""
    if value == 0.0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    exponent = math.floor(math.log10(abs(value)))
    if -5 < exponent < 7:
        text = _fixed(value, max(digits - 1 - exponent, 0), signed=signed)
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{mantissa.replace('-', MINUS)} × 10{str(int(power)).translate(_SUPERSCRIPT)}"


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


def clock_time(seconds: float) -> str:
    """Return a duration as HH:MM:SS, the form by which pytest-html sorts."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)
