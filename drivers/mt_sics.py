"""Lines of MT-SICS: what a weight, a text and an error look like (Mettler Toledo manual 11780711)."""

from __future__ import annotations

import math
import re

from drivers.errors import RefusedError

ADVICE_BAUD = "Do baud rate and parity of the rig file and of the balance's menu agree (factory setting 9600 8N1)?"

_STATUS = {b"S": "stable", b"D": "dynamic"}
_NO_VALUE = {b"+": "overload", b"-": "underload", b"I": "busy"}
_NAN = math.nan

# Factor and divisor to g: dividing by a power of ten keeps decimal fractions as exact as they can be.
_UNITS: dict[bytes, tuple[float, float]] = {
    b"g": (1.0, 1.0),
    b"kg": (1e3, 1.0),
    b"t": (1e6, 1.0),
    b"mg": (1.0, 1e3),
    b"ug": (1.0, 1e6),
    b"mcg": (1.0, 1e6),
    "µg".encode("latin-1"): (1.0, 1e6),
    "µg".encode(): (1.0, 1e6),
    b"ct": (0.2, 1.0),
    b"lb": (453.59237, 1.0),
    b"oz": (28.349523125, 1.0),
    b"ozt": (31.1034768, 1.0),
    b"GN": (0.06479891, 1.0),
    b"dwt": (1.55517384, 1.0),
}

_ERRORS = {
    b"ES": ("does not know the command", "Is its interface set to MT-SICS, and does its level have this command?"),
    b"ET": ("saw a transmission error", ADVICE_BAUD),
    b"EL": ("cannot execute the command", "See the balance's manual; a menu or an adjustment may be in the way."),
}
_REPLY_FORM = re.compile(rb"[A-Z@][A-Z0-9]{0,4}( .*)?\Z")


def parse_weight(line: bytes, sent: bytes = b"SIR") -> tuple[float, str] | None:
    """Return value in g and status of a weight line, such as `S D      1.234 g`; None if it is none.

    The value is NaN with status `overload`, `underload` or `busy` (cannot weigh now). The id may be `S` or the command
    that was sent, since both are met.
    """
    words = line.split()
    if not words or (words[0] != b"S" and words[0] != sent):
        return None
    if len(words) == 4:
        number = words[2]
        status = _STATUS.get(words[1])
        unit = _UNITS.get(words[3])
        # float() would take `nan`, `1e5` and `1_0`, which no balance sends.
        if status is None or unit is None or number.translate(None, b"0123456789.-+"):
            return None
        try:
            return float(number) * unit[0] / unit[1], status
        except ValueError:
            return None
    if len(words) == 2 and (no_value := _NO_VALUE.get(words[1])) is not None:
        return _NAN, no_value
    return None


def unknown_unit(line: bytes) -> str:
    """Return the unit of a weight line that cannot be converted to g; empty where that is not what is wrong with it."""
    words = line.split()
    if len(words) != 4 or words[0] != b"S" or words[1] not in _STATUS or words[3] in _UNITS:
        return ""
    return words[3].decode("latin-1") if re.fullmatch(rb"[-+]?[0-9.]+", words[2]) else ""


def parse_text(line: bytes) -> str:
    """Return the quoted text of a reply such as `I4 A "B021002593"`; several are joined by spaces."""
    texts: list[str] = re.findall(r'"([^"]*)"', line.decode("latin-1"))
    return " ".join(text.strip() for text in texts)


def is_reply(line: bytes, sent: bytes) -> bool:
    """Tell whether `line` answers `sent`, by its id: the command itself, or `S` for any request of a weight."""
    words = line.split(None, 1)
    if not words:
        return False
    command = sent.split(None, 1)[0]
    return words[0] == command or (words[0] == b"S" and command in (b"S", b"SI"))


def is_foreign(line: bytes) -> bool:
    """Tell whether `line` does not even look like MT-SICS, as after a wrong baud rate."""
    return _REPLY_FORM.match(line) is None


def raise_error_reply(instrument: str, sent: bytes, line: bytes) -> None:
    """Raise if `line` reports an error.

    Raises:
        RefusedError: it is `ES`, `ET`, `EL` or a weight line with `Error` in it.

    """
    words = line.split()
    if len(words) == 1 and words[0] in _ERRORS:
        problem, advice = _ERRORS[words[0]]
        raise RefusedError(instrument, problem, sent=sent, seen=line, advice=advice)
    if len(words) >= 3 and words[2] == b"Error":
        code = b" ".join(words[3:]).decode("latin-1") or "without a number"
        raise RefusedError(
            instrument,
            f"reports error {code} of its own",
            sent=sent,
            seen=line,
            advice="See the balance's display; b stands for its electronics and t for its terminal.",
        )
