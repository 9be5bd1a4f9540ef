"""Lines of MT-SICS: weights, texts, lists and errors (Mettler Toledo manuals 11780711 and 11781363, pp.8-12)."""

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
_DEVICE_ERRORS = {
    "1": "boot error",
    "2": "brand error",
    "3": "checksum error",
    "9": "option failed",
    "10": "EEPROM error",
    "11": "device mismatch",
    "12": "unplugged while on",
    "14": "weigh module and electronics do not match",
    "15": "needs an adjustment",
}
_DEVICE_PARTS = {"b": "its electronics", "t": "its terminal"}
# Numbers of units in M21 and SIS whose names stand above.
_NUMBERED_UNITS = {
    b"0": b"g",
    b"1": b"kg",
    b"3": b"mg",
    b"4": b"ug",
    b"5": b"ct",
    b"7": b"lb",
    b"8": b"oz",
    b"9": b"ozt",
}
_LONGEST = 20
_PLAIN_NUMBER = re.compile(rb"[-+]?[0-9]{1,12}(\.[0-9]{0,12})?\Z")
_LISTED = re.compile(rb'I0 [AB] [0-9] "([A-Z0-9@]+)"\Z')
_SETTLED_WEIGHT = re.compile(rb'SIS A [0-3] "[^"]*" ([0-9]+) ([0-9]) ([0-9]+)( .*)?\Z')
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
        if status is None or unit is None or len(number) > _LONGEST or number.translate(None, b"0123456789.-+"):
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
    return words[3].decode("latin-1") if re.fullmatch(rb"[-+]?[0-9.:]+", words[2]) else ""


def digit_g(line: bytes) -> float:
    """Return what the last digit of a weight line counts, in g; NaN where the line has no weight."""
    words = line.split()
    return _digit_g(words[2], words[3]) if len(words) == 4 else _NAN


def _digit_g(number: bytes, unit: bytes) -> float:
    factor = _UNITS.get(unit)
    return _NAN if factor is None else 10.0 ** -len(number.partition(b".")[2]) * factor[0] / factor[1]


def parse_mass(words: list[bytes]) -> float | None:
    """Return in g what `["100.00", "g"]` says; None if that is no mass."""
    if len(words) != 2 or words[1] not in _UNITS or (number := parse_number(words[0])) is None:
        return None
    factor = _UNITS[words[1]]
    return number * factor[0] / factor[1]


def parse_number(word: bytes) -> float | None:
    """Return a plain decimal number; None for anything else, such as `nan`, `1e5` or `1_0`."""
    return float(word) if _PLAIN_NUMBER.match(word) else None


def parse_capacity(text: str) -> tuple[float, float]:
    """Return maximum and its last digit in g from the text of `I2`, `XS204 Excellence 220.0090 g`; NaN for none."""
    words = text.encode("latin-1").split()[-2:]
    maximum_g = parse_mass(words)
    return (_NAN, _NAN) if maximum_g is None else (maximum_g, _digit_g(*words))


def parse_step(line: bytes) -> float | None:
    """Return in g the step of the weight that `SIS` tells, from its unit, decimals and step; None if it tells none."""
    match = _SETTLED_WEIGHT.match(line)
    unit = _NUMBERED_UNITS.get(match[1]) if match is not None else None
    if match is None or unit is None:
        return None
    factor = _UNITS[unit]
    return int(match[3]) * 10.0 ** -int(match[2]) * factor[0] / factor[1]


def parse_listed(lines: list[bytes]) -> frozenset[str]:
    """Return the commands that the lines of `I0` list; none if any line is no such line, but for a bare end."""
    matches = [_LISTED.match(line) for line in lines if line != b"I0 A"]
    return frozenset(match[1].decode() for match in matches if match) if all(matches) else frozenset()


def host_unit(lines: list[bytes]) -> str | None:
    """Return the unit of channel 0 in the lines of `M21`, as its number or name; None if they do not tell."""
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[2] == b"0":
            return words[3].decode("latin-1")
    return None


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
    return words[0] == command or (words[0] == b"S" and command in (b"S", b"SI", b"SC"))


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
        code = b" ".join(words[3:]).decode("latin-1")
        number, part = code[:-1], code[-1:]
        meaning = _DEVICE_ERRORS.get(number)
        told = f", {meaning} of {_DEVICE_PARTS[part]}" if meaning and part in _DEVICE_PARTS else ""
        raise RefusedError(
            instrument,
            f"reports error {code or 'without a number'} of its own{told}",
            sent=sent,
            seen=line,
            advice="Switch it off and on; if the error stays, it needs service.",
        )
