"""Reads a recording: sealed, still being written, or left by a run that crashed."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.recording.errors import RecordingError
from bench.recording.schema import (
    APPLICATION_ID,
    COLUMNS,
    FIRST_DIGEST,
    VERSION,
    RunConfig,
    block_digest,
    seal_digest,
)

_CHUNK_ROWS = 8192
_STATE = (
    "CASE status WHEN 'stable' THEN 1 WHEN 'overload' THEN 2 WHEN 'underload' THEN 2 WHEN 'declared' THEN 3 ELSE 0 END"
)
_STABLE, _BEYOND, _DECLARED = 1, 2, 3
_READ = np.dtype([("time_s", np.float64), ("value", np.float64), ("state", np.int8)])
_WAY_TO_A_RECORDING = "A recording is the recording.sqlite of a run's folder"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done or seen at `time_s`; `test` is empty for what concerns the whole run."""

    time_s: float
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    test: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values of one channel in the order of their arrival; `stable` is whether the instrument called them so.

    A value that the instrument did not give is NaN; `beyond` is whether that was because it lay beyond its range
    (status `overload` or `underload`). `declared` says that values come from the rig file instead of an instrument.
    """

    time_s: NDArray[np.float64]
    value: NDArray[np.float64]
    stable: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    declared: bool = False

    def __len__(self) -> int:
        return len(self.time_s)

    def one_at_a_time(self) -> Series:
        """Return the series without values that came together with a later one.

        A host that was held up reads several lines at once, and they have one time of arrival: that of the last.
        """
        last = np.append(np.diff(self.time_s) > 0.0, True) if len(self) else np.empty(0, dtype=np.bool_)
        if np.all(last):
            return self
        return replace(
            self,
            time_s=self.time_s[last],
            value=self.value[last],
            stable=self.stable[last],
            beyond=self.beyond[last],
        )


@dataclass(frozen=True, slots=True)
class Integrity:
    """What verifying a recording found; `problem` is empty when everything that is chained is as it was written."""

    sealed: bool
    digest: str
    problem: str
    unchained_rows: int


class RecordingReader:
    """A recording, read-only. Use as a context manager or call `close()`.

    Raises:
        RecordingError: there is no such file, it is no recording, it is torn, or of a newer version.

    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise RecordingError(self.path, "there is no such file", "Name a run's folder or its recording.sqlite")
        with self._readable():
            self._connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
        try:
            self._check_kind()
            with self._readable():
                meta = dict(self._connection.execute("SELECT key, value FROM meta"))
            self.config = self._config_from(meta)
        except RecordingError:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._connection.close()

    @property
    def sealed(self) -> bool:
        """Whether the run closed the recording itself; false while it is written, and after a crash."""
        return self.digest != ""

    @property
    def digest(self) -> str:
        """The digest that the recording was sealed with; empty for one that is not sealed."""
        with self._readable():
            row = self._connection.execute("SELECT digest FROM seal").fetchone()
        return str(row[0]) if row else ""

    @property
    def end_s(self) -> float:
        """The last instant that the recording knows of."""
        with self._readable():
            rows = [
                self._connection.execute(f"SELECT time_s FROM {table} ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608
                for table in ("samples", "events")
            ]
        return max((float(row[0]) for row in rows if row), default=0.0)

    def channels(self) -> list[str]:
        """Return the names of the channels that have samples, in the order of their first."""
        with self._readable():
            return [str(name) for (name,) in self._connection.execute("SELECT name FROM channels ORDER BY id")]

    def events(self, kind: str | None = None, test: str | None = None) -> list[Event]:
        """Return events in the order of their happening, of one kind or of one test where given."""
        with self._readable():
            rows = self._connection.execute(
                "SELECT time_s, kind, data, test FROM events"
                " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR test = ?2) ORDER BY seq",
                (kind, test),
            ).fetchall()
        return [Event(time_s, name, json.loads(data), of_test) for time_s, name, data, of_test in rows]

    def series(self, channel: str, start_s: float = -np.inf, end_s: float = np.inf) -> Series:
        """Return the samples of a channel with `start_s <= time_s <= end_s`; empty where the channel has none."""
        with self._readable():
            row = self._connection.execute("SELECT id FROM channels WHERE name = ?", (channel,)).fetchone()
            if row is None:
                return Series(np.empty(0), np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=bool))
            first, last = self._rows_between(start_s, end_s)
            cursor = self._connection.execute(
                f"SELECT time_s, value, {_STATE} FROM samples"  # noqa: S608
                " WHERE seq BETWEEN ? AND ? AND channel = ? AND time_s BETWEEN ? AND ? ORDER BY seq",
                (first, last, row[0], start_s, end_s),
            )
            # A value that the instrument did not give is NULL, and becomes NaN here.
            read = np.fromiter(cursor, dtype=_READ)
        state = read["state"]
        # Copies lie in one piece, and leave nothing of the rows behind.
        time_s, value = read["time_s"].copy(), read["value"].copy()
        return Series(time_s, value, state == _STABLE, state == _BEYOND, bool(np.any(state == _DECLARED)))

    def samples_between(self, start_s: float, end_s: float) -> Iterator[tuple[float, tuple[str, float | None, str]]]:
        """Yield `(time_s, (channel, value, status))` of all channels with `start_s <= time_s <= end_s`, by time."""
        with self._readable():
            cursor = self._connection.execute(
                "SELECT time_s, name, value, status FROM samples JOIN channels ON channels.id = samples.channel"
                " WHERE time_s BETWEEN ? AND ? ORDER BY time_s, seq",
                (start_s, end_s),
            )
            while rows := cursor.fetchmany(_CHUNK_ROWS):
                for time_s, name, value, status in rows:
                    yield time_s, (name, value, status)

    def wire(self, instrument: str | None = None) -> list[tuple[float, str, str, bytes]]:
        """Return `(time_s, instrument, direction, bytes)` of the wire log; empty where none was asked for."""
        with self._readable():
            rows = self._connection.execute(
                "SELECT time_s, instrument, direction, hex FROM wire WHERE ?1 IS NULL OR instrument = ?1 ORDER BY seq",
                (instrument,),
            ).fetchall()
        return [(time_s, name, direction, bytes.fromhex(text)) for time_s, name, direction, text in rows]

    def test_ids(self) -> list[str]:
        """Return the ids of the tests that were started, in order."""
        return list(dict.fromkeys(event.test for event in self.events("test started")))

    def test(self, test_id: str) -> TestRecord:
        """Return what was recorded of one test; of its last start where it was started more than once.

        Raises:
            RecordingError: the test was never started.

        """
        started = self.events("test started", test_id)
        if not started:
            known = ", ".join(self.test_ids()) or "none"
            raise RecordingError(self.path, f"test {test_id} was never started", f"Tests that were: {known}")
        ended = [event for event in self.events("test ended", test_id) if event.time_s >= started[-1].time_s]
        return TestRecord(self, test_id, started[-1].time_s, ended[-1].time_s if ended else self.end_s)

    def verify(self) -> str:
        """Check that the recording is as it was sealed; return the digest.

        Raises:
            RecordingError: it was changed (the text names the first block that was), or never sealed.

        """
        found = self.check()
        if found.problem:
            raise RecordingError(self.path, found.problem, "It was changed after it was written: use the original")
        if not found.sealed:
            raise RecordingError(
                self.path,
                f"was never sealed: its run still goes on, or crashed; {found.unchained_rows} rows are in no block yet",
                "What is in its blocks is as it was written, and all of it can be read",
            )
        return found.digest

    def check(self) -> Integrity:
        """Compute the chain of digests again and compare; `problem` names the first block that is not as written.

        Raises:
            RecordingError: the file cannot be read.

        """
        lasts: dict[str, str] = {}
        unchained = 0
        for stream in COLUMNS:
            problem, lasts[stream], rows = self._verify_stream(stream)
            unchained += rows
            if problem:
                return Integrity(self.sealed, self.digest, problem, unchained)
        return Integrity(self.sealed, self.digest, self._verify_seal(lasts, unchained), unchained)

    def _verify_stream(self, stream: str) -> tuple[str, str, int]:
        """Return the problem, the last good digest and the number of rows after the last block."""
        with self._readable():
            blocks = self._connection.execute(
                "SELECT first_seq, last_seq, digest FROM blocks WHERE stream = ? ORDER BY first_seq", (stream,)
            ).fetchall()
        digest, next_seq = FIRST_DIGEST, 1
        for number, (first, last, written) in enumerate(blocks, start=1):
            name = f"{stream} block {number} (rows {first} to {last})"
            if first != next_seq:
                return f"{name}: rows {next_seq} to {first - 1} before it are in no block", digest, 0
            digest = self._digest_of(stream, first, last, digest)
            if digest != written:
                return f"{name} is not as it was written", digest, 0
            next_seq = last + 1
        with self._readable():
            (rest,) = self._connection.execute(
                f"SELECT count(*) FROM {stream} WHERE seq >= ?",  # noqa: S608
                (next_seq,),
            ).fetchone()
        return "", digest, int(rest)

    def _digest_of(self, stream: str, first: int, last: int, before: str) -> str:
        columns = ", ".join(COLUMNS[stream])
        with self._readable():
            rows = self._connection.execute(
                f"SELECT {columns} FROM {stream} WHERE seq BETWEEN ? AND ? ORDER BY seq",  # noqa: S608
                (first, last),
            ).fetchall()
        return block_digest(before, rows)

    def _verify_seal(self, lasts: dict[str, str], unchained: int) -> str:
        if not self.sealed:
            return ""
        if unchained:
            return f"{unchained} rows were added after the recording was sealed"
        with self._readable():
            channels = self._connection.execute("SELECT id, name FROM channels ORDER BY id").fetchall()
        if seal_digest(self.config, channels, lasts) != self.digest:
            return "the seal does not fit: the configuration, a channel's name or whole blocks were changed"
        return ""

    def _rows_between(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Return the first and last row that can lie in a time range: blocks are an index of time."""
        (last,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM samples").fetchone()
        first_hit, last_hit, chained = self._connection.execute(
            "SELECT min(first_seq) FILTER (WHERE last_time_s >= ?1 AND first_time_s <= ?2),"
            " max(last_seq) FILTER (WHERE last_time_s >= ?1 AND first_time_s <= ?2), max(last_seq)"
            " FROM blocks WHERE stream = 'samples'",
            (start_s, end_s),
        ).fetchone()
        chained = chained or 0
        (in_tail,) = self._connection.execute(
            "SELECT EXISTS(SELECT 1 FROM samples WHERE seq > ? AND time_s BETWEEN ? AND ?)", (chained, start_s, end_s)
        ).fetchone()
        if in_tail:
            return first_hit or chained + 1, last
        return (first_hit, last_hit) if first_hit else (1, 0)

    def _check_kind(self) -> None:
        with self._readable():
            (application_id,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application_id != APPLICATION_ID:
            raise RecordingError(self.path, "is not a recording", _WAY_TO_A_RECORDING)
        if version > VERSION:
            raise RecordingError(
                self.path,
                f"has version {version} of the format, and this bench reads up to {VERSION}",
                "Read it with the version of the bench that wrote it, or a newer one",
            )

    def _config_from(self, meta: dict[str, str]) -> RunConfig:
        try:
            return RunConfig.from_meta(meta)
        except (KeyError, ValueError) as error:
            raise RecordingError(self.path, f"has no whole configuration ({error})", "The file is damaged") from error

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error):
                raise RecordingError(self.path, "is not a recording", _WAY_TO_A_RECORDING) from error
            raise RecordingError(
                self.path,
                f"cannot be read: {error}",
                "The file is torn or damaged: take it from a copy; `.recover` of the sqlite3 shell saves what is left",
            ) from error


class TestRecord:
    """What was recorded of one test: all that evaluation may read.

    Times are instants of the run's clock. Samples are read when asked for, never the whole recording.
    """

    __test__ = False  # not a pytest class

    def __init__(self, reader: RecordingReader, test_id: str, start_s: float, end_s: float) -> None:
        self.test_id = test_id
        self.start_s = start_s
        self.end_s = end_s
        self.simulated = reader.config.simulated
        self._reader = reader
        self._events = [event for event in reader.events(test=test_id) if event.time_s >= start_s]

    def series(self, channel: str, start_s: float | None = None, end_s: float | None = None) -> Series:
        """Return a channel's samples, those of the whole test where no bound is given; bounds are inclusive."""
        return self._reader.series(
            channel, self.start_s if start_s is None else start_s, self.end_s if end_s is None else end_s
        )

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the test's events in order, of one kind where given."""
        return [event for event in self._events if kind is None or event.kind == kind]

    def run_events(self, kind: str) -> list[Event]:
        """Return the events of a kind that concern the whole run, in order, as far as the test's end."""
        return [event for event in self._reader.events(kind, "") if event.time_s <= self.end_s]

    def part(self, start_s: float, end_s: float) -> TestRecord:
        """Return what was recorded of the test between two instants; an event at the end is not in it."""
        part = copy.copy(self)
        part.start_s, part.end_s = start_s, end_s
        part._events = [event for event in self._events if start_s <= event.time_s < end_s]
        return part
