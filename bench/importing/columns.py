"""The columns that a file of readings may have, by the names that options and headers use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.quantities import QuantityError, canonical_unit, units_of


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its own name, other names, dimension and unit of its numbers, and the channel they go to.

    `dimension` is empty for a column of words.
    """

    name: str
    short: str
    dimension: str = ""
    unit: str = ""
    channel: str = ""
    aliases: tuple[str, ...] = ()
    """Names that a header may use where it tells the unit, too: `Weight [mg]`."""


COLUMNS = (
    Column("time_s", "time", "duration", "s", aliases=("time", "elapsed time", "elapsed")),
    Column("mass_g", "mass", "mass", "g", "balance.mass_g", aliases=("mass", "weight", "net weight")),
    Column("temperature_c", "temperature", "temperature", "°C", "climate.temperature_c",
           ("temperature", "air temperature")),
    Column("pressure_hpa", "air_pressure", "pressure", "hPa", "climate.pressure_hpa",
           ("air pressure", "barometric pressure")),
    Column("humidity_pct", "humidity", "ratio", "%", "climate.humidity_pct", ("humidity", "relative humidity")),
    Column("pressure_kpa", "line_pressure", "pressure", "kPa", "pressure.pressure_kpa", ("line pressure",)),
    Column("liquid_temperature_c", "liquid_temperature", "temperature", "°C", "climate.liquid_temperature_c",
           ("liquid temperature", "reservoir temperature", "water temperature")),
    Column("stable", "stable"),
    Column("event", "event"),
)  # fmt: skip
BY_NAME = {name: column for column in COLUMNS for name in (column.name, column.short)}
KNOWN_NAMES = ", ".join(column.name for column in COLUMNS)

_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*(?:\[(?P<a>[^]]*)\]|\((?P<b>[^)]*)\)|/\s*(?P<c>[^/]+))\s*\Z")


def unit_in(header: str) -> str | None:
    """Return the unit that a header cell tells, `mg` of `Weight [mg]`; None where it tells none that is known."""
    match = _WITH_UNIT.match(header)
    text = next((match[name] for name in "abc" if match[name]), "") if match else ""
    return known_unit(text)


def known_unit(text: str) -> str | None:
    """Return the bench's spelling of a unit, None for what is none; `sec`, `hrs`, `C`, `RH` and the like count too."""
    plain = text.strip().strip("[]()").strip()
    try:
        return canonical_unit(_SPELT.get(plain.casefold(), plain)) if plain else None
    except QuantityError:
        return None


_SPELT = {
    "sec": "s", "secs": "s", "seconds": "s", "minutes": "min", "mins": "min", "hr": "h", "hrs": "h", "hours": "h",
    "degc": "°C", "deg c": "°C", "c": "°C", "%rh": "%", "rh": "%", "% rh": "%", "rh %": "%",
    "milligram": "mg", "gram": "g",
}  # fmt: skip


def of_header(header: str) -> tuple[Column, str] | None:
    """Return the column that a header cell means by itself, with its unit; None where that is not beyond doubt."""
    plain = header.strip().casefold()
    for column in COLUMNS:
        if plain == column.name:
            return column, column.unit
        if column.dimension in ("duration", "mass"):
            for each in units_of(column.dimension):
                if plain == f"{column.short}_{each.replace('µ', 'u').casefold()}":
                    return column, each
    unit = unit_in(header)
    match = _WITH_UNIT.match(header)
    if unit is None or match is None:
        return None
    name = match["name"].strip().casefold()
    for column in COLUMNS:
        if name in column.aliases and unit in units_of(column.dimension):
            return column, unit
    return None
