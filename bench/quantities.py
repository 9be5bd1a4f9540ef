"""Quantities with units: the bench's own exact unit table, and the field types of plans and rigs.

A quantity is written as a number, a space and a unit: `1 U/h`, `0.05 U`, `10 µL`, `24 h`. Insulin units convert to volume only by a
concentration (U-100: 1 U = 10 µL). Public unit libraries are no help here: they read `U` as an enzyme unit and `1,5 mL` as 15 mL.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import core_schema


class QuantityError(ValueError):
    """A text that is no quantity, or a conversion that does not exist."""


# Dimension -> unit -> factor to the first unit of the dimension. Insulin units stand in dimensions of their own and are
# let in wherever a volume or a rate is meant; only a concentration converts them.
_UNITS: dict[str, dict[str, float]] = {
    "volume": {"µL": 1.0, "nL": 1e-3, "mL": 1e3, "L": 1e6},
    "insulin": {"U": 1.0},
    "rate": {"µL/h": 1.0, "nL/h": 1e-3, "mL/h": 1e3, "µL/min": 60.0, "mL/min": 6e4, "nL/min": 0.06, "µL/s": 3600.0},
    "insulin rate": {"U/h": 1.0, "U/min": 60.0},
    "duration": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "mass": {"g": 1.0, "mg": 1e-3, "µg": 1e-6, "kg": 1e3},
    "mass rate": {"mg/h": 1.0, "µg/h": 1e-3, "g/h": 1e3, "mg/min": 60.0},
    "temperature": {"°C": 1.0},
    "temperature difference": {"K": 1.0, "mK": 1e-3},
    "pressure": {
        "kPa": 1.0,
        "Pa": 1e-3,
        "hPa": 0.1,
        "mbar": 0.1,
        "bar": 100.0,
        "MPa": 1e3,
        "psi": 6.894757293168361,
        "mmHg": 0.133322387415,
    },
    "ratio": {"%": 1.0, "ppm": 1e-4},
    "length": {"mm": 1.0, "µm": 1e-3, "cm": 10.0, "m": 1e3},
    "area": {"mm²": 1.0, "cm²": 100.0},
    "voltage": {"V": 1.0, "mV": 1e-3, "µV": 1e-6},
    "pressure per voltage": {"kPa/V": 1.0, "kPa/mV": 1e3, "bar/V": 100.0, "psi/V": 6.894757293168361},
    "compliance": {"µL/kPa": 1.0, "nL/kPa": 1e-3, "mL/kPa": 1e3},
    "resistance": {"kPa·s/µL": 1.0},
    "frequency": {"Hz": 1.0, "kHz": 1e3},
    "count": {"": 1.0},
}
_INSULIN_OF = {"volume": "insulin", "rate": "insulin rate"}
_VOLUME_OF = {insulin: volume for volume, insulin in _INSULIN_OF.items()}
_DIMENSION_OF = {unit: dimension for dimension, units in _UNITS.items() for unit in units}
_SPELLINGS = {
    "microL": "µL",
    "degC": "°C",
    "min.": "min",
    "sec": "s",
    "hr": "h",
    "hours": "h",
    "IU": "U",
    "IU/h": "U/h",
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>[^\d\s].*?)?\s*\Z")


def dimensions() -> tuple[str, ...]:
    """Return the names of all dimensions that a field may have."""
    return tuple(dimension for dimension in _UNITS if dimension not in _VOLUME_OF)


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the units in which a dimension may be written, insulin units included.

    Raises:
        KeyError: there is no such dimension.

    """
    insulin = _INSULIN_OF.get(dimension)
    return (*_UNITS[dimension], *(_UNITS[insulin] if insulin else ()))


@dataclass(frozen=True, slots=True)
class Concentration:
    """Insulin concentration, such as U-100: 100 U/mL."""

    u_per_ml: float

    @property
    def ul_per_u(self) -> float:
        """Volume of one unit in µL."""
        return 1000.0 / self.u_per_ml

    def __str__(self) -> str:
        return f"U-{self.u_per_ml:g}"


CONCENTRATIONS = {f"U-{each}": Concentration(float(each)) for each in (100, 200, 500)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit of the table."""

    value: float
    unit: str

    @property
    def dimension(self) -> str:
        """The quantity's dimension; insulin units count as volume and rate."""
        own = _DIMENSION_OF[self.unit]
        return _VOLUME_OF.get(own, own)

    def to(self, unit: str, concentration: Concentration | None = None) -> float:
        """Return the value in another unit.

        Raises:
            QuantityError: the units have different dimensions, or an insulin unit meets a volume without a concentration.

        """
        unit = canonical_unit(unit)
        here, there = _DIMENSION_OF[self.unit], _DIMENSION_OF[unit]
        value = self.value * _UNITS[here][self.unit]
        if here != there:
            if _VOLUME_OF.get(here, here) != _VOLUME_OF.get(there, there):
                raise QuantityError(f"{self} is a {self.dimension} and cannot be given in {unit}")
            if concentration is None:
                raise QuantityError(f"{self} converts to {unit} only by an insulin concentration, such as U-100")
            value = value * concentration.ul_per_u if here in _VOLUME_OF else value / concentration.ul_per_u
        return value / _UNITS[there][unit]

    def __str__(self) -> str:
        short = f"{self.value:g}"
        return f"{short if float(short) == self.value else repr(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A nominal value with a half width: `23 °C ± 2 °C`."""

    nominal: float
    half_width: float
    unit: str

    def __str__(self) -> str:
        return f"{self.nominal:g} {self.unit} ± {self.half_width:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measurement is held against; None where a side is open."""

    lower: float | None
    upper: float | None
    unit: str
    text: str

    @property
    def dimension(self) -> str:
        """The limit's dimension."""
        own = _DIMENSION_OF[self.unit]
        return _VOLUME_OF.get(own, own)

    def to(self, unit: str, concentration: Concentration | None = None) -> tuple[float | None, float | None]:
        """Return both sides in another unit.

        Raises:
            QuantityError: as in `Quantity.to`.

        """
        lower, upper = (
            None if side is None else Quantity(side, self.unit).to(unit, concentration)
            for side in (self.lower, self.upper)
        )
        return lower, upper

    def __str__(self) -> str:
        return self.text


def canonical_unit(unit: str) -> str:
    """Return the table's spelling of a unit: both micro signs and `u` mean µ, `°C` and `ºC` the same.

    Raises:
        QuantityError: there is no such unit; the text suggests the nearest.

    """
    spelt = unit.strip().replace("\u03bc", "µ").replace("º", "°").replace("℃", "°C").replace("^2", "²")
    spelt = _SPELLINGS.get(spelt, spelt)
    if spelt in _DIMENSION_OF:
        return spelt
    if re.match(r"u(L|l|g|m|V)\b", spelt):
        spelt = "µ" + spelt[1:]
    for candidate in (spelt, re.sub(r"([µnm]?)l\b", r"\1L", spelt)):
        if candidate in _DIMENSION_OF:
            return candidate
    folded = {known.casefold(): known for known in _DIMENSION_OF}
    near = folded.get(spelt.casefold()) or next(iter(difflib.get_close_matches(spelt, _DIMENSION_OF, 1, 0.4)), None)
    hint = f"; did you mean {near!r}?" if near else ""
    raise QuantityError(f"unknown unit {unit.strip()!r}{hint}")


def parse_quantity(text: str, dimension: str) -> Quantity:
    """Read a quantity of a dimension, such as `1 U/h` for a rate; a bare integer for a count.

    Raises:
        QuantityError: the text is no such quantity; it says what is allowed.

    """
    units = ", ".join(units_of(dimension))
    allowed = f"allowed: a number and one of {units}" if units else "allowed: a number"
    if re.search(r"\d,\d", text):
        raise QuantityError(f"{text.strip()!r} has a decimal comma; write a point ({text.strip().replace(',', '.')!r})")
    match = _QUANTITY.match(text)
    if match is None:
        raise QuantityError(f"{text.strip()!r} is no {dimension}; {allowed}")
    value = float(match["number"])
    if not math.isfinite(value):
        raise QuantityError(f"{text.strip()!r} is not finite; {allowed}")
    if not match["unit"]:
        if dimension == "count":
            return Quantity(value, "")
        raise QuantityError(f"{text.strip()!r} has no unit; {allowed}")
    try:
        unit = canonical_unit(match["unit"])
    except QuantityError as error:
        raise QuantityError(f"{text.strip()!r}: {error}; {allowed}") from None
    quantity = Quantity(value, unit)
    if quantity.dimension != dimension:
        raise QuantityError(f"{text.strip()!r} is a {quantity.dimension} where a {dimension} is meant; {allowed}")
    return quantity


def parse_tolerance(text: str, dimension: str) -> Tolerance:
    """Read `23 °C ± 2 °C` (or `+-`).

    Raises:
        QuantityError: the text is no tolerance, or its half width is negative.

    """
    parts = re.split(r"±|\+/?-", text)
    if len(parts) != 2:
        raise QuantityError(f"{text.strip()!r} is no tolerance; write it as '23 °C ± 2 °C'")
    nominal = parse_quantity(parts[0], dimension)
    half_text = re.sub(r"\bK\b", "°C", parts[1]) if dimension == "temperature" else parts[1]
    half_width = parse_quantity(half_text, dimension).to(nominal.unit)
    if half_width < 0:
        raise QuantityError(f"{text.strip()!r} has a negative half width")
    return Tolerance(nominal.value, half_width, nominal.unit)


_FORMS = "'±5 %', '<= 3 h', '>= 95 %', '0.9 U to 1.1 U' or '-5 % to +10 %'"


def parse_limit(text: str, dimension: str) -> Limit:
    """Read a limit: `±5 %`, `<= 3 h`, `>= 95 %`, `0.9 U to 1.1 U`.

    Raises:
        QuantityError: the text is no limit of that dimension.

    """
    stripped = text.strip().replace("≤", "<=").replace("≥", ">=")
    symmetric = re.match(r"(?:±|\+/?-)(.+)\Z", stripped)
    if symmetric:
        half = parse_quantity(symmetric[1], dimension)
        if half.value < 0:
            raise QuantityError(f"{text.strip()!r} has a negative half width")
        return Limit(-half.value, half.value, half.unit, text.strip())
    one_sided = re.match(r"(<=|>=|<|>)(.+)\Z", stripped)
    if one_sided:
        bound = parse_quantity(one_sided[2], dimension)
        lower, upper = (bound.value, None) if one_sided[1].startswith(">") else (None, bound.value)
        return Limit(lower, upper, bound.unit, text.strip())
    sides = re.split(r"\s+to\s+", stripped)
    if len(sides) == 2:
        low, high = (parse_quantity(side, dimension) for side in sides)
        try:
            lower_value = low.to(high.unit)
        except QuantityError as error:
            raise QuantityError(f"{text.strip()!r}: both sides need units of one kind: {error}") from None
        if lower_value > high.value:
            raise QuantityError(f"{text.strip()!r} has its sides the wrong way round")
        return Limit(lower_value, high.value, high.unit, text.strip())
    if re.match(_NUMBER, stripped):
        raise QuantityError(f"{text.strip()!r} does not say on which side the limit is; write it as {_FORMS}")
    raise QuantityError(f"{text.strip()!r} is no limit; write it as {_FORMS}")


def parse_concentration(text: str) -> Concentration:
    """Read `U-100`, `U-200` or `U-500`.

    Raises:
        QuantityError: the text is none of them.

    """
    try:
        return CONCENTRATIONS[text.strip()]
    except KeyError:
        known = ", ".join(CONCENTRATIONS)
        raise QuantityError(f"{text.strip()!r} is no insulin concentration; allowed: {known}") from None


def _field(parse: Any, result: type, schema: dict[str, Any]) -> GetPydanticSchema:
    def validate(value: Any) -> Any:
        if isinstance(value, result):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r} has no unit; write it as text such as {schema['examples'][0]!r}")
        return parse(value)

    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.to_string_ser_schema()
        ),
        lambda _source, _handler: {"type": "string", **schema},
    )


_EXAMPLES = {
    "volume": ["0.05 U", "10 µL"],
    "rate": ["1 U/h", "5 mL/h"],
    "duration": ["24 h", "90 s"],
    "mass": ["0.01 mg"],
    "mass rate": ["0.05 mg/h"],
    "temperature": ["23 °C"],
    "temperature difference": ["0.3 K"],
    "pressure": ["100 kPa", "14.5 psi"],
    "ratio": ["5 %"],
    "length": ["0.5 mm"],
    "area": ["3 mm²"],
    "voltage": ["10 V"],
    "pressure per voltage": ["20 kPa/V"],
    "compliance": ["0.15 µL/kPa"],
    "resistance": ["1.5 kPa·s/µL"],
    "frequency": ["10 Hz"],
    "count": ["0"],
}


def _unit_pattern(dimension: str) -> str:
    spellings = sorted({re.escape(unit) for unit in units_of(dimension)}, key=len, reverse=True)
    return f"(?:{'|'.join(spellings)})"


@cache
def QuantityOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of quantities of a dimension."""
    return Annotated[
        Quantity,
        _field(
            lambda text: parse_quantity(text, dimension),
            Quantity,
            {
                "pattern": rf"^\s*{_NUMBER}\s*{_unit_pattern(dimension)}\s*$",
                "examples": _EXAMPLES[dimension],
                "description": f"a {dimension} in {', '.join(units_of(dimension)) or 'plain numbers'}",
            },
        ),
    ]


@cache
def ToleranceOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of tolerances of a dimension."""
    return Annotated[
        Tolerance,
        _field(
            lambda text: parse_tolerance(text, dimension),
            Tolerance,
            {"pattern": "±|\\+/?-", "examples": ["23 °C ± 2 °C"], "description": f"a {dimension} with its half width"},
        ),
    ]


@cache
def LimitOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of limits of a dimension."""
    unit = next(iter(_UNITS[dimension]))
    units = ", ".join(units_of(dimension)) or "plain numbers"
    examples = [f"±5 {unit}".strip(), f"<= 3 {unit}".strip(), f">= 95 {unit}".strip(), f"1 {unit} to 2 {unit}".strip()]
    return Annotated[
        Limit,
        _field(
            lambda text: parse_limit(text, dimension),
            Limit,
            {"examples": examples, "description": f"a limit of a {dimension} in {units}"},
        ),
    ]


InsulinConcentration = Annotated[
    Concentration,
    _field(parse_concentration, Concentration, {"enum": list(CONCENTRATIONS), "examples": ["U-100"]}),
]
Volume = Annotated[Quantity, *QuantityOf("volume").__metadata__]
Rate = Annotated[Quantity, *QuantityOf("rate").__metadata__]
Duration = Annotated[Quantity, *QuantityOf("duration").__metadata__]
Mass = Annotated[Quantity, *QuantityOf("mass").__metadata__]
MassRate = Annotated[Quantity, *QuantityOf("mass rate").__metadata__]
Temperature = Annotated[Quantity, *QuantityOf("temperature").__metadata__]
TemperatureDifference = Annotated[Quantity, *QuantityOf("temperature difference").__metadata__]
Pressure = Annotated[Quantity, *QuantityOf("pressure").__metadata__]
Ratio = Annotated[Quantity, *QuantityOf("ratio").__metadata__]
Length = Annotated[Quantity, *QuantityOf("length").__metadata__]
Area = Annotated[Quantity, *QuantityOf("area").__metadata__]
Voltage = Annotated[Quantity, *QuantityOf("voltage").__metadata__]
PressurePerVoltage = Annotated[Quantity, *QuantityOf("pressure per voltage").__metadata__]
Compliance = Annotated[Quantity, *QuantityOf("compliance").__metadata__]
Resistance = Annotated[Quantity, *QuantityOf("resistance").__metadata__]
Frequency = Annotated[Quantity, *QuantityOf("frequency").__metadata__]
