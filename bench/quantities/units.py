"""The bench's own unit table: every dimension's units with exact factors, and how a unit may be spelt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from fractions import Fraction


class QuantityError(ValueError):
    """A text that is no quantity, or a conversion that does not exist."""


_INCH_M = Fraction("0.0254")
_PSI_PA = Fraction("0.45359237") * Fraction("9.80665") / _INCH_M**2
_MMHG_PA = Fraction("133.322387415")


def _exact(factors: Mapping[str, str | int | Fraction]) -> dict[str, Fraction]:
    return {unit: Fraction(factor) for unit, factor in factors.items()}


# Dimension -> unit -> exact factor to the first unit of the dimension. Insulin units stand in dimensions of their own
# and are let in wherever a volume or a rate is meant; only a concentration converts them.
UNITS: dict[str, dict[str, Fraction]] = {
    "volume": _exact({"µL": 1, "nL": "0.001", "mL": 1000, "L": 1_000_000}),
    "insulin": _exact({"U": 1}),
    "rate": _exact(
        {"µL/h": 1, "nL/h": "0.001", "mL/h": 1000, "µL/min": 60, "nL/min": "0.06", "mL/min": 60_000, "µL/s": 3600}
    ),
    "insulin rate": _exact({"U/h": 1, "U/min": 60}),
    "duration": _exact({"s": 1, "ms": "0.001", "min": 60, "h": 3600, "d": 86400}),
    "mass": _exact({"g": 1, "mg": "0.001", "µg": "0.000001", "kg": 1000}),
    "mass rate": _exact({"mg/h": 1, "µg/h": "0.001", "g/h": 1000, "mg/min": 60}),
    "temperature": _exact({"°C": 1}),
    "temperature difference": _exact({"K": 1, "mK": "0.001"}),
    "pressure": _exact(
        {
            "kPa": 1,
            "Pa": "0.001",
            "hPa": "0.1",
            "mbar": "0.1",
            "bar": 100,
            "MPa": 1000,
            "psi": _PSI_PA / 1000,
            "mmHg": _MMHG_PA / 1000,
        }
    ),
    "ratio": _exact({"%": 1, "ppm": "0.0001"}),
    "length": _exact({"mm": 1, "µm": "0.001", "cm": 10, "m": 1000}),
    "density": _exact({"g/mL": 1, "g/cm³": 1, "kg/m³": "0.001"}),
    "area": _exact({"mm²": 1, "cm²": 100}),
    "voltage": _exact({"V": 1, "mV": "0.001", "µV": "0.000001"}),
    "pressure per voltage": _exact({"kPa/V": 1, "kPa/mV": 1000, "bar/V": 100, "psi/V": _PSI_PA / 1000}),
    "compliance": _exact({"µL/kPa": 1, "nL/kPa": "0.001", "mL/kPa": 1000}),
    "resistance": _exact({"kPa·s/µL": 1}),
    "frequency": _exact({"Hz": 1, "kHz": 1000}),
    "number per time": _exact({"/h": 1, "/d": Fraction(1, 24)}),
    "count": {"": Fraction(1)},
}
INSULIN_OF = {"volume": "insulin", "rate": "insulin rate"}
VOLUME_OF = {insulin: volume for volume, insulin in INSULIN_OF.items()}
DIMENSION_OF = {unit: dimension for dimension, units in UNITS.items() for unit in units}
_MEANT = {
    "IU": "U", "IU/h": "U/h", "u": "U", "u/h": "U/h", "U/hr": "U/h", "cc": "mL", "degC": "°C", "C": "°C",
    "sec": "s", "secs": "s", "mins": "min", "minutes": "min", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "percent": "%", "torr": "mmHg",
}  # fmt: skip


def dimensions() -> tuple[str, ...]:
    """Return the names of all dimensions that a field may have."""
    return tuple(dimension for dimension in UNITS if dimension not in VOLUME_OF)


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the units in which a dimension may be written, insulin units included.

    Raises:
        KeyError: there is no such dimension.

    """
    insulin = INSULIN_OF.get(dimension)
    return (*UNITS[dimension], *(UNITS[insulin] if insulin else ()))


def dimension_of(unit: str) -> str:
    """Return the dimension that a unit of the table counts in; insulin units count as volume and rate."""
    own = DIMENSION_OF[unit]
    return VOLUME_OF.get(own, own)


def canonical_unit(unit: str) -> str:
    """Return the table's spelling of a unit.

    Both micro signs and `u` mean µ, `l` means L, `ºC` and `℃` mean °C, `^2` means ², `^3` means ³.

    Raises:
        QuantityError: there is no such unit; the text suggests the nearest.

    """
    spelt = (
        unit.strip().replace("\u03bc", "µ").replace("º", "°").replace("℃", "°C").replace("^2", "²").replace("^3", "³")
    )
    spelt = re.sub(r"\bu(?=[LlgmV]\b)", "µ", spelt)
    for candidate in (spelt, re.sub(r"\b([µnm]?)l\b", r"\1L", spelt)):
        if candidate in DIMENSION_OF and candidate:
            return candidate
    near = _nearest(spelt)
    raise QuantityError(f"unknown unit {unit.strip()[:40]!r}" + (f"; did you mean {near!r}?" if near else ""))


def _nearest(unit: str) -> str | None:
    folded = {known.casefold(): known for known in DIMENSION_OF}
    meant = _MEANT.get(unit) or folded.get(unit.casefold())
    return meant or next(iter(difflib.get_close_matches(unit[:40], DIMENSION_OF, 1, 0.4)), None)
