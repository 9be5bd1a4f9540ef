"""Measured values as text, the same on a terminal, in a verdict's sentence and in a report."""

from __future__ import annotations

import math

from bench.results.model import Measurement

MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_DIGITS = 5
_NOTHING = 1e-9
_BOUNDS = {"above": "> ", "below": "< ", None: ""}


def is_exact(measurement: Measurement) -> bool:
    """Return whether a value was counted: an uncertainty of nothing, or of what floating-point numbers leave over."""
    spread = measurement.expanded_uncertainty
    return spread is not None and _is_nothing(spread, measurement.value or 0.0)


def parts_text(measurement: Measurement, *, signed: bool = False) -> tuple[str, str | None]:
    """Return `("1.23", "0.45")`; a bound has its sign, and what has no uncertainty has no second part."""
    if measurement.value is None:
        return "not determined", None
    value, spread = value_and_uncertainty(measurement.value, measurement.expanded_uncertainty, signed=signed)
    return _BOUNDS[measurement.censored] + value, None if is_exact(measurement) else spread


def measured_text(measurement: Measurement, *, signed: bool = False) -> str:
    """Return `1.23 ± 0.45 %`, `> 180.0 min`, `7` or `not determined`."""
    value, spread = parts_text(measurement, signed=signed)
    unit = measurement.unit if measurement.value is not None else ""
    return " ".join(part for part in (value, f"± {spread}" if spread else "", unit) if part)


def value_and_uncertainty(
    value: float, expanded_uncertainty: float | None, *, signed: bool = False
) -> tuple[str, str | None]:
    """Return a value and its expanded uncertainty as text: U with two significant digits, the value to the same place.

    Source of the rule: JCGM 100:2008, 7.2.6. A large U keeps its integer digits. No value has more than five
    significant digits: a smaller U is then rounded up to the value's last place. A value without U, or with a U of
    nothing, gets five significant digits.
    """
    if expanded_uncertainty is None:
        return number(value, _MOST_DIGITS, signed=signed), None
    if _is_nothing(expanded_uncertainty, value):
        return number(value, _MOST_DIGITS, signed=signed), "0"
    decimals = 1 - math.floor(math.log10(expanded_uncertainty))
    if round(expanded_uncertainty, decimals) >= 10.0 ** (2 - decimals):
        decimals -= 1
    most = _MOST_DIGITS - 1 - math.floor(math.log10(abs(value))) if value else decimals
    if decimals > most >= 0:
        decimals, expanded_uncertainty = most, _up(expanded_uncertainty, most)
    if decimals > 7:
        return number(value, _MOST_DIGITS, signed=signed), number(expanded_uncertainty, 2)
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


def limit_text(limit: str) -> str:
    """Return a plan's limit as it is printed: `≤ 3 h` for `<= 3 h`."""
    return limit.replace("<=", "≤").replace(">=", "≥")


def _is_nothing(spread: float, value: float) -> bool:
    return spread <= _NOTHING * abs(value) or spread <= _NOTHING**2


def _up(spread: float, decimals: int) -> float:
    return float(math.ceil(round(spread * 10.0**decimals, 6)) / 10.0**decimals)


def _fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)
