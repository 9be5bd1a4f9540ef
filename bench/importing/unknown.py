"""Columns of a file that the bench does not know: passed over, but for those that are nearly one that it does."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.importing.columns import COLUMNS, Column
from bench.importing.errors import ImportedFileError
from bench.quantities import units_of

_ALIKE = 0.8
_UNIT = re.compile(r"\s*[\[(].*")


def passed_over(
    path: Path, headers: Sequence[str], found: Sequence[Column], ignored: Sequence[str], line: int
) -> tuple[str, ...]:
    """Return the headers of columns that mean nothing to the bench.

    Args:
        path: the file, for errors.
        headers: of the columns that are not read.
        found: the columns that are read: whatever is called nearly like one of them is another.
        ignored: headers that are to be passed over, whatever they are called.
        line: of the header.

    Raises:
        ImportedFileError: a header is nearly that of a column that is not read, or an ignored one is not there.

    """
    strange = [name for name in ignored if name not in headers]
    if strange:
        cause = f"has no column {strange[0]!r} that could be ignored"
        raise ImportedFileError(path, cause, f"Leave out --ignore, or name one of {', '.join(map(repr, headers))}")
    names = {name: column for column in COLUMNS if column not in found for name in _names(column)}
    for header in headers:
        if header in ignored:
            continue
        plain = header.casefold()
        near = next((close for text in (plain, _UNIT.sub("", plain)) if (close := _nearest(text, names))), None)
        if near is not None:
            raise _nearly(path, header, names[near], near, line)
    return tuple(header for header in headers if header not in ignored)


def _names(column: Column) -> Iterator[str]:
    """Return what a header may call a column; without a unit where that is told elsewhere."""
    yield column.name
    yield from column.aliases
    for unit in units_of(column.dimension) if column.dimension else ():
        yield f"{column.short}_{unit.replace('µ', 'u').replace('°', '').casefold()}"


def _nearest(text: str, names: dict[str, Column]) -> str | None:
    near = difflib.get_close_matches(text, names, 1, _ALIKE)
    return near[0] if near else None


def _nearly(path: Path, header: str, column: Column, near: str, line: int) -> ImportedFileError:
    unit = f" --unit {column.short}={column.unit}" if column.unit else ""
    cause = f"column {header!r} is none that the bench knows; {near!r} is"
    if header.casefold() == near:
        cause = f"column {header!r} does not say in which unit it is"
    return ImportedFileError(
        path,
        cause,
        f"If it is that, say so by --column {column.short}='{header}'{unit}; else pass it over by --ignore '{header}'",
        line,
    )
