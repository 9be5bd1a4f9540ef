"""What a plain scalar may be: true, false, a decimal number, or text; nulls and YAML 1.1's surprises are refused."""

from __future__ import annotations

import re

_BOOLEANS = {"true": True, "false": False}
_NULL = re.compile(r"(?i:null)\Z|~?\Z")
_OLD_BOOLEANS = re.compile(r"(?i:yes|no|on|off|true|false|y|n)\Z")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\Z")
_DECIMAL = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})(?:\.\d{1,20}(?:[eE][+-]?\d{1,3})?|[eE][+-]?\d{1,3})\Z")
_REFUSED = (
    (
        r"[+-]?\d+(?::[0-5]?\d)+(?:\.\d*)?",
        "looks like a time or a number to base 60; write '90 s' or '1.5 h', or quote it",
    ),
    (r"[+-]?0\d+", "has a leading zero, which some YAML readers take as octal; drop the zero or quote it"),
    (r"[+-]?0[xXoObB][0-9a-fA-F_]+", "is a hexadecimal, octal or binary number; write it as a decimal"),
    (r"[+-]?\d[\d_]*_[\d_]*(?:\.\d*)?", "has an underscore in a number; write the digits alone"),
    (r"[+-]?\.?(?i:inf|infinity|nan)", "is not finite; write a number"),
    (r"[+-]?\d+,\d+", "has a decimal comma; write a point"),
    (r"[+-]?(?:\.\d+|\d+\.)(?:[eE][+-]?\d+)?", "needs digits on both sides of the point"),
    (r"[+-]?\d{19,}(?:\.\d*)?", "has too many digits"),
)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?\Z")


class ScalarError(ValueError):
    """A plain scalar whose meaning would be a guess."""


def meaning(text: str) -> bool | int | float | str:
    """Return what an unquoted scalar means.

    Dates stay text: fields that are dates read them.

    Raises:
        ScalarError: the text means different things to different YAML readers.

    """
    if _NULL.match(text):
        raise ScalarError("found nothing; write a value, or leave the key out")
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _OLD_BOOLEANS.match(text):
        raise ScalarError(f"{text!r} is a boolean to some YAML readers; write true or false, or quote it")
    for pattern, why in _REFUSED:
        if re.fullmatch(pattern, text):
            shown = text if len(text) <= 40 else f"{text[:37]}…"
            raise ScalarError(f"{shown!r} {why}")
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return text


def is_date(text: str) -> bool:
    """Return whether a text looks like a YAML date or time stamp."""
    return bool(_DATE.match(text))
