"""The units that an MT-SICS balance weighs in and how it writes a weight (manual 11781363, pp. 8, 152-154)."""

from __future__ import annotations

import math
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: its number in `M21`, its name on the wire, and what it is in g."""

    number: int
    name: str
    g: float


UNITS = (
    Unit(0, "g", 1.0),
    Unit(1, "kg", 1e3),
    Unit(3, "mg", 1e-3),
    Unit(4, "\xb5g", 1e-6),
    Unit(5, "ct", 0.2),
    Unit(7, "lb", 453.59237),
    Unit(8, "oz", 28.349523125),
    Unit(9, "ozt", 31.1034768),
    Unit(10, "GN", 0.06479891),
    Unit(11, "dwt", 1.55517384),
    Unit(12, "mom", 3.75),
)
"""What this balance offers of the manual's list; the others have no one value."""
BY_NAME = {unit.name: unit for unit in UNITS}
BY_NUMBER = {str(unit.number): unit for unit in UNITS}


class Writer:
    """Writes masses in one unit, rounded to the readability, with the decimals that it gives."""

    def __init__(self, unit: Unit, readability_g: float) -> None:
        self.unit = unit
        self.places = max(0, decimals(readability_g) + round(math.log10(unit.g)))
        self._per_g = 1.0 / readability_g
        self._per_unit = 10.0**self.places
        self._in_g = unit.g == 1.0
        self._stable = f"S S %10.{self.places}f {unit.name}\r\n".encode("latin-1")
        self._dynamic = f"S D %10.{self.places}f {unit.name}\r\n".encode("latin-1")

    def value(self, mass_g: float) -> float:
        """Return a mass in the unit, rounded; never minus zero."""
        rounded_g = round(mass_g * self._per_g) / self._per_g
        return rounded_g if self._in_g else round(rounded_g / self.unit.g * self._per_unit) / self._per_unit

    def text(self, mass_g: float) -> str:
        """Write a mass without its unit, as short as it is."""
        return f"{self.value(mass_g):.{self.places}f}"

    def weight(self, mass_g: float) -> str:
        """Write a mass right-aligned in ten columns, a space, and the unit."""
        return f"{self.text(mass_g):>10} {self.unit.name}"

    def line(self, mass_g: float, stable: bool) -> bytes:
        """Write a whole line of a weight that was asked for by any command beginning with S."""
        value = round(mass_g * self._per_g) / self._per_g if self._in_g else self.value(mass_g)
        return (self._stable if stable else self._dynamic) % value


def decimals(readability_g: float) -> int:
    """Return how many decimals of a gram a readability needs."""
    return max(0, math.ceil(-math.log10(readability_g) - 1e-9))


def mass_g(parameters: list[str]) -> float | None:
    """Read a mass from `<value> <unit>`, a plain number and a unit that the balance has; None if that is none."""
    if len(parameters) != 2 or parameters[1] not in BY_NAME:
        return None
    digits = parameters[0].removeprefix("-")
    if not digits.isascii() or not digits.replace(".", "", 1).isdecimal():
        return None
    return float(parameters[0]) * BY_NAME[parameters[1]].g
