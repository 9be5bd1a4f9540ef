"""From text to quantities, tolerances and limits; nothing is guessed, and every refusal says what is allowed."""

from __future__ import annotations

import re

from bench.quantities.units import QuantityError, canonical_unit, units_of
from bench.quantities.values import CONCENTRATIONS, Concentration, Limit, Quantity, Tolerance

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
LARGEST = 1e15
"""Nothing on a bench is larger in any unit of the table."""
LIMIT_FORMS = "'±5 %', '<= 3 h', '>= 95 %', '0.9 U to 1.1 U' or '-5 % to +10 %'"
COUNT_FORMS = "'<= 0', '>= 3' or '1 to 3'"
_QUANTITY = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>[^\d\s].*)?\Z", re.DOTALL)
_PLUS_MINUS = re.compile(r"±|\+/?-")


def parse_quantity(text: str, dimension: str) -> Quantity:
    """Read a quantity of a dimension, such as `1 U/h` for a rate; a plain integer for a count.

    Raises:
        QuantityError: the text is no such quantity; it says what is allowed.

    """
    stripped = _plain(text)
    match = _QUANTITY.match(stripped)
    if re.search(r"[0-9],[0-9]", stripped):
        point = _shown(stripped.replace(",", "."))
        raise QuantityError(f"{_shown(stripped)} has a decimal comma; write a point ({point})")
    if match is None:
        raise QuantityError(f"{_shown(stripped)} is no {dimension}; {_allowed(dimension)}")
    value = float(match["number"])
    if abs(value) > LARGEST:
        raise QuantityError(f"{_shown(stripped)} is too large to be meant; {_allowed(dimension)}")
    unit = _unit(stripped, match["unit"], dimension)
    if dimension == "count" and value != int(value):
        raise QuantityError(f"{_shown(stripped)} is no whole number; {_allowed(dimension)}")
    return Quantity(value, unit)


def has_half_width(text: str) -> bool:
    """Return whether a text has a ±, or what stands for it."""
    return _PLUS_MINUS.search(_plain(text)) is not None


def parse_tolerance(text: str, dimension: str) -> Tolerance:
    """Read `23 °C ± 2 °C`; `+-` and `+/-` mean ±, and the half width of a temperature may be in K.

    Raises:
        QuantityError: the text is no tolerance, or its half width is negative.

    """
    parts = _PLUS_MINUS.split(_plain(text))
    if len(parts) != 2 or not all(part.strip() for part in parts):
        example = (
            "23 °C ± 2 °C"
            if dimension == "temperature"
            else f"10 {units_of(dimension)[0]} ± 1 {units_of(dimension)[0]}"
        )
        raise QuantityError(f"{_shown(text)} is no {dimension} with its half width; write it as {example!r}")
    nominal = parse_quantity(parts[0], dimension)
    half_text = re.sub(r"\bK\s*\Z", "°C", parts[1]) if dimension == "temperature" else parts[1]
    half_width = parse_quantity(half_text, dimension).to(nominal.unit)
    if half_width < 0:
        raise QuantityError(f"{_shown(text)} has a negative half width")
    return Tolerance(nominal.value, half_width, nominal.unit)


def parse_limit(text: str, dimension: str) -> Limit:
    """Read a limit: `±5 %`, `<= 3 h`, `>= 95 %`, `0.9 U to 1.1 U`.

    Raises:
        QuantityError: the text is no limit of that dimension.

    """
    stripped = _plain(text).replace("≤", "<=").replace("≥", ">=")
    symmetric = re.match(r"(?:±|\+/?-)(.*)\Z", stripped, re.DOTALL)
    if symmetric:
        half = parse_quantity(symmetric[1], dimension)
        if half.value < 0:
            raise QuantityError(f"{_shown(text)} has a negative half width")
        return Limit(-half.value, half.value, half.unit, text.strip())
    one_sided = re.match(r"(<=|>=|<|>)(.*)\Z", stripped, re.DOTALL)
    if one_sided:
        bound = parse_quantity(one_sided[2], dimension)
        lower, upper = (bound.value, None) if one_sided[1].startswith(">") else (None, bound.value)
        return Limit(lower, upper, bound.unit, text.strip())
    sides = re.split(r"\s+to\s+", stripped)
    if len(sides) == 2:
        return _range(text, sides[0], sides[1], dimension)
    forms = COUNT_FORMS if dimension == "count" else LIMIT_FORMS
    if re.match(NUMBER, stripped):
        parse_quantity(stripped, dimension)
        raise QuantityError(f"{_shown(text)} does not say on which side the limit is; write it as {forms}")
    raise QuantityError(f"{_shown(text)} is no limit; write it as {forms}")


def parse_concentration(text: str) -> Concentration:
    """Read `U-100`, `U-200` or `U-500`.

    Raises:
        QuantityError: the text is none of them.

    """
    try:
        return CONCENTRATIONS[text.strip()]
    except KeyError:
        allowed = ", ".join(CONCENTRATIONS)
        raise QuantityError(f"{_shown(text)} is no insulin concentration; allowed: {allowed}") from None


def _range(text: str, low_text: str, high_text: str, dimension: str) -> Limit:
    low, high = parse_quantity(low_text, dimension), parse_quantity(high_text, dimension)
    try:
        lower = low.to(high.unit)
    except QuantityError:
        raise QuantityError(f"{_shown(text)} mixes insulin units and volume; write both sides in one of them") from None
    if lower > high.value:
        raise QuantityError(f"{_shown(text)} has its sides the wrong way round; write the smaller one first")
    return Limit(lower, high.value, high.unit, text.strip())


def _unit(text: str, unit: str | None, dimension: str) -> str:
    if not unit:
        if dimension == "count":
            return ""
        raise QuantityError(f"{_shown(text)} has no unit; {_allowed(dimension)}")
    try:
        known = canonical_unit(unit)
    except QuantityError as error:
        raise QuantityError(f"{_shown(text)}: {error} ({_allowed(dimension)})") from None
    if known not in units_of(dimension):
        found = Quantity(0.0, known).dimension
        raise QuantityError(f"{_shown(text)} is a {found} where a {dimension} is meant; {_allowed(dimension)}")
    return known


def _allowed(dimension: str) -> str:
    if dimension == "count":
        return "allowed: a whole number without a unit"
    return f"allowed: a number and one of {', '.join(units_of(dimension))}"


def _plain(text: str) -> str:
    return text.strip().replace("\N{MINUS SIGN}", "-")


def _shown(text: str) -> str:
    stripped = text.strip()
    return repr(stripped if len(stripped) <= 60 else f"{stripped[:57]}…")
