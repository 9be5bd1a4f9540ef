"""Reading a whole file of readings: its columns in the bench's own units, its events, and what was odd about it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bench.importing.cells import CellReader, Cells, Floats, Time, in_own_unit, text_of
from bench.importing.errors import ImportedFileError
from bench.importing.layout import Field, Layout, ReadOptions, layout_of
from bench.importing.source import Block, blocks, sha256_of
from bench.importing.stamps import EPOCH, TimeKind

UNIX_FROM_S = 1e9
"""Numbers of seconds from here on are Unix time: no run takes thirty years."""
STABLE_WORDS = {
    "": "", "1": "stable", "true": "stable", "yes": "stable", "s": "stable", "stable": "stable",
    "0": "dynamic", "false": "dynamic", "no": "dynamic", "d": "dynamic", "sd": "dynamic", "dynamic": "dynamic",
    "unstable": "dynamic",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """The readings of one channel in the order of time: NaN where there is none; status as a recording has it."""

    time_s: Floats
    value: Floats
    status: Sequence[str] | str
    line: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Word:
    """What the event column says in one row."""

    time_s: float
    text: str
    line: int


@dataclass(slots=True, eq=False)
class Table:
    """A file of readings. Times are seconds: as the file has them, or since `origin` where they are dates."""

    path: Path
    sha256: str
    layout: Layout
    start_s: float
    end_s: float
    rows: int
    channels: dict[str, Channel] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    origin: dt.datetime | None = None
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def mass(self) -> Channel:
        """The balance's readings."""
        return self.channels["balance.mass_g"]


def read_table(path: Path, options: ReadOptions, needs: Sequence[str] = ("mass_g",)) -> Table:
    """Read a file of readings.

    Args:
        path: the file: CSV, plain or gzip.
        options: what it does not say itself.
        needs: columns that it must have beside time.

    Raises:
        ImportedFileError: whatever would make a number of it that is not what was weighed.
        OSError: it cannot be read.

    """
    layout, rest, last_is_open = _begin(path, options, needs)
    reader = CellReader(path, layout, options.time_format)
    parts: list[Cells] = []
    for block in rest:
        parts.append(reader.read(block))
        last_is_open[0] = not block.ended
    cells = _joined(parts, layout)
    if len(cells.line) == 0:
        raise ImportedFileError(path, "has a header line and no readings", "Name a file with readings")
    time_s, origin = _seconds(path, cells, layout)
    _refuse_going_back(path, time_s, cells.line)
    table = Table(path, sha256_of(path), layout, float(time_s[0]), float(time_s[-1]), len(time_s), origin=origin)
    if layout.passed_over:
        listed = ", ".join(map(repr, layout.passed_over))
        table.notes.append(f"Columns that mean nothing to the bench are passed over: {listed}.")
    if last_is_open[0]:
        time_s, cells = _without_open_end(table, time_s, cells)
    for each in layout.fields[1:]:
        if each.column.channel:
            table.channels[each.column.channel] = _channel(table, each, time_s, cells)
    table.words = [
        Word(float(time_s[row]), text, int(cells.line[row]))
        for row, text in enumerate(cells.words.get("event", ()))
        if text
    ]
    return table


def _begin(path: Path, options: ReadOptions, needs: Sequence[str]) -> tuple[Layout, Iterator[Block], list[bool]]:
    """Return the layout by the first block, and the blocks without what stands before the first reading."""
    source = blocks(path)
    first = next(source, None)
    if first is None:
        raise ImportedFileError(path, "is empty", "Name a CSV file with a header line and readings")
    layout = layout_of(path, text_of(first.data).split("\n")[:-1], options, needs)
    skipped = layout.first_line - 1
    at = 0
    for _ in range(skipped):
        at = first.data.index(b"\n", at) + 1
    body = Block(layout.first_line, first.data[at:], first.ended)
    return layout, itertools.chain([body] if body.data else [], source), [False]


def _joined(parts: Sequence[Cells], layout: Layout) -> Cells:
    line = np.concatenate([part.line for part in parts]) if parts else np.empty(0, dtype=np.int64)
    if layout.time_kind is TimeKind.NUMBER:
        time: list[Time] | Floats = np.concatenate([np.asarray(part.time, dtype=np.float64) for part in parts])
    else:
        time = [each for part in parts for each in part.time]
    whole = Cells(line, time)
    starts = np.cumsum([0, *(len(part.line) for part in parts)])
    for each in layout.fields[1:]:
        name = each.column.name
        if not each.column.dimension:
            whole.words[name] = [text for part in parts for text in part.words[name]]
            continue
        whole.numbers[name] = in_own_unit(each, np.concatenate([part.numbers[name] for part in parts]))
        whole.blank[name] = np.concatenate([part.blank[name] for part in parts])
        whole.beyond[name] = {
            int(start) + row: word
            for start, part in zip(starts, parts, strict=False)
            for row, word in part.beyond[name].items()
        }
    return whole


def _seconds(path: Path, cells: Cells, layout: Layout) -> tuple[Floats, dt.datetime | None]:
    """Return times in seconds, and the date of instant 0 where the file tells it."""
    stated = _stated_origin(path, layout.metadata)
    if layout.time_kind is TimeKind.NUMBER:
        time_s = in_own_unit(layout.fields[0], np.asarray(cells.time, dtype=np.float64))
        if time_s[0] < UNIX_FROM_S:
            return time_s, stated
        begin = float(time_s[0])
        return time_s - begin, EPOCH + dt.timedelta(seconds=begin)
    first = cells.time[0]
    if not isinstance(first, dt.datetime):
        return np.array(cells.time, dtype=np.float64), stated
    instants = cast("list[dt.datetime]", cells.time)
    return np.array([(each - first).total_seconds() for each in instants], dtype=np.float64), first


def _stated_origin(path: Path, metadata: Mapping[str, str]) -> dt.datetime | None:
    text = metadata.get("origin_utc")
    if not text:
        return None
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        cause = f"says '# origin_utc: {text[:40]}', which is no ISO 8601 time"
        raise ImportedFileError(path, cause, "Correct the comment or leave it out") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=dt.UTC)


def _refuse_going_back(path: Path, time_s: Floats, line: NDArray[np.int64]) -> None:
    back = np.flatnonzero(np.diff(time_s) < 0.0)
    if len(back):
        row = int(back[0]) + 1
        cause = f"time goes back, from {time_s[row - 1]:.10g} s to {time_s[row]:.10g} s"
        raise ImportedFileError(
            path,
            cause,
            "Was the logger restarted, or its clock set? Cut the file there and analyse each part by itself",
            int(line[row]),
        )


def _without_open_end(table: Table, time_s: Floats, cells: Cells) -> tuple[Floats, Cells]:
    """Leave out a last line without a line end: a number may be cut off in the middle and still be one.

    One with an event is whole: its words would be none that the bench knows.
    """
    if any(texts[-1] for texts in cells.words.values()):
        return time_s, cells
    table.notes.append(f"The last line ({cells.line[-1]}) has no line end and may be cut off: it is left out.")
    keep = slice(0, len(time_s) - 1)
    if len(time_s) < 2:
        cause = "has one reading, whose line has no end"
        raise ImportedFileError(table.path, cause, "Name a file with readings", int(cells.line[-1]))
    table.end_s, table.rows = float(time_s[-2]), len(time_s) - 1
    shorter = Cells(
        cells.line[keep],
        cells.time[keep],
        {name: values[keep] for name, values in cells.numbers.items()},
        {name: values[keep] for name, values in cells.blank.items()},
        cells.beyond,
        {name: texts[keep] for name, texts in cells.words.items()},
    )
    return time_s[keep], shorter


def _channel(table: Table, each: Field, time_s: Floats, cells: Cells) -> Channel:
    """Return one channel: its rows are those in which the cell is not blank."""
    name = each.column.name
    there = ~cells.blank[name]
    status: Sequence[str] | str = ""
    if name == "mass_g" and "stable" in cells.words:
        status = [
            _stability(table, text, int(line))
            for text, line, row in zip(cells.words["stable"], cells.line, there, strict=True)
            if row
        ]
    elif each.column.channel.startswith("climate."):
        declared = table.layout.metadata.get("declared", "").split()
        status = "declared" if name in declared else "measured"
    beyond = {row: word for row, word in cells.beyond[name].items() if row < len(there)}
    if beyond:
        own = list(status) if not isinstance(status, str) else [status] * int(there.sum())
        place = np.cumsum(there) - 1
        for row, word in beyond.items():
            own[int(place[row])] = word
        status = own
    if there.all():
        return Channel(time_s, cells.numbers[name], status, cells.line)
    return Channel(time_s[there], cells.numbers[name][there], status, cells.line[there])


def _stability(table: Table, text: str, line: int) -> str:
    known = STABLE_WORDS.get(text.casefold())
    if known is None:
        raise ImportedFileError(
            table.path,
            f"column 'stable' has {text[:40]!r}",
            f"Words that it may have: {', '.join(word for word in STABLE_WORDS if word)}",
            line,
        )
    return known
