"""How a file of readings is laid out: separator, decimal sign, header, which column is what and in which unit."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.importing.columns import BY_NAME, KNOWN_NAMES, Column, known_unit, of_header, unit_in
from bench.importing.errors import ImportedFileError
from bench.importing.stamps import TimeKind, kind_of
from bench.importing.unknown import passed_over
from bench.quantities import units_of

MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "---"})
"""Cells, in lower case, that say that there is no value."""
BEYOND = frozenset({"overload", "underload"})
"""Cells that say that the value lay beyond the instrument's range."""
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_TIME_NAMES = ("timestamp", "datetime", "date time", "date/time", "date_time", "time", "utc", "time_utc", "date")
_LOOKED_AT = 200
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\Z")
_NUMBER_AND_UNIT = re.compile(r"[+-]?\s*(?:\d+(?:[.,]\d*)?)\s*(?P<unit>[^\d\s.,;+-].*)\Z")
_METADATA = re.compile(r"#\s*([a-z_]+):\s*(.*)")
_UNITS_HELP = "such as --unit mass=mg"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the reader is told of a file beside what it finds in it.

    `columns` and `units` are by a column's name (`mass_g`) or short name (`mass`); `header` stands in for a header
    line that the file lacks; `words` turns the file's own event words into the bench's; `ignored` are the headers of
    columns that are nothing to the bench, whatever they are called.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    decimal: str | None = None
    skip: int = 0
    header: Sequence[str] = ()
    missing: frozenset[str] = frozenset()
    time_format: str | None = None
    repeated: str = "refuse"
    words: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column stands (several places are joined by a blank) and how its cells are written."""

    column: Column
    places: tuple[int, ...]
    unit: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out; `first_line` is the number of its first line of readings.

    `passed_over` are the headers of columns that mean nothing to the bench.
    """

    separator: str
    decimal_comma: bool
    header: tuple[str, ...]
    first_line: int
    fields: tuple[Field, ...]
    time_kind: TimeKind
    missing: frozenset[str]
    metadata: Mapping[str, str]
    passed_over: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many cells a line has."""
        return len(self.header)


def layout_of(path: Path, lines: Sequence[str], options: ReadOptions, needs: Sequence[str]) -> Layout:
    """Find out how a file is laid out from its first lines.

    Args:
        path: the file, for errors.
        lines: its first lines, without line ends.
        options: what is known of it.
        needs: names of the columns that it must have.

    Raises:
        ImportedFileError: it has no header, lacks a column or a unit, or mixes decimal signs.

    """
    metadata = {match[1]: match[2].strip() for text in lines if (match := _METADATA.match(text))}
    numbered = [(number, text) for number, text in enumerate(lines, start=1) if number > options.skip]
    declared = options.separator
    if numbered and (match := re.match(r"(?i)sep=(.)\s*$", numbered[0][1])):
        declared = declared or match[1]
        numbered = numbered[1:]
    data = [(number, text) for number, text in numbered if text.strip() and not text.startswith("#")]
    if not data:
        raise ImportedFileError(path, "has no header line and no readings", "Name a file with readings")
    separator = declared or _separator(data[0][1])
    if options.header:
        header, header_line = list(options.header), data[0][0] - 1
    else:
        header_line, text = data.pop(0)
        header = [cell.strip() for cell in split(path, header_line, text, separator)]
        _refuse_numbers(path, header, header_line)
    if not data:
        raise ImportedFileError(path, "has a header line and no readings", "Name a file with readings")
    rows = [(number, split(path, number, text, separator)) for number, text in data[:_LOOKED_AT]]
    if len(rows[0][1]) == len(header) + 1 and rows[0][1][-1].strip() == "":
        header.append("")
    unit_row: Mapping[int, str] = {}
    if _is_unit_row(rows[0][1], header, options):
        unit_row = {place: unit for place, cell in enumerate(rows[0][1]) if (unit := known_unit(cell))}
        rows = rows[1:]
        if not rows:
            raise ImportedFileError(path, "has a header, a line of units and no readings", "Name a file with readings")
    fields = _fields(path, header, unit_row, rows[0], options, needs)
    taken = {place for each in fields for place in each.places}
    free = [cell for place, cell in enumerate(header) if cell and place not in taken]
    unknown = passed_over(path, free, [each.column for each in fields], options.ignored, header_line)
    _refuse_numbers_as_events(path, rows, fields)
    decimal_comma = _decimal_comma(path, rows, fields, options)
    time = fields[0]
    first_time = " ".join(rows[0][1][place].strip() for place in time.places if place < len(rows[0][1]))
    kind = kind_of(first_time.replace(",", ".") if decimal_comma else first_time, options.time_format)
    if kind is None:
        cause = f"{first_time[:40]!r} in column {header[time.places[0]]!r} is no time"
        raise ImportedFileError(
            path,
            cause,
            "Times are numbers with a unit (--unit time=min), ISO 8601 (2026-03-01T08:00:00), h:min:s, or as"
            " --time-format says ('%d.%m.%Y %H:%M:%S')",
            rows[0][0],
        )
    if kind is TimeKind.NUMBER and not time.unit:
        raise _no_unit(path, header[time.places[0]], time.column, header_line)
    missing = MISSING | {word.strip().casefold() for word in options.missing}
    return Layout(separator, decimal_comma, tuple(header), rows[0][0], fields, kind, missing, metadata, unknown)


def split(path: Path, line: int, text: str, separator: str) -> list[str]:
    """Return the cells of one line.

    Raises:
        ImportedFileError: a quotation mark is not closed.

    """
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ImportedFileError(path, f"its quotation marks do not match ({error})", "Correct the line", line) from None


def _separator(header: str) -> str:
    """Return what separates the header's cells: where there are tabs or semicolons, commas are part of names."""
    outside = re.sub(r'"[^"]*"', "", header)
    return next((sign for sign in ("\t", ";") if sign in outside), ",")


def _refuse_numbers(path: Path, header: Sequence[str], line: int) -> None:
    if any(not cell.isprintable() for cell in header):
        raise ImportedFileError(path, "has bytes that are no text", "A CSV file with a header line is meant", line)
    filled = [cell for cell in header if cell]
    if len(filled) > 1 and all(_NUMBER.match(cell) for cell in filled[:2]):
        cause = "holds numbers where a header line is meant"
        raise ImportedFileError(path, cause, "Name its columns: --header time_s,mass_g", line)


def _is_unit_row(cells: Sequence[str], header: Sequence[str], options: ReadOptions) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return not options.header and len(cells) == len(header) and len(filled) > 0 and all(map(known_unit, filled))


def _fields(
    path: Path,
    header: Sequence[str],
    unit_row: Mapping[int, str],
    first: tuple[int, Sequence[str]],
    options: ReadOptions,
    needs: Sequence[str],
) -> tuple[Field, ...]:
    """Return the columns that are read, time first."""
    named = {_column(path, name).name: text for name, text in options.columns.items()}
    units = {_column(path, name).name: unit for name, unit in options.units.items()}
    found: dict[str, Field] = {}
    for name, text in named.items():
        column = BY_NAME[name]
        places = _places(path, header, column, text)
        bare = next((key for key in options.columns if BY_NAME.get(key) is column), "")
        told = column.unit if bare == column.name and bare != column.short else ""
        own = unit_in(header[places[0]]) or unit_row.get(places[0], "")
        found[name] = _field(path, column, places, header, first, (units.get(name, ""), own, told))
    for place, cell in enumerate(header):
        known = of_header(cell) or _bare(cell, place, unit_row, units)
        if known is None or known[0].name in named or cell.strip() in options.ignored:
            continue
        column, unit = known
        if column.name in found:
            cause = f"has two columns for {column.short}: {header[found[column.name].places[0]]!r} and {cell!r}"
            raise ImportedFileError(path, cause, f"Name the one that is meant: --column {column.short}={cell}")
        told = unit if column.unit else ""
        found[column.name] = _field(path, column, (place,), header, first, (units.get(column.name, ""), "", told))
    unused = [name for name in units if name not in found]
    if unused:
        cause = f"has no column for {BY_NAME[unused[0]].short}, of which --unit tells the unit"
        raise ImportedFileError(path, cause, _how_to_name({BY_NAME[unused[0]]: "NAME"}))
    if "time_s" not in found and (places := _time_by_name(header)):
        found["time_s"] = Field(BY_NAME["time_s"], places, "")
    lacking = [name for name in ("time_s", *needs) if name not in found]
    if lacking:
        taken = {place for each in found.values() for place in each.places}
        free = [cell for place, cell in enumerate(header) if cell and place not in taken]
        cause = f"has no column {' and no '.join(map(repr, lacking))}; its columns are {_listed(header)}"
        guesses = dict(zip(lacking, [*free, "NAME", "NAME"], strict=False))
        raise ImportedFileError(path, cause, _how_to_name({BY_NAME[name]: cell for name, cell in guesses.items()}))
    return (found.pop("time_s"), *found.values())


def _bare(cell: str, place: int, unit_row: Mapping[int, str], units: Mapping[str, str]) -> tuple[Column, str] | None:
    """Return the column of a header that tells no unit, where a line of units or an option does."""
    unit = unit_row.get(place)
    if unit is not None:
        return of_header(f"{cell} [{unit}]")
    plain = cell.strip().casefold()
    for name, told in units.items():
        if plain == BY_NAME[name].short or plain in BY_NAME[name].aliases:
            return of_header(f"{BY_NAME[name].aliases[0]} [{told}]")
    return None


def _column(path: Path, name: str) -> Column:
    column = BY_NAME.get(name.strip().casefold())
    if column is None:
        raise ImportedFileError(path, f"cannot have a column {name!r}", f"Columns are {KNOWN_NAMES}")
    return column


def _places(path: Path, header: Sequence[str], column: Column, text: str) -> tuple[int, ...]:
    for parts in ([text], text.split("+")):
        wanted = [part.strip() for part in parts]
        if all(part in header for part in wanted):
            twice = [part for part in wanted if list(header).count(part) > 1]
            if twice:
                raise ImportedFileError(path, f"has several columns {twice[0]!r}", "Rename one in the header")
            return tuple(header.index(part) for part in wanted)
    cause = f"has no column {text!r}; its columns are {_listed(header)}"
    raise ImportedFileError(path, cause, f"Name one of these: --column {column.short}=NAME")


def _field(
    path: Path,
    column: Column,
    places: tuple[int, ...],
    header: Sequence[str],
    first: tuple[int, Sequence[str]],
    told: tuple[str, str, str],
) -> Field:
    """Return a column with its unit: by option, or else by header, line of units, or the name in --column."""
    if not column.dimension:
        return Field(column, places, "")
    line, cells = first
    in_cell = _NUMBER_AND_UNIT.match(cells[places[0]].strip()) if places[0] < len(cells) else None
    suffix = in_cell["unit"].strip() if in_cell and known_unit(in_cell["unit"]) else ""
    shown = header[places[0]]
    # An option is the user's last word on what a header says; a unit in every cell is the file's own.
    own = told[:1] if told[0] else told
    units = {known_unit(each) or each for each in (*own, suffix) if each}
    if len(units) > 1:
        cause = f"column {shown!r} is said to be in {' and in '.join(sorted(units))}"
        raise ImportedFileError(path, cause, f"Say which by --unit {column.short}=UNIT, and correct the other", line)
    if not units:
        if column.name == "time_s":
            return Field(column, places, "")
        raise _no_unit(path, shown, column, line - 1)
    unit = units.pop()
    if unit not in units_of(column.dimension):
        allowed = ", ".join(units_of(column.dimension))
        raise ImportedFileError(
            path, f"column {shown!r} cannot be in {unit!r}", f"Units of {column.short}: {allowed}, {_UNITS_HELP}"
        )
    return Field(column, places, unit, suffix)


def _no_unit(path: Path, shown: str, column: Column, line: int) -> ImportedFileError:
    allowed = ", ".join(units_of(column.dimension))
    cause = f"column {shown!r} does not say in which unit it is"
    return ImportedFileError(path, cause, f"Say it by --unit {column.short}=UNIT; known: {allowed}", max(line, 1))


def _time_by_name(header: Sequence[str]) -> tuple[int, ...]:
    """Return where a column stands whose name alone says that it is the time, or a date and a time side by side."""
    plain = [cell.strip().casefold() for cell in header]
    if "date" in plain and "time" in plain:
        return plain.index("date"), plain.index("time")
    return next(((plain.index(name),) for name in _TIME_NAMES if name in plain), ())


def _listed(header: Sequence[str]) -> str:
    return ", ".join(repr(cell) for cell in header if cell)


def _how_to_name(guesses: Mapping[Column, str]) -> str:
    options = []
    for column, cell in guesses.items():
        unit = "mg" if column.dimension == "mass" else column.unit
        options.append(f"--column {column.short}='{cell}'" + (f" --unit {column.short}={unit}" if unit else ""))
    return f"Say which they are, such as {' '.join(options)}"


def _refuse_numbers_as_events(path: Path, rows: Sequence[tuple[int, Sequence[str]]], fields: Sequence[Field]) -> None:
    """Refuse numbers where events are meant: a decimal comma in a file that commas separate moves the cells."""
    for each in fields:
        for line, cells in rows:
            cell = cells[each.places[0]].strip() if each.places[0] < len(cells) else ""
            if each.column.name == "event" and _NUMBER.match(cell):
                cause = f"has the number {cell} where an event is meant: are there decimal commas between commas?"
                raise ImportedFileError(path, cause, "Export it with semicolons or tabs between the columns", line)


def _decimal_comma(
    path: Path,
    rows: Sequence[tuple[int, Sequence[str]]],
    fields: Sequence[Field],
    options: ReadOptions,
) -> bool:
    """Return whether numbers have a decimal comma; both signs in one file are refused."""
    if options.decimal is not None:
        return options.decimal == "comma"
    seen: dict[str, int] = {}
    for line, cell in _numbers(rows, fields):
        for sign in ",.":
            if sign in cell and _NUMBER.match(cell):
                seen.setdefault(sign, line)
    if len(seen) == 2:
        raise ImportedFileError(
            path,
            f"has decimal points (line {seen['.']}) and decimal commas (line {seen[',']})",
            "Write all numbers with one sign, or cut the file where it changes",
            max(seen.values()),
        )
    return "," in seen


def _numbers(rows: Sequence[tuple[int, Sequence[str]]], fields: Sequence[Field]) -> Iterator[tuple[int, str]]:
    for line, cells in rows:
        for each in fields:
            if each.column.dimension and each.places[0] < len(cells):
                yield line, cells[each.places[0]].strip().removesuffix(each.suffix).strip()
