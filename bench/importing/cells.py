"""From blocks of lines to columns of numbers and words: fast where lines are plain, with the line where one is not."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.importing.errors import ImportedFileError
from bench.importing.layout import BEYOND, Field, Layout, split
from bench.importing.source import Block
from bench.importing.spans import ColumnCells, ListedCells, SpannedCells, spanned
from bench.importing.stamps import TimeKind, reader_of
from bench.quantities import Quantity

Floats = NDArray[np.float64]
Time = dt.datetime | float

_STRICT = re.compile(r"[+-]?\s*(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_COMMA = re.compile(r"[+-]?\d+,\d+\Z")
_GROUPED = re.compile(r"[+-]?\d{1,3}((,\d{3})+\.\d+|(\.\d{3})+,\d+)\Z")


@dataclass(slots=True)
class Cells:
    """The columns of a block, or of a whole file; `line` is the line of each row.

    A missing number is NaN; `blank` says where there was nothing at all, and `beyond` (row to word) where the value lay
    beyond the instrument's range. Numbers are as the file has them, in its units.
    """

    line: NDArray[np.int64]
    time: list[Time] | Floats
    numbers: dict[str, Floats] = field(default_factory=dict)
    blank: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    beyond: dict[str, dict[int, str]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)


class CellReader:
    """Turns blocks into columns.

    Args:
        path: the file, for errors.
        layout: how it is laid out.
        time_format: of times in a format of the user's own.

    """

    def __init__(self, path: Path, layout: Layout, time_format: str | None) -> None:
        self._path = path
        self._layout = layout
        self._separator = layout.separator.encode()
        self._numeric_time = layout.time_kind is TimeKind.NUMBER
        self._read_time = reader_of(layout.time_kind, time_format)

    def read(self, block: Block) -> Cells:
        """Return the columns of a block.

        Raises:
            ImportedFileError: a line has not as many cells as the header, or a cell is no number; with the line.

        """
        columns: Sequence[ColumnCells] | None = self._plain_columns(block)
        if columns is None:
            lines, columns = self._rows(block)
        else:
            lines = np.arange(block.first_line, block.first_line + len(columns[0]), dtype=np.int64)
        time, *others = self._layout.fields
        cells = Cells(lines, self._times(time, columns, lines))
        for each in others:
            column = columns[each.places[0]]
            name = each.column.name
            if each.column.dimension:
                cells.numbers[name], cells.blank[name], cells.beyond[name] = self._numbers(each, column, lines)
                continue
            words = [""] * len(column)
            rows, texts = column.filled()
            for row, text in zip(rows.tolist(), texts, strict=True):
                words[row] = text_of(text).strip()
            cells.words[name] = words
        return cells

    def _plain_columns(self, block: Block) -> list[SpannedCells] | None:
        """Return the columns of a block of plain lines; None where its lines must be read one by one."""
        data, comma = block.data, self._layout.decimal_comma
        if b'"' in data or b"#" in data or (comma and (b"." in data or self._separator == b",")):
            return None
        return spanned(data, self._separator[0], self._layout.width, ord("," if comma else "."))

    def _rows(self, block: Block) -> tuple[NDArray[np.int64], list[ListedCells]]:
        """Read lines one by one: comments, empty lines, quotation marks, and the line of whatever is wrong."""
        width, separator = self._layout.width, self._layout.separator
        numbers: list[int] = []
        rows: list[list[str]] = []
        for number, line in enumerate(text_of(block.data).split("\n")[:-1], start=block.first_line):
            if not line.strip() or line.startswith("#"):
                continue
            cells = split(self._path, number, line, separator)
            if len(cells) != width:
                raise self._wrong_width(number, cells, cut=not block.ended)
            if [cell.strip() for cell in cells] == list(self._layout.header):
                raise self._repeated_header(number)
            numbers.append(number)
            rows.append(cells)
        columns = [[cell.encode() for cell in column] for column in zip(*rows, strict=True)]
        if self._layout.decimal_comma:
            for each in self._layout.fields:
                if each.column.dimension and (each.column.name != "time_s" or self._numeric_time):
                    place = each.places[0]
                    columns_of = columns[place] if columns else []
                    self._refuse_points(columns_of, numbers)
                    if columns:
                        columns[place] = [cell.replace(b",", b".") for cell in columns_of]
        listed = [ListedCells(column) for column in columns] or [ListedCells([]) for _ in range(width)]
        return np.array(numbers, dtype=np.int64), listed

    def _refuse_points(self, column: Sequence[bytes], numbers: Sequence[int]) -> None:
        for number, cell in zip(numbers, column, strict=True):
            if b"." in cell:
                raise self._mixed(number, text_of(cell))

    def _times(self, time: Field, columns: Sequence[ColumnCells], lines: NDArray[np.int64]) -> list[Time] | Floats:
        if self._numeric_time:
            values, _, _ = self._numbers(time, columns[time.places[0]], lines)
            unknown = np.flatnonzero(np.isnan(values))
            if len(unknown):
                raise self._no_time(int(lines[unknown[0]]), "")
            return values
        if len(time.places) == 1:
            texts = [text_of(cell) for cell in columns[time.places[0]].cells()]
        else:
            parts = [columns[place].cells() for place in time.places]
            texts = [" ".join(map(text_of, together)) for together in zip(*parts, strict=True)]
        return self._each(texts, lines, lambda text: self._read_time(text.strip()))

    def _each(self, texts: list[str], lines: NDArray[np.int64], read: Callable[[str], Time]) -> list[Time]:
        times: list[Time] = []
        try:
            times.extend(map(read, texts))
        except ValueError as error:
            number = int(lines[len(times)])
            if texts[len(times)].strip() in self._layout.header:
                raise self._repeated_header(number) from error
            raise self._no_time(number, texts[len(times)]) from error
        return times

    def _no_time(self, number: int, text: str) -> ImportedFileError:
        what = f"{text.strip()[:40]!r} is no time" if text.strip() else "has no time"
        return self._error(number, what, "Every row needs one, written like that of the first row")

    def _numbers(
        self, each: Field, column: ColumnCells, lines: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.bool_], dict[int, str]]:
        if not each.suffix and (plain := column.numbers()) is not None:
            return *plain, {}
        values = np.empty(len(column))
        blank = np.zeros(len(column), dtype=bool)
        beyond: dict[int, str] = {}
        for row, cell in enumerate(column.cells()):
            text = text_of(cell).strip()
            lowered = text.casefold()
            if lowered in self._layout.missing or lowered in BEYOND:
                values[row] = np.nan
                blank[row] = not text
                if lowered in BEYOND:
                    beyond[row] = lowered
            else:
                values[row] = self._number(each, text, int(lines[row]))
        return values, blank, beyond

    def _number(self, each: Field, text: str, line: int) -> float:
        bare = text
        if each.suffix:
            bare = text.removesuffix(each.suffix).strip()
            unit = re.sub(r"^[+-]?[\s\d.,]*", "", text)
            if unit != each.suffix:
                found = f"{unit!r}" if unit else "no unit"
                raise self._error(
                    line,
                    f"{self._shown(each)} has {found} where {each.suffix!r} stood before",
                    "Convert it, or cut the file where the unit changes",
                )
        if _STRICT.match(bare):
            value = float(bare.replace(" ", ""))
            if np.isfinite(value):
                return value
        raise self._no_number(each, text, line)

    def _no_number(self, each: Field, text: str, line: int) -> ImportedFileError:
        shown = self._shown(each)
        if text == self._layout.header[each.places[0]]:
            return self._repeated_header(line)
        if _GROUPED.match(text):
            return self._error(line, f"{shown} has {text!r}, with thousands set apart", "Export it without")
        if _COMMA.match(text):
            return self._mixed(line, text)
        return self._error(
            line,
            f"{shown} has {text[:40]!r}, which is no number",
            f"Where it says that there is none: --missing {text[:40]!r}; else correct the line",
        )

    def _repeated_header(self, line: int) -> ImportedFileError:
        return self._error(
            line,
            "repeats the header: two recordings stand in one file",
            "Cut the file there, and analyse each part by itself: units and clock may have changed",
        )

    def _mixed(self, line: int, text: str) -> ImportedFileError:
        sign, others = ("point", "commas") if self._layout.decimal_comma else ("comma", "points")
        return self._error(
            line,
            f"{text.strip()!r} has a decimal {sign} where the numbers before have {others}",
            f"Write all numbers with one sign; where it is that of all: --decimal {sign}",
        )

    def _wrong_width(self, number: int, cells: Sequence[str], *, cut: bool) -> ImportedFileError:
        has, width = len(cells), self._layout.width
        cause = f"has {has} cell{'s' if has != 1 else ''} where the header has {width}"
        if cut:
            return self._error(number, f"{cause}: the file ends within it", "Take a whole copy, or delete the line")
        if self._separator == b"," and has > width and all(re.match(r"\s*[+-]?\d+", cell) for cell in cells if cell):
            return self._error(
                number,
                f"{cause}: are these decimal commas in a file that commas separate?",
                "Export it with semicolons or tabs between the columns",
            )
        return self._error(number, cause, "Correct the line; a cell with the separator in it stands in quotation marks")

    def _shown(self, each: Field) -> str:
        return f"column {self._layout.header[each.places[0]]!r}"

    def _error(self, line: int, cause: str, way_out: str) -> ImportedFileError:
        return ImportedFileError(self._path, cause, way_out, line)


def in_own_unit(each: Field, values: Floats) -> Floats:
    """Return a column's numbers in the column's own unit, each correctly rounded where that is a power of ten."""
    if each.unit in ("", each.column.unit):
        return values
    up = Quantity(1.0, each.unit).to(each.column.unit)
    down = Quantity(1.0, each.column.unit).to(each.unit)
    # 0.001 is no binary number and 1000 is: dividing by it rounds once.
    return values * up if up == int(up) else values / down


def text_of(cell: bytes | str) -> str:
    """Return bytes as text: UTF-8, or else what Western European Windows writes."""
    if isinstance(cell, str):
        return cell
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.decode("cp1252", errors="replace")
