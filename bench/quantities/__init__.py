"""Quantities with units: the bench's own exact unit table, and the field types of plans and rigs.

A quantity is written as a number, a space and a unit: `1 U/h`, `0.05 U`, `10 µL`, `24 h`. Insulin units convert to
volume only by a concentration (U-100: 1 U = 10 µL). Public unit libraries are no help here: they read `U` as an enzyme
unit and `1,5 mL` as 15 mL.
"""

from bench.quantities.fields import (
    AnyOf,
    Area,
    Compliance,
    Duration,
    Frequency,
    InsulinConcentration,
    Length,
    LengthWithin,
    LimitOf,
    Mass,
    MassRate,
    NotNegative,
    Positive,
    Pressure,
    PressurePerVoltage,
    QuantityOf,
    Rate,
    Ratio,
    Resistance,
    Temperature,
    TemperatureDifference,
    ToleranceOf,
    Voltage,
    Volume,
    VolumeWithin,
)
from bench.quantities.parse import parse_concentration, parse_limit, parse_quantity, parse_tolerance
from bench.quantities.units import QuantityError, canonical_unit, dimensions, units_of
from bench.quantities.values import CONCENTRATIONS, Concentration, Limit, Quantity, Tolerance

__all__ = [
    "CONCENTRATIONS",
    "AnyOf",
    "Area",
    "Compliance",
    "Concentration",
    "Duration",
    "Frequency",
    "InsulinConcentration",
    "Length",
    "LengthWithin",
    "Limit",
    "LimitOf",
    "Mass",
    "MassRate",
    "NotNegative",
    "Positive",
    "Pressure",
    "PressurePerVoltage",
    "Quantity",
    "QuantityError",
    "QuantityOf",
    "Rate",
    "Ratio",
    "Resistance",
    "Temperature",
    "TemperatureDifference",
    "Tolerance",
    "ToleranceOf",
    "Voltage",
    "Volume",
    "VolumeWithin",
    "canonical_unit",
    "dimensions",
    "parse_concentration",
    "parse_limit",
    "parse_quantity",
    "parse_tolerance",
    "units_of",
]
