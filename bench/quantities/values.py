"""A number with a unit, a value with a half width, a limit, and the concentration that converts insulin units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from bench.quantities.units import DIMENSION_OF, UNITS, VOLUME_OF, QuantityError, canonical_unit, dimension_of


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


_SMALL = 1e-3
_SMALLER = {"g": "mg", "L": "mL", "mL": "µL", "kPa": "Pa", "m": "mm"}
"""Units in which a half width stands that would be too small a number in that of its nominal value."""
CONCENTRATIONS = {f"U-{each}": Concentration(float(each)) for each in (100, 200, 500)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit of the table."""

    value: float
    unit: str

    @property
    def dimension(self) -> str:
        """The quantity's dimension; insulin units count as volume and rate."""
        return dimension_of(self.unit)

    def to(self, unit: str, concentration: Concentration | None = None) -> float:
        """Return the value in another unit, correctly rounded.

        Raises:
            QuantityError: the units have different dimensions, or an insulin unit meets a volume without a
                concentration.

        """
        unit = canonical_unit(unit) if unit else unit
        if unit == self.unit or not math.isfinite(self.value):
            return self.value
        here, there = DIMENSION_OF[self.unit], DIMENSION_OF[unit]
        factor = UNITS[here][self.unit] / UNITS[there][unit]
        if here != there:
            if dimension_of(self.unit) != dimension_of(unit):
                raise QuantityError(f"{self} is a {self.dimension} and cannot be given in {unit or 'plain numbers'}")
            if concentration is None:
                raise QuantityError(f"{self} converts to {unit} only by an insulin concentration, such as U-100")
            ul_per_u = 1000 / Fraction(concentration.u_per_ml)
            factor = factor * ul_per_u if here in VOLUME_OF else factor / ul_per_u
        return float(Fraction(self.value) * factor)

    def __str__(self) -> str:
        return f"{_number(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A nominal value with a half width: `23 °C ± 2 °C`."""

    nominal: float
    half_width: float
    unit: str

    def to(self, unit: str, concentration: Concentration | None = None) -> Tolerance:
        """Return the same in another unit.

        Raises:
            QuantityError: as in `Quantity.to`.

        """
        nominal, half_width = (
            Quantity(each, self.unit).to(unit, concentration) for each in (self.nominal, self.half_width)
        )
        return Tolerance(nominal, half_width, canonical_unit(unit))

    def __str__(self) -> str:
        half = Quantity(self.half_width, self.unit)
        if 0.0 < self.half_width < _SMALL and self.unit in _SMALLER:
            smaller = _SMALLER[self.unit]
            half = Quantity(float(f"{half.to(smaller):.12g}"), smaller)
        return f"{_number(self.nominal)} {self.unit} ± {half}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measurement is held against; None where a side is open. `text` is as the plan has it."""

    lower: float | None
    upper: float | None
    unit: str
    text: str

    @property
    def dimension(self) -> str:
        """The limit's dimension."""
        return dimension_of(self.unit)

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


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
