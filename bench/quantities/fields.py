"""Field types of pydantic models for quantities, tolerances and limits, with the JSON Schema for editors."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, GetPydanticSchema
from pydantic_core import core_schema

from bench.quantities.parse import (
    NUMBER,
    has_half_width,
    parse_concentration,
    parse_limit,
    parse_quantity,
    parse_tolerance,
)
from bench.quantities.units import units_of
from bench.quantities.values import CONCENTRATIONS, Concentration, Limit, Quantity, Tolerance

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
    "density": ["1.004 g/mL"],
    "area": ["3 mm²"],
    "voltage": ["10 V"],
    "pressure per voltage": ["20 kPa/V"],
    "compliance": ["0.15 µL/kPa"],
    "resistance": ["1.5 kPa·s/µL"],
    "frequency": ["10 Hz"],
    "number per time": ["0.1 /h"],
    "count": ["0"],
}


@cache
def QuantityOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of quantities of a dimension."""
    schema = {
        "pattern": rf"^\s*{_quantity_pattern(dimension)}\s*$",
        "examples": _EXAMPLES[dimension],
        "description": f"a {dimension} in {_units_in_words(dimension)}",
    }
    return Annotated[Quantity, _field(lambda text: parse_quantity(text, dimension), Quantity, schema)]


@cache
def ToleranceOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of tolerances of a dimension."""
    example = _EXAMPLES[dimension][0]
    side = _quantity_pattern(dimension)
    schema = {
        "pattern": rf"^\s*{side}\s*(?:±|\+/?-)\s*(?:{side}|{NUMBER}\s*K)\s*$",
        "examples": ["23 °C ± 2 °C" if dimension == "temperature" else f"{example} ± {example}"],
        "description": f"a {dimension} with its half width, in {_units_in_words(dimension)}",
    }
    return Annotated[Tolerance, _field(lambda text: parse_tolerance(text, dimension), Tolerance, schema)]


@cache
def WithinOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of positive quantities of a dimension that may have a half width: `0.5 mm ± 0.02 mm`."""
    example = _EXAMPLES[dimension][0]
    size = parse_quantity(example, dimension)
    side = _quantity_pattern(dimension)
    schema = {
        "pattern": rf"^\s*{side}(?:\s*(?:±|\+/?-)\s*{side})?\s*$",
        "examples": [example, f"{example} ± {0.1 * size.value:g} {size.unit}"],
        "description": f"a {dimension}, with its half width where that is known, in {_units_in_words(dimension)}",
    }

    def parse(text: str) -> Quantity | Tolerance:
        if not has_half_width(text):
            return _positive(parse_quantity(text, dimension))
        within = parse_tolerance(text, dimension)
        if within.nominal <= within.half_width:
            raise ValueError(f"must be more than nothing, its half width taken off: {within}")
        return within

    return Annotated[Quantity | Tolerance, _field(parse, (Quantity, Tolerance), schema)]


@cache
def LimitOf(dimension: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of limits of a dimension."""
    unit = units_of(dimension)[0]
    side = _quantity_pattern(dimension)
    forms = ["<= 3", ">= 95", "1 {} to 2"] if dimension == "count" else ["±5", "<= 3", ">= 95", "1 {} to 2"]
    schema = {
        "pattern": rf"^\s*(?:(?:±|\+/?-|<=?|>=?|≤|≥)\s*{side}|{side}\s+to\s+{side})\s*$",
        "examples": [" ".join(f"{form.format(unit)} {unit}".split()) for form in forms],
        "description": f"a limit of a {dimension} in {_units_in_words(dimension)}",
    }
    return Annotated[Limit, _field(lambda text: parse_limit(text, dimension), Limit, schema)]


@cache
def AnyOf(*dimensions: str) -> Any:  # noqa: N802 - a type, written as one
    """Return the field type of quantities that may have one of several dimensions: `40 %` or `0.4 U`."""
    schema = {
        "pattern": rf"^\s*(?:{'|'.join(_quantity_pattern(each) for each in dimensions)})\s*$",
        "examples": [_EXAMPLES[each][0] for each in dimensions],
        "description": " or ".join(f"a {each} in {_units_in_words(each)}" for each in dimensions),
    }

    def parse(text: str) -> Quantity:
        problems = []
        for dimension in dimensions:
            try:
                return parse_quantity(text, dimension)
            except ValueError as problem:
                problems.append(str(problem))
        raise ValueError("; or ".join(problems))

    return Annotated[Quantity, _field(parse, Quantity, schema)]


def _field(parse: Callable[[str], Any], result: type | tuple[type, ...], schema: dict[str, Any]) -> GetPydanticSchema:
    def validate(value: Any) -> Any:
        if isinstance(value, result):
            return value
        if isinstance(value, str):
            return parse(value)
        examples = " or ".join(repr(example) for example in schema["examples"])
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A bare number tells most when its own text is read: what lacks is a unit, or a side.
            parse(f"{value}")
        found = "nothing" if value is None else repr(value) if isinstance(value, bool) else f"a {type(value).__name__}"
        raise ValueError(f"found {found}; write {schema['description']}, such as {examples}")

    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.to_string_ser_schema()
        ),
        lambda _source, _handler: {"type": "string", **schema},
    )


def _quantity_pattern(dimension: str) -> str:
    # Every spelling that the parser takes, and no more than it.
    spellings = sorted(
        {_spelling(unit) for unit in units_of(dimension)}, key=lambda spelling: (-len(spelling), spelling)
    )
    return rf"{NUMBER}\s*(?:{'|'.join(spellings)})"


def _spelling(unit: str) -> str:
    pattern = re.escape(unit).replace("µ", "[µμu]", 1).replace("²", r"(?:²|\^2)").replace("³", r"(?:³|\^3)")
    return re.sub(r"(\]|^|[nm])L\b", r"\1[Ll]", pattern, count=1)


def _units_in_words(dimension: str) -> str:
    return "plain whole numbers" if dimension == "count" else ", ".join(units_of(dimension))


def _positive(quantity: Quantity) -> Quantity:
    if quantity.value <= 0.0:
        raise ValueError(f"must be more than nothing, not {quantity}")
    return quantity


def _not_negative(quantity: Quantity) -> Quantity:
    if quantity.value < 0.0:
        raise ValueError(f"cannot be negative: {quantity}")
    return quantity


Positive = AfterValidator(_positive)
"""Metadata of a quantity's field: `Annotated[Volume, Positive]`."""
NotNegative = AfterValidator(_not_negative)
"""Metadata of a quantity's field: `Annotated[Mass, NotNegative]`."""
InsulinConcentration = Annotated[
    Concentration,
    _field(
        parse_concentration,
        Concentration,
        {"enum": list(CONCENTRATIONS), "examples": ["U-100"], "description": "an insulin concentration"},
    ),
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
LengthWithin = Annotated[Quantity | Tolerance, *WithinOf("length").__metadata__]
VolumeWithin = Annotated[Quantity | Tolerance, *WithinOf("volume").__metadata__]
Area = Annotated[Quantity, *QuantityOf("area").__metadata__]
Voltage = Annotated[Quantity, *QuantityOf("voltage").__metadata__]
PressurePerVoltage = Annotated[Quantity, *QuantityOf("pressure per voltage").__metadata__]
Compliance = Annotated[Quantity, *QuantityOf("compliance").__metadata__]
Resistance = Annotated[Quantity, *QuantityOf("resistance").__metadata__]
Frequency = Annotated[Quantity, *QuantityOf("frequency").__metadata__]
